"""`shorten`: a placement that takes less time, from one with little traffic; never one that takes more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neuro.chip.cores import NO_LIMIT
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.jit import as_table
from neuro.mapping.constraints import Rules, by_core
from neuro.mapping.latency.anneal import anneal, mean_change
from neuro.mapping.latency.loads import BUSIEST, Room, State, fill, total_time
from neuro.mapping.latency.pieces import in_pieces
from neuro.mapping.latency.work import Work, work_of
from neuro.mapping.layout.layout import layout
from neuro.mapping.partition.feasible import demands_of, fits
from neuro.mapping.random import RandomState, random_state
from neuro.mapping.watch import is_halted
from neuro.validation import Floats, Ints

__all__ = ["Search", "equal_parts", "search_of", "shorten", "starts_on_more"]

BUDGETS = {"fast": 1.0e8, "balanced": 1.0e9, "best": 4.0e9}
"""Loads looked at, by effort."""
MOST_COUNTERS = 100_000_000
"""Neurons times cores, cores times columns, and cores times the neurons that they hold, up to which tables are made."""
MOST_STEPS = 5_000
"""Steps per neuron, at most."""
TRIALS = 0.3
"""Share of the budget for short runs from all starts."""
TEMPERATURES = 0.5, 0.005
"""First and last temperature, in mean changes of time."""
STAGES = 12
"""Parts of a run; after each the best placement is kept."""
SLACK = 1e-12
"""Equal times differ by rounding only so far, as a share."""


@dataclass(frozen=True, eq=False)
class Search:
    """The tables of a search, and its random numbers."""

    work: Work
    room: Room
    state: State
    random: RandomState

    @cached_property
    def tables(self) -> tuple[Any, Any, Any]:
        """Work, room and state as the kernels take them."""
        return as_table(self.work), as_table(self.room), as_table(self.state)

    def start(self, core: Ints) -> float:
        """Begin anew at a placement; returns its seconds."""
        self.state.core[:] = core
        fill(*self.tables)
        return self.seconds()

    def seconds(self) -> float:
        """Seconds of the placement that the state is at."""
        return float(total_time(self.tables[0], self.tables[2]))

    def run(self, core: Ints, steps: int, hot: float, cold: float) -> tuple[float, Ints]:
        """Anneal from a placement; returns seconds and cores of the best one, which may be the first.

        Temperatures are in mean changes of time.
        """
        best, found = self.start(core), core
        until = np.cumsum(self.work.weight * self.state.step)
        scale = mean_change(*self.tables, until, 400, self.random) if best > 0.0 else 0.0
        if scale == 0.0 or until[-1] <= 0.0:
            return best, found
        ends = scale * hot * (cold / hot) ** (np.arange(STAGES) / (STAGES - 1))
        for stage in range(STAGES):
            if is_halted():
                break
            hot, cold = (ends[stage], ends[stage + 1]) if stage + 1 < STAGES else (0.0, 0.0)
            anneal(*self.tables, until, hot, cold, steps // STAGES, self.random)
            fill(*self.tables)
            seconds = self.seconds()
            if seconds < best:
                best, found = seconds, self.state.core.copy()
            until = np.cumsum(self.work.weight * self.state.step)
        return best, found


def search_of(
    rules: Rules, chip: Chip, placement: Placement, recording: Recording, *, seed: int = 0, dead: Sequence[int] = (),
    cores: int | None = None,
) -> Search | None:  # fmt: skip
    """The tables of a search for short times; None where they would be too large, or there is nothing to look at."""
    terms = rules.terms
    traffic = terms.traffic
    demands = demands_of(by_core(terms, chip), chip.cores)
    first = np.zeros(traffic.neurons, np.bool_)
    first[np.unique(terms.into, return_index=True)[1]] = True
    held = np.bincount(terms.into, minlength=terms.vertices)[terms.into]
    fixed = (held > 1) | (terms.label >= 0)[terms.into] | (rules.fixed >= 0)[terms.into]
    most = np.minimum(chip.most("neurons"), chip.most("columns"))
    widest = min(int(most.max(initial=0)), traffic.neurons)
    if max(traffic.neurons, widest) * chip.cores > MOST_COUNTERS or chip.cores < 2 or np.all(fixed):
        return None
    work = work_of(traffic, placement, recording)
    columns = len(work.weight)
    if not columns or columns * chip.cores > MOST_COUNTERS:
        return None
    usable = np.ones(chip.cores, np.bool_)
    usable[list(dead)] = False
    open_ = np.full(chip.cores, NO_LIMIT, np.int64)
    room = Room(
        each=np.ascontiguousarray(demands.each[terms.into] * first[:, None]),
        most=np.ascontiguousarray(demands.most), axons_in=demands.axons if len(demands.axons) else open_,
        axons_out=demands.outs if len(demands.outs) else open_, usable=usable, fixed=fixed,
        cores=np.array([chip.cores if cores is None else cores]),
    )  # fmt: skip
    return Search(work, room, _empty(work, chip, room, traffic.neurons, widest), random_state(seed, "latency"))


def _empty(work: Work, chip: Chip, room: Room, neurons: int, widest: int) -> State:
    columns, cores = len(work.weight), chip.cores

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    return State(
        core=zeros(neurons), targets=np.zeros((neurons, cores), np.int32), reached=zeros(neurons),
        load=np.zeros((cores, columns)), top=np.full((BUSIEST, columns), -1, np.int32), step=np.zeros(columns),
        used=zeros(*room.most.shape), axons_in=zeros(cores), axons_out=zeros(cores),
        member=np.zeros((cores, widest), np.int32), slot=zeros(neurons), size=zeros(cores),
        on_tile=zeros(cores // chip.cores_per_tile), in_use=zeros(2), delta=np.zeros((cores, columns)),
        touched=zeros(cores), is_touched=np.zeros(cores, np.bool_), changed=zeros(1),
    )  # fmt: skip


def shorten(
    rules: Rules, core: Ints, chip: Chip, recording: Recording, placement: Callable[[Ints], Placement],
    cost: Callable[[Ints], float], *, effort: str, seed: int = 0, dead: Sequence[int] = (), cores: int | None = None,
) -> Ints:  # fmt: skip
    """Move neurons so that the recording takes less time on the chip; the result never costs more than `core`.

    The law of time is that of `account`: the busiest core of each step, then the barrier. Where messages wait
    (`Chip.link_buffer`) the search leaves the waiting out, and on a chip without steps it adds up the busiest core of
    each window of 1 ms. In both cases `cost` decides between the placements that the search has found, and that law
    only where they cost the same.

    Parameters
    ----------
    rules
        The rules of the placement.
    core
        Core of each neuron, within the chip's limits, shape (neurons,).
    chip, recording, effort, seed, dead, cores
        As for `place`.
    placement
        The placement with neurons on given cores.
    cost
        Its cost; seconds by `account`, if nothing but time counts.
    """
    search = None if is_halted() else search_of(
        rules, chip, placement(core), recording, seed=seed, dead=dead, cores=cores
    )  # fmt: skip
    if search is None:
        return core
    terms = by_core(rules.terms, chip)
    first = np.zeros(terms.vertices, np.int64)
    first[terms.into[::-1]] = np.arange(len(core))[::-1]

    def within_limits(found: Ints) -> bool:
        return fits(terms, found[first].astype(np.int32), chip.cores)

    starts = [core, *starts_on_more(search, chip, core, within_limits)]
    work = search.work
    degree = len(work.into) / max(len(core), 1)
    each = 3.0 * len(work.weight) + (4.0 if work.messages[0] else 1.0) * degree
    steps = max(min(int(BUDGETS[effort] / each), MOST_STEPS * len(core)), STAGES)
    trials = [search.run(start, int(steps * TRIALS / len(starts)), *TEMPERATURES) for start in starts]
    _, best = min(trials, key=lambda trial: trial[0])
    found = [core, best]
    if not is_halted():
        found.append(search.run(best, int(steps * (1.0 - TRIALS)), *TEMPERATURES)[1])
    found = [core, *(other for other in found[1:] if within_limits(other))]
    chosen = min(found, key=lambda other: (cost(other), search.start(other)))
    return _laid_out(search, rules, chip, chosen, cost, seed)


def starts_on_more(search: Search, chip: Chip, core: Ints, within_limits: Callable[[Ints], bool]) -> list[Ints]:
    """The placement on twice as many cores, four times as many, and so on up to all that may be used.

    Parts are cut into pieces; where that breaks a limit, all neurons are dealt out again in equal parts.
    """
    used, most = len(np.unique(core)), min(int(search.room.cores[0]), int(search.room.usable.sum()))
    found: list[Ints] = []
    while used < most and not is_halted():
        used = min(2 * used, most)
        pieces = in_pieces(search.work, search.room, chip, core, used)
        if within_limits(pieces):
            found.append(pieces)
        elif not np.any(search.room.fixed) and within_limits(equal := equal_parts(core, pieces)):
            found.append(equal)
    return found


def equal_parts(core: Ints, pieces: Ints) -> Ints:
    """As many neurons on each core that `pieces` uses, in the order of their cores in `core`.

    Where most neurons reach most cores, a core has one axon out for each of its neurons and cores in use. With equal
    parts their number stays the same however many there are; with pieces of some parts it grows on the others.
    """
    places, found = np.unique(pieces), np.empty_like(core)
    found[np.argsort(core, kind="stable")] = places[np.arange(len(core)) * len(places) // len(core)]
    return found


def _laid_out(
    search: Search, rules: Rules, chip: Chip, core: Ints, cost: Callable[[Ints], float], seed: int
) -> Ints:  # fmt: skip
    """The same parts, with places exchanged so that spikes cross fewer links; as they were, where that takes time."""
    unlike: Floats = np.stack([search.work.idle, search.work.synapse, search.work.entry])
    if chip.limits_differ or np.any(unlike != unlike[:, :1]) or np.any(rules.fixed >= 0) or is_halted():
        return core
    used, part = np.unique(core, return_inverse=True)
    empty = np.setdiff1d(np.arange(chip.cores), used)
    place = layout(rules.terms.traffic, part, chip, effort="fast", seed=seed, dead=empty.tolist())
    return place[part] if cost(place[part]) <= cost(core) * (1.0 + SLACK) else core
