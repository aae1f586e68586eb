"""Sweeps: whatever dies on the way, each point is in the table once, with the numbers of an undisturbed sweep."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro import errors
from neuro.errors import ParameterError
from neuro.sweeps.claims import BEAT_SECONDS, STALE_SECONDS, Claims
from neuro.sweeps.plan import Plan, grid_of
from neuro.sweeps.store import Store, load_plan
from neuro.sweeps.table import TIMES
from neuro.sweeps.workers import LONGEST_WITHOUT, Workers
from neuro.system.partials import owner
from tests.test_workers import environment, group_is_empty, wait_for

MakeTask = Callable[[str, str], Path]

TOY = '''
    """Square a number, slowly or not at all."""
    import os, random, resource, signal, tempfile, time

    from pydantic import BaseModel, ConfigDict

    from neuro.report import Report

    class Config(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        seed: int = 0
        seeds: int = 3
        workers: int = 0
        number: int = 1
        other: tuple[float, ...] = (0.5,)
        nap: float = 0.0

    PRESETS = {"smoke": Config(), "paper": Config(number=7)}

    def run(config, *, out, progress):
        name = f"{config.number}-{config.seed}-"
        begun, harm = os.environ["TOY_BEGUN"], os.environ.get("TOY_HARM", "")
        handle, path = tempfile.mkstemp(dir=begun, prefix=name)
        os.close(handle)
        first = sum(entry.startswith(name) for entry in os.listdir(begun)) == 1
        if harm == f"kill {name}" and first or harm == f"kill always {name}":
            os.kill(os.getpid(), signal.SIGKILL)
        if harm == f"refuse {name}":
            raise ValueError("a poisonous point")
        if harm == f"full {name}":
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        time.sleep(config.nap)
        draw = random.Random(config.seed).random()
        return Report(
            task="toy",
            metrics={"square": config.number**2, "draw": draw, "seeds": config.seeds},
            energy={"unit": "J", "by_cause": {"thought": draw * 1e-9}},
        )
'''


@pytest.fixture
def toy(make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the toy task; it writes an empty file into `begun` each time that it begins."""
    (tmp_path / "begun").mkdir()
    monkeypatch.setenv("TOY_BEGUN", str(tmp_path / "begun"))
    return make_task("toy", TOY).parent


def begun(folder: Path) -> Counter[str]:
    """How often each point was begun."""
    return Counter(name.rpartition("-")[0] for name in os.listdir(folder / "begun"))


def sweep(out: Path, **options: Any) -> nr.SweepResult:
    """A sweep of the toy task in threads of this process."""
    options = {"grid": {"number": [1, 2, 3]}, "seeds": 2, "workers": 2, **options}
    with ThreadPoolExecutor(2) as pool:
        return nr.sweep("toy", out=out, executor=pool, **options)


def rows(out: Path) -> list[dict[str, str]]:
    """The table of a sweep without what two sweeps differ in."""
    with (out / "table.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


@contextmanager
def command(toy: Path, *words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """`neuro sweep` with the toy task, in a process group of its own."""
    script = toy.parent / "sweep_toy.py"
    script.write_text(
        f"""if True:
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        import neuro.tasks
        from neuro.cli import main
        neuro.tasks.__path__ = [{str(toy)!r}]
        if __name__ == "__main__":
            sys.argv[:1] = ["neuro", "sweep"]
            main()
    """
    )
    with subprocess.Popen(
        [sys.executable, str(script), *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    printed, complaint = process.communicate(timeout=120)
    return process.returncode, printed, complaint


GRID = ("toy", "--grid", "number=1,2,3", "--seeds", "4", "--workers", "2")
EACH = {f"{number}-{seed}": 1 for number in (1, 2, 3) for seed in range(4)}


def test_a_task_of_a_file_is_swept_from_any_folder(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(toy)
    (toy / "toy.py").rename(toy / "own.py")
    found = nr.sweep("own.py", {"number": [1, 2]}, out=tmp_path / "out", workers=1)
    assert [row["square"] for row in found.rows] == [1, 4]
    monkeypatch.chdir(tmp_path)
    again = nr.sweep(str(toy / "own.py"), {"number": [1, 2]}, out="out", workers=1)
    assert (again.computed, again.rows) == (0, found.rows)


def test_a_sweep_that_is_killed_and_resumed_has_the_table_of_an_undisturbed_one(toy: Path, tmp_path: Path) -> None:
    nap, out = ("--set", "nap=0.3"), tmp_path / "killed"
    with command(toy, *GRID, *nap, "--out", out) as process:
        wait_for(lambda: len(list((out / "points").glob("*/report.json"))) >= 3, 60)
        process.kill()
    wait_for(lambda: group_is_empty(process.pid), 10)
    with command(toy, "--resume", out, "--workers", "2") as process:
        code, _, complaint = ended(process)
    assert code == 0, complaint
    twice = begun(tmp_path) - Counter(EACH)
    assert set(begun(tmp_path)) == set(EACH)
    assert sum(twice.values()) <= 2
    found = rows(out)
    assert len(found) == 12
    assert list((out / "claims").iterdir()) == []
    sweep(tmp_path / "calm", seeds=4, settings={"nap": 0.3})
    assert rows(tmp_path / "calm") == found


def test_a_killed_worker_costs_no_point(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_HARM", "kill 2-1-")
    with command(toy, *GRID, "--out", tmp_path / "out") as process:
        code, _, complaint = ended(process)
    assert code == 0, complaint
    assert len(rows(tmp_path / "out")) == 12
    assert begun(tmp_path) == {**EACH, "2-1": 2}


@pytest.mark.parametrize(
    ("harm", "why"), [("refuse", "ValueError: a poisonous point"), ("kill always", "JobKilled: by SIGKILL")]
)
def test_a_poisonous_point_is_named_and_the_others_finish(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, why: str
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv("TOY_HARM", f"{harm} 2-1-")
    with command(toy, *GRID, "--out", out) as process:
        code, _, complaint = ended(process)
    assert code == 1
    assert complaint == f"error: 1 of 12 points failed\n  number=2, seed=1: {why}\n"
    assert len(rows(out)) == 11
    monkeypatch.delenv("TOY_HARM")
    found = sweep(out, seeds=4)
    assert (found.computed, len(found.rows), found.failed) == (1, 12, {})


def test_two_sweepers_share_the_points(toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = (*GRID, "--set", "nap=0.2", "--out", out)
    with command(toy, *words) as one, command(toy, *words) as other:
        codes = [ended(one), ended(other)]
    assert [code for code, *_ in codes] == [0, 0], codes
    assert begun(tmp_path) == EACH
    assert len(rows(out)) == 12


@pytest.mark.parametrize("same", [True, False])
def test_of_sweeps_that_begin_at_once_the_first_plan_holds(tmp_path: Path, same: bool) -> None:
    common = {"task": "toy", "preset": "smoke", "settings": {}, "zipped": False, "seeds": 1, "seed": None}
    plans = [Plan(**common, grid={"a": [value]}) for value in ("1", "1" if same else "2")]
    for n in range(20):
        folder, gate, ends = tmp_path / f"{n}" / "out", threading.Barrier(2), []

        def begin(plan: Plan, folder: Path = folder, gate: threading.Barrier = gate, ends: list[Any] = ends) -> None:
            gate.wait()
            try:
                Store(folder, plan)
                ends.append(plan)
            except ParameterError as refused:
                ends.append(str(refused))

        threads = [threading.Thread(target=begin, args=(plan,)) for plan in plans]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first = load_plan(folder)
        assert first in plans
        assert sorted(p.name for p in folder.iterdir()) == ["failed", "points", "sweep.json"]
        if same:
            assert ends == [first, first]
        else:
            assert first in ends
            assert any("has another sweep in it" in str(end) for end in ends)


def test_sigterm_ends_a_sweep_and_its_workers_and_frees_its_points(toy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with command(toy, *GRID, "--set", "nap=60", "--out", out) as process:
        wait_for(lambda: len(begun(tmp_path)) == 2, 60)
        process.send_signal(signal.SIGTERM)
        code, _, complaint = ended(process)
    assert code == 130
    assert complaint == "stopped; what was not finished was not written\n"
    wait_for(lambda: group_is_empty(process.pid), 2)
    assert list((out / "claims").iterdir()) == []


def test_a_killed_worker_of_a_cluster_costs_no_point(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("TOY_HARM", "kill 2-1-")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    first = tmp_path / "first.py"
    first.write_text(f"import neuro.tasks\nneuro.tasks.__path__ = [{str(toy)!r}]\n")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, preload=[str(first)], silence_logs=50
    ) as cluster:
        found = nr.sweep(
            "toy", {"number": [1, 2, 3]}, seeds=4, out=tmp_path / "out", scheduler=cluster.scheduler_address
        )
    assert (len(found.rows), found.computed, found.failed) == (12, 12, {})
    assert begun(tmp_path)["2-1"] == 2
    assert set(begun(tmp_path)) == set(EACH)


def test_a_full_disk_stops_a_sweep_and_keeps_what_is_finished(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_HARM", "full 2-0-")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(errors.FileError, match=r"points.*cannot be written: File too large.*Free some space"):
            sweep(tmp_path / "out", workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(list((tmp_path / "out" / "points").glob("*/report.json"))) == 2
    assert list((tmp_path / "out" / "claims").iterdir()) == []
    monkeypatch.delenv("TOY_HARM")
    found = sweep(tmp_path / "out")
    assert (len(found.rows), found.computed) == (6, 4)


def test_the_table_has_a_row_for_each_point_and_seed(toy: Path, tmp_path: Path) -> None:
    found = sweep(tmp_path / "out", settings={"other": (1.0, 2.0)})
    assert [(row["number"], row["seed"]) for row in found.rows] == [(n, s) for n in (1, 2, 3) for s in (0, 1)]
    assert list(found.rows[0]) == [
        *("number", "seed", "seeds", "workers", "other", "nap", "square", "draw", "metric.seeds"),
        *("energy.unit", "energy.by_cause.thought", "wall_seconds", "cpu_seconds", "peak_memory_bytes", "point"),
    ]
    assert {row["other"] for row in found.rows} == {"[1.0, 2.0]"}
    assert [row["square"] for row in found.rows] == [1, 1, 4, 4, 9, 9]
    with (tmp_path / "out" / "table.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [float(row["draw"]) for row in written] == [row["draw"] for row in found.rows]
    pandas = pytest.importorskip("pandas")
    pandas.testing.assert_frame_equal(found.to_pandas(), pandas.DataFrame(found.rows))
    if len(found.files) > 1:
        pandas.testing.assert_frame_equal(pandas.read_parquet(found.files[1]), found.to_pandas())


def test_a_repeated_sweep_computes_nothing(toy: Path, tmp_path: Path) -> None:
    first = sweep(tmp_path / "out")
    again = sweep(tmp_path / "out")
    assert (first.computed, again.computed) == (6, 0)
    assert again.rows == first.rows


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"task": "toy"}', "[" * 10**5, "a" * 10**6])
def test_a_damaged_report_of_a_finished_point_is_named_and_what_to_do(toy: Path, tmp_path: Path, content: str) -> None:
    sweep(tmp_path / "out")
    report = sorted((tmp_path / "out" / "points").glob("*/report.json"))[0]
    good = json.loads(report.read_text())
    report.write_text(content)
    with pytest.raises(ParameterError, match="Remove its folder") as caught:
        sweep(tmp_path / "out")
    assert str(report) in str(caught.value) or str(report.parent) in str(caught.value)
    report.write_text(json.dumps(good | {"config": {}}))
    with pytest.raises(ParameterError, match=r"settings of this point are missing; got .*number"):
        sweep(tmp_path / "out")
    shutil.rmtree(report.parent)
    assert sweep(tmp_path / "out").computed == 1


def test_progress_counts_the_points_and_says_how_long_it_will_take(toy: Path, tmp_path: Path) -> None:
    told: list[tuple[float, float, str]] = []
    sweep(tmp_path / "out", progress=lambda *each: told.append(each))
    assert told[0] == (0, 6, "0 of 6 points")
    assert told[-1][2] == "6 of 6 points"
    assert any(label.endswith(" s left") for _, _, label in told)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"grid": {"number": [1, 1]}}, "no two points"),
        ({"grid": {"seed": [1, 2]}}, "--seeds"),
        ({"grid": {"number": []}}, "at least one value"),
        ({"grid": {"numbr": [1]}}, "'number'"),
        ({"grid": {"number": ["x"]}}, "`number`"),
        ({"grid": {"number": 3}}, "number"),
        ({"grid": {"number": [1, 2], "nap": [0.0]}, "zipped": True}, "as many values"),
        ({"seeds": 0}, "seeds"),
        ({"preset": "papr"}, "'paper'"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "executor"),
    ],
    ids=str,
)
def test_a_sweep_that_cannot_be_is_refused(toy: Path, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.NeuroError, match=words):
        sweep(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists() or "scheduler" in options


def test_a_folder_has_one_sweep(toy: Path, tmp_path: Path) -> None:
    sweep(tmp_path / "out")
    with pytest.raises(errors.ParameterError, match="another sweep"):
        sweep(tmp_path / "out", seeds=3)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(errors.ParameterError, match="empty directory"):
        sweep(tmp_path / "mine")


def test_a_point_has_one_seed_and_one_process_unless_told_otherwise(toy: Path) -> None:
    def settings(**given: str) -> dict[str, Any]:
        plan = Plan(task="toy", preset="smoke", settings=given, grid={}, zipped=False, seeds=1, seed=None)
        return dict(plan.points()[0].settings)

    assert (settings()["seeds"], settings()["workers"]) == (1, 1)
    assert (settings(seeds="2")["seeds"], settings(workers="4")["workers"]) == (2, 4)


@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    seeds=st.integers(1, 5),
    zipped=st.booleans(),
    first=st.integers(0, 9),
)
def test_a_grid_has_every_combination_once_with_every_seed(
    lengths: Sequence[int], seeds: int, zipped: bool, first: int
) -> None:
    lengths = [lengths[0]] * len(lengths) if zipped else lengths
    values = [range(9, 9 + 9 * count, 9) for count in lengths]
    grid = {key: [str(v) for v in some] for key, some in zip(("trials", "epochs"), values, strict=False)}
    points = Plan(
        task="braille", preset="smoke", settings={}, grid=grid, zipped=zipped, seeds=seeds, seed=first
    ).points()
    number = lengths[0] if zipped else lengths[0] * (lengths[1] if len(lengths) > 1 else 1)
    assert len(points) == len({point.key for point in points}) == number * seeds
    assert [point.settings["seed"] for point in points] == [*range(first, first + seeds)] * number


def test_values_of_a_grid_are_separated_by_commas_or_a_list_of_json() -> None:
    assert grid_of(["a=1,2", "b-c=[[1, 2], [3]]", "d=x"]) == {"a": ["1", "2"], "b_c": ["[1, 2]", "[3]"], "d": ["x"]}
    for wrong in (["a"], ["=1"], ["a="], ["a=1", "a=2"]):
        with pytest.raises(errors.ParameterError):
            grid_of(wrong)


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_one_of_many_gets_a_claim_and_keeps_it_while_it_lives(tmp_path: Path) -> None:
    claims = [Claims(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda each: each.take("point"), claims))
    assert sum(taken) == 1
    claims[taken.index(True)].release("point")
    assert Claims(tmp_path).take("point")


def test_the_claim_of_a_dead_process_is_taken_over_once(tmp_path: Path) -> None:
    code = (
        f"from neuro.sweeps.claims import Claims; from pathlib import Path; Claims(Path({str(tmp_path)!r})).take('a')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())
    assert (tmp_path / "a.0").exists()
    claims = [Claims(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda each: each.take("a"), claims))
    assert sum(taken) == 1
    claims[taken.index(True)].release("a")
    claims[0].clear("a")
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_another_machine_is_free_when_it_is_not_touched_any_more(tmp_path: Path) -> None:
    clock, theirs = Clock(), tmp_path / "a.0"
    theirs.write_text("00000000-1-1 far\n")
    assert not owner().startswith("00000000-")
    claims = Claims(tmp_path, clock)
    for beat in range(5):
        os.utime(theirs, (beat, beat))
        assert not claims.take("a")
        clock.now += STALE_SECONDS
    assert not claims.take("a")
    clock.now += STALE_SECONDS + 1
    assert claims.take("a")


def test_an_owner_touches_its_claims(tmp_path: Path) -> None:
    clock = Clock()
    claims = Claims(tmp_path, clock)
    claims.take("a")
    os.utime(tmp_path / "a.0", (0, 0))
    claims.beat()
    assert (tmp_path / "a.0").stat().st_mtime == 0
    clock.now += BEAT_SECONDS + 1
    claims.beat()
    assert time.time() - (tmp_path / "a.0").stat().st_mtime < 100


def test_a_cluster_without_workers_is_waited_for_and_then_named() -> None:
    clock, count = Clock(), 0
    with ThreadPoolExecutor(1) as pool:
        workers = Workers(pool, lambda: count, clock)
        assert workers.slots() == 0
        clock.now = LONGEST_WITHOUT - 1
        assert workers.slots() == 0
        count, clock.now = 3, clock.now + 10
        assert workers.slots() == 3
        count, clock.now = 0, clock.now + LONGEST_WITHOUT
        assert workers.slots() == 0
        clock.now += 3
        with pytest.raises(errors.SweepError, match="no workers for a minute"):
            workers.slots()


def test_a_scheduler_that_does_not_answer_is_named(toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(
        errors.ParameterError, match=r"scheduler: no Dask scheduler answers there; got .tcp://127.0.0.1:9"
    ):
        nr.sweep("toy", out=tmp_path / "out", scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize(
    "words", [["toy"], ["--out", "x"], ["toy", "--resume", "x"], ["--resume", "missing"], ["--resume", "."]]
)
def test_wrong_usage_ends_with_code_2(toy: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from neuro.cli import app

    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.chdir(folder)
        (Path(folder) / "sweep.json").write_text(json.dumps({"task": "toy"}))
        done = CliRunner().invoke(app, ["sweep", *words])
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr
