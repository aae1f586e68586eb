"""`gradient`: the exact gradient of a loss of one run, by the names of what the network is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neuro.display import Displayed, Rows, plural
from neuro.engine.lower.program import MAX_THREADS, Program, build
from neuro.engine.recording import Recording, Spikes
from neuro.errors import InputError
from neuro.gradients.batch import spiked
from neuro.gradients.losses import Loss, slopes_of
from neuro.gradients.lowering import ByName, lowered, parameters_of
from neuro.gradients.sums import sum_runs
from neuro.gradients.voltages import Voltages
from neuro.gradients.wiring import Wiring
from neuro.names import Named
from neuro.network.graph import Network
from neuro.network.neurons import Source
from neuro.validation import Floats, instance, mapping, whole_number

__all__ = ["Gradient", "gradient"]


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
    """By population of sources, with respect to the time of each spike, in the recording's order, per second; those of
    several recordings one after the other."""

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


def _one_each(given: Any, where: str) -> list[Any]:
    """What is given for each of several recordings."""
    return list(instance(given, where, (list, tuple), "a list with one entry for each recording", error=InputError))


def gradient(
    program: Network | Program,
    recording: Recording | Sequence[Recording],
    *,
    loss: Loss | Mapping[str, Callable[[Spikes], tuple[float, Any]]],
    inputs: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None,
    workers: int = 1,
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
        Of `run(program, ..., inputs=inputs)`, from time zero, with the spikes of all populations. Or several, such as
        `run_trials` gives: their losses are added, and `loss` and `inputs` are lists with one entry for each.
    loss
        One of `CrossEntropy`, `SquaredError`, `WeightedSum` and `SpikeTimes`, or a tuple of them, which are added; or
        functions by population: each takes the population's `Spikes` and returns its loss, and the derivative of that
        with respect to the time of each spike.
    inputs
        As they were given to the run. Its currents are needed; spikes are taken from the recording.
    workers
        Threads that go back through several recordings side by side; they change no bit.

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
    whole_number(workers, "workers", least=1, most=MAX_THREADS)
    kinds, rule = (Recording, list, tuple), "a Recording, or a list of them"
    instance(recording, "recording", kinds, rule, error=InputError)
    recordings: list[Any] = [recording] if isinstance(recording, Recording) else list(recording)
    losses, given = [loss], [inputs]
    if not isinstance(recording, Recording):
        losses = _one_each(loss, "loss")
        given = [None] * len(recordings) if inputs is None else _one_each(inputs, "inputs")
    if not len(recordings) == len(losses) == len(given):
        rule = "there must be one loss, and one mapping of inputs, for each recording"
        raise InputError(rule, where="gradient", value=f"{len(recordings)}, {len(losses)} and {len(given)}")
    own, value = lowered(program), 0.0
    runs, slopes = [], []
    for each, its_loss, its_inputs in zip(recordings, losses, given, strict=True):
        instance(each, "recording", Recording, "a Recording", error=InputError)
        run = spiked(program, each, mapping(its_inputs, "inputs", "inputs by population", error=InputError))
        part, its_slopes = slopes_of(its_loss, Voltages(own, run), each, run)
        value += part
        runs.append(run)
        slopes.append(its_slopes)
    totals = sum_runs(own, runs, slopes, workers=workers)
    for place, by_delay in (pair for each in slopes for pair in each.delays):
        totals.delay[place] += by_delay
    names = program.network.populations
    sources = [name for name, population in names.items() if isinstance(population.model, Source)]
    inputs_of = {
        name: np.concatenate(
            [np.zeros(0), *(slope.time[run.places(name)] for run, slope in zip(runs, slopes, strict=True))]
        )
        for name in sources
    }
    return Gradient(
        value=value,
        weights=_by_projection(own.wiring, totals.weight),
        delays=_by_projection(own.wiring, totals.delay),
        parameters=Named("population", {name: parameters_of(program, own.cells, totals, name) for name in names}),
        inputs=Named("population of sources", inputs_of),
    )


def _by_projection(wiring: Wiring, values: Floats) -> Mapping[str, Floats]:
    return Named("projection", {name: bundle.given(values) for name, bundle in wiring.bundles.items()})
