"""Projections that learn in the run: how they are laid out for the kernels, and what stands at an instant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.engine.kernels.arrays import Records
from neuro.engine.lower.program import Program
from neuro.engine.lower.rows import by_delay, row_order
from neuro.engine.plasticity.kernels import COLUMN, ROW, Plastic
from neuro.engine.plasticity.state import STILL, PairRule, PlasticState
from neuro.errors import StateError
from neuro.jit import laid
from neuro.network.graph import Projection
from neuro.network.synapses import FixedIndegree, FixedProbability, is_matrix, triplets
from neuro.randomness import stream
from neuro.validation import Floats, Ints

__all__ = ["SLOTS", "PlasticProgram"]

SLOTS = 4
"""Spikes of one source that are under way at once through one projection, to begin with."""


class PlasticProgram:
    """The plastic projections of a program, laid out for the kernels, and the weights and traces of one instant.

    A spike is sent with the weights of the instant in which it is fired: a change acts on later spikes only. So each
    spike under way has a copy of its row. The program's segments of plastic projections are replaced by `slots`
    segments each, for as many spikes under way; the calendar of a state that belongs to a learner has their numbers.
    """

    def __init__(self, program: Program, pairings: Mapping[str, PairRule], slots: int = SLOTS) -> None:
        self.program, self.pairings, self.slots = program, dict(pairings), slots
        fixed, names = program.fixed, list(program.network.projections)
        self.numbers = [names.index(name) for name in self.pairings]
        lesson_of = np.full(len(names), -1)
        lesson_of[self.numbers] = np.arange(len(self.numbers))
        self.plastic_segments = np.flatnonzero(lesson_of[fixed.segments["projection"]] >= 0)
        times = np.ones(len(fixed.segments), np.int64)
        times[self.plastic_segments] = slots
        self.place = np.append(0, np.cumsum(times))
        """Where each of the program's segments stands among those of the learner."""
        self.lesson_of = lesson_of[fixed.segments["projection"][self.plastic_segments]]
        self._times = times
        self._lay_out(times)
        self.crossbars: dict[str, Any] = {}
        """Copies of the devices, which learn; the network's own take over when the run is done."""

    @property
    def nbytes(self) -> int:
        """Bytes that grow with the spikes under way."""
        grows = self.fixed.segments, self.fixed.wide, self.arrays.arrival, self.arrays.store
        return sum(array.nbytes for array in grows)

    def of_segments(self, values: NDArray[Any]) -> NDArray[Any]:
        """What belongs to the program's segments, for those of the learner."""
        return np.repeat(values, self._times, axis=0) if len(values) else values

    def _lay_out(self, times: Ints) -> None:
        fixed, n = self.program.fixed, self.program.size
        own = fixed.segments[self.plastic_segments]
        counts = own["count"].astype(np.int64)
        order = np.argsort(self.lesson_of, kind="stable")
        begins = np.zeros(len(own), np.int64)
        begins[order] = np.cumsum(counts[order]) - counts[order]
        self.total = int(counts.sum())
        self.spans = np.append(0, np.cumsum(np.bincount(self.lesson_of, counts, len(self.numbers)))).astype(np.int64)
        """Where the weights of each lesson begin, among the learner's own."""
        base = len(fixed.weight)
        self.base, self.pool = base, base + 2 * self.total
        sums = np.array([pairing.every > 0.0 for pairing in self.pairings.values()], bool)
        source = np.repeat(np.arange(n), np.diff(fixed.row))[self.plastic_segments]
        rows = np.zeros(len(own), ROW)
        rows["lesson"], rows["slot"], rows["first"], rows["count"] = self.lesson_of, 0, own["first"], counts
        rows["slot"] = self.place[self.plastic_segments]
        rows["weight"] = base + begins
        rows["to"] = rows["weight"] + self.total * sums[self.lesson_of]
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
        self.table = laid(self.fixed)
        self._lay_rules(rows, source, sums)

    def _weights_of(self, own: Records, begins: Ints) -> Floats:
        """The program's weights of the plastic synapses, in the order in which they are laid out here."""
        found, weight = np.empty(self.total), self.program.fixed.weight
        for segment, begin in zip(own, begins, strict=True):
            count, first = int(segment["count"]), int(segment["weight"])
            step = int(self.program.fixed.bundles[segment["projection"]]["step"])
            found[begin : begin + count] = weight[first : first + count] if step else weight[first]
        return found

    def _lay_rules(self, rows: Records, source: Ints, sums: Any) -> None:
        program, n, some = self.program, self.program.size, list(self.pairings.values())
        p = len(some)
        pre = np.repeat(source, rows["count"]).astype(np.uint32)
        post = program.fixed.post[_ranges(rows["first"], rows["count"])]
        place, lesson = _ranges(rows["to"], rows["count"]), np.repeat(rows["lesson"], rows["count"])
        entries, columns, owner = [np.zeros(0, np.int64)], [np.zeros(0, COLUMN)], [np.zeros(0, np.int64)]
        done = 0
        for k in range(p):
            mine = np.flatnonzero(lesson == k)
            order = mine[row_order(post[mine], pre[mine], n, n)]
            count = np.bincount(post[order], minlength=n)
            part = np.zeros(np.count_nonzero(count), COLUMN)
            part["lesson"], part["count"] = k, count[count > 0]
            part["first"] = done + np.cumsum(part["count"]) - part["count"]
            entries.append(order)
            columns.append(part)
            owner.append(np.flatnonzero(count))
            done += len(order)
        chosen, whose = np.concatenate(entries), np.concatenate(owner)
        sorted_ = np.argsort(whose, kind="stable")
        projections = [program.network.projections[name] for name in self.pairings]
        ends = np.array([[*_span(program, q.pre.name), *_span(program, q.post.name)] for q in projections], np.int64)
        bounds = np.array([(-inf, inf) if s else (q.low, q.high) for q, s in zip(some, sums, strict=True)], float)
        self.arrays = Plastic(
            rate=1.0 / np.array([q.tau for q in some], float).reshape(p, 4),
            jump=np.array([q.jump for q in some], float).reshape(p, 4),
            gain=np.array([q.gain for q in some], float).reshape(p, 4),
            bounds=bounds.reshape(p, 2),
            active=np.ones(p, np.int64),
            ends=ends.reshape(p, 4),
            origin=np.zeros(p),
            trace=np.zeros((p, 4, n)),
            rows=rows,
            rows_of=_starts(source, n),
            columns=np.concatenate(columns)[sorted_],
            columns_of=_starts(whose, n),
            entry_to=place[chosen],
            entry_pre=pre[chosen],
            arrival=np.full((len(rows), self.slots), -inf),
            latest=np.zeros(len(rows), np.int64),
            store=np.full((len(rows), self.slots), -1, np.int64),
            unused=np.array([self.pool], np.int64),
        )
        self.laid = laid(self.arrays)

    # What stands at an instant.

    def snapshot(self) -> PlasticState:
        """All that learning has changed, as it is now."""
        a, used = self.arrays, int(self.arrays.unused[0])
        return PlasticState(
            pairings=self.pairings,
            weight=self.fixed.wide[self.base : self.pool].copy(),
            pool=self.fixed.wide[self.pool : used].copy(),
            store=np.where(a.store < 0, -1, a.store - self.pool),
            arrival=a.arrival.copy(),
            trace=a.trace.copy(),
            origin=a.origin.copy(),
            crossbars={name: crossbar.copy() for name, crossbar in self.crossbars.items()},
        )

    def load(self, lesson: PlasticState) -> None:
        """Put everything to where it was at the instant of a lesson."""
        a, used = self.arrays, self.pool + len(lesson.pool)
        if used > len(self.fixed.wide):
            self.widen(used)
        self.fixed.wide[self.base : self.pool] = lesson.weight
        self.fixed.wide[self.pool : used] = lesson.pool
        a.unused[0] = used
        a.store[:] = np.where(lesson.store < 0, -1, lesson.store + self.pool)
        a.arrival[:], a.trace[:], a.origin[:] = lesson.arrival, lesson.trace, lesson.origin
        most = a.arrival == a.arrival.max(axis=1, keepdims=True)
        a.latest[:] = (most & ~np.roll(most, -1, axis=1)).argmax(axis=1)  # of several at one instant, the last one
        at = a.rows["slot"][:, None] + np.arange(self.slots)
        self.fixed.segments["weight"][at] = np.maximum(a.store, 0)
        self.crossbars = {name: crossbar.copy() for name, crossbar in lesson.crossbars.items()}

    def first_state(self, known: Collection[str] = ()) -> PlasticState:
        """The program's weights, and no spikes yet; the devices of projections that are not `known` must have them."""
        self.fixed.wide[self.base : self.base + self.total] = self.initial
        for k, name in enumerate(self.pairings):
            synapses: Any = self.program.network.projections[name].synapses
            if hasattr(synapses, "accumulate") and self.pairings[name] != STILL and name not in known:
                here, order = slice(self.spans[k], self.spans[k + 1]), self.program.weight_order.get(name)
                values = synapses.effective_weights().ravel()
                if not np.array_equal(self.initial[here], values if order is None else values[order]):
                    raise StateError(
                        "the program has other weights than the devices that are to learn",
                        where=f"projection {name!r}",
                        remedy="Build the program anew",
                    )
                self.crossbars[name] = synapses.copy()
        return self.snapshot()

    def widen(self, size: int = 0) -> None:
        """Make room for more weights under way."""
        old = self.fixed.wide
        wide = np.zeros(max(size, len(old) + len(old) // 2 + 1024))
        wide[: len(old)] = old
        self.fixed = self.fixed._replace(wide=wide)
        self.table = laid(self.fixed)

    def weights(self, lesson: PlasticState) -> dict[str, Floats]:
        """The weights by projection: of a matrix (pre, post); of a list, one for each synapse in its order."""
        found = {}
        for k, name in enumerate(self.pairings):
            projection = self.program.network.projections[name]
            laid_out = lesson.weight[self.spans[k] : self.spans[k + 1]]
            order = _listing(self.program, projection)
            listed = laid_out.copy()
            if order is not None:
                listed[order] = laid_out
            matrix = is_matrix(projection.synapses)
            found[name] = listed.reshape(projection.pre.size, projection.post.size) if matrix else listed
        return found

    def weights_of(self, segment: int, at: Ints, otherwise: NDArray[Any]) -> NDArray[Any]:
        """The weights as they are now of some targets of a segment of the program, `otherwise` if it does not learn."""
        q = int(np.searchsorted(self.plastic_segments, segment))
        if q == len(self.plastic_segments) or self.plastic_segments[q] != segment:
            return otherwise
        return self.fixed.wide[int(self.arrays.rows["weight"][q]) + at]

    def decoded(self, codes: Ints) -> tuple[Ints, Ints]:
        """The program's segment and the slot that each code (not below zero) of the calendar stands for."""
        segment = np.searchsorted(self.place, np.maximum(codes, 0), side="right") - 1
        segment = np.minimum(segment, len(self.place) - 2)
        return segment, np.maximum(codes, 0) - self.place[segment]

    def hand_over(self, lesson: PlasticState) -> None:
        """Leave the devices of the network's crossbars as learning left them."""
        for name, crossbar in lesson.crossbars.items():
            self.program.network.projections[name].synapses.take_state_from(crossbar)  # type: ignore[union-attr]


def _ranges(first: Ints, count: Ints) -> Ints:
    """first[0] .. first[0] + count[0] - 1, then the next."""
    before = np.cumsum(count) - count
    each: Ints = np.repeat(first - before, count)
    return each + np.arange(int(count.sum()))


def _starts(owner: Ints, size: int) -> Ints:
    return np.append(0, np.cumsum(np.bincount(owner, minlength=size))).astype(np.int64)


def _span(program: Program, name: str) -> tuple[int, int]:
    here = program.slice(name)
    return here.start, here.stop


def _listing(program: Program, projection: Projection) -> Ints | None:
    """Which synapse of a projection's description stands at each place of its rows; None: in their own order.

    Synapses that are drawn have no order of their own: they are told by source, then by target.
    """
    synapses, shape = projection.synapses, (projection.pre.size, projection.post.size)
    if is_matrix(synapses):
        return program.weight_order.get(projection.name)
    if isinstance(synapses, FixedProbability | FixedIndegree):
        return None
    rng = stream(program.network.seed, "projection", projection.name)
    pre, post, _ = triplets(synapses, shape, rng, f"projection {projection.name!r}")
    order = row_order(pre, post, *shape).astype(np.int64)
    if np.ndim(projection.delay):
        order = by_delay(order, np.asarray(projection.delay), _starts(pre.astype(np.int64), shape[0]))
    return order
