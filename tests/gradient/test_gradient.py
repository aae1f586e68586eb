"""Gradients are those of the runs themselves: they agree with differences of runs, on all networks that have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import InputError
from tests.gradient.family import Case, cases, errors, runs

WORST = 1e-6


@settings(max_examples=15)
@given(case=cases(), seed=st.integers(0, 2**16))
def test_gradients_are_the_limit_of_differences_of_runs(case: Case, seed: int) -> None:
    assume(runs(case))
    found = errors(case, seed)
    assert all(error <= WORST for error in found.values()), found


def named(kind: str = "LIF", weights: tuple[float, ...] = (7.0, 6.0), **fields: object) -> Case:
    """Two inputs onto one neuron, which has a synapse onto itself."""
    ones = np.ones(1)
    own = {"v_th": 1.0 * ones, "tau_m": 20e-3 * ones, "bias": 0.2 * ones, "tau_syn": (5e-3 * ones,), **fields}
    into = {"from": "cue", "to": "one", "receptor": 0, "pre": np.array([0, 1]), "post": np.array([0, 0])}
    back = {"from": "one", "to": "one", "receptor": 0, "pre": np.array([0]), "post": np.array([0])}
    projections = {
        "p0": {**into, "weights": np.array(weights), "delays": np.array([1.3e-3, 1.9e-3])},
        "p1": {**back, "weights": np.array([-2.0]), "delays": np.array([2.7e-3])},
    }
    case = Case(
        {"one": (kind, 1, own)}, projections, np.array([1e-3, 4e-3, 9e-3, 15e-3]), np.array([0, 1, 0, 1]), 30e-3
    )
    case.slopes = {"one": 3}
    return case


def equal_time_constants() -> Case:
    return named(tau_syn=(20e-3 * np.ones(1),))


def refractory_time_of_a_delay() -> Case:
    return named(refractory=2.7e-3 * np.ones(1))


def multapses() -> Case:
    case = named()
    case.projections["p0"]["pre"] = np.array([0, 0])
    return case


def zero_delays() -> Case:
    case = named()
    for p in case.projections.values():
        p["delays"] *= 0.0
    return case


def jumps_that_cause_spikes() -> Case:
    return named(weights=(1.2, 1.4), tau_syn=(None,))


def subtraction_by_large_jumps() -> Case:
    return named(weights=(2.6, 2.4), tau_syn=(None,), reset="subtract")


def subtraction_at_ends_of_refractory_times() -> Case:
    return named(weights=(3.4, 2.4), tau_syn=(None,), reset="subtract", refractory=1e-3 * np.ones(1))


def tied_inputs() -> Case:
    case = named()
    case.times, case.ids = np.array([1e-3, 1e-3, 9e-3, 9e-3]), np.array([0, 1, 0, 1])
    return case


def adaptation() -> Case:
    return named("ALIF", tau_adapt=(50e-3 * np.ones(1),), jump=(0.1 * np.ones(1),), reset="subtract")


def slow_currents() -> Case:
    taus, jumps = (50e-3 * np.ones(1), 200e-3 * np.ones(1)), (0.1 * np.ones(1), 0.05 * np.ones(1))
    return named("AHP", tau_ahp=taus, jump=jumps)


CASES = [
    *(equal_time_constants, refractory_time_of_a_delay, multapses, zero_delays, jumps_that_cause_spikes, tied_inputs),
    *(subtraction_by_large_jumps, subtraction_at_ends_of_refractory_times, adaptation, slow_currents),
]


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_named_cases_agree_with_differences(make) -> None:
    found = errors(make(), 1)
    assert "inputs" in found
    assert all(error <= WORST for error in found.values()), found


@settings(max_examples=15)
@given(case=cases(), name=st.sampled_from(["one"]))
def test_v_of_a_replay_is_v_of_the_engine(case: Case, name: str) -> None:
    assume(runs(case))
    net = case.network()
    size = net.populations[name].size
    record = nr.Record(v={name: np.arange(size)}, v_dt=1e-3)
    run = nr.run(net, case.duration, inputs=case.inputs(), record=record, max_rate=1e5)
    for i in range(size):
        times = run.v_times
        for t, v in zip(times[::4], run.v[name][::4, i], strict=True):
            loss = nr.WeightedSum(nr.SampledV(population=name, neurons=[i], times=float(t)))
            assert nr.gradient(net, run, inputs=case.inputs(), loss=loss).value == pytest.approx(v, abs=1e-9)


def test_the_largest_v_bounds_all_samples_and_the_integral_is_their_mean() -> None:
    case = named(weights=(1.5, -1.2))
    net = case.network()
    record = nr.Record(v={"one": [0]}, v_dt=1e-5)
    run = nr.run(net, case.duration, inputs=case.inputs(), record=record)
    largest = nr.gradient(net, run, inputs=case.inputs(), loss=nr.WeightedSum(nr.LargestV(population="one"))).value
    whole = nr.gradient(net, run, inputs=case.inputs(), loss=nr.WeightedSum(nr.IntegralV(population="one"))).value
    v = run.v["one"][:, 0]
    assert 0.0 <= largest - v.max() < 1e-6
    assert whole == pytest.approx(v.mean() * case.duration, rel=1e-3)


def refused_floor() -> nr.Network:
    net = nr.Network()
    net.add(nr.Population("one", 1, nr.LIF(tau_m=20e-3, v_th=1.0, v_min=-1.0)))
    return net


def refused_drive() -> nr.Network:
    net = nr.Network()
    net.add(nr.Population("one", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.drive("one", nr.PoissonInput(rate=10.0, weight=0.1))
    return net


@pytest.mark.parametrize("make", [refused_floor, refused_drive])
def test_what_has_no_gradient_is_refused_by_name(make) -> None:
    net = make()
    with pytest.raises(nr.NeuroError, match="one"):
        nr.gradient(net, nr.run(net, 0.01), loss=nr.SpikeTimes(population="one", target=nr.Spikes([], [])))


def test_a_recording_of_another_program_is_refused() -> None:
    case = named()
    run = case.run(case.network())
    case.projections["p0"]["weights"] *= 1.01
    with pytest.raises(nr.NeuroError, match="not of this program"):
        nr.gradient(case.network(), run, inputs=case.inputs(), loss=case.loss())


def test_a_run_that_goes_on_from_another_is_refused() -> None:
    net = named().network()
    first = nr.run(net, 0.01)
    with pytest.raises(nr.NeuroError, match="goes on"):
        nr.gradient(net, nr.run(net, 0.01, state=first.state), loss=named().loss())


@pytest.mark.parametrize(("w", "times", "by_delay", "by_bias"), [
    (1.5, [1.0, 2.0, 2.0], 1.0, -4.0), (-0.4, [1.0, 2.0], 0.0, -3.0), (0.4, [1.0, 2.0, 2.6], 0.0, -5.6),
])  # fmt: skip
@pytest.mark.parametrize("bias", [62.5, 77.7, 100.0])
def test_a_spike_may_come_before_what_arrives_at_its_instant(bias, w, times, by_delay, by_bias) -> None:
    """The first spike arrives when v meets the threshold again by itself: here the engine fires first."""
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.IF(v_th=1.0, bias=bias)))
    net.connect("cell", "cell", nr.Dense([[w]]), delay=1.0 / bias, name="link")
    run = nr.run(net, 2.7 / bias, max_rate=1e6)
    assert run.spikes["cell"].times * bias == pytest.approx(times, rel=1e-9)
    found = nr.gradient(net, run, loss={"cell": lambda spikes: (float(spikes.times.sum()), np.ones(len(spikes)))})
    assert found.delays["link"] == pytest.approx(by_delay, abs=1e-12)
    assert found.parameters["cell"]["bias"] * bias**2 == pytest.approx(by_bias, rel=1e-9)
    assert found.weights["link"] * bias == pytest.approx(-1.0 if w == 0.4 else 0.0, abs=1e-9)


def test_v_after_a_spike_and_an_input_of_unknown_order_is_refused() -> None:
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.IF(v_th=1.0, bias=100.0)))
    net.connect("cell", "cell", nr.Dense([[0.4]]), delay=10e-3, name="link")

    loss = nr.WeightedSum(nr.LargestV(population="cell", start=21e-3, stop=24e-3))

    def value(stop: float) -> float:
        run = nr.run(net, stop, max_rate=1e6)
        return nr.gradient(net, run, loss=loss).value

    with pytest.raises(InputError, match="which came first is not known"):
        value(25e-3)
    assert value(30e-3) == pytest.approx(0.8, rel=1e-9)
