"""Writer of networks for NEST: a folder with arrays, a description, and the script that runs them there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neuro.errors import FileError, InputError, NetworkError, UnsupportedFeature
from neuro.exchange import nest_script
from neuro.files.writing import atomic, named_errors, write_text
from neuro.network.drives import PoissonInput, TimedRate
from neuro.network.graph import Network, Population, Projection
from neuro.network.listing import edge_arrays
from neuro.network.neurons import AHP, ALIF, LIF, PoissonSource, SpikeSource, receptors
from neuro.validation import Floats, Ints, file_name, instance, mapping, number, seconds, shown

__all__ = ["write_nest"]

GRIDS = (1e-4, 5e-5, 2e-5, 1e-5, 5e-6, 2e-6, 1e-6)
"""Grids that are tried, s; NEST counts in microseconds."""
NEAR = 1e-6
"""Below this difference of tau_syn and tau_m, relative, NEST's lossless neuron divides by too small a number."""
LOSSLESS, PRECISE, JUMPS = "iaf_psc_exp_ps_lossless", "iaf_psc_exp_ps", "iaf_psc_delta_ps"


def write_nest(
    network: Network, path: str | Path, *, inputs: Mapping[str, Any] | None = None, dt: float | None = None
) -> dict[str, str]:
    """Write a network as a folder that NEST 3 runs: ``python run.py --duration 0.1 --threads 2``, there.

    Neurons are NEST's precise ones, which fire between the steps of its grid: `iaf_psc_exp_ps_lossless`, or
    `iaf_psc_exp_ps` where time constants forbid it, or `iaf_psc_delta_ps` where inputs jump v. Units of v are mV, and
    a weight in pA is R I in mV, as C_m is tau_m. Sources are a `spike_generator` for each neuron, with precise times.
    Poisson sources and drives are `poisson_generator_ps`: other trains of the same process.

    Parameters
    ----------
    network
        Populations of `LIF`, `SpikeSource` and `PoissonSource`; weights and delays that are drawn are written as drawn.
    path
        The folder: a new one, or one that `write_nest` has written.
    inputs
        Spikes of sources, as for `run`.
    dt
        NEST's grid, s: whole microseconds, of which all delays and refractory times must be multiples above zero. By
        default the longest of 0.1, 0.05, 0.02, ... 0.001 ms for which they are.

    Returns
    -------
    dict of str to str
        NEST's model of each population.

    Raises
    ------
    UnsupportedFeature
        If NEST cannot say something. The error names the population or projection.
    InputError
        If inputs are no spikes of sources.
    FileError
        If the folder cannot be written.

    >>> import tempfile
    >>> net = Network()
    >>> model = LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3, refractory=2e-3, bias=1.2)
    >>> cell = net.add(Population("cell", 2, model))
    >>> from neuro.network.synapses import Sparse
    >>> link = net.connect(cell, cell, Sparse([0], [1], -0.1), delay=1.5e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_nest(net, f"{folder}/nest")
    {'cell': 'iaf_psc_exp_ps_lossless'}
    """
    instance(network, "write_nest, network", Network, "a Network", error=NetworkError)
    folder = file_name(path, "folder")
    given = mapping(inputs, "inputs", "inputs by population", error=InputError)
    for name in given:
        if name not in network.populations:
            network.populations[name]  # says which names resemble it
    step = None if dt is None else number(dt, "dt", check=seconds)
    writer = _Writer(network, given)
    writer.describe(step)
    with named_errors(folder, "written"):
        if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / "run.py").is_file())):
            remedy = "Give another name, or empty it"
            raise FileError("must be a new folder, or one of an earlier export", where=str(folder), remedy=remedy)
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.npy"):
            old.unlink()
    for name, array in writer.arrays.items():
        with atomic(folder / name) as partial, partial.open("wb") as file:
            np.save(file, array)
    write_text(folder / "network.json", json.dumps(writer.about, indent=1))
    write_text(folder / "run.py", Path(nest_script.__file__).read_text(encoding="utf-8"))
    return {each["name"]: each["model"] for each in writer.about["populations"]}


@dataclass(eq=False)
class _Lag:
    """Delays or refractory times, which must lie on NEST's grid."""

    where: str
    what: str
    values: Floats
    """Seconds."""
    file: str = ""
    """Of the delays, in ms."""

    def off(self, grid: float) -> Floats:
        """Those that are no whole number of steps."""
        steps = self.values / grid
        return np.asarray(self.values[np.abs(steps - np.round(steps)) > 1e-6])


@dataclass(eq=False)
class _Writer:
    """The description and the arrays of a network."""

    network: Network
    inputs: Mapping[str, Any]
    arrays: dict[str, Any] = field(default_factory=dict)
    """By file name."""
    about: dict[str, Any] = field(default_factory=dict)
    lags: list[_Lag] = field(default_factory=list)
    signs: dict[str, dict[int, tuple[float, float]]] = field(default_factory=dict)
    """Least and largest weight onto each receptor of each population."""

    def describe(self, step: float | None) -> None:
        """Fill `about` and `arrays`."""
        net = self.network
        parts = {name: each for name, each in net.populations.items() if each.size}
        between = [each for each in net.projections.values() if each.pre.size and each.post.size]
        projections = [self._projection(k, each) for k, each in enumerate(between)]
        drives = [self._drive(name, drive) for name in parts for drive in net.drives.get(name, ())]
        populations = [self._population(k, each) for k, each in enumerate(parts.values())]
        grid = self._grid(step)
        for lag in self.lags:
            if lag.file:
                self.arrays[lag.file] = np.round(lag.values / grid) * (grid * 1e3)
        self.about |= {"format": "neuro nest 1", "resolution": grid * 1e3, "populations": populations}
        self.about |= {"projections": projections, "drives": drives}

    def _grid(self, step: float | None) -> float:
        """The grid on which all delays and refractory times lie, s."""
        tried = GRIDS if step is None else (step,)
        if step is not None and not 0.999 <= round(step * 1e6) / (step * 1e6) <= 1.001:
            raise UnsupportedFeature("NEST's grid is whole microseconds", where="dt", value=f"{step:g} s")
        for lag in self.lags:
            if lag.values.size and lag.values.min() < tried[-1] * (1 - 1e-6):
                raise UnsupportedFeature(
                    f"in NEST a {lag.what} is at least one step of its grid", where=lag.where,
                    value=f"{lag.values.min():g} s", remedy=f"Take {tried[-1]:g} s or more",
                )  # fmt: skip
        for grid in tried:
            faults = [lag for lag in self.lags if lag.off(grid).size]
            if not faults:
                return grid
        raise UnsupportedFeature(
            f"in NEST a {faults[0].what} is a whole number of steps of its grid", where=faults[0].where,
            value=f"{faults[0].off(grid)[0]:.9g} s on a grid of {grid:g} s", remedy="Round it, or give another dt",
        )  # fmt: skip

    def _stored(self, file: str, values: Any, scale: float = 1.0) -> Any:
        """One number, or the name of the file that has one for each neuron."""
        array = np.asarray(values, np.float64) * scale
        if not array.size or np.all(array == array.flat[0]):
            return float(array.flat[0]) if array.size else 0.0
        self.arrays[file] = array
        return file

    def _reached(self, population: Population, receptor: int, weight: Floats) -> None:
        if weight.size:
            known = self.signs.setdefault(population.name, {})
            low, high = known.get(receptor, (0.0, 0.0))
            known[receptor] = min(low, float(weight.min())), max(high, float(weight.max()))

    def _projection(self, k: int, projection: Projection) -> dict[str, Any]:
        pre, post, weight, delay = edge_arrays(projection, self.network.seed)
        self._reached(projection.post, projection.receptor, weight)
        files = {key: f"projection-{k}-{key}.npy" for key in ("source", "target", "weight", "delay")}
        self.lags.append(_Lag(f"projection {projection.name!r}", "delay", delay, files["delay"]))
        self.arrays |= {files["source"]: pre, files["target"]: post, files["weight"]: np.asarray(weight, np.float64)}
        return {"name": projection.name, "pre": projection.pre.name, "post": projection.post.name, **files}

    def _drive(self, name: str, drive: PoissonInput) -> dict[str, Any]:
        if isinstance(drive.rate, TimedRate) or drive.delay:
            rule = "NEST has no precise Poisson input with a rate that changes, or a delay"
            remedy = "Give its arrivals as spikes of a SpikeSource"
            raise UnsupportedFeature(rule, where=f"drive of {name!r}", remedy=remedy)
        self._reached(self.network.populations[name], drive.receptor, drive.weight)
        file = f"drive-{len(self.arrays)}"
        rate, weight = self._stored(f"{file}-rate.npy", drive.rate), self._stored(f"{file}-weight.npy", drive.weight)
        return {"population": name, "rate": rate, "weight": weight}

    def _population(self, k: int, population: Population) -> dict[str, Any]:
        model, where = population.model, f"population {population.name!r}"
        entry: dict[str, Any] = {"name": population.name, "size": int(population.size)}
        if isinstance(model, SpikeSource):
            return entry | {"model": "spike_generator", **self._trains(k, population, model)}
        if population.name in self.inputs:
            remedy = "Give a constant current as `bias`, spikes to a SpikeSource"
            raise UnsupportedFeature("only spikes of a SpikeSource are written as inputs", where=where, remedy=remedy)
        if isinstance(model, PoissonSource):
            rate = self._stored(f"population-{k}-rate.npy", population.parameter("rate"))
            return entry | {"model": "parrot_neuron_ps", "rate": rate, "params": {}}
        if not isinstance(model, LIF) or isinstance(model, AHP | ALIF):
            raise UnsupportedFeature(f"NEST has no precise {type(model).__name__}", where=where)
        kind, params = self._neurons(population, model, where)
        stored = {
            key: self._stored(f"population-{k}-{key}.npy", value, scale) for key, (value, scale) in params.items()
        }
        return entry | {"model": kind, "params": stored}

    def _trains(self, k: int, population: Population, model: SpikeSource) -> dict[str, Any]:
        """Spikes of a source, ms, by neuron and time."""
        where, size = f"spikes of {population.name!r}", int(population.size)
        items = self.inputs.get(population.name, ())
        parts: list[Any] = [model] if model.times is not None else []
        for item in items if isinstance(items, list | tuple) else [items]:
            if not hasattr(item, "ids"):
                raise InputError("a spike source takes Spikes", where=where, value=shown(item))
            parts.append(item)
        times: Floats = np.concatenate([np.zeros(0), *(np.asarray(each.times, np.float64) for each in parts)])
        ids: Ints = np.concatenate([np.zeros(0, np.int64), *(np.asarray(each.ids, np.int64) for each in parts)])
        if ids.size and not 0 <= ids.min() <= ids.max() < size:
            raise InputError(f"ids must lie in 0..{size - 1}", where=where, value=int(ids.max()))
        if times.size and times.min() <= 0:
            remedy = "Let all begin a little later"
            raise UnsupportedFeature(
                "NEST's sources fire after time zero", where=where, value=f"{times.min():g} s", remedy=remedy
            )
        order = np.lexsort((times, ids))
        files = {"times": f"population-{k}-times.npy", "ids": f"population-{k}-ids.npy"}
        self.arrays |= {files["times"]: times[order] * 1e3, files["ids"]: ids[order]}
        return files

    def _neurons(self, population: Population, model: LIF, where: str) -> tuple[str, dict[str, tuple[Any, float]]]:
        """NEST's model, and its parameters with the factors to NEST's units."""
        if model.v_th is None:
            remedy = "Give a threshold that is not reached"
            raise UnsupportedFeature("NEST has no precise neuron without a threshold", where=where, remedy=remedy)
        if model.reset != "to_value":
            raise UnsupportedFeature("NEST has no precise neuron that resets by subtraction", where=where)
        for key in ("v_min", "v_max"):
            if getattr(model, key) is not None:
                raise UnsupportedFeature(f"NEST has no precise neuron with `{key}`", where=where)
        initial = population.initial or {}
        tau_m, v_th = population.parameter("tau_m"), population.parameter("v_th")
        start = np.broadcast_to(np.asarray(initial.get("v", population.parameter("v_rest")), np.float64), v_th.shape)
        if np.any(start >= v_th):
            remedy = "Begin below it"
            raise UnsupportedFeature("NEST's neurons begin below their threshold", where=where, remedy=remedy)
        self.lags.append(_Lag(where, "refractory time", population.parameter("refractory")))
        params = {
            "C_m": (tau_m, 1e3), "tau_m": (tau_m, 1e3), "t_ref": (population.parameter("refractory"), 1e3),
            "E_L": (population.parameter("v_rest"), 1.0), "I_e": (population.parameter("bias"), 1.0),
            "V_th": (v_th, 1.0), "V_reset": (population.parameter("v_reset"), 1.0), "V_m": (start, 1.0),
        }  # fmt: skip
        taus = self._time_constants(population, model, where)
        if taus is None:
            return JUMPS, params
        params |= {"tau_syn_ex": (taus[0], 1e3), "tau_syn_in": (taus[1], 1e3)}
        if "i" in initial:
            params["I_syn_ex"] = (np.broadcast_to(np.asarray(initial["i"], np.float64), v_th.shape), 1.0)
        near = np.abs(taus[0] - tau_m) <= NEAR * tau_m
        return PRECISE if near.any() or np.any(taus[0] != taus[1]) else LOSSLESS, params

    def _time_constants(self, population: Population, model: LIF, where: str) -> tuple[Floats, Floats] | None:
        """Those of currents of weights above and below zero, one for each neuron, s; None where inputs jump v."""
        found, signs = receptors(model), self.signs.get(population.name, {})
        used = {k: found[k] for k in sorted(signs) if any(signs[k])} or {0: found[0]}
        if "i" in (population.initial or {}):
            used |= {k: tau for k, tau in enumerate(found) if tau is not None}
        if all(tau is None for tau in used.values()):
            return None
        shape = (int(population.size),)
        values = {k: np.broadcast_to(tau, shape) for k, tau in used.items() if tau is not None}
        if len(values) < len(used):
            rule = "NEST has no precise neuron with synaptic currents and inputs that jump v"
            raise UnsupportedFeature(rule, where=where)
        first, *others = values.values()
        if all(np.array_equal(first, other) for other in others):
            return first, first
        above = [values[k] for k in values if signs.get(k, (0, 1))[1] > 0]
        below = [values[k] for k in values if signs.get(k, (0, 1))[0] < 0]
        alike = all(np.array_equal(side[0], other) for side in (above, below) for other in side)
        if not alike or not above or not below:
            raise UnsupportedFeature(
                "NEST's precise neurons have one time constant for weights above zero and one for those below",
                where=where, value=f"{len(values)} receptors with weights of both signs",
            )  # fmt: skip
        return above[0], below[0]
