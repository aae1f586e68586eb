"""A recording in the data structures of other packages: pandas, xarray, neo."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from neuro.display import data_frame
from neuro.errors import UnsupportedFeature
from neuro.validation import text

__all__ = ["Convertible"]


class _Recorded(Protocol):
    """What is read of a `Recording`."""

    @property
    def spikes(self) -> Mapping[str, Any]: ...
    @property
    def v(self) -> Mapping[str, Any]: ...
    @property
    def v_times(self) -> Any: ...
    @property
    def start(self) -> float: ...
    @property
    def stop(self) -> float: ...
    @property
    def provenance(self) -> Mapping[str, Any]: ...


class Convertible:
    """Methods of a `Recording` that give its contents to other packages."""

    def to_pandas(self: _Recorded, population: str) -> Any:
        """The spikes of a population as a `pandas.DataFrame` with columns ``time`` (s) and ``id``, sorted by time.

        Raises
        ------
        UnknownName
            If the recording has no spikes of such a population.
        UnsupportedFeature
            If pandas is not installed: it is the extra ``pandas``.

        >>> import neuro as nr
        >>> found = nr.Recording({"cue": nr.Spikes([2e-3, 1e-3], [0, 1])}, {}, np.zeros(0), {}, 0.0, 0.1)
        >>> found.to_pandas("cue")["id"].tolist()
        [1, 0]
        """
        spikes = self.spikes[text(population, "to_pandas, population")]
        return data_frame({"time": spikes.times, "id": spikes.ids})

    def to_xarray(self: _Recorded, population: str) -> Any:
        """The spikes and samples of a population as an `xarray.Dataset`, with the units of times as attributes.

        Variables `spike_time` (s) and `spike_id` along "spike"; and what was sampled: `v` and `threshold` along "time"
        and "neuron", `current` and `adaptation` along "receptor" and "slow_current", too.

        Raises
        ------
        UnknownName
            If the recording has no spikes of such a population.
        UnsupportedFeature
            If xarray is not installed: it is the extra ``xarray``.
        """
        xarray = _package("xarray")
        name = text(population, "to_xarray, population")
        spikes = self.spikes[name]
        found: dict[str, Any] = {
            "spike_time": ("spike", np.array(spikes.times), {"units": "s"}),
            "spike_id": ("spike", np.array(spikes.ids)),
        }
        last = {"v": (), "threshold": (), "current": ("receptor",), "adaptation": ("slow_current",)}
        for key, more in last.items():
            sampled: Mapping[str, Any] = getattr(self, key)
            if name in sampled:
                found[key] = ("time", "neuron", *more), np.array(sampled[name])
        coords = {"time": ("time", np.array(self.v_times), {"units": "s"})} if len(found) > 2 else {}
        about = {"population": name, "start": self.start, "stop": self.stop}
        about |= {key: self.provenance[key] for key in ("engine", "seed") if key in self.provenance}
        return xarray.Dataset(found, coords, about)

    def to_neo(self: _Recorded) -> Any:
        """The recording as a `neo.Block` with one segment: a SpikeTrain for each neuron, an AnalogSignal for each v.

        A train is annotated with its `population` and its neuron's `id`.

        Raises
        ------
        UnsupportedFeature
            If neo is not installed: it is the extra ``neo``.
        """
        neo, second = _package("neo"), _package("quantities", "neo").second
        segment, ends = neo.Segment(name="run"), {"t_start": self.start * second, "t_stop": self.stop * second}
        known = self.provenance.get("network", {}).get("populations", {})
        for name, spikes in self.spikes.items():
            size = known.get(name, {}).get("size", int(spikes.ids.max()) + 1 if len(spikes) else 0)
            order = np.lexsort((spikes.times, spikes.ids))
            times, first = spikes.times[order], np.searchsorted(spikes.ids[order], np.arange(size + 1))
            for i, (low, high) in enumerate(pairwise(first)):
                about = {"name": f"{name} {i}", "population": name, "id": i}
                segment.spiketrains.append(neo.SpikeTrain(times[low:high] * second, **ends, **about))
        for name, values in self.v.items():
            if len(self.v_times) > 1:
                step = (self.v_times[-1] - self.v_times[0]) / (len(self.v_times) - 1)
                when = {"t_start": self.v_times[0] * second, "sampling_period": step * second}
                about = {"name": f"v of {name}", "population": name}
                segment.analogsignals.append(neo.AnalogSignal(np.array(values), "dimensionless", **when, **about))
        block = neo.Block(name="recording")
        block.segments.append(segment)
        return block


def _package(name: str, extra: str = "") -> Any:
    """A package of an extra, by default that of its name."""
    extra = extra or name
    try:
        return import_module(name)
    except ImportError:
        remedy = f"pip install 'neuro-events[{extra}]'"
        raise UnsupportedFeature(f"{name} is not installed", where=f"to_{extra}", remedy=remedy) from None
