"""The structure of a program, in words and digests: a state fits only programs of the same structure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.codes import REAL_LAGS
from neuro.engine.kernels.arrays import Records
from neuro.engine.lower.program import Program
from neuro.errors import StateError
from neuro.network.graph import Population, Projection
from neuro.network.listing import has_one_delay
from neuro.network.neurons import LinearNeuron, receptors
from neuro.validation import Floats, Ints

__all__ = ["Structure", "parameter_digest", "parameters_in_force", "require_same", "require_structure", "structure_of"]

Structure = dict[str, dict[str, Any]]
"""By "population 'a'" or "projection 'a->b'": its properties by name."""

_STRUCTURES: WeakKeyDictionary[Program, Structure] = WeakKeyDictionary()


def structure_of(program: Program) -> Structure:
    """Populations, models, shapes of parameters, projections and their wiring; neither weights nor parameter values.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> structure_of(nr.build(net))["population 'cell'"]["size"]
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
    model = population.model
    # The currents of a LinearNeuron are modes of its equations: those of others have another meaning.
    own = [np.asarray(getattr(model, key)) for key in model.of_all] if isinstance(model, LinearNeuron) else []
    return {
        "size": population.size,
        **({"equations": _digest(*own)} if own else {}),
        "model": type(population.model).__name__,
        "receptors": ["none" if tau is None else "current" for tau in receptors(population.model)],
        "number of currents": int(cells["modes"].max(initial=0)),
        # In amplitude form the units of the state depend on the common time constants.
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
        "delay": float(projection.delay) if has_one_delay(projection) else _digest(_delays(program, k, segments)),  # type: ignore[arg-type]
        "receptor": int(projection.receptor),
        "number of synapses": int(segments["count"].sum(dtype=np.int64)),
        "wiring": _digest(*_rows_by_source(program, k, segments, first), post),
    }


def _rows_by_source(program: Program, k: int, segments: Records, first: int) -> tuple[Ints, Ints]:
    """Where a projection's segments begin, and their sizes; of each source together if delays vary."""
    begins, counts = segments["first"] - first, segments["count"]
    if has_one_delay(program.network.projections[list(program.network.projections)[k]]):
        return begins, counts
    source = np.repeat(np.arange(program.size), np.diff(program.fixed.row))[program.fixed.segments["projection"] == k]
    return np.unique(source), np.bincount(source, counts)[np.unique(source)]


def _delays(program: Program, k: int, segments: Records) -> Floats:
    """The delays of a projection's synapses in the order of its rows, s."""
    fixed, bundle = program.fixed, program.fixed.bundles[k]
    if not bundle["lags"]:
        return np.repeat(segments["delay"], segments["count"])
    first, last = int(segments["first"].min()), int((segments["first"] + segments["count"]).max())
    here = slice(first + int(bundle["lag_at"]), last + int(bundle["lag_at"]))
    if bundle["lags"] == REAL_LAGS:
        return np.asarray(fixed.lag[here])
    return np.asarray(fixed.lag_value[bundle["lag_table"] + fixed.lag_code[here].astype(np.int64)])


def parameters_in_force(program: Program, learned: Collection[str] = ()) -> tuple[np.ndarray[Any, Any], ...]:
    """All weights and parameters that the result depends on, but for the weights of the matrices `learned`."""
    fixed, weight = program.fixed, program.fixed.weight
    spans = [program.weights_at[name] for name in learned if name in program.weights_at]
    if spans:
        weight = weight.copy()
        for first, last in spans:
            weight[first:last] = 0.0
    drives = fixed.drives, fixed.drive_mean, fixed.drive_weight, fixed.drive_table, fixed.knot_time, fixed.knot_share
    return weight, fixed.cells, fixed.rate, fixed.jump, *drives


def parameter_digest(program: Program, learned: Collection[str] = ()) -> str:
    """A digest of `parameters_in_force`."""
    return _digest(*parameters_in_force(program, learned))


def _digest(*arrays: np.ndarray[Any, Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def require_same(old: Program, new: Program) -> None:
    """Refuse a state of the program `old` for the program `new`, unless only weights and parameters differ.

    Raises
    ------
    StateError
        With the differences.
    """
    if old is new or (old.network is new.network and old.fixed.post is new.fixed.post):
        return
    require_structure(structure_of(old), new, "state")


def require_structure(found: Mapping[str, Mapping[str, Any]], program: Program, where: str) -> None:
    """Refuse a state of a network with the structure `found`.

    Raises
    ------
    StateError
        With the differences.
    """
    wanted = structure_of(program)
    differences = [f"the state has no {part}" for part in wanted if part not in found]
    differences += [f"this network has no {part}" for part in found if part not in wanted]
    if not differences:
        for part, has in wanted.items():
            differences += [
                f"{part} has another wiring" if key == "wiring" else f"{part}: {key} is {has[key]}, was {was}"
                for key, was in found[part].items()
                if has.get(key) != was
            ]
    if differences:
        more = f" (and {len(differences) - 3} more differences)" if len(differences) > 3 else ""
        raise StateError(
            "a state fits only the network that it came from",
            where=where,
            value="; ".join(differences[:3]) + more,
            remedy="Build the network of the state, or start without one",
        )
