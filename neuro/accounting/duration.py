"""How long a chip takes: in each step its slowest core and the barrier, or without steps its busiest core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neuro.accounting.counts import BinnedSpikes, Counts, is_source, operations, variants_of_neurons
from neuro.accounting.slowest_core import ENTRY, Work, slowest_core
from neuro.chip.mesh import HOPS
from neuro.chip.model import KINDS, Chip, Quantity
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.validation import Floats

__all__ = ["Duration", "Span", "durations", "figure", "own_kind"]

_ON_CORES = frozenset(KINDS) - {*HOPS, "tile", "cell_read", "write_pulse", "load"}
"""Kinds of events that take time of a core; hops take time on the mesh."""


class Span(NamedTuple):
    """A value, and the lowest and highest that its sources allow."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Duration:
    """How long a run takes a chip."""

    latency: Span | None
    """The whole run, s; None where it is not known."""
    steps: Floats | None = None
    """Each step, s, shape (steps,)."""
    busiest: float | None = None
    """Work of the busiest core of a chip without steps, s."""
    missing: Mapping[str, float]
    """Figures that are unknown, and how many events need each."""
    received: float = 0.0
    """Updates of neurons that did not fire and may have received something."""


def figure(table: Mapping[str, Quantity], kind: str) -> Span | None:
    """What one event costs: nothing where another figure has it in; None where it is unknown.

    A variant without a figure of its own costs what its kind does. What is part of an unknown figure is unknown.
    """
    quantity = table.get(kind, table.get(kind.partition(":")[0]))
    if quantity is None:
        return None
    if quantity.within is not None:
        whole = table.get(quantity.within)
        return None if whole is not None and whole.value is None else Span(0.0, 0.0, 0.0)
    return None if quantity.value is None else Span(quantity.value, *quantity.range)


def own_kind(chip: Chip, kind: str) -> str:
    """An update or a spike as the chip's own neurons have it, where it has several kinds of them."""
    return f"{kind}:{chip.neuron}" if chip.neuron else kind


def durations(recording: Recording, placement: Placement, train: BinnedSpikes, counts: Counts) -> Duration:
    """How long the chip takes for the run, and which figures it would take to know."""
    chip = placement.chip
    kinds = [kind for kind in counts.kinds() if kind.partition(":")[0] in _ON_CORES]
    found = {kind: figure(chip.time, kind) for kind in kinds}
    missing = {f"time.{kind}": counts.total[kind] for kind, span in found.items() if span is None}
    spans = {kind: span for kind, span in found.items() if span is not None}
    if not train.stepped:
        length = recording.stop - recording.start
        if missing:
            # It acts when something happens; without figures nothing says that it is late.
            return Duration(latency=Span(length, length, length), missing=missing)
        work = [_busiest(counts, {kind: span[k] for kind, span in spans.items()}) for k in range(3)]
        return Duration(latency=Span(*(max(length, w) for w in work)), busiest=work[0], missing=missing)
    barrier, unknown = _barrier(placement)
    if unknown:
        missing["barrier"] = float(train.steps)
    clock = None if chip.step is None or chip.step.value is None else Span(chip.step.value, *chip.step.range)
    if chip.pace == "real" and train.steps:
        own = (recording.stop - recording.start) / train.steps
        clock = Span(own, own, own)
    steps, late, received = _steps(placement, train, {kind: span.value for kind, span in spans.items()})
    if missing:
        if clock is None:
            return Duration(latency=None, missing=missing, received=received)
        # A clocked chip takes its step as long as its cores keep up, which nothing says that they do not.
        total = Span(*(train.steps * each for each in clock))
        return Duration(latency=total, steps=np.full(train.steps, clock.value), missing=missing, received=received)
    each = [steps, steps, late]
    if any(span.low != span.high for span in spans.values()):
        each[1] = _steps(placement, train, {kind: span.low for kind, span in spans.items()})[0]
        each[2] = _steps(placement, train, {kind: span.high for kind, span in spans.items()})[1]
    if clock is None:
        clock = Span(0.0, 0.0, 0.0)
    timed = [np.maximum(part + barrier[k], clock[k]) for k, part in enumerate(each)]
    return Duration(latency=Span(*(float(t.sum()) for t in timed)), steps=timed[0], missing=missing, received=received)


def _busiest(counts: Counts, seconds: Mapping[str, float]) -> float:
    """Work of the busiest core, s, the columns of a crossbar being converted at once."""
    reads = counts.core.get("row_read", np.zeros(1))
    events = {**counts.core, "column_read": np.where(counts.core.get("column_read", 0.0), reads, 0.0)}
    work = sum((events[kind] * cost for kind, cost in seconds.items() if kind in events), np.zeros(1))
    return float(np.max(work, initial=0.0))


def _barrier(placement: Placement) -> tuple[Span, bool]:
    """Seconds to end a step with as many tiles as are in use, and whether they are unknown."""
    chip = placement.chip
    if not chip.barrier:
        return Span(0.0, 0.0, 0.0), chip.arithmetic == "event" and chip.pace == "free" and chip.step is None
    own = placement.neuron_core
    tiles = len(np.unique(own[own >= 0] // chip.cores_per_tile))
    known = sorted(chip.barrier)
    if any(chip.barrier[key].value is None for key in known):
        return Span(0.0, 0.0, 0.0), True
    rows = np.array([[chip.barrier[key].value, *chip.barrier[key].range] for key in known], dtype=np.float64)
    if chip.barrier_between == "linear":
        return Span(*(float(np.interp(tiles, known, column)) for column in rows.T)), False
    return Span(*rows[max(int(np.searchsorted(known, tiles, side="right")) - 1, 0)].tolist()), False


def _steps(placement: Placement, train: BinnedSpikes, seconds: Mapping[str, float]) -> tuple[Floats, Floats, float]:
    """Seconds of the slowest core in each step, the same if all updates were active that may have been, and how many
    those are besides those of neurons that fired.
    """
    chip, routes, home = placement.chip, placement.routes, placement.neuron_core
    source, parts = is_source(placement), placement.neuron_compartments
    cell = (home >= 0) & ~source
    neurons = np.bincount(home[cell], parts[cell], chip.cores).astype(np.float64)
    known, variant = variants_of_neurons(placement)

    def each(kind: str) -> Floats:
        """Seconds of an event of each neuron."""
        return np.array([seconds.get(f"{kind}:{name}" if name else kind, 0.0) for name in known])[variant]

    idle, active = each("update_idle") * parts, each("update_active") * parts
    rest = np.zeros(len(home)) if chip.updates == "none" else active if chip.updates == "all" else idle
    entries = np.diff(routes.start)
    out = entries if chip.routing == "unicast" else np.minimum(entries, 1)
    sent = seconds.get("message_out", 0.0) * out + np.where(source, 0.0, each("spike"))
    woken = np.where(source, 0.0, active - idle) if chip.updates == "fired" else np.zeros(len(home))
    incoming = np.full(len(routes.core), seconds.get("message_in", 0.0))
    base = np.bincount(home[cell], rest[cell], chip.cores).astype(np.float64)
    if chip.arithmetic == "event":
        for kind, part in operations(placement):
            incoming = incoming + seconds.get(kind, 0.0) * part
    elif chip.arithmetic == "crossbar":
        # The columns of a crossbar are converted at once.
        columns = np.where(neurons[routes.core] > 0, seconds.get("column_read", 0.0), 0.0)
        incoming = incoming + seconds.get("row_read", 0.0) + columns
    else:
        base = base + np.bincount(routes.core, routes.synapses * seconds.get("mac", 0.0), chip.cores)
    entry = np.empty(len(routes.core), ENTRY)
    entry["core"], entry["time"], entry["synapses"] = routes.core, incoming, routes.synapses
    step_time, longest_time = np.zeros(train.steps), np.zeros(train.steps)
    received = slowest_core(
        Work(
            spike_step=train.step,
            spike_neuron=train.neuron,
            spike_again=train.again,
            start=np.ascontiguousarray(routes.start),
            entry=entry,
            home=np.ascontiguousarray(home),
            sent=sent,
            woken=woken,
            parts=np.where(source, 0.0, parts),
            base=base,
            neurons=neurons,
            most=int(parts.max(initial=1)),
            maybe=_extra(chip) if chip.updates == "fired" else 0.0,
        ),
        step_time,
        longest_time,
    )
    return step_time, longest_time, float(received) if chip.updates == "fired" else 0.0


def _extra(chip: Chip) -> float:
    """How much longer the update of an active neuron takes than that of an idle one, at most, s."""
    idle, active = (figure(chip.time, own_kind(chip, kind)) for kind in ("update_idle", "update_active"))
    return 0.0 if idle is None or active is None else max(0.0, active.high - idle.high)
