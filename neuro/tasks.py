"""Tasks, the experiments that come with `neuro` and those of other packages and files: list, load and run them.

`neuro.tasks.braille` is the module of the task `braille`, in a checkout and in an installed wheel alike. An installed
package has tasks as entry points of the group `neuro.tasks`, each of which names a module.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from neuro.errors import DataError, ParameterError, UnknownName, WorkerDied
from neuro.files.writing import write_text
from neuro.progress import Progress, silent
from neuro.report.origin import Usage, provenance
from neuro.report.record import Report, fill, plain, staged
from neuro.system.interrupts import raise_interrupts

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter, ValidationError
    from pydantic.fields import FieldInfo

__all__ = ["Task", "configure", "list_tasks", "load_task", "run_configured", "run_task", "tasks_dir"]

_INSTALLED = Path(__file__).parent / "_tasks"
# This makes the module a package whose members are the tasks, wherever they lie; a process that unpickles one
# of their functions finds it by the same name.
__path__ = [str(_INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[1] / "tasks")]


class Task(Protocol):
    """Contents of the module of a task, beside a docstring of one sentence."""

    Config: type[BaseModel]
    """Every setting with its default: frozen, no unknown keys, one of them `seed`."""
    PRESETS: Mapping[str, BaseModel]
    """Configurations by name, among them `smoke` (seconds) and `paper` (the published result)."""

    @staticmethod
    def run(config: Any, *, out: Path | None, progress: Progress) -> Report:
        """Run the experiment; `out` is a directory for files of its own, or None."""


def tasks_dir() -> Path:
    """Where the modules of the tasks lie."""
    return Path(__path__[0])


def list_tasks() -> dict[str, str]:
    """Name and first sentence of every task, read without importing it; of another package, which one it is from."""
    own = {
        path.stem.replace("_", "-"): _sentence(path)
        for path in sorted(tasks_dir().glob("*.py"))
        if not path.stem.startswith("_")
    }
    return {name: f"from {entry.dist.name if entry.dist else entry.value}" for name, entry in _entries().items()} | own


def _entries() -> dict[str, EntryPoint]:
    """The tasks of other packages by name."""
    return {entry.name.replace("_", "-"): entry for entry in entry_points(group="neuro.tasks")}


def load_task(name: str) -> Task:
    """The module of a task.

    Parameters
    ----------
    name
        A name of `list_tasks`, or the path of a Python file with the contents of a `Task`. The file is run, as
        ``python FILE`` would, with its folder first among the places where modules are looked for.

    Raises
    ------
    UnknownName
        If there is no such task.
    DataError
        If there is no such file.
    ParameterError
        If the module cannot be imported, or lacks something that a task must have.
    """
    if name.endswith(".py"):
        module: Any = _module_of_file(Path(name))
    else:
        known = list_tasks()
        name = name.replace("_", "-")
        if name not in known:
            raise UnknownName("task", name, known)
        path = tasks_dir() / f"{name.replace('-', '_')}.py"
        if path.is_file():
            module = importlib.import_module(f"{__name__}.{path.stem}")
        else:
            module = _imported(_entries()[name].load, f"task {name!r}")
    missing = [part for part in ("Config", "PRESETS", "run") if not hasattr(module, part)]
    if not missing:
        missing = [f"preset {preset!r}" for preset in ("smoke", "paper") if preset not in module.PRESETS]
    if not missing and "seed" not in module.Config.model_fields:
        missing = ["setting 'seed'"]
    if missing:
        raise ParameterError(
            "a task needs Config with a seed, PRESETS with smoke and paper, and run",
            where=f"task {name!r}",
            value=f"one without {', '.join(missing)}",
        )
    return cast(Task, module)


def _module_of_file(path: Path) -> Any:
    """The module in a file of the user; processes that need its functions import it by the name of the file."""
    where = f"task {str(path)!r}"
    if not path.is_file():
        raise DataError("there is no such file", where=where)
    if not path.stem.isidentifier():
        raise ParameterError("the name of a task's file must be a name of Python", where=where, value=repr(path.stem))
    folder = str(path.resolve().parent)
    loaded = sys.modules.get(path.stem)
    if loaded is not None and Path(getattr(loaded, "__file__", None) or "").resolve() != path.resolve():
        rule = "the name of a task's file must not be that of another module"
        raise ParameterError(rule, where=where, value=repr(path.stem), remedy="Rename the file")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    found = importlib.util.find_spec(path.stem)
    if found is None or found.origin is None or Path(found.origin).resolve() != path.resolve():
        rule = "the name of a task's file must not be that of another module"
        raise ParameterError(rule, where=where, value=repr(path.stem), remedy="Rename the file")
    return _imported(lambda: importlib.import_module(path.stem), where)


def _imported(load: Callable[[], Any], where: str) -> Any:
    """What a function imports; what goes wrong in it is an error of the user's file, with the last line of it."""
    import traceback

    try:
        return load()
    except Exception as error:
        *_, last = traceback.extract_tb(error.__traceback__)
        place = f"{last.filename}, line {last.lineno}"
        if isinstance(error, SyntaxError):
            place = f"{error.filename}, line {error.lineno}"
        raise ParameterError(
            "the module of a task cannot be imported", where=where, value=f"{type(error).__name__}: {error} ({place})"
        ) from error


def configure(
    task: Task | str, preset: str = "smoke", seed: int | None = None, overrides: Sequence[str] = ()
) -> BaseModel:
    """The configuration of a run: a preset, with some settings replaced.

    Parameters
    ----------
    task
        A loaded task, or its name.
    preset
        Which of its configurations to start from.
    seed
        Root of the random draws; the preset's own where None.
    overrides
        Texts ``key=value``; a value is read as the type of its setting, several ones as ``1,2,3`` or as JSON.

    Raises
    ------
    UnknownName
        If the task, the preset or a key does not exist.
    ParameterError
        If a value cannot be read, or is not one that the setting can have.
    """
    module = load_task(task) if isinstance(task, str) else task
    if preset not in module.PRESETS:
        raise UnknownName("preset of this task", preset, module.PRESETS)
    start = module.PRESETS[preset]
    fields = module.Config.model_fields
    settings = {key: getattr(start, key) for key in fields}
    if seed is not None:
        settings["seed"] = seed
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise ParameterError("a setting is written key=value", value=repr(override))
        if key not in fields:
            raise UnknownName("setting of this task", key, fields)
        settings[key] = _parse(key, fields[key], text.strip())
    from pydantic import ValidationError

    try:
        return module.Config.model_validate(settings)
    except ValidationError as problem:
        raise _first_error(problem, fields) from None


def run_task(
    name: str,
    preset: str = "smoke",
    *,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Configure a task, run it, and write its report into `out`, whole or not at all.

    The task itself gets a directory that becomes `out` only when all is done, so what it writes there on the
    way vanishes with an interrupted run.

    Where a worker dies, what the others have finished is written beside `out`, to ``OUT.unfinished.json``.

    Raises
    ------
    UnknownName, ParameterError
        As `configure`; also, before the run, if `out` cannot be written.
    WorkerDied
        If one of the processes of the task dies.
    """
    return run_configured(name, configure(load_task(name), preset, seed, overrides), preset, out=out, progress=progress)


def run_configured(
    name: str,
    config: BaseModel,
    preset: str = "",
    *,
    out: Path | None = None,
    progress: Progress = silent,
    draw: bool = True,
) -> Report:
    """As `run_task`, of a task that is configured already.

    Parameters
    ----------
    config
        A `Config` of the task.
    preset
        The name of the preset that it started from, for the report.
    draw
        False: figures are not drawn. Those that the task has written itself are kept.

    Raises
    ------
    UnknownName, ParameterError, WorkerDied
        As `run_task`.
    """
    task = load_task(name)
    if out is None:
        return _run(task, name, preset, config, None, progress)
    try:
        with staged(out) as stage:
            report = _run(task, name, preset, config, stage, progress)
            written = {key: figure for key, figure in report.figures.items() if isinstance(figure, Path)}
            fill(report if draw else replace(report, figures=written), stage)
    except WorkerDied as died:
        results = [entry._asdict() if hasattr(entry, "_asdict") else entry for entry in died.results]
        rest = out.with_name(f"{out.name}.unfinished.json")
        write_text(rest, json.dumps(plain(results), allow_nan=False))
        died.add_note(f"What was finished is in {rest}")
        raise
    return report


def _run(task: Task, name: str, preset: str, config: BaseModel, out: Path | None, progress: Progress) -> Report:
    usage = Usage()
    with raise_interrupts():
        report = task.run(config, out=out, progress=progress)
    file = Path(name) if name.endswith(".py") else None
    own = {}
    if file is not None:
        own = {"task_file": str(file.resolve()), "task_sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return replace(
        report,
        task=(name if file is None else file.stem).replace("_", "-"),
        preset=preset,
        config=plain(config.model_dump()),
        provenance={**report.provenance, **provenance(config.seed, usage=usage), **own},  # type: ignore[attr-defined]
    )


def _sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _parse(key: str, field: FieldInfo, text: str) -> Any:
    """`text` as a value of the setting's type, or a ParameterError that says what is expected."""
    from typing import Annotated

    from pydantic import TypeAdapter, ValidationError

    # The field brings its limits along.
    annotation: Any = Annotated[field.annotation, field]
    reader: TypeAdapter[Any] = TypeAdapter(annotation)
    message = ""
    for read, tells in _readings(text, reader):
        try:
            value = read()
        except ValidationError as problem:
            message = problem.errors()[0]["msg"] if tells else message
        else:
            if isinstance(value, float) and not math.isfinite(value):
                raise ParameterError("must be a finite number", where=f"setting `{key}`", value=repr(text))
            return value
    raise _setting_error(key, message, text, field)


def _readings(text: str, reader: TypeAdapter[Any]) -> Iterator[tuple[Callable[[], Any], bool]]:
    """Functions that read a text, one for each of its possible meanings, and whether their error tells what is wrong.

    None, itself, JSON, a list with commas, or a list of this one value.
    """
    if text.lower() in ("none", "null"):
        yield lambda: reader.validate_python(None), True
    yield lambda: reader.validate_python(text), True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        yield lambda: reader.validate_python(parts), True
    else:
        # Strictly, or `true` would be a number.
        yield lambda: reader.validate_json(text, strict=True), True
        if not text.lstrip().startswith(("[", "{")):
            yield lambda: reader.validate_json(f"[{text}]", strict=True), False


def _first_error(problem: ValidationError, fields: Mapping[str, FieldInfo]) -> ParameterError:
    first = problem.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    return _setting_error(key, first["msg"], first["input"] if key else None, fields.get(key))


def _setting_error(key: str, message: str, value: object, field: FieldInfo | None) -> ParameterError:
    rule = message.replace("Input should be", "must be").removeprefix("Value error, ")
    return ParameterError(
        rule,
        where=f"setting `{key}`" if key else "settings",
        value=None if value is None else repr(value),
        remedy=(field.description or "") if field is not None else "",
    )
