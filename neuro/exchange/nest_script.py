"""Runs the network of a folder in NEST: `write_nest` puts this file there as `run.py`; it needs NEST and numpy alone.

    python run.py --duration 0.1 --threads 2
    mpirun -np 2 python run.py --duration 0.1

Every process reads the arrays piece by piece, connects the synapses onto its own neurons, and writes the spikes of its
own neurons to `spikes-RANK.npz`: arrays `times/POPULATION` (s) and `ids/POPULATION`, sorted by time.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["simulate"]

PIECE = 2**20
"""Synapses that are read at a time."""


def simulate(folder: str | Path, duration: float, threads: int = 1, seed: int = 1) -> dict[str, tuple[Any, Any]]:
    """Times (s) and neurons of the spikes of this process's neurons, by population, sorted by time.

    Parameters
    ----------
    folder
        What `write_nest` has written.
    duration
        Seconds: whole steps of NEST's grid.
    threads
        Threads of each process.
    seed
        Of NEST's own random numbers.
    """
    import nest

    place = Path(folder)
    about = json.loads((place / "network.json").read_text(encoding="utf-8"))
    nest.ResetKernel()
    nest.set(resolution=about["resolution"], local_num_threads=threads, rng_seed=seed)
    groups = {each["name"]: _group(nest, place, each, about["resolution"]) for each in about["populations"]}
    for each in about["drives"]:
        _drive(nest, place, each, groups[each["population"]], about["resolution"])
    for each in about["projections"]:
        _connect(nest, place, each, groups[each["pre"]], groups[each["post"]])
    recorders = {}
    for each in about["populations"]:
        if each["model"] != "spike_generator":
            recorders[each["name"]] = nest.Create("spike_recorder")
            nest.Connect(groups[each["name"]], recorders[each["name"]])
    nest.Simulate(duration * 1e3)
    found = {}
    for name, recorder in recorders.items():
        events = recorder.events
        times, ids = np.asarray(events["times"]) * 1e-3, np.asarray(events["senders"]) - _first(groups[name])
        order = np.lexsort((ids, times))
        found[name] = times[order], ids[order]
    return found


def _first(group: Any) -> int:
    """NEST's number of the first neuron."""
    return int(group[0].get("global_id"))


def _value(place: Path, value: Any) -> Any:
    """A number, or the entries of an array."""
    return np.load(place / value).tolist() if isinstance(value, str) else value


def _group(nest: Any, place: Path, each: dict[str, Any], step: float) -> Any:
    """The nodes of a population."""
    size = each["size"]
    if each["model"] == "spike_generator":
        times, ids = (np.load(place / each[key]) for key in ("times", "ids"))
        cuts = np.searchsorted(ids, np.arange(size + 1))
        trains = [times[cuts[i] : cuts[i + 1]] for i in range(size)]
        return nest.Create(each["model"], size, [{"precise_times": True, "spike_times": train} for train in trains])
    group = nest.Create(each["model"], size, {key: _value(place, value) for key, value in each["params"].items()})
    if each["model"] == "parrot_neuron_ps":
        _poisson(nest, group, _value(place, each["rate"]), {"delay": step})
    return group


def _poisson(nest: Any, group: Any, rate: Any, synapse: dict[str, Any]) -> None:
    """Arrivals of its own at each node: a generator sends another train to each target."""
    if isinstance(rate, list):
        generators = nest.Create("poisson_generator_ps", len(rate), {"rate": rate})
        nest.Connect(generators, group, "one_to_one", synapse)
    else:
        nest.Connect(nest.Create("poisson_generator_ps", 1, {"rate": rate}), group, "all_to_all", synapse)


def _drive(nest: Any, place: Path, each: dict[str, Any], group: Any, step: float) -> None:
    """Arrivals from outside."""
    rate, weight = _value(place, each["rate"]), _value(place, each["weight"])
    if isinstance(weight, list):
        rate = rate if isinstance(rate, list) else [rate] * len(weight)
        weight = np.array(weight)
    _poisson(nest, group, rate, {"synapse_model": "static_synapse", "weight": weight, "delay": step})


def _connect(nest: Any, place: Path, each: dict[str, Any], pre: Any, post: Any) -> None:
    """The synapses onto neurons of this process."""
    files = [np.load(place / each[key], mmap_mode="r") for key in ("source", "target", "weight", "delay")]
    own = np.atleast_1d(np.asarray(post.local, bool))
    first, last = _first(pre), _first(post)
    for begin in range(0, len(files[0]), PIECE):
        source, target, weight, delay = (np.asarray(file[begin : begin + PIECE]) for file in files)
        here = own[target]
        if not here.any():
            continue
        synapse = {"synapse_model": "static_synapse", "weight": weight[here], "delay": delay[here]}
        nest.Connect(first + source[here], last + target[here], "one_to_one", synapse)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run the network of this folder in NEST.")
    parser.add_argument("--duration", type=float, required=True, help="seconds")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--seed", type=int, default=1, help="of NEST's random numbers")
    parser.add_argument("--out", type=Path, help="folder for the spikes; by default this one")
    chosen = parser.parse_args()
    here = Path(__file__).resolve().parent
    found = simulate(here, chosen.duration, chosen.threads, chosen.seed)
    import nest

    arrays: dict[str, Any] = {}
    for name, (times, ids) in found.items():
        arrays |= {f"times/{name}": times, f"ids/{name}": ids}
    with ((chosen.out or here) / f"spikes-{nest.Rank()}.npz").open("wb") as file:
        np.savez(file, **arrays)


if __name__ == "__main__":
    main()
