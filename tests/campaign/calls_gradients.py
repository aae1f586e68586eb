"""Good calls: exact gradients, their losses, and networks that are trained by them."""

from __future__ import annotations

from functools import cache
from typing import Any

import neuro as nr
from tests.campaign.kinds import choice, flag, instance, listed, number
from tests.campaign.recipe import Argument, Made, Recipe

__all__ = ["RECIPES"]

POSITIVE = number(above=0)
NOT_NEGATIVE = number(least=0)
SECONDS = number(above=0, unit="s")
NAME = listed(either=("''",))
NEURONS = number(least=0, most=1, whole=True, none=True, shapes=((2,), (1,), (0,)), unsure=True)
IN_RUN = number(least=0, most=0.05, unit="s", unsure=True)
TILL = number(least=0, most=0.05, unit="s", none=True, unsure=True)


@cache
def network() -> nr.Network:
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.connect("cue", "cell", nr.Dense([[8.0, 1.0], [1.0, 8.0]]), delay=1e-3)
    return net


def given() -> dict[str, nr.Spikes]:
    return {"cue": nr.Spikes([2e-3, 4e-3], [0, 1])}


@cache
def recording() -> nr.Recording:
    return nr.run(network(), 0.05, inputs=given())


def slope_of(loss: Any) -> nr.Gradient:
    return nr.gradient(network(), recording(), inputs=given(), loss=loss)


def summed(kind: Any) -> Any:
    """A quantity in use."""
    return lambda **fields: slope_of(nr.WeightedSum(kind(**fields)))


def quantity() -> Any:
    return nr.LargestV(population="cell")


def in_use(kind: Any) -> Any:
    """A loss in use."""
    return lambda **fields: slope_of(kind(**fields))


WINDOW = {
    "population": Argument("cell", NAME),
    "neurons": Argument(None, NEURONS, ("index", "indices", "neuron")),
    "start": Argument(0.0, IN_RUN, ("window",)),
    "stop": Argument(0.05, TILL, ("window",)),
}
EACH = number(shapes=((2,),), unsure=True)

RECIPES = [
    Recipe(
        "gradient",
        nr.gradient,
        {
            "program": Argument(Made(network), instance()),
            "recording": Argument(Made(recording), instance()),
            "loss": Argument(
                Made(lambda: nr.WeightedSum(quantity())), listed(either=("()", "[]", "{}")), ("population",)
            ),
            "inputs": Argument(Made(given), listed(either=("{}", "None")), ("population",)),
            "workers": Argument(1, listed()),
        },
    ),
    Recipe(
        "FirstSpike",
        summed(nr.FirstSpike),
        {
            "population": WINDOW["population"],
            "neurons": WINDOW["neurons"],
            "silent": Argument(None, number(unit="s", none=True)),
        },
    ),
    Recipe("LargestV", summed(nr.LargestV), WINDOW),
    Recipe("IntegralV", summed(nr.IntegralV), WINDOW),
    Recipe(
        "SampledV",
        summed(nr.SampledV),
        {
            "population": WINDOW["population"],
            "neurons": WINDOW["neurons"],
            "times": Argument(0.01, number(least=0, most=0.05, unit="s", shapes=((2,), (1,), (0,), (7,)), unsure=True)),
        },
    ),
    Recipe(
        "CrossEntropy",
        in_use(nr.CrossEntropy),
        {
            "quantity": Argument(Made(quantity), instance()),
            "label": Argument(1, number(least=0, most=1, whole=True)),
            "scale": Argument(1.0, number(unsure=True)),
        },
    ),
    Recipe(
        "SquaredError",
        in_use(nr.SquaredError),
        {"quantity": Argument(Made(quantity), instance()), "target": Argument(0.5, EACH)},
    ),
    Recipe(
        "WeightedSum",
        in_use(nr.WeightedSum),
        {"quantity": Argument(Made(quantity), instance()), "weight": Argument(1.0, EACH)},
    ),
    Recipe(
        "SpikeTimes",
        in_use(nr.SpikeTimes),
        {"population": WINDOW["population"], "target": Argument(Made(lambda: nr.Spikes([0.01], [0])), instance())},
    ),
    Recipe(
        "ExactGradient",
        nr.ExactGradient,
        {
            "optimiser": Argument("adam", choice()),
            "decay": Argument((0.9, 0.999), number(least=0, most=1, scalar=False, shapes=((2,),), unsure=True)),
            "epsilon": Argument(1e-8, POSITIVE),
        },
    ),
    Recipe(
        "TimedLayers",
        nr.TimedLayers,
        {
            "sizes": Argument((2, 2), number(least=1, whole=True, scalar=False, shapes=((2,), (7,)), unsure=True)),
            **{key: Argument(5e-3, SECONDS) for key in ("duration", "tau_m", "tau_syn", "delay")},
            "delay_width": Argument(0.0, number(least=0, most=1, unsure=True)),
            "train_delays": Argument(5e-3, NOT_NEGATIVE),
            "once": Argument(False, flag()),
            "train_weights": Argument(True, flag()),
            "loss": Argument("cross_entropy", choice()),
            **{key: Argument(1e-3, SECONDS) for key in ("shortest_delay", "temperature")},
            "first_mean": Argument((1.5, 0.9), number(scalar=False, shapes=((2,), (1,), (7,)), unsure=True)),
            "first_sd": Argument((0.8, 0.3), number(least=0, scalar=False, shapes=((2,), (1,), (7,)), unsure=True)),
            "slope_floor": Argument(0.0, NOT_NEGATIVE),
            "least_spikes": Argument(0.0, NOT_NEGATIVE),
            "raising": Argument(1.0, NOT_NEGATIVE),
            "revival": Argument(0.0, NOT_NEGATIVE),
        },
    ),
]
