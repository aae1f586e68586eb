"""Deliveries to remote cores (`km1`) on 24 kinds of networks, beside the best of METIS and Mt-KaHyPar, with times.

    python tests/bench/mapping_kinds.py [--kinds synfire ...] [--seeds 0 1 2] [--scale 1.0] [--effort best]
                                        [--tries 3] [--json FILE] [--ours]

The kinds are those of `neuro/bench/mapping_kinds.py`; 256 neurons a core and the fewest cores. The libraries' result is
the best of `--tries` seeds of METIS, and of as many of each preset of Mt-KaHyPar: DETERMINISTIC_QUALITY, DEFAULT,
QUALITY and HIGHEST_QUALITY; parts that are too full are evened out. All partitions are counted here, from the synapses.
Times are of the processor; those of the libraries are of all their tries. What is in the JSON file is not computed
again, so `--ours`, which leaves the libraries out, can time this mapper on a quiet machine, and a later call adds them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mtkahypar
import numpy as np

import neuro as nr
from neuro.bench.mapping_kinds import KINDS, draw_kind
from neuro.bench.mapping_networks import Drawn, network_of
from neuro.mapping.baselines import baseline, hyperedges
from neuro.mapping.traffic import traffic_of

CORE = 256
PRESETS = ("DETERMINISTIC_QUALITY", "DEFAULT", "QUALITY", "HIGHEST_QUALITY")


def km1(drawn: Drawn, part: np.ndarray) -> int:
    """Spikes times other cores that hold a target."""
    size, parts = np.bincount(part), int(part.max()) + 1
    if size.max() > CORE:
        raise SystemExit(f"a part has {size.max()} neurons")
    reached = np.unique(drawn.source * parts + part[drawn.target])
    source = reached // parts
    other = reached % parts != part[source]
    return int(drawn.spikes[source[other]].sum())


def libraries(drawn: Drawn, network: nr.Network, chip: nr.Chip, given: dict[str, Any], tries: int) -> Iterator[int]:
    """km1 of each try of each library."""
    parts, traffic = -(-drawn.neurons // CORE), traffic_of(network, given)
    for seed in range(tries):
        yield km1(drawn, baseline("metis", traffic, chip, parts, seed))
    nets, weights = hyperedges(traffic)
    machine = mtkahypar.initialize(1)
    for preset in PRESETS:
        context = machine.context_from_preset(getattr(mtkahypar.PresetType, preset))
        spare = CORE / -(-drawn.neurons // parts) - 1.0
        context.set_partitioning_parameters(parts, max(1e-4, spare), mtkahypar.Objective.KM1)
        context.logging = False
        for seed in range(tries):
            mtkahypar.set_seed(seed)
            # A hypergraph that is partitioned twice ends the process.
            graph = machine.create_hypergraph(context, drawn.neurons, len(nets), nets, [1] * drawn.neurons, weights)
            part = np.asarray(graph.partition(context).get_partition(), np.int64)
            yield km1(drawn, evened(part, parts))


def evened(part: np.ndarray, parts: int) -> np.ndarray:
    """Neurons in excess go to the emptiest parts."""
    size = np.bincount(part, minlength=parts)
    for full in np.flatnonzero(size > CORE):
        for neuron in np.flatnonzero(part == full)[CORE:]:
            part[neuron] = to = int(size.argmin())
            size[full] -= 1
            size[to] += 1
    return part


def main() -> None:
    """Print a table, and the geometric mean of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS), metavar="KIND")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--effort", default="best", choices=["fast", "balanced", "best"])
    parser.add_argument("--tries", type=int, default=3, help="seeds of each library and preset")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--ours", action="store_true", help="leave the libraries out")
    given = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    if given.json and given.json.exists():
        rows = json.loads(given.json.read_text())
    print(f"{'kind':14} seed {'neurons':>8} {'synapses':>10} {'ours':>10} {'s':>5} {'libraries':>10} {'s':>5}  ratio")
    ratios = []
    for name in given.kinds:
        for seed in given.seeds:
            key = f"{name}/{seed}/{given.scale}/{given.effort}/{given.tries}"
            row = rows.setdefault(key, {})
            for figures in figures_of(row, draw_kind(name, seed, given.scale), given):
                row.update(figures)
                if given.json:
                    given.json.write_text(json.dumps(rows, indent=1))
            text = f"{name:14} {seed:4} {row['neurons']:8,} {row['synapses']:10,} {row['ours']:10,}"
            text += f" {row['our_seconds']:5.0f}"
            if row.get("libraries"):  # none with --ours, and 0 for a network for one core
                ratios.append(row["ours"] / row["libraries"])
                text += f" {row['libraries']:10,} {row['library_seconds']:5.0f} {ratios[-1]:6.3f}"
            print(text, flush=True)
    if not ratios:
        return
    mean = float(np.exp(np.log(ratios).mean()))
    print(f"geometric mean {mean:.3f}, worst {max(ratios):.3f}, above 1: {sum(each > 1 for each in ratios)}")


def figures_of(row: dict[str, float], drawn: Drawn, options: argparse.Namespace) -> Iterator[dict[str, float]]:
    """What a row still lacks: our placement, and the libraries' best."""
    network, given = network_of(drawn)
    side = int(np.ceil(np.sqrt(-(-drawn.neurons // CORE)))) + 1
    chip = nr.mesh_chip(side, side, neurons=CORE)
    if "ours" not in row:
        begun, cores = time.process_time(), -(-drawn.neurons // CORE)
        placement = nr.place(network, chip, traffic=given, objective="km1", effort=options.effort, cores=cores)
        seconds = time.process_time() - begun
        ours = km1(drawn, np.unique(placement.core["cells"], return_inverse=True)[1])
        yield {"neurons": drawn.neurons, "synapses": len(drawn.source), "ours": ours, "our_seconds": seconds}
    if "libraries" not in row and not options.ours:
        begun = time.process_time()
        best = min(libraries(drawn, network, chip, given, options.tries))
        yield {"libraries": best, "library_seconds": time.process_time() - begun}


if __name__ == "__main__":
    main()
