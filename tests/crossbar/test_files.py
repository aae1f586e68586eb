"""Files of devices: laws in siemens or in weights, what they lack is named, and measured tables are read whole."""

import numpy as np
import pytest

from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.laws import Constant, Cycle, Piecewise, SoftBounds, Variation
from neuro.crossbar.device.noise import Drift
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.errors import DeviceError


def figure(value, unit="S", **more):
    rest = "".join(f', {key} = "{part}"' for key, part in more.items())
    return f'{{ value = {value}, unit = "{unit}", source = "here"{rest} }}'


WINDOW = f"""
name = "mine"
g_min = {figure(10e-6)}
g_max = {figure(50e-6)}
write_noise = {figure(0.0)}
"""
WEIGHTS = f"""weight_min = {figure(-1.0, "weight")}
weight_max = {figure(3.0, "weight")}
"""


def loaded(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(WINDOW + text, encoding="utf-8")
    return load_device(path)


def test_a_law_in_siemens_is_as_it_is_written(tmp_path):
    device = loaded(tmp_path, f'[law]\nkind = "constant"\nstep = {figure(1e-6)}\nzero = {figure(20e-6)}\n')
    assert device.law == Constant(step=1e-6, zero=20e-6)
    assert (device.cycle, dict(device.variation), device.drift) == (Cycle(), {}, None)


def test_a_law_in_weights_has_its_zero_where_the_weight_is_zero(tmp_path):
    text = f'[law]\nkind = "soft_bounds"\nstep = {figure(0.2, "weight")}\n{WEIGHTS}'
    text += f'[cycle]\nkind = "mixed"\nstd = {figure(0.3, "1")}\noffset = {figure(0.1, "weight")}\n'
    text += f"slope = {figure(2.0, '1')}\ncorrelation = {figure(0.5, '1')}\n"
    text += '[variation.step]\nvalue = 0.2\nunit = "1"\nsource = "here"\nkind = "log_normal"\nshared = "s"\n'
    device = loaded(tmp_path, text)
    # 4 units of weight are 40 uS.
    assert isinstance(device.law, SoftBounds)
    assert (device.law.step, device.law.zero) == pytest.approx((2e-6, 20e-6), rel=1e-12)
    cycle = device.cycle
    assert (cycle.std, cycle.kind, cycle.slope, cycle.correlation) == (0.3, "mixed", 2.0, 0.5)
    assert cycle.offset == pytest.approx(1e-6, rel=1e-12)
    assert dict(device.variation) == {"step": Variation(0.2, "log_normal", "s")}


def test_factors_and_drift_come_from_their_tables(tmp_path):
    text = f'[law]\nkind = "piecewise"\nstep = {figure(1e-6)}\n'
    text += '[law.factors.up]\nvalue = [1.0, 0.5]\nunit = "1"\nsource = "here"\n'
    text += (
        f"[drift]\nexponent = {figure(0.05, '1')}\nvariation = {figure(0.01, '1')}\nreference = {figure(20.0, 's')}\n"
    )
    device = loaded(tmp_path, text)
    assert device.law == Piecewise(step=1e-6, up=(1.0, 0.5))
    assert device.drift == Drift(exponent=0.05, variation=0.01, reference=20.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f'[law]\nkind = "cubic"\nstep = {figure(1e-6)}', r"kind"),
        ('[law]\nkind = "constant"', "step"),
        (f'[law]\nkind = "constant"\nstep = {figure(1.0, "weight")}', "need `weight_min` and `weight_max`"),
        (f'[law]\nkind = "constant"\nstep = {figure(1.0, "1")}', '"S" or "weight"'),
        (f'[law]\nkind = "constant"\nstep = {figure(1e-6)}\ngamma_up = {figure(1.0, "1")}', "gamma_up"),
    ],
)
def test_a_law_that_cannot_be_read_is_refused_by_name(tmp_path, text, says):
    with pytest.raises(DeviceError, match=says):
        loaded(tmp_path, text)


TABLE = {
    "conductance": np.array([[1e-6, 2e-6, 3e-6]]),
    "probability": np.array([0.0, 1.0]),
    "set_change": np.array([[[2e-7, 0.0, 1e-7], [1e-7, 1e-7, 2e-7]]]),
    "reset_change": np.array([[[-2e-7, -1e-7, 0.0], [-1e-7, 0.0, 0.0]]]),
}


def test_measured_changes_are_sorted_so_that_a_distribution_does_not_fall(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    np.savez(tmp_path / "table.npz", **TABLE)
    law = MeasuredFile("table.npz").load()
    assert law.conductance.tolist() == TABLE["conductance"].tolist()
    assert law.probability.tolist() == [0.0, 1.0]
    assert law.up.tolist() == [[[1e-7, 0.0, 1e-7], [2e-7, 1e-7, 2e-7]]]
    assert law.down.tolist() == TABLE["reset_change"].tolist()


@pytest.mark.parametrize("lacking", TABLE)
def test_a_table_that_lacks_a_part_is_refused(tmp_path, monkeypatch, lacking):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    np.savez(tmp_path / "table.npz", **{key: part for key, part in TABLE.items() if key != lacking})
    with pytest.raises(DeviceError, match=rf"table\.npz.*cannot be read.*{lacking}"):
        MeasuredFile("table.npz").load()
    np.savez(tmp_path / "table.npz", **{**TABLE, lacking: np.array(["x"])})
    with pytest.raises(DeviceError, match=r"cannot be read"):
        MeasuredFile("table.npz").load()


def test_a_table_that_is_not_there_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    with pytest.raises(DeviceError, match=rf"no file {tmp_path}.*table\.npz.*Ask for it\. \$NEURO_DATA"):
        MeasuredFile("table.npz", "Ask for it.").load()
