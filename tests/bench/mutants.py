"""Mutants: small faults put into the Python half of seven rooms, to see whether the tests of the room notice.

PYTHONPATH=. nice -n 15 python tests/bench/mutants.py [--count 400] [--seed 1] [--rooms chip,mapping] [--json FILE]

A mutant is one change of one expression or statement of a module: another operator, a boundary moved by one, a check
left out. It is made while the module is imported; no file changes, so no kernel is compiled anew. Functions that numba
compiles are left out, and so are texts, type hints and what an object shows of itself.

The tests of a room are the quick ones of `ROOMS` and the examples in its docstrings. They run once, and the lines
that each test reaches are counted; then each mutant is judged by the tests that reach its line, the fastest first, in a
fork of one process that has the libraries imported. A mutant that ends no test in time counts as noticed.
`mutants_survivors.toml` has the mutants that no test can or should notice, with a reason each.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import coverage
import hypothesis
import pytest

from tests.bench.mutations import ROOT, Changed, Mutant, mutants_of
from tests.house import name_of

PACKAGE = ROOT / "neuro"
ACCEPTED = Path(__file__).with_name("mutants_survivors.toml")
ROOMS: dict[str, tuple[str, ...]] = {
    "accounting": ("tests/accounting",),
    "chip": ("tests/chip",),
    "crossbar": ("tests/crossbar",),
    "exchange": ("tests/exchange",),
    "learning": ("tests/learning",),
    "mapping": ("tests/mapping",),
    "network": ("tests/network",),
}
SHARED = ("tests/test_bad_values.py",)
"""Tests of all rooms: what is the wrong kind of thing is refused."""
LIBRARIES = (
    *("numpy", "scipy.sparse.linalg", "scipy.optimize", "scipy.stats", "numba", "h5py", "pydantic", "networkx", "nir"),
    *("yaml", "_pytest.doctest", "hypothesis.extra.numpy"),
)
OPTIONS = (
    "-q",
    "-mnot slow and not bench",
    "--assert=plain",
    "--tb=no",
    "--no-header",
    "-pno:cacheprovider",
    "-pno:xdist",
    "-pno:randomly",
)
GIGABYTES = 8
"""Memory that a mutant may take."""


def drawn(count: int, seed: int, rooms: Sequence[str]) -> list[Mutant]:
    """As many mutants of each room as of the others, and of each of its modules as far as it has any."""
    chosen = []
    for k, room in enumerate(rooms):
        rng = random.Random(f"{seed} {room}")
        files = [mutants_of(room, path) for path in sorted((PACKAGE / room).rglob("*.py"))]
        for mutants in files:
            rng.shuffle(mutants)
        rng.shuffle(files)
        wanted = count * (k + 1) // len(rooms) - count * k // len(rooms)
        rounds = [mutants[turn] for turn in range(max(map(len, files))) for mutants in files if turn < len(mutants)]
        chosen += rounds[:wanted]
    return chosen


class Plugin:
    """Runs the chosen tests, the fastest first; tells which failed, and, if asked, what each reaches in what time."""

    def __init__(self, chosen: dict[str, float] | None, reached: coverage.Coverage | None = None) -> None:
        self.chosen, self.reached = chosen, reached
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Choose and sort; failing examples are not made smaller."""
        quick = {"phases": (hypothesis.Phase.explicit, hypothesis.Phase.generate), "report_multiple_bugs": False}
        for test in {getattr(item.obj, "__func__", item.obj) for item in items if isinstance(item, pytest.Function)}:
            if own := getattr(test, "_hypothesis_internal_use_settings", None):
                test._hypothesis_internal_use_settings = hypothesis.settings(own, **quick)
        if self.chosen is not None:
            items[:] = sorted(
                (item for item in items if item.nodeid in self.chosen), key=lambda item: self.chosen[item.nodeid]
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Count lines for this test, from fresh caches."""
        if self.reached:
            for name, module in list(sys.modules.items()):
                for part in list(vars(module).values()) if name.startswith("neuro") else ():
                    if isinstance(part, functools._lru_cache_wrapper):
                        part.cache_clear()
            self.reached.switch_context(item.nodeid)
        started = time.perf_counter()
        if self.chosen is not None:
            # In seconds of the processor, so that a busy machine ends no test; the signal ends the fork.
            signal.setitimer(signal.ITIMER_PROF, 10 + 5 * self.chosen[item.nodeid])
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.seconds[item.nodeid] = time.perf_counter() - started

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep those that failed."""
        self.failed += [report.nodeid] if report.failed else []


def forked(work: Any) -> tuple[int, int]:
    """Run `work` in a fork, quietly; gives the process and what it writes to. What it returns is its exit code."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        return child, read
    code = 70
    try:
        os.setsid()
        quiet = os.open(os.environ.get("NEURO_MUTANTS_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30,) * 2)
        code = work(write)
    finally:
        os._exit(code)


def tests_of(room: str, folder: Path) -> dict[str, Any]:
    """Which lines of the room each of its tests reaches, and how long it takes; from `folder`, if it is there."""
    paths = [*ROOMS[room], *SHARED, f"neuro/{room}"]
    files = sorted({*PACKAGE.rglob("*.py"), *(ROOT / "tests").glob("*.py"), *(ROOT / "models").rglob("*.toml")}.union(
        *((ROOT / path).rglob("*.py") if (ROOT / path).is_dir() else [ROOT / path] for path in paths)))  # fmt: skip
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files) + os.environ["NEURO_EXAMPLES"].encode())
    kept = folder / f"{room}-{digest.hexdigest()[:16]}.json"
    if kept.is_file():
        return json.loads(kept.read_text())

    def run(_: int) -> int:
        reached = coverage.Coverage(data_file=None, config_file=False, include=[f"{PACKAGE / room}/*"])
        reached.start()
        plugin = Plugin(None, reached)
        code = int(pytest.main([*OPTIONS, f"--basetemp={folder / room}", *paths], plugins=[plugin]))
        reached.stop()
        data = reached.get_data()
        lines = {
            name_of(ROOT, Path(file)): {str(line): tests for line, tests in data.contexts_by_lineno(file).items()}
            for file in data.measured_files()
        }
        seconds = {test: taken for test, taken in plugin.seconds.items() if test not in plugin.failed}
        if code in (0, 1):
            kept.write_text(json.dumps({"seconds": seconds, "lines": lines, "failed": plugin.failed}))
        return code

    child, read = forked(run)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(read)
    if code not in (0, 1):
        raise SystemExit(f"the tests of {room} do not run without any mutant ({code}): {' '.join(paths)}")
    found = json.loads(kept.read_text())
    if found["failed"]:
        print("left out, as they fail without any mutant:", *found["failed"], sep="\n    ")
    return found


def reaching(mutant: Mutant, known: dict[str, Any]) -> dict[str, float]:
    """The tests that reach a mutant, with their seconds; all, where the code runs as modules are imported."""
    lines = known["lines"].get(mutant.file, {})
    tests = {test for line in mutant.lines for test in lines.get(str(line), [])}
    everything = mutant.at_import or "" in tests
    return {test: seconds for test, seconds in known["seconds"].items() if everything or test in tests}


def begin(mutant: Mutant, tests: dict[str, float], folder: Path) -> tuple[int, int]:
    """Judge a mutant in a fork."""

    def run(write: int) -> int:
        sys.meta_path.insert(0, Changed(mutant))
        plugin = Plugin(tests)
        where = f"--basetemp={folder / str(os.getpid())}"
        code = int(pytest.main([*OPTIONS, "-x", where, *{test.partition("[")[0] for test in tests}], plugins=[plugin]))
        os.write(write, "".join(plugin.failed[:1]).encode()[:4000])
        return code

    return forked(run)


def judged(mutants: Sequence[Mutant], known: dict[str, Any], processes: int, folder: Path) -> Iterator[tuple[Any, ...]]:
    """Each mutant, what became of it, and the test that noticed it."""
    waiting, running = list(reversed(mutants)), {}
    while waiting or running:
        while waiting and len(running) < processes:
            mutant = waiting.pop()
            tests = reaching(mutant, known[mutant.room])
            if tests:
                child, read = begin(mutant, tests, folder)
                running[child] = mutant, read, time.monotonic() + 20 + 10 * sum(tests.values())
            else:
                yield mutant, "not reached", ""
        for child, (mutant, read, latest) in list(running.items()):
            late = time.monotonic() > latest
            if late:
                os.killpg(child, signal.SIGKILL)
            ended, status = os.waitpid(child, 0 if late else os.WNOHANG)
            if ended:
                os.set_blocking(read, False)
                try:
                    by = os.read(read, 4000).decode()
                except BlockingIOError:
                    by = ""
                os.close(read)
                del running[child]
                shutil.rmtree(folder / str(child), ignore_errors=True)
                code = os.waitstatus_to_exitcode(status)
                late = late or code == -signal.SIGPROF
                yield mutant, "timeout" if late else "survived" if code in (0, 5) else "killed", by
        time.sleep(0.01)


def key_of(result: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a mutant the same in another run."""
    return tuple(result[key] for key in ("file", "number", "source", "old", "new"))


def main() -> None:
    """Draw mutants, judge them, and show a table and the survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400, help="mutants in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", default=",".join(ROOMS), help="separated by commas")
    parser.add_argument("--only", default="", help="mutants whose file, as file:line, has this in it")
    parser.add_argument("--examples", default="5", help="what hypothesis draws for each law")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="show the mutants without judging them")
    parser.add_argument("--json", type=Path, help="write all results here")
    parser.add_argument("--again", type=Path, help="results of --json: what was killed counts, after tests were added")
    args = parser.parse_args()
    os.environ.update(CI="true", NEURO_EXAMPLES=args.examples)
    # `mapping` is a folder of tests to the tests, and a benchmark beside this file.
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != Path(__file__).resolve().parent]
    rooms = args.rooms.split(",")
    mutants = [one for one in drawn(args.count, args.seed, rooms) if args.only in f"{one.file}:{one.line}"]
    if args.list:
        print(*(f"{one.file}:{one.line}: {one.old} -> {one.new}    | {one.source}" for one in mutants), sep="\n")
        return
    listed = tomllib.loads(ACCEPTED.read_text(encoding="utf-8")).get("survivor", []) if ACCEPTED.is_file() else []
    accepted = {(one["file"], one["source"], one["old"], one["new"]): one["reason"] for one in listed}
    for name in LIBRARIES:
        importlib.import_module(name)
    kept = ROOT / ".pytest_cache" / "mutants"
    kept.mkdir(parents=True, exist_ok=True)
    known = {room: tests_of(room, kept) for room in rooms}
    earlier = json.loads(args.again.read_text(encoding="utf-8")) if args.again else []
    killed = {key_of(one): one for one in earlier if one["fate"] in ("killed", "timeout")}
    results = [killed[key_of(asdict(one))] for one in mutants if key_of(asdict(one)) in killed]
    mutants = [one for one in mutants if key_of(asdict(one)) not in killed]
    with tempfile.TemporaryDirectory() as folder:
        for mutant, fate, by in judged(mutants, known, args.processes, Path(folder)):
            reason = accepted.get((mutant.file, mutant.source, mutant.old, mutant.new), "")
            results.append({**asdict(mutant), "fate": fate, "by": by, "reason": reason})
            if args.json:
                args.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
            if fate in ("survived", "not reached"):
                print(f"{mutant.file}:{mutant.line}: {mutant.old} -> {mutant.new}    | {mutant.source}", flush=True)
                print(f"    {fate}{f'; {reason}' if reason else ''}", flush=True)
    print(f"\n{'room':12}{'mutants':>9}{'killed':>9}{'survived':>10}{'with reason':>13}{'killed, %':>11}")
    for room in [*rooms, "all"]:
        fates = [one for one in results if room in ("all", one["room"])]
        lives = [one for one in fates if one["fate"] in ("survived", "not reached")]
        killed, explained = len(fates) - len(lives), sum(bool(one["reason"]) for one in lives)
        share = 100 * killed / max(len(fates), 1)
        print(f"{room:12}{len(fates):9}{killed:9}{len(lives):10}{explained:13}{share:11.1f}")


if __name__ == "__main__":
    main()
