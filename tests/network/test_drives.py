"""External drives: what a rate is at each time, and what cannot be laid on a population."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NetworkError, ParameterError, UnknownName

LIF = {"tau_m": 20e-3, "v_th": 1.0}


def network():
    net = nr.Network()
    net.add(nr.Population("cue", 3, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.LIF(**LIF, tau_syn=(None, 5e-3))))
    net.add(nr.Population("chip", 3, nr.LoihiLIF(d_v=204, v_th=127)))
    return net


def drive(rate=100.0, weight=0.5, **others):
    return nr.PoissonInput(rate, weight, **others)


@given(
    times=st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True).map(sorted),
    neurons=st.sampled_from([None, 1, 3]),
    linear=st.booleans(),
    data=st.data(),
)
def test_a_timed_rate_is_zero_before_its_first_knot_and_constant_after_its_last(times, neurons, linear, data):
    shape = (len(times),) if neurons is None else (len(times), neurons)
    rates = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 50, shape) * 1.0
    made = nr.TimedRate(times, rates, linear)
    for knot, expected in zip(times, rates, strict=True):
        assert made.at(knot).tolist() == expected.tolist()
    assert made.at(times[0] - 0.25).tolist() == np.zeros(shape[1:]).tolist()
    assert made.at(times[-1] + 0.25).tolist() == rates[-1].tolist()
    for k, (first, second) in enumerate(pairwise(times)):
        quarter = first + 0.25 * (second - first)
        between = 0.75 * rates[k] + 0.25 * rates[k + 1] if linear else rates[k]
        assert made.at(quarter) == pytest.approx(between, abs=1e-9)
    greatest = drive(made).greatest_rates(neurons or 4)
    assert greatest.tolist() == np.broadcast_to(rates.max(axis=0), (neurons or 4,)).tolist()


@pytest.mark.parametrize(
    ("times", "rates"),
    [
        ([0.0, 0.1], [1.0]),
        ([0.0], [1.0, 2.0]),
        ([], []),
        ([[0.0, 0.1]], [[1.0, 2.0]]),
        ([0.0], [[[1.0]]]),
        ([0.0], 1.0),
        ([0.1, 0.1], [1.0, 2.0]),
        ([0.2, 0.1], [1.0, 2.0]),
        ([-1e-9, 0.1], [1.0, 2.0]),
        ([0.0, np.nan], [1.0, 2.0]),
        ([0.0, 0.1], [1.0, -1e-9]),
    ],
    ids=str,
)
def test_times_increase_from_zero_with_a_row_of_rates_each(times, rates):
    with pytest.raises(ParameterError, match="TimedRate"):
        nr.TimedRate(times, rates)
    kept = nr.TimedRate(0.0, [1.0])
    assert (kept.times.tolist(), kept.rates.tolist(), kept.linear) == ([0.0], [1.0], False)


def test_what_a_drive_holds_is_its_own():
    rate, weight, times = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3]), np.array([0.0, 0.1])
    made, timed = drive(rate, weight), nr.TimedRate(times, rates := np.ones(2))
    for array in (rate, weight, times, rates):
        array += 5.0
    assert (made.rate.tolist(), made.weight.tolist(), made.receptor, made.delay) == ([1, 2, 3], [0.1, 0.2, 0.3], 0, 0.0)
    assert (timed.times.tolist(), timed.rates.tolist()) == ([0.0, 0.1], [1.0, 1.0])
    for array in (made.rate, made.weight, timed.times, timed.rates):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rate": -1e-9}, "PoissonInput.rate"),
        ({"rate": np.nan}, "PoissonInput.rate"),
        ({"weight": np.inf}, "PoissonInput.weight"),
        ({"receptor": -1}, "PoissonInput.receptor"),
        ({"receptor": 0.5}, "PoissonInput.receptor"),
        ({"delay": -1e-9}, "PoissonInput.delay"),
        ({"delay": [0.0, 0.0]}, "PoissonInput.delay"),
    ],
    ids=str,
)
def test_a_drive_that_cannot_be_is_refused_by_its_field(wrong, says):
    with pytest.raises(ParameterError, match=says):
        drive(**wrong)
    assert drive(rate=0.0, delay=0.0).greatest_rates(2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("population", "given_", "error", "says"),
    [
        ("cell", 100.0, NetworkError, r"drive of 'cell'.*takes a PoissonInput; got float"),
        ("cue", drive(), NetworkError, r"drive of 'cue'.*source of spikes takes no input"),
        ("nobody", drive(), UnknownName, "'nobody'"),
        (3, drive(), NetworkError, "a Population or its name"),
        ("cell", drive(receptor=2), ParameterError, r"receptor must lie in 0\.\.1; got 2"),
        ("chip", drive(receptor=1), ParameterError, r"receptor must lie in 0\.\.0; got 1"),
        ("cell", drive([1.0, 2.0]), ParameterError, r"`rate` must be one number or 3 of them.*\(2,\)"),
        ("cell", drive(weight=[1.0, 2.0]), ParameterError, r"`weight` must be one number or 3 of them.*\(2,\)"),
        ("cell", drive([[1.0, 2.0, 3.0]]), ParameterError, r"`rate` must be.*\(1, 3\)"),
        ("cell", drive(nr.TimedRate([0.0], [[1.0, 2.0]])), ParameterError, r"`rate` must be.*\(2,\)"),
        ("chip", drive(weight=0.5), ParameterError, "must be whole numbers"),
        ("chip", drive(weight=[1.0, 2.0, 2.5]), ParameterError, "must be whole numbers"),
    ],
)
def test_a_drive_that_does_not_fit_its_population_is_refused_and_changes_nothing(population, given_, error, says):
    net = network()
    with pytest.raises(error, match=says):
        net.drive(population, given_)
    assert net.drives == {}


def test_drives_are_kept_by_population_in_their_order():
    net = network()
    first, second, third = drive(receptor=1), drive([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), drive(weight=[2, 3, -1])
    timed = drive(nr.TimedRate([0.0], [[1.0, 2.0, 3.0]]))
    assert net.drive("cell", first) is first
    net.drive(net.populations["cell"], second), net.drive("chip", third), net.drive("cell", timed)
    assert net.drives == {"cell": [first, second, timed], "chip": [third]}
    net.drive("cell", drive(nr.TimedRate([0.0, 0.1], [1.0, 2.0])))
    with pytest.raises(NetworkError, match="another network"):
        net.drive(network().populations["cell"], first)
