"""The Loihi experiment: what lies on the core, what it costs by hand, and what is said where the files are missing."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.capacity import core_use
from neuro.errors import DataError
from neuro.tasks import _loihi as loihi
from neuro.tasks import _smnist as smnist
from neuro.tasks import loihi_smnist as task
from neuro.tasks import run_task
from tests.reference import DATA, needs

FIVE = {"accuracy", "accuracy_200", "core_dynamic_uJ", "core_us_per_step", "synaptic_events_per_image"}
with_files = [needs("loihi_smnist"), needs("mnist")]

images = st.lists(st.tuples(st.integers(0, 255), st.integers(1, 60)), min_size=1, max_size=60).map(
    lambda runs: np.resize(np.repeat([value for value, _ in runs], [n for _, n in runs]), 784).astype(np.uint8)
)


@settings(max_examples=30, deadline=None)
@given(image=images)
def test_inputs_fire_where_the_brightness_passes_a_threshold(image):
    """Step by step, as the network's description has it."""
    thresholds, spikes, px = np.floor(np.linspace(0, 255, 40)), set(), image.astype(int)
    for step in range(784):
        for k in range(1, 39):
            if step < 783 and px[step] < thresholds[k] <= px[step + 1]:
                spikes.add((step, 2 * k))
            if step < 783 and px[step] >= thresholds[k] > px[step + 1]:
                spikes.add((step, 2 * k + 1))
        if px[step] == 255:
            spikes.add((step, 78))
    spikes |= {(step, 79) for step in range(784, 840)}
    found = smnist.encode(image, 1.0)
    assert len(found) == len(spikes)
    assert set(zip(found.times.astype(int).tolist(), found.ids.tolist(), strict=True)) == spikes


def test_published_figures_add_up():
    known = loihi.published()
    then = known.chip_2021
    parts = [value for name, value in then.items() if name.endswith("power")]
    assert sum(parts) * then["latency"] == pytest.approx(then["energy"], rel=1e-3)
    assert then["step"] * 840 == pytest.approx(then["latency"], rel=1e-6)
    assert known.core_dynamic == pytest.approx(22.1e-6, rel=3e-3)
    assert known.chip_2019["core_step"] * 840 == pytest.approx(3.92e-3, rel=2e-3)
    assert known.relative["GTX 1050 Ti"]["energy"] is None


def test_missing_files_are_named_with_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"w_in\.npy.*NEURO_DATA.*intel-nrc-ecosystem"):
        run_task("loihi-smnist")
    (tmp_path / "loihi_smnist").mkdir()
    for name in smnist.FILES["loihi_smnist"]:
        (tmp_path / "loihi_smnist" / name).touch()
    with pytest.raises(DataError, match="t10k-images"):
        run_task("loihi-smnist")


@pytest.fixture(scope="module")
def weights():
    return smnist.read_weights(DATA)


@pytest.fixture(scope="module")
def recording(weights):
    pixels, _ = smnist.read_images(DATA)
    trial = {"input": smnist.encode(pixels[0])}
    return next(nr.run_batch(smnist.network(*weights), 840 * smnist.DT, [trial], dt=smnist.DT))


class TestOneInference:
    pytestmark = with_files

    def test_the_placement_has_what_the_core_is_said_to_hold(self, weights):
        usage, use = loihi.place(weights, nr.load_chip("loihi_davies2018")).usage, core_use(smnist.network(*weights))
        assert usage["synapses"][0] == use.synapses
        assert usage["axons_in"][0] == use.axons_in
        assert usage["neurons"][0] == use.compartments == 350
        assert all(not used[1:].any() for used in usage.values())

    def test_energy_is_what_a_hand_computes(self, weights, recording):
        chip = nr.load_chip("loihi_davies2018")
        found = loihi.bill([nr.account(recording, loihi.place(weights, chip))], chip)
        operations, messages, active = counted(weights, recording)
        by_hand = 23.6 * operations + 52 * (350 * 840 - active) + 81 * active + 1.7 * messages
        assert found.dynamic == pytest.approx(by_hand * 1e-12, rel=1e-12)

    def test_time_is_what_a_hand_computes(self, weights, recording):
        chip = nr.load_chip("loihi_davies2018")
        found = loihi.bill([nr.account(recording, loihi.place(weights, chip))], chip)
        operations, _, active = counted(weights, recording)
        by_hand = 3.5 * operations + 5.3 * (350 * 840 - active) + 8.4 * active + 113 * 840
        assert found.latency == pytest.approx(by_hand * 1e-9, rel=1e-12)
        assert sum(found.seconds.values()) == pytest.approx(found.latency, rel=1e-12)
        assert found.seconds["barrier"] == pytest.approx(113e-9 * 840, rel=1e-9)

    def test_what_the_core_receives_while_it_updates_takes_no_time_of_its_own(self, weights, recording):
        chip = nr.load_chip("loihi_sanafe")
        found = loihi.bill([nr.account(recording, loihi.place(weights, chip))], chip)
        assert sum(found.seconds.values()) == pytest.approx(found.latency, rel=1e-12)
        assert found.seconds["barrier"] == pytest.approx(0.6e-6 * 840, rel=1e-9)
        assert found.seconds["at the same time"] < 0

    def test_a_constant_changed_to_what_it_would_have_to_be_gives_the_goal(self, weights, recording):
        chip = nr.load_chip("loihi_davies2018")
        found = loihi.bill([nr.account(recording, loihi.place(weights, chip))], chip)
        for kind in ("synapse", "update_idle"):
            wanted = loihi.needed(found, kind, 36e-6)
            assert found.dynamic + (wanted - loihi.cost(chip, kind)) * found.counts[kind] == pytest.approx(36e-6)
        low, high = loihi.spans(found)["synapse"]
        assert high - found.dynamic == pytest.approx(found.causes["synapse"])
        assert found.dynamic - low == pytest.approx(found.causes["synapse"] / 2)

    def test_all_updates_active_is_the_upper_bound(self, weights, recording):
        chips = loihi.bounds(nr.load_chip("loihi_davies2018"))
        lower, upper = (nr.account(recording, loihi.place(weights, chip)) for chip in chips.values())
        quiet = 350 * 840 - counted(weights, recording)[2]
        assert upper.dynamic - lower.dynamic == pytest.approx(quiet * (81 - 52) * 1e-12)

    def test_zeros_stored_as_weights_would_be_operations(self, weights, recording):
        spikes = {name: len(recording.spikes[name]) for name in task.SPIKING}
        stored = nr.Network()
        for population in smnist.network(*weights).populations.values():
            stored.add(population)
        stored.connect("input", "lif", nr.Dense(weights.inputs[:, :140]), delay=smnist.DT)
        stored.connect("input", "ahp", nr.Dense(weights.inputs[:, 140:]), delay=smnist.DT)
        for pre, rows in (("lif", slice(0, 140)), ("ahp", slice(140, None))):
            stored.connect(pre, "lif", nr.Dense(weights.recurrent[rows, :140]), delay=smnist.DT)
            stored.connect(pre, "ahp", nr.Dense(weights.recurrent[rows, 140:]), delay=smnist.DT)
            stored.connect(pre, "readout", nr.Dense(weights.readout[rows]), delay=smnist.DT)
        stored.connect("ahp", "ahp", nr.OneToOne(-96.0), delay=smnist.DT)
        chip = nr.load_chip("loihi_davies2018")
        core = {name: -1 if name == "input" else 0 for name in stored.populations}
        assert nr.account(recording, nr.placed(stored, chip, core)).counts["synapse"] == loihi.dense_operations(spikes)


def counted(weights, recording):
    """Synaptic operations, messages that reach a synapse, and active updates of one image, from spikes and weights."""
    hidden = np.hstack([weights.recurrent, weights.readout])
    fan = {"input": np.count_nonzero(weights.inputs, axis=1), "lif": np.count_nonzero(hidden[:140], axis=1)}
    fan["ahp"] = np.count_nonzero(hidden[140:], axis=1) + 1
    reached = {name: fan[name][recording.spikes[name].ids] for name in fan}
    operations = sum(int(each.sum()) for each in reached.values())
    messages = sum(int(np.count_nonzero(each)) for each in reached.values())
    return operations, messages, len(recording.spikes["lif"]) + 2 * len(recording.spikes["ahp"])


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("loihi") / "report"
    return run_task("loihi-smnist", overrides=["images=30", "chip_images=200"], out=out), out


class TestTheExperiment:
    pytestmark = with_files

    def test_the_five_figures_are_there_and_within_what_was_measured(self, report):
        metrics = report[0].metrics
        assert metrics.keys() >= FIVE
        assert metrics["accuracy_200"] == 0.95
        assert 20 <= metrics["core_dynamic_uJ"] <= 45
        assert metrics["core_us_per_step"] == pytest.approx(4.67, rel=0.3)
        assert metrics["synaptic_events_per_image_of_the_chip_run"] == pytest.approx(637_000, rel=0.01)
        assert metrics["fits_one_core"]

    def test_the_chips_errors_are_ours_but_for_the_seven(self, report):
        table = next(table for table in report[0].tables if table.title.startswith("Errors"))
        assert [(digit, theirs) for digit, theirs, _ in table.rows] == list(loihi.ERRORS)
        assert [theirs == ours for _, theirs, ours in table.rows].count(False) == 1
        assert (7, 9, "7 (right)") in table.rows

    def test_the_report_has_the_measurements_beside_ours(self, report):
        metrics = report[0].metrics
        assert metrics["core_dynamic_uJ_measured_2021"] == pytest.approx(22.14, abs=0.01)
        assert metrics["core_dynamic_uJ_measured_2019"] == pytest.approx(36)
        assert metrics["host_share_measured"] == pytest.approx(0.90, abs=0.005)
        assert metrics["edp_uJs_measured"] == pytest.approx(5.07, abs=0.01)
        for table in report[0].tables:
            if "LSTM" in table.title:
                assert "batch size 1" in table.title

    def test_causes_sum_to_the_dynamic_energy(self, report):
        written = json.loads((report[1] / "report.json").read_text(encoding="utf-8"))
        for name, parts in written["energy"].items():
            if name != "unit":
                assert sum(parts["by_cause"].values()) == pytest.approx(parts["dynamic"], rel=1e-12)
        assert set(written["figures"]) == {"energy", "sensitivity", "raster"}
        assert all((report[1] / name).stat().st_size > 1000 for name in written["figures"].values())
