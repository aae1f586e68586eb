"""What goes in and what comes out: spikes keep their order, and a saved recording is the recording."""

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import InputError, NeuroError
from tests import crafted

TRAINS = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 5)), max_size=30)


def spikes(pairs):
    return nr.Spikes([t for t, _ in pairs], [i for _, i in pairs])


@given(TRAINS)
def test_spikes_are_sorted_by_time_and_ties_by_neuron(pairs):
    found = spikes(pairs)
    assert list(zip(found.times, found.ids, strict=True)) == sorted(pairs)


@given(TRAINS, st.floats(0, 10))
def test_two_windows_that_meet_hold_every_spike_once(pairs, cut):
    whole = spikes(pairs)
    early, late = whole.window(0.0, cut), whole.window(cut, 11.0)
    assert np.array_equal(np.concatenate([early.times, late.times]), whole.times)
    assert np.array_equal(early.counts(6) + late.counts(6), whole.counts(6))


def test_arrays_of_spikes_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        spikes([(0.1, 0)]).times[0] = 1.0


def test_a_recording_that_is_saved_and_loaded_is_the_same(tmp_path):
    net = nr.Network()
    cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, bias=[1.5, 2.0, 0.5], tau_syn=5e-3)))
    net.connect(cell, cell, nr.AllToAll(0.1), delay=1e-3)
    before = nr.run(net, 0.1, record=nr.Record(v={"cell": [0, 2]}, v_dt=5e-3), seed=3)
    before.save(tmp_path / "run.h5")
    after = nr.load_recording(tmp_path / "run.h5")
    assert np.array_equal(after.spikes["cell"].times, before.spikes["cell"].times)
    assert np.array_equal(after.spikes["cell"].ids, before.spikes["cell"].ids)
    assert np.array_equal(after.v["cell"], before.v["cell"])
    assert np.array_equal(after.v_times, before.v_times)
    assert (after.events, after.start, after.stop) == (before.events, before.start, before.stop)
    assert after.provenance == before.provenance
    assert after.provenance["seed"] == 3


def test_another_file_is_not_taken_for_a_recording(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(InputError, match="not a recording"):
        nr.load_recording(tmp_path / "other.h5")


def test_synaptic_events_are_the_synapses_of_the_spikes_that_arrived():
    net = nr.Network()
    cue = net.add(nr.Population("cue", 2, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.connect(cue, cell, nr.Sparse([0, 0, 1], [0, 0, 2], 0.1), delay=2e-3, name="few")
    net.connect(cue, cell, nr.AllToAll(0.1), delay=1e-3, name="all")
    rec = nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.01, 0.02, 0.0985], [0, 1, 1])})
    assert rec.events == {"few": 2 + 1, "all": 3 + 3 + 3}


def test_a_crossbar_is_told_how_often_each_row_was_read():
    net = nr.Network()
    cue = net.add(nr.Population("cue", 2, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    crossbar = nr.Crossbar(np.full((2, 3), 0.1))
    net.connect(cue, cell, crossbar, delay=1e-3)
    nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.01, 0.02, 0.03], [0, 1, 1])})
    assert crossbar.ledger.row_reads == 3


@pytest.mark.parametrize("cut", [0.7e-3, 1e-3, 2.3e-3])
def test_what_changes_between_two_runs_acts_from_the_cut(cut):
    net = nr.Network()
    cell = net.add(nr.Population("cell", 1, nr.IF(v_th=10.0, bias=500.0)))
    net.connect(cell, cell, nr.AllToAll(0.0), delay=1e-3)
    program = nr.build(net)
    first = nr.run(program, cut)
    record = nr.Record(v={"cell": [0]}, v_dt=0.25e-3)
    second = nr.run(program.with_bias({"cell": -100.0}), 3e-3, state=first.state, record=record)
    expected = 500.0 * cut - 100.0 * (second.v_times - cut)
    assert second.v["cell"][:, 0] == pytest.approx(expected, abs=1e-12)


def test_a_continued_run_with_other_weights_ends_the_open_window_with_the_old_ones():
    net = nr.Network()
    cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    cell = net.add(nr.Population("cell", 1, nr.IF(v_th=10.0)))
    net.connect(cue, cell, nr.Dense([[1.0]]), delay=10e-3, name="w")
    program = nr.build(net)
    spikes = {"cue": nr.Spikes([1e-3, 4e-3], [0, 0])}
    first = nr.run(program, 12e-3, inputs=spikes)
    record = nr.Record(v={"cell": [0]}, v_dt=1e-3)
    second = nr.run(program.with_weights({"w": [[5.0]]}), 4e-3, state=first.state, record=record)
    assert second.v["cell"][:, 0].tolist() == [1.0, 1.0, 6.0, 6.0]


@pytest.mark.parametrize("kind", crafted.KINDS)
@pytest.mark.parametrize("what", ["recording", "state"])
def test_a_file_whose_data_lie_elsewhere_is_refused(what, kind, tmp_path):
    net = nr.Network()
    net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    recording = nr.run(net, 0.1)
    path = tmp_path / "run.h5"
    (recording if what == "recording" else recording.state).save(path)
    crafted.divert(path, kind)
    with pytest.raises(NeuroError, match="must hold its data itself"):
        nr.load_recording(path) if what == "recording" else nr.load_state(path, net)
