"""Laws of the classical memories: they store what their inventors proved they store."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import hadamard

from neuro.errors import NeuroError
from neuro.learning.hopfield import hebb, nearest, pseudo_inverse, settle_signs

signs = st.sampled_from([-1.0, 1.0])


@st.composite
def patterns(draw, most=5, neurons=None):
    """Patterns of +-1, (patterns, neurons)."""
    n = draw(st.integers(2, 10)) if neurons is None else neurons
    return draw(arrays(np.float64, (draw(st.integers(1, most)), n), elements=signs))


def rng():
    return np.random.default_rng(0)


@given(stored=patterns())
def test_hebb_is_the_mean_product_of_two_neurons_over_the_patterns(stored):
    n = stored.shape[1]
    weights = hebb(stored)
    for i, j in np.ndindex(n, n):
        expected = 0.0 if i == j else sum(s[i] * s[j] for s in stored) / n
        assert weights[i, j] == pytest.approx(expected, abs=1e-12)


@given(pick=st.sets(st.integers(0, 15), min_size=1, max_size=5))
def test_hebb_stores_orthogonal_patterns_exactly(pick):
    """The input of a stored s is (1 - patterns / N) s, which has the signs of s."""
    stored = hadamard(16)[sorted(pick)].astype(float)
    assert np.array_equal(settle_signs(hebb(stored), stored, rng()), stored)


@given(stored=patterns(most=1), data=st.data())
def test_hebb_recalls_a_single_pattern_from_less_than_half_of_wrong_signs(stored, data):
    n = stored.shape[1]
    # Even while a neuron does not hear itself, the right signs are to be the majority of the others.
    wrong = data.draw(st.sets(st.integers(0, n - 1), max_size=max((n - 2) // 2, 0)))
    cue = stored.copy()
    cue[0, sorted(wrong)] *= -1
    assert np.array_equal(settle_signs(hebb(stored), cue, rng()), stored)


@given(stored=patterns())
def test_the_pseudo_inverse_is_the_projection_onto_the_patterns_without_its_diagonal(stored):
    weights = pseudo_inverse(stored)
    assert not weights.diagonal().any()
    assert weights == pytest.approx(weights.T, abs=1e-9)
    basis, size, _ = np.linalg.svd(stored.T, full_matrices=False)
    basis = basis[:, size > 1e-9]
    projection = basis @ basis.T
    np.fill_diagonal(projection, 0.0)
    assert weights == pytest.approx(projection, abs=1e-9)


@given(stored=patterns(most=9))
def test_the_pseudo_inverse_stores_all_patterns_however_alike_they_are(stored):
    weights = pseudo_inverse(stored)
    # Where a neuron's own sign is all that the patterns leave open, the others tell it nothing.
    assume(np.abs(stored @ weights).min() > 1e-6)
    assert np.array_equal(settle_signs(weights, stored, rng()), stored)


@given(n=st.integers(2, 9), trials=st.integers(1, 4), seed=st.integers(0, 999))
def test_settling_never_climbs_and_ends_where_every_sign_agrees_with_its_input(n, trials, seed):
    """Hopfield's theorem, for symmetric weights without a diagonal."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(n, n))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0.0)
    cues = random.choice([-1.0, 1.0], (trials, n))
    found = settle_signs(weights, cues, random, sweeps=1000)

    def energy(states):
        return -0.5 * np.einsum("ki,ij,kj->k", states, weights, states)

    assert (energy(found) <= energy(cues) + 1e-12).all()
    assert np.array_equal(np.sign(found @ weights), found)


@given(cues=patterns(neurons=6), seed=st.integers(0, 99))
def test_a_neuron_without_input_keeps_its_sign(cues, seed):
    assert np.array_equal(settle_signs(np.zeros((6, 6)), cues, np.random.default_rng(seed)), cues)


def test_settling_leaves_the_cues_as_they_were():
    cues = np.array([[1.0, -1.0, -1.0]])
    settle_signs(hebb([[1, -1, 1]]), cues, rng())
    assert cues.tolist() == [[1.0, -1.0, -1.0]]


@given(stored=patterns(neurons=7), cues=patterns(neurons=7))
def test_the_nearest_pattern_is_the_first_of_those_with_the_fewest_wrong_signs(stored, cues):
    found = nearest(stored, cues)
    assert found.shape == cues.shape
    for cue, answer in zip(cues, found, strict=True):
        wrong = [sum(a != b for a, b in zip(cue, pattern, strict=True)) for pattern in stored]
        assert np.array_equal(answer, stored[wrong.index(min(wrong))])


@pytest.mark.parametrize("memory", [hebb, pseudo_inverse, lambda s: nearest(s, [[1, 1]])])
def test_patterns_that_are_not_numbers_are_refused_by_name(memory):
    with pytest.raises(NeuroError, match="patterns"):
        memory([[1.0, np.nan]])
