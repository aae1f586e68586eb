"""A run that goes to a file leaves what it would have left in memory, needs no more memory the longer it takes, and
loses nothing that was flushed."""

import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import neuro as nr
from neuro.engine.drive import chunks
from neuro.engine.storage import file_recorder
from neuro.errors import InputError
from tests.engine.zoo import DURATION, assert_same, everything, inputs, stop_after, zoo

GIVEN = {"inputs": inputs()}


@pytest.fixture
def small_pieces(monkeypatch):
    """Many pieces even of a short run, some of them flushed together."""
    monkeypatch.setattr(chunks, "MAX_VALUES", 300)
    monkeypatch.setattr(chunks, "MAX_SPIKES", 64)
    monkeypatch.setattr(file_recorder, "FLUSH_VALUES", 1000)


@pytest.mark.usefixtures("small_pieces")
def test_a_streamed_run_is_the_run(tmp_path):
    whole = nr.run(zoo(), DURATION, **GIVEN, record=everything())
    streamed = nr.run(zoo(), DURATION, **GIVEN, record=everything(to=tmp_path / "run.h5"))
    eager = nr.load_recording(tmp_path / "run.h5")
    lazy = nr.load_recording(tmp_path / "run.h5", lazy=True)
    for found in (streamed, eager, lazy):
        assert_same([found], whole)
        assert list(found.spikes) == list(whole.spikes)
        assert (found.start, found.stop, found.interrupted) == (0.0, DURATION, False)
        assert found.provenance["seed"] == 0
    assert isinstance(eager.v["lif"], np.ndarray)
    with pytest.raises(KeyError):
        streamed.spikes["nobody"]
    with pytest.raises(KeyError):
        streamed.v["cue"]


def test_a_part_of_a_train_can_be_read_alone(tmp_path):
    found = nr.run(zoo(), DURATION, **GIVEN, record=everything(to=tmp_path / "run.h5"))
    for t0, t1 in [(0.0, 0.05), (0.05, 0.11), (0.11, 1.0), (0.3, 0.4)]:
        part, expected = found.spikes.window("lif", t0, t1), found.spikes["lif"].window(t0, t1)
        assert np.array_equal(part.times, expected.times)
        assert np.array_equal(part.ids, expected.ids)


def test_a_streamed_file_holds_the_state_too(tmp_path):
    whole = nr.run(zoo(), DURATION, **GIVEN, record=everything())
    first = nr.run(zoo(), 0.0873, **GIVEN, record=everything(to=tmp_path / "first.h5"))
    state = nr.load_state(tmp_path / "first.h5", zoo())
    second = nr.run(zoo(), DURATION - 0.0873, **GIVEN, state=state, record=everything(to=tmp_path / "second.h5"))
    assert_same([first, second], whole)


@pytest.mark.usefixtures("small_pieces")
def test_the_file_of_an_interrupted_run_has_what_was_done(tmp_path):
    whole = nr.run(zoo(), DURATION, **GIVEN, record=everything())
    path = tmp_path / "run.h5"
    first = nr.run(zoo(), DURATION, **GIVEN, record=everything(to=path), progress=stop_after(3))
    found = nr.load_recording(path)
    assert found.interrupted
    assert 0.0 < found.stop == first.stop < DURATION
    rest = nr.run(zoo(), DURATION - found.stop, **GIVEN, record=everything(), state=nr.load_state(path, zoo()))
    assert_same([found, rest], whole)


@pytest.mark.usefixtures("small_pieces")
def test_the_file_of_a_run_that_failed_can_be_read(tmp_path):
    def fail(done, total, label):
        if done > 0.05:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        nr.run(zoo(), DURATION, **GIVEN, record=everything(to=tmp_path / "run.h5"), progress=fail)
    found = nr.load_recording(tmp_path / "run.h5")
    assert found.interrupted
    assert found.stop > 0.05
    assert_same([found], nr.run(zoo(), found.stop, **GIVEN, record=everything()))


def test_the_file_of_a_killed_run_is_whole_up_to_the_last_flush(tmp_path):
    code = (
        "import os, signal, sys, neuro as nr\n"
        "from neuro.engine.drive import chunks\n"
        "from neuro.engine.storage import file_recorder\n"
        "from tests.engine.zoo import *\n"
        "chunks.MAX_VALUES, file_recorder.FLUSH_SECONDS = 300, 0.0\n"
        "def die(done, total, label):\n"
        "    if done > 0.1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "nr.run(zoo(), DURATION, inputs=inputs(), record=everything(to=sys.argv[1] + '/run.h5'), progress=die)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": path}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    for lazy in (False, True):
        found = nr.load_recording(tmp_path / "run.h5", lazy=lazy)
        assert found.interrupted
        assert 0.1 < found.stop < DURATION
        assert_same([found], nr.run(zoo(), found.stop, **GIVEN, record=everything()))
        assert found.provenance["seed"] == 0


def test_a_file_can_be_read_while_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_VALUES", 300)
    monkeypatch.setattr(file_recorder, "FLUSH_SECONDS", 0.0)
    code = "import sys, neuro as nr; rec = nr.load_recording(sys.argv[1]); print(rec.stop, len(rec.spikes['lif']))"
    seen = []

    def look(done, total, label):
        if done > 0.1 and not seen:
            found = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run.h5")], stdout=subprocess.PIPE)
            seen.extend(float(x) for x in found.stdout.split())

    rec = nr.run(zoo(), DURATION, **GIVEN, record=everything(to=tmp_path / "run.h5"), progress=look)
    assert 0.1 < seen[0] < DURATION
    assert seen[1] == len(rec.spikes["lif"].window(0.0, seen[0])) > 0


def test_memory_does_not_grow_with_the_length_of_a_streamed_run(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks, "MAX_VALUES", 2000)
    monkeypatch.setattr(chunks, "MAX_SPIKES", 2000)
    monkeypatch.setattr(file_recorder, "FLUSH_VALUES", 4000)
    net = nr.Network()
    net.add(nr.Population("cell", 20, nr.IF(v_th=1.0, bias=np.linspace(900.0, 1100.0, 20))))
    net.connect("cell", "cell", nr.AllToAll(0.0), delay=1e-3)
    program = nr.build(net)

    def peak(duration, to):
        record = nr.Record(v={"cell": range(5)}, v_dt=10e-3, to=to)
        tracemalloc.start()
        rec = nr.run(program, duration, record=record)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(rec.spikes["cell"]) == pytest.approx(20_000 * duration, rel=0.01)
        return most

    nr.run(program, 0.1, record=nr.Record(to=tmp_path / "warm.h5"))
    short, long = peak(5.0, tmp_path / "short.h5"), peak(20.0, tmp_path / "long.h5")
    # The spikes of the 15 s more would take eight times as much as all of the short run.
    assert long < 1.6 * short
    assert peak(20.0, None) > 10 * long


def test_a_run_does_not_write_over_a_file(tmp_path):
    (tmp_path / "run.h5").write_text("precious")
    with pytest.raises(InputError, match="this one exists"):
        nr.run(zoo(), 0.01, record=nr.Record(to=tmp_path / "run.h5"))
    assert (tmp_path / "run.h5").read_text() == "precious"


def test_names_may_have_any_characters(tmp_path):
    net = nr.Network()
    for name in ["layer/1", ".", "100%", "a.b/c"]:
        net.add(nr.Population(name, 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    streamed = nr.run(net, 0.05, record=nr.Record(v={"a.b/c": [0]}, to=tmp_path / "streamed.h5"))
    streamed.save(tmp_path / "saved.h5")
    for found in (streamed, *(nr.load_recording(tmp_path / name) for name in ("streamed.h5", "saved.h5"))):
        assert_same([found], nr.run(net, 0.05, record=nr.Record(v={"a.b/c": [0]})))
        assert len(found.spikes) == 4
