"""A run that would outgrow memory stops where it is whole, with an error that has the recording of what was done."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro import memory
from neuro.engine.clocked import steps
from neuro.engine.clocked.inputs import step_of
from neuro.engine.drive import chunks
from neuro.engine.storage import memory_recorder
from neuro.errors import NetworkError, OutOfMemory, ParameterError
from neuro.units import ms

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("one delay", "no delay", "real delays", "drive", "voltages", "two threads", "learning")


def network(kind: str) -> nr.Network:
    net = nr.Network(seed=3)
    net.add(nr.Population("noise", 8, nr.PoissonSource(200.0)))
    net.add(nr.Population("cell", 20, nr.LIF(tau_m=20 * ms, v_th=1.0, tau_syn=3 * ms, bias=1.5, refractory=2 * ms)))
    delay = {"no delay": 0.0, "real delays": np.linspace(1.0, 2.0, 160).reshape(8, 20) * ms}.get(kind, 1 * ms)
    net.connect("noise", "cell", nr.Dense(np.full((8, 20), 0.2)), delay=delay, name="link")
    if kind == "drive":
        net.drive("cell", nr.PoissonInput(rate=100.0, weight=0.2))
    return net


def options(kind: str) -> dict:
    return {
        "two threads": {"threads": 2},
        "voltages": {"record": nr.Record(v={"cell": range(20)}, v_dt=1 * ms)},
        "learning": {"plasticity": {"link": nr.STDP(a_plus=0.001, a_minus=0.001, tau_plus=20 * ms, tau_minus=20 * ms)}},
    }.get(kind, {})


def same(a: nr.Recording, b: nr.Recording) -> bool:
    pairs = [(a.spikes[name], b.spikes[name]) for name in b.spikes]
    return all(np.array_equal(p.times, q.times) and np.array_equal(p.ids, q.ids) for p, q in pairs) and all(
        np.array_equal(a.v[name], b.v[name]) for name in b.v
    )


@pytest.mark.parametrize("kind", KINDS)
@given(limit=st.floats(4.8, 6.8).map(lambda power: 10.0**power))
def test_a_run_that_may_take_less_than_it_needs_gives_what_was_done_and_goes_on(kind, limit):
    net, duration = network(kind), 6.0
    whole = nr.run(net, duration, **options(kind))
    try:
        found = nr.run(net, duration, memory=limit, **options(kind))
    except OutOfMemory as error:
        refused, found = error, error.recording
    else:
        refused = None
    if refused is not None:
        assert refused.needed > refused.allowed == limit
        if found is None:
            assert refused.buffer == "the state of the neurons"
            return
        assert found.interrupted
        assert 0.0 <= found.stop < duration
    assert same(found, nr.run(net, found.stop, **options(kind)))
    rest = nr.run(net, duration - found.stop, state=found.state, **options(kind))
    for name, spikes in whole.spikes.items():
        parts = found.spikes[name], rest.spikes[name]
        assert np.array_equal(spikes.times, np.concatenate([part.times for part in parts]))
        assert np.array_equal(spikes.ids, np.concatenate([part.ids for part in parts]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_run_has_a_limit_at_which_it_is_done_in_part(kind):
    with pytest.raises(OutOfMemory, match=r"recording must fit into memory.*allowed by run.*Record\(to=") as caught:
        nr.run(network(kind), 20.0, memory="4 MB" if kind == "voltages" else "600 kB", **options(kind))
    assert 0.0 < caught.value.recording.stop < 20.0
    assert caught.value.buffer == "the recording"


def test_what_is_written_to_a_file_or_not_kept_takes_no_memory(tmp_path):
    net = network("one delay")
    kept = nr.run(net, 20.0, memory="600 kB", record=nr.Record(to=tmp_path / "run.h5"))
    assert same(kept, nr.run(net, 20.0))
    assert nr.run(net, 20.0, memory="600 kB", record=nr.Record(spikes=[])).stop == 20.0


def test_spikes_under_way_that_do_not_fit_end_a_run_where_it_is_whole():
    net = nr.Network()
    net.add(nr.Population("cell", 200, nr.LIF(tau_m=20 * ms, v_th=1.0, bias=1.01, refractory=1 * ms)))
    net.connect("cell", "cell", nr.OneToOne(0.0), delay=1.0)
    net.connect("cell", "cell", nr.OneToOne(1.0), delay=1 * ms, name="short")
    with pytest.raises(OutOfMemory, match=r"events under way must fit into memory.*shorter delays") as caught:
        nr.run(net, 1.0, memory="1 MB", record=nr.Record(spikes=False))
    assert 0.0 < caught.value.recording.stop < 1.0
    again = nr.run(net, 1.0 - caught.value.recording.stop, state=caught.value.recording.state)
    whole = nr.run(net, 1.0).spikes["cell"].window(caught.value.recording.stop, 1.0)
    assert np.array_equal(again.spikes["cell"].times, whole.times)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_that_the_system_refuses_ends_a_run_where_it_is_whole(kind, monkeypatch):
    copies, calls = chunks.copy_arrays, []

    def refuse(*arguments):
        calls.append(0)
        if len(calls) > 12:
            raise MemoryError("no more")
        return copies(*arguments)

    net = network(kind)
    monkeypatch.setattr(chunks, "MAX_SPIKES", 64)
    monkeypatch.setattr(chunks, "copy_arrays", refuse)
    with pytest.raises(OutOfMemory, match="no more") as caught:
        nr.run(net, 20.0, **options(kind))
    monkeypatch.undo()
    stop = caught.value.recording.stop
    assert 0.0 < stop < 20.0
    assert same(caught.value.recording, nr.run(net, stop, **options(kind)))


def test_memory_that_the_system_refuses_for_a_copy_of_spikes_loses_none(monkeypatch):
    net, copies, calls = network("one delay"), memory_recorder.kept_spikes, []

    def refuse(*arguments):
        calls.append(0)
        if len(calls) > 1:
            raise MemoryError("no more")
        return copies(*arguments)

    monkeypatch.setattr(memory_recorder, "kept_spikes", refuse)
    with pytest.raises(OutOfMemory) as caught:
        nr.run(net, 20.0)
    monkeypatch.undo()
    assert same(caught.value.recording, nr.run(net, caught.value.recording.stop))


def test_a_trial_that_does_not_fit_is_told_with_its_number_after_those_before_it():
    net = network("one delay")
    trials = nr.run_trials(net, 20.0, [{"duration": 0.1}, {}, {}], memory="600 kB")
    assert next(trials).stop == 0.1
    with pytest.raises(OutOfMemory, match="trial 1, ") as caught:
        next(trials)
    assert 0.0 < caught.value.recording.stop < 20.0


@pytest.mark.parametrize("value", ["much", "1 XB", "-1 GB", "0 GB", 0, -1.0, True, "GB", None, [1], "nan GB"])
def test_a_limit_is_a_number_of_bytes_above_zero(value):
    if value is None:
        assert nr.run(nr.Network(), 0.1, memory=value).stop == 0.1
        return
    with pytest.raises(ParameterError, match="memory"):
        nr.run(nr.Network(), 0.1, memory=value)


@given(count=st.integers(1, 2000), unit=st.sampled_from(sorted(memory.UNITS)), space=st.sampled_from(["", " "]))
def test_bytes_may_be_told_in_any_unit(count, unit, space):
    assert memory.byte_count(f"{count}{space}{unit}", "memory") == count * memory.UNITS[unit]


CLOCKED = {"engine": "clocked", "dt": 0.5 * ms}


def in_steps(kind):
    """A network of many spikes, and what is recorded, for the clocked engine."""
    net = nr.Network()
    net.add(nr.Population("noise", 20, nr.PoissonSource(200.0)))
    net.add(nr.Population("cell", 20, nr.LIF(tau_m=20 * ms, v_th=1.0, bias=np.linspace(1.1, 2.0, 20), tau_syn=2 * ms)))
    net.connect("noise", "cell", nr.AllToAll(0.02), delay=1.5 * ms)
    if kind == "drives":
        net.drive("cell", nr.PoissonInput(500.0, 0.1))
    if kind == "voltages":
        return net, nr.Record(spikes=False, v={"cell": range(20)})
    return net, nr.Record()


@pytest.mark.parametrize("kind", ["sources", "drives", "voltages"])
@given(limit=st.floats(3.5, 6.8).map(lambda power: 10.0**power))
def test_a_clocked_run_that_may_take_less_gives_what_was_done_and_goes_on(kind, limit):
    net, record = in_steps(kind)
    options = {**CLOCKED, "record": record}
    whole = nr.run(net, 3.0, **options)
    try:
        found = nr.run(net, 3.0, memory=limit, **options)
    except OutOfMemory as error:
        refused, found = error, error.recording
        assert refused.needed > refused.allowed == limit
        if found is None:
            assert refused.buffer in ("the state of the neurons", "spikes under way")
            return
        assert found.interrupted
        assert refused.buffer == "the recording"
    rest = nr.run(net, 3.0 - found.stop, state=found.state, **options)
    for name, spikes in whole.spikes.items():
        parts = found.spikes[name], rest.spikes[name]
        assert np.array_equal(spikes.times, np.concatenate([part.times for part in parts]))
        assert np.array_equal(spikes.ids, np.concatenate([part.ids for part in parts]))
    for name, v in whole.v.items():
        assert np.array_equal(v, np.concatenate([found.v[name], rest.v[name]]))
    assert np.array_equal(whole.v_times, np.concatenate([found.v_times, rest.v_times]))


@pytest.mark.parametrize("kind", ["sources", "drives", "voltages"])
def test_a_clocked_run_of_every_kind_has_a_limit_at_which_it_is_done_in_part(kind):
    net, record = in_steps(kind)
    with pytest.raises(OutOfMemory, match=r"recording must fit into memory.*allowed by run.*v_dt") as caught:
        nr.run(net, 20.0, memory="600 kB", record=record, **CLOCKED)
    assert 0.0 < caught.value.recording.stop < 20.0
    assert caught.value.buffer == "the recording"


def test_memory_of_a_clocked_run_does_not_grow_with_its_length():
    net, _ = in_steps("drives")
    net.add(nr.Population("more", 400, nr.PoissonSource(2000.0)))
    peaks = []
    for duration in (0.1, 1.0, 5.0):
        tracemalloc.start()
        nr.run(net, duration, record=nr.Record(spikes=[]), **CLOCKED)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


@given(inputs=st.sampled_from([1, 40, 1000]), room=st.sampled_from([1, 300]), samples=st.sampled_from([1, 50]))
def test_a_clocked_run_does_not_depend_on_the_steps_that_are_run_at_a_time(inputs, room, samples):
    net, _ = in_steps("drives")
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.connect("cue", "cell", nr.AllToAll(0.5), delay=2 * ms)
    given_ = {
        "inputs": {
            "cue": nr.Spikes(np.arange(90) * 3.1 * ms, np.zeros(90, int)),
            "cell": nr.Current([0.0, 50 * ms, 52 * ms], [0.1, 0.7, -0.2]),
        },
        "record": nr.Record(v={"cell": [3, 1]}, v_dt=1.5 * ms),
        **CLOCKED,
    }
    whole = nr.run(net, 0.3, **given_)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("MOST_INPUTS", inputs), ("LOG", room), ("MOST_VALUES", samples)):
            patch.setattr(steps, name, value)
        parts = nr.run(net, 0.3, **given_)
    assert same(parts, whole)
    assert np.array_equal(parts.v_times, whole.v_times)
    assert dict(parts.events) == dict(whole.events)


def test_sources_fire_in_a_clocked_run_where_they_do_in_an_exact_one():
    net, _ = in_steps("sources")
    exact, clocked = nr.run(net, 0.7, seed=3), nr.run(net, 0.7, seed=3, **CLOCKED)
    ids, step = exact.spikes["noise"].ids, step_of(exact.spikes["noise"].times, 0.5 * ms)
    order = np.lexsort((ids, step))
    assert np.array_equal(clocked.spikes["noise"].times, step[order] * 0.5 * ms)
    assert np.array_equal(clocked.spikes["noise"].ids, ids[order])


def test_an_error_of_memory_is_one_of_the_network_and_of_python():
    assert issubclass(OutOfMemory, NetworkError)
    assert issubclass(OutOfMemory, MemoryError)


LIMITED = """
import resource, numpy as np, neuro as nr
from neuro.errors import OutOfMemory

net = nr.Network()
net.add(nr.Population("cell", 4000, nr.LIF(tau_m=20e-3, v_th=1.0, bias=np.linspace(20.0, 30.0, 4000))))
net.connect("cell", "cell", nr.OneToOne(0.0), delay=5e-3)
program = nr.build(net)
nr.run(program, 0.1)
taken = 4096 * int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (taken + {room}, taken + {room}))
try:
    nr.run(program, 1e6)
except OutOfMemory as error:
    found = error.recording
    print(found.stop, len(found.spikes["cell"]), found.spikes["cell"].times[-1], error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux keeps to RLIMIT_AS, and says what is taken.")
def test_a_process_under_a_limit_ends_with_the_recording_of_what_was_done():
    command = [sys.executable, "-c", LIMITED.format(room=250_000_000)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert told.returncode == 0, told.stderr
    stop, count, last, text = told.stdout.split(maxsplit=3)
    assert float(last) < float(stop)
    assert int(count) > 3e6
    assert "the recording must fit into memory" in text


@pytest.mark.parametrize("workers", [1, 2])
def test_trials_leave_nothing_to_the_search_for_cycles(workers):
    net = nr.Network()
    net.add(nr.Population("cells", 3, nr.IF(v_th=1.0, refractory=1e-3)))

    def trials(number):
        for k in range(number):
            inputs = {"cells": nr.Current([0.0], np.full((1, 3), 100.0 + k))}
            nudge = nr.Nudge("cells", np.ones(3), 20.0)
            yield {"inputs": inputs, "then": [{"inputs": inputs, "nudge": nudge}]}

    program = nr.build(net)

    def answers():
        return list(nr.run_trials(program, 0.02, trials(5), record=nr.Counts(), workers=workers))

    answers()
    gc.collect()
    gc.disable()
    try:
        answers()
        assert gc.collect() == 0
    finally:
        gc.enable()
