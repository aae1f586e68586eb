"""Spikes, edges and nodes in the SONATA format: HDF5 files that BMTK, NEST, libsonata, Arbor and others exchange."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuro.display import Displayed, Rows, plural
from neuro.engine.recording import Recording, Spikes
from neuro.engine.storage.hdf5 import bytes_of, check_self_contained
from neuro.errors import InputError, NeuroError, UnsupportedFeature
from neuro.exchange.sonata_nodes import nodes_of, read_node_types, write_node_types, write_nodes
from neuro.files.reading import check_room, existing_file, in_file, read_text, real_numbers
from neuro.files.writing import atomic
from neuro.network.graph import Network, Population
from neuro.network.listing import edge_arrays
from neuro.network.synapses import Sparse
from neuro.validation import Floats, Ints, file_name, shown

__all__ = ["Sonata", "SonataEdges", "read_sonata", "write_sonata"]

MAGIC = 0x0A7A
"""The attribute `magic` of SONATA files."""
VERSION = (0, 1)
SECONDS = {"s": 1.0, "ms": 1e3, "us": 1e6}
"""How many of a unit of time are in a second."""
WEIGHT, DELAY, COUNT, RECEPTOR = "syn_weight", "delay", "nsyns", "receptor"
"""Attributes of edges that have a meaning here."""


@dataclass(frozen=True, eq=False, repr=False)
class SonataEdges(Displayed):
    """The edges of one population of edges."""

    source: str
    """Population of nodes that they begin at."""
    target: str
    """Population of nodes that they end at."""
    synapses: Sparse
    """For `Network.connect`: weights are `syn_weight`, times `nsyns` if the file has it; delays in s, if it has any."""
    receptor: int = 0
    """The receptor of the target that they act on."""

    def _display(self) -> tuple[str, Rows]:
        return f"SonataEdges: {self.source} to {self.target}, {plural(len(np.asarray(self.synapses.pre)), 'edge')}", ()


@dataclass(frozen=True, eq=False, repr=False)
class Sonata(Displayed):
    """The spikes, edges and nodes of a SONATA file."""

    spikes: Mapping[str, Spikes] = field(default_factory=dict)
    """By population of nodes."""
    edges: Mapping[str, SonataEdges] = field(default_factory=dict)
    """By population of edges."""
    nodes: Mapping[str, Population] = field(default_factory=dict)
    """By population of nodes; only if the file of node types was given."""

    def network(self) -> Network:
        """The network of the nodes and edges.

        Raises
        ------
        InputError
            If there are no nodes, or edges begin or end at others.
        """
        net = Network()
        for population in self.nodes.values():
            net.add(population)
        for name, each in self.edges.items():
            for end in (each.source, each.target):
                if end not in self.nodes:
                    remedy = "Give the CSV file of node types: read_sonata(..., node_types=)"
                    raise InputError("no such population of nodes", where=f"edges {name!r}", value=end, remedy=remedy)
            lag = 0.0 if not len(np.asarray(each.synapses.pre)) else None
            net.connect(each.source, each.target, each.synapses, delay=lag, receptor=each.receptor, name=name)
        if not self.nodes:
            raise InputError("a network needs nodes", where="Sonata.network")
        return net

    def _display(self) -> tuple[str, Rows]:
        rows: list[tuple[str, object]] = [(name, plural(len(each), "spike")) for name, each in self.spikes.items()]
        rows += [(name, plural(len(np.asarray(each.synapses.pre)), "edge")) for name, each in self.edges.items()]
        rows += [(name, plural(int(each.size), "node")) for name, each in self.nodes.items()]
        return "Sonata", rows


def write_sonata(
    what: Network | Recording | Mapping[str, Spikes], path: str | Path, *, node_types: str | Path | None = None
) -> None:
    """Write the edges of a network, or the spikes of a recording, as a SONATA file.

    Times are in ms there; they come back to the last bit but one. Edges have `syn_weight` in the units of the target's
    v, `delay`, and `receptor` where it is not 0. Weights and delays that are drawn are written as drawn.

    Parameters
    ----------
    what
        A `Network`, whose projections become populations of edges; or a `Recording` or `Spikes` by population.
    path
        The file; one that exists is replaced.
    node_types
        A CSV file to write the types of nodes to. With it, the populations of a network are written as nodes, too:
        their models as `point_neuron` with a template ``neuro:LIF`` and the like, their parameters, in SI units, as
        `dynamics_params` of each node; a `SpikeSource` as `virtual`.

    Raises
    ------
    InputError
        If it is none of these, or has no population of spikes.
    UnsupportedFeature
        If `node_types` is given, and a population has no counterpart; the error names it.
    FileError
        If the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_sonata({"cell": Spikes([0.1, 0.2], [3, 0])}, f"{folder}/spikes.h5")
    ...     read_sonata(f"{folder}/spikes.h5").spikes["cell"].ids.tolist()
    [3, 0]
    """
    import h5py

    spikes = what.spikes if isinstance(what, Recording) else what
    if not isinstance(what, Network):
        rule = "takes a Network, a Recording, or Spikes by population"
        if (
            not isinstance(spikes, Mapping)
            or not spikes
            or not all(isinstance(each, Spikes) for each in spikes.values())
        ):
            raise InputError(rule, where="write_sonata", value=shown(what))
    named = list(what.projections) if isinstance(what, Network) else list(spikes)  # type: ignore[arg-type]
    named += what.populations if isinstance(what, Network) and node_types is not None else ()
    if node_types is not None and not isinstance(what, Network):
        raise InputError("only a Network has node types", where="write_sonata", value=type(what).__name__)
    table = None if node_types is None else file_name(node_types, "node_types")
    for name in named:
        if not isinstance(name, str) or "/" in name or name in ("", "."):
            raise InputError("SONATA has no names with a slash", where="write_sonata", value=repr(name))
    with atomic(file_name(path, "file")) as partial, h5py.File(partial, "w") as file:
        file.attrs["magic"] = np.uint32(MAGIC)
        file.attrs["version"] = np.array(VERSION, np.uint32)
        if isinstance(what, Network):
            _write_edges(what, file.create_group("edges"))
            if table is not None:
                write_nodes(what, file.create_group("nodes"))
                write_node_types(what, table)
        else:
            _write_spikes(spikes, file.create_group("spikes"))  # type: ignore[arg-type]


def _write_spikes(spikes: Mapping[str, Spikes], group: Any) -> None:
    import h5py

    order = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, np.uint8)
    for name in spikes:
        each, own = spikes[name], group.create_group(name)
        own.attrs.create("sorting", 2, dtype=order)
        own["timestamps"] = each.times * SECONDS["ms"]
        own["timestamps"].attrs["units"] = "ms"
        own["node_ids"] = each.ids.astype(np.uint64)


def _write_edges(network: Network, group: Any) -> None:
    for name, projection in network.projections.items():
        pre, post, weight, delay = edge_arrays(projection, network.seed)
        own = group.create_group(name)
        for key, ids, nodes in (("source", pre, projection.pre.name), ("target", post, projection.post.name)):
            own[f"{key}_node_id"] = ids.astype(np.uint64)
            own[f"{key}_node_id"].attrs["node_population"] = nodes
        own["edge_type_id"] = np.full(len(pre), 100, np.int64)
        own["edge_group_id"] = np.zeros(len(pre), np.uint64)
        own["edge_group_index"] = np.arange(len(pre), dtype=np.uint64)
        values = own.create_group("0")
        values[WEIGHT] = np.asarray(weight, np.float64)
        values[DELAY] = np.asarray(delay, np.float64) * SECONDS["ms"]
        if projection.receptor:
            values[RECEPTOR] = np.full(len(pre), projection.receptor, np.int64)


def read_sonata(
    path: str | Path, *, edge_types: str | Path | None = None, node_types: str | Path | None = None
) -> Sonata:
    """Read the spikes, edges and nodes of a SONATA file.

    Parameters
    ----------
    path
        An HDF5 file with `spikes` or `edges`, of any version: spikes without a population are those of "All".
    edge_types
        The CSV file of edge types, where the file itself does not have the weights or delays of its edges.
    node_types
        The CSV file of node types, which says what model each node is. Known are `point_neuron` of this program
        (``neuro:LIF``, ...) and of NEST (``nest:iaf_psc_delta``), and `virtual`. Without it, nodes are not read.

    Returns
    -------
    Sonata
        Times in s. Node ids are kept: neurons of a population are numbered from zero.

    Raises
    ------
    InputError
        If the file is damaged or no SONATA file, or an edge has no weight.
    UnsupportedFeature
        If `node_types` is given, and a model or a parameter of nodes is not known here; the error names it.
    DataError
        If there is no such file (this is a FileNotFoundError, too).

    >>> import tempfile
    >>> from neuro.network.graph import Population
    >>> from neuro.network.neurons import LIF
    >>> net = Network()
    >>> cell = net.add(Population("cell", 3, LIF(tau_m=20e-3, v_th=1.0)))
    >>> link = net.connect(cell, cell, Sparse([0, 1], [1, 2], [0.5, -0.25]), delay=1.5e-3, name="link")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_sonata(net, f"{folder}/edges.h5")
    ...     found = read_sonata(f"{folder}/edges.h5").edges["link"]
    >>> found.source, found.target, found.synapses.weight.tolist(), found.synapses.delay.tolist()
    ('cell', 'cell', [0.5, -0.25], [0.0015, 0.0015])
    """
    types = {} if edge_types is None else _read_types(file_name(edge_types, "edge_types", error=InputError))
    kinds = None if node_types is None else read_node_types(file_name(node_types, "node_types", error=InputError))
    with _opened(path) as file:
        if "spikes" not in file and "edges" not in file and ("nodes" not in file or kinds is None):
            rule = "a SONATA file of this kind has `spikes` or `edges`, or `nodes` if node_types= is given"
            raise InputError(rule, where=str(path), value=", ".join(file) or "nothing")
        spikes = dict(_spikes_of(file["spikes"], path)) if "spikes" in file else {}
        edges = dict(_edges_of(file["edges"], types, path)) if "edges" in file else {}
        nodes = dict(nodes_of(file["nodes"], kinds, path)) if "nodes" in file and kinds is not None else {}
    return Sonata(spikes, edges, nodes)


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """The open file; faults in it are errors with its name."""
    import h5py

    existing_file(path, InputError)
    try:
        with in_file(path), h5py.File(path, "r") as file:
            check_self_contained(file, path, InputError)
            check_room(2.0 * bytes_of(file), path, InputError)
            yield file
    except NeuroError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, ArithmeticError) as error:
        value = f"{type(error).__name__}: {error}"[:300]
        raise InputError("this is no SONATA file that can be read", where=str(path), value=value) from None


def _spikes_of(group: Any, path: str | Path) -> Iterator[tuple[str, Spikes]]:
    """Spikes by population; early versions have one, without a name."""
    import h5py

    populations = {"All": group} if "timestamps" in group else dict(group.items())
    for name, own in populations.items():
        if not isinstance(own, h5py.Group):
            raise InputError("spikes of a population must be a group", where=f"{path}, {name!r}")
        ids = own["node_ids" if "node_ids" in own else "gids"][()]
        times, unit = own["timestamps"][()], own["timestamps"].attrs.get("units", "ms")
        where = f"{path}, spikes of {name!r}"
        yield name, Spikes(real_numbers(times, where, InputError) / _per_second(unit, where), ids)


def _per_second(unit: Any, where: str) -> float:
    word = unit.decode() if isinstance(unit, bytes) else unit
    if not isinstance(word, str) or word not in SECONDS:
        raise InputError(f"times must be in {', '.join(SECONDS)}", where=where, value=shown(word))
    return SECONDS[word]


def _edges_of(
    group: Any, types: Mapping[int, Mapping[str, str]], path: str | Path
) -> Iterator[tuple[str, SonataEdges]]:
    for name, own in group.items():
        where = f"{path}, edges {name!r}"
        pre, post = (_ids(own[f"{key}_node_id"], where) for key in ("source", "target"))
        if len(pre) != len(post):
            raise InputError("there must be a source and a target for each edge", where=where)
        source, target = (_nodes_of(own[f"{key}_node_id"], where) for key in ("source", "target"))
        columns = _columns(own, len(pre), types, where)
        weight, delay = columns[WEIGHT], columns[DELAY]
        if len(pre) and np.isnan(weight).any():
            remedy = "Give the CSV file of edge types beside it: edge_types="
            raise InputError(f"an edge needs `{WEIGHT}`", where=where, remedy=remedy)
        weight = weight * np.where(np.isnan(columns[COUNT]), 1.0, columns[COUNT])
        if np.isnan(delay).any() and not np.isnan(delay).all():
            raise InputError("all edges, or none, must have `delay`", where=where)
        lag = None if np.isnan(delay).any() or not len(pre) else delay / SECONDS["ms"]
        receptors = np.unique(np.nan_to_num(columns[RECEPTOR]))
        if len(receptors) > 1 or np.any(receptors != np.abs(np.rint(receptors))):
            rule = "all edges of a population must have one `receptor`, a whole number"
            raise UnsupportedFeature(rule, where=where, value=shown(receptors.tolist()))
        receptor = int(receptors[0]) if len(receptors) else 0
        yield name, SonataEdges(source, target, Sparse(pre, post, weight, lag), receptor)


def _ids(dataset: Any, where: str) -> Ints:
    """Numbers of nodes, groups or places."""
    found = np.asarray(dataset[()])
    if found.ndim != 1 or found.dtype.kind not in "iu" or (len(found) and (found.min() < 0 or found.max() >= 2**63)):
        kind = f"{found.dtype}, shape {found.shape}"
        raise InputError("ids must be a flat array of whole numbers from zero", where=where, value=kind)
    return found.astype(np.int64)


def _nodes_of(dataset: Any, where: str) -> str:
    name = dataset.attrs.get("node_population", dataset.attrs.get("network"))
    name = name.decode() if isinstance(name, bytes) else name
    if not isinstance(name, str):
        raise InputError("node ids need the attribute `node_population`", where=where)
    return name


def _columns(own: Any, count: int, types: Mapping[int, Mapping[str, str]], where: str) -> dict[str, Floats]:
    """Weights, delays and numbers of synapses of all edges; NaN where there is none."""
    found: dict[str, Floats] = {key: np.full(count, np.nan) for key in (WEIGHT, DELAY, COUNT, RECEPTOR)}
    if types:
        kinds, place = np.unique(own["edge_type_id"][()], return_inverse=True)
        for key, values in found.items():
            values[:] = np.array([_number(types.get(int(kind), {}).get(key), where) for kind in kinds])[place]
    groups, index = np.zeros(count, np.int64), np.arange(count)
    if "edge_group_id" in own:
        groups, index = (_ids(own[f"edge_group_{key}"], where) for key in ("id", "index"))
    if groups.shape != (count,) or index.shape != (count,):
        raise InputError("there must be one group and one index for each edge", where=where)
    for number in np.unique(groups):
        here = groups == number
        if str(number) not in own:
            continue
        for key, values in found.items():
            if key in own[str(number)]:
                column = real_numbers(own[str(number)][key][()], f"{where}, `{key}`", InputError)
                if len(column) <= index[here].max(initial=-1) or column.ndim != 1:
                    raise InputError(f"`{key}` must have one value for each edge of its group", where=where)
                values[here] = column[index[here]]
    return found


def _number(text: str | None, where: str) -> float:
    """A number of the table of edge types; NaN for none."""
    if text is None or text in ("", "NULL", "NaN"):
        return np.nan
    try:
        return float(text)
    except ValueError:
        raise InputError("an edge type needs numbers", where=where, value=shown(text)) from None


def _read_types(path: Path) -> dict[int, dict[str, str]]:
    """The rows of a table of edge types, by their numbers; its columns are separated by spaces."""
    lines = read_text(path, InputError, "a table of edge types").splitlines()
    try:
        rows = list(csv.DictReader(lines, delimiter=" ", skipinitialspace=True))
        return {int(row["edge_type_id"]): row for row in rows}
    except (csv.Error, KeyError, ValueError, TypeError) as error:
        rule = "a table of edge types has a header with `edge_type_id`, and columns separated by spaces"
        raise InputError(rule, where=str(path), value=f"{type(error).__name__}: {error}"[:300]) from None
