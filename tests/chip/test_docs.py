"""docs/chips.md says what is there: its example gives what it shows, and its tables name every chip, cause and key."""

import re
from pathlib import Path

import pytest

import neuro as nr
from neuro.chip.model import KINDS
from neuro.chip.schema import TABLES, ChipRecord

PAGE = Path(__file__).parents[2] / "docs" / "chips.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="no docs beside these tests")


def named():
    """Everything that the page sets in backticks."""
    return set(re.findall(r"`([^`\n]+)`", PAGE.read_text(encoding="utf-8")))


def test_the_example_gives_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    held = {}
    exec(code, held)
    shown = re.search(r"^# (.*)$", code, re.MULTILINE)[1]
    assert capsys.readouterr().out.strip() == shown
    counts = held["report"].counts
    page = PAGE.read_text(encoding="utf-8")
    hops = counts["hop_north"] + counts["hop_south"]
    for count in (counts["synapse"], counts["update_idle"], counts["update_active"], counts["message_in"], hops):
        assert f"{count:,.0f}" in page
    assert (tmp_path / "run.h5").exists()
    assert (tmp_path / "placed.npz").exists()


def test_every_chip_cause_and_key_is_named():
    names = named()
    missing = (set(nr.list_chips()) | set(KINDS)) - names
    assert not missing
    keys = {key for units in TABLES.values() for keys in units.values() for key in keys} - set(KINDS)
    assert not keys - names
    top = set(ChipRecord.model_fields) - {*TABLES, "barrier", "other", "points"}
    assert not top - names
