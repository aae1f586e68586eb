"""Tables of a report for a terminal of any width: they never cut a number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

from neuro.report.record import Report, Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

__all__ = ["Rendered", "energy_table", "metrics_table", "number", "render", "show"]

LONG_TEXT = 32
"""Characters from which a text may move below its table."""
SHORT_TEXT = 8
"""Texts of at most so many characters stay in their table."""
LONG_WORD = 32
"""Words of more characters, such as addresses, may be broken over lines; no number is so long."""
_FIGURE = re.compile(r"(x |× )?[-+]?\d[\d,.]*(e[-+]?\d+)?( (±|-|–|to|x) [-+]?\d[\d,.]*(e[-+]?\d+)?)?( ?%)?")
"""A text that is a number, a range, or a number with its error."""


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


def show(report: Report, console: Console) -> None:
    """Print the metrics, the energy and the tables of a report."""
    for table in (metrics_table(report), energy_table(report), *report.tables):
        if table.rows:
            console.print(render(table))


def render(table: Table) -> Rendered:
    """A table for a rich console, laid out for the console's width when it is printed."""
    return Rendered(table)


@dataclass(frozen=True)
class Rendered:
    """A table as rich prints it: numbers to the right and whole, texts to the left and wrapped.

    Where it is too wide, long texts move below it. Where that is not enough, it is parted into blocks of columns, each
    with the first column; and where not even one column fits beside the first, each row becomes a list of its entries.
    """

    table: Table
    """What is shown."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        columns = [_Column.of(self.table, index) for index in range(len(self.table.columns))]
        yield Text()
        yield Text(self.table.title, style="bold")
        yield from _laid_out(columns, options.max_width)


class _Column(NamedTuple):
    """A column as texts, with the widths that it can have."""

    header: str
    cells: tuple[str, ...]
    numeric: bool
    least: int
    """Characters in which every number and every word is whole."""
    best: int
    """Characters in which nothing is wrapped."""

    @classmethod
    def of(cls, table: Table, index: int) -> _Column:
        """Column `index` of a table."""
        entries = [row[index] for row in table.rows]
        return cls.made(table.columns[index], [number(entry) for entry in entries], any(map(_is_number, entries)))

    @classmethod
    def made(cls, header: str, cells: Sequence[str], numeric: bool = False) -> _Column:
        """A column of these texts; `numeric`: its entries are numbers, whatever they look like."""
        figures = [cell for cell in cells if _FIGURE.fullmatch(cell)]
        words = [word for text in (header, *cells) for word in text.split()]
        least = max(max(map(len, figures), default=1), max((min(len(word), LONG_WORD) for word in words), default=1))
        best = max(len(line) for text in (header, *cells) for line in text.split("\n"))
        only_figures = bool(figures) and all(cell in (*figures, "-", "") for cell in cells)
        return cls(header, tuple(cells), numeric or only_figures, least, max(best, least))

    @property
    def is_long(self) -> bool:
        """Does it hold texts that may move below the table?"""
        return not self.numeric and max(map(len, self.cells), default=0) >= LONG_TEXT


def _laid_out(columns: list[_Column], width: int) -> Iterator[RenderableType]:
    """The columns as one table, or as the smallest change of it that fits."""
    notes: list[RenderableType] = []
    long = [index for index, column in enumerate(columns) if index and column.is_long]
    if long and _needed([LONG_TEXT if i in long else column.least for i, column in enumerate(columns)]) > width:
        columns, notes = _with_notes(columns, long)
    for block in _blocks(columns, width):
        yield _drawn(block, width) if block else _turned(columns)
    yield from notes


def _with_notes(columns: list[_Column], long: list[int]) -> tuple[list[_Column], list[RenderableType]]:
    """The columns with a mark in place of each long text, and a list of the texts by mark, each text once."""
    from rich.table import Table as RichTable
    from rich.text import Text

    marks: dict[str, str] = {}
    kept = list(columns)
    for index in long:
        header, cells = columns[index].header, columns[index].cells
        short = [c if len(c) <= SHORT_TEXT else marks.setdefault(c, f"[{len(marks) + 1}]") for c in cells]
        kept[index] = _Column.made(header, short)
    notes = RichTable.grid(padding=(0, 0, 0, 1))
    notes.add_column(no_wrap=True)
    notes.add_column(overflow="fold")
    for text, mark in marks.items():
        notes.add_row(Text(mark), Text(text))
    return kept, [notes]


def _needed(widths: Sequence[int]) -> int:
    """Width of a table with columns of these widths: a blank to each side of a column, and one between two."""
    return sum(widths) + 3 * len(widths) + 1


def _blocks(columns: list[_Column], width: int) -> Iterator[list[_Column]]:
    """Blocks of columns that fit, each with the first one; an empty block where a column does not fit beside it."""
    first, rest = columns[0], columns[1:]
    if any(_needed([first.least, column.least]) > width for column in rest):
        yield []
        return
    block = [first]
    for column in rest:
        if _needed([other.least for other in (*block, column)]) > width:
            yield block
            block = [first]
        block.append(column)
    yield block


def _drawn(columns: list[_Column], width: int) -> RenderableType:
    """A table that fits: each column gets what it needs, and shares what is left with those that have more text."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    widths = [column.least for column in columns]
    left = width - _needed(widths)
    # The columns that want least come first, so that few are wrapped.
    order = sorted(range(len(columns)), key=lambda index: columns[index].best - widths[index])
    for place, index in enumerate(order):
        more = min(columns[index].best - widths[index], max(left, 0) // (len(order) - place))
        widths[index], left = widths[index] + more, left - more
    drawn = RichTable(box=box.SIMPLE_HEAD)
    for column, wide in zip(columns, widths, strict=True):
        justify = "right" if column.numeric else "left"
        # As `Text`, since brackets in a plain string are rich's markup.
        drawn.add_column(Text(column.header), justify=justify, width=wide, overflow="fold")  # type: ignore[arg-type]
    for row in zip(*(column.cells for column in columns), strict=True):
        drawn.add_row(*map(Text, row))
    return drawn


def _turned(columns: list[_Column]) -> RenderableType:
    """Each row as a list of its entries, ``name: entry``, a blank line after each row."""
    from rich.padding import Padding
    from rich.text import Text

    first, *rest = columns
    lines = []
    for row, label in enumerate(first.cells):
        lines.append(label)
        lines += [f"  {column.header}: {column.cells[row]}" for column in rest]
        lines.append("")
    return Padding(Text("\n".join(lines), overflow="fold"), (0, 0, 0, 1))


def _is_number(entry: object) -> bool:
    return isinstance(entry, Real) and not isinstance(entry, bool)


def _leaves(costs: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for name, value in costs.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name} / ")
        elif value is None or isinstance(value, str | Real):
            # Arrays, such as joules per core, are for the record and for figures.
            yield f"{path}{name}", value
