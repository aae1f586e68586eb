"""How results show themselves: a title and at most nine rows of (label, value), as text or as an HTML table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from neuro.errors import UnsupportedFeature

__all__ = ["Displayed", "Rows", "amount", "data_frame", "plural"]

Rows = Sequence[tuple[str, object]]

LINES = 10
"""Most lines of a text, the title included."""
WIDTH = 100
"""Most characters of a line."""
PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


class Displayed:
    """A base for classes that show themselves; they say in `_display` what.

    A dataclass of this kind needs ``repr=False``.

    >>> class Trip(Displayed):
    ...     def _display(self):
    ...         return "Trip: 2 stops", [("first", "A"), ("length", amount(1.5e3, "m"))]
    >>> Trip()
    Trip: 2 stops
      first   A
      length  1.5 km
    """

    __slots__ = ()

    def _display(self) -> tuple[str, Rows]:
        """A title, and rows of (label, value) that are known without reading files or computing for long."""
        raise NotImplementedError

    def __repr__(self) -> str:
        title, rows = self._rows()
        wide = max((len(label) for label, _ in rows), default=0)
        return "\n".join([_short(title), *(_short(f"  {label:<{wide}}  {value}") for label, value in rows)])

    def _repr_html_(self) -> str:
        title, rows = self._rows()
        cells = [f"<tr><th>{escape(label)}</th><td>{escape(str(value))}</td></tr>" for label, value in rows]
        return f"<table><caption>{escape(title)}</caption>{''.join(cells)}</table>"

    def _rows(self) -> tuple[str, Rows]:
        try:
            title, rows = self._display()
        except Exception:
            # An object whose `__init__` failed is shown in a traceback, which must not fail in turn.
            return f"<{type(self).__name__}>", ()
        if len(rows) > LINES - 1:
            rows = [*rows[: LINES - 2], ("...", f"{len(rows) - LINES + 2} more")]
        return title, rows


def amount(value: float | None, unit: str) -> str:
    """A quantity with four significant digits and a prefix of its unit; "unknown" for None.

    >>> amount(2.36e-11, "J"), amount(0.0, "s"), amount(None, "s"), amount(1234.0, "Hz")
    ('23.6 pJ', '0 s', 'unknown', '1.234 kHz')
    """
    if value is None:
        return "unknown"
    value = float(f"{value:.4g}")
    size = abs(value)
    power = 3 * math.floor(math.log10(size) / 3) if 0.0 < size < math.inf else 0
    power = min(max(power, min(PREFIXES)), max(PREFIXES))
    return f"{value / 10.0**power:.4g} {PREFIXES[power]}{unit}"


def plural(count: int, noun: str) -> str:
    """A number with its noun.

    >>> plural(1, "spike"), plural(1200, "synaptic event")
    ('1 spike', '1,200 synaptic events')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _short(line: str) -> str:
    line = " ".join(line.splitlines())
    if len(line) <= WIDTH:
        return line
    kept = line[: WIDTH - 4]
    return f"{kept if ' ' not in kept.strip() else kept.rpartition(' ')[0]} ..."


def data_frame(columns: Mapping[str, Any]) -> Any:
    """A `pandas.DataFrame` of copies of these columns.

    Raises
    ------
    UnsupportedFeature
        If pandas is not installed: it is the extra ``pandas``.

    >>> data_frame({"core": [0, 1]})["core"].tolist()
    [0, 1]
    """
    try:
        import pandas
    except ImportError:
        remedy = "pip install 'neuro-events[pandas]'"
        raise UnsupportedFeature("pandas is not installed", where="to_pandas", remedy=remedy) from None
    return pandas.DataFrame({name: pandas.Series(values).copy() for name, values in columns.items()})
