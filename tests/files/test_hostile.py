"""A file that is cut, foreign, or made to do harm is refused by name: nothing in it runs, and it takes no memory."""

from __future__ import annotations

import os
import re
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from neuro.cli import app
from neuro.errors import NeuroError
from tests.files.hostile import ENTRIES, MARK, Entry, Place, bad_files, good_folder, valid

SAMPLE = 240
"""Files in an ordinary run, drawn by a seed from all of them."""
MOST_BYTES = 1e9
"""What reading them may add to the most memory that the process holds."""
MOST_SECONDS = 30.0
"""What one file may take, read twice; all but some take a hundredth of a second."""
MAYBE = ("a group", "texts", "many axes")
"""Entries that may be left out, or be texts; and one number for all is one however many axes it has."""
PAIRS = {"node_types.csv": ("nodes.h5",), "sweep.json": ("task", "seeds", "grid", "setting")}
"""What else an error may name: a file that is read together with this one, or a setting of the plan in it."""
NUMBER = re.compile(r" at \d+$")
"""A changed number may be part of a text."""
RIGHT = {
    ("config.toml", "empty"),
    ("config.toml", "a path"),
    ("spikes.csv", "a distant neuron"),
    ("curve.csv", "cut at 90%"),
    ("curve.csv", "cut by a byte"),
    ("node_types.csv", "a null inside"),  # in a column that is not read
}
"""Files that their readers take. What runs with them is refused, or right."""
SLOW = {"curve.csv"}
"""A fit takes seconds: only what is refused before it is tried."""


def memory_peak() -> float:
    """The most memory that the process has held since `forget_peak`, bytes; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((1024.0 * float(line.split()[1]) for line in lines if line.startswith("VmHWM")), default=0.0)


def forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with valid files, and all bad ones by entry and fault."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "good").mkdir()
    good_folder(folder / "good")
    found = []
    for k, entry in enumerate(ENTRIES):
        (folder / str(k)).mkdir()
        found += [(entry, fault, content) for fault, content in bad_files(entry, valid(entry, folder / str(k)))]
    return folder, found


def faults_of(entry: Entry, fault: str, content: bytes | Place, folder: Path) -> Iterator[str]:
    """What is wrong with how a file is taken."""
    place = folder / "bad"
    place.mkdir(exist_ok=True)
    path = place / entry.name
    content.lay(path) if isinstance(content, Place) else path.write_bytes(content)
    began = time.perf_counter()
    right = (entry.name, fault) in RIGHT or fault.endswith(MAYBE) or NUMBER.search(fault)
    accepted, says = False, ""
    try:
        entry.read(path)
    except NeuroError as error:
        says = str(error)
    except Exception as error:
        yield f"{error!r} from the reader"
    else:
        accepted = True
    if accepted and not right:
        yield "it was read"
    names = entry.name, *PAIRS.get(entry.name, ())
    if not accepted and (not any(name in says for name in names) or len(says) > 2000):
        yield f"the error does not name it: {says[:2000]}"
    if not says.replace("\n", "").isprintable():
        yield f"the error steers the terminal: {says!r}"
    if entry.words:
        words = list(entry.words)
        for key, value in (("FILE", path), ("DIR", place), ("GOOD", folder / "good")):
            words = [word.replace(key, str(value)) for word in words]
        done = CliRunner().invoke(app, words)
        if done.exit_code != 2 and not (done.exit_code == 0 and right):
            yield f"exit code {done.exit_code}, {done.exception!r}"
        if done.exit_code and not done.stderr.startswith("error: "):
            yield f"standard error is {done.stderr[-200:]!r}"
    if time.perf_counter() - began > MOST_SECONDS:
        yield f"it took {time.perf_counter() - began:.0f} s"
    if os.path.exists(MARK):
        yield "its code was executed"
        os.remove(MARK)
    if left := [each for each in (*Path().iterdir(), *place.iterdir()) if each != path]:
        if not right:
            yield f"it left {', '.join(each.name for each in left)}"
        for each in left:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    path.rmdir() if path.is_dir() else path.unlink()


def all_faults(chosen, folder):
    found = []
    forget_peak()
    before = memory_peak()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entry, fault, content in chosen:
            if entry.name not in SLOW or not ((entry.name, fault) in RIGHT or NUMBER.search(fault)):
                made = content() if callable(content) else content
                found += [f"{entry}, {fault}: {each}" for each in faults_of(entry, fault, made, folder)]
    taken = memory_peak() - before
    return found if taken < MOST_BYTES else [*found, f"all together: {taken:.3g} bytes more than before"]


def test_bad_files_of_every_kind_are_refused_by_name_and_exit_code(files, tmp_path, monkeypatch):
    folder, found = files
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    of_each = {}
    for k, (entry, _, _) in enumerate(found):
        of_each.setdefault(entry, []).append(k)
    some = [k for own in of_each.values() for k in rng.permutation(own)[: SAMPLE // len(of_each)]]
    assert len(some) >= 200
    assert all_faults([found[k] for k in some], folder) == []


@pytest.mark.campaign
def test_all_bad_files_are_refused_by_name_and_exit_code(files, tmp_path, monkeypatch):
    folder, found = files
    monkeypatch.chdir(tmp_path)
    assert len(found) > 3000
    faults = all_faults(found, folder)
    assert not faults, "\n".join(faults)
