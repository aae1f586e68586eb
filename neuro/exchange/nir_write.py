"""Writer of networks in NIR: neurons, currents, delays and weights as nodes for other tools, and a record beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuro.errors import NetworkError, UnsupportedFeature
from neuro.exchange.nir_file import RECORD, read_graph
from neuro.exchange.nir_records import FORMAT, digest, record_of_population
from neuro.exchange.nir_shapes import in_order
from neuro.files.writing import atomic
from neuro.network.convolution import Convolution2d
from neuro.network.graph import Network, Population, Projection
from neuro.network.listing import delays_of, matrix_of, triplets_of
from neuro.network.neurons import AHP, ALIF, IF, LIF, SpikeSource, receptors
from neuro.network.synapses import OneToOne, is_matrix
from neuro.validation import Floats, file_name, instance, number, positive

__all__ = ["write_nir"]

MOST_ENTRIES = 2**28
"""Most entries of all matrices of one projection."""


def write_nir(network: Network, path: str | Path, *, dt: float = 1e-4) -> None:
    """Write a network as a NIR file.

    Populations become nodes with their names: `LIF` and `IF` as LIF, IF, CubaLIF, LI, CubaLI or I; a current beside
    others as an LI in front of the neurons; a slow current of `AHP` as LIF -> LI -> Scale -> LIF. Projections become
    Linear, Scale or Conv2d nodes with their names, behind Delay nodes; synapses with several delays are one Linear
    for each. A crossbar is a Linear with the weights that it reads, and its conductances in the node's metadata.

    What NIR cannot say (the reset by subtraction, initial values, positions, the order of synapses) is in the
    metadata: `read_nir` gives back the network bit for bit. A parameter that another tool would have to know and NIR
    has no word for is refused.

    Parameters
    ----------
    network
        What to write; weights and delays that are drawn are written as drawn.
    path
        The file; one that exists is replaced.
    dt
        Duration of a spike in tools that read the file, s: their step.

    Raises
    ------
    UnsupportedFeature
        If a population has what NIR has no word for: a refractory time, limits of v, a model other than `LIF`, `AHP`,
        `IF` and `SpikeSource`, or an external drive. The error names the population.
    FileError
        If the file cannot be written.

    >>> import tempfile
    >>> net = Network()
    >>> cue = net.add(Population("cue", 2, SpikeSource()))
    >>> cell = net.add(Population("cell", 2, AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.1, jump=0.5)))
    >>> link = net.connect(cue, cell, OneToOne(1.5), delay=1e-3)
    >>> from neuro.exchange.nir import read_nir
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_nir(net, f"{folder}/net.nir")
    ...     read_nir(f"{folder}/net.nir").populations["cell"].model.jump
    0.5
    """
    import h5py
    import nir

    instance(network, "write_nir, network", Network, "a Network", error=NetworkError)
    step = number(dt, "dt", check=positive, unit="s")
    target = file_name(path, "file")
    for name, population in network.populations.items():
        _check(name, population, network)
    writer = _Writer(network, step)
    with atomic(target) as partial:
        graph = nir.NIRGraph(writer.nodes, writer.edges, metadata={RECORD: writer.record()}, type_check=False)
        nir.write(partial, graph)
        content = digest(read_graph(partial))
        with h5py.File(partial, "a") as file:
            file[f"node/metadata/{RECORD}"].create_dataset("digest", data=content, dtype=h5py.string_dtype())


def _check(name: str, population: Population, network: Network) -> None:
    """Refuse what NIR has no word for."""
    where, model = f"population {name!r}", population.model
    if not isinstance(model, LIF | IF | SpikeSource) or isinstance(model, ALIF):
        raise UnsupportedFeature(f"NIR has no {type(model).__name__}", where=where)
    if isinstance(model, SpikeSource) and model.times is not None:
        remedy = "Give them to `run(inputs=...)`"
        raise UnsupportedFeature("NIR has no inputs with spikes of their own", where=where, remedy=remedy)
    if population.size < 1:
        raise UnsupportedFeature("NIR has no nodes without neurons", where=where)
    for key, silent in (("refractory", 0.0), ("v_min", -np.inf), ("v_max", np.inf)):
        value = population.parameter(key, silent)
        if np.any(value != silent):
            raise UnsupportedFeature(
                f"NIR has no word for `{key}`", where=where, value=float(value[value != silent][0])
            )
    if network.drives.get(name):
        remedy = "Give its arrivals as spikes of a SpikeSource"
        raise UnsupportedFeature("NIR has no external drives", where=where, remedy=remedy)


@dataclass(eq=False)
class _Writer:
    """The nodes, edges and records of a network."""

    network: Network
    dt: float
    nodes: dict[str, Any] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        net = self.network
        self.shapes: dict[str, tuple[int, ...]] = {name: (p.size,) for name, p in net.populations.items()}
        for projection in net.projections.values():
            if isinstance(projection.synapses, Convolution2d):
                self.shapes[projection.pre.name] = tuple(projection.synapses.input_shape)
                self.shapes[projection.post.name] = projection.synapses.output_shape
        self.node_of: dict[str, str] = {}
        """The node that fires the spikes of each population."""
        self.entry: dict[tuple[str, int], str] = {}
        """The node that takes the input of each receptor."""
        self.ends: list[dict[str, Any]] = []
        for name, population in net.populations.items():
            self.add_population(name, population)
        sources = [name for name, p in net.populations.items() if isinstance(p.model, SpikeSource)]
        between = [(p.pre.name, p.post.name) for p in net.projections.values()]
        self.place = in_order(net.populations, between, sources)
        for projection in net.projections.values():
            self.add_projection(projection)
        self.add_outputs()

    def record(self) -> dict[str, Any]:
        """The network as `network_of_record` reads it."""
        populations = {str(k): record_of_population(p) for k, p in enumerate(self.network.populations.values())}
        return {
            "format": FORMAT,
            "seed": int(self.network.seed),
            "dt": self.dt,
            "populations": populations,
            "projections": {str(k): each for k, each in enumerate(self.ends)},
        }

    def add(self, name: str, node: Any) -> str:
        """Add a node under this name, or one like it that is free and that HDF5 can have."""
        plain = name.replace("/", "_") if name not in (".", "..") else "_"
        free, serial = plain, 2
        while free in self.nodes:
            free, serial = f"{plain}#{serial}", serial + 1
        self.nodes[free] = node
        return free

    def add_population(self, name: str, population: Population) -> None:
        """The node of a population, and its currents."""
        import nir

        shape, model = self.shapes[name], population.model
        if isinstance(model, SpikeSource):
            self.node_of[name] = self.add(name, nir.Input(np.array(shape)))
            return

        def of(value: Any) -> Floats:
            return np.broadcast_to(np.asarray(value, np.float64), (population.size,)).reshape(shape).copy()

        taus, zero, one = receptors(model), of(0.0), of(1.0)
        slow = _currents(model)
        leaky, fires = isinstance(model, LIF), getattr(model, "v_th", None) is not None
        levels = {}
        if fires:
            levels = {"v_threshold": of(population.parameter("v_th")), "v_reset": of(population.parameter("v_reset"))}
        leak = of(population.parameter("v_rest") + population.parameter("bias")) if leaky else zero
        if leaky and len(taus) == 1 and taus[0] is not None and not slow:
            tau_syn, kind = of(taus[0]), nir.CubaLIF if fires else nir.CubaLI
            made = kind(tau_syn=tau_syn, tau_mem=of(model.tau_m), r=one, v_leak=leak, w_in=tau_syn / self.dt, **levels)  # type: ignore[union-attr]
            self.node_of[name] = self.entry[name, 0] = self.add(name, made)
            return
        unit = of(model.tau_m) / self.dt if leaky else one / self.dt  # type: ignore[union-attr]
        r = unit if any(tau is None for tau in taus) else one
        if leaky:
            kind = nir.LIF if fires else nir.LI
            made = kind(tau=of(model.tau_m), r=r, v_leak=leak, **levels)  # type: ignore[union-attr]
        else:
            made = nir.IF(r=r, **levels) if fires else nir.I(r=r)
        node = self.node_of[name] = self.add(name, made)
        for k, tau in enumerate(taus):
            self.entry[name, k] = node
            if tau is not None:
                current = nir.LI(tau=of(tau), r=of(tau) / self.dt, v_leak=zero)
                self.entry[name, k] = self.add(f"{name}.current{k}", current)
                self.chain(self.entry[name, k], (f"{name}.current{k}.scale", nir.Scale(1.0 / r)), node)
        for k, (tau, jump) in enumerate(slow):
            current = nir.LI(tau=of(tau), r=of(tau) / self.dt, v_leak=zero)
            # A tool takes the current over one step after the spike, when that of `AHP` has decayed for a step.
            left = np.where(of(tau) > self.dt, 1.0 - self.dt / of(tau), 1.0)
            back = nir.Scale(-of(jump) * left / r)
            self.chain(node, (f"{name}.slow{k}", current), (f"{name}.slow{k}.scale", back), node)
        bias = population.parameter("bias")
        if not leaky and np.any(bias):
            constant = nir.Affine(np.zeros((population.size, 1)), bias / r.ravel())
            silent = self.add(f"{name}.bias.input", nir.Input(np.array([1])))
            self.chain(silent, (f"{name}.bias", constant), node)

    def chain(self, first: str, *rest: tuple[str, Any] | str) -> str:
        """Edges from `first` through new nodes; returns the last node's name."""
        for part in rest:
            name = part if isinstance(part, str) else self.add(*part)
            self.edges.append((first, name))
            first = name
        return first

    def add_projection(self, projection: Projection) -> None:
        """The nodes of a projection, and its record."""
        import nir

        name, synapses = projection.name, projection.synapses
        where, n = f"projection {name!r}", (int(projection.post.size), int(projection.pre.size))
        record: dict[str, Any] = {
            "name": name, "pre": projection.pre.name, "post": projection.post.name,
            "receptor": int(projection.receptor), "kind": "Dense",
        }  # fmt: skip
        parts: list[tuple[float, Any]]
        if is_matrix(synapses):
            weight = matrix_of(projection, self.network.seed)
            lag = np.asarray(delays_of(projection, self.network.seed), np.float64)
            record["delay"] = lag if lag.ndim else float(lag)
            metadata = _conductances(synapses)
            different = np.unique(lag)
            self._check_room(where, len(different) * weight.size)
            whole = nir.Linear(weight=np.ascontiguousarray(weight.T), metadata=metadata)
            parts = [(float(d), nir.Linear(weight=np.where(lag == d, weight, 0.0).T.copy())) for d in different]
            if len(different) == 1:
                parts = [(float(different[0]), whole)]
            else:
                record["weight"] = np.array(weight)
        else:
            listed = triplets_of(projection, self.network.seed)
            lag = np.asarray(delays_of(projection, self.network.seed, listed), np.float64)
            record["delay"] = lag if lag.ndim else float(lag)
            weights = np.broadcast_to(listed.weight, listed.pre.shape)
            if isinstance(synapses, Convolution2d) and not lag.ndim:
                record |= {"kind": "Convolution2d", "input_shape": np.array(synapses.input_shape)}
                parts = [(float(lag), _convolution(synapses))]
            elif isinstance(synapses, OneToOne) and not lag.ndim:
                record["kind"] = "OneToOne"
                parts = [(float(lag), nir.Scale(weights.astype(np.float64).reshape(self.shapes[projection.post.name])))]
            else:
                each = np.broadcast_to(lag, listed.pre.shape)
                different = np.unique(each)
                self._check_room(where, len(different) * n[0] * n[1])
                parts = []
                for d in different:
                    matrix, here = np.zeros(n), each == d
                    np.add.at(matrix, (listed.post[here], listed.pre[here]), weights[here])
                    parts.append((float(d), nir.Linear(weight=matrix)))
                record |= {"kind": "Sparse", "sources": listed.pre.astype(np.int64),
                           "targets": listed.post.astype(np.int64), "weight": np.array(weights)}  # fmt: skip
        record["node"] = self._wire(projection, parts)
        self.ends.append(record)

    def _wire(self, projection: Projection, parts: list[tuple[float, Any]]) -> str:
        """Wire the matrices of a projection, each behind its delay; returns the name of the first."""
        import nir

        pre, post, first = projection.pre.name, projection.post.name, ""
        later = isinstance(projection.pre.model, SpikeSource) or self.place[pre] >= self.place[post]
        for delay, node in parts:
            wait = max(delay - self.dt, 0.0) if later else delay
            begin, shape = self.node_of[pre], self.shapes[pre]
            if wait > 1e-9 * self.dt:
                begin = self.chain(begin, (f"{projection.name}.delay", nir.Delay(np.full(shape, wait))))
            if isinstance(node, nir.Linear) and len(shape) > 1:
                flat = nir.Flatten({"input": np.array(shape)}, 0, -1)
                begin = self.chain(begin, (f"{projection.name}.flat", flat))
            own = self.add(projection.name, node)
            first = first or own
            self.edges += [(begin, own), (own, self.entry[post, int(projection.receptor)])]
        return first

    def _check_room(self, where: str, entries: float) -> None:
        if entries > MOST_ENTRIES:
            raise UnsupportedFeature(
                "NIR has whole matrices only, one for each delay, and these are too large",
                where=where,
                value=f"{entries:,.0f} entries",
                remedy=f"At most {MOST_ENTRIES:,}; use fewer different delays",
            )

    def add_outputs(self) -> None:
        """An output behind every population that feeds no other."""
        import nir

        feeding = {projection.pre.name for projection in self.network.projections.values()}
        for name, population in self.network.populations.items():
            if name not in feeding and not isinstance(population.model, SpikeSource):
                self.chain(self.node_of[name], (f"{name}.output", nir.Output(np.array(self.shapes[name]))))


def _currents(model: Any) -> list[tuple[Any, Any]]:
    """Time constant and jump of each slow current."""
    if not isinstance(model, AHP):
        return []
    taus, jumps = (value if isinstance(value, tuple) else (value,) for value in (model.tau_ahp, model.jump))
    return list(zip(taus, jumps, strict=True))


def _convolution(synapses: Convolution2d) -> Any:
    import nir

    def pair(value: Any) -> Any:
        return value if isinstance(value, str) else np.broadcast_to(np.asarray(value, np.int64), 2).copy()

    weight = np.asarray(synapses.weight)
    return nir.Conv2d(
        input_shape=np.array(synapses.input_shape[1:]),
        weight=weight,
        stride=pair(synapses.stride),
        padding=pair(synapses.padding),
        dilation=pair(synapses.dilation),
        groups=int(synapses.groups),
        bias=np.zeros(weight.shape[0]),
    )


def _conductances(synapses: Any) -> dict[str, Any]:
    """The conductances of a crossbar, S, as metadata."""
    found = {key: getattr(synapses, key, None) for key in ("conductance_plus", "conductance_minus")}
    return {key: np.asarray(value) for key, value in found.items() if value is not None}
