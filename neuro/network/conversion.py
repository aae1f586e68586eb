"""Synapses from SciPy's sparse matrices and NetworkX's graphs, and neurons as nodes of graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neuro.errors import WeightError
from neuro.validation import Ints

__all__ = ["edges_of_graph", "entries_of_matrix", "node_attributes"]

Entries = tuple[Any, Any, Any, Any]
"""Source, target, weight and delay, as `Sparse` takes them."""


def entries_of_matrix(matrix: Any, delay: Any) -> Entries:
    """The stored entries of a sparse matrix, by source and then target; `delay` may be one with the same places."""
    pre, post, weight = _sorted_entries(matrix, "Sparse.from_scipy, matrix")
    if not hasattr(delay, "tocoo"):
        return pre, post, weight, delay
    rows, columns, lags = _sorted_entries(delay, "Sparse.from_scipy, delay")
    if matrix.shape != delay.shape or not (np.array_equal(pre, rows) and np.array_equal(post, columns)):
        raise WeightError(
            "delays must be stored in the places of the weights",
            where="Sparse.from_scipy, delay",
            value=f"{len(rows)} entries for {len(pre)}, shape {delay.shape} for {matrix.shape}",
        )
    return pre, post, weight, lags


def _sorted_entries(matrix: Any, where: str) -> tuple[Ints, Ints, Any]:
    if not hasattr(matrix, "tocoo") or len(matrix.shape) != 2:
        rule = "must be a sparse matrix of SciPy, shape (pre, post)"
        raise WeightError(rule, where=where, value=type(matrix).__name__, remedy="A full matrix is Dense(matrix)")
    entries = matrix.tocoo()
    order = np.lexsort((entries.col, entries.row))
    return entries.row[order], entries.col[order], entries.data[order]


def edges_of_graph(
    graph: Any, weight: str, delay: Any, pre: Sequence[Any] | None, post: Sequence[Any] | None
) -> Entries:
    """The edges of a graph, in its own order; both directions of those without one."""
    where = "Sparse.from_networkx"
    if not hasattr(graph, "edges") or not hasattr(graph, "is_directed"):
        raise WeightError("must be a graph of NetworkX", where=f"{where}, graph", value=type(graph).__name__)
    sources, targets = _numbers(graph, pre, f"{where}, pre"), _numbers(graph, post, f"{where}, post")
    found: list[tuple[int, int, Any, Any]] = []
    for one, other, about in graph.edges(data=True):
        ways = [(one, other)] if graph.is_directed() or one == other else [(one, other), (other, one)]
        for source, target in ways:
            if source in sources and target in targets:
                lag = about.get(delay) if isinstance(delay, str) else None
                if isinstance(delay, str) and lag is None:
                    rule = f"each edge must have the attribute {delay!r}"
                    raise WeightError(rule, where=f"{where}, delay", value=f"edge {one!r}, {other!r}")
                found.append((sources[source], targets[target], about.get(weight, 1.0), lag))
    columns = list(zip(*found, strict=True)) if found else [(), (), (), ()]
    ids = [np.array(column, np.int64) for column in columns[:2]]
    lags = np.array(columns[3], np.float64) if isinstance(delay, str) else delay
    return ids[0], ids[1], np.array(columns[2], np.float64), lags


def _numbers(graph: Any, nodes: Sequence[Any] | None, where: str) -> dict[Any, int]:
    """The number of each node."""
    listed = list(graph.nodes if nodes is None else nodes)
    numbers = {node: k for k, node in enumerate(listed)}
    for node in numbers:
        if node not in graph:
            raise WeightError("must be nodes of the graph", where=where, value=repr(node))
    if len(numbers) < len(listed):
        raise WeightError("must not have a node twice", where=where, value=f"{len(listed)} nodes")
    return numbers


def node_attributes(model: Any, size: int, places: Any) -> list[dict[str, Any]]:
    """The attributes of each neuron's node: its model, the model's fields, and its position if it has one."""

    def own(value: Any, i: int) -> Any:
        if isinstance(value, tuple):
            return tuple(own(part, i) for part in value)
        return np.asarray(value)[i].item() if np.ndim(value) else value

    shared = getattr(model, "of_all", ())
    fields = {key: getattr(model, key) for key in getattr(model, "__dataclass_fields__", {})}
    if "ids" in fields:
        # The spikes of a source are not parameters with one entry for each neuron.
        fields = {}
    return [
        {"model": type(model).__name__}
        | {key: value if key in shared else own(value, i) for key, value in fields.items()}
        | ({} if places is None else {"position": tuple(places[i].tolist())})
        for i in range(size)
    ]
