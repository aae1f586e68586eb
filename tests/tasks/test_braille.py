"""The Braille task: its letters are Braille, its test is not in its training, and its report says what was asked."""

import json
import string
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuro.crossbar.device.properties import Properties
from neuro.crossbar.factory import Crossbar
from neuro.tasks import _braille_cues as coding
from neuro.tasks import _braille_memory as memory
from neuro.tasks import _braille_report as report
from neuro.tasks import braille, run_task

VARIANTS = (
    *("ideal", "levels64_1uS", "levels64_3.9uS", "stuck30", "stuck50"),
    *("hebb", "pinv", "template", "pinv_stuck50"),
)
TINY = ("seeds=1", "epochs=2", "cues=1", "trials=9", "flips=0.1,0.2,0.3")

seeds = st.integers(0, 2**32 - 1)
chances = st.floats(0.01, 0.6)
parts = st.sampled_from([coding.TRAINING, coding.TEST])


def run(*overrides, seed=0, out=None):
    return run_task("braille", seed=seed, overrides=[*TINY, *overrides], out=out)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("braille") / "report"
    return run("workers=1", out=out), out


@pytest.mark.parametrize("letter", string.ascii_lowercase)
def test_a_letter_has_the_dots_of_a_braille_pattern_of_unicode(letter):
    dots = coding.DOTS[letter]
    character = chr(0x2800 + sum(1 << (int(dot) - 1) for dot in dots))
    assert unicodedata.name(character) == f"BRAILLE PATTERN DOTS-{dots}"


def test_there_are_26_letters_and_all_look_different():
    assert sorted(coding.DOTS) == list(string.ascii_lowercase)
    assert len(set(coding.DOTS.values())) == 26


def test_letters_follow_the_decades_of_louis_braille():
    """k to t are a to j with dot 3; u, v, x, y, z are a to e with dots 3 and 6; w, not of his French, is j with 6."""

    def dots(letter):
        return set(coding.DOTS[letter])

    for first, second in zip("abcdefghij", "klmnopqrst", strict=True):
        assert dots(second) == dots(first) | {"3"}
        assert dots(first) <= set("1245")
    for first, third in zip("abcde", "uvxyz", strict=True):
        assert dots(third) == dots(first) | {"3", "6"}
    assert dots("w") == dots("j") | {"6"}


@given(name=st.text(string.ascii_lowercase, max_size=10))
def test_a_name_is_ten_cells_of_six_dots_padded_with_blanks(name):
    encoded = coding.encode(name)
    assert encoded.shape == (60,)
    cells = ["".join(str(dot + 1) for dot in np.flatnonzero(cell)) for cell in encoded.reshape(10, 6)]
    assert set(encoded) <= {0.0, 1.0}
    assert cells == [coding.DOTS[letter] for letter in name] + [""] * (10 - len(name))


def test_the_patterns_are_nine_names_that_all_differ():
    patterns = coding.patterns()
    assert patterns.shape == (9, 60)
    assert len({pattern.tobytes() for pattern in patterns}) == 9


def masks(words, cues):
    return {np.not_equal(cue, word).tobytes() for cue, word in zip(cues, words, strict=True)}


@given(one=seeds, other=seeds, p=chances, q=chances)
def test_no_distortion_is_in_both_training_and_test(one, other, p, q):
    words = np.repeat(coding.patterns(), 5, axis=0)
    trained = coding.distort(words, p, coding.TRAINING, np.random.default_rng(one))
    tested = coding.distort(words, q, coding.TEST, np.random.default_rng(other))
    assert not masks(words, trained) & masks(words, tested)


@settings(max_examples=20)
@given(seed=st.integers(0, 999), epoch=st.integers(0, 199), p=chances)
def test_the_task_trains_with_one_half_of_the_distortions_and_tests_with_the_other(seed, epoch, p):
    config = braille.Config(trials=90)
    words, tested = memory.test_cues(config, seed, p)
    trained = memory.training_cues(config, seed, epoch)
    assert np.array_equal(words, np.tile(coding.patterns(), (10, 1)))
    assert (coding.half(words != tested) == coding.TEST).all()
    assert (coding.half(np.repeat(coding.patterns(), config.cues, axis=0) != trained) == coding.TRAINING).all()
    assert not np.array_equal(trained, memory.training_cues(config, seed, epoch + 1))


@given(flipped=st.sets(st.integers(0, 59)))
def test_every_distortion_is_of_one_half(flipped):
    mask = np.zeros(60, bool)
    mask[sorted(flipped)] = True
    assert coding.half(mask) == sum(flipped) % 2
    assert coding.half(mask[None]).tolist() == [sum(flipped) % 2]


@settings(max_examples=20)
@given(seed=seeds, p=st.floats(0.1, 0.5), part=parts)
def test_dots_are_flipped_as_often_as_asked_for(seed, p, part):
    """The choice of a half moves the probability by less than (1 - 2 p)^29, nothing beside the error."""
    words = np.repeat(coding.patterns(), 40, axis=0)
    cues = coding.distort(words, p, part, np.random.default_rng(seed))
    assert set(np.unique(cues)) <= {0.0, 1.0}
    share = np.mean(cues != words)
    assert abs(share - p) < 5 * np.sqrt(p * (1 - p) / words.size) + (1 - 2 * p) ** 29
    for each in np.mean(cues != words, axis=0):
        assert abs(each - p) < 6 * np.sqrt(p * (1 - p) / len(words)) + (1 - 2 * p) ** 29


@given(seed=seeds, part=parts)
def test_each_word_can_have_a_flip_probability_of_its_own(seed, part):
    words = np.zeros((2, 60))
    cues = coding.distort(np.repeat(words, 40, axis=0), np.repeat([0.02, 0.5], 40), part, np.random.default_rng(seed))
    assert cues[:40].mean() < 0.15 < 0.35 < cues[40:].mean()


def test_all_variants_are_tested_on_the_same_cues_and_every_seed_on_its_own():
    config = braille.Config(trials=18)
    assert np.array_equal(memory.test_cues(config, 1, 0.2)[1], memory.test_cues(config, 1, 0.2)[1])
    assert not np.array_equal(memory.test_cues(config, 1, 0.2)[1], memory.test_cues(config, 2, 0.2)[1])


@pytest.mark.parametrize(
    ("variant", "share"),
    [
        ("ideal", 0),
        ("levels64_1uS", 0),
        ("levels64_3.9uS", 0),
        ("stuck30", 0.3),
        ("stuck50", 0.5),
        ("pinv_stuck50", 0.5),
    ],
)
def test_the_share_of_stuck_devices_is_in_the_name_and_they_differ_between_seeds(variant, share):
    between = ~np.eye(60, dtype=bool)

    def stuck(seed):
        faults = memory.devices(variant, seed)[1]
        return np.array([faults.plus, faults.minus])[:, between]

    found = stuck(0)
    assert np.mean(found == 0) == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / found.size))
    assert np.isnan(found[found != 0]).all()
    if share:
        assert not np.array_equal(found, stuck(1), equal_nan=True)


@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if variant not in ("hebb", "pinv", "template")])
def test_no_neuron_hears_itself(variant):
    device, faults = memory.devices(variant, 0)
    crossbar = Crossbar(np.zeros((60, 60)), device=device, faults=faults, start=0.5)
    crossbar.accumulate(np.full((60, 60), 0.4))
    assert not crossbar.effective_weights().diagonal().any()
    assert crossbar.effective_weights().any()


@pytest.mark.parametrize(
    ("variant", "noise"), [("levels64_1uS", 1e-6), ("levels64_3.9uS", 3.9e-6), ("stuck30", 0), ("stuck50", 0)]
)
def test_levels_and_write_noise_are_in_the_name(variant, noise):
    device, _ = memory.devices(variant, 0)
    assert device.levels == 64
    assert device.write_noise == pytest.approx(noise, abs=0.05e-6)


def test_the_ideal_devices_hold_any_conductance_and_never_err():
    device, _ = memory.devices("ideal", 0)
    assert device.levels is None
    assert device.write_noise == 0


def test_the_report_has_the_exact_words_of_every_variant_at_every_distortion(written):
    metrics = written[0].metrics
    for variant in VARIANTS:
        for p in ("0.10", "0.20", "0.30"):
            # Of nine trials, each restored or not.
            assert metrics[f"exact_words/{variant}/{p}"] * 9 == pytest.approx(
                round(metrics[f"exact_words/{variant}/{p}"] * 9)
            )
            assert 0 <= metrics[f"exact_words/{variant}/{p}"] <= 1
    assert sum(name.startswith("exact_words/") for name in metrics) == 3 * len(VARIANTS)


@pytest.mark.parametrize("variant", ["hebb", "pinv", "pinv_stuck50"])
def test_no_classical_memory_beats_the_nearest_template(variant):
    """For independent flips the nearest of the nine names is the best guess there is."""
    config = braille.Config(trials=360, flips=(0.10, 0.20, 0.30, 0.40))
    best = memory.compare(config, "template", 0).exact
    assert best[0] > 0.99
    assert sorted(best, reverse=True) == list(best)
    assert all(found <= most for found, most in zip(memory.compare(config, variant, 0).exact, best, strict=True))


def test_the_report_is_written_with_its_figures(written):
    report, out = written
    record = json.loads((out / "report.json").read_text())
    assert record["metrics"] == report.metrics
    assert {"words", "accuracy", "learning", "raster"} <= set(record["figures"])
    for file in record["figures"].values():
        assert (out / file).stat().st_size > 1000


def test_the_same_seed_gives_the_same_metrics_whatever_the_number_of_processes(written):
    assert run("workers=2").metrics == written[0].metrics


def test_another_seed_gives_other_metrics(written):
    one, other = written[0].metrics, run("workers=1", "epochs=1", seed=1).metrics
    assert set(other) == set(one)
    assert any(other[name] != one[name] for name in one if name.startswith("spikes_per_recall"))


BENCH = ("ideal", "taox_64x64", "wires5", "EcRam", "ReRamSB")
BENCHED = (f"variants={','.join(BENCH)}", "priced=true", "workers=1", "epochs=3")


@pytest.fixture(scope="module")
def benched():
    return run(*BENCHED)


def test_devices_and_wires_are_variants_of_their_own(benched):
    metrics = benched.metrics
    for variant in BENCH:
        assert 0 <= metrics[f"exact_words/{variant}/0.10"] <= 1
        assert metrics[f"pulses_per_device/{variant}"] > 0
        assert metrics[f"write_joules_per_device/{variant}"] > 0
        assert metrics[f"read_joules_per_recall/{variant}"] > 0
    assert "exact_words/levels64_1uS/0.10" not in metrics
    assert metrics["spikes_per_recall/wires5"] != metrics["spikes_per_recall/taox_64x64"]


def test_joules_go_with_the_square_of_the_voltage_and_change_nothing_else(benched):
    other = run(*BENCHED, "write_voltage=4", "read_voltage=0.4").metrics
    for name, value in benched.metrics.items():
        wanted = 4 * value if "joules" in name else value
        assert other[name] == pytest.approx(wanted, rel=1e-9), name


def test_the_table_of_devices_ends_with_what_follows_from_it(benched):
    bench, learned = benched.tables[-2:]
    assert [row[0] for row in bench.rows] == list(BENCH)
    text = " ".join(row[0] for row in learned.rows)
    scores = {row[0]: row[1] for row in bench.rows}
    best = max(scores, key=scores.__getitem__)
    assert f"Best is {best} with {scores[best]:.1%}" in text
    assert "Wires of 5 ohm" in text


def lesson(scores, told):
    variants = tuple(scores)
    config = braille.Config(variants=variants, flips=(0.2,))
    metrics = {f"exact_words/{v}/0.20": score for v, score in scores.items()}
    metrics |= {f"standard_error/{v}/0.20": 0.01 for v in scores}
    costs = {"write_joules_per_device": dict.fromkeys(scores, 1e-12), "pulses_per_device": dict.fromkeys(scores, 2.0)}
    costs["write_joules_per_device"][variants[1]] = 0.5e-12
    return " ".join(report.conclusions(config, metrics, costs, told))


def test_the_lesson_follows_the_numbers():
    names = ("ideal", "EcRam", "EcRamMO", "ReRamES", "ReRamSB")
    noise = dict(zip(names, (0.0, 0.1, 0.2, 0.3, 0.4), strict=True))
    told = {
        name: Properties(100.0, noise[name], 0.05 * (k % 2), 0.1 * ((k * 3) % 5), 0.0) for k, name in enumerate(names)
    }
    text = lesson(dict(zip(names, (0.99, 0.98, 0.6, 0.4, 0.1), strict=True)), told)
    assert "Best is ideal with 99.0%" in text
    assert "worst ReRamSB with 10.0%" in text
    assert "Within two standard errors of the best: ideal, EcRam; of these EcRam learns with the least energy" in text
    assert "pulse noise goes with the score most closely: the less of it" in text
    turned = lesson(dict(zip(names, (0.1, 0.4, 0.6, 0.98, 0.99), strict=True)), told)
    assert "pulse noise goes with the score most closely: the more of it" in turned


def test_an_update_may_move_a_device_by_four_of_64_levels_whatever_its_pulses():
    from neuro.crossbar.device.catalog import list_devices, load_device
    from neuro.crossbar.write.targets import nominal_step

    assert memory.max_levels(load_device("taox_64x64")) == 4
    for name in list_devices():
        if name in ("TaOx41", "ideal"):
            continue
        device = load_device(name)
        step, share = nominal_step(device), 4 / 63 * (device.g_max - device.g_min)
        assert memory.max_levels(device) * step == pytest.approx(share, abs=max(step, share) / 2 + step)


def test_unknown_variants_are_refused():
    from neuro.errors import ParameterError

    with pytest.raises(ParameterError, match="wires5"):
        run("variants=ideal,wires7")


def test_a_device_without_its_data_is_left_out_and_named(monkeypatch, tmp_path):
    monkeypatch.setenv("NEURO_DATA", str(tmp_path))
    report = run("variants=taox_64x64,TaOx41", "priced=true", "workers=1", "epochs=1")
    assert "exact_words/TaOx41/0.10" not in report.metrics
    assert "TaOx41 was left out" in report.tables[-1].rows[-1][0]
