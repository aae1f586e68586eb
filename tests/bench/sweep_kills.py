"""A sweep of `braille` that is killed, loses a worker, has a poisonous point, or is shared: is its table whole?

    python tests/bench/sweep_kills.py [--only killed ...] [--grid trials=9,18,27] [--seeds 8] [--epochs 5] [--after 20]

Each case runs `neuro sweep` as a user would, on two processes, and compares the table with that of an undisturbed
sweep, all columns but times. `dask` needs the extra `distributed`. Exit code 1 if a table is not what it should be.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from neuro.sweeps.table import TIMES

POISONED = '''"""Restore names, but refuse one of them."""
from neuro.tasks import braille
from neuro.tasks.braille import Config, PRESETS

def run(config, *, out, progress):
    if (config.trials, config.seed) == ({trials}, {seed}):
        raise ValueError("a poisonous point")
    return braille.run(config, out=out, progress=progress)
'''


class Sweep(NamedTuple):
    """What all cases have in common."""

    words: tuple[str, ...]
    folder: Path
    after: float
    """Seconds until something is killed."""


class Ended(NamedTuple):
    """A command that ended."""

    code: int
    said: str
    seconds: float


def begin(*words: str | Path) -> subprocess.Popen[str]:
    """`neuro` with these words, in a process group of its own."""
    command = [sys.executable, "-m", "neuro", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def end(process: subprocess.Popen[str], begun: float) -> Ended:
    """Wait for a command."""
    said, _ = process.communicate(timeout=3600)
    return Ended(process.returncode, said, time.monotonic() - begun)


def sweep(*words: str | Path) -> Ended:
    """An undisturbed `neuro sweep`."""
    return end(begin("sweep", *words), time.monotonic())


def table(out: Path) -> list[dict[str, str]]:
    """Rows of a sweep without times, and without names of points, which follow from the task's file."""
    with (out / "table.csv").open(newline="") as file:
        return [
            {key: value for key, value in row.items() if key not in (*TIMES, "point")} for row in csv.DictReader(file)
        ]


def finished(out: Path) -> int:
    """Points that have a report."""
    return len(list((out / "points").glob("*/report.json")))


def computed(ended: Ended) -> int:
    """How many points a sweep says that it has computed."""
    found = re.search(r"(\d+) computed", ended.said)
    if found is None:
        raise SystemExit(f"a sweep did not say what it computed:\n{ended.said}")
    return int(found[1])


def workers(above: int) -> list[int]:
    """Processes below this one that have used most processor time: those that compute."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, NotADirectoryError):
            continue
        if entry.name.isdigit():
            parents[int(entry.name)], used[int(entry.name)] = int(fields[1]), int(fields[11])

    def below(process: int) -> bool:
        while process in parents and process != above:
            process = parents[process]
        return process == above

    return sorted((each for each in parents if each != above and below(each)), key=lambda each: -used[each])[:2]


def killed(given: Sweep) -> tuple[Path, list[Ended], str]:
    """The sweep is killed and resumed."""
    out, begun = given.folder / "killed", time.monotonic()
    process = begin("sweep", *given.words, "--workers", "2", "--out", out)
    time.sleep(given.after)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = finished(out)
    ended = sweep("--resume", out, "--workers", "2")
    return out, [ended._replace(seconds=time.monotonic() - begun)], f"{done} were finished, {computed(ended)} computed"


def worker(given: Sweep) -> tuple[Path, list[Ended], str]:
    """One worker is killed."""
    out, begun = given.folder / "worker", time.monotonic()
    process = begin("sweep", *given.words, "--workers", "2", "--out", out)
    time.sleep(given.after)
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    return out, [end(process, begun)], ""


@contextmanager
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask cluster of two workers."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        words = [[*("scheduler", "--port", "0", "--no-dashboard")], [*("worker", "--nthreads", "1", "--no-dashboard")]]
        commands = [[sys.executable, "-m", "dask", *each, "--scheduler-file", str(file)] for each in words]
        processes = [subprocess.Popen(command, **quiet) for command in (commands[0], commands[1], commands[1])]
        try:
            while not file.exists():
                time.sleep(0.2)
            yield re.search(r"tcp://[^\"]+", file.read_text())[0], processes[1:]
        finally:
            for process in processes:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def dask(given: Sweep) -> tuple[Path, list[Ended], str]:
    """One worker of a Dask cluster is killed, its supervisor lives on."""
    out, begun = given.folder / "dask", time.monotonic()
    with cluster() as (address, supervisors):
        process = begin("sweep", *given.words, "--scheduler", address, "--out", out)
        time.sleep(given.after)
        os.kill(workers(supervisors[0].pid)[0], signal.SIGKILL)
        return out, [end(process, begun)], ""


def poisoned(given: Sweep) -> tuple[Path, list[Ended], str]:
    """One point fails always."""
    out, task = given.folder / "poisoned", given.folder / "poison.py"
    values = next(word for word in given.words if word.startswith("trials=")).removeprefix("trials=")
    task.write_text(POISONED.format(trials=values.split(",")[1], seed=1))
    ended = sweep(task, *given.words[1:], "--workers", "2", "--out", out)
    return out, [ended], f"named: {'ValueError: a poisonous point' in ended.said}"


def shared(given: Sweep) -> tuple[Path, list[Ended], str]:
    """Two sweeps in one folder, one worker each."""
    out, begun = given.folder / "shared", time.monotonic()
    both = [begin("sweep", *given.words, "--workers", "1", "--out", out) for _ in range(2)]
    ended = [end(process, begun) for process in both]
    return out, ended, " + ".join(str(computed(each)) for each in ended) + " computed"


CASES: dict[str, Callable[[Sweep], tuple[Path, list[Ended], str]]] = {
    each.__name__: each for each in (killed, worker, dask, poisoned, shared)
}


def main() -> None:
    """Print a table of cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES), metavar="CASE")
    parser.add_argument("--grid", default="trials=9,18,27", help="values of `trials`")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--after", type=float, default=20.0, help="seconds until something is killed")
    given = parser.parse_args()
    words = ("braille", "--grid", given.grid, "--seeds", str(given.seeds), "--set", f"epochs={given.epochs}")
    points, wrong = given.seeds * len(given.grid.split(",")), False
    print(f"{'case':12} {'seconds':>8} {'exit':>5} {'rows':>5} {'same as undisturbed':>20}  what else", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        case = Sweep(words, Path(folder), given.after)
        first = sweep(*words, "--workers", "2", "--out", Path(folder) / "undisturbed")
        expected = table(Path(folder) / "undisturbed")
        print(f"{'undisturbed':12} {first.seconds:8.0f} {first.code:5} {len(expected):5}", flush=True)
        for name in given.only:
            out, ended, more = CASES[name](case)
            rows, codes = table(out), {each.code for each in ended}
            same = [row for row in rows if row in expected]
            fine = len(same) == len(rows) == points - (name == "poisoned") and codes == {int(name == "poisoned")}
            code = ",".join(map(str, codes))
            seconds = max(each.seconds for each in ended)
            print(f"{name:12} {seconds:8.0f} {code:>5} {len(rows):5} {f'{len(same)} rows':>20}  {more}", flush=True)
            if not fine:
                wrong = True
                print(*(each.said for each in ended), sep="\n")
    sys.exit(int(wrong))


if __name__ == "__main__":
    main()
