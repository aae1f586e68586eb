"""Public plots draw what their argument holds, on the axes that they are given."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import neuro as nr
from neuro.errors import ParameterError, UnknownName
from neuro.learning.fitted import Fitted


@pytest.fixture(autouse=True)
def _closed():
    pyplot.close("all")  # other tests and examples leave figures behind
    yield
    pyplot.close("all")


@cache
def network() -> nr.Network:
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.2)))
    net.connect("cue", "cell", nr.AllToAll(0.6), delay=1e-3)
    return net


@cache
def recorded() -> nr.Recording:
    inputs = {"cue": nr.Spikes([1e-3, 2e-3, 30e-3], [0, 1, 1])}
    return nr.run(network(), 0.05, inputs=inputs, record=nr.Record(v={"cell": [0, 2]}))


@cache
def where() -> nr.Placement:
    return nr.placed(network(), nr.mesh_chip(2, 2, neurons=4), {"cue": 0, "cell": [1, 1, 3]})


@cache
def bill() -> nr.EnergyReport:
    chip = nr.load_chip("loihi_davies2018")
    return nr.account(recorded(), nr.placed(network(), chip, {"cue": 0, "cell": 1}), dt=1e-3)


def fitted(*training: float, validation: tuple[float, ...] = ()) -> Fitted:
    return Fitted(nr.LayerWeights((np.eye(2),), (np.zeros(2),)), list(training), list(validation))


def crossbar(**rest: Any) -> nr.AbstractCrossbar:
    device = nr.Device("four", 0.0, 90e-6, levels=4)
    return nr.Crossbar([[1.0, -1.0], [0.0, 0.5]], device, **rest)


PLOTS: dict[str, Callable[..., Axes]] = {
    "raster": lambda **rest: nr.plot_raster(recorded(), **rest),
    "trace": lambda **rest: nr.plot_trace(recorded(), **rest),
    "energy": lambda **rest: nr.plot_energy(bill(), **rest),
    "placement": lambda **rest: nr.plot_placement(where(), **rest),
    "crossbar": lambda **rest: nr.plot_crossbar(crossbar(), **rest),
    "learning": lambda **rest: nr.plot_learning(fitted(0.5, 0.7), **rest),
}
each_plot = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)


@each_plot
def test_a_plot_draws_on_the_axes_that_it_is_given_and_returns_them(plot: Callable[..., Axes]) -> None:
    left, right = Figure().subplots(1, 2)
    assert plot(ax=right) is right
    assert right.has_data()
    assert not left.has_data()
    assert pyplot.get_fignums() == []


@each_plot
def test_without_axes_a_plot_makes_a_figure_that_pyplot_shows(plot: Callable[..., Axes]) -> None:
    ax = plot()
    assert ax.has_data()
    assert [pyplot.figure(number) for number in pyplot.get_fignums()] == [ax.figure]
    ax.figure.canvas.draw()


@each_plot
def test_a_plot_leaves_the_style_of_the_caller_alone(plot: Callable[..., Axes]) -> None:
    before = dict(pyplot.rcParams)
    plot()
    assert dict(pyplot.rcParams) == before


def points(ax: Axes) -> np.ndarray:
    return np.concatenate([np.asarray(each.get_offsets()) for each in ax.collections])


def test_a_raster_has_every_spike_of_a_recording_with_its_populations_stacked() -> None:
    ax = nr.plot_raster(recorded())
    cue, cell = recorded().spikes["cue"], recorded().spikes["cell"]
    expected = [*zip(1e3 * cue.times, cue.ids, strict=True), *zip(1e3 * cell.times, cell.ids + 2, strict=True)]
    assert np.allclose(sorted(map(tuple, points(ax))), sorted(expected))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cue", "cell"]


def test_a_raster_shows_the_chosen_populations_in_the_chosen_window() -> None:
    ax = nr.plot_raster(recorded(), ["cue"], window=(0.0015, 0.01))
    assert points(ax).tolist() == [[2.0, 1.0]]
    assert ax.get_xlim() == (1.5, 10.0)


def test_a_trace_has_the_samples_of_the_recorded_neurons() -> None:
    ax = nr.plot_trace(recorded(), columns=[1])
    assert np.array_equal(ax.lines[0].get_ydata(), recorded().v["cell"][:, 1])
    assert np.allclose(ax.lines[0].get_xdata(), 1e3 * recorded().v_times)


def test_bars_of_energy_sum_to_the_total() -> None:
    ax = nr.plot_energy({"a": bill(), "b": bill()})
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(2 * bill().total)


def test_a_map_of_the_mesh_holds_what_the_cores_hold() -> None:
    grid = nr.plot_placement(where()).images[0].get_array()
    assert grid.tolist() == [[0, 1], [2, 2]]
    joules = nr.plot_placement(nr.placed(network(), nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": 1}),
                               "energy", energy=bill()).images[0].get_array()  # fmt: skip
    assert np.nansum(joules) == pytest.approx(bill().by_core.sum())


@pytest.mark.parametrize("mapping", ["pair", "offset", "slices"])
def test_the_conductances_of_every_kind_of_crossbar_are_drawn(mapping: str) -> None:
    made = crossbar(mapping=mapping)
    shown = {show: np.asarray(nr.plot_crossbar(made, show).images[0].get_array().filled(np.nan))
             for show in ("difference", "plus", "minus")}  # fmt: skip
    assert np.allclose(shown["plus"] - shown["minus"], shown["difference"], equal_nan=True)
    assert np.nansum(shown["plus"]) == pytest.approx(1e6 * made.conductance_plus.sum())


def test_runs_of_a_training_become_a_mean_with_a_band_over_the_epochs_they_share() -> None:
    ax = nr.plot_learning({"rule": [fitted(0.2, 0.4, 0.9), fitted(0.4, 0.8, validation=(0.5, 0.5))]})
    assert np.allclose(ax.lines[0].get_ydata(), [0.3, 0.6])
    assert len(ax.lines) == 1
    assert len(ax.collections) == 1


def test_what_cannot_be_drawn_is_refused_by_name() -> None:
    refused: dict[str, Callable[[], Any]] = {
        "populations": lambda: nr.plot_raster(nr.Spikes([0.1], [0]), ["cue"]),
        "window": lambda: nr.plot_raster(recorded(), window=(0.2, 0.1)),
        "quantity": lambda: nr.plot_trace(recorded(), "cell", "w"),
        "population": lambda: nr.plot_trace(recorded(), quantity="current"),
        "columns": lambda: nr.plot_trace(recorded(), columns=[2]),
        "energy": lambda: nr.plot_placement(where(), "energy", energy=bill()),
        "fitted": lambda: nr.plot_learning({}),
        "ax": lambda: nr.plot_learning(fitted(0.5), ax=Figure()),  # type: ignore[arg-type]
    }
    for word, call in refused.items():
        with pytest.raises(ParameterError, match=word):
            call()
    with pytest.raises(UnknownName, match="Did you mean 'cell'"):
        nr.plot_raster(recorded(), ["cel"])
