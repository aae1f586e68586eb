"""Networks of AHP neurons on sequences, beside LIF of the same size and an LSTM with the same number of parameters."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

import neuro as nr
from neuro.chip.placement import placed
from neuro.engine.recording import Recording
from neuro.progress import Progress
from neuro.randomness import stream
from neuro.tasks._sequence_data import Data
from neuro.tasks._sequence_devices import accuracy_on_devices
from neuro.tasks._sequence_loihi import loihi_accuracy
from neuro.training.batch import Output, raster_of, spikes_of
from neuro.training.constraints import Constraint, Dale, Rewiring
from neuro.training.library import import_torch
from neuro.training.train import Settings, accuracy_of, train
from neuro.units import ms

CHIP = "loihi_davies2018"
MAC, LOAD = 4.6e-12, 5.0e-12
"""Of the chip `digital_mac`: one multiplication and addition, and one weight from a cache, J."""
VARIANTS = ("ahp", "unregularised", "lif", "lstm", "eprop", "dale", "sparse", "following")


class SequenceConfig(BaseModel):
    """Settings of a task on sequences; times in s, weights in units of the threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of all random draws")
    seeds: int = Field(3, ge=1, description="trainings of the AHP network, from `seed` on")
    beside: int = Field(1, ge=0, description="trainings of what is compared with it")
    variants: tuple[str, ...] = Field(("ahp", "unregularised", "lif", "lstm"), description="what is trained")
    ahp: int = Field(60, ge=1, le=2000, description="AHP neurons")
    lif: int = Field(0, ge=0, le=2000, description="LIF neurons beside them")
    tau_m: float = Field(20e-3, gt=0, description="membrane time constant, s")
    tau_ahp: tuple[float, float] = Field((1.2, 1.2), description="slow time constants, drawn log-uniform, s")
    tau_out: float = Field(200e-3, gt=0, description="time constant of readouts, s")
    jump: float = Field(0.2, ge=0, description="what a spike adds to the slow current, units of v_th")
    w_scale: float = Field(1.0, gt=0, description="spread of input weights, times the root of the inputs")
    r_scale: float = Field(0.7, gt=0, description="spread of recurrent weights, times the root of the neurons")
    bias: bool = Field(False, description="are biases learned?")
    batches: int = Field(400, ge=1, le=100_000, description="batches of a training")
    batch: int = Field(64, ge=1, le=4096, description="sequences of a batch")
    rate: float = Field(1e-2, gt=0, description="learning rate")
    height: float = Field(0.3, gt=0, description="height of the surrogate derivative")
    voltage_cost: float = Field(1e-2, ge=0, description="weight of the penalty on potentials")
    voltage_fade: float = Field(0.0, ge=0, le=1, description="last share of the training, in which it falls to zero")
    eprop_rate: float = Field(1e-2, gt=0, description="learning rate of e-prop")
    excitatory: float = Field(0.8, ge=0, le=1, description="share of excitatory neurons, of the variant dale")
    density: float = Field(0.2, gt=0, le=1, description="share of synapses that are there, of the variant sparse")
    coupling: float = Field(0.5, description="how slow currents follow v at first, of the variant following")
    device_levels: tuple[int, ...] = Field((), description="levels of devices that hold the trained weights")
    device_write_noise: tuple[float, ...] = Field((), description="their write noise, as a share of the window")
    device_stuck: tuple[float, ...] = Field((), description="share of stuck ones")
    tested: int = Field(2048, ge=1, le=10_000, description="test sequences")
    priced: int = Field(32, ge=1, le=1000, description="test sequences whose joules are counted")
    deployed: int = Field(64, ge=0, le=10_000, description="test sequences of which each spike is compared")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One training, judged once on test data."""

    variant: str
    seed: int
    accuracy: float
    validation: float
    spikes: float
    """Of a sequence, mean."""
    parameters: int
    cpu_minutes: float
    outside: tuple[float, float] = (0.0, 0.0)
    """(v - threshold)/v_th below and above which a thousandth of the potentials lie."""
    same: tuple[int, int] = (0, 0)
    """Sequences with every spike on the clocked engine, of those compared."""
    cost: Mapping[str, Any] | None = None
    """What a sequence costs on the chip."""
    loihi: float | None = None
    """Accuracy in Loihi's whole numbers, of sequences that are one window."""
    devices: Mapping[str, float] = field(default_factory=dict)
    """Accuracy with weights on crossbars, by kind of devices."""


def network_of(config: SequenceConfig, data: Data, seed: int, *, slow: bool = True) -> nr.Network:
    """An untrained network: AHP and LIF neurons (LIF alone if not `slow`), connected all to all, and readouts."""
    rng = stream(seed, "sequence network")
    size, basic = config.ahp + config.lif, {"tau_m": config.tau_m, "v_th": 1.0}
    low, high = np.log(config.tau_ahp)
    taus = np.exp(rng.uniform(low, high, config.ahp))
    net = nr.Network()
    net.add(nr.Population("in", data.inputs, nr.SpikeSource()))
    cells = []
    if slow:
        model = nr.AHP(**basic, tau_ahp=taus, jump=config.jump)
        cells.append((net.add(nr.Population("ahp", config.ahp, model)), slice(0, config.ahp)))
    if config.lif or not slow:
        here = slice(config.ahp if slow else 0, size)
        cells.append((net.add(nr.Population("lif", here.stop - here.start, nr.LIF(**basic))), here))
    w = rng.normal(0.0, config.w_scale / np.sqrt(data.inputs), (data.inputs, size))
    r = rng.normal(0.0, config.r_scale / np.sqrt(size), (size, size))
    np.fill_diagonal(r, 0.0)
    limit = 1.0 / np.sqrt(size)
    out = rng.uniform(-limit, limit, (size, data.classes)) * readout_scale(config, data)
    for post, here in cells:
        net.connect("in", post, nr.Dense(w[:, here]), delay=data.dt)
        for pre, there in cells:
            net.connect(pre, post, nr.Dense(r[there, here]), delay=data.dt)
    net.add(nr.Population("readout", data.classes, nr.LIF(tau_m=config.tau_out, v_th=None)))
    for pre, there in cells:
        net.connect(pre, "readout", nr.Dense(out[there]), delay=data.dt)
    return net


def readout_scale(config: SequenceConfig, data: Data) -> float:
    """The factor of the readout weights: a window weighs like ten steps at most."""
    leak = (1.0 - data.dt / config.tau_out) ** np.arange(data.window)
    return float(min(data.window, 10) / leak.sum())


def lstm(data: Data, parameters: int) -> Any:
    """An LSTM with a linear readout at the end of each window, as large as fits into `parameters`."""
    torch = import_torch()

    class Lstm(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, units: int) -> None:
            super().__init__()
            self.cell = torch.nn.LSTM(data.inputs, units)
            self.out = torch.nn.Linear(units, data.classes)

        def forward(self, inputs: Any) -> Output:
            states, _ = self.cell(inputs)
            return Output(self.out(states[data.window - 1 :: data.window]), None)

    units = 1
    while count(Lstm(units + 1)) <= parameters:
        units += 1
    return Lstm(units)


def count(module: Any) -> int:
    """Number of learned parameters; synapses that are not there do not count."""
    masked = sum(int((~getattr(each, name)).sum()) for each in module.modules() for name in ("w_mask", "r_mask")
                 if getattr(each, name, None) is not None)  # fmt: skip
    return sum(each.numel() for each in module.parameters() if each.requires_grad) - masked


def module_of(config: SequenceConfig, data: Data, variant: str, seed: int) -> Any:
    """What a variant trains."""
    net = network_of(config, data, seed, slow=variant != "lif")
    learn = ("bias",) if config.bias else ()
    module: Any = nr.to_module(net, learn=learn, window=data.window, scale=readout_scale(config, data))
    how = module.layer.surrogate
    cost = 0.0 if variant == "unregularised" else config.voltage_cost
    module.layer.surrogate = how._replace(height=config.height, voltage_cost=cost, recurrent=variant != "eprop")
    if variant == "following":
        module.layer.couple(config.coupling, learned=True)
    if variant == "dale" and config.excitatory < 1:
        # Fewer inhibitory neurons have larger weights, so that a neuron hears as much of either sign.
        inhibitory = ~_excitatory(config, module)
        module.layer.r.data[inhibitory] *= config.excitatory / (1.0 - config.excitatory)
    module = module.float()
    if variant == "lstm":
        torch = import_torch()
        torch.manual_seed(seed)
        return lstm(data, count(module))
    return module


def constraints_of(config: SequenceConfig, module: Any, variant: str) -> tuple[Constraint, ...]:
    """What the weights of a variant keep to."""
    if variant == "dale":
        return (Dale(_excitatory(config, module)),)
    return (Rewiring(config.density),) if variant == "sparse" else ()


def _excitatory(config: SequenceConfig, module: Any) -> NDArray[np.bool_]:
    """Which neurons are excitatory: the first of them."""
    size = int(module.layer.size)
    return np.arange(size) < round(config.excitatory * size)


def learn(config: SequenceConfig, data: Data, variant: str, seed: int, progress: Progress) -> tuple[Outcome, Any]:
    """Train one variant, and judge it once on test data."""
    torch = import_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # several threads take longer for small batches, and change sums
    try:
        began, module = time.process_time(), module_of(config, data, variant, seed)
        rate = config.eprop_rate if variant == "eprop" else config.rate
        held = list(parts_of(data, seed, "validation", min(1024, config.tested)))
        settings = Settings(
            steps=config.batches, rate=rate, fade=config.voltage_fade, seed=seed, every=max(1, config.batches // 4)
        )
        told = train(
            module,
            lambda k: data.batch(seed, "training", k, config.batch),
            settings,
            validate=lambda each: accuracy_of(each, held),
            constraints=constraints_of(config, module, variant),
            progress=lambda done, total, _: progress(done, total, f"training {variant}"),
        )
        minutes = (time.process_time() - began) / 60
        return judge(config, data, variant, seed, module.double(), max(a for _, a in told.validation), minutes), module
    finally:
        torch.set_num_threads(before)


def parts_of(data: Data, seed: int, part: str, total: int) -> Iterator[Any]:
    """Batches of 256 sequences, `total` in all or as many as there are."""
    for k in range(-(-total // 256)):
        batch = data.batch(seed, part, k, 256)
        left = total - 256 * k
        if batch.labels.shape[1]:
            yield type(batch)(batch.inputs[:, :left], batch.labels[:, :left])


def judge(
    config: SequenceConfig, data: Data, variant: str, seed: int, module: Any, validation: float, minutes: float
) -> Outcome:
    """Accuracy and spikes on test data, spikes on the clocked engine, and joules."""
    torch = import_torch()
    tests = list(parts_of(data, seed, "test", config.tested))
    accuracy = accuracy_of(module, tests)
    plain = {"variant": variant, "seed": seed, "accuracy": accuracy, "validation": validation}
    plain |= {"parameters": count(module), "cpu_minutes": minutes}
    steps = len(tests[0].inputs)
    if variant == "lstm":
        units = module.cell.hidden_size
        macs = steps * 4 * units * (data.inputs + units) + units * data.classes * tests[0].labels.shape[0]
        cost = {"macs": macs, "joules": macs * (MAC + LOAD), "units": units}
        return Outcome(**plain, spikes=0.0, cost=cost)
    spikes, low, high, total = 0.0, [], [], 0
    with torch.no_grad():
        for batch in tests:
            spikes += float(module(torch.from_numpy(batch.inputs).double()).spikes.sum())
            u = (module.layer.margin / module.layer.v_th).numpy().ravel()[::101]
            low.append(np.quantile(u, 1e-3))
            high.append(np.quantile(u, 1 - 1e-3))
            total += batch.inputs.shape[1]
    plain |= {"spikes": spikes / total, "outside": (float(np.mean(low)), float(np.mean(high)))}
    if variant == "following":
        return Outcome(**plain)  # no engine and no chip has its neurons
    recordings, same = deploy(module, tests, max(config.deployed, config.priced))
    return Outcome(
        **plain,
        same=same,
        cost=price(module, recordings[: config.priced], steps),
        loihi=loihi_accuracy(module, tests) if variant == "ahp" and len(tests[0].labels) == 1 else None,
        devices=accuracy_on_devices(module, config, tests, seed) if variant == "ahp" else {},
    )


def deploy(module: Any, tests: list[Any], most: int) -> tuple[list[Recording], tuple[int, int]]:
    """Runs of the module's network on the clocked engine, and how many of them have each spike of the module."""
    torch, dt, same = import_torch(), module.layer.dt, 0
    recordings: list[Recording] = []
    program = nr.build_clocked(nr.to_network(module), dt=dt)
    for batch in tests:
        steps, size, _ = batch.inputs.shape
        here = min(size, most - len(recordings))
        with torch.no_grad():
            wanted = module(torch.from_numpy(batch.inputs[:, :here]).double()).spikes.numpy() > 0
        trials = ({"in": spikes_of(batch.inputs[:, b], dt)} for b in range(here))
        for b, recording in enumerate(nr.run_batch(program, steps * dt, trials)):
            found = [raster_of(recording.spikes[p.name], steps, p.size, dt) for p in module.layer.populations]
            same += bool(np.array_equal(np.concatenate(found, axis=1), wanted[:, b]))
            recordings.append(recording)
        if len(recordings) >= most:
            break
    return recordings, (same, len(recordings))


def price(module: Any, recordings: list[Recording], steps: int) -> dict[str, Any]:
    """Mean joules, seconds and events of a sequence on one core of Loihi; inputs come from outside.

    An AHP neuron takes a second compartment, which its spikes reach by one more synapse.
    """
    net, chip = nr.to_network(module), nr.load_chip(CHIP)
    slow = [p.name for p in module.layer.populations if isinstance(p.model, nr.AHP)]
    for name in slow:
        net.connect(name, name, nr.OneToOne(-1.0), delay=module.layer.dt, name=f"{name}->second compartment")
    where = {name: -1 if name == "in" else 0 for name in net.populations}
    placement = placed(net, chip, where, compartments=dict.fromkeys(slow, 2))
    reports = [nr.account(recording, placement) for recording in recordings]
    kinds = [kind for kind in reports[0].by_cause if any(report.by_cause[kind] for report in reports)]
    joules = {kind: float(np.mean([report.by_cause[kind] for report in reports])) for kind in kinds}
    latency = [report.latency for report in reports if report.latency is not None]
    return {
        "joules": float(np.mean([report.total for report in reports])),
        "range": [float(np.mean([report.range[k] for report in reports])) for k in (0, 1)],
        "by_cause": joules,
        "counts": {kind: float(np.mean([report.counts.get(kind, 0.0) for report in reports])) for kind in kinds},
        "latency_ms": float(np.mean(latency)) / ms if latency else 0.0,
        "steps": steps,
    }
