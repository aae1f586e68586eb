"""Tasks outside of the package: files of the user, and entry points of installed packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import neuro as nr
from neuro.errors import DataError, FileError, NeuroError, ParameterError, UnknownName
from neuro.report.templates import USE, write_template
from neuro.tasks import configure, list_tasks, load_task, run_task

SMALL = '''"""A task of somebody else."""
import os
from pydantic import BaseModel
from neuro.report import Report
from neuro.system.workers import run_jobs

class Config(BaseModel):
    seed: int = 0
    n: int = 3

PRESETS = {"smoke": Config(), "paper": Config(n=4)}

def squared(number):
    return number * number, os.getpid()

def run(config, *, out, progress):
    found = list(run_jobs(squared, list(range(config.n)), workers=2))
    own = sum(process == os.getpid() for _, process in found)
    return Report(task="anything", metrics={"sum": sum(square for square, _ in found), "own": own})
'''


@pytest.fixture(autouse=True)
def aside(tmp_path, monkeypatch):
    """A folder of its own, and modules that are forgotten at the end."""
    monkeypatch.chdir(tmp_path)
    before, places = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = places
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


def test_a_task_in_a_file_runs_with_presets_settings_and_processes(tmp_path: Path) -> None:
    Path("squares.py").write_text(SMALL)
    report = run_task("squares.py", "paper", seed=3, overrides=["n=5"], out=tmp_path / "out")
    assert report.metrics == {"sum": 30, "own": 0}
    assert (report.task, report.preset, report.config) == ("squares", "paper", {"seed": 3, "n": 5})
    assert report.provenance["task_file"] == str(tmp_path / "squares.py")
    assert len(report.provenance["task_sha256"]) == 64
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["provenance"]["task_file"] == str(tmp_path / "squares.py")
    folder = Path("more")
    folder.mkdir()
    (folder / "cubes.py").write_text(SMALL)
    assert configure(str(folder / "cubes.py"), "paper").n == 4


def test_a_task_of_an_installed_package_is_listed_and_runs(tmp_path: Path, monkeypatch) -> None:
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[neuro.tasks]\nsum_of_squares = their_squares\n")
    (tmp_path / "their_squares.py").write_text(SMALL)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list_tasks()["sum-of-squares"] == "from theirs"
    assert "their_squares" not in sys.modules
    assert load_task("sum_of_squares").PRESETS["paper"].n == 4
    with pytest.raises(UnknownName, match="Did you mean 'sum-of-squares'"):
        load_task("sum-of-square")


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("absent.py", None, DataError, "there is no such file"),
        ("two-words.py", SMALL, ParameterError, "must be a name of Python"),
        ("json.py", SMALL, ParameterError, "must not be that of another module"),
        ("unnamed.py", SMALL.replace("n: int", "n: nothing"), ParameterError, "NameError.*'nothing'.*line 9"),
        ("broken.py", "def run(:\n", ParameterError, "cannot be imported.*SyntaxError.*line 1"),
        ("half.py", SMALL.replace("PRESETS", "SETTINGS"), ParameterError, "one without PRESETS"),
        ("seedless.py", SMALL.replace("    seed: int = 0\n", ""), ParameterError, "one without setting 'seed'"),
    ],
)
def test_a_file_that_is_no_task_is_refused_by_name(name, content, error, says) -> None:
    if content is not None:
        Path(name).write_text(content)
    with pytest.raises(error, match=rf"(?s){says}"):
        run_task(name)


@pytest.mark.parametrize("kind", USE)
def test_a_template_works_as_it_is(kind: str) -> None:
    said = write_template(kind, f"my_{kind}")
    (file,) = Path().glob(f"my_{kind}.*")
    assert said.endswith(f"{USE[kind]} {file}")
    done = subprocess.run(
        [sys.executable, "-c", "import neuro.cli; neuro.cli.main()", *USE[kind].split()[1:], str(file), "--json"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path(nr.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)
    with pytest.raises(FileError, match="there is such a file already"):
        write_template(kind, f"my_{kind}")


def test_a_template_of_a_neuron_runs_by_itself_and_its_own_spikes_slow_it_down() -> None:
    write_template("neuron", "mine")
    env = {**os.environ, "PYTHONPATH": str(Path(nr.__file__).parents[1])}
    done = subprocess.run([sys.executable, "mine.py"], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["pull 0", "pull 0.1"]
    found = run_task("mine.py").metrics
    assert 5.0 < found["rate_hz_slowed"] < 0.8 * found["rate_hz"]


def test_a_template_of_a_chip_has_every_figure_and_one_of_a_device_holds_weights() -> None:
    write_template("chip", "my_chip")
    write_template("device", "my_device")
    net = nr.Network()
    net.add(nr.Population("cue", 4, nr.SpikeSource([1e-3], [0])))
    net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    net.connect("cue", "cell", nr.Crossbar([[1.0] * 4] * 4, device=nr.load_device("my_device.toml")), delay=1e-3)
    placement = nr.place(net, nr.load_chip("my_chip.toml"))
    report = nr.account(nr.run(net, 0.02), placement, dt=1e-3)
    assert not report.missing
    assert report.latency is not None


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("synapse", "mine", "no kind of template is called 'synapse'"),
        ("task", "json", "a module has this name already"),
        ("task", "my-task", "must be at most 100 letters, digits and underscores"),
        ("chip", "../mine", "letters, digits and underscores, or dashes"),
        ("device", "", "must be at most 100 letters"),
        ("device", "x" * 200, "must be at most 100 letters"),
    ],
)
def test_a_template_with_a_wrong_name_is_refused(kind, name, says) -> None:
    with pytest.raises(NeuroError, match=says):
        write_template(kind, name)
    assert not list(Path().iterdir())
