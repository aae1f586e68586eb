"""Seconds that accounting takes: a recording of a million spikes on a chip of 1,024 cores.

    python tests/bench/energy.py [--spikes N] [--cores SIDE] [--fan-out CORES] [--steps N]

100,000 neurons lie on a mesh of SIDE x SIDE cores, each with synapses on CORES of them. The kernels are compiled
before. Told is the shortest of five times, for unicast and multicast.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np

import neuro as nr
from neuro.chip.placement import Placement
from neuro.chip.routes import Routes

NEURONS = 100_000


def case(spikes: int, side: int, fan_out: int, steps: int) -> tuple[nr.Recording, Placement]:
    """A random recording, and a placement with random routes."""
    rng = np.random.default_rng(1)
    loihi = nr.load_chip("loihi_davies2018")
    chip = replace(loihi, name=f"{side} x {side}", width=side, height=side, cores_per_tile=1, tile_order="rows")
    target = np.sort(rng.permuted(np.tile(np.arange(chip.cores), (NEURONS // 100, 1)), axis=1)[:, :fan_out], axis=1)
    routes = Routes(
        start=np.arange(NEURONS + 1) * fan_out,
        core=np.tile(target, (100, 1)).ravel(),
        synapses=rng.integers(1, 100, NEURONS * fan_out),
    )
    core = {"cells": rng.integers(0, chip.cores, NEURONS)}
    times = np.sort(rng.integers(0, steps, spikes)) * 1e-3
    train = nr.Spikes(times, rng.integers(0, NEURONS, spikes))
    recording = nr.Recording(
        spikes={"cells": train},
        v={},
        v_times=np.zeros(0),
        events={},
        start=0.0,
        stop=steps * 1e-3,
        provenance={"dt": 1e-3},
    )
    return recording, Placement(chip, core, routes)


def main() -> None:
    """Time both kinds of routing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spikes", type=int, default=1_000_000)
    parser.add_argument("--cores", type=int, default=32, metavar="SIDE")
    parser.add_argument("--fan-out", type=int, default=10, metavar="CORES")
    parser.add_argument("--steps", type=int, default=1_000)
    given = parser.parse_args()
    recording, placement = case(given.spikes, given.cores, given.fan_out, given.steps)
    for routing in ("unicast", "multicast"):
        placed = replace(placement, chip=replace(placement.chip, routing=routing))
        nr.account(recording, placed)
        took = []
        for _ in range(5):
            began = time.perf_counter()
            report = nr.account(recording, replace(placed))
            took.append(time.perf_counter() - began)
        messages, operations = report.counts["message_in"], report.counts["synapse"]
        print(
            f"{routing}: {min(took):.3f} s for {given.spikes:,} spikes, {messages:,.0f} messages and {operations:,.0f} "
            f"synaptic operations on {placed.chip.cores:,} cores in {given.steps:,} steps"
        )


if __name__ == "__main__":
    main()
