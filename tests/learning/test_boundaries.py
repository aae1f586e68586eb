"""Rules, clamps and memories at their boundaries, with the numbers that their formulas give."""

from math import exp, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import ClampError, NeuroError, ParameterError
from neuro.learning.clamp import AppliedClamp, Clamp
from neuro.learning.hopfield import hebb, nearest, pseudo_inverse, settle_signs
from neuro.learning.memory import (
    AssociativeMemory,
    Recall,
    clamped,
    compile_recall,
    lower,
    present,
    recall,
)
from neuro.learning.two_phase import Centred, Contrastive, activity

LOCAL = {"rate": 0.1, "beta": 0.5, "tau_fast": 0.02, "tau_slow": 2.0, "full": 100.0, "window": 0.2}
PAIRS = {"a_plus": 0.1, "a_minus": 0.12, "tau_plus": 0.02, "tau_minus": 0.03}
RULES = [(nr.EventLocal, LOCAL), (nr.STDP, PAIRS)]


@pytest.mark.parametrize(("rule", "least"), RULES)
def test_a_rule_is_without_bounds_and_always_in_force_unless_told(rule, least):
    plain = rule(**least)
    assert (plain.during, plain.w_min, plain.w_max, plain.every, plain.max_levels) == ((), None, None, None, 4)
    assert plain.pair_rule()[3:] == (-inf, inf, 0.0, 4, ())
    told = rule(**least, w_min=-1, w_max=2, every=0.1, max_levels=1, during=((0, 1), (2, 3.5)))
    assert told.pair_rule()[3:] == (-1.0, 2.0, 0.1, 1, ((0.0, 1.0), (2.0, 3.5)))


@pytest.mark.parametrize(("rule", "least"), RULES)
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"w_min": 1.0, "w_max": 1.0}, r"`w_min` must lie below `w_max`.*1\.0 and 1\.0"),
        ({"w_min": 2.0, "w_max": 1.0}, r"`w_min` must lie below `w_max`.*2\.0 and 1\.0"),
        ({"w_min": np.nan}, "w_min"),
        ({"every": 0.0}, "every"),
        ({"every": -1.0}, "every"),
        ({"max_levels": 0}, "max_levels.*got 0"),
        ({"max_levels": True}, "max_levels"),
        ({"max_levels": 2.0}, "max_levels"),
        ({"during": ((1.0, 1.0),)}, r"during.*start first.*\(1\.0, 1\.0\)"),
        ({"during": ((0.0, 1.0), (3.0, 2.0))}, r"during.*\(3\.0, 2\.0\)"),
        ({"during": ((-1e-9, 1.0),)}, "during.*-1e-09"),
        ({"during": ((0.0, 1.0, 2.0),)}, "during.*pairs"),
    ],
    ids=str,
)
def test_what_no_rule_can_be_is_refused_by_its_name(rule, least, wrong, says):
    with pytest.raises(NeuroError, match=says):
        rule(**{**least, **wrong})


@pytest.mark.parametrize(
    ("rule", "field", "bad"),
    [
        *((nr.EventLocal, field, bad) for field in ("tau_fast", "tau_slow", "full", "window") for bad in (0.0, -1.0)),
        *((nr.EventLocal, field, np.nan) for field in LOCAL),
        *((nr.EventLocal, field, bad) for field, bad in (("rate", -1e-9), ("beta", 0.0))),
        *((nr.STDP, field, bad) for field in ("tau_plus", "tau_minus") for bad in (0.0, -1.0, np.nan)),
        *((nr.STDP, field, bad) for field in ("a_plus", "a_minus") for bad in (np.nan, inf)),
    ],
)
def test_each_number_of_a_rule_that_cannot_be_is_refused_by_its_name(rule, field, bad):
    with pytest.raises(ParameterError, match=rf"{rule.__name__}\.{field}"):
        rule(**{**dict(RULES)[rule], field: bad})


def test_rules_at_the_boundary_are_allowed():
    assert nr.EventLocal(**{**LOCAL, "rate": 0.0}).rate == 0.0
    assert nr.EventLocal(**{**LOCAL, "beta": -0.5}).pair_rule()[2][0] < 0
    assert nr.EventLocal(**{**LOCAL, "tau_slow": LOCAL["tau_fast"]}).share() == 0.0
    with pytest.raises(ParameterError, match=r"`tau_fast` must not be longer.*3\.0 s and 2\.0 s"):
        nr.EventLocal(**{**LOCAL, "tau_fast": 3.0})
    assert nr.STDP(**{**PAIRS, "a_plus": 0.0, "a_minus": -0.1}).a_minus == -0.1


def test_rules_are_the_numbers_of_their_formulas():
    taus, jumps, gains, *_ = nr.EventLocal(**LOCAL).pair_rule()
    assert taus == (0.02, 2.0, 0.02, 2.0)
    assert jumps == pytest.approx((0.5, 5e-3, 0.5, 5e-3), rel=1e-12)
    assert gains == pytest.approx((0.01, -0.01, 0.01, -0.01), rel=1e-12)
    taus, jumps, gains, *_ = nr.STDP(**PAIRS).pair_rule()
    assert (taus, jumps) == ((0.02, 0.02, 0.03, 0.03), (1.0, 0.0, 1.0, 0.0))
    assert (gains[0], gains[2]) == (0.1, -0.12)


@given(window=st.floats(0.01, 3.0))
def test_the_share_is_the_mean_of_the_difference_of_both_traces(window):
    grid = (np.arange(20000) + 0.5) * window / 20000
    mean = np.mean(np.exp(-grid / 2.0) - np.exp(-grid / 0.02))
    assert nr.EventLocal(**{**LOCAL, "window": window}).share() == pytest.approx(mean, rel=1e-4)


@given(
    rate=st.floats(50.0, 1000.0),
    goal=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]), min_size=1, max_size=5),
    start=st.floats(0.0, 2.0),
    length=st.floats(0.0, 0.1),
)
def test_a_hard_clamp_fires_in_the_middle_of_each_interval_before_its_end(rate, goal, start, length):
    (held, spikes) = Clamp("cell", "hard", rate).toward(goal, start=start, stop=start + length).forced["cell"]
    assert held.tolist() == [i for i, target in enumerate(goal) if not np.isnan(target)]
    for i, target in enumerate(goal):
        own = spikes.times[spikes.ids == i]
        active = np.nan_to_num(target) * rate
        assert own == pytest.approx(start + (np.arange(len(own)) + 0.5) / active if active else [], abs=1e-9)
        assert np.all(own < start + length)
        assert abs(len(own) - active * length) <= 0.5 + 1e-6


@pytest.mark.parametrize("kind", ["hard", "weak"])
def test_a_clamp_begins_at_zero_or_later_and_ends_no_earlier(kind):
    clamp = Clamp("cell", kind, 10.0)
    clamp.toward([1.0], start=0.0, stop=0.0)
    for start, stop in ((-1e-3, 1.0), (1.0, 0.5), (np.nan, 1.0)):
        with pytest.raises((ClampError, ParameterError)):
            clamp.toward([1.0], start=start, stop=stop)


def test_soft_clamps_push_towards_the_target_and_leave_the_free_alone():
    goal, trace = [0.0, 0.25, 1.0, np.nan], [0.5, 0.5, 0.5, 0.5]
    weak = Clamp("cell", "weak", 3.0).toward(goal, start=0.1, stop=0.2).currents["cell"]
    assert (weak.times.tolist(), weak.values.tolist()) == ([0.1, 0.2], [[-3.0, -1.5, 3.0, 0.0], [0.0] * 4])
    nudge = Clamp("cell", "current", 4.0).toward(goal, start=0.1, stop=0.2, trace=trace).currents["cell"]
    assert (nudge.times.tolist(), nudge.values.tolist()) == ([0.1, 0.2], [[-2.0, -1.0, 2.0, 0.0], [0.0] * 4])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Clamp("cell", "soft", 1.0), r"Clamp\.kind.*'soft'"),
        (lambda: Clamp("cell", "hard", 0.0), r"Clamp\.strength"),
        (lambda: Clamp("cell", "hard", -1.0), r"Clamp\.strength"),
        (lambda: Clamp("cell", "weak", np.nan), r"Clamp\.strength"),
        (lambda: Clamp("cell", "current", inf), r"Clamp\.strength"),
        (lambda: Clamp("cell", "weak", 1.0).toward([1.0 + 1e-9], start=0, stop=1), "'cell'"),
        (lambda: Clamp("cell", "weak", 1.0).toward([0.5, -1e-9], start=0, stop=1), "'cell'"),
        (lambda: Clamp("cell", "weak", 1.0).toward([[0.5]], start=0, stop=1), "flat array"),
        (lambda: Clamp("cell", "weak", 1.0).toward(0.5, start=0, stop=1), "flat array"),
        (lambda: Clamp("cell", "current", 1.0).toward([0.5], start=0, stop=1), "activity so far"),
        (lambda: Clamp("cell", "current", 1.0).toward([0.5], start=0, stop=1, trace=[np.nan]), "trace"),
    ],
)
def test_a_clamp_that_cannot_be_is_refused(make, says):
    with pytest.raises((ClampError, ParameterError), match=says):
        make()
    assert Clamp("cell", "weak", -1.0).strength == -1.0
    assert not Clamp("cell", "weak", 0.0).toward([0.0, 1.0], start=0, stop=1).currents["cell"].values.any()


def test_activity_counts_from_the_start_up_to_but_not_at_the_stop():
    spikes = nr.Spikes([0.1, 0.2, 0.3, 0.3, 0.4], [0, 0, 0, 1, 1])
    assert activity(spikes, 3, start=0.1, stop=0.4, most=4).tolist() == [0.75, 0.25, 0.0]
    assert activity(spikes, 3, start=0.1, stop=0.4, most=2).tolist() == [1.0, 0.5, 0.0]


@given(seed=st.integers(0, 99), patterns=st.integers(1, 4))
def test_two_phase_rules_are_means_over_patterns_one_by_one(seed, patterns):
    rng = np.random.default_rng(seed)
    a, b, c, d = rng.random((4, patterns, 3))
    both = np.mean(
        [np.outer(2 * x - 1, 2 * x - 1) - np.outer(2 * y - 1, 2 * y - 1) for x, y in zip(a, b, strict=True)], 0
    )
    assert Contrastive(rate=0.3).change(a, b) == pytest.approx(0.3 * both * (1 - np.eye(3)), abs=1e-12)
    pairs = np.mean([np.outer(w, x) - np.outer(y, z) for w, x, y, z in zip(a, b, c, d, strict=True)], 0)
    assert Centred(rate=0.3, beta=0.25).change(a, b, c, d) == pytest.approx(0.3 / 0.5 * pairs, abs=1e-12)


def test_two_phase_rules_refuse_what_does_not_fit():
    one, two = np.zeros((1, 2)), np.zeros((2, 2))
    for bad in ((one, two), (one[0], one[0]), (one[:0], one[:0])):
        with pytest.raises(ParameterError, match="activities of both phases"):
            Contrastive(rate=0.1).change(*bad)
    for bad in ((one, one, two, one), (one, one, one, two)):
        with pytest.raises(ParameterError, match="activities of both phases"):
            Centred(rate=0.1, beta=0.1).change(*bad)
    for make in (lambda: Contrastive(rate=-1.0), lambda: Centred(rate=-1.0, beta=1.0)):
        with pytest.raises(ParameterError, match=r"\.rate"):
            make()
    for beta in (0.0, -1.0):
        with pytest.raises(ParameterError, match=r"Centred\.beta"):
            Centred(rate=1.0, beta=beta)
    assert (
        Contrastive(rate=0.0).change(two, two).tolist()
        == Centred(rate=0.0, beta=1.0).change(two, two, two, two).tolist()
    )


def test_memories_of_signs_are_their_formulas():
    patterns = np.array([[1, -1, 1, 1], [1, 1, -1, 1]])
    assert hebb(patterns) == pytest.approx((patterns.T @ patterns / 4) * (1 - np.eye(4)))
    projection = patterns.T @ np.linalg.inv(patterns @ patterns.T + 0.0) @ patterns
    assert pseudo_inverse(patterns) == pytest.approx(projection * (1 - np.eye(4)))
    assert nearest(patterns, [[1, 1, -1, -1], [1, 1, 1, 1], [1, -1, 1, -1]]).tolist() == patterns[[1, 0, 0]].tolist()


class Counting(np.random.Generator):
    """Orders of sweeps, counted; neurons in their own order."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))
        self.sweeps = 0

    def permutation(self, size):
        self.sweeps += 1
        return np.arange(size)


def test_signs_settle_one_after_the_other_until_nothing_changes():
    ring = np.roll(np.eye(4), 1, axis=1)  # neuron i takes the sign of its left neighbour, the first that of the last
    rng = Counting()
    assert settle_signs(ring, [[1, -1, 1, -1]], rng).tolist() == [[-1.0, -1.0, -1.0, -1.0]]
    assert rng.sweeps == 2
    rng = Counting()
    assert settle_signs(np.zeros((2, 2)), [[1, -1]], rng).tolist() == [[1.0, -1.0]]
    assert rng.sweeps == 1
    rng = Counting()
    settle_signs(-np.eye(1), [[1]], rng)
    assert rng.sweeps == 50
    rng = Counting()
    assert settle_signs(-np.eye(1), [[1]], rng, sweeps=3).tolist() == [[-1.0]]
    given_ = np.array([[1.0, -1.0, 1.0, -1.0]])
    settle_signs(ring, given_, Counting())
    assert given_.tolist() == [[1.0, -1.0, 1.0, -1.0]]


def test_the_memory_has_the_numbers_of_its_page():
    memory = AssociativeMemory(size=60)
    assert (memory.tick, memory.gain, memory.tau, memory.delay) == (1e-3, 3.0, 2e-3, 0.25e-3)
    assert (memory.refractory, memory.v_min, memory.cue_time) == (0.5e-3, -0.5, 5e-3)
    assert (memory.duration, memory.counted) == (30e-3, 15e-3)
    assert memory.unit == pytest.approx(3.0 * (1 - exp(-0.5)) / 1e-3, rel=1e-12)


@pytest.mark.parametrize("updates", [1, 2, 5])
def test_the_learning_rate_falls_linearly_from_the_first_update_to_the_last(updates):
    rates = [nr.Schedule(last=0.2, fall="linear").faded(update, updates) for update in range(updates)]
    assert rates == pytest.approx(np.linspace(1.0, 0.2, updates) if updates > 1 else [1.0], rel=1e-12)
    rates = [nr.Schedule(last=0.2).faded(update, updates) for update in range(updates + 1)]
    assert rates == pytest.approx(np.geomspace(1.0, 0.2, updates + 1), rel=1e-12)


def test_patterns_cues_and_weights_are_of_one_size():
    for weights, cues in (
        (np.zeros((2, 3)), np.ones((1, 2))),
        (np.zeros((2, 2)), np.ones((1, 3))),
        (np.zeros(4), np.ones((1, 2))),
    ):
        with pytest.raises(ParameterError):
            settle_signs(weights, cues, np.random.default_rng(0))
    with pytest.raises(ParameterError):
        nearest(np.ones((2, 3)), np.ones((1, 2)))


def test_a_memory_may_have_no_delay_and_no_refractory_time():
    memory = AssociativeMemory(size=1, delay=0.0, refractory=0.0)
    assert (memory.delay, memory.refractory) == (0.0, 0.0)
    for wrong in ({"size": 0}, {"tick": 0.0}, {"tau": 0.0}, {"delay": -1e-3}, {"refractory": -1e-3}, {"tau": -1e-3}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            AssociativeMemory(**{"size": 2, **wrong})


def test_cue_and_count_fit_into_a_recall():
    AssociativeMemory(size=2, counted=30e-3, cue_time=30e-3)
    for wrong in ({"counted": 31e-3}, {"cue_time": 31e-3}, {"counted": 0.0}, {"cue_time": 0.0}, {"duration": 14e-3}):
        with pytest.raises(ParameterError, match=r"Memory.*(must fit into a recall.*duration=|greater than zero)"):
            AssociativeMemory(size=2, **wrong)


def test_a_bit_is_an_activity_above_one_half():
    assert Recall(np.array([[0.5, 0.51, 0.0, 1.0]]), np.zeros(1)).bits.tolist() == [[0.0, 1.0, 0.0, 1.0]]


@pytest.mark.parametrize("counted", [4e-3, 10e-3])
def test_a_recall_counts_the_last_part_of_each_run_and_all_its_spikes(counted):
    memory = AssociativeMemory(size=2, duration=10e-3, counted=counted, cue_time=10e-3)
    program, cues = lower(memory, nr.Crossbar(np.zeros((2, 2)))), np.array([[1.0, 0.0], [0.0, 0.0]])
    found = recall(program, memory, cues)
    for k, cue in enumerate(cues):
        spikes = present(program, memory, cue).spikes["memory"]
        late = spikes.ids[spikes.times >= 10e-3 - counted]
        assert found.activity[k] == pytest.approx(np.minimum(np.bincount(late, minlength=2) * 1e-3 / counted, 1.0))
        assert found.spikes[k] == len(spikes)
    assert found.activity[0, 0] > 0.5
    forced = clamped(program, memory, np.array([[1.0, 0.0]]))
    assert (forced.activity.tolist(), forced.spikes.tolist()) == ([[1.0, 0.0]], [10.0])


def test_the_network_of_a_memory_has_the_bias_that_its_equation_says():
    memory, weights = AssociativeMemory(size=2, v_min=-0.25), np.array([[0.0, 0.5], [0.25, 0.0]])
    program = lower(memory, nr.Crossbar(weights * memory.unit))
    model = program.network.populations["memory"].model
    assert (model.v_th, model.tau_syn, model.refractory, model.v_min) == (1.0, 2e-3, 0.5e-3, -0.25)
    assert program.network.projections["memory->memory"].delay == 0.25e-3
    # dv/dt = (1 + gain (sum_j W_ij (2 y_j - 1))) / (2 tick), without spikes: y = 0.
    rest = (1.0 - 3.0 * weights.sum(axis=0)) / (2 * memory.tick)
    record = nr.Record(v={"memory": [0, 1]}, v_dt=1e-6)
    v = nr.run(program, 10e-6, record=record).v["memory"]
    assert v[1] == pytest.approx(np.maximum(rest * 1e-6, -0.25), rel=1e-6)


SPIKES, PUSH = nr.Spikes([0.1], [0]), nr.Current([0.0], [1.0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"forced": 5},
        {"forced": [("cell", ([0], SPIKES))]},
        {"forced": {5: ([0], SPIKES)}},
        {"forced": {"cell": SPIKES}},
        {"forced": {"cell": ([0], SPIKES, SPIKES)}},
        {"forced": {"cell": (SPIKES, [0])}},
        {"forced": {"cell": ([0], PUSH)}},
        {"currents": None},
        {"currents": {5: PUSH}},
        {"currents": {"cell": SPIKES}},
        {"currents": {"cell": [1.0]}},
    ],
    ids=str,
)
def test_an_applied_clamp_has_spikes_and_currents_by_population(wrong):
    with pytest.raises(ClampError, match=rf"AppliedClamp\.{next(iter(wrong))}"):
        AppliedClamp(**wrong)
    made = AppliedClamp(forced={"cell": [[0], SPIKES]}, currents={"cell": PUSH})
    assert made.forced["cell"][1] is SPIKES
    assert AppliedClamp().forced == AppliedClamp().currents == {}


@pytest.mark.parametrize("kind", ["hard", "weak", "current"])
@pytest.mark.parametrize("trace", [[0.5], [0.5] * 3, [[0.5, 0.5]], [0.5, np.nan]])
def test_a_trace_is_one_number_for_each_target(kind, trace):
    clamp = Clamp("cell", kind, 10.0)
    with pytest.raises(ClampError, match="clamp, trace"):
        clamp.toward([0.5, 1.0], start=0.0, stop=0.1, trace=trace)
    clamp.toward([0.5, np.nan], start=0.0, stop=0.1, trace=[0.5, 0.0])


def test_more_forced_spikes_than_memory_holds_are_refused_before_they_are_made():
    with pytest.raises(ClampError, match=r"Clamp\.strength.*1e\+13 spikes.*GB needed"):
        Clamp("cell", "hard", 1e12).toward([0.25, np.nan, 0.75], start=5.0, stop=15.0)


@pytest.mark.parametrize("name", ["", 5, None])
def test_a_clamp_names_its_population(name):
    with pytest.raises(ClampError, match=r"Clamp\.population"):
        Clamp(name, "hard", 1.0)


@pytest.mark.parametrize("during", [5, "0..1", {(0.0, 1.0)}, (0.0, 1.0), ((0.0,),), ((0.0, np.nan),), ((inf, inf),)])
def test_intervals_are_pairs_of_times(during):
    for rule, least in RULES:
        with pytest.raises(ParameterError, match=rf"{rule.__name__}\.during"):
            rule(**least, during=during)
        assert rule(**least, during=[[0, inf]]).during == ((0.0, inf),)
        assert rule(**least, w_min=-inf, w_max=inf, every=2).pair_rule()[3:6] == (-inf, inf, 2.0)


def test_the_factor_of_a_rule_is_finite():
    with pytest.raises(ParameterError, match=r"rate / \(beta full window\)"):
        nr.EventLocal(**{**LOCAL, "rate": 1e90, "beta": 1e-90, "full": 1e-80, "window": 1e-18, "tau_fast": 1e-3})
    for beta in (1e-100, -1e-100):
        assert nr.EventLocal(**{**LOCAL, "beta": beta}).beta == beta
    with pytest.raises(ParameterError, match=r"EventLocal\.beta"):
        nr.EventLocal(**{**LOCAL, "beta": 1e-101})


@pytest.mark.parametrize("bad", [[1.0, -1.0], 1.0, [[[1.0]]], np.zeros((0, 2)), np.zeros((2, 0)), [[np.nan]]])
def test_tables_of_signs_have_two_axes_and_an_entry(bad):
    good, rng = np.ones((1, 2)), np.random.default_rng(0)
    for refused, where in (
        (lambda: hebb(bad), "patterns"),
        (lambda: pseudo_inverse(bad), "patterns"),
        (lambda: nearest(bad, good), "patterns"),
        (lambda: nearest(good, bad), "cues"),
        (lambda: settle_signs(np.eye(2), bad, rng), "cues"),
        (lambda: settle_signs(bad, good, rng), "weights"),
    ):
        with pytest.raises(ParameterError, match=where):
            refused()


def test_sweeps_are_a_whole_number_and_drawn_by_a_generator():
    for sweeps in (-1, 1.5, True):
        with pytest.raises(ParameterError, match="sweeps"):
            settle_signs(np.eye(2), np.ones((1, 2)), np.random.default_rng(0), sweeps)
    for rng in (0, None, np.random):
        with pytest.raises(ParameterError, match="rng"):
            settle_signs(np.eye(2), np.ones((1, 2)), rng)
    cue = [[1.0, -1.0]]
    assert settle_signs(-np.ones((2, 2)), cue, np.random.default_rng(0), sweeps=0).tolist() == cue


def test_activity_is_of_spikes_over_a_count_above_zero():
    for spikes, most, where in (([0.1], 1, "spikes"), (SPIKES, 0, "most"), (SPIKES, -1, "most"), (SPIKES, [1], "most")):
        with pytest.raises(ParameterError, match=where):
            activity(spikes, 1, start=0.0, stop=1.0, most=most)


def test_both_populations_have_the_same_patterns():
    one, two, wide = np.zeros((1, 2)), np.zeros((2, 2)), np.zeros((2, 3))
    with pytest.raises(ParameterError, match="1 and 2 patterns"):
        Centred(rate=1.0, beta=1.0).change(one, two, one, two)
    assert Centred(rate=1.0, beta=1.0).change(two, wide, two, wide).shape == (2, 3)
    for bad in (np.nan, inf):
        with pytest.raises(ParameterError, match="activity"):
            Contrastive(rate=1.0).change([[bad]], [[0.0]])


def test_a_memory_that_cannot_be_is_refused():
    for field, bad in (("size", 1.5), ("gain", 0.0), ("gain", np.nan), ("v_min", np.nan), ("duration", np.inf)):
        with pytest.raises(ParameterError, match=rf"AssociativeMemory\.{field}"):
            AssociativeMemory(**{"size": 2, field: bad})


def test_the_smallest_memory_is_compiled_and_recalls_nothing():
    assert compile_recall() is None
    smallest = AssociativeMemory(size=2)
    found = recall(lower(smallest, nr.Crossbar(np.zeros((2, 2)))), smallest, np.zeros((3, 2)))
    assert (found.activity.shape, found.spikes.shape) == ((3, 2), (3,))
