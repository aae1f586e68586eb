"""The published sequential MNIST network on one Loihi core: answers, energy and time beside the chip's measurements.

Nothing is drawn at random: another seed gives the same numbers. See docs/loihi.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

import neuro as nr
from neuro.chip.capacity import CoreUse, core_use
from neuro.engine.recording import Recording
from neuro.progress import Progress
from neuro.report import Report, Table
from neuro.tasks._loihi import (
    CHIPS,
    ERRORS,
    MAIN,
    Bill,
    Published,
    bill,
    bounds,
    cost,
    dense_operations,
    needed,
    place,
    published,
    spans,
)
from neuro.tasks._smnist import AHP, DT, INPUTS, LIF, STEPS, answer, chip_run, encode, find_data, load, network
from neuro.units import ms, us
from neuro.validation import Ints

uJ, mJ = 1e-6, 1e-3
SPIKING = ("input", "lif", "ahp")


class Config(BaseModel):
    """Settings of the Loihi experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="kept in the report; nothing is drawn at random")
    images: int = Field(10_000, ge=1, le=10_000, description="test images of MNIST, from the first, for `accuracy`")
    chip_images: int = Field(200, ge=1, le=200, description="images of the chip run for `accuracy_200` and energy")


PRESETS = {
    "smoke": Config(images=60, chip_images=20),
    "paper": Config(),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the engine made of the images of the chip run."""

    digits: NDArray[np.uint8]
    answers: Ints
    recordings: list[Recording]

    @property
    def wrong(self) -> list[tuple[int, int]]:
        """Errors in their order: (digit, answer)."""
        return [(int(d), int(a)) for d, a in zip(self.digits, self.answers, strict=True) if d != a]

    def spikes(self) -> dict[str, float]:
        """Mean spikes of an image by population."""
        return {name: float(np.mean([len(r.spikes[name]) for r in self.recordings])) for name in SPIKING}

    def events(self) -> float:
        """Mean synaptic events of an image."""
        return float(np.mean([sum(r.events.values()) for r in self.recordings]))


def run(config: Config, *, out: Path | None, progress: Progress) -> Report:
    """Classify the images, account for those of the chip run, and compare.

    Raises
    ------
    DataError
        If the published weights or the images are not there.
    """
    weights, pixels, digits = load(find_data())
    total = config.images + 2 * config.chip_images
    program = nr.build_clocked(network(*weights), dt=DT)
    picked = chip_run()[: config.chip_images]
    trials = ({"input": encode(pixels[i])} for i in picked)
    recordings = []
    for recording in nr.run_batch(program, STEPS * DT, trials):
        recordings.append(recording)
        progress(len(recordings), total, "classifying the images of the chip run")
    chip = Run(digits=digits[picked], answers=np.array([answer(r) for r in recordings]), recordings=recordings)
    bills = {}
    for name in CHIPS:
        for label, variant in bounds(nr.load_chip(name)).items():
            placement = place(weights, variant)
            bills[label] = bill([nr.account(recording, placement) for recording in recordings], variant)
    progress(2 * config.chip_images, total, "accounting")
    right, events = 0, 0
    trials = ({"input": encode(pixels[i])} for i in range(config.images))
    for k, recording in enumerate(nr.run_batch(program, STEPS * DT, trials, record=nr.Record(spikes=False))):
        right += answer(recording) == digits[k]
        events += sum(recording.events.values())
        if k % 100 == 99:
            progress(2 * config.chip_images + k + 1, total, "classifying")
    use, known = core_use(network(*weights)), published()
    main = bills[MAIN]
    return Report(
        task="loihi-smnist",
        metrics={
            "accuracy": right / config.images,
            "accuracy_200": float(np.mean(chip.answers == chip.digits)),
            "core_dynamic_uJ": main.dynamic / uJ,
            "core_us_per_step": main.step / us,
            "synaptic_events_per_image": events / config.images,
            **_more(config, chip, bills, use, known),
        },
        energy={
            "unit": "J for one inference, mean over the images of the chip run",
            **{name: {"dynamic": b.dynamic, "by_cause": b.causes, "counts": b.counts} for name, b in bills.items()},
        },
        tables=(
            _beside_the_chip(chip, bills, known),
            *(_causes(name, found, known) for name, found in bills.items() if name in CHIPS),
            _conventional(main, known),
            _core(use, main.chip),
            _errors(config, chip),
        ),
        figures=_figures(chip, bills, known),
    )


def static(known: Published, latency: float) -> float:
    """Measured static power of the neuro-cores over a latency, J."""
    return known.chip_2021["core_static_power"] * latency


def host(known: Published) -> float:
    """Measured energy of the x86 cores for an inference, J."""
    return (known.chip_2021["host_dynamic_power"] + known.chip_2021["host_static_power"]) * known.chip_2021["latency"]


def inference(found: Bill, known: Published) -> float:
    """Predicted dynamic energy and the measured rest: static power and host over the chip's latency, J."""
    return found.dynamic + static(known, known.chip_2021["latency"]) + host(known)


def _more(config: Config, chip: Run, bills: dict[str, Bill], use: CoreUse, known: Published) -> dict[str, float]:
    """What the report has beyond the five figures that are asked for."""
    main, spikes = bills[MAIN], chip.spikes()
    total, measured = inference(main, known), known.chip_2021
    found: dict[str, float] = {
        "images": config.images,
        "images_of_the_chip_run": config.chip_images,
        "right_of_the_chip_run": int(np.sum(chip.answers == chip.digits)),
        "synaptic_events_per_image_of_the_chip_run": chip.events(),
        **{f"spikes_per_image/{name}": count for name, count in spikes.items()},
        "core_dynamic_uJ_measured_2021": known.core_dynamic / uJ,
        "core_dynamic_uJ_measured_2019": known.chip_2019["active"] / uJ,
        "core_us_per_step_measured_2019": known.chip_2019["core_step"] / us,
        "core_dynamic_uJ_standard_deviation": main.deviation / uJ,
        "core_dynamic_uJ_if_zeros_were_stored": (
            main.dynamic / uJ + (dense_operations(spikes) - main.counts["synapse"]) * cost(main.chip, "synapse") / uJ
        ),
        "core_static_uJ": static(known, main.latency) / uJ,
        "core_static_uJ_at_the_chips_latency": static(known, measured["latency"]) / uJ,
        "energy_per_inference_uJ": total / uJ,
        "energy_per_inference_uJ_measured": measured["energy"] / uJ,
        "edp_uJs": total * measured["latency"] / uJ,
        "edp_uJs_measured": measured["energy"] * measured["latency"] / uJ,
        "host_share": host(known) / total,
        "host_share_measured": host(known) / measured["energy"],
        "core_synapse_bits": use.synapse_bits,
        "core_compartments": use.compartments,
        "fits_one_core": not use.exceeded(main.chip.limits),
    }
    for name, each in bills.items():
        slug = name.replace(", ", "/").replace(" ", "_")
        found[f"core_dynamic_uJ/{slug}"], found[f"core_us_per_step/{slug}"] = each.dynamic / uJ, each.step / us
    return found


def _beside_the_chip(chip: Run, bills: dict[str, Bill], known: Published) -> Table:
    then, before = known.chip_2021, known.chip_2019
    pacing, total = then["latency"], {name: inference(found, known) for name, found in bills.items()}
    shares = {name: f"{host(known) / total[name]:.0%}" for name in bills}

    def row(what: str, ours: dict[str, Any], measured: object, earlier: object = "-") -> tuple[object, ...]:
        return (what, *(ours[name] for name in bills), measured, earlier)

    right, idle = float(np.mean(chip.answers == chip.digits)), static(known, pacing) / uJ
    dynamic = {name: found.dynamic / uJ for name, found in bills.items()}
    paced = dict.fromkeys(bills, pacing / ms)
    rows = (
        row(f"accuracy, {len(chip.digits)} images of the chip run", dict.fromkeys(bills, right), then["accuracy"]),
        row("core time per step, us", {n: b.step / us for n, b in bills.items()}, "-", before["core_step"] / us),
        row("core dynamic, uJ", dynamic, known.core_dynamic / uJ, before["active"] / uJ),
        row(
            "core static, uJ: measured power x predicted time in the core",
            {n: static(known, b.latency) / uJ for n, b in bills.items()},
            "-",
        ),
        row("core static, uJ: x the chip's latency", dict.fromkeys(bills, idle), idle),
        row("host, uJ (measured, not predicted)", dict.fromkeys(bills, host(known) / uJ), host(known) / uJ),
        row("energy per inference, uJ", {n: t / uJ for n, t in total.items()}, then["energy"] / uJ),
        row("host share", shares, f"{host(known) / then['energy']:.0%}"),
        row("latency, ms (the host's, measured)", paced, pacing / ms, before["latency"] / ms),
        row("EDP, uJ s", {n: t * pacing / uJ for n, t in total.items()}, then["energy"] * pacing / uJ),
    )
    columns = ("one inference", *bills, "measured 2021", "measured 2019")
    return Table("Predicted beside measured; inferences one at a time (batch 1)", columns, rows)


def _causes(name: str, found: Bill, known: Published) -> Table:
    goals = {"2021": known.core_dynamic, "2019": known.chip_2019["active"]}
    rows: list[tuple[object, ...]] = []
    for kind, joules in sorted(found.causes.items(), key=lambda part: -part[1]):
        wanted = [needed(found, kind, goal) * 1e12 for goal in goals.values()]
        events, share = round(found.counts[kind]), f"{joules / found.dynamic:.1%}"
        time = found.seconds.get(kind, 0.0) / STEPS / us
        needs = (f"{value:.3g}" if value > 0 else "cannot" for value in wanted)
        rows.append((kind, events, cost(found.chip, kind) * 1e12, joules / uJ, share, time, *needs))
    for kind, time in found.seconds.items():
        if kind not in found.causes:
            events = round(found.counts.get(kind, STEPS))
            rows.append((kind, events, 0.0, 0.0, "-", time / STEPS / us, "-", "-"))
    gaps = ", ".join(f"{(found.dynamic - goal) / uJ:+.1f} uJ against {year}" for year, goal in goals.items())
    columns = ("cause", "events", "pJ each", "uJ", "share", "us a step", "pJ that gives 2021", "pJ that gives 2019")
    return Table(f"{name}: {found.dynamic / uJ:.1f} uJ, {gaps}; which constants carry it", columns, tuple(rows))


def _conventional(main: Bill, known: Published) -> Table:
    own, chip = inference(main, known), known.relative["Loihi, this network"]["energy"]
    rows = []
    for name, found in known.relative.items():
        energy, latency = found["energy"], found["latency"]
        ratios = ("-", "-") if energy is None or chip is None else (energy / chip, energy / own)
        shown = (None if value is None else value / milli for value, milli in ((energy, mJ), (latency, ms)))
        rows.append((name, *shown, *ratios))
    columns = ("platform, batch 1", "mJ", "ms", "over Loihi's 2.02 mJ (whole board)", f"over our {own / mJ:.3f} mJ")
    title = "Published LSTMs of 128 units, batch size 1; in larger batches an image costs less"
    return Table(title, columns, tuple(rows))


def _core(use: CoreUse, chip: Any) -> Table:
    limits = chip.limits
    rows = (
        ("compartments", use.compartments, limits.neurons),
        ("input axons", use.axons_in, limits.axons_in),
        ("bits of synapse memory", use.synapse_bits, limits.synapse_bits),
        ("synapses", use.synapses, limits.synapses),
    )
    over = "; ".join(use.exceeded(limits))
    return Table(f"The core: {over or 'all fits'}", ("what", "used", "has"), rows)


def _errors(config: Config, chip: Run) -> Table:
    """Our errors and the chip's, in the order of its run; the chip's are known for the whole run only."""
    ours, theirs = chip.wrong, list(ERRORS) if config.chip_images == 200 else []
    rows: list[tuple[object, ...]] = []
    left = list(ours)
    for digit, given in theirs:
        same = (digit, given) in left
        if same:
            left.remove((digit, given))
        rows.append((digit, given, given if same else f"{digit} (right)" if (digit, given) not in ours else given))
    rows += [(digit, "-", given) for digit, given in left]
    return Table("Errors among the images of the chip run", ("digit", "chip's answer", "ours"), tuple(rows))


def _figures(chip: Run, bills: dict[str, Bill], known: Published) -> dict[str, Any]:
    from neuro.report import plots
    from neuro.tasks import _figures as draw

    main = bills[MAIN]
    bars = {
        name.removeprefix("loihi_").replace(", all updates", ",\nupdates"): {
            kind.partition(":")[0]: joules / uJ for kind, joules in b.causes.items()
        }
        for name, b in bills.items()
    }
    bars["measured 2021"] = {"measured": known.core_dynamic / uJ}
    bars["measured 2019"] = {"measured": known.chip_2019["active"] / uJ}
    shown = chip.recordings[0]
    sizes = dict(zip(SPIKING, (INPUTS, LIF, AHP), strict=True))
    first = dict(zip(SPIKING, np.cumsum([0, INPUTS, LIF]).tolist(), strict=True))
    return {
        "energy": lambda: draw.stacked_bars(
            bars, ylabel="dynamic energy of the core (uJ per inference)", title="Energy by cause beside the chip"
        ),
        "sensitivity": lambda: draw.tornado(
            {kind: (low / uJ, high / uJ) for kind, (low, high) in spans(main).items()},
            main.dynamic / uJ,
            xlabel="dynamic energy of the core (uJ per inference)",
            title=f"{MAIN}: one constant halved or doubled",
            ends=("halved", "doubled"),
            marks={"measured 2021": known.core_dynamic / uJ, "measured 2019": known.chip_2019["active"] / uJ},
        ),
        "raster": lambda: plots.spike_raster(
            np.concatenate([shown.spikes[name].times for name in SPIKING]),
            np.concatenate([shown.spikes[name].ids + first[name] for name in SPIKING]),
            size=sum(sizes.values()),
            window=(0.0, STEPS * DT),
            groups={name: (first[name], first[name] + sizes[name]) for name in SPIKING},
            spans={"cue": (784 * DT, STEPS * DT)},
            title=f"One image, a {int(chip.digits[0])}, read as a {int(chip.answers[0])}; 1 ms is a step",
        ),
    }
