"""Networks of the whole family that has gradients, as plain numbers that can be moved; and differences of runs of them.

What is equal is equal on purpose: time constants, refractory times and delays, spikes of one instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

import neuro as nr

MOST_SPIKES = 150
STEPS = (3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
"""Relative steps of the differences, from which the one is taken whose neighbour agrees best."""
AGREED, ENOUGH = 1e-7, 1e-9
"""Differences of two steps must agree so well, in relation to the gradient's norm; and so well to try no others."""
ROUNDING = 1e-14
"""A gradient that moves the loss by less, relative to it, for a step of the parameters' scale, is one of zero."""
SIXTH = {1: 45 / 60, 2: -9 / 60, 3: 1 / 60}
"""Central differences of sixth order: factor of f(x + n h) - f(x - n h), times h."""
SCALE = {"bias": 0.3, "v_rest": 0.3, "v_th": 0.3, "v_reset": 0.3, "jump": 0.3, "delays": 1e-3, "inputs": 1e-3}
SLOW = ("tau_ahp", "tau_adapt")


@dataclass
class Case:
    """A network, its input and a loss."""

    populations: dict[str, tuple[str, int, dict[str, Any]]]
    projections: dict[str, dict[str, Any]]
    times: np.ndarray
    ids: np.ndarray
    duration: float
    slopes: dict[str, int] = field(default_factory=dict)
    """Seeds of the weights of the spike times in the loss, by population."""
    losses: tuple[Any, ...] = ()
    initial: dict[str, Any] = field(default_factory=dict)
    currents: dict[str, Any] = field(default_factory=dict)

    def network(self) -> nr.Network:
        net = nr.Network()
        net.add(nr.Population("cue", 4, nr.SpikeSource()))
        for name, (kind, size, fields) in self.populations.items():
            net.add(nr.Population(name, size, getattr(nr, kind)(**fields), self.initial.get(name)))
        for name, p in self.projections.items():
            if "shape" in p:
                weight, delay = p["weights"].reshape(p["shape"]), p["delays"].reshape(p["shape"])
                wiring, lag = nr.Dense(weight), delay
            else:
                wiring, lag = nr.Sparse(p["pre"], p["post"], p["weights"]), p["delays"]
            net.connect(p["from"], p["to"], wiring, delay=lag, receptor=p["receptor"], name=name)
        return net

    def inputs(self) -> dict[str, Any]:
        return {"cue": nr.Spikes(self.times, self.ids), **self.currents}

    def run(self, net: nr.Network) -> nr.Recording:
        return nr.run(net, self.duration, inputs=self.inputs(), max_rate=1e5)

    def loss(self) -> Any:
        def of(seed: int) -> Any:
            def function(spikes: nr.Spikes) -> Any:
                # The same weight for the same spike of a neuron, in whatever order.
                turn = np.zeros(len(spikes), int)
                for i in np.unique(spikes.ids):
                    turn[spikes.ids == i] = np.arange(np.sum(spikes.ids == i))
                weight = np.array([factor(seed, int(i), int(n)) for i, n in zip(spikes.ids, turn, strict=True)])
                shifted = 100.0 * spikes.times
                return float(np.sum(weight * (shifted + shifted**2))), weight * (100.0 + 200.0 * shifted)

            return function

        return (*({name: of(seed)} for name, seed in self.slopes.items()), *self.losses)


def factor(seed: int, i: int, n: int) -> float:
    """A number from -1 to 1 that is as good as drawn."""
    return 2.0 * ((seed + 1.0) * 0.6180339887 + (i + 1.0) * 0.7548776662 + (n + 1.0) * 0.5698402910) % 2.0 - 1.0


def value_of(case: Case) -> tuple[float, tuple[Any, ...]]:
    """The loss, and the number of spikes of each neuron."""
    net = case.network()
    run = case.run(net)
    counts = tuple(tuple(s.counts(net.populations[name].size).tolist()) for name, s in run.spikes.items())
    value = 0.0
    plain = [part for part in case.loss() if isinstance(part, dict)]
    for part in plain:
        for name, function in part.items():
            value += function(run.spikes[name])[0]
    if case.losses:
        value += nr.gradient(net, run, inputs=case.inputs(), loss=case.losses).value
    return value, counts


def arrays_of(case: Case) -> dict[str, list[tuple[np.ndarray, np.ndarray, Any]]]:
    """By kind of parameter: arrays of the case, the scale of each entry (zero: it stays), and where its gradient is."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray, Any]]] = {}
    for name, p in case.projections.items():
        found.setdefault("weights", []).append((p["weights"], np.abs(p["weights"]), ("weights", name)))
        delays = p["delays"]
        found.setdefault("delays", []).append((delays, SCALE["delays"] * (delays > 0), ("delays", name)))
    found["inputs"] = [(case.times, np.full(len(case.times), SCALE["inputs"]), ("inputs", "cue"))]
    for name, (kind, _, fields) in case.populations.items():
        for key, value in fields.items():
            if key == "reset":
                continue
            for n, part in enumerate(value if isinstance(value, tuple) else (value,)):
                if part is None:
                    continue
                scale = SCALE.get(key, 1.0) * (np.abs(part) if key.startswith("tau") or key == "refractory" else 1.0)
                if kind == "IF" and key == "bias":
                    scale = np.full(len(part), 10.0)
                place = ("parameters", name, key, n if isinstance(value, tuple) else None)
                found.setdefault("tau_slow" if key in SLOW else key, []).append(
                    (part, scale * np.ones(len(part)), place)
                )
    return found


def entry(found: nr.Gradient, place: Any) -> np.ndarray:
    """The gradient at a place of `arrays_of`."""
    if place[0] != "parameters":
        return np.ravel(getattr(found, place[0])[place[1]])
    _, name, key, n = place
    own = found.parameters[name][key]
    return own if n is None else own[n]


def errors(case: Case, seed: int) -> dict[str, float]:
    """By kind of parameter, how far the gradient and differences of runs are apart, in a direction drawn by `seed`.

    In relation to the norm of the gradient. Kinds without an effect are left out, and those where differences of
    several steps do not agree to 1e-7, because a spike is about to vanish or events change their order.
    """
    net = case.network()
    whole = nr.gradient(net, case.run(net), inputs=case.inputs(), loss=case.loss())
    _, counts = value_of(case)
    rng, found = np.random.default_rng(seed), {}
    for kind, arrays in arrays_of(case).items():
        steps = [rng.uniform(0.5, 1.0, len(a)) * rng.choice([-1.0, 1.0], len(a)) * scale for a, scale, _ in arrays]
        own = [entry(whole, place) for *_, place in arrays]
        slope = sum(float(g @ d) for g, d in zip(own, steps, strict=True))
        norm = np.sqrt(sum(float(np.sum((g * scale) ** 2)) for g, (_, scale, _) in zip(own, arrays, strict=True)))
        if norm <= ROUNDING * max(1.0, abs(whole.value)):
            # A spike may go from one input to another within a large step.
            slopes = [*differences(case, arrays, steps, counts)] if any(np.any(d) for d in steps) else []
            found |= {kind: np.inf} if slopes and abs(slopes[-1]) > 1e-6 else {}
            continue
        before, best = None, (np.inf, 0.0)
        for now in differences(case, arrays, steps, counts):
            if before is not None:
                best = min(best, (abs(now - before) / norm, min(abs(slope - now), abs(slope - before)) / norm))
            if best[0] < ENOUGH:
                break
            before = now
        if best[0] <= AGREED:
            found[kind] = best[1]
    return found


def differences(case: Case, arrays: Any, steps: Any, counts: Any) -> Iterator[float]:
    """Differences of sixth order of the loss, for several steps, as far as no spike comes or goes."""
    kept = [array.copy() for array, *_ in arrays]

    def moved(by: float) -> float:
        for (array, *_), before, step in zip(arrays, kept, steps, strict=True):
            array[...] = before + by * step
        try:
            value, there = value_of(case)
        except nr.NeuroError:
            return np.nan
        finally:
            for (array, *_), before in zip(arrays, kept, strict=True):
                array[...] = before
        return value if there == counts else np.nan

    for h in STEPS:
        total = sum(weight * (moved(n * h) - moved(-n * h)) for n, weight in SIXTH.items())
        if np.isfinite(total):
            yield total / h


def numbers(rng: np.random.Generator, size: int, low: float, high: float) -> np.ndarray:
    return rng.uniform(low, high, size)


@st.composite
def populations(draw: Any, rng: np.random.Generator) -> tuple[str, int, dict[str, Any]]:
    """Any model with a membrane."""
    kind = draw(st.sampled_from(["LIF", "LIF", "AHP", "ALIF", "IF"]))
    size = draw(st.integers(1, 3))
    fields: dict[str, Any] = {"v_th": numbers(rng, size, 0.6, 1.4)}
    tau_m = numbers(rng, size, 6e-3, 30e-3)
    if kind != "IF":
        fields["tau_m"] = tau_m
        fields["v_rest"] = numbers(rng, size, -0.2, 0.2)
    low, high = (0.0, 90.0) if kind == "IF" else draw(st.sampled_from([(-0.3, 0.5), (0.4, 2.5)]))
    fields["bias"] = numbers(rng, size, low, high)
    fields["reset"] = draw(st.sampled_from(["to_value", "to_value", "subtract"]))
    if fields["reset"] == "to_value":
        fields["v_reset"] = numbers(rng, size, -0.3, 0.3)
    refractory = draw(st.sampled_from(["none", "some", "long"]))
    if refractory != "none":
        low, high = (0.3e-3, 2e-3) if refractory == "some" else (5e-3, 12e-3)
        fields["refractory"] = numbers(rng, size, low, high)
    taus: list[Any] = []
    for _ in range(draw(st.integers(1, 3))):
        form = draw(st.sampled_from(["jump", "any", "any", "equal", "nearly"]))
        tau = None if form == "jump" else numbers(rng, size, 2e-3, 15e-3)
        if kind != "IF" and form in ("equal", "nearly"):
            tau = tau_m * (1.0 if form == "equal" else 1.0 + draw(st.sampled_from([-1e-3, -1e-6, 1e-9, 1e-13])))
        taus.append(tau)
    fields["tau_syn"] = tuple(taus)
    if kind in ("AHP", "ALIF"):
        n = draw(st.integers(1, 2))
        fields["tau_ahp" if kind == "AHP" else "tau_adapt"] = tuple(numbers(rng, size, 15e-3, 150e-3) for _ in range(n))
        fields["jump"] = tuple(numbers(rng, size, 0.02, 0.5) for _ in range(n))
    return kind, size, fields


@st.composite
def cases(draw: Any, zero: bool | None = None) -> Case:
    """Any network that has gradients; `zero`: with delays of zero or without."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    zero = draw(st.sampled_from([False, False, True])) if zero is None else zero
    names = ["one", "two", "three"][: draw(st.integers(1, 3))]
    made = {name: draw(populations(rng)) for name in names}
    duration = draw(st.sampled_from([20e-3, 40e-3]))
    projections: dict[str, dict[str, Any]] = {}
    pairs = [("cue", draw(st.sampled_from(names)))]
    pairs += draw(st.lists(st.tuples(st.sampled_from(["cue", *names]), st.sampled_from(names)), max_size=4))
    for k, (pre, post) in enumerate(pairs):
        kind, size, fields = made[post]
        receptor = draw(st.integers(0, len(fields["tau_syn"]) - 1))
        tau = fields["tau_syn"][receptor]
        scale = (4.0 if pre == "cue" else 1.2) * (1.0 if tau is None else float(1 / tau[0]) if kind == "IF" else 3.0)
        n_pre = 4 if pre == "cue" else made[pre][1]
        p: dict[str, Any] = {"from": pre, "to": post, "receptor": receptor}
        if draw(st.booleans()):
            p["shape"], count = (n_pre, size), n_pre * size
        else:
            count = draw(st.integers(1, 8))
            p["pre"], p["post"] = rng.integers(0, n_pre, count), rng.integers(0, size, count)
        p["weights"] = rng.uniform(0.1, 1.0, count) * scale * rng.choice([1.0, 1.0, 1.0, -1.0], count)
        p["delays"] = rng.uniform(0.2e-3, 9e-3, count)
        if zero and draw(st.booleans()):
            p["delays"] *= rng.integers(0, 2, count)
        projections[f"p{k}"] = p
    count = draw(st.integers(3, 12))
    times = np.sort(rng.uniform(0.0, 0.8 * duration, count))
    case = Case(made, projections, times, rng.integers(0, 4, count), duration)
    case.slopes = {name: draw(st.integers(0, 99)) for name in names if draw(st.booleans())}
    losses = []
    for name in names:
        what = draw(st.sampled_from(["none", "none", "sampled", "integral", "largest"]))
        begin, end = np.sort(rng.uniform(0.0, duration, 2)).tolist()
        if what == "sampled":
            losses.append(nr.SquaredError(nr.SampledV(population=name, times=[begin, end]), 0.3))
        if what == "integral":
            losses.append(nr.WeightedSum(nr.IntegralV(population=name, start=begin, stop=end), 30.0))
        if what == "largest":
            losses.append(nr.WeightedSum(nr.LargestV(population=name, start=begin, stop=end), 0.7))
    case.losses = tuple(losses)
    if not case.slopes and not losses:
        case.slopes = {names[0]: 1}
    if draw(st.integers(0, 3)) == 3:
        name = names[-1]
        at = np.sort(rng.uniform(0.0, duration, 2))
        scale = 40.0 if made[name][0] == "IF" else 0.8
        case.currents[name] = nr.Current(at, rng.uniform(-0.5, 1.0, (2, made[name][1])) * scale)
    return case


def runs(case: Case) -> bool:
    """Does the network run, with a few spikes?"""
    try:
        run = case.run(case.network())
    except nr.NeuroError:
        return False
    return sum(map(len, run.spikes.values())) < MOST_SPIKES
