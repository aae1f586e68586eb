"""Fallback placements: the whole network on one core, or a placement moved to another chip."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

import neuro as nr
from neuro.accounting.fallback_placement import moved_to_chip, on_one_core
from neuro.errors import PlacementError
from tests.placements import priced, runs

DT = 1e-3


def run(cells=3):
    net = nr.Network(seed=1)
    net.add(nr.Population("cue", 4, nr.SpikeSource()))
    net.add(nr.Population("cell", cells, nr.LIF(tau_m=20e-3, v_th=0.8)))
    net.connect("cue", "cell", nr.FixedProbability(0.7, 1.0), delay=DT)
    net.connect("cell", "cell", nr.AllToAll(-0.2), delay=DT)
    recording = nr.run(net, 0.02, inputs={"cue": nr.Spikes(DT * np.arange(12), np.arange(12) % 4)})
    return net, recording


def test_one_core_has_every_event_that_the_engine_counted(tmp_path):
    net, recording = run()
    recording.save(tmp_path / "run.h5")
    placement = on_one_core(nr.load_recording(tmp_path / "run.h5"), priced())
    report = nr.account(recording, placement, dt=DT)
    assert report.counts["synapse"] == pytest.approx(sum(recording.events.values()), rel=1e-12)
    known = nr.account(recording, nr.placed(net, priced(), {"cue": -1, "cell": 0}), dt=DT)
    assert recording.stop > recording.spikes["cell"].times[-1] + DT
    for kind in ("synapse", "spike", "update_idle", "update_active"):
        assert report.counts[kind] == pytest.approx(known.counts[kind], rel=1e-12, abs=0)
    assert placement.sources == {"cue"}


def test_a_clocked_recording_can_be_saved_and_accounted(tmp_path):
    net, _ = run()
    spikes = nr.Spikes(DT * np.arange(12), np.arange(12) % 4)
    recording = nr.run(net, 0.02, inputs={"cue": spikes}, engine="clocked", dt=DT)
    recording.save(tmp_path / "run.h5")
    loaded = nr.load_recording(tmp_path / "run.h5")
    assert len(nr.account(loaded, on_one_core(loaded, priced())).by_bin) == 20


def test_neurons_that_do_not_fit_one_core_are_refused_with_a_remedy():
    _, recording = run(cells=65)
    with pytest.raises(PlacementError, match=r"holds 64.*got 65 neurons.*--placement"):
        on_one_core(recording, nr.load_chip("crossbar_64"))


def test_a_recording_that_does_not_know_its_network_is_refused():
    _, recording = run()
    with pytest.raises(PlacementError, match="which network"):
        on_one_core(replace(recording, provenance={}), priced())


@given(run_=runs())
def test_on_its_only_core_everything_comes_together(run_):
    recording, placement = run_
    chip = priced(width=1, height=1, cores_per_tile=1, updates="all")
    here = moved_to_chip(placement, chip)
    apart = replace(placement, chip=chip_like(placement, chip))
    one, other = nr.account(recording, here, dt=DT), nr.account(recording, apart, dt=DT)
    for kind in ("synapse", "synapse:sparse", "spike", "update_active"):
        assert one.counts.get(kind, 0) == other.counts.get(kind, 0)
    assert one.metrics["effective_acs"] == other.metrics["effective_acs"]
    assert one.counts["message_in"] <= other.counts["message_in"]


def chip_like(placement, chip):
    """A chip with the costs of one and the cores of another."""
    own = placement.chip
    return replace(chip, width=own.width, height=own.height, cores_per_tile=own.cores_per_tile)


def test_a_chip_with_too_few_or_too_small_cores_is_refused():
    net, _ = run()
    placement = nr.placed(net, priced(), {"cue": 0, "cell": 9})
    with pytest.raises(PlacementError, match="core 9 is in use"):
        moved_to_chip(placement, nr.mesh_chip(2, 2, neurons=9))
    with pytest.raises(PlacementError, match="holds 2 neurons"):
        moved_to_chip(placement, nr.mesh_chip(5, 2, neurons=2))
    assert moved_to_chip(placement, nr.mesh_chip(5, 2, neurons=4)).chip.name == "mesh 5 x 2"
    assert moved_to_chip(placement, priced()) is placement
