"""Sampled devices: the parameters that each one draws, and the state that pulses leave in it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.device.laws import LAWS, Cycle, Law, MeasuredLaw, Piecewise, Variation, parameters
from neuro.crossbar.device.records import COLUMNS, DeviceRecords
from neuro.errors import DeviceError
from neuro.validation import Floats, Ints, finite, frozen, positive

__all__ = ["PulseSums", "SampledDevices", "sample_devices"]

MOST_PULSES = 10**8
"""Most pulses that a device gets in one call; they take seconds."""

_MODES = {"change": 0, "step": 1, "mixed": 2}


class PulseSums(NamedTuple):
    """Sums over the pulses of one call, from which their energy is computed."""

    risen: float
    """Sum over up pulses of the mean of the conductance before and after, S."""
    fallen: float
    """The same of down pulses."""
    half_selects: int = 0
    """How many half-selected pulses there were."""
    half_selected: float = 0.0
    """Sum of the conductances of the half-selected devices before each such pulse, S."""


def _column(name: str) -> Any:
    """A read-only attribute with one parameter of all devices."""
    k = COLUMNS.index(name)
    return property(lambda devices: frozen(devices._records.par[:, k].reshape(devices.shape)))


class SampledDevices:
    """Devices of one law, each with its own parameters, and how many pulses each has had.

    The parameters are read-only attributes, each with one entry for each device.

    Examples
    --------
    >>> from neuro.crossbar.device.device import Device
    >>> from neuro.crossbar.device.laws import SoftBounds, Variation
    >>> device = Device("d", 0.0, 100e-6, law=SoftBounds(step=1e-6), variation={"step": Variation(0.2)})
    >>> devices = device.sample(1000, np.random.default_rng(0))
    >>> devices.step_up.shape, bool(abs(devices.step_up.std() / 1e-6 - 0.2) < 0.02)
    ((1000,), True)
    """

    g_min: Floats = _column("g_min")
    """Lower end of the window, S."""
    g_max: Floats = _column("g_max")
    """Upper end of the window, S."""
    step_up: Floats = _column("step_up")
    """Nominal change of an up pulse, S."""
    step_down: Floats = _column("step_down")
    """Nominal change of a down pulse, S."""
    zero: Floats = _column("zero")
    """Conductance where a pulse has its nominal size, S."""
    gamma_up: Floats = _column("gamma_up")
    """The law's `gamma_up`."""
    gamma_down: Floats = _column("gamma_down")
    """The law's `gamma_down`."""
    A_up: Floats = _column("A_up")
    """The law's `A_up`."""
    A_down: Floats = _column("A_down")
    """The law's `A_down`."""
    a: Floats = _column("a")
    """The law's `a`."""
    b: Floats = _column("b")
    """The law's `b`."""
    number: Floats = _column("number")
    """Which measured device of a `MeasuredLaw` it is."""

    def __init__(self, law: Law, cycle: Cycle, write_noise: float, shape: tuple[int, ...], par: Floats, key: int):
        self.law = law
        """How a pulse changes a conductance."""
        self.shape = shape
        """One entry for each device."""
        curves = np.ones((2, 1))
        if isinstance(law, Piecewise):
            curves = np.array(np.broadcast_arrays(law.up, law.down), dtype=float)
        axes, probability, tables = _tables(law)
        means = _tables(law.mean())[2] if isinstance(law, MeasuredLaw) else tables
        noise = np.array([cycle.std, cycle.offset, cycle.slope, cycle.correlation])
        self._records = DeviceRecords(
            LAWS.index(type(law)), par, curves, axes, probability, tables, means, _MODES[cycle.kind], noise,
            float(write_noise), np.uint64(key), np.zeros(len(par), dtype=np.int64), np.zeros(len(par)),
        )  # fmt: skip

    @property
    def counts(self) -> Ints:
        """Pulses that each device has had; a read-only view."""
        return frozen(self._records.counts.reshape(self.shape))

    def state_arrays(self) -> tuple[Ints, Floats]:
        """The arrays that pulses change, flat: counts, and last normal numbers. Writing to them restores a state."""
        return self._records.counts, self._records.last_normal

    def send(self, g: Floats, seen: Floats, pulses: Ints, disturb: float = 0.0) -> PulseSums:
        """Send each device its pulses, signed by direction, in place.

        Parameters
        ----------
        g
            Conductances from which the next pulse starts, S, contiguous, of the devices' shape; changed in place.
        seen
            Conductances as read, S: g with the write noise of the last pulse; changed in place.
        pulses
            int64, contiguous, of the devices' shape.
        disturb
            Share of a pulse's change that half-selected devices take. Above zero, the shape must be
            (rows, columns), and rows are written one after the other.
        """
        from neuro.crossbar.device import pulses as kernels

        flat = g.reshape(-1), seen.reshape(-1), pulses.reshape(-1)
        if not disturb:
            return PulseSums(*kernels.send(self._records, *flat))
        return PulseSums(*kernels.send_by_rows(self._records, *flat, float(disturb), self.shape[-1]))

    def play(self, g: Floats, ways: Ints, toward: Floats | None = None, gain: float = 0.0) -> Floats:
        """Send a sequence of pulses and read every device after each.

        Parameters
        ----------
        g
            Conductances from which the first pulse starts, S, flat; changed in place.
        ways
            1, -1 or 0 for each pulse and device, int64, shape (pulses, devices).
        toward, gain
            After each pulse a device takes over `gain` of its distance to `toward`, shape (pulses + 1, devices).

        Returns
        -------
        Floats
            Shape (pulses + 1, devices), S; the first row is the start.
        """
        from neuro.crossbar.device import pulses as kernels

        toward = np.empty((1, 1)) if toward is None else toward
        return kernels.play(self._records, g, np.ascontiguousarray(ways), toward, float(gain))

    def pin(self, stuck: Floats) -> None:
        """Close the window of stuck devices at their conductance, S; `stuck` is NaN for healthy ones."""
        pinned = ~np.isnan(stuck.reshape(-1))
        self._records.par[pinned, :2] = stuck.reshape(-1)[pinned, None]

    def with_key(self, key: int) -> SampledDevices:
        """The same devices with another stream of errors, unused."""
        other = copy.copy(self)
        counts, last = np.zeros_like(self._records.counts), np.zeros_like(self._records.last_normal)
        other._records = self._records._replace(key=np.uint64(key), counts=counts, last_normal=last)
        return other

    def copy(self) -> SampledDevices:
        """Independent devices in the same state, whose next pulses draw the same errors."""
        other = copy.copy(self)
        counts, last = self._records.counts.copy(), self._records.last_normal.copy()
        other._records = self._records._replace(counts=counts, last_normal=last)
        return other


def sample_devices(
    law: Law,
    cycle: Cycle,
    variation: Mapping[str, Variation],
    window: tuple[float, float],
    write_noise: float,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> SampledDevices:
    """Draw devices of the given shape. The figures of the description are the centres of the variations."""
    size = int(np.prod(shape))
    key = int(rng.integers(2**64, dtype=np.uint64))
    par = np.zeros((size, len(COLUMNS)))
    column = dict(zip(COLUMNS, par.T, strict=True))
    if isinstance(law, MeasuredLaw):
        axes = np.asarray(law.conductance)
        column["number"][:] = rng.integers(len(axes), size=size)
        chosen = column["number"].astype(int)
        column["g_min"][:], column["g_max"][:] = axes[chosen, 0], axes[chosen, -1]
        column["zero"][:] = 0.5 * (column["g_min"] + column["g_max"])
        steps = _table_steps(law)
        column["step_up"][:], column["step_down"][:] = (step[chosen] for step in steps)
        return SampledDevices(law, cycle, write_noise, shape, par, key)
    low, high = window
    zero = 0.5 * (low + high) if law.zero is None else law.zero
    draws = _Draws(variation, size, rng)
    for name in parameters(law):
        draws.draw(name)
    column["zero"][:] = np.maximum(draws(zero, "zero"), 0.0)
    # A variation wider than the window must not move a bound to the other side of `zero`.
    column["g_max"][:] = column["zero"] + np.abs(draws(high - zero, "g_max"))
    column["g_min"][:] = np.maximum(column["zero"] - np.abs(draws(zero - low, "g_min")), 0.0)
    column["bound_low"][:], column["bound_high"][:] = low, high
    for name, bias, sign in (
        ("step_up", min(law.up_down, 0.0), 1.0),
        ("step_down", -max(law.up_down, 0.0), -1.0),
    ):
        share = draws(1.0, "step") + bias + sign * draws(0.0, "up_down")
        column[name][:] = np.abs(law.step * draws(1.0, name) * share)
    for name in ("gamma_up", "gamma_down", "A_up", "A_down", "a", "b"):
        if hasattr(law, name):
            value = draws(getattr(law, name), name)
            folded = name.startswith("gamma") and name in variation
            column[name][:] = np.abs(value) if folded else value
    return SampledDevices(law, cycle, write_noise, shape, par, key)


class _Draws:
    """The random numbers of every parameter that has a variation."""

    def __init__(self, variation: Mapping[str, Variation], size: int, rng: np.random.Generator) -> None:
        self.variation, self.size, self.rng = variation, size, rng
        self.drawn: dict[str, Floats] = {}
        self.groups: dict[str, Floats] = {}

    def draw(self, name: str) -> None:
        """Draw a parameter's numbers, or take those of its group."""
        variation = self.variation.get(name)
        if variation is None or variation.std == 0.0:
            return
        fresh = self.groups.get(variation.shared) if variation.shared else None
        if fresh is None:
            fresh = self.rng.standard_normal(self.size)
        if variation.shared:
            self.groups[variation.shared] = fresh
        self.drawn[name] = fresh

    def __call__(self, value: float, name: str) -> Any:
        """The parameter of each device."""
        if name not in self.drawn:
            return value
        variation, n = self.variation[name], self.drawn[name]
        if variation.kind == "normal":
            return value * (1.0 + variation.std * n)
        if variation.kind == "log_normal":
            return value * np.exp(variation.std * n)
        return value + variation.std * n


def conductances(value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """A fresh contiguous array of conductances of this shape, S.

    Raises
    ------
    DeviceError
        If they are not finite or do not fit.
    """
    array = positive(value, "g", zero=True, unit="S", error=DeviceError)
    try:
        return np.array(np.broadcast_to(array, shape), dtype=np.float64, order="C")
    except ValueError:
        rule = f"one conductance for each device is needed, shape {shape}"
        raise DeviceError(rule, where="g", value=array.shape) from None


def pulse_counts(value: ArrayLike, shape: tuple[int, ...]) -> Ints:
    """Whole pulses, signed, one number for each device or one for all.

    Raises
    ------
    DeviceError
        If they are not whole or do not fit.
    """
    array = finite(value, "direction", error=DeviceError)
    if (np.abs(array) > MOST_PULSES).any():
        rule = f"at most {MOST_PULSES:,} pulses are sent at once: each is computed, and they cannot be interrupted"
        raise DeviceError(rule, where="direction", value=str(value))
    if (array != np.floor(array)).any():
        rule = "pulses are whole numbers, up above zero and down below it"
        raise DeviceError(rule, where="direction", value=str(value))
    try:
        return np.array(np.broadcast_to(array, shape), dtype=np.int64, order="C")
    except ValueError:
        rule = f"one number for each device is needed, shape {shape}"
        raise DeviceError(rule, where="direction", value=array.shape) from None


def _tables(law: Law) -> tuple[Floats, Floats, Floats]:
    """Conductances (devices, points), probabilities (1, probabilities), changes (way, devices, ..., points)."""
    if not isinstance(law, MeasuredLaw):
        return np.zeros((1, 2)), np.zeros((1, 1)), np.zeros((2, 1, 1, 2))
    return np.array(law.conductance), np.array(law.probability)[None], np.array([law.up, law.down])


def _table_steps(law: MeasuredLaw) -> tuple[Floats, Floats]:
    """The size of the expected change of each measured device in the middle of its window, up and down, S."""
    axes, mean = np.asarray(law.conductance), law.mean()
    middle = 0.5 * (axes[:, 0] + axes[:, -1])
    found = []
    for part in (mean.up, mean.down):
        changes = np.asarray(part)[:, 0]
        found.append(np.abs([np.interp(m, x, y) for m, x, y in zip(middle, axes, changes, strict=True)]))
    return found[0], found[1]
