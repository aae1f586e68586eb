"""`neuro energy`, `neuro chips`, `neuro chip`: tables, JSON and figures of a saved recording."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import neuro as nr
from neuro.chip.load import list_chips
from neuro.cli import app
from neuro.report.energy import chip_tables, chips_table, energy_of
from neuro.report.energy_plots import energy_by_cause, link_load, mesh_map
from tests.sanafe_fixture import ARCHITECTURE, two_kinds

DT = 1e-3


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A directory with a recording and a placement of its network."""
    folder = tmp_path_factory.mktemp("run")
    net = nr.Network()
    net.add(nr.Population("cue", 4, nr.SpikeSource()))
    net.add(nr.Population("cell", 6, nr.LIF(tau_m=20e-3, v_th=0.8)))
    net.connect("cue", "cell", nr.AllToAll(1.0), delay=DT)
    recording = nr.run(net, 0.02, inputs={"cue": nr.Spikes(DT * np.arange(12), np.arange(12) % 4)})
    recording.save(folder / "run.h5")
    loihi = nr.load_chip("loihi_davies2018")
    nr.placed(net, loihi, {"cue": 0, "cell": [1, 5, 9, 30, 64, 127]}).save(folder / "placed.npz")
    return folder


def neuro(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_a_recording_is_accounted_by_one_command(saved, tmp_path):
    done = neuro("energy", saved, "--placement", saved / "placed.npz", "--dt", DT, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    report = nr.account(nr.load_recording(saved / "run.h5"), nr.load_placement(saved / "placed.npz"), dt=DT)
    assert record["metrics"]["total_J"] == report.total
    held = record["energy"]["chips"]["loihi_davies2018"]
    assert sum(held["by_cause_J"].values()) == pytest.approx(report.total, rel=1e-12, abs=0)
    apart = sum(held["by_core_J"]) + sum(held["by_link_J"]) + held["static_J"]
    assert apart == pytest.approx(report.total, rel=1e-12, abs=0)
    written = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert set(written["figures"].values()) == {"by_cause.png", "mesh.png", "links.png"}
    for name in written["figures"].values():
        assert (tmp_path / "out" / name).stat().st_size > 5000


def test_chips_are_compared_in_one_table(saved):
    chips = ["loihi_davies2018", "loihi_sanafe", "truenorth", "digital_mac", "loihi2", "crossbar_64"]
    report = energy_of(saved, chips, saved / "placed.npz", dt=DT)
    table = report.tables[0]
    assert [row[0] for row in table.rows] == chips
    totals = dict(zip(chips, (row[1] for row in table.rows), strict=True))
    remarks = dict(zip(chips, (row[-1] for row in table.rows), strict=True))
    assert totals["truenorth"] == pytest.approx(12 * 6 * 26e-12, rel=1e-12, abs=0)
    assert totals["loihi2"] is None
    assert "energy.synapse" in remarks["loihi2"]
    assert "64 cores" in remarks["crossbar_64"]
    assert report.metrics["loihi_sanafe.total_J"] == totals["loihi_sanafe"]


def test_partial_totals_are_marked(saved):
    done = neuro("energy", saved, "--chip", "loihi2", "--dt", DT)
    assert done.exit_code == 2
    assert "loihi2" in done.stderr
    assert "--partial" in done.stderr
    done = neuro("energy", saved, "--chip", "loihi2", "--dt", DT, "--partial", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["metrics"]["complete"] == 0


def test_without_a_placement_one_core_holds_all(saved):
    report = energy_of(saved / "run.h5", ["loihi_davies2018"], dt=DT)
    assert "one core" in report.tables[0].title
    assert "one core" in report.energy["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.h5", "--chip", "truenorth"], "no such recording"),
        (["{}", "--chip", "truenrth", "--dt", "1e-3"], "no chip is called"),
        (["{}"], "--chip NAME or --placement"),
        (["{}", "--chip", "loihi_davies2018", "--dt", "0"], "greater than zero"),
        (["{}", "--placement", "{}/none.npz"], "no such placement"),
        (["{}", "--placement", "{}/run.h5", "--dt", "1e-3"], "a placement must be"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(saved, arguments, complaint):
    done = neuro("energy", *(each.format(saved) for each in arguments))
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_without_one_recording_is_refused(tmp_path):
    done = neuro("energy", tmp_path, "--chip", "truenorth")
    assert done.exit_code == 2
    assert "one recording" in done.stderr


def test_every_chip_is_listed_and_shown_with_its_sources():
    assert [row[0] for row in chips_table().rows] == list_chips()
    listed = neuro("chips", "--json")
    assert [row["chip"] for row in json.loads(listed.stdout)] == list_chips()
    assert neuro("chips").exit_code == 0
    for name in list_chips():
        shown = neuro("chip", name)
        assert shown.exit_code == 0
        assert "source" in shown.stdout
        record = json.loads(neuro("chip", name, "--json").stdout)
        assert record["mesh"]["width"]["source"]
    assert neuro("chip", "nothing").exit_code == 2
    assert neuro("chip", "nowhere/mine.toml").exit_code == 2
    assert "2.5" in neuro("chip", "truenorth@best").stdout


def test_an_architecture_of_sanafe_is_shown_and_accounted_on(saved, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(ARCHITECTURE, encoding="utf-8")
    shown = neuro("chip", path)
    assert shown.exit_code == 0
    assert "synapse:slow" in shown.stdout
    assert json.loads(neuro("chip", path, "--json").stdout)["width"] == 2
    done = neuro("energy", saved / "run.h5", "--chip", path, "--dt", DT, "--json")
    assert json.loads(done.stdout)["metrics"]["total_J"] > 0


def test_cores_of_an_architecture_that_differ_are_shown(tmp_path):
    path = tmp_path / "small.yaml"
    text = two_kinds(size=("max_neurons_supported: 77", "max_neurons_supported: 11"), out=("11e-12", "13e-12"))
    path.write_text(text, encoding="utf-8")
    assert json.loads(neuro("chip", path, "--json").stdout)["groups"][0]["limits"]["neurons"] == 11
    title, (table,) = chip_tables(str(path))
    shown = {row[0]: row[1] for row in table.rows}
    others = " @cores 6..11, 6 of them"
    assert (shown["limits.neurons"], shown[f"limits.neurons{others}"]) == (77, 11)
    assert (shown["energy.message_out"], shown[f"energy.message_out{others}"]) == (11e-12, 13e-12)
    assert title.startswith("small")


@pytest.mark.parametrize("command", ["energy", "chips", "chip"])
def test_help_shows_an_example(command):
    shown = neuro(command, "--help")
    assert shown.exit_code == 0
    assert f"neuro {command}" in shown.stdout


def test_figures_show_what_was_counted(saved):
    placement = nr.load_placement(saved / "placed.npz")
    report = nr.account(nr.load_recording(saved / "run.h5"), placement, dt=DT)
    mesh = mesh_map(report, placement.chip)
    image = mesh.axes[0].images[0].get_array()
    assert image.shape == (4, 8)
    x, y = placement.chip.tile_xy.T
    tiles = report.by_core.reshape(32, 4).sum(axis=1)
    np.testing.assert_allclose(image[3 - y, x] / image.max(), tiles / tiles.max(), rtol=1e-12)
    links = link_load(report, placement.chip)
    drawn = links.axes[0].collections[1].get_array()
    assert sorted(drawn) == sorted(report.messages_by_link)
    bars = energy_by_cause({"loihi": report}).axes[0].patches
    assert sum(bar.get_width() for bar in bars) == pytest.approx(report.total, rel=1e-9, abs=0)
