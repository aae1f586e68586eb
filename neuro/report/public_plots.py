"""The public plots: each draws one result on axes, its own or given ones, and returns them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.accounting.report import EnergyReport
from neuro.chip.placement import Placement
from neuro.crossbar.base import AbstractCrossbar
from neuro.display import amount
from neuro.engine.recording import SAMPLED, Recording, Spikes
from neuro.errors import ParameterError, UnknownName
from neuro.learning.fitted import Fitted, measures
from neuro.report import draw
from neuro.report.energy_plots import tile_grid
from neuro.report.plots import raster_height
from neuro.report.style import colour, styled
from neuro.validation import Floats, choice, indices, instance, number, shown, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_crossbar", "plot_energy", "plot_learning", "plot_placement", "plot_raster", "plot_trace"]

FEW = 8
"""Neurons whose traces are drawn where nobody says which."""
USES = ("neurons", "synapses", "axons_in", "axons_out")
"""What a core has, as `Placement.usage` names it."""
SHOWN_OF_CROSSBARS = ("difference", "plus", "minus")


def plot_raster(
    spikes: Recording | Spikes,
    populations: Sequence[str] | None = None,
    *,
    window: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Spikes as ticks over time: one row a neuron, populations one above the other, each in a colour.

    Parameters
    ----------
    spikes
        A recording, or the spikes of one population.
    populations
        Which populations of a recording, from the bottom to the top; None: all.
    window
        First and last instant shown, s; None: the whole run, or up to the last spike.
    ax
        Axes to draw on; None: a new figure of pyplot.

    Raises
    ------
    ParameterError
        If an argument is of another kind.
    UnknownName
        If there is no such population.

    Examples
    --------
    >>> import neuro as nr
    >>> ax = nr.plot_raster(nr.Spikes([1e-3, 2e-3, 5e-3], [0, 1, 1]))
    >>> ax.get_xlabel(), len(ax.collections[0].get_offsets())
    ('time (ms)', 3)
    """
    instance(spikes, "plot_raster, spikes", (Recording, Spikes), "a Recording or Spikes")
    if isinstance(spikes, Spikes):
        if populations is not None:
            rule = "can be chosen of a recording only"
            raise ParameterError(rule, where="plot_raster, populations", value=shown(populations))
        found, sizes, span = {"": spikes}, {}, (0.0, float(spikes.times.max(initial=1e-3)))
    else:
        found = {name: spikes.spikes[name] for name in _names(populations, spikes.spikes)}
        known = spikes.provenance.get("network", {}).get("populations", {})
        sizes, span = {name: int(known[name]["size"]) for name in found if name in known}, (spikes.start, spikes.stop)
    times, rows, groups = draw.stacked(found, sizes)
    size = sum(last - first for first, last in groups.values())
    span = _window(window, "plot_raster", span)
    with _drawing(ax, "plot_raster", 7.2, raster_height(size)) as ax:
        named = groups if isinstance(spikes, Recording) else None
        draw.spike_ticks(ax, times, rows, size=size, window=span, groups=named)
        if named is None:
            ax.set_ylabel("neuron")
    return ax


def plot_trace(
    recording: Recording,
    population: str | None = None,
    quantity: str = "v",
    *,
    columns: Sequence[int] | None = None,
    window: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Sampled voltages, currents, adaptation or thresholds over time.

    Parameters
    ----------
    recording
        A recording of a run with ``record=Record(v=...)`` or the like.
    population
        Whose samples; None: of the only population that has any.
    quantity
        "v", "current", "adaptation" or "threshold". Of several currents of a neuron, their sum is drawn.
    columns
        Which of the recorded neurons, by their place in the recording; None: the first eight.
    window
        First and last instant shown, s; None: all.
    ax
        Axes to draw on; None: a new figure of pyplot.

    Raises
    ------
    ParameterError
        If an argument is of another kind, or there is nothing to draw.
    UnknownName
        If there are no samples of such a population.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.5)))
    >>> ax = nr.plot_trace(nr.run(net, 0.05, record=nr.Record(v={"cell": [0]})))
    >>> ax.get_ylabel(), len(ax.lines)
    ('v of cell', 1)
    """
    instance(recording, "plot_trace, recording", Recording, "a Recording")
    sampled = getattr(recording, choice(quantity, "plot_trace, quantity", SAMPLED))
    if population is None:
        if len(sampled) != 1:
            remedy = f"Name one with population=: {', '.join(sampled)}" if sampled else "Give Record the neurons"
            rule = f"exactly one population must have samples of {quantity!r}"
            raise ParameterError(rule, where="plot_trace, population", value=str(len(sampled)), remedy=remedy)
        population = next(iter(sampled))
    samples = sampled[text(population, "plot_trace, population")]
    # Currents and adaptation have one more axis, of receptors or of slow currents.
    values = samples.sum(axis=2) if samples.ndim == 3 else samples
    if columns is None:
        chosen = np.arange(min(values.shape[1], FEW))
    else:
        chosen = indices(columns, values.shape[1], "plot_trace, columns")
    when = recording.v_times
    begin, end = _window(window, "plot_trace", (recording.start, recording.stop))
    within = (when >= begin) & (when <= end)
    scale, unit = draw.time_unit(end - begin)
    with _drawing(ax, "plot_trace", 7.2, 3.2) as ax:
        for index, column in enumerate(chosen.tolist()):
            ax.plot(scale * when[within], values[within, column], color=colour(index), lw=1.3, label=f"{column}")
        ax.set(xlabel=f"time ({unit})", ylabel=f"{quantity} of {population}")
        ax.set_xlim(scale * begin, scale * max(end, begin + 1e-12))
        if len(chosen) > 1:
            ax.legend(title="recorded neuron", ncols=2)
    return ax


def plot_energy(report: EnergyReport | Mapping[str, EnergyReport], *, ax: Axes | None = None) -> Axes:
    """Joules by cause as bars over a logarithmic axis, of one report or of several beside each other.

    Parameters
    ----------
    report
        A report of `account`, or several by name.
    ax
        Axes to draw on; None: a new figure of pyplot.

    Raises
    ------
    ParameterError
        If an argument is of another kind.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.5)))
    >>> placement = nr.placed(net, nr.load_chip("loihi_davies2018"), {"cell": 0})
    >>> ax = nr.plot_energy(nr.account(nr.run(net, 0.05), placement, dt=1e-3))
    >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
    ('energy (J)', ['update idle', 'update active', 'static'])
    """
    reports = {report.chip: report} if isinstance(report, EnergyReport) else report
    instance(reports, "plot_energy, report", Mapping, "an EnergyReport, or several by name")
    if not reports:
        raise ParameterError("there must be a report", where="plot_energy, report", value="none")
    for name, each in reports.items():
        text(name, "plot_energy, report")
        instance(each, f"plot_energy, report {name!r}", EnergyReport, "an EnergyReport")
    causes = {cause for each in reports.values() for cause, joules in each.by_cause.items() if joules}
    height = 1.2 + 0.36 * max(len(causes), 1) * max(1.0, 0.5 * len(reports))
    with _drawing(ax, "plot_energy", 7.2, height) as ax:
        draw.bars_by_cause(ax, reports)
        ax.set_xlabel("energy (J)")
        ax.legend()
    return ax


def plot_placement(
    placement: Placement, show: str = "neurons", *, energy: EnergyReport | None = None, ax: Axes | None = None
) -> Axes:
    """The mesh of a chip, each tile coloured by what its cores have.

    Parameters
    ----------
    placement
        A placement on a chip.
    show
        "neurons", "synapses", "axons_in", "axons_out", or "energy": the dynamic energy of the cores, J.
    energy
        The report that "energy" is read from.
    ax
        Axes to draw on; None: a new figure of pyplot.

    Raises
    ------
    ParameterError
        If an argument is of another kind, or the report is of another chip.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 6, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> ax = nr.plot_placement(nr.placed(net, nr.mesh_chip(2, 2, neurons=4), {"cell": [0, 0, 0, 0, 3, 3]}))
    >>> ax.images[0].get_array().tolist()  # y grows upwards
    [[0.0, 2.0], [4.0, 0.0]]
    """
    instance(placement, "plot_placement, placement", Placement, "a Placement")
    choice(show, "plot_placement, show", (*USES, "energy"))
    if energy is not None:
        instance(energy, "plot_placement, energy", EnergyReport, "an EnergyReport")
    chip = placement.chip
    if show == "energy":
        if energy is None or len(energy.by_core) != chip.cores:
            rule = "must be a report of this placement, to show its energy"
            value = "none" if energy is None else f"one of {len(energy.by_core)} cores"
            raise ParameterError(rule, where="plot_placement, energy", value=value, remedy="Give energy=account(...)")
        grid, label = tile_grid(energy.by_core, chip), "dynamic energy (J)"
    else:
        grid, label = tile_grid(placement.usage[show], chip), show.replace("_", " ")
    few = chip.width <= 32 and chip.height <= 32
    width = float(np.clip(1.8 + 0.5 * chip.width, 3.6, 7.2))
    with _drawing(ax, "plot_placement", width, float(np.clip(1.0 + 0.5 * chip.height, 2.4, 6.2))) as ax:
        draw.matrix(
            ax,
            grid,
            label=label,
            xticks=range(chip.width) if few else None,
            yticks=range(chip.height - 1, -1, -1) if few else None,
        )
        ax.set(xlabel="x", ylabel="y", title=chip.name)
    return ax


def plot_crossbar(crossbar: AbstractCrossbar, show: str = "difference", *, ax: Axes | None = None) -> Axes:
    """Conductances of the devices of a crossbar as colours: one row for each input, one column for each output.

    Parameters
    ----------
    crossbar
        A crossbar. Of one in slices, the slices lie side by side.
    show
        "difference": of each pair, G+ - G-, to which the weight is proportional; "plus" or "minus": one of them.
    ax
        Axes to draw on; None: a new figure of pyplot.

    Raises
    ------
    ParameterError
        If an argument is of another kind.

    Examples
    --------
    >>> import neuro as nr
    >>> crossbar = nr.Crossbar([[0.5, -1.0], [0.0, 1.0]], device=nr.load_device("taox_64x64"))
    >>> nr.plot_crossbar(crossbar).images[0].get_array().shape
    (2, 2)
    """
    instance(crossbar, "plot_crossbar, crossbar", AbstractCrossbar, "a crossbar")
    choice(show, "plot_crossbar, show", SHOWN_OF_CROSSBARS)
    grid = draw.side_by_side(draw.conductances(crossbar, show))
    most = float(np.nanmax(np.abs(grid), initial=0.0))
    factor, unit = next(((f, u) for f, u in ((1.0, "S"), (1e3, "mS"), (1e6, "uS")) if most * f >= 1), (1e9, "nS"))
    label = {"difference": "G+ - G-", "plus": "G+", "minus": "G-"}[show]
    rows, columns = grid.shape
    size = float(np.clip(2.2 + 0.12 * columns, 4.2, 7.4)), float(np.clip(1.4 + 0.12 * rows, 3.0, 6.2))
    with _drawing(ax, "plot_crossbar", *size) as ax:
        centre = 0.0 if show == "difference" else None
        draw.matrix(ax, grid * factor, label=f"{label} ({unit})", centre=centre)
        ax.set(xlabel="column (output)", ylabel="row (input)", title=crossbar.name)
        ax.locator_params(integer=True)
    return ax


def plot_learning(fitted: Fitted | Mapping[str, Fitted | Sequence[Fitted]], *, ax: Axes | None = None) -> Axes:
    """Accuracy by epoch: of training as lines, of validation as dashed lines.

    Parameters
    ----------
    fitted
        What `fit` has returned, or several of these by name. Of a list of runs, the mean is drawn, and a band from
        the worst run to the best, over the epochs that all of them have.
    ax
        Axes to draw on; None: a new figure of pyplot.

    Raises
    ------
    ParameterError
        If an argument is of another kind, or has no epoch.

    Examples
    --------
    >>> import neuro as nr
    >>> schedule = nr.Schedule(epochs=3, rates=(0.1,))
    >>> found = nr.fit(nr.RateLayers(sizes=(2, 2)), nr.Examples(np.eye(2), [0, 1]), nr.DeltaRule(), schedule)
    >>> nr.plot_learning(found).lines[0].get_xdata().tolist()
    [1.0, 2.0, 3.0]
    """
    named: Mapping[str, Any] = {"": fitted} if isinstance(fitted, Fitted) else fitted
    instance(named, "plot_learning, fitted", Mapping, "what `fit` returned, or several of these by name")
    curves = {name: _histories(name, each) for name, each in named.items()}
    if not curves:
        raise ParameterError("there must be a training", where="plot_learning, fitted", value="none")
    with _drawing(ax, "plot_learning", 6.4, 4.0) as ax:
        for index, (name, (training, validation)) in enumerate(curves.items()):
            prefix = f"{name}, " if name else ""
            draw.runs(ax, np.arange(1.0, training.shape[1] + 1), training, name=f"{prefix}training", index=index)
            if validation.shape[1]:
                epochs = np.arange(1.0, validation.shape[1] + 1)
                draw.runs(ax, epochs, validation, name=f"{prefix}validation", index=index, dashed=True)
        ax.set(xlabel="epoch", ylabel=measures([*named.values()]))
        ax.locator_params(axis="x", integer=True)
        ax.legend()
    return ax


def _histories(name: str, found: Any) -> tuple[Floats, Floats]:
    """Accuracies of training and validation of one or several trainings, each of shape (runs, epochs)."""
    where = f"plot_learning, fitted {name!r}" if name else "plot_learning, fitted"
    several = [found] if isinstance(found, Fitted) else found
    if not isinstance(several, list | tuple) or not several:
        raise ParameterError("must be what `fit` returned, or a list of these", where=where, value=shown(found))
    for each in several:
        instance(each, where, Fitted, "what `fit` returned, or a list of these")
    training, validation = (
        np.array([getattr(each, key)[: min(len(getattr(one, key)) for one in several)] for each in several], float)
        for key in ("training", "validation")
    )
    if not training.shape[1]:
        raise ParameterError("there must be an epoch in each training", where=where, value="none")
    return training, validation


def _names(populations: Sequence[str] | None, known: Mapping[str, Spikes]) -> Sequence[str]:
    if populations is None:
        return list(known)
    is_list = isinstance(populations, list | tuple) and all(isinstance(name, str) for name in populations)
    if not is_list or not populations:
        where = "plot_raster, populations"
        raise ParameterError("must be a list of populations", where=where, value=shown(populations))
    for name in populations:
        if name not in known:
            raise UnknownName("population of this recording", name, known)
    return populations


def _window(window: Any, function: str, default: tuple[float, float]) -> tuple[float, float]:
    if window is None:
        return default
    where = f"{function}, window"
    if not isinstance(window, tuple | list) or len(window) != 2:
        raise ParameterError("must be two times, (first, last)", where=where, value=shown(window))
    begin, end = (number(time, where, unit="s") for time in window)
    if end <= begin:
        value = f"{amount(begin, 's')} and {amount(end, 's')}"
        raise ParameterError("the last instant must be after the first", where=where, value=value)
    return begin, end


@contextmanager
def _drawing(ax: Axes | None, function: str, width: float, height: float) -> Iterator[Axes]:
    """In our style, the axes that were given, or those of a new figure of pyplot, which notebooks and `show` find."""
    if ax is None:
        from matplotlib import pyplot

        # Outside of our style: a backend that is loaded now sets parameters that must stay.
        figure = pyplot.figure(figsize=(width, height), layout="constrained")
        with styled():
            yield figure.add_subplot()
        return
    from matplotlib.axes import Axes

    instance(ax, f"{function}, ax", Axes, "axes of Matplotlib")
    with styled():
        yield ax
