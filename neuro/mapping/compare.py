"""Comparisons: this package's placement beside those of other methods, and one network on several chips."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neuro.chip.cores import Limits
from neuro.chip.model import Chip
from neuro.chip.placement import Placement, placed
from neuro.engine.recording import Recording
from neuro.errors import NeuroError, ParameterError, PeerError, UnknownName
from neuro.mapping.baselines import BASELINES, baseline
from neuro.mapping.metrics import measure
from neuro.mapping.place import place
from neuro.mapping.traffic import traffic_of
from neuro.network.graph import Network
from neuro.progress import Progress, silent
from neuro.validation import whole_number

__all__ = ["Entry", "broken_limits", "compare", "what_if"]

OURS = "neuro"


@dataclass(frozen=True, eq=False)
class Entry:
    """One way to place a network, or one chip that it was placed on."""

    name: str
    """The method, or the change of the chip."""
    placement: Placement | None
    """The placement; None where none was found."""
    costs: Mapping[str, float | None]
    """By objective; empty where there is no placement."""
    seconds: float
    """Wall time of the search."""
    remark: str = ""
    """Why there is no placement, or which limit it breaks."""


def compare(
    network: Network,
    chip: Chip,
    traffic: Any = None,
    *,
    objective: Any = "km1",
    effort: str = "balanced",
    seed: int = 0,
    cores: int | None = None,
    methods: Sequence[str] | None = None,
    progress: Progress = silent,
) -> list[Entry]:
    """Place a network by this package and by each baseline, and judge all of them by every objective.

    Parameters
    ----------
    network, chip, traffic, objective, effort, seed, cores
        As for `place`.
    methods
        Names of `BASELINES`, and ``"neuro"``; all where None.
    progress
        Called before each method.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> _ = net.connect(cell, cell, nr.Sparse([0, 1, 2, 3], [2, 3, 0, 1], 0.5), delay=1e-3)
    >>> found = compare(net, nr.mesh_chip(2, 1, neurons=2), methods=["sequential", "neuro"], effort="fast")
    >>> [(entry.name, entry.costs["km1"]) for entry in found]
    [('sequential', 4.0), ('neuro', 0.0)]
    """
    found = []
    names = [*BASELINES, OURS] if methods is None else list(methods)
    known = traffic_of(network, traffic)
    recording = traffic if isinstance(traffic, Recording) else None

    def ours() -> Placement:
        return place(network, chip, traffic, objective, effort, seed, cores=cores)

    def other(name: str) -> Callable[[], Placement]:
        def attempt() -> Placement:
            core = baseline(name, known, chip, cores, seed)
            return placed(network, chip, known.by_population(core), beyond_limits=True)

        return attempt

    for number, name in enumerate(names):
        progress(number, len(names), name)
        found.append(_attempted(name, ours if name == OURS else other(name), known.spikes, recording))
    progress(len(names), len(names), "done")
    return found


def what_if(
    network: Network,
    chip: Chip,
    traffic: Any = None,
    *,
    changes: Mapping[str, Sequence[int]],
    objective: Any = "km1",
    effort: str = "fast",
    seed: int = 0,
    progress: Progress = silent,
) -> list[Entry]:
    """Place a network on variants of a chip, each with one change.

    Parameters
    ----------
    network, traffic, objective, effort, seed
        As for `place`.
    chip
        The chip to begin with.
    changes
        Values by ``width``, ``height``, ``side`` (both of them), ``cores_per_tile``, or a field of `Limits`.
    progress
        Called before each placement.

    Raises
    ------
    UnknownName
        If a chip has no size or limit of that name.
    ParameterError
        If the size of a chip whose cores differ is to change.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 4, nr.SpikeSource()))
    >>> [entry.costs.get("cores") for entry in what_if(net, nr.mesh_chip(2, 2, 4), changes={"neurons": [1, 2]})]
    [4.0, 2.0]
    """
    found = []
    spikes = traffic_of(network, traffic).spikes
    recording = traffic if isinstance(traffic, Recording) else None
    variants = [(f"{key} = {value}", changed(chip, key, value)) for key, values in changes.items() for value in values]
    for number, (name, variant) in enumerate(variants):
        progress(number, len(variants), name)

        def attempt(variant: Chip = variant) -> Placement:
            return place(network, variant, traffic, objective, effort, seed)

        found.append(_attempted(name, attempt, spikes, recording))
    progress(len(variants), len(variants), "done")
    return found


def changed(chip: Chip, key: str, value: int) -> Chip:
    """A chip with another size or limit, a whole number above zero."""
    whole_number(value, f"what-if, {key}", least=1)
    limits = list(Limits.__dataclass_fields__)
    if chip.groups and key in ("side", "width", "height", "cores_per_tile"):
        rule = "a chip whose cores differ has its size, which says which core is which"
        raise ParameterError(rule, where=f"what-if, {key}", value=value)
    if key == "side":
        return replace(chip, width=value, height=value, tiles=None, chip_size=None)
    if key in ("width", "height"):
        return replace(chip, **{key: value}, tiles=None, chip_size=None)  # type: ignore[arg-type]
    if key == "cores_per_tile":
        return replace(chip, cores_per_tile=value)
    if key not in limits:
        raise UnknownName("size or limit of a chip", key, ["width", "height", "side", "cores_per_tile", *limits])
    groups = [replace(group, limits=replace(group.limits, **{key: value})) for group in chip.groups]
    return replace(chip, limits=replace(chip.limits, **{key: value}), groups=tuple(groups))


def broken_limits(placement: Placement) -> dict[str, tuple[int, int, int]]:
    """Limits that a placement breaks, as `Placement.broken_limits` has them."""
    return dict(placement.broken_limits)


def _attempted(name: str, attempt: Callable[[], Placement], spikes: Any, recording: Recording | None) -> Entry:
    began = time.perf_counter()
    try:
        placement = attempt()
    except (PeerError, NeuroError) as problem:
        return Entry(name, None, {}, time.perf_counter() - began, str(problem))
    seconds = time.perf_counter() - began
    broken = broken_limits(placement)
    remark = "; ".join(
        f"{limit}: core {core} has {used:,}, limit {most:,}" for limit, (core, used, most) in broken.items()
    )
    return Entry(name, placement, measure(placement, spikes, recording), seconds, remark)
