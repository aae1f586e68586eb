"""Files to start from: a device, a chip, a task or a neuron of the user."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from neuro.errors import FileError, ParameterError, UnknownName
from neuro.files.writing import write_text
from neuro.paths import models_dir

__all__ = ["write_template"]

USE = {"device": "neuro device", "chip": "neuro chip", "task": "neuro run", "neuron": "neuro run"}
"""The command that shows a file of each kind."""
MODULES = {"task", "neuron"}
"""Kinds of files that are modules of Python."""


def write_template(kind: str, name: str) -> str:
    """Write a device, a chip, a task or a neuron called `name` into the current folder; returns what to do with it.

    Raises
    ------
    UnknownName
        If there is no such kind.
    ParameterError
        If a file, or for a task and a neuron a module, cannot have this name.
    FileError
        If there is such a file.
    """
    if kind not in USE:
        raise UnknownName("kind of template", kind, USE)
    module = kind in MODULES
    ending = ".py" if module else ".toml"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{,99}" if module else r"[A-Za-z0-9][A-Za-z0-9_-]{,99}", name):
        rule = "must be at most 100 letters, digits and underscores" + ("" if module else ", or dashes")
        raise ParameterError(rule, where="NAME", value=repr(name))
    path = Path(f"{name}{ending}")
    if path.exists():
        raise FileError("there is such a file already", where=str(path), remedy="Give another name")
    if module and find_spec(name) is not None:
        raise ParameterError("a module has this name already", where="NAME", value=repr(name))
    text = (models_dir() / "templates" / f"{kind}{ending}").read_text(encoding="utf-8")
    write_text(path, text.replace("NAME", name))
    return f"Written: {path}. It works as it is: {USE[kind]} {path}"
