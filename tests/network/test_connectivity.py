"""Random rules connect as they say, without bias; what they draw depends on the projection's name and nothing else."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

import neuro as nr
from neuro.errors import NeuroError, ParameterError, WeightError
from neuro.network.listing import delays_of, matrix_of, triplets_of

CELL = nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)
MS = 1e-3


def network(rule, n_pre, n_post=None, *, delay=1 * MS, seed=3, name="p", places=None):
    """Two populations, or one that projects onto itself, and one projection."""
    net = nr.Network(seed=seed)
    pre = net.add(nr.Population("pre", n_pre, CELL, positions=places))
    post = pre if n_post is None else net.add(nr.Population("post", n_post, CELL, positions=places))
    net.connect(pre, post, rule, delay=delay, name=name)
    return net


def listed(net, name="p"):
    found = triplets_of(net.projections[name], net.seed)
    return found, np.broadcast_to(delays_of(net.projections[name], net.seed, found), found.pre.shape)


def drawn_pairs(rule, n_pre, n_post=None, **options):
    found, _ = listed(network(rule, n_pre, n_post, **options))
    return found.pre.astype(int), found.post.astype(int)


@st.composite
def rules(draw):
    """A rule with flags, the sizes of its populations (None: onto itself), and how many neurons it can draw from."""
    n_pre, n_post = draw(st.integers(1, 12)), draw(st.one_of(st.none(), st.integers(1, 12)))
    flags = {"autapses": draw(st.booleans()), "multapses": draw(st.booleans())}
    skip = n_post is None and not flags["autapses"]
    columns = n_pre if n_post is None else n_post
    kind = draw(st.sampled_from(["in", "out", "total"]))
    most = {"in": n_pre - skip, "out": columns - skip, "total": n_pre * (columns - skip)}[kind]
    k = draw(st.integers(0, 30 if flags["multapses"] and most else most))
    make = {"in": nr.FixedIndegree, "out": nr.FixedOutdegree, "total": nr.FixedTotalNumber}[kind]
    return kind, make(k, 0.5, **flags), n_pre, n_post, k, flags


@given(case=rules(), seed=st.integers(0, 1000))
def test_degrees_are_exact_and_what_is_forbidden_does_not_occur(case, seed):
    kind, rule, n_pre, n_post, k, flags = case
    pre, post = drawn_pairs(rule, n_pre, n_post, seed=seed)
    columns = n_pre if n_post is None else n_post
    if kind == "in":
        assert np.bincount(post, minlength=columns).tolist() == [k] * columns
    if kind == "out":
        assert np.bincount(pre, minlength=n_pre).tolist() == [k] * n_pre
    if kind == "total":
        assert len(pre) == k
    assert np.all(pre < n_pre)
    assert np.all(post < columns)
    if n_post is None and not flags["autapses"]:
        assert not np.any(pre == post)
    if not flags["multapses"]:
        assert len(set(zip(pre.tolist(), post.tolist(), strict=True))) == len(pre)


@given(p=st.just(0.0) | st.floats(1e-9, 1), n=st.integers(1, 20), seed=st.integers(0, 1000))
def test_forbidding_autapses_takes_them_away_and_leaves_all_other_pairs(p, n, seed):
    pre, post = drawn_pairs(nr.FixedProbability(p, 1.0), n, seed=seed)
    fewer = drawn_pairs(nr.FixedProbability(p, 1.0, autapses=False), n, seed=seed)
    assert [x[pre != post].tolist() for x in (pre, post)] == [x.tolist() for x in fewer]


def assert_equally_likely(counts, kinds):
    """A chi-square test at 1e-6, on fixed seeds. With 1,000 of each kind it finds one that is a third more likely."""
    assert len(counts) == kinds
    assert stats.chisquare(list(counts.values())).pvalue > 1e-6


@pytest.mark.parametrize(("n", "kinds"), [(1, 6), (2, 15), (4, 15), (5, 6)])
def test_all_sets_of_pairs_are_equally_likely(n, kinds):
    rule = nr.FixedTotalNumber(n, 1.0, autapses=False, multapses=False)
    net = network(rule, 3)
    link = net.projections["p"]
    counts = Counter()
    for seed in range(1000 * kinds):
        found = triplets_of(link, seed)
        counts[tuple(zip(found.pre.tolist(), found.post.tolist(), strict=True))] += 1
    assert_equally_likely(counts, kinds)


@pytest.mark.parametrize("make", [nr.FixedIndegree, nr.FixedOutdegree])
@pytest.mark.parametrize("multapses", [False, True])
def test_what_neighbours_draw_is_independent_and_unbiased(make, multapses):
    rows, things, k = 2 * 36_000, 4, 2
    shape = (things, rows) if make is nr.FixedIndegree else (rows, things)
    pre, post = drawn_pairs(make(k, 1.0, multapses=multapses), *shape)
    chosen = np.sort((pre if make is nr.FixedIndegree else post).reshape(rows, k), axis=1)
    code = chosen @ [things, 1]
    if multapses:
        expected = {i * things + j: 1 + (i != j) for i in range(things) for j in range(i, things)}
    else:
        expected = {i * things + j: 1 for i in range(things) for j in range(i + 1, things)}
    both = Counter(zip(code[::2].tolist(), code[1::2].tolist(), strict=True))
    share = {(a, b): x * y for a, x in expected.items() for b, y in expected.items()}
    assert set(both) == set(share)
    total = sum(share.values())
    ideal = [x / total * rows / 2 for x in share.values()]
    assert stats.chisquare([both[key] for key in share], ideal).pvalue > 1e-6


def test_pairs_of_a_total_number_are_independent_and_unbiased():
    pre, post = drawn_pairs(nr.FixedTotalNumber(36_000, 1.0, autapses=False), 4)
    assert_equally_likely(Counter(zip(pre.tolist(), post.tolist(), strict=True)), 12)


FAR = 1e-3
SPACE = np.random.default_rng(5).random((900, 2)) * FAR


@pytest.mark.parametrize(
    "probability",
    [
        nr.Gaussian(sd=0.2 * FAR, peak=0.4),
        nr.Exponential(length=0.3 * FAR, peak=1.0),
        lambda d: np.where(d < 0.3 * FAR, 0.7, 0.05),
        nr.Linear(0.5, -0.25 / FAR),
    ],
    ids=["gaussian", "exponential", "steps", "linear"],
)
@pytest.mark.parametrize("periodic", [None, FAR, (np.inf, FAR)])
def test_pairs_are_as_likely_as_their_distance_says(probability, periodic):
    rule = nr.DistanceDependent(probability, 1.0, periodic=periodic)
    pre, post = drawn_pairs(rule, 900, places=SPACE)
    assert len(set(zip(pre.tolist(), post.tolist(), strict=True))) == len(pre)
    apart = np.abs(SPACE[:, None] - SPACE[None])
    if periodic is not None:
        apart = np.minimum(apart, np.abs(np.asarray(periodic) - apart))
    far = np.hypot(*np.moveaxis(apart, -1, 0))
    ideal = probability(far)
    edges = np.linspace(0.0, 1.4 * FAR, 15)
    found = np.histogram(far[pre, post], edges)[0]
    mean, variance = (
        np.histogram(far, edges, weights=ideal)[0],
        np.histogram(far, edges, weights=ideal * (1 - ideal))[0],
    )
    # 5 sigma, and 5 pairs where hardly any is expected: in most bins less than 5 % of the pairs.
    assert np.all(np.abs(found - mean) <= 5.0 * np.sqrt(variance) + 5.0)


def test_the_peak_of_a_record_changes_only_the_work():
    places = np.zeros((300, 1))
    counts = [
        len(drawn_pairs(nr.DistanceDependent(p, 1.0), 300, places=places)[0])
        for p in (nr.Gaussian(1.0, peak=0.3), lambda d: np.full(len(d), 0.3))
    ]
    assert counts == pytest.approx([27_000, 27_000], abs=5 * (90_000 * 0.21) ** 0.5)


def test_a_conduction_delay_is_offset_and_distance_over_speed():
    rule = nr.DistanceDependent(nr.Gaussian(FAR), nr.Linear(1.0, -100.0), delay=nr.Linear(1 * MS, 1 / 0.3))
    net = nr.Network()
    cells = net.add(nr.Population("pre", 900, CELL, positions=SPACE))
    net.connect(cells, cells, rule, name="p")
    found, delay = listed(net)
    far = np.linalg.norm(SPACE[found.pre] - SPACE[found.post], axis=1)
    assert np.allclose(delay, 1 * MS + far / 0.3, rtol=1e-12, atol=0.0)
    assert np.allclose(found.weight, 1.0 - 100.0 * far, rtol=1e-9, atol=1e-12)


DRAWS = 100_000
LOGS = nr.LogNormal.of_mean(2.0, 1.5)


@pytest.mark.parametrize(
    ("drawn", "ideal"),
    [
        (nr.Normal(2.0, 0.5), stats.norm(2.0, 0.5)),
        (nr.Normal(2.0, 0.5, low=1.8, high=2.4), stats.truncnorm(-0.4, 0.8, 2.0, 0.5)),
        (nr.Normal(-1.0, 1.0, low=0.0), stats.truncnorm(1.0, np.inf, -1.0, 1.0)),
        (nr.LogNormal(0.3, 0.7), stats.lognorm(0.7, scale=np.exp(0.3))),
        (nr.LogNormal.of_mean(2.0, 1.5), stats.lognorm(LOGS.sigma, scale=np.exp(LOGS.mu))),
        (nr.Uniform(-1.0, 3.0), stats.uniform(-1.0, 4.0)),
    ],
    ids=["normal", "limits", "tail", "lognormal", "of mean", "uniform"],
)
def test_numbers_follow_their_distribution(drawn, ideal):
    values = drawn.draw(np.random.default_rng(8), DRAWS)
    # The test at 1e-4 finds a distribution function that is wrong by 0.01 anywhere: 2.2 / sqrt(100,000) = 0.007.
    assert stats.kstest(values, ideal.cdf).pvalue > 1e-4


def test_the_mean_and_deviation_of_a_lognormal_are_those_asked_for():
    values = nr.LogNormal.of_mean(-2.0, 0.5).draw(np.random.default_rng(8), DRAWS)
    assert values.mean() == pytest.approx(-2.0, abs=5 * 0.5 / DRAWS**0.5)
    assert values.std() == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("made", [nr.Normal, nr.LogNormal])
def test_clipped_numbers_pile_up_at_the_limits_and_redrawn_ones_do_not(made):
    clipped = made(0.1, 0.5, low=0.0, high=0.9, outside="clip").draw(np.random.default_rng(8), DRAWS)
    ideal = stats.norm(0.1, 0.5) if made is nr.Normal else stats.lognorm(0.5, scale=np.exp(0.1))
    for limit, share in ((0.0, ideal.cdf(0.0)), (0.9, ideal.sf(0.9))):
        assert (clipped == limit).sum() == pytest.approx(share * DRAWS, abs=5 * (DRAWS / 4) ** 0.5)
    redrawn = made(0.1, 0.5, low=0.0, high=0.9).draw(np.random.default_rng(8), DRAWS)
    assert redrawn.min() > 0.0
    assert redrawn.max() < 0.9


def test_numbers_are_rounded_to_the_nearest_step():
    exact, rounded = (
        nr.Normal(1.5 * MS, 0.75 * MS, low=0.05 * MS, step=step).draw(np.random.default_rng(2), DRAWS)
        for step in (None, 0.1 * MS)
    )
    steps = np.rint(rounded / (0.1 * MS))
    assert np.array_equal(rounded, steps * (0.1 * MS))
    assert np.abs(exact - rounded).max() <= 0.05 * MS * (1 + 1e-9)
    assert steps.min() == 1


def test_a_negative_factor_turns_a_lognormal_round():
    one, other = (
        nr.LogNormal(0.0, 0.5, low=low, high=high, factor=factor).draw(np.random.default_rng(2), 1000)
        for low, high, factor in ((0.5, 1.5, 1.0), (-1.5, -0.5, -1.0))
    )
    assert np.array_equal(one, -other)


WEIGHTS = [0.5, nr.Normal(0.5, 0.2), nr.LogNormal(0.0, 0.3, single=True), nr.Uniform(-1.0, 1.0), nr.Linear(0.1, 5.0)]
DELAYS = [
    1 * MS,
    nr.Normal(2 * MS, 1 * MS, low=0.5 * MS, step=1 * MS),
    nr.Uniform(1 * MS, 3 * MS),
    nr.Linear(1 * MS, 1.0),
]
RULES = [
    lambda w: nr.Sparse([0, 0, 3, 1, 0], [1, 1, 0, 2, 0], w),
    lambda w: nr.OneToOne(w),
    lambda w: nr.AllToAll(w),
    lambda w: nr.FixedProbability(0.4, w, autapses=False),
    lambda w: nr.FixedIndegree(3, w, multapses=False),
    lambda w: nr.FixedOutdegree(5, w),
    lambda w: nr.FixedTotalNumber(17, w),
    lambda w: nr.DistanceDependent(nr.Gaussian(0.2, 0.7), w),
]
any_rule = st.tuples(st.sampled_from(RULES), st.sampled_from(WEIGHTS), st.sampled_from(DELAYS))
PLACES = np.linspace(0.0, 1e-2, 6)


def several(rule, weight, delay, extra=False):
    """Projections of one rule; `extra`: among other populations and projections, in another order."""
    net = nr.Network(seed=11)
    if extra:
        net.add(nr.Population("more", 4, CELL))
        net.connect("more", "more", nr.FixedIndegree(2, nr.Normal(0.0, 1.0)), delay=1 * MS)
    names = ["a", "b"][:: -1 if extra else 1]
    for name in names:
        net.add(nr.Population(name, 6, CELL, positions=PLACES))
    for pre, post in [("a", "b"), ("b", "b")][:: -1 if extra else 1]:
        net.connect(pre, post, rule(weight), delay=delay)
    return net


def parts(net, name):
    link = net.projections[name]
    if isinstance(link.synapses, nr.AllToAll):
        return [matrix_of(link, net.seed), delays_of(link, net.seed)]
    return [*triplets_of(link, net.seed), delays_of(link, net.seed)]


@given(case=any_rule)
def test_other_populations_and_projections_and_their_order_change_no_draw(case):
    one, other = several(*case), several(*case, extra=True)
    for name in ("a->b", "b->b"):
        assert all(np.array_equal(x, y) for x, y in zip(parts(one, name), parts(other, name), strict=True))


@given(case=any_rule, weight=st.sampled_from(WEIGHTS))
def test_weights_pairs_and_delays_are_drawn_apart(case, weight):
    rule, first, delay = case
    assume(rule is not RULES[2])
    one, other = parts(several(rule, first, delay), "b->b"), parts(several(rule, weight, 2 * MS), "b->b")
    assert all(np.array_equal(x, y) for x, y in zip(one[:2], other[:2], strict=True))
    third = parts(several(rule, weight, delay), "b->b")
    assert np.array_equal(one[3], third[3])


def by_hand(net):
    """The same network with every synapse listed."""
    plain = nr.Network(seed=net.seed)
    for population in net.populations.values():
        plain.add(population)
    for name, link in net.projections.items():
        lag = delays_of(link, net.seed)
        if isinstance(link.synapses, nr.AllToAll):
            made = nr.Dense(matrix_of(link, net.seed))
        else:
            pre, post, weight = triplets_of(link, net.seed)
            made = nr.Sparse(pre, post, weight if len(weight) > 1 else weight[0])
        plain.connect(link.pre, link.post, made, delay=lag, name=name)
    return plain


@given(case=any_rule)
def test_a_drawn_network_is_the_network_that_lists_what_was_drawn(case):
    net = several(*case)
    plain = by_hand(net)
    for one, other in zip(nr.build(net).fixed, nr.build(plain).fixed, strict=True):
        assert np.array_equal(one, other)
    chip = nr.load_chip("loihi_davies2018")
    one, other = (nr.placed(each, chip, {"a": 0, "b": 1}).routes for each in (net, plain))
    assert all(
        np.array_equal(getattr(one, key), getattr(other, key)) for key in ("start", "core", "synapses", "nonzero")
    )
    if case[2] in DELAYS[:2]:
        one, other = (nr.build_clocked(each, dt=1 * MS).wiring for each in (net, plain))
        assert all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_drawn_synapses_learn_as_listed_ones(rule):
    net = several(rule, WEIGHTS[1], DELAYS[2])
    stdp = nr.STDP(tau_plus=20 * MS, tau_minus=20 * MS, a_plus=0.1, a_minus=0.12)
    inputs = {"a": nr.Current([0.0], [2.0]), "b": nr.Current([0.0], [1.5])}
    one, other = (
        nr.run(each, 0.2, inputs=inputs, plasticity={"a->b": stdp, "b->b": stdp}) for each in (net, by_hand(net))
    )
    for name in ("a->b", "b->b"):
        first, second = one.weights[name], other.weights[name]
        assert np.array_equal(np.sort(first, axis=None), np.sort(second, axis=None))
        assert not np.array_equal(np.sort(first, axis=None), np.sort(parts(net, name)[-2], axis=None))
    for name in ("a", "b"):
        assert np.array_equal(one.spikes[name].times, other.spikes[name].times)


def test_single_weights_take_half_the_memory():
    for weight in (nr.Normal(1.0, 0.1, single=True), np.float32(0.1)):
        program = nr.build(network(nr.FixedIndegree(3, weight), 5, delay=nr.Uniform(1 * MS, 2 * MS)))
        assert program.fixed.weight.dtype == np.float32


def test_a_network_shows_what_is_drawn():
    net = network(nr.FixedIndegree(3, nr.Normal(1.0, 0.1)), 5, delay=nr.Uniform(1 * MS, 2 * MS))
    assert "FixedIndegree, delays by Uniform" in repr(net)
    assert "FixedIndegree, delays by Uniform" in repr(net.projections["p"])


@pytest.mark.parametrize(
    ("kind", "where", "bad"),
    [
        (ParameterError, "below zero", lambda: network(nr.FixedIndegree(1, 1.0), 2, delay=nr.Normal(1 * MS, 1 * MS))),
        (ParameterError, "to zero", lambda: network(nr.OneToOne(1.0), 2, delay=nr.LogNormal(-7.0, 1.0, step=1 * MS))),
        (ParameterError, "kernel", lambda: network(KERNEL, 4, delay=nr.Uniform(1 * MS, 2 * MS))),
        (ParameterError, "positions", lambda: network(nr.OneToOne(1.0), 2, delay=nr.Linear(1 * MS, 1.0))),
        (ParameterError, "positions", lambda: network(nr.OneToOne(nr.Linear(1.0, 1.0)), 2)),
        (ParameterError, "positions", lambda: network(nr.DistanceDependent(nr.Gaussian(1.0), 1.0), 2)),
        (ParameterError, "needs a delay", lambda: network(nr.OneToOne(1.0), 2, delay=None)),
        (ParameterError, "already", lambda: network(nr.Sparse([0], [0], 1.0, delay=1 * MS), 2, delay=1 * MS)),
        (ParameterError, "one space", lambda: network(spaced(periodic=(1.0, 1.0)), 2, places=[0.0, 1.0])),
        (
            ParameterError,
            "negative",
            lambda: nr.build(network(nr.AllToAll(1.0), 2, places=[0, 9], delay=nr.Linear(1, -1))),
        ),
        (WeightError, "0..1", lambda: nr.build(network(spaced(probability=np.cos), 2, places=[0.0, 2.0]))),
        (
            WeightError,
            "each distance",
            lambda: nr.build(network(spaced(probability=lambda d: [0.5] * 2), 3, places=PLACES[:3])),
        ),
        (WeightError, "only 2 neurons", lambda: nr.build(network(nr.FixedIndegree(3, 1.0, multapses=False), 2))),
        (WeightError, "only 0 neurons", lambda: nr.build(network(nr.FixedOutdegree(1, 1.0, autapses=False), 1))),
        (WeightError, "only 4 pairs", lambda: nr.build(network(nr.FixedTotalNumber(5, 1.0, multapses=False), 2))),
        (ParameterError, "FixedOutdegree.k", lambda: nr.FixedOutdegree(-1, 1.0)),
        (ParameterError, "FixedTotalNumber.n", lambda: nr.FixedTotalNumber(1.5, 1.0)),
        (ParameterError, "autapses", lambda: nr.FixedProbability(0.5, 1.0, autapses=1)),
        (ParameterError, "multapses", lambda: nr.FixedIndegree(1, 1.0, multapses="no")),
        (ParameterError, "probability", lambda: nr.DistanceDependent(0.5, 1.0)),
        (ParameterError, "0..1", lambda: nr.DistanceDependent(nr.Gaussian(1.0, peak=1.5), 1.0)),
        (ParameterError, "periodic", lambda: spaced(periodic=0.0)),
        (ParameterError, "Gaussian.sd", lambda: nr.Gaussian(0.0)),
        (ParameterError, "positions", lambda: nr.Population("a", 3, CELL, positions=np.zeros((2, 2)))),
        (ParameterError, "Normal.sd", lambda: nr.Normal(1.0, -1.0)),
        (ParameterError, "Normal.mean", lambda: nr.Normal([1.0, 2.0], 1.0)),
        (ParameterError, "Normal.outside", lambda: nr.Normal(1.0, 1.0, outside="wrap")),
        (ParameterError, "Normal.step", lambda: nr.Normal(1.0, 1.0, step=0.0)),
        (ParameterError, "Normal.single", lambda: nr.Normal(1.0, 1.0, single=32)),
        (ParameterError, "redrawing", lambda: nr.Normal(0.0, 1.0, low=5.0)),
        (ParameterError, "redrawing", lambda: nr.LogNormal(0.0, 1.0, high=-1.0)),
        (ParameterError, "above `high`", lambda: nr.Uniform(2.0, 1.0)),
        (ParameterError, "Uniform.low", lambda: nr.Uniform(-np.inf, 1.0)),
        (ParameterError, "Uniform.high", lambda: nr.Uniform(0.0, np.nan)),
        (ParameterError, "Uniform.step", lambda: nr.Uniform(0.0, 1.0, step=-1.0)),
        (ParameterError, "LogNormal.sigma", lambda: nr.LogNormal(0.0, -1.0)),
        (ParameterError, "LogNormal.outside", lambda: nr.LogNormal(0.0, 1.0, outside="wrap")),
        (ParameterError, "LogNormal.low", lambda: nr.LogNormal(0.0, 1.0, low=np.nan)),
        (ParameterError, "Normal.low", lambda: nr.Normal(0.0, 1.0, low=[0.0])),
        (ParameterError, "LogNormal.factor", lambda: nr.LogNormal(0.0, 1.0, factor=0.0)),
        (ParameterError, "of_mean, mean", lambda: nr.LogNormal.of_mean(0.0, 1.0)),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(kind, where, bad):
    with pytest.raises(NeuroError, match=where) as caught:
        bad()
    assert isinstance(caught.value, kind)


KERNEL = nr.Convolution2d(np.ones((1, 1, 1, 1)), (1, 2, 2))


def spaced(probability=nr.Gaussian(1.0), **options):  # noqa: B008 - frozen
    return nr.DistanceDependent(probability, 1.0, **options)


def test_delays_of_zero_are_drawn_where_zero_is_asked_for():
    for delay in (nr.Uniform(0.0, 1 * MS), nr.Normal(0.0, 1 * MS, low=0.0, outside="clip", step=1 * MS)):
        _, found = listed(network(nr.FixedIndegree(20, 1.0), 20, delay=delay))
        assert found.min() >= 0.0
