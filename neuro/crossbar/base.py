"""`AbstractCrossbar`: the methods that every kind of crossbar has."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from neuro.crossbar.device_synapses import DeviceSynapses, ReadableCrossbar
from neuro.display import Rows, amount
from neuro.validation import Floats

if TYPE_CHECKING:
    from neuro.crossbar.circuit.circuit import Circuit
    from neuro.crossbar.circuit.wires import Wires
    from neuro.crossbar.device.device import Device
    from neuro.crossbar.device.faults import Faults
    from neuro.crossbar.read.settings import Reading
    from neuro.crossbar.write.coincidence import Coincidences, Trains
    from neuro.crossbar.write.settings import Writing
    from neuro.crossbar.write.targets import Policy
    from neuro.crossbar.write.verify import Verification

__all__ = ["AbstractCrossbar", "Setup"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """The parts and settings of a crossbar, checked by the factory."""

    device: Device
    """The device of each cell."""
    faults: Faults
    """Stuck devices, shape (pre, post)."""
    wires: Wires
    """Resistances of the wires."""
    reading: Reading
    """Voltage, time, noise and price of a read."""
    writing: Writing
    """Voltage, time and disturbance of a write pulse."""
    w_max: float
    """Largest weight that the window can hold."""
    seed: int
    """Root seed."""
    name: str
    """Name of the crossbar in errors and in the names of its random streams."""


class AbstractCrossbar(ReadableCrossbar):
    """A matrix of weights in memristive devices, which is read by rows and columns, written, and learned on.

    `neuro.Crossbar` makes one. Its kind depends on the mapping: `PairCrossbar` (one array of differential pairs),
    `OffsetCrossbar`, `TiledCrossbar` or `SlicedCrossbar`. All have these methods; each kind is final.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        """Parts and settings, as the factory has checked them."""
        self.name = setup.name
        """Name in errors and of its random streams."""
        self.device = setup.device
        self.faults = setup.faults
        """Stuck devices."""
        self.wires = setup.wires
        """Resistances of the wires of each array."""
        self.reading = setup.reading
        """Settings of a read."""
        self.writing = setup.writing
        """Settings of a write pulse."""
        self.w_max = setup.w_max
        """Largest weight that the window can hold."""
        self.shape = setup.faults.shape[0], setup.faults.shape[1]
        self._where = f"crossbar {setup.name!r}"

    def _display(self) -> tuple[str, Rows]:
        rows: list[tuple[str, object]] = [
            ("weights", f"-{self.w_max:.4g} to {self.w_max:.4g}"),
            ("device", self.device._display()[0].removeprefix("Device ")),
            ("arrays", len(self.arrays)),
        ]
        if self.wires.row or self.wires.column:
            rows.append(("wires", f"{amount(self.wires.row, 'ohm')} a row segment, {self.wires.column:.4g} a column's"))
        if self.reading.voltage is not None:
            rows.append(("read voltage", amount(self.reading.voltage, "V")))
        return f"{type(self).__name__} {self.name!r}: {self.shape[0]:,} x {self.shape[1]:,} weights", rows

    @property
    def fluctuates(self) -> bool:
        return self.reading.fluctuates

    @property
    @abstractmethod
    def T(self) -> ReadableCrossbar:
        """The same devices with rows and columns exchanged; it cannot be written."""

    @property
    @abstractmethod
    def arrays(self) -> tuple[AbstractCrossbar, ...]:
        """The arrays of pairs that it is built of, each with a ledger, a circuit and faults of its own."""

    @property
    @abstractmethod
    def learns_in_run(self) -> bool:
        """May a rule write it while a network runs? The state of one array of pairs can be saved and restored."""

    @property
    @abstractmethod
    def conductance_plus(self) -> Floats:
        """Conductances of the positive devices, S, shape (pre, post), in slices (slices, pre, post); read-only."""

    @property
    @abstractmethod
    def conductance_minus(self) -> Floats:
        """Conductances of the negative devices, S, of the same shape; read-only."""

    @property
    @abstractmethod
    def register(self) -> Floats:
        """Weight change given to `accumulate` and not yet sent, shape as the conductances; read-only."""

    @abstractmethod
    def transposed_weights(self) -> Floats:
        """Weights as they are read column by column, shape (post, pre), rows contiguous; read-only and kept alike."""

    @abstractmethod
    def snapshot(self, at: float | None = None) -> DeviceSynapses:
        """Synapses for a network: one draw of read noise, and the state at time `at`, frozen for each device.

        Events of a run do not draw noise of their own: a Program has one matrix of weights. Age and telegraph
        states are those of `at`, s since programming; None: of the last read.

        Raises
        ------
        ParameterError
            If `at` is before the last read.
        """

    @abstractmethod
    def read_rows(self, rows: ArrayLike, out: Floats | None = None) -> Floats:
        """Read rows one after the other, each by itself, and add their results: one spike is one row.

        White noise is drawn for each column of each read, in their order: the same however reads are grouped.

        Parameters
        ----------
        rows
            Which row each read drives, shape (reads,).
        out
            Array that the reads are added to, float64, shape (post,); None: zeros.

        Raises
        ------
        InputError
            If there is no such row, or `out` is no such array.
        UnsupportedFeature
            If conductances move with time, or columns have converters: `read` does these.

        Examples
        --------
        >>> from neuro.crossbar.factory import Crossbar
        >>> Crossbar([[0.5, -1.0], [0.0, 0.25]]).read_rows([0, 1, 0])
        array([ 1.  , -1.75])
        """

    @abstractmethod
    def program(self, weights: ArrayLike) -> int:
        """Rewrite, without verifying, each device that is half a level or more off its target for `weights`.

        Continuous devices are rewritten wherever they differ at all. Targets are laid out as they were at
        first (`start`). The learning register is emptied: its entries belonged to the weights before.

        Returns
        -------
        int
            Devices rewritten, stuck ones included.

        Raises
        ------
        WeightError
            If the weights are not finite, not of this shape, or do not fit the window.
        """

    @abstractmethod
    def accumulate(self, dw: ArrayLike, max_levels: int = 4, *, policy: Policy = "push_pull") -> int:
        """Add a weight change to the learning register, and send the whole levels in it as pulses.

        A level of weight is  2 scale step  with `push_pull`, where both devices of a pair move, and  scale step  with
        `one_sided`, where one does. Of each entry of the register  trunc(register / level)  levels, at most
        `max_levels`, are sent and taken off, whether or not the devices follow: one at the end of its window, or
        stuck, gets its pulses and does not move. Devices with a law are sent pulses in the same way; their step is the
        expected change of a pulse in the middle of the window. Continuous devices without a law need no register:
        `dw` is written at once, as far as the window allows, and one pulse is one device moved.

        Parameters
        ----------
        dw
            Weight change, shape (pre, post), in the units of the weights.
        max_levels
            Most levels sent to a pair in one call; the rest waits in the register.
        policy
            `push_pull`: G+ moves with the sign of the change and G- against it. `one_sided`: the device that
            has to fall does so while it is half a level or more above g_min, then the other one rises. With one
            device for each weight the policy does not matter.

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
        UnsupportedFeature
            If weights are bit slices.

        Examples
        --------
        >>> from neuro.crossbar.device.device import Device
        >>> from neuro.crossbar.factory import Crossbar
        >>> crossbar = Crossbar([[0.0]], Device("three", 0.0, 100e-6, levels=3), w_max=1.0, start=0.5)
        >>> [crossbar.accumulate([[0.4]]) for _ in range(3)]
        [0, 0, 2]
        >>> crossbar.effective_weights().item(), round(crossbar.register.item(), 6)
        (1.0, 0.2)
        """

    @abstractmethod
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

        `coincidence.coincidences` makes the trains. Nothing waits in the learning register: a change too small
        for a pulse becomes a rare pulse or, with deterministic trains, none.

        Parameters
        ----------
        rows, columns
            Factors of the outer product, shape (pre,) and (post,).
        rate
            Factor of the product, in the units of the weights.
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
        UnsupportedFeature
            If weights are bit slices.

        Examples
        --------
        >>> from neuro.crossbar.device.device import Device
        >>> from neuro.crossbar.factory import Crossbar
        >>> crossbar = Crossbar([[0.0]], Device("d", 0.0, 90e-6, levels=10), w_max=1.0, start=0.5)
        >>> crossbar.coincide([1.0], [1.0], 0.5, trains="deterministic", length=8).pulses.item()
        2
        """

    @abstractmethod
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
        >>> import numpy as np
        >>> from neuro.crossbar.device.device import Device
        >>> from neuro.crossbar.device.faults import Faults
        >>> from neuro.crossbar.factory import Crossbar
        >>> faults = Faults([[0.0]], [[np.nan]])
        >>> crossbar = Crossbar([[0.0]], Device("d", 0.0, 90e-6, levels=10), faults=faults, w_max=1.0)
        >>> crossbar.write_verify([[1.0]], rounds=3).missed
        [Missed(array='plus', row=0, column=0, target=9e-05, found=0.0, slice=0)]
        """

    @abstractmethod
    def copy(self) -> AbstractCrossbar:
        """An independent crossbar in the same state, whose next writes draw the same errors."""

    @property
    @abstractmethod
    def circuits(self) -> tuple[Circuit, Circuit]:
        """The positive and the negative array as programmed, with their wires.

        Raises
        ------
        UnsupportedFeature
            If it is not a single array of pairs; its `arrays` are. This holds for the next three methods too.
        """

    @abstractmethod
    def effective_conductance(self) -> Floats:
        """Current into each column's end for 1 V on one row, S, shape (rows, columns): positive minus negative array.

        Each row is driven by itself while the others are inactive, as `wires.inactive` says. Where they are
        grounded, the rows superpose; otherwise `solve` and `read` do not sum these.
        """

    @abstractmethod
    def solve(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> Floats:
        """Currents out of the columns' ends, A, shape (columns,), positive minus negative array.

        Parameters
        ----------
        row_voltages
            Of each row's driver, V. Rows at 0 V or NaN are inactive: grounded, disconnected, or gated.
        column_voltages
            Of the terminals behind `wires.sense`, V, in both arrays; NaN: not connected.

        Raises
        ------
        InputError
            If there is not one voltage for each line, or one is infinite.

        Examples
        --------
        Two devices of 1 kohm on one column; the second row floats, and 0.5 V meets 1 kohm and two segments.

        >>> from neuro.crossbar.circuit.wires import Wires
        >>> from neuro.crossbar.factory import crossbar_from_conductance
        >>> wires = Wires(column=500.0, inactive="float")
        >>> crossbar_from_conductance([[1e-3], [1e-3]], wires=wires).solve([0.5, 0.0]).round(9)
        array([0.00025])
        """

    @abstractmethod
    def netlist(self, row_voltages: ArrayLike, column_voltages: ArrayLike = 0) -> str:
        """The circuit of `solve` as a SPICE deck (`ngspice -b` runs it): array "p", and "n" if it has devices.

        The current of vp_s0 less that of vn_s0 is the first entry of the result of `solve`.

        Raises
        ------
        InputError
            As `solve`.

        Examples
        --------
        >>> from neuro.crossbar.factory import crossbar_from_conductance
        >>> print(crossbar_from_conductance([[1e-3]]).netlist([0.5]))
        * crossbar: p array, 1 rows x 1 columns
        rp_x0_0 p_d0 p_s0 1000.0
        vp_d0 p_d0 0 DC 0.5
        ...
        """
