"""One device for each weight, and one column of reference devices that is subtracted from all others."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.assembly import Frozen, NoSingleArray
from neuro.crossbar.checks import devices, drives, target, weight_matrix, whole_levels
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.pair import Crossbar
from neuro.crossbar.write.coincidence import Coincidences, Trains, coincidences
from neuro.crossbar.write.pairs import Mask
from neuro.crossbar.write.verify import Verification, verify
from neuro.errors import UnsupportedFeature, WeightError
from neuro.validation import Floats, Ints, frozen, positive

__all__ = ["Offset"]


class Offset(Crossbar):
    """Weights  W = scale (G - G_ref):  one device each, and in every row one reference in a column of its own.

    The reference stands in the middle of the window, or at the level nearest to it, and  scale = w_max / d  where d is
    its distance to the nearer end. Half as many devices as pairs need, but every weight of a row shares the error of
    its reference, and a weight of zero conducts. `array` is the physical array, its last column the reference.
    """

    def __init__(
        self,
        weights: ArrayLike,
        device: Device | None = None,
        wires: Any = None,
        faults: Faults | None = None,
        mapping: str = "offset",
        *,
        w_max: float | None = None,
        start: float | None = None,
        name: str = "crossbar",
        **options: Any,
    ) -> None:
        where = f"crossbar {name!r}"
        matrix = weight_matrix(weights, None, f"{where}, weights")
        shape = matrix.shape[0], matrix.shape[1]
        device, faults = devices(device, faults, shape, where)
        if start is not None:
            rule = "with an offset column a weight of zero starts at the reference"
            raise UnsupportedFeature(rule, where=where, remedy="Leave `start` at None")
        if w_max is None:
            w_max = float(np.abs(matrix).max(initial=0.0)) or 1.0
        self.name, self._where = name, where
        self.shape, self.device, self.faults = shape, device, faults
        self.w_max = float(positive(w_max, f"{where}, w_max"))
        span = device.g_max - device.g_min
        middle = span / 2 if device.levels is None else device.step * ((device.levels - 1) // 2)
        self.reference = device.g_min + middle
        """Conductance that the reference devices are written to, S."""
        self.scale = self.w_max / min(middle, span - middle) if middle else self.w_max / span
        column = np.full((shape[0], 1), np.nan)
        stuck = Faults(np.hstack([np.asarray(faults.plus), column]), np.zeros((shape[0], shape[1] + 1)))
        self.array = Crossbar(
            np.zeros((shape[0], shape[1] + 1)), device, wires, stuck, w_max=self.scale * span, name=name, **options
        )
        """The array as it is built, shape (pre, post + 1); it has no negative devices."""
        self.array.ledger.writes = 0
        self._write(np.ones((shape[0], shape[1] + 1), bool), self._targets(matrix))
        self._register = np.zeros(shape)
        self._kept: tuple[int, Floats] | None = None
        self._turned: tuple[int, Floats] | None = None

    def __repr__(self) -> str:
        return f"<Crossbar {self.name!r}, {self.shape[0]} x {self.shape[1]} and an offset column>"

    @property
    def version(self) -> int:  # type: ignore[override]
        """Grows with every write."""
        return self.array.version

    @property
    def ledger(self) -> Ledger:
        """Counts of the array, the reference column included in the sums but not device by device."""
        total = Ledger(self.shape)
        total.include(self.array.ledger, None)
        total.plus += self.array.ledger.plus[:, :-1]
        return total

    @property
    def conductance_plus(self) -> Floats:
        """Conductances of the weights' devices, S, shape (pre, post); read-only."""
        return self.array.conductance_plus[:, :-1]

    @property
    def conductance_minus(self) -> Floats:
        """Conductance of each row's reference, S, once for every column, shape (pre, post); read-only."""
        return np.broadcast_to(self.array.conductance_plus[:, -1:], self.shape)

    def effective_weights(self) -> Floats:
        """The columns' weights less the reference's, shape (pre, post), read-only: one array until the next write."""
        version = getattr(self.array, "version", 0)
        if self._kept is None or self._kept[0] != version:
            whole = self.array.effective_weights()
            self._kept = version, frozen(np.ascontiguousarray(whole[:, :-1] - whole[:, -1:]))
        return self._kept[1]

    def transposed_weights(self) -> Floats:
        """The same as read column by column, shape (post, pre), rows contiguous; read-only and kept alike."""
        if self._turned is None or self._turned[0] != self.version:
            whole = self.array.transposed_weights()
            self._turned = self.version, frozen(np.ascontiguousarray(whole[:-1] - whole[-1:]))
        return self._turned[1]

    @property
    def fluctuates(self) -> bool:
        """Do reads differ from the programmed weights? A network then takes a `snapshot`."""
        return self.array.fluctuates

    def snapshot(self, at: float | None = None) -> Any:
        """As `Crossbar.snapshot`."""
        other = copy.copy(self)
        other.array = self.array.snapshot(at)  # type: ignore[assignment]
        other._kept = None
        return Frozen(other)

    def read(self, rows: ArrayLike, at: float | None = None) -> Floats:
        """As `Crossbar.read`; the reference column's result is taken from every other."""
        out = self.array.read(rows, at)
        return np.asarray(out[:-1] - out[-1])

    def read_columns(self, cols: ArrayLike, at: float | None = None) -> Floats:
        """As `Crossbar.read_columns`: the reference column is driven with minus the sum of all drives."""
        drive = drives(cols, self.shape[1], f"{self._where}, columns")
        return self.array.read_columns(np.append(drive, -drive.sum()), at)

    def read_rows(self, rows: ArrayLike, out: Floats | None = None) -> Floats:
        """As `Crossbar.read_rows`; the reference column's result is taken from every other."""
        total = target(out, self.shape[1], f"{self._where}, out")
        found = self.array.read_rows(rows)
        total += found[:-1] - found[-1]
        return total

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """As `Crossbar.count_reads`; with every read of a column the reference is read too."""
        counts = np.asarray(columns)
        lines = {"columns": np.append(counts, counts.sum())} if counts.ndim else {}
        if not counts.ndim and counts:
            lines = {"columns": 2 * counts}
        self.array.count_reads(rows, **lines)

    def program(self, weights: ArrayLike) -> int:
        """As `Crossbar.program`; the reference is rewritten where it is off."""
        targets = self._targets(weight_matrix(weights, self.shape, f"{self._where}, weights"))
        off = np.abs(targets - self.array.conductance_plus)
        far = (off >= self.device.step / 2) & (off > 0)
        self._register[:] = 0
        count = int(np.count_nonzero(far))
        if count:
            self._write(far, targets)
        return count

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, **options: Any) -> int:
        """As `Crossbar.accumulate`, with one device for each weight: a level of weight is scale step."""
        most = whole_levels(max_levels, f"{self._where}, max_levels")
        change = weight_matrix(dw, self.shape, f"{self._where}, dw")
        step = self.array._step
        if not step:
            room = self.device.g_min - self.conductance_plus, self.device.g_max - self.conductance_plus
            moves = np.clip(change / self.scale, np.minimum(room[0], 0), np.maximum(room[1], 0))
            return self._send(moves, np.sign(moves))
        level = self.scale * step
        self._register += change
        levels = np.clip(np.trunc(self._register / level), -most, most)
        self._register -= level * levels
        return self._send(levels * step, levels) if levels.any() else 0

    def coincide(
        self, rows: ArrayLike, columns: ArrayLike, rate: float = 1.0, *, trains: Trains = "stochastic",
        length: int = 31, policy: Any = None,
    ) -> Coincidences:  # fmt: skip
        """As `Crossbar.coincide`, with one device for each weight."""
        x = drives(rows, self.shape[0], f"{self._where}, rows")
        d = drives(columns, self.shape[1], f"{self._where}, columns")
        slots = whole_levels(length, f"{self._where}, length")
        self.device.pulse_law  # noqa: B018 - a continuous device has none, and says so
        step = self.array._step
        met = coincidences(x, d, rate / (self.scale * step), slots, trains, self.array._trains)
        levels = met.pulses.astype(np.float64)
        self._send(levels * step, levels)
        return met

    def write_verify(self, weights: ArrayLike, *, tolerance: float | None = None, rounds: int = 100) -> Verification:
        """As `Crossbar.write_verify`; arrays of the result are (2, pre, post + 1), and the negative one is empty."""
        targets = self._targets(weight_matrix(weights, self.shape, f"{self._where}, weights"))
        if tolerance is None:
            tolerance = self.device.step / 2 or 0.01 * (self.device.g_max - self.device.g_min)
        near = float(positive(tolerance, f"{self._where}, tolerance"))
        most = whole_levels(rounds, f"{self._where}, rounds")
        self._register[:] = 0
        array = self.array

        def send(plus: Ints, minus: Ints) -> None:
            pulses, nothing = plus.astype(np.float64), np.zeros(plus.shape)
            array._pulse(pulses * array._step, nothing, pulses, nothing)

        def rewrite(plus: Mask, minus: Mask) -> None:
            self._write(plus, targets)

        return verify(
            array._pairs, (targets, np.zeros_like(targets)), near, most, send, rewrite, array.count_reads, array._step
        )

    def copy(self) -> Offset:
        """An independent crossbar in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other.array, other._register = self.array.copy(), self._register.copy()
        return other

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "array" not in self.__dict__:
            raise AttributeError(name)
        raise NoSingleArray(self._where, name, "array")

    def _targets(self, matrix: Floats) -> Floats:
        """Conductances of the array, S, shape (pre, post + 1), each at the nearest level."""
        worst = float(np.abs(matrix).max(initial=0.0))
        if worst > self.w_max * (1 + 1e-12):
            rule = f"the window holds weights of {-self.w_max:.12g}..{self.w_max:.12g}"
            raise WeightError(rule, where=self._where, value=f"{worst:.12g}", remedy="Give a larger `w_max`")
        device = self.device
        wanted = self.reference + matrix / self.scale
        if device.levels is not None:
            wanted = device.g_min + device.step * np.rint((wanted - device.g_min) / device.step)
        wanted = np.clip(wanted, device.g_min, device.g_max)
        return np.hstack([wanted, np.full((len(wanted), 1), self.reference)])

    def _write(self, mask: Mask, targets: Floats) -> None:
        self.array._rewrite(mask, np.zeros_like(mask), targets, np.zeros_like(targets))

    def _send(self, moves: Floats, pulses: Floats) -> int:
        plus, sent = (np.hstack([part, np.zeros((len(part), 1))]) for part in (moves, pulses))
        nothing = np.zeros_like(plus)
        return self.array._pulse(plus, nothing, sent, nothing)
