"""One instant: a time that is within rounding of a whole nanosecond is that nanosecond.

0.6 ms + 0.5 ms and 1 ms + 0.1 ms are the same time, but not the same sums of doubles. So each time that is a sum, when
a spike arrives or a refractory time ends, is replaced by its *instant*: the double nearest to n nanoseconds if the time
is within 2^-48 of itself of that, and the time itself if not. An instant depends on the time alone. So it is the same
wherever a run is cut, whatever else the network has, and in whatever order; and later times have later instants, or
the same.
"""

from __future__ import annotations

import numpy as np

from neuro.jit import inlined
from neuro.validation import Floats

PER_SECOND = 1e9
"""Nanoseconds in a second."""
NEAR = 2.0**-48
"""A time that is no further than this from a whole nanosecond, in relation to itself, is that nanosecond."""
TO_WHOLE = 6755399441055744.0
"""1.5 times 2^52: a number below 2^51 plus this, less this, is the nearest whole number."""
LAST = 2.0**51
"""Times of more nanoseconds are left as they are."""

__all__ = ["LAST", "NEAR", "PER_SECOND", "TO_WHOLE", "instant_of", "instants_of"]


@inlined
def instant_of(t: float) -> float:
    """The instant of a time, s."""
    x = t * PER_SECOND
    n = (x + TO_WHOLE) - TO_WHOLE
    found = t
    if n < LAST and abs(x - n) <= NEAR * n:
        found = n / PER_SECOND
    return found


def instants_of(times: Floats) -> Floats:
    """`instant_of` for an array.

    >>> instants_of(np.array([0.6e-3 + 0.5e-3, 1e-3 + 0.1e-3, 0.00110001])).tolist()
    [0.0011, 0.0011, 0.00110001]
    """
    x = times * PER_SECOND
    n = np.rint(x)
    near = (n < LAST) & (np.abs(x - n) <= NEAR * n)
    return np.where(near, n / PER_SECOND, times)
