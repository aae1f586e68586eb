"""Draws short stories with a question, of eleven kinds.

The kinds are those of J. Weston et al., "Towards AI-complete question answering" (2015, bAbI), by their numbers. The
worlds, sentences and distributions are ours: `docs/stories.md` writes them down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

PEOPLE = ("mary", "john", "daniel", "sandra")
PRONOUN = {"mary": "she", "john": "he", "daniel": "he", "sandra": "she"}
PLACES = ("bathroom", "hallway", "garden", "office", "bedroom", "kitchen")
OBJECTS = ("football", "milk", "apple")
WENT = ("went to", "moved to", "travelled to", "walked to", "ran to")
TOOK = ("took", "grabbed", "picked up", "got")
LEFT = ("dropped", "left", "discarded", "put down")
LATER = ("then", "afterwards", "later", "after that")
NUMBERS = ("none", "one", "two", "three")
SPECIES = {"mouse": "mice", "cat": "cats", "wolf": "wolves", "sheep": "sheep"}
PETS = ("gertrude", "winona", "jessica", "emily")
ANIMALS = ("swan", "lion", "frog", "rhino")
COLOURS = ("white", "grey", "green", "yellow")
OWNERS = ("lily", "bernhard", "greg", "brian", "julius")
SHAPES = tuple(f"{colour} {form}" for colour in ("red", "blue", "pink") for form in ("square", "triangle", "sphere"))
SIDES = {"left of": (-1, 0), "right of": (1, 0), "above": (0, 1), "below": (0, -1)}
BOXES = ("chocolate", "suitcase", "box", "chest", "container", "bag")
LAST_LEVEL = 4
"""The level of the whole task; lower ones have shorter and simpler stories, to begin with."""


class Story(NamedTuple):
    """Sentences in the order in which they are told, a question, and its answer of one word."""

    sentences: tuple[str, ...]
    question: str
    answer: str


class Draw:
    """Random choices for the stories of one kind and level."""

    def __init__(self, seed: int, kind: int, level: int) -> None:
        # All choices are made of `random`, whose numbers are the same in every version of Python.
        self.random = Random(f"{kind} {level} {seed}").random
        self.level = level

    def below(self, count: int) -> int:
        """A whole number from 0 on, less than `count`."""
        return int(self.random() * count)

    def one(self, items: Sequence[Item]) -> Item:
        """One of some items."""
        return items[self.below(len(items))]

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """Different items, in random order."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(count)]

    def chance(self, share: float) -> bool:
        """True in this share of all cases."""
        return self.random() < share

    def number(self, least: int, most: int) -> int:
        """A number of sentences between `least` and `most`, which grows with the level."""
        highest = least + round((most - least) * self.level / LAST_LEVEL)
        return least + self.below(highest - least + 1)


def move(draw: Draw, who: str, place: str) -> str:
    """A sentence that tells where somebody went."""
    return f"{who} {draw.one(WENT)} the {place}"


def where_is(draw: Draw) -> Story:
    """1: people go from place to place; where is one of them?"""
    at: dict[str, str] = {}
    told = []
    for _ in range(2 * draw.number(1, 5)):
        who, place = draw.one(PEOPLE), draw.one(PLACES)
        at[who] = place
        told.append(move(draw, who, place))
    who = draw.one(list(at))
    return Story(tuple(told), f"where is {who}", at[who])


def where_is_object(draw: Draw) -> Story:
    """2: people carry objects about; where is one of these?"""
    while True:
        at: dict[str, str] = {}
        carried: dict[str, str] = {}
        lies: dict[str, str] = {}
        told = []
        for _ in range(draw.number(3, 12)):
            who, k = draw.one(PEOPLE), draw.random()
            own = [thing for thing in OBJECTS if carried.get(thing) == who]
            free = [x for x in OBJECTS if x not in carried and lies.get(x, at.get(who)) == at.get(who)]
            if who in at and free and k < 0.3:
                thing = draw.one(free)
                carried[thing] = who
                lies.pop(thing, None)
                told.append(f"{who} {draw.one(TOOK)} the {thing}")
            elif own and k < 0.42:
                thing = draw.one(own)
                lies[thing] = at[carried.pop(thing)]
                told.append(f"{who} {draw.one(LEFT)} the {thing}")
            else:
                at[who] = draw.one([place for place in PLACES if place != at.get(who)])
                told.append(move(draw, who, at[who]))
        known = [thing for thing in OBJECTS if thing in carried or thing in lies]
        if known:
            thing = draw.one(known)
            return Story(tuple(told), f"where is the {thing}", lies.get(thing) or at[carried[thing]])


def other_place(draw: Draw, at: dict[str, str], who: str) -> str:
    """A place where somebody is not; in half of the cases one where somebody else is, if there is one."""
    near = [place for name, place in at.items() if name != who and place != at[who]]
    return draw.one(near if near and draw.chance(0.5) else [place for place in PLACES if place != at[who]])


def is_in(draw: Draw) -> Story:
    """6: as 1; is somebody in a place?"""
    at: dict[str, str] = {}
    told = []
    if draw.level == 0:
        for who in draw.some(PEOPLE, 1 + draw.below(2)):
            at[who] = draw.one(PLACES)
            told.append(move(draw, who, at[who]))
        return _about_somebody(draw, tuple(told), at)
    for _ in range(2 * draw.number(1, 5)):
        who, place = draw.one(PEOPLE), draw.one(PLACES)
        at[who] = place
        told.append(move(draw, who, place))
    who = draw.one(list(at))
    yes = draw.chance(0.5)
    place = at[who] if yes else other_place(draw, at, who)
    return Story(tuple(told), f"is {who} in the {place}", "yes" if yes else "no")


def _about_somebody(draw: Draw, told: tuple[str, ...], at: dict[str, str]) -> Story:
    """A first question: no, if the person or the place is not in the story, so each word alone tells something."""
    who, k = draw.one(list(at)), draw.random()
    place = at[who]
    if 0.5 <= k < 0.75:
        place = draw.one([each for each in PLACES if each != at[who]])
    elif k >= 0.75:
        who = draw.one([each for each in PEOPLE if each not in at])
    return Story(told, f"is {who} in the {place}", "yes" if k < 0.5 else "no")


def how_many(draw: Draw) -> Story:
    """7: three people take, drop and give objects; how many does one of them carry?"""
    people = PEOPLE[:3]
    carried: dict[str, str] = {}
    told, named = [], set()
    for _ in range(draw.number(2, 10)):
        who, k = draw.one(people), draw.random()
        own = [thing for thing in OBJECTS if carried.get(thing) == who]
        free = [thing for thing in OBJECTS if thing not in carried]
        named.add(who)
        if free and k < 0.45:
            thing = draw.one(free)
            carried[thing] = who
            told.append(f"{who} {draw.one(TOOK)} the {thing}")
        elif own and k < 0.65:
            thing = draw.one(own)
            del carried[thing]
            told.append(f"{who} {draw.one(LEFT)} the {thing}")
        elif own and k < 0.75:
            thing, other = draw.one(own), draw.one([each for each in people if each != who])
            carried[thing] = other
            named.add(other)
            told.append(f"{who} gave the {thing} to {other}")
        else:
            told.append(move(draw, who, draw.one(PLACES)))
    numbers = {who: sum(each == who for each in carried.values()) for who in sorted(named)}
    wanted = draw.one(sorted(set(numbers.values())))
    who = draw.one([each for each, number in numbers.items() if number == wanted])
    return Story(tuple(told), f"how many objects is {who} carrying", NUMBERS[wanted])


def is_in_or_not(draw: Draw) -> Story:
    """9: as 6, but some sentences say where somebody is no longer."""
    at: dict[str, str] = {}
    gone: dict[str, str] = {}
    told = []
    if draw.level == 0:
        people = draw.some(PEOPLE, 1 + draw.below(2))
    else:
        people = [draw.one(PEOPLE) for _ in range(2 * draw.number(1, 5))]
    for who in people:
        place = draw.one(PLACES)
        at.pop(who, None)
        gone.pop(who, None)
        if draw.chance(0.35):
            gone[who] = place
            told.append(f"{who} is no longer in the {place}")
        else:
            at[who] = place
            told.append(f"{who} is in the {place}" if draw.chance(1 / 6) else move(draw, who, place))
    if draw.level == 0 and at and draw.chance(0.5):
        return _about_somebody(draw, tuple(told), at)
    who = draw.one(sorted({*at, *gone}))
    if who in gone:
        return Story(tuple(told), f"is {who} in the {gone[who]}", "no")
    yes = draw.chance(0.6)
    place = at[who] if yes else other_place(draw, at, who)
    return Story(tuple(told), f"is {who} in the {place}", "yes" if yes else "no")


def where_did_they_go(draw: Draw) -> Story:
    """11: as 1, but every second sentence has a pronoun for the person of the one before."""
    at: dict[str, str] = {}
    told = []
    for _ in range(draw.number(1, 5)):
        who, places = draw.one(PEOPLE), draw.some(PLACES, 2)
        told += [move(draw, who, places[0]), f"{draw.one(LATER)} {move(draw, PRONOUN[who], places[1])}"]
        at[who] = places[1]
    who = draw.one(list(at))
    return Story(tuple(told), f"where is {who}", at[who])


def where_are_they(draw: Draw) -> Story:
    """12: as 1, with two people in each sentence."""
    at: dict[str, str] = {}
    told = []
    for _ in range(2 * draw.number(1, 5)):
        (one, two), place = draw.some(PEOPLE, 2), draw.one(PLACES)
        at[one] = at[two] = place
        told.append(move(draw, f"{one} and {two}", place))
    who = draw.one(list(at))
    return Story(tuple(told), f"where is {who}", at[who])


def afraid_of(draw: Draw) -> Story:
    """15: each kind of animal fears another, and each pet is of a kind; what does a pet fear?"""
    kinds = list(SPECIES)
    fears = {kind: draw.one([each for each in kinds if each != kind]) for kind in kinds}
    kind_of = {pet: draw.one(kinds) for pet in PETS}
    pet = draw.one(PETS)
    needed = [f"{SPECIES[kind_of[pet]]} are afraid of {SPECIES[fears[kind_of[pet]]]}", f"{pet} is a {kind_of[pet]}"]
    others = [f"{SPECIES[kind]} are afraid of {SPECIES[fear]}" for kind, fear in fears.items() if kind != kind_of[pet]]
    others += [f"{name} is a {kind}" for name, kind in kind_of.items() if name != pet]
    told = needed + draw.some(others, _extra(draw, len(others)))
    return Story(tuple(draw.some(told, len(told))), f"what is {pet} afraid of", fears[kind_of[pet]])


def _extra(draw: Draw, most: int) -> int:
    """How many sentences that are not needed: all at the last level, none or one at the first."""
    return most if draw.level == LAST_LEVEL else min(most, draw.level + draw.below(2))


def what_colour(draw: Draw) -> Story:
    """16: four animals have a kind and, by kind, a colour; which colour has a fifth, whose kind is told?"""
    owners = draw.some(OWNERS, len(OWNERS))
    colour = {kind: draw.one(COLOURS) for kind in ANIMALS}
    kinds = [draw.one(ANIMALS) for _ in range(4)]
    example, last = draw.below(4), owners[4]
    facts = [[f"{who} is a {kind}", f"{who} is {colour[kind]}"] for who, kind in zip(owners, kinds, strict=False)]
    needed = [f"{last} is a {kinds[example]}", *facts.pop(example)]
    others = [fact for pair in facts for fact in pair]
    told = needed + draw.some(others, _extra(draw, len(others)))
    return Story(tuple(draw.some(told, len(told))), f"what colour is {last}", colour[kinds[example]])


def is_beside(draw: Draw) -> Story:
    """17: two sentences place three shapes on a plane; does a relation hold between two of them?"""
    while True:
        first, middle, last = draw.some(SHAPES, 3)
        place, told = {middle: (0, 0)}, []
        for shape in (first, last):
            side = draw.one(list(SIDES))
            x, y = SIDES[side]
            if draw.chance(0.5):
                place[shape] = (x, y)
                told.append((shape, side, middle))
            else:
                place[shape] = (-x, -y)
                told.append((middle, side, shape))
        asked = draw.some([first, middle, last], 2)
        if draw.level < 2:
            one, _, two = draw.one(told)
            asked = [one, two] if draw.level == 0 or draw.chance(0.5) else [two, one]
        side = draw.one(list(SIDES))
        (a, b), (c, d), (x, y) = place[asked[0]], place[asked[1]], SIDES[side]
        along = (a - c) * x + (b - d) * y
        if (a, b) == (c, d) or (along <= 0 and draw.chance(0.5)):
            continue  # as many yes as no, nearly
        sentences = [f"the {one} is {side_told} the {two}" for one, side_told, two in draw.some(told, 2)]
        question = f"is the {asked[0]} {side} the {asked[1]}"
        return Story(tuple(sentences), question, "yes" if along > 0 else "no")


def fits_in(draw: Draw) -> Story:
    """18: sentences order four of six things by size; does one fit in another?"""
    things = draw.some(BOXES, 4)  # from small to large
    pairs = [(i, i + 1) for i in (0, 1, 2, *(draw.below(3) for _ in range(draw.below(3))))]
    told = []
    for small, large in pairs:
        inside = draw.chance(1.0 - draw.level / (2 * LAST_LEVEL))
        told.append(
            f"the {things[small]} fits inside the {things[large]}"
            if inside
            else f"the {things[large]} is bigger than the {things[small]}"
        )
    steps = 1 if draw.level < 2 else 1 + draw.below(2)
    small = draw.below(4 - steps)
    large = small + steps
    if draw.level < 2:
        needed = pairs.index((small, large))
        told = [told[needed], *draw.some([each for k, each in enumerate(told) if k != needed], 1 + draw.level)]
    elif draw.level == 2:
        told = told[:3]
    yes = draw.chance(0.5)
    one, two = (small, large) if yes else (large, small)
    if draw.chance((1.0, 0.75, 0.5, 0.5, 0.5)[draw.level]):
        question = f"does the {things[one]} fit in the {things[two]}"
    else:
        question = f"is the {things[two]} bigger than the {things[one]}"
    return Story(tuple(draw.some(told, len(told))), question, "yes" if yes else "no")


KINDS: dict[int, Callable[[Draw], Story]] = {
    1: where_is,
    2: where_is_object,
    6: is_in,
    7: how_many,
    9: is_in_or_not,
    11: where_did_they_go,
    12: where_are_they,
    15: afraid_of,
    16: what_colour,
    17: is_beside,
    18: fits_in,
}
