"""A crossbar of differential pairs: weights held as conductances, read by rows and columns."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.arrays import Floats, Ints, finite, frozen, positive, stream
from neuro.crossbar.checks import devices, disturbance, drives, reads, refuse_unsupported, weight_matrix, whole_levels
from neuro.crossbar.coincidence import Coincidences, Trains, coincidences
from neuro.crossbar.device import Device
from neuro.crossbar.faults import Faults
from neuro.crossbar.ledger import Ledger
from neuro.crossbar.pairs import Mask, Pairs
from neuro.crossbar.transposed import TransposedCrossbar
from neuro.crossbar.verify import Verification, verify
from neuro.crossbar.writing import POLICIES, Policy, analog_moves, level_moves, nominal_step, pair_targets
from neuro.errors import ParameterError, UnknownName

__all__ = ["Crossbar", "Faults", "TransposedCrossbar"]


class Crossbar:
    """Weights in an array of memristor pairs, W = scale (G+ - G-), scale = w_max / (g_max - g_min).

    A write rounds its target to a level of the device, adds a normal error of its own for each device, and
    clips to the window; stuck devices stay. Reads are exact products: wires and read noise are not modelled.
    The errors come from one stream, drawn by `seed` and `name`: same seed and same calls, same bits.

    Parameters
    ----------
    weights
        Shape (pre, post), in the units of the target's v.
    device
        What each cell is made of; None: the preset `ideal`.
    wires
        Not supported yet; None is a crossbar whose wires have no resistance.
    faults
        Stuck devices; None: all are healthy.
    mapping
        How a weight becomes conductances: "pair"; "offset", one device each and a column of references
        (`neuro.crossbar.offset`); or "slices", digits in several arrays (`neuro.crossbar.assembly`), which takes
        `slices=` and `base=` too.
    tile
        Rows and columns of the arrays that a larger matrix is cut into; None: one array holds it all.
    w_max
        The weight of a pair with one device at g_max and the other at g_min; None: the largest absolute
        weight, or 1 where all are zero.
    start
        None: one device of each pair starts at g_min. A number in 0..1: both start around this fraction of
        the window, half a weight to each side, so that both have room to move.
    disturb
        Share of a pulse's change that a half-selected device takes: one on the row or the column of a device that
        is pulsed. Rows are then written one after the other, as on a chip without selectors.
    seed, name
        Root seed, and the name that sets this crossbar's draws apart from those of others.

    Raises
    ------
    WeightError
        If the weights are not a finite matrix, or one does not fit the window.
    DeviceError
        If `device` is not a Device, or the faults are of another shape.
    ParameterError
        If `w_max` or `start` is outside its range.
    UnknownName
        If there is no such mapping.
    UnsupportedFeature
        For wires.

    Examples
    --------
    >>> crossbar = Crossbar([[0.5, -1.0], [0.0, 0.25]])
    >>> crossbar.read([2, 1])
    array([ 1.  , -1.75])
    >>> crossbar.ledger.row_reads
    2
    """

    def __new__(cls, *given: Any, **options: Any) -> Crossbar:
        """A crossbar of several arrays is one of its own kind."""
        mapping = given[4] if len(given) > 4 else options.get("mapping", "pair")
        return super().__new__(kind_of(cls, mapping, options.get("tile")) if cls is Crossbar else cls)

    def __init__(
        self,
        weights: ArrayLike,
        device: Device | None = None,
        wires: object = None,
        faults: Faults | None = None,
        mapping: str = "pair",
        *,
        tile: tuple[int, int] | None = None,
        w_max: float | None = None,
        start: float | None = None,
        disturb: float = 0.0,
        seed: int = 0,
        name: str = "crossbar",
    ) -> None:
        self.name = name
        self._where = f"crossbar {name!r}"
        refuse_unsupported(wires, self._where)
        matrix = weight_matrix(weights, None, f"{self._where}, weights")
        self.shape = (matrix.shape[0], matrix.shape[1])
        self.device, self.faults = devices(device, faults, self.shape, self._where)
        if w_max is None:
            w_max = float(np.abs(matrix).max(initial=0.0)) or 1.0
        self.w_max = float(positive(w_max, f"{self._where}, w_max"))
        self.scale = self.w_max / (self.device.g_max - self.device.g_min)
        if start is not None and not 0 <= start <= 1:
            raise ParameterError("`start` is a fraction of the window, 0..1", where=self._where, value=start)
        self.start = start
        targets = pair_targets(matrix, self.device, self.w_max, start, self._where)
        disturb = disturbance(disturb, self._where)
        self._pairs = Pairs(
            self.device, self.faults, stream(seed, name, "write"), stream(seed, name, "devices"), disturb
        )
        self._step = nominal_step(self.device)
        self._trains = stream(seed, name, "trains")
        self._pairs.write(np.ones(self.shape, bool), np.ones(self.shape, bool), *targets)
        self._register = np.zeros(self.shape)
        self._weights: Floats | None = None
        self._transposed: Floats | None = None
        self.version = 0
        self.ledger = Ledger(self.shape, writes=2 * matrix.size)

    def __repr__(self) -> str:
        return f"<Crossbar {self.name!r}, {self.shape[0]} x {self.shape[1]}, device {self.device.name!r}>"

    @property
    def conductance_plus(self) -> Floats:
        """Conductances of the positive devices, S, shape (pre, post); a read-only view of them."""
        return frozen(self._pairs.plus)

    @property
    def conductance_minus(self) -> Floats:
        """Conductances of the negative devices, S, shape (pre, post); a read-only view of them."""
        return frozen(self._pairs.minus)

    @property
    def register(self) -> Floats:
        """Weight change given to `accumulate` and not yet sent, shape (pre, post); a read-only view."""
        return frozen(self._register)

    @property
    def T(self) -> TransposedCrossbar:
        """The same devices with rows and columns exchanged; it cannot be written."""
        return TransposedCrossbar(self)

    def effective_weights(self) -> Floats:
        """scale (G+ - G-), shape (pre, post), read-only: one array until the next write, then a new one."""
        if self._weights is None:
            self._weights = frozen(self.scale * (self._pairs.plus - self._pairs.minus))
        return self._weights

    def transposed_weights(self) -> Floats:
        """The effective weights transposed, shape (post, pre), rows contiguous; read-only and kept alike."""
        if self._transposed is None:
            self._transposed = frozen(self.effective_weights().T.copy())
        return self._transposed

    def read(self, rows: ArrayLike) -> Floats:
        """Drive rows and sum along columns: rows @ W. Each row with a drive other than zero counts as read.

        Parameters
        ----------
        rows
            Drive of each row, in any unit, shape (pre,): spike counts, for instance.

        Returns
        -------
        Floats
            Shape (post,), in the unit of the drive times that of the weights.

        Raises
        ------
        InputError
            If there is not one finite drive per row.
        """
        drive = drives(rows, self.shape[0], f"{self._where}, rows")
        self.ledger.row_reads += int(np.count_nonzero(drive))
        return drive @ self.effective_weights()

    def read_columns(self, cols: ArrayLike) -> Floats:
        """Drive columns and sum along rows: W @ cols. Otherwise as `read`, with reads counted by column."""
        drive = drives(cols, self.shape[1], f"{self._where}, columns")
        self.ledger.column_reads += int(np.count_nonzero(drive))
        return self.effective_weights() @ drive

    def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None:
        """Enter reads whose products somebody else computed.

        Parameters
        ----------
        rows, columns
            How often each row or column was read, shape (pre,) or (post,); or how many reads in all.

        Raises
        ------
        InputError
            If a count is not a whole number, or below zero, or there is not one for each row (column).
        """
        by_row = reads(rows, self.shape[0], f"{self._where}, row reads")
        self.ledger.column_reads += reads(columns, self.shape[1], f"{self._where}, column reads")
        self.ledger.row_reads += by_row

    def program(self, weights: ArrayLike) -> int:
        """Rewrite, without verifying, each device that is half a level or more off its target for `weights`.

        Continuous devices are rewritten wherever they differ at all. Targets are laid out as they were at
        first (`start`). The learning register is emptied: what it held was meant for the weights before.

        Returns
        -------
        int
            Devices rewritten, stuck ones included.

        Raises
        ------
        WeightError
            If the weights are not finite, not of this shape, or do not fit the window.
        """
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        plus, minus = pair_targets(matrix, self.device, self.w_max, self.start, self._where)
        off_plus, off_minus = np.abs(plus - self._pairs.plus), np.abs(minus - self._pairs.minus)
        half = self.device.step / 2
        far_plus = (off_plus >= half) & (off_plus > 0)
        far_minus = (off_minus >= half) & (off_minus > 0)
        self._register[:] = 0
        count = int(np.count_nonzero(far_plus) + np.count_nonzero(far_minus))
        if count:
            self._pairs.write(far_plus, far_minus, plus, minus)
            self.ledger.writes += count
            self._changed()
        return count

    def accumulate(self, dw: ArrayLike, max_levels: int = 4, *, policy: Policy = "push_pull") -> int:
        """Add a weight change to the learning register, and send as pulses what has grown to whole levels.

        A level of weight is  2 scale step  with `push_pull`, where both devices of a pair move, and
        scale step  with `one_sided`, where one does. Of each entry of the register  trunc(register / level)
        levels, at most `max_levels`, are sent and taken off, whether or not the devices follow: one at the
        end of its window, or stuck, gets its pulses and does not move. Devices with a law are sent pulses in the
        same way, with what a pulse is expected to move in the middle of the window for a step. Continuous devices
        without a law need no register: `dw` is written at once, as far as the window allows, and one pulse is one
        device moved.

        Parameters
        ----------
        dw
            Weight change, shape (pre, post), in the units of the weights.
        max_levels
            Most levels sent to a pair in one call; the rest waits in the register.
        policy
            `push_pull`: G+ moves with the sign of the change and G- against it. `one_sided`: the device that
            has to fall does so while it is half a level or more above g_min, then the other one rises.

        Returns
        -------
        int
            Pulses sent; one pulse is one level on one device.

        Raises
        ------
        WeightError
            If `dw` is not finite or not of this shape.
        ParameterError
            If `max_levels` is not a whole number above zero.
        UnknownName
            If there is no such policy.

        Examples
        --------
        >>> crossbar = Crossbar([[0.0]], Device("three", 0.0, 100e-6, levels=3), w_max=1.0, start=0.5)
        >>> [crossbar.accumulate([[0.4]]) for _ in range(3)]
        [0, 0, 2]
        >>> crossbar.effective_weights().item(), round(crossbar.register.item(), 6)
        (1.0, 0.2)
        """
        if policy not in POLICIES:
            raise UnknownName("policy", policy, POLICIES)
        most = whole_levels(max_levels, f"{self._where}, max_levels")
        change = weight_matrix(dw, self.shape, f"{self._where}, dw")
        pairs, device = self._pairs, self.device
        if device.levels is None and not pairs.pulsed:
            plus, minus = analog_moves(change / self.scale, pairs.plus, pairs.minus, device, policy)
            return self._pulse(plus, minus, np.sign(plus), np.sign(minus))
        level = self.scale * self._step * (2 if policy == "push_pull" else 1)
        self._register += change
        if np.abs(self._register).max(initial=0.0) < level:
            return 0
        levels = np.clip(np.trunc(self._register / level), -most, most)
        self._register -= level * levels
        plus, minus = level_moves(levels, pairs, self._step, policy)
        return self._pulse(plus * self._step, minus * self._step, plus, minus)

    def coincide(
        self,
        rows: ArrayLike,
        columns: ArrayLike,
        rate: float = 1.0,
        *,
        trains: Trains = "stochastic",
        length: int = 31,
        policy: Policy = "push_pull",
    ) -> Coincidences:
        """Add  rate rows_i columns_j  to each weight, in the mean, by pulses that meet on rows and columns.

        `coincidence.coincidences` says how the trains are made. Nothing waits in the learning register: what is too
        small for a pulse comes as a rare one, or, with deterministic trains, not at all.

        Parameters
        ----------
        rows, columns
            Factors of the outer product, shape (pre,) and (post,).
        rate
            What the product is multiplied with, in the units of the weights.
        trains, length
            "stochastic" or "deterministic" trains, of so many slots.
        policy
            As for `accumulate`.

        Returns
        -------
        Coincidences
            The levels that were sent, shape (pre, post), and how many lines were cut short.

        Raises
        ------
        InputError
            If there is not one finite factor for each line.
        ParameterError
            If `rate` is not finite, or `length` no whole number above zero.
        DeviceError
            If the device is continuous and has no law.
        UnknownName
            If there is no such policy, or there are no such trains.

        Examples
        --------
        >>> crossbar = Crossbar([[0.0]], Device("d", 0.0, 90e-6, levels=10), w_max=1.0, start=0.5)
        >>> crossbar.coincide([1.0], [1.0], 0.5, trains="deterministic", length=8).pulses.item()
        2
        """
        if policy not in POLICIES:
            raise UnknownName("policy", policy, POLICIES)
        x = drives(rows, self.shape[0], f"{self._where}, rows")
        d = drives(columns, self.shape[1], f"{self._where}, columns")
        gain = float(finite(rate, f"{self._where}, rate"))
        slots = whole_levels(length, f"{self._where}, length")
        if not self._step:
            self.device.pulse_law  # noqa: B018 - a continuous device has none, and says so
        level = self.scale * self._step * (2 if policy == "push_pull" else 1)
        met = coincidences(x, d, gain / level, slots, trains, self._trains)
        plus, minus = level_moves(met.pulses.astype(np.float64), self._pairs, self._step, policy)
        self._pulse(plus * self._step, minus * self._step, plus, minus)
        return met

    def write_verify(self, weights: ArrayLike, *, tolerance: float | None = None, rounds: int = 100) -> Verification:
        """Bring the devices to `weights` in a closed loop: read, pulse those that are off, read again.

        Reads are exact (no read noise), and each round reads every row with a device that is still off. The learning
        register is emptied. Unlike `program`, this sends pulses to devices with a law; devices without one are
        written anew until they are near enough.

        Parameters
        ----------
        weights
            Shape (pre, post).
        tolerance
            How far from its target a device may be, S; None: half a level, or a hundredth of the window where the
            device is continuous.
        rounds
            Most rounds.

        Returns
        -------
        Verification
            Which devices were reached and which were not, their pulses, and how many rounds it took.

        Raises
        ------
        WeightError
            If the weights are not finite, not of this shape, or do not fit the window.
        ParameterError
            If `tolerance` is not above zero, or `rounds` no whole number above zero.

        Examples
        --------
        >>> faults = Faults([[0.0]], [[np.nan]])
        >>> crossbar = Crossbar([[0.0]], Device("d", 0.0, 90e-6, levels=10), faults=faults, w_max=1.0)
        >>> crossbar.write_verify([[1.0]], rounds=3).missed
        [Missed(array='plus', row=0, column=0, target=9e-05, found=0.0)]
        """
        matrix = weight_matrix(weights, self.shape, f"{self._where}, weights")
        targets = pair_targets(matrix, self.device, self.w_max, self.start, self._where)
        if tolerance is None:
            tolerance = self.device.step / 2 or 0.01 * (self.device.g_max - self.device.g_min)
        near = float(positive(tolerance, f"{self._where}, tolerance"))
        most = whole_levels(rounds, f"{self._where}, rounds")
        self._register[:] = 0

        def send(plus: Ints, minus: Ints) -> None:
            one, two = plus.astype(np.float64), minus.astype(np.float64)
            self._pulse(one * self._step, two * self._step, one, two)

        def rewrite(plus: Mask, minus: Mask) -> None:
            self._pairs.write(plus, minus, *targets)
            self.ledger.writes += int(plus.sum() + minus.sum())
            self._changed()

        return verify(self._pairs, targets, near, most, send, rewrite, self.count_reads, self._step)

    def copy(self) -> Crossbar:
        """An independent crossbar in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other._pairs, other._register = self._pairs.copy(), self._register.copy()
        other.ledger = self.ledger.copy()
        return other

    def _pulse(self, plus: Floats, minus: Floats, plus_pulses: Floats, minus_pulses: Floats) -> int:
        """Move the devices by `plus` and `minus`, S, and enter the pulses that took, signed by direction."""
        pairs, signed = self._pairs, (plus_pulses.astype(np.int64), minus_pulses.astype(np.int64))
        count = self.ledger.count_pulses(*signed)
        if count and pairs.pulsed:
            pairs.pulse(*signed)
            self._changed()
        elif count:
            pairs.write(plus != 0, minus != 0, pairs.plus + plus, pairs.minus + minus)
            self._changed()
        return count

    def _changed(self) -> None:
        self._weights = self._transposed = None
        self.version += 1


def kind_of(default: type[Crossbar], mapping: str, tile: object) -> type[Crossbar]:
    """The class of a crossbar with this mapping, in one array or in tiles.

    Raises
    ------
    UnknownName
        If there is no such mapping.
    """
    from neuro.crossbar.assembly import Sliced, Tiled
    from neuro.crossbar.offset import Offset

    kinds = {"pair": default, "offset": Offset, "slices": Sliced}
    if mapping not in kinds:
        raise UnknownName("mapping", mapping, kinds)
    return Tiled if tile is not None else kinds[mapping]
