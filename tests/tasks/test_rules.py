"""The comparison of rules: constraints are what they are called, and a small run ranks and concludes."""

import numpy as np
import pytest

import neuro as nr
from neuro.learning.layers import SpikingLayers, first_weights
from neuro.tasks import _rules as rules
from neuro.tasks import configure, run_task

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

WEIGHTS = first_weights((64, 16, 10), 0)


def moved(constraint, sign):
    """What 30 updates of half a step each do to the weights, and the state before."""
    held = rules.arrays(constraint, WEIGHTS, 0)[0]
    before = held.effective_weights()
    for _ in range(30):
        held.accumulate(np.full(before.shape, sign * 0.01), 4)
    return held, before, held.effective_weights()


@pytest.mark.parametrize("constraint", [each for each in rules.CONSTRAINTS if each != "numbers"])
def test_every_constraint_has_arrays_that_learn(constraint):
    held, before, after = moved(constraint, 1.0)
    assert held.shape == (64, 16)
    assert (after - before).mean() > 0.05
    assert np.abs(before - WEIGHTS.matrices[0]).max() < 1.1


@pytest.mark.parametrize("levels", [16, 64, 256, 1024])
def test_weights_lie_on_their_levels(levels):
    held = rules.arrays(f"levels{levels}", WEIGHTS, 0)[0]
    position = held.conductance_plus / rules.G_MAX * (levels - 1)
    assert np.allclose(position, np.round(position), atol=1e-9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_where_pulses_only_raise_no_conductance_falls(sign):
    held = rules.arrays("one_sided", WEIGHTS, 0)[0]
    plus, minus = held.conductance_plus.copy(), held.conductance_minus.copy()
    for _ in range(30):
        held.accumulate(np.full(plus.shape, sign * 0.01), 4)
    assert np.all(held.conductance_plus >= plus)
    assert np.all(held.conductance_minus >= minus)
    assert (held.conductance_plus > plus).any() or (held.conductance_minus > minus).any()


def test_asymmetric_pulses_move_less_down_than_up():
    held, _, _ = moved("asymmetry", 1.0)
    start = rules.arrays("asymmetry", WEIGHTS, 0)[0]
    up = (held.conductance_plus - start.conductance_plus).mean()
    down = (start.conductance_minus - held.conductance_minus).mean()
    assert down == pytest.approx((1.0 - rules.ASYMMETRY) * up, rel=0.1)


def test_a_fifth_of_the_devices_is_stuck():
    held, _, _ = moved("stuck", 1.0)
    pairs = np.concatenate([held.conductance_plus.ravel(), held.conductance_minus.ravel()])
    assert np.mean(pairs == 0.0) == pytest.approx(rules.STUCK, abs=0.05)


def test_a_mismatch_changes_the_way_back_alone():
    sizes, inputs = (64, 16, 10), np.random.default_rng(0).normal(size=(5, 64))
    exact = SpikingLayers(sizes=sizes).answer(WEIGHTS, inputs)
    none = rules.MismatchedLayers(sizes=sizes, mismatch=0.0).answer(WEIGHTS, inputs)
    assert all(map(np.array_equal, exact.activities, none.activities))
    weights = nr.LayerWeights(WEIGHTS.matrices, tuple(np.ones(size) for size in sizes[1:]))
    networks = SpikingLayers(sizes=sizes), rules.MismatchedLayers(sizes=sizes, mismatch=0.3)
    one, two = (network.answer(weights, inputs).activities[0] for network in networks)
    assert not np.array_equal(one, two)


def test_tuning_never_shows_an_image_of_the_test(monkeypatch):
    seen = {}
    for preset in ("paper", "tuning"):
        config = configure("rules", preset, overrides=["test=100", "training=200", "epochs=1"])
        shown = []
        monkeypatch.setattr(
            rules,
            "fit",
            lambda network, data, *a, _s=shown, **k: (
                _s.append(data) or type("Fitted", (), {"weights": first_weights((64, 10), 0)})
            ),
        )
        monkeypatch.setattr(rules, "accuracy", lambda network, weights, data, _s=shown: _s.append(data) or (0.0, 0.0))
        rules.learn((config, "delta", "one layer", "numbers", 3))
        seen[preset] = [{each.round(9).tobytes() for each in part.inputs} for part in shown]
    (training, test), (_, tuned) = seen["paper"], seen["tuning"]
    assert not training & test
    assert not test & tuned
    assert not training & tuned


def test_a_small_run_compares_every_rule():
    report = run_task("rules", overrides=("workers=1", 'constraints=["numbers","one_sided"]', "epochs=2"))
    metrics = report.metrics
    for rule in rules.RULES:
        for constraint in ("numbers", "one_sided"):
            key = f"one_hidden/{constraint}/{rule}"
            assert metrics[f"silent/{key}"] in (0.0, 1.0)
            assert metrics[f"silent/{key}"] == 1.0 or 0.0 <= metrics[f"accuracy/{key}"] <= 1.0
    assert metrics["accuracy/one_hidden/numbers/centred"] > 0.6
    assert metrics["pulses_per_device/one_hidden/one_sided/centred"] > 0.0
    for rule in ("centred", "random", "positive", "negative", "coupled", "contrastive"):
        assert metrics[f"cosine_rates_first/{rule}"] >= 0.97, rule
    assert metrics["cosine_rates/centred"] >= 0.999
    assert metrics["cosine_spikes/centred"] >= 0.95
    assert metrics["cosine_rates_first/delta"] == 0.0
    sentences = [row[0] for row in report.tables[-1].rows]
    assert len(sentences) == 2
    assert all("best is" in sentence or "silent" in sentence for sentence in sentences)
