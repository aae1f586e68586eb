"""A crossbar of differential pairs: weights held as conductances, read by rows and columns."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.crossbar.checks import (
    conductances,
    devices,
    reading_of,
    weight_matrix,
    whole_levels,
    wiring,
    writing_of,
)
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.read.reader import Reader, Snapshot
from neuro.crossbar.read.settings import Reading
from neuro.crossbar.readable import Readable
from neuro.crossbar.transposed import TransposedCrossbar
from neuro.crossbar.writable import Writable
from neuro.crossbar.write.pairs import Pairs
from neuro.crossbar.write.settings import (
    POLICIES,
    Policy,
    Writing,
    analog_moves,
    level_moves,
    nominal_step,
    pair_targets,
)
from neuro.errors import ParameterError, UnknownName
from neuro.randomness import stream
from neuro.validation import Floats, frozen, positive

__all__ = ["Crossbar", "Faults", "Reading", "Snapshot", "TransposedCrossbar", "Wires", "Writing"]


class Crossbar(Readable, Writable):
    """Weights in an array of memristor pairs, W = scale (G+ - G-), scale = w_max / (g_max - g_min).

    A write rounds its target to a level of the device, adds a normal error of its own for each device, and
    clips to the window; stuck devices stay. Without wires, reads are exact products. With them the weights are
    what reaches the columns' ends: scale times `effective_conductance`.
    The errors come from one stream, drawn by `seed` and `name`: same seed and same calls, same bits.

    Parameters
    ----------
    weights
        Shape (pre, post), in the units of the target's v.
    device
        What each cell is made of; None: the preset `ideal`.
    wires
        Resistances of the wires, and what inactive rows do; None: no wire has any resistance.
    faults
        Stuck devices; None: all are healthy.
    mapping
        How a weight becomes conductances: "pair"; "offset", one device each and a column of references
        (`neuro.crossbar.offset`); or "slices", digits in several arrays (`neuro.crossbar.assembly`), which takes
        `slices=` and `base=` too.
    tile
        Rows and columns of the arrays that a larger matrix is cut into; None: one array holds it all.
    reading
        Voltage and time of a read, its noise, converters, and what it costs; None: exact reads without a price.
    writing
        Voltage and time of a write pulse, and what half-selected devices take of it; None: none of them.
    w_max
        The weight of a pair with one device at g_max and the other at g_min; None: the largest absolute
        weight, or 1 where all are zero.
    start
        None: one device of each pair starts at g_min. A number in 0..1: both start around this fraction of
        the window, half a weight to each side, so that both have room to move.
    seed, name
        Root seed, and the name that sets this crossbar's draws apart from those of others.

    Raises
    ------
    WeightError
        If the weights are not a finite matrix, or one does not fit the window.
    DeviceError
        If `device` is not a Device, `wires` are not Wires, `reading` is not a Reading, `writing` is not a Writing,
        or the faults are of another shape.
    ParameterError
        If `w_max` or `start` is outside its range.
    UnknownName
        If there is no such mapping.
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
        wires: Wires | None = None,
        faults: Faults | None = None,
        mapping: str = "pair",
        *,
        tile: tuple[int, int] | None = None,
        reading: Reading | None = None,
        writing: Writing | None = None,
        w_max: float | None = None,
        start: float | None = None,
        seed: int = 0,
        name: str = "crossbar",
    ) -> None:
        where = f"crossbar {name!r}"
        wires, reading, self.writing = wiring(wires, where), reading_of(reading, where), writing_of(writing, where)
        matrix = weight_matrix(weights, None, f"{where}, weights")
        self.device, self.faults = devices(device, faults, (matrix.shape[0], matrix.shape[1]), where)
        if w_max is None:
            w_max = float(np.abs(matrix).max(initial=0.0)) or 1.0
        self.w_max = float(positive(w_max, f"{where}, w_max"))
        self.scale = self.w_max / (self.device.g_max - self.device.g_min)
        if start is not None and not 0 <= start <= 1:
            raise ParameterError("`start` is a fraction of the window, 0..1", where=where, value=start)
        self.start = start
        targets = pair_targets(matrix, self.device, self.w_max, start, where)
        streams = stream(seed, name, "write"), stream(seed, name, "devices")
        self._pairs = Pairs(self.device, self.faults, *streams, self.writing.disturb)
        self._step = nominal_step(self.device)
        self._trains = stream(seed, name, "trains")
        self._pairs.write(np.ones(matrix.shape, bool), np.ones(matrix.shape, bool), *targets)
        self._register = np.zeros(matrix.shape)
        self.version = 0
        super().__init__(Reader(self._pairs, wires, reading, self.scale, seed, name), name)
        self.ledger.writes = 2 * matrix.size

    def __repr__(self) -> str:
        return f"<Crossbar {self.name!r}, {self.shape[0]} x {self.shape[1]}, device {self.device.name!r}>"

    @classmethod
    def from_conductance(
        cls,
        g_plus: ArrayLike,
        g_minus: ArrayLike | None = None,
        wires: Wires | None = None,
        *,
        reading: Reading | None = None,
        seed: int = 0,
        name: str = "crossbar",
    ) -> Crossbar:
        """A crossbar of devices with these conductances, S, shape (rows, columns); its weights are siemens, scale 1.

        Without `g_minus` there is no second array. The devices are continuous, from 0 to the largest conductance.

        Raises
        ------
        DeviceError
            If a conductance is negative or not finite, or the shapes differ.

        Examples
        --------
        >>> crossbar = Crossbar.from_conductance([[1e-3]], wires=Wires(row=600.0, column=400.0))
        >>> crossbar.effective_conductance().round(9)
        array([[0.0005]])
        """
        where = f"crossbar {name!r}"
        plus = conductances(g_plus, None, f"{where}, g_plus")
        minus = np.zeros_like(plus) if g_minus is None else conductances(g_minus, plus.shape, f"{where}, g_minus")
        top = float(max(plus.max(), minus.max())) or 1.0
        crossbar = cls(plus - minus, Device("given", 0.0, top), wires, reading=reading, w_max=top, seed=seed, name=name)
        crossbar._pairs.plus, crossbar._pairs.minus = plus.copy(), minus.copy()
        crossbar._reader.changed()
        return crossbar

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
            self._rewrite(far_plus, far_minus, plus, minus)
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

    def copy(self) -> Crossbar:
        """An independent crossbar in the same state, whose next writes draw the same errors."""
        other = copy.copy(self)
        other._pairs, other._register = self._pairs.copy(), self._register.copy()
        other._reader = self._reader.copy(other._pairs)
        return other

    def memory(self) -> dict[str, NDArray[Any]]:
        """All that writes and learning change, by name, to be saved and written back; random streams apart."""
        return {**self._pairs.memory(), "register": self._register}

    def take_state_from(self, other: Crossbar) -> None:
        """Become like a copy that has gone on: its devices, register and next errors; its counts are added."""
        ledger, version = self.ledger + other.ledger, self.version
        self.__dict__.update(other.copy().__dict__)
        self.count_into(ledger)
        self.version = version
        self._changed()

    def _pulse(self, plus: Floats, minus: Floats, plus_pulses: Floats, minus_pulses: Floats) -> int:
        """Move the devices by `plus` and `minus`, S, and enter the pulses that took, signed by direction."""
        pairs, signed = self._pairs, (plus_pulses.astype(np.int64), minus_pulses.astype(np.int64))
        count = self.ledger.count_pulses(*signed)
        if not count:
            return 0
        if pairs.pulsed:
            self.writing.price_pulses(self.ledger, signed, pairs.pulse(*signed))
        else:
            before = pairs.plus.copy(), pairs.minus.copy()
            pairs.write(plus != 0, minus != 0, pairs.plus + plus, pairs.minus + minus)
            self.writing.price_moves(self.ledger, signed, before, (pairs.plus, pairs.minus))
        self._changed()
        return count

    def _changed(self) -> None:
        self._reader.changed()
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
