"""How fast spiking layers train by two phases, beside BindsNET and snnTorch: image-phases a second of one core.

    python tests/bench/phases.py [--bindsnet PYTHON] [--snntorch PYTHON] [--core 0] [--turns 5] [--json FILE]

PYTHON is an interpreter of an environment with BindsNET 0.3.4 or snnTorch 1.0.0. An *image-phase* is one image in one
phase, free or nudged. All train 784-500-10 integrate-and-fire neurons with feedback on the same MNIST images (in
`NEURO_DATA`), from the same weights: those of the task `mnist` after 3,000 images. Phases last 18 ms; each image has
one free phase and two nudged ones. Updates are in it, reading the images is not. Times are processor seconds, in turns.

What differs: here spikes have exact times, a delay of 0.5 ms, 0.3 ms of refractoriness, and 64 bits; the images of a
batch are simulated one by one. The peers have time steps of 1 ms or 0.5 ms, one spike a step at most, a delay of one
step and 32 bits; they compute all images of a batch at once, 1, 20 or 256 (1,024 are not faster). BindsNET resets v to
zero; snnTorch subtracts, and has no floor of v. Their hidden drive is scaled, so that an image-phase has as many
spikes. `right` is the share of free phases that answer rightly; with batches of 1, for which the rates are too high,
it falls. One more row is the schedule of the task itself, with nudged phases of 12 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy reads it: on one core two threads wait for each other

import numpy as np

import neuro as nr
from neuro.learning.layers import LayerWeights
from neuro.tasks._mnist import GAIN
from neuro.tasks._mnist_images import mnist
from neuro.units import ms

SIZES, FREE, NUDGED, TASK_NUDGED = (784, 500, 10), (18.0, 7.0), (18.0, 3.0), (12.0, 3.0)
RATES, BETA, BATCH, BEFORE = (0.1, 0.03), 1.0, 20, 3000
MATCHED = 300
"""Images by which spikes are counted."""
STEPS, BATCHES = (1.0, 0.5), (1, 20, 256)


def layers_of(nudged: tuple[float, float]) -> nr.SpikingLayers:
    """The network of the task `mnist`."""
    return nr.SpikingLayers(sizes=SIZES, gain=GAIN, free=FREE, nudged=nudged)


def spikes_of(layers: nr.SpikingLayers, weights: LayerWeights, data: nr.Examples) -> list[float]:
    """Spikes of hidden neurons and of outputs in an image-phase, means over all three phases."""
    free, nudged = (span[0] * ms for span in (layers.free, layers.nudged))
    counted = layers.free[0] - layers.free[1]
    targets, currents = np.eye(SIZES[-1])[data.labels], layers.currents(weights, data.inputs)
    trials = []
    for k in range(len(data)):
        inputs = layers.inputs_of(currents, k)
        nudges = [nr.Nudge.checked("layer2", targets[k] * counted, sign * BETA / (ms * counted)) for sign in (1, -1)]
        then = [{"inputs": inputs, "duration": nudged, "nudge": nudge} for nudge in nudges]
        trials.append({"inputs": inputs, "then": then})
    windows = nr.Counts(window=[(layers.free[1] * ms, free), (0.0, 1.0)], shape=["triangle", "flat"])
    program = layers.programmed(weights)
    found = [phase for each in nr.run_trials(program, free, trials, record=windows) for phase in each]
    return [float(np.mean([phase[name][1].sum() for phase in found])) for name in ("layer1", "layer2")]


def train(
    layers: nr.SpikingLayers, weights: LayerWeights | None, data: nr.Examples, batch: int = BATCH
) -> tuple[dict[str, float], LayerWeights]:
    """One pass through the data; what was measured, and the weights."""
    plan = nr.Schedule(epochs=1, rates=RATES, last=1.0, batch=batch)
    began = time.process_time()
    fitted = nr.fit(layers, data, nr.EquilibriumPropagation(beta=BETA), plan, weights=weights)
    seconds = time.process_time() - began
    return {"seconds": seconds, "phases": 3 * len(data), "right": fitted.training[-1]}, fitted.weights


class Peer:
    """A peer in a process of its own, on the same core."""

    def __init__(self, name: str, python: str, file: Path) -> None:
        script = Path(__file__).with_name("phases_peers.py")
        environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)
        command = [python, str(script), name, str(file)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.about = self.answer()

    def answer(self) -> Any:
        """The next line."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            raise SystemExit(f"{self.process.args} ended: it says why above")
        return json.loads(line)

    def turn(self, kind: int) -> Any:
        """Measure one kind of run."""
        assert self.process.stdin is not None
        print(kind, file=self.process.stdin, flush=True)
        return self.answer()


def rows_of(peers: dict[str, Peer], data: nr.Examples, weights: LayerWeights, spikes: Any) -> list[dict[str, Any]]:
    """What is measured, without the measurements."""
    rows: list[dict[str, Any]] = []
    for name, nudged, batch in (
        ("neuro", NUDGED, BATCH),
        ("neuro", NUDGED, BATCHES[-1]),
        ("neuro, nudged 12 ms", TASK_NUDGED, BATCH),
    ):
        layers = layers_of(nudged)
        counted = spikes if nudged == NUDGED else spikes_of(layers, weights, data.take(np.arange(MATCHED)))
        row = {"name": name, "step": None, "batch": batch, "spikes": counted, "turns": []}
        rows.append({**row, "run": lambda layers=layers, batch=batch: train(layers, weights, data, batch)[0]})
    for name, peer in peers.items():
        for kind, (step, batch) in enumerate(peer.about["kinds"]):
            row = {"name": name, "step": step, "batch": batch, "spikes": peer.about["spikes"][kind], "turns": []}
            rows.append({**row, "run": lambda peer=peer, kind=kind: peer.turn(kind)})
    return rows


def table_of(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each row, after its medians were added to it."""
    for row in rows:
        speeds = [each["phases"] / each["seconds"] for each in row["turns"]]
        # Of each turn, against neuro in the same turn.
        ratios = [ours["phases"] / ours["seconds"] / s for s, ours in zip(speeds, rows[0]["turns"], strict=True)]
        row |= {"speed": statistics.median(speeds), "least": min(speeds), "most": max(speeds)}
        row |= {"ratio": statistics.median(ratios), "right": row["turns"][-1]["right"]}
    lines = [
        f"{'':20} {'step':>6} {'batch':>5} {'image-phases/s':>14} {'range':>17} {'hidden':>7} {'outputs':>7} "
        f"{'right':>6} neuro is"
    ]
    for row in rows:
        step = "exact" if row["step"] is None else f"{row['step']:g} ms"
        span, (hidden, outputs) = f"{row['least']:,.0f} - {row['most']:,.0f}", row["spikes"]
        lines.append(
            f"{row['name']:20} {step:>6} {row['batch']:5} {row['speed']:14,.0f} {span:>17} {hidden:7.0f} "
            f"{outputs:7.1f} {100 * row['right']:5.1f}% {row['ratio']:.2f} x as fast"
        )
    return lines


def main() -> None:
    """Measure in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("bindsnet", "snntorch"):
        parser.add_argument(f"--{name}", metavar="PYTHON", help=f"an interpreter that has {name}")
    parser.add_argument("--core", type=int, default=0, help="the core that all run on")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--images", type=int, default=1024, help="of a turn")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {chosen.core})
    every = mnist("training", BEFORE + chosen.images)
    every = every.centred(every.inputs.mean(axis=0))
    data = every.take(np.arange(BEFORE, len(every)))
    layers = layers_of(NUDGED)
    _, weights = train(layers, None, every.take(np.arange(BEFORE)))
    spikes = spikes_of(layers, weights, data.take(np.arange(MATCHED)))
    with tempfile.TemporaryDirectory() as folder:
        first, matrix = weights.matrices
        start = [layers.network.populations[f"layer{k}"].initial["v"] for k in (1, 2)]
        np.savez(
            Path(folder) / "given.npz",
            **{"images": data.inputs, "labels": data.labels, "first": first, "matrix": matrix},  # type: ignore[arg-type]
            **{"bias1": weights.biases[0], "bias2": weights.biases[1], "start1": start[0], "start2": start[1]},
            **{"free": FREE, "nudged": NUDGED, "beta": BETA, "gain": GAIN, "rates": RATES, "momentum": 0.9},
            **{"spikes": spikes, "matched": MATCHED, "steps": STEPS, "batches": BATCHES},
        )
        given = [(name, getattr(chosen, name)) for name in ("bindsnet", "snntorch")]
        peers = {name: Peer(name, python, Path(folder) / "given.npz") for name, python in given if python}
        rows = rows_of(peers, data, weights, spikes)
        for turn in range(chosen.turns):
            for row in rows:
                row["turns"].append(row["run"]())
            print(f"turn {turn + 1} of {chosen.turns}", file=sys.stderr)
    versions = {name: peer.about["versions"] for name, peer in peers.items()}
    for line in table_of(rows):
        print(line)
    print("; ".join(f"{name} {each[name]} with torch {each['torch']}" for name, each in versions.items()))
    if chosen.json:
        kept = [{key: value for key, value in row.items() if key != "run"} for row in rows]
        found = {"versions": versions, "rows": kept, "load": os.getloadavg()}
        chosen.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
