"""NIR files as plain records: nodes with their arrays and edges, nested graphs laid out flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.engine.storage.hdf5 import MAX_DEPTH, bytes_of, check_self_contained
from neuro.errors import InputError, NeuroError
from neuro.files.reading import check_room, existing_file, real_numbers

__all__ = ["Graph", "Node", "read_graph"]

RECORD = "neuro"
"""The key of a node's metadata that has what NIR cannot say; `write_nir` writes it."""


@dataclass(frozen=True, eq=False)
class Node:
    """A node of a graph."""

    name: str
    """Its name; nodes of a nested graph are called GRAPH.NODE."""
    kind: str
    """The class of `nir` that it is of. Inputs and outputs of nested graphs are of the kind ``"Identity"``."""
    fields: Mapping[str, Any]
    """Its parameters: arrays, and texts."""
    where: str
    """The file and the node, for errors."""

    @property
    def record(self) -> Mapping[str, Any]:
        """What this program has written beside the parameters of NIR."""
        found = self.fields.get("metadata")
        own = found.get(RECORD) if isinstance(found, Mapping) else None
        return own if isinstance(own, Mapping) else {}

    def array(self, key: str, default: float | None = None) -> NDArray[np.float64]:
        """A parameter as numbers; `default` where the node has none.

        Raises
        ------
        InputError
            If the node has no such parameter, or it is not made of finite numbers.
        """
        value = self.fields.get(key, default)
        if value is None:
            raise InputError(f"a node of kind {self.kind} needs `{key}`", where=self.where)
        found = real_numbers(value, f"{self.where}, `{key}`", InputError)
        if not np.isfinite(found).all():
            raise InputError(f"`{key}` must be made of finite numbers", where=self.where)
        return found

    def whole(self, key: str, count: int, default: int | None = None) -> tuple[int, ...]:
        """A parameter that is `count` whole numbers, or one for all of them."""
        found = self.array(key, default).ravel()
        if found.size not in (1, count) or np.any(found != np.rint(found)) or np.abs(found).max() >= 2**31:
            rule = f"`{key}` must be one whole number, or {count} of them"
            raise InputError(rule, where=self.where, value=f"{self.fields.get(key)}")
        return tuple(int(each) for each in np.broadcast_to(found, count))


@dataclass(eq=False)
class Graph:
    """All nodes of a file by name, and the edges between them in the order of the file."""

    path: str
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    record: Mapping[str, Any] = field(default_factory=dict)
    """What this program has written beside the graph."""


def read_graph(path: Path) -> Graph:
    """The graph in a NIR file.

    Raises
    ------
    InputError
        If the file is no valid NIR graph.
    """
    import h5py

    existing_file(path, InputError)
    try:
        with h5py.File(path, "r") as file:
            check_self_contained(file, path, InputError)
            check_room(bytes_of(file), path, InputError)
            top = _plain(file["node"], 0)
    except NeuroError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, ArithmeticError) as error:
        raise InputError(
            "this is not a NIR graph that can be read",
            where=str(path),
            value=f"{type(error).__name__}: {error}",
            remedy="Write it again with the tool that it is from, and a recent version of nir",
        ) from None
    graph = Graph(str(path))
    kind = top.get("type")
    if not isinstance(kind, str) or kind != "NIRGraph":
        raise InputError("this is not a NIR graph that can be read", where=str(path), value=f"type {kind!r}"[:200])
    graph.record = Node("", "NIRGraph", top, str(path)).record
    _Flattener(graph).add(top, "")
    return graph


def _plain(group: Any, depth: int) -> dict[str, Any]:
    """The arrays and texts of a group of HDF5, by name."""
    if depth > MAX_DEPTH:
        raise ValueError("groups nested too deeply")
    found: dict[str, Any] = {}
    for key, item in group.items():
        if hasattr(item, "items"):
            found[key] = _plain(item, depth + 1)
        else:
            value = item[()]
            found[key] = value.decode("utf8") if isinstance(value, bytes) else value
    return found


class _Flattener:
    """Lays nested graphs out in one."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.ends: dict[str, tuple[list[str], list[str]]] = {}
        """Inputs and outputs of each nested graph."""

    def add(self, given: Mapping[str, Any], prefix: str) -> None:
        """Add the nodes and edges of a graph whose names begin with `prefix`."""
        graph, nodes = self.graph, given.get("nodes")
        if not isinstance(nodes, Mapping) or not all(isinstance(node, Mapping) for node in nodes.values()):
            raise InputError("a NIR graph needs nodes", where=graph.path)
        for name, fields in nodes.items():
            kind, full = fields.get("type"), f"{prefix}{name}"
            if not isinstance(kind, str):
                raise InputError("a node needs a type", where=f"{graph.path}, node {full!r}")
            if kind == "NIRGraph":
                self.add(fields, f"{full}.")
                continue
            if prefix and kind in ("Input", "Output"):
                inputs, outputs = self.ends.setdefault(prefix[:-1], ([], []))
                (inputs if kind == "Input" else outputs).append(full)
                kind = "Identity"
            if full in graph.nodes:
                raise InputError("two nodes have one name", where=f"{graph.path}, node {full!r}")
            graph.nodes[full] = Node(full, kind, fields, f"{graph.path}, node {full!r}")
        for source, target in self._pairs(given.get("edges"), prefix):
            graph.edges.append((self._end(source, prefix, 1), self._end(target, prefix, 0)))

    def _pairs(self, edges: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for pair in (
            [] if edges is None else np.asarray(edges).reshape(-1, 2).tolist() if np.size(edges) % 2 == 0 else [0]
        ):
            if not (isinstance(pair, list) and all(isinstance(each, bytes | str) for each in pair)):
                where = f"{self.graph.path}{f', graph {prefix[:-1]!r}' if prefix else ''}"
                raise InputError("edges must be pairs of names of nodes", where=where)
            first, second = (each.decode("utf8") if isinstance(each, bytes) else each for each in pair)
            yield first, second

    def _end(self, name: str, prefix: str, side: int) -> str:
        """The node that an edge begins (`side` 1) or ends at (0): of a nested graph its output or its input."""
        full = f"{prefix}{name}"
        if full in self.graph.nodes:
            return full
        inside = f" of the graph {prefix[:-1]!r}" if prefix else ""
        if any(each.startswith(f"{full}.") for each in self.graph.nodes):
            ends = self.ends.get(full, ([], []))[side]
            if len(ends) == 1:
                return ends[0]
            word = ("input", "output")[side]
            rule = f"an edge to or from a nested graph needs exactly one {word} in it"
            raise InputError(rule, where=f"{self.graph.path}, node {name!r}{inside}", value=f"{len(ends)}")
        raise InputError(
            "an edge must begin and end at nodes of the graph", where=f"{self.graph.path}, node {name!r}{inside}"
        )
