"""A file that is missing, damaged, foreign, crafted or absurd is refused by name; a good one is read as written."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import neuro as nr
from neuro import memory
from neuro.errors import DataError, FileError, InputError, NeuroError, PlacementError, StateError
from neuro.files.reading import read_gzip, read_json, read_npz, read_yaml, real_numbers, whole_numbers
from tests.files.samples import FORMATS, READ, Format, described, network, placed_again, placement, recording, summary


def by_name(name: str) -> Format:
    return next(each for each in FORMATS if each.name == name)


@pytest.mark.parametrize("kind", READ, ids=str)
def test_what_is_written_is_read(kind: Format, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        kind.write(tmp_path / folder / kind.name)
    found = [summary(kind.read(tmp_path / folder / kind.name)) for folder in ("a", "b")]
    assert str(found[0]).replace("/a/", "/b/") == str(found[1])


def deep(opening: str, closing: str = "") -> bytes:
    return (opening * 100_000 + closing * 100_000).encode()


FOREIGN: dict[str, bytes] = {
    "empty": b"",
    "a line": b"hello\n",
    "numbers": b"1 2 3\n",
    "not utf-8": b"\xff\xfe\x00\x80" * 40,
    "zeros": bytes(4096),
    "a pickle": pickle.dumps({"source": [0], "target": [1]}),
    "empty json": b"{}",
    "a json list": b"[1, 2]",
    "null": b"null",
    "deep json": deep("["),
    "deep yaml": deep("- "),
    "deep braces": deep("{a: "),
    "deep toml": b"a = " + deep("[", "]"),
    "a tag": b"!!python/object/apply:os.system ['touch pwned']\n",
    "a tag inside": b"mappings: !!python/object/new:os.system ['touch pwned']\n",
    "a long number": b'{"source": [' + b"9" * 5000 + b"]}",
    "a long number in toml": b"name = " + b"9" * 5000,
    "a bomb": b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (k, k, b", ".join([b"*%c" % (k - 1)] * 10)) for k in b"bcdefghijk"),
    "a ring": b"architecture: &a {tile: *a}\nmappings: &b [*b]\n",
    "an empty zip": b"PK\x05\x06" + bytes(18),
    "a zip of text": b"",
    "objects": b"",
    "an npy": b"",
    "an hdf5 file": b"",
}


def foreign(name: str) -> bytes:
    """The bytes of a file that is none of ours."""
    if FOREIGN[name] or name == "empty":
        return FOREIGN[name]
    stream = io.BytesIO()
    if name == "a zip of text":
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("source.npy", "hello")
    elif name == "objects":
        np.savez(stream, source=np.array([{}], object), target=np.array([0]))
    elif name == "an npy":
        np.save(stream, np.arange(3))
    else:
        with h5py.File(stream, "w") as file:
            file["x"] = np.arange(3)
    return stream.getvalue()


@pytest.mark.parametrize("content", FOREIGN)
@pytest.mark.parametrize("kind", READ, ids=str)
def test_a_foreign_file_is_refused(kind: Format, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / kind.name
    path.write_bytes(foreign(content))
    with pytest.raises(NeuroError) as caught:
        kind.read(path)
    assert len(str(caught.value)) < 2000
    assert os.listdir(tmp_path) == [kind.name]


@pytest.mark.parametrize("kind", READ, ids=str)
def test_a_name_without_a_file_is_refused(kind: Format, tmp_path: Path) -> None:
    path = tmp_path / kind.name
    with pytest.raises(NeuroError, match=kind.name) as missing:
        kind.read(path)
    assert isinstance(missing.value, FileNotFoundError) or kind.name.startswith(("synapses", "measured"))
    path.mkdir()
    with pytest.raises(NeuroError, match=kind.name):
        kind.read(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(NeuroError, match=kind.name):
        kind.read(path)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(NeuroError, match=kind.name):
        kind.read(path)
    with pytest.raises(NeuroError):
        kind.read(tmp_path / ("x" * 300 + kind.name))


@pytest.mark.parametrize("kind", [each for each in READ if each.sums], ids=str)
def test_a_file_with_checksums_that_is_cut_short_or_changed_is_refused(kind: Format, tmp_path: Path) -> None:
    path = tmp_path / kind.name
    kind.write(path)
    whole, good = path.read_bytes(), summary(kind.read(path))
    for length in [*range(0, 100, 7), *np.linspace(100, len(whole) - 1, 40).astype(int)]:
        path.write_bytes(whole[:length])
        with pytest.raises(NeuroError, match=kind.name):
            kind.read(path)
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(whole), 100):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        # Some bytes mean nothing: what lies between the parts of a file, and dates in archives.
        try:
            found = summary(kind.read(path))
        except NeuroError as problem:
            assert kind.name in str(problem)  # noqa: PT017 - one of the two holds
        else:
            assert found == good


def edited(path: Path, edit: Callable[[Any], object]) -> None:
    """Change a file that has been written, in the way of its format."""
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            edit(file)
    elif path.suffix == ".json":
        found = json.loads(path.read_text())
        edit(found)
        path.write_text(json.dumps(found))
    else:
        with np.load(path) as stored:
            arrays = dict(stored)
        edit(arrays)
        with path.open("wb") as file:
            np.savez(file, **arrays)


def with_about(**changes: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        about = json.loads(bytes(file["about"][:])) | changes
        del file["about"]
        file["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)

    return change


def replaced(name: str, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        file[name] = value

    return change


def entry(name: str, index: int, value: float) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file[name][index] = value

    return change


RECORDINGS: dict[str, Callable[[Any], None]] = {
    "nan": entry("spikes/cell/times", 1, np.nan),
    "infinite": entry("spikes/cell/times", -1, np.inf),
    "negative": entry("spikes/cell/times", 0, -1.0),
    "unsorted": entry("spikes/cell/times", 1, 50e-3),
    "late": entry("spikes/cell/times", -1, 60e-3),
    "a neuron below zero": entry("spikes/cell/ids", 0, -1),
    "no such neuron": entry("spikes/cell/ids", 0, 6),
    "fewer neurons": replaced("spikes/cell/ids", np.zeros(1, int)),
    "neurons as fractions": replaced("spikes/cell/ids", np.full(3, 0.5)),
    "times as text": replaced("spikes/cell/times", ["a", "b", "c"]),
    "a table of times": replaced("spikes/cell/times", np.zeros((3, 1))),
    "voltages of another length": replaced("v/cell", np.zeros((3, 2))),
    "voltages of text": replaced("v/cell", "x"),
    "stop before start": with_about(start=0.0513, stop=0.0),
    "stop not a number": with_about(stop=float("nan")),
    "stop a text": with_about(stop="1"),
    "stop a boolean in a list": with_about(stop=[True]),
    "events below zero": with_about(events={"cell->cell": -1}),
    "events in fractions": with_about(events={"cell->cell": 0.5}),
    "events in a list": with_about(events=[1]),
    "provenance a list": with_about(provenance=[1]),
    "weights of nobody": with_about(weights=["x"]),
    "interrupted by text": with_about(interrupted="no"),
    "an unknown entry": with_about(colour="red"),
    "names in a number": replaced("names", np.frombuffer(b'{"spikes": 3, "v": []}', np.uint8)),
    "names of nobody": replaced("names", np.frombuffer(b'{"spikes": ["x"], "v": []}', np.uint8)),
    "deep names": replaced("names", np.frombuffer(deep("["), np.uint8)),
}


@pytest.mark.parametrize("fault", RECORDINGS)
@pytest.mark.parametrize("lazy", [False, True], ids=["whole", "lazy"])
def test_a_recording_that_no_run_can_have_made_is_refused(fault: str, lazy: bool, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    recording().save(path)
    edited(path, RECORDINGS[fault])
    with pytest.raises(InputError, match=r"run\.h5"):
        summary(nr.load_recording(path, lazy=lazy))


def test_an_unfinished_recording_has_no_more_than_was_written(tmp_path: Path) -> None:
    by_name("stream.h5").write(tmp_path / "run.h5")

    def unfinished(file: Any) -> None:
        del file["about"]
        file["reached"][0, 1] = 1e12

    edited(tmp_path / "run.h5", unfinished)
    with pytest.raises(InputError, match="damaged"):
        nr.load_recording(tmp_path / "run.h5")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state/forced", np.array([8])),
        ("state/arrays/neurons", "short"),
        ("state/arrays/gap", np.zeros(7)),
        ("state/arrays/register", np.full(9, 10**9)),
        ("state/arrays/bucket", "far"),
        ("state/since_base/source_id", "far"),
        ("state/arrays/calendar", "ring"),
        ("state/arrays/calendar", "codes"),
    ],
)
def test_a_state_that_names_what_is_not_there_is_refused(name: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "state.h5"
    spikes = nr.Spikes([1e-3, 50.2e-3], [0, 1])
    nr.run(network(), 0.0507, inputs={"cue": spikes}).state.save(path)

    def change(file: Any) -> None:
        if isinstance(value, str) and name not in file:
            pytest.fail(f"no {name}")
        new = value
        if isinstance(value, str):
            new = file[name][...]
            if value == "short":
                new = new[:-1]
            elif value == "far":
                new[:] = 10**9
            else:
                new["next"][:] = 0
                new["code"][:] = 10**9 if value == "codes" else 0
        replaced(name, new)(file)

    edited(path, change)
    with pytest.raises(StateError, match=r"state\.h5"):
        nr.load_state(path, network())


def in_header(**changes: Any) -> Callable[[Any], None]:
    def change(found: Any) -> None:
        if "about" in found:
            found["about"] = np.array(json.dumps(json.loads(str(found["about"])) | changes))
        else:
            found |= changes

    return change


def in_arrays(**changes: Any) -> Callable[[Any], None]:
    def change(found: Any) -> None:
        named = {name.replace("__", "/"): value for name, value in changes.items()}
        if "about" in found:
            found |= {name: np.asarray(value) for name, value in named.items()}
        else:
            found["arrays"] |= named

    return change


PLACEMENTS: dict[str, Callable[[Any], None]] = {
    "off the chip": in_arrays(core__cell=[0, 0, 1, 2, 3, 4]),
    "below zero": in_arrays(core__cell=[0, 0, 1, 2, 3, -1]),
    "outside, far": in_arrays(core__cue=[-2, 0]),
    "fractions": in_arrays(core__cell=[0, 0, 1, 2, 3, 0.7]),
    "booleans": in_arrays(core__cell=[True] * 6),
    "nan": in_arrays(core__cell=[0.0, 0, 1, 2, 3, float("nan")]),
    "too large for 64 bits": in_arrays(core__cell=[0.0, 0, 1, 2, 3, 1e30]),
    "a table": in_arrays(core__cell=[[0] * 6]),
    "fewer neurons": in_arrays(core__cell=[0]),
    "routes to no core": in_arrays(routes__core=[99] * 10),
    "starts that fall": in_arrays(routes__start=[0, 5, 1, 0, 0, 0, 0, 0, 10]),
    "negative synapses": in_arrays(routes__synapses=[-1] * 10),
    "an unknown array": in_arrays(routes__colour=[1]),
    "another unknown array": in_arrays(colour=[1]),
    "an unknown entry": in_header(colour="red"),
    "another format": in_header(neuro="placement 2"),
    "no chip": in_header(chip=None),
    "a chip without size": in_header(chip={"name": "x"}),
    "sources of nobody": in_header(sources=["x"]),
    "sources in a number": in_header(sources=3),
    "variants in a list": in_header(variants=[1]),
    "variants of nobody": in_header(variants={"x": "y"}),
    "compartments of zero": in_header(compartments={"cell": 0}),
    "compartments in fractions": in_header(compartments={"cell": 1.5}),
    "structure of text": in_header(structure={"pairs": "many"}),
    "no populations": in_header(populations=[]),
    "populations in a number": in_header(populations=7),
}


@pytest.mark.parametrize("fault", PLACEMENTS)
@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_placement_that_does_not_fit_its_chip_is_refused(fault: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"placement.{suffix}"
    placement().save(path)
    edited(path, PLACEMENTS[fault])
    with pytest.raises(PlacementError, match=f"placement.{suffix}"):
        nr.load_placement(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("net.part", "0 " * 7),
        ("net.part", "0\n" * 7 + "0.7\n"),
        ("net.part", "0\n" * 7 + "9\n"),
        ("net.part", "0\n" * 7 + "9" * 40),
        ("net.yaml", "mappings: [cell: [core: 0.0]]"),
        ("net.yaml", "mappings: [cell.9: [core: 0.0]]"),
        ("net.yaml", "mappings: [cell: [core: 0.7], cue: [core: 0.0]]"),
        ("net.yaml", "mappings: [cell: [core: 9.0], cue: [core: 0.0]]"),
        ("net.yaml", "mappings: [cell: [core: -1], cue: [core: 0.0]]"),
        ("net.yaml", "mappings: {cell: 3}"),
        ("net.yaml", "mappings: 3"),
    ],
)
def test_a_mapping_of_another_network_is_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PlacementError):
        placed_again(tmp_path / name)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": [0, 1, 0.7]},
        {"source": [0, 1, -1]},
        {"source": [0, 1]},
        {"source": [[0, 1, 2]]},
        {"source": "012"},
        {"source": [True, False, True]},
        {"source": [0, 1, 1e30]},
        {"target": [1, 2, 3]},
        {"neurons": 2.5},
        {"neurons": -3},
        {"neurons": True},
        {"neurons": 1e18},
        {"neurons": [3, 3]},
        {"spikes": [1.0, 2.0]},
        {"spikes": [1.0, 2.0, -1.0]},
        {"spikes": [1.0, 2.0, float("nan")]},
        {"colour": [1]},
    ],
    ids=str,
)
@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_synapses_that_no_network_has_are_refused(changes: dict[str, Any], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"synapses.{suffix}"
    by_name(path.name).write(path)
    edited(path, lambda found: found.update(changes))
    with pytest.raises(NeuroError, match=f"synapses.{suffix}"):
        described(path)


def declared(path: Path, shape: tuple[int, ...], dtype: str = "<f8") -> None:
    """A npz file whose arrays declare a shape that they do not have."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("source", "target", "about", "conductance"):
            archive.writestr(f"{name}.npy", header.getvalue() + bytes(64))


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6), (-1,), (2**62, 2**62), (0, 2**62)], ids=str)
@pytest.mark.parametrize("name", ["synapses.npz", "placement.npz", "measured.npz"])
def test_an_array_that_declares_more_than_it_has_is_refused(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    declared(tmp_path / name, shape)
    with pytest.raises(NeuroError, match=name):
        by_name(name).read(tmp_path / name)


@pytest.mark.parametrize("name", ["recording.h5", "state.h5", "network.nir"])
def test_an_hdf5_file_that_declares_more_than_it_has_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    by_name(name).write(path)
    with h5py.File(path, "r+") as file:
        found: list[str] = []
        file.visititems(lambda key, held: found.append(key) if getattr(held, "size", 0) and held.ndim else None)
        dtype = file[found[0]].dtype
        del file[found[0]]
        file.create_dataset(found[0], (10**12,), dtype, chunks=(1000,))
    with pytest.raises(NeuroError, match="declare"):
        by_name(name).read(path)


@pytest.mark.parametrize("kind", [each for each in READ if each.name != "state.h5"], ids=str)
def test_a_file_that_does_not_fit_into_memory_is_refused(
    kind: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind.write(tmp_path / kind.name)
    monkeypatch.setattr(memory, "available_bytes", lambda: 10.0)
    monkeypatch.setattr(memory, "NEGLIGIBLE", 0.0)
    with pytest.raises(NeuroError, match=r"GB needed, .* GB free"):
        kind.read(tmp_path / kind.name)


def test_a_system_that_refuses_to_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chip.toml"
    path.write_text("x")

    def fail(_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(FileError, match=r"chip\.toml: cannot be read: Permission denied\. Choose"):
        nr.load_chip(path)


def test_a_missing_file_is_one_that_was_not_found(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        nr.load_recording(tmp_path / "run.h5")
    assert isinstance(caught.value, FileNotFoundError)


def test_aliases_that_stand_for_little_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &x {b: 1}\nc: *x\n")
    assert read_yaml(tmp_path / "a.yaml", InputError, "it") == {"a": {"b": 1}, "c": {"b": 1}}


def nested(depth: int) -> str:
    return '{"a": ' * depth + "1" + "}" * depth


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_parts_lie_at_most_a_hundred_levels_deep(read: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_text(nested(100))
    assert read(tmp_path / "a", InputError, "it")["a"]
    (tmp_path / "a").write_text(nested(101))
    with pytest.raises(InputError, match="deeper than 100 levels"):
        read(tmp_path / "a", InputError, "it")


def test_an_error_has_no_megabyte_of_a_file_and_nothing_that_steers_a_terminal() -> None:
    said = str(InputError("it must be short", where="\x1b[31mfile", value="\a" + "x" * 10**6, remedy="Cut it"))
    assert said.isprintable()
    assert len(said) < 1200
    assert "1,000,004 characters" in said
    assert str(InputError("a\nb")) == "a\nb"


@pytest.mark.parametrize("value", [[1, 2], 0.5, [True], np.zeros((2, 2), np.float32)], ids=str)
def test_real_numbers_stay_what_they_are(value: Any) -> None:
    found = real_numbers(value, "x", InputError)
    assert found.dtype == np.float64
    assert np.array_equal(found, value)


@pytest.mark.parametrize("value", ["1", [1j], [None], np.zeros(2, "M8[s]"), b"1", [[1], [1, 2]]], ids=str)
def test_what_is_no_real_number_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="real numbers"):
        real_numbers(value, "x", InputError)


def test_a_gzip_file_that_unpacks_to_more_than_it_may_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes(10**6)))
    assert read_gzip(path, InputError, "it", most=10**6) == bytes(10**6)
    with pytest.raises(InputError, match="at most 999,999 bytes"):
        read_gzip(path, InputError, "it", most=10**6 - 1)


def test_an_archive_with_two_arrays_of_one_name_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.arange(3))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content.getvalue())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", content.getvalue())
    with pytest.raises(InputError, match="two arrays of one name"):
        read_npz(tmp_path / "a.npz", InputError, "it")


@pytest.mark.parametrize(
    "value", [[1, 2, 3], np.array([1, 2], np.uint8), [1.0, 2.0], [], np.array([2**63 - 1])], ids=str
)
def test_whole_numbers_stay_what_they_are(value: Any) -> None:
    found = whole_numbers(value, "x", InputError)
    assert found.dtype == np.int64
    assert found.tolist() == [int(each) for each in value]
