"""`gradient`: the exact gradient of a loss of one run, by the names of what the network is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from neuro.display import Displayed, Rows, plural
from neuro.engine.lower.program import Program, build
from neuro.engine.recording import Recording, Spikes
from neuro.errors import InputError
from neuro.gradients.arrays import DONE, HELD_SPIKE, Batch, Cells, Nodes, Totals, Wires
from neuro.gradients.batch import Slopes, Spiked, batch_of, nodes_for, spiked
from neuro.gradients.losses import Loss, slopes_of
from neuro.gradients.lowering import ByName, cells_of, new_totals, parameters_of
from neuro.gradients.sweep import sweep_runs
from neuro.gradients.voltages import Voltages
from neuro.gradients.wiring import Wiring, wiring_of
from neuro.jit import as_table, link_routines
from neuro.names import Named
from neuro.network.graph import Network
from neuro.network.neurons import Source
from neuro.validation import Floats, instance, mapping

__all__ = ["Gradient", "Lowered", "gradient", "lowered", "sweep_batch"]


@dataclass(frozen=True, eq=False, repr=False)
class Gradient(Displayed):
    """The gradient of a loss."""

    value: float
    """The loss."""
    weights: Mapping[str, Floats]
    """By projection, one entry for each synapse in the order in which they were given; of matrices (pre, post)."""
    delays: Mapping[str, Floats]
    """By projection, per second, shaped as `weights`; a delay that all share has the sum as its derivative."""
    parameters: Mapping[str, ByName]
    """By population and the name of the model's field, shape (neurons,); a tuple where the field is one. A number that
    all neurons share has the sum as its derivative."""
    inputs: Mapping[str, Floats]
    """By population of sources, with respect to the time of each spike, in the recording's order, per second."""

    def _display(self) -> tuple[str, Rows]:
        rows: list[tuple[str, object]] = [
            (name, f"weights {_norm(self.weights[name])}, delays {_norm(self.delays[name])}") for name in self.weights
        ]
        rows += [
            (name, ", ".join(f"{key} {_norm(value)}" for key, value in own.items()))
            for name, own in self.parameters.items()
            if own
        ]
        rows += [(name, f"{plural(len(each), 'spike time')} {_norm(each)}") for name, each in self.inputs.items()]
        return f"Gradient of a loss of {self.value:.6g}, by norms", rows


def _norm(values: Any) -> str:
    parts = [part for part in (values if isinstance(values, tuple) else (values,)) if part is not None]
    return f"{np.sqrt(sum(float(np.sum(part * part)) for part in parts)):.3g}"


@dataclass(frozen=True, eq=False)
class Lowered:
    """A program as the kernels of the gradient take it."""

    program: Program
    cells: Cells
    wiring: Wiring
    wires: Wires


_KNOWN: WeakKeyDictionary[Network, tuple[Any, Cells, Wiring]] = WeakKeyDictionary()
"""Of each network, the parts that programs with other weights share."""


def lowered(program: Program) -> Lowered:
    """A program for the kernels of the gradient.

    Raises
    ------
    UnsupportedFeature
        If it has parts through which no gradient goes.
    """
    known = _KNOWN.get(program.network)
    if known is None or known[0] is not program.fixed.row:
        known = program.fixed.row, cells_of(program), wiring_of(program)
        _KNOWN[program.network] = known
    _, cells, wiring = known
    return Lowered(program, cells, wiring, wiring.with_weights(program))


def sweep_batch(
    own: Lowered, batch: Batch, nodes: Nodes, totals: Totals, low: int, high: int, times: int, floor: float
) -> None:
    """Add the gradients of the runs low .. high of a batch to `totals`.

    Raises
    ------
    InputError
        If a recording is not of this program and these inputs.
    """
    link_routines()
    cells, wires = as_table(own.cells), as_table(own.wires)
    code = sweep_runs(cells, wires, as_table(batch), as_table(nodes), as_table(totals), low, high, times, floor)
    if code != DONE:
        _refuse(own.program, batch, nodes, code)


def _refuse(program: Program, batch: Batch, nodes: Nodes, code: int) -> None:
    j, f, b = (int(x) for x in nodes.fault)
    name = list(program.offset)[int(program.group_of[j])]
    what = "is in a refractory time" if code == HELD_SPIKE else "is not where v meets the threshold"
    raise InputError(
        f"the recording is not of this program with these inputs: a spike {what}",
        where=f"gradient, neuron {j - program.offset[name]} of {name!r}",
        value=f"{batch.time[batch.spikes[b] + f]:.9g} s",
        remedy="Give the program, currents and recording of one run, without clamps",
    )


def gradient(
    program: Network | Program,
    recording: Recording,
    *,
    loss: Loss | Mapping[str, Callable[[Spikes], tuple[float, Any]]],
    inputs: Mapping[str, Any] | None = None,
) -> Gradient:
    """The exact gradient of a loss of a run, in closed form between events and through every spike.

    The run is replayed from its recorded spikes; nothing else is recorded for it. The gradient is that of the run as it
    was: it says how the times of its spikes and v move, and not that a spike will appear or vanish. See
    `docs/gradient.md` for the mathematics.

    Parameters
    ----------
    program
        What was run. A `Network` is built first.
    recording
        Of `run(program, ..., inputs=inputs)`, from time zero, with the spikes of all populations.
    loss
        One of `CrossEntropy`, `SquaredError`, `WeightedSum` and `SpikeTimes`, or a tuple of them, which are added; or
        functions by population: each takes the population's `Spikes` and returns its loss, and the derivative of that
        with respect to the time of each spike.
    inputs
        As they were given to the run. Its currents are needed; spikes are taken from the recording.

    Returns
    -------
    Gradient
        The loss, and its derivatives by projection and population.

    Raises
    ------
    UnsupportedFeature
        If the network has parts through which no gradient goes: floors and ceilings of v, external drives, learning.
    InputError
        If the recording is not of this program and inputs, or if the loss does not fit it.
    StateError
        If the recording goes on from another.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 1, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    >>> link = net.connect("cue", "cell", nr.Dense([[8.0]]), delay=1e-3)
    >>> given = {"cue": nr.Spikes([2e-3], [0])}
    >>> run = nr.run(net, 0.05, inputs=given)
    >>> found = nr.gradient(net, run, inputs=given, loss={"cell": lambda spikes: (spikes.times[0], [1.0])})
    >>> round(found.value, 6), found.weights["cue->cell"].round(6).tolist(), found.delays["cue->cell"].round(6).tolist()
    (0.007117, [[-0.000995]], [[1.0]])
    """
    if not isinstance(program, Network | Program):
        raise InputError("`gradient` takes a Network or a Program", value=type(program).__name__)
    program = program if isinstance(program, Program) else build(program)
    instance(recording, "recording", Recording, "a Recording", error=InputError)
    given = mapping(inputs, "inputs", "inputs by population", error=InputError)
    own = lowered(program)
    run = spiked(program, recording, given)
    value, slopes = slopes_of(loss, Voltages(own.cells, own.wiring, own.wires, program, run), recording, run)
    totals, total = _swept(own, run, slopes)
    return Gradient(
        value=value,
        weights=_by_projection(own.wiring, totals.weight),
        delays=_by_projection(own.wiring, totals.delay),
        parameters=Named("population", {name: parameters_of(program, own.cells, totals, name) for name in run.place}),
        inputs=Named(
            "population of sources",
            {
                name: total[place]
                for name, place in run.place.items()
                if isinstance(program.network.populations[name].model, Source)
            },
        ),
    )


def _swept(own: Lowered, run: Spiked, slopes: Slopes) -> tuple[Totals, Floats]:
    batch = batch_of(own.program, [run], [slopes])
    totals = new_totals(own.cells, len(own.wires.weight))
    sweep_batch(own, batch, nodes_for(own.cells, own.wiring, batch), totals, 0, 1, 1, 0.0)
    for place, value in slopes.delays:
        totals.delay[place] += value
    return totals, batch.slope


def _by_projection(wiring: Wiring, values: Floats) -> Mapping[str, Floats]:
    return Named("projection", {name: bundle.given(values) for name, bundle in wiring.bundles.items()})
