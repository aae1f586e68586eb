"""Chip files: every figure has its source, and a file that lacks one is refused."""

import csv
import re

import pytest

import neuro as nr
from neuro.chip.load import chip_record
from neuro.chip.model import KINDS
from neuro.errors import ChipError, UnknownName
from neuro.figures import UNITS
from tests.reference import DATA, needs

RECORD = """
name = "mine"
title = "A chip"
mode = "step"
updates = "fired"
[mesh]
width = {{ value = 2, unit = "1", source = "here" }}
height = {{ value = 1, unit = "1", source = "here" }}
[energy]
{energy}
"""


def written(tmp_path, energy, **changes):
    text = RECORD.format(energy=energy)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", nr.list_chips())
def test_every_figure_of_every_chip_has_a_unit_and_a_source(name):
    figures = chip_record(name).figures()
    assert {"mesh.width", "mesh.height"} <= set(figures)
    for key, figure in figures.items():
        assert figure.source.strip(), key
        assert figure.unit in UNITS, key
        assert "recalled" not in figure.source.lower(), key


@pytest.mark.parametrize("name", nr.list_chips())
def test_every_chip_loads_in_si_units(name):
    record, chip = chip_record(name), nr.load_chip(name)
    for key, figure in record.energy.items():
        assert key.partition(":")[0] in KINDS
        quantity = chip.energy[key]
        assert quantity.unit == "J"
        assert quantity.source == figure.source
        if isinstance(figure.value, float):
            assert quantity.value == pytest.approx(figure.value * 10.0 ** UNITS[figure.unit][1], rel=1e-15, abs=0)
            assert quantity.value < 1e-6


@pytest.mark.parametrize(
    ("figure", "complaint"),
    [
        ('{ value = 1.0, unit = "pJ" }', "source"),
        ('{ value = 1.0, unit = "pJ", source = "" }', "source"),
        ('{ value = 1.0, unit = "pJ", source = "  " }', "source"),
        ('{ value = 1.0, source = "here" }', "unit"),
        ('{ value = 1.0, unit = "cal", source = "here" }', "cal"),
        ('{ value = 1.0, unit = "ns", source = "here" }', "must be in J"),
        ('{ value = 1.0, unit = "pJ", source = "here", low = 2.0 }', "low"),
        ('{ unit = "pJ", source = "here", high = 2.0 }', "no range"),
        ('{ value = 1.0, unit = "pJ", source = "here", within = "spike" }', "no value of its own"),
        ('{ value = nan, unit = "pJ", source = "here" }', "finite"),
        ("1.0", "valid dictionary"),
    ],
)
def test_a_figure_without_source_unit_or_sense_is_refused(tmp_path, figure, complaint):
    with pytest.raises(ChipError, match=complaint):
        nr.load_chip(written(tmp_path, f"synapse = {figure}"))


@pytest.mark.parametrize(
    ("energy", "change", "complaint"),
    [
        ('synaps = { value = 1.0, unit = "pJ", source = "here" }', None, "energy.synaps: unknown"),
        ("", ("updates", "update"), "update"),
        ("", ("value = 2", "value = 2.5"), "whole number"),
        ("", ("value = 2", "value = 0"), "whole number"),
        ("", ("height", "depth"), "mesh"),
        ("", ("[mesh]", "[mesh"), "TOML"),
    ],
)
def test_files_that_are_no_chips_are_refused(tmp_path, energy, change, complaint):
    with pytest.raises(ChipError, match=complaint):
        nr.load_chip(written(tmp_path, energy, **({"change": change} if change else {})))


def test_unknown_is_none_and_never_zero(tmp_path):
    path = written(tmp_path, 'synapse = { value = "null", unit = "pJ", source = "looked for" }')
    chip = nr.load_chip(path)
    assert chip.energy["synapse"].value is None
    assert "spike" not in chip.energy


def test_a_chip_of_ones_own_is_loaded_by_its_path(tmp_path):
    path = written(tmp_path, 'synapse = { value = 1.5, unit = "nJ", low = 1.0, source = "here" }')
    quantity = nr.load_chip(path).energy["synapse"]
    assert (quantity.value, quantity.range, quantity.source) == (1.5e-9, (1e-9, 1.5e-9), "here")
    assert nr.load_chip(str(path)).name == "mine"


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(UnknownName, match="loihi_davies2018"):
        nr.load_chip("loihi_davis")
    with pytest.raises(UnknownName, match="best"):
        nr.load_chip("truenorth@worst")
    with pytest.raises(FileNotFoundError):
        nr.load_chip("nowhere/mine.toml")


def test_tiles_are_numbered_as_the_chip_says():
    loihi = nr.load_chip("loihi_davies2018")
    assert loihi.cores == 128
    assert loihi.xy[[0, 3, 4, 16, 127]].tolist() == [[0, 0], [0, 0], [0, 1], [1, 0], [7, 3]]
    assert nr.mesh_chip(3, 2, neurons=4).xy.tolist() == [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]


CHIPS = {
    "loihi": "loihi_davies2018",
    "loihi_sanafe_calibrated": "loihi_sanafe",
    "spinnaker1": "spinnaker1",
    "spinnaker2": "spinnaker2",
    "truenorth": "truenorth",
}


@needs("chips")
def test_energies_and_times_of_the_reference_table_are_those_of_the_files():
    """Each confirmed energy per event in the table of published figures is in the file of its chip, as printed."""
    with (DATA / "chips" / "chip_figures.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["chip"] in CHIPS and row["note"].startswith(("V1", "V2"))]
    wanted = re.compile(r"E_(neuron_update_(in)?active|synap|hop|soma_(access|spike)|spike)")
    found = 0
    for row in rows:
        if not row["value"] or not wanted.match(row["quantity"]):
            continue
        figures = chip_record(CHIPS[row["chip"]]).figures().values()
        held = {(v, f.unit) for f in figures for v in (f.value, f.low, f.high)}
        noted = " ".join(f.note for f in figures)
        assert (float(row["value"]), row["unit"]) in held or f"{float(row['value']):g} {row['unit']}" in noted, row
        found += 1
    assert found > 15


@needs("chips")
def test_no_figure_that_was_only_recalled_is_shipped():
    with (DATA / "chips" / "chip_figures.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["note"].startswith("R") and row["chip"] in CHIPS]
    assert rows
    for row in rows:
        figures = chip_record(CHIPS[row["chip"]]).figures().values()
        assert (float(row["value"]), row["unit"]) not in {(figure.value, figure.unit) for figure in figures}, row
    assert not [name for name in nr.list_chips() if name.startswith("dynap")]
