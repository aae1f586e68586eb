"""The cortical microcircuit: tables of the published size, scaling that keeps its input, activity of the right kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.recording import Spikes
from neuro.tasks import _microcircuit as published
from neuro.tasks import _spike_statistics as statistics
from neuro.tasks import configure, microcircuit, run_task

shares = st.floats(0.01, 1.0)
TINY = ("size=0.01", "indegree=0.3", "settle=0.05", "duration=0.1", "threads=1")


def test_the_full_circuit_has_the_published_sizes():
    drawn = published.scaled(1.0, 1.0, poisson=True)
    assert drawn.sizes.sum() == 77_169
    # van Albada et al., Frontiers in Neuroscience 12 (2018) 291: about 0.3e9 synapses.
    assert 298_000_000 < drawn.synapses.sum() < 300_000_000
    assert published.unit_weight() * published.CAPACITANCE / (published.TAU_M * 1e3) == pytest.approx(87.8, abs=0.05)
    assert not drawn.bias.any()


def test_so_many_pairs_connect_with_the_probability_of_the_table():
    pairs = np.outer(published.SIZES, published.SIZES).astype(float)
    at_least_one = -np.expm1(published.full_synapses() * np.log1p(-1.0 / pairs))
    np.testing.assert_allclose(at_least_one, published.PROBABILITIES, rtol=1e-9)


def test_a_synapse_raises_v_by_the_published_peak():
    net = nr.Network()
    source = net.add(nr.Population("source", 1, nr.SpikeSource()))
    model = nr.LIF(tau_m=published.TAU_M, v_th=0.0, v_rest=-65.0, v_reset=-65.0, tau_syn=published.TAU_SYN)
    cell = net.add(nr.Population("cell", 1, model, initial={"v": -65.0}))
    net.connect(source, cell, nr.OneToOne(published.unit_weight()), delay=1e-3)
    record = nr.Record(v={"cell": [0]}, v_dt=1e-5)
    v = nr.run(net, 0.01, inputs={"source": Spikes([0.0], [0])}, record=record).v["cell"]
    assert v.max() + 65.0 == pytest.approx(published.PSP, rel=1e-4)


@given(indegree=shares, poisson=st.booleans())
def test_fewer_inputs_leave_mean_and_variance_of_the_input_as_they_are(indegree, poisson):
    """Of inputs at the published rates, and without a step: sums of weight, rate and number, and of weight squared."""

    def moments(share):
        drawn = published.scaled(1.0, share, poisson=poisson)
        number = published.full_synapses() * share / published.SIZES[:, None]
        outside = poisson * share * published.OUTSIDE * published.OUTSIDE_RATE
        mean = (drawn.weight * number * published.FULL_RATES).sum(axis=1) + drawn.outside_weight * outside
        variance = (drawn.weight**2 * number * published.FULL_RATES).sum(axis=1) + drawn.outside_weight**2 * outside
        return published.TAU_SYN * mean + drawn.bias, variance

    for found, wanted in zip(moments(indegree), moments(1.0), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


@given(size=shares, indegree=shares)
def test_a_scaled_circuit_has_its_share_of_neurons_and_synapses(size, indegree):
    drawn = published.scaled(size, indegree, poisson=False)
    assert (np.abs(drawn.sizes - size * published.SIZES) <= 0.5).all()
    assert (np.abs(drawn.synapses - size * indegree * published.full_synapses()) <= 0.5).all()


def test_the_network_has_the_projections_weights_and_delays_of_the_tables():
    net = published.circuit(0.02, 0.2, poisson=False, delay_step=1e-4, seed=1)
    drawn = published.scaled(0.02, 0.2, poisson=False)
    program, names = nr.build(net), list(net.projections)
    assert len(names) == np.count_nonzero(drawn.synapses) == 55
    fixed = program.fixed
    for i, target in enumerate(published.POPULATIONS):
        for j, source in enumerate(published.POPULATIONS):
            name = f"{source}->{target}"
            assert (name in names) == (published.PROBABILITIES[i, j] > 0)
            if name not in names:
                continue
            own = fixed.segments[fixed.segments["projection"] == names.index(name)]
            assert own["count"].sum() == drawn.synapses[i, j]
            if len(own) < 50:
                continue
            at = np.concatenate([np.arange(s["weight"], s["weight"] + s["count"]) for s in own])
            weight = fixed.weight[at]
            assert weight.dtype == np.float32
            assert (np.sign(weight) == np.sign(drawn.weight[i, j])).all()
            assert weight.mean() == pytest.approx(drawn.weight[i, j], rel=0.02)
            assert weight.std() == pytest.approx(0.1 * abs(drawn.weight[i, j]), rel=0.2)


@pytest.mark.parametrize("step", [1e-4, 0.0])
def test_a_synapse_takes_at_most_sixteen_bytes_and_no_delay_is_below_a_tenth_of_a_millisecond(step):
    fixed = nr.build(published.circuit(0.01, 0.3, poisson=False, delay_step=step, seed=1)).fixed
    each = sum(array.nbytes for array in (fixed.post, fixed.weight, fixed.lag, fixed.lag_code))
    assert each / len(fixed.post) <= (10.1 if step else 16.1)
    assert fixed.segments["delay"].min() > 0.99e-4


def test_activity_is_asynchronous_irregular_and_in_the_order_of_the_published_rates():
    """The eight rates at 3 % of the neurons, against those of the full circuit with Poisson drive."""
    report = run_task("microcircuit", overrides=("size=0.03", "indegree=0.3", "duration=0.5", "threads=1"))
    found = np.array([report.metrics[f"rate/{name}"] for name in published.POPULATIONS])
    assert (found > 0.3 * published.FULL_RATES).all()
    assert (found < 3.0 * published.FULL_RATES + 1.0).all()
    assert found[[1, 3, 5, 7]].mean() > found[[0, 2, 4, 6]].mean()
    assert report.metrics["cv/L4E"] > 0.4
    assert abs(report.metrics["correlation/L4E"]) < 0.1


def test_both_engines_give_the_same_rates():
    net = published.circuit(0.03, 0.3, poisson=False, delay_step=1e-4, seed=2)
    found = {}
    for engine in ("exact", "clocked"):
        options = {"dt": 1e-4} if engine == "clocked" else {}
        spikes = nr.run(net, 0.5, engine=engine, **options).spikes
        found[engine] = np.array([len(spikes[name]) for name in published.POPULATIONS])
    larger = found["exact"] > 200
    np.testing.assert_allclose(found["clocked"][larger], found["exact"][larger], rtol=0.25)


def test_poisson_arrivals_take_the_place_of_the_constant_current():
    found = {}
    for poisson in (True, False):
        drawn = published.scaled(0.01, 0.3, poisson=poisson)
        outside = poisson * 0.3 * published.OUTSIDE * published.OUTSIDE_RATE * drawn.outside_weight * published.TAU_SYN
        found[poisson] = drawn.bias + outside
    np.testing.assert_allclose(found[True], found[False])
    net = published.circuit(0.01, 0.3, poisson=True, delay_step=1e-4, seed=1)
    assert set(net.drives) == set(published.POPULATIONS)


def test_a_report_has_what_was_asked_for(tmp_path):
    report = run_task("microcircuit", overrides=(*TINY, 'chips=["spinnaker1"]'), out=tmp_path / "out")
    wanted = {"real_time_factor", "build_seconds", "peak_gigabytes"}
    assert wanted | {f"rate/{name}" for name in published.POPULATIONS} <= set(report.metrics)
    assert report.energy["spinnaker1"]["total"] > 0
    assert (tmp_path / "out" / "raster.png").exists()


def test_a_network_that_does_not_fit_a_chip_is_told_in_the_table():
    net = published.circuit(0.01, 0.3, poisson=False, delay_step=1e-4, seed=1)
    recording = nr.run(net, 0.01)
    config = configure("microcircuit", "smoke")
    assert "axons_in are limited to 64" in microcircuit.cost(net, recording, "crossbar_64", config)


@given(
    times=st.lists(st.floats(0.0, 0.999), min_size=0, max_size=60),
    size=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_irregularity_is_the_mean_over_neurons_of_sd_over_mean(times, size, seed):
    ids = np.random.default_rng(seed).integers(0, size, len(times))
    order = np.argsort(times, kind="stable")
    spikes = Spikes(np.array(times)[order], ids[order])
    each = []
    for j in range(size):
        gaps = np.diff(np.sort(np.array(times)[ids == j]))
        if len(gaps) >= 3 and gaps.mean() > 0:
            each.append(gaps.std() / gaps.mean())
    if all(np.diff(np.sort(np.array(times)[ids == j])).any() for j in range(size) if np.sum(ids == j) >= 4):
        np.testing.assert_allclose(statistics.irregularity(spikes, size), np.mean(each) if each else np.nan)


@given(size=st.integers(2, 30), seed=st.integers(0, 99))
def test_correlation_is_the_mean_over_pairs(size, seed):
    rng = np.random.default_rng(seed)
    spikes = Spikes(np.sort(rng.uniform(0, 1, 40 * size)), rng.integers(0, size, 40 * size))
    counts = statistics.binned(spikes, size, (0.0, 1.0), statistics.BIN)
    pairs = np.corrcoef(counts)[np.triu_indices(size, 1)]
    assert statistics.correlation(spikes, size, (0.0, 1.0)) == pytest.approx(pairs.mean(), abs=1e-12)


@given(frequency=st.floats(15.0, 150.0), seed=st.integers(0, 99))
def test_a_common_rhythm_is_found_at_its_frequency(frequency, seed):
    rng = np.random.default_rng(seed)
    beats = np.floor(rng.uniform(0, 1, 4000) * frequency) / frequency + rng.normal(0, 0.05 / frequency, 4000)
    spikes = Spikes(np.sort(np.clip(beats, 0, 0.999)), np.zeros(4000, int))
    found, height = statistics.oscillation(spikes, (0.0, 1.0))
    assert abs(found / frequency - round(found / frequency)) < 0.3
    assert height > 10
