"""Braille with a hidden layer: its cues, its count of devices, and a small run that learns and says what it found."""

import numpy as np
import pytest

from neuro.errors import NeuroError
from neuro.tasks import _braille_cues as coding
from neuro.tasks import _braille_deep as deep
from neuro.tasks import _braille_memory as memory
from neuro.tasks import braille_deep, configure, run_task

TINY = ("updates=40", "memory_epochs=40", "cues=2", "trials=45", "priced=1", "flips=0.1,0.3", "workers=1")


def halves(examples):
    flipped = (examples.inputs > 0.0) != (coding.patterns()[examples.labels] > 0.5)
    return set(coding.half(flipped).tolist())


@pytest.mark.parametrize("seed", [0, 7])
def test_training_and_tuning_never_show_a_distortion_of_the_test(seed):
    config, tuning = configure("braille-deep", "paper"), configure("braille-deep", "tuning")
    assert halves(deep.training_cues(config, "classify", seed, 3)) == {coding.TRAINING}
    assert halves(deep.test_cues(tuning, "classify", seed, 0.3)) == {coding.TRAINING}
    assert halves(deep.test_cues(config, "classify", seed, 0.3)) == {coding.TEST}


def test_every_variant_sees_the_test_cues_of_the_one_layer_memory():
    config = configure("braille-deep", "paper")
    words, cues = memory.test_cues(configure("braille", "paper"), 4, 0.2)
    for kind in deep.LAYERED:
        shown = deep.test_cues(config, kind, 4, 0.2)
        assert np.array_equal(shown.inputs, 2.0 * cues - 1.0)
        assert np.array_equal(coding.patterns()[shown.labels], words)
        assert (shown.targets is not None) == (kind == "restore")


def test_a_weight_is_a_pair_of_devices():
    config = configure("braille-deep", "paper")
    counts = {variant: deep.devices_of(config, variant) for variant in deep.VARIANTS}
    assert counts["classify"] == 2 * (60 * 32 + 32 * 9)
    assert counts["flat"] == 2 * 60 * 9
    assert counts["restore"] == 2 * (60 * 32 + 32 * 60)
    assert counts["memory"] == 2 * 60 * 60
    assert all(counts[f"{kind}_levels64"] == counts[kind] for kind in ("classify", "flat", "restore", "memory"))


@pytest.mark.parametrize("task", ["braille", "braille-deep"])
@pytest.mark.parametrize("flips", ["0.0", "0.1,1.0", "1e-9", "nan", "-0.2", "[]"])
def test_flip_chances_at_which_no_distortion_of_the_test_is_found_are_refused(task, flips):
    with pytest.raises(NeuroError, match="flips"):
        configure(task, overrides=[f"flips={flips}"])


@pytest.mark.parametrize("chance", [0.001, 0.999])
@pytest.mark.parametrize("part", [coding.TRAINING, coding.TEST])
def test_distortions_of_both_halves_are_found_at_the_ends_of_the_range(chance, part):
    words = np.repeat(coding.patterns(), 20, axis=0)
    flipped = coding.distort(words, chance, part, np.random.default_rng(0)) != words
    assert set(coding.half(flipped).tolist()) == {part}


def test_a_network_with_a_dead_output_is_counted_and_the_others_are_reported(monkeypatch):
    def learned(job):
        _, variant, seed = job
        if variant.startswith("restore") or (variant == "classify" and seed == 1):
            return deep.Outcome(variant, seed, (), 0.0, {}, "output 3: silent")
        return deep.Outcome(variant, seed, (0.9, 0.5 + 0.1 * seed), 100.0, {"crossbar": 1e-9})

    monkeypatch.setattr(braille_deep, "learn", learned)
    report = run_task("braille-deep", overrides=(*TINY, "seeds=3"))
    assert report.metrics["exact_words/30"] == pytest.approx(0.6)
    assert report.metrics["silent/classify"] == 1.0
    assert report.metrics["silent/restore"] == 3.0
    assert "exact_words_restore/30" not in report.metrics
    cells = {row[0]: row[1:] for row in report.tables[0].rows}
    assert cells["hidden layer, names"][1].endswith("(1 silent)")
    assert cells["hidden layer, dots"][0] == "an output fell silent"
    assert "no result" in report.tables[-1].rows[2][0]


def test_a_small_run_learns_prices_and_concludes(tmp_path):
    report = run_task("braille-deep", overrides=TINY, out=tmp_path / "out")
    metrics = report.metrics
    for name in ("exact_words", "exact_words_levels64", "exact_words_flat", "exact_words_memory"):
        assert metrics[f"{name}/10"] > 0.3, name
        assert metrics[f"{name}/10"] >= metrics[f"{name}/30"], name
    # For independent flips the nearest name is the most probable one.
    assert metrics["exact_words_template/30"] >= metrics["exact_words/30"] - 0.1
    for kind in deep.LAYERED:
        assert 0.0 < metrics[f"joules_per_inference/crossbar/{kind}"] < 1e-6
        assert metrics[f"pulses_per_device/{kind}_levels64"] > 0.0
    assert metrics["joules_per_inference/crossbar/memory"] > 0.0
    sentences = [row[0] for row in report.tables[-1].rows]
    assert len(sentences) == 4
    assert all("pay" in sentence or "helps" in sentence for sentence in sentences)
    assert (tmp_path / "out" / "accuracy.png").stat().st_size > 1000
