"""Digests of results from every room of the package, to see that a refactor changes no bit of any of them.

PYTHONPATH=. python tests/bench/same_bits.py --write FILE | --check FILE [--only PATTERN]

Digests hold for one machine and one set of libraries: write them before a change, check them after it. Those beside
this file are of the machine that made them; with another processor or another NumPy, write your own first. The cases
crossbar/preset/TaOx41 and tasks/loihi-smnist need published files, and fail where $NEURO_DATA does not lead to them.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import hashlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import nir
import numpy as np

import neuro as nr

# All that is not in the public interface; where it moves, only these lines change.
from neuro.accounting.fallback_placement import moved_to_chip, on_one_core
from neuro.bench.mapping_networks import draw, network_of
from neuro.chip.model import tiled
from neuro.cli import main as command_line
from neuro.crossbar.device.iv import Sinh
from neuro.crossbar.device.laws import (
    Constant,
    Cycle,
    Exponential,
    Linear,
    MeasuredLaw,
    Piecewise,
    Power,
    SoftBounds,
    Variation,
)
from neuro.crossbar.device.noise import Drift, Flicker, Telegraph
from neuro.crossbar.device.properties import properties
from neuro.crossbar.read.settings import Converter
from neuro.learning.clamp import Clamp
from neuro.learning.hopfield import hebb, nearest, pseudo_inverse, settle_signs
from neuro.learning.memory import AssociativeMemory, clamped, lower, recall
from neuro.learning.two_phase import Centred, Contrastive, activity
from neuro.mapping.baselines import baseline
from neuro.mapping.files import read_placement, write_hmetis, write_parts, write_placement, write_sanafe
from neuro.mapping.metrics import heat, judge
from neuro.mapping.traffic import traffic_of
from neuro.tasks import run_task

RENAMED: Mapping[str, str] = {}
"""Keys of results, populations aside, that have a new name: new to old. Digests then go by the old one."""

DEVICES = ("EcRam", "EcRamMO", "HfO2Array", "PCM", "ReRamES", "ReRamSB", "TaOx41", "ideal", "taox_64x64")
CHIPS = (
    "cpu_batch1", "crossbar_64", "digital_mac", "gpu_batch1", "loihi2", "loihi_davies2018", "loihi_sanafe",
    "spinnaker1", "spinnaker2", "truenorth", "truenorth@best",
)  # fmt: skip
OBJECTIVES = (
    "km1", "cut_synapse_spikes", "unicast_hops", "multicast_hops", "max_link", "cores", "energy", "latency",
)  # fmt: skip

Result = Any
Case = Callable[[], Result]
CASES: dict[str, Case] = {}


def case(name: str, *given: Any) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Enter a function as a case, called with what is given."""

    def enter(function: Callable[..., Result]) -> Callable[..., Result]:
        if name in CASES:
            raise ValueError(f"two cases are called {name!r}")
        CASES[name] = partial(function, *given)
        return function

    return enter


# Digests.


def digest(result: Result) -> str:
    """SHA-256 of a result made of arrays, numbers, texts, sequences and mappings."""
    found = hashlib.sha256()
    feed(found, result)
    return found.hexdigest()


def feed(found: Any, result: Result) -> None:
    """Feed a result into a digest; every part says its kind and its length, so that nothing runs together."""
    if isinstance(result, np.ndarray):
        if result.dtype.hasobject or result.dtype.names:
            raise TypeError(f"no digest of an array of {result.dtype}")
        found.update(f"a{result.dtype.str}{result.shape}".encode())
        found.update(np.ascontiguousarray(result).tobytes())
    elif result is None:
        found.update(b"none")
    elif isinstance(result, bool | np.bool_):
        found.update(f"b{int(result)};".encode())
    elif isinstance(result, int | np.integer):
        found.update(f"i{int(result)};".encode())
    elif isinstance(result, float | np.floating):
        found.update(f"f{float(result).hex()};".encode())
    elif isinstance(result, str):
        found.update(f"s{len(result.encode())};{result}".encode())
    elif isinstance(result, Mapping):
        found.update(f"m{len(result)};".encode())
        for key, value in sorted((RENAMED.get(str(key), str(key)), value) for key, value in result.items()):
            feed(found, key)
            feed(found, value)
    elif isinstance(result, list | tuple):
        found.update(f"l{len(result)};".encode())
        for part in result:
            feed(found, part)
    else:
        raise TypeError(f"no digest of a {type(result).__name__}")


def of_spikes(spikes: Mapping[str, nr.Spikes]) -> Result:
    return {name: (spikes[name].times, spikes[name].ids) for name in spikes}


def of_recording(recording: nr.Recording) -> Result:
    """All but the provenance and the state, which the runs that go on from it show."""
    r = recording
    v = {name: r.v[name] for name in r.v}
    return of_spikes(r.spikes), v, r.v_times, r.events, r.start, r.stop, r.weights, r.interrupted


def of_ledger(ledger: Any) -> Result:
    counts = ledger.as_dict(), ledger.unpriced, ledger.unpriced_writes, ledger.half_selects
    return counts, ledger.joules, ledger.events, ledger.plus, ledger.minus


def of_crossbar(crossbar: Any) -> Result:
    conductance = crossbar.conductance_plus, crossbar.conductance_minus
    return conductance, crossbar.effective_weights(), crossbar.register, of_ledger(crossbar.ledger)


def of_verification(found: Any) -> Result:
    # The digests are from before a miss named its slice.
    missed = [tuple(one)[:5] for one in found.missed] if found.found.ndim == 3 else None
    return found.tolerance, found.rounds, found.pulses, found.target, found.found, found.reached, missed


def of_report(report: nr.EnergyReport) -> Result:
    r, host = report, report.host
    energy = r.total, r.range, r.by_cause, r.by_population, r.by_core, r.by_link, r.static, r.by_bin, r.range_by_cause
    counts = r.counts, r.counts_by_bin, r.counts_by_core, r.messages_by_link, r.links.source, r.links.target
    times = r.step, r.bins, r.latency, r.latency_range, r.step_times, r.busiest, r.flight, r.edp, r.dynamic
    feeding = None if host is None else (host.dynamic, host.static, host.latency)
    return energy, counts, times, feeding, r.metrics, r.missing, r.missing_time, r.complete


def of_placement(placement: nr.Placement) -> Result:
    p, routes = placement, placement.routes
    onto = routes.start, routes.core, routes.synapses, routes.variants, routes.nonzero
    return p.core, onto, p.objectives, p.bounds, p.structure, p.usage, p.compartments, p.neuron_compartments


def of_json(parts: Any) -> Result:
    """The numbers of a report as JSON, without what differs from run to run; texts are free to change."""
    if isinstance(parts, dict):
        left_out = ("provenance", "figures", "config")
        return {key: of_json(value) for key, value in parts.items() if key not in left_out}
    return [of_json(part) for part in parts] if isinstance(parts, list) else None if isinstance(parts, str) else parts


# Networks.


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def driven(
    model: Any,
    *,
    size: int = 24,
    delay: Any = 1e-3,
    weight: float = 0.3,
    back: float = -0.1,
    rate: float = 300.0,
    receptor: int = 0,
    initial: Mapping[str, Any] | None = None,
) -> nr.Network:
    """Neurons of one model, driven at random by 16 sources and by one another."""
    net, random = nr.Network(seed=5), rng(1)
    net.add(nr.Population("cue", 16, nr.PoissonSource(rate=rate)))
    net.add(nr.Population("cell", size, model, initial=initial))
    pre, post = random.integers(16, size=8 * size), np.repeat(np.arange(size), 8)
    net.connect("cue", "cell", nr.Sparse(pre, post, weight * random.uniform(0.5, 1.5, 8 * size)), delay=delay)
    net.connect("cell", "cell", nr.FixedProbability(0.2, back), delay=delay, receptor=receptor)
    return net


def pair(synapses: Any, delay: Any, *, n_pre: int = 18, n_post: int = 18, model: Any = None) -> nr.Network:
    """Sources onto cells through some synapses, and cells in a ring."""
    net = nr.Network(seed=9)
    net.add(nr.Population("cue", n_pre, nr.PoissonSource(rate=np.linspace(50.0, 250.0, n_pre))))
    net.add(nr.Population("cell", n_post, model or nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, refractory=1e-3)))
    net.connect("cue", "cell", synapses, delay=delay)
    around = (np.arange(n_post) + 1) % n_post
    net.connect("cell", "cell", nr.Sparse(np.arange(n_post), around, 0.2), delay=2e-3)
    return net


def balanced(size: int = 600) -> nr.Network:
    net, inner = nr.Network(seed=3), size * 4 // 5
    model = nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=2e-3, refractory=2e-3)
    net.add(nr.Population("drive", size, nr.PoissonSource(rate=400.0)))
    net.add(nr.Population("e", inner, model))
    net.add(nr.Population("i", size - inner, model))
    net.connect("drive", "e", nr.FixedIndegree(8, 0.6), delay=1.5e-3)
    net.connect("drive", "i", nr.FixedIndegree(8, 0.6), delay=1.5e-3)
    for name, weight in (("e", 0.2), ("i", -1.0)):
        for target in ("e", "i"):
            net.connect(name, target, nr.FixedProbability(0.08, weight), delay=1.5e-3)
    return net


def ran(make: Callable[[], nr.Network], duration: float = 0.15, *, look: bool = True, **options: Any) -> Result:
    """A run with one thread, and the same with two, which must have the same bits."""
    if look:
        options = {"record": nr.Record(v={"cell": [0, 3, 5]}, v_dt=0.7e-3), **options}
    one, two = (of_recording(nr.run(make(), duration, threads=n, seed=2, **options)) for n in (1, 2))
    if digest(one) != digest(two):
        raise AssertionError("two threads give other bits than one")
    return one


# The exact engine.

EACH = np.linspace(0.8, 1.2, 24)
NEURONS: dict[str, Case] = {
    "lif-jump": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0), back=0.1),
    "lif-current": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3), weight=1.5),
    "lif-one-tau": lambda: driven(nr.LIF(tau_m=10e-3, v_th=1.0, tau_syn=10e-3), weight=1.0),
    "lif-receptors": lambda: driven(
        nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=(4e-3, 9e-3, None)), weight=1.5, back=-0.5, receptor=1
    ),
    "lif-receptor-jump": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=(4e-3, None)), weight=1.5, receptor=1),
    "lif-limits": lambda: driven(
        nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, v_min=-0.2, v_max=1.4, v_reset=-0.1), weight=1.4, back=-1.5
    ),
    "lif-refractory": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0, refractory=3e-3), weight=0.4),
    "lif-subtract": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, reset="subtract"), weight=2.0),
    "lif-bias": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, bias=1.3, v_rest=0.1), weight=0.4),
    "lif-each": lambda: driven(
        nr.LIF(
            tau_m=20e-3 * EACH, v_th=EACH, v_reset=0.1 * EACH, bias=0.9 * EACH, refractory=1e-3 * EACH, tau_syn=5e-3
        ),
        weight=0.8,
    ),
    "lif-silent": lambda: driven(nr.LIF(tau_m=20e-3, v_th=None, tau_syn=(3e-3, 5e-3)), receptor=1),
    "lif-initial": lambda: driven(
        nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3), initial={"v": 0.5 * EACH, "i": EACH}, weight=1.0
    ),
    "ahp": lambda: driven(nr.AHP(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, tau_ahp=0.1, jump=0.4), weight=2.0),
    "ahp-jump": lambda: driven(nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.1, jump=0.4), weight=0.6),
    "ahp-two": lambda: driven(
        nr.AHP(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, tau_ahp=(0.05, 0.3), jump=(0.3, 0.1), bias=1.5), weight=1.0
    ),
    "alif": lambda: driven(nr.ALIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, tau_adapt=0.1, jump=0.2), weight=2.0),
    "alif-two": lambda: driven(
        nr.ALIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, tau_adapt=(0.03, 0.2), jump=(0.2, 0.1), reset="subtract"),
        weight=2.5,
    ),
    "if-jump": lambda: driven(nr.IF(v_th=1.0), weight=0.2, back=-0.05),
    "if-current": lambda: driven(nr.IF(v_th=1.0, tau_syn=4e-3, v_min=-0.5, refractory=1e-3), weight=60.0, back=-20.0),
    "if-bias": lambda: driven(nr.IF(v_th=1.0, bias=90.0 * EACH, tau_syn=(4e-3, None)), weight=20.0, receptor=1),
    "zero-delay": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0), delay=0.0, back=0.15),
    "zero-delay-current": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3), delay=0.0, weight=1.5),
    "dense-load": lambda: driven(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3), rate=3000.0, weight=0.3),
}
for _name, _make in NEURONS.items():
    case(f"engine/neuron/{_name}", _make)(ran)


def ramps() -> Mapping[str, Any]:
    """Spikes for sources and currents for cells, several of each kind."""
    steps = nr.Current([0.0, 10e-3, 35e-3], rng(4).uniform(0.0, 2.5, (3, 18)))
    spikes = nr.Spikes(np.arange(40) * 2e-3 + 0.3e-3, np.arange(40) * 7 % 18)
    return {"cue": spikes, "cell": [steps, nr.Current([20e-3, 60e-3], [0.4, -0.2])]}


def told() -> nr.Network:
    net = nr.Network(seed=9)
    net.add(nr.Population("cue", 18, nr.SpikeSource()))
    net.add(nr.Population("cell", 18, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3, refractory=1e-3)))
    net.connect("cue", "cell", nr.Dense(rng(2).normal(0.3, 0.5, (18, 18))), delay=1e-3)
    net.connect("cell", "cell", nr.FixedIndegree(4, -0.3), delay=2e-3)
    return net


@case("engine/inputs/spikes-currents")
def inputs() -> Result:
    return ran(told, inputs=ramps())


def lags(shape: Any) -> np.ndarray:
    return rng(7).uniform(0.5e-3, 6e-3, shape)


def crossbar(device: str = "taox_64x64", **options: Any) -> nr.AbstractCrossbar:
    return nr.Crossbar(rng(2).normal(0.4, 0.5, (18, 18)), device=nr.load_device(device), seed=3, **options)


DRIFT = Drift(exponent=0.05, reference=1.0)
KERNEL = rng(3).normal(0.5, 0.4, (2, 2, 2, 2))
LISTED = rng(6).integers(18, size=(2, 120))
SYNAPSES: dict[str, tuple[Callable[[], Any], Any, int]] = {
    # Synapses, the shape of one delay for each of them (None: they have one for all), and how many cells there are.
    "sparse": (lambda: nr.Sparse(*LISTED, rng(1).normal(0.5, 0.4, 120)), 120, 18),
    "sparse-one-weight": (lambda: nr.Sparse(*LISTED, 0.6), 120, 18),
    "dense": (lambda: nr.Dense(rng(2).normal(0.4, 0.5, (18, 18))), (18, 18), 18),
    "dense-single": (lambda: nr.Dense(rng(2).normal(0.4, 0.5, (18, 18)).astype(np.float32)), (18, 18), 18),
    "one-to-one": (lambda: nr.OneToOne(np.linspace(1.0, 3.0, 18)), 18, 18),
    "all-to-all": (lambda: nr.AllToAll(0.25), (18, 18), 18),
    "probability": (lambda: nr.FixedProbability(0.3, 0.6), None, 18),
    "indegree": (lambda: nr.FixedIndegree(6, 0.6), None, 18),
    "convolution": (lambda: nr.Convolution2d(KERNEL, (2, 3, 3), padding=1), None, 32),
    "convolution-strided": (
        lambda: nr.Convolution2d(
            KERNEL[:, :1], (2, 3, 3), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2
        ), None, 4
    ),
    "crossbar": (lambda: crossbar(), (18, 18), 18),
    "crossbar-offset": (lambda: crossbar(mapping="offset"), (18, 18), 18),
    "crossbar-law": (lambda: crossbar(device="ReRamES", start=0.5), (18, 18), 18),
    "crossbar-tiles": (lambda: crossbar(tile=(7, 10)), (18, 18), 18),
    "crossbar-transposed": (lambda: crossbar().T, (18, 18), 18),
    "crossbar-snapshot": (
        lambda: crossbar(reading=nr.Reading(noise=0.05, drift=DRIFT)).snapshot(at=100.0), (18, 18), 18
    ),
}  # fmt: skip


def wired(name: str, delays: str) -> nr.Network:
    make, shape, size = SYNAPSES[name]
    delay = {"one": 1e-3, "zero": 0.0, "each": None if shape is None else lags(shape)}[delays]
    return pair(make(), delay, n_post=size)


for _name, (_, _shape, _) in SYNAPSES.items():
    for _delays in ("one", "zero") if _shape is None else ("one", "zero", "each"):
        case(f"engine/synapses/{_name}-{_delays}", partial(wired, _name, _delays))(partial(ran, look=False))


@case("engine/balanced")
def large() -> Result:
    return ran(balanced, 0.2, look=False)


@case("engine/ledger")
def driven_crossbar() -> Result:
    """What a run leaves in the ledger of a crossbar with a price."""
    array = crossbar(reading=nr.Reading(voltage=0.2, duration=1e-8, driver_energy=1e-15))
    return of_recording(nr.run(pair(array, 1e-3), 0.15, seed=2)), of_crossbar(array)


def in_parts(make: Callable[[], nr.Network], disk: bool, inputs: Any = None) -> Result:
    """Three runs, each from where the one before it stopped, the last with another seed."""
    net, state, found = make(), None, []
    for part, seed in ((0.05, 2), (0.0137, None), (0.06, None), (0.03, 8)):
        record = nr.Record(v={"cell": [1, 2]}, v_dt=1.1e-3)
        recording = nr.run(net, part, state=state, seed=seed, record=record, inputs=inputs)
        found.append(of_recording(recording))
        state = recording.state
        if disk:
            with tempfile.TemporaryDirectory() as folder:
                state.save(f"{folder}/state.h5")
                state = nr.load_state(f"{folder}/state.h5", net)
    return found


CUT: dict[str, tuple[Callable[[], nr.Network], Any]] = {
    "lif": (NEURONS["lif-current"], None),
    "ahp": (NEURONS["ahp-two"], None),
    "zero-delay": (NEURONS["zero-delay"], None),
    "inputs": (told, ramps()),
    "lags": (partial(wired, "dense", "each"), None),
}
for _name, (_make, _inputs) in CUT.items():
    for _disk in (False, True):
        case(f"engine/cut/{_name}{'-disk' * _disk}", _make, _disk, _inputs)(in_parts)


@case("engine/cut/whole")
def with_program() -> Result:
    """A program built once, run with other weights and other biases, and gone on from."""
    program = nr.build(told())
    first = nr.run(program, 0.05, inputs=ramps(), seed=1)
    other = program.with_weights({"cue->cell": rng(8).normal(0.2, 0.3, (18, 18))}).with_bias({"cell": np.full(18, 0.8)})
    second = nr.run(other, 0.05, inputs=ramps(), seed=1)
    third = nr.run(other, 0.05, inputs=ramps(), state=first.state)
    return [of_recording(one) for one in (first, second, third)]


GOAL = np.where(np.arange(18) % 5 == 0, np.nan, np.arange(18) % 3 / 2)
CLAMPS: dict[str, Callable[[], Any]] = {
    "hard": lambda: Clamp("cell", "hard", 200.0).toward(GOAL, start=0.0, stop=0.15),
    "hard-part": lambda: Clamp("cell", "hard", 150.0).toward(GOAL, start=0.03, stop=0.1),
    "weak": lambda: Clamp("cell", "weak", 1.5).toward(GOAL, start=0.0, stop=0.15),
    "current": lambda: Clamp("cell", "current", 3.0).toward(
        GOAL, start=0.02, stop=0.15, trace=np.linspace(0.0, 1.0, 18)
    ),
}
for _name, _held in CLAMPS.items():
    case(f"engine/clamp/{_name}", _held)(lambda held: ran(told, inputs=ramps(), clamp=held()))


def phases(kind: str) -> Result:
    """A free phase, one or two held phases that go on from it, and the change of weights between them."""
    net = told()
    free = nr.run(net, 0.1, inputs=ramps(), seed=1)

    def activities(recording: nr.Recording) -> tuple[np.ndarray, np.ndarray]:
        start, stop = recording.start, recording.stop
        return tuple(  # type: ignore[return-value]
            activity(recording.spikes[name], 18, start=start, stop=stop, most=20)[None] for name in ("cue", "cell")
        )

    if kind == "contrastive":
        held = Clamp("cell", "hard", 200.0).toward(GOAL, start=0.1, stop=0.2)
        fixed = nr.run(net, 0.1, clamp=held, state=free.state, inputs=ramps())
        change = Contrastive(rate=0.1).change(activities(fixed)[1], activities(free)[1])
        return of_recording(free), of_recording(fixed), change
    trace = activities(free)[1][0]
    nudged = [
        nr.run(
            net, 0.1, state=free.state, inputs=ramps(),
            clamp=Clamp("cell", "current", beta).toward(GOAL, start=0.1, stop=0.2, trace=trace),
        )
        for beta in (0.5, -0.5)
    ]  # fmt: skip
    up, down = (activities(one) for one in nudged)
    return [of_recording(one) for one in nudged], Centred(rate=0.2, beta=0.5).change(*up, *down)


for _name in ("contrastive", "centred"):
    case(f"engine/clamp/{_name}", _name)(phases)


@case("engine/files/streamed")
def streamed() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        record = nr.Record(v={"cell": [0, 4]}, v_dt=0.5e-3, to=f"{folder}/run.h5")
        recording = nr.run(balanced_cells(), 0.2, seed=4, record=record)
        lazy = nr.load_recording(f"{folder}/run.h5", lazy=True)
        part = lazy.spikes.window("cell", 0.05, 0.11)  # type: ignore[attr-defined]
        read = nr.load_recording(f"{folder}/run.h5")
        return of_recording(recording), of_recording(read), of_recording(lazy), (part.times, part.ids)


def balanced_cells() -> nr.Network:
    return driven(nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3), size=200, weight=1.5)


@case("engine/files/saved")
def saved() -> Result:
    net = balanced_cells()
    recording = nr.run(net, 0.1, seed=4, record=nr.Record(v={"cell": [0, 4]}, v_dt=0.5e-3))
    with tempfile.TemporaryDirectory() as folder:
        recording.save(f"{folder}/run.h5")
        read = nr.load_recording(f"{folder}/run.h5")
        further = nr.run(net, 0.05, state=nr.load_state(f"{folder}/run.h5", net))
    return of_recording(read), of_recording(further)


# The clocked engine.

CLOCKED: dict[str, tuple[Callable[[], nr.Network], Mapping[str, Any]]] = {
    "lif-jump": (NEURONS["lif-jump"], {}),
    "lif-receptors": (NEURONS["lif-receptors"], {}),
    "lif-limits": (NEURONS["lif-limits"], {}),
    "lif-subtract": (NEURONS["lif-subtract"], {}),
    "lif-refractory": (NEURONS["lif-refractory"], {}),
    "lif-bias": (NEURONS["lif-bias"], {}),
    "ahp": (NEURONS["ahp-two"], {}),
    "alif": (NEURONS["alif-two"], {}),
    "if": (NEURONS["if-current"], {}),
    "inputs": (told, ramps()),
    "convolution": (partial(wired, "convolution", "one"), {}),
    "crossbar": (partial(wired, "crossbar", "one"), {}),
    "all-to-all": (partial(wired, "all-to-all", "one"), {}),
}


def stepped(make: Callable[[], nr.Network], inputs: Mapping[str, Any], dt: float = 1e-3) -> Result:
    """A run in steps, cut in two."""
    record = nr.Record(v={"cell": [0, 2, 3]})
    net = make()
    one = nr.run(net, 100 * dt, engine="clocked", dt=dt, seed=3, inputs=inputs, record=record)
    two = nr.run(net, 50 * dt, engine="clocked", dt=dt, state=one.state, inputs=inputs, record=record)
    return of_recording(one), of_recording(two), two.state.v


for _name, (_make, _inputs) in CLOCKED.items():
    case(f"clocked/euler/{_name}", _make, _inputs)(stepped)


def loihi() -> nr.Network:
    """Neurons of Loihi, recurrent, with one delay and with one for each synapse."""
    net, random = nr.Network(seed=2), rng(5)
    net.add(nr.Population("cue", 12, nr.SpikeSource()))
    net.add(nr.Population("cell", 20, nr.LoihiAHP(d_v=204, v_th=200, e=1, d_a=5, w_a=96, e_a=-2)))
    net.add(nr.Population("plain", 10, nr.LoihiLIF(d_v=random.integers(100, 400, 10), v_th=300)))
    net.add(nr.Population("out", 3, nr.LoihiLIF(d_v=0, v_th=None)))
    net.connect("cue", "cell", nr.Dense(random.integers(-40, 90, (12, 20))), delay=1.0)
    net.connect("cell", "cell", nr.Sparse(*random.integers(20, size=(2, 80)), random.integers(-50, 60, 80)), delay=1.0)
    each = random.integers(1, 5, (20, 10)).astype(float)
    net.connect("cell", "plain", nr.Dense(random.integers(-30, 60, (20, 10))), delay=each)
    net.connect("plain", "out", nr.Dense(random.integers(-20, 20, (10, 3))), delay=2.0)
    return net


def ticks(seed: int, steps: int = 200) -> Mapping[str, Any]:
    random = rng(seed)
    when = np.unique(np.stack([random.integers(0, steps, 600), random.integers(0, 12, 600)]), axis=1)
    return {"cue": nr.Spikes(when[0].astype(float), when[1])}


@case("clocked/loihi/run")
def whole_numbers() -> Result:
    return stepped(loihi, ticks(1), 1.0)


@case("clocked/loihi/batch")
def batch() -> Result:
    trials = (ticks(seed, 60) for seed in range(4))
    found = nr.run_batch(loihi(), 60.0, trials, dt=1.0)
    return [(of_recording(one), one.state.v) for one in found]


@case("clocked/euler/batch")
def euler_batch() -> Result:
    program = nr.build_clocked(told(), 1e-3, "nir-euler")
    trials = ({"cue": nr.Spikes(np.arange(160) // 4 * 1e-3, rng(seed).integers(0, 18, 160))} for seed in range(3))
    return [of_recording(one) for one in nr.run_batch(program, 0.05, trials)]


# Learning in the run.

RULES: dict[str, Any] = {
    "local": lambda **more: nr.EventLocal(
        rate=0.3, beta=0.5, tau_fast=10e-3, tau_slow=0.2, full=100.0, window=0.05, **more
    ),
    "stdp": lambda **more: nr.STDP(a_plus=0.02, a_minus=0.025, tau_plus=15e-3, tau_minus=25e-3, **more),
}
LEARNERS: dict[str, tuple[str, str, Mapping[str, Any]]] = {
    # Synapses, delays, and what the rule is given beside its figures.
    "dense": ("dense", "one", {}),
    "dense-bounds": ("dense", "one", {"w_min": -1.1, "w_max": 1.85}),
    "dense-every": ("dense", "one", {"every": 5e-3}),
    "dense-during": ("dense", "one", {"during": ((0.02, 0.05), (0.08, 0.13))}),
    "dense-lags": ("dense", "each", {}),
    "sparse": ("sparse", "one", {}),
    "sparse-every": ("sparse", "one", {"every": 5e-3}),
    "sparse-lags": ("sparse", "each", {"w_max": 1.5}),
    "drawn": ("probability", "one", {}),
    "crossbar": ("crossbar", "one", {"every": 5e-3}),
    "crossbar-law": ("crossbar-law", "one", {"every": 5e-3}),
}


def plastic(rule: str, learner: str) -> Result:
    """A run that learns, with one thread and with two; cut in two; and one that goes on without a rule."""
    synapses, delays, more = LEARNERS[learner]
    found, name = [], "cue->cell"
    for threads in (1, 2):
        net = wired(synapses, delays)
        options: dict[str, Any] = {"plasticity": {name: RULES[rule](**more)}, "threads": threads}
        one = nr.run(net, 0.1, seed=3, **options)
        two = nr.run(net, 0.05, state=one.state, **options)
        three = nr.run(net, 0.05, state=two.state, threads=threads)
        array = net.projections[name].synapses
        devices = of_crossbar(array) if learner.startswith("crossbar") else None
        found.append(([of_recording(part) for part in (one, two, three)], devices))
    if digest(found[0]) != digest(found[1]):
        raise AssertionError("two threads learn other weights than one")
    return found[0]


for _rule in RULES:
    for _name in LEARNERS:
        case(f"plasticity/{_rule}/{_name}", _rule, _name)(plastic)


@case("plasticity/disk")
def plastic_from_disk() -> Result:
    net, rule = wired("dense", "one"), {"cue->cell": RULES["stdp"](every=4e-3)}
    one = nr.run(net, 0.0613, seed=3, plasticity=rule)
    with tempfile.TemporaryDirectory() as folder:
        one.state.save(f"{folder}/state.h5")
        two = nr.run(net, 0.06, state=nr.load_state(f"{folder}/state.h5", net), plasticity=rule)
    return of_recording(one), of_recording(two)


# Crossbars.


def weights(seed: int, shape: tuple[int, int] = (9, 7)) -> np.ndarray:
    return rng(seed).uniform(-1.0, 1.0, shape)


LEVELS = nr.Device("levels", 2e-6, 100e-6, levels=32, write_noise=1e-6)
MAPPINGS: dict[str, Mapping[str, Any]] = {
    "pair": {"mapping": "pair"},
    "pair-middle": {"mapping": "pair", "start": 0.5},
    "offset": {"mapping": "offset"},
    "slices": {"mapping": "slices", "slices": 3, "base": 32},
    "tiles": {"mapping": "pair", "tile": (4, 3), "start": 0.5},
    "offset-tiles": {"mapping": "offset", "tile": (4, 3)},
    "slices-tiles": {"mapping": "slices", "slices": 2, "base": 32, "tile": (5, 4)},
}


def used(array: Any, learn: bool) -> Result:
    """Reads in every way, then writes in every way, with what the devices look like on the way."""
    rows, columns = rng(1).integers(0, 4, array.shape[0]), rng(2).integers(0, 4, array.shape[1])
    drive = rng(3).normal(size=array.shape[0]), rng(4).normal(size=array.shape[1])
    found = [of_crossbar(array), array.read(rows), array.read_columns(columns)]
    if not array.fluctuates:
        found.append(array.read_rows(np.repeat(np.arange(array.shape[0]), rows)))
    found += [array.T.read(columns), array.T.effective_weights(), array.transposed_weights()]
    array.count_reads(rows, columns=columns)
    found += [array.program(0.9 * weights(11, array.shape)), of_crossbar(array)]
    if learn:
        for k, policy in enumerate(("push_pull", "one_sided")):
            found += [array.accumulate(0.2 * weights(20 + k + j, array.shape), 3, policy=policy) for j in range(3)]
            found.append(of_crossbar(array))
    if learn and (array.device.levels is not None or array.device.law is not None):
        for trains in ("stochastic", "deterministic"):
            met = array.coincide(*drive, 0.1, trains=trains, length=16)
            found += [met.pulses, met.clipped, of_crossbar(array)]
    copy = array.copy()
    found += [of_verification(array.write_verify(0.8 * weights(30, array.shape), rounds=12)), of_crossbar(array)]
    return found, copy.program(0.5 * weights(31, array.shape)), of_crossbar(copy)


def mapped(name: str, faulty: bool) -> Result:
    faults = nr.Faults.draw((9, 7), LEVELS, high=0.05, low=0.05, open=0.05, rows=0.05, seed=4) if faulty else None
    options = {"faults": faults, "seed": 6, "writing": nr.Writing(voltage=1.5, duration=1e-7)}
    reading = nr.Reading(voltage=0.2, duration=1e-8, driver_energy=1e-15)
    array = nr.Crossbar(weights(5), LEVELS, w_max=1.0, reading=reading, **options, **MAPPINGS[name])
    return used(array, learn=not name.startswith("slices"))


for _name in MAPPINGS:
    case(f"crossbar/mapping/{_name}", _name, False)(mapped)
    case(f"crossbar/mapping/{_name}-faults", _name, True)(mapped)


def of_device(device: nr.Device) -> Result:
    """Its figures, single pulses, its properties, and an array of it."""
    figures = device.g_min, device.g_max, device.levels, device.step, device.write_noise
    pulses: list[Result] = []
    if device.levels is not None or device.law is not None:
        many = device.sample(50, 3)
        g = 0.5 * (many.g_min + many.g_max)
        for way in (1, 1, -3, np.arange(50) % 5 - 2):
            g = device.pulse(g, way, many)
            pulses += [g, many.counts]
    array = nr.Crossbar(
        weights(5), device, w_max=1.0, start=0.5, seed=2, reading=nr.Reading(voltage=0.2, duration=1e-8),
        writing=nr.Writing(voltage=1.0, duration=1e-7),
    )  # fmt: skip
    return figures, pulses, tuple(properties(device)), used(array, learn=True)


def preset(name: str) -> Result:
    return of_device(nr.load_device(name))


for _name in DEVICES:
    case(f"crossbar/preset/{_name}", _name)(preset)

AXIS = np.linspace(0.0, 100e-6, 6)
CHANGES = 1e-6 * (1.0 + np.arange(24.0).reshape(2, 2, 6) / 24)
LAWS: dict[str, Any] = {
    "constant": Constant(step=2e-6, up_down=0.1),
    "linear": Linear(step=2e-6, gamma_up=0.4, gamma_down=0.6),
    "soft-bounds": SoftBounds(step=2e-6, up_down=-0.2, zero=40e-6),
    "exponential": Exponential(step=2e-6, gamma_up=1.0, gamma_down=1.5, a=0.8, b=0.1),
    "power": Power(step=2e-6, gamma_up=1.3, gamma_down=0.7),
    "piecewise": Piecewise(step=2e-6, up=(1.0, 0.6, 0.2), down=(0.3, 0.8, 1.0)),
    "table": MeasuredLaw(
        conductance=np.stack([AXIS, 0.9 * AXIS]), probability=(0.1, 0.9), up=CHANGES, down=-0.7 * CHANGES
    ),
}


def law(name: str, kind: str) -> Result:
    variation = {} if name == "table" else {"step": Variation(0.2), "up_down": Variation(0.05, "additive")}
    cycle = Cycle(0.3, kind) if kind else Cycle()  # type: ignore[arg-type]
    return of_device(nr.Device("law", 0.0, 100e-6, write_noise=5e-7, law=LAWS[name], variation=variation, cycle=cycle))


for _name in LAWS:
    case(f"crossbar/law/{_name}", _name, "change")(law)
case("crossbar/law/noise-step", "soft-bounds", "step")(law)
case("crossbar/law/noise-none", "soft-bounds", "")(law)

WIRES = {"row": 3.0, "column": 5.0, "driver": 40.0, "sense": 60.0}


def through_wires(inactive: str, shape: tuple[int, int]) -> Result:
    wires = nr.Wires(**WIRES, inactive=inactive)  # type: ignore[arg-type]
    array = nr.Crossbar(weights(5, shape), LEVELS, wires, w_max=1.0, start=0.5, seed=2)
    volts, drive = 0.2 * (rng(3).random(shape[0]) < 0.5), rng(4).integers(0, 2, shape[0])
    behind = np.where(np.arange(shape[1]) % 4 == 1, np.nan, 0.01 * np.arange(shape[1]))
    found = [array.effective_conductance(), array.effective_weights(), array.transposed_weights()]
    found += [array.solve(volts), array.solve(volts, behind), array.read(drive), array.T.read(np.ones(shape[1]))]
    found += [array.program(0.7 * weights(6, shape)), array.effective_conductance(), of_crossbar(array)]
    return found, array.netlist(volts) if shape[0] < 10 else None


for _inactive in ("ground", "float", "gate"):
    case(f"crossbar/wires/{_inactive}", _inactive, (9, 7))(through_wires)
    case(f"crossbar/wires/{_inactive}-large", _inactive, (48, 40))(through_wires)


@case("crossbar/wires/given")
def given_conductances() -> Result:
    g = rng(1).uniform(1e-6, 1e-4, (2, 6, 5))
    array = nr.crossbar_from_conductance(g[0], g[1], nr.Wires(row=10.0, column=10.0, sense=100.0), seed=3)
    return array.effective_conductance(), array.solve(0.1 * np.arange(6)), of_crossbar(array)


READINGS: dict[str, Any] = {
    "noise": {"noise": 0.05},
    "telegraph": {"telegraph": Telegraph(amplitude=0.2, dwell_high=1e-3, dwell_low=3e-3)},
    "flicker": {"flicker": Flicker(amplitude=0.05, low=1e-2, high=1e3)},
    "drift": {"drift": DRIFT},
    "all": {"noise": 0.02, "telegraph": Telegraph(amplitude=0.1, dwell_high=1e-3, dwell_low=3e-3), "drift": DRIFT},
    "sinh": {"curve": Sinh(0.3)},
    "converters": {"dac": Converter(4, 0.0, 3.0, 1e-13), "adc": Converter(6, -3.0, 3.0, 2e-12)},
}


def noisy(name: str, with_wires: bool, mapping: Mapping[str, Any]) -> Result:
    reading = nr.Reading(voltage=0.2, duration=1e-8, driver_energy=1e-15, **READINGS[name])
    wires = nr.Wires(**WIRES) if with_wires else None
    array = nr.Crossbar(weights(5), LEVELS, wires, reading=reading, w_max=1.0, seed=2, **mapping)
    drive, found = rng(3).integers(0, 4, 9), []
    for at in (None, 2.0, 2.0, 5e3):
        found += [array.read(drive, at=at), array.read_columns(np.ones(7), at=at)]
    if not reading.moves and reading.adc is None:
        found.append(array.read_rows([0, 4, 4, 8]))
    found += [array.snapshot(at=1e4).effective_weights(), array.snapshot().effective_weights()]
    return found, of_crossbar(array), array.ledger.total


for _name in READINGS:
    case(f"crossbar/reading/{_name}", _name, False, {})(noisy)
    case(f"crossbar/reading/{_name}-wires", _name, True, {})(noisy)
case("crossbar/reading/tiles", "noise", False, {"tile": (4, 3)})(noisy)
case("crossbar/reading/offset", "noise", False, {"mapping": "offset"})(noisy)


@case("crossbar/disturb")
def disturbed() -> Result:
    device = nr.Device("law", 0.0, 100e-6, law=SoftBounds(step=2e-6))
    writing = nr.Writing(voltage=1.0, duration=1e-7, disturb=0.02)
    return used(nr.Crossbar(weights(5), device, w_max=1.0, start=0.5, writing=writing, seed=2), learn=True)


@case("crossbar/faults")
def stuck() -> Result:
    drawn = nr.Faults.draw((20, 16), LEVELS, high=0.1, low=0.1, open=0.1, rows=0.1, columns=0.1, seed=3)
    simple = nr.Faults.stuck((20, 16), 0.3, at=4e-6, seed=2)
    return [(f.plus, f.minus, f.count) for f in (drawn, simple)]


@case("crossbar/measurement")
def measured() -> Result:
    """A device fitted to the pulses of another one."""
    device = nr.Device("law", 0.0, 100e-6, law=SoftBounds(step=3e-6), cycle=Cycle(0.1))
    one, g, lines = device.sample(1, 3), np.array([10e-6]), []
    for way in (1, -1):
        for _ in range(80):
            g = device.pulse(g, way, one)
            lines.append(repr(float(g[0])))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "curve.csv"
        path.write_text("conductance\n" + "\n".join(lines) + "\n", encoding="utf-8")
        fitted = nr.device_from_measurement(path)
    return of_device(fitted)


# Accounting.


def small() -> nr.Network:
    net = nr.Network(seed=4)
    net.add(nr.Population("cue", 12, nr.PoissonSource(rate=100.0)))
    net.add(nr.Population("cell", 20, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3)))
    net.add(nr.Population("slow", 8, nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.1, jump=0.3)))
    net.connect("cue", "cell", nr.Dense(rng(2).uniform(0.0, 1.0, (12, 20))), delay=1e-3)
    net.connect("cell", "slow", nr.FixedProbability(0.5, 0.3), delay=1e-3)
    net.connect("slow", "cell", nr.Sparse([0, 3, 3, 7], [1, 2, 2, 19], -0.5), delay=2e-3)
    return net


def on_cores(net: nr.Network, chip: nr.Chip, **options: Any) -> nr.Placement:
    """Neurons in blocks of five, on as many cores as there are."""
    sizes = [population.size for population in net.populations.values()]
    every = np.arange(sum(sizes)) // 5 % chip.cores
    parts = np.split(every, np.cumsum(sizes)[:-1])
    return nr.placed(net, chip, dict(zip(net.populations, parts, strict=True)), **options)


def on_chip(name: str) -> Result:
    """An exact and a clocked recording on a chip: variation out, on one core, and carried over from another chip."""
    net, chip = small(), nr.load_chip(name)
    exact = nr.run(net, 0.1, seed=1)
    clocked = nr.run(net, 0.1, seed=1, engine="clocked", dt=1e-3)
    variation = on_cores(net, chip)
    found = [of_report(nr.account(exact, variation, dt=1e-3, partial=True))]
    found.append(of_report(nr.account(clocked, variation, bins=7, partial=True)))
    for one in (on_one_core(exact, chip), moved_to_chip(on_cores(net, nr.mesh_chip(2, 2, neurons=64)), chip)):
        found.append(of_report(nr.account(exact, one, dt=1e-3, partial=True)))
    return of_placement(variation), found


for _name in CHIPS:
    case(f"accounting/chip/{_name}", _name)(on_chip)


@case("accounting/chip/mesh")
def on_mesh() -> Result:
    net, chip = small(), nr.mesh_chip(3, 3, neurons=8)
    recording, variation = nr.run(net, 0.1, seed=1), on_cores(net, chip)
    outside = nr.placed(net, chip, {"cue": -1, "cell": np.arange(20) // 4, "slow": 8}, compartments={"slow": 2})
    return [of_report(nr.account(recording, one, dt=1e-3)) for one in (variation, outside)], of_placement(outside)


@case("accounting/chip/several")
def on_several_chips() -> Result:
    net, chip = small(), tiled(nr.load_chip("loihi_davies2018"), 2, 1)
    recording = nr.run(net, 0.1, seed=1)
    variation = nr.placed(net, chip, {"cue": 0, "cell": np.arange(20) * 12, "slow": chip.cores - 1})
    return of_placement(variation), of_report(nr.account(recording, variation, dt=1e-3, partial=True))


@case("accounting/pulses")
def with_pulses() -> Result:
    net, chip = small(), nr.load_chip("crossbar_64")
    report = nr.account(nr.run(net, 0.05, seed=1), on_cores(net, chip), pulses={0: 500}, partial=True)
    return of_report(report)


SANAFE = """
architecture:
  name: small
  attributes: {width: 2, height: 3, link_buffer_size: 1, sync_model: table, latency_sync: {1: 1.0e-7, 3: 5e-7}}
  tile:
    - name: t[0..5]
      attributes:
        {energy_east_hop: 1e-12, latency_east_hop: 1e-9, energy_west_hop: 2e-12, latency_west_hop: 2e-9,
         energy_north_hop: 3e-12, latency_north_hop: 3e-9, energy_south_hop: 4e-12, latency_south_hop: 4e-9}
      core:
        - name: c[0..1]
          attributes: {buffer_position: soma, max_neurons_supported: 77}
          axon_in: [{name: in, attributes: {energy_message_in: 5e-12, latency_message_in: 5e-9}}]
          synapse:
            - {name: fast, attributes: {model: current_based, energy_process_spike: 6e-12, latency_process_spike: 6e-9}}
            - {name: "slow[0..3]", attributes: {energy_process_spike: 7e-12, latency_process_spike: 7e-9}}
          dendrite: [{name: d, attributes: {model: accumulator, energy_update: 1e-13, latency_update: 0.0}}]
          soma:
            - {name: cell, attributes: {model: leaky_integrate_fire, energy_access_neuron: 8e-12,
               latency_access_neuron: 8e-9, energy_update_neuron: 1e-12, latency_update_neuron: 1e-9,
               energy_spike_out: 9e-12, latency_spike_out: 9e-9}}
          axon_out: [{name: out, attributes: {energy_message_out: 11e-12, latency_message_out: 11e-9}}]
"""


@case("accounting/sanafe")
def on_architecture() -> Result:
    """A chip of SANA-FE's format, and placements written for SANA-FE and read again."""
    net = small()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.yaml"
        path.write_text(SANAFE, encoding="utf-8")
        chip = nr.load_chip(path)
        placement = on_cores(net, chip, synapses={"cell->slow": "slow"})
        write_sanafe(placement, Path(folder) / "net.yaml")
        written = (Path(folder) / "net.yaml").read_text(encoding="utf-8")
        again = read_placement(Path(folder) / "net.yaml", net, chip)
    recording = nr.run(net, 0.1, seed=1)
    reports = [of_report(nr.account(recording, one, dt=1e-3)) for one in (placement, again)]
    return reports, of_placement(again), written


# Mapping.


def layered() -> nr.Network:
    net, sizes = nr.Network(seed=1), (32, 48, 24, 8)
    for k, size in enumerate(sizes):
        model = nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3) if k else nr.PoissonSource(rate=80.0)
        net.add(nr.Population(f"layer{k}", size, model))
    for k in range(3):
        net.connect(f"layer{k}", f"layer{k + 1}", nr.FixedProbability(0.3, 0.8), delay=1e-3)
    return net


def convolutional() -> nr.Network:
    net, random = nr.Network(seed=1), rng(1)
    net.add(nr.Population("image", 128, nr.PoissonSource(rate=60.0)))
    maps = nr.Convolution2d(random.uniform(0.0, 1.0, (4, 2, 3, 3)), (2, 8, 8), stride=2, padding=1)
    net.add(nr.Population("maps", 64, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.add(nr.Population("out", 10, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("image", "maps", maps, delay=1e-3)
    net.connect("maps", "out", nr.Dense(random.uniform(0.0, 0.5, (64, 10))), delay=1e-3)
    return net


NETWORKS: dict[str, Callable[[], nr.Network]] = {
    "random": partial(driven, nr.LIF(tau_m=20e-3, v_th=1.0), size=120),
    "layered": layered,
    "convolutional": convolutional,
}
MAPPED_CHIPS: dict[str, Callable[[], nr.Chip]] = {
    "mesh": lambda: nr.mesh_chip(4, 4, neurons=24),
    "limits": lambda: nr.mesh_chip(5, 4, neurons=20, synapses=900, axons_in=110),
    "loihi": lambda: nr.load_chip("loihi_davies2018"),
}


def put(
    network: str, chip: str, objective: Any, effort: str = "fast", with_spikes: bool = False, **options: Any
) -> Result:
    net = NETWORKS[network]()
    traffic = nr.run(net, 0.1, seed=2) if with_spikes else None
    placement = nr.place(net, MAPPED_CHIPS[chip](), traffic, objective, effort, seed=3, **options)
    verdict = judge(placement, net, traffic)
    return of_placement(placement), verdict.costs, verdict.bounds, verdict.usage, verdict.binding


for _name in NETWORKS:
    for _objective in OBJECTIVES:
        case(f"mapping/{_name}/{_objective}", _name, "mesh", _objective, "fast", _objective in ("energy", "latency"))(
            put
        )
    case(f"mapping/{_name}/traffic", _name, "mesh", "multicast_hops", "fast", True)(put)
    case(f"mapping/{_name}/limits", _name, "limits", "km1")(put)
    case(f"mapping/{_name}/loihi", _name, "loihi", "energy", "fast", True)(put)
    case(f"mapping/{_name}/balanced", _name, "mesh", {"km1": 1.0, "max_link": 2.0}, "balanced", True)(put)
case("mapping/layered/best", "layered", "limits", "unicast_hops", "best")(put)
RULED: dict[str, Mapping[str, Any]] = {
    "pinned": {"pinned": {"layer0": np.where(np.arange(32) < 6, 5, -1), "layer3": 2}},
    "dead": {"dead": (0, 3, 9)},
    "few-cores": {"cores": 5},
    "apart": {"apart": (("layer0", "layer3"),)},
}
for _name, _options in RULED.items():
    _chip = "limits" if _name in ("dead", "apart") else "mesh"
    case(f"mapping/rules/{_name}", "layered", _chip, "km1")(lambda *given, _options=_options: put(*given, **_options))


@case("mapping/rules/together")
def together() -> Result:
    net, chip = layered(), nr.mesh_chip(3, 3, neurons=40)
    placement = nr.place(net, chip, None, "multicast_hops", "fast", 3, together=(("layer2", "layer3"),), dead=(4,))
    return of_placement(placement)


def by_baseline(name: str) -> Result:
    net, chip = layered(), nr.mesh_chip(4, 4, neurons=24)
    known = traffic_of(net, nr.run(net, 0.1, seed=2))
    core = baseline(name, known, chip, None, 3)
    placement = nr.placed(net, chip, known.by_population(core))
    return of_placement(placement), judge(placement, net, known.by_population(known.spikes)).costs


for _name in ("random", "sequential", "row-major", "hilbert+force"):
    case(f"mapping/baseline/{_name}", _name)(by_baseline)


@case("mapping/files")
def placement_files() -> Result:
    net, chip = layered(), nr.mesh_chip(4, 4, neurons=24)
    placement, found = nr.place(net, chip, None, "km1", "fast", 1), []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("one.json", "one.npz"):
            placement.save(f"{folder}/{name}")
            found.append(of_placement(nr.load_placement(f"{folder}/{name}")))
        write_placement(placement, f"{folder}/two.json")
        found.append(of_placement(read_placement(f"{folder}/two.json", net, chip)))
        write_hmetis(net, f"{folder}/net.hgr")
        write_parts(placement, f"{folder}/parts.part")
        found += [Path(f"{folder}/{name}").read_text(encoding="utf-8") for name in ("net.hgr", "parts.part")]
    return found, heat(placement, np.ones(112))


@case("mapping/benchmark-networks")
def drawn_networks() -> Result:
    names = "mlp", "lenet", "lsm", "small_world", "communities", "sheet", "hopfield", "potjans"
    found = [tuple(draw(name, 1, 0.05)) for name in names]
    net, spikes = network_of(draw("lsm", 1, 0.1))
    placement = nr.place(net, nr.mesh_chip(6, 6, neurons=40), spikes, "multicast_hops", "fast", 1)
    return found, of_placement(placement)


# Learning beside the engine.

PATTERNS = np.where(rng(12).random((3, 16)) < 0.5, -1.0, 1.0)
CUES = np.where(rng(13).random((12, 16)) < 0.15, -1.0, 1.0) * np.repeat(PATTERNS, 4, axis=0)


@case("learning/hopfield")
def classical() -> Result:
    rules = hebb(PATTERNS), pseudo_inverse(PATTERNS)
    return rules, [settle_signs(one, CUES, rng(1)) for one in rules], nearest(PATTERNS, CUES)


@case("learning/rules")
def changes() -> Result:
    a, b, c, d = rng(3).random((4, 5, 6))
    spikes = nr.Spikes(rng(1).random(50), rng(2).integers(0, 6, 50))
    count = activity(spikes, 6, start=0.2, stop=0.9, most=8)
    return Contrastive(rate=0.1).change(a, b), Centred(rate=0.2, beta=0.3).change(a, b, c, d), count


def memory(device: str) -> Result:
    """A small memory, trained on an array of a device, and what it recalls."""
    cells, words = AssociativeMemory(size=16), (PATTERNS + 1) / 2
    array = nr.Crossbar(np.zeros((16, 16)), nr.load_device(device), w_max=1.0e3, start=0.5, seed=1)
    start = lower(cells, array)
    found = [tuple(clamped(start, cells, words)), tuple(recall(start, cells, words))]

    def distort(epoch: int) -> np.ndarray:
        flips = rng(epoch).random((12, 16)) < 0.15
        return np.where(flips, 1.0 - np.repeat(words, 4, axis=0), np.repeat(words, 4, axis=0))

    def data(epoch: int) -> nr.Examples:
        return nr.Examples(distort(epoch), np.repeat(np.arange(len(words)), 4), np.repeat(words, 4, axis=0))

    plan = nr.Schedule(epochs=6, rates=(0.04,), last=0.05, fall="linear", batch=4 * len(words), momentum=0.0)
    fitted = nr.fit(cells, data, nr.ContrastiveHebbian(), plan, crossbars=[array])
    after = tuple(recall(lower(cells, array), cells, distort(99)))
    return found, fitted.training, fitted.spikes, after, of_crossbar(array)


for _name in ("ideal", "taox_64x64", "ReRamES"):
    case(f"learning/memory/{_name}", _name)(memory)


# Tasks and the command line.

TASKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "braille": ("braille", ("epochs=6", "trials=18")),
    "devices-study": ("devices-study", ("epochs=3", "trials=18")),
    "mapping-study": ("mapping-study", ("scale=0.05",)),
    "energy-advantage": ("energy-advantage", ("epochs=3",)),
    "loihi-smnist": ("loihi-smnist", ("images=4", "chip_images=4")),
    "training-methods": ("training-methods", ()),
}


def task(name: str, settings: tuple[str, ...]) -> Result:
    report = run_task(name, "smoke", overrides=settings)
    metrics = {key: value for key, value in report.metrics.items() if "seconds" not in key}
    return metrics, report.energy


for _name, _given in TASKS.items():
    case(f"tasks/{_name}", *_given)(task)


def command(*words: str) -> Result:
    """What a command prints as JSON."""
    shown, before = io.StringIO(), sys.argv
    sys.argv = ["neuro", *words, "--json"]
    try:
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            command_line()
    finally:
        sys.argv = before
    return of_json(json.loads(shown.getvalue()))


@case("cli/energy")
def energy_command() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        nr.run(small(), 0.1, seed=1).save(f"{folder}/run.h5")
        return command("energy", f"{folder}/run.h5", "--chip", "loihi_davies2018", "--chip", "truenorth")


@case("cli/device")
def device_command() -> Result:
    return command("device", "ReRamES")


@case("cli/map")
def map_command() -> Result:
    return command("map", "lsm", "--chip", "mesh:7x7:256", "--effort", "fast")


# Exchange.


def near(low: float, high: float, size: int) -> np.ndarray:
    return rng(size).uniform(low, high, size)


NODES: dict[str, Callable[[int], Any]] = {
    "lif": lambda n: nir.LIF(
        tau=near(1e-3, 9e-3, n), r=near(9, 40, n), v_leak=near(-0.1, 0.2, n),
        v_threshold=near(0.5, 1, n), v_reset=near(-0.2, 0.1, n),
    ),
    "if": lambda n: nir.IF(r=near(500, 2000, n), v_threshold=near(0.5, 1, n), v_reset=near(-0.2, 0.1, n)),
    "cuba": lambda n: nir.CubaLIF(
        tau_mem=near(1e-3, 9e-3, n), tau_syn=near(3e-4, 2e-3, n), r=near(2, 6, n), v_leak=near(-0.1, 0.2, n),
        v_threshold=near(0.5, 1, n), v_reset=near(-0.2, 0.1, n), w_in=near(1, 3, n),
    ),
    "li": lambda n: nir.LI(tau=near(1e-3, 9e-3, n), r=near(9, 40, n), v_leak=near(-0.1, 0.2, n)),
}  # fmt: skip


def from_nir(kind: str) -> Result:
    """A recurrent layer between an input and a readout, read from a file and run in its own steps."""
    dt, random = 1e-4, rng(2)
    nodes = {
        "in": nir.Input(np.array([6])),
        "fc": nir.Affine(random.normal(0.2, 0.3, (8, 6)), random.normal(0.0, 0.05, 8)),
        "cell": NODES[kind](8),
        "rec": nir.Linear(random.normal(0.0, 0.2, (8, 8))),
        "read": nir.Linear(random.normal(0.0, 0.2, (3, 8))),
        "out": NODES["li"](3),
    }
    edges = [("in", "fc"), ("fc", "cell")]
    if kind != "li":
        edges += [("cell", "rec"), ("rec", "cell"), ("cell", "read"), ("read", "out")]
    else:
        nodes = {key: nodes[key] for key in ("in", "fc", "cell")}
    with tempfile.TemporaryDirectory() as folder:
        nir.write(f"{folder}/net.nir", nir.NIRGraph(nodes, edges, type_check=False))
        net = nr.read_nir(f"{folder}/net.nir", dt=dt)
    steps = np.unique(random.integers(0, 300, (2, 400)) % [[300], [6]], axis=1)
    cue = {"in": nr.Spikes(steps[0] * dt, steps[1])}
    record = nr.Record(v={"cell": np.arange(8)})
    euler = nr.run(net, 300 * dt, engine="clocked", dt=dt, semantics="nir-euler", inputs=cue, record=record)
    exact = nr.run(net, 300 * dt, inputs=cue)
    return of_recording(euler), of_recording(exact)


for _name in NODES:
    case(f"exchange/nir/{_name}", _name)(from_nir)


# The program.


def computed(pattern: str) -> tuple[dict[str, str], dict[str, str]]:
    """The digests of all cases with a pattern in their name, and what went wrong with the others."""
    found: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in wanted(CASES, pattern):
        began = time.perf_counter()
        try:
            found[name] = digest(CASES[name]())
        except Exception as problem:
            failed[name] = f"{type(problem).__name__}: {problem}"
        said = failed.get(name) or found[name][:12]
        print(f"{time.perf_counter() - began:6.2f} s  {name}  {said}", flush=True)
    return found, failed


def wanted(names: Mapping[str, Any], pattern: str) -> list[str]:
    return [name for name in names if fnmatch.fnmatch(name, f"*{pattern}*")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", metavar="FILE", type=Path, help="compute the digests and write them")
    what.add_argument("--check", metavar="FILE", type=Path, help="compute them again and list what differs")
    parser.add_argument(
        "--only", metavar="PATTERN", default="", help="only cases with this in their name; * and ? work"
    )
    given = parser.parse_args()
    if not wanted(CASES, given.only):
        parser.error(f"no case has {given.only!r} in its name")
    # What was there is kept where only some cases are written.
    path, kept = given.write or given.check, {}
    if given.check or (given.only and path.is_file()):
        kept = json.loads(path.read_text(encoding="utf-8"))
    began = time.perf_counter()
    found, failed = computed(given.only)
    print(f"{len(found)} digests in {time.perf_counter() - began:.0f} s")
    for name, problem in failed.items():
        print(f"failed: {name}: {problem}")
    if given.write:
        path.write_text(json.dumps({**kept, **found}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return int(bool(failed))
    known = wanted(kept, given.only)
    differ = [name for name in known if name in found and found[name] != kept[name]]
    missing = [name for name in known if name not in CASES]
    unknown = [name for name in found if name not in kept]
    for says, names in (("differs", differ), ("missing", missing), ("not in the file", unknown)):
        for name in names:
            print(f"{says}: {name}")
    if not (differ or missing or failed):
        print(f"all {len(known)} digests are the same")
    return int(bool(differ or missing or failed))


if __name__ == "__main__":
    sys.exit(main())
