"""Time per arrival against the number of arrivals under way: it must not grow with it.

    python tests/bench/arrivals.py [--rate HZ] [--seconds S] [--turns N]

Poisson sources, one to one onto neurons that stay silent; the number of neurons and the delay say how many spikes are
under way at once. What is timed is a run from the start, in which the calendar has to grow, kernels compiled and spikes
of the sources drawn; the median of several.
"""

from __future__ import annotations

import argparse
import statistics
import time

import neuro as nr
from neuro.units import ms

CASES = [(n, delay * ms) for delay in (1, 20, 100) for n in (10, 50, 100, 200)]


def measure(size: int, delay: float, rate: float, seconds: float, turns: int) -> tuple[float, int]:
    """Nanoseconds per arrival, and the arrivals."""
    net = nr.Network(seed=1)
    net.add(nr.Population("in", size, nr.PoissonSource(rate)))
    net.add(nr.Population("cell", size, nr.LIF(tau_m=20 * ms, v_th=1.0, tau_syn=5 * ms)))
    net.connect("in", "cell", nr.OneToOne(1e-4), delay=delay)
    program, took, events = nr.build(net), [], 1
    for _ in range(turns + 1):
        began = time.perf_counter()
        events = nr.run(program, seconds).events["in->cell"]
        took.append(1e9 * (time.perf_counter() - began) / events)
    return statistics.median(took[1:]), events


def main() -> None:
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=20e3)
    parser.add_argument("--seconds", type=float, default=0.2, help="at least; and 20 delays")
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    print("neurons    delay   under way   arrivals   ns per arrival")
    for size, delay in CASES:
        took, events = measure(size, delay, given.rate, max(given.seconds, 20 * delay), given.turns)
        under_way = f"{size * given.rate * delay:,.0f}"
        print(f"{size:7}  {1e3 * delay:4.0f} ms  {under_way:>10} {events:10,} {took:15.0f}", flush=True)


if __name__ == "__main__":
    main()
