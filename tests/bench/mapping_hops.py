"""Multicast hops after partition and placement, and seconds, for each benchmark network and effort, beside limits.

    python tests/bench/mapping_hops.py [--networks lsm mlp ...] [--efforts fast ...] [--other N] [--jin]

`--other` draws networks of the same kinds from another seed with this package's own generators. `--jin` lays out the
layered graphs of Jin et al. instead. The networks and the recount come from `mapping_networks.py` beside the reference
data (`$NEURO_DATA/../bench`, else `../shared/bench`). Compilation is left out of the times.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from mapping import networks  # tests/bench/mapping.py, beside this file

import neuro as nr
from neuro.bench.mapping_networks import draw, jin_layers, network_of
from neuro.mapping.layout.layout import arrange

BARS = {
    "lsm": 672e3, "communities": 1520e3, "mlp": 81e3, "lenet": 80.7e3, "small_world": 5730e3, "sheet": 2390e3,
    "potjans": 1890e3,
}  # fmt: skip
"""Multicast hops on the smallest square mesh, 256 neurons a core, that effort `best` is to stay below."""
METIS = {
    "lsm": 783e3, "communities": 1690e3, "mlp": 162e3, "lenet": 172e3, "small_world": 5886e3, "sheet": 2447e3,
    "potjans": 2079e3,
}  # fmt: skip
"""The same, of METIS and annealing of its parts over the mesh."""
PUBLISHED = {32: 6712.32, 64: 42988.2}
"""Shortest weighted lengths in the log of Jin et al.'s program."""
NEURONS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="*", default=list(BARS))
    parser.add_argument("--efforts", nargs="*", default=["fast", "balanced", "best"])
    parser.add_argument("--other", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jin", action="store_true")
    given = parser.parse_args()
    if given.jin:
        layers(given.efforts, given.seed)
        return
    module = networks()
    warm()
    print(f"{'network':12} {'effort':9} {'cores':>5} {'km1':>10} {'hops':>10} {'bar':>10} {'METIS':>10} {'s':>6}")
    for name in given.networks:
        if given.other:
            n, source, target, spikes = draw(name, given.other)
        else:
            n, source, target, spikes = module.build(name)
        net, traffic = network_of(draw("hopfield", scale=0.01)._replace(
            neurons=n, source=source, target=target, spikes=spikes
        ))  # fmt: skip
        cores = -(-n // NEURONS)
        side = int(np.ceil(np.sqrt(cores)))
        chip = nr.mesh_chip(side, side, neurons=NEURONS)
        for effort in given.efforts:
            began, used = time.perf_counter(), time.process_time()
            placement = nr.place(net, chip, traffic, "multicast_hops", effort, given.seed, cores=cores)
            seconds, used = time.perf_counter() - began, time.process_time() - used
            core = placement.core["cells"]
            found = module.check(n, source, target, spikes, core, {"neurons": NEURONS}, np.asarray(placement.xy))
            # The bars are for the reference networks; those of other seeds have nearly the same size.
            bar = BARS.get(name, float("nan"))
            mark = "" if found["multicast_hops"] <= bar else "  above the bar"
            hops, metis = found["multicast_hops"], METIS.get(name, float("nan"))
            print(
                f"{name:12} {effort:9} {found['cores']:5} {found['km1']:10,} {hops:10,} {bar:10,.0f} {metis:10,.0f} "
                f"{seconds:6.1f} ({used:.1f} of CPU){mark}",
                flush=True,
            )


def warm() -> None:
    """Compile everything on a small network."""
    net, traffic = network_of(draw("lsm", scale=0.05))
    for effort in ("fast", "balanced"):
        nr.place(net, nr.mesh_chip(3, 3, neurons=80), traffic, "multicast_hops", effort)


def layers(efforts: list[str], seed: int) -> None:
    """Weighted lengths of the layered graphs."""
    for side, published in PUBLISHED.items():
        source, target, weight = jin_layers(side)
        for effort in efforts:
            began = time.perf_counter()
            chip = nr.mesh_chip(side, side, neurons=1)
            place = arrange(source, target, weight, chip, side * side, effort=effort, seed=seed)
            seconds = time.perf_counter() - began
            x, y = place % side, place // side
            length = (weight * (np.abs(x[source] - x[target]) + np.abs(y[source] - y[target]))).sum()
            line = f"{side} x {side} {effort:9} {length:10,.1f}  published {published:,.1f}  {seconds:.1f} s"
            print(line, flush=True)


if __name__ == "__main__":
    main()
