"""The oracle against closed forms, a general-purpose ODE solver, and arithmetic that can be done by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from scipy.integrate import solve_ivp

from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, ALIF, IF, LIF
from neuro.network.synapses import Dense
from tests.oracle import TooManySpikes, horizon, parting, simulate, zeros
from tests.strategies import driven, max_of_psp, small_networks


def spikes_of(volleys, model, duration=0.1, *, initial=None):
    net, inputs = driven(volleys, model, initial)
    return simulate(net, duration, inputs).spikes["cell"][0]


def v_of(volleys, model, t, *, initial=None):
    net, inputs = driven(volleys, model, initial)
    return simulate(net, 1.0, inputs).v("cell", 0, t)


def test_a_biased_neuron_fires_at_the_interval_of_the_closed_form():
    model = LIF(tau_m=20e-3, v_th=1.0, v_reset=-0.2, v_rest=0.1, bias=1.7, refractory=3e-3)
    interval = 3e-3 + 20e-3 * math.log((1.8 + 0.2) / (1.8 - 1.0))
    first = 20e-3 * math.log((1.8 - 0.1) / (1.8 - 1.0))
    assert spikes_of([], model, 0.5) == pytest.approx(np.arange(first, 0.5, interval), abs=1e-14)


def test_a_biased_integrator_fires_at_equal_intervals():
    model = IF(v_th=1.0, v_reset=0.25, bias=500.0, refractory=1e-3)
    assert spikes_of([], model, 0.02) == pytest.approx(2e-3 + 2.5e-3 * np.arange(8), abs=1e-15)


def test_an_integrators_input_current_adds_its_weight_times_its_time_constant():
    assert v_of([(0.01, 200.0)], IF(v_th=2.0, tau_syn=4e-3), 0.9) == pytest.approx(0.8, abs=1e-15)


@pytest.mark.parametrize("tau", [2e-3, 5e-3, 19.999e-3, 20e-3, 20e-3 * (1 + 1e-12), 90e-3])
def test_a_psp_is_the_difference_of_two_exponentials_or_its_limit(tau):
    mp = pytest.importorskip("mpmath")
    model = LIF(tau_m=20e-3, v_th=10.0, tau_syn=tau)
    with mp.workdps(50):
        a, b, t = mp.mpf(20e-3), mp.mpf(tau), mp.mpf(0.017)
        exact = t / a * mp.exp(-t / a) if a == b else b / (b - a) * (mp.exp(-t / b) - mp.exp(-t / a))
    assert v_of([(0.01, 3.0)], model, 0.027) == pytest.approx(3 * float(exact), rel=1e-13)


def test_each_spike_of_an_ahp_neuron_adds_its_jump_to_the_slow_current():
    model = AHP(tau_m=20e-3, v_th=1.0, tau_ahp=(0.2, 20e-3), jump=(0.5, 0.3))
    t = 0.03
    slow = 0.2 / 0.18 * (math.exp(-t / 0.2) - math.exp(-t / 20e-3))
    same = t / 20e-3 * math.exp(-t / 20e-3)
    assert spikes_of([(0.01, 1.5)], model) == [0.01]
    assert v_of([(0.01, 1.5)], model, 0.01 + t) == pytest.approx(-0.5 * slow - 0.3 * same, rel=1e-13)


def test_an_adapted_threshold_is_met_where_v_and_threshold_are_equal():
    model = ALIF(tau_m=20e-3, v_th=1.0, bias=1.5, tau_adapt=0.1, jump=0.4)
    first, second, *_ = spikes_of([], model, 0.2)
    gap = second - first
    assert first == pytest.approx(20e-3 * math.log(3), rel=1e-14)
    assert 1.5 * (1 - math.exp(-gap / 20e-3)) == pytest.approx(1 + 0.4 * math.exp(-gap / 0.1), rel=1e-14)


def test_an_adapted_threshold_that_sinks_to_a_ceiling_below_it_fires_there():
    model = ALIF(tau_m=5e-3, v_th=1.0, bias=3.0, v_max=1.1, tau_adapt=0.05, jump=0.5)
    first, second, *_ = spikes_of([], model, 0.2)
    assert second - first == pytest.approx(0.05 * math.log(5), rel=1e-13)


def test_a_maximum_that_barely_reaches_the_threshold_is_a_spike_and_one_that_barely_misses_is_none():
    top = max_of_psp(20e-3, 5e-3)
    model = LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)
    assert len(spikes_of([(0.01, (1 + 1e-13) / top)], model)) == 1
    assert len(spikes_of([(0.01, (1 - 1e-13) / top)], model)) == 0


def test_inputs_of_one_instant_are_summed_before_the_threshold_is_tested():
    model = LIF(tau_m=20e-3, v_th=1.0)
    assert spikes_of([(0.01, 5.0), (0.01, -4.5)], model) == []
    assert spikes_of([(0.01, 0.6), (0.01, 0.6)], model) == [0.01]


def test_a_jump_to_the_threshold_exactly_is_a_spike():
    assert spikes_of([(0.01, 1.0)], LIF(tau_m=20e-3, v_th=1.0)) == [0.01]


def test_v_above_threshold_at_the_start_is_a_spike_at_zero():
    assert spikes_of([], LIF(tau_m=20e-3, v_th=1.0), initial={"v": 1.5}) == [0.0]


def test_subtraction_keeps_what_is_above_threshold_and_spikes_as_often_as_it_must():
    model = LIF(tau_m=20e-3, v_th=1.0, reset="subtract")
    assert spikes_of([(0.01, 3.25)], model) == [0.01] * 3
    assert v_of([(0.01, 3.25)], model, 0.01) == pytest.approx(0.25)


def test_what_subtraction_leaves_above_threshold_spikes_at_the_end_of_the_refractory_time():
    model = LIF(tau_m=20e-3, v_th=1.0, reset="subtract", refractory=4e-3)
    assert spikes_of([(0.01, 2.25)], model) == [0.01, 0.01 + 4e-3]


def test_onto_a_refractory_neuron_jumps_are_lost_and_currents_are_not():
    jumps = LIF(tau_m=20e-3, v_th=1.0, refractory=4e-3)
    assert v_of([(0.01, 1.5), (0.012, 0.5)], jumps, 0.02) == 0.0
    both = LIF(tau_m=20e-3, v_th=1.0, refractory=4e-3, tau_syn=(None, 4e-3))
    started, t = 0.5 * math.exp(-2e-3 / 4e-3), 6e-3
    expected = started * 4e-3 / (4e-3 - 20e-3) * (math.exp(-t / 4e-3) - math.exp(-t / 20e-3))
    assert v_of([(0.01, 1.5), (0.012, 0.5, 1)], both, 0.02) == pytest.approx(expected, rel=1e-12)


def test_an_input_at_the_end_of_the_refractory_time_counts():
    end = 0.01 + 4e-3
    assert v_of([(0.01, 1.5), (end, 0.5)], LIF(tau_m=20e-3, v_th=1.0, refractory=4e-3), end) == 0.5


def test_v_rests_on_the_floor_until_the_drive_turns():
    model = LIF(tau_m=20e-3, v_th=1.0, v_min=-0.5, bias=0.1, tau_syn=5e-3)
    leaves = 0.01 + 5e-3 * math.log(4 / 0.6)  # where 0.1 - 4 exp(-t/5 ms) = -0.5
    assert v_of([(0.01, -4.0)], model, leaves - 1e-6) == -0.5
    t, left = 7e-3, -0.6
    psp = left * 5e-3 / (5e-3 - 20e-3) * (math.exp(-t / 5e-3) - math.exp(-t / 20e-3))
    expected = 0.1 + (-0.5 - 0.1) * math.exp(-t / 20e-3) + psp
    assert v_of([(0.01, -4.0)], model, leaves + t) == pytest.approx(expected, rel=1e-12)


def test_jumps_end_at_the_limits():
    model = LIF(tau_m=20e-3, v_th=None, v_min=-0.5, v_max=0.75)
    assert v_of([(0.01, -3.0)], model, 0.01) == -0.5
    assert v_of([(0.01, +3.0)], model, 0.01) == 0.75
    assert v_of([], model, 0.0, initial={"v": 4.0}) == 0.75
    assert v_of([(0.01, -3.0), (0.01, 3.2)], model, 0.01) == pytest.approx(0.2)


def test_a_ceiling_without_a_threshold_keeps_the_neuron_silent():
    assert spikes_of([(0.01, 3.0)], LIF(tau_m=20e-3, v_th=None, bias=5.0, v_max=0.99)) == []


def test_steps_of_current_add_to_the_bias_from_their_time_on():
    net = Network()
    net.add(Population("cell", 2, LIF(tau_m=20e-3, v_th=9.0, bias=0.5)))
    steps = SimpleNamespace(times=np.array([0.01, 0.02]), values=np.array([[1.0, 2.0], [0.0, -1.0]]))
    run = simulate(net, 0.1, {"cell": [steps, SimpleNamespace(times=[0.02], values=[0.25])]})
    at_step = 0.5 * (1 - math.exp(-0.5))
    later = 2.5 + (at_step - 2.5) * math.exp(-0.5)
    assert run.v("cell", 1, 0.02) == pytest.approx(later, rel=1e-14)
    assert run.v("cell", 1, 0.04) == pytest.approx(-0.25 + (later + 0.25) * math.exp(-1), rel=1e-14)


def test_a_spike_at_the_end_of_the_run_is_not_counted():
    net, inputs = driven([(0.01, 1.5)], LIF(tau_m=20e-3, v_th=1.0))
    assert simulate(net, 0.01, inputs).spikes["cell"] == ([], [])
    assert simulate(net, math.nextafter(0.01, 1), inputs).spikes["cell"] == ([0.01], [0])


def test_a_chain_adds_its_delays():
    net = Network()
    net.add(Population("cell", 3, LIF(tau_m=20e-3, v_th=1.0), {"v": [2.0, 0.0, 0.0]}))
    net.connect("cell", "cell", Dense([[0, 1.5, 0], [0, 0, 1.5], [0, 0, 0]]), delay=1.5e-3)
    assert simulate(net, 0.1).spikes["cell"] == ([0.0, 1.5e-3, 3e-3], [0, 1, 2])


@pytest.mark.parametrize(
    "model",
    [
        LIF(tau_m=20e-3, v_th=9.0, v_rest=-0.1, bias=0.3, tau_syn=(5e-3, 12e-3)),
        LIF(tau_m=20e-3, v_th=None, tau_syn=(5e-3, 20e-3), v_min=-0.15, v_max=0.4),
        IF(v_th=9.0, bias=-3.0, tau_syn=(5e-3, 12e-3), v_min=-0.02),
    ],
)
def test_v_between_spikes_is_what_an_ode_solver_finds(model):
    volleys = [(0.01, 2.0), (0.013, -3.0, 1), (0.02, 1.0), (0.031, 3.5, 1)]
    if isinstance(model, IF):
        volleys = [(t, 50 * w, *r) for t, w, *r in volleys]
    net, inputs = driven(volleys, model)
    run = simulate(net, 0.1, inputs)
    taus = np.array(model.tau_syn)

    def flow(t, state):
        v, currents = state[0], state[1:]
        dv = model.bias + currents.sum()
        if isinstance(model, LIF):
            dv = (dv + model.v_rest - v) / model.tau_m
        below = model.v_min is not None and v <= model.v_min and dv < 0
        above = model.v_max is not None and v >= model.v_max and dv > 0
        return [0.0 if below or above else dv, *(-currents / taus)]

    state, start = np.array([getattr(model, "v_rest", 0.0), 0.0, 0.0]), 0.0
    for t, weight, *receptor in [*volleys, (0.06, 0.0)]:
        found = solve_ivp(flow, (start, t), state, rtol=1e-9, atol=1e-11, max_step=2e-5)
        state, start = found.y[:, -1], t
        assert run.v("cell", 0, t) == pytest.approx(state[0], abs=2e-5 if model.v_min else 1e-9)
        state[1 + (receptor[0] if receptor else 0)] += weight


def test_zeros_of_a_sum_of_exponentials_are_all_found():
    # (1 - 3x)(1 - 9x)(1 - 10x) in x = exp(-t) has its zeros where x is 1/3, 1/9 and 1/10.
    terms = [(-22.0, 1.0), (147.0, 1 / 2), (-270.0, 1 / 3)]
    assert zeros(1.0, terms, 0.0, 50.0) == pytest.approx([math.log(3), math.log(9), math.log(10)], rel=1e-12)


def test_two_trains_part_at_the_first_spike_that_is_moved_added_or_missing():
    assert parting([1.0, 2.0], [1.0, 2.0], 1e-9) == math.inf
    assert parting([1.0, 2.0], [1.0, 2.1], 1e-9) == 2.0
    assert parting([1.0, 2.0], [1.0], 1e-9) == 2.0
    assert parting([], [0.5], 1e-9) == 0.5


def test_the_horizon_is_the_first_spike_that_hangs_on_rounding():
    model = LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)
    at_peak = pytest.approx(0.01 + 5e-3 * 20e-3 / 15e-3 * math.log(4), abs=2e-6)
    for excess, expected in [(1e-6, math.inf), (1e-15, at_peak), (-1e-6, math.inf)]:
        net, inputs = driven([(0.01, (1 + excess) / max_of_psp(20e-3, 5e-3))], model)
        run = simulate(net, 0.1, inputs)
        assert horizon(net, 0.1, inputs, run, noise=1e-12, tolerance=1e-9) == expected


@given(case=small_networks())
def test_between_its_spikes_every_neuron_stays_below_threshold_and_within_its_limits(case):
    network, duration, inputs = case
    run = simulate(network, duration, inputs)
    for cell in (cell for group in run.cells.values() for cell in group):
        ends = [*(past.t for past in cell.history[1:]), duration]
        for past, end in zip(cell.history, ends, strict=True):
            for t in np.linspace(past.t, end, 5, endpoint=False).tolist():
                v = past.v_after(t)
                assert cell.v_min - 1e-12 <= v <= cell.v_max + 1e-12
                assert v < past.threshold(t) + 1e-12 or past.phase == "held"


def test_a_run_with_too_many_spikes_is_given_up():
    net, inputs = driven([], IF(v_th=1e-3, bias=100.0))
    with pytest.raises(TooManySpikes):
        simulate(net, 1.0, inputs, limit=50)
