"""Networks of this project's own tasks, with a recording to place them by and another one to judge the placement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

import neuro as nr
from neuro.chip.model import Chip
from neuro.chip.placement import Placement
from neuro.engine.recording import Recording
from neuro.learning.examples import Examples
from neuro.learning.fit import Schedule, fit
from neuro.learning.layer_rules import EquilibriumPropagation
from neuro.learning.layers import SpikingLayers
from neuro.mapping.constraints import no_partition_found, rules_of
from neuro.mapping.metrics import measure
from neuro.mapping.partition.feasible import demands_of, first_fit, fits
from neuro.mapping.traffic import spikes_of, traffic_of
from neuro.network.synapses import Dense
from neuro.report import Table
from neuro.tasks._digits import CLASSES, PIXELS, images
from neuro.tasks._microcircuit import circuit
from neuro.tasks._mnist import Config as MnistConfig
from neuro.tasks._mnist import setting, split_images
from neuro.tasks._smnist import DT, STEPS, chip_run, encode, find_data, load, network

__all__ = ["TRAINED", "Example", "bought", "filled_in_order", "trained_table"]

METHODS = ("in order", "km1", "latency")
"""Placements that are compared: cores filled in order, and two objectives of `place`."""


class Example(NamedTuple):
    """A network with two recordings."""

    network: nr.Network
    placed_by: Recording
    """What the placement is made for."""
    judged_by: Recording
    """Other inputs, or a later interval."""


def digits(size: float, seed: int) -> Example:
    """The digits task's spiking network of 64-64-10 after three epochs; twenty images each, one after the other."""
    training, shown = images().split(0.2, seed, "test")
    mean = training.inputs.mean(axis=0)
    some = training.centred(mean).take(np.arange(min(int(14000 * size), len(training))))
    schedule = Schedule(epochs=3, rates=(0.2, 0.05))
    return _classifier(SpikingLayers(sizes=(PIXELS, 64, CLASSES)), some, shown.centred(mean), schedule, seed)


def mnist(size: float, seed: int) -> Example:
    """The MNIST task's spiking network of 784-500-10 after one epoch; twenty test images each. Needs its files."""
    config = MnistConfig(used=max(int(60_000 * size), 20), tested=40, epochs=1)
    training, _, shown = split_images(config)
    chosen = setting(config, "ideal")
    return _classifier(chosen.spiking, training, shown, chosen.schedule, seed)


def _classifier(layers: SpikingLayers, some: Examples, shown: Examples, schedule: Schedule, seed: int) -> Example:
    """Layers trained by two phases, then shown twenty images, and twenty others."""
    weights = fit(layers, some, EquilibriumPropagation(beta=1.0), schedule, seed=seed).weights
    net = layers.with_synapses(
        [Dense(matrix) for matrix in weights.matrices[1:]], [Dense(matrix.T) for matrix in weights.matrices[1:]]
    )
    length = layers.inference[0] * layers.tick

    def shows(first: int) -> Recording:
        currents = layers.currents(weights, shown.inputs[first : first + 20])
        times = length * np.arange(len(currents[0]))
        given = {f"layer{k}": nr.Current.in_order(times, each) for k, each in enumerate(currents, 1)}
        return nr.run(net, float(length * len(times)), inputs=given)

    return Example(net, shows(0), shows(20))


def loihi_smnist(size: float, seed: int) -> Example:
    """The published network of `loihi-smnist`, on two test images of the chip's run. Needs its files.

    Synapses of AHP neurons onto their own second compartments are left out, as the engine has them in its equations.
    """
    weights, pixels, _ = load(find_data())
    program = nr.build_clocked(network(*weights), dt=DT)
    one, other = nr.run_batch(program, STEPS * DT, ({"input": encode(pixels[i])} for i in chip_run()[:2]))
    return Example(network(*weights), one, other)


def microcircuit(size: float, seed: int) -> Example:
    """The cortical microcircuit at a share of its size and 30 % of its synapses a neuron, in two intervals."""
    net = circuit(size, 0.3, poisson=False, delay_step=1e-4, seed=seed)
    program = nr.build(net)
    settled = nr.run(program, 0.1, record=nr.Record(spikes=False))
    first = nr.run(program, 0.2, state=settled.state)
    return Example(net, first, nr.run(program, 0.2, state=first.state))


def store_recall(size: float, seed: int) -> Example:
    """The store-recall task's 60 AHP neurons after brief training, on two test sequences."""
    from neuro.tasks._sequence import SequenceConfig, deploy, module_of, parts_of
    from neuro.tasks._sequence_data import StoreRecall
    from neuro.training.train import Settings, train

    config, data = SequenceConfig(), StoreRecall()
    module = module_of(config, data, "ahp", seed)
    settings = Settings(steps=max(int(1000 * size), 4), rate=config.rate, seed=seed)
    train(module, lambda k: data.batch(seed, "training", k, config.batch), settings)
    recordings, _ = deploy(module.double(), list(parts_of(data, seed, "test", 2)), 2)
    return Example(nr.to_network(module), *recordings)


def stories(size: float, seed: int) -> Example:
    """A small network of the stories task after brief training on kind 15, on two test stories.

    The network has a copy of its reading neurons for each sentence, and of its relation layers for each pair.
    """
    from neuro.tasks._story_deploy import DT as STEP
    from neuro.tasks._story_deploy import deploy, inputs_of
    from neuro.tasks._story_network import Relational, Sizes
    from neuro.tasks._story_run import SIZES
    from neuro.tasks._story_training import Recipe, held_out, learn, longest

    cells, relation = max(min(int(800 * size), 100), 8), max(min(int(960 * size), 128), 8)
    model = Relational(Sizes(*longest(15), cells, relation, relation // 2, **SIZES[15]), seed)
    learn(model, 15, Recipe(minutes=np.inf, batches=max(int(4000 * size), 4)), seed)
    model.double()
    data = held_out(15, 2, "test")
    built = deploy(model, data)
    program = nr.build_clocked(built.network, dt=STEP, semantics="nir-euler")
    one, other = nr.run_batch(program, built.duration, (inputs_of(built, model, data, story) for story in range(2)))
    return Example(built.network, one, other)


TRAINED: Mapping[str, Callable[[float, int], Example]] = {
    "digits": digits,
    "loihi_smnist": loihi_smnist,
    "microcircuit": microcircuit,
    "mnist": mnist,
    "store_recall": store_recall,
    "stories": stories,
}
"""Networks by name; each takes a share of its size, and a seed."""


def filled_in_order(net: nr.Network, chip: Chip) -> Placement:
    """Cores filled one after the other within all limits: what a placement without any search is.

    Axons out depend on all cores together. Where there are too many, cores take fewer neurons.

    Raises
    ------
    InfeasibleError
        If no number of neurons a core does.
    """
    rules = rules_of(net, chip, traffic_of(net), None, {}, (), (), ())
    terms, demands = rules.terms, demands_of(rules.terms, chip.cores)
    most = demands.most.copy()
    while most[0].max() > 0:  # the first resource is neurons
        part = first_fit(terms.nets, np.arange(terms.vertices), demands._replace(most=most), rules.fixed, chip.cores)
        if part.min(initial=0) >= 0 and fits(terms, part, chip.cores):
            return nr.placed(net, chip, terms.traffic.by_population(part.astype(np.int64)))
        fullest = int(np.bincount(part[part >= 0]).max(initial=1))
        most[0] = np.minimum(most[0], fullest - 1 - fullest // 20)
    raise no_partition_found(rules)


def bought(example: Example, chip: Chip, effort: str, seed: int) -> dict[str, dict[str, float]]:
    """What each placement costs on the recording that it was not made for, by method and quantity."""
    found = {}
    for method in METHODS:
        net = example.network
        if method == "in order":
            placement = filled_in_order(net, chip)
        else:
            placement = nr.place(net, chip, example.placed_by, method, effort, seed)
        bill = nr.account(example.judged_by, placement)
        costs = measure(placement, spikes_of(net, example.judged_by))
        found[method] = {
            "cores": float(costs["cores"] or 0.0),
            "joules": bill.total,
            "dynamic_joules": bill.dynamic,
            "latency": float(bill.latency or 0.0),
            "hops": float(costs["unicast_hops"] or 0.0),
            "deliveries": float(costs["km1"] or 0.0),
        }
    return found


def trained_table(found: Mapping[str, Mapping[str, Mapping[str, float]]], chip: Chip) -> Table:
    """What a better placement buys, a row for each network and placement."""
    rows = tuple(
        (name, method, int(costs["cores"]), int(costs["deliveries"]), int(costs["hops"]), costs["dynamic_joules"] * 1e6,
         costs["joules"] * 1e6, costs["latency"] * 1e6)
        for name, methods in found.items()
        for method, costs in methods.items()
    )  # fmt: skip
    title = f"Networks of this project on {chip.name}, judged on a recording that they were not placed by"
    heads = ("network", "placed", "cores", "deliveries", "hops", "dynamic, uJ", "total, uJ", "time, us")
    return Table(title, heads, rows)
