"""Bad values for every argument of everything public: refused by name, or right; see `python -m tests.campaign`."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

import neuro as nr
from tests.campaign import calls_commands
from tests.campaign.calls_learning import TRAINING
from tests.campaign.campaign import RECIPES, every_case, verdicts
from tests.campaign.recipe import Case, cases_of

STRIDE = 193
"""In the ordinary suite every so manieth case runs: over the values of every argument in turn, as it is prime."""


TAKES_NOTHING = {"list_chips", "list_devices", "raise_interrupts"}
GIVEN_BACK = {
    "AbstractCrossbar",
    "EnergyReport",
    "Fitted",
    "Gradient",
    "Hotspots",
    "NeuroError",
    "SweepResult",
    "UnitWarning",
}
"""What neuro makes and users do not."""


def test_everything_public_is_called():
    called = {re.split(r"[.,(]", recipe.name)[0] for recipe in RECIPES}
    left_out = set() if find_spec("torch") else {recipe.name for recipe in TRAINING}
    left_out |= set() if find_spec("plotly") else {"html_report"}
    assert set(nr.__all__) - called == TAKES_NOTHING | GIVEN_BACK | left_out


def faults(cases: list[Case]) -> list[str]:
    return [f"{each.outcome}: {each.case}: {each.text}" for each in verdicts(cases) if each.fault]


def test_a_sample_of_bad_values_is_refused_by_name():
    assert faults(list(every_case())[::STRIDE]) == []


@pytest.mark.campaign
def test_every_bad_value_is_refused_by_name():
    cases = list(every_case())
    assert len(cases) >= 1500
    assert faults(cases) == []


@pytest.mark.campaign
def test_real_processes_refuse_bad_values_as_well(monkeypatch):
    monkeypatch.setattr(calls_commands, "invoke", calls_commands.invoke_process)
    cases = [case for recipe in calls_commands.COMMANDS if recipe.name != "neuro run" for case in cases_of(recipe)]
    assert faults(cases[:: len(cases) // 20]) == []
