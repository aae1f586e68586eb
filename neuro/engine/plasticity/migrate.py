"""Lessons carried on: into a run with other rules or more of them, and into larger arrays."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np

from neuro.crossbar.ledger import Ledger
from neuro.engine.kernels.arrays import State
from neuro.engine.lower.program import Program
from neuro.engine.plasticity.kernels import NO_ROOM
from neuro.engine.plasticity.layout import SLOTS, PlasticProgram
from neuro.engine.plasticity.state import PairRule, PlasticState
from neuro.errors import WeightError
from neuro.validation import Floats, Ints

__all__ = ["begun", "carried", "enlarged"]


def begun(lesson: PlasticState) -> PlasticState:
    """A lesson whose devices count pulses from now on."""
    crossbars = {name: crossbar.copy() for name, crossbar in lesson.crossbars.items()}
    for crossbar in crossbars.values():
        crossbar.count_into(Ledger(crossbar.shape))
    return lesson._replace(crossbars=crossbars)


def carried(
    program: Program, told: Mapping[str, PairRule], arrays: State, before: PlasticState | None, time: float
) -> tuple[PlasticState, State]:
    """What goes on at `time` with other rules: the same weights, traces and spikes under way."""
    if before is not None and list(before.pairings) == list(told):
        lesson = _retold(PlasticProgram(program, told, before.arrival.shape[1]), before, time)
        return lesson, arrays
    used = _under_way(arrays)
    codes = arrays.calendar["code"]
    old = None if before is None else PlasticProgram(program, before.pairings, before.arrival.shape[1])
    segment, slot = (codes, np.zeros_like(codes)) if old is None else old.decoded(codes)
    slots = SLOTS
    while True:
        new = PlasticProgram(program, told, slots)
        new.load(new.first_state(() if before is None else before.pairings))
        if old is not None and before is not None:
            _take_over(new, old, before, time)
        fresh = _send_again(new, arrays.calendar["time"], segment, slot, used, old)
        if fresh is not None:
            _check_bounds(new)
            return new.snapshot(), _renumbered(arrays, fresh)
        slots *= 2


def _retold(learner: PlasticProgram, before: PlasticState, time: float) -> PlasticState:
    """The same lesson with other rules, whose traces go on from their values at `time`."""
    learner.load(before)
    a = learner.arrays
    rates = 1.0 / np.array([pairing.tau for pairing in before.pairings.values()])
    a.trace[:] *= np.exp(-(time - a.origin)[:, None] * rates)[:, :, None]
    a.origin[:] = time
    wide, base, total = learner.fixed.wide, learner.base, learner.total
    for k, (name, pairing) in enumerate(learner.pairings.items()):
        first, last = base + learner.spans[k], base + learner.spans[k + 1]
        if pairing.every == 0.0 and name not in learner.crossbars:
            sums, now = wide[first + total : last + total], wide[first:last]
            now[:] = np.where(sums == 0.0, now, np.clip(now + sums, pairing.low, pairing.high))
            sums[:] = 0.0
    _check_bounds(learner)
    return learner.snapshot()


def _check_bounds(learner: PlasticProgram) -> None:
    """Refuse bounds that the weights do not keep already."""
    for k, (name, pairing) in enumerate(learner.pairings.items()):
        weight = learner.fixed.wide[learner.base + learner.spans[k] : learner.base + learner.spans[k + 1]]
        wrong = (weight < pairing.low) | (weight > pairing.high)
        if wrong.any():
            raise WeightError(
                f"weights that learn must lie in w_min..w_max, {pairing.low:g}..{pairing.high:g}, to begin with",
                where=f"projection {name!r}",
                value=float(weight[wrong][0]),
            )


def _take_over(new: PlasticProgram, old: PlasticProgram, before: PlasticState, time: float) -> None:
    """Give a learner of more projections what one of fewer has learned."""
    kept = _retold(old, before, time)
    for k, name in enumerate(old.pairings):
        n = list(new.pairings).index(name)
        for shift, theirs in ((0, 0), (new.total, old.total)):
            here = slice(new.base + shift + new.spans[n], new.base + shift + new.spans[n + 1])
            new.fixed.wide[here] = kept.weight[theirs + old.spans[k] : theirs + old.spans[k + 1]]
        new.arrays.trace[n], new.arrays.origin[n] = kept.trace[k], kept.origin[k]
        if name in kept.crossbars:
            new.crossbars[name] = kept.crossbars[name]


def _under_way(arrays: State) -> Any:
    """Which entries of the calendar are spikes under way."""
    used = np.zeros(len(arrays.calendar), bool)
    for slot in arrays.bucket.tolist():
        while slot >= 0:
            used[slot] = arrays.calendar["code"][slot] >= 0
            slot = int(arrays.calendar["next"][slot])
    return used


def _renumbered(arrays: State, codes: Ints) -> State:
    """A state whose calendar has other numbers of segments."""
    calendar = arrays.calendar.copy()
    calendar["code"] = np.where(calendar["code"] < 0, calendar["code"], codes)
    return arrays._replace(calendar=calendar)


def enlarged(
    learner: PlasticProgram, code: int, lesson: PlasticState, arrays: State
) -> tuple[PlasticProgram, PlasticState, State]:
    """A learner with more room, and lesson and state to go on from with it."""
    if code == NO_ROOM:
        learner.widen()
        return learner, lesson, arrays
    other = PlasticProgram(learner.program, learner.pairings, 2 * learner.slots)
    wider = lesson._replace(
        store=np.concatenate([lesson.store, np.full_like(lesson.store, -1)], axis=1),
        arrival=np.concatenate([lesson.arrival, np.full_like(lesson.arrival, -inf)], axis=1),
    )
    segment, slot = learner.decoded(arrays.calendar["code"])
    return other, wider, _renumbered(arrays, other.place[segment] + slot)


def _send_again(
    learner: PlasticProgram, time: Floats, segment: Ints, slot: Ints, used: Any, old: PlasticProgram | None
) -> Ints | None:
    """Codes of the calendar's entries for this learner, or None if there are too few slots.

    `used` are spikes under way, `slot` is where the old learner, if there was one, had their weights.
    """
    a, codes = learner.arrays, learner.place[np.clip(segment, 0, len(learner.place) - 1)].copy()
    row_of = {int(k): q for q, k in enumerate(learner.plastic_segments)}
    old_row = {} if old is None else {int(k): q for q, k in enumerate(old.plastic_segments)}
    for e in np.flatnonzero(used)[np.argsort(time[used], kind="stable")]:
        q = row_of.get(int(segment[e]))
        if q is None:
            continue
        r = int(np.argmax(a.arrival[q] == -inf))
        if a.arrival[q, r] > -inf:
            return None
        row = a.rows[q]
        count, at = int(row["count"]), int(a.unused[0])
        if at + count > len(learner.fixed.wide):
            learner.widen(at + count)
        if int(segment[e]) in old_row and old is not None:
            first = int(old.arrays.store[old_row[int(segment[e])], slot[e]])
            learner.fixed.wide[at : at + count] = old.fixed.wide[first : first + count]
        else:
            own = slice(int(row["weight"]), int(row["weight"]) + count)
            learner.fixed.wide[at : at + count] = learner.fixed.wide[own]
        a.store[q, r], a.arrival[q, r], a.unused[0] = at, time[e], at + count
        codes[e] = row["slot"] + r
    return codes
