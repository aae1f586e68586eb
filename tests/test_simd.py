"""Eight lanes do what eight numbers would, one after the other, to the last bit."""

import numpy as np
import pytest

from neuro.engine.arrivals.exponentials import MEDIUM, SHORT, exp_lanes
from neuro.jit import kernel, lowest_bit
from neuro.simd import (
    GOLDEN,
    LANES,
    MIX,
    add_contiguous,
    add_pairs,
    add_quads,
    add_weighted,
    all_lanes,
    copy_targets,
    gather,
    lane_choice,
    lane_max,
    lane_min,
    lane_mix,
    load_lanes,
    not_below,
    power_of_two,
    scatter,
    store_keys,
    store_lanes,
    uniform_of_words,
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
def mixed(bits, x, y, seen):
    store_lanes(seen, 0, lane_mix(np.uint64(bits), load_lanes(x, 0), load_lanes(y, 0)))


@kernel
def picked(values, base, post, at, seen):
    store_lanes(seen, 0, gather(values, base, post, np.uint64(at)))


@kernel
def put(values, post, at, given):
    scatter(values, post, np.uint64(at), load_lanes(given, 0))


@kernel
def divided(a, b, seen):
    store_lanes(seen, 0, load_lanes(a, 0) / load_lanes(b, 0))


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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_of_the_targets_are_picked(dtype):
    values, seen = RNG.random(14).astype(dtype), np.zeros(LANES)
    for base in (0, 4):
        picked(values, base, POST, 2, seen)
        assert np.array_equal(seen, values[base + POST[2:].astype(int)])


def test_values_of_the_targets_are_put_one_after_the_other():
    values, given, expected = np.zeros(10), RNG.random(LANES), np.zeros(10)
    put(values, POST, 2, given)
    for j, value in zip(POST[2:], given, strict=True):
        expected[j] = value
    assert np.array_equal(values, expected)


def test_quotients_of_lanes_are_those_of_numbers():
    a, b, seen = RNG.random(LANES), RNG.random(LANES), np.zeros(LANES)
    divided(a, b, seen)
    assert np.array_equal(seen, a / b)


@pytest.mark.parametrize("marks", [0, 1, 0b10000000, 0b10110, 255])
def test_marks_are_found_one_after_the_other(marks):
    found = np.zeros(LANES, np.int64)
    n = places(np.uint64(marks), found)
    assert found[:n].tolist() == [k for k in range(LANES) if marks >> k & 1]


@kernel
def quads(values, post, at, parts):
    add_quads(values, post, np.uint64(at), load_lanes(parts, 0), load_lanes(parts, 8), load_lanes(parts, 16))


@kernel
def drawn(words, common, seen):
    store_lanes(seen, 0, uniform_of_words(words, 3))
    store_keys(words, 1, np.uint64(common), 5)


@kernel
def others(x, y, seen, post, into):
    a, b = load_lanes(x, 0), load_lanes(y, 0)
    store_lanes(seen, 0, lane_min(a, b))
    store_lanes(seen, 8, lane_choice(a, b, a * 3.0, b))
    store_lanes(seen, 16, power_of_two(load_lanes(y, 8)))
    copy_targets(post, 2, into, 1)


@kernel
def exponentials(x, most, seen):
    for i in range(0, len(x), LANES):
        store_lanes(seen, i, exp_lanes(load_lanes(x, i), most))


def mix(z):
    z = (z ^ (z >> 30)) * MIX[0] & (2**64 - 1)
    z = (z ^ (z >> 27)) * MIX[1] & (2**64 - 1)
    return z ^ (z >> 31)


def test_three_numbers_are_added_to_the_row_of_each_target_in_order():
    values, post, parts = RNG.normal(size=(6, 4)), np.array([9, 3, 3, 0, 5, 3, 1, 2, 3], np.uint32), RNG.normal(size=24)
    expected = values.copy()
    for n, j in enumerate(post[1:]):
        expected[j, :3] += parts[[n, 8 + n, 16 + n]]
    quads(values, post, 1, parts)
    assert np.array_equal(values, expected)


def test_draws_are_those_of_the_published_mix():
    words, seen = RNG.integers(2**64, size=12, dtype=np.uint64), np.zeros(8)
    before = words.tolist()
    drawn(words, 77, seen)
    assert seen.tolist() == [(mix(word) >> 12) * 2.0**-52 for word in before[3:11]]
    assert words[1:9].tolist() == [mix(77 ^ ((5 + n) * MIX[0] & (2**64 - 1))) for n in range(8)]
    assert GOLDEN % 2 == 1


def test_minima_choices_powers_and_copies():
    x, y, seen = RNG.normal(size=8), np.append(RNG.normal(size=8), [-1022, -3, 0, 1, 2, 52, 100, 1023]), np.zeros(24)
    post, into = np.arange(10, 20, dtype=np.uint32), np.zeros(9, np.uint32)
    others(x, y, seen, post, into)
    assert np.array_equal(seen[:8], np.minimum(x, y[:8]))
    assert np.array_equal(seen[8:16], np.where(x < y[:8], 3.0 * x, y[:8]))
    assert np.array_equal(seen[16:], 2.0 ** y[8:])
    assert into.tolist() == [0, *range(12, 20)]


@pytest.mark.parametrize("most", [SHORT, MEDIUM, 50.0])
def test_exponentials_have_all_bits_but_two(most):
    x, seen = np.append(RNG.uniform(0.0, most, 7992), [0.0] * 4 + [most] * 4), np.zeros(8000)
    exponentials(x, most, seen)
    assert np.abs(seen / np.exp(x) - 1.0).max() <= 2.0**-51
    assert seen[-8] == 1.0


@pytest.mark.parametrize("bits", range(256))
def test_each_lane_is_mixed_by_its_own_bit(bits):
    x, y, seen = np.arange(8.0), -1.0 - np.arange(8.0), np.zeros(8)
    mixed(np.uint64(bits), x, y, seen)
    assert seen.tolist() == [x[k] if bits >> k & 1 else y[k] for k in range(8)]
