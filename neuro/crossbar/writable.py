"""How a crossbar is written beside learning: outer products by coincidence, and closed loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.checks import drives, weight_matrix, whole_levels
from neuro.crossbar.write.coincidence import Coincidences, Trains, coincidences
from neuro.crossbar.write.pairs import Mask, Pairs
from neuro.crossbar.write.settings import POLICIES, Policy, Writing, level_moves, pair_targets
from neuro.crossbar.write.verify import Verification, verify
from neuro.errors import UnknownName
from neuro.validation import Floats, Ints, finite, positive

if TYPE_CHECKING:
    from neuro.crossbar.device.device import Device
    from neuro.crossbar.ledger import Ledger

__all__ = ["Writable"]


class Writable:
    """The writes of a `Crossbar` that are not of its learning register."""

    device: Device
    """What each cell is made of."""
    writing: Writing
    """What a write pulse does."""
    shape: tuple[int, int]
    w_max: float
    scale: float
    start: float | None
    _where: str
    _pairs: Pairs
    _register: Floats
    _step: float
    _trains: np.random.Generator

    if TYPE_CHECKING:

        @property
        def ledger(self) -> Ledger: ...

        def count_reads(self, rows: ArrayLike = 0, *, columns: ArrayLike = 0) -> None: ...

        def _pulse(self, plus: Floats, minus: Floats, plus_pulses: Floats, minus_pulses: Floats) -> int: ...

        def _changed(self) -> None: ...

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
        >>> from neuro.crossbar.pair import Crossbar, Device
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
        >>> from neuro.crossbar.pair import Crossbar, Device, Faults
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
            self._rewrite(plus, minus, *targets)

        return verify(self._pairs, targets, near, most, send, rewrite, self.count_reads, self._step)

    def _rewrite(self, plus: Mask, minus: Mask, g_plus: Floats, g_minus: Floats) -> None:
        """Write the masked devices anew, each with its own error."""
        before = self._pairs.plus.copy(), self._pairs.minus.copy()
        self._pairs.write(plus, minus, g_plus, g_minus)
        self.ledger.writes += int(plus.sum() + minus.sum())
        once = plus.astype(np.int64), minus.astype(np.int64)
        self.writing.price_moves(self.ledger, once, before, (self._pairs.plus, self._pairs.minus))
        self._changed()
