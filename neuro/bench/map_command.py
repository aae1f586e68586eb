"""`neuro map`: the texts of its command line as a network, a chip and an objective, and the report on them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuro.bench.mapping_networks import NETWORKS, draw, network_of
from neuro.chip.load import load_chip
from neuro.chip.model import Chip, mesh_chip
from neuro.errors import InputError, NetworkError, ParameterError, UnknownName
from neuro.files.reading import check_room, only_keys, read_json, read_npz, whole_numbers
from neuro.mapping.compare import compare, what_if
from neuro.network.graph import Network, Population
from neuro.network.neurons import LIF
from neuro.network.synapses import Sparse
from neuro.progress import Progress, silent
from neuro.report.mapping import comparison_tables, mesh_maps, placement_report
from neuro.report.origin import Usage, provenance
from neuro.report.record import Report, plain
from neuro.validation import finite, number, positive

__all__ = ["chip_from_text", "network_from", "run_map"]

BYTES_PER_NEURON = 200
"""Memory that a neuron takes while a network is placed, at least."""


def chip_from_text(text: str) -> Chip:
    """A chip by name, by file, or as ``mesh:WIDTHxHEIGHT:NEURONS[:SYNAPSES[:AXONS]]``.

    Raises
    ------
    ParameterError
        If a mesh is not written like that.
    UnknownName
        If there is no such chip.

    >>> chip_from_text("mesh:3x2:256").name
    'mesh 3 x 2'
    """
    if not text.startswith("mesh:"):
        return load_chip(text)
    found = re.fullmatch(r"mesh:(\d+)x(\d+):(\d+)(?::(\d+))?(?::(\d+))?", text)
    if found is None:
        raise ParameterError(
            "a mesh is written mesh:WIDTHxHEIGHT:NEURONS[:SYNAPSES[:AXONS]]", where="chip", value=repr(text)
        )
    width, height, neurons, synapses, axons = (None if part is None else int(part) for part in found.groups())
    return mesh_chip(width or 0, height or 0, neurons or 0, synapses, axons)


def network_from(text: str, seed: int = 0, dt: float = 1e-4) -> tuple[Network, Any]:
    """A network and its traffic, from the name of a generator, a NIR file, or arrays in a npz or JSON file.

    Arrays are ``source`` and ``target`` of each synapse, ``spikes`` of each neuron (one each where missing), and
    ``neurons``, their number (one more than the largest where missing).

    Parameters
    ----------
    text
        One of `NETWORKS`, with ``@SCALE`` behind it for a smaller or larger one; or a file.
    seed
        Of a generator.
    dt
        Step of a NIR file, s.

    Raises
    ------
    UnknownName
        If it is neither a file nor a generator.
    InputError
        If a file does not hold a network.

    >>> network, traffic = network_from("hopfield@0.01")
    >>> network.populations["cells"].size, len(traffic["cells"])
    (10, 10)
    """
    name, _, scale = text.partition("@")
    if name in NETWORKS:
        try:
            factor = float(scale or 1.0)
        except ValueError:
            factor = -1.0
        if not 0.0 < factor < 1e3:
            raise ParameterError("a scale is a number above zero", where=name, value=scale)
        return network_of(draw(name, seed, factor))
    file = Path(text)
    if not text or not os.path.exists(file):
        raise UnknownName("network or file", text, [*NETWORKS, "FILE.nir", "FILE.npz", "FILE.json"])
    if file.suffix == ".nir":
        from neuro.exchange.nir import read_nir

        return read_nir(file, dt=dt), None
    return _from_arrays(file)


def _from_arrays(file: Path) -> tuple[Network, Any]:
    """A network and its traffic, from arrays in a file."""
    read = read_npz if file.suffix == ".npz" else read_json
    found = read(file, InputError, "a network in a file")
    only_keys(found, ("source", "target", "spikes", "neurons"), file, InputError)
    if not {"source", "target"} <= set(found):
        rule = "a network in a file has arrays `source` and `target`, and may have `spikes` and `neurons`"
        raise InputError(rule, where=str(file), value=", ".join(map(str, found)) or "nothing")
    most = None
    if "neurons" in found:
        most = int(whole_numbers([np.asarray(found["neurons"]).tolist()], f"{file}, neurons", InputError)[0])
    last = None if most is None else most - 1
    source, target = (
        whole_numbers(found[key], f"{file}, {key}", InputError, most=last) for key in ("source", "target")
    )
    if source.shape != target.shape:
        raise NetworkError("source and target must have one length", where=str(file))
    size = int(max(source.max(initial=-1), target.max(initial=-1))) + 1 if most is None else most
    check_room(BYTES_PER_NEURON * size, file, InputError)
    spikes = finite(found.get("spikes", np.ones(size)), f"{file}, spikes", error=InputError)
    if spikes.shape != (size,) or spikes.min(initial=0.0) < 0:
        rule = f"spikes must be a number for each of {size} neurons, not below zero"
        raise InputError(rule, where=str(file), value=f"shape {spikes.shape}, least {spikes.min(initial=0.0):g}")
    net = Network()
    cells = net.add(Population("cells", size, LIF(tau_m=20e-3, v_th=1.0)))
    net.connect(cells, cells, Sparse(source, target, 1.0), delay=1e-3)
    return net, {"cells": spikes}


def run_map(
    net: str,
    chip: str,
    *,
    spikes: Path | None = None,
    objective: str = "km1",
    effort: str = "balanced",
    seed: int = 0,
    cores: int | None = None,
    beside: bool = False,
    changes: Sequence[str] = (),
    read: Path | None = None,
    write: Sequence[Path] = (),
    dt: float = 1e-4,
    progress: Progress = silent,
) -> Report:
    """Run `neuro map`, with texts as arguments.

    >>> report = run_map("hopfield@0.02", "mesh:2x1:10", effort="fast")
    >>> report.metrics["cores"]
    2.0
    """
    given = {name: value for name, value in locals().items() if name != "progress"}
    usage = Usage()

    def whole(report: Report) -> Report:
        return replace(report, config=plain(given), provenance=provenance(seed, usage=usage))

    number(dt, "dt", check=positive, unit="s")
    network, traffic = network_from(net, seed, dt)
    if spikes is not None:
        from neuro.engine.storage.recordings import load_recording

        traffic = load_recording(spikes)
    target = chip_from_text(chip)
    weights = _objective(objective)
    if beside:
        entries = compare(
            network, target, traffic, objective=weights, effort=effort, seed=seed, cores=cores, progress=progress
        )
        tables = comparison_tables(entries, f"{net} on {target.name}, for {objective}", "method")
        metrics = {
            f"{entry.name}_{name}": cost for entry in entries for name, cost in entry.costs.items() if cost is not None
        }
        figures: dict[str, Any] = {}
        for entry in entries:
            if entry.name in ("sequential", "neuro") and entry.placement is not None:
                figures |= mesh_maps(entry.placement, network, traffic, entry.name)
        return whole(Report(task="map", metrics=metrics, tables=tables, figures=figures))
    if changes:
        parsed = dict(_change(text) for text in changes)
        entries = what_if(
            network, target, traffic, changes=parsed, objective=weights, effort=effort, seed=seed, progress=progress
        )
        metrics = {
            f"{entry.name}, {name}": cost for entry in entries for name, cost in entry.costs.items() if cost is not None
        }
        tables = comparison_tables(entries, f"{net}: what if", "change")
        return whole(Report(task="map", metrics=metrics, tables=tables))
    report, _ = placement_report(
        network, target, traffic, objective=weights, effort=effort, seed=seed, cores=cores, read=read, write=write
    )
    return whole(report)


def _objective(text: str) -> Any:
    """A name, or ``name=weight,name=weight``."""
    if "=" not in text:
        return text
    weights = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights[name.strip()] = float(weight)
        except ValueError:
            raise ParameterError("a mix is written name=weight,name=weight", where="objective", value=text) from None
    return weights


def _change(text: str) -> tuple[str, list[int]]:
    """``key=1,2,3``."""
    key, _, values = text.partition("=")
    try:
        return key.strip().replace("-", "_"), [int(value) for value in values.split(",")]
    except ValueError:
        raise ParameterError("a change is written key=VALUE,VALUE", where="what-if", value=repr(text)) from None
