"""Reader of networks in NIR, the Neuromorphic Intermediate Representation, which a dozen other tools write.

Signals of NIR are functions of time. In the tools that write NIR, a spike is a signal of height 1 that lasts one of
their steps dt. So a weight W onto a current with tau_syn di/dt = -i + w_in W z makes it jump by w_in W dt/tau_syn.
Source: Pedersen et al., Nature Communications 2024.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from neuro.errors import InputError, ParameterError, UnitWarning, UnsupportedFeature
from neuro.exchange.nir_file import Graph, Node, read_graph
from neuro.exchange.nir_maps import (
    Diagonal,
    Map,
    convolution_of,
    delayed,
    joined,
    of_signal,
    pooling_of,
    synapses_of,
)
from neuro.exchange.nir_neurons import Filter, Reset, jump_of_spike, population_of
from neuro.exchange.nir_records import network_of_record
from neuro.exchange.nir_shapes import CONNECTORS, NEURONS, Shapes, broadcast, in_order
from neuro.files.reading import in_file
from neuro.network.graph import Network, Population
from neuro.network.neurons import SpikeSource
from neuro.validation import LONG, Floats, choice, file_name, number, positive

__all__ = ["read_nir"]

CARRIERS = ("LIF", "IF", "LI", "I")
"""Kinds of nodes that an LI can be a current of."""


def read_nir(
    path: str | Path,
    *,
    dt: float | None = None,
    reset: Reset | None = None,
    decay: Literal["euler", "exponential"] = "euler",
    initial: Literal["zero", "v_leak"] = "zero",
) -> Network:
    """Read a network from a NIR file.

    Nodes of neurons and inputs become populations with the names of the nodes, inputs as `SpikeSource`; those of a
    nested graph are called GRAPH.NODE. Nodes between them become projections, each with the name of the last node on
    its path if no other projection has this name. A signal that is not spikes is a `Current` onto the population
    behind the input. Parameters with one entry hold for all neurons of a node. An LI between a spiking node and itself
    becomes the slow current of an `AHP`; one that feeds another node becomes its synaptic current.

    In the clocked engine, in steps of `dt`, the network runs as in the tools that write NIR: within a step, edges act
    at once, in topological order. An edge that closes a cycle acts one step later. So the delay of a projection is
    that of the `Delay` nodes on its path, and `dt` more if it comes from an input or closes a cycle.

    Parameters
    ----------
    path
        The file.
    dt
        Step of the tool that the network was made for, s, which is the duration of a spike. Files of `write_nir` have
        it, and need none. For files that count in steps it is 1.
    reset
        What a spike does to v: "to_value", as NIR defines it, or "subtract", which NIR cannot say and many tools
        train with. By default what the file says.
    decay
        How the tool's steps decay: "euler" by 1 - dt/tau, as in most tools; "exponential" by exp(-dt/tau), as in
        sinabs. For the latter, each time constant becomes the one with which forward Euler has this decay, about dt/2
        longer; so it is for the clocked engine in steps of `dt`.
    initial
        Where potentials start: at "zero", as in most tools, or at "v_leak" where a node has one, as in Norse. Currents
        start at zero.

    Returns
    -------
    Network
        Its `provenance` has the file and every assumption that was made.

    Raises
    ------
    InputError
        If the file is no valid NIR graph; the error names the node, the shape, and what was expected.
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
    step = None if dt is None else number(dt, "dt", check=positive, unit="s")
    if reset is not None:
        choice(reset, "reset", ("to_value", "subtract"))
    choice(decay, "decay", ("euler", "exponential"))
    choice(initial, "initial", ("zero", "v_leak"))
    graph = read_graph(file_name(path, "file", error=InputError))
    notes: list[str] = []
    with in_file(graph.path):
        net = network_of_record(graph, step, reset, notes)
    if net is None:
        if step is None:
            raise ParameterError("the duration of a spike is needed", where="dt", remedy="Give dt=..., in seconds")
        with in_file(graph.path), warnings.catch_warnings():
            if step >= LONG:
                # The file counts in steps: its time constants are as long as they look.
                warnings.simplefilter("ignore", UnitWarning)
            if decay == "exponential":
                notes.append(f"a step of {step:g} s decays by exp(-dt/tau): time constants are those of forward Euler")
                _make_exponential(graph, step)
            net = _Reader(graph, step, reset, initial == "v_leak", notes).network()
    elif decay != "euler" or initial != "zero":
        notes.append("decay and initial were not used")
    net.provenance = {"source": str(path), "format": "NIR", "dt": step, "assumptions": notes}
    return net


def _make_exponential(graph: Graph, step: float) -> None:
    """Give all nodes the time constants with which a step of forward Euler decays by exp(-step/tau)."""
    for name, node in graph.nodes.items():
        taus = {key: node.array(key) for key in ("tau", "tau_mem", "tau_syn") if key in node.fields}
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            longer = {key: np.where(tau > 0.0, -step / np.expm1(-step / tau), tau) for key, tau in taus.items()}
        graph.nodes[name] = replace(node, fields={**node.fields, **longer})


@dataclass(frozen=True, eq=False)
class _Connection:
    """From a node of neurons or an input: the map (None for one to one), the delay, and the last node on the path."""

    origin: str
    map: Map | None = None
    delay: float = 0.0
    last: str | None = None


@dataclass(frozen=True, eq=False)
class _Incoming:
    """Input of a node: all connections from populations, and the constant part."""

    connections: list[_Connection]
    bias: Floats


class _Reader:
    """Reads one graph."""

    def __init__(self, graph: Graph, step: float, reset: Reset | None, at_leak: bool, notes: list[str]) -> None:
        self.graph, self.step, self.reset, self.at_leak, self.notes = graph, step, reset, at_leak, notes
        self.nodes = graph.nodes
        inputs = [name for name, node in self.nodes.items() if node.kind == "Input"]
        self.shapes = Shapes(graph, in_order(self.nodes, graph.edges, inputs))
        self.signals: dict[str, _Incoming] = {}
        """What leaves each connector."""
        for name in self._connectors():
            self.signals[name] = self._apply(self.nodes[name], self._incoming(name))
        self.incoming = {name: self._incoming(name) for name, node in self.nodes.items() if node.kind in NEURONS}
        self.filters = self._filters()

    def network(self) -> Network:
        """The network of the graph."""
        net = Network()
        to_connect: list[tuple[str, _Connection, Floats, int]] = []
        spiking = False
        for name, node in self.nodes.items():
            if node.kind == "Input":
                net.add(Population(name, int(np.prod(self.shapes.own[name])), SpikeSource()))
            elif node.kind == "Output":
                self._check_output(name)
            elif node.kind in NEURONS and name not in self.filters:
                spiking |= node.kind in ("LIF", "IF", "CubaLIF")
                population, links = self._population(node)
                net.add(population)
                to_connect += [(name, *link) for link in links]
        names = list(net.populations)
        sources = [name for name in names if self.nodes[name].kind == "Input"]
        place = in_order(names, [(link.origin, name) for name, link, _, _ in to_connect], sources)
        for name, link, jump, receptor in to_connect:
            synapses, delays = synapses_of(link.map, jump, net.populations[name].size)
            later = link.origin in sources or place[link.origin] >= place[name]
            delay = link.delay + (self.step if later else 0.0)
            label = link.last if link.last not in net.projections else None
            lag = delay if delays is None else delay + delays
            net.connect(link.origin, name, synapses, delay=lag, receptor=receptor, name=label)
        self._say_assumptions(spiking)
        return net

    def _say_assumptions(self, spiking: bool) -> None:
        self.notes.append(f"a spike lasts {self.step:g} s, the step given as dt")
        where = "potentials start at `v_leak`, and currents" if self.at_leak else "all potentials and currents start"
        self.notes.append(f"{where} at zero")
        if spiking and self.reset is None:
            self.notes.append('a spike resets v to `v_reset`; NIR cannot say reset="subtract"')
        elif spiking:
            self.notes.append(f'reset="{self.reset}", as given')
        self.notes += self.shapes.notes
        for name, node in self.nodes.items():
            if node.kind in ("LIF", "IF", "CubaLIF") and "v_reset" not in node.fields:
                self.notes.append(f"node {name!r} has no `v_reset`: 0")
            if node.kind == "Threshold":
                self.notes.append(f"node {name!r}: a Threshold is a LIF that forgets within a step")

    def _connectors(self) -> list[str]:
        """The nodes between populations, each after those that feed it."""
        import networkx

        names = [name for name, node in self.nodes.items() if node.kind in CONNECTORS]
        between = networkx.DiGraph()
        between.add_nodes_from(names)
        between.add_edges_from(edge for edge in self.graph.edges if edge[0] in between and edge[1] in between)
        try:
            return list(networkx.topological_sort(between))
        except networkx.NetworkXUnfeasible:
            name = networkx.find_cycle(between)[0][0]
        raise UnsupportedFeature("a loop needs a neuron in it", where=self.nodes[name].where)

    def _incoming(self, name: str) -> _Incoming:
        """Input of a node; all that feeds it must be known."""
        found = _Incoming([], np.zeros(1))
        for source in self.shapes.before[name]:
            node = self.nodes[source]
            if node.kind == "Output":
                raise InputError("an output must not feed a node", where=node.where)
            part = self.signals.get(source) or _Incoming([_Connection(source)], np.zeros(1))
            found = _Incoming(found.connections + part.connections, found.bias + part.bias)
        return found

    def _apply(self, node: Node, incoming: _Incoming) -> _Incoming:
        """The output of a node between populations, for a given input."""
        links, bias, kind = incoming.connections, incoming.bias, node.kind
        if kind in ("Identity", "Flatten"):
            last = node.name if kind == "Flatten" else None
            return _Incoming([replace(link, last=last or link.last) for link in links], bias)
        shape = self.shapes.given.get(node.name, self.shapes.own.get(node.name, (1,)))
        if kind == "Delay":
            return self._delay(node, incoming, broadcast(node, "delay", shape))
        own: Floats | None = None
        if kind in ("Linear", "Affine"):
            part: Map = node.array("weight")
            own = node.array("bias").ravel() if kind == "Affine" else None
        elif kind == "Scale":
            part = Diagonal(broadcast(node, "scale", shape))
        elif kind in ("Conv1d", "Conv2d"):
            part = convolution_of(node, shape)
            own = self._channels(node, part.output_shape)
        elif not links and not np.any(bias):
            return incoming
        else:
            part = pooling_of(node, shape)
        signal = of_signal(part, bias)
        made = [replace(link, map=joined(part, link.map), last=node.name) for link in links]
        return _Incoming(made, signal if own is None else signal + own)

    def _channels(self, node: Node, shape: tuple[int, int, int]) -> Floats:
        """The bias of a convolution, which has one entry for each channel, at each place."""
        bias = node.array("bias", 0.0).ravel()
        if bias.size not in (1, shape[0]):
            rule = f"`bias` must have one entry, or {shape[0]}"
            raise InputError(rule, where=node.where, value=f"shape {bias.shape}")
        return np.repeat(np.broadcast_to(bias, (shape[0],)), shape[1] * shape[2])

    def _delay(self, node: Node, incoming: _Incoming, delays: Floats) -> _Incoming:
        if np.any(incoming.bias):
            rule = "a Delay must lie behind nodes without a bias"
            raise UnsupportedFeature(rule, where=node.where, value=np.unique(delays))
        if np.any(delays < 0.0):
            raise InputError("`delay` must not be below zero", where=node.where, value=float(delays.min()))
        if np.all(delays == delays[:1]):
            return _Incoming(
                [replace(link, delay=link.delay + float(delays[0]), last=node.name) for link in incoming.connections],
                incoming.bias,
            )
        made = [replace(link, map=delayed(link.map, delays), last=node.name) for link in incoming.connections]
        return _Incoming(made, incoming.bias)

    def _check_output(self, name: str) -> None:
        waiting = list(self.shapes.before[name])
        while waiting:
            node = self.nodes[waiting.pop()]
            if node.kind in ("Identity", "Flatten"):
                waiting += self.shapes.before[node.name]
            elif node.kind in CONNECTORS:
                raise UnsupportedFeature(
                    "an output must follow neurons",
                    where=f"{self.graph.path}, output {name!r}",
                    value=f"{node.kind} {node.name!r}",
                    remedy="Put an LI node between them",
                )

    def _filters(self) -> dict[str, tuple[str, Floats]]:
        """LI nodes that are currents of one node of neurons: this node, and the factor between them."""
        found: dict[str, tuple[str, Floats]] = {}
        led: dict[str, list[tuple[str, _Connection]]] = {}
        for name, incoming in self.incoming.items():
            for link in incoming.connections:
                if self.nodes[link.origin].kind in ("LI", "CubaLI", "I"):
                    led.setdefault(link.origin, []).append((name, link))
        outward = {source for source, target in self.graph.edges if self.nodes[target].kind == "Output"}
        for name, links in led.items():
            node, (target, link) = self.nodes[name], links[0]
            fits = len(links) == 1 and node.kind == "LI" and self.nodes[target].kind in CARRIERS and target != name
            plain = (link.map is None or isinstance(link.map, Diagonal)) and link.delay == 0.0
            if fits and plain and name not in outward and not np.any(node.array("v_leak")):
                size = int(np.prod(self.shapes.own[name]))
                found[name] = target, link.map.factor if isinstance(link.map, Diagonal) else np.ones(size)
            else:
                self.notes.append(
                    f"node {name!r}: its potential goes to outputs alone; to other nodes it sends no spikes"
                )
        return {name: each for name, each in found.items() if each[0] not in found}

    def _population(self, node: Node) -> tuple[Population, list[tuple[_Connection, Floats, int]]]:
        """The population of a node, and its connections, each with the jump by a spike and the receptor."""
        incoming, shape = self.incoming[node.name], self.shapes.own[node.name]
        direct = [link for link in incoming.connections if link.origin not in self.filters]
        own: list[Filter] = []
        for link in incoming.connections:
            if link.origin in self.filters:
                part = self.incoming[link.origin]
                loop = all(each.origin == node.name for each in part.connections) and not np.any(part.bias)
                own.append(Filter(self.nodes[link.origin], self.filters[link.origin][1], part.bias, loop, [
                    each for each in part.connections if each.origin not in self.filters
                ]))  # fmt: skip
        at = broadcast(node, "v_leak", shape) if self.at_leak and "v_leak" in node.fields else 0.0
        population, slots = population_of(node, shape, self.step, self.reset, at, incoming.bias, own, bool(direct))
        jump = jump_of_spike(node, shape, self.step)
        links = [(link, jump, 0) for link in direct]
        for receptor, jumps, filter_ in slots:
            links += [(link, jumps, receptor) for link in filter_.connections]
        return population, links
