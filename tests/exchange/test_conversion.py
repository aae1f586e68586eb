"""A recording in other packages' structures has its spikes and samples, with their units."""

import sys

import numpy as np
import pytest

import neuro as nr
from neuro.errors import UnknownName, UnsupportedFeature


def recorded() -> nr.Recording:
    net = nr.Network()
    model = nr.AHP(
        tau_m=20e-3, v_th=1.0, bias=[1.5, 2.0, 0.5], tau_ahp=(0.1, 0.2), jump=(0.1, 0.1), tau_syn=(4e-3, None)
    )
    net.add(nr.Population("cell", 3, model))
    sampled = {"cell": [0, 2]}
    return nr.run(
        net, 0.06, record=nr.Record(v=sampled, current=sampled, adaptation=sampled, threshold=sampled, v_dt=2e-3)
    )


def test_a_dataset_of_xarray_has_spikes_and_samples() -> None:
    pytest.importorskip("xarray")
    rec = recorded()
    found = rec.to_xarray("cell")
    assert np.array_equal(found.spike_time, rec.spikes["cell"].times)
    assert np.array_equal(found.spike_id, rec.spikes["cell"].ids)
    assert found.spike_time.units == found.time.units == "s"
    for key in ("v", "current", "adaptation", "threshold"):
        assert np.array_equal(found[key], getattr(rec, key)["cell"])
        assert found[key].dims[:2] == ("time", "neuron")
    assert np.array_equal(found.v.time, rec.v_times)
    assert found.attrs == {"population": "cell", "start": 0.0, "stop": 0.06, "engine": "exact", "seed": 0}
    with pytest.raises(UnknownName, match="Did you mean 'cell'"):
        rec.to_xarray("cel")


def test_a_block_of_neo_has_a_train_for_each_neuron() -> None:
    pytest.importorskip("neo")
    rec = recorded()
    (segment,) = rec.to_neo().segments
    assert [train.annotations["id"] for train in segment.spiketrains] == [0, 1, 2]
    for i, train in enumerate(segment.spiketrains):
        spikes = rec.spikes["cell"]
        assert np.array_equal(train.rescale("s").magnitude, spikes.times[spikes.ids == i])
        assert (float(train.t_start), float(train.t_stop)) == (0.0, 0.06)
    (signal,) = segment.analogsignals
    assert np.array_equal(signal.magnitude, rec.v["cell"])
    assert np.allclose(signal.times.rescale("s").magnitude, rec.v_times)


@pytest.mark.parametrize(
    ("call", "extra"), [(lambda rec: rec.to_xarray("cell"), "xarray"), (lambda rec: rec.to_neo(), "neo")]
)
def test_without_the_package_the_error_names_the_extra(monkeypatch, call, extra) -> None:
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(UnsupportedFeature, match=rf"pip install 'neuro-events\[{extra}\]'"):
        call(nr.Recording({}, {}, np.zeros(0), {}, 0.0, 0.1))
