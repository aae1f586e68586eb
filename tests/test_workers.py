"""Jobs in processes: every result once, also where a process dies; Ctrl-C ends the processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from neuro.errors import ParameterError, WorkerDied
from neuro.system.workers import run_jobs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def square(number: int) -> int:
    return number * number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number > 3:
        time.sleep(60)
    return number


def refuse(number: int) -> int:
    raise ParameterError("must be even", where="number", value=number)


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def die_first(job: tuple[str, int]) -> int:
    """Count how often a job was begun; job 3 kills its process the first time."""
    folder, number = job
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f"{number}-", delete=False):
        pass
    if number == 3 and sum(name.startswith("3-") for name in os.listdir(folder)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def own_process(job: int) -> tuple[int, list[int]]:
    """This process, and those of jobs that a job starts."""
    return os.getpid(), list(run_jobs(process_of, [job, job]))


def process_of(job: int) -> int:
    return os.getpid()


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return when the condition holds; it must, before long."""
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end
        time.sleep(0.05)


def group_is_empty(group: int) -> bool:
    """Has every process of a group ended?"""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_caller_that_wants_no_more_leaves_no_thread_behind() -> None:
    # Python's exit would wake such a thread, and say "Bad file descriptor" if it ended just then.
    before = set(threading.enumerate())
    results = run_jobs(nap, [0.0, *[60.0] * 5], workers=2)
    assert next(results) == 0.0
    results.close()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("workers", [1, 2])
def test_each_job_gives_its_result_and_says_so(workers: int) -> None:
    told: list[tuple[float, float]] = []
    found = run_jobs(square, range(5), workers=workers, progress=lambda done, total, label: told.append((done, total)))
    assert sorted(found) == [0, 1, 4, 9, 16]
    assert told == [(k, 5) for k in range(6)]


def test_no_jobs_give_no_results() -> None:
    assert list(run_jobs(square, [], workers=2)) == []


def test_a_job_that_kills_each_worker_ends_the_run_and_keeps_what_is_finished() -> None:
    found: list[int] = []
    began = time.perf_counter()
    with pytest.raises(WorkerDied, match="a worker died") as caught:
        found.extend(run_jobs(die_at_three, [0, 1, 2, 3, 4, 5], workers=2))
    assert time.perf_counter() - began < 30
    assert set(found) <= {0, 1, 2}
    assert caught.value.results == found
    assert caught.value.jobs == 6
    wait_for(lambda: not multiprocessing.active_children())


def test_a_job_whose_worker_is_killed_is_done_again_and_no_other_is(tmp_path: Path) -> None:
    found = list(run_jobs(die_first, [(str(tmp_path), number) for number in range(6)], workers=2))
    assert sorted(found) == list(range(6))
    begun = Counter(name.partition("-")[0] for name in os.listdir(tmp_path))
    assert begun == {str(number): 2 if number == 3 else 1 for number in range(6)}


def test_jobs_of_a_job_run_in_its_process() -> None:
    for process, inner in run_jobs(own_process, [0, 1], workers=2):
        assert set(inner) == {process} != {os.getpid()}


def test_an_error_of_a_job_comes_out_as_it_is() -> None:
    with pytest.raises(ParameterError, match=r"number: must be even; got [12]"):
        list(run_jobs(refuse, [1, 2], workers=2))


def test_who_wants_no_more_results_does_not_wait_for_them() -> None:
    began = time.perf_counter()
    results = run_jobs(die_at_three, [0, 5, 6], workers=2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert time.perf_counter() - began < 30


KILLED = '''
    """Do jobs of which one dies."""
    import os
    import signal
    import time
    from typing import NamedTuple

    from pydantic import BaseModel, ConfigDict

    from neuro.system.workers import run_jobs

    class Config(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        seed: int = 0

    PRESETS = {"smoke": Config(), "paper": Config()}

    class Found(NamedTuple):
        job: int

    def work(job):
        if job == 1:
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGKILL)
        return Found(job)

    def run(config, *, out, progress):
        list(run_jobs(work, [0, 1, 2], workers=2))
'''


SLOW = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(300)").replace(
    "list(run_jobs(work, [0, 1, 2], workers=2))",
    "[print(os.getpid(), flush=True) for found in run_jobs(work, [0, 1, 2], workers=2)]",
)


def command(directory: Path, task: str, out: Path) -> list[str]:
    """`neuro run TASK --out OUT` in a process of its own, with the tasks of a directory."""
    code = f"""if True:
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # jobs of nohup ignore it
        import neuro.tasks
        from neuro.cli import main
        neuro.tasks.__path__ = [{str(directory)!r}]
        if __name__ == "__main__":
            sys.argv = ["neuro", "run", {task!r}, "--out", {str(out)!r}]
            main()
    """
    script = directory.parent / f"run_{task}.py"
    script.write_text(code)
    return [sys.executable, str(script)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))}


def test_a_task_whose_worker_dies_ends_with_code_1_and_leaves_what_is_finished(make_task, tmp_path: Path) -> None:
    directory = make_task("killed", KILLED).parent
    out = tmp_path / "results" / "out"
    done = subprocess.run(
        command(directory, "killed", out), capture_output=True, text=True, timeout=60, env=environment(), check=False
    )
    assert done.returncode == 1, done.stderr
    assert "error: a worker died (out of memory?)" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in out.parent.iterdir()] == ["out.unfinished.json"]
    kept = json.loads((out.parent / "out.unfinished.json").read_text())
    assert {"job": 0} in kept


def test_an_interrupt_ends_the_workers(make_task, tmp_path: Path) -> None:
    directory = make_task("slow", SLOW).parent
    with subprocess.Popen(
        command(directory, "slow", tmp_path / "out"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130, complaint
    wait_for(lambda: group_is_empty(process.pid))


def blas_threads(name: str) -> tuple[str | None, int]:
    """A variable of this process, and how many threads numpy's library of linear algebra takes here."""
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    return os.environ.get(name), max((each["num_threads"] for each in threadpool_info()), default=1)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core takes one thread in any case")
def test_processes_side_by_side_take_one_thread_each_unless_told_otherwise(monkeypatch):
    pytest.importorskip("threadpoolctl", reason="it counts threads")
    names = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]
    for name in (*names, "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert set(run_jobs(blas_threads, names * 2, workers=2)) == {("1", 1)}
    assert not any(name in os.environ for name in names)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert set(run_jobs(blas_threads, names, workers=2)) == {("2", 2), (None, 2)}
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2"
