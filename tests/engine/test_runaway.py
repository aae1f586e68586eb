"""A neuron that would fire without end is refused with its name, its number and its rate; a fast one is not."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro import memory
from neuro.engine.drive.runaway import limits_of
from neuro.errors import NetworkError, ParameterError

FAST = {"tau_m": 20e-3, "v_th": 1.0, "tau_syn": 5e-3}


def test_a_reset_at_the_threshold_is_refused_with_the_neuron():
    with pytest.raises(ParameterError, match=r"LIF: `v_reset` must lie below.*v_reset=1\.5, v_th=1\.0 at neuron 2"):
        nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=[0.0, 0.5, 1.5, 2.0])
    with pytest.raises(ParameterError, match=r"v_th=-1\.0 at neuron 1"):
        nr.IF(v_th=[1.0, -1.0], reset="subtract")


@pytest.mark.parametrize(
    "model",
    [
        nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=[0.0, 0.0, 1.0 - 1e-8], bias=2.0),
        nr.LIF(tau_m=20e-3, v_th=1.0, bias=[1.5, 2.0, 1e9]),
        nr.LIF(tau_m=20e-3, v_th=[1.0, 1.0, 1e-9], reset="subtract", v_rest=1.5),
        nr.IF(v_th=1.0, bias=[1e3, -1e12, 1e10], v_min=-1.0),
    ],
    ids=["reset near the threshold", "a strong bias", "a low threshold", "no leak"],
)
def test_a_bias_that_drives_a_neuron_without_end_is_refused_before_the_run_begins(model):
    net = nr.Network()
    net.add(nr.Population("calm", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    net.add(nr.Population("cell", 3, model))
    most = r"2\.5e\+05" if isinstance(model, nr.LIF) else r"1e\+09"
    with pytest.raises(NetworkError, match=rf"population 'cell', neuron 2: .*{most} times a second.*by its bias alone"):
        nr.run(net, 0.0)


@pytest.mark.parametrize(
    "model",
    [
        nr.LIF(tau_m=20e-3, v_th=1.0, bias=1e9, refractory=1e-3),
        nr.LIF(tau_m=20e-3, v_th=1.0, v_reset=1.0 - 1e-9, bias=1.0),
        nr.LIF(tau_m=20e-3, v_th=None, bias=1e9, v_max=0.5),
        nr.IF(v_th=1.0, bias=-1e12, v_min=-1.0),
    ],
    ids=["refractory", "never there", "held below", "driven away"],
)
def test_a_neuron_that_cannot_run_away_is_not_refused(model):
    net = nr.Network()
    net.add(nr.Population("cell", 1, model))
    assert len(nr.run(net, 0.01).spikes["cell"]) <= 10


def driven(model, weight, size=3, spikes=1):
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", size, model))
    net.connect("cue", "cell", nr.Dense([[*[0.0] * (size - 1), weight]]), delay=1e-3)
    return nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.02] * spikes, [0] * spikes)})


@pytest.mark.parametrize(
    ("model", "weight"),
    [
        (nr.LIF(**FAST), 1e12),
        (nr.LIF(**FAST, v_min=-1.0), 1e12),
        (nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=(5e-3, 9e-3)), 1e12),
        (nr.LIF(**FAST, v_reset=1.0 - 1e-13), 15.0),
        (nr.IF(v_th=1.0, tau_syn=5e-3), 1e13),
        (nr.LIF(tau_m=20e-3, v_th=1e-9, reset="subtract"), 1.0),
        (nr.ALIF(tau_m=20e-3, v_th=1.0, tau_adapt=0.1, jump=-2.0), 1.5),
    ],
    ids=["amplitude form", "with a floor", "two currents", "reset at the threshold", "no leak", "subtract", "sinking"],
)
def test_an_input_that_drives_a_neuron_without_end_is_refused_when_it_does(model, weight):
    with pytest.raises(NetworkError, match=r"population 'cell', neuron 2: .*spikes in .* from 0\.02[12]\d* s on"):
        driven(model, weight)


def test_many_runaways_at_once_do_not_fill_the_memory():
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 40, nr.LIF(**FAST)))
    net.connect("cue", "cell", nr.AllToAll(1e12), delay=1e-3)
    with pytest.raises(NetworkError, match=r"population 'cell', neuron \d+"):
        nr.run(net, 0.1, inputs={"cue": nr.Spikes([0.02], [0])})


def test_one_input_may_rightly_set_off_thousands_of_spikes_where_reset_subtracts():
    found = driven(nr.LIF(tau_m=20e-3, v_th=2.0**-10, reset="subtract"), 20.0)
    assert found.spikes["cell"].counts(3).tolist() == [0, 0, 20_480]
    assert np.ptp(found.spikes["cell"].times) == 0.0


def test_a_neuron_may_fire_at_ten_megahertz():
    found = driven(nr.IF(v_th=1.0, tau_syn=10e-6), 1e7, size=1)
    assert len(found.spikes["cell"]) == pytest.approx(100, abs=1)
    assert found.spikes["cell"].times[0] == pytest.approx(0.021 + 1e-7, abs=1e-9)


def test_what_happens_after_a_run_is_not_held_against_it():
    net = nr.Network()
    net.add(nr.Population("cell", 1, nr.AHP(tau_m=8e-3, v_th=0.8, bias=1.7, tau_ahp=0.1, jump=-0.15)))
    first = nr.run(net, 0.03)
    assert 0 < len(first.spikes["cell"]) < 20
    assert len(nr.run(net, 0.03, state=first.state).spikes["cell"]) > 0
    with pytest.raises(NetworkError, match="population 'cell', neuron 0"):
        nr.run(net, 1.0)


def autapse(weight=2.55, delay=1.5e-3, bias=0.0, size=1):
    """Neurons that excite themselves, and a source that sets them off."""
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", size, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3, bias=bias)))
    net.connect("cue", "cell", nr.AllToAll(20.0), delay=1e-3)
    net.connect("cell", "cell", nr.OneToOne(weight), delay=delay)
    return net, {"cue": nr.Spikes([1e-3], [0])}


@pytest.mark.parametrize(
    ("model", "delay", "rate"),
    [
        (nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3), None, 5000 / 5e-3),
        (nr.LIF(tau_m=20e-9, v_th=1.0, tau_syn=5e-9), None, 5000 / 5e-9),
        (nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3), 1e-3, 5000 / 1e-3),
        (nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.1, jump=0.1), None, 5000 / 20e-3),
        (nr.IF(v_th=1.0), None, 1e9),
        (nr.IF(v_th=1.0), 2e-6, 5000 / 2e-6),
        (nr.IF(v_th=1.0), 0.0, 1e9),
    ],
    ids=["currents", "nanoseconds", "own delay", "membrane", "no scale", "own delay alone", "no delay"],
)
def test_a_neuron_may_fire_5000_times_within_its_own_shortest_time(model, delay, rate):
    net = nr.Network()
    net.add(nr.Population("other", 1, nr.LIF(tau_m=1e-3, v_th=1.0, tau_syn=1e-4)))
    net.add(nr.Population("cell", 1, model))
    net.connect("other", "cell", nr.AllToAll(0.1), delay=1e-6)
    if delay is not None:
        net.connect("cell", "other", nr.AllToAll(0.1), delay=delay)
    assert limits_of(nr.build(net)).rate[1] == pytest.approx(rate)


@pytest.mark.parametrize("delay", [1.5e-3, 0.3e-3])
@pytest.mark.parametrize("threads", [1, 2])
def test_what_drives_a_neuron_that_runs_away_is_told(delay, threads):
    net, cue = autapse(delay=delay, size=3, weight=[0.0, 9.0, 0.0])
    with pytest.raises(
        NetworkError,
        match=r"population 'cell', neuron 1: .*driven most by projection 'cell->cell' \(\d+ % of what excites it, "
        r"most of that its own autapse\)\. .*max_rate",
    ):
        nr.run(net, 0.3, inputs=cue, threads=threads)


@pytest.mark.parametrize("instant", [False, True], ids=["windows", "queue"])
def test_a_run_in_parts_is_refused_where_one_run_is(instant):
    net, cue = autapse(weight=6.0)
    if instant:
        net.connect("cue", "cell", nr.AllToAll(0.0), delay=0.0, name="at once")
    with pytest.raises(NetworkError) as whole:
        nr.run(net, 0.3, inputs=cue)
    reached = [0.0]

    def in_parts():
        state = None
        while reached[-1] < 0.3:
            state = nr.run(net, 0.71e-3, inputs=cue, state=state).state
            reached.append(state.time)

    with pytest.raises(NetworkError) as parts:
        in_parts()
    at = [float(re.search(r"from ([\d.]+) s on", str(error.value))[1]) for error in (whole, parts)]
    assert at[1] == pytest.approx(at[0], abs=2e-3)
    assert reached[-1] < at[0] + 2e-3


@pytest.mark.parametrize("instant", [False, True], ids=["windows", "queue"])
@pytest.mark.parametrize("model", [nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.5), nr.IF(v_th=1.0, bias=50.0)])
def test_a_limit_below_the_rate_of_a_neuron_refuses_it_and_one_above_does_not(model, instant):
    net = nr.Network()
    net.add(nr.Population("noise", 1, nr.PoissonSource(5e3)))  # sources fire as they are told
    cell = net.add(nr.Population("cell", 2, model))
    net.connect("noise", "cell", nr.AllToAll(0.0), delay=0.0 if instant else 1e-3)
    net.connect("noise", "cell", nr.AllToAll(1e-9), delay=1e-3, name="push")
    program = nr.build(net)
    rate = len(nr.run(program, 4.0).spikes["cell"]) / 8.0
    assert 40.0 < rate < 60.0
    nr.run(program, 4.0, max_rate=1.05 * rate)
    with pytest.raises(
        NetworkError, match=rf"population '{cell.name}', neuron \d: .*at most .* times a second.*max_rate"
    ):
        nr.run(program, 4.0, max_rate=0.9 * rate)


@pytest.mark.parametrize("instant", [False, True], ids=["windows", "queue"])
def test_a_neuron_may_be_allowed_to_fire_faster(instant):
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.connect("cue", "cell", nr.AllToAll(4e5), delay=1e-3)
    if instant:
        net.connect("cue", "cell", nr.AllToAll(0.0), delay=0.0, name="at once")
    cue = {"cue": nr.Spikes([1e-3], [0])}
    with pytest.raises(NetworkError, match=r"at most 1e\+06 times a second.*driven most by projection 'cue->cell'"):
        nr.run(net, 3e-3, inputs=cue)
    assert len(nr.run(net, 3e-3, inputs=cue, max_rate=1e8).spikes["cell"]) > 10_000


@pytest.mark.parametrize("max_rate", [0.0, -1.0, np.nan, "much", [1.0, 2.0]])
def test_a_limit_is_one_number_above_zero(max_rate):
    with pytest.raises(ParameterError, match="max_rate"):
        nr.run(nr.Network(), 0.1, max_rate=max_rate)


def test_a_window_whose_spikes_do_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 1e6)
    monkeypatch.setattr(memory, "NEGLIGIBLE", 1e6)
    net = nr.Network()
    net.add(nr.Population("cell", 100, nr.IF(v_th=1.0, bias=1000.0)))
    with pytest.raises(NetworkError, match=r"must fit into memory; got .* MB needed, 1 MB free"):
        nr.run(net, 1.0)


@given(
    size=st.integers(1, 5),
    weight=st.floats(0.1, 50.0),
    subtract=st.booleans(),
    tau_syn=st.sampled_from([None, 5e-3, (5e-3, 9e-3)]),
    delay=st.sampled_from([0.0, 50e-6, 1.5e-3, 20e-3]),
)
def test_networks_that_excite_themselves_end_in_a_result_or_a_named_error(size, weight, subtract, tau_syn, delay):
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    reset = "subtract" if subtract else "to_value"
    net.add(nr.Population("cell", size, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=tau_syn, reset=reset)))
    net.connect("cue", "cell", nr.AllToAll(1.5 if tau_syn is None else 20.0), delay=1e-3)
    net.connect("cell", "cell", nr.AllToAll(weight), delay=delay)
    told = ""
    try:
        recording = nr.run(net, 0.1, inputs={"cue": nr.Spikes([1e-3], [0])})
    except NetworkError as error:
        told = str(error)
    assert "population 'cell'" in told if told else recording.stop == 0.1
