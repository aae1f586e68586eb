"""Recordings go out as tables, and are accounted only with what belongs to them."""

import sys

import numpy as np
import pytest

import neuro as nr
from neuro.errors import ParameterError, PlacementError, UnknownName, UnsupportedFeature


def network(*names, size=3):
    net = nr.Network()
    net.add(nr.Population("cue", size, nr.SpikeSource()))
    for name in names:
        net.add(nr.Population(name, size, nr.LIF(tau_m=20e-3, v_th=1.0)))
        net.connect("cue", name, nr.OneToOne(1.5), delay=1e-3)
    return net


def recorded(net, **options):
    spikes = nr.Spikes([1e-3, 2e-3, 3e-3, 3e-3], [0, 1, 2, 0])
    return nr.run(net, 0.02, inputs={"cue": spikes}, **options)


def test_the_spikes_of_a_population_are_a_table_of_pandas():
    pytest.importorskip("pandas")
    rec = recorded(network("cell"))
    table = rec.to_pandas("cell")
    assert list(table.columns) == ["time", "id"]
    assert table["time"].to_numpy().tobytes() == rec.spikes["cell"].times.tobytes()
    assert table["id"].tolist() == rec.spikes["cell"].ids.tolist()
    table.loc[0, "time"] = 7.0
    assert rec.spikes["cell"].times.max() < 0.02
    with pytest.raises(UnknownName, match=r"population.*'nobody'.*cell"):
        rec.to_pandas("nobody")


def test_without_pandas_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UnsupportedFeature, match=r"pip install 'neuro-events\[pandas\]'"):
        recorded(network("cell")).to_pandas("cell")


@pytest.mark.parametrize("dt", [0.5e-3, 2e-3])
def test_a_step_against_the_recordings_own_is_refused(dt):
    net = network("cell")
    rec = recorded(net, engine="clocked", dt=1e-3)
    placed = nr.placed(net, nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": 0})
    assert nr.account(rec, placed, dt=1e-3).step == nr.account(rec, placed).step == 1e-3
    with pytest.raises(ParameterError, match=rf"dt: the recording was made in steps of 0\.001 s.*{dt:g} s"):
        nr.account(rec, placed, dt=dt)
    exact = nr.account(recorded(net), placed, dt=dt)
    assert exact.step == dt


@pytest.mark.parametrize(
    ("other", "where"),
    [
        (network("cell", "more"), "population 'more' of the placement"),
        (network("core"), "population 'core' of the placement|population 'cell'"),
        (network("cell", size=4), "population 'cue'"),
    ],
)
def test_a_recording_of_another_network_is_refused_by_the_population(other, where):
    chip = nr.load_chip("loihi_davies2018")
    placed = nr.placed(other, chip, dict.fromkeys(other.populations, 0))
    with pytest.raises(PlacementError, match=where):
        nr.account(recorded(network("cell")), placed, dt=1e-3)


def test_a_placement_for_another_chip_is_told(tmp_path):
    from neuro.report.energy import energy_of

    net = network("cell")
    recorded(net).save(tmp_path / "run.h5")
    nr.placed(net, nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": np.array([0, 1, 2])}).save(tmp_path / "p.npz")
    chips = [name for name in nr.list_chips() if name != "loihi_davies2018"]
    for name in chips:
        report = energy_of(tmp_path / "run.h5", [name, "loihi_davies2018"], tmp_path / "p.npz", dt=1e-3, partial=True)
        assert any("is for loihi_davies2018" in note and name in note for note in report.energy["notes"])
    same = energy_of(tmp_path / "run.h5", ["loihi_davies2018"], tmp_path / "p.npz", dt=1e-3, partial=True)
    assert not any("is for" in note for note in same.energy["notes"])
