"""A measured curve in a CSV file: conductances by pulse number, cut into rising and falling branches."""

from __future__ import annotations

import csv
import re
import warnings
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neuro.errors import DeviceError, UnitWarning
from neuro.files.reading import read_text
from neuro.validation import Floats, Ints

__all__ = ["Branch", "branches_of", "read_curve"]

_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_WAYS = {"up": 1, "set": 1, "ltp": 1, "+": 1, "1": 1, "+1": 1, "down": -1, "reset": -1, "ltd": -1, "-": -1, "-1": -1}

_UP, _DOWN = {"ltp", "up", "set", "pot", "potentiation"}, {"ltd", "down", "reset", "dep", "depression"}
"""Words in the name of a column of conductances after pulses of one direction."""
SOUND = 1e-9, 1e-2
"""Between these, in S, lie the conductances of memristors. Others are in another unit, or have to say theirs."""
MOST_PULSES = 1e12
"""No measurement has so many; larger numbers have lost their last digits where they were written as floats."""


class Branch(NamedTuple):
    """Successive pulses of one direction."""

    way: int
    """1: up; -1: down."""
    steps: Ints
    """Number of each pulse, running through all branches."""
    g: Floats
    """Conductance after each, S; the first one is the start of the branch."""


def read_curve(path: Path, where: str, unit: str | None = None) -> tuple[Ints, Floats, Ints | None]:
    """Pulse numbers, conductances in S, and directions where the file has them.

    `unit` is that of conductances whose column names none; a column for each direction is a branch for each.
    """
    lines = read_text(path, DeviceError, "a measured curve", "utf-8-sig").splitlines()
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    dialect = ";" if lines and ";" in lines[0] else "\t" if lines and "\t" in lines[0] else ","
    try:
        table = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=dialect)]
    except csv.Error as error:
        raise DeviceError("the lines must be those of a CSV file", where=where, value=error) from None
    if not all(table):
        raise DeviceError("every line needs a conductance", where=where, value="an empty line")
    header = table.pop(0) if table and not (_is_number(table[0][-1]) or _is_number(table[0][0])) else None
    if not table:
        raise DeviceError("a measurement needs a line for each pulse", where=where, value="none")
    header, table = _one_column(header, table, where)
    place, own = _columns(header, len(table[0]), where)
    scale = _UNITS[(own or unit or "").lower()]
    try:
        g = scale * np.array([float(row[place["g"]]) for row in table])
        number = np.arange(len(g))
        if "pulse" in place:
            raw = np.array([float(row[place["pulse"]]) for row in table])
            if not np.all(raw == np.floor(raw)) or np.abs(raw).max() > MOST_PULSES:
                raise ValueError(f"{raw[(raw != np.floor(raw)) | (np.abs(raw) > MOST_PULSES)][0]} as a pulse's number")
            number = raw.astype(np.int64)
        way = None
        if "way" in place:
            way = np.array([_WAYS[row[place["way"]].lower().removesuffix(".0")] for row in table])
    except (ValueError, IndexError, KeyError) as error:
        rule = "every line needs a conductance, and as many columns as the first"
        raise DeviceError(rule, where=where, value=error) from None
    if not np.isfinite(g).all() or (g < 0).any():
        raise DeviceError("conductances must be finite and not below zero", where=where, value=f"{g.min():g} S")
    _question(g, own or unit, where)
    return number, g, way


def _question(g: Floats, unit: str | None, where: str) -> None:
    """Refuse conductances that no memristor has, or warn of them where their unit was stated."""
    if g.max() == 0.0 or SOUND[0] <= g.max() <= SOUND[1]:
        return
    rule, found = "conductances of memristors lie between 1 nS and 10 mS", f"{g.min():g} to {g.max():g} S"
    if unit is not None:
        warnings.warn(f"{where}: {rule}; these are {found}, in {unit} as stated", UnitWarning, stacklevel=2)
        return
    remedy = 'Name the unit in the header, as in "G (uS)", or give unit="uS"'
    raise DeviceError(f"{rule}, and no unit is stated", where=where, value=found, remedy=remedy)


def _one_column(
    header: list[str] | None, table: list[list[str]], where: str
) -> tuple[list[str] | None, list[list[str]]]:
    """The table with one column of conductances: those of several columns, one a direction, one below the other."""
    columns = [k for k, title in enumerate(header or ()) if title.lower().startswith(("g", "cond"))]
    told = any(title.lower().startswith(("dir", "pol")) for title in header or ())
    if header is None or len(columns) < 2 or told:
        return header, table
    ways = [_side(header[k]) for k in columns]
    if sorted(ways) != [-1, 1]:
        raise DeviceError(
            "several columns of conductances must say which is which",
            where=where,
            value=", ".join(header[k] for k in columns),
            remedy="Call them G_LTP and G_LTD, or G_up and G_down",
        )
    if len({_columns([header[k]], 1, where)[1] for k in columns}) > 1:
        raise DeviceError("both columns of conductances must have one unit", where=where, value=", ".join(header))
    rest = [k for k in range(len(header)) if k not in columns]
    rows = []
    for way, k in sorted(zip(ways, columns, strict=True), reverse=True):
        # The shorter branch ends in empty cells.
        filled = [row for row in table if len(row) == len(header) and row[k]]
        rows += [[*(row[j] for j in rest), row[k], str(way)] for row in filled]
    if len(table) != sum(len(row) == len(header) for row in table) or not rows:
        raise DeviceError("every line needs as many columns as the first", where=where, value=", ".join(header))
    return [*(header[j] for j in rest), header[columns[0]], "direction"], rows


def _side(title: str) -> int:
    """1: after pulses up; -1: down; 0: the title does not say."""
    words = set(re.split(r"[^a-z]+", title.lower()))
    words |= {word.removeprefix("g") for word in words} | {word.removeprefix("cond") for word in words}
    return 1 if words & _UP and not words & _DOWN else -1 if words & _DOWN and not words & _UP else 0


def _columns(header: list[str] | None, width: int, where: str) -> tuple[dict[str, int], str | None]:
    """The index of each column by its meaning, and the unit of the conductance, if its column names one."""
    if header is None:
        return ({"g": 0} if width == 1 else dict(zip(("pulse", "g", "way"), range(width), strict=False))), None
    place: dict[str, int] = {}
    for k, title in enumerate(header):
        word = title.lower()
        for key, starts in (("way", ("dir", "pol")), ("pulse", ("pulse", "n")), ("g", ("g", "cond"))):
            if word.startswith(starts):
                place.setdefault(key, k)
                break
    if "g" not in place:
        rule = "one column must be the conductance, its name beginning with `g` or `cond`"
        raise DeviceError(rule, where=where, value=", ".join(header))
    unit = re.search(r"[\W_](m|u|µ|μ|n)?s\W*$", header[place["g"]].lower())
    return place, (unit.group(1) or "") + "S" if unit else None


def branches_of(number: Ints, g: Floats, way: Ints | None, where: str) -> list[Branch]:
    """The curve cut where its direction turns, or its pulse numbers start again."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(number) <= 0) + 1, [len(g)]])
    found: list[Branch] = []
    offset = 0
    for first, last in pairwise(starts):
        steps = number[first:last] - number[first] + offset
        offset = int(steps[-1]) + 1
        # The change into point k is that of pulse k, so a branch of its pulses begins at the point before.
        ways = _turns(g[first:last]) if way is None else way[first:last][1:]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(ways)) + 1, [len(ways)]]) if len(ways) else [0]
        for a, b in pairwise(edges):
            part = slice(first + a, first + b + 1)
            found.append(Branch(int(ways[a]), steps[a : b + 1], g[part]))
    if sum(len(branch.g) - 1 for branch in found) < 4:
        raise DeviceError("a fit needs four pulses or more", where=where, value=f"{len(g)} lines")
    return found


def _turns(g: Floats) -> Ints:
    """The direction of each change, from the large turns of the smoothed curve."""
    from scipy.signal import find_peaks

    half = min(3, len(g) // 40)
    smooth = np.convolve(np.pad(g, half, mode="edge"), np.ones(2 * half + 1) / (2 * half + 1), mode="valid")
    reach = 0.3 * float(np.ptp(smooth)) or 1.0
    turns = {0, len(g) - 1}
    for sign in (1, -1):
        for peak in find_peaks(sign * smooth, prominence=reach, plateau_size=1)[0]:
            turns.add(_last_at_height(np.asarray(sign * g), np.asarray(sign * smooth), int(peak), half))
    ways = np.zeros(len(g) - 1, dtype=np.int64)
    for a, b in pairwise(sorted(turns)):
        ways[a:b] = 1 if smooth[b] >= smooth[a] else -1
    return ways


def _last_at_height(g: Floats, smooth: Floats, peak: int, half: int) -> int:
    """The last point at the height of a peak, where the direction turns: at the end of its window a curve may rest."""
    noise = 1.4826 * float(np.median(np.abs(np.diff(g, 2)))) / 6**0.5 if len(g) > 2 else 0.0
    # Smoothing rounds the peak off; the curve itself has it nearby.
    top = float(g[max(peak - 2 * half, 0) : peak + 2 * half + 1].max())
    low = np.flatnonzero(smooth[peak:] < top - 0.3 * float(np.ptp(smooth)))
    end = peak + int(low[0]) if len(low) else len(g)
    high = np.flatnonzero(g[:end] >= top - 4 * noise)
    return int(high[-1]) if len(high) else peak


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
