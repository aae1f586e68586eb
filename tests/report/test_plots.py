"""Figures show what they are given, and are drawn without a display."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from neuro.errors import ParameterError
from neuro.report import plots


def circles(figure: Figure) -> list[Circle]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Circle)]


def test_every_figure_can_be_saved_as_a_picture(tmp_path: Path) -> None:
    x = np.arange(5.0)
    figures = [
        plots.curve_with_errors(x, {"a": x, "b": -x}, {"a": x / 9}, xlabel="x", ylabel="y", references={"c": 1.0}),
        plots.learning_curve(x, {"one": x, "three": np.ones((3, 5))}, ylim=(0, 5)),
        plots.heat_map(np.eye(3), xlabel="x", ylabel="y", label="z", centre=0, annotate=".1f", xticks="abc"),
        plots.spike_raster(x / 10, [0, 1, 2, 1, 0], groups={"g": (0, 2), "h": (2, 3)}, spans={"on": (0, 0.1)}),
        plots.braille_cells([np.ones(60)], targets=np.zeros(60), labels=["cue"], letters="abcdefghij"),
    ]
    for index, figure in enumerate(figures):
        path = tmp_path / f"{index}.png"
        plots.save(figure, path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_raised_dots_are_filled_flat_ones_hollow_and_wrong_ones_in_another_colour() -> None:
    word, target = np.array([1, 0, 1, 0, 0, 0]), np.array([1, 0, 0, 1, 0, 0])
    dots = circles(plots.braille_cells([word], targets=[target]))
    filled = [to_hex(dot.get_facecolor()) != "#ffffff" for dot in dots]
    wrong = [to_hex(dot.get_edgecolor()).upper() == plots.COLOURS[1] for dot in dots]
    assert filled == [True, False, True, False, False, False]
    assert wrong == [False, False, True, True, False, False]


def test_the_dots_of_a_cell_run_down_the_left_column_then_down_the_right() -> None:
    places = [dot.center for dot in circles(plots.braille_cells([np.zeros(6)]))]
    left, right = places[:3], places[3:]
    assert {x for x, _ in left} < {x for x, _ in places}
    assert left[0][0] < right[0][0]
    assert left[0][1] > left[1][1] > left[2][1]
    assert [y for _, y in left] == [y for _, y in right]


def test_one_target_serves_all_words() -> None:
    dots = circles(plots.braille_cells([np.zeros(12)] * 3, targets=np.ones(12)))
    assert len(dots) == 36
    assert all(to_hex(dot.get_edgecolor()).upper() == plots.COLOURS[1] for dot in dots)


def test_a_raster_shows_each_spike_of_its_window_once() -> None:
    figure = plots.spike_raster([0.1, 0.2, 0.9], [0, 5, 3], size=6, window=(0.0, 0.5))
    offsets = np.concatenate([np.asarray(c.get_offsets()) for c in figure.axes[0].collections])
    assert offsets.tolist() == [[100.0, 0.0], [200.0, 5.0]]


def test_nothing_to_show_is_still_a_figure() -> None:
    plots.spike_raster([], [])
    plots.braille_cells([])


def test_a_centred_heat_map_has_as_much_range_below_as_above() -> None:
    image = plots.heat_map([[-1.0, 3.0]], xlabel="", ylabel="", label="", centre=0).axes[0].images[0]
    assert image.get_clim() == (-3.0, 3.0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.curve_with_errors([1, 2], {"a": [1]}, xlabel="", ylabel=""),
        lambda: plots.learning_curve([1, 2], {"a": np.ones((2, 3))}),
        lambda: plots.heat_map([1, 2], xlabel="", ylabel="", label=""),
        lambda: plots.spike_raster([0.1], [1, 2]),
        lambda: plots.braille_cells([np.ones(7)]),
        lambda: plots.braille_cells([np.ones(6)], targets=[np.ones(12)]),
    ],
)
def test_data_of_another_shape_are_refused(draw) -> None:
    with pytest.raises(ParameterError):
        draw()
