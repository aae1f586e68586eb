"""What two programs must share for the state of one to fit the other, in words and digests that a file can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.lower.program import Program
from neuro.errors import StateError
from neuro.network.graph import Population, Projection
from neuro.network.neurons import receptors

__all__ = ["Structure", "acting", "require_same", "require_structure", "structure", "values"]

Structure = dict[str, dict[str, Any]]
"""By "population 'a'" or "projection 'a->b'": what it is, in words."""

_STRUCTURES: WeakKeyDictionary[Program, Structure] = WeakKeyDictionary()


def structure(program: Program) -> Structure:
    """Populations, models, the shapes of parameters, projections and their wiring; not weights and parameters.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> structure(nr.build(net))["population 'cell'"]["size"]
    3
    """
    if program not in _STRUCTURES:
        populations = program.network.populations.values()
        parts = {f"population {p.name!r}": _of_population(program, g, p) for g, p in enumerate(populations)}
        for k, projection in enumerate(program.network.projections.values()):
            parts[f"projection {projection.name!r}"] = _of_projection(program, k, projection)
        parts["the network"] = {"order": [*program.offset, *program.network.projections], "window": program.window}
        _STRUCTURES[program] = parts
    return _STRUCTURES[program]


def _of_population(program: Program, g: int, population: Population) -> dict[str, Any]:
    group = program.fixed.groups[g]
    rows = population.size if group["own"] else min(population.size, 1)
    cells = program.fixed.cells[group["cells"] : group["cells"] + rows]
    return {
        "size": population.size,
        "model": type(population.model).__name__,
        "receptors": ["none" if tau is None else "current" for tau in receptors(population.model)],
        "number of currents": int(cells["modes"].max(initial=0)),
        # In amplitude form the state is in units that the common time constants set.
        "time constants": [float(group[key]) for key in ("rate_m", "rate_s", "fastest")],
        "form": int(group["kind"]),
    }


def _of_projection(program: Program, k: int, projection: Projection) -> dict[str, Any]:
    segments = program.fixed.segments[program.fixed.segments["projection"] == k]
    first = int(segments["first"].min()) if len(segments) else 0
    last = int((segments["first"] + segments["count"]).max(initial=0))
    post = program.fixed.post[first:last]
    return {
        "source": projection.pre.name,
        "target": projection.post.name,
        "delay": float(projection.delay) if np.ndim(projection.delay) == 0 else _digest(segments["delay"]),
        "receptor": int(projection.receptor),
        "number of synapses": int(segments["count"].sum(dtype=np.int64)),
        "wiring": _digest(segments["first"] - first, segments["count"], post),
    }


def acting(program: Program, learned: Collection[str] = ()) -> tuple[np.ndarray[Any, Any], ...]:
    """All weights and parameters that act between a state's base and its time; not those of matrices that learn."""
    fixed, weight = program.fixed, program.fixed.weight
    spans = [program.weights_at[name] for name in learned if name in program.weights_at]
    if spans:
        weight = weight.copy()
        for first, last in spans:
            weight[first:last] = 0.0
    return weight, fixed.cells, fixed.rate, fixed.jump


def values(program: Program, learned: Collection[str] = ()) -> str:
    """A digest of what is `acting`."""
    return _digest(*acting(program, learned))


def _digest(*arrays: np.ndarray[Any, Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def require_same(one: Program, other: Program) -> None:
    """Refuse a state of program `one` for program `other`, unless they differ in weights and parameters alone.

    Raises
    ------
    StateError
        With what differs.
    """
    if one is other or (one.network is other.network and one.fixed.post is other.fixed.post):
        return
    require_structure(structure(one), other, "state")


def require_structure(found: Mapping[str, Mapping[str, Any]], program: Program, where: str) -> None:
    """Refuse a state of a network of structure `found`."""
    wanted = structure(program)
    complaints = [f"the state has no {part}" for part in wanted if part not in found]
    complaints += [f"this network has no {part}" for part in found if part not in wanted]
    if not complaints:
        for part, has in wanted.items():
            complaints += [
                f"{part} has another wiring" if key == "wiring" else f"{part}: {key} is {has[key]}, was {was}"
                for key, was in found[part].items()
                if has.get(key) != was
            ]
    if complaints:
        more = f" (and {len(complaints) - 3} more differences)" if len(complaints) > 3 else ""
        raise StateError(
            "a state fits only the network that it came from",
            where=where,
            value="; ".join(complaints[:3]) + more,
            remedy="Build the network of the state, or start without one",
        )
