"""The regression-delays task: its functions and answers, what changes in training, and its gradients."""

from functools import cache

import numpy as np
import pytest

from neuro.report.record import Report
from neuro.tasks import run_task
from neuro.tasks._regression_delays import (
    FUNCTIONS,
    Config,
    Outcome,
    errors,
    examples,
    learn,
    simple,
    slopes,
    targets_of,
)
from neuro.tasks.regression_delays import PRESETS

SMALL: Config = PRESETS["smoke"]


@cache
def trained(which: str, name: str = "product", seed: int = 0) -> Outcome:
    return learn((SMALL, name, which, seed))


@cache
def smoke() -> Report:
    return run_task("regression-delays", overrides=("workers=1",))


def test_values_of_functions_fill_the_window_of_answers() -> None:
    config = Config()
    for name, function in FUNCTIONS.items():
        found = examples(config, name, "training")
        values = (found.inputs[:, :-1] - 1e-3) / config.span
        assert values.shape[1] == function.arguments
        assert np.allclose(targets_of(found), config.answer + config.span * function.value(*values.T))
        assert np.all((targets_of(found) >= config.answer) & (targets_of(found) <= config.answer + config.span))
        assert not np.array_equal(found.inputs[:200], examples(config, name, "validation").inputs)


def test_a_linear_function_is_exact_for_a_mean_and_explains_six_sevenths_of_a_product() -> None:
    config = Config(points=(20000, 10, 20000))
    assert simple(config, "mean")["linear"][1] > 1.0 - 1e-12
    assert simple(config, "product")["linear"][1] == pytest.approx(6 / 7, abs=0.01)
    assert simple(config, "sine")["linear"][1] == pytest.approx(6 / np.pi**2, abs=0.02)


def test_errors_of_a_constant_are_the_standard_deviation_and_explain_nothing() -> None:
    targets = np.array([1.0, 2.0, 6.0])
    assert errors(np.full(3, 3.0), targets) == pytest.approx((targets.std(), 0.0))


@pytest.mark.parametrize("which", ["delays", "weights", "both"])
def test_only_what_is_trained_changes(which: str) -> None:
    before, after = trained(which).first, trained(which).weights
    same = [
        all(np.array_equal(one, other) for one, other in zip(*pair, strict=True))
        for pair in zip(before, after, strict=True)
    ]
    assert same == [which == "delays", which == "weights"]


def test_all_ways_to_train_start_from_the_same_network() -> None:
    firsts = [trained(which).first for which in ("delays", "weights", "both")]
    for other in firsts[1:]:
        for mine, its in zip(firsts[0].matrices + firsts[0].biases, other.matrices + other.biases, strict=True):
            assert np.array_equal(mine, its)


def test_gradients_by_delays_are_central_differences_of_runs() -> None:
    found = slopes(SMALL, trained("delays"))
    assert len(found.exact) == 40
    assert np.all(found.exact != 0.0)
    assert np.abs(found.exact - found.differences).max() < 1e-5 * np.abs(found.exact).max()


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not() -> None:
    again, other = learn((SMALL, "product", "delays", 0)), learn((SMALL, "product", "delays", 1))
    assert again.answers.tobytes() == trained("delays").answers.tobytes() != other.answers.tobytes()
    assert again.validation == trained("delays").validation


def test_delays_alone_beat_the_best_constant_in_a_small_run() -> None:
    metrics = smoke().metrics
    for name in ("mean", "product"):
        assert metrics[f"rms_ms/{name}/delays"] < metrics[f"rms_ms/{name}/constant"]
        assert metrics[f"moved_ms/{name}/weights"] == 0.0 < metrics[f"moved_ms/{name}/delays"]
    assert metrics["gradient/worst_error"] < 1e-5


def test_a_report_has_a_row_for_each_function_and_all_its_figures_can_be_drawn() -> None:
    summary, by_seed = smoke().tables
    assert [row[0] for row in summary.rows] == ["mean", "product"]
    assert len(by_seed.rows) == 6
    for draw in smoke().figures.values():
        assert draw().axes
