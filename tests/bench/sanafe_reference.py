"""Energy and counts of a run that SANA-FE has made, as this program accounts for it, with SANA-FE's own keys.

    python tests/bench/sanafe_reference.py FILE

FILE is a JSON with the connections, the mapping, the spikes of each step and the costs per event of the run (those of
../shared/data/sanafe are such files). Nothing is simulated. What the file does not say is that of the chip
`loihi_sanafe`. Printed is JSON with `energy` and `perf`, one entry a step, and `sim_time` by our own model of time, which
knows no congestion.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import neuro as nr
from neuro.chip.model import Chip, Quantity
from neuro.chip.placement import Placement, Routes

STEP = 1.0
"""Steps have no duration of their own."""


def chip_of(run: Mapping[str, Any]) -> Chip:
    """The chip of a run: its costs and the height of its mesh, and as many tiles and cores as its mapping needs."""
    base = nr.load_chip("loihi_sanafe")
    given = run.get("energies_J", {})
    energy = dict(base.energy)

    def put(kind: str, value: float) -> None:
        energy[kind] = Quantity(float(value), "J", "energies_J of the run")

    access = given.get("access", base.energy["update_idle"].value)
    update = given.get("update", base.energy["update_active"].value - base.energy["update_idle"].value)
    put("update_idle", access)
    put("update_active", access + update)
    names = {"spike": "spike", "msg_in": "message_in", "msg_out": "message_out"}
    names |= {way: f"hop_{way}" for way in ("north", "south", "east", "west")}
    for name, kind in names.items():
        if name in given:
            put(kind, given[name])
    for unit, value in given.get("syn", {}).items():
        put(f"synapse:{unit}", value)
    for unit in {conn[5] for conn in run["conns"] if len(conn) > 5} - set(given.get("syn", {})):
        # SANA-FE's units are called loihi_dense_synapse and so on.
        word = next((word for word in ("dense", "sparse", "conv") if word in unit), base.synapse)
        put(f"synapse:{unit}", base.energy[f"synapse:{word}"].value)
    height = int(run.get("height", base.height))
    tiles = max(int(tile) for _, _, tile, _ in run["mapping"]) + 1
    cores = max(int(core) for _, _, _, core in run["mapping"]) + 1
    return replace(
        base,
        name=str(run.get("arch", base.name)),
        width=max(-(-tiles // height), -(-base.width * base.height // height)),
        height=height,
        cores_per_tile=max(cores, base.cores_per_tile),
        energy=energy,
    )


def sources_of(run: Mapping[str, Any], groups: list[str]) -> frozenset[str]:
    """Groups that fire what the file gives as input, or else those that nothing connects to."""
    trains = run.get("input_spikes")
    targets = {conn[2] for conn in run["conns"]}
    if not trains:
        return frozenset(group for group in groups if group not in targets)
    wanted = [[i for i, train in enumerate(trains) if step < len(train) and train[step]] for step in range(len(run["fired"]))]
    found = frozenset(
        group
        for group in groups
        if [sorted(neuron for name, neuron in fired if name == group) for fired in run["fired"]] == wanted
    )
    return found - targets or found
