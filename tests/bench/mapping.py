"""Deliveries to remote cores, and seconds, by benchmark network and effort, beside the published partitioners' best.

    python tests/bench/mapping.py [--networks lsm ...] [--efforts fast ...] [--seed N] [--other N] [--cores | --refused]

`--other` draws the networks anew, from other seeds of the same recipes. `--cores` counts the cores that are needed
within Loihi's limits instead; `--refused` times how long it takes to refuse a tenth fewer cores there. The networks and
the recount come from `mapping_networks.py` beside the reference data (`$NEURO_DATA/../bench`, else `../shared/bench`).
Compilation is left out of the times, except in the first row; building the network is not.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from pathlib import Path
from types import ModuleType

import numpy as np

import neuro as nr
from neuro.errors import InfeasibleError

BEST_SEEN = {
    "mlp": 77.9e3, "lenet": 55.9e3, "lsm": 480.5e3, "small_world": 1929e3, "potjans": 1814e3, "hopfield": 26031,
    "communities": 914.8e3, "sheet": 922.1e3,
}  # fmt: skip
"""km1 with 256 neurons a core and the fewest cores: the best of METIS, Mt-KaHyPar and others."""
SEQUENTIAL_CORES = {
    "lsm": 21, "communities": 88, "mlp": 10, "lenet": 10, "small_world": 442, "sheet": 34, "potjans": 379,
    "hopfield": 8,
}  # fmt: skip
"""Cores that filling one after the other takes within Loihi's limits."""


NEEDED = {
    "lsm": 10, "communities": 26, "mlp": 10, "lenet": 9, "small_world": 53, "sheet": 22, "potjans": 360, "hopfield": 8,
}  # fmt: skip
"""Cores that `place` takes within these limits."""


def networks() -> ModuleType:
    """The module with the benchmark networks."""
    data = os.environ.get("NEURO_DATA")
    folder = Path(data).parent if data else Path(__file__).resolve().parents[3] / "shared"
    path = folder / "bench" / "mapping_networks.py"
    spec = importlib.util.spec_from_file_location("mapping_networks", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"no {path}: it holds the benchmark networks")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(module: ModuleType, name: str, other: int):
    """A benchmark network, or one of its kind from another seed."""
    if not other:
        return module.build(name)
    finish = module._finish
    module._finish = lambda n, s, d, rate, seed=7: finish(n, s, d, rate, seed=seed + other)
    try:
        seeded = "seed" in module.NETWORKS[name].__code__.co_varnames[: module.NETWORKS[name].__code__.co_argcount]
        return module.NETWORKS[name](seed=100 + other) if seeded else module.NETWORKS[name]()
    finally:
        module._finish = finish


def network(n: int, source: np.ndarray, target: np.ndarray) -> nr.Network:
    """One population of cells with those synapses."""
    net = nr.Network()
    cells = net.add(nr.Population("cells", n, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cells, cells, nr.Sparse(source, target, 1.0), delay=1e-3)
    return net


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=list(BEST_SEEN))
    parser.add_argument("--efforts", nargs="*", default=["fast", "balanced", "best"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--other", type=int, default=0, metavar="N", help="draw number N of the same recipes")
    parser.add_argument("--cores", action="store_true")
    parser.add_argument("--refused", action="store_true")
    given = parser.parse_args()
    module = networks()
    print(f"{'network':12} {'effort':9} {'seconds':>8} {'result':>10} {'reference':>10}")
    for name in given.networks:
        n, source, target, spikes = drawn(module, name, given.other)
        side = 100 if given.cores else 16
        limits = {"neurons": 1024, "synapses": 131072, "axons_in": 4096} if given.cores else {"neurons": 256}
        chip = nr.mesh_chip(side, side, **limits)
        options = {"objective": "cores"} if given.cores else {"objective": "km1", "cores": -(-n // 256)}
        for effort in given.efforts if not given.refused else ():
            begun, used = time.perf_counter(), time.process_time()
            net = network(n, source, target)
            placement = nr.place(net, chip, traffic={"cells": spikes}, effort=effort, seed=given.seed, **options)
            seconds, used = time.perf_counter() - begun, time.process_time() - used
            _, part = np.unique(placement.core["cells"], return_inverse=True)
            found = module.check(n, source, target, spikes, part, limits)
            value = found["cores"] if given.cores else found["km1"]
            reference = SEQUENTIAL_CORES[name] if given.cores else BEST_SEEN[name]
            times = f"{seconds:5.1f} ({used:4.1f} cpu)"
            print(f"{name:12} {effort:9} {times} {value:10,.0f} {reference:10,.0f}", flush=True)
        for effort in given.efforts if given.refused else ():
            loihi = nr.mesh_chip(40, 10, neurons=1024, synapses=131072, axons_in=4096)
            begun = time.perf_counter()
            net, few = network(n, source, target), NEEDED[name] * 9 // 10
            try:
                nr.place(net, loihi, traffic={"cells": spikes}, effort=effort, cores=few)
                answer = "placed"
            except InfeasibleError as error:
                answer = "proved impossible" if error.proved else "not found"
            print(f"{name:12} {effort:9} {time.perf_counter() - begun:5.1f} {answer}", flush=True)


if __name__ == "__main__":
    main()
