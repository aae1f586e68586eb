"""One example by hand for each chip: what its cited figures come to."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import MissingFigure

MS = 1e-3


def example(chip, *, core=None, **options):
    """Two sources that fire ten times in all, each onto three cells of which none fires; ten steps of 1 ms."""
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.LIF(tau_m=20 * MS, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(0.01), delay=MS)
    times = MS * np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    recording = nr.run(net, 10 * MS, inputs={"cue": nr.Spikes(times, [0, 1] * 5)})
    assert len(recording.spikes["cell"]) == 0
    placement = nr.placed(net, nr.load_chip(chip), core or {"cue": 0, "cell": 0})
    return nr.account(recording, placement, dt=MS, **options)


def test_loihi_davies2018_by_hand():
    report = example("loihi_davies2018", core={"cue": 0, "cell": 1})
    # 30 operations at 23.6 pJ; 3 neurons in 10 steps, idle, at 52 pJ; 10 messages within a tile at 1.7 pJ.
    assert report.dynamic == pytest.approx(30 * 23.6e-12 + 30 * 52e-12 + 10 * 1.7e-12, rel=1e-12, abs=0)
    # The slowest core: 3 operations at 3.5 ns and 3 updates at 5.3 ns, then 113 ns of barrier for one tile.
    step = 3 * 3.5e-9 + 3 * 5.3e-9 + 113e-9
    np.testing.assert_allclose(report.step_times, step, rtol=1e-12)
    # 1.006 mW for each of two cores.
    assert report.static == pytest.approx(2 * 1.006e-3 * 10 * step, rel=1e-12, abs=0)
    # At most all three neurons were active in each step, at 81 pJ and 8.4 ns.
    longest = 2 * 1.006e-3 * 30 * (8.4e-9 - 5.3e-9)
    assert report.range[1] - report.total == pytest.approx(30 * (81e-12 - 52e-12) + longest, rel=1e-9, abs=0)
    # The host: 23.195 and 0.149 mW over ten steps of 16.65 us.
    assert report.host.total == pytest.approx((23.195e-3 + 0.149e-3) * 10 * 16.65e-6, rel=1e-12, abs=0)


def test_loihi_davies2018_hops_by_hand():
    # Core 4 x 4 x 1 + 4 x 2 is on tile 6, which is (1, 2): one hop to the east and two to the north.
    report = example("loihi_davies2018", core={"cue": 0, "cell": 24})
    assert report.by_cause["hop_east"] == pytest.approx(10 * 3.0e-12, rel=1e-12, abs=0)
    assert report.by_cause["hop_north"] == pytest.approx(20 * 4.0e-12, rel=1e-12, abs=0)
    assert report.by_link.sum() == pytest.approx(110e-12, rel=1e-12, abs=0)


def test_loihi_sanafe_by_hand():
    report = example("loihi_sanafe", core={"cue": 0, "cell": 1})
    # 30 dense operations, 30 accesses and updates, 10 messages; no spike, no hop, no static power.
    assert report.total == pytest.approx(30 * 35.5e-12 + 30 * (51.2e-12 + 21.6e-12) + 10 * 111e-12, rel=1e-12, abs=0)
    # A message out of core 0, then in, and 3 operations, longer than the 3 updates; one tile synchronises in 0.6 us.
    np.testing.assert_allclose(report.step_times, 5.1e-9 + 16e-9 + 3 * 3.8e-9 + 0.6e-6, rtol=1e-12)


def test_truenorth_by_hand():
    # 30 synaptic events at 26 pJ, and at the best operating point 2.5 pJ; the figures are of the whole chip.
    assert example("truenorth").total == pytest.approx(30 * 26e-12, rel=1e-12, abs=0)
    assert example("truenorth@best").total == pytest.approx(30 * 2.5e-12, rel=1e-12, abs=0)
    assert example("truenorth").latency == pytest.approx(10 * MS, rel=1e-9, abs=0)


def test_spinnaker1_by_hand():
    # From chip (0, 0) to chip (1, 1): the router of the source and two more, 1 nJ each.
    report = example("spinnaker1", core={"cue": 0, "cell": 3 * 17})
    dynamic = 30 * 9.59e-9 + 30 * 26e-9 + 10 * (1e-9 + 2e-9)
    assert report.dynamic == pytest.approx(dynamic, rel=1e-12, abs=0)
    # Four chips, 0.35 W each for 10 ms.
    assert report.static == pytest.approx(4 * 0.35 * 10 * MS, rel=1e-12, abs=0)
    assert report.range == pytest.approx((report.total - 30 * 2.05e-9, report.total + 30 * 3.71e-9), rel=1e-9, abs=0)


def test_spinnaker2_by_hand():
    report = example("spinnaker2", partial=True)
    assert report.dynamic == pytest.approx(30 * 450e-12 + 30 * 2.19e-9, rel=1e-12, abs=0)
    assert set(report.missing) == {"energy.message_out", "energy.tile", "power.chip"}
    with pytest.raises(MissingFigure, match=r"spinnaker2.*message_out \(needed by 10 events\)"):
        example("spinnaker2")


def test_loihi2_has_no_energies_and_says_so():
    with pytest.raises(MissingFigure, match=r"loihi2.*energy.synapse \(needed by 30 events\)"):
        example("loihi2")
    report = example("loihi2", partial=True)
    assert report.total == 0
    assert report.counts["synapse"] == 30
    assert not report.complete


def test_crossbar_64_by_hand():
    report = example("crossbar_64")
    cell = 0.5**2 * 10e-9 / 240e3
    # A read drives one row, reads three pairs of devices and converts three columns.
    assert report.by_cause["cell_read"] == pytest.approx(10 * 6 * cell, rel=1e-12, abs=0)
    assert report.by_cause["column_read"] == pytest.approx(10 * 3 * 2.125085e-12, rel=1e-12, abs=0)
    rest = 0.0725e-12 + 5.096e-12 + 397e-12 + 157.12e-12
    assert report.total == pytest.approx(10 * (6 * cell + 3 * 2.125085e-12 + rest), rel=1e-12, abs=0)
    pulses = example("crossbar_64", pulses={0: 7}).by_cause["write_pulse"]
    assert pulses == pytest.approx(7 * 4**2 * 50e-9 / 240e3, rel=1e-12, abs=0)


def test_crossbar_64_has_no_figure_for_links_between_tiles():
    with pytest.raises(MissingFigure, match="hop_east"):
        example("crossbar_64", core={"cue": 0, "cell": 1})


def test_digital_mac_by_hand():
    # 6 synapses in 10 steps, whether or not anything fires: 4.6 pJ to multiply and add, 5 pJ for the weight.
    report = example("digital_mac")
    assert report.total == pytest.approx(60 * (4.6e-12 + 5e-12), rel=1e-12, abs=0)
    assert report.range[0] == pytest.approx(60 * (3.2e-12 + 5e-12), rel=1e-12, abs=0)


@pytest.mark.parametrize(("name", "joules", "seconds"), [("cpu_batch1", 2.510, 77.7e-3), ("gpu_batch1", 2.759, 76e-3)])
def test_a_machine_that_runs_one_image_at_a_time_by_hand(name, joules, seconds):
    # 60 of the 67,850 x 784 multiply-accumulates of the run that was measured.
    report = example(name)
    share = 60 / (67850 * 784)
    assert report.total == pytest.approx(share * joules, rel=1e-4, abs=0)
    assert report.latency == pytest.approx(share * seconds, rel=1e-4, abs=0)
