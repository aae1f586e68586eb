"""Populations of nodes in the SONATA format: sizes, types in a CSV file, and the parameters of their models."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import numpy as np

from neuro.errors import InputError, NeuroError, UnsupportedFeature
from neuro.files.reading import check_room, read_text, real_numbers
from neuro.files.writing import atomic
from neuro.network.graph import Network, Population
from neuro.network.neurons import AHP, ALIF, IF, LIF, Model, SpikeSource
from neuro.validation import Floats, shown

__all__ = ["nodes_of", "read_node_types", "write_node_types", "write_nodes"]

OWN = {f"neuro:{kind.__name__}": kind for kind in (LIF, AHP, ALIF, IF)}
"""Templates of this program: their parameters are the fields of the models, in SI units."""
NEST = {"nest:iaf_psc_delta", "nest:iaf_psc_delta_ps"}
"""Templates of NEST that are a `LIF`, and the parameters of both with NEST's defaults, in mV, ms, pF and pA."""
DEFAULTS = {
    "tau_m": 10.0, "C_m": 250.0, "t_ref": 2.0, "E_L": -70.0, "V_th": -55.0, "V_reset": -70.0, "I_e": 0.0,
}  # fmt: skip
COLUMNS = ("node_type_id", "pop_name", "model_type", "model_template", "reset")
NULL = "NULL"
MICRO = 1e6
"""How many micrometres, SONATA's unit of places, are in a metre."""
Types = Mapping[int, Mapping[str, str]]


def write_nodes(network: Network, group: Any) -> None:
    """Write the populations of a network into the group `nodes` of a SONATA file.

    Raises
    ------
    UnsupportedFeature
        If a population, or what is laid on it, has no counterpart; the error names it.
    """
    for place, population in enumerate(network.populations.values()):
        where, model = f"write_sonata, population {population.name!r}", population.model
        if network.drives.get(population.name):
            raise UnsupportedFeature("nodes of SONATA have no external drives", where=where)
        if isinstance(model, SpikeSource) and model.times is not None:
            remedy = "Write its spikes to a file of their own, and give them as inputs= to the run"
            raise UnsupportedFeature("virtual nodes of SONATA have no spikes", where=where, remedy=remedy)
        if not isinstance(model, SpikeSource) and type(model) not in OWN.values():
            rule = f"nodes can be {', '.join(kind.__name__ for kind in OWN.values())} or SpikeSource"
            raise UnsupportedFeature(rule, where=where, value=type(model).__name__)
        own, size = group.create_group(population.name), int(population.size)
        own["node_id"] = own["node_group_index"] = np.arange(size, dtype=np.uint64)
        own["node_type_id"] = np.full(size, 100 + place, np.int64)
        own["node_group_id"] = np.zeros(size, np.uint64)
        values = own.create_group("0")
        if population.positions is not None:
            for axis, column in zip("xyz", np.asarray(population.positions).reshape(size, -1).T, strict=False):
                values[axis] = column * MICRO
        if not isinstance(model, SpikeSource):
            _write_parameters(population, values)


def _write_parameters(population: Population, group: Any) -> None:
    """Each field of the model, and each initial value, as one number for each node; NaN for None."""
    given = {key.name: getattr(population.model, key.name) for key in fields(population.model)}
    given |= {f"initial.{key}": value for key, value in (population.initial or {}).items()}
    params = group.create_group("dynamics_params")
    for key, value in given.items():
        parts = {f"{key}.{k}": part for k, part in enumerate(value)} if isinstance(value, tuple) else {key: value}
        for name, part in parts.items():
            if not isinstance(part, str):
                each = np.asarray(np.nan if part is None else part, np.float64)
                params[name] = np.broadcast_to(each, (int(population.size),))


def write_node_types(network: Network, path: Path) -> None:
    """Write the CSV file of node types, which `write_nodes` refers to."""
    text = io.StringIO()
    table = csv.writer(text, delimiter=" ", lineterminator="\n")
    table.writerow(COLUMNS)
    for place, (name, population) in enumerate(network.populations.items()):
        model = population.model
        virtual = isinstance(model, SpikeSource)
        kind = ("virtual", NULL) if virtual else ("point_neuron", f"neuro:{type(model).__name__}")
        table.writerow((100 + place, name, *kind, getattr(model, "reset", NULL)))
    with atomic(path) as partial:
        partial.write_text(text.getvalue(), encoding="utf8")


def read_node_types(path: Path) -> dict[int, dict[str, str]]:
    """The rows of a CSV file of node types by their numbers; a row's `dynamics_params` is the text of that file.

    Raises
    ------
    InputError
        If it is no such file.
    """
    lines = read_text(path, InputError, "a table of node types").splitlines()
    try:
        table = csv.DictReader(lines, delimiter=" ", skipinitialspace=True)
        if "node_type_id" not in (table.fieldnames or ()):
            raise KeyError("node_type_id")
        rows = list(table)
        found = {int(row["node_type_id"]): row for row in rows}
    except (csv.Error, KeyError, ValueError, TypeError) as error:
        rule = "a table of node types has a header with `node_type_id`, and columns separated by spaces"
        raise InputError(rule, where=str(path), value=f"{type(error).__name__}: {error}"[:300]) from None
    for row in rows:
        if _said(row, "dynamics_params"):
            place = path.parent / row["dynamics_params"]
            if not place.resolve().is_relative_to(path.parent.resolve()):
                rule = "the parameters of a node type must lie in the folder of the table, or below it"
                raise InputError(rule, where=str(path), value=row["dynamics_params"])
            row["dynamics_params"] = read_text(place, InputError, "parameters of a node type")
    return found


def _said(row: Mapping[str, str], key: str) -> str | None:
    """An entry of a row; None where there is none."""
    text = row.get(key)
    return None if text in (None, "", NULL) else text


def nodes_of(group: Any, types: Types, path: str | Path) -> Iterator[tuple[str, Population]]:
    """The populations in the group `nodes` of a SONATA file.

    Raises
    ------
    InputError
        If a population is damaged, or has no type.
    UnsupportedFeature
        If its model is not known here; the error names it.
    """
    for name, own in group.items():
        where = f"{path}, nodes {name!r}"
        kinds = np.asarray(own["node_type_id"][()])
        if kinds.ndim != 1 or kinds.dtype.kind not in "iu" or not len(kinds):
            raise InputError("`node_type_id` must have one whole number for each node", where=where)
        if "node_id" in own and not np.array_equal(own["node_id"][()], np.arange(len(kinds))):
            raise UnsupportedFeature("nodes must be numbered from zero in their order", where=where)
        check_room(100.0 * len(kinds), path, InputError)
        rows, place = np.unique(kinds, return_inverse=True)
        missing = [int(each) for each in rows if int(each) not in types]
        if missing:
            raise InputError("the table of node types has no such type", where=where, value=missing[0])
        found = [types[int(each)] for each in rows]
        said = {(_said(row, "model_type"), _said(row, "model_template"), _said(row, "reset")) for row in found}
        if len(said) > 1:
            rule, value = "all nodes of a population must have one model", ", ".join(sorted(map(str, said)))
            raise UnsupportedFeature(rule, where=where, value=value)
        ((kind, template, reset),) = said
        columns = _of_types(found, place, where)
        places = _of_nodes(own, len(kinds), columns, where)
        try:
            model, initial = _model(kind, template, reset, columns, where)
            spot = np.stack(places, axis=1) / MICRO if places else None
            yield name, Population(name, len(kinds), model, initial or None, spot)
        except (InputError, UnsupportedFeature):
            raise
        except NeuroError as error:
            raise InputError(f"the neurons cannot be: {error}", where=where) from None


def _of_types(rows: list[Mapping[str, str]], place: Any, where: str) -> dict[str, Floats]:
    """Each parameter that the types of nodes have, for all nodes."""
    found: dict[str, Floats] = {}
    for number, row in enumerate(rows):
        try:
            given = json.loads(_said(row, "dynamics_params") or "{}")
            values = {key: float(value) for key, value in given.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError("`dynamics_params` must be numbers by name", where=where, value=str(error)[:200]) from None
        for key, value in values.items():
            found.setdefault(key, np.full(len(place), np.nan))[place == number] = value
    for key, column in found.items():
        if np.isnan(column).any():
            raise InputError(f"all types of a population, or none, must have `{key}`", where=where)
    return found


def _of_nodes(own: Any, count: int, columns: dict[str, Floats], where: str) -> list[Floats]:
    """Put the parameters that the nodes themselves have in the place of those of their types; gives x, y, z in um."""
    if "node_group_id" in own and (np.any(own["node_group_id"][()] != 0) or len(own["node_group_id"]) != count):
        raise UnsupportedFeature("all nodes of a population must be of group 0", where=where)
    index = np.asarray(own["node_group_index"][()]) if "node_group_index" in own else np.arange(count)
    if index.shape != (count,) or index.dtype.kind not in "iu" or index.min() < 0:
        raise InputError("there must be one `node_group_index` for each node", where=where)

    def column(group: Any, key: str) -> Floats:
        found = real_numbers(group[key][()], f"{where}, `{key}`", InputError)
        if found.ndim != 1 or len(found) <= index.max():
            raise InputError(f"`{key}` must have one number for each node", where=where)
        return found[index]

    values = own.get("0", {})
    params = values.get("dynamics_params", {})
    columns.update({key: column(params, key) for key in params})
    return [column(values, axis) for axis in "xyz" if axis in values]


def _model(
    kind: str | None, template: str | None, reset: str | None, columns: dict[str, Floats], where: str
) -> tuple[Model, dict[str, Any]]:
    """The model of a population, and its initial values."""
    if kind == "virtual":
        return SpikeSource(), {}
    if kind not in ("point_neuron", "point_process"):
        raise UnsupportedFeature("`model_type` can be point_neuron or virtual", where=where, value=shown(kind))
    if template in OWN:
        return _own_model(OWN[template], reset, columns, where)
    if template not in NEST:
        rule = f"`model_template` can be {', '.join(sorted({*OWN, *NEST}))}"
        raise UnsupportedFeature(rule, where=where, value=shown(template))
    for key in columns:
        if key not in DEFAULTS:
            raise UnsupportedFeature(f"the parameter {key!r} of {template} is not known here", where=where)
    v = {key: _least(columns.get(key, np.array([value]))) for key, value in DEFAULTS.items()}
    lif = LIF(
        tau_m=v["tau_m"] * 1e-3, v_th=v["V_th"], v_reset=v["V_reset"], v_rest=v["E_L"], refractory=v["t_ref"] * 1e-3,
        bias=v["I_e"] * v["tau_m"] / v["C_m"],
    )  # fmt: skip
    return lif, {}


def _own_model(kind: Any, reset: str | None, columns: dict[str, Floats], where: str) -> tuple[Model, dict[str, Any]]:
    known = {each.name: each for each in fields(kind)}
    given: dict[str, Any] = {} if reset is None else {"reset": reset}
    initial: dict[str, Any] = {}
    parts: dict[str, dict[int, Any]] = {}
    for key, column in columns.items():
        head, _, tail = key.partition(".")
        value = None if np.isnan(column).all() else _least(column)
        if head == "initial" and tail in ("v", "i"):
            initial[tail] = value
        elif head not in known or (tail and not tail.isdecimal()):
            raise UnsupportedFeature(f"the parameter {key!r} of neuro:{kind.__name__} is not known here", where=where)
        elif tail:
            parts.setdefault(head, {})[int(tail)] = value
        else:
            given[key] = value
    given |= {key: tuple(each[k] for k in sorted(each)) for key, each in parts.items()}
    for name, each in known.items():
        if name not in given and each.default is MISSING:
            raise InputError(f"neuro:{kind.__name__} needs the parameter {name!r}", where=where)
    return kind(**given), initial


def _least(column: Floats) -> Any:
    """One number where all are equal, bit for bit."""
    return float(column[0]) if np.all(column == column[0]) else column
