"""The loop of a run that learns: simulate one window, then let its spikes change the weights, then go to the next."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, inf
from typing import Any

import numpy as np

from neuro.crossbar.ledger import Ledger
from neuro.crossbar.transposed import TransposedCrossbar
from neuro.engine.codes import FAULT, N_SPIKES, STILL_VALID
from neuro.engine.kernels.arrays import Inputs, Output, State, Workspace
from neuro.engine.kernels.calendar import window_of
from neuro.engine.kernels.windows import first_busy, run_windows
from neuro.engine.plasticity.kernels import NO_ROOM, NO_SLOT, learn
from neuro.engine.plasticity.layout import PlasticProgram
from neuro.engine.plasticity.state import PairRule
from neuro.jit import as_table
from neuro.validation import Floats

__all__ = ["NeedsRoom", "WeightSampler", "run_plastic_windows"]


class NeedsRoom(Exception):
    """The plastic arrays are too small; the chunk has to be repeated with larger ones."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class WeightSampler:
    """Samples the weights and conductances of projections at asked times.

    These are given by field of the recording and projection.
    """

    def __init__(self, times: Mapping[tuple[str, str], Floats]) -> None:
        self.asked = times
        self.times = np.unique(np.concatenate([np.zeros(0), *times.values()]))
        self.values = 3 if any(field == "sampled_conductances" for field, _ in times) else 1
        """Most numbers of one synapse that are sampled at a time."""
        self.taken: list[tuple[str, str, float, Floats]] = []
        """Samples of the chunk under way, as in `Chunk.learned`."""

    def between(self, begin: float, end: float) -> set[float]:
        """The asked times in (begin, end), s."""
        first, last = self.times.searchsorted(begin, side="right"), self.times.searchsorted(end)
        return set(self.times[first:last].tolist())

    def take(self, plastic: PlasticProgram, t: float) -> None:
        """Sample what is asked for `t`."""
        for (field, name), times in self.asked.items():
            at = int(times.searchsorted(t))
            if at < len(times) and times[at] == t:
                of_devices = field == "sampled_conductances"
                values = plastic.present_conductances(name) if of_devices else plastic.present_weights(name)
                self.taken.append((field, name, t, values))


def run_plastic_windows(
    plastic: PlasticProgram, arrays: State, inputs: Inputs, output: Output, work: Workspace, begin: float, until: float,
    interval: tuple[float, float], workers: int, sampler: WeightSampler | None = None,
) -> float:  # fmt: skip
    """Simulate from `begin` to `until`, and learn from each window's spikes before the next; returns the time reached.

    `interval` is the run's own: spikes count from its start, and teach until its stop. `worker_threads` must run.
    """
    length, reached = plastic.program.window, begin
    tables, work_table = (as_table(arrays), as_table(inputs), as_table(output)), as_table(work)
    stride = max(1, floor(min(plastic.shortest / length, 1e6) * (1.0 - 1e-9)))
    while reached < until:
        if sampler is not None:
            sampler.take(plastic, reached)
        window = int(window_of(reached, length))
        ahead = int(first_busy(plastic.table, tables[0], tables[1], work_table, window, length))
        last = ahead if ahead > window else window + stride
        end = min(last * length, until)
        before = int(arrays.register[N_SPIKES])
        end = float(run_windows(plastic.table, *tables, work_table, reached, end, length, *interval, workers))
        code = int(arrays.register[FAULT])
        narrow = code in STILL_VALID
        if code and not narrow:
            return reached
        arrays.register[FAULT] = 0
        spikes = before, int(arrays.register[N_SPIKES])
        if reached < interval[1]:
            _learn(plastic, tables, output.time, spikes, reached, min(end, interval[1]), interval[0], sampler)
        if arrays.register[FAULT]:
            return reached
        reached = end
        if narrow:
            arrays.register[FAULT] = code
            break
    return reached


def _learn(
    plastic: PlasticProgram,
    tables: tuple[Any, Any, Any],
    time: Floats,
    spikes: tuple[int, int],
    begin: float,
    end: float,
    start: float,
    sampler: WeightSampler | None = None,
) -> None:
    """Learn from spikes in (begin, end], with stops at the edges of the rules' intervals and at the times of writes.

    The weights of times between are sampled.
    """
    first, last = spikes
    length = plastic.program.window
    state, _, out = tables
    asked = set() if sampler is None else sampler.between(begin, end)
    for edge in sorted(asked.union(_edges(plastic, begin, end, quiet=first == last))):
        until = first + int(time[first:last].searchsorted(edge))
        if until > first:
            _switch_rules(plastic, begin)
            window = int(window_of(time[until - 1], length))
            code = learn(plastic.table, state, plastic.laid, out, first, until, window, length)
            if code in (NO_SLOT, NO_ROOM):
                raise NeedsRoom(code)
        _write_sums(plastic, edge, counted=edge > start)
        if sampler is not None and edge in asked:
            sampler.take(plastic, edge)
        first, begin = until, edge


def _edges(plastic: PlasticProgram, begin: float, end: float, quiet: bool) -> list[float]:
    """The times in (begin, end] at which a rule's interval begins or ends, or sums are written; and `end`.

    Without spikes (`quiet`) only the first write can have something to write.
    """
    edges = {end}
    for rule in plastic.rules.values():
        edges.update(t for interval in rule.during for t in interval if begin < t < end)
        if 0.0 < rule.every < inf:
            k = floor(begin / rule.every)
            while k * rule.every <= end:
                if k * rule.every > begin:
                    edges.add(k * rule.every)
                    if quiet:
                        break
                k += 1
    return sorted(edges)


def _switch_rules(plastic: PlasticProgram, t: float) -> None:
    """Set which rules change weights from `t` on."""
    for k, rule in enumerate(plastic.rules.values()):
        if rule.during:
            plastic.arrays.active[k] = any(start <= t < stop for start, stop in rule.during)


def _write_sums(plastic: PlasticProgram, t: float, counted: bool) -> None:
    """Add summed changes to the weights of each rule that writes at `t`."""
    for k, (name, rule) in enumerate(plastic.rules.items()):
        if not 0.0 < rule.every < inf or round(t / rule.every) * rule.every != t:
            continue
        here = slice(plastic.base + plastic.spans[k], plastic.base + plastic.spans[k + 1])
        sums = plastic.fixed.wide[here.start + plastic.total : here.stop + plastic.total]
        if not sums.any():
            continue
        if name in plastic.crossbars:
            _write_crossbar(plastic, name, sums, rule, counted)
        else:
            plastic.fixed.wide[here] = np.clip(plastic.fixed.wide[here] + sums, rule.low, rule.high)
        sums[:] = 0.0


def _write_crossbar(plastic: PlasticProgram, name: str, sums: Floats, rule: PairRule, counted: bool) -> None:
    """Send changes to the devices, and read back the weights of all projections that use them.

    Pulses go to the ledger if they are `counted`, which they are within the run's own interval.
    """
    crossbar, network = plastic.crossbars[name], plastic.program.network
    order = plastic.program.weight_order.get(name)
    change = sums.copy()
    if order is not None:
        change[order] = sums
    ledger = crossbar.ledger
    if not counted:
        crossbar.count_into(Ledger(crossbar.shape))
    crossbar.accumulate(change.reshape(crossbar.shape), rule.max_levels)
    crossbar.count_into(ledger)
    original = network.projections[name].synapses
    for other, label in enumerate(plastic.rules):
        synapses = network.projections[label].synapses
        transposed = isinstance(synapses, TransposedCrossbar) and synapses.T is original
        if synapses is not original and not transposed:
            continue
        values = crossbar.transposed_weights() if transposed else crossbar.effective_weights()
        order = plastic.program.weight_order.get(label)
        flat = values.ravel() if order is None else values.ravel()[order]
        plastic.fixed.wide[plastic.base + plastic.spans[other] : plastic.base + plastic.spans[other + 1]] = flat
