"""Devices drawn from a description: every device its own parameters, and the state that its pulses leave."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.device.laws import LAWS, Cycle, Law, Piecewise, Table, Variation, parameters
from neuro.errors import DeviceError
from neuro.validation import Floats, Ints, finite, frozen

__all__ = ["Halves", "Sampled", "Sent", "draw"]

COLUMNS = (
    "g_min", "g_max", "step_up", "step_down", "zero", "bound_low", "bound_high",
    "gamma_up", "gamma_down", "A_up", "A_down", "a", "b", "number",
)  # fmt: skip
"""The parameters of a device, in the order in which the kernels have them."""

_MODES = {"change": 0, "step": 1, "mixed": 2}


class Devices(NamedTuple):
    """Devices as kernels take them; they write `counts` and `memory`."""

    kind: int
    """Index of the law in `LAWS`."""
    par: Floats
    """The parameters, a row a device, a column a name of `COLUMNS`."""
    curves: Floats
    """Factors of a piecewise law, (way, points); ways are up and down."""
    axes: Floats
    """Conductances of a table, (measured devices, points)."""
    probability: Floats
    """Its probabilities, (1, probabilities)."""
    tables: Floats
    """Its changes, (way, measured devices, probabilities, points)."""
    means: Floats
    """Its expected changes, (way, measured devices, 1, points)."""
    mode: int
    """What the error of a pulse is relative to."""
    noise: Floats
    """Of that error: std, offset, slope, correlation."""
    write_noise: float
    """Standard deviation of what is read after a pulse, S."""
    key: np.uint64
    """Root of the errors of all these devices."""
    counts: Ints
    """Pulses that each device has had."""
    memory: Floats
    """The last normal number of each device, where errors are correlated."""


class Sent(NamedTuple):
    """What pulses did to an array."""

    risen: float
    """Sum over up pulses of the mean of the conductance before and after, S."""
    fallen: float
    """The same of down pulses."""
    halves: int = 0
    """Half-selected pulses."""
    met: float = 0.0
    """Sum of the conductances that half-selected pulses met, S."""


class Halves(NamedTuple):
    """What a half-selected cell feels."""

    fraction: float
    """Share of the change of a whole pulse."""


class Sampled:
    """Devices of one law, each with its own parameters, and how many pulses each has had.

    Its parameters can be read as attributes by name: `g_min`, `g_max`, `step_up`, `step_down`, `zero`,
    `gamma_up`, `gamma_down`, `A_up`, `A_down`, `a`, `b`, and `number`, the measured device of a table.

    Examples
    --------
    >>> from neuro.crossbar.device.device import Device
    >>> from neuro.crossbar.device.laws import SoftBounds, Variation
    >>> device = Device("d", 0.0, 100e-6, law=SoftBounds(step=1e-6), variation={"step": Variation(0.2)})
    >>> devices = device.sample(1000, np.random.default_rng(0))
    >>> devices.step_up.shape, bool(abs(devices.step_up.std() / 1e-6 - 0.2) < 0.02)
    ((1000,), True)
    """

    def __init__(self, law: Law, cycle: Cycle, write_noise: float, shape: tuple[int, ...], par: Floats, key: int):
        self.law = law
        """How a pulse changes a conductance."""
        self.shape = shape
        """One entry for each device."""
        curves = np.ones((2, 1))
        if isinstance(law, Piecewise):
            curves = np.array(np.broadcast_arrays(law.up, law.down), dtype=float)
        axes, probability, tables = _tables(law)
        means = _tables(law.mean())[2] if isinstance(law, Table) else tables
        noise = np.array([cycle.std, cycle.offset, cycle.slope, cycle.correlation])
        self._devices = Devices(
            LAWS.index(type(law)), par, curves, axes, probability, tables, means, _MODES[cycle.kind], noise,
            float(write_noise), np.uint64(key), np.zeros(len(par), dtype=np.int64), np.zeros(len(par)),
        )  # fmt: skip

    def __getattr__(self, name: str) -> Floats:
        # While a copy is being put together there are no devices yet.
        if name not in COLUMNS or "_devices" not in self.__dict__:
            raise AttributeError(f"devices have no parameter {name!r}; they have {', '.join(COLUMNS)}")
        return frozen(self._devices.par[:, COLUMNS.index(name)].reshape(self.shape))

    @property
    def counts(self) -> Ints:
        """Pulses that each device has had; a read-only view."""
        return frozen(self._devices.counts.reshape(self.shape))

    def memory(self) -> tuple[Ints, Floats]:
        """What pulses have left behind, to be saved and written back: counts, and last normal numbers, flat."""
        return self._devices.counts, self._devices.memory

    def send(self, g: Floats, seen: Floats, pulses: Ints, halves: Halves | None = None) -> Sent:
        """Send each device its pulses, signed by direction, in place.

        Parameters
        ----------
        g
            What the next pulse starts from, S, contiguous, of the devices' shape; changed in place.
        seen
            What is read, S: g, and on it the write noise of the last pulse; changed in place.
        pulses
            int64, contiguous, of the devices' shape.
        halves
            Disturb the half-selected cells: the shape must then be (rows, columns), and rows are written one
            after the other.
        """
        from neuro.crossbar.device import pulses as pulsing

        flat = g.reshape(-1), seen.reshape(-1), pulses.reshape(-1)
        if halves is None:
            return Sent(*pulsing.send(self._devices, *flat))
        return Sent(*pulsing.send_by_rows(self._devices, *flat, float(halves.fraction), self.shape[-1]))

    def play(self, g: Floats, ways: Ints, toward: Floats | None = None, gain: float = 0.0) -> Floats:
        """Send a sequence of pulses and read every device after each.

        Parameters
        ----------
        g
            What the first pulse starts from, S, flat; changed in place.
        ways
            1, -1 or 0 for each pulse and device, int64, shape (pulses, devices).
        toward, gain
            After each pulse a device takes over `gain` of its distance to `toward`, shape (pulses + 1, devices).

        Returns
        -------
        Floats
            Shape (pulses + 1, devices), S; the first row is the start.
        """
        from neuro.crossbar.device import pulses as pulsing

        toward = np.empty((1, 1)) if toward is None else toward
        return pulsing.play(self._devices, g, np.ascontiguousarray(ways), toward, float(gain))

    def pin(self, stuck: Floats) -> None:
        """Take the window from devices that are stuck: `stuck` is their conductance, S, NaN for healthy ones."""
        there = ~np.isnan(stuck.reshape(-1))
        self._devices.par[there, :2] = stuck.reshape(-1)[there, None]

    def with_key(self, key: int) -> Sampled:
        """The same devices with another stream of errors, unused."""
        other = copy.copy(self)
        counts, memory = np.zeros_like(self._devices.counts), np.zeros_like(self._devices.memory)
        other._devices = self._devices._replace(key=np.uint64(key), counts=counts, memory=memory)
        return other

    def copy(self) -> Sampled:
        """Independent devices in the same state, whose next pulses draw the same errors."""
        other = copy.copy(self)
        counts, memory = self._devices.counts.copy(), self._devices.memory.copy()
        other._devices = self._devices._replace(counts=counts, memory=memory)
        return other


def draw(
    law: Law,
    cycle: Cycle,
    variation: Mapping[str, Variation],
    window: tuple[float, float],
    write_noise: float,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Sampled:
    """Draw devices of the given shape; the description's own figures are the middle of each variation."""
    size = int(np.prod(shape))
    key = int(rng.integers(2**64, dtype=np.uint64))
    par = np.zeros((size, len(COLUMNS)))
    column = dict(zip(COLUMNS, par.T, strict=True))
    if isinstance(law, Table):
        axes = np.asarray(law.conductance)
        column["number"][:] = rng.integers(len(axes), size=size)
        chosen = column["number"].astype(int)
        column["g_min"][:], column["g_max"][:] = axes[chosen, 0], axes[chosen, -1]
        column["zero"][:] = 0.5 * (column["g_min"] + column["g_max"])
        steps = _table_steps(law)
        column["step_up"][:], column["step_down"][:] = (step[chosen] for step in steps)
        return Sampled(law, cycle, write_noise, shape, par, key)
    low, high = window
    zero = 0.5 * (low + high) if law.zero is None else law.zero
    factors = _Factors(variation, size, rng)
    for name in parameters(law):
        factors.draw(name)
    column["zero"][:] = np.maximum(factors(zero, "zero"), 0.0)
    # Which way a bound lies from `zero` is what it is: a variation wider than the window must not turn it round.
    column["g_max"][:] = column["zero"] + np.abs(factors(high - zero, "g_max"))
    column["g_min"][:] = np.maximum(column["zero"] - np.abs(factors(zero - low, "g_min")), 0.0)
    column["bound_low"][:], column["bound_high"][:] = low, high
    for key_, bias, sign in (
        ("step_up", min(law.up_down, 0.0), 1.0),
        ("step_down", -max(law.up_down, 0.0), -1.0),
    ):
        size_ = factors(1.0, "step") + bias + sign * factors(0.0, "up_down")
        column[key_][:] = np.abs(law.step * factors(1.0, key_) * size_)
    for name in ("gamma_up", "gamma_down", "A_up", "A_down", "a", "b"):
        if hasattr(law, name):
            value = factors(getattr(law, name), name)
            folded = name.startswith("gamma") and name in variation
            column[name][:] = np.abs(value) if folded else value
    return Sampled(law, cycle, write_noise, shape, par, key)


class _Factors:
    """The draws of every parameter that has a variation."""

    def __init__(self, variation: Mapping[str, Variation], size: int, rng: np.random.Generator) -> None:
        self.variation, self.size, self.rng = variation, size, rng
        self.drawn: dict[str, Floats] = {}
        self.groups: dict[str, Floats] = {}

    def draw(self, name: str) -> None:
        """Draw a parameter's numbers, or take those of its group."""
        found = self.variation.get(name)
        if found is None or found.std == 0.0:
            return
        fresh = self.groups.get(found.shared) if found.shared else None
        if fresh is None:
            fresh = self.rng.standard_normal(self.size)
        if found.shared:
            self.groups[found.shared] = fresh
        self.drawn[name] = fresh

    def __call__(self, value: float, name: str) -> Any:
        """The parameter of each device."""
        if name not in self.drawn:
            return value
        found, n = self.variation[name], self.drawn[name]
        if found.kind == "normal":
            return value * (1.0 + found.std * n)
        if found.kind == "log_normal":
            return value * np.exp(found.std * n)
        return value + found.std * n


def conductances(value: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """A fresh contiguous array of conductances of this shape, S.

    Raises
    ------
    DeviceError
        If they are not finite or do not fit.
    """
    array = finite(value, "g", error=DeviceError)
    try:
        return np.array(np.broadcast_to(array, shape), dtype=np.float64, order="C")
    except ValueError:
        raise DeviceError(f"one conductance for each device is needed, shape {shape}", value=array.shape) from None


def pulse_counts(value: ArrayLike, shape: tuple[int, ...]) -> Ints:
    """Whole pulses, signed, one number for each device or one for all.

    Raises
    ------
    DeviceError
        If they are not whole or do not fit.
    """
    array = finite(value, "direction", error=DeviceError)
    if (array != np.floor(array)).any():
        raise DeviceError("pulses are whole numbers, up above zero and down below it", value=str(value))
    try:
        return np.array(np.broadcast_to(array, shape), dtype=np.int64, order="C")
    except ValueError:
        raise DeviceError(f"one number for each device is needed, shape {shape}", value=array.shape) from None


def _tables(law: Law) -> tuple[Floats, Floats, Floats]:
    """Conductances (devices, points), probabilities (1, probabilities), changes (way, devices, ..., points)."""
    if not isinstance(law, Table):
        return np.zeros((1, 2)), np.zeros((1, 1)), np.zeros((2, 1, 1, 2))
    return np.array(law.conductance), np.array(law.probability)[None], np.array([law.up, law.down])


def _table_steps(law: Table) -> tuple[Floats, Floats]:
    """The size of the expected change of each measured device in the middle of its window, up and down, S."""
    axes, mean = np.asarray(law.conductance), law.mean()
    middle = 0.5 * (axes[:, 0] + axes[:, -1])
    found = []
    for part in (mean.up, mean.down):
        changes = np.asarray(part)[:, 0]
        found.append(np.abs([np.interp(m, x, y) for m, x, y in zip(middle, axes, changes, strict=True)]))
    return found[0], found[1]
