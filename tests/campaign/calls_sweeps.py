"""Good calls: sweeps of a small task, and what reads the reports of runs."""

from __future__ import annotations

import itertools
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import neuro as nr
from neuro.report import Report, write
from tests.campaign.calls_commands import any_of, command, number_text, option, refused, refused_but, with_coins, word
from tests.campaign.calls_run import called
from tests.campaign.kinds import choice, flag, instance, listed, mapping, number, path
from tests.campaign.recipe import Argument, Made, Recipe

__all__ = ["RECIPES"]

NUMBER = itertools.count()


class Inline(Executor):
    """Does each job at once, in this thread."""

    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def new_place() -> str:
    return f"sweep-{next(NUMBER)}"


def sweep(**given: Any) -> nr.SweepResult:
    return nr.sweep(**{"task": "coins", "out": new_place(), "executor": Inline(), "workers": 1} | given)


def finished() -> Path:
    """The folder of a sweep that is finished: to go on with it takes no time."""
    return sweep().folder


def reported() -> Path:
    """The folder of a run of the small task."""
    place = Path(new_place())
    write(Report(task="coins", preset="smoke", config={"tosses": 20}, metrics={"tosses": 20}), place)
    return place


RECIPES = [
    with_coins(Recipe("load_report", nr.load_report, {"path": Argument(Made(reported), path(), ("report",))})),
    with_coins(command("rerun", run=word(Made(reported)))),
    with_coins(
        Recipe(
            "sweep",
            sweep,
            {
                "task": Argument("coins", choice()),
                "grid": Argument(None, mapping(none=True)),
                "grid[tosses]": Argument(None, any_of, ("setting",), entry=lambda value: {"tosses": value}),
                "seeds": Argument(1, number(least=1, most=10**6, whole=True, longest=10)),
                "seed": Argument(None, number(least=0, whole=True, none=True)),
                "preset": Argument("smoke", choice()),
                "settings": Argument(None, mapping(none=True), ("setting",)),
                "zipped": Argument(False, flag()),
                "workers": Argument(1, number(least=0, whole=True)),
                "scheduler": Argument(None, listed("None")),
                "executor": Argument(Inline(), instance(none=True)),
                "progress": Argument(None, called),
                "out": Argument(Made(new_place), path(written=True)),
            },
        ),
    ),
    with_coins(
        command(
            "sweep",
            "--resume",
            finished,
            workers=option("workers", refused_but(number_text(least=0, whole=True))),
            seed=option("seed", refused, "resume"),
            grid=option("grid", refused, "resume"),
        )
    ),
]
