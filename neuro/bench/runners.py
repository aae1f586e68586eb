"""Runners of a benchmark: this engine, the additions alone, numpy, and peers in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from copy import copy
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from neuro.bench.additions import add_array_rows, add_synapses, first_synapses, zero_columns
from neuro.bench.networks import Case, CrossbarCase, ListedCase, build_network
from neuro.engine.lower.program import build
from neuro.engine.recording import Recording
from neuro.engine.run import run
from neuro.errors import PeerError
from neuro.units import ms
from neuro.validation import Ints

__all__ = ["AdditionsRunner", "EngineRunner", "Measurement", "NumpyRunner", "PeerRunner", "Runner"]


@dataclass(frozen=True)
class Measurement:
    """One run of one simulator.

    >>> Measurement(wall=0.5, spikes=100, events=250_000_000).ns_per_event
    2.0
    """

    wall: float
    """Seconds of the simulation alone."""
    spikes: int
    """Spikes of the neurons."""
    events: int
    """Synapses reached by spikes, those of sources included."""

    @property
    def ns_per_event(self) -> float:
        """Wall time per synaptic event, ns."""
        return self.wall * 1e9 / max(self.events, 1)


class Runner(Protocol):
    """One simulator on one network, ready to run."""

    def run(self) -> Measurement:
        """Simulate once."""


class EngineRunner:
    """This engine on one network, built and compiled."""

    def __init__(self, case: Case, threads: int = 1) -> None:
        network, self._inputs = build_network(case)
        began = time.perf_counter()
        self._program = build(network)
        first = time.perf_counter() - began
        began = time.perf_counter()
        self._program = build(network)
        # The first build may compile or load kernels.
        self.build_seconds = min(first, time.perf_counter() - began)
        self._case, self._threads = case, {"threads": threads} if threads > 1 else {}
        self.last: Recording = run(self._program, 5 * ms, inputs=self._inputs, **self._threads)  # type: ignore[arg-type]

    def with_threads(self, threads: int) -> EngineRunner:
        """The same program, run with so many threads."""
        other = copy(self)
        other._threads = {"threads": threads}
        return other

    @property
    def ids(self) -> Ints:
        """Neurons of the last run's spikes in order of time, where the network has one population."""
        return self.last.spikes["cells"].ids

    def run(self) -> Measurement:
        """Simulate the whole duration."""
        began = time.perf_counter()
        self.last = run(self._program, self._case.duration, inputs=self._inputs, **self._threads)  # type: ignore[arg-type]
        wall = time.perf_counter() - began
        if isinstance(self._case, CrossbarCase):
            spikes = sum(len(s) for name, s in self.last.spikes.items() if name.startswith("columns"))
            return Measurement(wall, spikes, self._case.synapses)
        return Measurement(wall, len(self.ids), self._case.events(self.ids))


class AdditionsRunner:
    """The additions alone, for the spikes of the last run of `neuro`: the limit of any engine."""

    def __init__(self, case: Case, neuro: EngineRunner) -> None:
        self._case, self._neuro = case, neuro
        if isinstance(case, ListedCase):
            self._rows, self._post = first_synapses(case.pre, case.size), case.post.astype(np.uint32)
            self._loop(case, neuro.ids[:0])
        else:
            add_array_rows(case, zero_columns(case))

    def run(self) -> Measurement:
        """Add all weights once."""
        case = self._case
        if isinstance(case, ListedCase):
            return self._loop(case, self._neuro.ids)
        target = zero_columns(case)
        began = time.perf_counter()
        add_array_rows(case, target)
        return Measurement(time.perf_counter() - began, len(case.row), case.synapses)

    def _loop(self, case: ListedCase, ids: Ints) -> Measurement:
        # Spikes of sources and their events are left out.
        target = np.zeros(case.size)
        began = time.perf_counter()
        add_synapses(case, self._rows, self._post, ids, target)
        wall = time.perf_counter() - began
        return Measurement(wall, len(ids), int(np.diff(self._rows)[ids].sum()))


class NumpyRunner:
    """The peer of `crossbar`: numpy adds each driven row onto the columns of its array."""

    build_seconds = 0.0
    version = np.__version__

    def __init__(self, case: CrossbarCase) -> None:
        self._case = case

    def run(self) -> Measurement:
        """Add all rows once."""
        case, target = self._case, zero_columns(self._case)
        weight, driven = case.weight, list(zip(case.array.tolist(), case.row.tolist(), strict=True))
        began = time.perf_counter()
        for k, i in driven:
            target[k] += weight[k, i]
        return Measurement(time.perf_counter() - began, len(driven), case.synapses)


class PeerRunner:
    """A peer in a process of its own, built and ready, for a `with` block.

    Raises
    ------
    PeerError
        If the process fails; the error ends with its last output.
    """

    def __init__(self, peer: str, network: str, command: list[str] | None = None) -> None:
        self.peer = peer
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            command or [sys.executable, "-m", "neuro.bench.peers", peer, network],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        ready = self._answer()
        self.build_seconds, self.version = float(ready["build_seconds"]), str(ready["version"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and self._process.stdin is not None:
            self._process.stdin.close()
        else:
            self._process.kill()
        self._process.wait()
        self._stderr.close()

    def run(self) -> Measurement:
        """Simulate once."""
        self._send("run")
        return Measurement(**self._answer())

    def save(self, path: str) -> None:
        """Write the spikes of the last run to an ``.npz`` file: `times`, s, and `ids`."""
        self._send(f"save {path}")
        self._answer()

    def _send(self, order: str) -> None:
        if self._process.stdin is None:
            raise PeerError("the process takes no orders", where=f"peer {self.peer!r}")
        try:
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._process.wait()
            self._stderr.seek(0)
            last = " / ".join(self._stderr.read().strip().splitlines()[-3:])
            raise PeerError("the process failed", where=f"peer {self.peer!r}", value=last or "no message")
        answer: dict[str, Any] = json.loads(line)
        return answer
