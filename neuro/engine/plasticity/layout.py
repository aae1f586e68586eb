"""The arrays of plastic projections, laid out for the kernels, and their state at one time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.crossbar.base import AbstractCrossbar
from neuro.engine.kernels.arrays import Records
from neuro.engine.lower.program import Program
from neuro.engine.lower.rows import row_order, sort_rows_by_delay
from neuro.engine.plasticity.kernels import COLUMN, ROW, Plastic
from neuro.engine.plasticity.state import NO_CHANGE, PairRule, PlasticState
from neuro.errors import StateError
from neuro.jit import as_table
from neuro.network.graph import Projection
from neuro.network.listing import delays_of, triplets_of
from neuro.network.synapses import is_matrix, is_random
from neuro.validation import Floats, Ints

__all__ = ["SLOTS", "PlasticProgram", "sample_shape", "weight_shape"]

SLOTS = 4
"""Initial number of spikes of one source that can be under way through one projection."""


class PlasticProgram:
    """The plastic projections of a program, laid out for the kernels, with the weights and traces of one time.

    A spike keeps the weights of the instant in which it is fired: a change acts on later spikes only. So each spike
    under way has a copy of its row. Each segment of a plastic projection is replaced by `slots` segments, for as many
    spikes under way. The calendar of a state with plastic projections has the numbers of these segments.
    """

    def __init__(self, program: Program, rules: Mapping[str, PairRule], slots: int = SLOTS) -> None:
        self.program, self.rules, self.slots = program, dict(rules), slots
        fixed, names = program.fixed, list(program.network.projections)
        self.numbers = [names.index(name) for name in self.rules]
        rule_of = np.full(len(fixed.bundles), -1)
        rule_of[self.numbers] = np.arange(len(self.numbers))
        self.plastic_segments = np.flatnonzero(rule_of[fixed.segments["projection"]] >= 0)
        times = np.ones(len(fixed.segments), np.int64)
        times[self.plastic_segments] = slots
        self.place = np.append(0, np.cumsum(times))
        """The first segment in this layout of each of the program's segments."""
        self.rule_of = rule_of[fixed.segments["projection"][self.plastic_segments]]
        self._times = times
        self._lay_out_rows(times)
        self._orders: dict[str, Ints | None] = {}
        self.crossbars: dict[str, Any] = {}
        """Copies of the devices, which learn; `update_network` writes them back to the network's own."""

    @property
    def nbytes(self) -> int:
        """Size of the arrays that grow with the spikes under way, in bytes."""
        growing = self.fixed.segments, self.fixed.wide, self.arrays.arrival, self.arrays.store
        return sum(array.nbytes for array in growing)

    def of_segments(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values of the program's segments, repeated for the segments of this layout."""
        return np.repeat(values, self._times, axis=0) if len(values) else values

    def _lay_out_rows(self, times: Ints) -> None:
        fixed, n = self.program.fixed, self.program.size
        own = fixed.segments[self.plastic_segments]
        counts = own["count"].astype(np.int64)
        order = np.argsort(self.rule_of, kind="stable")
        begins = np.zeros(len(own), np.int64)
        begins[order] = np.cumsum(counts[order]) - counts[order]
        self.total = int(counts.sum())
        self.spans = np.append(0, np.cumsum(np.bincount(self.rule_of, counts, len(self.numbers)))).astype(np.int64)
        """Where the weights of each plastic projection begin."""
        base = len(fixed.weight)
        self.base, self.pool = base, base + 2 * self.total
        sums = np.array([rule.every > 0.0 for rule in self.rules.values()], bool)
        source = np.repeat(np.arange(n), np.diff(fixed.row))[self.plastic_segments]
        rows = np.zeros(len(own), ROW)
        rows["rule"], rows["slot"], rows["first"], rows["count"] = self.rule_of, 0, own["first"], counts
        rows["slot"] = self.place[self.plastic_segments]
        rows["weight"] = base + begins
        rows["to"] = rows["weight"] + self.total * sums[self.rule_of]
        rows["delay"] = own["delay"]
        segments = np.repeat(fixed.segments, times)
        at = (rows["slot"][:, None] + np.arange(self.slots)).ravel()
        segments["delay"][at], segments["weight"][at] = -self.slots, 0
        bundles = fixed.bundles.copy()
        bundles["step"][self.numbers] = 1
        self.initial = self._weights_of(own, begins)
        self.shortest = float(own["delay"].min(initial=inf))
        wide = np.concatenate([fixed.weight.astype(np.float64), np.zeros(3 * self.total)])
        self.fixed = fixed._replace(
            row=self.place[fixed.row], segments=segments, bundles=bundles, narrow=np.zeros(0, np.float32), wide=wide
        )
        self.table = as_table(self.fixed)
        self._lay_out_columns(rows, source, sums)

    def _weights_of(self, own: Records, begins: Ints) -> Floats:
        """The program's weights of the plastic synapses, in the order of this layout."""
        found, weight = np.empty(self.total), self.program.fixed.weight
        for segment, begin in zip(own, begins, strict=True):
            count, first = int(segment["count"]), int(segment["weight"])
            step = int(self.program.fixed.bundles[segment["projection"]]["step"])
            found[begin : begin + count] = weight[first : first + count] if step else weight[first]
        return found

    def _lay_out_columns(self, rows: Records, source: Ints, sums: Any) -> None:
        program, n, rules = self.program, self.program.size, list(self.rules.values())
        p = len(rules)
        pre = np.repeat(source, rows["count"]).astype(np.uint32)
        post = program.fixed.post[_ranges(rows["first"], rows["count"])]
        place, rule = _ranges(rows["to"], rows["count"]), np.repeat(rows["rule"], rows["count"])
        entries, columns, owner = [np.zeros(0, np.int64)], [np.zeros(0, COLUMN)], [np.zeros(0, np.int64)]
        done = 0
        for k in range(p):
            own_synapses = np.flatnonzero(rule == k)
            order = own_synapses[row_order(post[own_synapses], pre[own_synapses], n, n)]
            count = np.bincount(post[order], minlength=n)
            part = np.zeros(np.count_nonzero(count), COLUMN)
            part["rule"], part["count"] = k, count[count > 0]
            part["first"] = done + np.cumsum(part["count"]) - part["count"]
            entries.append(order)
            columns.append(part)
            owner.append(np.flatnonzero(count))
            done += len(order)
        chosen, owners = np.concatenate(entries), np.concatenate(owner)
        sorted_ = np.argsort(owners, kind="stable")
        projections = [program.network.projections[name] for name in self.rules]
        ends = np.array([[*_span(program, q.pre.name), *_span(program, q.post.name)] for q in projections], np.int64)
        bounds = np.array([(-inf, inf) if s else (q.low, q.high) for q, s in zip(rules, sums, strict=True)], float)
        self.arrays = Plastic(
            rate=1.0 / np.array([q.tau for q in rules], float).reshape(p, 4),
            jump=np.array([q.jump for q in rules], float).reshape(p, 4),
            gain=np.array([q.gain for q in rules], float).reshape(p, 4),
            bounds=bounds.reshape(p, 2),
            active=np.ones(p, np.int64),
            ends=ends.reshape(p, 4),
            origin=np.zeros(p),
            trace=np.zeros((p, 4, n)),
            rows=rows,
            rows_of=_starts(source, n),
            columns=np.concatenate(columns)[sorted_],
            columns_of=_starts(owners, n),
            entry_to=place[chosen],
            entry_pre=pre[chosen],
            arrival=np.full((len(rows), self.slots), -inf),
            latest=np.zeros(len(rows), np.int64),
            store=np.full((len(rows), self.slots), -1, np.int64),
            unused=np.array([self.pool], np.int64),
        )
        self.laid = as_table(self.arrays)

    # The state at one time.

    def snapshot(self) -> PlasticState:
        """A copy of the present state."""
        a, used = self.arrays, int(self.arrays.unused[0])
        return PlasticState(
            rules=self.rules,
            weight=self.fixed.wide[self.base : self.pool].copy(),
            pool=self.fixed.wide[self.pool : used].copy(),
            store=np.where(a.store < 0, -1, a.store - self.pool),
            arrival=a.arrival.copy(),
            trace=a.trace.copy(),
            origin=a.origin.copy(),
            crossbars={name: crossbar.copy() for name, crossbar in self.crossbars.items()},
        )

    def load(self, state: PlasticState) -> None:
        """Set weights, traces, spikes under way and devices to a state."""
        a, used = self.arrays, self.pool + len(state.pool)
        if used > len(self.fixed.wide):
            self.widen(used)
        self.fixed.wide[self.base : self.pool] = state.weight
        self.fixed.wide[self.pool : used] = state.pool
        a.unused[0] = used
        a.store[:] = np.where(state.store < 0, -1, state.store + self.pool)
        a.arrival[:], a.trace[:], a.origin[:] = state.arrival, state.trace, state.origin
        latest = a.arrival == a.arrival.max(axis=1, keepdims=True)
        a.latest[:] = (latest & ~np.roll(latest, -1, axis=1)).argmax(axis=1)  # of several at one instant, the last one
        at = a.rows["slot"][:, None] + np.arange(self.slots)
        self.fixed.segments["weight"][at] = np.maximum(a.store, 0)
        self.crossbars = {name: crossbar.copy() for name, crossbar in state.crossbars.items()}

    def first_state(self, known: Collection[str] = ()) -> PlasticState:
        """The state with the program's weights and no spikes; devices of projections not `known` must have them."""
        self.fixed.wide[self.base : self.base + self.total] = self.initial
        for k, name in enumerate(self.rules):
            synapses: Any = self.program.network.projections[name].synapses
            if isinstance(synapses, AbstractCrossbar) and self.rules[name] != NO_CHANGE and name not in known:
                here, order = slice(self.spans[k], self.spans[k + 1]), self.program.weight_order.get(name)
                values = synapses.effective_weights().ravel()
                if not np.array_equal(self.initial[here], values if order is None else values[order]):
                    raise StateError(
                        "a program must have the weights of the devices that learn",
                        where=f"projection {name!r}",
                        remedy="Build the program again",
                    )
                self.crossbars[name] = synapses.copy()
        return self.snapshot()

    def widen(self, size: int = 0) -> None:
        """Make room for the weights of more spikes under way."""
        old = self.fixed.wide
        wide = np.zeros(max(size, len(old) + len(old) // 2 + 1024))
        wide[: len(old)] = old
        self.fixed = self.fixed._replace(wide=wide)
        self.table = as_table(self.fixed)

    def weights(self, state: PlasticState) -> dict[str, Floats]:
        """The weights by projection: of a matrix (pre, post); of a list, one for each synapse in its order."""
        return {
            name: self._as_described(name, state.weight[self.spans[k] : self.spans[k + 1]])
            for k, name in enumerate(self.rules)
        }

    def present_weights(self, name: str) -> Floats:
        """The weights that a projection has now, as in `weights`."""
        k = list(self.rules).index(name)
        return self._as_described(name, self.fixed.wide[self.base + self.spans[k] : self.base + self.spans[k + 1]])

    def present_conductances(self, name: str) -> Floats:
        """The conductances of a projection's devices now, S, shape (2, pre, post): positive and negative ones."""
        synapses = self.program.network.projections[name].synapses
        # Another projection may write the devices that this one reads.
        owner = next(other for other in self.crossbars if self.program.network.projections[other].synapses is synapses)
        crossbar = self.crossbars[owner]
        return np.stack([crossbar.conductance_plus, crossbar.conductance_minus])

    def _as_described(self, name: str, laid_out: Floats) -> Floats:
        """A copy of the weights of a projection in the order and shape of its description."""
        projection = self.program.network.projections[name]
        if name not in self._orders:
            self._orders[name] = _order_in_description(self.program, projection)
        order, listed = self._orders[name], laid_out.copy()
        if order is not None:
            listed[order] = laid_out
        return listed.reshape(weight_shape(self.program, name))

    def weights_of(self, segment: int, at: Ints, otherwise: NDArray[Any]) -> NDArray[Any]:
        """The present weights of the targets `at` of a segment of the program; `otherwise` if it does not learn."""
        q = int(np.searchsorted(self.plastic_segments, segment))
        if q == len(self.plastic_segments) or self.plastic_segments[q] != segment:
            return otherwise
        return self.fixed.wide[int(self.arrays.rows["weight"][q]) + at]

    def decoded(self, codes: Ints) -> tuple[Ints, Ints]:
        """The program's segment and the slot of each code of the calendar that is not below zero."""
        segment = np.searchsorted(self.place, np.maximum(codes, 0), side="right") - 1
        segment = np.minimum(segment, len(self.place) - 2)
        return segment, np.maximum(codes, 0) - self.place[segment]

    def update_network(self, state: PlasticState) -> None:
        """Set the devices of the network's crossbars to those of a state."""
        for name, crossbar in state.crossbars.items():
            self.program.network.projections[name].synapses.take_state_from(crossbar)  # type: ignore[union-attr]


def weight_shape(program: Program, name: str) -> tuple[int, ...]:
    """The shape of the weights of a projection: (pre, post) of a matrix, (synapses,) of others."""
    projection = program.network.projections[name]
    if is_matrix(projection.synapses):
        return projection.pre.size, projection.post.size
    segments = program.fixed.segments
    own = segments["projection"] == list(program.network.projections).index(name)
    return (int(segments["count"][own].sum()),)


def sample_shape(program: Program, field: str, name: str) -> tuple[int, ...]:
    """The shape of one sample of a projection that learns: as `weight_shape`, or (2, pre, post) of conductances."""
    shape = weight_shape(program, name)
    return (2, *shape) if field == "sampled_conductances" else shape


def _ranges(first: Ints, count: Ints) -> Ints:
    """The concatenated ranges first[i] .. first[i] + count[i] - 1."""
    before = np.cumsum(count) - count
    each: Ints = np.repeat(first - before, count)
    return each + np.arange(int(count.sum()))


def _starts(owner: Ints, size: int) -> Ints:
    return np.append(0, np.cumsum(np.bincount(owner, minlength=size))).astype(np.int64)


def _span(program: Program, name: str) -> tuple[int, int]:
    here = program.slice(name)
    return here.start, here.stop


def _order_in_description(program: Program, projection: Projection) -> Ints | None:
    """For each place of a projection's rows, the synapse of its description; None: they have the same order.

    Random synapses have no other order than that of the rows: by source, then by delay and target.
    """
    synapses, shape = projection.synapses, (projection.pre.size, projection.post.size)
    if is_matrix(synapses):
        return program.weight_order.get(projection.name)
    if is_random(synapses):
        return None
    seed = program.network.seed
    pre, post, _ = listed = triplets_of(projection, seed)
    order, delay = row_order(pre, post, *shape).astype(np.int64), np.asarray(delays_of(projection, seed, listed))
    if delay.ndim:
        lag = np.require(delay, requirements=["C", "W"])
        sort_rows_by_delay(order, lag, _starts(pre.astype(np.int64), shape[0]))
    return order
