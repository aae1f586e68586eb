"""The memory task: its trials are silent between the symbol and the question, and a small run learns."""

import numpy as np

from neuro.tasks import run_task
from neuro.tasks._memory_gradient import SHOWN, VARIANTS, Config, Trials


def test_inputs_are_silent_between_the_symbol_and_the_question() -> None:
    config, rng = Config(), np.random.default_rng(0)
    for variant in VARIANTS:
        trials = Trials(config, variant, 0)
        for label in range(config.symbols):
            given = trials.draw(label, rng)
            assert given["cue"].times.max() <= SHOWN
            assert given["go"].times.min() == SHOWN + variant.delay
            assert sorted(given["cue"].ids) == trials.channels[label].tolist()


def test_a_small_run_remembers_two_symbols_without_a_spike_in_the_delay() -> None:
    settings = ("workers=1", "symbols=2", "steps=30", "tested=40")
    report = run_task("memory-gradient", overrides=settings)
    assert report.metrics["accuracy/200ms"] >= 0.9
    assert report.metrics["accuracy/600ms"] > report.metrics["accuracy/control"]
    assert report.metrics["spikes/600ms/in_silence"] == 0.0
