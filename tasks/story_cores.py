"""Cores that the published relational network for stories takes, by its own rules and where the mapper may choose.

See docs/stories.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

import neuro as nr
from neuro.chip.model import Chip, tiled
from neuro.chip.placement import placed
from neuro.errors import PlacementError
from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.tasks._story_skeleton import Skeleton as Config
from neuro.tasks._story_skeleton import build, stored_bytes

CHIP = "loihi_davies2018"
PUBLISHED = {"first layers": 840, "other layers": 1260, "readers": 42, "relays": 264, "all others": 25}
"""Cores by part, read from the code of the publication; those of relays and of all others are "about" so many."""
PRESETS = {
    "smoke": Config(
        sentences=4, words=20, cells=20, width=32, answers=12, cells_a_core=10, first_a_core=8, others_a_core=16,
        answers_a_core=8, neurons=64, axons_in=128, axons_out=120,
    ),
    "paper": Config(),
}  # fmt: skip


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Build the network, place it by the published rules and by the mapper, and count cores.

    Raises
    ------
    ParameterError
        If a core's limits leave no room for one pair.
    PlacementError
        If the placement by the published rules exceeds a limit.
    """
    steps = 1 if config.mapper is None else 2
    progress(0, steps, "placing by the published rules")
    built = build(config)
    chip = _chip(config, sum(built.cores.values()))
    ruled = placed(built.network, chip, built.core)
    used = {name: int(use.max()) for name, use in ruled.usage.items()}
    for name, most in _limits(chip).items():
        if used[name] > most:
            remedy = "Give fewer neurons a core"
            raise PlacementError(
                f"a core has at most {most:,} {name}", where="story-cores", value=used[name], remedy=remedy
            )
    total, published = sum(built.cores.values()), sum(PUBLISHED.values())
    metrics: dict[str, float] = {"rules/cores": total, "published/cores": published, "rules/ratio": total / published}
    metrics |= {f"rules/cores/{kind.replace(' ', '_')}": each for kind, each in built.cores.items()}
    metrics |= {f"rules/largest/{name}": use for name, use in used.items()}
    metrics["rules/largest/cores_of_a_neuron"] = int(np.diff(ruled.routes.start).max())
    metrics["neurons"] = sum(population.size for population in built.network.populations.values())
    metrics["synapses"] = ruled.structure["synapses"]
    metrics["stored_bytes"], metrics["copied_bytes"] = stored_bytes(built.network), ruled.structure["weight_bytes"]
    rows = [(name, "-", used[name], limit) for name, limit in _limits(chip).items()]
    if config.mapper is not None:
        progress(1, steps, "the mapper chooses")
        # Neurons that share a core by the published rules stay together: 250,000 neurons are as many as its cores.
        blocks = [[name] for name in built.network.populations]
        chosen = nr.place(
            built.network, chip, objective="cores", effort=config.mapper, seed=config.seed, together=blocks
        )
        metrics["mapper/cores"] = len(np.unique(chosen.neuron_core))
        metrics["mapper/least"] = chosen.bounds["cores"]
        metrics |= {f"mapper/largest/{name}": int(use.max()) for name, use in chosen.usage.items()}
        rows = [(name, int(chosen.usage[name].max()), each, limit) for name, _, each, limit in rows]
    progress(steps, steps, "done")
    columns = ("use of a core, the largest", "the mapper chooses", "published rules", "limit")
    return Report(
        task="story-cores",
        metrics=metrics,
        tables=(_parts(built.cores), Table("Limits of a core", columns, tuple(rows))),
    )


def _chip(config: Config, cores: int) -> Chip:
    """Enough Loihi chips, two rows of them, with the limits of the settings."""
    one = nr.load_chip(CHIP)
    limits = replace(one.limits, neurons=config.neurons, axons_in=config.axons_in, axons_out=config.axons_out)
    return replace(tiled(one, max(1, -(-cores // (2 * one.cores))), 2), limits=limits)


def _limits(chip: Chip) -> dict[str, int]:
    limits = chip.limits
    synapses = (limits.synapse_bits or 0) // (limits.weight_bits or 1)
    named = {"neurons": limits.neurons, "synapses": synapses, "axons_in": limits.axons_in}
    return {name: int(most or 0) for name, most in {**named, "axons_out": limits.axons_out}.items()}


def _parts(cores: dict[str, int]) -> Table:
    """Cores of each part, beside the publication's."""
    here = {"all others": sum(each for kind, each in cores.items() if kind not in PUBLISHED)} | cores
    rows = [(kind, each, here[kind]) for kind, each in PUBLISHED.items()]
    rows.append(("all", sum(PUBLISHED.values()), sum(cores.values())))
    columns = ("part", "publication, 20 sentences", "these settings")
    return Table("Cores by the published rules", columns, tuple(rows))
