"""Energy, time and counts of a run that SANA-FE has made, as this program accounts for it, with SANA-FE's own keys.

    python tests/bench/sanafe_reference.py FILE

FILE is a JSON with the connections, the mapping, the spikes of each step and the costs per event of the run (those of
../shared/data/sanafe are such files). Nothing is simulated. What the file does not say is that of the chip
`loihi_sanafe`. Printed is JSON with `energy` and `perf`, one entry a step, and `sim_time`, in which messages wait as in
SANA-FE's detailed timing model.
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
from neuro.chip.placement import Placement
from neuro.chip.routes import Routes

STEP = 1.0
"""Steps have no duration of their own."""


def chip_of(run: Mapping[str, Any]) -> Chip:
    """The chip of a run: its costs and the height of its mesh, and as many tiles and cores as its mapping needs."""
    base = nr.load_chip("loihi_sanafe")
    given = run.get("energies_J", {})
    energy, time = dict(base.energy), dict(base.time)

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
    costs = given.get("syn", {})
    for unit in {conn[5] for conn in run["conns"] if len(conn) > 5}:
        # SANA-FE's units are called loihi_dense_synapse and so on.
        word = next((word for word in ("dense", "sparse", "conv") if word in unit), base.synapse)
        put(f"synapse:{unit}", costs.get(unit, base.energy[f"synapse:{word}"].value))
        time[f"synapse:{unit}"] = base.time[f"synapse:{word}"]
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
        time=time,
        updates="all" if run.get("lif", {}).get("force_update", True) else "touched",
    )


def sources_of(run: Mapping[str, Any], groups: list[str]) -> frozenset[str]:
    """Groups that fire what the file gives as input, or else those that nothing connects to."""
    trains = run.get("input_spikes")
    targets = {conn[2] for conn in run["conns"]}
    if not trains:
        return frozenset(group for group in groups if group not in targets)
    steps = range(len(run["fired"]))
    wanted = [[i for i, train in enumerate(trains) if step < len(train) and train[step]] for step in steps]
    found = frozenset(
        group
        for group in groups
        if [sorted(neuron for name, neuron in fired if name == group) for fired in run["fired"]] == wanted
    )
    return found - targets or found or frozenset(group for group in groups if group not in targets)


def placement_of(run: Mapping[str, Any]) -> Placement:
    """Neurons on their cores, and the synapses of each onto each core."""
    chip = chip_of(run)
    place = {(group, int(n)): int(t) * chip.cores_per_tile + int(c) for group, n, t, c in run["mapping"]}
    groups = list(dict.fromkeys(group for group, _ in place))
    sizes = {group: max(n for name, n in place if name == group) + 1 for group in groups}
    first = dict(zip(groups, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
    core = {group: np.array([place[group, n] for n in range(size)]) for group, size in sizes.items()}
    key = np.array([(first[c[0]] + int(c[1])) * chip.cores + place[c[2], int(c[3])] for c in run["conns"]], np.int64)
    unit = np.array([c[5] if len(c) > 5 else "" for c in run["conns"]] or [""])[: len(key)]
    entry, where, count = np.unique(key, return_inverse=True, return_counts=True)
    variants = {
        str(name): np.bincount(where, unit == name, len(entry)).astype(np.int64) for name in np.unique(unit) if name
    }
    neurons = sum(sizes.values())
    start = np.searchsorted(entry, np.arange(neurons + 1) * chip.cores)
    pairs = np.unique([(first[c[0]] + int(c[1])) * neurons + first[c[2]] + int(c[3]) for c in run["conns"]])
    targets = np.searchsorted(pairs, np.arange(neurons + 1) * neurons), pairs.astype(np.int64) % neurons
    routes = Routes(start, entry % chip.cores, count, variants, targets=targets)
    return Placement(chip, core, routes, sources_of(run, groups))


def recording_of(run: Mapping[str, Any], groups: list[str]) -> nr.Recording:
    """The spikes of each step, as a recording of steps."""
    spikes = {group: ([], []) for group in groups}
    for step, fired in enumerate(run["fired"]):
        for group, neuron in fired:
            spikes[group][0].append(step * STEP)
            spikes[group][1].append(int(neuron))
    return nr.Recording(
        spikes={group: nr.Spikes(times, ids) for group, (times, ids) in spikes.items()},
        v={},
        v_times=np.zeros(0),
        events={},
        start=0.0,
        stop=len(run["fired"]) * STEP,
        provenance={"dt": STEP},
    )


def accounted(run: Mapping[str, Any]) -> dict[str, Any]:
    """`energy`, `perf` and `sim_time` of a run, by our accounting."""
    placement = placement_of(run)
    report = nr.account(recording_of(run, list(placement.core)), placement)
    steps = len(report.by_bin)

    def total(*kinds: str) -> np.ndarray:
        found = [count for kind, count in report.counts_by_bin.items() if kind.partition(":")[0] in kinds]
        return np.sum(found, axis=0) if found else np.zeros(steps)

    def joules(*kinds: str) -> np.ndarray:
        part = np.zeros(steps)
        for kind, count in report.counts_by_bin.items():
            if kind.partition(":")[0] in kinds and report.counts[kind]:
                part += count * (report.by_cause[kind] / report.counts[kind])
        return part

    hops = ("hop_east", "hop_west", "hop_north", "hop_south")
    inputs = np.zeros(steps)
    for group in placement.sources:
        for step, fired in enumerate(run["fired"]):
            inputs[step] += sum(name == group for name, _ in fired)
    parts = {
        "synapse": joules("synapse"),
        "dendrite": np.zeros(steps),
        "soma": joules("update_idle", "update_active", "spike"),
        "network": joules("message_out", "message_in", "tile", *hops),
    }

    def whole(values: np.ndarray) -> list[int]:
        return [int(value) for value in values]

    return {
        "energy": {"total": report.total, **{name: float(part.sum()) for name, part in parts.items()}},
        "perf": {
            **{f"{name}_energy": part.tolist() for name, part in parts.items()},
            "total_energy": report.by_bin.tolist(),
            "fired": whole(total("spike") + inputs),
            # SANA-FE counts an input as updated when it fires.
            "updated": whole(total("update_active") + inputs),
            "packets": whole(total("message_out")),
            "hops": whole(total(*hops)),
            "spikes": whole(total("synapse")),
            "sim_time": report.step_times.tolist(),
            "timestep": list(range(1, steps + 1)),
        },
        "sim_time": report.latency,
    }


def main() -> None:
    """Print what our accounting says of the run in the file that is named."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        raise SystemExit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    run = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(accounted(run), indent=1))


if __name__ == "__main__":
    main()
