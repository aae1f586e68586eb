"""Good calls: networks of layers, their rules, and their training."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import numpy as np

import neuro as nr
from tests.campaign.kinds import choice, instance, listed, number
from tests.campaign.recipe import Argument, Made, Recipe

__all__ = ["RECIPES"]

TWO = ((2,),)
POSITIVE = number(above=0)
SEED = number(least=0, whole=True)


def examples() -> nr.Examples:
    return nr.Examples([[1.0, -1.0], [-1.0, 1.0]], [0, 1])


def fit(**given):
    rest = {"rule": nr.EquilibriumPropagation(), "schedule": nr.Schedule(epochs=0, rates=(0.1, 0.1))}
    return nr.fit(**{"network": nr.RateLayers(sizes=(2, 3, 2)), "data": examples()} | rest | given)


def answered(**given):
    """Weights in use."""
    return nr.RateLayers(sizes=(2, 2)).answer(nr.LayerWeights(**given), np.zeros((1, 2)))


def layer() -> nr.Network:
    """Sources, neurons and a readout."""
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.add(nr.Population("readout", 2, nr.LIF(tau_m=20e-3, v_th=None)))
    net.connect("cue", "cell", nr.AllToAll(0.5), delay=1e-3)
    net.connect("cell", "readout", nr.AllToAll(0.5), delay=1e-3)
    return net


def differentiated(program, loss, weights, duration, inputs):
    """A loss of a run in use."""
    return nr.torch_function(program, loss)(weights, duration, inputs)


def matrix() -> nr.Network:
    """Sources and neurons with a matrix of weights."""
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.connect("cue", "cell", nr.Dense([[8.0, 1.0], [1.0, 8.0]]), delay=1e-3, name="on")
    return net


def ones():
    """Weights of `matrix`, as tensors."""
    import torch

    return {"on": torch.ones(2, 2, dtype=torch.float64)}


TRAINING = [
    Recipe(
        "torch_function",
        differentiated,
        {
            "program": Argument(Made(matrix), instance()),
            "loss": Argument(
                Made(lambda: nr.WeightedSum(nr.FirstSpike(population="cell"))),
                listed(either=("()", "[]", "{}")),
                ("population",),
            ),
            "weights": Argument(Made(ones), listed(either=("{}", "None")), ("projection",)),
            "duration": Argument(0.02, number(least=0, unit="s")),
            "inputs": Argument(
                Made(lambda: {"cue": nr.Spikes([1e-3, 2e-3], [0, 1])}), listed(either=("{}", "None")), ("population",)
            ),
        },
    ),
    Recipe(
        "to_module",
        nr.to_module,
        {
            "network": Argument(Made(layer), instance()),
            "learn": Argument(Made(lambda: ["bias"]), listed("[]", either=("()",))),
            "window": Argument(3, number(least=1, whole=True, none=True)),
            "scale": Argument(1.0, POSITIVE),
        },
    ),
    Recipe(
        "to_network",
        nr.to_network,
        {
            "module": Argument(Made(lambda: nr.to_module(layer())), instance()),
            "dt": Argument(1e-3, number(above=0, unit="s", none=True), ("step", "delay")),
        },
    ),
]
"""They need torch."""

RECIPES = [
    *(TRAINING if find_spec("torch") else ()),
    Recipe(
        "Nudge",
        nr.Nudge,
        {
            "population": Argument("cell", listed("'x'", "'1'", either=("''",))),
            "target": Argument(Made(lambda: [1.0, 0.0]), number(shapes=((2,), (7,), (0,), (1,)), unsure=True)),
            "strength": Argument(10.0, number()),
        },
    ),
    Recipe(
        "Examples",
        nr.Examples,
        {
            "inputs": Argument(Made(lambda: np.ones((2, 2))), number(scalar=False, shapes=((2, 2),))),
            "labels": Argument(Made(lambda: [0, 1]), number(least=0, whole=True, scalar=False, shapes=TWO)),
            "targets": Argument(None, number(scalar=False, shapes=((2, 2),), none=True)),
        },
    ),
    Recipe(
        "EquilibriumPropagation",
        nr.EquilibriumPropagation,
        {"beta": Argument(1.0, POSITIVE), "sides": Argument("centred", choice())},
    ),
    Recipe("ContrastiveHebbian", nr.ContrastiveHebbian, {}),
    Recipe("CoupledLearning", nr.CoupledLearning, {"eta": Argument(0.5, number(above=0, most=1))}),
    Recipe(
        "EventPropagation",
        nr.EventPropagation,
        {
            "beta": Argument(0.5, POSITIVE),
            "fast": Argument(3.0, number(above=0, unsure=True)),
            "slow": Argument(30.0, number(above=0, unsure=True)),
        },
    ),
    Recipe("GatedSTDP", nr.GatedSTDP, {"tau": Argument(2.0, POSITIVE)}),
    Recipe("DeltaRule", nr.DeltaRule, {}),
    Recipe("Hebb", nr.Hebb, {}),
    Recipe(
        "Schedule",
        nr.Schedule,
        {
            "epochs": Argument(1, number(least=0, whole=True)),
            "rates": Argument((0.1, 0.1), number(least=0, scalar=False, shapes=((2,), (7,), (0,), (1,)), unsure=True)),
            "last": Argument(0.1, POSITIVE),
            "batch": Argument(2, number(least=1, whole=True)),
            "fall": Argument("linear", choice()),
            "revival": Argument(3, number(least=0, whole=True)),
            "momentum": Argument(0.5, number(least=0, most=1, unsure=True)),
            "target": Argument(1.0, POSITIVE),
            "patience": Argument(None, number(least=1, whole=True, none=True)),
            "max_levels": Argument(4, number(least=1, whole=True)),
        },
    ),
    Recipe(
        "SpikingLayers",
        partial(nr.SpikingLayers, sizes=(2, 3, 2)),
        {
            "gain": Argument(1.0, POSITIVE),
            "delay": Argument(0.5, POSITIVE),
            "v_min": Argument(-0.5, number()),
            "v_max": Argument(2.0, POSITIVE),
            "window": Argument("flat", choice()),
        },
    ),
    Recipe(
        "ConvolutionLayers",
        partial(nr.ConvolutionLayers, image=(1, 4, 4), after=(2,)),
        {
            "channels": Argument(2, number(least=1, whole=True)),
            "kernel": Argument(3, number(least=1, whole=True, unsure=True)),
            "stride": Argument(1, number(least=1, whole=True, unsure=True)),
            "pool": Argument(1, number(least=1, whole=True, unsure=True)),
            "gain": Argument(1.0, POSITIVE),
        },
    ),
    Recipe(
        "RateLayers",
        partial(nr.RateLayers, sizes=(2, 3, 2)),
        {
            "gain": Argument(1.0, POSITIVE),
            "refractory": Argument(0.3, number(least=0)),
            "damping": Argument(0.5, POSITIVE),
        },
    ),
    Recipe(
        "ResistiveNetwork",
        partial(nr.ResistiveNetwork, sizes=(2, 3, 2)),
        {
            "amplification": Argument(1.0, POSITIVE),
            "floor": Argument(0.0, number(least=0)),
            "diodes": Argument("frozen", choice()),
            "volt": Argument(0.1, POSITIVE),
            "siemens": Argument(1e-4, POSITIVE),
        },
    ),
    Recipe(
        "AssociativeMemory",
        partial(nr.AssociativeMemory, size=4),
        {
            "size": Argument(3, number(least=1, whole=True)),
            "tick": Argument(1e-3, number(above=0, unit="s", unsure=True)),
            "gain": Argument(3.0, POSITIVE),
            "tau": Argument(2e-3, number(above=0, unit="s", unsure=True)),
            "v_min": Argument(-0.5, number()),
        },
    ),
    Recipe("LayerWeights", answered, {"matrices": Argument(Made(lambda: (np.ones((2, 2)),)), listed(), ("layer",)),
                                      "biases": Argument(Made(lambda: (np.zeros(2),)), listed(), ("layer",))}),
    Recipe(
        "fit",
        fit,
        {
            "data": Argument(Made(examples), instance()),
            "schedule": Argument(Made(lambda: nr.Schedule(epochs=0, rates=(0.1, 0.1))), instance(none=True)),
            "validation": Argument(None, instance(none=True)),
            "seed": Argument(0, SEED),
            "checkpoint": Argument(None, listed("None", "'x'", "'1'"), ("file", "path")),
        },
    ),
]  # fmt: skip
