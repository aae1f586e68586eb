"""The command `neuro sweep`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neuro.commands.config import SWEEP, named_task, read_config, settings_from
from neuro.commands.errors import plain_errors
from neuro.commands.options import Config, Task
from neuro.files.options import path_option
from neuro.report.terminal import print_json

if TYPE_CHECKING:
    from neuro.progress import Progress
    from neuro.sweeps.plan import Plan
    from neuro.sweeps.run import SweepResult

__all__ = ["sweep_command"]

LINE_SECONDS = 30.0
"""How often a line tells of the progress where there is no terminal for a bar."""


def sweep_command(
    task: Task = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V,V", help="Values of a setting; repeat it for all combinations of several."),
    ] = None,
    zipped: Annotated[
        bool, typer.Option("--zip", help="First values together, second ones together, instead of all combinations.")
    ] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of each combination; 1 by default.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The first seed.")] = None,
    preset: Annotated[str | None, typer.Option(help="The settings to start from; smoke by default.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a setting of all points; may be repeated."),
    ] = None,
    config: Config = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes of this machine; 0, unless given: one for each core.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler whose workers compute the points.")
    ] = None,
    out: Annotated[Path | None, path_option("The folder of the sweep.", metavar="DIR")] = None,
    resume: Annotated[Path | None, path_option("Go on with the sweep in this folder.", metavar="DIR")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Run a task over a grid of settings and seeds, and make one table of the results.

    What is finished stays. The same command, or --resume DIR, goes on where a sweep was ended, and joins in where one
    is under way. A point that fails does not stop the others; the command then ends with code 1.
    """
    with plain_errors():
        from neuro.errors import ParameterError
        from neuro.sweeps.run import run_plan
        from neuro.sweeps.store import load_plan

        described = task, grid, zipped or None, seeds, seed, preset, overrides, config, out
        given = read_config(config, SWEEP)
        if resume is None:
            plan, folder = _plan(given, task, grid, zipped, seeds, seed, preset, overrides, out)
        elif any(each is not None for each in described):
            raise ParameterError(
                "the folder of a sweep says all of it", where="--resume", remedy="Give --workers or --scheduler alone"
            )
        else:
            plan, folder = load_plan(resume), resume
        with _told(plan.task) as progress:
            found = run_plan(
                plan,
                folder,
                workers=given.get("workers", 0) if workers is None else workers,
                scheduler=scheduler or given.get("scheduler"),
                progress=progress,
            )
        if as_json:
            print_json({"rows": found.rows, "failed": found.failed, "computed": found.computed})
        else:
            _print(found)
        if found.failed:
            number = f"{len(found.failed)} of {len(found.failed) + len(found.rows)} points failed"
            print(
                "\n".join([f"error: {number}", *(f"  {n}: {why}" for n, why in found.failed.items())]), file=sys.stderr
            )
            raise SystemExit(1)


def _plan(
    given: dict[str, Any], task: str | None, grid: list[str] | None, zipped: bool, seeds: int | None, seed: int | None,
    preset: str | None, overrides: list[str] | None, out: Path | None,
) -> tuple[Plan, Path]:  # fmt: skip
    from neuro.errors import ParameterError
    from neuro.sweeps.plan import Plan, grid_of, task_of, text_of

    if out is None:
        raise ParameterError("must be given", where="--out DIR", remedy="Or give --resume DIR alone")
    settings = {}
    for override in settings_from(given, overrides):
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise ParameterError("a setting is written key=value", value=repr(override))
        settings[key.strip().replace("-", "_")] = text
    plan = Plan(
        task=task_of(named_task(task, given)),
        preset=preset or given.get("preset", "smoke"),
        settings=settings,
        grid={key: [text_of(value) for value in values] for key, values in given.get("grid", {}).items()}
        | grid_of(grid or ()),
        zipped=zipped or given.get("zip", False),
        seeds=given.get("seeds", 1) if seeds is None else seeds,
        seed=given.get("seed") if seed is None else seed,
    )
    return plan, out


@contextmanager
def _told(task: str) -> Iterator[Progress]:
    """A bar on a terminal; elsewhere a line now and then, for the logs of a cluster."""
    if sys.stderr.isatty():
        from neuro.progress import bar

        with bar(f"sweep {task}") as drawn:
            yield drawn
        return
    told = time.monotonic()

    def tell(done: float, total: float, label: str) -> None:
        nonlocal told
        if time.monotonic() - told > LINE_SECONDS:
            told = time.monotonic()
            print(label, file=sys.stderr, flush=True)

    yield tell


def _print(found: SweepResult) -> None:
    there = len(found.rows) - found.computed
    typer.echo(f"{len(found.rows)} points: {found.computed} computed, {there} were there or are of other sweepers.")
    typer.echo(f"Written to {found.folder}: {', '.join(path.name for path in found.files)}")
