"""Reader of networks in NIR, the Neuromorphic Intermediate Representation, which a dozen other tools write.

Signals of NIR are functions of time. In the tools that write NIR, a spike is a signal of height 1 that lasts one of
their steps dt. So a weight W onto a current with tau_syn di/dt = -i + w_in W z makes it jump by w_in W dt/tau_syn.
Source: Pedersen et al., Nature Communications 2024.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuro.engine.storage.hdf5 import bytes_of, check_self_contained
from neuro.errors import InputError, NeuroError, UnsupportedFeature
from neuro.files.reading import check_room, existing_file
from neuro.network.graph import Network, Population
from neuro.network.neurons import IF, LIF, Model, SpikeSource
from neuro.network.synapses import Dense, OneToOne
from neuro.validation import Floats, file_name, number, positive

__all__ = ["read_nir"]

NEURONS = ("LIF", "LI", "CubaLIF", "CubaLI", "IF", "I")
CONNECTORS = ("Linear", "Affine", "Scale", "Delay", "Flatten")
"""Kinds of nodes that may lie between populations."""


def read_nir(path: str | Path, *, dt: float) -> Network:
    """Read a network from a NIR file.

    Nodes of neurons and inputs become populations with the names of the nodes, inputs as `SpikeSource`. Nodes between
    them become projections, each with the name of the last node on its path if no other projection has this name. A
    signal that is not spikes is a `Current` onto the population behind the input. All potentials and currents start at
    zero, as in the tools that write NIR.

    The delay of a projection is `dt` plus the delays of the `Delay` nodes on its path. Run it in steps of `dt` with
    semantics ``"nir-euler"``: z[t-1] where spikes come from neurons, x[t] where they come from inputs. A layer behind
    another layer is one step later than in tools that pass spikes on within a step.

    Parameters
    ----------
    path
        The file.
    dt
        Step of the tool that the network was made for, s, which is the duration of a spike.

    Raises
    ------
    InputError
        If the file is no valid NIR graph.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    UnsupportedFeature
        If a node is of a kind that is not known here; the error names it.

    >>> import nir, tempfile
    >>> cell = nir.LIF(tau=np.ones(2), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2))
    >>> nodes = {"in": nir.Input(np.array([3])), "fc": nir.Linear(np.ones((2, 3))), "cell": cell}
    >>> with tempfile.NamedTemporaryFile(suffix=".nir") as file:
    ...     nir.write(file.name, nir.NIRGraph(nodes, [("in", "fc"), ("fc", "cell")], type_check=False))
    ...     read_nir(file.name, dt=1e-4).projections["fc"].post.size
    2
    """
    step = number(dt, "dt", check=positive, unit="s")
    graph = _open(file_name(path, "file", error=InputError))
    net = Network()
    to_connect: list[tuple[str, _Connection, Floats]] = []
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind == "Input":
            net.add(Population(name, int(np.prod(_shape(node))), SpikeSource()))
        elif kind in NEURONS:
            incoming = _incoming(graph, name)
            net.add(_population(name, node, incoming.bias))
            to_connect += [(name, connection, _jump_of_spike(node, step)) for connection in incoming.connections]
        elif kind == "Output":
            _check_output(graph, name)
        elif kind not in CONNECTORS:
            raise UnsupportedFeature(f"read_nir knows no {kind}", where=f"{path}, node {name!r}", remedy=_known())
    for name, connection, jump in to_connect:
        synapses = OneToOne(jump) if connection.matrix is None else Dense((jump[:, None] * connection.matrix).T)
        label = connection.last if connection.last not in net.projections else None
        net.connect(connection.origin, name, synapses, delay=step + connection.delay, name=label)
    return net


@dataclass(frozen=True, eq=False)
class _Connection:
    """From a population to a node: matrix (to, from), None for one to one, delay, and the last node on the path."""

    origin: str
    matrix: Floats | None = None
    delay: float = 0.0
    last: str | None = None


@dataclass(frozen=True, eq=False)
class _Incoming:
    """Input of a node: all connections from populations, and the constant part."""

    connections: list[_Connection]
    bias: Floats


def _open(path: Path) -> Any:
    import h5py
    import nir

    existing_file(path, InputError)
    try:
        with h5py.File(path, "r") as file:
            check_self_contained(file, path, InputError)
            check_room(bytes_of(file), path, InputError)
        # Older files fail the type check for shapes of outputs, which we do not use; weights are checked below.
        return nir.read(path, type_check=False)
    except NeuroError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, ArithmeticError) as error:
        raise InputError(
            "this is not a NIR graph that can be read",
            where=str(path),
            value=f"{type(error).__name__}: {error}",
            remedy="Write it again with the tool that it is from, and a recent version of nir",
        ) from None


def _known() -> str:
    return f"Known: Input, Output, {', '.join(NEURONS + CONNECTORS)}"


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in np.atleast_1d(next(iter(node.input_type.values()))))


def _flat(value: Any) -> Floats:
    return np.asarray(value, np.float64).ravel()


def _predecessors(graph: Any, name: str) -> list[str]:
    """The nodes that feed a node, each once for each edge."""
    known: Iterable[str] = graph.nodes
    for source, target in graph.edges:
        for end in (source, target):
            if end not in known:
                raise InputError("an edge must begin and end at nodes of the graph", where=f"node {end!r}")
    return [source for source, target in graph.edges if target == name]


def _check_output(graph: Any, name: str) -> None:
    for source in _predecessors(graph, name):
        if type(graph.nodes[source]).__name__ in CONNECTORS:
            raise UnsupportedFeature(
                "an output must follow neurons",
                where=f"output {name!r}",
                value=f"{type(graph.nodes[source]).__name__} {source!r}",
                remedy="Put an LI node between them",
            )


def _incoming(graph: Any, name: str, seen: tuple[str, ...] = ()) -> _Incoming:
    """Input of a node, traced back to inputs and neurons."""
    connections: list[_Connection] = []
    bias = np.zeros(1)
    for source in _predecessors(graph, name):
        node = graph.nodes[source]
        kind = type(node).__name__
        if kind == "Input" or kind in NEURONS:
            connections.append(_Connection(source))
            continue
        if source in seen:
            raise UnsupportedFeature("a loop needs a neuron in it", where=f"node {source!r}")
        if kind not in CONNECTORS:
            raise UnsupportedFeature(f"read_nir knows no {kind}", where=f"node {source!r}", remedy=_known())
        part = _apply_node(source, node, _incoming(graph, source, (*seen, source)))
        connections += part.connections
        bias = bias + part.bias
    return _Incoming(connections, bias)


def _apply_node(name: str, node: Any, incoming: _Incoming) -> _Incoming:
    """The output of a node between populations, for a given input."""
    kind = type(node).__name__
    connections = [replace(connection, last=name) for connection in incoming.connections]
    if kind in ("Linear", "Affine"):
        weight = np.asarray(node.weight, np.float64)
        connections = [
            replace(connection, matrix=weight if connection.matrix is None else weight @ connection.matrix)
            for connection in connections
        ]
        bias = weight @ np.broadcast_to(incoming.bias, weight.shape[1:])
        return _Incoming(connections, bias + _flat(node.bias) if kind == "Affine" else bias)
    if kind == "Scale":
        scale = _flat(node.scale)
        connections = [
            replace(w, matrix=np.diag(scale) if w.matrix is None else scale[:, None] * w.matrix) for w in connections
        ]
        return _Incoming(connections, scale * incoming.bias)
    if kind == "Delay":
        delays = np.unique(_flat(node.delay))
        if len(delays) != 1 or np.any(incoming.bias):
            raise UnsupportedFeature(
                "a Delay must be one number, behind nodes without a bias", where=f"node {name!r}", value=delays
            )
        return _Incoming(
            [replace(connection, delay=connection.delay + float(delays[0])) for connection in connections],
            incoming.bias,
        )
    return _Incoming(connections, incoming.bias)


def _jump_of_spike(node: Any, dt: float) -> Floats:
    """Jump by a spike of weight 1, by neuron: of the potential, or of the current in units of the potential."""
    kind, r = type(node).__name__, _flat(node.r)
    if kind.startswith("Cuba"):
        return r * _flat(node.w_in) * (dt / _flat(node.tau_syn))
    return r * dt if kind in ("IF", "I") else r * (dt / _flat(node.tau))


def _population(name: str, node: Any, bias: Floats) -> Population:
    kind, r = type(node).__name__, _flat(node.r)
    drive = r * bias
    fields: dict[str, Any] = {"v_th": None}
    if kind in ("LIF", "CubaLIF", "IF"):
        fields = {"v_th": _flat(node.v_threshold), "v_reset": _flat(node.v_reset)}
    initial: dict[str, Any] = {"v": 0.0}
    if kind.startswith("Cuba"):
        drive = drive * _flat(node.w_in)
        # A constant input reaches v through the current, which begins at zero: drive (1 - exp(-t/tau_syn)).
        initial["i"] = -drive
        fields["tau_syn"] = _flat(node.tau_syn)
    if kind in ("IF", "I"):
        model: Model = IF(bias=drive, **fields)
    else:
        tau = node.tau_mem if kind.startswith("Cuba") else node.tau
        model = LIF(tau_m=_flat(tau), v_rest=_flat(node.v_leak), bias=drive, **fields)
    return Population(name, max(len(r), len(drive)), model, initial)
