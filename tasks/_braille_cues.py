"""Names as dots of Braille cells, and their distortions: the patterns and cues of the Braille memory."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from neuro.validation import Floats, frozen

NAMES = ("turing", "lovelace", "hopper", "shannon", "dijkstra", "knuth", "mccarthy", "hopfield", "backus")
"""The nine computer scientists of Yi et al., Nature Electronics 2022, padded with blank cells to `CELLS`."""

CELLS = 10

_ORDER = "1 12 14 145 15 124 1245 125 24 245 13 123 134 1345 135 1234 12345 1235 234 2345 136 1236 2456 1346 13456 1356"
DOTS = dict(zip("abcdefghijklmnopqrstuvwxyz", _ORDER.split(), strict=True))
"""Raised dots of each letter, 1-3 down the left column, 4-6 down the right.

Source: the letters of uncontracted (grade 1) English Braille; dots numbered as in Unicode's "BRAILLE PATTERN DOTS-...".
"""

TRAINING, TEST = 0, 1
"""The two halves of all distortions."""

FlipChance = Annotated[float, Field(ge=0.001, le=0.999)]
"""A flip probability: near 0 and 1 hardly any distortion lies in one of the halves, and `distort` would seek long."""


def encode(name: str) -> Floats:
    """A name as 60 dots, 0 or 1, six for each cell.

    >>> encode("a")[:7].tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    dots = np.zeros((CELLS, 6))
    for cell, letter in enumerate(name):
        dots[cell, [int(dot) - 1 for dot in DOTS[letter]]] = 1.0
    return dots.ravel()


@cache
def patterns() -> Floats:
    """The nine names, shape (9, 60)."""
    return frozen(np.stack([encode(name) for name in NAMES]))


def half(flipped: Any) -> Any:
    """The half of a distortion, TRAINING or TEST: the parity of the sum of the numbers of its flipped dots."""
    return (np.asarray(flipped) @ np.arange(CELLS * 6)).astype(int) % 2


def distort(words: Floats, p: Floats | float, part: int, rng: np.random.Generator) -> Floats:
    """Flip each dot of the words with probability p, using only the distortions of one half.

    Training and test never see the same distortion of a word, whatever the seeds.
    """
    flipped = np.zeros(words.shape, bool)
    open_rows = np.arange(len(words))
    chance = np.broadcast_to(np.asarray(p, float), (len(words),))
    while len(open_rows):
        flipped[open_rows] = rng.random((len(open_rows), words.shape[1])) < chance[open_rows, None]
        open_rows = open_rows[half(flipped[open_rows]) != part]
    return np.asarray(np.where(flipped, 1.0 - words, words))
