"""Time per synaptic event against the size of the network, at equal fan-out and rate; draws the figure of the docs.

    python tests/bench/cost_curve.py [--sizes 1000 10000 ...] [--turns N] [--out FOLDER]

Each neuron hears 100 others, a tenth as many as in `balanced` and sqrt(10) times as strongly, in the same proportions
and with the same drive, so that all sizes fire at much the same rate. A loop that only adds the same weights shows what
of the rise is memory. Writes `cost_per_event.png` and, beside it, `cost_per_event.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from neuro.bench.engine import take_turns
from neuro.bench.networks import ListedCase
from neuro.bench.runners import AdditionsRunner, EngineRunner
from neuro.report.origin import provenance
from neuro.report.record import plain
from neuro.report.style import INK, MARKERS, canvas, colour, save, styled

FAN_OUT = 100
EVENTS = 20_000_000
"""A run is as long as it takes to have about so many synaptic events, and at least `LEAST` seconds."""
LEAST = 0.1
RATE = 20.0
DOCS = Path(__file__).resolve().parents[2] / "docs" / "images"


def network(size: int) -> ListedCase:
    """`balanced` with a tenth of the synapses: each neuron draws 80 excitatory and 20 inhibitory sources."""
    rng = np.random.default_rng(1)
    excitatory, k = int(0.8 * size), int(0.8 * FAN_OUT)
    drawn = np.empty((size, FAN_OUT), np.int32)
    drawn[:, :k] = rng.integers(0, excitatory, (size, k))
    drawn[:, k:] = rng.integers(excitatory, size, (size, FAN_OUT - k))
    order = np.argsort(drawn.ravel(), kind="stable")
    none = np.zeros(0, np.int64)
    return ListedCase(
        name=f"{size:,} neurons",
        size=size,
        pre=drawn.ravel()[order],
        post=np.repeat(np.arange(size, dtype=np.int32), FAN_OUT)[order],
        row_weight=np.where(np.arange(size) < excitatory, 0.3, -1.5) * np.sqrt(10.0),
        v0=np.random.default_rng(7).uniform(0, 20, size),
        drive=24.0,
        v_reset=10.0,
        duration=max(LEAST, EVENTS / (size * FAN_OUT * RATE)),
        source_pre=none,
        source_post=none,
        source_times=np.zeros(0),
        source_ids=none,
    )


def measure(size: int, turns: int) -> dict[str, object]:
    """Medians over turns of the engine and of the additions alone."""
    case = network(size)
    neuro = EngineRunner(case)
    runs = take_turns({"neuro": neuro, "limit": AdditionsRunner(case, neuro)}, turns)
    ns = {name: [run.ns_per_event for run in each] for name, each in runs.items()}
    last = runs["neuro"][-1]
    return {
        "neurons": size,
        "synapses": size * FAN_OUT,
        "seconds_simulated": case.duration,
        "rate_Hz": last.spikes / size / case.duration,
        "events": last.events,
        "ns_per_event": float(np.median(ns["neuro"])),
        "ns_per_event_turns": ns["neuro"],
        "limit_ns_per_event": float(np.median(ns["limit"])),
        "build_seconds": neuro.build_seconds,
    }


def draw(points: list[dict[str, object]], path: Path) -> None:
    """The curve, with its range over turns, and the additions alone."""
    sizes = [point["neurons"] for point in points]
    with styled():
        figure, axes = canvas(6.4, 3.6, "Cost of a synaptic event", "neurons, 100 synapses each", "ns per event")
        ours = [point["ns_per_event"] for point in points]
        turns = [point["ns_per_event_turns"] for point in points]
        axes.fill_between(sizes, [min(t) for t in turns], [max(t) for t in turns], color=colour(0), alpha=0.15)
        axes.plot(sizes, ours, MARKERS[0] + "-", color=colour(0), label="neuro, exact, one thread")
        limit = [point["limit_ns_per_event"] for point in points]
        axes.plot(sizes, limit, MARKERS[1] + "--", color=colour(1), label="additions alone")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.tick_params(which="minor", color=INK, length=0)
        axes.legend()
    save(figure, path)


def main() -> None:
    """Measure, print, and write the figure and its numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, default=DOCS)
    given = parser.parse_args()
    points = []
    for size in given.sizes:
        points.append(measure(size, given.turns))
        p = points[-1]
        print(
            f"{size:>9,} neurons  {p['rate_Hz']:5.1f} Hz  {p['ns_per_event']:6.2f} ns per event  "
            f"limit {p['limit_ns_per_event']:5.2f}  build {p['build_seconds']:.2f} s",
            flush=True,
        )
    spread = max(p["ns_per_event"] for p in points) / min(p["ns_per_event"] for p in points)
    print(f"largest over smallest: {spread:.2f}")
    given.out.mkdir(parents=True, exist_ok=True)
    found = {"points": points, "largest_over_smallest": spread, "provenance": provenance(1)}
    text = json.dumps(plain(found), indent=2)
    (given.out / "cost_per_event.json").write_text(text + "\n", encoding="utf-8")
    draw(points, given.out / "cost_per_event.png")


if __name__ == "__main__":
    main()
