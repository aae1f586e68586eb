"""Sequence tasks: labels follow from the inputs alone, and networks keep every spike on the clocked engine."""

import itertools

import numpy as np
import pytest

import neuro as nr
from neuro.tasks import configure, run_task
from neuro.tasks._sequence_data import DelayedMatch, Pixels, StoreRecall, TemporalXor
from tests.reference import needs

torch = pytest.importorskip("torch")

from neuro.tasks import _sequence as sequence  # noqa: E402 - imports torch's modules
from neuro.tasks._sequence_devices import Quality, on_devices  # noqa: E402
from neuro.tasks._sequence_loihi import loihi_network  # noqa: E402

SMALL = ('variants=["ahp"]', "batches=3", "batch=8", "tested=24", "deployed=24", "priced=2")


def groups(inputs, sizes):
    """Share of active inputs by group, (steps, sequences, groups)."""
    ends = np.cumsum([0, *sizes])
    return np.stack([inputs[:, :, a:b].mean(2) for a, b in itertools.pairwise(ends)], 2)


def runs(active):
    """First and last step of a group's activity in one sequence, where silences are shorter than five steps."""
    steps = np.flatnonzero(active)
    cuts = np.flatnonzero(np.diff(steps) > 5)
    return list(zip(steps[np.r_[0, cuts + 1]], steps[np.r_[cuts, len(steps) - 1]], strict=True)) if len(steps) else []


@pytest.mark.parametrize("data", [StoreRecall(), TemporalXor(0.4), DelayedMatch(0.6)], ids=lambda d: type(d).__name__)
def test_a_batch_depends_on_seed_part_and_number_alone(data):
    first = data.batch(1, "training", 3, 8)
    again = data.batch(1, "training", 3, 8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    for other in ((2, "training", 3), (1, "test", 3), (1, "validation", 3), (1, "training", 4)):
        assert not np.array_equal(first.inputs[-20:], data.batch(*other, 8).inputs[-20:])


def test_a_recall_is_of_the_last_bit_that_was_stored():
    data = StoreRecall()
    inputs, labels = data.batch(0, "training", 0, 200)
    symbols = groups(inputs, [25] * 4).reshape(12, data.window, 200, 4).mean(1).argmax(2)
    assert set(np.unique(symbols)) == {0, 1, 2, 3}
    for b in range(200):
        bit = None
        for slot, symbol in enumerate(symbols[:, b]):
            if slot and symbols[slot - 1, b] == 2:
                bit = symbol
            assert labels[slot, b] == (bit if symbol == 3 else -1)
        assert (labels[:, b] >= 0).any()


@pytest.mark.parametrize("part", ["training", "test"])
def test_the_answer_of_temporal_xor_is_in_the_pulses(part):
    data = TemporalXor(0.6)
    inputs, labels = data.batch(0, part, 0, 100)
    active = groups(inputs, [20] * 3) > 0.1
    seen = set()
    for b in range(100):
        pulses = sorted((run, k) for k in (0, 1) for run in runs(active[:, b, k]))
        assert runs(active[:, b, 2])[0][0] >= len(inputs) - data.window
        answer = 2 if len(pulses) == 1 else int(pulses[0][1] != pulses[1][1])
        assert labels[-1, b] == answer
        assert (labels[:-1, b] == -1).all()
        if len(pulses) == 2 and part == "test":
            assert abs(pulses[1][0][0] - pulses[0][0][1] - 120) < 10
        seen.add(answer)
    assert seen == {0, 1, 2}


def test_patterns_match_when_the_same_inputs_fire_before_and_after_the_delay():
    data = DelayedMatch(0.6)
    inputs, labels = data.batch(0, "test", 0, 100)
    end = len(inputs) - data.window
    for b in range(100):
        late = inputs[end - 40 : end, b, :40].sum(0) > 0
        early = inputs[: end - 40, b, :40].sum(0) > 0
        assert (np.mean(late == early) > 0.95) == labels[-1, b]
    assert 0.3 < labels[-1].mean() < 0.7


def test_pixels_are_shown_as_levels_and_shifts_keep_the_image_within_its_frame():
    images, labels = np.arange(2 * 64).reshape(2, 8, 8) % 17, np.array([3, 4])
    data = Pixels((images, labels), (images, labels), (images, labels), inputs=32, window=66)
    inputs, wanted = data.batch(0, "test", 0, 2)
    assert inputs.shape == (66, 2, 32)
    assert wanted.tolist() == [[3, 4]]
    assert not inputs[64:].any()
    for k in range(64):
        assert inputs[k, 1, :15].sum() == min(15, images[1].ravel()[k])
        assert np.flatnonzero(inputs[k, 1, 16:]).tolist() == [k // 8, 8 + k % 8]
    assert data.batch(0, "training", 0, 50).inputs[:64, :, 15].all()


@pytest.mark.parametrize("task", ["store-recall", pytest.param("rowmnist", marks=needs("mnist"))])
def test_the_clocked_engine_fires_every_spike_of_every_test_sequence(task):
    report = run_task(task, overrides=(*SMALL, "ahp=60", *(("lif=40",) if task == "rowmnist" else ())))
    assert report.metrics["ahp/deployed_identical"] == report.metrics["ahp/deployed_compared"] == 24
    assert report.metrics["ahp/spikes_per_sample"] > 10


def test_variants_share_sizes_and_the_lstm_has_no_more_parameters():
    config, data = configure("store-recall", "paper"), StoreRecall()
    found = {v: sequence.module_of(config, data, v, 0) for v in ("ahp", "lif", "lstm", "eprop", "unregularised")}
    parameters = sequence.count(found["ahp"])
    assert parameters == 100 * 60 + 60 * 59 + 60 * 2 + 2
    assert found["lif"].layer.size == 60
    assert 0.9 * parameters < sequence.count(found["lstm"]) <= parameters
    assert not found["eprop"].layer.surrogate.recurrent
    assert found["unregularised"].layer.surrogate.voltage_cost == 0.0
    assert torch.equal(found["ahp"].layer.w, found["eprop"].layer.w)


def test_joules_are_counts_times_the_figures_of_the_chip():
    config, data = configure("store-recall", "smoke"), StoreRecall()
    module = sequence.module_of(config, data, "ahp", 0).double()
    tests = list(sequence.parts_of(data, 0, "test", 3))
    recordings, same = sequence.deploy(module, tests, 3)
    cost, steps = sequence.price(module, recordings, 480), 480
    assert same == (3, 3)
    spikes = np.mean([len(r.spikes["ahp"]) for r in recordings])
    events = np.mean([sum(r.events.values()) for r in recordings])
    late = np.mean([np.sum(r.spikes["ahp"].times > (steps - 1.5) * data.dt) for r in recordings])
    assert cost["counts"]["synapse"] == pytest.approx(events + spikes + late * (19 + 2), rel=1e-12)
    updates = cost["counts"]["update_idle"] + cost["counts"]["update_active"]
    assert updates == pytest.approx(steps * (2 * 20 + 2))
    chip = nr.load_chip(sequence.CHIP)
    assert cost["by_cause"]["synapse"] == pytest.approx(cost["counts"]["synapse"] * chip.energy["synapse"].value)
    assert cost["joules"] == pytest.approx(sum(cost["by_cause"].values()))


def test_a_classifier_in_whole_numbers_fires_nearly_as_it_did():
    images, labels = np.random.default_rng(0).integers(0, 17, (20, 8, 8)), np.zeros(20, int)
    data = Pixels((images, labels), (images, labels), (images, labels), inputs=32, window=66)
    module = sequence.module_of(configure("seqdigits", "smoke"), data, "ahp", 0).double()
    inputs = data.batch(0, "test", 0, 20).inputs
    net, dt = loihi_network(module), data.dt
    for projection in net.projections.values():
        weight = projection.synapses.weight
        assert np.all(weight % 2 == 0)
        assert np.abs(weight).max() <= 254
    trials = [{"in": sequence.spikes_of(inputs[:, b], dt)} for b in range(20)]
    whole, real = (list(nr.run_batch(n, 66 * dt, trials, dt=dt)) for n in (net, nr.to_network(module)))
    for name in ("ahp", "lif"):
        counts = [[len(r.spikes[name]) for r in found] for found in (whole, real)]
        assert np.corrcoef(counts)[0, 1] > 0.9
        assert np.sum(counts[0]) == pytest.approx(np.sum(counts[1]), rel=0.1)


@pytest.fixture(scope="module")
def untrained():
    return sequence.module_of(configure("store-recall", "smoke"), StoreRecall(), "ahp", 0).double()


@pytest.mark.parametrize("levels", [2, 5, 16, 1000])
def test_weights_on_devices_are_off_by_half_a_level_at_most_and_there_are_none_without_synapses(untrained, levels):
    made, _ = on_devices(untrained, Quality("levels", levels), seed=0)
    for one, other in ((untrained.layer, made.layer), (untrained, made)):
        for name, weight in one.named_parameters(recurse=False):
            if name in ("w", "r", "readout"):
                most = float(weight.detach().abs().max()) / (levels - 1) / 2
                assert float((weight - getattr(other, name)).detach().abs().max()) <= most * (1 + 1e-9)
    assert not made.layer.r[~made.layer.r_mask].any()


@pytest.mark.parametrize("quality", [Quality("levels", 8), Quality("write_noise", 0.05), Quality("stuck", 0.1)])
def test_the_clocked_engine_on_these_crossbars_fires_the_spikes_of_the_module_on_devices(untrained, quality):
    data, dt = StoreRecall(), StoreRecall().dt
    made, crossbars = on_devices(untrained, quality, seed=3)
    net, held = nr.Network(), nr.to_network(untrained)
    for population in held.populations.values():
        net.add(population)
    for p in held.projections.values():
        name = {"in": "w", "readout": "readout"}.get(p.pre.name if p.post.name != "readout" else "readout", "r")
        net.connect(p.pre, p.post, crossbars[name], delay=p.delay)
    inputs = data.batch(0, "test", 0, 2).inputs
    spikes = made(torch.from_numpy(inputs).double()).spikes.detach().numpy() > 0
    plain = untrained(torch.from_numpy(inputs).double()).spikes.detach().numpy() > 0
    assert not np.array_equal(spikes, plain)
    trials = [{"in": sequence.spikes_of(inputs[:, b], dt)} for b in range(2)]
    for b, run in enumerate(nr.run_batch(net, len(inputs) * dt, trials, dt=dt)):
        assert np.array_equal(sequence.raster_of(run.spikes["ahp"], len(inputs), 20, dt), spikes[:, b])


def test_variants_within_constraints_are_deployed_and_one_without_an_engine_has_no_joules():
    changes = (
        'variants=["ahp","dale","sparse","following"]',
        "device_levels=[2,1000]",
        "device_stuck=[0.5]",
        *SMALL[1:],
    )
    found = run_task("store-recall", overrides=changes).metrics
    for variant in ("ahp", "dale", "sparse"):
        assert found[f"{variant}/deployed_identical"] == found[f"{variant}/deployed_compared"] == 24
    full, inputs, size = found["ahp/parameters"], 100, 20
    synapses = round(0.2 * inputs * size) + round(0.2 * size * (size - 1))
    assert found["sparse/parameters"] == full - inputs * size - size * (size - 1) + synapses
    assert found["dale/parameters"] == full
    assert found["following/parameters"] == full + size
    assert {"following/accuracy", "following/spikes_per_sample"} <= set(found)
    assert not {"following/joules", "following/deployed_identical"} & set(found)
    assert abs(found["ahp/devices/levels_1000"] - found["ahp/accuracy"]) < 0.2
    assert {"ahp/devices/levels_2", "ahp/devices/stuck_0.5"} <= set(found)
