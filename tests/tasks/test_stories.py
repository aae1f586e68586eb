"""Stories are judged by a reader that knows the sentences alone, not how they were drawn."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuro.tasks._stories import KINDS, LAST_LEVEL, PLACES, Story
from neuro.tasks._story_data import WORDS, encode, longest, part_of, stories

SINGULAR = {"mice": "mouse", "cats": "cat", "wolves": "wolf", "sheep": "sheep"}
LEVELS = st.integers(0, LAST_LEVEL)
MOVES = {"went", "moved", "travelled", "walked", "ran"}
NUMBER = ("none", "one", "two", "three")


def whereabouts(story: Story) -> tuple[dict[str, str], dict[str, set[str]], dict[str, str]]:
    """Where everybody and everything is at last, where they are known not to be, and who carries what."""
    at, never, carried = dict[str, str](), dict[str, set[str]](), dict[str, str]()
    before: list[str] = []
    for sentence in story.sentences:
        words = sentence.split()
        place = words[-1] if words[-1] in PLACES else None
        people = [word for word in words if word in {"mary", "john", "daniel", "sandra"}] or before
        before = people
        if "no" in words:
            never[people[0]] = {words[-1]}
            at.pop(people[0], None)
        elif place:
            at |= dict.fromkeys(people, place)
            for who in people:
                never.pop(who, None)
        elif "gave" in words:
            carried[words[3]] = people[1]
        elif words[-1] in carried and carried[words[-1]] == people[0]:
            del carried[words[-1]]
            at[words[-1]] = at.get(people[0], "")
        else:
            carried[words[-1]] = people[0]
    for thing, who in carried.items():
        at[thing] = at.get(who, "")
    return at, never, carried


def positions(story: Story) -> dict[str, tuple[int, int]]:
    """Where shapes lie, if the one that both sentences name is at the origin."""
    step = {"left": (-1, 0), "right": (1, 0), "above": (0, 1), "below": (0, -1)}
    told = []
    for sentence in story.sentences:
        words = sentence.split()
        told.append((" ".join(words[1:3]), step[words[4]], " ".join(words[-2:])))
    (middle,) = {told[0][0], told[0][2]} & {told[1][0], told[1][2]}
    found = {middle: (0, 0)}
    for one, (x, y), two in told:
        found |= {two: (-x, -y)} if one == middle else {one: (x, y)}
    return found


def is_larger(story: Story, large: str, small: str) -> bool:
    """Can it be proved by the sentences that the one is larger than the other?"""
    pairs = set()
    for sentence in story.sentences:
        words = sentence.split()
        pairs.add((words[-1], words[1]) if "inside" in words else (words[1], words[-1]))
    reached, grown = {large}, True
    while grown:
        more = {b for a, b in pairs if a in reached} - reached
        reached, grown = reached | more, bool(more)
    return small in reached - {large}


def answer(kind: int, story: Story) -> str:
    words = story.question.split()
    if kind in {1, 2, 11, 12}:
        return whereabouts(story)[0][words[-1]]
    if kind in {6, 9}:
        at, never, _ = whereabouts(story)
        assert words[1] in {*at, *never} or len(story.sentences) < 3
        return "yes" if at.get(words[1]) == words[-1] else "no"
    if kind == 7:
        return NUMBER[Counter(whereabouts(story)[2].values())[words[-2]]]
    if kind == 15:
        facts = [each.split() for each in story.sentences]
        (species,) = (fact[-1] for fact in facts if fact[0] == words[2])
        (fear,) = {fact[-1] for fact in facts if fact[1] == "are" and SINGULAR[fact[0]] == species}
        return SINGULAR[fear]
    if kind == 16:
        facts = [each.split() for each in story.sentences]
        kinds = {fact[0]: fact[3] for fact in facts if len(fact) == 4}
        (colour,) = {fact[2] for fact in facts if len(fact) == 3 and kinds.get(fact[0]) == kinds[words[-1]]}
        return colour
    if kind == 17:
        place = positions(story)
        (a, b), (c, d) = place[" ".join(words[2:4])], place[" ".join(words[-2:])]
        side = words[4]
        return "yes" if {"left": a < c, "right": a > c, "above": b > d, "below": b < d}[side] else "no"
    one, two = words[2], words[-1]
    large, small = (two, one) if words[0] == "does" else (one, two)
    proved = is_larger(story, large, small)
    assert proved or is_larger(story, small, large)
    return "yes" if proved else "no"


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), level=LEVELS)
def test_every_answer_follows_from_the_sentences(kind: int, seed: int, level: int) -> None:
    for story in stories(kind, 5, "train", seed, level):
        assert answer(kind, story) == story.answer, story


@pytest.mark.parametrize("kind", KINDS)
def test_no_story_is_in_two_parts(kind: int) -> None:
    parts = [set(stories(kind, 300, part, seed)) for part, seed in (("train", 1), ("validation", 1), ("test", 2))]
    assert all(not one & two for one, two in pairwise([*parts, parts[0]]))
    assert [part_of(story) for story in stories(kind, 3, "test", 3)] == ["test"] * 3
    assert len(parts[1]) == len(parts[2]) == 300


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), level=LEVELS)
def test_arrays_read_back_as_the_text_and_are_of_the_stated_size(kind: int, seed: int, level: int) -> None:
    found = stories(kind, 3, "train", seed, level)
    told, asked, answers = encode(found, *longest(kind))
    read = ["", *WORDS]
    for n, story in enumerate(found):
        rows = [" ".join(read[word] for word in row if word) for row in told[n] if row.any()]
        assert (tuple(rows), " ".join(read[word] for word in asked[n] if word)) == (story.sentences, story.question)
        assert read[answers[n]] == story.answer
        assert not told[n, len(story.sentences) :].any()


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_alone_is_right_in_two_thirds_of_the_stories(kind: int) -> None:
    counts = Counter(story.answer for story in stories(kind, 2000, "train", 7))
    assert max(counts.values()) / 2000 < 2 / 3


def test_the_same_seed_gives_the_same_stories_and_another_seed_others() -> None:
    for kind in KINDS:
        first = stories(kind, 20, "train", 5)
        assert first == stories(kind, 20, "train", 5)
        assert first != stories(kind, 20, "train", 6)
    assert np.unique([len(story.sentences) for story in stories(1, 200, "train", 0)]).tolist() == [2, 4, 6, 8, 10]
