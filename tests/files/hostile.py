"""Files that mean harm, or are not what their names say, for every file that is read; drawn by seed."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import re
import shutil
import sqlite3
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial, reduce
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import neuro as nr
from neuro.commands.config import RUN, read_config
from neuro.exchange.spike_files import read_spikes
from neuro.paths import models_dir
from neuro.report import Report, write
from neuro.tasks._mnist_images import mnist_file
from neuro.tasks._smnist import read_weights
from tests.files.samples import FORMATS, nir_file
from tests.files.samples import recording as recorded

TERA = 2**40
"""More than there is."""
MARK = "executed"
"""The file that code in a file would leave in the working directory."""
CHIP = "loihi_davies2018"


@dataclass(frozen=True)
class Entry:
    """A way for a file into the program."""

    name: str
    """Of the file."""
    write: Callable[[Path], object]
    """Writes a valid one."""
    read: Callable[[Path], object]
    """Reads it."""
    words: tuple[str, ...] = ()
    """The command that reads it, with FILE for its name and GOOD for a folder with valid files; empty: none."""

    def __str__(self) -> str:
        return f"{self.name} ({' '.join(self.words[:1])})"


def sample(name: str, *words: str, read: Callable[[Path], object] | None = None) -> Entry:
    found = next(each for each in FORMATS if each.name == name)
    return Entry(name, found.write, read or found.read, words)


def spikes_npz(path: Path) -> None:
    np.savez(path, times=np.array([1e-3, 2e-3]), ids=np.array([0, 1]))


def spikes_csv(path: Path) -> None:
    path.write_text("time,id\n0.001,0\n0.002,1\n")


def spikes_nir(path: Path) -> None:
    data = {"in": nir.NIRNodeData({"spikes": nir.EventData(np.array([[0, 1]]), np.array([[1e-3, 2e-3]]), 3, 0.1)})}
    nir.write_data(path, nir.NIRGraphData(data))


def read_labels() -> object:
    return mnist_file("train-labels-idx1-ubyte.gz", 8)


@cache
def target() -> nr.Network:
    net = nr.Network()
    net.add(nr.Population("in", 3, nr.SpikeSource()))
    return net


def into_network(path: Path) -> object:
    return read_spikes(path, target(), dt=1e-3)


def training(path: Path) -> object:
    rng = np.random.default_rng(1)
    examples = nr.Examples(rng.uniform(0, 1, (6, 2)), rng.integers(0, 2, 6))
    rule, plan = nr.EquilibriumPropagation(), nr.Schedule(epochs=1, batch=3)
    return nr.fit(nr.RateLayers(sizes=(2, 3, 2)), examples, rule, plan, checkpoint=path)


def report_json(path: Path) -> None:
    write(Report(task="t", metrics={"a": 1.0}), path.parent / "made")
    shutil.copyfile(path.parent / "made/report.json", path)
    shutil.rmtree(path.parent / "made")


def spikes_sonata(path: Path) -> None:
    nr.write_sonata({"in": nr.Spikes([1e-3, 2e-3], [0, 1])}, path)


def as_published(name: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Reads a file where published data are looked for: in a folder of NEURO_DATA."""

    def in_its_place(path: Path) -> object:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setenv("NEURO_DATA", folder)
            own = Path(folder) / name / path.name
            own.parent.mkdir()
            own.symlink_to(path)
            return read(Path(folder))

    return in_its_place


def labels(path: Path) -> None:
    path.write_bytes(gzip.compress(np.array([2049, 10], ">i4").tobytes() + bytes(range(10))))


SIMULATE = ("simulate", "GOOD/network.nir", "--duration", "0.003", "--input", "FILE")
ENTRIES = [
    sample("recording.h5", "energy", "FILE", "--chip", CHIP),
    sample("stream.h5", "export", "FILE", "table.csv"),
    sample("state.h5"),
    sample("placement.npz", "energy", "GOOD/recording.h5", "--chip", "GOOD/chip.toml", "--placement", "FILE"),
    sample("placement.json", "energy", "GOOD/recording.h5", "--chip", "GOOD/chip.toml", "--placement", "FILE"),
    sample("mapping.yaml", "map", "GOOD/written.nir", "--chip", "mesh:2x2:8", "--read", "FILE"),
    sample("mapping.part", "map", "GOOD/written.nir", "--chip", "mesh:2x2:8", "--read", "FILE"),
    sample("network.nir", "simulate", "FILE", "--duration", "0.003", "--input", "GOOD/spikes.npz"),
    sample("written.nir", "map", "FILE", "--chip", "mesh:2x2:8", read=lambda path: nr.read_nir(path, dt=1e-4)),
    Entry("spikes.npz", spikes_npz, into_network, SIMULATE),
    Entry("spikes.csv", spikes_csv, into_network, SIMULATE),
    Entry("spikes.nir", spikes_nir, into_network, SIMULATE),
    Entry("spikes.h5", lambda path: recorded().save(path), into_network, SIMULATE),
    Entry("sonata.h5", spikes_sonata, into_network, SIMULATE),
    sample("edges.h5"),
    sample("nodes.h5"),
    sample("node_types.csv"),
    sample("sweep.json", "sweep", "--resume", "DIR"),
    Entry("w_in.npy", lambda path: np.save(path, np.zeros((80, 240))), as_published("loihi_smnist", read_weights)),
    Entry("train-labels-idx1-ubyte.gz", labels, as_published("mnist", lambda _: read_labels())),
    sample("synapses.npz", "map", "FILE", "--chip", "mesh:2x2:8"),
    sample("synapses.json", "map", "FILE", "--chip", "mesh:2x2:8"),
    sample("loihi_davies2018.toml", "chip", "FILE"),
    sample("architecture.yaml", "chip", "FILE"),
    sample("ideal.toml", "device", "FILE"),
    sample("curve.csv", "device", "FILE", read=nr.device_from_measurement),
    sample("measured.npz"),
    Entry("checkpoint.npz", training, training),
    Entry("report.json", report_json, nr.load_report, ("rerun", "DIR")),
    Entry("report.json", report_json, nr.load_report, ("report", "DIR", "--out", "page.html")),
    Entry("config.toml", lambda path: path.write_text('preset = "smoke"\n'), lambda path: read_config(path, RUN),
          ("run", "--config", "FILE")),
]  # fmt: skip


@cache
def valid(entry: Entry, folder: Path) -> bytes:
    path = folder / entry.name
    entry.write(path)
    return path.read_bytes()


class Code:
    """What a pickle runs when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({MARK!r}, 'w')",)


def bytes_of(write_to: Callable[[Any], object]) -> bytes:
    stream = io.BytesIO()
    write_to(stream)
    return stream.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    """An array file with this header, which need not be true."""
    text = header.encode() + b" " * (63 - (len(header) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def shaped(shape: str, dtype: str = "<f8") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"


def archive(**members: bytes) -> bytes:
    def fill(stream: Any) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
            for name, content in members.items():
                made.writestr(name, content)

    return bytes_of(fill)


def hdf5(fill: Callable[[Any], object]) -> bytes:
    def write_to(stream: Any) -> None:
        with h5py.File(stream, "w") as file:
            fill(file)

    return bytes_of(write_to)


def database() -> bytes:
    with sqlite3.connect(":memory:") as made:
        made.execute("create table spikes (t real)")
        return made.serialize()


def tar() -> bytes:
    def fill(stream: Any) -> None:
        with tarfile.open(fileobj=stream, mode="w:gz") as made:
            made.addfile(tarfile.TarInfo("../x"), io.BytesIO())

    return bytes_of(fill)


YAML_CODE = f"!!python/object/apply:builtins.exec [\"open('{MARK}', 'w')\"]"
SHELL = f"__import__('os').system('touch {MARK}')"


@cache
def foreign() -> dict[str, bytes]:
    """Files of other tools, and of nobody: by name."""
    sizes = {"shape": (TERA,), "chunks": (2**16,), "dtype": "f8"}
    text = {
        "empty": "", "a line": "hello\n", "null": "null", "a list": "[1, 2]", "an empty object": "{}",
        "html": "<!DOCTYPE html><html><body>404</body></html>", "xml": "<?xml version='1.0'?><a/>",
        "a merge conflict": "<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> x\n", "a git pointer":
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "latex": "\\begin{document}",
        "deep braces": "{a: " * 10**5, "deep dashes": "- " * 10**5,
        "deep toml": "a = " + "[" * 10**5 + "]" * 10**5, "a long number": '{"source": [' + "9" * 10**5 + "]}",
        "code in yaml": YAML_CODE, "code inside yaml": f"mappings: {YAML_CODE}\narchitecture: {YAML_CODE}\n",
        "a name in yaml": "architecture: !!python/name:os.system\n", "a module": "mappings: !!python/module:os\n",
        "python": f"import os\nos.system('touch {MARK}')\n", "an expression": SHELL,
        "a shebang": f"#!/bin/sh\ntouch {MARK}\n", "a formula": f"=cmd|'/c touch {MARK}'!A1\n",
        "a ring": "architecture: &a {tile: *a}\nmappings: &b [*b]\n", "a semicolon table": "a;b;c\n1,5;2,5;3,5\n",
        "aliases": "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{k}: &{k} [{', '.join([f'*{chr(ord(k) - 1)}'] * 10)}]\n" for k in "bcdefghijk"),
    }  # fmt: skip
    return {name: content.encode() for name, content in text.items()} | {
        "utf-16": "time,id\n0.1,0\n".encode("utf-16"),
        "noise": np.random.default_rng(1).bytes(3000),
        "zeros": bytes(4096),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(200),
        "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "matlab": b"MATLAB 5.0 MAT-file" + bytes(120),
        "gzip": gzip.compress(b"hello"),
        "parquet": b"PAR1" + bytes(60) + b"PAR1",
        "sqlite": database(),
        "tar": tar(),
        "a pickle": pickle.dumps({"times": [0.1], "source": [0]}),
        "a pickle with code": pickle.dumps(Code()),
        "torch": archive(**{"archive/data.pkl": pickle.dumps(Code()), "archive/version": b"3\n"}),
        "a zip of text": archive(**{"source.npy": b"hello", "times.npy": b"hello"}),
        "a spreadsheet": archive(**{"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}),
        "a keras model": hdf5(lambda file: file.attrs.update(keras_version="2.1", backend="x")),
        "objects of hdf5": hdf5(lambda file: file.create_dataset("spikes", data=np.void(pickle.dumps(Code())))),
        "a terabyte of hdf5": hdf5(lambda file: file.create_dataset("node/edges", **sizes)),
        "a compressed terabyte": hdf5(lambda file: file.create_dataset("x", compression="gzip", **sizes)),
        "a link of hdf5": hdf5(lambda file: file.__setitem__("node", h5py.ExternalLink("/etc/passwd", "/"))),
        "an array of objects": bytes_of(lambda file: np.save(file, np.array([Code()], object), allow_pickle=True)),
        "a lone terabyte": npy(shaped(f"({TERA},)")),
        "code in a header": npy(f"{{'descr': {SHELL}, 'fortran_order': False, 'shape': (1,), }}"),
    }


def of_npz(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Archives of arrays that lie, whose other arrays are those of a valid file."""
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    for name in members:
        shape = np.load(io.BytesIO(members[name])).shape
        for what, array in (
            ("a terabyte", npy(shaped(f"({TERA},)"), bytes(8))),
            ("many axes", npy(shaped("(2048, 2048, 2048, 2048)"), bytes(8))),
            ("a size below zero", npy(shaped("(-8,)"), bytes(8))),
            ("zeros of a terabyte", npy(shaped(f"(0, {TERA})"))),
            ("a pickle", bytes_of(lambda file: np.save(file, np.array([Code()], object), allow_pickle=True))),
            ("code in its header", npy(f"{{'descr': {SHELL}, 'fortran_order': False, 'shape': (), }}")),
            ("texts", bytes_of(lambda file: np.save(file, np.array(["x", "y"])))),
            ("complex numbers", bytes_of(lambda file, shape=shape: np.save(file, np.full(shape, 1j)))),
            ("many axes of one", bytes_of(lambda file: np.save(file, np.ones((1,) * 9)))),
            ("dates", bytes_of(lambda file: np.save(file, np.zeros(2, "M8[s]")))),
            ("not a number", bytes_of(lambda file, shape=shape: np.save(file, np.full(shape, np.nan)))),
            ("records", bytes_of(lambda file: np.save(file, np.zeros(2, [("a", "f8"), ("b", "i4")])))),
        ):
            if 0 not in shape or what not in ("complex numbers", "not a number"):  # none of them are none
                yield f"{name}: {what}", archive(**(members | {name: array}))


HDF5_FAULTS = (
    *("a terabyte", "a compressed terabyte", "a pickle", "a link", "texts"),
    *("a group", "complex numbers", "many axes"),
)


def of_hdf5(content: bytes, unread: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """HDF5 files one of whose arrays lies; not those whose names begin with `unread`."""
    sizes: dict[str, int] = {}
    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(lambda name, held: sizes.update({name: held.size} if isinstance(held, h5py.Dataset) else {}))
    for name, size in sizes.items():
        if not name.startswith(unread):
            for what in HDF5_FAULTS:
                if size or what != "complex numbers":  # none of them has no half to lose
                    yield f"{name}: {what}", partial(_with_part, content, name, what)


def _with_part(content: bytes, name: str, what: str) -> bytes:
    """An HDF5 file one of whose arrays is something else."""
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        old = file[name]
        more = [max(n, 1) for n in old.shape[1:]]
        many = {"shape": (TERA, *more), "dtype": old.dtype, "chunks": (2**10, *more)}
        del file[name]
        match what:
            case "a terabyte":
                file.create_dataset(name, **many)
            case "a compressed terabyte":
                file.create_dataset(name, compression="gzip", **many)
            case "a pickle":
                file[name] = np.void(pickle.dumps(Code()))
            case "a link":
                file[name] = h5py.ExternalLink("/etc/hostname", "/")
            case "texts":
                file[name] = ["x", "y", "z", "u", "v"]
            case "many axes":
                file[name] = np.ones((1,) * 9)
            case "complex numbers":
                file[name] = np.full(old.shape, 1j)
            case "a group":
                file.create_group(name)
    return stream.getvalue()


RECORDING = ("state", "begun", "reached")
"""Parts of a recording that only `load_state` reads, or only the reader of a run that has not ended."""
RECORD = tuple(f"node/metadata/neuro/{part}" for part in ("digest", "format", "projections/1/node"))
"""Without these the graph is read as that of any other tool; the last one is not needed for a list of synapses."""
KINDS = tuple(f"edges/{name}/edge_type_id" for name in ("cell->cell", "cue->cell"))
"""Of use with a table of types alone."""
UNREAD = dict.fromkeys(("recording.h5", "stream.h5", "spikes.h5"), RECORDING) | {
    "state.h5": (*RECORDING[1:], "state/finished"), "edges.h5": KINDS, "nodes.h5": KINDS,
    "network.nir": ("version",), "written.nir": ("version", *RECORD),
}  # fmt: skip
HUGE = ("1e18", "9" * 30, "-1", "nan", "[[]]", '"x"')


def of_numbers(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Texts with a number that cannot be, at each of some places."""
    places = [each.span() for each in re.finditer(rb"(?<![\w.])\d+(\.\d+)?(e-?\d+)?(?![\w.])", content)]
    for k, (a, b) in enumerate(places[:: max(len(places) // 12, 1)]):
        value = HUGE[k % len(HUGE)]
        yield f"{value} at {a}", content[:a] + value.encode() + content[b:]


REPORT: dict[str, Any] = {
    "task": "t", "preset": "", "config": {}, "metrics": {}, "measured": [], "energy": {}, "provenance": {},
    "tables": [], "figures": {},
}  # fmt: skip
DEEP: dict[str, Any] = reduce(lambda inner, _: {"a": inner}, range(200), {})
PLAN: dict[str, Any] = {
    "task": "braille", "preset": "smoke", "settings": {}, "grid": {}, "zipped": False, "seeds": 1, "seed": None,
}  # fmt: skip
CRAFTED: dict[str, dict[str, str]] = {
    "architecture.yaml": {
        "a terabyte of tiles": "architecture:\n  name: a\n  tile: [{name: 't[0..1099511627776]', core: []}]\n",
        "a terabyte of cores": "architecture:\n  name: a\n  attributes: {width: 1, height: 1}\n  tile:\n"
        "  - {name: t, core: [{name: 'c[0..1099511627776]'}]}\n",
        "ranges of ranges": "architecture:\n  name: a\n  tile:\n  - name: t[0..99999]\n    core:\n"
        "    - {name: 'c[0..99999]', axon_in: [], synapse: [], dendrite: [], soma: [], axon_out: []}\n",
        "a large mesh": "architecture: {name: a, attributes: {width: 1000000, height: 1000000}, tile: []}\n",
    },
    "mapping.yaml": {
        "a terabyte of neurons": "mappings:\n  - cell[0..1099511627776]: {core: 0.0}\n",
        "code as a core": f"mappings:\n  - cell[0]: {{core: {YAML_CODE}}}\n",
    },
    "synapses.json": {
        "a terabyte of neurons": '{"source": [0], "target": [1], "spikes": [1], "neurons": 1099511627776}',
        "a distant neuron": '{"source": [0], "target": [1099511627776], "neurons": 2}',
    },
    "spikes.csv": {
        "a distant neuron": f"time,id\n0.001,{TERA}\n", "a time that never comes": "time,id\ninf,0\n",
        "no time": "time,id\nnan,0\n", "a negative time": "time,id\n-1,0\n", "no number": f"time,id\n{SHELL},0\n",
        "a long field": 'time,id\n"' + "x" * 200_000 + '",0\n', "a null": "time,id\n0.1\0,0\n",
    },
    "curve.csv": {
        "a terabyte of pulses": "pulse,conductance (S)\n0,1e-6\n1099511627776,2e-6\n",
        "code": f"pulse,conductance (S)\n0,{SHELL}\n1,2e-6\n", "a long field": '"' + "x" * 200_000 + '",0\n',
    },
    "report.json": {
        name: json.dumps(REPORT | changes)
        for name, changes in {
            "a figure elsewhere": {"figures": {"a": "/dev/zero"}}, "a figure above": {"figures": {"a": "../a.png"}},
            "a metric of text": {"metrics": {"a": "x"}}, "a long metric": {"metrics": {"a": 10**400}},
            "metrics in a list": {"metrics": [1]}, "a table of text": {"tables": ["x"]},
            "deep energy": {"energy": DEEP}, "an entry with colours": {"\x1b[31mred": 1},
        }.items()
    },
    "sweep.json": {
        "a terabyte of seeds": json.dumps(PLAN | {"seeds": TERA}), "no seeds": json.dumps(PLAN | {"seeds": 0}),
        "no such task": json.dumps(PLAN | {"task": "nobody"}), "a number as a task": json.dumps(PLAN | {"task": 1}),
        "many points": json.dumps(PLAN | {"grid": {key: ["1"] * 1000 for key in ("trials", "epochs", "rate")}}),
    },
    "config.toml": {"another entry": "executable = 'sh'\n", "a path": "task = '/dev/zero'\n", "a list": "set = [1]\n"},
}  # fmt: skip


def with_value(content: bytes, name: str, value: Any) -> bytes:
    """A NIR graph with another value of a field of a node."""
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        if f"node/nodes/{name}" in file:
            del file[f"node/nodes/{name}"]
        file[f"node/nodes/{name}"] = value
    return stream.getvalue()


@cache
def valid_nir() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        nir_file(Path(folder) / "net.nir")
        return (Path(folder) / "net.nir").read_bytes()


def convolution() -> bytes:
    nodes = {
        "in": nir.Input(np.array([1, 4, 4])),
        "conv": nir.Conv2d((4, 4), np.ones((1, 1, 3, 3)), (1, 1), (0, 0), (1, 1), 1, np.zeros(1)),
        "cell": nir.IF(r=np.ones((1, 2, 2)), v_threshold=np.ones((1, 2, 2))),
    }
    graph = nir.NIRGraph(nodes, [("in", "conv"), ("conv", "cell")], type_check=False)
    content = bytes_of(lambda file: nir.write(file, graph))
    content = with_value(content, "conv/padding", (2**30, 2**30))
    return with_value(content, "conv/input_shape", (2**31 - 1, 2**31 - 1))


def of_nir() -> Iterator[tuple[str, bytes]]:
    """NIR graphs whose arrays are small, and stand for terabytes."""
    yield "an input of a terabyte", with_value(valid_nir(), "in/shape", np.array([TERA]))
    yield "an input of many axes", with_value(valid_nir(), "in/shape", np.full(8, 2**16))
    yield "an input below zero", with_value(valid_nir(), "in/shape", np.array([-3]))
    yield "a convolution of a terabyte", convolution()
    yield "another node", with_value(valid_nir(), "cell/type", "os.system")
    yield "a metadata of code", with_value(valid_nir(), "cell/tau", np.void(pickle.dumps(Code())))


@dataclass(frozen=True)
class Place:
    """Something that is no file, or no file of this size, under the name of one."""

    lay: Callable[[Path], object]


def sparse(path: Path) -> None:
    """A file of a terabyte, which takes no room on the disk."""
    with path.open("wb") as file:
        file.truncate(TERA)


PLACES = {
    "a directory": Place(lambda path: path.mkdir()),
    "a link to nothing": Place(lambda path: path.symlink_to("nothing")),
    "a link to itself": Place(lambda path: path.symlink_to(path)),
    "a pipe": Place(os.mkfifo),
    "a device": Place(lambda path: path.symlink_to("/dev/zero")),
    "a sparse terabyte": Place(sparse),
}


def bad_files(entry: Entry, content: bytes) -> Iterator[tuple[str, bytes | Place | Callable[[], bytes]]]:
    """All of an entry, by what is wrong with each, as bytes or what makes them; `content` is a valid file."""
    yield from foreign().items()
    for share in (0.1, 0.5, 0.9):
        yield f"cut at {share:.0%}", content[: int(share * len(content))]
    yield "cut by a byte", content[: -1 - content.endswith(b"\n")]
    yield from PLACES.items()
    if entry.name.endswith(".npz"):
        yield from of_npz(content)
    elif entry.name.endswith((".h5", ".nir")):
        yield from of_hdf5(content, UNREAD.get(entry.name, ()))
        yield from of_nir() if entry.name == "network.nir" else ()
    elif not entry.name.endswith((".npy", ".gz")):
        yield from of_numbers(content)
        yield "utf-16", content.decode().encode("utf-16")
        yield "a null inside", content[: len(content) // 2] + b"\0" + content[len(content) // 2 :]
        yield "latin letters", content[: len(content) // 2] + b"\xe9" + content[len(content) // 2 :]
    for name, text in CRAFTED.get(entry.name, {}).items():
        yield name, text.encode()


def good_folder(folder: Path) -> None:
    """Valid files that commands take beside a bad one."""
    for entry in ENTRIES:
        if entry.name in ("recording.h5", "network.nir", "written.nir", "spikes.npz"):
            entry.write(folder / entry.name)
    shutil.copyfile(models_dir() / "chips" / f"{CHIP}.toml", folder / "chip.toml")
