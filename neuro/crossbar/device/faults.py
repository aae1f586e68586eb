"""`Faults`: the stuck devices of an array, each with the conductance at which it is stuck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import DeviceError
from neuro.memory import require_memory
from neuro.randomness import stream
from neuro.validation import (
    SMALLEST,
    Floats,
    Ints,
    choice,
    indices,
    instance,
    number,
    numbers,
    positive,
    shown,
    whole_number,
)

if TYPE_CHECKING:
    from neuro.crossbar.device.device import Device

__all__ = ["KINDS", "Faults"]

KINDS = ("healthy", "open", "low", "high", "between")
"""The states of a device, in the order of the numbers of `Faults.kinds`."""

_SIGNS = ".OLHs"


@dataclass(frozen=True, eq=False)
class Faults:
    """The stuck devices of an array of pairs. A stuck device takes pulses and keeps its conductance.

    The conductance may lie outside the window of the healthy ones: an open device is stuck at zero.

    Raises
    ------
    DeviceError
        If the two arrays differ in shape, or a conductance is negative or infinite.

    Examples
    --------
    >>> faults = Faults(plus=[[np.nan, 0.0]], minus=[[np.nan, np.nan]])
    >>> faults.count
    1
    """

    plus: ArrayLike
    """Conductance where the positive device is stuck, S, NaN where it is healthy, shape (pre, post)."""
    minus: ArrayLike
    """The same for the negative device."""

    def __post_init__(self) -> None:
        for key in ("plus", "minus"):
            object.__setattr__(self, key, _checked(getattr(self, key), f"faults, {key}"))
        if np.shape(self.plus) != np.shape(self.minus):
            raise DeviceError(
                "`plus` and `minus` must be of one shape: both devices of a pair need an entry",
                where="faults",
                value=f"shapes {np.shape(self.plus)} and {np.shape(self.minus)}",
            )

    @classmethod
    def none(cls, shape: tuple[int, int]) -> Faults:
        """An array of the given shape in which every device is healthy.

        Examples
        --------
        >>> Faults.none((2, 3)).count
        0
        """
        shape = _shape(shape)
        return cls(np.full(shape, np.nan), np.full(shape, np.nan))

    @classmethod
    def stuck(cls, shape: tuple[int, int], fraction: float, at: float = 0.0, seed: int = 0) -> Faults:
        """Each device is stuck with probability `fraction`, independently of all others and of its partner.

        Parameters
        ----------
        shape
            (pre, post) of the array.
        fraction
            Probability that a device is stuck, 0..1.
        at
            Conductance of the stuck devices, S.
        seed
            Root seed of the draw.

        Raises
        ------
        DeviceError
            If `fraction` is not a probability, or `at` is not a conductance.

        Examples
        --------
        >>> Faults.stuck((60, 60), 1.0).count
        7200
        """
        shape, fraction = _shape(shape), _share(fraction, "fraction")
        at = number(at, "faults, at", check=positive, zero=True, unit="S", error=DeviceError)
        seed = whole_number(seed, "faults, seed", error=DeviceError)
        plus, minus = np.where(stream(seed, "faults").random((2, *shape)) < fraction, at, np.nan)
        return cls(plus, minus)

    @classmethod
    def draw(
        cls,
        shape: tuple[int, int],
        device: Device,
        *,
        high: float = 0.0,
        low: float = 0.0,
        open: float = 0.0,
        rows: float = 0.0,
        columns: float = 0.0,
        seed: int = 0,
    ) -> Faults:
        """Draw faults of every kind, independently for each device and each line of the two arrays.

        Parameters
        ----------
        shape
            (pre, post) of the array.
        device
            Devices are stuck high or low at the ends of its window.
        high, low, open
            Probabilities that a device is stuck at g_max, at g_min, or conducts nothing; together 1 at most.
        rows, columns
            Probability that a whole row or column of one of the two arrays is cut off, and conducts nothing.
        seed
            Root seed of the draw.

        Raises
        ------
        DeviceError
            If a probability is outside 0..1, or the three together exceed 1.

        Examples
        --------
        >>> from neuro.crossbar.device.catalog import load_device
        >>> faults = Faults.draw((100, 100), load_device("taox_64x64"), high=0.1, columns=0.02, seed=1)
        >>> faults.kinds(load_device("taox_64x64"))[0].shape
        (100, 100)
        """
        shape, seed = _shape(shape), whole_number(seed, "faults, seed", error=DeviceError)
        shares = {"high": high, "low": low, "open": open, "rows": rows, "columns": columns}
        high, low, open, rows, columns = (_share(share, name) for name, share in shares.items())
        window = _window(device)
        if high + low + open > 1:
            raise DeviceError(
                "the probabilities of `high`, `low` and `open` must add up to 1 at most",
                where="faults",
                value=f"{high + low + open:g}",
            )
        rng = stream(seed, "faults", "kinds")
        chance = rng.random((2, *shape))
        stuck = np.full((2, *shape), np.nan)
        stuck[chance < high + low + open] = 0.0
        stuck[chance < high + low] = window[0]
        stuck[chance < high] = window[1]
        stuck[rng.random((2, shape[0])) < rows] = 0.0
        np.swapaxes(stuck, 1, 2)[rng.random((2, shape[1])) < columns] = 0.0
        return cls(*stuck)

    @classmethod
    def lines(
        cls,
        shape: tuple[int, int],
        *,
        rows: Iterable[int] = (),
        columns: Iterable[int] = (),
        at: float = 0.0,
        array: Literal["both", "plus", "minus"] = "both",
    ) -> Faults:
        """Whole rows and columns that are stuck, at zero where a line is cut off.

        Raises
        ------
        DeviceError
            If there is no such line or array.

        Examples
        --------
        >>> print(Faults.lines((2, 3), columns=[1], array="plus").map())
        plus   minus
        .O.    ...
        .O.    ...
        O open, conducts nothing; 2 of 12 devices
        """
        shape = _shape(shape)
        at = number(at, "faults, at", check=positive, zero=True, unit="S", error=DeviceError)
        stuck = np.full(shape, np.nan)
        stuck[_lines(rows, shape[0], "rows")] = at
        stuck[:, _lines(columns, shape[1], "columns")] = at
        choice(array, "faults, array", ("both", "plus", "minus"), error=DeviceError)
        none = np.full(shape, np.nan)
        return cls(none if array == "minus" else stuck, none if array == "plus" else stuck)

    def __or__(self, other: Faults) -> Faults:
        """The faults of both; where both have one, that of `other`.

        Raises
        ------
        DeviceError
            If the two are of different shapes.
        """
        if not isinstance(other, Faults):
            return NotImplemented
        if self.shape != other.shape:
            rule = "faults are joined device by device and need one shape"
            raise DeviceError(rule, where="faults", value=f"{self.shape} and {other.shape}")
        pairs = ((self.plus, other.plus), (self.minus, other.minus))
        return Faults(*(np.where(np.isnan(new), old, new) for old, new in pairs))

    def kinds(self, device: Device | None = None) -> tuple[Ints, Ints]:
        """The kind of each device, an index into `KINDS`, positive and negative array, shape (pre, post).

        Without `device` there is no window, and a device stuck above zero is "between".
        """
        window = None if device is None else _window(device)
        found = []
        for part in (self.plus, self.minus):
            stuck = np.asarray(part)
            kind = np.where(np.isnan(stuck), 0, KINDS.index("between"))
            if window is not None:
                kind[stuck <= window[0]] = KINDS.index("low")
                kind[stuck >= window[1]] = KINDS.index("high")
            kind[stuck == 0.0] = KINDS.index("open")
            found.append(kind.astype(np.int64))
        return found[0], found[1]

    def map(self, device: Device | None = None) -> str:
        """The two arrays as text, a character a device, with a legend and the count of all faults.

        `neuro.report.devices.fault_map` draws the same as a figure.
        """
        plus, minus = self.kinds(device)
        width = max(self.shape[1], 4)
        lines = [f"{'plus':<{width}}   minus"]
        for rows in zip(plus, minus, strict=True):
            texts = ("".join(_SIGNS[kind] for kind in row) for row in rows)
            lines.append("   ".join(f"{text:<{width}}" for text in texts).rstrip())
        texts_of = {
            "open": "open, conducts nothing",
            "low": "stuck low",
            "high": "stuck high",
            "between": "stuck at another conductance",
        }
        present = sorted({int(kind) for kind in np.unique([plus, minus]) if kind})
        legend = [f"{_SIGNS[kind]} {texts_of[KINDS[kind]]}" for kind in present] or ["all healthy"]
        return "\n".join([*lines, f"{', '.join(legend)}; {self.count} of {plus.size + minus.size} devices"])

    def __getitem__(self, part: tuple[slice, slice]) -> Faults:
        """The faults of a rectangle of the array."""
        return Faults(np.asarray(self.plus)[part], np.asarray(self.minus)[part])

    @property
    def shape(self) -> tuple[int, ...]:
        """(pre, post)."""
        return np.shape(self.plus)

    @property
    def count(self) -> int:
        """How many devices are stuck."""
        return int(np.count_nonzero(~np.isnan(self.plus)) + np.count_nonzero(~np.isnan(self.minus)))


def _checked(value: ArrayLike, where: str) -> Floats:
    """A read-only copy, with no conductance that a device cannot have."""
    array = np.array(numbers(value, where, unit="S", error=DeviceError), dtype=np.float64)
    if array.ndim != 2:
        raise DeviceError("the shape must be (pre, post)", where=where, value=array.shape)
    bad = ~np.isnan(array) & ~((array == 0) | ((array >= SMALLEST) & np.isfinite(array)))
    if bad.any():
        rule = "a device is stuck at a finite conductance, not below zero"
        raise DeviceError(rule, where=where, value=f"{array[bad][0]:g} S")
    array.setflags(write=False)
    return array


def _shape(shape: tuple[int, int]) -> tuple[int, int]:
    """(pre, post) of arrays that fit into memory."""
    where = "faults, shape"
    if not isinstance(shape, Sequence) or len(shape) != 2:
        raise DeviceError("the shape must be (pre, post), two whole numbers", where=where, value=shown(shape))
    rows, columns = (whole_number(size, where, most=2**53, error=DeviceError) for size in shape)
    require_memory(64.0 * (rows + 1) * (columns + 1), where, value=f"{rows:,} x {columns:,} devices", error=DeviceError)
    return rows, columns


def _share(value: float, name: str) -> float:
    share = number(value, f"faults, {name}", error=DeviceError)
    if not 0 <= share <= 1:
        raise DeviceError("a probability must lie within 0..1", where=f"faults, {name}", value=share)
    return share


def _window(device: Device) -> tuple[float, float]:
    """The window of a device."""
    from neuro.crossbar.device.device import Device

    instance(device, "faults, device", Device, "a Device", error=DeviceError)
    return device.g_min, device.g_max


def _lines(lines: Iterable[int], size: int, name: str) -> Ints:
    where = f"faults, {name}"
    if isinstance(lines, str | bytes | Mapping) or not isinstance(lines, Iterable):
        raise DeviceError("must be numbers of lines", where=where, value=shown(lines))
    return indices(lines if isinstance(lines, np.ndarray) else list(lines), size, where, error=DeviceError)
