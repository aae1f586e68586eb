"""A recipe: a good call of something public, with the kind of each of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.kinds import LEFT_OUT, REFUSED, Kind
from tests.campaign.values import VALUES, Value

__all__ = ["Argument", "Case", "Made", "Recipe", "cases_of"]


@dataclass(frozen=True)
class Made:
    """A good value that is made anew for each call."""

    make: Callable[[], Any]


@dataclass(frozen=True)
class Argument:
    """One argument, or one entry of an argument: its good value, its kind, and the words that may name it."""

    good: Any
    kind: Kind
    says: tuple[str, ...] = ()
    """Words of an error that name the argument, besides its own name."""
    entry: Callable[[Any], Any] | None = None
    """Puts a value into the argument, if it is an entry of it: ``"inputs[cue]"`` is one of ``inputs``."""
    wrong: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """More values, by label, each of which must be refused."""

    def value(self) -> Any:
        return self.good.make() if isinstance(self.good, Made) else self.good


@dataclass(frozen=True)
class Recipe:
    """A good call, of which one argument at a time goes wrong."""

    name: str
    call: Callable[..., Any]
    arguments: dict[str, Argument]
    shows: bool = False
    """What was given can be read off the result, by the argument's name."""

    values: tuple[Value, ...] = VALUES
    """The bad values."""

    def good(self) -> dict[str, Any]:
        return {
            name: each.value() for name, each in self.arguments.items() if each.entry is None or each.good is not None
        }


@dataclass(frozen=True)
class Case:
    """One argument of a recipe with one value."""

    recipe: Recipe
    argument: str
    value: Value
    expected: str

    @property
    def label(self) -> str:
        return f"{self.recipe.name}({self.argument}={self.value.label})"

    @property
    def words(self) -> tuple[str, ...]:
        """The words of which a refusal has one."""
        own = self.argument.partition("[")[0]
        return (own, own.replace("_", " "), *self.recipe.arguments[self.argument].says)

    def run(self) -> Any:
        argument, value = self.recipe.arguments[self.argument], self.value.make()
        given = self.recipe.good()
        given[self.argument.partition("[")[0]] = value if argument.entry is None else argument.entry(value)
        return self.recipe.call(**given)


def cases_of(recipe: Recipe) -> Iterator[Case]:
    """Every argument of a recipe with every value."""
    for name, argument in recipe.arguments.items():
        for value in recipe.values:
            expected = argument.kind(value)
            if expected != LEFT_OUT:
                yield Case(recipe, name, value, expected)
        for label, make in argument.wrong.items():
            yield Case(recipe, name, Value(label, make), REFUSED)
