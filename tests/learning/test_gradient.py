"""Equilibrium propagation with spikes: what two nudges change points down the gradient of the cost."""

from typing import NamedTuple

import numpy as np
import pytest

import neuro as nr
from neuro.learning.clamp import Clamp
from neuro.learning.two_phase import Centred, activity
from neuro.units import ms

SAMPLES = 20
SIZES = {"in": 10, "hidden": 8, "out": 3}
TICK = 1 * ms
REFRACTORY = TICK / 2
"""An activity of 1 is a spike each refractory time: the longest count possible."""
TAU = 5 * TICK
"""Time constant of the synaptic currents; a network settles in a few of them."""
BURN, COUNTED = 50 * TICK, 200 * TICK
BETA = 0.5
"""Strength of the nudge; counts are whole numbers, so it has to move them by many."""
STEPS = {"in": 0.5, "up": 0.3}
"""By how much weights are moved to either side for the finite difference, for the same reason."""
PROBED = 8
"""Input weights, drawn for each sample, of which the finite difference is taken; all of the others are probed."""


class Sample(NamedTuple):
    """A network, its inputs and its target. With r = d / (1 + d), an activity settles where d = sum W r + b."""

    program: nr.Program
    weights: dict
    inputs: dict
    target: np.ndarray

    def with_weights(self, weights):
        """The same network; hidden and output neurons hear each other through one matrix."""
        each = {"in": weights["in"], "up": weights["up"], "down": weights["up"].T}
        return self.program.with_weights({name: w / TAU for name, w in each.items()})

    def phase(self, program, state=None, clamp=None):
        """Run until the network has settled, then count: the recording, and the activities by layer."""
        recording = nr.run(program, BURN + COUNTED, inputs=self.inputs, clamp=clamp, state=state)
        interval = {"start": recording.start + BURN, "stop": recording.stop, "most": COUNTED / REFRACTORY}
        return recording, {name: activity(recording.spikes[name], n, **interval)[None] for name, n in SIZES.items()}

    def cost(self, weights):
        """C = 1/2 sum (r_out - target)^2 of the free phase."""
        _, r = self.phase(self.with_weights(weights))
        return 0.5 * np.sum((r["out"] - self.target) ** 2)

    def estimate(self, target):
        """The change of weights that two nudges from one free state ask for, by projection."""
        program = self.with_weights(self.weights)
        free, r = self.phase(program)
        nudged = []
        for beta in (BETA, -BETA):
            clamp = Clamp("out", "current", beta / REFRACTORY)
            held = clamp.toward(target, start=free.stop, stop=free.stop + BURN + COUNTED, trace=r["out"][0])
            nudged.append(self.phase(program, state=free.state, clamp=held)[1])
        plus, minus = nudged
        rule = Centred(rate=1.0, beta=BETA)
        return {
            name: rule.change(plus[pre], plus[post], minus[pre], minus[post])
            for name, pre, post in (("in", "in", "hidden"), ("up", "hidden", "out"))
        }

    def slope(self, name, index):
        """dC/dW of one weight, by moving it to either side and settling anew."""
        costs = []
        for side in (STEPS[name], -STEPS[name]):
            moved = {**self.weights, name: self.weights[name].copy()}
            moved[name][index] += side
            costs.append(self.cost(moved))
        return (costs[0] - costs[1]) / (2 * STEPS[name])


def sample(seed):
    """Integrate-and-fire neurons with symmetric weights between hidden and output layer, at random."""
    rng = np.random.default_rng(seed)
    weights = {"in": rng.uniform(-0.3, 0.3, (10, 8)), "up": rng.uniform(-0.6, 0.6, (8, 3))}
    net = nr.Network()
    net.add(nr.Population("in", SIZES["in"], nr.SpikeSource()))
    for name, bias in (("hidden", 0.6), ("out", 0.5)):
        model = nr.IF(v_th=1.0, bias=bias / REFRACTORY, refractory=REFRACTORY, tau_syn=TAU)
        net.add(nr.Population(name, SIZES[name], model, {"v": rng.uniform(0, 1, SIZES[name])}))
    for name, pre, post in (("in", "in", "hidden"), ("up", "hidden", "out"), ("down", "out", "hidden")):
        net.connect(pre, post, nr.Dense(np.zeros((SIZES[pre], SIZES[post]))), delay=TICK / 2, name=name)
    intervals = REFRACTORY / rng.uniform(0.1, 0.6, SIZES["in"])
    trains = [np.arange(interval / 2, 2 * (BURN + COUNTED), interval) for interval in intervals]
    ids = np.repeat(np.arange(SIZES["in"]), [len(train) for train in trains])
    inputs = {"in": nr.Spikes(np.concatenate(trains), ids)}
    return Sample(nr.build(net), weights, inputs, rng.uniform(0.1, 0.6, SIZES["out"]))


@pytest.fixture(scope="module")
def gradients():
    """Of every sample, by projection: the change of the probed weights, and their slopes by finite difference."""
    found = []
    for seed in range(SAMPLES):
        case, rng = sample(seed), np.random.default_rng([seed, 1])
        change = case.estimate(case.target)
        some = [divmod(int(k), 8) for k in rng.choice(80, PROBED, replace=False)]
        probed = {"in": some, "up": list(np.ndindex(8, 3))}
        found.append(
            {
                name: np.array([(change[name][index], case.slope(name, index)) for index in indices]).T
                for name, indices in probed.items()
            }
        )
    return found


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_the_spike_count_gradient_points_where_the_finite_difference_gradient_of_the_cost_does(gradients):
    together = [np.concatenate([case["in"], case["up"]], axis=1) for case in gradients]
    for part in (together, [case["up"] for case in gradients], [case["in"] for case in gradients]):
        assert np.mean([cosine(-change, slope) for change, slope in part]) >= 0.9


def test_the_spike_count_gradient_is_as_long_as_the_finite_difference_gradient(gradients):
    for name in ("in", "up"):
        ratios = [np.linalg.norm(case[name][0]) / np.linalg.norm(case[name][1]) for case in gradients]
        assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_outputs_that_are_on_target_teach_exactly_nothing(seed):
    case = sample(seed)
    _, free = case.phase(case.with_weights(case.weights))
    for change in case.estimate(free["out"][0]).values():
        assert not change.any()
