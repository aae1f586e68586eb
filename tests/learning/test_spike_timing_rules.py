"""Rules that learn from single spikes: they ask for what the engine's own learning in the run writes."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import ParameterError
from neuro.learning.layer_rules import Phase
from neuro.learning.spike_pairs import change_of_pairs, change_of_steady_source
from neuro.learning.spike_timing_rules import recorded
from neuro.tasks._gradients import case, change, slope
from neuro.units import ms

LENGTH = 0.1
seeds = st.integers(0, 10_000)


@st.composite
def rules(draw):
    """A rule for pairs of spikes that acts in a part of a run, and writes at its end."""
    start, stop = sorted(draw(st.lists(st.integers(0, 100), min_size=2, max_size=2, unique=True)))
    times = {"during": ((start * ms, stop * ms),), "every": LENGTH}
    tau, other = (draw(st.integers(1, 40)) * ms for _ in range(2))
    if draw(st.booleans()):
        a_plus, a_minus = (draw(st.integers(-4, 4)) / 8 for _ in range(2))
        return nr.STDP(a_plus=a_plus, a_minus=a_minus, tau_plus=tau, tau_minus=other, **times)
    fast, slow = sorted((tau, other))
    return nr.EventLocal(rate=0.5, beta=-0.3, tau_fast=fast, tau_slow=slow, full=200.0, window=20 * ms, **times)


def spikes(rng, size, count):
    return nr.Spikes(rng.random(count) * LENGTH * 0.999, rng.integers(0, size, count))


@given(rule=rules(), seed=seeds)
def test_the_sum_over_pairs_is_what_a_run_that_learns_writes(rule, seed):
    rng = np.random.default_rng(seed)
    given_weights = rng.normal(size=(3, 2))
    net = nr.Network()
    for name, size in (("pre", 3), ("driver", 2)):
        net.add(nr.Population(name, size, nr.SpikeSource()))
    net.add(nr.Population("post", 2, nr.IF(v_th=1.0)))
    net.connect("pre", "post", nr.Dense(1e-6 * given_weights), delay=1 * ms, name="learned")
    net.connect("driver", "post", nr.OneToOne(2.0), delay=1 * ms)
    inputs = {"pre": spikes(rng, 3, 12), "driver": spikes(rng, 2, 9)}
    rec = nr.run(net, LENGTH, inputs=inputs, plasticity={"learned": rule})
    ((start, stop),) = rule.during
    wanted = change_of_pairs(rule.pair_rule(), rec.spikes["pre"], rec.spikes["post"], (3, 2), start, stop)
    assert rec.weights["learned"] - 1e-6 * given_weights == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(rule=rules(), seed=seeds)
def test_a_steady_source_is_many_weak_spikes_at_equal_distances(rule, seed):
    rng = np.random.default_rng(seed)
    ((start, stop),) = rule.during
    pair_rule, post, many = rule.pair_rule(), spikes(rng, 2, 9), 20_000
    # From long before the start, since the source has always been active.
    times = np.arange(-20 * many, many) * (LENGTH / many) + LENGTH / (2 * many)
    stream = nr.Spikes.in_order(times, np.zeros(len(times), np.int64))
    found = change_of_pairs(pair_rule, stream, post, (1, 2), start, stop)[0] / (many / LENGTH)
    wanted = change_of_steady_source(pair_rule, post, 2, 1.0, start, stop)
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-3 * np.abs(wanted).max(initial=1e-9) + 1e-6)


@given(rule=rules(), seed=seeds)
def test_a_synapse_learns_from_its_two_neurons_alone(rule, seed):
    rng = np.random.default_rng(seed)
    ((start, stop),) = rule.during
    parts = spikes(rng, 3, 15), spikes(rng, 3, 15)
    alone = [nr.Spikes(each.times[each.ids == 1], each.ids[each.ids == 1]) for each in parts]
    whole, one = (change_of_pairs(rule.pair_rule(), *pair, (3, 3), start, stop) for pair in (parts, alone))
    assert whole[1, 1] == pytest.approx(one[1, 1], rel=1e-12, abs=1e-15)
    assert not np.delete(one.ravel(), 4).any()


RULES = nr.EventPropagation(), nr.GatedSTDP()
LAYERS = nr.SpikingLayers(sizes=(10, 8, 3), gain=1.0)


@pytest.mark.parametrize("seed", range(2))
def test_single_spikes_teach_the_gradient_as_counts_do(seed):
    weights, inputs, targets = case(seed)
    down = slope(weights, inputs, targets)
    long = nr.SpikingLayers(sizes=(10, 8, 3), gain=1.0, free=(60.0, 12.0), nudged=(60.0, 12.0))
    for rule, counted in zip(RULES, (nr.EquilibriumPropagation(), nr.ContrastiveHebbian()), strict=True):
        one, two = (change(long, each, weights, inputs, targets) for each in (rule, counted))
        cosine, other = (each @ down / np.linalg.norm(each) / np.linalg.norm(down) for each in (one, two))
        assert cosine >= 0.95
        assert cosine >= other - 0.02


def test_gated_pairs_of_steady_activities_are_their_product_in_the_mean():
    (rule, start, stop), (back, _, _) = nr.GatedSTDP().gates(LAYERS, nr.GatedSTDP().phases(None))
    rng, tick, length = np.random.default_rng(0), LAYERS.tick, LAYERS.tick * 20_000
    for r in (0.3, 0.8):
        pre, post = (nr.Spikes(rng.random(n) * length, np.zeros(n, int)) for n in (6_000, round(r * 20_000)))
        kept = [each.window(0.0, 2.0) for each in (pre, post)]
        found, less = (change_of_pairs(each.pair_rule(), *kept, (1, 1), 0.0, 2.0)[0, 0] for each in (rule, back))
        assert found * (stop - start) / 2.0 == pytest.approx(0.3 * r, rel=0.1)
        assert less == -found
        steady = change_of_steady_source(rule.pair_rule(), kept[1], 1, 1.0 / tick, 0.0, 2.0)[0]
        assert steady * (stop - start) / 2.0 == pytest.approx(r, rel=0.1)


@dataclass(frozen=True, kw_only=True)
class Unmoved(nr.GatedSTDP):
    """Both phases free."""

    def phases(self, rng):
        return Phase(0.0, 1.0), Phase(0.0, -1.0)


def test_phases_that_agree_teach_exactly_nothing():
    weights, inputs, targets = case(0)
    _, (matrices, biases), spoken = Unmoved().learn(LAYERS, weights, inputs, targets, None)
    assert not any(each.any() for each in (*matrices, *biases))
    assert spoken.any()


@pytest.mark.parametrize("rule", RULES)
def test_recorded_phases_are_those_that_are_counted(rule):
    weights, inputs, targets = case(1)
    targets = np.round(targets)
    phases, tick = rule.phases(None), LAYERS.tick
    free, found = LAYERS.learn(weights, inputs, targets, phases)
    length, skip = (each * tick for each in LAYERS.nudged)
    start, until = LAYERS.free[0] * tick + skip, (LAYERS.free[0] * tick) + length
    shown = recorded(LAYERS, weights, inputs, targets, free.activities[-1], phases)
    for k, phase in enumerate(shown):
        for counted, layers in zip(found, phase, strict=True):
            for activities, each in zip(counted, layers, strict=True):
                assert np.all(np.diff(each.times) >= 0.0)
                share = (each.times - start) / (until - start)
                weight = np.where((share >= 0.0) & (share < 1.0), 2.0 * (1.0 - np.abs(2.0 * share - 1.0)), 0.0)
                counts = np.bincount(each.ids, weight, activities.shape[1])
                assert counts * tick / (until - start) == pytest.approx(activities[k], abs=1e-6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("levels", [0, 64])
def test_it_learns_on_numbers_and_on_crossbars(rule, levels):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 80)
    examples = nr.Examples(np.eye(2)[labels] - 0.5 + 0.2 * rng.normal(size=(80, 2)), labels)
    layers = nr.SpikingLayers(sizes=(2, 6, 2))
    held = None
    if levels:
        device = nr.Device("levels", 0.0, 1e-4, levels=levels)
        drawn = [rng.uniform(-0.5, 0.5, shape) for shape in ((2, 6), (6, 2))]
        held = [nr.Crossbar(each, device=device, w_max=1.0, start=0.5) for each in drawn]
    fitted = nr.fit(layers, examples, rule, nr.Schedule(epochs=8, batch=5), crossbars=held)
    assert fitted.training[-1] >= 0.9


@pytest.mark.parametrize("rule", RULES)
def test_rates_have_no_spikes_to_learn_from(rule):
    with pytest.raises(ParameterError, match="must be SpikingLayers"):
        nr.fit(nr.RateLayers(sizes=(2, 3, 2)), nr.Examples(np.eye(2), [0, 1]), rule)


def test_traces_in_the_wrong_order_are_refused():
    with pytest.raises(ParameterError, match="wrong sign"):
        nr.EventPropagation(fast=30.0, slow=3.0)
