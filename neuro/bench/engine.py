"""The benchmark of the engine: this simulator and a peer take turns, and the ratio is taken turn by turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuro.bench.contenders import Adds, Contender, Measured, Neuro, NumpyRows, PeerProcess
from neuro.bench.networks import NETWORKS, Arrays, Case, draw
from neuro.bench.peers import require
from neuro.errors import ParameterError, UnknownName
from neuro.report.progress import Progress, silent
from neuro.report.record import Table, provenance

__all__ = ["Bench", "as_dict", "bench_engine", "tables", "take_turns"]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a benchmark found."""

    network: str
    """Name of the network."""
    peer: str | None
    """Name of the peer, if there was one."""
    threads: int
    """Threads of this engine."""
    neuro: tuple[Measured, ...]
    """This engine, turn by turn."""
    other: tuple[Measured, ...] = ()
    """The peer, turn by turn."""
    limit: tuple[Measured, ...]
    """The additions alone, turn by turn."""
    single: tuple[Measured, ...] = ()
    """This engine with one thread, turn by turn, where `threads` are more."""
    build_seconds: Mapping[str, float]
    """Building the network, s, by simulator; not part of the times above."""
    version: str = ""
    """Version of the peer."""

    @property
    def ratios(self) -> list[float]:
        """Time per event of this engine over that of the peer, turn by turn."""
        return [mine.ns_per_event / its.ns_per_event for mine, its in zip(self.neuro, self.other, strict=False)]

    @property
    def speedup(self) -> list[float]:
        """Time of this engine with one thread over that with all of them, turn by turn."""
        return [its.wall / mine.wall for mine, its in zip(self.neuro, self.single, strict=False)]

    @property
    def over_limit(self) -> list[float]:
        """Time per event of this engine over that of the additions alone, turn by turn."""
        return [mine.ns_per_event / its.ns_per_event for mine, its in zip(self.neuro, self.limit, strict=True)]


def take_turns(
    contenders: Mapping[str, Contender], turns: int, progress: Progress = silent
) -> dict[str, tuple[Measured, ...]]:
    """Let each contender run once a turn, always in the same order."""
    measured: dict[str, list[Measured]] = {name: [] for name in contenders}
    for turn in range(turns):
        for k, (name, contender) in enumerate(contenders.items()):
            progress(turn * len(contenders) + k, turns * len(contenders), f"turn {turn + 1} of {turns}: {name}")
            measured[name].append(contender.run())
    return {name: tuple(runs) for name, runs in measured.items()}


def bench_engine(
    network: str = "balanced",
    peer: str | None = None,
    *,
    turns: int = 5,
    threads: int = 1,
    progress: Progress = silent,
) -> Bench:
    """Measure this engine on a network, beside a peer where one is named.

    Building and compiling are not timed; `turns` times this engine, the peer and the additions alone run one after
    the other; and this engine with one thread, where more are asked for. The peer of `crossbar` is always numpy.

    Raises
    ------
    UnknownName
        If there is no such network or peer.
    ParameterError
        If there is no turn.
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
    case = draw(network)
    progress(0, 1, "building and compiling")
    neuro = Neuro(case, threads)
    limit = Adds(case, neuro)
    if isinstance(case, Arrays):
        return _compared(case, "numpy", NumpyRows(case), neuro, limit, turns, threads, progress)
    if peer is None:
        return _compared(case, None, None, neuro, limit, turns, threads, progress)
    progress(0, 1, f"building and compiling for {peer}")
    with PeerProcess(peer, network) as process:
        return _compared(case, peer, process, neuro, limit, turns, threads, progress)


def _compared(
    case: Case,
    peer: str | None,
    other: PeerProcess | NumpyRows | None,
    neuro: Neuro,
    limit: Adds,
    turns: int,
    threads: int,
    progress: Progress,
) -> Bench:
    contenders: dict[str, Contender] = {"neuro": neuro}
    build_seconds = {"neuro": neuro.build_seconds}
    if threads > 1:
        contenders["single"] = neuro.with_threads(1)
    if peer is not None and other is not None:
        contenders[peer], build_seconds[peer] = other, other.build_seconds
    runs = take_turns({**contenders, "limit": limit}, turns, progress)
    return Bench(
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


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "least": min(values), "most": max(values)}


def as_dict(bench: Bench) -> dict[str, Any]:
    """A benchmark as JSON has it: times in ns per synaptic event, ratios below 1 where this engine is the faster."""
    found: dict[str, Any] = {
        "network": bench.network,
        "peer": bench.peer,
        "peer_version": bench.version or None,
        "threads": bench.threads,
        "turns": len(bench.neuro),
        "build_seconds": dict(bench.build_seconds),
        "over_limit": {**_spread(bench.over_limit), "turns": bench.over_limit},
    }
    for name, runs in _by_name(bench).items():
        found[name] = {
            "ns_per_event": {**_spread([r.ns_per_event for r in runs]), "turns": [r.ns_per_event for r in runs]},
            "spikes": runs[-1].spikes,
            "events": runs[-1].events,
        }
    if bench.peer is not None:
        found["ratio"] = {**_spread(bench.ratios), "turns": bench.ratios}
    if bench.single:
        found["speedup"] = {**_spread(bench.speedup), "turns": bench.speedup}
    return {**found, "provenance": provenance(0)}


def _by_name(bench: Bench) -> dict[str, tuple[Measured, ...]]:
    named = {"neuro": bench.neuro, "single": bench.single, str(bench.peer): bench.other, "limit": bench.limit}
    return {name: runs for name, runs in named.items() if runs}


def _threads(n: int) -> str:
    return f"neuro, {n} thread{'s' * (n > 1)}"


def tables(bench: Bench) -> tuple[Table, Table]:
    """What to show: the times of each simulator, and the ratios."""
    times = []
    for name, runs in _by_name(bench).items():
        label = {"neuro": _threads(bench.threads), "single": _threads(1), "limit": "additions alone"}
        ns = [r.ns_per_event for r in runs]
        built = f"{bench.build_seconds[name]:.2f}" if name in bench.build_seconds else ""
        title = label.get(name, f"{name} {bench.version}")
        times.append((title, f"{np.median(ns):.2f}", f"{min(ns):.2f} - {max(ns):.2f}", runs[-1].spikes, built))
    ratios: list[tuple[object, ...]] = []
    compared = {
        f"neuro / {bench.peer}": bench.ratios,
        "neuro / additions alone": bench.over_limit,
        f"{_threads(1)} / {bench.threads}": bench.speedup,
    }
    for what, values in compared.items():
        if values:
            ratios.append((what, f"{np.median(values):.3f}", f"{min(values):.3f} - {max(values):.3f}"))
    turns = f"{len(bench.neuro)} turn{'s' * (len(bench.neuro) > 1)}"
    title = f"{bench.network}: {bench.neuro[-1].events:,} synaptic events, median of {turns}"
    return (
        Table(title, ("simulator", "ns per event", "range", "spikes", "build, s"), tuple(times)),
        Table("Ratio of times per event, turn by turn", ("ratio", "median", "range"), tuple(ratios)),
    )
