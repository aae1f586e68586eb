"""Laws of the learning rules: nothing is learned where the phases agree, and what is learned is local."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neuro.engine.recording import Spikes
from neuro.errors import NeuroError, ParameterError
from neuro.learning.two_phase import Centred, Contrastive, activity

rates = st.just(0.0) | st.floats(1e-9, 2.0)
strengths = st.floats(0.01, 2.0)


@st.composite
def activities(draw, count, neurons=None):
    """`count` phases of one population, each (patterns, neurons)."""
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 7)) if neurons is None else neurons)
    return [draw(arrays(np.float64, shape, elements=st.floats(0.0, 1.0, width=16))) for _ in range(count)]


@st.composite
def layers(draw, count):
    """`count` phases of a layer and of the next one: (pre, post, pre, post, ...)."""
    patterns, pre, post = (draw(st.integers(1, 6)) for _ in range(3))
    shapes = [(patterns, pre), (patterns, post)] * count
    return [draw(arrays(np.float64, shape, elements=st.floats(0.0, 1.0, width=16))) for shape in shapes]


@given(rate=rates, error=st.sampled_from(["both", "post"]), free=activities(1))
def test_contrastive_learns_exactly_nothing_where_the_phases_agree(rate, error, free):
    assert not Contrastive(rate=rate, error=error).change(free[0], free[0].copy()).any()


@given(rate=rates, beta=strengths, free=layers(1))
def test_centred_learns_exactly_nothing_where_the_phases_agree(rate, beta, free):
    pre, post = free
    assert not Centred(rate=rate, beta=beta).change(pre, post, pre.copy(), post.copy()).any()


@given(rate=rates, beta=strengths, free=activities(1))
def test_centred_learns_exactly_nothing_in_a_recurrent_layer_where_the_phases_agree(rate, beta, free):
    plus, minus = free[0], free[0].copy()
    assert not Centred(rate=rate, beta=beta).change(plus, plus, minus, minus).any()


@given(rate=rates, phases=activities(2))
def test_a_contrastive_change_is_symmetric_and_leaves_the_diagonal_alone(rate, phases):
    change = Contrastive(rate=rate).change(*phases)
    assert np.array_equal(change, change.T)
    assert not change.diagonal().any()


@given(rate=rates, phases=activities(2), data=st.data())
def test_the_targets_error_alone_is_half_of_a_contrastive_change(rate, phases, data):
    change = Contrastive(rate=rate, error="post").change(*phases)
    assert (change + change.T) / 2 == pytest.approx(Contrastive(rate=rate).change(*phases), abs=1e-12)
    right = data.draw(st.integers(0, phases[0].shape[1] - 1))
    phases[1][:, right] = phases[0][:, right]
    assert not Contrastive(rate=rate, error="post").change(*phases)[:, right].any()


@given(rate=rates, phases=activities(2))
def test_a_contrastive_change_is_the_mean_difference_of_agreement(rate, phases):
    clamped, free = phases
    change = Contrastive(rate=rate).change(clamped, free)
    for i, j in zip(*np.nonzero(~np.eye(clamped.shape[1], dtype=bool)), strict=True):
        together = [
            [(2 * r[i] - 1) * (2 * r[j] - 1) for r in phase]  # +1 where both are full or both silent
            for phase in (clamped, free)
        ]
        assert change[i, j] == pytest.approx(rate * (np.mean(together[0]) - np.mean(together[1])), abs=1e-12)


@given(rate=rates, beta=strengths, phases=layers(2))
def test_a_centred_change_is_the_mean_difference_of_products_over_twice_the_nudge(rate, beta, phases):
    pre_plus, post_plus, pre_minus, post_minus = phases
    change = Centred(rate=rate, beta=beta).change(*phases)
    assert change.shape == (pre_plus.shape[1], post_plus.shape[1])
    for i, j in np.ndindex(change.shape):
        products = pre_plus[:, i] * post_plus[:, j] - pre_minus[:, i] * post_minus[:, j]
        assert change[i, j] == pytest.approx(rate / (2 * beta) * products.mean(), rel=1e-9, abs=1e-12)


@given(rate=rates, beta=strengths, phases=layers(2))
def test_exchanging_the_phases_turns_a_centred_change_around(rate, beta, phases):
    rule = Centred(rate=rate, beta=beta)
    plus, minus = phases[:2], phases[2:]
    assert np.array_equal(rule.change(*plus, *minus), -rule.change(*minus, *plus))


@given(phases=activities(2), error=st.sampled_from(["both", "post"]), data=st.data())
def test_a_contrastive_change_is_local(phases, error, data):
    """What neurons i and j learn does not depend on any other neuron."""
    clamped, free = phases
    n = clamped.shape[1]
    i, j = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))
    others = [k for k in range(n) if k not in (i, j)]
    rule = Contrastive(rate=1.0, error=error)
    before = rule.change(clamped, free)[i, j]
    clamped, free = clamped.copy(), free.copy()
    clamped[:, others], free[:, others] = 1.0, 0.25
    assert rule.change(clamped, free)[i, j] == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("beta", [0.5, 0.2, 0.05])
def test_halving_the_nudge_quarters_the_error_of_a_centred_estimate(beta):
    """For activities that bend as the nudge grows; the change of a one-sided estimate would only halve."""
    rng = np.random.default_rng(1)
    pre, post = rng.uniform(-0.1, 0.1, (4, 3)), rng.uniform(-0.1, 0.1, (4, 2))
    pre[0], post[0] = 0.5, 0.5
    derivative = np.outer(pre[0], post[1]) + np.outer(pre[1], post[0])

    def error(strength):
        nudged = [
            (c * np.power(b, range(4))[:, None]).sum(axis=0)[None] for b in (strength, -strength) for c in (pre, post)
        ]
        return Centred(rate=1.0, beta=strength).change(*nudged) - derivative

    # What is left is of fourth order.
    assert error(beta / 2) == pytest.approx(error(beta) / 4, abs=0.1 * beta**4)
    assert np.abs(error(beta)).max() > 1e-3 * beta**2


@given(data=st.data(), size=st.integers(1, 4), most=st.integers(1, 6))
def test_activity_is_the_share_of_the_most_spikes_possible(data, size, most):
    spikes = data.draw(st.lists(st.tuples(st.integers(0, 20), st.integers(0, size - 1)), max_size=30))
    start, stop = sorted([data.draw(st.integers(0, 20)), data.draw(st.integers(0, 20))])
    found = activity(Spikes([t for t, _ in spikes], [i for _, i in spikes]), size, start=start, stop=stop, most=most)
    counts = [sum(i == neuron and start <= t < stop for t, i in spikes) for neuron in range(size)]
    assert found.tolist() == [min(count / most, 1.0) for count in counts]


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Contrastive(rate=-0.1), "Contrastive.rate"),
        (lambda: Contrastive(rate=float("nan")), "Contrastive.rate"),
        (lambda: Contrastive(rate=0.1, error="pre"), "Contrastive.error"),
        (lambda: Centred(rate=-1.0, beta=1.0), "Centred.rate"),
        (lambda: Centred(rate=1.0, beta=0.0), "Centred.beta"),
        (lambda: Centred(rate=1.0, beta=float("inf")), "Centred.beta"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_name(make, named):
    with pytest.raises(ParameterError, match=named):
        make()


@pytest.mark.parametrize(
    ("clamped", "free"),
    [
        ([[0.0, 1.0]], [[0.0, 1.0, 0.0]]),
        ([[0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]),
        ([0.0, 1.0], [0.0, 1.0]),
        (np.zeros((0, 2)), np.zeros((0, 2))),
        ([[0.0, np.nan]], [[0.0, 1.0]]),
        ([[0.0, 1.0]], [[0.0, np.inf]]),
        ([["on", "off"]], [[0.0, 1.0]]),
    ],
)
def test_phases_that_do_not_match_are_refused_by_name(clamped, free):
    with pytest.raises(NeuroError, match="activit"):
        Contrastive(rate=1.0).change(clamped, free)
    with pytest.raises(NeuroError, match="activit"):
        Centred(rate=1.0, beta=1.0).change(clamped, clamped, free, free)
