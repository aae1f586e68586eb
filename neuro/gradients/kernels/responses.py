"""What a unit of each quantity does to v after a time, and the derivatives of that, without cancellation."""

from __future__ import annotations

from math import exp, expm1

from neuro.jit import inner

__all__ = [
    "drive_response",
    "drive_response_by_leak",
    "integral",
    "integrals_by",
    "response",
    "response_by",
    "response_of",
]

APART = 0.1
"""Above this product, the difference of two exponentials loses no more than a digit."""
SERIES = 0.5
"""Products of a time and a difference of rates below this are put into a series."""


@inner
def drive_response(leak: float, u: float) -> float:
    """v after `u` seconds of a unit drive: int_0^u exp(-leak s) ds."""
    return -expm1(-leak * u) / leak if leak != 0.0 else u


@inner
def drive_response_by_leak(leak: float, u: float) -> float:
    """Derivative of `drive_response` with respect to the leak."""
    return response_by(leak, 0.0, u)[0] if leak != 0.0 else 0.0


@inner
def response(leak: float, rate: float, u: float) -> float:
    """v at `u` seconds after a unit current: (exp(-rate u) - exp(-leak u)) / (leak - rate), at equal rates too."""
    x = abs(leak - rate) * u
    shape = -expm1(-x) / x if x > 1e-9 else 1.0 - 0.5 * x
    return u * exp(-min(leak, rate) * u) * shape


@inner
def response_of(leak: float, rate: float, u: float, left: float, faded: float) -> float:
    """`response`, where exp(-leak u) and exp(-rate u) are known."""
    x = (leak - rate) * u
    return (faded - left) / (leak - rate) if abs(x) > APART else response(leak, rate, u)


@inner
def response_by(leak: float, rate: float, u: float) -> tuple[float, float]:
    """Derivatives of `response` with respect to leak and rate.

    With f(x) = (e^x - 1)/x, x = (leak - rate) u, the response is u exp(-leak u) f(x).
    """
    x = (leak - rate) * u
    if abs(x) < SERIES:
        term, of_f, rest = 1.0, 0.0, 0.0
        # f' = sum x^n / (n! (n + 2)),  f - f' = sum x^n / (n + 2)!
        for n in range(16):
            of_f += term / (n + 2.0)
            rest += term / ((n + 1.0) * (n + 2.0))
            term *= x / (n + 1.0)
        scale = u * u * exp(-leak * u)
        return -scale * rest, -scale * of_f
    value, apart = response(leak, rate, u), leak - rate
    return (u * exp(-leak * u) - value) / apart, (value - u * exp(-rate * u)) / apart


@inner
def integral(leak: float, rate: float, u: float) -> float:
    """int_0^u of `response`."""
    if leak == 0.0:
        return -response_by(0.0, rate, u)[0]
    return (drive_response(rate, u) - response(leak, rate, u)) / leak


@inner
def integrals_by(leak: float, rate: float, u: float) -> tuple[float, float]:
    """Derivatives of `integral` with respect to leak and rate."""
    by_leak, by_rate = response_by(leak, rate, u)
    faded = drive_response_by_leak(rate, u)
    if leak == 0.0:
        return 0.0, (-faded - integral(leak, rate, u)) / rate
    return (-by_leak - integral(leak, rate, u)) / leak, (faded - by_rate) / leak
