"""`python -m tests.engine.judge` draws networks of every kind and lets the oracle judge the exact engine on each.

A network runs in one of several ways: with one thread or two, in two parts, or as trials of two phases of which the
second goes on from the first. Its spikes and voltages must be the oracle's. The command says how many networks had what
and how they ran, and exits with 1 if one is not as it should be. `--networks` says how many, `--seed` which.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

import neuro as nr
from neuro.network.synapses import is_drawn, is_random
from tests.engine.agreement import clamp_of, everything, for_engine, spikes_agree, voltages_agree
from tests.oracle import simulate
from tests.strategies import Forced, readable, small_networks

AT_A_TIME = 250
"""Networks that are drawn from one seed; hypothesis remembers all of them until the next."""
KINDS = {"whole": True, "more": True, "own": 1}
CASES = small_networks(**KINDS) | small_networks(**KINDS, instant=True)

Case = tuple[nr.Network, float, dict[str, Any]]
Way = Callable[[nr.Program, float, dict[str, Any], nr.Record], nr.Recording]


def at_once(threads: int) -> Way:
    """The run as a whole."""
    return lambda program, duration, given, record: nr.run(program, duration, record=record, threads=threads, **given)


def in_two_parts(program: nr.Program, duration: float, given: dict[str, Any], record: nr.Record) -> nr.Recording:
    """A run and one that goes on from its state."""
    first = nr.run(program, 0.37 * duration, record=record, **given)
    return joined(first, nr.run(program, duration - first.stop, record=record, state=first.state, **given))


def as_trials(program: nr.Program, duration: float, given: dict[str, Any], record: nr.Record) -> nr.Recording:
    """Among trials, the one with a second phase."""
    first = {**given, "duration": 0.37 * duration, "then": [{**given, "duration": duration - 0.37 * duration}]}
    *_, (one, two) = nr.run_trials(program, duration, [given, first], record=record)
    return joined(one, two)


def joined(one: nr.Recording, two: nr.Recording) -> nr.Recording:
    """Two recordings as one."""
    spikes = {}
    for name in one.spikes:
        parts = one.spikes[name], two.spikes[name]
        times, ids = (np.concatenate([getattr(part, field) for part in parts]) for field in ("times", "ids"))
        spikes[name] = nr.Spikes.in_order(times, ids)
    v = {name: np.concatenate([part.v[name] for part in (one, two)]) for name in one.v}
    return replace(one, stop=two.stop, spikes=spikes, v=v, v_times=np.concatenate([one.v_times, two.v_times]))


WAYS: dict[str, Way] = {
    "one thread": at_once(1),
    "two threads": at_once(2),
    "two parts": in_two_parts,
    "trials of two phases": as_trials,
}


def contents(case: Case) -> Iterator[str]:
    """What a network has."""
    network, _, inputs = case
    projections = list(network.projections.values())
    every_drive = [drive for drives in network.drives.values() for drive in drives]
    delays = [projection.delay for projection in projections]
    has = {
        "drives": every_drive,
        "drives with a rate for each neuron": [x for x in every_drive if np.ndim(getattr(x.rate, "rates", x.rate))],
        "drives with rates that change": [x for x in every_drive if isinstance(x.rate, nr.TimedRate)],
        "drives with a delay": [x for x in every_drive if x.delay],
        "Poisson sources": [p for p in network.populations.values() if isinstance(p.model, nr.PoissonSource)],
        "equations of their own": [p for p in network.populations.values() if isinstance(p.model, nr.LinearNeuron)],
        "delays of their own": [x for x in delays if is_drawn(x) or np.ndim(x)],
        "drawn delays": [x for x in delays if is_drawn(x)],
        "delays of zero": [x for x in delays if not is_drawn(x) and np.any(np.asarray(x) == 0.0)],
        "times on a grid": [x for x in [inputs["cue"].times] if np.allclose(x / 1e-4, np.rint(x / 1e-4), atol=1e-9)],
        "rules of connection": [p for p in projections if is_random(p.synapses)],
        "rules without multapses": [p for p in projections if not getattr(p.synapses, "multapses", True)],
        "rules by distance": [p for p in projections if isinstance(p.synapses, nr.DistanceDependent)],
        "clamps": [
            x for given_ in inputs.values() if isinstance(given_, list) for x in given_ if isinstance(x, Forced)
        ],
    }
    yield from (name for name, found in has.items() if len(found))


def judge(case: Case, way: Way) -> None:
    """Refuse a network whose spikes or voltages are not the oracle's."""
    network, duration, inputs = case
    expected = simulate(network, duration, inputs)
    options = {"inputs": for_engine(inputs), "clamp": clamp_of(inputs)}
    found = way(nr.build(network), duration, options, everything(network))
    spikes_agree(case, found, expected)
    voltages_agree(case, found, expected)


def judge_many(count: int, number: int, counts: Counter[str], ways: Iterator[str]) -> int:
    """Judge `count` networks of one seed; returns how many are not as they should be."""
    faults = 0

    @seed(number)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=CASES)
    def each(case: Case) -> None:
        nonlocal faults
        way = next(ways)
        counts.update(["networks", way, *contents(case)])
        try:
            judge(case, WAYS[way])
        except Exception as problem:
            faults += 1
            print(f"{way}: {type(problem).__name__}: {problem}\n{readable(*case)}\n", flush=True)

    each()
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    counts: Counter[str] = Counter()
    began, faults, number, ways = time.perf_counter(), 0, given_.seed, cycle(WAYS)
    while counts["networks"] < given_.networks:
        faults += judge_many(min(AT_A_TIME, given_.networks - counts["networks"]), number, counts, ways)
        number += 1
        print(f"{counts['networks']:,} networks, {faults} faults, {time.perf_counter() - began:.0f} s", flush=True)
    for name, count in counts.most_common():
        print(f"{count:8,}  {name}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
