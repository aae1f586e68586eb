"""The study of devices: each knob turns one thing, and the place where a curve breaks is where it crosses."""

import json

import numpy as np
import pytest

from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.properties import properties
from neuro.tasks import devices_study as study
from neuro.tasks import run_task

TINY = (
    *("seeds=1", "epochs=2", "cues=1", "trials=9", "workers=1", "flip=0.1"),
    *("levels=4,64", "write_noise=0,0.2", "asymmetry=0,0.9", "softness=0,1", "stuck=0,0.8"),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "report"
    return run_task("devices-study", overrides=TINY, out=out), out


def test_each_knob_turns_what_it_says():
    device, _ = study.build("levels", 8, 0)
    assert (device.levels, device.write_noise) == (8, 0)
    device, _ = study.build("write_noise", 0.1, 0)
    assert (device.levels, device.write_noise) == (64, pytest.approx(15e-6))
    device, _ = study.build("asymmetry", 0.6, 0)
    one = device.sample(1)
    assert one.step_down[0] / one.step_up[0] == pytest.approx(0.4)
    device, _ = study.build("softness", 1.0, 0)
    assert device.pulse([150e-6], 1)[0] == pytest.approx(150e-6)
    assert device.pulse([75e-6], 1)[0] - 75e-6 == pytest.approx(150e-6 / 63)
    assert study.build("ideal", 0.0, 0)[0] == load_device("ideal")


@pytest.mark.parametrize("knob", ["levels", "write_noise", "asymmetry", "softness", "stuck"])
def test_a_knob_leaves_the_other_properties_alone(knob):
    values = {"levels": (64, 16)}.get(knob, (0.0, 0.5))
    good, bad = (properties(study.build(knob, value, 0)[0]) for value in values)
    touched = {
        "levels": {"pulses"},
        "write_noise": {"pulse_noise"},
        "asymmetry": {"asymmetry", "pulses"},
        "softness": {"asymmetry"},
        "stuck": set(),
    }[knob]
    for name in good._fields:
        one, two = getattr(good, name), getattr(bad, name)
        assert (one != pytest.approx(two, rel=1e-9, abs=1e-12)) == (name in touched), name


def test_the_share_of_stuck_devices_is_that_of_the_knob_and_no_neuron_hears_itself():
    _, faults = study.build("stuck", 0.4, 3)
    stuck = ~np.isnan(np.stack([faults.plus, faults.minus]))
    diagonal = np.eye(60, dtype=bool)
    assert stuck[:, diagonal].all()
    assert stuck[:, ~diagonal].mean() == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize(
    ("found", "wanted"), [([1.0, 0.9, 0.1], 1.5), ([0.2, 0.1, 0.0], 0.0), ([1.0, 0.9, 0.8], np.nan), ([1, 0.5, 0], 1.0)]
)
def test_a_curve_breaks_where_it_first_falls_below(found, wanted):
    at = study.breaking_point(np.arange(3.0), np.array(found, dtype=float), 0.5)
    assert at == pytest.approx(wanted, nan_ok=True)


def test_the_report_has_every_point_and_a_figure_for_each_knob(written):
    report, out = written
    config = study.Config()
    for knob, values in (("levels", ("64", "4")), ("stuck", ("0", "0.8")), ("write_noise", ("0", "0.2"))):
        for value in values:
            assert 0 <= report.metrics[f"exact_words/{knob}/{value}"] <= 1
            assert report.metrics[f"pulses_per_device/{knob}/{value}"] >= 0
    record = json.loads((out / "report.json").read_text())
    assert set(study.KNOBS) <= set(record["figures"])
    assert len(report.tables[0].rows) == len(study.KNOBS)
    assert config.seeds > 1


def test_the_study_gives_the_same_numbers_again(written):
    assert run_task("devices-study", overrides=TINY).metrics == written[0].metrics
