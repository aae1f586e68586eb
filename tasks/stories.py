"""Stories with questions, answered by a relational network of AHP and LIF neurons, deployed and priced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.progress import Progress
from neuro.report import Report
from neuro.report.record import Table
from neuro.system.workers import run_jobs
from neuro.tasks._figures import stacked_bars
from neuro.tasks._story_run import CHIP, DIGITAL, Config, Outcome, learn_or_load
from neuro.units import ms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRESETS = {
    "smoke": Config(
        seeds=1, kinds=(15,), batches=4, stories=20, cells=16, relation=12, decision=8, deployed_stories=3, priced=1
    ),
    "tuning": Config(seed=100, seeds=1, part="validation", deployed=None, lstm=False),
    "paper": Config(),
}
TITLES = {
    1: "where is somebody",
    2: "where is an object",
    6: "is somebody in a place",
    7: "how many objects",
    9: "as 6, with negations",
    11: "as 1, with pronouns",
    12: "as 1, with two people",
    15: "what a pet fears",
    16: "what colour, by induction",
    17: "positions of shapes",
    18: "sizes of boxes",
}
MODELS = ("spiking", "lstm")
uJ, mJ = 1e-6, 1e-3
PUBLISHED = {"joules": 7.5 * mJ, "seconds": 9.1 * ms, "chips": 22.0}
"""The relational network on Loihi: A. Rao, P. Plank, A. Wild and W. Maass, Nature Machine Intelligence 4 (2022) 467."""
Found = dict[tuple[int, str], list[Outcome]]


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Train, judge and compare the networks of all kinds.

    Raises
    ------
    MissingPackage
        If torch is not installed.
    """
    from neuro.training.library import import_torch

    import_torch()  # says at once if it is not there
    models = MODELS if config.lstm else MODELS[:1]
    seeds = range(config.seed, config.seed + config.seeds)
    jobs = [(config, kind, model, seed) for seed in seeds for kind in config.kinds for model in models]
    found: Found = {}
    for outcome in run_jobs(learn_or_load, jobs, workers=config.workers, progress=progress, label="learning"):
        found.setdefault((outcome.kind, outcome.model), []).append(outcome)
    costs = {
        kind: each.cost for (kind, model), group in found.items() for each in group if model == "spiking" and each.cost
    }
    lstm = {kind: group[0].cost for (kind, model), group in found.items() if model == "lstm"}
    return Report(
        task="stories",
        metrics=_metrics(found)
        | {f"deployed/{name}": value for each in costs.values() for name, value in each.items()},
        energy={
            "unit": f"J for one question: the spiking network on {CHIP}, the LSTM on {DIGITAL}, at batch size 1",
            **{f"task{kind:02}/spiking": each for kind, each in costs.items()},
            **{f"task{kind:02}/lstm": each for kind, each in lstm.items()},
        },
        tables=(_accuracy(config, found), *(_energy(kind, each, lstm.get(kind)) for kind, each in costs.items())),
        figures=_figures(found, costs),
        measured=tuple(f"task{kind:02}/{model}/minutes" for kind, model in found),
    )


def _metrics(found: Found) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for (kind, model), outcomes in found.items():
        name = f"task{kind:02}/{model}"
        right = [each.right for each in outcomes]
        metrics |= {name: float(np.mean(right)), f"{name}/lowest": float(min(right))}
        metrics[f"{name}/minutes"] = float(np.mean([each.minutes for each in outcomes]))
        metrics[f"{name}/parameters"] = float(outcomes[0].parameters)
        if model == "spiking":
            metrics[f"task{kind:02}/spikes"] = float(np.mean([each.spikes for each in outcomes]))
    return metrics


def _accuracy(config: Config, found: Found) -> Table:
    rows = []
    for kind in config.kinds:
        spiking, lstm = (found.get((kind, model), []) for model in MODELS)
        rows.append(
            (
                f"{kind}: {TITLES[kind]}",
                *(_share([each.right for each in group]) if group else "-" for group in (spiking, lstm)),
                round(float(np.mean([each.spikes for each in spiking]))),
                *(f"{np.mean([each.minutes for each in group]):.2f}" if group else "-" for group in (spiking, lstm)),
                *(group[0].parameters if group else "-" for group in (spiking, lstm)),
            )
        )
    columns = ("kind", "spiking, %", "LSTM, %", "spikes a question", "minutes, spiking", "minutes, LSTM")
    title = f"Right answers to {config.stories} {config.part} questions of a kind: mean of the seeds (lowest)"
    return Table(title, (*columns, "parameters, spiking", "parameters, LSTM"), tuple(rows))


def _share(right: list[float]) -> str:
    low = f" ({100 * min(right):.1f})" if len(right) > 1 else ""
    return f"{100 * float(np.mean(right)):.1f}{low}"


def _energy(kind: int, cost: dict[str, float], lstm: dict[str, float] | None) -> Table:
    """Joules beside each other, each with what it holds for."""
    causes = {name.removeprefix("joules/"): each for name, each in cost.items() if name.startswith("joules/")}
    low, high = causes.pop("lowest"), causes.pop("highest")
    neurons, cores = int(cost["neurons"]), int(cost["cores"])
    where = f"model of {CHIP}, {neurons:,} neurons on {cores} cores, no host, batch 1"
    rows = [
        ("deployed network", cost["joules"] / uJ, f"{low / uJ:.1f} to {high / uJ:.1f}", cost["seconds"] / ms, where)
    ]
    rows += [(f"- {name}", each / uJ, "", "", "part of it") for name, each in causes.items() if each]
    if lstm is not None:
        operations = (
            f"{lstm['operations']:,.0f} multiplications and loads on {DIGITAL}, 45 nm, nothing else counted, batch 1"
        )
        rows.append(("LSTM", lstm["joules"] / uJ, "", "-", operations))
    network = "20 sentences, 210 pairs, 4 layers of 256 neurons (Rao et al. 2022)"
    published = f"measured, {PUBLISHED['chips']:.0f} Loihi chips, {network}"
    rows.append(("published network", PUBLISHED["joules"] / uJ, "", PUBLISHED["seconds"] / ms, published))
    return Table(
        f"Kind {kind}: energy of a question", ("network", "uJ", "range, uJ", "latency, ms", "conditions"), tuple(rows)
    )


def _figures(found: Found, costs: dict[int, dict[str, float]]) -> dict[str, Callable[[], Figure]]:
    figures: dict[str, Callable[[], Figure]] = {
        "learning": lambda: _learning(found),
        "accuracy": lambda: _bars(found),
        "sparsity": lambda: _sparsity(found),
    }
    if costs:
        bars = {}
        for kind, cost in costs.items():
            parts = {
                name.removeprefix("joules/"): each / uJ for name, each in cost.items() if name.startswith("joules/")
            }
            bars[f"kind {kind}"] = {
                k: v for k, v in parts.items() if k not in ("lowest", "highest") and v > 1e-3 * cost["joules"] / uJ
            }
        figures["energy"] = lambda: stacked_bars(
            bars, ylabel="energy of a question, uJ", title=f"Energy of a question by cause on {CHIP}"
        )
    return figures


def _learning(found: Found) -> Figure:
    from neuro.report.style import canvas, colour, styled

    with styled():
        title = "The share of right answers falls at each step of the curriculum, and recovers"
        figure, axes = canvas(7.2, 4.2, title, "processor minutes", "running share of right answers")
        for k, ((kind, _), group) in enumerate((key, each) for key, each in found.items() if key[1] == "spiking"):
            minutes, share, _ = np.array(group[0].curve or [(0.0, 0.0, 0)]).T
            axes.plot(minutes, share, color=colour(k), linestyle=("-", "--")[k // 7 % 2], label=f"{kind}")
        axes.set_ylim(0.0, 1.02)
        axes.legend(title="kind", loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _bars(found: Found) -> Figure:
    from neuro.report.style import canvas, colour, styled

    kinds = list(dict.fromkeys(kind for kind, _ in found))
    with styled():
        figure, axes = canvas(7.2, 4.2, "Right answers by kind of story", "kind", "right answers, %")
        for k, model in enumerate(each for each in MODELS if any(name == each for _, name in found)):
            groups = {at: found[kind, model] for at, kind in enumerate(kinds) if (kind, model) in found}
            right = [100 * float(np.mean([each.right for each in group])) for group in groups.values()]
            axes.bar(np.array(list(groups)) + 0.4 * k - 0.2, right, 0.38, color=colour(k), label=model)
        axes.axhline(95.0, linestyle=":", color="0.4")
        axes.set_xticks(np.arange(len(kinds)), [str(kind) for kind in kinds])
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _sparsity(found: Found) -> Figure:
    from neuro.report.style import canvas, colour, styled

    spiking: dict[int, Any] = {kind: group[0].rates for (kind, model), group in found.items() if model == "spiking"}
    layers = list(next(iter(spiking.values())))
    with styled():
        figure, axes = canvas(7.2, 4.2, "Few neurons fire in a step", "kind", "spikes of a neuron in a step")
        for k, layer in enumerate(layers):
            at = np.arange(len(spiking)) + 0.16 * (k - (len(layers) - 1) / 2)
            axes.bar(at, [each[layer] for each in spiking.values()], 0.15, color=colour(k), label=layer)
        axes.set_xticks(np.arange(len(spiking)), [str(kind) for kind in spiking])
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
