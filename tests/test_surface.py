"""The public surface: names, what `import neuro` loads, and what an unknown name is told."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

import neuro as nr
from neuro import errors
from neuro.names import Named

STUB = Path(nr.__file__).with_suffix(".pyi")


def names_for_type_checkers() -> set[str]:
    """Names that a type checker finds: imports under the same name, which is what makes them public in a stub."""
    found = set()
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            assert [alias.asname for alias in node.names] == [alias.name for alias in node.names]
            found |= {alias.name for alias in node.names}
    return found


def test_type_checkers_and_python_see_the_same_names() -> None:
    assert set(nr.__all__) == names_for_type_checkers()
    assert set(nr.__all__) <= set(dir(nr))


@pytest.mark.parametrize("name", nr.__all__)
def test_each_public_name_is_where_the_stub_says(name: str) -> None:
    assert getattr(nr, name).__name__ == name


def test_an_attribute_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="networks"):
        nr.networks  # noqa: B018


def test_importing_neuro_loads_nothing_and_takes_no_time() -> None:
    code = (
        "import sys, time; t = time.perf_counter(); import neuro; print(time.perf_counter() - t);"
        "print(*[name for name in ('numpy', 'numba', 'scipy', 'h5py', 'rich', 'pydantic') if name in sys.modules])"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        seconds, *loaded = done.stdout.split()
        assert loaded == []
        if float(seconds) <= 0.15:
            return
        time.sleep(1.0)  # the machine may be busy
    pytest.fail(f"import neuro took {seconds} s")


def small_run() -> nr.Recording:
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.Dense([[1.0, 2.0]]), delay=1e-3)
    return nr.run(net, 0.01, record=nr.Record(v={"cell": [0]}))


def test_an_unknown_name_is_told_which_names_resemble_it(tmp_path: Path) -> None:
    recording = small_run()
    recording.save(tmp_path / "run.h5")
    for found in (recording, nr.load_recording(tmp_path / "run.h5"), nr.load_recording(tmp_path / "run.h5", lazy=True)):
        for by_name, wrong, right in [
            (found.spikes, "cel", "cell"),
            (found.v, "Cell", "cell"),
            (found.events, "cue>cell", "cue->cell"),
        ]:
            with pytest.raises(errors.UnknownName, match=f"Did you mean '{right}'"):
                by_name[wrong]
            assert wrong not in by_name
            assert by_name.get(wrong) is None
            assert right in by_name
    with pytest.raises(errors.UnknownName, match="Did you mean 'cue'"):
        nr.load_recording(tmp_path / "run.h5", lazy=True).spikes.window("cu", 0.0, 1.0)  # type: ignore[attr-defined]


def test_a_network_and_a_program_refuse_an_unknown_name() -> None:
    net = nr.Network()
    net.add(nr.Population("memory", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("memory", "memory", nr.OneToOne(0.1), delay=1e-3)
    for refused in (
        lambda: net.populations["memry"],
        lambda: net.projections["memory>memory"],
        lambda: nr.build(net).slice("memry"),
        lambda: nr.build_clocked(net, 1e-3).slice("memry"),
        lambda: nr.load_device("reram"),
        lambda: nr.load_chip("loihi_davis2018"),
    ):
        with pytest.raises(errors.UnknownName, match="Did you mean"):
            refused()


def test_nothing_is_suggested_where_nothing_resembles() -> None:
    assert "mean" not in str(errors.UnknownName("device", "xyz", ["EcRam", "PCM"]))
    assert str(errors.UnknownName("device", "xyz")) == "no device is called 'xyz'. Known: none"


def test_a_dictionary_by_name_survives_a_pickle() -> None:
    copy = pickle.loads(pickle.dumps(Named("population", {"a": 1})))
    assert copy == {"a": 1}
    with pytest.raises(errors.UnknownName, match="no population is called 'b'"):
        copy["b"]


@pytest.mark.parametrize(
    "error",
    [
        errors.ParameterError("must be above zero", where="tau", value=-1, remedy="Give seconds"),
        errors.UnknownName("device", "EcRan", ["EcRam"]),
        errors.InfeasibleError("neurons", 4, 5, "population 'a'", proved=True, remedy="Take two cores"),
        errors.MissingFigure("loihi", {"spike": 3.0}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_whole_out_of_another_process(error: errors.NeuroError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
