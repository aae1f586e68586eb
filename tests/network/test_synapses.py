"""Each description of synapses stands for the synapses that it says: how many, which, and with what weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NeuroError, ParameterError, UnsupportedFeature, WeightError
from neuro.network.synapses import is_matrix, matrix, triplets


def listed(synapses, shape, seed=1):
    return triplets(synapses, shape, np.random.default_rng(seed), "projection")


def pairs(found):
    return list(zip(found.pre.tolist(), found.post.tolist(), strict=True))


MATRICES = [nr.Dense(np.ones((2, 3))), nr.AllToAll(1.0), nr.Crossbar(np.ones((2, 3)))]
LISTS = [
    *(nr.Sparse([0], [1], 1.0), nr.OneToOne(1.0), nr.FixedProbability(0.5, 1.0), nr.FixedIndegree(1, 1.0)),
    nr.Convolution2d(np.ones((3, 2, 1, 1)), (2, 1, 1)),
]


def test_matrices_are_stored_by_rows_and_lists_one_by_one():
    assert [is_matrix(synapses) for synapses in MATRICES] == [True] * 3
    assert [is_matrix(synapses) for synapses in LISTS] == [False] * 5
    for synapses in MATRICES:
        assert matrix(synapses, (2, 3), "w").shape == (2, 3)
        with pytest.raises(TypeError, match="is a matrix"):
            listed(synapses, (2, 3))


@given(n_pre=st.integers(0, 5), n_post=st.integers(0, 5), weight=st.floats(-5, 5))
def test_all_to_all_is_a_matrix_of_one_weight(n_pre, n_post, weight):
    found = matrix(nr.AllToAll(weight), (n_pre, n_post), "w")
    assert found.shape == (n_pre, n_post)
    assert np.all(found == weight)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_weights_keep_single_precision_and_no_other(dtype):
    kept = np.float32 if dtype == np.float32 else np.float64
    weights = np.arange(6, dtype=dtype).reshape(2, 3)
    dense, sparse = matrix(nr.Dense(weights), (2, 3), "w"), listed(nr.Sparse([0, 1], [2, 1], weights[0, :2]), (2, 3))
    assert (dense.dtype, sparse.weight.dtype) == (kept, kept)
    assert (dense.tolist(), sparse.weight.tolist()) == (weights.tolist(), weights[0, :2].tolist())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_are_finite(dtype, bad):
    for make in (lambda w: matrix(nr.Dense(w[None]), (1, 2), "here"), lambda w: listed(nr.OneToOne(w), (2, 2))):
        with pytest.raises(WeightError, match=r"weight.*must be finite"):
            make(np.array([1.0, bad], dtype))


@pytest.mark.parametrize("shape", [(3, 2), (2, 2), (2, 4), (6,)])
def test_a_matrix_of_another_shape_is_refused(shape):
    with pytest.raises(WeightError, match=r"shape \(pre, post\)"):
        matrix(nr.Dense(np.zeros(shape)), (2, 3), "here")


def test_weights_that_fluctuate_are_no_matrix():
    noisy = nr.Crossbar(np.ones((2, 3)), reading=nr.Reading(noise=0.01))
    with pytest.raises(UnsupportedFeature, match=r"noise or drift.*snapshot"):
        matrix(noisy, (2, 3), "w")
    assert matrix(noisy.snapshot(at=0.0), (2, 3), "w").shape == (2, 3)


@given(n=st.integers(0, 6))
def test_one_to_one_is_the_diagonal(n):
    for weight in (2.0, np.arange(n) - 1.0):
        found = listed(nr.OneToOne(weight), (n, n))
        assert pairs(found) == [(i, i) for i in range(n)]
        assert found.weight.tolist() == np.atleast_1d(weight).tolist()
    with pytest.raises(WeightError, match=rf"one size.*{n} and {n + 1}"):
        listed(nr.OneToOne(1.0), (n, n + 1))


def test_a_list_is_as_it_was_given():
    found = listed(nr.Sparse([2, 0, 0], [1, 1, 1], [0.5, -1.0, 2.0]), (3, 2))
    assert (pairs(found), found.weight.tolist()) == ([(2, 1), (0, 1), (0, 1)], [0.5, -1.0, 2.0])
    assert listed(nr.Sparse([2, 0, 0], [1, 1, 1], 0.5), (3, 2)).weight.tolist() == [0.5]
    assert pairs(listed(nr.Sparse([], [], 0.5), (3, 2))) == []


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nr.Sparse([3], [0], 1.0), r"pre.*0\.\.2.*3"),
        (lambda: nr.Sparse([-1], [0], 1.0), r"pre.*0\.\.2.*-1"),
        (lambda: nr.Sparse([0], [2], 1.0), r"post.*0\.\.1.*2"),
        (lambda: nr.Sparse([0, 1], [0], 1.0), "one length"),
        (lambda: nr.Sparse([0, 1], [0, 1], [1.0] * 3), r"\(3,\)"),
        (lambda: nr.Sparse([0, 1], [0, 1], [[1.0, 1.0]]), r"\(1, 2\)"),
        (lambda: nr.FixedIndegree(2, [1.0, 2.0]), r"weight.*one number.*\(2,\)"),
        (lambda: nr.FixedProbability(0.5, [1.0]), r"weight.*one number.*\(1,\)"),
        (lambda: nr.FixedProbability(0.5, np.nan), "weight.*finite"),
        (lambda: nr.FixedProbability(np.nextafter(1.0, 2.0), 1.0), r"0\.\.1"),
        (lambda: nr.FixedProbability(-1e-300, 1.0), r"p.*negative"),
        (lambda: nr.FixedProbability(np.nan, 1.0), "p.*finite"),
    ],
)
def test_what_no_synapse_can_be_is_refused(make, says):
    with pytest.raises(NeuroError, match=says) as caught:
        listed(make(), (3, 2))
    assert isinstance(caught.value, WeightError | ParameterError)


@pytest.mark.parametrize("k", [-1, 2.5, True, None])
def test_an_indegree_is_a_whole_number(k):
    with pytest.raises(ParameterError, match=r"FixedIndegree\.k"):
        nr.FixedIndegree(k, 1.0)


@given(n_pre=st.integers(0, 6), n_post=st.integers(0, 6), k=st.integers(0, 4), seed=st.integers(0, 99))
def test_each_target_draws_as_many_sources_as_it_is_told(n_pre, n_post, k, seed):
    found = listed(nr.FixedIndegree(k, 0.5), (n_pre, n_post), seed)
    assert np.bincount(found.post, minlength=n_post).tolist() == [k if n_pre else 0] * n_post
    assert all(pre < n_pre for pre in found.pre)
    assert found.weight.tolist() == [0.5]


def test_every_source_is_drawn_as_often_as_any_other():
    counts = np.bincount(listed(nr.FixedIndegree(1000, 1.0), (4, 5)).pre, minlength=4)
    assert counts.sum() == 5000
    assert np.all(np.abs(counts - 1250) < 5 * np.sqrt(5000 * 0.25 * 0.75))


@given(n_pre=st.integers(0, 6), n_post=st.integers(0, 6), seed=st.integers(0, 99))
def test_a_probability_of_one_makes_every_pair_and_of_zero_none(n_pre, n_post, seed):
    shape = n_pre, n_post
    assert pairs(listed(nr.FixedProbability(1.0, 1.0), shape, seed)) == list(np.ndindex(shape))
    assert pairs(listed(nr.FixedProbability(0.0, 1.0), shape, seed)) == []


@given(
    n_pre=st.integers(0, 9), n_post=st.integers(0, 9), p=st.just(0.0) | st.floats(1e-9, 1.0), seed=st.integers(0, 99)
)
def test_random_pairs_are_sorted_lie_within_and_none_occurs_twice(n_pre, n_post, p, seed):
    found = listed(nr.FixedProbability(p, -0.5), (n_pre, n_post), seed)
    drawn = pairs(found)
    assert drawn == sorted(set(drawn))
    assert set(drawn) <= set(np.ndindex(n_pre, n_post))
    assert found.weight.tolist() == [-0.5]


@pytest.mark.parametrize("p", [0.01, 0.3, 0.9])
def test_each_pair_occurs_with_its_probability_whatever_the_others_do(p):
    shape, draws = (3, 4), 2000
    rng = np.random.default_rng(5)
    seen = np.zeros((draws, *shape))
    for one in seen:
        found = triplets(nr.FixedProbability(p, 1.0), shape, rng, "w")
        one[found.pre, found.post] = 1.0
    error = 5 * np.sqrt(p * (1 - p) / draws)
    assert np.all(np.abs(seen.mean(axis=0) - p) < error)
    flat = seen.reshape(draws, -1)
    together = flat.T @ flat / draws - np.outer(flat.mean(axis=0), flat.mean(axis=0))
    assert np.all(np.abs(together[~np.eye(12, dtype=bool)]) < 5 * p * (1 - p) / np.sqrt(draws) + 5e-3)


def test_many_pairs_have_as_many_synapses_as_they_should():
    n, p = 2000, 0.05
    found = listed(nr.FixedProbability(p, 1.0), (n, n))
    for ids in (found.pre, found.post):
        counts = np.bincount(ids, minlength=n)
        assert len(counts) == n
        assert abs(counts.sum() - n * n * p) < 5 * np.sqrt(n * n * p * (1 - p))
        assert np.all(np.abs(counts - n * p) < 7 * np.sqrt(n * p * (1 - p)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nr.Sparse([0, 1], [0], 1.0), r"Sparse.*one length.*\(2,\) and \(1,\)"),
        (lambda: nr.Sparse([[0, 1]], [[0, 1]], 1.0), "Sparse.*flat"),
        (lambda: nr.OneToOne([[1.0]]), r"OneToOne\.weight.*\(1, 1\)"),
        (lambda: nr.Dense([1.0]), r"Dense\.weight.*\(1,\)"),
        (lambda: nr.AllToAll([1.0, 2.0]), r"AllToAll\.weight"),
        (lambda: nr.AllToAll(np.nan), r"AllToAll\.weight"),
        (lambda: nr.FixedOutdegree(1, np.nan), "FixedOutdegree.*weight"),
        (lambda: nr.FixedOutdegree(1, 1.0, multapses=2), "FixedOutdegree.*multapses"),
        (lambda: nr.FixedTotalNumber(1, np.nan), "FixedTotalNumber.*weight"),
        (lambda: nr.FixedTotalNumber(1, 1.0, autapses=2), "FixedTotalNumber.*autapses"),
    ],
)
def test_a_description_that_cannot_be_is_refused_as_it_is_made(make, says):
    with pytest.raises(NeuroError, match=says):
        make()
