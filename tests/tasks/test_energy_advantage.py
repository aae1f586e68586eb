"""The comparison of crossbars with digital hardware: its sums close, its figures have sources."""

import json
import math
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuro.errors import ParameterError
from neuro.learning import hopfield
from neuro.tasks import _advantage as model
from neuro.tasks import _settling as settling
from neuro.tasks import energy_advantage as task
from neuro.tasks import run_task

COUNTS = model.Counts(
    free_spikes=12.0,
    clamped_spikes=10.0,
    ticks=30.0,
    pulses=6e-4,
    bias_reads=1 / 36,
    conductance=0.1,
    sweeps=3.5,
)
ASSUMED = model.load_assumptions()
TINY = ("seeds=1", "epochs=1", "grown=8,12,16", "cues=3", "sizes=64,1000", "trials=9")

sizes = st.integers(2, 200_000)
names = st.sampled_from([f.name for f in fields(ASSUMED) if f.name != "sources"])


def test_every_figure_has_a_unit_a_source_and_a_status():
    assert set(ASSUMED.sources) == {f.name for f in fields(ASSUMED)} - {"sources"}
    for name, figure in ASSUMED.sources.items():
        assert figure["source"].strip(), name
        assert figure["unit"].strip(), name
        assert figure["status"] in model.STATUS, name


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda text: text.replace("[batch]", "[heap]"), "`batch` is missing"),
        (lambda text: text + '\n[extra]\nvalue = 1\nunit = "1"\nstatus = "chosen"\nsource = "x"\n', "`extra` is none"),
        (lambda text: text.replace('status = "chosen"', 'status = "recalled"', 1), "status among"),
        (lambda text: text.replace("value = 1e-15", "value = 0.0"), "above zero"),
        (lambda text: text.replace('source = "of a row\'s wire, for each device on it"', 'source = ""'), "a source"),
    ],
)
def test_a_figure_that_is_missing_unknown_or_without_source_is_refused(tmp_path, edit, complaint):
    path = tmp_path / "figures.toml"
    original = (model.models_dir() / "energy_advantage.toml").read_text(encoding="utf-8")
    path.write_text(edit(original), encoding="utf-8")
    with pytest.raises(ParameterError, match=complaint):
        model.load_assumptions(path)


def test_one_pattern_on_one_array_is_what_a_hand_computes():
    """64 neurons: 64 (12 + 10 + 1/36) rows of 128 devices; 60 ticks of 64 columns, and of one array."""
    found = model.analog(64, COUNTS, ASSUMED)
    rows = 64 * (22 + 1 / 36)
    assert found["crossbar read"] == pytest.approx(rows * 128 * 0.25 / 240e3 * 0.1 * 10e-9)
    assert found["row wires"] == pytest.approx(rows * 128 * 1e-15 * 0.25)
    assert found["column conversion"] == pytest.approx(60 * 64 * 2.125085e-12)
    assert found["array buffers and links"] == pytest.approx(60 * 558.76e-12)
    assert found["neurons"] == pytest.approx(60 * 64 * 5.096e-12)
    assert found["neuron bias (static)"] == pytest.approx(60 * 100e-9 * 64 * 1e-6)
    assert found["write pulses"] == pytest.approx(6e-4 * 2 * 64**2 * 16 / 240e3 * 50e-9)
    assert model.total(found) == pytest.approx(sum(found.values()))


@pytest.mark.parametrize("arrays", [1, 2, 5])
def test_every_array_converts_its_own_columns_and_moves_its_own_sums(arrays):
    found = model.analog(64 * arrays, COUNTS, ASSUMED)
    assert found["column conversion"] == pytest.approx(60 * 64 * arrays**2 * 2.125085e-12)
    assert found["array buffers and links"] == pytest.approx(60 * arrays**2 * 558.76e-12)
    single = model.analog(64 * arrays, COUNTS, task.one_array(64 * arrays, ASSUMED))
    assert single["column conversion"] == pytest.approx(60 * 64 * arrays * 2.125085e-12)
    assert single["array buffers and links"] == pytest.approx(60 * arrays * 558.76e-12)


def test_one_pattern_in_digital_memory_is_what_a_hand_computes():
    """1,000 neurons: seven sweeps and an update's two passes of 10^6 bytes from the chip's memory; 4 MB as floats."""
    found = model.digital(1000, COUNTS, ASSUMED)
    assert found["multiply and add"] == pytest.approx(7e6 * 0.3e-12)
    assert found["update"] == pytest.approx(2e6 * 0.3e-12)
    assert found["memory on the chip"] == pytest.approx(9e6 * 12.5e-12)
    assert found["memory off the chip"] == 0.0
    wide = model.digital(1000, COUNTS, ASSUMED, wide=True)
    assert wide["multiply and add"] == pytest.approx(7e6 * 4.6e-12)
    assert wide["memory on the chip"] == pytest.approx(36e6 * 12.5e-12)


def test_weights_leave_the_chip_where_its_memory_ends():
    last = math.isqrt(int(ASSUMED.on_chip_bytes))
    assert model.digital(last, COUNTS, ASSUMED)["memory off the chip"] == 0.0
    assert model.digital(last + 1, COUNTS, ASSUMED)["memory off the chip"] > 0.0


@given(n=sizes, name=names, factor=st.sampled_from([0.1, 10.0]))
def test_no_cause_is_negative_and_more_costly_parts_never_cost_less(n, name, factor):
    counts, other = model.changed(COUNTS, ASSUMED, name, factor)
    for side in (model.analog, model.digital):
        before, after = side(n, COUNTS, ASSUMED), side(n, counts, other)
        assert min(after.values()) >= 0.0
        if name not in ("batch", "array_rows", "on_chip_bytes"):
            assert (model.total(after) - model.total(before)) * (factor - 1.0) >= 0.0


@given(n=st.integers(2, 64))
def test_up_to_one_array_nothing_is_gained_by_a_larger_one(n):
    assert model.ratio(n, COUNTS, ASSUMED) == pytest.approx(
        model.ratio(n, COUNTS, replace(ASSUMED, array_rows=max(n, 64)))
    )


@given(n=sizes)
def test_each_step_of_the_ladder_is_in_favour_of_crossbars(n):
    steps = list(task.ladder(n, COUNTS, ASSUMED).values())
    assert all(after >= before * (1 - 1e-12) for before, after in pairwise(steps))


@given(n=sizes)
def test_the_band_holds_the_ratio_and_a_batch_never_shrinks_below_one(n):
    low, high = task.band(n, COUNTS, ASSUMED)
    assert low <= model.ratio(n, COUNTS, ASSUMED) <= high
    assert model.sensitivity(n, COUNTS, ASSUMED)["batch"][0] == model.ratio(n, COUNTS, ASSUMED)


def test_sensitivities_name_every_figure_that_matters_widest_first():
    spans = model.sensitivity(100_000, COUNTS, ASSUMED)
    widths = [abs(math.log(high / low)) for low, high in spans.values()]
    assert widths == sorted(widths, reverse=True)
    assert set(spans) >= {f.name for f in fields(COUNTS)}
    assert "gpu_mac" not in spans


def test_the_crossover_is_where_the_ratio_passes_the_goal():
    n = model.crossover(COUNTS, ASSUMED, 50.0)
    assert model.ratio(n, COUNTS, ASSUMED) >= 50.0 > model.ratio(n * 0.98, COUNTS, ASSUMED)
    assert math.isnan(model.crossover(COUNTS, ASSUMED, 1e12))


@pytest.mark.parametrize("name", ["ticks", "off_chip_byte", "digital_mac"])
def test_a_factor_that_alone_reaches_the_goal_does_reach_it(name):
    factor = task.factor_for(100_000, COUNTS, ASSUMED, name, 1e4)
    assert model.ratio(100_000, *model.changed(COUNTS, ASSUMED, name, factor)) >= 1e4


def test_no_factor_on_a_cost_that_hardly_counts_reaches_four_orders():
    assert math.isnan(task.factor_for(100_000, COUNTS, ASSUMED, "write_pulse", 1e4))


def test_sweeps_are_counted_until_nothing_changes():
    patterns = np.random.default_rng(1).choice([-1.0, 1.0], (2, 40))
    weights = hopfield.pseudo_inverse(patterns)
    noisy = patterns * np.where(np.arange(40) < 3, -1.0, 1.0)
    rng = np.random.default_rng(0)
    assert settling.sweeps_to_settle(weights, patterns, rng).tolist() == [1.0, 1.0]
    assert settling.sweeps_to_settle(weights, noisy, rng).tolist() == [2.0, 2.0]


@given(slope=st.floats(-2, 2), scale=st.floats(0.1, 10))
def test_a_power_law_has_its_exponent(slope, scale):
    n = np.array([16.0, 32.0, 128.0])
    found, error = settling.exponent(n, scale * n**slope)
    assert found == pytest.approx(slope, abs=1e-9)
    assert error < 1e-6


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("energy") / "report"
    return run_task("energy-advantage", overrides=TINY, out=out), out


def test_counts_are_those_of_the_memory_that_was_trained(report):
    counts, exact = settling.braille_counts(0, 1, "levels64_3.9uS", trials=9)
    metrics = report[0].metrics
    assert {f"measured/{f.name}": getattr(counts, f.name) for f in fields(counts)} == {
        name: value for name, value in metrics.items() if name.startswith("measured/") and "exact" not in name
    }
    assert metrics["measured/exact_words_at_0.20"] == exact
    assert counts.clamped_spikes == pytest.approx(30 * task_raised_share())
    assert counts.bias_reads == 1 / 36


def task_raised_share():
    from neuro.tasks._braille_cues import patterns

    return patterns().mean()


def test_the_report_closes_and_says_what_each_number_is_of(report):
    found, out = report
    written = json.loads((out / "report.json").read_text(encoding="utf-8"))
    for side in ("analog", "digital"):
        for n, causes in written["energy"][side].items():
            total = causes.pop("total")
            assert math.fsum(causes.values()) == pytest.approx(total, rel=1e-12)
            assert written["metrics"][f"{side}_J/{n}"] == total
    for n in (64, 1000):
        metrics = found.metrics
        assert metrics[f"ratio/{n}"] == pytest.approx(metrics[f"digital_J/{n}"] / metrics[f"analog_J/{n}"], rel=1e-12)
        assert metrics[f"ratio_low/{n}"] <= metrics[f"ratio/{n}"] <= metrics[f"ratio_high/{n}"]
    assert set(written["figures"]) == {"ratio", "sensitivity", "breakdown", "growth"}
    assert all((out / name).stat().st_size > 1000 for name in written["figures"].values())


@pytest.mark.parametrize(
    ("bad", "setting"),
    [("sizes=1", "sizes"), ("grown=8,16", "grown"), ("variant=none", "variant"), ("seeds=0", "seeds")],
)
def test_a_setting_that_cannot_be_is_refused_by_name(bad, setting):
    with pytest.raises(ParameterError, match=f"`{setting}`"):
        run_task("energy-advantage", overrides=[bad])


def test_the_variants_are_those_of_the_braille_task():
    from typing import get_args

    from neuro.tasks import _braille_memory as braille

    assert get_args(task.Config.model_fields["variant"].annotation) == braille.TRAINED


def test_the_same_seed_gives_the_same_report(report):
    again = run_task("energy-advantage", overrides=TINY).metrics
    for name, value in report[0].metrics.items():
        assert again[name] == pytest.approx(value, nan_ok=True), name
