"""Inputs and results of a run: `Spikes`, `Current`, `Record` (what to keep) and `Recording`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.display import Displayed, Rows, amount, plural
from neuro.engine.conversion import Convertible
from neuro.engine.storage.recording_format import LEARNED, write_recording
from neuro.errors import InputError, ParameterError, UnknownName
from neuro.names import Named
from neuro.network.graph import MAX_NEURONS
from neuro.validation import (
    Floats,
    Ints,
    field_of,
    finite,
    flag,
    frozen,
    indices,
    instance,
    mapping,
    number,
    numbers,
    seconds,
    shown,
    whole_number,
)

__all__ = ["SAMPLED", "Current", "Record", "Recording", "Spikes"]

SAMPLED = ("v", "current", "adaptation", "threshold")
"""Fields of `Record` that name neurons to be sampled, and of `Recording` that have the samples."""


@dataclass(frozen=True, eq=False, repr=False)
class Spikes(Displayed):
    """Spikes of one population, sorted by time, ties by neuron.

    >>> spikes = Spikes([0.2, 0.1], [0, 3])
    >>> spikes.times.tolist(), spikes.ids.tolist()
    ([0.1, 0.2], [3, 0])
    """

    times: Floats
    """Seconds, float64, shape (spikes,)."""
    ids: Ints
    """Neuron of each spike within its population, shape (spikes,)."""

    def __init__(self, times: ArrayLike, ids: ArrayLike) -> None:
        when = np.atleast_1d(finite(times, "spike times", unit="s", error=InputError))
        raw = numbers(ids, "spike ids", error=InputError, least_dims=1)
        if when.ndim != 1 or raw.shape != when.shape:
            raise InputError(
                "times and ids must be flat and of one length",
                where="spikes",
                value=f"shapes {when.shape} and {raw.shape}",
            )
        if len(when) and when.min() < 0:
            raise InputError("spike times must not be negative", where="spike times", value=float(when.min()))
        who = indices(raw, np.iinfo(np.int64).max, "spike ids", error=InputError)
        order = np.lexsort((who, when))
        object.__setattr__(self, "times", frozen(when[order]))
        object.__setattr__(self, "ids", frozen(who[order]))

    @classmethod
    def in_order(cls, times: Floats, ids: Ints) -> Spikes:
        """Spikes from arrays that are already sorted and checked."""
        spikes = object.__new__(cls)
        object.__setattr__(spikes, "times", frozen(times))
        object.__setattr__(spikes, "ids", frozen(ids))
        return spikes

    def __len__(self) -> int:
        return len(self.times)

    def counts(self, size: int) -> Ints:
        """Number of spikes of each of `size` neurons.

        Raises
        ------
        ParameterError
            If a spike is of another neuron.

        >>> Spikes([0.1, 0.2, 0.3], [1, 1, 0]).counts(3).tolist()
        [1, 2, 0]
        """
        least = int(self.ids.max()) + 1 if len(self) else 0
        return np.bincount(self.ids, minlength=whole_number(size, "Spikes.counts, size", least=least, most=MAX_NEURONS))

    def window(self, start: float, stop: float) -> Spikes:
        """The spikes with start <= time < stop; their times stay as they are.

        >>> len(Spikes([0.1, 0.2, 0.3], [1, 1, 0]).window(0.2, 0.3))
        1
        """
        begin, end = (
            number(time, f"Spikes.window, {key}", unit="s", infinite=True)
            for key, time in (("start", start), ("stop", stop))
        )
        if end < begin:
            raise ParameterError("must not be before `start`", where="Spikes.window, stop", value=f"{begin} and {end}")
        low, high = np.searchsorted(self.times, [begin, end], side="left")
        return Spikes.in_order(self.times[low:high], self.ids[low:high])

    def _display(self) -> tuple[str, Rows]:
        if not len(self):
            return "Spikes: none", ()
        first, last = amount(float(self.times[0]), "s"), amount(float(self.times[-1]), "s")
        return f"Spikes: {len(self):,}, from {first} to {last}", ()


@dataclass(frozen=True, eq=False, repr=False)
class Current(Displayed):
    """A stepwise constant current into a population, added to its bias.

    >>> Current([0.0, 5e-3], [[1.0, -1.0], [0.0, 0.0]]).values.shape
    (2, 2)
    """

    times: Floats
    """The time at which each value begins, s, increasing, shape (steps,); the current is zero before the first."""
    values: Floats
    """Units of the model's `bias`, shape (steps, neurons), or (steps,) for all neurons alike."""

    def __init__(self, times: ArrayLike, values: ArrayLike) -> None:
        when = np.atleast_1d(finite(times, "current, times", unit="s", error=InputError))
        what = finite(values, "current, values", error=InputError)
        what = what[None] if what.ndim == 0 else what
        if when.ndim != 1 or what.ndim > 2 or len(what) != len(when):
            raise InputError(
                "values must have one row per time",
                where="current",
                value=f"times {when.shape}, values {what.shape}",
            )
        if len(when) and (when[0] < 0 or np.any(np.diff(when) <= 0)):
            raise InputError("times must increase and not be negative", where="current", value=shown(when.tolist()))
        object.__setattr__(self, "times", frozen(when))
        object.__setattr__(self, "values", frozen(what))

    @classmethod
    def in_order(cls, times: Floats, values: Floats) -> Current:
        """A current from arrays that are already checked."""
        current = object.__new__(cls)
        object.__setattr__(current, "times", frozen(times))
        object.__setattr__(current, "values", frozen(values))
        return current

    def _display(self) -> tuple[str, Rows]:
        each = f" for {plural(self.values.shape[1], 'neuron')}" if self.values.ndim == 2 else ""
        begin = f", from {amount(float(self.times[0]), 's')}" if len(self.times) else ""
        return f"Current: {plural(len(self.times), 'step')}{each}{begin}", ()


@dataclass(frozen=True, eq=False)
class Record:
    """What a run keeps.

    >>> Record(v={"memory": [0, 1]}, v_dt=1e-3).v
    {'memory': [0, 1]}
    """

    spikes: bool | Sequence[str] | None = True
    """The populations whose spikes are kept, by name; True or None: all, sources too; False or an empty list: none."""
    v: Mapping[str, ArrayLike] | None = None
    """Neurons whose voltage is sampled, by population."""
    v_dt: float | None = None
    """Sampling step of all of these, s; by default 1 ms in the exact engine, and every step in the clocked engine.

    Samples of the exact engine are exact values at k v_dt, not steps of the simulation.
    """
    current: Mapping[str, ArrayLike] | None = None
    """Neurons whose synaptic currents I_s are sampled, by population."""
    adaptation: Mapping[str, ArrayLike] | None = None
    """Neurons whose adaptation is sampled, by population: the currents a_k of an `AHP`, the h_k of an `ALIF`."""
    threshold: Mapping[str, ArrayLike] | None = None
    """Neurons whose threshold is sampled, by population: v_th, of an `ALIF` v_th + sum_k h_k."""
    weights: Mapping[str, float | ArrayLike] | None = None
    """When the weights of projections that learn are sampled, by projection: at the multiples of a step, s, or at these
    times, s, in order."""
    conductances: Mapping[str, float | ArrayLike] | None = None
    """When the conductances of crossbars that learn are sampled, by projection: as `weights`."""
    to: str | Path | None = None
    """A new HDF5 file to which spikes and samples are written during the run, instead of being kept in memory.
    `load_recording` can read it at any time: after the run, while it goes on, and after a crash."""

    def __post_init__(self) -> None:
        if not (self.spikes is None or isinstance(self.spikes, bool | np.bool_)):
            names = self.spikes
            if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(n, str) for n in names):
                raise InputError(
                    "must be True, False, or a list of populations", where="Record.spikes", value=shown(names)
                )
        for key in SAMPLED:
            chosen = mapping(getattr(self, key), f"Record.{key}", "neurons by population", error=InputError)
            for name, neurons in chosen.items():
                where = f"Record.{key} of {name!r}"
                indices(numbers(neurons, where, least_dims=1), np.iinfo(np.int64).max, where)
        for key in ("weights", "conductances"):
            asked = mapping(getattr(self, key), f"Record.{key}", "a step or times by projection", error=InputError)
            for name, when in asked.items():
                _check_times(when, f"Record.{key} of {name!r}")
        if self.v_dt is not None:
            field_of(self, "v_dt", number, check=seconds)
            if not self.samples():
                raise InputError("there are no voltages to sample", where="Record.v_dt", remedy="Give the neurons: v=")
        if self.to is not None:
            instance(self.to, "Record.to", (str, Path), "the path of a file")

    def samples(self) -> list[str]:
        """The fields that name neurons to be sampled.

        >>> Record(current={"memory": [0, 1]}).samples()
        ['current']
        """
        return [key for key in SAMPLED if getattr(self, key)]

    def learned(self) -> list[tuple[str, str]]:
        """What is sampled of projections that learn: the field of the recording, and the projection.

        >>> Record(weights={"link": 1e-3}).learned()
        [('sampled_weights', 'link')]
        """
        asked = zip(LEARNED, (self.weights, self.conductances), strict=True)
        return [(field, name) for field, times in asked for name in times or {}]

    def kept(self, populations: Collection[str]) -> list[str]:
        """The populations whose spikes are kept, in their own order.

        Raises
        ------
        UnknownName
            If there is no such population.
        """
        if self.spikes is None or isinstance(self.spikes, bool | np.bool_):
            return list(populations) if self.spikes is None or self.spikes else []
        for name in self.spikes:
            if name not in populations:
                raise UnknownName("population of this network", name, populations)
        return [name for name in populations if name in self.spikes]


@dataclass(frozen=True, eq=False, repr=False)
class Recording(Convertible, Displayed):
    """The result of a run."""

    spikes: Mapping[str, Spikes]
    """By population; sources too."""
    v: Mapping[str, Floats]
    """Sampled voltages by population, shape (samples, recorded neurons)."""
    v_times: Floats
    """The sampling times, s, of voltages, currents, adaptation and thresholds."""
    events: Mapping[str, int]
    """Synaptic events (spikes arriving, times their synapses) per projection."""
    start: float
    """Start of the run, s."""
    stop: float
    """End of the run, s; spikes lie in [start, stop)."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Seed, engine, wall seconds."""
    state: Any = None
    """The state at `stop`, from which another run can continue: ``run(..., state=recording.state)``."""
    weights: Mapping[str, Floats] = field(default_factory=dict)
    """Weights at `stop` of the projections that learn: a matrix has shape (pre, post); listed synapses keep their
    order; random synapses come by source, then by target."""
    interrupted: bool = False
    """Was the run stopped early? Then `stop` is the time it reached."""
    current: Mapping[str, Floats] = field(default_factory=dict)
    """Sampled synaptic currents by population, units of v (of an `IF`: per second), shape (samples, recorded neurons,
    receptors); zero for a receptor whose inputs jump v."""
    adaptation: Mapping[str, Floats] = field(default_factory=dict)
    """Sampled adaptation by population, units of v, shape (samples, recorded neurons, its currents)."""
    threshold: Mapping[str, Floats] = field(default_factory=dict)
    """Sampled thresholds by population, units of v, shape (samples, recorded neurons)."""
    weight_times: Mapping[str, Floats] = field(default_factory=dict)
    """Times at which the weights of a projection were sampled, s."""
    sampled_weights: Mapping[str, Floats] = field(default_factory=dict)
    """The weights at these times, by projection: those of a spike fired then. Along the first axis lie the times, along
    the others the weights as in `weights`."""
    conductance_times: Mapping[str, Floats] = field(default_factory=dict)
    """Times at which the conductances of a projection's crossbar were sampled, s."""
    sampled_conductances: Mapping[str, Floats] = field(default_factory=dict)
    """The conductances at these times, S, by projection, shape (times, 2, pre, post): those of the positive devices,
    then those of the negative ones. A write at a sampled time is in them."""

    def __post_init__(self) -> None:
        start, stop = (number(getattr(self, key), f"Recording.{key}", unit="s") for key in ("start", "stop"))
        if stop < start:
            raise ParameterError("`stop` must not be before `start`", where="Recording", value=f"{start} and {stop}")
        if np.ndim(field_of(self, "v_times", finite, unit="s")) != 1:
            raise ParameterError("must be a flat array", where="Recording.v_times", value=shown(self.v_times))
        instance(self.provenance, "Recording.provenance", Mapping, "a dictionary")
        flag(self.interrupted, "Recording.interrupted")
        kinds = {"spikes": "population", "v": "population with recorded voltages"}
        kinds |= {key: f"population with recorded {key}" for key in SAMPLED[1:]}
        kinds |= {"events": "projection", "weights": "projection that learned"}
        for field_name, times in LEARNED.items():
            kinds |= dict.fromkeys((times, field_name), f"projection with {field_name.replace('_', ' ')}")
        for field_name, kind in kinds.items():
            entries = getattr(self, field_name)
            instance(entries, f"Recording.{field_name}", Mapping, f"a dictionary by {kind}")
            if isinstance(entries, dict):
                for name, entry in entries.items():
                    _check_entry(field_name, name, entry)
                object.__setattr__(self, field_name, Named(f"{kind} of this recording", entries))

    def save(self, path: str | Path) -> None:
        """Write everything to one HDF5 file, whole or not at all; `load_recording` and `load_state` read it."""
        write_recording(self, path)

    def _display(self) -> tuple[str, Rows]:
        # Spikes of a file are counted there, and are not read.
        counts = getattr(self.spikes, "counts", None)
        counts = {name: len(spikes) for name, spikes in self.spikes.items()} if counts is None else counts
        sizes = {
            name: population["size"]
            for name, population in self.provenance.get("network", {}).get("populations", {}).items()
        }
        span = self.stop - self.start
        title = f"Recording: {amount(self.start, 's')} to {amount(self.stop, 's')}"
        title += ", " + plural(sum(counts.values()), "spike") + (", interrupted" if self.interrupted else "")
        rows: list[tuple[str, object]] = []
        for name, count in counts.items():
            rate = ""
            if name in sizes and sizes[name] and span > 0:
                rate = f", {plural(sizes[name], 'neuron')}, {count / (sizes[name] * span):.4g} Hz each"
            rows.append((name, plural(int(count), "spike") + rate))
        rows += [(name, plural(int(count), "synaptic event")) for name, count in self.events.items()]
        sampled = [
            (label, f"{', '.join(getattr(self, key))}: {plural(len(self.v_times), 'sample')}")
            for key, label in zip(SAMPLED, ("voltages", "currents", "adaptation", "thresholds"), strict=True)
            if len(getattr(self, key))
        ]
        learned = [("learned weights", ", ".join(self.weights))] if self.weights else []
        for key in LEARNED:
            names = list(getattr(self, key))
            learned += [(key.replace("_", " "), ", ".join(names))] if names else []
        return title, [*rows, *sampled, *learned]


def _check_times(when: Any, where: str) -> None:
    """Refuse what is neither a step nor times in order."""
    if np.ndim(when) == 0:
        number(when, where, check=seconds)
        return
    times = finite(when, where, unit="s", error=InputError)
    if times.ndim != 1 or np.any(np.diff(times) <= 0) or np.any(times < 0):
        raise InputError("times must increase and not be negative", where=where, value=shown(times.tolist()))


def _check_entry(field_name: str, name: str, entry: Any) -> None:
    """Refuse what is no entry of a field of a recording; arrays are not looked through."""
    where = f"Recording.{field_name}[{name!r}]"
    if field_name == "spikes":
        instance(entry, where, Spikes, "Spikes")
    elif field_name == "events":
        whole_number(entry, where)
    else:
        instance(entry, where, np.ndarray, "an array")


def as_sequence(value: Any) -> Sequence[Any]:
    """`value` as a sequence: an input may be one object or several."""
    return value if isinstance(value, list | tuple) else [value]
