"""Brunel's network: the mean field is the paper's, the irregular regimes fire as it says, and the engines agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf

import neuro as nr
from neuro.errors import UnknownName
from neuro.tasks import _brunel_theory as mean_field
from neuro.tasks import brunel, configure, run_task
from neuro.units import ms

TINY = ("neurons=2000", "settle=0.05", "duration=0.1", "threads=1")


@pytest.mark.parametrize("name", [name for name, regime in brunel.REGIMES.items() if regime.theory is not None])
def test_the_mean_field_rate_is_that_of_the_papers_table(name):
    regime = brunel.REGIMES[name]
    assert brunel.theory(regime).rate == pytest.approx(regime.theory, abs=0.06)


@given(mean=st.floats(5.0, 30.0), sd=st.floats(2.0, 12.0), refractory=st.floats(0.0, 5e-3))
def test_the_mean_interval_is_the_integral_of_the_paper(mean, sd, refractory):
    """exp(u^2) (1 + erf u), integrated by another method, where the product of the two factors stays in range."""
    low, high = (10.0 - mean) / sd, (20.0 - mean) / sd
    if not -5.0 < low < high < 5.0:
        return
    integral = quad(lambda u: np.exp(u * u) * (1.0 + erf(u)), low, high)[0]
    found = mean_field.interval(mean, sd, tau_m=0.02, threshold=20.0, reset=10.0, refractory=refractory)
    assert found == pytest.approx(refractory + 0.02 * np.sqrt(np.pi) * integral, rel=1e-6)


def test_rate_and_irregularity_are_those_of_neurons_with_poisson_inputs_alone():
    """Small, frequent jumps onto unconnected neurons: 2,000 of them for 1 s, against the diffusion approximation."""
    rate, weight = 40_000.0, 0.05
    net = nr.Network()
    model = nr.LIF(tau_m=20 * ms, v_th=20.0, v_reset=10.0, refractory=2 * ms)
    net.add(nr.Population("cells", 2_000, model))
    for w in (weight, -weight):
        net.drive("cells", nr.PoissonInput(rate if w > 0 else rate / 2, 10 * w))
    outside = ((rate, 10 * weight), (rate / 2, -10 * weight))
    known = mean_field.stationary(
        tau_m=20 * ms, threshold=20.0, reset=10.0, refractory=2 * ms, inputs=(), outside=outside
    )
    first = nr.run(net, 0.1, seed=1)
    cells = nr.run(net, 0.5, state=first.state).spikes["cells"]
    assert brunel.rate(cells, 2_000, 0.5) == pytest.approx(known.rate, rel=0.05)
    assert brunel.irregularity(cells, 2_000, 20) == pytest.approx(known.cv, rel=0.1)


def test_each_regime_has_its_rate_and_its_irregularity():
    metrics = run_task("brunel", overrides=TINY).metrics
    assert metrics["rate/SR"] > 250
    assert metrics["cv/SR"] < 0.4
    for name in ("SI-fast", "AI"):
        assert metrics[f"rate/{name}"] == pytest.approx(metrics[f"theory_rate/{name}"], rel=0.2)
        assert metrics[f"cv/{name}"] > 0.4
    assert metrics["rate/SI-slow"] < 15


def test_both_engines_give_the_same_rate():
    """Inputs from outside and weights are alike; steps of 0.1 ms change spikes, but hardly the rate."""
    net = brunel.network(1_500, 5.0, 2.0, 0)
    found = {}
    for engine in ("exact", "clocked"):
        options = {"dt": 0.1 * ms} if engine == "clocked" else {}
        recording = nr.run(net, 0.2, engine=engine, seed=3, **options)
        found[engine] = brunel.rate(brunel.merged(recording), 1_500, 0.2)
    assert found["clocked"] == pytest.approx(found["exact"], rel=0.1)


def test_merged_spikes_keep_their_neurons_apart():
    net = brunel.network(1_500, 5.0, 2.0, 0)
    recording = nr.run(net, 0.01, seed=3)
    cells, own = brunel.merged(recording), recording.spikes["inhibitory"]
    assert len(cells) == sum(map(len, recording.spikes.values()))
    assert np.array_equal(np.unique(cells.ids[-len(own) :] - 1_200), np.unique(own.ids))


def test_presets_keep_the_in_degree():
    for name in brunel.PRESETS:
        config = configure("brunel", name)
        net = brunel.network(config.neurons, 5.0, 2.0, 0)
        assert [p.synapses.k for p in net.projections.values()] == [1_000, 1_000, 250, 250]


def test_an_unknown_regime_is_named():
    with pytest.raises(UnknownName, match="nowhere"):
        run_task("brunel", overrides=('regimes=["nowhere"]',))
