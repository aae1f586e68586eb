"""`ResistiveNetwork`: layers of resistors, ideal diodes and bidirectional amplifiers, and where they rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from neuro.errors import NetworkError, ParameterError, UnsupportedFeature
from neuro.learning.holders import Arrays
from neuro.learning.layer_rules import Phase
from neuro.learning.layers import Answer, LayerWeights, check_sizes
from neuro.learning.resistive.conductances import (
    ConductanceHolder,
    check_conductances,
    check_shapes,
    check_totals,
    first_conductances,
)
from neuro.learning.resistive.netlist import deck
from neuro.units import uS
from neuro.validation import Floats, choice, field_of, finite, number, positive, whole_number

__all__ = ["OperatingPoint", "ResistiveNetwork"]

CHUNK = 500
"""Examples that are settled together, so that their voltages stay in the processor's cache."""
MOST_SWEEPS = 100_000
"""Sweeps after which `operating_point` gives up."""


class OperatingPoint(NamedTuple):
    """Voltages and currents at which a network rests."""

    voltages: list[Floats]
    """Of the nodes of each layer after the inputs, V, shape (examples, nodes)."""
    diode_currents: list[Floats]
    """That flow through its diode into each node, A, the same shapes; zero at the outputs, which have none."""
    power: Floats
    """That the resistors turn into heat, W, shape (examples,); amplifiers deliver a part of it."""


@dataclass(frozen=True, kw_only=True)
class ResistiveNetwork:
    """Layers of nodes joined by resistors; sources hold the inputs x and -x.

    Each hidden node has an ideal diode to ground: the first half of a layer cannot fall below 0 V, the others cannot
    rise above it. It reaches the next layer through a bidirectional amplifier, which multiplies the voltage by a
    and passes the current that flows out of it back to the node, divided by a. Outputs have neither.

    With u = v times all gains that follow the node, and conductances g, the network minimizes

        E = 1/2 sum_ij g_ij (u_i - u_j)^2 - sum_j b_j u_j,    u >= 0 or u <= 0 at the nodes with diodes.

    A sweep minimizes E exactly over one layer after the other, the others held: each node takes the mean of its
    neighbours that its conductances weigh, cut at zero. A nudge is a current into the outputs. The learning rule is
    local, since dE/dg_ij = (u_i - u_j)^2 / 2 depends on one resistor's own voltage.

    Conductances are counted in `siemens`, voltages in `volt`; activities, targets and biases are u and b in these
    units. A circuit of other units has other watts, and learns the same.

    Sources: Kendall et al., arXiv:2006.01981 (the network); Scellier, arXiv:2402.11674 (block descent).

    >>> network = ResistiveNetwork(sizes=(2, 4, 2))
    >>> point = network.operating_point(network.first_weights(0), [[1.0, 0.5]])
    >>> bool(point.power[0] > 0.0), [v.shape for v in point.voltages]
    (True, [(1, 4), (1, 2)])
    """

    sizes: tuple[int, ...]
    """Number of inputs, and of the nodes of each layer; the last are the outputs."""
    amplification: float = 100.0
    """Voltage gain a of the amplifiers."""
    floor: float = 0.0
    """Least conductance that learning leaves a resistor, units of `siemens`."""
    sweeps: tuple[int, int] = (4, 4)
    """Sweeps over the layers in a free phase, and in each phase that goes on from its end."""
    diodes: Literal["nonlinear", "frozen"] = "nonlinear"
    """In phases that go on from a free one: as they are, or held open or closed as the free phase left them. The
    states are then linear in the nudge, and nudges to both sides give the exact gradient: backpropagation."""
    volt: float = 0.1
    """Unit of voltage: an input of 1 is a source of so many volts, V."""
    siemens: float = 100 * uS
    """Unit of conductance, S."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", check_sizes(self.sizes, "ResistiveNetwork.sizes"))
        for key in ("amplification", "volt", "siemens"):
            field_of(self, key, number, check=positive)
        field_of(self, "floor", number, check=positive, zero=True)
        if not isinstance(self.sweeps, tuple | list) or len(self.sweeps) != 2:
            rule = "must be sweeps of the free phase, and of each phase after it"
            raise ParameterError(rule, where="ResistiveNetwork.sweeps", value=self.sweeps)
        for key, sweeps in zip(("free", "nudged"), self.sweeps, strict=True):
            whole_number(sweeps, f"ResistiveNetwork.sweeps, {key}", least=1)
        choice(self.diodes, "ResistiveNetwork.diodes", ("nonlinear", "frozen"))

    def first_weights(self, seed: int) -> LayerWeights:
        """Conductances to begin with, see `first_conductances`; none is below `floor`."""
        drawn = first_conductances(self.sizes, whole_number(seed, "seed"))
        return LayerWeights(tuple(np.maximum(each, self.floor) for each in drawn.matrices), drawn.biases)

    def holder(self, seed: int, weights: LayerWeights | None, arrays: Arrays | None) -> ConductanceHolder:
        """What holds the conductances in a training by `fit`; None: those that `seed` draws.

        Raises
        ------
        UnsupportedFeature
            If crossbars are given.
        """
        if arrays is not None:
            raise UnsupportedFeature(
                "the resistors of this network are its weights: crossbars cannot hold them",
                where="crossbars",
                remedy="Give `weights`, or take SpikingLayers",
            )
        given = self.first_weights(seed) if weights is None else weights
        check_conductances(given, self.sizes)
        return ConductanceHolder(given, self.floor)

    def answer(self, weights: LayerWeights, inputs: Floats, *, workers: int = 1) -> Answer:
        """As `Layers.answer`, after the sweeps of a free phase; one thread does it."""
        circuit = _Circuit(self, weights)
        starts = range(0, len(inputs), CHUNK)
        parts = [circuit.free(circuit.drive(inputs[k : k + CHUNK]), self.sweeps[0]) for k in starts]
        return Answer([np.concatenate(layer) for layer in zip(*parts, strict=True)], np.zeros(len(inputs)))

    def learn(
        self, weights: LayerWeights, inputs: Floats, targets: Floats, phases: Sequence[Phase], *, workers: int = 1
    ) -> tuple[Answer, list[list[Floats]]]:
        """As `Layers.learn`; one thread does it."""
        circuit = _Circuit(self, weights)
        drive = circuit.drive(inputs)
        free = circuit.free(drive, self.sweeps[0])
        open_diodes = [each != 0.0 for each in free[:-1]] if self.diodes == "frozen" else None
        found = []
        for phase in phases:
            state = [each.copy() for each in free]
            if phase.nudge is None:
                state[-1] = phase.held_at(free[-1], targets)
                circuit.sweep(state, drive, 0.0, self.sweeps[1], open_diodes, held=True)
            else:
                circuit.sweep(state, drive, phase.nudge * (targets - free[-1]), self.sweeps[1], open_diodes)
            found.append(state)
        return Answer(free, np.zeros(len(inputs))), found

    def change_of(
        self, phases: Sequence[Phase], inputs: Floats, found: Sequence[Sequence[Floats]]
    ) -> tuple[list[Floats], list[Floats]]:
        """The changes that the phases of a mini-batch ask for, means over its examples.

        They are dg_ij = -1/2 sum_p w_p (u_i - u_j)^2 and db_j = sum_p w_p u_j, w_p being the weight of phase p. A
        resistor needs its own voltage alone, a bias the voltage of its node.

        Parameters
        ----------
        inputs
            Shape (examples, inputs).
        found
            Of each phase, u by layer after the inputs, shape (examples, nodes).
        """
        weights = [phase.weight / len(inputs) for phase in phases]
        moved = [
            np.asarray(sum(w * each[layer] for w, each in zip(weights, found, strict=True)))
            for layer in range(len(self.sizes) - 1)
        ]
        squares = [
            np.asarray(sum(w * np.square(each[layer]).sum(axis=0) for w, each in zip(weights, found, strict=True)))
            for layer in range(len(self.sizes) - 1)
        ]
        # The inputs are the same in all phases, whose weights add up to zero: their squares drop out.
        product, own = inputs.T @ (self._source_gain * moved[0]), -0.5 * squares[0]
        first = np.empty((2 * self.sizes[0], self.sizes[1]))
        np.add(own, product, out=first[: self.sizes[0]])
        np.subtract(own, product, out=first[self.sizes[0] :])
        matrices = [first]
        for layer in range(1, len(moved)):
            terms = (w * (each[layer - 1].T @ each[layer]) for w, each in zip(weights, found, strict=True))
            products = np.asarray(sum(terms))
            matrices.append(products - 0.5 * (squares[layer - 1][:, None] + squares[layer]))
        return matrices, [each.sum(axis=0) for each in moved]

    def operating_point(
        self, weights: LayerWeights, inputs: Floats, currents: Floats | float = 0.0, *, tolerance: float = 1e-14
    ) -> OperatingPoint:
        """Where the network rests: sweeps until no u moves by more than `tolerance` of the largest.

        Parameters
        ----------
        inputs
            Shape (examples, inputs).
        currents
            Into the outputs, units of `siemens` x `volt`, shape (examples, outputs) or (outputs,).

        Raises
        ------
        WeightError
            If the conductances do not fit the network.
        NetworkError
            If the voltages do not come to rest.

        One source of 0.1 V through 10 kOhm, and as much from -0.1 V through 20 kOhm, are 33 mV:

        >>> network = ResistiveNetwork(sizes=(1, 1))
        >>> point = network.operating_point(LayerWeights(([[1.0], [0.5]],), ([0.0],)), [[1.0]])
        >>> point.voltages[0].round(4).tolist(), (point.power * 1e6).round(4).tolist()
        ([[0.0333]], [1.3333])
        """
        given = self._inputs(inputs)
        push = np.broadcast_to(finite(currents, "operating_point, currents"), (len(given), self.sizes[-1]))
        check_conductances(weights, self.sizes)
        circuit = _Circuit(self, weights)
        drive = circuit.drive(given)
        state = circuit.free(drive, self.sweeps[0])
        for _ in range(MOST_SWEEPS):
            before = [each.copy() for each in state]
            circuit.sweep(state, drive, push, 1)
            moved = max(float(np.abs(new - old).max()) for new, old in zip(state, before, strict=True))
            if moved <= tolerance * max(float(np.abs(each).max()) for each in state):
                break
        else:
            raise NetworkError("the voltages do not come to rest", where="operating_point", value=f"{moved} a sweep")
        gains = self.gains_after
        voltages = [self.volt / gain * each for gain, each in zip(gains[1:], state, strict=True)]
        residues = circuit.residues(state, drive, push)
        # Where a diode is closed, its current is what is left over; elsewhere what is left over is rounding.
        shut = [*[each == 0.0 for each in state[:-1]], np.zeros(state[-1].shape, bool)]
        diodes = [
            self.siemens * self.volt / gain * np.where(closed, -each, 0.0)
            for gain, closed, each in zip(gains[1:], shut, residues, strict=True)
        ]
        return OperatingPoint(voltages, diodes, self.power(weights, given, state))

    def netlist(self, weights: LayerWeights, inputs: Floats, currents: Floats | float = 0.0) -> str:
        """The network with one input as a SPICE deck that prints the voltages of all nodes at the operating point.

        Node n<layer>_<node> is a node before its amplifier, m<layer>_<node> what the next layer sees of it. A diode is
        an element of two straight pieces. An amplifier is a voltage-controlled voltage source, and a
        current-controlled current source that leads a part of its output's current back.

        Parameters
        ----------
        inputs
            Of one example, shape (inputs,).
        currents
            Into the outputs, units of `siemens` x `volt`, shape (outputs,).

        Raises
        ------
        WeightError, ParameterError
            If conductances, inputs or currents do not fit the network.

        >>> text = ResistiveNetwork(sizes=(1, 1)).netlist(LayerWeights(([[1.0], [0.5]],), ([0.0],)), [1.0])
        >>> text.splitlines()[1:4]
        ['vp0 p0 0 DC 0.1', 'vm0 q0 0 DC -0.1', 'r0_0_0 p0 n1_0 10000.0']
        """
        return deck(self, weights, inputs, currents)

    def power(self, weights: LayerWeights, inputs: Floats, activities: Sequence[Floats]) -> Floats:
        """Heat of all resistors, W, shape (examples,): sum of G_ij (V_i - V_j)^2, V_i being behind its amplifier.

        Parameters
        ----------
        inputs, activities
            As `learn` takes and gives them, u by layer.
        """
        doubled = np.concatenate([inputs, -inputs], axis=1)
        layers, found = [self._source_gain * doubled, *activities], np.zeros(len(inputs))
        for layer, matrix in enumerate(weights.matrices):
            g, pre, post = np.asarray(matrix), layers[layer], layers[layer + 1]
            ends = np.square(pre) @ g.sum(axis=1) + np.square(post) @ g.sum(axis=0)
            heat = ends - 2.0 * np.einsum("ij,ij->i", pre @ g, post)
            found += self.siemens * (self.volt / self.gains_after[layer + 1]) ** 2 * heat
        return found

    @property
    def gains_after(self) -> list[float]:
        """By layer, inputs first: the product of the gains of all amplifiers behind it, by which u is v."""
        hidden = len(self.sizes) - 2
        return [self.amplification ** min(hidden, len(self.sizes) - 1 - layer) for layer in range(len(self.sizes))]

    @property
    def _source_gain(self) -> float:
        return self.gains_after[0]

    def _inputs(self, inputs: Floats) -> Floats:
        given = finite(inputs, "inputs")
        if given.ndim != 2 or given.shape[1] != self.sizes[0]:
            raise ParameterError(f"must have {self.sizes[0]} columns", where="inputs", value=f"shape {given.shape}")
        return given


class _Circuit:
    """The network with its conductances, and their sums at each node."""

    def __init__(self, network: ResistiveNetwork, weights: LayerWeights) -> None:
        check_shapes(weights, network.sizes)
        self.network = network
        self.matrices = [np.asarray(each) for each in weights.matrices]
        self.biases = [np.asarray(each) for each in weights.biases]
        totals = [each.sum(axis=0) for each in self.matrices]
        check_totals(totals)
        for layer, matrix in enumerate(self.matrices[1:]):
            totals[layer] = totals[layer] + matrix.sum(axis=1)
        self.totals = totals
        self.limits = [_limits(size) for size in network.sizes[1:-1]]

    def drive(self, inputs: Floats) -> Floats:
        """Currents of sources and biases into the first layer, were it at 0 V."""
        count, first = self.network.sizes[0], self.matrices[0]
        return self.network.gains_after[0] * (inputs @ first[:count] - inputs @ first[count:]) + self.biases[0]

    def free(self, drive: Floats, sweeps: int) -> list[Floats]:
        """The state after some sweeps that begin at 0 V."""
        state = [np.zeros((len(drive), size)) for size in self.network.sizes[1:]]
        self.sweep(state, drive, 0.0, sweeps)
        return state

    def sweep(
        self,
        state: list[Floats],
        drive: Floats,
        push: Floats | float,
        sweeps: int,
        open_diodes: Sequence[Floats] | None = None,
        *,
        held: bool = False,
    ) -> None:
        """Sweep over the layers, in place; with `open_diodes`, the others keep their nodes at 0 V, whatever flows."""
        last = len(state) - 1
        for _ in range(sweeps):
            for layer in range(len(state) - int(held)):
                found = self._inflow(state, drive, push, layer)
                found /= self.totals[layer]
                if layer < last:
                    if open_diodes is None:
                        np.clip(found, *self.limits[layer], out=found)
                    else:
                        found *= open_diodes[layer]
                state[layer] = found

    def residues(self, state: list[Floats], drive: Floats, push: Floats) -> list[Floats]:
        """By Kirchhoff's current law: what flows into each node from all but its diode."""
        return [self._inflow(state, drive, push, k) - self.totals[k] * each for k, each in enumerate(state)]

    def _inflow(self, state: list[Floats], drive: Floats, push: Floats | float, layer: int) -> Floats:
        """Current into a layer from its neighbours, biases and nudges, were it at 0 V; a new array."""
        below = drive.copy() if layer == 0 else state[layer - 1] @ self.matrices[layer] + self.biases[layer]
        if layer < len(state) - 1:
            below += state[layer + 1] @ self.matrices[layer + 1].T
        else:
            below += push
        return below


def _limits(size: int) -> tuple[Floats, Floats]:
    """Lowest and highest u of the nodes of a hidden layer."""
    rising = np.arange(size) < (size + 1) // 2
    return np.where(rising, 0.0, -np.inf), np.where(rising, np.inf, 0.0)
