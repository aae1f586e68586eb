"""Runs the clocked kernels a few steps at a time, with the inputs of these steps alone."""

from __future__ import annotations

import sys
import time as clock
from collections.abc import Callable
from functools import cache
from math import inf, nan
from typing import Any

import numpy as np

from neuro.engine.clocked.arrays import (
    FAULT,
    LAST_SPIKE,
    N_LOG,
    NEVER,
    NEXT_ARRIVAL,
    NEXT_SAMPLE,
    NEXT_SOURCE,
    RANGE,
    SPIKE,
    Activity,
    ClockedArrays,
    Plan,
    Records,
)
from neuro.engine.clocked.inputs import StepInputs
from neuro.engine.clocked.kernels import run_euler, run_whole
from neuro.engine.clocked.program import ClockedProgram
from neuro.errors import NetworkError, OutOfMemory
from neuro.jit import is_cached
from neuro.memory import Budget
from neuro.validation import Floats

__all__ = ["Steps", "recent_spikes"]

Progress = Callable[[float, float, str], None]

MOST_INPUTS = 1 << 18
"""Spikes and arrivals that are drawn at a time, about."""
MOST_VALUES = 1 << 18
"""Samples of a chunk, about."""
LOG = 1 << 16
"""Room of the log for spikes, unless the network is larger."""
GROWTH = 3.0
"""How much a recording takes while it is made, for each byte of its chunks."""
RECORD_LESS = "Record fewer populations (Record(spikes=...)) or less often (v_dt), or run for a shorter time"


class Steps:
    """A clocked simulation under way; its chunks have the spikes, and the samples of the inputs' sampled steps."""

    def __init__(
        self,
        program: ClockedProgram,
        arrays: ClockedArrays,
        inputs: StepInputs,
        recent: Records | None,
        keep: bool,
        budget: Budget,
    ) -> None:
        self.program, self.arrays, self.inputs, self.budget = program, arrays, inputs, budget
        self.keep = keep
        """Are spikes kept?"""
        self.reached = inputs.start
        self.chunks: list[Records] = []
        self.voltage: list[Floats] = []
        held = float(sum(array.nbytes for array in arrays))
        budget.require("the state of the neurons", 2.0 * held, held=held, value=f"{program.size:,} neurons")
        self.activity = self._new_activity(recent)
        self.kept = int(self.activity.register[N_LOG])
        """Entries of the log that are in a chunk, or are of a run before."""

    def run(self, progress: Progress | None) -> OutOfMemory | None:
        """Run all steps; with `progress`, a chunk takes about 0.2 s. Returns why it had to stop where it did, if so."""
        kernel: Any = run_whole if self.program.semantics == "loihi" else run_euler
        announce(kernel)
        first, last = self.inputs.start, self.inputs.stop
        chunk, most = 64 if progress else last - first, self._most_steps()
        try:
            while self.reached < last:
                began = clock.perf_counter()
                self._run_chunk(kernel, min(last, self.reached + min(chunk, most)))
                if progress is not None:
                    dt = self.program.dt
                    progress((self.reached - first) * dt, (last - first) * dt, "simulating")
                    if clock.perf_counter() - began < 0.2:
                        chunk *= 2
        except MemoryError as error:
            if isinstance(error, OutOfMemory):
                return error
            value = str(error) or "no more from the system"
            return OutOfMemory("the buffers of a run", nan, nan, value=value, remedy=RECORD_LESS)
        return None

    def _most_steps(self) -> int:
        """The most steps of a chunk, for which its inputs and samples take little memory."""
        rate = self.inputs.rate * self.program.dt
        most = min(MOST_INPUTS, self.budget.limit / 1000.0) / rate if rate > 0.0 else inf
        if len(self.inputs.sample_neuron):
            values = min(MOST_VALUES, self.budget.limit / (16.0 * GROWTH))
            most = min(most, self.inputs.every * values / len(self.inputs.sample_neuron))
        return max(1, int(min(most, self.inputs.stop - self.inputs.start)))

    def _run_chunk(self, kernel: Any, until: int) -> None:
        """Run the steps up to `until`, or as many as the log has room for."""
        program, arrays, register = self.program, self.arrays, self.activity.register
        plan, busiest = self.inputs.between(self.reached, until)
        room = program.size + busiest + 1
        if len(self.activity.log) - register[N_LOG] < room:
            self._clear_log(room)
        self._require_room(plan)
        register = self.activity.register
        register[NEXT_ARRIVAL] = register[NEXT_SOURCE] = register[NEXT_SAMPLE] = 0
        voltage = np.zeros((len(plan.sample_step), len(plan.sample_neuron)))
        tables = program.cells, program.groups, program.wiring, arrays, self.activity
        self.reached = kernel(*tables, plan, voltage, room, self.reached, until)
        if register[FAULT]:
            refuse_out_of_range(program, arrays.neuron)
        # Without memory for a copy, the log itself is kept: it is the last chunk.
        new = self.activity.log[self.kept : int(register[N_LOG])]
        self.kept = int(register[N_LOG])
        self.voltage.append(voltage[: int(register[NEXT_SAMPLE])])
        if self.keep:
            self.chunks.append(new)
            self.chunks[-1] = new.copy()

    @property
    def held(self) -> float:
        """Bytes of all chunks."""
        return float(sum(chunk.nbytes for chunk in self.chunks) + sum(values.nbytes for values in self.voltage))

    def _require_room(self, plan: Plan) -> None:
        """Refuse to go on if the recording could not be made after one more chunk."""
        ahead = 8.0 * len(plan.sample_step) * len(plan.sample_neuron)
        if self.keep:
            ahead += SPIKE.itemsize * float(len(self.activity.log) - self.activity.register[N_LOG])
        self.budget.require(
            "the recording",
            GROWTH * (self.held + ahead),
            held=self.held,
            value=f"spikes and samples up to {self.reached * self.program.dt:.9g} s",
            remedy=RECORD_LESS,
        )

    # The log.

    def _new_activity(self, recent: Records | None) -> Activity:
        """All neurons awake, and a log that has the spikes that are still under way."""
        program, groups = self.program, self.program.groups
        known = 0 if recent is None else len(recent)
        usual = int(min(LOG, self.budget.limit / (16.0 * GROWTH * SPIKE.itemsize)))
        activity = Activity(
            active=np.arange(program.size),
            n_active=np.where(groups["source"], 0, groups["stop"] - groups["start"]),
            log=self._new_log(max(usual, known + 4 * (program.size + 1))),
            ring=np.zeros((program.depth, len(groups), 2), np.int64),
            events=np.zeros(len(program.wiring.links), np.int64),
            register=np.zeros(8, np.int64),
        )
        activity.register[LAST_SPIKE] = -NEVER
        if recent is not None and known:
            activity.register[LAST_SPIKE] = recent["step"][-1]
            fill_log(program, activity, recent)
        return activity

    def _new_log(self, room: int) -> Records:
        size = float(room * SPIKE.itemsize)
        value = f"{room:,} at {self.reached * self.program.dt:.9g} s"
        remedy = "Use shorter delays, or fewer neurons that fire at once"
        self.budget.require("spikes under way", size, value=value, remedy=remedy)
        return np.empty(room, SPIKE)

    def _clear_log(self, room: int) -> None:
        """Forget the spikes that can act no more, and make room for `room` others."""
        recent = recent_spikes(self.program, self.activity, self.reached)
        if len(self.activity.log) < len(recent) + 2 * room:
            log = self._new_log(max(2 * len(self.activity.log), len(recent) + 2 * room))
            self.activity = self.activity._replace(log=log)
        self.kept = len(recent)
        fill_log(self.program, self.activity, recent)


def recent_spikes(program: ClockedProgram, activity: Activity, step: int) -> Records:
    """The spikes that can act in `step` or later, sorted by step and neuron."""
    log = activity.log[: activity.register[N_LOG]]
    return np.sort(log[np.searchsorted(log["step"], step - program.depth) :])


def fill_log(program: ClockedProgram, activity: Activity, recent: Records) -> None:
    """Put these spikes into the log, and note on the ring where each group's spikes stand."""
    activity.log[: len(recent)], activity.register[N_LOG] = recent, len(recent)
    activity.ring[:] = 0
    key = recent["step"] * (program.size + 1) + recent["neuron"]
    for step in np.unique(recent["step"]):
        for column, edge in enumerate(("start", "stop")):
            place = np.searchsorted(key, step * (program.size + 1) + program.groups[edge])
            activity.ring[step % len(activity.ring), :, column] = place


def refuse_out_of_range(program: ClockedProgram, neuron: Records) -> None:
    """Refuse a network in which a whole number has left its range."""
    size = np.max([np.abs(neuron[key]) for key in ("v", "a", "u")], axis=0)
    j = int(size.argmax())
    name = next(each for each in program.offset if program.slice(each).start <= j < program.slice(each).stop)
    raise NetworkError(
        f"potentials, currents and inputs must stay below 2^{RANGE}",
        where=f"population {name!r}, neuron {j - program.offset[name]}",
        value=int(size[j]),
        remedy="Give the neuron a decay, or smaller weights",
    )


@cache
def announce(kernel: Any) -> None:
    """Print a line before the first compilation, which takes a while; later processes read the cache."""
    if not is_cached(kernel):
        print("neuro: compiling the clocked engine, once (less than a minute) ...", file=sys.stderr, flush=True)
