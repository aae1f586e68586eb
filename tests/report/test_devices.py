"""Devices shown: every preset can be drawn, tables say what the files say, and fits and faults have their figures."""

import numpy as np
import pytest

from neuro.crossbar.device.catalog import device_record, list_devices, load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.device.fit import fit
from neuro.crossbar.device.laws import Cycle, SoftBounds, Variation
from neuro.crossbar.device.properties import properties
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.errors import UnknownName
from neuro.report import devices as shown
from neuro.report.style import save
from neuro.units import uS

DEVICE = Device("d", 20e-6, 120e-6, law=SoftBounds(step=1e-6, up_down=0.2), cycle=Cycle(0.5, "step"))
HERE = [
    name for name in list_devices() if not isinstance(law := load_device(name).law, MeasuredFile) or law.path.is_file()
]


@pytest.mark.parametrize("name", HERE)
def test_every_preset_can_be_drawn(name, tmp_path):
    tables, figures = shown.describe(name)
    assert set(figures) == {name}
    save(figures[name](), tmp_path / "device.png")
    assert (tmp_path / "device.png").stat().st_size > 10_000
    assert tables[0].title.endswith(name)


def test_the_list_has_every_preset_with_where_it_is_from():
    table = shown.devices_table()
    assert [row[0] for row in table.rows] == list_devices()
    for row in table.rows:
        assert row[-1] == device_record(row[0]).origin
        assert row[-1].strip()


@pytest.mark.parametrize("name", list_devices())
def test_the_figures_of_a_preset_are_shown_with_unit_and_source(name):
    rows = {row[0]: row[1:] for row in shown.figures_table(name).rows}
    record = device_record(name)
    for key, figure in (record.figures() | record.pulse_figures()).items():
        assert rows[key] == (figure.value, figure.unit, figure.source)


def test_the_pulse_table_has_the_expected_change_and_the_error_of_a_pulse():
    rows = {row[0]: row[1:] for row in shown.pulse_table(DEVICE).rows}
    mean, std = rows["up at 50% of the window"]
    assert mean * uS == pytest.approx(1e-6, abs=4 * 0.5e-6 / np.sqrt(shown.MANY))
    assert std * uS == pytest.approx(0.5e-6, rel=0.1)
    assert rows["down at 10% of the window"][0] * uS == pytest.approx(-0.8e-6 * 0.2, abs=0.05e-6)


def test_a_measurement_is_shown_with_its_fit(tmp_path):
    g = DEVICE.noiseless().sample(1).play(np.array([25e-6]), np.repeat([1, -1], 80)[:, None])[:, 0]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(f"{k},{value:.17g}" for k, value in enumerate(g)))
    tables, figures = shown.describe(str(path))
    assert set(figures) == {"mine", "mine_fit"}
    assert dict(tables[0].rows)["law"] == fit(path).form
    for name, draw in figures.items():
        save(draw(), tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_a_map_of_faults_is_drawn(tmp_path):
    save(shown.fault_map(Faults.draw((20, 30), DEVICE, high=0.1, open=0.1, rows=0.1), DEVICE), tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 5_000


def test_an_unknown_device_is_answered_with_the_known_ones():
    with pytest.raises(UnknownName, match="ReRamES"):
        shown.describe("ReRamXX")


def test_the_properties_of_a_device_are_those_of_its_description():
    variation = {"step": Variation(0.2)}
    law, cycle = SoftBounds(step=1e-6), Cycle(0.5, "step")
    device = Device("d", 0.0, 100e-6, law=law, variation=variation, cycle=cycle, write_noise=2e-6)
    found = properties(device)
    assert found.pulses == pytest.approx(100, rel=1e-9)
    assert found.pulse_noise == pytest.approx(0.5, rel=0.05)
    assert found.read_noise == pytest.approx(0.02)
    assert found.variation == pytest.approx(0.2, rel=0.08)
    # |up - down| / (up + down) of soft bounds is how far from the middle they are, in half windows.
    assert found.asymmetry == pytest.approx(np.mean(np.abs(np.linspace(-0.8, 0.8, 9))), rel=1e-6)
    ideal = properties(load_device("ideal"))
    assert ideal.pulses == np.inf
    assert ideal[1:] == (0, 0, 0, 0)
