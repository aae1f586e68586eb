"""From a partition by the rules of a placement to cores on the mesh, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.errors import PeerError
from neuro.mapping.baselines import baseline
from neuro.mapping.constraints import Rules
from neuro.mapping.metrics import bounds, measure
from neuro.mapping.objective import Objective, spread, weights_of
from neuro.mapping.partition.anneal import Parts
from neuro.mapping.partition.feasible import fits
from neuro.mapping.partition.multilevel import EFFORTS, Effort
from neuro.validation import Ints

__all__ = ["assign_cores", "costs_and_bounds", "partition_effort"]


BEFORE_THE_MESH = replace(EFFORTS["balanced"], descents=2, trial=100_000_000, final=1_500_000_000)
"""A partition that neurons will leave anyway."""
DESCENTS, PAIRS = 5, 1_800_000
"""More descents with effort `best` in small networks, which they settle: at most so many, and so many pairs in all."""


def partition_effort(effort: str, objective: Objective, pairs: int) -> tuple[Effort, int]:
    """Effort and number of partitions: where neurons move on the mesh afterwards, most of the work is left for that."""
    if not _on_mesh(objective) or effort == "fast":
        return EFFORTS[effort], 1
    if effort == "balanced":
        return BEFORE_THE_MESH, 1
    descents = min(max(PAIRS // max(pairs, 1), BEFORE_THE_MESH.descents), DESCENTS)
    return replace(BEFORE_THE_MESH, descents=descents), 2


def _on_mesh(objective: Objective) -> bool:
    return not set(weights_of(objective)) <= {"km1", "cores", "cut_synapse_spikes"}


def assign_cores(
    rules: Rules, parts: Sequence[Parts], chip: Chip, objective: Objective, *, effort: str, seed: int,
    dead: Sequence[int] = (), cores: int | None = None, recording: Recording | None = None,
) -> Ints:  # fmt: skip
    """Core of each neuron: the partitions laid out and, for objectives of the mesh, refined.

    Neurons that are pinned, stay together or keep apart are left with their part; where neurons take several of the
    chip's, all are. For objectives of the mesh, filling cores in order competes as a second partition.

    Parameters
    ----------
    rules
        What the placement has to keep to.
    parts
        Partitions to begin with: part of each neuron, by number of `rules.cores`, shape (neurons,).
    chip, objective, effort, seed, dead, cores
        As for `place`.
    recording
        What energy and latency are counted on.
    """
    terms = rules.terms
    traffic = terms.traffic
    if traffic.neurons == 0:
        return np.zeros(0, np.int64)
    pinned = np.where(rules.fixed >= 0, rules.cores[rules.fixed], -1)[terms.into]
    group = np.bincount(terms.into, minlength=terms.vertices)[terms.into]
    held = (group > 1) | (terms.label >= 0)[terms.into]
    if terms.weight.max(initial=1) > 1:
        held[:] = True
    partitions = [part.astype(np.int64) for part in parts]
    first_of = np.full(terms.vertices, 0, np.int64)
    first_of[terms.into[::-1]] = np.arange(traffic.neurons)[::-1]

    def keeps(core: Ints) -> bool:
        return fits(terms, core[first_of].astype(np.int32), chip.cores)

    if _on_mesh(objective):
        if not held.any() and not np.any(pinned >= 0):
            try:
                filled = baseline("row-major", traffic, chip)
                if len(np.unique(filled)) <= rules.parts and keeps(filled):
                    partitions.append(filled)
            except PeerError:
                pass
    else:
        effort = "fast"
    return spread(
        traffic, partitions, chip, objective, effort=effort, seed=seed, held=held,
        pinned=pinned if np.any(pinned >= 0) else None, dead=dead, cores=cores, fits=keeps, recording=recording,
    )  # fmt: skip


def costs_and_bounds(
    placement: Placement, rules: Rules, chip: Chip, traffic: Any = None
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """What a placement costs by every objective that can be counted, and what any placement costs at least."""
    recording = traffic if isinstance(traffic, Recording) else None
    known = rules.terms.traffic
    costs = {name: cost for name, cost in measure(placement, known.spikes, recording).items() if cost is not None}
    least = {name: bound for name, bound in bounds(known, chip).items() if bound is not None}
    least["cores"] = max(least.get("cores", 0.0), float(rules.least))
    return costs, least
