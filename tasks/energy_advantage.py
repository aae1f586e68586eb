"""Energy of training on crossbars against digital hardware, and which assumptions a claimed advantage rests on.

Counts of spikes, pulses and sweeps are measured on the Braille memory; energies for each are published figures or
choices that are marked as such. See docs/energy_advantage.md.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.tasks._advantage import (
    Assumptions,
    Counts,
    analog,
    changed,
    crossover,
    digital,
    gpu,
    load_assumptions,
    ratio,
    sensitivity,
    total,
)
from neuro.tasks._settling import Growth, braille_counts, exponent, growth, mean_counts

PUBLISHED = (1e4, 1e5)
"""Yi et al., Nature Electronics 2022 (s41928-022-00869-w), abstract: with modelling, over four orders of magnitude
compared with digital approaches for scaled-up problem sizes. The claim is quoted as 10^4 to 10^5 elsewhere."""
RECIPE_BATCH = 36
"""Cues of one epoch of the Braille recipe: a digital machine may fetch a weight once for all of them."""
STEPS = {
    "recipe": f"the Braille recipe: digital register; digital side in batches of {RECIPE_BATCH}",
    "no_register": "no register: changes go straight onto the devices",
    "batch_1": "digital side fetches every weight for every pattern (batch 1)",
    "float": "digital side computes with 32-bit floats",
    "one_array": "one array as large as the network",
    "gpu_batch_1": "a GPU at batch 1 instead, at its energy per weight for 67,850 weights",
}
SIDES = (("crossbars", analog), ("digital", digital))


class Config(BaseModel):
    """Settings of the comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="first seed of the measured memories; the others follow it")
    seeds: int = Field(2, ge=1, description="Braille memories that are trained and counted")
    epochs: int = Field(200, ge=1, description="updates of each of them")
    trials: int = Field(90, ge=9, description="recalls that test each of them, and whose sweeps are counted")
    variant: Literal["ideal", "levels64_1uS", "levels64_3.9uS", "stuck30", "stuck50"] = Field(
        "levels64_3.9uS", description="its devices, as the Braille task calls them"
    )
    sizes: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (64, 256, 1024, 4096, 16384, 100_000), min_length=1, description="network sizes to report, from 2"
    )
    grown: tuple[Annotated[int, Field(ge=8)], ...] = Field(
        (32, 64, 128, 256, 512), min_length=3, description="three sizes or more of random memories, from 8"
    )
    cues: int = Field(40, ge=1, description="recalls of each random memory")


PRESETS = {
    "smoke": Config(seeds=1, epochs=6, grown=(16, 32, 64), cues=8),
    "paper": Config(),
}


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Count on the small memories, and compare at every size."""
    seeds = range(config.seed, config.seed + config.seeds)
    measured = []
    for done, seed in enumerate(seeds):
        progress(done, config.seeds + 1, "training the Braille memory")
        measured.append(braille_counts(seed, config.epochs, config.variant, config.trials))
    progress(config.seeds, config.seeds + 1, "recalling in random memories")
    grown = growth(config.grown, config.cues, config.seed)
    progress(config.seeds + 1, config.seeds + 1, "done")
    counts, a = mean_counts([found for found, _ in measured]), load_assumptions()
    largest = max(config.sizes)
    spans = sensitivity(largest, counts, a)
    steps = ladder(largest, counts, a)
    return Report(
        task="energy-advantage",
        metrics={
            **_counted(counts, grown, float(np.mean([exact for _, exact in measured]))),
            **_compared(config.sizes, counts, a),
            **{f"ladder/{name}": value for name, value in steps.items()},
            **{f"sensitivity/{name}/divided_by_10": low for name, (low, _) in spans.items()},
            **{f"sensitivity/{name}/times_10": high for name, (_, high) in spans.items()},
        },
        energy={
            "unit": "J for one pattern: a free phase, its clamped phase, its share of an update",
            "analog": {str(n): {**analog(n, counts, a), "total": total(analog(n, counts, a))} for n in config.sizes},
            "digital": {str(n): {**digital(n, counts, a), "total": total(digital(n, counts, a))} for n in config.sizes},
        },
        tables=(
            _sizes_table(config.sizes, counts, a),
            _ladder_table(largest, steps),
            _sensitivity_table(largest, spans, counts, a),
            _assumptions_table(counts, a),
        ),
        figures=_figures(config.sizes, spans, counts, a, grown),
    )


def band(n: float, counts: Counts, a: Assumptions) -> tuple[float, float]:
    """The least and the most that the ratio becomes when any one count or assumption is off by ten."""
    values = [value for span in sensitivity(n, counts, a).values() for value in span]
    return min(values), max(values)


def one_array(n: float, a: Assumptions) -> Assumptions:
    """The same with a single array as large as the network, whatever its wires would say."""
    return replace(a, array_rows=n)


def ladder(n: float, counts: Counts, a: Assumptions) -> dict[str, float]:
    """From this project's own recipe to the most favourable comparison, one step of `STEPS` after the other."""
    batched, single = replace(a, batch=float(RECIPE_BATCH)), one_array(n, a)
    values = (
        ratio(n, counts, batched, register=True),
        ratio(n, counts, batched),
        ratio(n, counts, a),
        ratio(n, counts, a, wide=True),
        ratio(n, counts, single, wide=True),
        gpu(n, counts, a) / total(analog(n, counts, single)),
    )
    return dict(zip(STEPS, values, strict=True))


def factor_for(n: float, counts: Counts, a: Assumptions, name: str, goal: float) -> float:
    """The factor nearest to one by which a single figure alone brings the ratio to `goal`; NaN where none does."""
    for size in np.geomspace(1, 1e6, 601):
        for factor in (size, 1.0 / size):
            if ratio(n, *changed(counts, a, name, factor)) >= goal:
                return float(factor)
    return math.nan


def _counted(counts: Counts, grown: Growth, exact: float) -> dict[str, float]:
    found = {f"measured/{f.name}": float(getattr(counts, f.name)) for f in fields(counts)}
    found["measured/exact_words_at_0.20"] = exact
    for name, values in (("spikes", grown.spikes), ("sweeps", grown.sweeps)):
        slope, error = exponent(grown.size, values)
        found[f"growth_exponent/{name}"], found[f"growth_exponent/{name}_standard_error"] = slope, error
    found.update({f"growth_right_bits/{int(n)}": float(r) for n, r in zip(grown.size, grown.right, strict=True)})
    return found


def _compared(sizes: tuple[int, ...], counts: Counts, a: Assumptions) -> dict[str, float]:
    found: dict[str, float] = {}
    for n in sizes:
        low, high = band(n, counts, a)
        found |= {
            f"analog_J/{n}": total(analog(n, counts, a)),
            f"digital_J/{n}": total(digital(n, counts, a)),
            f"ratio/{n}": ratio(n, counts, a),
            f"ratio_low/{n}": low,
            f"ratio_high/{n}": high,
            f"ratio_with_register/{n}": ratio(n, counts, a, register=True),
            f"ratio_batch_{RECIPE_BATCH}/{n}": ratio(n, counts, replace(a, batch=float(RECIPE_BATCH))),
            f"ratio_one_array/{n}": ratio(n, counts, one_array(n, a)),
            f"ratio_one_array_float/{n}": ratio(n, counts, one_array(n, a), wide=True),
        }
    found["crossover_N"] = crossover(counts, a)
    found["crossover_N_with_register"] = crossover(counts, a, register=True)
    found[f"crossover_N_batch_{RECIPE_BATCH}"] = crossover(counts, replace(a, batch=float(RECIPE_BATCH)))
    found["four_orders_from_N"] = crossover(counts, a, PUBLISHED[0])
    found["published_ratio_at_least"] = PUBLISHED[0]
    return found


def _sizes_table(sizes: tuple[int, ...], counts: Counts, a: Assumptions) -> Table:
    columns = (
        "N",
        "crossbars, J",
        "digital, J",
        "ratio",
        "any one figure off by 10",
        "with register",
        f"batch {RECIPE_BATCH}",
        "one array",
        "one array, floats",
    )
    rows = []
    for n in sizes:
        low, high = band(n, counts, a)
        single = one_array(n, a)
        rows.append(
            (
                n,
                total(analog(n, counts, a)),
                total(digital(n, counts, a)),
                ratio(n, counts, a),
                f"{low:.3g} to {high:.3g}",
                ratio(n, counts, a, register=True),
                ratio(n, counts, replace(a, batch=float(RECIPE_BATCH))),
                ratio(n, counts, single),
                ratio(n, counts, single, wide=True),
            )
        )
    return Table("Energy of one pattern, digital (batch 1, 8 bits) over crossbars", columns, tuple(rows))


def _ladder_table(n: int, steps: dict[str, float]) -> Table:
    values = list(steps.values())
    taken = ["", *(f"x {after / before:.3g}" for before, after in pairwise(values))]
    rows: list[tuple[object, ...]] = [
        (STEPS[name], value, by) for (name, value), by in zip(steps.items(), taken, strict=True)
    ]
    rows.append(("published: Yi et al. 2022, abstract, by modelling, 'for scaled-up problem sizes'", "over 10^4", ""))
    title = f"What an advantage rests on: each row adds one assumption, N = {n:,}"
    return Table(title, ("assumption", "ratio", "step"), tuple(rows))


def _sensitivity_table(n: int, spans: dict[str, tuple[float, float]], counts: Counts, a: Assumptions) -> Table:
    rows = [(name, low, high, factor_for(n, counts, a, name, PUBLISHED[0])) for name, (low, high) in spans.items()]
    rows = [(*row[:3], "none" if math.isnan(row[3]) else f"x {row[3]:.3g}") for row in rows]
    columns = ("figure", "ratio if divided by 10", "if times 10", "alone to 10^4")
    return Table(f"Ratio with one figure changed, N = {n:,}", columns, tuple(rows))


def _assumptions_table(counts: Counts, a: Assumptions) -> Table:
    rows: list[tuple[object, ...]] = [
        (f.name, getattr(counts, f.name), "1", "measured", "the Braille memory, see docs/energy_advantage.md")
        for f in fields(counts)
    ]
    keys = ("value", "unit", "status", "source")
    rows += [(name, *(figure[key] for key in keys)) for name, figure in a.sources.items()]
    return Table("Figures", ("figure", "value", "unit", "status", "source"), tuple(rows))


def _figures(
    sizes: tuple[int, ...], spans: dict[str, tuple[float, float]], counts: Counts, a: Assumptions, grown: Growth
) -> dict[str, Any]:
    from neuro.report import plots
    from neuro.tasks import _figures as draw

    largest = max(sizes)
    # Whole arrays only: in between, the last array of each row is paid for and half empty.
    line = 64 * np.unique(np.geomspace(1, max(largest // 64, 1), 61).round())
    bands = np.array([band(n, counts, a) for n in line])
    batched = replace(a, batch=float(RECIPE_BATCH))
    curves = {
        "arrays of 64 x 64, digital 8 bits, batch 1": [ratio(n, counts, a) for n in line],
        f"digital in batches of {RECIPE_BATCH}": [ratio(n, counts, batched) for n in line],
        "with a digital register": [ratio(n, counts, a, register=True) for n in line],
        "one array as large as the network": [ratio(n, counts, one_array(n, a)) for n in line],
        "one array, digital in 32-bit floats": [ratio(n, counts, one_array(n, a), wide=True) for n in line],
    }
    bars = {f"{side}\nN = {n:,}": model(n, counts, a) for n in sorted({min(sizes), largest}) for side, model in SIDES}
    bars[f"one array\nN = {largest:,}"] = analog(largest, counts, one_array(largest, a))
    parts = {name: {cause: joules / total(bar) for cause, joules in bar.items()} for name, bar in bars.items()}
    seen = {name.replace("_", " "): span for name, span in spans.items() if max(span) / min(span) > 1.02}
    return {
        "ratio": lambda: draw.banded(
            line,
            curves,
            band=("any one figure off by ten", bands[:, 0], bands[:, 1]),
            xlabel="neurons N",
            ylabel="digital / crossbars, energy of one pattern",
            title="Energy advantage of crossbars against network size",
            levels=[("published: 10⁴ to 10⁵", *PUBLISHED)],
        ),
        "sensitivity": lambda: draw.tornado(
            seen,
            ratio(largest, counts, a),
            xlabel="digital / crossbars",
            title=f"One figure off by ten, N = {largest:,}",
            ends=("divided by 10", "times 10"),
            log=True,
            marks={"10⁴": PUBLISHED[0]},
        ),
        "breakdown": lambda: draw.stacked_bars(parts, ylabel="share of one pattern's energy", title="Where it goes"),
        "growth": lambda: plots.curve_with_errors(
            grown.size,
            {"spikes of a neuron in a recall": grown.spikes, "digital sweeps": grown.sweeps},
            xlabel="neurons N",
            ylabel="count",
            title="Counts of random memories against their size",
        ),
    }
