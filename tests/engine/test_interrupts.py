"""A run that is told to stop gives what it has done so far, and goes on later as if nothing had happened."""

import io
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import neuro as nr
from neuro.engine.drive import chunks
from neuro.engine.drive.inputs import NO_SAMPLES, schedule
from neuro.engine.drive.prepare import prepare_kernels
from neuro.engine.drive.state import initial_state
from neuro.errors import InputError
from neuro.progress import bar, reporting
from neuro.system import interrupts
from tests.engine.zoo import DURATION, assert_same, clamp, everything, inputs, stop_after, zoo


@pytest.fixture
def small_pieces(monkeypatch):
    """Many pieces even of a short run: no more than some spikes and voltages fit into each."""
    monkeypatch.setattr(chunks, "MAX_VALUES", 300)
    monkeypatch.setattr(chunks, "MAX_SPIKES", 64)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("calls", [1, 2, 7])
@pytest.mark.parametrize("held", [None, clamp()], ids=["free", "clamped"])
def test_an_interrupted_run_goes_on_with_the_same_bits(calls, held, tmp_path):
    given = {"inputs": inputs(), "record": everything(), "clamp": held}
    whole = nr.run(zoo(), DURATION, **given)
    first = nr.run(zoo(), DURATION, **given, progress=stop_after(calls))
    assert first.interrupted
    assert not whole.interrupted
    assert 0.0 < first.stop < DURATION
    assert first.stop == first.state.time
    assert len(first.v_times) == np.searchsorted(whole.v_times, first.stop)
    assert all(np.all(spikes.times < first.stop) for spikes in first.spikes.values())
    first.state.save(tmp_path / "state.h5")
    for state in (first.state, nr.load_state(tmp_path / "state.h5", zoo())):
        rest = nr.run(zoo(), DURATION - first.stop, **given, state=state)
        assert_same([first, rest], whole)


@pytest.mark.usefixtures("small_pieces")
def test_a_run_interrupted_again_and_again_is_one_run():
    given = {"inputs": inputs(), "record": everything()}
    whole = nr.run(zoo(), DURATION, **given)
    parts, state = [], None
    while not parts or parts[-1].stop < DURATION:
        left = DURATION - (state.time if state else 0.0)
        parts.append(nr.run(zoo(), left, **given, state=state, progress=stop_after(2)))
        state = parts[-1].state
    assert len(parts) > 3
    assert_same(parts, whole)


def busy(duration, progress=None):
    """A run that takes a while: `duration` simulated seconds of some neurons that fire all the time."""
    net = nr.Network()
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, bias=[1.5, 2.0], tau_syn=4e-3)))
    net.connect("cell", "cell", nr.AllToAll(0.05), delay=1e-3)
    return nr.run(net, duration, record=nr.Record(v={"cell": [0]}, v_dt=0.1), progress=progress)


def press():
    """A progress callback that presses Ctrl-C once, a little after the first piece: while kernels are at work."""
    timers = [threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))]
    return lambda done, total, label: timers.pop().start() if timers else None


def in_a_process(script):
    """Run a script in a process of its own: a real signal would reach the runner of the tests."""
    head = "import signal, neuro as nr\nfrom tests.engine.test_interrupts import busy, press\n"
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", head + script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all of it\n")


def test_ctrl_c_ends_a_run_at_the_end_of_a_piece():
    in_a_process("""
before = signal.getsignal(signal.SIGINT)
found = busy(1e7, press())
assert found.interrupted
assert 0.0 < found.stop < 1e7
assert signal.getsignal(signal.SIGINT) is before
last = found.spikes["cell"].times[-1]
assert found.stop - 0.1 < last < found.stop
rest = nr.run(found.state.program, 1.0, state=found.state)
assert rest.spikes["cell"].times[0] > last
print("all of it")
""")


@pytest.mark.parametrize("kind", ["nr.IF(v_th=1.0, bias=1000.0)", "nr.LIF(tau_m=0.2, v_th=1.0, bias=400.0)"])
def test_ctrl_c_ends_a_run_within_a_window_that_takes_long(kind):
    in_a_process(f"""
import os, threading, time
from neuro.system import interrupts
interrupts.GRACE = 0.1
net = nr.Network()
net.add(nr.Population("cell", 20_000, {kind}))
program = nr.build(net)
assert program.window == 1.0  # one window, and tens of millions of spikes in it
nr.run(program, 0.0)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
began = time.perf_counter()
found = nr.run(program, 1.5)
assert found.interrupted
assert found.stop == 0.0
assert time.perf_counter() - began < 10.0
assert signal.set_wakeup_fd(-1) == -1
print("all of it")
""")


def test_whoever_makes_many_runs_can_have_the_exception():
    in_a_process("""
try:
    with nr.raise_interrupts():
        busy(1e7, press())
except KeyboardInterrupt:
    print("all of it")
""")
    assert nr.run(zoo(), DURATION, progress=stop_after(1)).interrupted


def stopped_run():
    """Does a run within `raise_interrupts`, whose callback asks it to stop, raise?"""
    try:
        nr.raise_interrupts()(lambda: nr.run(zoo(), DURATION, progress=stop_after(1)))()
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_the_exception_comes_whoever_handles_ctrl_c(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        assert stopped_run()
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_exception_comes_in_other_threads():
    with ThreadPoolExecutor() as pool:
        assert pool.submit(stopped_run).result()


def test_a_second_ctrl_c_does_not_wait():
    asked = interrupts.Interrupts()
    asked.on_signal(signal.SIGINT, None)
    assert asked.requested
    with pytest.raises(KeyboardInterrupt):
        asked.on_signal(signal.SIGINT, None)


def test_another_handler_and_other_threads_are_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        with interrupts.deferred() as asked:
            os.kill(os.getpid(), signal.SIGINT)
        assert seen == [1]
        assert not asked.requested
    finally:
        signal.signal(signal.SIGINT, before)
    thread = threading.Thread(target=lambda: seen.append(busy(0.01).interrupted))
    thread.start()
    thread.join()
    assert seen == [1, False]


def test_a_task_that_is_interrupted_ends_with_130(tmp_path):
    code = (
        "import os, signal, threading, neuro.tasks, neuro.cli, sys\n"
        "neuro.tasks.__path__[:] = [sys.argv[1]]\n"
        "sys.argv[1:] = ['run', 'endless', '--out', sys.argv[1] + '/out']\n"
        "neuro.cli.main()\n"
    )
    (tmp_path / "endless.py").write_text(
        '"""A task that runs for hours."""\n'
        "import os, signal, threading\n"
        "from pydantic import BaseModel\n"
        "from neuro.report import Report\n"
        "class Config(BaseModel):\n"
        "    seed: int = 0\n"
        "PRESETS = {'smoke': Config(), 'paper': Config()}\n"
        "def run(config, *, out, progress):\n"
        "    from tests.engine.test_interrupts import busy\n"
        "    busy(0.01)\n"
        "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    busy(1e7)\n"
        "    return Report(task='endless', metrics={})\n"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr == "stopped; what was not finished was not written\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("small_pieces")
def test_progress_grows_to_the_whole():
    said = []
    nr.run(zoo(), 0.05, inputs=inputs(), record=everything(), progress=lambda *args: said.append(args))
    done = [part for part, _, _ in said]
    assert len(said) > 3
    assert done == sorted(done)
    assert said[-1] == (0.05, 0.05, "simulating")


def test_an_error_of_the_callback_is_the_callers():
    before = signal.getsignal(signal.SIGINT)

    def fail(done, total, label):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        nr.run(zoo(), DURATION, progress=fail)
    assert signal.getsignal(signal.SIGINT) is before


def test_progress_is_a_callable_a_bar_or_nothing():
    for progress in (None, False, True, "bar"):
        assert nr.run(zoo(), 0.01, progress=progress).stop == 0.01
    with pytest.raises(InputError, match="progress"):
        nr.run(zoo(), 0.01, progress="bars")


def test_a_bar_appears_when_the_work_takes_long(monkeypatch):
    terminal, now = Console(file=io.StringIO(), force_terminal=True), [100.0]
    monkeypatch.setattr("neuro.progress.time.perf_counter", lambda: now[0])
    with bar("simulating", terminal, after=2.0) as tell:
        tell(1, 4, "simulating")
        assert terminal.file.getvalue() == ""
        now[0] += 2.5
        tell(2, 4, "simulating")
    assert "simulating" in terminal.file.getvalue()
    with reporting("bar", "simulating") as tell:
        tell(1, 4, "simulating")


def begun(net, length):
    """A chunks over a network, at its beginning."""
    program = nr.build(net)
    prepare_kernels(program)
    plan = schedule(program, None, None, 0.0, length, 0)
    return chunks.Simulation(program, initial_state(program).arrays, plan, NO_SAMPLES, 0.0, (0.0, length))


def test_pieces_grow_while_they_are_quick_and_shrink_when_they_are_slow(monkeypatch):
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    net.connect("cell", "cell", nr.AllToAll(0.0), delay=1e-3)
    here = begun(net, 1e6)
    seconds_a_window, now = [1e-4], [0.0]
    simulate = chunks.run_windows

    def slowly(fixed, arrays, inputs, output, work, begin, until, *rest):
        now[0] += (until - begin) / 1e-3 * seconds_a_window[0]
        return simulate(fixed, arrays, inputs, output, work, begin, until, *rest)

    monkeypatch.setattr(chunks, "run_windows", slowly)
    monkeypatch.setattr(chunks.clock, "perf_counter", lambda: now[0])

    def took():
        tick = now[0]
        here.run_chunk(1e6)
        return now[0] - tick

    pieces = [took() for _ in range(20)]
    assert 0.05 < pieces[-1] < 0.5
    seconds_a_window[0] *= 5
    assert max(took() for _ in range(5)) < 2.0
    assert all(took() < 0.5 for _ in range(5))


def test_silence_is_skipped_in_a_few_pieces_whatever_its_length():
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.connect("cue", "cell", nr.OneToOne(0.5), delay=1e-3)
    said = []
    cue = {"cue": nr.Spikes([5e5], [0])}
    found = nr.run(net, 1e6, inputs=cue, progress=lambda done, *_: said.append(done))
    assert len(found.spikes["cue"]) == 1
    assert len(said) < 12
