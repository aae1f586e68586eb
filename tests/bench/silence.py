"""Wall time of a million seconds in which nothing happens, for networks of every kind of neuron.

    python tests/bench/silence.py [--neurons N] [--seconds S]

Each network is driven by a volley, dies away, and is silent from then on; what is timed is a run that goes on from
there, kernels compiled, as the median of several. A network with a delay of zero and one that learns are among them.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

import neuro as nr
from neuro.units import ms

COMMON = {"v_th": 1.0, "refractory": 2 * ms}
MODELS = {
    "LIF, one current": nr.LIF(tau_m=20 * ms, tau_syn=4 * ms, bias=0.9, **COMMON),
    "LIF, own time constants": nr.LIF(tau_m=20 * ms, tau_syn=(4 * ms, 9 * ms), bias=0.9, **COMMON),
    "AHP": nr.AHP(tau_m=20 * ms, tau_syn=4 * ms, tau_ahp=200 * ms, jump=0.1, **COMMON),
    "ALIF": nr.ALIF(tau_m=20 * ms, tau_syn=4 * ms, tau_adapt=200 * ms, jump=0.1, **COMMON),
    "IF": nr.IF(tau_syn=4 * ms, bias=-1.0, v_min=-0.5, **COMMON),
}
RULE = nr.STDP(a_plus=0.01, a_minus=0.01, tau_plus=20 * ms, tau_minus=20 * ms)


def network(model: object, size: int, delay: float) -> nr.Network:
    """Sources onto neurons that are weakly connected among themselves."""
    net = nr.Network(seed=1)
    net.add(nr.Population("cue", size, nr.SpikeSource()))
    net.add(nr.Population("cells", size, model))
    net.connect("cue", "cells", nr.OneToOne(30.0 if isinstance(model, nr.LIF) else 300.0), delay=1 * ms)
    net.connect("cells", "cells", nr.FixedIndegree(10, 0.01), delay=delay)
    return net


def measure(
    net: nr.Network, size: int, seconds: float, turns: int, told: dict[str, nr.STDP] | None
) -> tuple[float, int]:
    """Milliseconds of silence, and the spikes before it."""
    program = nr.build(net)
    cue = nr.Spikes(np.full(size, 5 * ms), np.arange(size))
    busy = nr.run(program, 5.0, inputs={"cue": cue}, plasticity=told)
    took = []
    for _ in range(turns):
        began = time.perf_counter()
        silent = nr.run(program, seconds, state=busy.state, plasticity=told)
        took.append(time.perf_counter() - began)
        if len(silent.spikes["cells"]):
            raise SystemExit("this network is not silent")
    return 1e3 * statistics.median(took), len(busy.spikes["cells"])


def main() -> None:
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1e6)
    parser.add_argument("--turns", type=int, default=7)
    given = parser.parse_args()
    cases = [(name, model, 1.5 * ms, None) for name, model in MODELS.items()]
    cases.append(("LIF, a delay of zero", MODELS["LIF, one current"], 0.0, None))
    cases.append(("LIF, learning", MODELS["LIF, one current"], 1.5 * ms, {"cells->cells": RULE}))
    for name, model, delay, told in cases:
        took, spikes = measure(network(model, given.neurons, delay), given.neurons, given.seconds, given.turns, told)
        print(f"{name:26} {took:8.2f} ms for {given.seconds:g} s of silence after {spikes} spikes", flush=True)


if __name__ == "__main__":
    main()
