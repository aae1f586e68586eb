"""Lists of synapses become rows: sorted, stable, and of the type and the size that was given."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.lower import rows
from neuro.network.synapses import triplets


@st.composite
def lists(draw):
    n_pre, n_post = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(0, 200))
    pre = rng.integers(0, n_pre, n, dtype=np.uint32)
    post = rng.integers(0, n_post, n, dtype=np.uint32)
    order = draw(st.sampled_from(["any", "by target", "by source", "in rows"]))
    if order == "by target":
        post.sort()
    elif order == "by source":
        pre.sort()
    elif order == "in rows":
        keep = np.lexsort((post, pre))
        pre, post = pre[keep], post[keep]
    weight = np.arange(n if draw(st.booleans()) else 1, dtype=np.float32)
    return n_pre, n_post, pre, post, weight


@pytest.mark.parametrize("few", [0, 2**14], ids=["in buckets", "at once"])
@given(case=lists())
def test_rows_are_sorted_by_source_and_target_and_equals_keep_their_order(case, few):
    n_pre, n_post, pre, post, weight = case
    order = np.lexsort((post, pre))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "FEW", few)
        patch.setattr(rows, "BUCKETS", 3)
        start = rows.row_starts(pre, n_pre)
        found, carried = rows.sort_into_rows(pre, post, weight, start, n_post)
    np.testing.assert_array_equal(start, np.searchsorted(pre[order], np.arange(n_pre + 1)))
    np.testing.assert_array_equal(found, post[order])
    np.testing.assert_array_equal(carried, weight if len(weight) != len(pre) else weight[order])
    assert (found.dtype, carried.dtype) == (np.uint32, np.float32)


def program_of(synapses: nr.Sparse | nr.FixedIndegree, size: int) -> nr.Program:
    net = nr.Network()
    cells = net.add(nr.Population("cells", size, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cells, cells, synapses, delay=1e-3)
    return nr.build(net)


@pytest.mark.parametrize("ids", [np.int32, np.int64, np.uint16, np.float64])
def test_a_synapse_with_a_float32_weight_takes_eight_bytes_whatever_ids_were_given(ids):
    rng = np.random.default_rng(2)
    pre, post = rng.integers(0, 50, (2, 1000)).astype(ids)
    weight = rng.standard_normal(1000, dtype=np.float32)
    fixed = program_of(nr.Sparse(pre, post, weight), 50).fixed
    assert fixed.post.nbytes + fixed.weight.nbytes == 8 * 1000
    np.testing.assert_array_equal(fixed.weight, weight[np.lexsort((post, pre))])


@pytest.mark.parametrize("synapses", [nr.FixedIndegree(20, 0.5), nr.FixedProbability(0.2, 0.5)])
def test_a_weight_that_all_share_takes_no_room(synapses):
    fixed = program_of(synapses, 50).fixed
    assert len(fixed.weight) == 1
    assert fixed.post.itemsize == 4


def test_what_was_given_is_neither_changed_nor_kept():
    pre, post = np.array([1, 0], np.int32), np.array([0, 1], np.int32)
    weight = np.array([1.0, 2.0], np.float32)
    for order in (slice(None), slice(None, None, -1)):
        given_ = [pre[order].copy(), post[order].copy(), weight[order].copy()]
        fixed = program_of(nr.Sparse(*given_), 2).fixed
        before = fixed.post.copy(), fixed.weight.copy()
        for array in given_:
            array[:] = 0
        np.testing.assert_array_equal(fixed.post, before[0])
        np.testing.assert_array_equal(fixed.weight, before[1])


def test_read_only_arrays_and_arrays_with_gaps_are_taken():
    pre, post = np.array([1, 9, 0, 9], np.int32)[::2], np.array([0, 1], np.int32)
    weight = np.array([1.0, 2.0])
    for array in (post, weight):
        array.setflags(write=False)
    fixed = program_of(nr.Sparse(pre, post, weight), 2).fixed
    assert fixed.post.tolist() == [1, 0]
    assert fixed.weight.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("p", [0.0, 1e-12, 0.03, 0.5, 0.97, 1.0])
def test_each_pair_is_connected_with_the_probability_at_most_once(p):
    n_pre, n_post = 300, 400
    pre, post, _ = triplets(nr.FixedProbability(p, 1.0), (n_pre, n_post), np.random.default_rng(4), "test")
    pairs = pre.astype(np.int64) * n_post + post
    assert np.all(np.diff(pairs) > 0)
    assert len(pairs) == 0 or (pre.max() < n_pre and post.max() < n_post)
    n = n_pre * n_post
    assert abs(len(pairs) - n * p) <= 5 * math.sqrt(n * p * (1 - p)) + 1e-6
    # Rows and columns alike: each has its share, within what chance allows.
    for ids, count, other in ((pre, n_pre, n_post), (post, n_post, n_pre)):
        share = np.bincount(ids, minlength=count)
        assert np.abs(share - other * p).max() <= 6 * math.sqrt(other * p * (1 - p)) + 1e-6


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
@pytest.mark.parametrize("synapses", [nr.FixedProbability(0.5, 1.0), nr.FixedIndegree(3, 1.0)])
def test_without_neurons_on_one_side_there_are_no_synapses(synapses, shape):
    found = triplets(synapses, shape, np.random.default_rng(0), "test")
    assert len(found.pre) == len(found.post) == 0
