"""Eight lanes do what eight numbers would, one after the other, to the last bit."""

import numpy as np
import pytest

from neuro.jit import kernel, lowest_bit
from neuro.simd import (
    LANES,
    add_contiguous,
    add_pairs,
    add_weighted,
    all_lanes,
    gather,
    lane_max,
    load_lanes,
    not_below,
    store_lanes,
)

RNG = np.random.default_rng(3)


@kernel
def added(amp, post, at, da, db, seen):
    a, b = add_pairs(amp, post, np.uint64(at), da, db)
    store_lanes(seen, 0, a)
    store_lanes(seen, 8, b)


@kernel
def weighted(amp, post, weights, at, w0, da, db, seen):
    a, b = add_weighted(amp, post, weights, np.uint64(at), np.uint64(w0), da, db)
    store_lanes(seen, 0, a)
    store_lanes(seen, 8, b)


@kernel
def beside(amp, who, values, seen):
    w = load_lanes(values, 1)
    a, b = add_contiguous(amp, who, w * 3.0, w - 1.0)
    store_lanes(seen, 0, a)
    store_lanes(seen, 8, b)


@kernel
def combined(x, y, seen):
    a, b = load_lanes(x, 0), load_lanes(y, 0)
    store_lanes(seen, 0, lane_max(a, b) + a * b - all_lanes(0.1))
    return not_below(a, b)


@kernel
def picked(values, post, at, seen):
    store_lanes(seen, 0, gather(values, post, np.uint64(at)))


@kernel
def places(marks, found):
    n = 0
    while marks:
        found[n] = lowest_bit(marks)
        marks &= marks - np.uint64(1)
        n += 1
    return n


# The same target several times, as in rows with multapses.
POST = np.array([9, 0, 3, 3, 3, 5, 7, 7, 8, 1], np.uint32)


def test_a_target_that_comes_several_times_gets_all_its_inputs():
    amp, seen = RNG.random((10, 2)), np.zeros(2 * LANES)
    expected, sums = amp.copy(), []
    for j in POST[1:9]:
        expected[j] += (0.1, -0.7)
        sums.append(expected[j].copy())
    added(amp, POST, 1, 0.1, -0.7, seen)
    assert np.array_equal(amp, expected)
    assert np.array_equal(seen.reshape(2, LANES).T, sums)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_either_precision_are_multiplied_as_doubles(dtype):
    amp, seen, weights = RNG.random((10, 2)), np.zeros(2 * LANES), RNG.random(11).astype(dtype)
    expected, sums = amp.copy(), []
    for j, w in zip(POST[2:], weights[3:], strict=True):
        expected[j] += (np.float64(w) * 0.1, np.float64(w) * -0.7)
        sums.append(expected[j].copy())
    weighted(amp, POST, weights, 2, 3, 0.1, -0.7, seen)
    assert np.array_equal(amp, expected)
    assert np.array_equal(seen.reshape(2, LANES).T, sums)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbours_are_added_to_side_by_side(dtype):
    amp, seen, values = RNG.random((12, 2)), np.zeros(2 * LANES), RNG.random(10).astype(dtype)
    w = values[1:9].astype(float)
    expected = amp.copy()
    expected[3:11] += np.c_[w * 3.0, w - 1.0]
    beside(amp, 3, values, seen)
    assert np.array_equal(amp, expected)
    assert np.array_equal(seen.reshape(2, LANES).T, expected[3:11])


def test_lanes_are_compared_as_numbers_are_and_what_is_no_number_is_over_any_bound():
    x = np.array([1.0, -2.0, np.inf, 0.0, -0.0, 5.0, np.nan, -np.inf])
    y = np.array([2.0, -3.0, np.inf, 0.0, 0.0, np.inf, 1.0, 1.0])
    seen = np.zeros(LANES)
    marks = combined(x, y, seen)
    assert [bool(marks >> k & 1) for k in range(LANES)] == [not a < b for a, b in zip(x, y, strict=True)]
    with np.errstate(invalid="ignore"):
        expected = [max(a, b) + a * b - 0.1 for a, b in zip(x, y, strict=True)]
    assert np.array_equal(seen, expected, equal_nan=True)


def test_values_of_the_targets_are_picked():
    values, seen = RNG.random(10), np.zeros(LANES)
    picked(values, POST, 2, seen)
    assert np.array_equal(seen, values[POST[2:]])


@pytest.mark.parametrize("marks", [0, 1, 0b10000000, 0b10110, 255])
def test_marks_are_found_one_after_the_other(marks):
    found = np.zeros(LANES, np.int64)
    n = places(np.uint64(marks), found)
    assert found[:n].tolist() == [k for k in range(LANES) if marks >> k & 1]
