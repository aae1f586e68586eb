"""Where a run stands: everything that the next one needs to go on with the same bits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from neuro.engine.drive.inputs import Schedule
from neuro.engine.kernels.arrays import BLOCK, CELL, CURSOR, EVENT, NEURON, NEVER, REGISTERS, VACANT, State, Workspace
from neuro.engine.kernels.threads import APART, cuts
from neuro.engine.lower.program import Program, amplitudes
from neuro.engine.lower.runaway import Limits
from neuro.engine.plasticity.state import PlasticState
from neuro.validation import Ints, in_lines

__all__ = ["EngineState", "copied", "initial_state", "new_workspace", "with_room"]


@dataclass(frozen=True, eq=False)
class EngineState:
    """Where a run stopped; opaque, to be passed on as ``run(..., state=...)``."""

    program: Program
    arrays: State
    """Not to be written to: a state can be gone on from more than once."""
    base: float
    """The instant at which `arrays` stand, s."""
    time: float
    """The instant that was reached, s."""
    since_base: Schedule | None
    """Inputs of the time between the two."""
    forced: Ints
    """Neurons that are clamped."""
    seed: int = 0
    """Root of the run's random draws."""
    lesson: PlasticState | None = None
    """What learning has changed, as it stands at `base`."""

    def save(self, path: str | Path) -> None:
        """Write the state to an HDF5 file, whole or not at all; `load_state` reads it, in any process.

        >>> import tempfile, neuro as nr
        >>> net = nr.Network()
        >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nr.run(net, 0.02).state.save(f"{folder}/state.h5")
        ...     state = nr.load_state(f"{folder}/state.h5", net)
        >>> nr.run(net, 0.02, state=state).spikes["cell"].times.round(6).tolist()
        [0.027726]
        """
        from neuro.engine.storage.states import save_state

        save_state(self, path)

    def write(self, group: Any) -> None:
        """Write the state into a group of an HDF5 file."""
        from neuro.engine.storage.states import write_state

        write_state(self, group)


_AT_REST: WeakKeyDictionary[Program, State] = WeakKeyDictionary()


def initial_state(program: Program, seed: int = 0) -> EngineState:
    """Everything at rest at time zero, but for the initial voltages."""
    arrays = _AT_REST.get(program)
    if arrays is None:
        arrays = _AT_REST[program] = _at_rest(program)
    return EngineState(program, arrays, 0.0, 0.0, None, np.zeros(0, np.int64), seed)


def _at_rest(program: Program) -> State:
    n = program.size
    neurons, x = np.zeros(n, NEURON), np.zeros((n, program.fixed.rate.shape[1]))
    for name, population in program.network.populations.items():
        rest, initial = population.parameter("v_rest"), population.initial or {}
        neurons["v"][program.slice(name)] = initial.get("v", rest)
        if "i" in initial:
            x[program.slice(name), 0] = initial["i"]
    neurons["drive"], neurons["group"] = (
        program.drive,
        np.repeat(np.arange(len(program.offset)), [p.size for p in program.network.populations.values()]),
    )
    longest = max(program.fixed.segments["delay"].max(initial=0.0), program.fixed.cells["refractory"].max(initial=0.0))
    calendar = np.zeros(256 + n // 8, EVENT)
    calendar["next"] = VACANT
    return State(
        neurons=neurons,
        amp=amplitudes(program, neurons["v"], x),
        gap=np.zeros(n),
        x=x,
        origin=np.zeros(len(program.fixed.groups)),
        outlook=np.zeros(len(program.fixed.groups), np.int64),
        calendar=calendar,
        bucket=np.full(int(np.clip(np.ceil(longest / (program.window or np.inf)) + 2, 2, 4096)), -1, np.int64),
        register=np.zeros(REGISTERS, np.int64),
    )


def new_workspace(
    program: Program, bounds: Ints, calendar: int, room: int, limits: Limits | None = None, halt: Ints | None = None
) -> Workspace:
    """Room to work in, for as many threads as there are shares of the neurons; without `limits` there are none."""
    most = np.full(len(program.fixed.groups), NEVER) if limits is None else limits.most
    threads, depth = len(bounds) - 1, 2 + program.fixed.rate.shape[1]
    largest = int(np.diff(bounds).max())
    spaced = max(2 * depth, 2 * APART)
    return Workspace(
        bounds=bounds,
        tally=np.zeros((threads, 2 * APART), np.int64),
        origin=np.zeros((threads, len(program.fixed.groups))),
        scratch=np.zeros((threads, 8, depth)),
        factor=np.zeros((threads, spaced)),
        cell=np.zeros(threads, CELL),
        watched=np.empty((threads, largest), np.int64),
        hits=np.empty((threads, BLOCK), np.uint32),
        total=np.empty((threads, BLOCK)),
        time=np.empty((threads, room)),
        ids=np.empty((threads, room), np.int64),
        free_time=np.empty((threads, largest)),
        free_id=np.empty((threads, largest), np.int64),
        event_time=np.empty(calendar),
        event_code=np.empty(calendar, np.int64),
        spare_time=np.empty(max(calendar, room)),
        spare_code=np.empty(max(calendar, room), np.int64),
        place=np.empty(max(calendar, room) + 1, np.int64),
        cuts=cuts(program, threads),
        signal=np.zeros(APART * (threads + 1), np.int64),
        job=np.zeros(2),
        limit=np.append(most, most.min(initial=NEVER)),
        span=np.ones(len(most)) if limits is None else limits.span,
        fired=np.zeros(program.size, np.uint32),
        halt=np.zeros(1, np.int64) if halt is None else halt,
    )


def copied(arrays: State, room: State | None = None) -> State:
    """The same, to be written to; in the arrays of `room`, where they fit, which saves the system a lot of paging."""
    copies = []
    for name, old in zip(State._fields, arrays, strict=True):
        new = None if room is None else getattr(room, name)
        if new is None or new.shape != old.shape:
            new = in_lines(old.shape, old.dtype)
        # Numpy copies records field by field, which takes ten times as long as their bytes.
        np.copyto(_bytes(new), _bytes(old))
        copies.append(new)
    return State._make(copies)


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)


def with_room(arrays: State, needed: int = 1) -> State:
    """The same state with room for that many more pending events: the calendar doubles until they fit."""
    old, times = len(arrays.calendar), 2
    while (times - 1) * old < needed:
        times *= 2
    calendar = np.concatenate([arrays.calendar, np.zeros((times - 1) * old, EVENT)])
    calendar["next"][old:] = VACANT
    register = arrays.register.copy()
    register[CURSOR] = old
    return arrays._replace(calendar=calendar, register=register)
