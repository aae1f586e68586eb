"""Scripts of Brian2, one for each set of features, as a user would write them."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from brian2 import Hz, Mohm, ms, mV, nA

__all__ = ["FEATURES", "N", "made", "showered"]

N = 40
FEATURES = [
    "",
    "bias",
    "refractory",
    "two receptors",
    "two receptors, refractory, bias",
    "ahp",
    "ahp, two receptors, delays",
    "two slow, refractory",
    "adaptive",
    "adaptive, refractory, two receptors",
    "delta",
    "delta, ahp, bias",
    "delays, subset",
    "subset, refractory, two receptors",
    "subtract, bias",
    "double exponential, delays",
    "integrator, delta",
    "integrator, two receptors, refractory",
    "arrivals, two receptors, subset",
    "arrivals, adaptive, delays, bias",
    "double exponential, ahp, refractory",
    "double exponential, two inputs, delays",
    "chain, bias",
    "chain, two slow, refractory, two inputs",
    "coupled, subset",
    "coupled, jumps, delays",
    "double exponential, each",
]
"""PoissonInputs come with their arrivals given: only the distribution of what is drawn can agree."""


def made(features: str, seed: int) -> tuple[list[Any], Any]:
    """The objects of a script, and the group whose spikes count; v is in volts."""
    has, rng = set(features.split(", ")), np.random.default_rng(seed)
    integrator = "integrator" in has
    # Names of the script, as its author has them.
    names = {"tau": 20 * ms, "El": -65 * mV, "Vt": -50 * mV, "R": 50 * Mohm, "tau_e": 5 * ms, "tau_i": 3 * ms}
    names |= {"tau_w": 80 * ms, "tau_x": 2 * ms, "tau_t": 60 * ms, "C": 0.4 * b2.nF, "tau_u": 30 * ms}
    drive, pull = ["El - v", "R*I"], []
    equations = ["I : amp", "shift : volt (constant)"]
    reset = ["v = El"]
    threshold = "v > Vt"
    if "two receptors" in has or "arrivals" in has:
        drive += ["ge - gi"]
        equations += ["dge/dt = -ge/tau_e : volt", "dgi/dt = -gi/tau_i : volt"]
    if "double exponential" in has:
        drive += ["ge*gain" if "each" in has else "ge"]
        equations += ["gain : 1 (constant)"] if "each" in has else []
        equations += ["dge/dt = (x - ge)/tau_e : volt", "dx/dt = -x/tau_x : volt"]
    if "chain" in has:
        drive += ["ge"]
        equations += ["dge/dt = (y - ge)/tau_e : volt", "dy/dt = (x - y)/tau_i : volt", "dx/dt = -x/tau_x : volt"]
    if "coupled" in has:
        drive += ["ge"]
        equations += ["dge/dt = (0.5*x - ge)/tau_e : volt", "dx/dt = (0.4*ge - x)/tau_x : volt"]
    if "jumps" in has:
        reset += ["x -= 1*mV"]
    if "ahp" in has or "two slow" in has:
        pull += ["w"]
        equations += ["dw/dt = -w/tau_w : volt"]
        reset += ["w += 2*mV"]
    if "two slow" in has:
        pull += ["u"]
        equations += ["du/dt = -u/tau_u : volt"]
        reset += ["u += 1*mV"]
    if "adaptive" in has:
        equations += ["dvt/dt = (Vt - vt)/tau_t : volt"]
        threshold, reset = "v > vt", [*reset, "vt += 1.5*mV"]
    if "bias" in has:
        drive += ["shift"]
    total = " + ".join(drive) + "".join(f" - {each}" for each in pull)
    right = "(I + (ge - gi)/R)/C" if "two receptors" in has else "I/C"
    held = " (unless refractory)" if "refractory" in has else ""
    equations.insert(0, f"dv/dt = {right if integrator else f'({total})/tau'} : volt{held}")
    if "subtract" in has:
        # The potential is measured from rest, as reset by subtraction has it.
        names |= {"El": 0 * mV, "Vt": 15 * mV}
        reset[0] = "v -= Vt"
    cells = b2.NeuronGroup(
        N, "\n".join(equations), threshold=threshold, reset="; ".join(reset), name="cells", namespace=names,
        refractory=3.2 * ms if "refractory" in has else False, method="euler" if integrator else "rk4",
    )  # fmt: skip
    cells.v = names["El"] + rng.uniform(0, 10, N) * mV
    cells.I = rng.uniform(0.42, 0.7, N) * nA * (0.6 if integrator else 1.0)
    cells.shift = rng.uniform(0, 4, N) * mV
    if "each" in has:
        cells.gain = rng.uniform(0.5, 1.5, N)
    if "adaptive" in has:
        cells.vt = names["Vt"]
    variables = ["ge", "gi"] if "two receptors" in has or "arrivals" in has else ["v"]
    variables = ["x"] if {"double exponential", "chain", "coupled"} & has else variables
    variables += ["v", "ge"] if "two inputs" in has else []
    objects: list[Any] = [cells]
    source, target = (cells[1:4], cells[2:]) if "subset" in has else (cells, cells)
    for k, variable in enumerate(variables):
        synapses = b2.Synapses(source, target, "weight : volt", on_pre=f"{variable}_post += weight", name=f"link{k}")
        synapses.connect(condition="i != j" if "subset" not in has else "True")
        synapses.weight = rng.uniform(-0.1, 0.1, len(synapses)) * mV
        lag = 0.2 * rng.integers(5, 20, len(synapses)) if "delays" in has else 1.6
        synapses.delay = lag * ms
        objects.append(synapses)
    if "arrivals" in has:
        count = 240
        times, ids = np.sort(rng.uniform(0, 40, count)), rng.integers(0, N, count)
        kept = [k for k in range(count) if not np.any((ids[:k] == ids[k]) & (times[:k] > times[k] - 0.5))]
        arrivals = b2.SpikeGeneratorGroup(N, ids[kept], times[kept] * ms, name="arrivals")
        shower = b2.Synapses(arrivals, cells, on_pre="ge += 0.5*mV", name="shower")
        shower.connect(j="i")
        shower.delay = 1 * ms
        objects += [arrivals, shower]
    return objects, cells


def showered(rate: float = 30.0, inputs: int = 200) -> tuple[list[Any], Any]:
    """A script whose neurons get Poisson arrivals, and never spike."""
    cells = b2.NeuronGroup(
        400, "dv/dt = (g - v)/(10*ms) : volt\ndg/dt = -g/(5*ms) : volt", method="exact", name="cells"
    )
    return [cells, b2.PoissonInput(cells, "g", inputs, rate * Hz, 0.1 * mV)], cells
