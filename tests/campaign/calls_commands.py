"""Good commands, and settings of tasks: one word at a time goes wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, get_args

from typer.testing import CliRunner

import neuro.tasks
from neuro.cli import app
from neuro.errors import NeuroError
from tests.campaign.calls_run import saved
from tests.campaign.kinds import EITHER, LEFT_OUT, REFUSED, RIGHT, Kind
from tests.campaign.recipe import Argument, Made, Recipe
from tests.campaign.values import Value

__all__ = [
    "COMMANDS",
    "RECIPES",
    "any_of",
    "command",
    "invoke_process",
    "number_text",
    "option",
    "refused",
    "refused_but",
    "with_coins",
    "word",
]

TEXTS = tuple(
    Value(repr(text)[:20], lambda text=text: text)
    for text in (
        *("", " ", "x", "é", "x" * 300, "x\ny", "\udc80", "None", "true", "{}", "[1", "~", "..", "/", "/dev/null"),
        *("missing/file", "x.json", "x.toml", "x.yaml", "x.h5", "-1", "0", "1", "1.5", "nan", "inf", "-inf", "1e300"),
        *("1e-320", "9" * 25, "a=b", "=", "a=", "=1", ",", "1,2", "1,,2", "1,true"),
    )
)


def invoke(*words: Any) -> None:
    """Run a command in this process; what it says when it ends with code 2 comes as a `NeuroError`."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, Exception):
        raise done.exception
    if done.exit_code == 2 and "Traceback" not in done.stderr:
        raise NeuroError(" ".join(done.stderr.split()))
    assert done.exit_code == 0, f"exit code {done.exit_code}: {done.stderr[-300:]}"


def invoke_process(*words: Any) -> None:
    """As `invoke`, in a process of its own, with the terminal's output and exit codes."""
    code = [sys.executable, "-c", "from neuro.cli import main; main()", *map(str, words)]
    home = os.pathsep.join([str(Path(neuro.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        code, capture_output=True, text=True, errors="replace", env={**os.environ, "PYTHONPATH": home}
    )
    if done.returncode == 2 and "Traceback" not in done.stderr:
        raise NeuroError(" ".join(done.stderr.split()))
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr[-300:]}"


def number_text(
    *, least: float | None = None, above: float | None = None, whole: bool = False, most: float = 1e9
) -> Kind:
    """Numbers in a range."""

    def judge(value: Value) -> str:
        try:
            found = (int if whole else float)(value.make())
        except ValueError:
            return REFUSED
        if found != found or found in (float("inf"), float("-inf")):
            return REFUSED
        if 0 < abs(found) < 1e-300 and above == 0:
            return REFUSED
        if (least is not None and found < least) or (above is not None and found <= above):
            return REFUSED
        return RIGHT if found < most else EITHER

    return judge


def refused(_: Value) -> str:
    return REFUSED


def any_of(_: Value) -> str:
    return EITHER


def refused_but(kind: Kind) -> Kind:
    """What is right is left out, for it takes long."""
    return lambda value: REFUSED if kind(value) == REFUSED else LEFT_OUT


def option(name: str, kind: Kind, *says: str, before: str = "") -> Argument:
    """An option of a command, with a text before its value: ``--set tosses=``."""
    return Argument((), kind, ("got", "no ", name, *says), entry=lambda value: (f"--{name}", f"{before}{value}"))


def command(name: str, /, *words: Any, **arguments: Argument) -> Recipe:
    """A command with its good words, and the options that go wrong one at a time."""

    def call(**given: Any) -> None:
        made = [word() if callable(word) else word for word in words]
        extra = [part for value in given.values() for part in (value if isinstance(value, tuple) else (value,))]
        invoke(*name.split(), *made, *extra)

    return Recipe(f"neuro {name}", call, arguments, values=TEXTS)


def word(good: str | Made) -> Argument:
    """The name that a command asks for."""
    return Argument(good, refused, ("no ", "'", "file", "is", "must", "name"))


def where_to(value: Value) -> str:
    """A place to write to. That this process could not print one of them says nothing about the command."""
    return LEFT_OUT if value.make() == "\udc80" else EITHER


SEED = number_text(least=0, whole=True)
MAP = ("hopfield@0.02", "--chip", "mesh:2x1:10", "--effort", "fast")
COINS = '''
    """Toss coins and count the heads."""
    from pydantic import BaseModel, ConfigDict, Field
    from neuro.report import Report

    class Config(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        seed: int = Field(0, ge=0)
        tosses: int = Field(10, gt=0)
        bias: float = Field(0.5, ge=0, le=1)
        loud: bool = False

    PRESETS = {"smoke": Config(), "paper": Config()}

    def run(config, *, out, progress):
        return Report(task="coins", metrics={"tosses": config.tosses})
'''


def with_coins(recipe: Recipe) -> Recipe:
    """The same recipe, with a small task beside those that come with neuro."""

    def call(**given: Any) -> None:
        folder = Path("made_tasks").resolve()
        folder.mkdir(exist_ok=True)
        (folder / "coins.py").write_text(textwrap.dedent(COINS))
        before = list(neuro.tasks.__path__)
        neuro.tasks.__path__ = [str(folder)]
        try:
            recipe.call(**given)
        finally:
            neuro.tasks.__path__ = before
            sys.modules.pop("neuro.tasks.coins", None)

    return Recipe(recipe.name, call, recipe.arguments, values=recipe.values)


COMMANDS = [
    with_coins(
        command(
            "run",
            "coins",
            preset=option("preset", refused),
            seed=option("seed", SEED),
            config=option("config", refused, "file", "configuration"),
            set=option("set", refused, "setting"),
            tosses=option("set", number_text(above=0, whole=True), "tosses", before="tosses="),
            bias=option(
                "set", lambda value: RIGHT if value.make() in ("0", "1", "1e-320") else REFUSED, "bias", before="bias="
            ),
            loud=option(
                "set", lambda value: EITHER if value.make() in ("true", "0", "1") else REFUSED, "loud", before="loud="
            ),
            out=option("out", where_to, "directory", "folder", "name"),
        )
    ),
    with_coins(command("run", task=word("coins"))),
    command(
        "energy",
        saved,
        "--chip",
        "loihi_davies2018",
        dt=option("dt", number_text(above=0, most=1e-300)),
        placement=option("placement", refused, "file"),
        chip=option("chip", refused, "chip", "file"),
        out=option("out", where_to, "directory", "folder", "name"),
    ),
    command("energy", "--chip", "loihi_davies2018", run=word(Made(saved))),
    command("chip", name=word("loihi_davies2018")),
    command("new", "chip", name=Argument("mine", any_of, ("NAME", "must", "file"))),
    command("export", saved, target=word("spikes.csv")),
    command("device", "ideal", "--json", seed=option("seed", SEED)),
    command("device", "--json", name=word("ideal")),
    command(
        "map",
        *MAP,
        objective=option("objective", refused),
        effort=option("effort", refused),
        seed=option("seed", SEED),
        spikes=option("spikes", refused, "file"),
        cores=option("cores", lambda value: EITHER if value.make() in ("1",) else REFUSED, "limited"),
        what_if=option("what-if", refused, "change"),
        read=option("read", refused, "file"),
        side=option(
            "what-if", lambda value: EITHER if value.make() in ("1", "1,2") else REFUSED, "side", before="side="
        ),
        neurons=option(
            "what-if",
            lambda value: EITHER if value.make() in ("1", "1,2", "9" * 25) else REFUSED,
            "neurons",
            before="neurons=",
        ),
        mix=option(
            "objective",
            lambda value: (
                RIGHT if value.make() in ("1", "1.5") else EITHER if value.make() in ("1e300", "9" * 25) else REFUSED
            ),
            "weight",
            before="km1=",
        ),
        write=option("write", where_to, "file", "folder", "write"),
        dt=option("dt", number_text(above=0, most=0)),
    ),
    command("map", "--chip", "mesh:2x1:10", "--effort", "fast", net=word("hopfield@0.02")),
    command(
        "map",
        "--chip",
        "mesh:2x1:10",
        "--effort",
        "fast",
        scale=Argument(
            "hopfield@0.02",
            lambda value: (
                EITHER if value.make() in ("", "1", "1e-320") else LEFT_OUT if value.make() == "1.5" else REFUSED
            ),
            ("scale", "hopfield", "neurons"),
            entry=lambda value: f"hopfield@{value}",
        ),
    ),
    command("map", "hopfield@0.02", "--effort", "fast", chip=option("chip", refused, "mesh", "file")),
    command("map", "hopfield@0.02", "--effort", "fast", mesh=option("chip", refused, "mesh", before="mesh:")),
    command(
        "map",
        "hopfield@0.02",
        "--effort",
        "fast",
        size=option("chip", refused_but(number_text(above=0, whole=True)), "mesh", "neurons", before="mesh:2x1:"),
    ),
    command(
        "bench engine",
        network=option("network", refused),
        peer=option("peer", refused),
        turns=option("turns", refused_but(number_text(above=0, whole=True))),
        threads=option("threads", refused_but(number_text(above=0, whole=True))),
    ),
]


def setting_kind(annotation: Any) -> Kind:
    """Settings that are numbers refuse what is none; of others a text may be right."""
    kinds = {annotation, *get_args(annotation)}
    if not kinds <= {int, float, type(None)}:
        return any_of
    number = number_text(whole=float not in kinds)

    def judge(value: Value) -> str:
        if value.make() == "None" and type(None) in kinds:
            return EITHER
        return EITHER if number(value) != REFUSED else REFUSED

    return judge


def settings(task: str) -> Recipe:
    """The settings of a task, as `--set` reads them."""
    module = neuro.tasks.load_task(task)

    def call(**given: Any) -> Any:
        return neuro.tasks.configure(module, "smoke", None, [text for value in given.values() for text in value])

    arguments = {
        key: Argument(
            (), setting_kind(field.annotation), ("setting",), entry=lambda value, key=key: (f"{key}={value}",)
        )
        for key, field in module.Config.model_fields.items()
    }
    return Recipe(f"neuro run {task} --set", call, arguments, values=TEXTS)


RECIPES = [*COMMANDS, *(settings(task) for task in neuro.tasks.list_tasks())]
