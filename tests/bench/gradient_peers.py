"""Training by exact gradients beside jaxsnn and eventax: one layered network, the same arrays, one core, in turns.

    python tests/bench/gradient_peers.py --jaxsnn PYTHON --eventax PYTHON [--core 1] [--turns 5] [--json FILE]

PYTHON is an interpreter of an environment with jaxsnn 0.3.0 or eventax 0.1.0; both want other versions of numpy than
this package may have. Equations, weights, inputs, delays (none), batches of 64 and Adam are the same. jaxsnn has its
analytic solver, for tau_m = 2 tau_syn, and eventax its own numerical one, in steps of 1 ms. Each neuron spikes once at
most: theirs are reset to -1000. Compilation is apart. First spikes of the outputs are compared as well, and once more
with jaxsnn in double precision.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import neuro as nr
from neuro.learning.layers import LayerWeights
from neuro.tasks._yin_yang import Config, examples

TAU_M, TAU_SYN, DURATION = 12e-3, 6e-3, 24e-3
HIDDEN, BATCH, RATE = 100, 64, 5e-3
FEW = 256
"""Examples for eventax, whose time is then counted by example."""
SIDES = {"jaxsnn": "gradient_jaxsnn.py", "eventax": "gradient_eventax.py"}


def given(turns: int) -> dict[str, object]:
    """The network and its inputs: yin-yang points as spike times."""
    data = examples(Config(late=13e-3, bias=1e-3), "training")
    rng, count = np.random.default_rng(0), len(data) // BATCH * BATCH
    return {
        **{"tau_m": TAU_M, "tau_syn": TAU_SYN, "duration": DURATION, "batch": BATCH, "rate": RATE, "turns": turns},
        **{"up1": rng.normal(3.0, 1.6, (5, HIDDEN)), "up2": rng.normal(0.5, 0.8, (HIDDEN, 3))},
        **{"times": data.inputs[:count], "labels": data.labels[:count], "eventax_examples": FEW},
    }


def peer(
    name: str, python: str, arrays: dict[str, object], folder: Path, double: bool = False
) -> dict[str, np.ndarray]:
    """First spikes and seconds of a peer."""
    np.savez(folder / "given.npz", **arrays)  # type: ignore[arg-type]
    script = Path(__file__).with_name(SIDES[name])
    environment = os.environ | {"JAX_ENABLE_X64": str(int(double)), "JAX_PLATFORMS": "cpu"}
    environment.pop("PYTHONPATH", None)
    command = [python, str(script), str(folder / "given.npz"), str(folder / "found.npz")]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
    with np.load(folder / "found.npz") as found:
        return {key: found[key] for key in found.files}


def main() -> None:
    """Run in turns, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in SIDES:
        parser.add_argument(f"--{name}", metavar="PYTHON", help=f"an interpreter that has {name}")
    parser.add_argument("--core", type=int, default=0, help="the core that all run on")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    peers = {name: getattr(chosen, name) for name in SIDES if getattr(chosen, name)}
    if not peers:
        parser.error("give --jaxsnn or --eventax an interpreter")
    os.sched_setaffinity(0, {chosen.core})
    arrays = given(1)
    times, labels = np.asarray(arrays["times"]), np.asarray(arrays["labels"])
    layers = nr.TimedLayers(
        sizes=(5, HIDDEN, 3), duration=DURATION, tau_m=TAU_M, tau_syn=TAU_SYN, delay=1e-12, once=True, temperature=TAU_M
    )
    weights = LayerWeights((np.asarray(arrays["up1"]), np.asarray(arrays["up2"])), layers.first_weights(0).biases)
    plan, data = nr.Schedule(epochs=1, rates=(RATE, RATE), batch=BATCH), nr.Examples(times, labels)

    def ours() -> float:
        began = time.perf_counter()
        nr.fit(layers, data, nr.ExactGradient(), plan, weights=weights)
        return (time.perf_counter() - began) / len(times)

    first = DURATION - layers.answer(weights, times).activities[-1]
    ours()  # compiles
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
    apart: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(chosen.turns):
            seconds["ours"].append(ours())
            for name, python in peers.items():
                found = peer(name, python, arrays, Path(folder))
                count = FEW if name == "eventax" else len(times)
                seconds[name].append(float(found["seconds"].min()) / count)
                seconds["ours"].append(ours())
                theirs = np.minimum(np.nan_to_num(found["first"], nan=DURATION, posinf=DURATION), DURATION)
                apart[name] = float(np.abs(theirs - first[: len(theirs)]).max())
            print(f"turn {turn + 1} of {chosen.turns}", file=sys.stderr)
        if "jaxsnn" in peers:
            found = peer("jaxsnn", peers["jaxsnn"], arrays, Path(folder), double=True)
            theirs = np.minimum(np.nan_to_num(found["first"], nan=DURATION, posinf=DURATION), DURATION)
            apart["jaxsnn, double"] = float(np.abs(theirs - first).max())
    best = {name: min(each) for name, each in seconds.items()}
    for name, least in best.items():
        print(f"{name:>8}: {1e6 * least:10.1f} us a sample, {least / best['ours']:8.1f} x ours")
    for name, distance in apart.items():
        print(f"first spikes, {name}: at most {distance:.2e} s apart")
    if chosen.json:
        chosen.json.write_text(json.dumps({"seconds_per_sample": best, "apart": apart}, indent=2) + "\n")


if __name__ == "__main__":
    main()
