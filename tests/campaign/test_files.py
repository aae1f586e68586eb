"""Valid files with random damage: every reader refuses them by name, or reads what they say; none crashes or hangs.

An ordinary run tries a few of each kind; ``NEURO_DAMAGED=1000`` tries a thousand.
"""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuro.errors import NeuroError
from tests.files.samples import READ, Format, summary

pytestmark = pytest.mark.campaign

MOST = int(os.environ.get("NEURO_DAMAGED", "0"))
"""Files of each kind; 0: a few."""
QUICK = {"state.h5": 5, "stream.h5": 10, "recording.h5": 10, "network.nir": 15}
"""Files of each kind in the ordinary run, where it is not 25: some readers take long."""
WORDS = [
    b"",
    b"0",
    b"-1",
    b"1e400",
    b"nan",
    b"9" * 400,
    b"0.7",
    b"null",
    b'""',
    b"[]",
    b"{}",
    b"true",
    b"&a ",
    b"*a",
    b"\xff",
]


@cache
def valid(kind: Format) -> bytes:
    """The bytes of a valid file of this kind."""
    with tempfile.TemporaryDirectory() as folder:
        kind.write(Path(folder) / kind.name)
        return (Path(folder) / kind.name).read_bytes()


@st.composite
def damaged(draw: st.DrawFn, kind: Format) -> bytes:
    """A valid file after one to four changes: bits, bytes, numbers, a cut, a part moved, doubled or left out."""
    found = bytearray(valid(kind))
    for _ in range(draw(st.integers(1, 4))):
        size = len(found)
        place, other = draw(st.integers(0, size)), draw(st.integers(0, size))
        first, last = min(place, other), max(place, other)
        last = min(last, first + 300)
        match draw(
            st.sampled_from(["bit", "bytes", "cut", "leave out", "double", "word", "number", "zeros", "splice"])
        ):
            case "bit" if place < size:
                found[place] ^= 1 << draw(st.integers(0, 7))
            case "bytes":
                found[first : first + 8] = draw(st.binary(max_size=12))
            case "cut":
                del found[place:]
            case "leave out":
                del found[first:last]
            case "double":
                found[last:last] = found[first:last]
            case "word":
                found[first:first] = draw(st.sampled_from(WORDS))
            case "number":
                numbers = [each.span() for each in re.finditer(rb"[-+.0-9eE]{1,20}", bytes(found))]
                if numbers:
                    a, b = draw(st.sampled_from(numbers))
                    found[a:b] = draw(st.sampled_from(WORDS))
            case "zeros":
                found[first:last] = bytes(last - first)
            case "splice":
                donor = valid(draw(st.sampled_from(READ)))
                found[first:last] = donor[first:last]
    return bytes(found)


def check(kind: Format, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / kind.name
        path.write_bytes(content)
        try:
            found = summary(kind.read(path))
        except NeuroError as problem:
            assert str(problem)  # noqa: PT017 - one of the two holds
        else:
            good = summary(kind.read(undamaged(folder, kind))) if kind.sums else found
            assert found == good


def undamaged(folder: str, kind: Format) -> Path:
    path = Path(folder) / "good" / kind.name
    path.parent.mkdir()
    path.write_bytes(valid(kind))
    return path


RELAXED = [
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
    HealthCheck.filter_too_much,
]


@pytest.mark.parametrize("kind", READ, ids=str)
def test_a_damaged_file_is_refused_or_read_as_it_is(kind: Format) -> None:
    most = MOST or QUICK.get(kind.name, 25)

    @settings(max_examples=most, deadline=None, suppress_health_check=RELAXED, database=None)
    @given(damaged(kind))
    def law(content: bytes) -> None:
        check(kind, content)

    law()
