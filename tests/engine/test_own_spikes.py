"""A source that has spikes of its own is a source that is given them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import ParameterError, UnsupportedFeature
from tests.engine.agreement import same_bits

SIZE, DURATION, DT = 3, 0.02, 1e-3
trains = st.lists(st.tuples(st.integers(0, 24), st.integers(0, SIZE - 1)), max_size=8).map(
    lambda pairs: nr.Spikes([step * DT for step, _ in pairs], [i for _, i in pairs])
)


def network(own: nr.Spikes | None) -> nr.Network:
    net = nr.Network()
    source = nr.SpikeSource() if own is None else nr.SpikeSource(own.times, own.ids)
    net.add(nr.Population("cue", SIZE, source))
    net.add(nr.Population("cell", SIZE, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3)))
    net.connect("cue", "cell", nr.AllToAll(2.5), delay=DT)
    return net


@given(own=trains, more=trains, cut=st.integers(1, 19))
def test_own_spikes_are_given_spikes(own: nr.Spikes, more: nr.Spikes, cut: int) -> None:
    record = nr.Record(v={"cell": range(SIZE)}, v_dt=DT)
    for options in ({}, {"engine": "clocked", "dt": DT}):
        for rest in ([], [more]):
            expected = nr.run(network(None), DURATION, inputs={"cue": [own, *rest]}, record=record, **options)
            inputs = {"cue": rest} if rest else None
            assert same_bits(nr.run(network(own), DURATION, inputs=inputs, record=record, **options), expected)
    first = nr.run(network(own), cut * DT)
    second = nr.run(network(own), DURATION, state=first.state)
    whole = nr.run(network(own), second.stop)
    for name in ("cue", "cell"):
        joined = np.concatenate([first.spikes[name].times, second.spikes[name].times])
        assert np.array_equal(joined, whole.spikes[name].times)


@given(own=trains, more=trains)
def test_trials_have_the_own_spikes_of_sources(own: nr.Spikes, more: nr.Spikes) -> None:
    given_to = [{"inputs": {"cue": [own, more]}}, {"inputs": {"cue": own}}]
    found = nr.run_trials(network(own), DURATION, [{"inputs": {"cue": more}}, {}])
    expected = nr.run_trials(network(None), DURATION, given_to)
    assert all(same_bits(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("times", "ids"), [([1e-3], None), (None, [0]), ([1e-3], [0, 1]), ([-1.0], [0]), ([1e-3], [-1]), ([[1e-3]], [[0]])]
)
def test_own_spikes_that_cannot_be_are_refused(times: object, ids: object) -> None:
    with pytest.raises(ParameterError, match="SpikeSource"):
        nr.SpikeSource(times, ids)


def test_own_spikes_of_a_neuron_that_is_not_there_are_refused(tmp_path) -> None:
    with pytest.raises(ParameterError, match=r"ids must lie in 0\.\.2"):
        nr.Population("cue", SIZE, nr.SpikeSource([1e-3], [SIZE]))
    with pytest.raises(UnsupportedFeature, match="'cue': NIR has no inputs with spikes of their own"):
        nr.write_nir(network(nr.Spikes([1e-3], [0])), tmp_path / "net.nir", dt=1e-3)
