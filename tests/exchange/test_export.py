"""Tables of `neuro export` have every spike, core and metric, to the last bit."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import neuro as nr
from neuro.cli import app
from neuro.errors import FileError, InputError, NeuroError, UnknownName, UnsupportedFeature
from neuro.exchange.export import export
from neuro.exchange.spike_files import read_spikes
from neuro.report.record import Report, write


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A folder with a recording, a placement and a report."""
    folder = tmp_path_factory.mktemp("saved")
    rng = np.random.default_rng(3)
    counts = {"cue": 40, "cell": 60, "none": 0}
    spikes = {name: nr.Spikes(rng.uniform(0, 1, n), rng.integers(0, 4, n)) for name, n in counts.items()}
    nr.Recording(spikes, {}, np.zeros(0), {}, 0.0, 1.0).save(folder / "run.h5")
    net = nr.Network()
    for name in ("cue", "cell"):
        net.add(nr.Population(name, 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    nr.placed(net, nr.mesh_chip(2, 2, 4), {"cue": [0, 1, 2, 3], "cell": 3}).save(folder / "placed.npz")
    write(Report(task="some", metrics={"a": 0.1, "b": 3}), folder / "report")
    return folder


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.open()))


def test_spikes_come_back_from_a_table_with_every_bit(saved: Path, tmp_path: Path) -> None:
    said = export(saved / "run.h5", tmp_path / "spikes.csv")
    assert said.endswith("spikes.csv, 100 rows of time, id, population")
    recording = nr.load_recording(saved / "run.h5")
    net = nr.Network()
    for name in ("cue", "cell"):
        net.add(nr.Population(name, 4, nr.SpikeSource()))
    back = read_spikes(tmp_path / "spikes.csv", net, dt=1e-3)
    for name in ("cue", "cell"):
        assert np.array_equal(back[name].times, recording.spikes[name].times)
        assert np.array_equal(back[name].ids, recording.spikes[name].ids)
    export(saved / "run.h5", tmp_path / "one.csv", "cell")
    assert {row[2] for row in rows_of(tmp_path / "one.csv")[1:]} == {"cell"}


def test_a_parquet_file_has_the_same_table_with_types(saved: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    tables = {"run.h5": "time id population", "placed.npz": "population id core", "report": "metric value"}
    for file, columns in tables.items():
        export(saved / file, tmp_path / "table.parquet")
        export(saved / file, tmp_path / "table.csv")
        found = parquet.read_table(tmp_path / "table.parquet")
        assert found.column_names == columns.split()
        typed = [[str(value) for value in row.values()] for row in found.to_pylist()]
        assert typed == rows_of(tmp_path / "table.csv")[1:]


def test_cores_and_metrics_are_tables(saved: Path, tmp_path: Path) -> None:
    export(saved / "placed.npz", tmp_path / "cores.csv")
    cores = [["cue", str(i), str(i)] for i in range(4)] + [["cell", str(i), "3"] for i in range(4)]
    assert rows_of(tmp_path / "cores.csv") == [["population", "id", "core"], *cores]
    for source in (saved / "report", saved / "report" / "report.json"):
        export(source, tmp_path / "metrics.csv")
        assert rows_of(tmp_path / "metrics.csv") == [["metric", "value"], ["a", "0.1"], ["b", "3.0"]]


@pytest.mark.parametrize(
    ("source", "target", "population", "error", "says"),
    [
        ("run.h5", "spikes.txt", None, InputError, "a .csv or a .parquet file"),
        ("run.txt", "spikes.csv", None, InputError, "a table is made of"),
        ("run.h5", "spikes.csv", "cel", UnknownName, "Did you mean 'cell'"),
        ("placed.npz", "cores.csv", "cels", UnknownName, "Did you mean 'cell'"),
        ("absent.h5", "spikes.csv", None, NeuroError, "absent"),
        ("run.h5", "absent/spikes.csv", None, FileError, "absent"),
    ],
)
def test_what_is_no_table_is_refused_by_name(saved, tmp_path, source, target, population, error, says) -> None:
    with pytest.raises(error, match=says):
        export(saved / source, tmp_path / target, population)
    assert not list(tmp_path.iterdir())


def test_without_pyarrow_the_error_names_the_extra(saved: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnsupportedFeature, match=r"pip install 'neuro-events\[parquet\]'"):
        export(saved / "run.h5", tmp_path / "spikes.parquet")


def test_the_command_says_what_it_wrote_and_ends_with_2_where_it_cannot(saved: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(saved / "run.h5"), str(tmp_path / "s.csv")])
    assert (done.exit_code, done.stdout.split()[0]) == (0, "Written:")
    assert CliRunner().invoke(app, ["export", str(saved / "run.h5"), str(tmp_path / "s.doc")]).exit_code == 2
