"""External drives: Poisson arrivals of rates that are told, which act as spikes of sources at the same times would."""

from math import sqrt

import numpy as np
import pytest

import neuro as nr
from neuro.engine.drive.drawn import DrawnDrives
from neuro.engine.lower.drives import drive_keys
from neuro.errors import InputError, NetworkError, ParameterError, UnknownName

LAG, DURATION, SIZE = 2.0**-11, 0.3, 5
RAMP = nr.TimedRate([0.0, 0.1, 0.2], [200.0, 900.0, 0.0], linear=True)
COMMON = {"tau_m": 20e-3, "v_th": 1.0}
MODELS = {
    "jump": nr.LIF(**COMMON, refractory=2e-3),
    "current": nr.LIF(**COMMON, refractory=2e-3, tau_syn=3e-3),
    "driven": nr.LIF(**COMMON, refractory=2e-3, tau_syn=3e-3, bias=1.3),
    "not refractory": nr.LIF(**COMMON, tau_syn=3e-3),
    "AHP": nr.AHP(**COMMON, refractory=2e-3, tau_syn=3e-3, tau_ahp=50e-3, jump=0.2),
    "ALIF": nr.ALIF(**COMMON, tau_syn=3e-3, tau_adapt=50e-3, jump=0.2),
    "IF": nr.IF(v_th=1.0),
}


def drives(model):
    w = 0.02 if model in ("jump", "IF") else 0.25
    return [
        nr.PoissonInput(np.linspace(300.0, 1200.0, SIZE), w, delay=LAG),
        nr.PoissonInput(RAMP, 2 * w, delay=3 * LAG),
        nr.PoissonInput(400.0, np.linspace(-w, w, SIZE), delay=LAG),
    ]


def recurrent(model, delay):
    net = nr.Network(seed=1)
    cell = net.add(nr.Population("cell", SIZE, MODELS[model]))
    net.connect(cell, cell, nr.Dense(np.random.default_rng(0).normal(0.0, 0.3, (SIZE, SIZE))), delay=delay)
    return net


def driven(model, delay=1.3e-3, given=None):
    net = recurrent(model, delay)
    for drive in drives(model) if given is None else given:
        net.drive("cell", drive)
    return net


def by_sources(model, delay=1.3e-3, seed=0):
    """The same arrivals as spikes of sources, `LAG` before."""
    net, inputs = recurrent(model, delay), {}
    found = arrivals(driven(model), seed)
    for d, drive in enumerate(drives(model)):
        source, mine = net.add(nr.Population(f"source {d}", SIZE, nr.SpikeSource())), found.drive == d
        weight = np.broadcast_to(drive.weight, (SIZE,))
        net.connect(source, "cell", nr.Sparse(np.arange(SIZE), np.arange(SIZE), weight), delay=LAG)
        inputs[source.name] = nr.Spikes(found.time[mine] - LAG, found.neuron[mine])
    return net, inputs


def arrivals(net, seed=0, start=0.0, stop=DURATION):
    return DrawnDrives(net, drive_keys(net, seed)).between(start, stop)


@pytest.mark.parametrize("delay", [1.3e-3, 0.1e-3, 0.0], ids=["windows", "short windows", "zero delay"])
@pytest.mark.parametrize("model", MODELS)
def test_a_drive_acts_as_sources_that_fire_at_its_times(model, delay):
    net, inputs = by_sources(model, delay)
    found, expected = nr.run(driven(model, delay), DURATION), nr.run(net, DURATION, inputs=inputs)
    assert len(expected.spikes["cell"]) > 5
    assert found.spikes["cell"].ids.tolist() == expected.spikes["cell"].ids.tolist()
    assert found.spikes["cell"].times == pytest.approx(expected.spikes["cell"].times, abs=1e-11)


@pytest.mark.parametrize("model", MODELS)
def test_voltages_have_the_arrivals_and_reading_them_changes_nothing(model):
    net, inputs = by_sources(model)
    record = nr.Record(v={"cell": range(SIZE)}, v_dt=0.37e-3)
    found, expected = (
        nr.run(driven(model), DURATION, record=record),
        nr.run(net, DURATION, inputs=inputs, record=record),
    )
    assert found.v["cell"] == pytest.approx(expected.v["cell"], abs=1e-9)
    assert np.array_equal(found.spikes["cell"].times, nr.run(driven(model), DURATION).spikes["cell"].times)


@pytest.mark.parametrize("delay", [1.3e-3, 0.1e-3, 0.0], ids=["windows", "short windows", "zero delay"])
@pytest.mark.parametrize("model", MODELS)
def test_neither_cuts_nor_threads_change_a_bit(model, delay):
    program = nr.build(driven(model, delay))
    whole, state, parts = nr.run(program, DURATION, seed=4).spikes["cell"], None, []
    for length in (0.0123, 0.1, 0.0877, 0.1):
        run = nr.run(program, length, seed=4, state=state)
        state = run.state
        parts.append(run.spikes["cell"])
    assert np.array_equal(np.concatenate([part.times for part in parts])[: len(whole)], whole.times)
    assert np.array_equal(nr.run(program, DURATION, seed=4, threads=2).spikes["cell"].times, whole.times)


def test_one_drive_with_one_rate_is_drawn_as_any_other():
    one, two = (nr.build(driven("current", given=given)) for given in ([nr.PoissonInput(1500.0, 0.3)],) * 2)
    apart = nr.build(driven("current", given=[nr.PoissonInput(1500.0, 0.3), nr.PoissonInput(1.0, 0.0)]))
    first, second = (nr.run(each, DURATION).spikes["cell"] for each in (one, apart))
    assert first.times == pytest.approx(second.times, abs=1e-11)
    assert np.array_equal(nr.run(two, DURATION).spikes["cell"].times, first.times)


def test_another_seed_draws_other_arrivals_from_the_cut_on():
    program = nr.build(driven("current"))
    first = nr.run(program, 0.0503, seed=1)
    same, other = (nr.run(program, 0.1, state=first.state, seed=seed).spikes["cell"] for seed in (None, 2))
    assert same.times.tolist() != other.times.tolist()
    assert other.times.min() >= 0.0503


def test_arrivals_do_not_depend_on_the_rest_of_the_network():
    net = driven("current")
    other = driven("current", delay=0.2e-3)
    other.add(nr.Population("more", 3, MODELS["jump"]))
    a, b = arrivals(net), arrivals(other)
    assert np.array_equal(a.time, b.time)
    assert np.array_equal(a.neuron, b.neuron)


def test_intervals_are_exponential_and_independent_over_a_million_arrivals():
    """Kolmogorov and Smirnov's distance stays below 1.95 / sqrt(n) in 99.9 % of cases; so do 3.3 sigma of a normal."""
    net = nr.Network()
    net.drive(net.add(nr.Population("cell", 4, MODELS["jump"])), nr.PoissonInput(20e3, 0.0))
    found = arrivals(net, seed=5, stop=13.0)
    n = len(found.time)
    assert n > 1_000_000
    for j in range(4):
        u = 1.0 - np.exp(-20e3 * np.diff(found.time[found.neuron == j]))
        m = len(u)
        assert np.abs(np.sort(u) - (np.arange(m) + 0.5) / m).max() < 1.95 / sqrt(m)
        for lag in (1, 2, 7):
            assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 3.3 / sqrt(m)
    counts = np.array([np.histogram(found.time[found.neuron == j], 13_000, (0.0, 13.0))[0] for j in range(4)])
    assert abs(counts.var() / counts.mean() - 1.0) < 3.3 * sqrt(2.0 / counts.size)
    assert np.abs(np.corrcoef(counts)[np.triu_indices(4, 1)]).max() < 3.9 / sqrt(13_000)


@pytest.mark.parametrize("linear", [False, True])
def test_a_rate_that_changes_has_the_right_count_in_each_tenth(linear):
    net, rate = nr.Network(), nr.TimedRate([0.0, 0.3, 1.0], [500.0, 4000.0, 1000.0], linear=linear)
    net.drive(net.add(nr.Population("cell", 100, MODELS["jump"])), nr.PoissonInput(rate, 0.0))
    counts = np.histogram(arrivals(net, stop=1.0).time, 10, (0.0, 1.0))[0]
    fine = [100 * np.mean([float(rate.at(t)) for t in (k + np.arange(100) / 100 + 0.005) / 10]) / 10 for k in range(10)]
    assert np.all(np.abs(counts - fine) < 4.0 * np.sqrt(fine))


def test_each_neuron_has_its_rate_and_its_weight():
    net = nr.Network()
    cell = net.add(nr.Population("cell", 3, nr.IF(v_th=1e9)))
    net.drive(cell, nr.PoissonInput([0.0, 100.0, 3000.0], [1.0, 2.0, -1.0]))
    v = nr.run(net, 10.0, record=nr.Record(v={"cell": range(3)}, v_dt=9.9)).v["cell"][-1]
    assert v[0] == 0.0
    assert v[1] == pytest.approx(2.0 * 990, abs=2.0 * 4 * sqrt(990))
    assert v[2] == pytest.approx(-29700, abs=4 * sqrt(29700))


def test_the_clocked_engine_takes_the_same_arrivals_in_steps():
    net = nr.Network()
    cell = net.add(nr.Population("cell", 4, nr.IF(v_th=1e9)))
    net.drive(cell, nr.PoissonInput(700.0, 0.5))
    steps = np.floor(arrivals(net).time / 1e-3 + 1e-6).astype(int)
    run = nr.run(net, DURATION, engine="clocked", dt=1e-3, record=nr.Record(v={"cell": range(4)}))
    assert run.v["cell"].sum(axis=1) == pytest.approx(0.5 * np.bincount(steps, minlength=300).cumsum())


def test_recordings_keep_the_populations_that_are_asked_for(tmp_path):
    net, inputs = by_sources("current")
    everything = nr.run(net, DURATION, inputs=inputs)
    for to in (None, tmp_path / "some.h5"):
        some = nr.run(net, DURATION, inputs=inputs, record=nr.Record(spikes=["cell"], to=to))
        assert list(some.spikes) == ["cell"]
        assert np.array_equal(some.spikes["cell"].times, everything.spikes["cell"].times)
    assert not nr.run(net, 0.05, inputs=inputs, record=nr.Record(spikes=[])).spikes
    assert list(nr.run(net, 0.05, inputs=inputs, record=nr.Record(spikes=None)).spikes) == list(everything.spikes)
    clocked = nr.run(driven("current", 1e-3), 0.05, engine="clocked", dt=1e-3, record=nr.Record(spikes=["cell"]))
    assert list(clocked.spikes) == ["cell"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda net: net.drive("source", nr.PoissonInput(1.0, 1.0)), NetworkError),
        (lambda net: net.drive("nobody", nr.PoissonInput(1.0, 1.0)), UnknownName),
        (lambda net: net.drive("cell", 20.0), NetworkError),
        (lambda net: net.drive("cell", nr.PoissonInput(1.0, 1.0, receptor=1)), ParameterError),
        (lambda net: net.drive("cell", nr.PoissonInput([1.0, 2.0], 1.0)), ParameterError),
        (lambda net: net.drive("cell", nr.PoissonInput(1.0, [1.0, 2.0])), ParameterError),
        (lambda net: nr.PoissonInput(-1.0, 1.0), ParameterError),
        (lambda net: nr.PoissonInput(1.0, 1.0, delay=-1.0), ParameterError),
        (lambda net: nr.TimedRate([0.0, 0.0], [1.0, 2.0]), ParameterError),
        (lambda net: nr.TimedRate([0.0, 1.0], [1.0]), ParameterError),
        (lambda net: nr.Record(spikes="cell"), InputError),
        (lambda net: nr.run(net, 0.1, record=nr.Record(spikes=["nobody"])), UnknownName),
    ],
)
def test_what_cannot_be_is_refused(call, error):
    net = nr.Network()
    net.add(nr.Population("cell", 3, MODELS["current"]))
    net.add(nr.Population("source", 3, nr.SpikeSource()))
    with pytest.raises(error):
        call(net)
