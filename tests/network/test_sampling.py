"""What is drawn is what slow twins draw one by one from the same stream, however many numbers are drawn at a time."""

from math import inf, nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import neuro as nr
from neuro.errors import NetworkError, ParameterError, WeightError
from neuro.network import distributions, rules, sampling
from neuro.network.listing import delays_of, triplets_of
from neuro.network.sampling import (
    bernoulli,
    counts_with_replacement,
    distinct,
    rows_without_replacement,
    with_replacement,
)
from neuro.network.synapses import matrix, triplets

CELL = nr.LIF(tau_m=20e-3, v_th=1.0)
seeds = st.integers(0, 10**6)


def stream(seed):
    return np.random.default_rng(seed)


class Scripted:
    """A generator of numbers that are all the same."""

    def __init__(self, value):
        self.value = value

    def draw(self, size):
        return np.full(size, self.value)

    standard_exponential = standard_normal = random = draw


@given(count=st.integers(0, 200), p=st.sampled_from([0.0, 1e-6, 0.01, 0.3, 0.9, 1.0]), seed=seeds)
def test_successes_are_a_geometric_gap_apart(count, p, seed):
    rng, place, expected = stream(seed), -1, []
    with np.errstate(divide="ignore"):
        mean = -1.0 / np.log1p(-p) if p else inf
    while p and (place := place + 1 + int(min(rng.standard_exponential() * mean, count))) < count:
        expected.append(place)
    assert bernoulli(count, p, stream(seed)).tolist() == expected


def test_more_successes_than_are_likely_are_drawn_to_the_end():
    assert bernoulli(300, 0.01, Scripted(0.0)).tolist() == list(range(300))
    assert bernoulli(300, 0.01, Scripted(1.5 * -np.log1p(-0.01))).tolist() == list(range(1, 300, 2))


@given(count=st.integers(0, 30), size=st.integers(0, 60), seed=seeds)
def test_distinct_numbers_are_the_first_different_ones_or_all_but_these(count, size, seed):
    def slow(count, rng):
        if 2 * count > size:
            return set(range(size)) - slow(size - count, rng)
        found = set()
        while len(found) < count:
            found |= set(rng.integers(0, size, count - len(found)).tolist())
        return found

    count = min(count, size)
    assert distinct(count, size, stream(seed)).tolist() == sorted(slow(count, stream(seed)))


@given(rows=st.integers(0, 9), k=st.integers(0, 4), more=st.integers(0, 3), skip=st.booleans(), seed=seeds)
def test_each_row_without_replacement_is_the_beginning_of_a_shuffle(rows, k, more, skip, seed):
    size = k + more + skip
    order, expected = list(range(size - skip)), []
    ahead = stream(seed).integers(0, np.maximum(size - skip - np.arange(k), 1), (rows, k), dtype=np.uint32)
    for row in range(rows):
        for i in range(k):
            j = i + int(ahead[row, i])
            order[i], order[j] = order[j], order[i]
        others = [thing for thing in range(size) if not skip or thing != row]
        expected.append([others[thing] for thing in order[:k]])
    assert rows_without_replacement(rows, k, size, stream(seed), skip_own=skip).tolist() == expected


@given(size=st.integers(2, 9), seed=seeds, owner=st.lists(st.integers(0, 8), max_size=20))
def test_owners_draw_from_all_but_themselves(size, seed, owner):
    drawn = stream(seed).integers(0, size - 1, len(owner), dtype=np.uint32)
    expected = [[thing for thing in range(size) if thing != own][int(k)] for own, k in zip(owner, drawn, strict=True)]
    assert with_replacement(len(owner), size, stream(seed), np.array(owner, np.uint32)).tolist() == expected
    alone = stream(seed).integers(0, size, len(owner), dtype=np.uint32)
    assert with_replacement(len(owner), size, stream(seed)).tolist() == alone.tolist()


DRAWN = [
    nr.Normal(1.0, 0.5),
    nr.Normal(1.0, 0.5, low=0.0, high=1.5, outside="clip"),
    nr.LogNormal(0.1, 0.4, factor=-2.0),
    nr.Uniform(-1.0, 3.0, step=0.25),
]


@pytest.mark.parametrize("few", [1, 5, 7])
def test_how_many_are_drawn_at_a_time_changes_nothing(monkeypatch, few):
    def draw():
        far = nr.Linear(1e-3, 2.0)
        net = nr.Network(seed=5)
        cells = net.add(nr.Population("a", 9, CELL, positions=np.linspace(0.0, 1e-3, 9)))
        by_distance = net.connect(cells, cells, nr.Sparse(np.arange(9), np.arange(9)[::-1], far), delay=far)
        return [
            counts_with_replacement(23, 4, stream(1)).tolist(),
            rows_without_replacement(11, 3, 6, stream(1), skip_own=False).tolist(),
            rows_without_replacement(6, 3, 6, stream(1), skip_own=True).tolist(),
            *(drawn.draw(stream(2), 23).tolist() for drawn in DRAWN),
            triplets_of(by_distance, net.seed).weight.tolist(),
            delays_of(by_distance, net.seed).tolist(),
        ]

    at_once = draw()
    assert sum(at_once[0]) == 23
    for module in (sampling, distributions, rules):
        monkeypatch.setattr(module, "AT_A_TIME", few)
    assert draw() == at_once


@pytest.mark.parametrize("at_a_time", [1, 8, 20, 2**20])
@pytest.mark.parametrize(("onto_itself", "autapses"), [(False, True), (True, True), (True, False)])
def test_pairs_by_distance_are_all_those_that_are_near(monkeypatch, at_a_time, onto_itself, autapses):
    monkeypatch.setattr(rules, "AT_A_TIME", at_a_time)
    net, places = nr.Network(), np.arange(6) * 0.5
    pre = net.add(nr.Population("pre", 6, CELL, positions=places))
    post = pre if onto_itself else net.add(nr.Population("post", 4, CELL, positions=places[:4] + 0.25))
    there = places if onto_itself else places[:4] + 0.25
    near = nr.DistanceDependent(lambda d: 1.0 * (d < 0.8), 1.0, autapses=autapses)
    found = triplets_of(net.connect(pre, post, near, delay=1e-3), 0)
    expected = [
        (i, j) for i, x in enumerate(places) for j, y in enumerate(there) if abs(x - y) < 0.8 and (autapses or i != j)
    ]
    assert list(zip(found.pre.tolist(), found.post.tolist(), strict=True)) == expected
    assert (found.pre.dtype, found.post.dtype) == (np.uint32, np.uint32)
    never = net.connect(pre, post, nr.DistanceDependent(nr.Gaussian(1.0, peak=0.0), 1.0), delay=1e-3)
    assert len(triplets_of(never, 0).pre) == 0


RULES = [
    nr.FixedOutdegree(3, 1.0),
    nr.FixedOutdegree(3, 1.0, multapses=False),
    nr.FixedTotalNumber(40, 1.0),
    nr.FixedTotalNumber(20, 1.0, multapses=False),
    nr.FixedTotalNumber(20, 1.0, multapses=False, autapses=False),
    nr.FixedTotalNumber(40, 1.0, autapses=False),
    nr.FixedProbability(0.4, 1.0),
    nr.FixedProbability(0.4, 1.0, autapses=False),
    nr.DistanceDependent(nr.Exponential(1.0, peak=0.5), 1.0),
]


@pytest.mark.parametrize("rule", RULES)
def test_drawn_pairs_come_by_source_and_then_by_target(rule):
    net = nr.Network(seed=2)
    cells = net.add(nr.Population("a", 7, CELL, positions=np.arange(7.0)))
    found = triplets_of(net.connect(cells, cells, rule, delay=1e-3), net.seed)
    pairs = list(zip(found.pre.tolist(), found.post.tolist(), strict=True))
    assert len(pairs) > 5
    assert pairs == sorted(pairs)


@given(seed=seeds, n=st.integers(0, 12), skip=st.booleans(), n_pre=st.integers(1, 4), n_post=st.integers(2, 5))
def test_a_total_number_of_different_pairs_is_drawn_from_the_list_of_all(seed, n, skip, n_pre, n_post):
    n_post = n_pre + 1 if skip else n_post
    n_pre = n_post if skip else n_pre
    every = [(i, j) for i in range(n_pre) for j in range(n_post) if not (skip and i == j)]
    n = min(n, len(every))
    rule = nr.FixedTotalNumber(n, 1.0, autapses=not skip, multapses=False)
    draws = rules.Draws(0, "p", same=skip)
    found = triplets(rule, (n_pre, n_post), stream(seed), "p", draws)
    pairs = list(zip(found.pre.tolist(), found.post.tolist(), strict=True))
    assert pairs == [every[k] for k in distinct(n, len(every), stream(seed))]
    more = nr.FixedTotalNumber(len(every) + 1, 1.0, autapses=not skip, multapses=False)
    with pytest.raises(WeightError, match=f"only {len(every)} pairs for {len(every) + 1} synapses"):
        triplets(more, (n_pre, n_post), stream(seed), "p", draws)


@pytest.mark.parametrize("rule", [nr.FixedIndegree, nr.FixedOutdegree, nr.FixedTotalNumber])
@pytest.mark.parametrize("multapses", [False, True])
def test_what_is_drawn_from_nobody_is_nothing_or_refused(rule, multapses):
    alone = rules.Draws(0, "p", same=True)
    assert len(triplets(rule(0, 1.0, autapses=False, multapses=multapses), (1, 1), stream(0), "p", alone).pre) == 0
    with pytest.raises(WeightError, match=r"only 0 .*autapses=False"):
        triplets(rule(1, 1.0, autapses=False, multapses=multapses), (1, 1), stream(0), "p", alone)
    one = triplets(rule(1, 1.0, autapses=False, multapses=multapses), (1, 1), stream(0), "p")
    assert (one.pre.tolist(), one.post.tolist()) == ([0], [0])
    two = triplets(rule(2, 1.0, autapses=False, multapses=multapses), (3, 3), stream(0), "p", alone)
    assert np.all(two.pre != two.post)


HUGE = 2**31


@pytest.mark.parametrize(
    ("rule", "shape"),
    [
        (nr.FixedIndegree(HUGE, 1.0), (1, HUGE)),
        (nr.FixedOutdegree(HUGE, 1.0), (HUGE, 1)),
        (nr.FixedTotalNumber(HUGE**2, 1.0), (HUGE, HUGE)),
        (nr.FixedProbability(0.5, 1.0), (HUGE, HUGE)),
        (nr.AllToAll(1.0), (HUGE, HUGE)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_more_synapses_than_memory_holds_are_refused_before_they_are_made(rule, shape):
    with pytest.raises(NetworkError, match=r"memory; got .* synapses.*GB needed"):
        matrix(rule, shape, "w") if isinstance(rule, nr.AllToAll) else triplets(rule, shape, stream(0), "w")


@pytest.mark.parametrize(
    ("make", "most"), [(nr.FixedIndegree, 2**32), (nr.FixedOutdegree, 2**32), (nr.FixedTotalNumber, 2**62)]
)
def test_a_degree_has_a_greatest_value(make, most):
    make(0, 1.0)
    make(most, 1.0)
    with pytest.raises(ParameterError, match=make.__name__):
        make(most + 1, 1.0)


@given(mean=st.floats(-2, 2), low=st.floats(-1, 0), high=st.floats(0, 1), seed=seeds)
def test_draws_within_the_limits_stay_and_others_are_drawn_again_or_clipped(mean, low, high, seed):
    low, high = low + mean - 0.5, high + mean + 0.5
    free = nr.Normal(mean, 1.0).draw(stream(seed), 50)
    clipped = nr.Normal(mean, 1.0, low=low, high=high, outside="clip").draw(stream(seed), 50)
    assert clipped.tolist() == np.clip(free, low, high).tolist()
    redrawn = nr.Normal(mean, 1.0, low=low, high=high).draw(stream(seed), 50)
    inside = (free >= low) & (free <= high)
    assert redrawn[inside].tolist() == free[inside].tolist()
    assert np.all((redrawn >= low) & (redrawn <= high))


def test_a_draw_on_a_limit_lies_within():
    for drawn in (nr.Normal(1.0, 0.0, low=1.0, high=1.0), nr.LogNormal(0.0, 0.0, low=1.0, high=1.0)):
        assert drawn.draw(stream(0), 3).tolist() == [1.0] * 3
    assert nr.Uniform(2.0, 2.0).draw(stream(0), 2).tolist() == [2.0, 2.0]


TAIL = stats.norm.isf(1e-3)


@pytest.mark.parametrize("outside", ["redraw", "clip"])
@pytest.mark.parametrize(
    "made",
    [
        lambda z, **how: nr.Normal(2.0, 0.5, low=2.0 + 0.5 * z, **how),
        lambda z, **how: nr.Normal(2.0, 0.5, high=2.0 - 0.5 * z, **how),
        lambda z, **how: nr.LogNormal(0.3, 0.5, low=np.exp(0.3 + 0.5 * z), **how),
        lambda z, **how: nr.LogNormal(0.3, 0.5, low=0.0, high=np.exp(0.3 - 0.5 * z), **how),
        lambda z, **how: nr.LogNormal(0.3, 0.5, high=-3.0 * np.exp(0.3 + 0.5 * z), factor=-3.0, **how),
        lambda z, **how: nr.LogNormal(0.3, 0.5, low=-3.0 * np.exp(0.3 - 0.5 * z), factor=-3.0, **how),
    ],
    ids=["low", "high", "log low", "log high", "negative high", "negative low"],
)
def test_redrawing_is_refused_where_less_than_one_in_a_thousand_lies_inside(made, outside):
    inside = made(TAIL - 1e-3, outside=outside).draw(stream(0), 5)
    assert len(inside) == 5
    if outside == "clip":
        made(TAIL + 1.0, outside=outside)
        return
    with pytest.raises(ParameterError, match=r"redrawing takes too long.*a share of 0\.00"):
        made(TAIL + 1e-3, outside=outside)


def test_limits_of_what_does_not_vary_hold_its_value_or_are_refused():
    for low, high in ((1.0, 2.0), (0.0, 1.0), (-inf, inf)):
        assert nr.Normal(1.0, 0.0, low=low, high=high).lowest == 1.0
        nr.LogNormal(0.0, 0.0, low=low, high=high)
    for low, high in ((nextafter(1.0, 2.0), 2.0), (0.0, nextafter(1.0, 0.0))):
        for made in (lambda **limits: nr.Normal(1.0, 0.0, **limits), lambda **limits: nr.LogNormal(0.0, 0.0, **limits)):
            with pytest.raises(ParameterError, match="a share of 0"):
                made(low=low, high=high)


@pytest.mark.parametrize("limits", [{"low": 2.0, "high": 1.0}, {"low": inf}, {"high": -inf}, {"low": inf, "high": inf}])
def test_limits_are_in_order_and_leave_numbers_between_them(limits):
    for make in (nr.Normal, nr.LogNormal):
        with pytest.raises(ParameterError, match=r"`low` must not lie above `high`"):
            make(1.0, 1.0, outside="clip", **limits)
    for bad in ((2.0, nextafter(2.0, 0.0)), (inf, inf), (-inf, 0.0)):
        with pytest.raises(ParameterError, match="Uniform"):
            nr.Uniform(*bad)


@pytest.mark.parametrize(
    ("drawn", "lowest"),
    [
        (nr.Normal(1.0, 0.5), -inf),
        (nr.Normal(1.0, 0.5, low=0.5), 0.5),
        (nr.Normal(1.0, 0.0), 1.0),
        (nr.Normal(1.0, 0.0, low=2.0, outside="clip"), 2.0),
        (nr.LogNormal(0.0, 1.0), 0.0),
        (nr.LogNormal(0.0, 1.0, low=-1.0), 0.0),
        (nr.LogNormal(0.0, 1.0, low=0.5), 0.5),
        (nr.LogNormal(0.0, 1.0, factor=-1.0), -inf),
        (nr.LogNormal(0.0, 1.0, factor=-1.0, low=-2.0), -2.0),
        (nr.Uniform(-1.0, 3.0), -1.0),
    ],
)
def test_no_draw_lies_below_the_lowest(drawn, lowest):
    assert drawn.lowest == lowest
    assert drawn.draw(stream(0), 200).min() >= lowest
    assert drawn.asks_for_zero is False
    assert nr.Uniform(0.0, 1.0).asks_for_zero is nr.Normal(0.0, 1.0, low=0.0, outside="clip").asks_for_zero is True


def test_halves_are_rounded_up_to_a_step():
    assert nr.Uniform(0.0, 1.0, step=2.0).rounded(np.array([-1.0, 0.9, 1.0, 2.9, 3.0])).tolist() == [0, 0, 2, 2, 4]
    assert nr.Uniform(0.0, 1.0).rounded(np.array([0.3])).tolist() == [0.3]


@pytest.mark.parametrize(("mean", "sd"), [(2.0, 0.5), (-2.0, 3.0), (0.5, 0.0)])
def test_a_lognormal_of_mean_has_the_logarithm_that_the_formulas_give(mean, sd):
    made = nr.LogNormal.of_mean(mean, sd)
    assert made.factor == np.sign(mean)
    assert made.factor * np.exp(made.mu + made.sigma**2 / 2) == pytest.approx(mean)
    assert abs(mean) * np.sqrt(np.expm1(made.sigma**2)) == pytest.approx(sd, abs=1e-12)
    assert nr.LogNormal.of_mean(mean, sd, factor=3.0).factor == 3.0


@pytest.mark.parametrize(
    ("mean", "sd", "says"),
    [
        (0.0, 1.0, "of_mean, mean: must be one number, not zero"),
        ([1.0], 1.0, "of_mean, mean: must be one number, not zero"),
        (1.0, -1e-9, "of_mean, sd: must be one number, not below zero"),
        (1.0, [1.0], "of_mean, sd: must be one number, not below zero"),
        (np.nan, 1.0, "of_mean, mean"),
    ],
)
def test_a_mean_is_not_zero_and_a_deviation_not_below(mean, sd, says):
    with pytest.raises(ParameterError, match=says):
        nr.LogNormal.of_mean(mean, sd)


def test_weights_are_single_where_asked_and_delays_never():
    both = nr.Normal(1e-2, 1e-3, low=1e-3, single=True)
    net = nr.Network()
    cells = net.add(nr.Population("a", 3, CELL))
    for rule in (nr.FixedIndegree(2, both), nr.Sparse([0, 1], [1, 2], both)):
        link = net.connect(cells, cells, rule, delay=both)
        assert triplets_of(link, 0).weight.dtype == np.float32
        assert delays_of(link, 0).dtype == np.float64
        assert len(set(np.asarray(delays_of(link, 0), np.float32).tolist()) & set(delays_of(link, 0).tolist())) == 0
    full = net.connect(cells, cells, nr.AllToAll(both), delay=both)
    assert delays_of(full, 0).dtype == np.float64
