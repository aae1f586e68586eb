"""Laws of Poisson sources: counts, intervals, and draws that hang on seed, name and time alone."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import neuro as nr
from neuro.engine.drive import poisson
from neuro.engine.drive.poisson import BLOCK
from neuro.errors import ClampError, InputError, ParameterError


def noise(rate, size=1, name="noise"):
    net = nr.Network()
    net.add(nr.Population(name, size, nr.PoissonSource(rate)))
    return net


def trains(rate, size, duration, seed=1):
    spikes = nr.run(noise(rate, size), duration, seed=seed).spikes["noise"]
    return [spikes.times[spikes.ids == i] for i in range(size)]


@pytest.mark.parametrize("seed", [1, 2])
def test_counts_have_the_mean_and_the_variance_of_their_rate(seed):
    counts = np.array([np.histogram(times, bins=np.arange(201))[0] for times in trains(40.0, 50, 200.0, seed)])
    assert counts.mean() == pytest.approx(40.0, abs=4 * np.sqrt(40.0 / counts.size))
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=4 * np.sqrt(2 / counts.size))


@pytest.mark.parametrize("rate", [0.7, 30.0, 4000.0])
def test_intervals_are_exponential_and_independent_across_the_ends_of_blocks(rate):
    (times,) = trains(rate, 1, min(20_000 / rate, 1500.0))
    intervals = np.diff(times)
    assert stats.kstest(intervals, "expon", args=(0, 1 / rate)).pvalue > 1e-3
    assert abs(np.corrcoef(intervals[1:], intervals[:-1])[0, 1]) < 4 / np.sqrt(len(intervals))


def test_spikes_lie_on_no_grid():
    times = np.concatenate(trains(1000.0, 20, 5.0))
    assert len(np.unique(times)) == len(times)
    assert stats.kstest(times / BLOCK % 1.0, "uniform").pvalue > 1e-3


def test_each_neuron_has_its_own_rate():
    counts = [len(times) for times in trains([0.0, 5.0, 50.0], 3, 400.0)]
    assert counts[0] == 0
    assert counts[1:] == pytest.approx([2000, 20000], rel=0.09)


@pytest.mark.parametrize("cuts", [[0.3], [BLOCK, 3 * BLOCK], [0.01, 0.02, 0.5]])
def test_a_run_in_parts_draws_the_same_spikes_without_being_told_the_seed_again(cuts):
    net = noise(200.0, 7)
    whole, parts, state = nr.run(net, 0.9, seed=4).spikes["noise"], [], None
    for start, stop in zip([0.0, *cuts], [*cuts, 0.9], strict=True):
        recording = nr.run(net, stop - start, state=state, seed=4 if state is None else None)
        assert recording.provenance["seed"] == 4
        parts.append(recording.spikes["noise"])
        state = recording.state
    assert np.array_equal(np.concatenate([part.times for part in parts]), whole.window(0.0, recording.stop).times)
    assert np.array_equal(np.concatenate([part.ids for part in parts]), whole.window(0.0, recording.stop).ids)


def test_another_seed_goes_on_with_other_trains_from_the_cut():
    net = noise(200.0, 7)
    half = nr.run(net, 0.5, seed=4)
    found = nr.run(net, 0.5, state=half.state, seed=5).spikes["noise"]
    expected = nr.run(net, 1.0, seed=5).spikes["noise"].window(0.5, 1.0)
    assert np.array_equal(found.times, expected.times)
    assert not np.array_equal(found.times, nr.run(net, 0.5, state=half.state).spikes["noise"].times)


def test_another_population_leaves_the_trains_as_they_were():
    alone = nr.run(noise(50.0, 5), 2.0, seed=3).spikes["noise"]
    net = nr.Network()
    net.add(nr.Population("before", 9, nr.PoissonSource(80.0)))
    net.add(nr.Population("noise", 5, nr.PoissonSource(50.0)))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    together = nr.run(net, 2.0, seed=3).spikes["noise"]
    assert np.array_equal(alone.times, together.times)
    assert np.array_equal(alone.ids, together.ids)


def test_names_and_seeds_give_different_trains():
    one = nr.run(noise(50.0, 5), 2.0, seed=3).spikes["noise"].times
    for net, seed in [(noise(50.0, 5), 4), (noise(50.0, 5, "other"), 3)]:
        other = next(iter(nr.run(net, 2.0, seed=seed).spikes.values())).times
        assert len(np.intersect1d(one, other)) == 0


def test_poisson_spikes_act_as_the_same_spikes_from_a_spike_source():
    def network(model):
        net = nr.Network()
        cue = net.add(nr.Population("noise", 4, model))
        cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
        net.connect(cue, cell, nr.AllToAll(0.6), delay=1.5e-3)
        return net

    drawn = nr.run(network(nr.PoissonSource(100.0)), 0.5, seed=2)
    told = nr.run(network(nr.SpikeSource()), 0.5, inputs={"noise": drawn.spikes["noise"]})
    assert len(drawn.spikes["cell"]) > 5
    for name in drawn.spikes:
        assert np.array_equal(drawn.spikes[name].times, told.spikes[name].times)
    assert drawn.events == told.events


def test_a_rate_that_cannot_be_is_refused():
    for rate in (-1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match=r"PoissonSource\.rate"):
            nr.PoissonSource(rate)
    with pytest.raises(ParameterError, match="`rate` must be one number or 2 of them"):
        noise([1.0, 2.0, 3.0], 2)


def test_a_poisson_source_takes_no_input_no_clamp_and_has_no_voltage():
    from neuro.learning.clamp import AppliedClamp

    net = noise(10.0)
    with pytest.raises(InputError, match="draws its own spikes"):
        nr.run(net, 0.1, inputs={"noise": nr.Spikes([0.01], [0])})
    with pytest.raises(InputError, match="draws its own spikes"):
        nr.run(net, 0.1, inputs={"noise": nr.Current([0.0], [1.0])})
    with pytest.raises(InputError, match="no voltage"):
        nr.run(net, 0.1, record=nr.Record(v={"noise": [0]}))
    with pytest.raises(ClampError, match="source of spikes"):
        nr.run(net, 0.1, clamp=AppliedClamp(currents={"noise": nr.Current([0.0], [1.0])}))


def test_a_seed_is_a_whole_number():
    for seed in (-1, 0.5):
        with pytest.raises(ParameterError, match="seed"):
            nr.run(noise(1.0), 0.1, seed=seed)


@given(
    piece=st.sampled_from([1.0, 30.0, 700.0]),
    delay=st.sampled_from([0.0, 0.2e-3, 3e-3, 0.4]),
    cut=st.sampled_from([None, 0.0, 0.1234, 0.25, 0.3001]),
    threads=st.integers(1, 2),
    silent=st.booleans(),
)
def test_spikes_do_not_depend_on_the_pieces_in_which_they_are_drawn(piece, delay, cut, threads, silent):
    net = nr.Network()
    net.add(nr.Population("noise", 20, nr.PoissonSource([0.0, *[30.0] * 19])))
    net.add(nr.Population("other", 1, nr.PoissonSource(0.0 if silent else 80.0)))
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 5, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    for name in ("noise", "other", "cue"):
        net.connect(name, "cell", nr.AllToAll(0.4), delay=delay)
    options = {"inputs": {"cue": nr.Spikes(np.arange(1, 40) * 0.011, np.zeros(39, int))}, "threads": threads}
    whole = nr.run(net, 0.4, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(poisson, "PIECE", piece)
        parts = [nr.run(net, 0.4 if cut is None else cut, **options)]
        if cut is not None:
            parts.append(nr.run(net, 0.4 - cut, state=parts[0].state, **options))
    for name, spikes in whole.spikes.items():
        assert np.array_equal(np.concatenate([part.spikes[name].times for part in parts])[: len(spikes)], spikes.times)
        assert np.array_equal(np.concatenate([part.spikes[name].ids for part in parts])[: len(spikes)], spikes.ids)


def test_many_sources_of_a_high_rate_are_drawn_in_short_blocks(monkeypatch):
    monkeypatch.setattr(poisson, "MOST_IN_BLOCK", 64.0)
    times = trains(500.0, 20, 10.0)
    counts = np.array([np.histogram(each, bins=np.arange(0, 10.01, 0.1))[0] for each in times])
    assert counts.mean() == pytest.approx(50.0, abs=4 * np.sqrt(50.0 / counts.size))
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=4 * np.sqrt(2 / counts.size))
    intervals = np.concatenate([np.diff(each) for each in times])
    assert stats.kstest(intervals, "expon", args=(0, 1 / 500.0)).pvalue > 1e-3


def test_memory_does_not_grow_with_the_length_of_a_run_that_draws_spikes():
    net = noise(2000.0, 100)
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=None)))
    net.connect("noise", "cell", nr.AllToAll(0.01), delay=1e-3)
    program, peaks = nr.build(net), []
    for duration in (0.1, 5.0, 25.0):
        tracemalloc.start()
        nr.run(program, duration, record=nr.Record(spikes=[]))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]
