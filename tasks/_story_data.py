"""Stories as data: which part each belongs to by its text, and words as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

import numpy as np

from neuro.tasks._stories import (
    ANIMALS,
    BOXES,
    COLOURS,
    KINDS,
    LAST_LEVEL,
    LATER,
    LEFT,
    NUMBERS,
    OBJECTS,
    OWNERS,
    PEOPLE,
    PETS,
    PLACES,
    PRONOUN,
    SHAPES,
    SIDES,
    SPECIES,
    TOOK,
    WENT,
    Draw,
    Story,
)
from neuro.validation import Ints

Part = Literal["train", "validation", "test"]


def part_of(story: Story) -> Part:
    """The part of the data that a story belongs to, by a digest of its text: a tenth each is for validation and test.

    So no story that is trained with is ever tested with, whatever the seeds.
    """
    text = "\n".join((*story.sentences, story.question))
    digit = blake2b(text.encode(), digest_size=8).digest()[0] % 10
    return "test" if digit == 0 else "validation" if digit == 1 else "train"


def stories(kind: int, count: int, part: Part, seed: int, level: int = LAST_LEVEL) -> list[Story]:
    """Stories of a kind; those for validation and test are all different.

    >>> story = stories(1, 1, "train", seed=0)[0]
    >>> story.question.split()[:2], story.answer in PLACES
    (['where', 'is'], True)
    """
    draw, found, seen = Draw(seed, kind, level), list[Story](), set[Story]()
    while len(found) < count:
        story = KINDS[kind](draw)
        if part_of(story) == part and (part == "train" or story not in seen):
            found.append(story)
            seen.add(story)
    return found


def _words() -> tuple[str, ...]:
    """All words of all kinds, in alphabetical order."""
    phrases = [*PEOPLE, *PRONOUN.values(), *PLACES, *OBJECTS, *WENT, *TOOK, *LEFT, *LATER, *NUMBERS, *SPECIES]
    phrases += [*SPECIES.values(), *PETS, *ANIMALS, *COLOURS, *OWNERS, *SHAPES, *SIDES, *BOXES, "yes", "no"]
    phrases += ["where is the", "is no longer in", "how many objects is carrying", "gave to", "are afraid of what a"]
    phrases += ["what colour", "fits inside", "is bigger than", "does fit in", "and"]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))


WORDS = _words()
"""All words; in arrays word k is k + 1, and 0 is no word."""


class Encoded(NamedTuple):
    """Stories as numbers of words; sentences and questions end at the last place, 0 stands before them."""

    sentences: Ints
    """Shape (stories, sentences, words); a story begins at the first sentence, those after its end are 0."""
    questions: Ints
    """Shape (stories, words)."""
    answers: Ints
    """Shape (stories,)."""


def encode(found: Sequence[Story], sentences: int, words: int) -> Encoded:
    """Stories of at most so many sentences of at most so many words.

    >>> encode([Story(("mary went to the garden",), "where is mary", "garden")], 2, 6).sentences.shape
    (1, 2, 6)
    """
    number = {word: k for k, word in enumerate(WORDS, 1)}
    told = np.zeros((len(found), sentences, words), np.int64)
    asked = np.zeros((len(found), words), np.int64)
    for n, story in enumerate(found):
        for k, sentence in enumerate(story.sentences):
            codes = [number[word] for word in sentence.split()]
            told[n, k, words - len(codes) :] = codes
        codes = [number[word] for word in story.question.split()]
        asked[n, words - len(codes) :] = codes
    return Encoded(told, asked, np.array([number[story.answer] for story in found], np.int64))


def longest(kind: int) -> tuple[int, int]:
    """The most sentences of a story of a kind, and the most words of a sentence or question."""
    sentences = {1: 10, 2: 12, 6: 10, 7: 10, 9: 10, 11: 10, 12: 10, 15: 8, 16: 9, 17: 2, 18: 5}
    words = {1: 5, 2: 5, 6: 5, 7: 6, 9: 7, 11: 7, 12: 7, 15: 5, 16: 4, 17: 9, 18: 7}
    return sentences[kind], words[kind]
