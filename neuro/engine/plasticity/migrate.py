"""Carries a plastic state over: to a new run, to other rules, to other plastic projections, and to larger arrays."""

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

__all__ = ["change_rules", "enlarge", "with_new_ledgers"]


def with_new_ledgers(state: PlasticState) -> PlasticState:
    """The same state, with copies of the devices that count pulses from zero."""
    crossbars = {name: crossbar.copy() for name, crossbar in state.crossbars.items()}
    for crossbar in crossbars.values():
        crossbar.count_into(Ledger(crossbar.shape))
    return state._replace(crossbars=crossbars)


def change_rules(
    program: Program, rules: Mapping[str, PairRule], arrays: State, before: PlasticState | None, time: float
) -> tuple[PlasticState, State]:
    """The state at `time` under other rules: weights, traces and spikes under way stay the same."""
    if before is not None and list(before.rules) == list(rules):
        return _with_rules(PlasticProgram(program, rules, before.arrival.shape[1]), before, time), arrays
    under_way = _under_way(arrays)
    codes = arrays.calendar["code"]
    old = None if before is None else PlasticProgram(program, before.rules, before.arrival.shape[1])
    segment, slot = (codes, np.zeros_like(codes)) if old is None else old.decoded(codes)
    slots = SLOTS
    while True:
        new = PlasticProgram(program, rules, slots)
        new.load(new.first_state(() if before is None else before.rules))
        if old is not None and before is not None:
            _copy_learned(new, old, before, time)
        new_codes = _assign_slots(new, arrays.calendar["time"], segment, slot, under_way, old)
        if new_codes is not None:
            _check_bounds(new)
            return new.snapshot(), _with_codes(arrays, new_codes)
        slots *= 2


def _with_rules(plastic: PlasticProgram, before: PlasticState, time: float) -> PlasticState:
    """The same state under the rules of `plastic`; the traces continue from their values at `time`."""
    plastic.load(before)
    a = plastic.arrays
    rates = 1.0 / np.array([rule.tau for rule in before.rules.values()])
    a.trace[:] *= np.exp(-(time - a.origin)[:, None] * rates)[:, :, None]
    a.origin[:] = time
    wide, base, total = plastic.fixed.wide, plastic.base, plastic.total
    for k, (name, rule) in enumerate(plastic.rules.items()):
        first, last = base + plastic.spans[k], base + plastic.spans[k + 1]
        if rule.every == 0.0 and name not in plastic.crossbars:
            sums, now = wide[first + total : last + total], wide[first:last]
            now[:] = np.where(sums == 0.0, now, np.clip(now + sums, rule.low, rule.high))
            sums[:] = 0.0
    _check_bounds(plastic)
    return plastic.snapshot()


def _check_bounds(plastic: PlasticProgram) -> None:
    """Refuse weights outside the bounds of their rule."""
    for k, (name, rule) in enumerate(plastic.rules.items()):
        weight = plastic.fixed.wide[plastic.base + plastic.spans[k] : plastic.base + plastic.spans[k + 1]]
        wrong = (weight < rule.low) | (weight > rule.high)
        if wrong.any():
            raise WeightError(
                f"weights that learn must begin within w_min..w_max, {rule.low:g}..{rule.high:g}",
                where=f"projection {name!r}",
                value=float(weight[wrong][0]),
            )


def _copy_learned(new: PlasticProgram, old: PlasticProgram, before: PlasticState, time: float) -> None:
    """Copy weights, sums, traces and devices from a layout of fewer plastic projections to one of more."""
    kept = _with_rules(old, before, time)
    for k, name in enumerate(old.rules):
        n = list(new.rules).index(name)
        for new_shift, old_shift in ((0, 0), (new.total, old.total)):
            here = slice(new.base + new_shift + new.spans[n], new.base + new_shift + new.spans[n + 1])
            new.fixed.wide[here] = kept.weight[old_shift + old.spans[k] : old_shift + old.spans[k + 1]]
        new.arrays.trace[n], new.arrays.origin[n] = kept.trace[k], kept.origin[k]
        if name in kept.crossbars:
            new.crossbars[name] = kept.crossbars[name]


def _under_way(arrays: State) -> Any:
    """A mask of the calendar's entries that are spikes under way."""
    is_spike = np.zeros(len(arrays.calendar), bool)
    for entry in arrays.bucket.tolist():
        while entry >= 0:
            is_spike[entry] = arrays.calendar["code"][entry] >= 0
            entry = int(arrays.calendar["next"][entry])
    return is_spike


def _with_codes(arrays: State, codes: Ints) -> State:
    """A state whose calendar has other numbers of segments."""
    calendar = arrays.calendar.copy()
    calendar["code"] = np.where(calendar["code"] < 0, calendar["code"], codes)
    return arrays._replace(calendar=calendar)


def enlarge(
    plastic: PlasticProgram, code: int, state: PlasticState, arrays: State
) -> tuple[PlasticProgram, PlasticState, State]:
    """A layout with more room (for weights or for slots, as the kernel's `code` says), and the states that fit it."""
    if code == NO_ROOM:
        plastic.widen()
        return plastic, state, arrays
    larger = PlasticProgram(plastic.program, plastic.rules, 2 * plastic.slots)
    wider = state._replace(
        store=np.concatenate([state.store, np.full_like(state.store, -1)], axis=1),
        arrival=np.concatenate([state.arrival, np.full_like(state.arrival, -inf)], axis=1),
    )
    segment, slot = plastic.decoded(arrays.calendar["code"])
    return larger, wider, _with_codes(arrays, larger.place[segment] + slot)


def _assign_slots(
    plastic: PlasticProgram, time: Floats, segment: Ints, slot: Ints, under_way: Any, old: PlasticProgram | None
) -> Ints | None:
    """Give each spike under way a slot, with the weights that it was fired with.

    Returns new codes for the entries of the calendar, or None if there are too few slots. `segment` and `slot` are
    those that the entries had in the layout `old`, if there was one.
    """
    a, codes = plastic.arrays, plastic.place[np.clip(segment, 0, len(plastic.place) - 1)].copy()
    row_of = {int(k): q for q, k in enumerate(plastic.plastic_segments)}
    old_row_of = {} if old is None else {int(k): q for q, k in enumerate(old.plastic_segments)}
    for e in np.flatnonzero(under_way)[np.argsort(time[under_way], kind="stable")]:
        q = row_of.get(int(segment[e]))
        if q is None:
            continue
        r = int(np.argmax(a.arrival[q] == -inf))
        if a.arrival[q, r] > -inf:
            return None
        row = a.rows[q]
        count, at = int(row["count"]), int(a.unused[0])
        if at + count > len(plastic.fixed.wide):
            plastic.widen(at + count)
        if int(segment[e]) in old_row_of and old is not None:
            first = int(old.arrays.store[old_row_of[int(segment[e])], slot[e]])
            plastic.fixed.wide[at : at + count] = old.fixed.wide[first : first + count]
        else:
            own = slice(int(row["weight"]), int(row["weight"]) + count)
            plastic.fixed.wide[at : at + count] = plastic.fixed.wide[own]
        a.store[q, r], a.arrival[q, r], a.unused[0] = at, time[e], at + count
        codes[e] = row["slot"] + r
    return codes
