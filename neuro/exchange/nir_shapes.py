"""The order of a NIR graph's nodes, and the shape of each node's input and output."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

import numpy as np

from neuro.errors import InputError, UnsupportedFeature
from neuro.exchange.nir_file import Graph, Node
from neuro.exchange.nir_maps import convolution_of, pooling_of
from neuro.files.reading import check_room
from neuro.validation import Floats

__all__ = ["CONNECTORS", "NEURONS", "Shapes", "broadcast", "in_order"]

Name = TypeVar("Name", bound=Hashable)
Shape = tuple[int, ...]

PARAMETERS = {
    "LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    "LI": ("tau", "r", "v_leak"),
    "CubaLIF": ("tau_mem", "tau_syn", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
    "CubaLI": ("tau_mem", "tau_syn", "r", "v_leak", "w_in"),
    "IF": ("r", "v_threshold", "v_reset"),
    "I": ("r",),
    "Threshold": ("threshold",),
    "Scale": ("scale",),
    "Delay": ("delay",),
}
"""Parameters with an entry for each element, of the nodes that leave the shape as it is."""
BYTES_PER_ELEMENT = 100
"""Memory that an element of a signal takes at least: its parameters, and what nodes make of it."""
DEFAULTS = {"v_reset": 0.0, "w_in": 1.0}
NEURONS = ("LIF", "LI", "CubaLIF", "CubaLI", "IF", "I", "Threshold")
CONNECTORS = (
    "Linear", "Affine", "Scale", "Delay", "Flatten", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Identity",
)  # fmt: skip
"""Kinds of nodes that may lie between populations."""


def in_order(names: Iterable[Name], edges: Iterable[tuple[Name, Name]], first: Iterable[Name]) -> dict[Name, int]:
    """The place of each node in an order in which edges lead forward, except one in each cycle.

    The search begins at `first`, so that what an input reaches first comes first in a cycle.
    """
    import networkx

    graph = networkx.DiGraph()
    root = object()
    graph.add_edges_from((root, name) for name in [*first, *names])
    graph.add_edges_from(edges)
    found = list(networkx.dfs_postorder_nodes(graph, root))[-2::-1]
    return {name: place for place, name in enumerate(found)}


def broadcast(node: Node, key: str, shape: Shape) -> Floats:
    """A parameter with one entry for each element of `shape`, flat; parameters with one entry hold for all."""
    value = node.array(key, DEFAULTS.get(key))
    size = int(np.prod(shape))
    if value.size == size:
        return value.ravel()
    if value.size == 1:
        return np.full(size, value.item())
    try:
        return np.broadcast_to(value, shape).ravel()
    except ValueError:
        rule = f"`{key}` must have one entry for each element of the shape {shape}, or one for all"
        raise InputError(rule, where=node.where, value=f"shape {value.shape}") from None


class Shapes:
    """Shapes of all nodes, from the inputs on.

    Raises
    ------
    InputError
        If shapes do not fit together; the error names the node, the shape, and what was expected.
    UnsupportedFeature
        If a node is of a kind that is not known here.
    """

    def __init__(self, graph: Graph, order: Mapping[str, int]) -> None:
        self.before: dict[str, list[str]] = {name: [] for name in graph.nodes}
        """The nodes that feed each node, each once for each edge."""
        for source, target in graph.edges:
            self.before[target].append(source)
        self.trailing: dict[str, int] = {}
        """How many axes of an input its nodes read, where the file has axes of a batch or of time before them."""
        for name, node in graph.nodes.items():
            if node.kind == "Input":
                counts = [_axes(graph.nodes[target], _extent(node)) for source, target in graph.edges if source == name]
                if counts and counts[0] and len(set(counts)) == 1:
                    self.trailing[name] = counts[0]
        self.given: dict[str, Shape] = {}
        """Shape of the input, where it is known."""
        self.own: dict[str, Shape] = {}
        """Shape of the output, where it is known."""
        self.notes: list[str] = []
        known = -1
        # The second turn brings shapes around cycles.
        while known < len(self.own):
            known = len(self.own)
            for name in sorted(graph.nodes, key=order.__getitem__):
                sources = [self.own[source] for source in self.before[name] if source in self.own]
                if sources:
                    self.given[name] = sources[0]
                found = self._out(graph.nodes[name], self.given.get(name))
                if found is not None:
                    self.own[name] = found
        elements = sum(float(np.prod(shape, dtype=np.float64)) for shape in self.own.values())
        check_room(BYTES_PER_ELEMENT * elements, graph.path, InputError)
        for name, node in graph.nodes.items():
            self._check(node, name)
            if name in self.trailing:
                whole, own = _extent(node), self.own[name]
                self.notes.append(f"node {name!r}: of its shape {whole}, {own} are neurons, the rest a batch or time")

    def _check(self, node: Node, name: str) -> None:
        """All edges into a node must bring one number of elements."""
        sizes = {source: int(np.prod(self.own[source])) for source in self.before[name] if source in self.own}
        if len(set(sizes.values())) > 1 and node.kind != "Output":
            shapes = ", ".join(f"{self.own[source]} from {source!r}" for source in sizes)
            raise InputError("all edges into a node must bring one shape", where=node.where, value=shapes)
        if node.kind in PARAMETERS and name in self.own:
            full = int(np.prod(self.own[name]))
            for key in PARAMETERS[node.kind]:
                size = node.array(key, DEFAULTS.get(key)).size
                if key in node.fields and size < full:
                    self.notes.append(f"node {name!r}: `{key}` has shape {np.shape(node.fields[key])} for {full}")

    def _out(self, node: Node, given: Shape | None) -> Shape | None:
        """The shape of the output for the shape of the input; None where it is not known yet."""
        kind = node.kind
        if kind == "Input":
            extent = _extent(node)
            return extent[-self.trailing[node.name] :] if node.name in self.trailing else extent
        if kind in ("Output", "Identity"):
            return given
        if kind in PARAMETERS:
            return _elements(node, given)
        if kind in ("Linear", "Affine"):
            return _matrix(node, given)
        if kind == "Flatten":
            return None if given is None else _flattened(node, given)
        if kind in ("Conv1d", "Conv2d"):
            shape = self._shaped(node, given)
            return None if shape is None else _without(convolution_of(node, shape).output_shape, kind)
        if kind in ("SumPool2d", "AvgPool2d"):
            return None if given is None else pooling_of(node, given).output_shape
        raise UnsupportedFeature(
            f"read_nir knows no {kind}",
            where=node.where,
            remedy=f"Known: {', '.join(('Input', 'Output', *NEURONS, *CONNECTORS[:-1]))}",
        )

    def _shaped(self, node: Node, given: Shape | None) -> Shape | None:
        """The shape of a convolution's input, which the node itself may have."""
        places = node.fields.get("input_shape")
        if places is None or not np.size(places):
            return given
        axes = 1 if node.kind == "Conv1d" else 2
        weight, (groups,) = node.array("weight"), node.whole("groups", 1, 1)
        channels = weight.shape[1] * groups if weight.ndim > 1 else 1
        shape = (channels, *node.whole("input_shape", axes))
        if given is not None and np.prod(given) != np.prod(shape):
            raise InputError(f"the input must have the shape {shape}", where=node.where, value=f"shape {given}")
        self.given[node.name] = shape
        return shape


def _extent(node: Node) -> Shape:
    """The shape of an input."""
    extent = node.array("shape").ravel()
    if np.any(extent < 1) or np.any(extent != np.rint(extent)):
        raise InputError("a shape must be made of whole numbers", where=node.where, value=str(extent))
    return tuple(int(each) for each in extent) or (1,)


def _axes(node: Node, extent: Shape) -> int:
    """How many axes at the end of an input's shape a node reads, if it cannot be all; else 0.

    Tools write the shape of their sample data, which may have axes of a batch and of time. Nodes of torch leave them.
    """
    if node.kind in ("Linear", "Affine") and (weight := node.array("weight")).ndim == 2:
        return 1 if extent[-1] == weight.shape[1] != np.prod(extent) else 0
    axes = {"Conv1d": 2, "Conv2d": 3}.get(node.kind, len(extent))
    if axes >= len(extent):
        return 0
    (groups,), weight = node.whole("groups", 1, 1), node.array("weight")
    fits = weight.ndim == axes + 1 and extent[-axes] == weight.shape[1] * groups
    return axes if fits else 0


def _elements(node: Node, given: Shape | None) -> Shape:
    shapes = {key: node.array(key, DEFAULTS.get(key)).shape for key in PARAMETERS[node.kind]}
    try:
        own = np.broadcast_shapes(*shapes.values())
    except ValueError:
        found = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise InputError("parameters must have one shape, or one entry", where=node.where, value=found) from None
    if given is None or given == own:
        return own or (1,)
    if np.prod(own) == np.prod(given):
        return own if len(own) > 1 else given
    try:
        whole = np.broadcast_shapes(own, given) == given
    except ValueError:
        whole = False
    if not whole and np.prod(own, dtype=int) != 1:
        rule = f"parameters must have one entry, or one for each of the input's elements: shape {given}"
        found = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise InputError(rule, where=node.where, value=found)
    return given


def _matrix(node: Node, given: Shape | None) -> Shape:
    weight = node.array("weight")
    if weight.ndim != 2:
        raise InputError("`weight` must have the shape (out, in)", where=node.where, value=f"shape {weight.shape}")
    if given is not None and np.prod(given) != weight.shape[1]:
        rule = f"`weight` must have the shape (out, {np.prod(given)}), as the input has the shape {given}"
        raise InputError(rule, where=node.where, value=f"shape {weight.shape}")
    if node.kind == "Affine" and node.array("bias").size not in (1, weight.shape[0]):
        rule = f"`bias` must have one entry, or {weight.shape[0]}"
        raise InputError(rule, where=node.where, value=f"shape {node.array('bias').shape}")
    return (weight.shape[0],)


def _flattened(node: Node, given: Shape) -> Shape:
    (start,), (end,) = node.whole("start_dim", 1, 1), node.whole("end_dim", 1, -1)
    first = min(max(start + len(given) if start < 0 else start, 0), len(given))
    last = end + len(given) if end < 0 else min(end, len(given) - 1)
    if last < first:
        return given
    return (*given[:first], int(np.prod(given[first : last + 1])), *given[last + 1 :])


def _without(shape: tuple[int, int, int], kind: str) -> Shape:
    """The output's shape; a Conv1d has no rows."""
    return (shape[0], shape[2]) if kind == "Conv1d" else shape
