"""What a NIR file of this program has beside the graph: the network bit for bit, while nobody changes the graph."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from neuro.errors import InputError, NeuroError
from neuro.exchange.nir_file import Graph
from neuro.files.reading import real_numbers
from neuro.network.convolution import Convolution2d
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, IF, LIF, Reset, SpikeSource
from neuro.network.synapses import Dense, OneToOne, Sparse

__all__ = ["digest", "network_of_record", "record_of_population"]

FORMAT = 1
MODELS = {"LIF": LIF, "AHP": AHP, "IF": IF, "SpikeSource": SpikeSource}
NONE = "none"
"""How a record says None."""


def record_of_population(population: Population) -> dict[str, Any]:
    """Everything of a population, as arrays, texts and dictionaries."""
    model: Any = population.model
    own = {key.name: _packed(getattr(model, key.name)) for key in fields(model)}
    found: dict[str, Any] = {"name": population.name, "size": int(population.size), "model": type(model).__name__}
    found["fields"] = {key: value for key, value in own.items() if value is not None}
    if population.initial:
        found["initial"] = {key: _packed(value) for key, value in population.initial.items()}
    if population.positions is not None:
        found["positions"] = _packed(population.positions)
    return found


def digest(graph: Graph) -> str:
    """A digest of all nodes and edges of a graph, without metadata."""
    found = hashlib.sha256()
    for name in sorted(graph.nodes):
        node = graph.nodes[name]
        found.update(f"{name}\n{node.kind}\n".encode())
        for key in sorted(set(node.fields) - {"metadata"}):
            value = np.asarray(node.fields[key])
            content = str(value).encode() if value.dtype.kind in "OUS" else value.tobytes()
            found.update(f"{key} {value.shape}\n".encode() + content)
    found.update(repr(sorted(graph.edges)).encode())
    return found.hexdigest()


def network_of_record(graph: Graph, step: float | None, reset: Reset | None, notes: list[str]) -> Network | None:
    """The network that this program wrote, bit for bit; None if the file is not its own, or the graph was changed.

    Raises
    ------
    InputError
        If the record is damaged.
    """
    record = graph.record
    if not record:
        return None
    own = record.get("format"), record.get("digest")
    if not all(isinstance(each, int | np.integer | str) for each in own) or own != (FORMAT, digest(graph)):
        notes.append("the graph was changed after neuro wrote it: it is read as that of any other tool")
        return None
    try:
        net = Network(seed=_whole(record["seed"]))
        for each in _listed(record, "populations"):
            net.add(_population(each, reset))
        for each in _listed(record, "projections"):
            delay = _unpacked(each["delay"])
            synapses = _synapses(graph, each)
            pre, post, name = (_text(each, key) for key in ("pre", "post", "name"))
            net.connect(pre, post, synapses, delay=delay, receptor=_whole(each["receptor"]), name=name)
        lasts = _number(record["dt"])
    except NeuroError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        value = f"{type(error).__name__}: {error}"
        raise InputError("the metadata of this file are damaged", where=graph.path, value=value) from None
    notes.append("neuro wrote this file: the network is the one that was written, bit for bit")
    if step is not None and step != lasts:
        notes.append(f"a spike lasts {lasts:g} s, as the file says; dt={step:g} was not used")
    if reset is not None:
        notes.append(f'reset="{reset}", as given')
    return net


def _listed(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    parts = record.get(key, {})
    return [parts[place] for place in sorted(parts, key=int)]


def _text(record: Mapping[str, Any], key: str) -> str:
    """An entry that is a text.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if not isinstance(record[key], str):
        raise TypeError(f"`{key}` must be a text")
    return str(record[key])


def _population(record: Mapping[str, Any], reset: Reset | None) -> Population:
    own = {key: _unpacked(value) for key, value in record.get("fields", {}).items()}
    made: Any = MODELS[_text(record, "model")](**own)
    if reset is not None and isinstance(made, LIF | IF):
        made = replace(made, reset=reset)
    initial = {key: _unpacked(value) for key, value in record.get("initial", {}).items()}
    positions = record.get("positions")
    return Population(_text(record, "name"), _whole(record["size"]), made, initial or None, positions)


def _synapses(graph: Graph, record: Mapping[str, Any]) -> Any:
    """Synapses, whose weights are those of a node unless the record has them."""
    kind = _text(record, "kind")
    if kind == "Sparse":
        return Sparse(record["sources"], record["targets"], record["weight"])
    if "weight" in record:
        return Dense(record["weight"])
    fields_of = graph.nodes[_text(record, "node")].fields
    if kind == "OneToOne":
        return OneToOne(fields_of["scale"].ravel())
    if kind == "Convolution2d":
        shape = tuple(_whole(each) for each in record["input_shape"])
        stride, dilation = (tuple(_whole(each) for each in fields_of[key]) for key in ("stride", "dilation"))
        padding = fields_of["padding"]
        pads: Any = padding if isinstance(padding, str) else tuple(_whole(each) for each in padding)
        return Convolution2d(fields_of["weight"], shape, stride, pads, dilation, _whole(fields_of["groups"]))  # type: ignore[arg-type]
    return Dense(np.ascontiguousarray(fields_of["weight"].T))


def _packed(value: Any) -> Any:
    """A field of a model, as a NIR file can have it."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return {str(k): _packed(part) for k, part in enumerate(value)}
    array = np.asarray(value, np.float64)
    return array if array.ndim else float(array)


def _unpacked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(_unpacked(value[key]) for key in sorted(value, key=int))
    if isinstance(value, str):
        return None if value == NONE else value
    found = real_numbers(value, "metadata", InputError)
    return found if found.ndim else float(found)


def _number(value: Any) -> float:
    """One real number; of a complex one, `float` would keep the half without a word."""
    return float(real_numbers(value, "metadata", InputError))


def _whole(value: Any) -> int:
    """One whole number, to the last of its 64 bits."""
    if np.asarray(value).dtype.kind not in "iu":
        raise TypeError(f"a whole number is of the kind {np.asarray(value).dtype}")
    return int(value)
