"""A recording in other packages' structures has its spikes and samples, with their units."""

import sys

import numpy as np
import pytest

import neuro as nr
from neuro.errors import ParameterError, UnknownName, UnsupportedFeature
from neuro.report import Report, Table


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


def test_tables_of_a_placement_and_of_an_energy_report_have_its_numbers() -> None:
    pytest.importorskip("pandas")
    net = nr.Network()
    cell = net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0, bias=[1.5, 2.0, 0.5, 3.0])))
    net.connect(cell, cell, nr.AllToAll(0.1), delay=1e-3)
    placement = nr.placed(net, nr.load_chip("loihi_davies2018"), {"cell": [0, 0, 9, 9]})
    placed = placement.to_pandas()
    assert list(placed.columns) == ["population", "id", "core"]
    assert placed["id"].tolist() == [0, 1, 2, 3]
    assert placed["core"].tolist() == [0, 0, 9, 9]
    report = nr.account(nr.run(net, 0.1), placement, dt=1e-3)
    causes = report.to_pandas().set_index("cause")
    assert causes.energy.dropna().to_dict() == dict(report.by_cause)
    assert (causes.low.dropna() <= causes.high.dropna()).all()
    assert {cause: causes["count"][cause] for cause in report.counts} == dict(report.counts)
    assert report.to_pandas("population").energy.tolist() == list(report.by_population.values())
    for part, expected in (("core", report.by_core), ("link", report.by_link), ("bin", report.by_bin)):
        table = report.to_pandas(part)
        assert table.energy.tolist() == expected.tolist()
        assert expected.sum() > 0
    assert report.to_pandas("bin").stop.tolist() == report.bins[1:].tolist()
    assert report.to_pandas("link").messages.tolist() == report.messages_by_link.tolist()
    with pytest.raises(ParameterError, match="cause"):
        report.to_pandas("wire")


def test_tables_of_a_report_are_its_metrics_and_its_own_tables() -> None:
    pytest.importorskip("pandas")
    table = Table("Recall", ("noise", "accuracy"), ((0.1, 0.98), (0.2, 0.91)))
    report = Report(task="t", metrics={"a": 1.0, "b": 2.5}, tables=(table, Table("None", ("x",), ())))
    assert report.to_pandas().set_index("metric").value.to_dict() == {"a": 1.0, "b": 2.5}
    assert report.to_pandas("Recall")["accuracy"].tolist() == [0.98, 0.91]
    assert len(report.to_pandas("None")) == 0
    with pytest.raises(UnknownName, match="Did you mean 'Recall'"):
        report.to_pandas("recal")
