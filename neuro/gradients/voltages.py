"""v of single neurons of a run, for losses of v: at times, its integral, and its largest value."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from neuro.errors import InputError
from neuro.gradients.batch import AFTER_ALL, BEFORE_ARRIVALS, Slopes, Spiked, nodes_for, run_of
from neuro.gradients.kernels.arrays import BY_ARRIVAL, CAUSE, KIND, SPIKE
from neuro.gradients.kernels.peaks import AT_BEGIN, AT_END_OF, largest, total_of, value_at
from neuro.gradients.kernels.pieces import ARRIVED, Arrivals, Pieces, fill_pieces, list_arrivals, replay_run
from neuro.gradients.kernels.replay import NEAR
from neuro.gradients.lowering import Lowered
from neuro.jit import as_table, link_routines
from neuro.validation import Floats, Ints

__all__ = ["Peak", "Voltages"]


class Peak(NamedTuple):
    """The largest v of a neuron."""

    value: float
    time: float
    key: int
    """Whether the sample comes before or after what happens at its instant."""
    spike: int
    """The spike with which its time moves; -1 if none."""
    synapse: int
    """The synapse whose delay moves it, too; -1 if none."""
    slope: float
    """dv/dt there, as far as its time moves with the spike."""


class Voltages:
    """v of the neurons of one run, found for those that are asked for."""

    def __init__(self, own: Lowered, run: Spiked) -> None:
        self.own, self.program, self.run = own, own.program, run
        self._nodes: Any = None
        self._tables: Any = None
        self._pieces: dict[int, tuple[Pieces, int]] = {}

    def prepare(self, neurons: Ints) -> None:
        """Find the pieces of these neurons, in the common numbering."""
        missing = np.array([j for j in np.unique(neurons) if int(j) not in self._pieces], np.int64)
        if not len(missing):
            return
        if self._tables is None:
            link_routines()
            slopes = Slopes(np.zeros(len(self.run.time)))
            self._nodes = nodes_for(self.own.cells, self.own.wiring, [self.run], [slopes])
            self._tables = *self.own.tables, as_table(run_of(self.run, slopes)), as_table(self._nodes)
            if replay_run(*self._tables) != 0:
                raise InputError("the recording is not of this program with these inputs", where="gradient")
        self._check_order(missing)
        wanted = np.zeros(len(self.own.cells.leak), np.int64)
        wanted[missing] = 1
        none = _arrivals(0)
        cells, wires, run, nodes = self._tables
        count = list_arrivals(cells, wires, run, nodes, wanted, none, True)
        found = _arrivals(count)
        list_arrivals(cells, wires, run, nodes, wanted, found, False)
        order = np.lexsort((found.key, found.time, found.neuron))
        found = Arrivals(*(each[order] for each in found))
        bounds = np.searchsorted(found.neuron, [missing, missing + 1])
        # With refractory times a node may have the end of one before it.
        each = 1 + (self.own.cells.refractory[missing] > 0.0)
        most = bounds[1] - bounds[0] + each * (self._nodes.end[missing] - self._nodes.first[missing])
        begins = np.cumsum([0, *most])
        pieces: Any = _new_pieces(int(begins[-1]), self.own.cells.rate.shape[1])
        for n, j in enumerate(missing):
            mine = Pieces._make(each[begins[n] : begins[n + 1]] for each in pieces)
            low, high = int(bounds[0, n]), int(bounds[1, n])
            self._pieces[int(j)] = mine, fill_pieces(cells, run, nodes, found, low, high, int(j), mine)

    def _check_order(self, neurons: Ints) -> None:
        """Refuse v after a spike of which later ones do not tell whether it came before or after an input onto v."""
        cells, nodes = self.own.cells, self._nodes
        for j in neurons if len(nodes.aux) else ():
            own = np.arange(nodes.first[j], nodes.end[j])
            spikes = own[nodes.kind[own] & KIND == SPIKE]
            if not len(spikes) or cells.subtract[j] or cells.refractory[j] > 0.0:
                continue
            k = spikes[-1]
            level = cells.threshold[j] + nodes.c[k, cells.currents[j] : cells.modes[j]].sum()
            apart, v = nodes.v[k] - nodes.aux[k] - level, nodes.v[k]
            if nodes.kind[k] & CAUSE == BY_ARRIVAL and abs(apart) <= NEAR * (1.0 + abs(level) + abs(v)):
                raise InputError(
                    "v meets the threshold at the very instant of an input onto v, and which came first is not known",
                    where="gradient",
                    value=f"{nodes.time[k]:.9g} s",
                    remedy="Run on until the neuron fires again, give it a refractory time, or move a delay a little",
                )

    def at(self, j: int, times: Floats) -> Floats:
        """v of neuron j at these times, after all that happens there."""
        pieces, count = self._pieces[j]
        out, found = np.zeros(2), np.zeros(len(times))
        for n, t in enumerate(times):
            p = int(np.searchsorted(pieces.time[:count], t, side="right")) - 1
            value_at(self._tables[0], pieces, j, p, float(t - pieces.time[p]), out)
            found[n] = out[0]
        return found

    def integral(self, j: int, start: float, stop: float) -> float:
        """The integral of v of neuron j, units of v times seconds."""
        pieces, count = self._pieces[j]
        return float(total_of(self._tables[0], pieces, count, j, start, stop))

    def peak(self, j: int, start: float, stop: float) -> Peak:
        """The largest v of neuron j."""
        (pieces, count), depth = self._pieces[j], max(1, self.own.cells.rate.shape[1])
        out, space = np.zeros(4), np.zeros((2, depth + 1, depth + 1))
        cells = self._tables[0]
        largest(cells, pieces, count, j, start, stop, space[0], space[1], out)
        value, time, p, where = out[0], out[1], int(out[2]), out[3]
        at, slope = np.zeros(2), 0.0
        first = p if where == AT_BEGIN else p + 1
        if where == AT_END_OF:
            value_at(cells, pieces, j, p, time - pieces.time[p], at)
            kind, key, slope = pieces.kind[first], BEFORE_ARRIVALS, at[1]
        elif where == AT_BEGIN and not pieces.held[p]:
            value_at(cells, pieces, j, p, 0.0, at)
            kind, key, slope = pieces.kind[first], AFTER_ALL, at[1]
        else:
            return Peak(value, time, AFTER_ALL, -1, -1, 0.0)
        moves = kind in (SPIKE, ARRIVED)
        return Peak(
            value,
            time,
            key,
            int(pieces.spike[first]) if moves else -1,
            int(pieces.synapse[first]) if kind == ARRIVED else -1,
            float(slope) if moves else 0.0,
        )


def _arrivals(count: int) -> Arrivals:
    whole, real = np.zeros(count, np.int64), np.zeros(count)
    copies = {key: whole.copy() for key in ("neuron", "key", "mode", "spike", "synapse")}
    return Arrivals(time=real.copy(), weight=real.copy(), **copies)


def _new_pieces(room: int, depth: int) -> Pieces:
    flat: dict[str, Any] = {key: np.zeros(room) for key in ("time", "v", "drive")}
    flat |= {key: np.zeros(room, np.int64) for key in ("held", "kind", "spike", "synapse")}
    return Pieces(c=np.zeros((room, depth)), **flat)
