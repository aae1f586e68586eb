"""The steps of a placement after the partition: layout, refinement, and the choice of the cheapest candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.errors import PeerError
from neuro.mapping.baselines import baseline
from neuro.mapping.constraints import Rules, by_core
from neuro.mapping.layout.layout import Fit, layout
from neuro.mapping.layout.nets import nets_of
from neuro.mapping.layout.relieve_link import relieve_link
from neuro.mapping.metrics import bounds, measure
from neuro.mapping.objective import SIMPLE, Objective, cost_function, prices_of, weights_of
from neuro.mapping.partition.feasible import fits, holds
from neuro.mapping.partition.multilevel import EFFORTS, Effort
from neuro.mapping.partition.tables import Parts
from neuro.mapping.refine.refine import price, refine
from neuro.mapping.search import Prices
from neuro.mapping.traffic import Traffic
from neuro.validation import Ints

__all__ = ["assign_cores", "costs_and_bounds", "partition_effort", "place_partitions"]


BEFORE_REFINEMENT = replace(
    EFFORTS["balanced"], descents=2, trial=100_000_000, final=1_500_000_000, evolution=500_000_000
)
"""The effort for a partition whose neurons are moved again on the mesh."""
DESCENTS, PAIRS = 5, 1_800_000
"""With effort `best`, small networks get more descents: at most so many, and so many pairs in all."""
LEADS = {"fast": 1, "balanced": 1, "best": 2}
"""How many of the partitions are refined briefly, the cheapest first; the best of them is refined to the end."""


def partition_effort(effort: str, objective: Objective, pairs: int) -> tuple[Effort, int]:
    """Effort and number of partitions: where neurons move on the mesh afterwards, most of the work is left for that."""
    if not _on_mesh(objective) or effort == "fast":
        return EFFORTS[effort], 1
    if effort == "balanced":
        return BEFORE_REFINEMENT, 1
    descents = min(max(PAIRS // max(pairs, 1), BEFORE_REFINEMENT.descents), DESCENTS)
    return replace(BEFORE_REFINEMENT, descents=descents), 2


def _on_mesh(objective: Objective) -> bool:
    """Does the objective depend on where the parts are on the mesh?"""
    return not set(weights_of(objective)) <= {"km1", "cores", "cut_synapse_spikes"}


def assign_cores(
    rules: Rules, parts: Sequence[Parts], chip: Chip, objective: Objective, *, effort: str, seed: int,
    dead: Sequence[int] = (), cores: int | None = None, recording: Recording | None = None,
    placement: Callable[[Ints], Placement] | None = None,
) -> Ints:  # fmt: skip
    """Core of each neuron: the partitions laid out and, for objectives of the mesh, refined.

    Neurons that are pinned, stay together or keep apart are left with their part; where neurons take several of the
    chip's, all are. For objectives of the mesh, filling cores in order competes as a second partition.

    Parameters
    ----------
    rules
        The rules of the placement.
    parts
        Partitions to begin with: part of each neuron, by number of `rules.cores`, shape (neurons,).
    chip, objective, effort, seed, dead, cores
        As for `place`.
    recording
        The recording that energy and latency are counted on.
    placement
        The placement with neurons on given cores, for these counts: it knows sources and compartments.
    """
    terms = rules.terms
    traffic = terms.traffic
    if traffic.neurons == 0:
        return np.zeros(0, np.int64)
    pinned = np.where(rules.fixed >= 0, rules.cores[rules.fixed], -1)[terms.into]
    group_size = np.bincount(terms.into, minlength=terms.vertices)[terms.into]
    fixed = (group_size > 1) | (terms.label >= 0)[terms.into]
    if terms.weight.max(initial=1) > 1:
        fixed[:] = True
    partitions = [part.astype(np.int64) for part in parts]
    on_cores, holds_part = by_core(terms, chip), None
    if chip.limits_differ:
        kinds = chip.core_limits
        # Parts go by the numbers of their cores, which can hold them.
        partitions = [rules.cores[part] for part in partitions]

        def holds_part(part: Ints) -> NDArray[np.bool_]:
            return holds(terms, part, int(part.max(initial=-1)) + 1, kinds)

    first_of = np.full(terms.vertices, 0, np.int64)
    first_of[terms.into[::-1]] = np.arange(traffic.neurons)[::-1]

    def within_limits(core: Ints) -> bool:
        return fits(on_cores, core[first_of].astype(np.int32), chip.cores)

    if not _on_mesh(objective):
        effort = "fast"
    elif not fixed.any() and not np.any(pinned >= 0):
        try:
            filled = baseline("row-major", traffic, chip)
            # Where cores differ, the numbers of the cores count, and a dead one is not among those that may be used.
            usable = not chip.limits_differ or not np.any(np.isin(filled, dead))
            if usable and len(np.unique(filled)) <= rules.parts and within_limits(filled):
                partitions.append(filled)
        except PeerError:
            pass
    return place_partitions(
        traffic, partitions, chip, objective, effort=effort, seed=seed, fixed=fixed,
        pinned=pinned if np.any(pinned >= 0) else None, dead=dead, cores=cores, fits=within_limits,
        recording=recording, holds=holds_part, placement=placement,
    )  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class _Search:
    """The settings that all steps of `place_partitions` share; see there."""

    traffic: Traffic
    chip: Chip
    weights: Mapping[str, float]
    prices: Prices
    effort: str
    seed: int
    fixed: NDArray[np.bool_]
    pinned: Ints | None
    dead: Sequence[int]
    cores: int | None
    holds: Callable[[Ints], NDArray[np.bool_]] | None

    @property
    def counts_links(self) -> bool:
        """Do the prices depend on where parts are on the mesh?"""
        return self.prices.tree > 0.0 or self.prices.path > 0.0

    @property
    def layout_prices(self) -> Prices:
        """Prices of the layout: links of trees where the objective does not count links."""
        return self.prices if self.counts_links else Prices(tree=1.0)

    @property
    def counts_busiest_link(self) -> bool:
        """Is the load of the busiest link part of the objective?"""
        return self.weights.get("max_link", 0.0) > 0.0

    def fit(self, part: Ints, home: Ints) -> Fit | None:
        """The cores that can hold each part, where cores differ; `home` has one for each."""
        return None if self.holds is None else Fit(home, self.holds(part))

    def lay_out(self, part: Ints, home: Ints, effort: str, fixed: Mapping[int, int] | None = None) -> Ints:
        """The core of each part; where cores differ, `home` has one that can hold it."""
        return layout(
            self.traffic, part, self.chip, self.layout_prices, effort=effort, seed=self.seed, fixed=fixed,
            dead=self.dead, fit=self.fit(part, home),
        )  # fmt: skip

    def relieve(self, part: Ints, place: Ints) -> Ints:
        """The core of each part, with less load on the busiest link."""
        nets = nets_of(self.traffic, part, len(place))
        return relieve_link(
            nets, self.chip, place, effort=self.effort, seed=self.seed, dead=self.dead, fit=self.fit(part, place)
        )

    def refine(self, core: Ints, effort: str) -> Ints:
        """The core of each neuron after single neurons have moved."""
        return refine(
            self.traffic, core, self.chip, self.prices, effort=effort, seed=self.seed, fixed=self.fixed,
            dead=self.dead, cores=self.cores,
        )  # fmt: skip


def place_partitions(
    traffic: Traffic,
    partitions: Sequence[Ints],
    chip: Chip,
    objective: Objective,
    *,
    effort: str = "balanced",
    seed: int = 0,
    fixed: NDArray[np.bool_] | None = None,
    pinned: Ints | None = None,
    dead: Sequence[int] = (),
    cores: int | None = None,
    fits: Callable[[Ints], bool] = lambda core: True,
    recording: Recording | None = None,
    holds: Callable[[Ints], NDArray[np.bool_]] | None = None,
    placement: Callable[[Ints], Placement] | None = None,
) -> Ints:
    """The core of each neuron: every partition laid out, the best ones refined, and the cheapest of all kept.

    Parameters
    ----------
    traffic
        The connected pairs and the spikes.
    partitions
        Parts of the neurons, 0 .. parts - 1 each, shape (neurons,); every one within the limits of the cores.
    chip
        The chip.
    objective
        The objective to be minimized.
    recording
        The recording that energy and latency are counted on.
    effort, seed
        As for `layout` and `refine`.
    fixed
        Neurons that must stay with their part.
    pinned
        Core of the neurons that have to be on one, -1 for all others, shape (neurons,).
    dead
        Cores that hold nothing.
    cores
        Most cores in use.
    fits
        Whether cores of the neurons keep to limits that the refinement does not know.
    holds
        If cores differ: from the part of each neuron, whether cores of each group of the chip can hold each part,
        shape (parts, groups). The parts of `partitions` are then numbers of cores that can hold them.
    placement
        As for `assign_cores`.

    Raises
    ------
    UnknownName
        If there is no such objective or effort.
    ParameterError
        If parts cannot get a core each.
    """
    stay = np.zeros(traffic.neurons, np.bool_) if fixed is None else fixed
    search = _Search(
        traffic=traffic, chip=chip, weights=weights_of(objective), prices=prices_of(objective, chip), effort=effort,
        seed=seed, fixed=stay if pinned is None else stay | (pinned >= 0), pinned=pinned, dead=dead, cores=cores,
        holds=holds,
    )  # fmt: skip
    cost = cost_function(traffic, chip, objective, recording, placement)
    found = _laid_out(search, partitions, cost)
    found.sort(key=cost)
    if not search.counts_links:
        return found[0]
    start, leads = found[0], found[: LEADS[effort]]
    if len(leads) > 1:
        # The better partition shows only once neurons have moved.
        refined = [search.refine(lead, "balanced") for lead in leads]
        start = min((core for core in refined if fits(core)), key=cost, default=found[0])
    core = search.refine(start, effort)
    if fits(core):
        found += _refined(search, core)
    return min(found, key=cost)


def _laid_out(search: _Search, partitions: Sequence[Ints], cost: Callable[[Ints], float]) -> list[Ints]:
    """The core of each neuron by each partition; partitions that cannot beat the first one are left out."""
    prices = search.layout_prices
    cheapest_delivery = prices.tree + prices.path + prices.delivery
    comparable = set(search.weights) <= SIMPLE and search.chip.cores_per_tile == 1
    found: list[Ints] = []
    for partition in partitions:
        home, part = np.unique(partition, return_inverse=True)
        if found and comparable:
            # Every delivery takes a link at least.
            deliveries = price(search.traffic, part, search.chip, Prices(delivery=1.0))
            if deliveries is not None and cheapest_delivery * deliveries >= cost(found[0]):
                continue
        fixed = _fixed(part, search.pinned)
        place = search.lay_out(part, home, search.effort, fixed)
        if search.counts_busiest_link and not fixed:
            place = search.relieve(part, place)
        found.append(place[part])
    return found


def _refined(search: _Search, core: Ints) -> list[Ints]:
    """Refined cores of the neurons, and candidates with whole cores moved, which no move of a neuron finds."""
    found = [core]
    if search.pinned is None:
        used, part = np.unique(core, return_inverse=True)
        if search.effort != "fast":
            found.append(search.lay_out(part, used, "balanced")[part])
        if search.counts_busiest_link:
            found.append(search.relieve(part, used)[part])
    return found


def _fixed(part: Ints, pinned: Ints | None) -> dict[int, int]:
    """Core of each part with pinned neurons."""
    if pinned is None:
        return {}
    at = np.flatnonzero(pinned >= 0)
    return dict(zip(part[at].tolist(), pinned[at].tolist(), strict=True))


def costs_and_bounds(
    placement: Placement, rules: Rules, chip: Chip, traffic: Any = None
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """The cost of a placement by every objective that can be counted, and lower bounds for any placement."""
    recording = traffic if isinstance(traffic, Recording) else None
    known = rules.terms.traffic
    costs = {name: cost for name, cost in measure(placement, known.spikes, recording).items() if cost is not None}
    least = {name: bound for name, bound in bounds(known, chip).items() if bound is not None}
    least["cores"] = max(least.get("cores", 0.0), float(rules.least))
    return costs, least
