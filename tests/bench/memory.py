"""Seconds and bytes to build large networks, each in a process of its own.

    python tests/bench/memory.py [--synapses N ...] [--case NAME ...] [--json FILE]

1,000 synapses a neuron, one delay or one for each synapse; the cases are in `CASES`. Told are the seconds of
`nr.build`, the most memory that the process held (its inputs included) and held before it built, bytes of the program
per synapse, and of program and initial state per neuron. The kernels are compiled before. 100 million synapses need
about 6 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import neuro as nr
from neuro.bench.networks import ListedCase, balanced, build_network
from neuro.engine.drive.state import initial_state
from neuro.units import ms

FAN = 1_000
MODEL = nr.LIF(tau_m=20 * ms, v_th=20.0, v_reset=10.0, bias=24.0, refractory=2 * ms, tau_syn=2 * ms)
COLUMNS = ("build_s", "peak_GB", "before_GB", "bytes_a_synapse", "bytes_a_neuron")


def given(size: int, *, shuffled: bool) -> nr.Sparse:
    """Each neuron hears FAN others, as int32 arrays with float32 weights of their own, by target or in any order."""
    rng = np.random.default_rng(1)
    pre = rng.integers(0, size, size * FAN, dtype=np.int32)
    weight = rng.standard_normal(size * FAN, dtype=np.float32)
    if shuffled:
        return nr.Sparse(pre, rng.integers(0, size, size * FAN, dtype=np.int32), weight)
    return nr.Sparse(pre, np.repeat(np.arange(size, dtype=np.int32), FAN), weight)


CASES: dict[str, Callable[[int], object]] = {
    "by target": lambda size: given(size, shuffled=False),
    "shuffled": lambda size: given(size, shuffled=True),
    "delays": lambda size: given(size, shuffled=False),
    "grid delays": lambda size: given(size, shuffled=False),
    "FixedIndegree": lambda size: nr.FixedIndegree(FAN, 0.1),
    "FixedProbability": lambda size: nr.FixedProbability(FAN / size, 0.1),
    "drawn weights": lambda size: nr.FixedIndegree(FAN, nr.Normal(0.1, 0.01, single=True)),
    "balanced": lambda size: balanced(size, FAN),
}


def network_of(case: str, size: int) -> nr.Network:
    """One population that projects onto itself."""
    synapses = CASES[case](size)
    if isinstance(synapses, ListedCase):
        return build_network(synapses)[0]
    net = nr.Network(seed=1)
    cells = net.add(nr.Population("cells", size, MODEL))
    delay: object = 1.5 * ms
    if "delays" in case:
        drawn = np.clip(np.random.default_rng(0).normal(1.5, 0.75, size * FAN), 0.1, None)
        delay = (np.round(drawn, 1) if case == "grid delays" else drawn) * ms
    net.connect(cells, cells, synapses, delay=delay)  # type: ignore[arg-type]
    return net


def held() -> float:
    """Memory of this process now, GB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e9


def measure(case: str, synapses: int) -> dict[str, float]:
    """Build once, after a small network of the same kind."""
    nr.build(network_of(case, FAN + 1))
    size = synapses // FAN
    network = network_of(case, size)
    before = held()
    began = time.perf_counter()
    program = nr.build(network)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    fixed = program.fixed
    wires = len(fixed.post)
    state = sum(array.nbytes for array in initial_state(program).arrays[:4])
    each = fixed.post, fixed.weight, fixed.lag, fixed.lag_code
    rest = sum(array.nbytes for array in fixed if not any(array is one for one in each))
    return {
        "synapses": wires,
        "build_s": took,
        "peak_GB": peak,
        "before_GB": before,
        "bytes_a_synapse": sum(array.nbytes for array in each) / wires,
        "bytes_a_neuron": (rest + state) / size,
    }


def main() -> None:
    """Measure each case in its own process and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synapses", type=int, nargs="+", default=[10_000_000])
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given_ = parser.parse_args()
    if given_.alone:
        print(json.dumps(measure(given_.case[0], given_.synapses[0])))
        return
    found = []
    print(f"{'case':18}{'synapses':>13}" + "".join(f"{name:>17}" for name in COLUMNS), flush=True)
    for synapses in given_.synapses:
        for case in given_.case:
            command = [sys.executable, __file__, "--alone", "--case", case, "--synapses", str(synapses)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            row = json.loads(done.stdout)
            found.append({"case": case, **row})
            print(f"{case:18}{row['synapses']:>13,}" + "".join(f"{row[name]:>17.2f}" for name in COLUMNS), flush=True)
    if given_.json:
        given_.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
