"""exp of eight numbers, not below zero, within two units in the last place; the same IEEE operations on any machine."""

from __future__ import annotations

from typing import Any

from neuro.jit import inlined
from neuro.simd import power_of_two

SHORT, MEDIUM = 2.0**-5, 0.34
"""Up to here a polynomial of degree 7 gives all bits, and one of degree 13."""
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
"""ln 2 in two parts: whole multiples of the first are exact."""
TO_WHOLE = 6755399441055744.0
"""1.5 times 2^52: a number plus this, less this, is the nearest whole number."""

__all__ = ["exp_lanes"]


@inlined
def long_polynomial(x: Any) -> Any:
    """exp for |x| up to MEDIUM."""
    y = x * (1.0 / 6227020800.0) + 1.0 / 479001600.0
    y = y * x + 1.0 / 39916800.0
    y = y * x + 1.0 / 3628800.0
    y = y * x + 1.0 / 362880.0
    y = y * x + 1.0 / 40320.0
    y = y * x + 1.0 / 5040.0
    y = y * x + 1.0 / 720.0
    y = y * x + 1.0 / 120.0
    y = y * x + 1.0 / 24.0
    y = y * x + 1.0 / 6.0
    y = y * x + 0.5
    y = y * x + 1.0
    return y * x + 1.0


@inlined
def short_polynomial(x: Any) -> Any:
    """exp for 0 <= x <= SHORT."""
    y = x * (1.0 / 5040.0) + 1.0 / 720.0
    y = y * x + 1.0 / 120.0
    y = y * x + 1.0 / 24.0
    y = y * x + 1.0 / 6.0
    y = y * x + 0.5
    y = y * x + 1.0
    return y * x + 1.0


@inlined
def reduced(x: Any) -> Any:
    """exp for any x in range."""
    whole = (x * LOG2_E + TO_WHOLE) - TO_WHOLE
    return long_polynomial((x - whole * LN2_HIGH) - whole * LN2_LOW) * power_of_two(whole)


@inlined
def exp_lanes(x: Any, most: float) -> Any:
    """exp of eight numbers in [0, most], where `most` is one constant of a run: it decides on the way, and the bits."""
    if most <= SHORT:
        y = short_polynomial(x)
    elif most <= MEDIUM:
        y = long_polynomial(x)
    else:
        y = reduced(x)
    return y
