"""`run_trials`: many short runs of one program, in compiled code and over several threads."""

from __future__ import annotations

import time as clock
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from neuro.engine.drive.chunks import Halted
from neuro.engine.drive.inputs import NO_SAMPLES, sampling
from neuro.engine.drive.state import EngineState
from neuro.engine.lower.program import MAX_THREADS, Program, build
from neuro.engine.recording import Record
from neuro.engine.trials.batches import Needs, run_bytes
from neuro.engine.trials.buffers import Buffers, Part, prepare
from neuro.engine.trials.lowering import Lowering
from neuro.engine.trials.plans import TrialPlan
from neuro.engine.trials.requests import Counts, Traces
from neuro.engine.trials.results import Results
from neuro.errors import InputError, NeuroError, UnsupportedFeature
from neuro.memory import byte_count
from neuro.network.graph import Network
from neuro.progress import ProgressOption, reporting
from neuro.system.interrupts import deferred
from neuro.validation import instance, number, positive, whole_number

__all__ = ["run_trials"]

BATCH_SECONDS = 0.2
"""Wall seconds that a batch should take: short enough for Ctrl-C, long enough for its own cost not to matter."""
LEAST_SECONDS = 0.01
"""What a batch should take at least, where several threads share what is left."""
BATCH_BYTES = 1 << 26
"""Bytes that a batch may take, without its spikes."""
FIRST_BATCH, MOST_TRIALS = 16, 4096
"""Number of trials of the first batch, and at most."""
_SIZES: WeakKeyDictionary[Network, tuple[float, int]] = WeakKeyDictionary()
"""By network, the duration of the trials of the last call, and the size of batch that it came to."""


def run_trials(
    program: Network | Program,
    duration: float,
    trials: Iterable[Mapping[str, Any]],
    *,
    workers: int = 1,
    record: Record | Counts | Traces | None = None,
    state: EngineState | None = None,
    memory: float | str | None = None,
    progress: ProgressOption = None,
) -> Iterator[Any]:
    """Simulate many short runs of one network, each with the bits of a single `run`.

    Parameters
    ----------
    program
        A `Program` that `build` made; a `Network` is built first.
    duration
        Of each run, s.
    trials
        Mappings of arguments of `run`: ``inputs``, ``clamp``, ``seed``, ``state``, each for this trial alone; besides
        ``bias`` (for `Program.with_bias`) and ``duration``. With ``then``, a list of such mappings without ``state``,
        each of these runs goes on from the end of this one; they inherit nothing else but the seed. With ``nudge``, a
        `Nudge`, such a run gets a current that depends on the counts of this one. A generator is read a little ahead of
        the results.
    workers
        Number of threads that simulate trials side by side.
    record
        What a trial gives: a recording with what this `Record` asks for, spikes by default; or `Counts` or `Traces`,
        by population, which leave nothing to do per trial but to read its inputs.
    state
        `Recording.state` of an earlier run, from which the trials start that have none of their own. By default they
        start at rest at time zero.
    memory
        Bytes that the buffers of one trial may take, or a text such as "1 GB", as for `run`. An `OutOfMemory` has the
        number of the trial, and what was done of it.
    progress
        Called as ``progress(done, total, label)`` in trials; True or "bar": a bar on the terminal.

    Yields
    ------
    Recording, or arrays by population
        In the order of the trials, as a batch of them is ready: take ``list`` of them, or use them as they come. A
        trial with ``then`` gives a tuple: its own result, and those of the runs in ``then``. The reads of crossbars are
        counted as soon as a batch is ready. After Ctrl-C the results that are ready come, then KeyboardInterrupt.

    Raises
    ------
    NeuroError
        As `run`, with the number of the trial, once the results before it have been taken.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> trials = ({"bias": {"cell": [1.5, b]}} for b in (0.0, 2.0, 4.0))
    >>> [counts["cell"].tolist() for counts in nr.run_trials(net, 0.1, trials, record=nr.Counts())]
    [[4, 0], [4, 7], [4, 17]]

    A free phase, and two nudged phases from its end:

    >>> nudges = [{"inputs": {"cell": nr.Current(0.1, [[b, 0.0]])}} for b in (2.0, -2.0)]
    >>> trial = {"bias": {"cell": 1.5}, "then": nudges}
    >>> [(free, more, less)] = nr.run_trials(net, 0.1, [trial], record=nr.Counts())
    >>> [int(counts["cell"][0]) for counts in (free, more, less)]
    [4, 7, 0]
    """
    duration = number(duration, "duration", check=positive, unit="s", zero=True)
    count = whole_number(workers, "workers", least=1, most=MAX_THREADS)
    rule = "mappings of arguments, one for each trial"
    instance(None if getattr(trials, "shape", None) == () else trials, "trials", Iterable, rule)
    if not isinstance(program, Network | Program):
        raise InputError("`run_trials` takes a Network or a Program", value=type(program).__name__)
    program = program if isinstance(program, Program) else build(program)
    kept, request = Record(), None
    if isinstance(record, Record):
        kept = record
    elif isinstance(record, Counts | Traces):
        request = record
    elif record is not None:
        raise InputError("must be Record, Counts or Traces", where="record", value=type(record).__name__)
    if kept.to is not None:
        raise UnsupportedFeature("trials are not written to a file", where="Record.to", remedy="Save the recordings")
    for field, _ in kept.learned():
        where = f"Record.{field.removeprefix('sampled_')}"
        raise UnsupportedFeature("trials do not learn while they run", where=where)
    reads = any(hasattr(each.synapses, "count_reads") for each in program.network.projections.values())
    needs = Needs(request, sampling(program, kept, 0.0, duration) if request is None else NO_SAMPLES, reads)
    limit = inf if memory is None else byte_count(memory, "memory")
    results = Results(program, duration, kept, state, needs, memory)
    lowering = Lowering(program, duration, state, request)
    return _generate(lowering, results, _Engine(program, needs, count, duration, limit), trials, progress)


def _generate(
    lowering: Lowering, results: Results, engine: _Engine, trials: Iterable[Any], progress: ProgressOption
) -> Iterator[Any]:
    """The results, batch by batch."""
    source = _Source(lowering, trials)
    waiting: deque[tuple[list[TrialPlan], Callable[[], list[Part]]]] = deque()
    with reporting(progress, "simulating trials") as report, engine:
        while True:
            while not source.ended and source.error is None and len(waiting) < engine.ahead:
                plans = source.read(engine.batch_size(source.left, source.known))
                if plans:
                    waiting.append((plans, engine.start(plans)))
            if not waiting:
                break
            plans, wait = waiting.popleft()
            with deferred() as interrupts:
                interrupts.halt = engine.halt
                parts = wait()
            yield from _in_order(plans, parts, results)
            if report is not None:
                report(plans[-1].number + 1, source.total, "simulating trials")
            if interrupts.requested:
                raise KeyboardInterrupt
    if source.error is not None:
        raise source.error


def _in_order(plans: list[TrialPlan], parts: list[Part], results: Results) -> Iterator[Any]:
    """The results of the trials of a batch."""
    done = (result for part in parts for result in results.of_part(part))
    for plan in plans:
        if plan.singly:
            try:
                result = results.singly(plan)
            except NeuroError as error:
                _add_number(error, plan.number)
                raise
            yield result
        else:
            yield next(done)


def _add_number(error: NeuroError, number: int) -> None:
    """Put the number of the trial before the text of an error."""
    error.where = f"trial {number}, {error.where}" if error.where else f"trial {number}"
    error.args = (f"trial {number}, {error.args[0]}", *error.args[1:])


class _Source:
    """Reads trials from an iterable, and lowers them."""

    def __init__(self, lowering: Lowering, trials: Iterable[Any]) -> None:
        self.lowering, self.trials, self.number = lowering, iter(trials), 0
        self.known = len(trials) if isinstance(trials, Sized) else None
        self.ended = False
        self.error: BaseException | None = None
        """Why there are no more, if that is not the end."""

    @property
    def left(self) -> int | None:
        """Number of trials that are left, if that is known."""
        return None if self.known is None else self.known - self.number

    @property
    def total(self) -> int:
        """Number of trials; of those read so far, where it is not known."""
        return self.number if self.known is None else self.known

    def read(self, count: int) -> list[TrialPlan]:
        """The next trials, up to `count`."""
        plans: list[TrialPlan] = []
        try:
            while len(plans) < count:
                # A StopIteration that is kept would keep this frame, and so all plans, in a cycle.
                arguments = next(self.trials, self)
                if arguments is self:
                    self.ended = True
                    break
                try:
                    plans.append(self.lowering.trial(self.number, arguments))
                except NeuroError as error:
                    _add_number(error, self.number)
                    raise
                self.number += 1
        except BaseException as error:
            # What is complete comes first.
            self.error = error
        return plans


class _Engine:
    """Simulates batches, in this thread or in several others."""

    def __init__(self, program: Program, needs: Needs, workers: int, duration: float, limit: float) -> None:
        self.program, self.needs, self.workers, self.duration, self.limit = program, needs, workers, duration, limit
        self.halt = np.zeros(1, np.int64)
        self.idle: deque[Buffers] = deque()
        self.pool: ThreadPoolExecutor | None = None
        last = _SIZES.get(program.network, (0.0, 0))
        self.size, self.most = last[1] if last[0] == duration else FIRST_BATCH, MOST_TRIALS
        self.ahead = 1 if workers == 1 else workers + 1
        """Number of batches that are read before the first has to be ready."""

    def __enter__(self) -> _Engine:
        prepare(self.program)
        first = Buffers(self.program, self.needs, self.halt, self.limit)
        self.idle.append(first)
        each = run_bytes(self.program, self.needs, first.layout.words, self.duration)
        self.most = min(MOST_TRIALS, max(1, BATCH_BYTES // each))
        if self.workers > 1:
            self.pool = ThreadPoolExecutor(self.workers, "neuro-trials")
        return self

    def __exit__(self, *about: object) -> None:
        if self.pool is not None:
            self.halt[0] = 1
            self.pool.shutdown(cancel_futures=True)

    def batch_size(self, left: int | None, known: int | None) -> int:
        """Number of trials of the next batch, of which so many are left, of so many altogether."""
        size = min(self.size, self.most)
        if left is not None and known is not None and self.workers > 1:
            # Half of what is left, shared by all threads; but no batch so small that its own cost matters, and as many
            # of the smallest ones for each thread.
            least = max(1, round(self.size * LEAST_SECONDS / BATCH_SECONDS))
            turns = -(-known // (self.workers * least))
            size = min(size, max(-(-left // (2 * self.workers)), -(-known // (self.workers * turns)))) if turns else 1
        return max(1, size)

    def start(self, plans: list[TrialPlan]) -> Callable[[], list[Part]]:
        """Begin to simulate a batch; the function that is returned waits for it."""
        if self.pool is None:
            return partial(self._simulate, plans)
        return self.pool.submit(self._simulate, plans).result

    def _simulate(self, plans: list[TrialPlan]) -> list[Part]:
        try:
            buffers = self.idle.pop()
        except IndexError:
            buffers = Buffers(self.program, self.needs, self.halt, self.limit)
        began = clock.perf_counter()
        try:
            parts = buffers.simulate(plans)
        except Halted:
            raise KeyboardInterrupt from None
        self.idle.append(buffers)
        each = (clock.perf_counter() - began) / len(plans)
        self.size = int(min(max(BATCH_SECONDS / each, 1.0), 4.0 * max(self.size, 1)))
        _SIZES[self.program.network] = self.duration, max(self.size, 1)
        return parts
