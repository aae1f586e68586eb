"""What exact gradients cost beside the runs they are of: processor time, bytes a spike, and two threads beside one.

    python tests/bench/gradient_cost.py [--turns N] [--neurons N] [--threads] [--json FILE]

*Forward* is the run that is recorded, *backward* is `nr.gradient` of its recording, with respect to everything; *no
times* leaves out time constants, as `fit` does where it trains delays. Both are measured in turn in one process, by
processor time; the table has medians. Of layers as in the task yin-yang, forward is `answer` of a batch, and backward
what `learn` takes beyond that. *Bytes a spike* are what the peak of memory of `nr.gradient` grows by from a run to one
that is twice as long, for each spike that comes along; of a network of the same kind with few synapses, so that what is
there for each synapse does not hide it. Of layers, these are the arrays for the spikes of one example.

`--threads` measures one more thing: batches of the layers with one thread and with two, by wall time. It needs two
cores that are otherwise idle.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import neuro as nr
from neuro.gradients.batch import Slopes, spiked
from neuro.gradients.lowering import lowered
from neuro.gradients.sums import sum_runs
from neuro.tasks import _memory_gradient as memory
from neuro.units import ms

Case = tuple[Callable[[float], Any], Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], int]]
"""Runs something for so many seconds; its gradient; the same without time constants; its number of spikes."""


KINDS = (("LIF", "LIF", 0.0), ("LIF, refractory", "LIF", 2 * ms), ("AHP", "AHP", 0.0))


def layers_and_batch(batch: int) -> tuple[nr.TimedLayers, Any, Any, Any]:
    """5-150-3 neurons as in the task yin-yang, and a batch of inputs, each with the bias spike and both mirrors."""
    layers = nr.TimedLayers(sizes=(5, 150, 3), duration=60 * ms, once=True, first_mean=(1.5, 0.9), first_sd=(0.8, 0.3))
    rng = np.random.default_rng(1)
    x = rng.uniform(0.0, 1.0, (batch, 2))
    inputs = np.column_stack([np.zeros(batch), x, 1.0 - x]) * 20 * ms + 1 * ms
    targets = np.eye(3)[rng.integers(0, 3, batch)]
    return layers, layers.first_weights(0), inputs, targets


def memory_case() -> Case:
    """The network of the task memory-gradient before its training: 48 trials of 60 AHP neurons, read by integrals."""
    config, variant = memory.Config(), memory.VARIANTS[0]
    trials, weights = memory.Trials(config, variant, 0), memory.first_weights(config, 0)
    program = nr.build(memory.network(config, variant, weights))
    rng = np.random.default_rng(1)
    labels = rng.integers(0, config.symbols, config.batch)
    inputs = [trials.draw(int(label), rng) for label in labels]
    losses = [nr.CrossEntropy(trials.read, int(label), config.scale) for label in labels]

    def forward(scale: float) -> Any:
        # Longer: more trials in a batch. The nodes are those of one trial, so bytes a spike are of the batch's arrays.
        return trials.run(program, inputs * round(scale))

    def backward(runs: Any) -> Any:
        times = len(runs) // len(inputs)
        return nr.gradient(program, runs, inputs=inputs * times, loss=losses * times)

    return forward, backward, backward, lambda runs: sum(len(s) for run in runs for s in run.spikes.values())


def recurrent_case(neurons: int, indegree: int, refractory: float, model: str) -> Case:
    """Neurons that drive each other at some 20 spikes a second: four of five excite, one inhibits."""
    rng = np.random.default_rng(1)
    net = nr.Network(seed=1)
    common: dict[str, Any] = {"tau_m": 20 * ms, "tau_syn": 5 * ms, "v_th": 1.0, "refractory": refractory}
    bias = rng.uniform(1.0, 1.2, neurons)
    slow = {"tau_ahp": 200 * ms, "jump": 0.05} if model == "AHP" else {}
    net.add(nr.Population("cell", neurons, getattr(nr, model)(bias=bias, **common, **slow)))
    pre = rng.integers(0, neurons, neurons * indegree)
    post = np.repeat(np.arange(neurons), indegree)
    weight = np.where(pre < 0.8 * neurons, 1.0, -4.5) * rng.uniform(0.5, 1.5, len(pre)) * 0.5 / np.sqrt(indegree)
    net.connect("cell", "cell", nr.Sparse(pre, post, weight), delay=1.5 * ms)
    program = nr.build(net)

    def loss(spikes: nr.Spikes) -> tuple[float, Any]:
        return float(spikes.times[-100:].sum()), np.arange(len(spikes)) >= len(spikes) - 100

    def backward(run: Any) -> Any:
        return nr.gradient(program, run, loss={"cell": lambda s: (loss(s)[0], loss(s)[1].astype(float))})

    def without_times(run: Any) -> Any:
        own, its = lowered(program), spiked(program, run, {})
        slope = Slopes((np.arange(len(its.time)) >= len(its.time) - 100).astype(float))
        return sum_runs(own, [its], [slope], times=False)

    return lambda scale: nr.run(program, 0.5 * scale), backward, without_times, lambda run: len(run.spikes["cell"])


def seconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def peak_of(work: Callable[[], Any]) -> int:
    """Bytes that `work` allocates at most at one time."""
    gc.collect()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def bytes_a_spike(case: Case, scale: float) -> float:
    """What the peak of memory grows by with each spike of a longer run."""
    forward, backward, _, count = case
    run, longer = forward(scale), forward(2.0 * scale)
    backward(run)
    grown = peak_of(lambda: backward(longer)) - peak_of(lambda: backward(run))
    return grown / (count(longer) - count(run))


def measure(name: str, case: Case, turns: int, memory: float) -> dict[str, Any]:
    """Medians over turns of one case."""
    forward, backward, plain, count = case
    run = forward(1.0)
    backward(run)
    plain(run)
    took = [
        (seconds(lambda: forward(1.0)), seconds(lambda: backward(run)), seconds(lambda: plain(run)))
        for _ in range(turns)
    ]
    ratios = [(back / ahead, other / ahead) for ahead, back, other in took]
    return {
        "network": name,
        "spikes": count(run),
        "forward_s": statistics.median(each[0] for each in took),
        "backward_s": statistics.median(each[1] for each in took),
        "ratio": statistics.median(each[0] for each in ratios),
        "ratio_without_times": statistics.median(each[1] for each in ratios),
        "bytes_a_spike": memory,
    }


def measure_recurrent(neurons: int, turns: int, name: str, model: str, refractory: float) -> dict[str, Any]:
    """A large recurrent network; memory of a small one that runs for long."""
    memory = bytes_a_spike(recurrent_case(200, 10, refractory, model), 20.0)
    case = recurrent_case(neurons, 100, refractory, model)
    return measure(f"{neurons:,} {name}, 100 synapses each", case, turns, memory)


def measure_layers(turns: int, batch: int) -> dict[str, Any]:
    """`answer` of a batch, and what `learn` takes beyond it."""
    layers, weights, inputs, targets = layers_and_batch(batch)
    layers.learn(weights, inputs, targets, ())
    spikes = layers.answer(weights, inputs)[1]
    took = [
        (
            seconds(lambda: [layers.answer(weights, inputs) for _ in range(20)]),
            seconds(lambda: [layers.learn(weights, inputs, targets, ()) for _ in range(20)]),
        )
        for _ in range(turns)
    ]
    ratio = statistics.median(both / ahead - 1.0 for ahead, both in took)
    return {
        "network": f"layers of 5-150-3, batch of {batch}",
        "spikes": int(np.sum(spikes)),
        "forward_s": statistics.median(each[0] for each in took) / 20,
        "backward_s": statistics.median(each[1] - each[0] for each in took) / 20,
        "ratio": ratio,
        "ratio_without_times": ratio,
        # time, who, rise, fall and by_time of each spike of one example
        "bytes_a_spike": 40.0,
    }


def measure_threads(turns: int, batch: int) -> dict[str, Any]:
    """Wall time of batches of the layers with one thread and with two, in turn."""
    layers, weights, inputs, targets = layers_and_batch(batch)
    walls: dict[int, list[float]] = {1: [], 2: []}
    found = {}
    for _ in range(turns):
        for workers in walls:
            began = time.perf_counter()
            for _ in range(10):
                found[workers] = layers.learn(weights, inputs, targets, (), workers=workers)
            walls[workers].append((time.perf_counter() - began) / 10)
    same = all(np.array_equal(a, b) for a, b in zip(found[1][1][0], found[2][1][0], strict=True))
    return {
        "batch": batch,
        "one_s": min(walls[1]),
        "two_s": min(walls[2]),
        "faster": min(walls[1]) / min(walls[2]),
        "same_bits": same,
    }


def main() -> None:
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--neurons", type=int, default=4000, help="of the large recurrent network")
    parser.add_argument("--batch", type=int, default=100, help="examples of a batch of layers")
    parser.add_argument("--threads", action="store_true", help="measure two threads, and nothing else")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    if given.threads:
        for batch in (given.batch, 10 * given.batch):
            row = measure_threads(given.turns, batch)
            found.append(row)
            print(
                f"batch of {batch:,}: one thread {1e3 * row['one_s']:.2f} ms, two {1e3 * row['two_s']:.2f} ms: "
                f"{row['faster']:.2f} times as fast, {'the same' if row['same_bits'] else 'OTHER'} bits"
            )
    else:
        print(f"{'network':44} {'spikes':>8} {'forward':>10} {'backward':>10} {'ratio':>6} {'no times':>8} bytes")
        trials = memory_case()
        rows: list[Callable[[], dict[str, Any]]] = [
            lambda: measure_layers(given.turns, given.batch),
            lambda: measure("memory-gradient, 48 trials", trials, given.turns, bytes_a_spike(trials, 4.0)),
            *(partial(measure_recurrent, given.neurons, given.turns, *kind) for kind in KINDS),
        ]
        for each in rows:
            row = each()
            found.append(row)
            times = f"{1e3 * row['forward_s']:7.2f} ms {1e3 * row['backward_s']:7.2f} ms"
            rest = f"{row['ratio']:6.2f} {row['ratio_without_times']:8.2f} {row['bytes_a_spike']:5.1f}"
            print(f"{row['network']:44} {row['spikes']:8,} {times} {rest}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
