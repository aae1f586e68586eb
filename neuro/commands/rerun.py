"""The command `neuro rerun`: repeats a run, and says metric by metric whether the numbers are the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from neuro.commands.errors import plain_errors
from neuro.errors import ParameterError
from neuro.files.options import path_option, path_parser
from neuro.report.terminal import print_files, print_json, print_tables

if TYPE_CHECKING:
    from neuro.progress import Progress

__all__ = ["Compared", "compare", "repeat", "rerun_command"]


class Compared(NamedTuple):
    """One number of a run and of its repetition."""

    name: str
    before: Any
    now: Any
    same: bool
    """Whether they are equal, or not compared because they depend on the machine."""


def rerun_command(
    run: Annotated[Path, typer.Argument(parser=path_parser, metavar="DIR", help="The folder that --out wrote.")],
    out: Annotated[Path | None, path_option("Where to write the report of the repetition.", metavar="DIR")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Repeat a run of a task with its settings, and compare every metric and every figure of its energy.

    Exit code 0: all are the same, to the last bit. 1: some are not. What depends on the machine (seconds, memory) is
    not compared.
    """
    with plain_errors():
        from neuro.progress import bar
        from neuro.report.record import Table

        with bar(f"rerun {run}") as progress:
            found = repeat(run, out, progress)
        differing = [each for each in found if not each.same]
        if as_json:
            print_json({"same": not differing, "metrics": [each._asdict() for each in found]})
        else:
            shown = tuple((each.name, each.before, each.now, "yes" if each.same else "NO") for each in found)
            print_tables(Table(f"{run}, repeated", ("number", "before", "now", "same"), shown))
            if out is not None:
                print_files(out)
        if differing:
            names = ", ".join(each.name for each in differing)
            print(f"error: {len(differing)} of {len(found)} numbers are not the same: {names}", file=sys.stderr)
            raise SystemExit(1)


def repeat(run: Path, out: Path | None, progress: Progress) -> list[Compared]:
    """Run a task again with the settings of a report; the numbers of both.

    Raises
    ------
    DataError, ParameterError
        If there is no report, it is not of a task, or the task does not have its settings any more.
    UnknownName
        If there is no such task.
    """
    import hashlib

    from pydantic import ValidationError

    from neuro.report.record import as_dict
    from neuro.report.schema import read_record
    from neuro.tasks import load_task, run_configured

    record = read_record(run)
    origin = record.model_dump()["provenance"]
    if not record.preset:
        words = origin.get("command")
        remedy = f"Its command line was: {' '.join(words)}" if words else ""
        raise ParameterError("only a run of a task can be repeated", where=str(run), value=record.task, remedy=remedy)
    name = str(origin.get("task_file") or record.task)
    try:
        config = load_task(name).Config.model_validate(record.config)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = f"{run}, setting {'.'.join(map(str, first['loc']))}"
        raise ParameterError("the task does not take this any more", where=where, value=first["msg"]) from None
    if name.endswith(".py") and hashlib.sha256(Path(name).read_bytes()).hexdigest() != origin.get("task_sha256"):
        print(f"note: {name} has been edited since that run", file=sys.stderr)
    again = as_dict(run_configured(name, config, record.preset, out=out, progress=progress))
    return compare(record.model_dump(), again)


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Compared]:
    """The metrics of two reports and the numbers of their energy, by name; what only one has differs.

    >>> one = {"metrics": {"hits": 3, "build_seconds": 1.0}, "measured": ["build_seconds"], "energy": {"total": 1e-9}}
    >>> two = {"metrics": {"hits": 4, "build_seconds": 2.0}, "measured": ["build_seconds"], "energy": {"total": 1e-9}}
    >>> [(each.name, each.same) for each in compare(one, two)]
    [('hits', False), ('build_seconds', True), ('energy.total', True)]
    """
    first, second = dict(_numbers(before)), dict(_numbers(now))
    measured = {*before["measured"], *now["measured"]}
    return [
        Compared(name, first.get(name), second.get(name), name in measured or _same(name, first, second))
        for name in dict.fromkeys((*first, *second))
    ]


def _numbers(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from report["metrics"].items()
    yield from _leaves(report["energy"], "energy")


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(entry, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _leaves(entry, f"{name}[{index}]")
    else:
        yield name, value


def _same(name: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return name in first and name in second and bool(first[name] == second[name])
