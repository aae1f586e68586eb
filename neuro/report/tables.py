"""Tables of a report, drawn in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from neuro.report.record import Report, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable

__all__ = ["energy_table", "metrics_table", "number", "render", "show"]


def number(value: object) -> str:
    """A number with four significant digits, a whole number with all of its own, anything else as text.

    >>> number(0.123456), number(110678), number(3.2e-11), number(None)
    ('0.1235', '110,678', '3.2e-11', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}"
    return f"{float(value):.4g}"


def metrics_table(report: Report) -> Table:
    """What a report measured, one row a metric."""
    return Table("Metrics", ("metric", "value"), tuple(report.metrics.items()))


def energy_table(report: Report) -> Table:
    """What a run cost, one row a figure; nested figures are named by their path.

    >>> energy_table(Report(task="t", metrics={}, energy={"total_J": 3e-9, "by_cause": {"spike": 1e-9}})).rows
    (('total_J', 3e-09), ('by_cause / spike', 1e-09))
    """
    return Table("Energy", ("cost", "value"), tuple(_leaves(report.energy)))


def render(table: Table) -> RichTable:
    """A table for a rich console: numbers to the right, text to the left."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    # As `Text`, since brackets in a plain string are rich's markup.
    drawn = RichTable(title=Text(table.title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, column in enumerate(table.columns):
        numeric = any(_is_number(row[index]) for row in table.rows)
        drawn.add_column(Text(column), justify="right" if numeric else "left")
    for row in table.rows:
        drawn.add_row(*(Text(number(entry)) for entry in row))
    return drawn


def show(report: Report, console: Console) -> None:
    """Print the metrics, the energy and the tables of a report."""
    for table in (metrics_table(report), energy_table(report), *report.tables):
        if table.rows:
            console.print(render(table))


def _is_number(entry: object) -> bool:
    return isinstance(entry, Real) and not isinstance(entry, bool)


def _leaves(costs: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for name, value in costs.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name} / ")
        elif value is None or isinstance(value, str | Real):
            # Arrays, such as joules per core, are for the record and for figures.
            yield f"{path}{name}", value
