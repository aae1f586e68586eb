"""Benchmark of the engine: this simulator and a peer run in turns, and each turn gives a ratio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuro.bench.networks import NETWORKS, Case, CrossbarCase, draw_case
from neuro.bench.peers import require
from neuro.bench.runners import AdditionsRunner, EngineRunner, Measurement, NumpyRunner, PeerRunner, Runner
from neuro.errors import ParameterError, UnknownName
from neuro.progress import Progress, silent
from neuro.report.origin import provenance
from neuro.report.record import Table

__all__ = ["EngineBenchmark", "as_dict", "bench_engine", "tables", "take_turns"]


@dataclass(frozen=True, kw_only=True)
class EngineBenchmark:
    """Times of the engine on one network, beside a peer and beside the additions alone."""

    network: str
    """Name of the network."""
    peer: str | None
    """Name of the peer, if there was one."""
    threads: int
    """Threads of this engine."""
    neuro: tuple[Measurement, ...]
    """This engine, turn by turn."""
    other: tuple[Measurement, ...] = ()
    """The peer, turn by turn."""
    limit: tuple[Measurement, ...]
    """The additions alone, turn by turn; they are the limit of any engine."""
    single: tuple[Measurement, ...] = ()
    """This engine with one thread, turn by turn, if `threads` is more than one."""
    build_seconds: Mapping[str, float]
    """Building the network, s, by simulator; not part of the times above."""
    version: str = ""
    """Version of the peer."""

    @property
    def ratios(self) -> list[float]:
        """Time per event of this engine over that of the peer, turn by turn."""
        return [own.ns_per_event / other.ns_per_event for own, other in zip(self.neuro, self.other, strict=False)]

    @property
    def speedup(self) -> list[float]:
        """Time of this engine with one thread over that with all of them, turn by turn."""
        return [other.wall / own.wall for own, other in zip(self.neuro, self.single, strict=False)]

    @property
    def over_limit(self) -> list[float]:
        """Time per event of this engine over that of the additions alone, turn by turn."""
        return [own.ns_per_event / other.ns_per_event for own, other in zip(self.neuro, self.limit, strict=True)]


def take_turns(
    runners: Mapping[str, Runner], turns: int, progress: Progress = silent
) -> dict[str, tuple[Measurement, ...]]:
    """Run each runner once a turn, always in the same order."""
    measured: dict[str, list[Measurement]] = {name: [] for name in runners}
    for turn in range(turns):
        for k, (name, runner) in enumerate(runners.items()):
            progress(turn * len(runners) + k, turns * len(runners), f"turn {turn + 1} of {turns}: {name}")
            measured[name].append(runner.run())
    return {name: tuple(runs) for name, runs in measured.items()}


def bench_engine(
    network: str = "balanced",
    peer: str | None = None,
    *,
    turns: int = 5,
    threads: int = 1,
    progress: Progress = silent,
) -> EngineBenchmark:
    """Measure this engine on a network, beside a peer where one is named.

    Building and compiling are not timed. In each of `turns` turns, this engine, the peer and the additions alone run
    one after the other, and also this engine with one thread if `threads` is more. The peer of `crossbar` is always
    numpy.

    Raises
    ------
    UnknownName
        If there is no such network or peer.
    ParameterError
        If `turns` or `threads` is less than 1.
    PeerError
        If the peer is not installed, cannot run this network, or fails.
    """
    if network not in NETWORKS:
        raise UnknownName("benchmark network", network, NETWORKS)
    if turns < 1 or threads < 1:
        raise ParameterError("turns and threads must be 1 or more", value=f"turns={turns}, threads={threads}")
    if peer is not None and not (network == "crossbar" and peer == "numpy"):
        require(peer, network)
    progress(0, 1, "drawing the network")
    case = draw_case(network)
    progress(0, 1, "building and compiling")
    neuro = EngineRunner(case, threads)
    limit = AdditionsRunner(case, neuro)
    if isinstance(case, CrossbarCase):
        return _measure(case, "numpy", NumpyRunner(case), neuro, limit, turns, threads, progress)
    if peer is None:
        return _measure(case, None, None, neuro, limit, turns, threads, progress)
    progress(0, 1, f"building and compiling for {peer}")
    with PeerRunner(peer, network) as process:
        return _measure(case, peer, process, neuro, limit, turns, threads, progress)


def _measure(
    case: Case,
    peer: str | None,
    other: PeerRunner | NumpyRunner | None,
    neuro: EngineRunner,
    limit: AdditionsRunner,
    turns: int,
    threads: int,
    progress: Progress,
) -> EngineBenchmark:
    runners: dict[str, Runner] = {"neuro": neuro}
    build_seconds = {"neuro": neuro.build_seconds}
    if threads > 1:
        runners["single"] = neuro.with_threads(1)
    if peer is not None and other is not None:
        runners[peer], build_seconds[peer] = other, other.build_seconds
    runs = take_turns({**runners, "limit": limit}, turns, progress)
    return EngineBenchmark(
        network=case.name,
        peer=peer,
        threads=threads,
        neuro=runs["neuro"],
        other=runs.get(peer or "", ()),
        limit=runs["limit"],
        single=runs.get("single", ()),
        build_seconds=build_seconds,
        version=other.version if other is not None else "",
    )


def _summary(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "least": min(values), "most": max(values)}


def as_dict(benchmark: EngineBenchmark) -> dict[str, Any]:
    """A benchmark as JSON has it: times in ns per synaptic event; a ratio below 1 means that this engine is faster."""
    found: dict[str, Any] = {
        "network": benchmark.network,
        "peer": benchmark.peer,
        "peer_version": benchmark.version or None,
        "threads": benchmark.threads,
        "turns": len(benchmark.neuro),
        "build_seconds": dict(benchmark.build_seconds),
        "over_limit": {**_summary(benchmark.over_limit), "turns": benchmark.over_limit},
    }
    for name, runs in _by_name(benchmark).items():
        found[name] = {
            "ns_per_event": {**_summary([r.ns_per_event for r in runs]), "turns": [r.ns_per_event for r in runs]},
            "spikes": runs[-1].spikes,
            "events": runs[-1].events,
        }
    if benchmark.peer is not None:
        found["ratio"] = {**_summary(benchmark.ratios), "turns": benchmark.ratios}
    if benchmark.single:
        found["speedup"] = {**_summary(benchmark.speedup), "turns": benchmark.speedup}
    return {**found, "provenance": provenance(0)}


def _by_name(benchmark: EngineBenchmark) -> dict[str, tuple[Measurement, ...]]:
    named = {
        "neuro": benchmark.neuro,
        "single": benchmark.single,
        str(benchmark.peer): benchmark.other,
        "limit": benchmark.limit,
    }
    return {name: runs for name, runs in named.items() if runs}


def _threads(n: int) -> str:
    return f"neuro, {n} thread{'s' * (n > 1)}"


def tables(benchmark: EngineBenchmark) -> tuple[Table, Table]:
    """Tables of the times of each simulator, and of the ratios."""
    times = []
    for name, runs in _by_name(benchmark).items():
        label = {"neuro": _threads(benchmark.threads), "single": _threads(1), "limit": "additions alone"}
        ns = [r.ns_per_event for r in runs]
        built = f"{benchmark.build_seconds[name]:.2f}" if name in benchmark.build_seconds else ""
        title = label.get(name, f"{name} {benchmark.version}")
        times.append((title, f"{np.median(ns):.2f}", f"{min(ns):.2f} - {max(ns):.2f}", runs[-1].spikes, built))
    ratios: list[tuple[object, ...]] = []
    compared = {
        f"neuro / {benchmark.peer}": benchmark.ratios,
        "neuro / additions alone": benchmark.over_limit,
        f"{_threads(1)} / {benchmark.threads}": benchmark.speedup,
    }
    for what, values in compared.items():
        if values:
            ratios.append((what, f"{np.median(values):.3f}", f"{min(values):.3f} - {max(values):.3f}"))
    turns = f"{len(benchmark.neuro)} turn{'s' * (len(benchmark.neuro) > 1)}"
    title = f"{benchmark.network}: {benchmark.neuro[-1].events:,} synaptic events, median of {turns}"
    return (
        Table(title, ("simulator", "ns per event", "range", "spikes", "build, s"), tuple(times)),
        Table("Ratio of times per event, turn by turn", ("ratio", "median", "range"), tuple(ratios)),
    )
