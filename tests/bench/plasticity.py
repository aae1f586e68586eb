"""What learning in the run costs, per plastic event, beside the same run without it.

    python tests/bench/plasticity.py [--size N ...] [--turns N] [--json FILE]

N Poisson sources at 20 Hz through N x N plastic synapses onto N neurons that fire at about as much, as a matrix and as
a list with a tenth of the synapses. A *plastic event* is one synapse of one spike that changes it: a row of the source,
or a column of the target. Beside it stands the time for one synaptic event of the run without learning.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

import neuro as nr
from neuro.units import ms

RULES = {
    "STDP": nr.STDP(a_plus=1e-5, a_minus=1e-5, tau_plus=20 * ms, tau_minus=20 * ms),
    "EventLocal": nr.EventLocal(rate=1e-5, beta=1.0, tau_fast=20 * ms, tau_slow=2.0, full=100.0, window=1.0),
}


def network(size: int, dense: bool) -> nr.Network:
    """Sources and targets; the targets' bias makes them fire."""
    rng = np.random.default_rng(1)
    net = nr.Network(seed=1)
    net.add(nr.Population("in", size, nr.PoissonSource(20.0)))
    bias = rng.uniform(1.02, 1.2, size)
    net.add(nr.Population("cell", size, nr.LIF(tau_m=20 * ms, v_th=1.0, tau_syn=4 * ms, bias=bias)))
    scale = 0.05 / np.sqrt(size)
    if dense:
        synapses: object = nr.Dense(scale * rng.standard_normal((size, size)))
    else:
        n = size * size // 10
        pre, post = rng.integers(0, size, n), rng.integers(0, size, n)
        synapses = nr.Sparse(pre, post, scale * rng.standard_normal(n))
    net.connect("in", "cell", synapses, delay=1.5 * ms, name="plastic")  # type: ignore[arg-type]
    return net


def timed(program: nr.Program, seconds: float, told: object) -> tuple[float, nr.Recording]:
    """CPU seconds that `seconds` of the network take: the difference of a longer and a shorter run from one state."""
    state = nr.run(program, 0.05, plasticity=told).state  # type: ignore[arg-type]
    walls = []
    for length in (0.25 * seconds, 1.25 * seconds):
        began = time.process_time()
        rec = nr.run(program, length, state=state, plasticity=told)  # type: ignore[arg-type]
        walls.append(time.process_time() - began)
    return walls[1] - walls[0], rec


def measure(size: int, dense: bool, rule: str, turns: int) -> dict[str, object]:
    """Medians over turns, plain and learning in turn."""
    program = nr.build(network(size, dense))
    synapses = size * size if dense else size * size // 10
    seconds = min(20.0, max(0.5, 4e7 / (synapses * 40.0)))
    plain, learning = [], []
    for _ in range(turns):
        wall, rec = timed(program, seconds, None)
        plain.append(wall)
        wall, rec = timed(program, seconds, {"plastic": RULES[rule]})
        learning.append(wall)
    spikes = {name: len(train) / 1.25 for name, train in rec.spikes.items()}
    rows, columns = (spikes[name] * synapses / size for name in ("in", "cell"))
    extra = statistics.median(learning) - statistics.median(plain)
    return {
        "kind": "matrix" if dense else "list",
        "rule": rule,
        "neurons": size,
        "synapses": synapses,
        "synaptic_events": rows,
        "plastic_events": rows + columns,
        "plain_ns_per_synaptic_event": 1e9 * statistics.median(plain) / rows,
        "extra_ns_per_plastic_event": 1e9 * extra / (rows + columns),
        "learning_over_plain": statistics.median(learning) / statistics.median(plain),
    }


def main() -> None:
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = []
    for size in given.size:
        for dense in (True, False):
            for rule in RULES:
                row = measure(size, dense, rule, given.turns)
                found.append(row)
                print(
                    f"{row['kind']:6} {row['synapses']:>9,} synapses  {rule:10} "
                    f"{row['extra_ns_per_plastic_event']:6.2f} ns a plastic event; without learning "
                    f"{row['plain_ns_per_synaptic_event']:6.2f} ns a synaptic event; "
                    f"{row['learning_over_plain']:.1f} times as long",
                    flush=True,
                )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
