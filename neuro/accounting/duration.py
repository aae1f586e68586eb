"""Duration of a run on a chip.

A step lasts as long as its slowest core, or until its last message is processed where messages wait; then the barrier.
Without steps the busiest core counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuro.accounting.costs import Span, cost_of, own_kind
from neuro.accounting.counts import BinnedSpikes, Counts, is_source
from neuro.accounting.shares import Share
from neuro.accounting.slowest_core import ENTRY, Work, slowest_core
from neuro.accounting.waiting import Waiting
from neuro.accounting.work import Seconds, on_cores, work_of_cores
from neuro.chip.mesh import HOPS
from neuro.chip.model import KINDS, Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.validation import Floats

__all__ = ["Duration", "barrier_of_tiles", "clock_of", "duration_of_run", "work_in_steps"]

_ON_CORES = frozenset(KINDS) - {*HOPS, "tile", "cell_read", "write_pulse", "load"}
"""Kinds of events that take time of a core. Hops and tiles take time of the mesh, which counts where messages wait."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Duration:
    """Duration of a run on a chip."""

    latency: Span | None
    """The whole run, s; None where it is not known."""
    steps: Floats | None = None
    """Each step, s, shape (steps,)."""
    busiest: float | None = None
    """Work of the busiest core of a chip without steps, s."""
    missing: Mapping[str, float]
    """Unknown figures, and how many events need each."""
    received: float = 0.0
    """Updates of neurons that did not fire and may have received something."""


def duration_of_run(
    recording: Recording, placement: Placement, binned: BinnedSpikes, counts: Counts, shares: list[Share]
) -> Duration:
    """Duration of the run, and the unknown figures that it needs."""
    chip = placement.chip
    spans, missing = _spans(placement, shares)
    if not binned.stepped:
        length = recording.stop - recording.start
        if missing:
            # Such a chip acts when an event arrives. Without figures we assume that it keeps up with the recording.
            return Duration(latency=Span(length, length, length), missing=missing)
        work = [_busiest(counts, {kind: span[k] for kind, span in spans.items()}) for k in range(3)]
        return Duration(latency=Span(*(max(length, w) for w in work)), busiest=work[0], missing=missing)
    own_cores = placement.neuron_core
    barrier, unknown = barrier_of_tiles(chip, len(np.unique(own_cores[own_cores >= 0] // chip.cores_per_tile)))
    if unknown:
        missing["barrier"] = float(binned.steps)
    clock = clock_of(chip, recording, binned)
    sooner, later = _active_extra(chip, shares)
    value, low, high = ({kind: span[k] for kind, span in spans.items()} for k in range(3))
    steps, latest, received = _steps(placement, binned, value, later)
    if missing:
        if clock is None:
            return Duration(latency=None, missing=missing, received=received)
        # A chip with a clock takes its step. Without figures we assume that its cores keep up.
        total = Span(*(binned.steps * seconds for seconds in clock))
        return Duration(latency=total, steps=np.full(binned.steps, clock.value), missing=missing, received=received)
    value_low_high = [steps, steps, latest]
    ranged = any(np.any(span[1] != span[2]) for span in spans.values())
    if chip.link_buffer is not None:
        value_low_high = _waiting_steps(placement, binned, spans, ranged, sooner < 0)
    else:
        if ranged or sooner < 0:
            value_low_high[1] = _steps(placement, binned, low, sooner)[1]
        if ranged:
            value_low_high[2] = _steps(placement, binned, high, later)[1]
    if clock is None:
        clock = Span(0.0, 0.0, 0.0)
    timed = [np.maximum(part + barrier[k], clock[k]) for k, part in enumerate(value_low_high)]
    return Duration(latency=Span(*(float(t.sum()) for t in timed)), steps=timed[0], missing=missing, received=received)


def clock_of(chip: Chip, recording: Recording, binned: BinnedSpikes) -> Span | None:
    """The shortest duration of a step, s; None: the chip has no clock."""
    if chip.pace == "real" and binned.steps:
        own = (recording.stop - recording.start) / binned.steps
        return Span(own, own, own)
    return None if chip.step is None or chip.step.value is None else Span(chip.step.value, *chip.step.range)


def _spans(
    placement: Placement, shares: list[Share]
) -> tuple[dict[str, tuple[Seconds, Seconds, Seconds]], dict[str, float]]:
    """Seconds of one event of each kind: value, lowest and highest; and the unknown figures, with their events."""
    spans: dict[str, tuple[Seconds, Seconds, Seconds]] = {}
    missing: dict[str, float] = {}
    timed = _ON_CORES if placement.chip.link_buffer is None else _ON_CORES | {*HOPS, "tile"}
    for share in shares:
        counted = list(share.counts.kinds())
        # Updates of either kind may have been of the other one.
        swaps = (("update_idle", "update_active"), ("update_active", "update_idle"))
        other = [kind.replace(old, new, 1) for kind in counted for old, new in swaps if kind.startswith(old)]
        for kind in dict.fromkeys([*counted, *other]):
            if kind.partition(":")[0] not in timed:
                continue
            span = cost_of(share.time, kind)
            if span is None and kind not in counted:
                continue
            if span is None:
                missing[f"time.{kind}"] = missing.get(f"time.{kind}", 0.0) + share.counts.total[kind]
            elif share.only is None or kind in HOPS:
                spans[kind] = span
            else:
                value, low, high = spans.get(kind, (0.0, 0.0, 0.0))
                spans[kind] = (
                    value + span.value * share.only, low + span.low * share.only, high + span.high * share.only
                )  # fmt: skip
    return spans, missing


def _busiest(counts: Counts, seconds: Mapping[str, Seconds]) -> float:
    """Work of the busiest core, s. All columns of a crossbar are converted at once."""
    reads = counts.core.get("row_read", np.zeros(1))
    events = {**counts.core, "column_read": np.where(counts.core.get("column_read", 0.0), reads, 0.0)}
    work = sum((events[kind] * cost for kind, cost in seconds.items() if kind in events), np.zeros(1))
    return float(np.max(work, initial=0.0))


def barrier_of_tiles(chip: Chip, tiles: int) -> tuple[Span, bool]:
    """Seconds to end a step with so many tiles in use, and whether this time is unknown."""
    if not chip.barrier:
        return Span(0.0, 0.0, 0.0), chip.arithmetic == "event" and chip.pace == "free" and chip.step is None
    known = sorted(chip.barrier)
    if any(chip.barrier[key].value is None for key in known):
        return Span(0.0, 0.0, 0.0), True
    rows = np.array([[chip.barrier[key].value, *chip.barrier[key].range] for key in known], dtype=np.float64)
    if chip.barrier_between == "linear":
        return Span(*(float(np.interp(tiles, known, column)) for column in rows.T)), False
    return Span(*rows[max(int(np.searchsorted(known, tiles, side="right")) - 1, 0)].tolist()), False


def _waiting_steps(
    placement: Placement,
    binned: BinnedSpikes,
    spans: Mapping[str, tuple[Seconds, Seconds, Seconds]],
    ranged: bool,
    sooner: bool,
) -> list[Floats]:
    """Seconds of each step where messages wait: value, lowest and highest. `sooner`: active updates may be shorter."""
    waiting = Waiting(placement, binned)
    low, value, high = ({kind: span[k] for kind, span in spans.items()} for k in (1, 0, 2))
    steps = waiting.steps(value)
    every = placement.chip.updates == "fired"
    # A message that leaves sooner may hold up another one: less work does not always end sooner.
    shortest = np.minimum(steps, waiting.steps(low)) if ranged else steps
    if sooner and every:
        shortest = np.minimum(shortest, waiting.steps(low, every=True))
    longest = np.maximum(steps, waiting.steps(high, every=every)) if ranged or every else steps
    return [steps, shortest, longest]


def _steps(
    placement: Placement, binned: BinnedSpikes, seconds: Mapping[str, Seconds], active_extra: float
) -> tuple[Floats, Floats, float]:
    """Seconds of the slowest core in each step: as counted, and with every update active that may have been.

    The third result is the number of updates that may have been active, without those of neurons that fired.
    """
    step_time, longest_time = np.zeros(binned.steps), np.zeros(binned.steps)
    work = work_in_steps(placement, binned, seconds, active_extra)
    received = slowest_core(work, step_time, longest_time, np.zeros(binned.steps, np.int64))
    return step_time, longest_time, float(received) if placement.chip.updates == "fired" else 0.0


def work_in_steps(
    placement: Placement, binned: BinnedSpikes, seconds: Mapping[str, Seconds], active_extra: float = 0.0
) -> Work:
    """What the kernel `slowest_core` reads, by the seconds of one event of each kind."""
    chip, routes, home = placement.chip, placement.routes, placement.neuron_core
    source, parts = is_source(placement), placement.neuron_compartments
    cell = (home >= 0) & ~source
    core_updates = np.bincount(home[cell], parts[cell], chip.cores).astype(np.float64)
    work = work_of_cores(placement, seconds)
    everyone = chip.updates in ("all", "touched")
    entries = np.diff(routes.start)
    out = entries if chip.routing == "unicast" else np.minimum(entries, 1)
    active_time = work.active - work.idle if chip.updates == "fired" else np.zeros(len(home))
    rest = work.active if everyone else work.idle
    if chip.updates == "touched" and routes.targets is not None:
        # Untouched neurons change a step by less than an update each: the slowest core counts the longer one of each.
        rest = np.maximum(work.active, work.idle)
    base_time = np.bincount(home[cell], rest[cell], chip.cores).astype(np.float64)
    incoming = work.incoming
    if chip.arithmetic == "crossbar":
        # All columns of a crossbar are converted at once.
        columns = np.where(core_updates[routes.core] > 0, on_cores(seconds, "column_read", routes.core), 0.0)
        incoming = incoming + on_cores(seconds, "row_read", routes.core) + columns
    elif chip.arithmetic == "dense":
        multiplied = routes.synapses * on_cores(seconds, "mac", routes.core)
        base_time = base_time + np.bincount(routes.core, multiplied, chip.cores)
    entry = np.empty(len(routes.core), ENTRY)
    entry["core"], entry["time"], entry["synapses"] = routes.core, incoming, routes.synapses
    return Work(
        spike_step=binned.step,
        spike_neuron=binned.neuron,
        spike_repeated=binned.repeated,
        start=np.ascontiguousarray(routes.start),
        entry=entry,
        home=np.ascontiguousarray(home),
        spike_time=work.message_out * out + work.spike,
        active_time=active_time,
        updates=np.where(source, 0.0, parts),
        base_time=base_time,
        core_updates=core_updates,
        max_updates=int(parts.max(initial=1)),
        active_extra=active_extra if chip.updates == "fired" else 0.0,
    )


def _active_extra(chip: Chip, shares: list[Share]) -> tuple[float, float]:
    """What an update of an active neuron takes beyond one of an idle neuron, s: the least and the most, or 0."""
    least = most = 0.0
    for share in shares:
        idle, active = (cost_of(share.time, own_kind(chip, kind)) for kind in ("update_idle", "update_active"))
        if idle is not None and active is not None:
            least, most = min(least, active.low - idle.low), max(most, active.high - idle.high)
    return least, most
