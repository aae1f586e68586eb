"""Time of a short run: by `run`, among trials, and what its events alone take within one long run.

    python tests/bench/trials.py [--turns N] [--cpu]

The runs are recalls of 30 ms by the 60-neuron Braille memory, with the weights of a pseudo-inverse. All ways take
turns, and the fastest turn of each counts. The long run gets the cues of all recalls one after the other; its time is
divided by its spikes, and multiplied by those of a recall. `--cpu` takes the CPU time of the process, which other work
on the machine changes less; the two workers are then left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import neuro as nr
from neuro.learning import hopfield
from neuro.learning.memory import NAME, AssociativeMemory, lower
from neuro.tasks._braille_cues import TEST, distort, patterns

RECALLS = 400


def network() -> tuple[AssociativeMemory, nr.Program]:
    """The memory, and its program."""
    memory = AssociativeMemory(size=60)
    weights = hopfield.pseudo_inverse(2.0 * patterns() - 1.0)
    np.fill_diagonal(weights, 0.0)
    unit = memory.unit
    return memory, lower(memory, nr.Crossbar(unit * np.clip(weights, -0.8, 0.8), w_max=0.8 * unit))


def ways(memory: AssociativeMemory, program: nr.Program) -> dict[str, Callable[[], int]]:
    """What is timed: each simulates all recalls, and returns the number of their spikes."""
    cues = distort(patterns()[np.arange(RECALLS) % 9], 0.2, TEST, np.random.default_rng(1))
    push = 0.5 * memory.gain / memory.tick * (2.0 * cues - 1.0)
    values = np.stack([push, np.zeros_like(push)], axis=1)
    trials = [{"inputs": {NAME: nr.Current([0.0, memory.cue_time], each)}} for each in values]
    begins = memory.duration * np.arange(RECALLS)
    times = np.stack([begins, begins + memory.cue_time], axis=1)
    together = {NAME: nr.Current(times.ravel(), values.reshape(-1, memory.size))}

    def singly() -> int:
        return sum(len(nr.run(program, memory.duration, **trial).spikes[NAME]) for trial in trials)

    def counted(workers: int = 1) -> int:
        found = nr.run_trials(program, memory.duration, trials, workers=workers, record=nr.Counts())
        return sum(int(counts[NAME].sum()) for counts in found)

    def recorded() -> int:
        return sum(len(each.spikes[NAME]) for each in nr.run_trials(program, memory.duration, trials))

    def long() -> int:
        return len(nr.run(program, RECALLS * memory.duration, inputs=together).spikes[NAME])

    return {
        "run, one by one": singly,
        "run_trials, recordings": recorded,
        "run_trials, counts": counted,
        "run_trials, counts, two workers": lambda: counted(2),
        "their events in one long run": long,
    }


def main() -> None:
    """Measure all ways in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--cpu", action="store_true")
    given = parser.parse_args()
    clock = time.process_time if given.cpu else time.perf_counter
    timed = ways(*network())
    if given.cpu:
        del timed["run_trials, counts, two workers"]
    fastest, spikes = dict.fromkeys(timed, np.inf), {name: way() for name, way in timed.items()}
    for _ in range(given.turns):
        for name, way in timed.items():
            began = clock()
            way()
            fastest[name] = min(fastest[name], clock() - began)
    last = "their events in one long run"
    mine = spikes["run_trials, counts"]
    fastest[last] *= mine / spikes[last]
    for name, took in fastest.items():
        print(f"{name:32} {1e6 * took / RECALLS:8.1f} us a recall, {took / fastest[last]:5.2f} of the events alone")
    print(f"{mine / RECALLS:.0f} spikes a recall")


if __name__ == "__main__":
    main()
