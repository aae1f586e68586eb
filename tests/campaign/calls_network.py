"""Good calls: neurons, populations, synapses, networks."""

from __future__ import annotations

import numpy as np

import neuro as nr
from tests.campaign.kinds import EITHER, Kind, choice, flag, instance, listed, mapping, number, text
from tests.campaign.recipe import Argument, Made, Recipe

__all__ = ["RECIPES", "network"]

TWO = ((2,),)
DRAWN = ("weight", "positions")  # a function draws weights by distance
REAL = number(shapes=TWO)
TIME = number(above=0, unit="s", shapes=TWO)


def network(size: int = 2) -> nr.Network:
    """A source, and as many neurons that it drives."""
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", size, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(2.0), delay=1e-3)
    return net


def populated(model):
    """The model, after it has gone into a population of two."""

    def make(**fields):
        made = model(**fields)
        nr.Population("two", 2, made)
        return made

    return make


def connected(synapses):
    """The synapses, after they have gone between populations of two and into a program, which looks at each of them."""

    def make(**fields):
        made = synapses(**fields)
        net = network()
        net.connect("cue", "cell", made, delay=1e-3)
        nr.build(net)
        return made

    return make


SPIKING = {
    "v_th": Argument(1.0, number(shapes=TWO, none=True, unsure=True)),
    "v_reset": Argument(0.0, number(shapes=TWO, unsure=True)),
    "bias": Argument(0.0, REAL),
    "refractory": Argument(0.0, number(least=0, unit="s", shapes=TWO)),
    "tau_syn": Argument(None, number(above=0, unit="s", shapes=TWO, none=True)),
    "reset": Argument("to_value", choice()),
    "v_min": Argument(None, number(shapes=TWO, none=True, unsure=True)),
    "v_max": Argument(None, number(shapes=TWO, none=True, unsure=True)),
}
LEAKY = {"tau_m": Argument(20e-3, TIME), "v_rest": Argument(0.0, REAL), **SPIKING}
STATES = number(scalar=False, shapes=TWO, unsure=True)
LINEAR = {
    **{key: value for key, value in LEAKY.items() if key != "tau_syn"},
    "matrix": Argument([[-100.0, 0.0], [50.0, -90.0]], number(scalar=False, shapes=((2, 2),), unit="Hz", unsure=True)),
    "readout": Argument([0.0, 1.0], STATES),
    "inputs": Argument([1.0, 0.0], number(scalar=False, shapes=((2,), (2, 1), (2, 2)), unsure=True)),
    "to_v": Argument(0.0, number(shapes=((1,),))),
    "jump": Argument(0.0, REAL),
}
LEVEL = number(whole=True, shapes=TWO, unsure=True)
DECAY = number(whole=True, least=0, most=4096, shapes=TWO, unsure=True)
LOIHI = {
    "d_u": Argument(4096, DECAY),
    "bias": Argument(0, number(whole=True, shapes=TWO, unsure=True)),
    "e_bias": Argument(0, number(whole=True, shapes=TWO, unsure=True)),
    "refractory": Argument(1, number(whole=True, least=1, shapes=TWO, unsure=True)),
    "bounded": Argument(False, flag()),
    "d_v": Argument(128, DECAY),
    "v_th": Argument(100, number(whole=True, shapes=TWO, none=True, unsure=True)),
    "e": Argument(0, number(whole=True, shapes=TWO, unsure=True)),
}
ONE_WEIGHT = number()


LIMITS = {
    "low": Argument(0.0, number(most=3.0, infinite=True, unsure=True), ("limits",)),
    "high": Argument(3.0, number(least=0.0, infinite=True, unsure=True), ("limits",)),
    "outside": Argument("redraw", choice()),
    "step": Argument(None, number(above=0, none=True, unsure=True)),
    "single": Argument(False, flag()),
}
FLAGS = {"autapses": Argument(True, flag()), "multapses": Argument(True, flag())}


def drawn(kind: Kind) -> Kind:
    """What may be a function of distance, too."""
    return lambda value: EITHER if value.label in ("a function", "a class") else kind(value)


def driven(**fields):
    """A drive, after it has been laid on a population of two."""
    made = nr.PoissonInput(**fields)
    network().drive("cell", made)
    return made


def adapting(tau: str) -> dict[str, Argument]:
    return {**LEAKY, tau: Argument(0.1, TIME), "jump": Argument(0.1, REAL)}


def joined(pre, post, synapses, delay, receptor, name):
    net = network()
    projection = net.connect(pre, post, synapses, delay=delay, receptor=receptor, name=name)
    nr.build(net)
    return projection


RECIPES = [
    Recipe("LIF", populated(nr.LIF), LEAKY, shows=True),
    Recipe("IF", populated(nr.IF), SPIKING, shows=True),
    Recipe("AHP", populated(nr.AHP), adapting("tau_ahp")),
    Recipe("ALIF", populated(nr.ALIF), adapting("tau_adapt")),
    Recipe("LinearNeuron", populated(nr.LinearNeuron), LINEAR),
    Recipe("LoihiLIF", populated(nr.LoihiLIF), LOIHI),
    Recipe(
        "LoihiAHP",
        populated(nr.LoihiAHP),
        {**LOIHI, "d_a": Argument(100, DECAY), "w_a": Argument(1, LEVEL), "e_a": Argument(0, LEVEL)},
    ),
    Recipe(
        "SpikeSource",
        populated(nr.SpikeSource),
        {
            "times": Argument([1e-3, 2e-3], number(least=0, scalar=False, shapes=TWO, unit="s")),
            "ids": Argument([0, 1], number(least=0, whole=True, scalar=False, shapes=TWO, unsure=True)),
        },
    ),
    Recipe(
        "PoissonSource", populated(nr.PoissonSource), {"rate": Argument(5.0, number(least=0, shapes=TWO))}, shows=True
    ),
    Recipe(
        "Population",
        nr.Population,
        {
            "name": Argument("a", text(empty=False)),
            "size": Argument(2, number(least=0, whole=True)),
            "model": Argument(Made(lambda: nr.LIF(tau_m=20e-3, v_th=1.0)), instance()),
            "initial": Argument(None, mapping(none=True)),
            "initial[v]": Argument(None, number(shapes=TWO), entry=lambda value: {"v": value}),
        },
        shows=True,
    ),
    Recipe(
        "Population.parameter",
        lambda key, default: network().populations["cell"].parameter(key, default),
        {"key": Argument("nothing", text(empty=False)), "default": Argument(0.0, number(infinite=True, nan=True))},
    ),
    Recipe(
        "Network",
        nr.Network,
        {
            "seed": Argument(0, number(least=0, whole=True)),
            "populations": Argument(Made(dict), mapping()),
            "projections": Argument(Made(dict), mapping()),
        },
        shows=True,
    ),
    Recipe(
        "Network.add",
        lambda population: network().add(population),
        {
            "population": Argument(
                Made(lambda: nr.Population("new", 1, nr.SpikeSource())),
                instance(),
                wrong={"a name that is taken": lambda: nr.Population("cue", 1, nr.SpikeSource())},
            ),
        },
    ),
    Recipe(
        "Network.connect",
        joined,
        {
            "pre": Argument(
                "cue",
                listed(),
                ("population",),
                wrong={
                    "a population of another network": lambda: network().populations["cue"],
                    "unknown": lambda: "nobody",
                },
            ),
            "post": Argument(
                "cell",
                listed(),
                ("population", "source"),
                wrong={
                    "a population of another network": lambda: network().populations["cell"],
                    "a source of spikes": lambda: "cue",
                },
            ),
            "synapses": Argument(
                Made(lambda: nr.AllToAll(1.0)),
                instance(),
                ("weights", "ids"),
                wrong={
                    "weights of another shape": lambda: nr.Dense(np.ones((2, 3))),
                    "ids out of range": lambda: nr.Sparse([0, 5], [0, 1], 1.0),
                },
            ),
            "delay": Argument(
                1e-3, number(least=0, unit="s"), ("positions",), wrong={"other shape": lambda: np.full((3, 2), 1e-3)}
            ),
            "receptor": Argument(0, listed("0", "1", either=("0-d array",))),
            "name": Argument("link", text(empty=False, none=True)),
        },
    ),
    Recipe(
        "Projection",
        lambda **fields: nr.Projection(**fields),
        {
            "name": Argument("a", text(empty=False)),
            "pre": Argument(Made(lambda: network().populations["cue"]), instance()),
            "post": Argument(Made(lambda: network().populations["cell"]), instance()),
            "synapses": Argument(Made(lambda: nr.AllToAll(1.0)), instance()),
            "delay": Argument(1e-3, drawn(number(least=0, unit="s")), ("positions",)),
            "receptor": Argument(0, listed("0", "1", either=("0-d array",))),
        },
    ),
    Recipe(
        "Sparse",
        connected(nr.Sparse),
        {
            "pre": Argument(
                Made(lambda: [0, 1]), number(whole=True, least=0, most=1, scalar=False, shapes=TWO), ("ids",)
            ),
            "post": Argument(
                Made(lambda: [0, 1]), number(whole=True, least=0, most=1, scalar=False, shapes=TWO), ("ids",)
            ),
            "weight": Argument(1.0, number(shapes=((2,), (1,))), DRAWN),
        },
    ),
    Recipe(
        "Dense",
        connected(nr.Dense),
        {
            "weight": Argument(Made(lambda: np.ones((2, 2))), number(scalar=False, shapes=((2, 2),))),
        },
    ),
    Recipe("OneToOne", connected(nr.OneToOne), {"weight": Argument(1.0, number(shapes=((2,), (1,))), DRAWN)}),
    Recipe("AllToAll", connected(nr.AllToAll), {"weight": Argument(1.0, ONE_WEIGHT, DRAWN)}),
    Recipe(
        "FixedProbability",
        connected(nr.FixedProbability),
        {
            "p": Argument(0.5, number(least=0, most=1), ("probability",)),
            "weight": Argument(1.0, ONE_WEIGHT, DRAWN),
        },
    ),
    Recipe(
        "FixedIndegree",
        connected(nr.FixedIndegree),
        {
            "k": Argument(1, number(least=0, whole=True, large=2)),
            "weight": Argument(1.0, ONE_WEIGHT, DRAWN),
        },
    ),
    Recipe(
        "Convolution2d",
        nr.Convolution2d,
        {
            "weight": Argument(Made(lambda: np.ones((1, 1, 2, 2))), listed(), ("kernel",)),
            "input_shape": Argument(
                (1, 4, 4), listed(), wrong={"fractions": lambda: (1, 4.5, 4), "nested": lambda: ((1,), 2, 3)}
            ),
            "stride": Argument(1, number(least=1, whole=True, shapes=TWO, large=4)),
            "padding": Argument(0, number(least=0, whole=True, shapes=TWO, large=4)),
            "dilation": Argument(1, number(least=1, whole=True, shapes=TWO, large=1, unsure=True)),
            "groups": Argument(1, listed("1", either=("0-d array",)), ("channels", "kernel")),
        },
    ),
    Recipe(
        "FixedOutdegree",
        connected(nr.FixedOutdegree),
        {"k": Argument(1, number(least=0, whole=True, large=2)), "weight": Argument(1.0, ONE_WEIGHT, DRAWN), **FLAGS},
    ),
    Recipe(
        "FixedTotalNumber",
        connected(nr.FixedTotalNumber),
        {"n": Argument(1, number(least=0, whole=True, large=2)), "weight": Argument(1.0, ONE_WEIGHT, DRAWN), **FLAGS},
    ),
    Recipe(
        "DistanceDependent",
        nr.DistanceDependent,
        {
            "probability": Argument(Made(lambda: nr.Gaussian(sd=1e-3, peak=0.5)), listed("a function", "a class")),
            "weight": Argument(0.5, drawn(number(unsure=True))),
            "delay": Argument(None, drawn(number(least=0, none=True, unit="s"))),
            "periodic": Argument(
                None, number(above=0, none=True, unsure=True, infinite=True, shapes=((2,), (1,), (7,)))
            ),
            "autapses": Argument(True, flag()),
        },
    ),
    Recipe(
        "Gaussian",
        nr.Gaussian,
        {"sd": Argument(1e-3, number(above=0)), "peak": Argument(0.5, number(unsure=True))},
        shows=True,
    ),
    Recipe(
        "Exponential",
        nr.Exponential,
        {"length": Argument(1e-3, number(above=0)), "peak": Argument(0.5, number(unsure=True))},
        shows=True,
    ),
    Recipe("Linear", nr.Linear, {"offset": Argument(1e-3, number()), "per_metre": Argument(1.0, number())}, shows=True),
    Recipe(
        "Normal",
        nr.Normal,
        {
            "mean": Argument(1.0, number(unsure=True), ("draws",)),
            "sd": Argument(0.5, number(least=0, unsure=True), ("draws",)),
            **LIMITS,
        },
        shows=True,
    ),
    Recipe(
        "LogNormal",
        nr.LogNormal,
        {
            "mu": Argument(0.0, number(unsure=True), ("draws",)),
            "sigma": Argument(0.5, number(least=0, unsure=True), ("draws",)),
            **LIMITS,
            "factor": Argument(1.0, number(unsure=True), ("draws",)),
        },
        shows=True,
    ),
    Recipe(
        "Uniform",
        nr.Uniform,
        {
            "low": Argument(0.0, number(most=2.0, unsure=True)),
            "high": Argument(2.0, number(least=0.0, unsure=True)),
            "step": LIMITS["step"],
            "single": LIMITS["single"],
        },
        shows=True,
    ),
    Recipe(
        "loihi_weights",
        nr.loihi_weights,
        {
            "mantissa": Argument(
                Made(lambda: [2, -2]),
                number(least=-256, most=254, whole=True, shapes=((2,), (0,), (7,), (3, 4), (2, 2, 2), (1,))),
            ),
            "exponent": Argument(0, number(least=-8, most=7, whole=True)),
            "bits": Argument(8, number(least=1, most=8, whole=True)),
            "signs": Argument("mixed", choice()),
        },
    ),
    Recipe(
        "TimedRate",
        nr.TimedRate,
        {
            "times": Argument(
                Made(lambda: [0.0, 0.1]), number(least=0, unit="s", scalar=False, shapes=TWO, unsure=True)
            ),
            "rates": Argument(Made(lambda: [5.0, 8.0]), number(least=0, scalar=False, shapes=TWO)),
            "linear": Argument(False, flag()),
        },
    ),
    Recipe(
        "PoissonInput",
        driven,
        {
            "rate": Argument(500.0, number(least=0, shapes=TWO)),
            "weight": Argument(0.1, number(shapes=TWO)),
            "receptor": Argument(0, listed("0", either=("0-d array",))),
            "delay": Argument(0.0, number(least=0, unit="s")),
        },
    ),
    Recipe(
        "Network.drive",
        lambda population, drive: network().drive(population, drive),
        {
            "population": Argument("cell", listed(), ("input",), wrong={"a source of spikes": lambda: "cue"}),
            "drive": Argument(Made(lambda: nr.PoissonInput(rate=500.0, weight=0.1)), instance()),
        },
    ),
]
