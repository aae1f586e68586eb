"""Networks in time steps for the comparison of training methods: by surrogate gradients, and by e-prop; needs torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.engine.clocked.program import build_clocked
from neuro.engine.clocked.run import run_batch
from neuro.engine.recording import Current
from neuro.learning.examples import Examples
from neuro.network.graph import Network, Population
from neuro.network.neurons import LIF, SpikeSource
from neuro.network.synapses import Dense
from neuro.randomness import stream
from neuro.tasks._digits import PIXELS, images
from neuro.tasks._layered import CLASSES
from neuro.tasks._training_methods import STEP, Clock, Config, Learned, Method, Parts, dropping, times_of
from neuro.tasks._training_methods_costs import Shown
from neuro.training.batch import Batch, Output, spikes_of
from neuro.training.deploy import to_module, to_network
from neuro.training.layer import SequenceClassifier
from neuro.training.library import import_torch
from neuro.training.train import Settings, accuracy_of, train
from neuro.validation import Floats

torch = import_torch()


class Broadcast(SequenceClassifier):
    """A classifier whose errors go back to the neurons by fixed random weights, not by those of the readout.

    With neurons that reach no others, the surrogate gradient of a hidden synapse is then what e-prop computes forward
    in time, from a trace of its own and the broadcast error.
    """

    def __init__(self, of: SequenceClassifier, feedback: Floats) -> None:
        readout, offset = of.readout.detach().numpy(), of.offset.detach().numpy()
        super().__init__(of.layer, readout, offset, of.tau_out, of.window, of.scale)
        self.register_buffer("feedback", torch.tensor(feedback))

    def forward(self, inputs: Any) -> Output:
        """As `SequenceClassifier`; the score is the same number, its derivative by a spike is not."""
        spikes = self.layer(inputs)
        scores = self.scored(spikes.detach())
        sent = self.scored(spikes, self.feedback)
        return Output(scores + sent - sent.detach(), spikes)

    def scored(self, spikes: Any, weights: Any = None) -> Any:
        """Scores (1, sequences, classes) of spikes over all steps, or what the feedback's weights make of them."""
        leak = (1.0 - self.layer.dt / self.tau_out) ** np.arange(len(spikes) - 1, -1, -1)
        sums = torch.einsum("sbn,s->bn", spikes, torch.tensor(leak * self.scale, dtype=spikes.dtype))[None]
        return sums @ self.readout + self.offset if weights is None else sums @ weights


def steps_of(config: Config) -> int:
    """Steps of an inference."""
    return round(config.duration / STEP)


def seen(config: Config, method: Method, pixels: Floats, mean: Floats) -> NDArray[np.float32]:
    """Inputs (steps, images, pixels): spikes, or in each step the same currents, less the mean training image."""
    steps = steps_of(config)
    if method.endswith("/currents"):
        return np.repeat((config.gain * (pixels - mean)).astype(np.float32)[None], steps, axis=0)
    at = np.rint(times_of(pixels, config.duration) / STEP).astype(np.int64)
    return (at == np.arange(steps)[:, None, None]).astype(np.float32)


def module_of(config: Config, method: Method, seed: int) -> Any:
    """The untrained classifier, in doubles."""
    rng = stream(seed, "training methods", "clocked")
    network, size, steps = Network(), config.hidden, steps_of(config)
    network.add(Population("in", PIXELS, SpikeSource()))
    network.add(Population("hidden", size, LIF(tau_m=config.tau_m, v_th=1.0)))
    network.add(Population("readout", CLASSES, LIF(tau_m=config.duration, v_th=None)))
    leak = (1.0 - STEP / config.duration) ** np.arange(steps)
    scale, limit = float(10.0 / leak.sum()), 1.0 / np.sqrt(size)
    network.connect("in", "hidden", Dense(rng.normal(0.05, 1.0 / np.sqrt(PIXELS), (PIXELS, size))), delay=STEP)
    out = rng.uniform(-limit, limit, (size, CLASSES))
    network.connect("hidden", "readout", Dense(scale * out), delay=STEP)
    module: Any = to_module(network, scale=scale)
    if method.startswith("surrogate"):
        module.layer.surrogate = module.layer.surrogate._replace(height=config.height)
    else:
        module = Broadcast(module, config.feedback * rng.uniform(-limit, limit, (size, CLASSES)))
    return module


def learn_clocked(config: Config, method: Method, parts: Parts, seed: int) -> Learned:
    """By surrogate gradients, with errors that go back by the readout's weights, or by random ones: e-prop."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # several threads take longer for small batches, and change sums
    try:
        return _learn(config, method, parts, seed)
    finally:
        torch.set_num_threads(before)


def _learn(config: Config, method: Method, parts: Parts, seed: int) -> Learned:
    mean, drawn = parts.training.inputs.mean(axis=0), dropping(config, method, parts.training, seed)
    module, updates = module_of(config, method, seed).float(), -(-len(parts.training) // config.batch)
    held: dict[int, tuple[Examples, NDArray[np.int64]]] = {}

    def batch(k: int) -> Batch:
        epoch, number = divmod(k, updates)
        if epoch not in held:
            order = stream(seed, "training methods", "order", str(epoch)).permutation(len(parts.training))
            held.clear()
            held[epoch] = drawn(epoch), order
        now, order = held[epoch]
        return given(now.take(order[number * config.batch : (number + 1) * config.batch]))

    def given(some: Examples) -> Batch:
        return Batch(seen(config, method, some.inputs, mean), some.labels[None])

    validation, clock = [given(parts.validation)], Clock()
    told = train(
        module,
        batch,
        Settings(steps=config.epochs * updates, rate=config.rate_of(method), every=updates, seed=seed),
        validate=lambda each: accuracy_of(each, validation),
        progress=lambda done, total, label: clock(done / updates, total, label),
    )
    module = module.double()
    shown = inferences(config, method, module, parts.judged.inputs[: config.priced], mean)
    return Learned(
        [share for _, share in told.validation],
        [*clock.seconds.values()],
        accuracy_of(module, [given(parts.judged)]),
        shown,
        sum(each.numel() for each in module.parameters() if each.requires_grad),
    )


def inferences(config: Config, method: Method, module: Any, pixels: Floats, mean: Floats) -> Shown:
    """Recorded inferences of the module's network on the clocked engine."""
    network = to_network(module)
    currents, steps = method.endswith("/currents"), steps_of(config)
    w = module.layer.w.detach().numpy()
    inputs = seen(config, method, pixels, mean)
    # What comes in a step is what a current adds to v in one.
    into = inputs[0].astype(np.float64) @ w * (config.tau_m / STEP)
    trials = (
        {"hidden": Current(0.0, into[k][None])} if currents else {"in": spikes_of(inputs[:, k], STEP)}
        for k in range(len(pixels))
    )
    recordings = list(run_batch(build_clocked(network, dt=STEP), steps * STEP, trials))
    matrices = w, (module.readout * module.scale).detach().numpy()
    return Shown(network, recordings, STEP, matrices, currents=currents, back=False)


def compile_clocked(config: Config) -> None:
    """Compile what a training needs, with one update of each kind."""
    few = images().take(np.arange(4))
    mean = few.inputs.mean(axis=0)
    methods: tuple[Method, ...] = ("surrogate/times", "e_prop/currents")
    for method in methods:
        batch = Batch(seen(config, method, few.inputs, mean), few.labels[None])
        train(module_of(config, method, 0).float(), lambda k, batch=batch: batch, Settings(steps=1))
