"""Cards of the page: tiles with numbers, charts with their controls, tables that can be sorted."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from numbers import Real

from neuro.report.html.charts import Chart
from neuro.report.tables import number

__all__ = ["card", "table", "tiles"]

MOVES = {"in": ("+", "Zoom in"), "out": ("−", "Zoom out"), "left": ("←", "Earlier"), "right": ("→", "Later"),
         "reset": ("Reset", "Show all")}  # fmt: skip
MOVED = ("raster", "trace")
"""Kinds of charts over time, which the keyboard moves along it."""


def tiles(entries: Sequence[tuple[str, object]]) -> str:
    """Numbers that are read first."""
    if not entries:
        return ""
    cells = "".join(f'<div class="tile"><b>{escape(number(v))}</b><span>{escape(k)}</span></div>' for k, v in entries)
    return f'<div class="tiles">{cells}</div>'


def card(index: int, chart: Chart, *, wide: bool = False) -> str:
    """The place of a chart, with a choice of what it shows, and with buttons that move it along time."""
    title, note = escape(chart["title"]), escape(chart["note"])
    controls = ""
    if chart["choices"]:
        options = "".join(f'<option value="{k}">{escape(c["label"])}</option>' for k, c in enumerate(chart["choices"]))
        controls += f'<select aria-label="{title}: what is shown">{options}</select>'
    if chart["kind"] in MOVED:
        controls += "".join(
            f'<button type="button" data-move="{step}" aria-label="{title}: {label}" title="{label}">{sign}</button>'
            for step, (sign, label) in MOVES.items()
        )
    if chart["kind"] == "raster":
        controls += '<span class="count" role="status"></span>'
    controls = f'<div class="controls">{controls}</div>' if controls else ""
    return (
        f'<section class="card{" wide" if wide else ""}" aria-label="{title}"><header><h2>{title}</h2>'
        f'<p class="note">{note}</p><button type="button" class="quiet" data-move="picture" '
        f'aria-label="{title}: save as a picture" title="Save as a picture">PNG</button></header>{controls}'
        f'<div class="chart" data-chart="{index}" '
        f'data-kind="{chart["kind"]}" role="img" aria-label="{title}: {note}" '
        f'style="min-height:{min(chart["height"], 360)}px"></div></section>'
    )


def table(
    title: str,
    columns: Sequence[object],
    rows: Sequence[Sequence[object]],
    *,
    search: bool = False,
    wide: bool = False,
    folded: bool = False,
) -> str:
    """A table whose columns can be sorted; `search`: its rows can be filtered, `folded`: it opens on a click."""
    numeric = [
        all(_is_number(row[k]) or row[k] is None for row in rows) and any(_is_number(row[k]) for row in rows)
        for k in range(len(columns))
    ]
    heads = "".join(
        f'<th scope="col"{_class(numeric[k])}><button type="button">{escape(str(column))}</button></th>'
        for k, column in enumerate(columns)
    )
    body = "".join("<tr>" + "".join(_cell(value, numeric[k]) for k, value in enumerate(row)) + "</tr>" for row in rows)
    name = escape(str(title))
    found = f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table><thead><tr>{heads}</tr></thead>'
    found += f"<tbody>{body}</tbody></table></div>"
    if folded:
        found = f"<details><summary>{len(rows)} entries</summary>{found}</details>"
    field = f'<input type="search" placeholder="Filter" aria-label="Filter {name}">' if search else ""
    return (
        f'<section class="card{" wide" if wide else ""}" aria-label="{name}"><header><h2>{name}</h2>{field}</header>'
        f"{found}</section>"
    )


def _cell(value: object, numeric: bool) -> str:
    exact = f' data-value="{value!r}"' if _is_number(value) else ""
    return f"<td{_class(numeric)}{exact}>{escape(number(value))}</td>"


def _class(numeric: bool) -> str:
    return ' class="n"' if numeric else ""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
