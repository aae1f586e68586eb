"""Configuration files of commands, in TOML: what the command line would say, in a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuro.errors import ParameterError, UnknownName

__all__ = ["RUN", "SWEEP", "named_task", "read_config", "settings_from"]

RUN = ("task", "preset", "seed", "set")
"""What a file for `neuro run` may say."""
SWEEP = (*RUN, "grid", "zip", "seeds", "workers", "scheduler")
"""What a file for `neuro sweep` may say."""

_KINDS: Mapping[str, tuple[type, str]] = {
    "task": (str, "a text"),
    "preset": (str, "a text"),
    "scheduler": (str, "a text"),
    "seed": (int, "a whole number"),
    "seeds": (int, "a whole number"),
    "workers": (int, "a whole number"),
    "zip": (bool, "true or false"),
    "set": (dict, "a table of settings"),
    "grid": (dict, "a table of lists"),
}


def read_config(path: Path | None, known: Collection[str]) -> dict[str, Any]:
    """What a file says, by the names of options; nothing without a file.

    Raises
    ------
    ParameterError
        If it is no TOML, or an entry is not what its option takes.
    UnknownName
        If it has an entry that the command does not know.
    """
    if path is None:
        return {}
    from neuro.files.reading import read_toml

    found = read_toml(path, ParameterError, "a configuration")
    for key, value in found.items():
        if key not in known:
            raise UnknownName(f"entry of {path}", key, known)
        kind, words = _KINDS[key]
        wrong = not isinstance(value, kind)
        if wrong or (isinstance(value, int) and kind is int and (isinstance(value, bool) or value < 0)):
            raise ParameterError(f"must be {words}", where=f"{path}, {key}", value=repr(value))
    for key, values in found.get("grid", {}).items():
        if not isinstance(values, list):
            raise ParameterError("must be a list of values", where=f"{path}, grid.{key}", value=repr(values))
    return found


def named_task(task: str | None, found: Mapping[str, Any]) -> str:
    """The task that the command line names, or else the file.

    Raises
    ------
    ParameterError
        If neither does.
    """
    named: str | None = task or found.get("task")
    if named is None:
        raise ParameterError("must be given", where="TASK", remedy="`neuro list` names the tasks")
    return named


def settings_from(found: Mapping[str, Any], overrides: Sequence[str] | None) -> list[str]:
    """Texts ``key=value`` from a file, and then those of the command line, which count where both say something."""
    from neuro.sweeps.plan import text_of

    return [*(f"{key}={text_of(value)}" for key, value in found.get("set", {}).items()), *(overrides or ())]
