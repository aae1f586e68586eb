"""Learning window by window: each is simulated, its spikes teach and set out, then comes the next."""

from __future__ import annotations

from math import floor, inf
from typing import Any

import numpy as np

from neuro.crossbar.ledger import Ledger
from neuro.engine.kernels.arrays import CROWDED, FAULT, N_OUT, NARROW, Inputs, Output, State, Workspace
from neuro.engine.kernels.calendar import window_of
from neuro.engine.kernels.windows import first_busy, run_windows
from neuro.engine.plasticity.kernels import NO_ROOM, NO_SLOT, learn
from neuro.engine.plasticity.layout import PlasticProgram
from neuro.engine.plasticity.state import PairRule
from neuro.jit import laid
from neuro.validation import Floats

__all__ = ["Short", "follow"]


class Short(Exception):
    """More room is needed; what was done is to be done again."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def follow(
    learner: PlasticProgram, arrays: State, inputs: Inputs, output: Output, work: Workspace, begin: float, until: float,
    counted: tuple[float, float], workers: int,
) -> float:  # fmt: skip
    """Simulate from `begin` to `until` and learn from each window's spikes before the next, with `helpers` at hand."""
    length, reached = learner.program.window, begin
    tables, seat = (laid(arrays), laid(inputs), laid(output)), laid(work)
    stride = max(1, floor(min(learner.shortest / length, 1e6) * (1.0 - 1e-9)))
    while reached < until:
        window = int(window_of(reached, length))
        ahead = int(first_busy(learner.table, tables[0], tables[1], seat, window, length))
        last = ahead if ahead > window else window + stride
        end = min(last * length, until)
        before = int(arrays.register[N_OUT])
        end = float(run_windows(learner.table, *tables, seat, reached, end, length, *counted, workers))
        code = int(arrays.register[FAULT])
        narrow = code in (NARROW, CROWDED)
        if code and not narrow:
            return reached
        arrays.register[FAULT] = 0
        spikes = before, int(arrays.register[N_OUT])
        if reached < counted[1]:
            _learn(learner, tables, output.time, spikes, reached, min(end, counted[1]), counted[0])
        if arrays.register[FAULT]:
            return reached
        reached = end
        if narrow:
            arrays.register[FAULT] = code
            break
    return reached


def _learn(
    learner: PlasticProgram,
    tables: tuple[Any, Any, Any],
    time: Floats,
    spikes: tuple[int, int],
    begin: float,
    end: float,
    start: float,
) -> None:
    """Learn from some spikes, stopping at the edges of the rules' intervals and at writes in (begin, end]."""
    first, last = spikes
    length = learner.program.window
    state, _, out = tables
    for edge in _edges(learner, begin, end, quiet=first == last):
        until = first + int(time[first:last].searchsorted(edge))
        if until > first:
            _switch(learner, begin)
            window = int(window_of(time[until - 1], length))
            code = learn(learner.table, state, learner.laid, out, first, until, window, length)
            if code in (NO_SLOT, NO_ROOM):
                raise Short(code)
        _write(learner, edge, counted=edge > start)
        first, begin = until, edge


def _edges(learner: PlasticProgram, begin: float, end: float, quiet: bool) -> list[float]:
    """Where something other than a spike happens to the weights in (begin, end], and the end.

    Without spikes there is nothing to write after the first time.
    """
    edges = {end}
    for pairing in learner.pairings.values():
        edges.update(t for part in pairing.during for t in part if begin < t < end)
        if 0.0 < pairing.every < inf:
            k = floor(begin / pairing.every)
            while k * pairing.every <= end:
                if k * pairing.every > begin:
                    edges.add(k * pairing.every)
                    if quiet:
                        break
                k += 1
    return sorted(edges)


def _switch(learner: PlasticProgram, t: float) -> None:
    """Which rules make changes from `t` on."""
    for k, pairing in enumerate(learner.pairings.values()):
        if pairing.during:
            learner.arrays.active[k] = any(start <= t < stop for start, stop in pairing.during)


def _write(learner: PlasticProgram, t: float, counted: bool) -> None:
    """Bring summed changes to the weights where `t` is a time to do so."""
    for k, (name, pairing) in enumerate(learner.pairings.items()):
        if not 0.0 < pairing.every < inf or round(t / pairing.every) * pairing.every != t:
            continue
        here = slice(learner.base + learner.spans[k], learner.base + learner.spans[k + 1])
        sums = learner.fixed.wide[here.start + learner.total : here.stop + learner.total]
        if not sums.any():
            continue
        if name in learner.crossbars:
            _pulse(learner, name, k, sums, pairing, counted)
        else:
            learner.fixed.wide[here] = np.clip(learner.fixed.wide[here] + sums, pairing.low, pairing.high)
        sums[:] = 0.0


def _pulse(learner: PlasticProgram, name: str, k: int, sums: Floats, pairing: PairRule, counted: bool) -> None:
    """Send changes to the devices, and read the weights of all projections that lie on them."""
    crossbar, network = learner.crossbars[name], learner.program.network
    order = learner.program.weight_order.get(name)
    change = sums.copy()
    if order is not None:
        change[order] = sums
    ledger = crossbar.ledger
    if not counted:
        crossbar.count_into(Ledger(crossbar.shape))
    crossbar.accumulate(change.reshape(crossbar.shape), pairing.max_levels)
    crossbar.count_into(ledger)
    original = network.projections[name].synapses
    for other, label in enumerate(learner.pairings):
        synapses = network.projections[label].synapses
        turned = getattr(synapses, "T", None) is original and synapses is not original
        if synapses is not original and not turned:
            continue
        values = crossbar.transposed_weights() if turned else crossbar.effective_weights()
        order = learner.program.weight_order.get(label)
        flat = values.ravel() if order is None else values.ravel()[order]
        learner.fixed.wide[learner.base + learner.spans[other] : learner.base + learner.spans[other + 1]] = flat
