"""Crossbars put together of several arrays: tiles of a large matrix, and bit slices of its weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.checks import devices, drives, reads, target, weight_matrix, whole_levels
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.pair import Crossbar
from neuro.crossbar.write.coincidence import Coincidences
from neuro.crossbar.write.verify import Verification
from neuro.errors import DeviceError, InputError, ParameterError, UnsupportedFeature, WeightError
from neuro.validation import Floats, frozen, indices

__all__ = ["Assembly", "Frozen", "NoSingleArray", "Part", "Sliced", "Tiled", "digits"]


class Part(NamedTuple):
    """One of the crossbars that an assembly is made of."""

    crossbar: Crossbar
    rows: slice
    """Rows of the assembly that drive it."""
    columns: slice
    """Columns of the assembly to which its own are added."""

    @property
    def block(self) -> tuple[slice, slice]:
        """Its place in a matrix of the assembly."""
        return self.rows, self.columns


class Assembly(Crossbar):
    """A crossbar whose weights are the sum of those of its parts, each in its place.

    Every part is an array of its own, with its own devices, faults, wires, random numbers and ledger; what the
    columns of several parts give is added digitally, without error. `ledger` is the sum of the parts' counts, those
    of single devices left out where parts lie on one another; `parts` has the crossbars themselves.
    """

    def __init__(self, parts: list[Part], shape: tuple[int, int], device: Device, faults: Faults, name: str) -> None:
        # The fields of a single array stay unset on purpose: nothing here has one.
        self.parts = tuple(parts)
        """The crossbars, with their places."""
        self.shape = shape
        self.device, self.faults = device, faults
        self.name, self._where = name, f"crossbar {name!r}"
        self.w_max = max(part.crossbar.w_max for part in parts)
        self._kept: tuple[int, Floats] | None = None
        self._turned: tuple[int, Floats] | None = None

    def __repr__(self) -> str:
        return f"<Crossbar {self.name!r}, {self.shape[0]} x {self.shape[1]} in {len(self.parts)} arrays>"

    @property
    def crossbars(self) -> Iterator[Crossbar]:
        """The arrays themselves, those of parts that are assemblies one by one."""
        for part in self.parts:
            yield from part.crossbar.crossbars if isinstance(part.crossbar, Assembly) else (part.crossbar,)

    @property
    def version(self) -> int:  # type: ignore[override]
        """Grows with every write to any part."""
        # A snapshot is never written and has no version.
        return sum(getattr(part.crossbar, "version", 0) for part in self.parts)

    @property
    def ledger(self) -> Ledger:
        """The counts of all parts, summed; single devices have their place where parts do not overlap."""
        total = Ledger(self.shape)
        for part in self.parts:
            total.include(part.crossbar.ledger, part.block)
        return total

    @property
    def register(self) -> Floats:
        """Weight change not yet sent, shape (pre, post); read-only."""
        return frozen(self._assembled("register"))

    @property
    def conductance_plus(self) -> Floats:
        """Conductances of the positive devices, S, shape (pre, post), in slices (slices, pre, post); read-only."""
        return frozen(self._assembled("conductance_plus"))

    @property
    def conductance_minus(self) -> Floats:
        """Conductances of the negative devices, S, of the same shape; read-only."""
        return frozen(self._assembled("conductance_minus"))

    def effective_weights(self) -> Floats:
        """The sum of the parts' weights, shape (pre, post), read-only: one array until the next write."""
        version = self.version
        if self._kept is None or self._kept[0] != version:
            total = np.zeros(self.shape)
            for part in self.parts:
                total[part.block] += part.crossbar.effective_weights()
            self._kept = version, frozen(total)
        return self._kept[1]

    def transposed_weights(self) -> Floats:
        """The parts' transposed weights, shape (post, pre), rows contiguous; read-only and kept alike."""
        version = self.version
        if self._turned is None or self._turned[0] != version:
            total = np.zeros(self.shape[::-1])
            for part in self.parts:
                total[part.columns, part.rows] += part.crossbar.transposed_weights()
            self._turned = version, frozen(total)
        return self._turned[1]

    @property
    def fluctuates(self) -> bool:
        """Do reads of any part differ from the programmed weights? A network then takes a `snapshot`."""
        return any(part.crossbar.fluctuates for part in self.parts)

    def snapshot(self, at: float | None = None) -> Any:
        """As `Crossbar.snapshot`: one draw of every part."""
        other = copy.copy(self)
        draws: Any = [part.crossbar.snapshot(at) for part in self.parts]
        other.parts = tuple(part._replace(crossbar=draw) for part, draw in zip(self.parts, draws, strict=True))
        other._kept = None
        return Frozen(other)

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """As `Crossbar.read`, of every part."""
        drive = drives(rows, self.shape[0], f"{self._where}, rows")
        total = np.zeros(self.shape[1])
        for part in self.parts:
            total[part.columns] += part.crossbar.read(drive[part.rows], at)
        return total

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """As `Crossbar.read_columns`, of every part."""
        drive = drives(cols, self.shape[1], f"{self._where}, columns")
        total = np.zeros(self.shape[0])
        for part in self.parts:
            total[part.rows] += part.crossbar.read_columns(drive[part.columns], at)
        return total

    def read_rows(self, rows: ArrayLike, out: Floats | None = None) -> Floats:
        """As `Crossbar.read_rows`, of every part in turn."""
        lines = indices(rows, self.shape[0], f"{self._where}, rows", error=InputError)
        total = target(out, self.shape[1], f"{self._where}, out")
        for part in self.parts:
            mine = lines[(lines >= part.rows.start) & (lines < part.rows.stop)] - part.rows.start
            part.crossbar.read_rows(mine, total[part.columns])
        return total

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """As `Crossbar.count_reads`: a row is read once in each part that it drives. One number for all lines does not
        say which parts were read, and is refused.
        """
        reads(rows, self.shape[0], f"{self._where}, row reads")
        reads(columns, self.shape[1], f"{self._where}, column reads")
        by_row, by_column = np.asarray(rows), np.asarray(columns)
        if any(counts.ndim == 0 and counts != 0 for counts in (by_row, by_column)):
            rule = "reads of an assembly need to say which lines: one number for each"
            raise UnsupportedFeature(rule, where=self._where, remedy="Give an array of counts")
        for part in self.parts:
            lines = {"columns": by_column[part.columns]} if by_column.ndim else {}
            part.crossbar.count_reads(by_row[part.rows] if by_row.ndim else 0, **lines)

    def copy(self) -> Assembly:
        """An independent crossbar in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other.parts = tuple(part._replace(crossbar=part.crossbar.copy()) for part in self.parts)
        return other

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "parts" not in self.__dict__:
            raise AttributeError(name)
        raise NoSingleArray(self._where, name, "crossbars")

    def _assembled(self, field: str) -> Floats:
        pieces = [(part, np.asarray(getattr(part.crossbar, field))) for part in self.parts]
        total = np.zeros((*pieces[0][1].shape[:-2], *self.shape))
        for part, piece in pieces:
            total[(..., *part.block)] = piece
        return total


class NoSingleArray(UnsupportedFeature, AttributeError):
    """Asked of a crossbar of several arrays, or of another kind of array, what only a single array of pairs has."""

    def __init__(self, where: str, name: str, instead: str) -> None:
        rule = f"only a single array of pairs has `{name.lstrip('_')}`, and what needs it"
        super().__init__(rule, where=where, remedy=f"Ask its `{instead}`")


class Frozen:
    """Synapses with one draw of the noise of every part of an assembly, or of an array with an offset column."""

    def __init__(self, crossbar: Any) -> None:
        self._weights = crossbar.effective_weights()
        self.shape: tuple[int, int] = crossbar.shape
        """(pre, post)."""
        self.count_reads = crossbar.count_reads
        """As that of the crossbar, for rows, at the price of these conductances."""

    def effective_weights(self) -> Floats:
        """Weights with this draw, shape (pre, post), read-only."""
        return np.asarray(self._weights)


class Tiled(Assembly):
    """A matrix cut into tiles, each an array of its own; tiles at the right and lower edge may be smaller."""

    def __init__(
        self,
        weights: ArrayLike,
        device: Device | None = None,
        wires: Any = None,
        faults: Faults | None = None,
        mapping: str = "pair",
        *,
        tile: tuple[int, int],
        w_max: float | None = None,
        name: str = "crossbar",
        **options: Any,
    ) -> None:
        where = f"crossbar {name!r}"
        matrix = weight_matrix(weights, None, f"{where}, weights")
        shape = matrix.shape[0], matrix.shape[1]
        device, faults = devices(device, faults, shape, where)
        try:
            height, width = (whole_levels(size, f"{where}, tile") for size in tile)
        except (TypeError, ValueError):
            rule = "a tile is its rows and columns, two whole numbers above zero"
            raise ParameterError(rule, where=f"{where}, tile", value=tile) from None
        if w_max is None:
            w_max = float(np.abs(matrix).max(initial=0.0)) or 1.0
        parts = []
        for top in range(0, shape[0], height):
            for left in range(0, shape[1], width):
                block = slice(top, min(top + height, shape[0])), slice(left, min(left + width, shape[1]))
                crossbar = Crossbar(
                    matrix[block],
                    device,
                    wires,
                    faults[block],
                    mapping,
                    w_max=w_max,
                    name=f"{name}/tile {top // height},{left // width}",
                    **options,
                )
                parts.append(Part(crossbar, *block))
        super().__init__(parts, shape, device, faults, name)

    def program(self, weights: ArrayLike) -> int:
        """As `Crossbar.program`, tile by tile."""
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        return sum(part.crossbar.program(matrix[part.block]) for part in self.parts)

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, **options: Any) -> int:
        """As `Crossbar.accumulate`, tile by tile."""
        change = weight_matrix(dw, self.shape, f"{self._where}, dw")
        return sum(part.crossbar.accumulate(change[part.block], max_levels, **options) for part in self.parts)

    def coincide(self, rows: ArrayLike, columns: ArrayLike, rate: float = 1.0, **options: Any) -> Coincidences:
        """As `Crossbar.coincide`; every tile has trains of its own."""
        x = drives(rows, self.shape[0], f"{self._where}, rows")
        d = drives(columns, self.shape[1], f"{self._where}, columns")
        pulses, clipped = np.zeros(self.shape, dtype=np.int64), 0
        for part in self.parts:
            met = part.crossbar.coincide(x[part.rows], d[part.columns], rate, **options)
            pulses[part.block], clipped = met.pulses, clipped + met.clipped
        return Coincidences(pulses, clipped)

    def write_verify(self, weights: ArrayLike, **options: Any) -> Verification:
        """As `Crossbar.write_verify`, tile by tile; `rounds` is that of the slowest tile.

        The references of offset columns have no place in the result: look at each tile's own for them.
        """
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        found = [(part, part.crossbar.write_verify(matrix[part.block], **options)) for part in self.parts]
        whole: dict[str, Any] = {}
        for field in ("pulses", "target", "found"):
            first = getattr(found[0][1], field)
            whole[field] = np.zeros((*first.shape[:-2], *self.shape), dtype=first.dtype)
            for part, one in found:
                width = part.columns.stop - part.columns.start
                whole[field][(..., *part.block)] = getattr(one, field)[..., :width]
        rounds = max(one.rounds for _, one in found)
        return Verification(tolerance=found[0][1].tolerance, rounds=rounds, **whole)


class Sliced(Assembly):
    """Weights whose digits lie in several arrays of pairs:  W = w_max / N sum_k base^(slices - 1 - k) D_k.

    D_k is the k-th array's digit, -(base - 1) .. base - 1, and N = base^slices - 1. Of devices with levels a weight is
    rounded to one of the N + 1 steps to either side, so it is off by w_max / (2 N) at most; of continuous devices the
    last slice holds what the others leave, and nothing is rounded.
    """

    def __init__(
        self,
        weights: ArrayLike,
        device: Device | None = None,
        wires: Any = None,
        faults: Faults | None = None,
        mapping: str = "slices",
        *,
        slices: int = 2,
        base: int | None = None,
        w_max: float | None = None,
        start: float | None = None,
        name: str = "crossbar",
        **options: Any,
    ) -> None:
        where = f"crossbar {name!r}"
        matrix = weight_matrix(weights, None, f"{where}, weights")
        shape = matrix.shape[0], matrix.shape[1]
        device, faults = devices(device, faults, shape, where)
        self.slices = whole_levels(slices, f"{where}, slices")
        self.base = whole_levels((device.levels or 16) if base is None else base, f"{where}, base")
        if self.base < 2 or (device.levels is not None and (device.levels - 1) % (self.base - 1)):
            rule = "each digit must be a level of the device" if self.base >= 2 else "a base is 2 or more"
            remedy = f"The device has {device.levels} levels" if device.levels else ""
            raise DeviceError(rule, where=f"{where}, base", value=self.base, remedy=remedy)
        if start is not None:
            rule = "digits of slices start at the lower end of the window"
            raise UnsupportedFeature(rule, where=where, remedy="Leave `start` at None")
        if w_max is None:
            w_max = float(np.abs(matrix).max(initial=0.0)) or 1.0
        # All digits of a matrix are known before the first array is written.
        self._whole = w_max
        parts = []
        for k, digit in enumerate(self._digits(matrix, device, where)):
            size = w_max / (self.base**self.slices - 1) * self.base ** (self.slices - 1 - k)
            crossbar = Crossbar(
                size * digit,
                device,
                wires,
                faults,
                w_max=size * (self.base - 1),
                name=f"{name}/slice {k}",
                **options,
            )
            parts.append(Part(crossbar, slice(0, shape[0]), slice(0, shape[1])))
        super().__init__(parts, shape, device, faults, name)
        self.w_max = w_max

    def program(self, weights: ArrayLike) -> int:
        """As `Crossbar.program`, slice by slice."""
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        digit = self._digits(matrix, self.device, self._where)
        return sum(part.crossbar.program(self._size(k) * digit[k]) for k, part in enumerate(self.parts))

    def write_verify(self, weights: ArrayLike, **options: Any) -> Verification:
        """As `Crossbar.write_verify`, slice by slice; arrays of the result are (2, slices, pre, post)."""
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        digit = self._digits(matrix, self.device, self._where)
        found = [part.crossbar.write_verify(self._size(k) * digit[k], **options) for k, part in enumerate(self.parts)]
        whole = {key: np.stack([getattr(one, key) for one in found], axis=1) for key in ("pulses", "target", "found")}
        return Verification(tolerance=found[0].tolerance, rounds=max(one.rounds for one in found), **whole)

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, **options: Any) -> int:
        """Not supported: a pulse on one digit does not carry into the next."""
        rule = "bit slices are programmed, not learned on: a pulse on one digit does not carry into the next"
        raise UnsupportedFeature(rule, where=self._where, remedy='Learn with mapping="pair" or "offset"')

    def coincide(self, rows: ArrayLike, columns: ArrayLike, rate: float = 1.0, **options: Any) -> Coincidences:
        """Not supported, as `accumulate`."""
        self.accumulate(np.zeros(self.shape))
        raise AssertionError  # pragma: no cover

    def _size(self, slice_: int) -> float:
        return float(self._whole / (self.base**self.slices - 1) * self.base ** (self.slices - 1 - slice_))

    def _digits(self, matrix: Floats, device: Device, where: str) -> list[Floats]:
        return digits(matrix / self._whole, self.base, self.slices, device.levels is not None, where)


def digits(share: Floats, base: int, slices: int, whole: bool, where: str = "") -> list[Floats]:
    """The digits of  share (base^slices - 1), most significant first, each within -(base - 1) .. base - 1.

    Whole digits are those of the nearest whole number. Otherwise the last digit is what the others, rounded, leave.

    Raises
    ------
    WeightError
        If a share is outside -1..1.

    Examples
    --------
    >>> digits(np.array([[1.0, -0.5, 0.1]]), 4, 2, whole=True)
    [array([[ 3., -2.,  0.]]), array([[ 3., -0.,  2.]])]
    >>> digits(np.array([[0.1]]), 4, 2, whole=False)
    [array([[0.]]), array([[1.5]])]
    """
    if share.size and np.abs(share).max() > 1 + 1e-12:
        rule = "weights must lie within -w_max..w_max"
        raise WeightError(rule, where=where, value=f"{float(np.abs(share).max()):.12g} w_max")
    signs, left = np.sign(share), np.minimum(np.abs(share), 1.0) * (base**slices - 1)
    if whole:
        left = np.rint(left)
    found = []
    for k in range(slices - 1):
        size = float(base ** (slices - 1 - k))
        digit = np.floor(left / size) if whole else np.clip(np.rint(left / size), 1 - base, base - 1)
        left = left - digit * size
        found.append(signs * digit)
    return [*found, signs * left]
