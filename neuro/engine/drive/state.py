"""The state of a run: everything that the next run needs to continue with the same bits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neuro.engine.drive.chunks import Simulation
from neuro.engine.drive.inputs import NO_SAMPLES, Schedule
from neuro.engine.drive.prepare import prepare_kernels
from neuro.engine.drive.workspace import arrays_at_rest
from neuro.engine.kernels.arrays import State
from neuro.engine.lower.program import Program, build
from neuro.engine.lower.single_delays import state_with_segments, with_segments
from neuro.engine.plasticity.state import PlasticState
from neuro.engine.storage.states import StateFields, new_state_file, read_state, write_state
from neuro.errors import InputError
from neuro.network.graph import Network
from neuro.validation import Ints

__all__ = ["EngineState", "for_learning", "initial_state", "load_state"]


@dataclass(frozen=True, eq=False)
class EngineState:
    """The state at the end of a run, opaque; ``run(..., state=...)`` continues from it."""

    program: Program
    arrays: State
    """Not to be written to: several runs can continue from one state."""
    base: float
    """The time of `arrays`, s."""
    time: float
    """The time that the run reached, s."""
    since_base: Schedule | None
    """Inputs between the two."""
    forced: Ints
    """Neurons that are clamped."""
    seed: int = 0
    """Root of the run's random draws."""
    plastic_state: PlasticState | None = None
    """Weights, traces and spikes under way of plastic projections, at `base`."""

    def finished(self) -> tuple[State, PlasticState | None]:
        """The arrays at the time reached: the open window is simulated up to there, with the weights it began with."""
        if self.since_base is None or self.base >= self.time:
            return self.arrays, self.plastic_state
        prepare_kernels(self.program)
        times, plastic_state = (self.time, self.time), self.plastic_state
        simulation = Simulation(
            self.program, self.arrays, self.since_base, NO_SAMPLES, self.base, times, plastic_state=plastic_state
        )
        while simulation.reached < self.time:
            simulation.run_chunk(self.time)
        return simulation.kept(), simulation.plastic_state

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
        with new_state_file(path) as file:
            self.write(file.create_group("state"))

    def write(self, group: Any) -> None:
        """Write the state into a group of an HDF5 file."""
        fields = StateFields(
            self.arrays, self.base, self.time, self.since_base, self.forced, self.seed, self.plastic_state
        )
        write_state(group, self.program, fields, *self.finished())


def initial_state(program: Program, seed: int = 0) -> EngineState:
    """Everything at rest at time zero, but for the initial voltages."""
    return EngineState(program, arrays_at_rest(program), 0.0, 0.0, None, np.zeros(0, np.int64), seed)


def load_state(path: str | Path, network: Network | Program) -> EngineState:
    """Read a state that `EngineState.save` wrote, or the state in a recording that `Recording.save` wrote.

    Parameters
    ----------
    path
        The file.
    network
        The network of the state, or a program built from it. Weights and parameters may differ, as in
        ``run(..., state=...)``; the structure may not.

    Raises
    ------
    StateError
        If the file is damaged, has no state, or has one of another network: then with the differences.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    """
    if not isinstance(network, Network | Program):
        raise InputError("`load_state` takes a Network or a Program", value=type(network).__name__)
    program = network if isinstance(network, Program) else build(network)
    fields = read_state(path, program)
    if fields.plastic is not None:
        program = with_segments(program, program.network.projections)
    return EngineState(program, *fields)


def for_learning(program: Program, state: EngineState, rules: Collection[str]) -> tuple[Program, EngineState]:
    """A program and a state of it in the form that learning needs, if any projection has a rule or had one.

    All rows become segments of one delay: the layout of what learns numbers segments anew, but not those of cursors.
    """
    if not rules and state.plastic_state is None:
        return program, state
    names = list(program.network.projections)
    arrays = state_with_segments(state.program, names, state.arrays)
    own = with_segments(state.program, names)
    program = own if state.program is program else with_segments(program, names)
    return program, replace(state, program=own, arrays=arrays)
