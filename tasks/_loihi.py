"""One inference of the sequential MNIST network on Loihi: placed on a core, accounted, and compared with the chip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

import neuro as nr
from neuro.accounting.report import EnergyReport
from neuro.chip.model import Chip
from neuro.chip.placement import Placement, placed
from neuro.errors import ChipError
from neuro.figures import RangedFigure
from neuro.files.reading import read_toml
from neuro.paths import models_dir
from neuro.tasks._smnist import DT, READOUTS, STEPS, Weights, network

CHIPS = ("loihi_davies2018", "loihi_sanafe")
MAIN = CHIPS[0]
ERRORS = ((1, 7), (3, 5), (8, 5), (0, 8), (9, 3), (8, 0), (7, 9), (3, 2), (4, 8), (4, 0), (2, 3))
"""The chip's eleven errors among its 200 images, in their order: (digit, answer). Source: the notebook's output."""


class Published(NamedTuple):
    """Measurements of models/loihi_smnist.toml, SI; None where one was not given."""

    chip_2021: dict[str, float]
    chip_2019: dict[str, float]
    relative: dict[str, dict[str, float | None]]
    """Energy and latency of one inference at batch size 1, by platform."""

    @property
    def core_dynamic(self) -> float:
        """Of the neuro-cores, J for each inference (2021)."""
        return self.chip_2021["core_dynamic_power"] * self.chip_2021["latency"]


def published() -> Published:
    """The measurements, each checked to have a unit and a source."""
    given = read_toml(models_dir() / "loihi_smnist.toml", ChipError, "a file of measurements")

    def si(table: Mapping[str, object]) -> dict[str, float]:
        return {key: RangedFigure.model_validate(entry).si_value for key, entry in table.items()}  # type: ignore[misc]

    relative = {name: si(table) for name, table in given["relative"].items()}
    return Published(si(given["chip_2021"]), si(given["chip_2019"]), dict(relative))


def on_chip(weights: Weights) -> nr.Network:
    """The network as it is placed on the chip; it is not for running.

    Each AHP neuron has a synapse onto its own second compartment, which `LoihiAHP` has in its equations instead.
    """
    net = network(*weights)
    model: Any = net.populations["ahp"].model
    net.connect("ahp", "ahp", nr.OneToOne(-float(model.w_a)), delay=DT, name="ahp->second compartment")
    return net


def place(weights: Weights, chip: Chip) -> Placement:
    """Everything on core 0; inputs come from the host, and synapses are stored with indices, in least memory."""
    net = on_chip(weights)
    core = {name: -1 if name == "input" else 0 for name in net.populations}
    encoding = dict.fromkeys(net.projections, "sparse") if "synapse:sparse" in chip.energy else None
    return placed(net, chip, core, synapses=encoding)


def bounds(chip: Chip) -> dict[str, Chip]:
    """A chip as it is, and, where it charges updates by activity, with every update charged as an active one."""
    if chip.updates != "fired":
        return {chip.name: chip}
    return {chip.name: chip, f"{chip.name}, all updates active": replace(chip, updates="all")}


@dataclass(frozen=True, kw_only=True)
class Bill:
    """Means over images, for one inference on one set of constants."""

    chip: Chip
    dynamic: float
    """Energy of events in the core, J."""
    deviation: float
    """Standard deviation of it over the images, J."""
    step: float
    """Time of a step in the core, s."""
    causes: dict[str, float]
    """Dynamic energy by cause, J; causes that cost nothing are left out."""
    counts: dict[str, float]
    """Events by cause."""
    seconds: dict[str, float]
    """Time in the core by cause, and the barrier, s for each inference; below zero what it does at the same time."""

    @property
    def latency(self) -> float:
        """Time of one inference in the core, s."""
        return STEPS * self.step


def bill(reports: Sequence[EnergyReport], chip: Chip) -> Bill:
    """The mean of the accounts of several images."""
    dynamic = np.array([report.dynamic for report in reports])
    kinds = [kind for kind in reports[0].by_cause if kind != "static"]
    causes = {kind: float(np.mean([report.by_cause.get(kind, 0.0) for report in reports])) for kind in kinds}
    counts = {kind: float(np.mean([report.counts.get(kind, 0.0) for report in reports])) for kind in kinds}
    step = float(np.mean([report.latency for report in reports])) / STEPS  # type: ignore[arg-type]
    seconds = {kind: counts[kind] * each for kind, each in _times(chip, kinds).items()}
    rest = STEPS * step - sum(seconds.values())
    if chip.link_buffer is None:
        # On a single core the steps are sums; what is left of them is the barrier.
        seconds["barrier"] = rest
    else:
        # The core updates its neurons and sends beside what it receives.
        seconds["barrier"] = STEPS * (chip.barrier[1].value or 0.0)
        seconds["at the same time"] = rest - seconds["barrier"]
    return Bill(
        chip=chip,
        dynamic=float(dynamic.mean()),
        deviation=float(dynamic.std()),
        step=step,
        causes={kind: joules for kind, joules in causes.items() if joules},
        counts=counts,
        seconds={kind: time for kind, time in seconds.items() if time},
    )


def _times(chip: Chip, kinds: Iterable[str]) -> dict[str, float]:
    """Seconds that an event takes the core; what travels on the mesh does not."""
    found = {}
    for kind in kinds:
        figure = chip.time.get(kind, chip.time.get(kind.partition(":")[0]))
        on_core = not kind.startswith(("hop", "tile"))
        found[kind] = figure.value if figure is not None and figure.value is not None and on_core else 0.0
    return found


def cost(chip: Chip, kind: str) -> float:
    """Joules of one event."""
    figure = chip.energy.get(kind, chip.energy.get(kind.partition(":")[0]))
    return 0.0 if figure is None or figure.value is None else figure.value


def spans(found: Bill, factor: float = 2.0) -> dict[str, tuple[float, float]]:
    """Dynamic energy with each constant divided by `factor` and times it, J, the widest span first."""
    parts = sorted(found.causes.items(), key=lambda part: -part[1])
    return {kind: (found.dynamic + e * (1 / factor - 1), found.dynamic + e * (factor - 1)) for kind, e in parts}


def needed(found: Bill, kind: str, goal: float) -> float:
    """What one constant alone would have to be, J, for the dynamic energy to be `goal`; negative: it cannot."""
    return cost(found.chip, kind) * (1.0 + (goal - found.dynamic) / found.causes[kind])


def dense_operations(spikes: Mapping[str, float]) -> float:
    """Synaptic operations of an inference if zeros were stored and read like weights."""
    neurons = spikes["lif"] + spikes["ahp"]
    return 240 * spikes["input"] + neurons * (240 + READOUTS) + spikes["ahp"]
