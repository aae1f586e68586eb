"""A device from a measurement: the law that a curve of conductance against pulse number fits best."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuro.crossbar.device.device import Device
from neuro.crossbar.device.laws import Constant, Cycle, Exponential, Law, Linear, Piecewise, Power, SoftBounds
from neuro.errors import DeviceError, UnknownName
from neuro.validation import Floats, Ints

__all__ = ["FORMS", "Fit", "fit"]

_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_WAYS = {"up": 1, "set": 1, "ltp": 1, "+": 1, "1": 1, "+1": 1, "down": -1, "reset": -1, "ltd": -1, "-": -1, "-1": -1}
_NODES = 5


@dataclass(frozen=True, eq=False)
class Fit:
    """A device, and how well it tells what was measured."""

    device: Device
    """The device: law, window, error of a pulse (`cycle`) and of a read (`write_noise`)."""
    form: str
    """The law that was chosen."""
    pulse: Ints
    """Number of each measured pulse, running through all branches."""
    conductance: Floats
    """What was measured after it, S."""
    fitted: Floats
    """What the law alone gives, started from the first point of each branch, S."""
    branch: Ints
    """Which rising or falling branch each point belongs to."""
    errors: dict[str, float]
    """Root mean square error of every law that was tried, S."""

    @property
    def error(self) -> float:
        """Root mean square error of the law that was chosen, S."""
        return self.errors[self.form]


class _Branch(NamedTuple):
    """Pulses of one direction: their conductances, the first of which the pulses start from."""

    way: int
    steps: Ints
    g: Floats


class _Form(NamedTuple):
    """A law to be fitted: its parameters each way beside the step, where they start, what they make."""

    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    make: Callable[[float, float, Sequence[float], Sequence[float]], Law]
    bounds: bool = False
    """Whether the bounds shape the curve: they may then lie beyond what was measured, and are parameters too."""


class _Fitted(NamedTuple):
    """A form with its best parameters."""

    law: Law
    window: tuple[float, float]
    rms: float
    criterion: float


FORMS: dict[str, _Form] = {
    "constant": _Form((), (), (), lambda s, bias, up, down: Constant(step=s, up_down=bias)),
    "soft bounds": _Form((), (), (), lambda s, bias, up, down: SoftBounds(step=s, up_down=bias), bounds=True),
    "linear": _Form(
        (0.3,),
        (-3.0,),
        (3.0,),
        lambda s, bias, up, down: Linear(step=s, up_down=bias, gamma_up=up[0], gamma_down=down[0]),
    ),
    "power": _Form(
        (1.0,),
        (0.0,),
        (8.0,),
        lambda s, bias, up, down: Power(step=s, up_down=bias, gamma_up=up[0], gamma_down=down[0]),
        bounds=True,
    ),
    "exponential": _Form(
        (0.3, 1.0),
        (-50.0, 0.0),
        (50.0, 10.0),
        lambda s, bias, up, down: Exponential(
            step=s, up_down=bias, A_up=up[0], gamma_up=up[1], A_down=down[0], gamma_down=down[1]
        ),
    ),
    "piecewise": _Form(
        (1.0,) * (_NODES - 1),
        (0.0,) * (_NODES - 1),
        (50.0,) * (_NODES - 1),
        lambda s, bias, up, down: Piecewise(step=s, up_down=bias, up=(1.0, *up), down=(*down, 1.0)),
    ),
}
"""The laws that `fit` tries, simplest first. Steps up and down are parameters too, one each."""


def fit(
    path: Path,
    *,
    name: str = "",
    law: str = "best",
    g_min: float | None = None,
    g_max: float | None = None,
) -> Fit:
    """Fit a device to a curve of conductance against pulse number.

    Each law is run along every rising or falling branch, and its parameters are those with the least squares of what
    it misses. Errors of reads come and go, errors of pulses stay in the device and add up; the run is drawn towards
    the measurement as far as their sizes say (the gain of a steady Kalman filter, none where reads alone err). The
    law is the one with the lowest Bayesian information criterion, which charges for each parameter.

    Parameters
    ----------
    path
        A CSV file, one line a pulse. With a header: a column whose name begins with `g` or `cond` (its unit, S, mS,
        uS or nS, may stand in the name), one that begins with `pulse` or `n`, and one that begins with `dir` or `pol`
        with up/down, set/reset or 1/-1; only the first is needed. Without: pulse number, conductance in S, direction;
        or conductances alone. Without directions, they are told from where the curve turns. Pulse numbers that
        start again begin a new branch; numbers left out were pulses that nobody measured.
    name
        What to call the device; the file's name where empty.
    law
        A name of `FORMS`, or "best".
    g_min, g_max
        Window, S; None: the extremes of what was measured, or beyond them where the bounds shape the curve.

    Raises
    ------
    DeviceError
        If the file cannot be read, a conductance is negative, there are fewer than four pulses of a direction, or
        nothing changes.
    UnknownName
        If there is no such law.
    """
    if law != "best" and law not in FORMS:
        raise UnknownName("law to fit", law, (*FORMS, "best"))
    where = f"measurement {path.name!r}"
    number, g, way = _read(path, where)
    branches = _branches(number, g, way, where)
    tiny = 1e-9 * float(np.ptp(g))
    if not tiny:
        raise DeviceError("a measurement needs conductances that change", where=where, value=f"{g[0]:g} S only")
    pulse, read = _first_errors(branches, tiny)
    fixed = g_min is not None, g_max is not None
    forms = FORMS if law == "best" else {law: FORMS[law]}
    # The errors tell how to fit, and the fit tells the errors.
    for _ in range(3):
        gain, (low, high) = _gain(pulse, read), _extremes(branches, read)
        window = low if g_min is None else g_min, high if g_max is None else g_max
        found = {form: _fit_form(FORMS[form], branches, window, fixed, gain) for form in forms}
        best = min(found, key=lambda form: found[form].criterion)
        chosen = found[best].law
        quiet = Device("fit", *found[best].window, law=chosen)
        runs = _runs(quiet, branches, gain)
        changes = [_changes(quiet, branch, run, gain) for branch, run in zip(branches, runs, strict=True)]
        pulse, read = _errors(branches, changes, tiny)
        if abs(_gain(pulse, read) - gain) < 0.05:
            break
    window = found[best].window
    step = quiet.sample(1)
    cycle = Cycle(pulse / float(0.5 * (step.step_up[0] + step.step_down[0])), "step")
    sides = {branch.way for branch in branches}
    notes = f"Fitted to {path.name}: law {best}, root mean square error {found[best].rms:.3g} S of {len(g)} points."
    if len(sides) == 1:
        notes += f" Only {'up' if 1 in sides else 'down'} pulses were measured; the other direction is their mirror."
    device = Device(
        name=name or path.stem,
        g_min=window[0],
        g_max=window[1],
        write_noise=read,
        source=f"measurement {path.name}",
        notes=notes,
        law=chosen,
        cycle=cycle,
    )
    free = _runs(quiet, branches)
    return Fit(
        device=device,
        form=best,
        pulse=np.concatenate([branch.steps for branch in branches]),
        conductance=np.concatenate([branch.g for branch in branches]),
        fitted=np.concatenate(free),
        branch=np.repeat(np.arange(len(branches)), [len(branch.g) for branch in branches]),
        errors={form: one.rms for form, one in found.items()},
    )


def _read(path: Path, where: str) -> tuple[Ints, Floats, Ints | None]:
    """Pulse numbers, conductances in S, and directions where the file has them."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError("the file cannot be read", where=where, value=error) from None
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    dialect = ";" if lines and ";" in lines[0] else "\t" if lines and "\t" in lines[0] else ","
    table = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=dialect)]
    header = table.pop(0) if table and not (_is_number(table[0][-1]) or _is_number(table[0][0])) else None
    if not table:
        raise DeviceError("a measurement needs a line for each pulse", where=where, value="none")
    place, scale = _columns(header, len(table[0]), where)
    try:
        g = scale * np.array([float(row[place["g"]]) for row in table])
        number = np.arange(len(g))
        if "pulse" in place:
            raw = np.array([float(row[place["pulse"]]) for row in table])
            number = np.rint(raw).astype(np.int64)
        way = None
        if "way" in place:
            way = np.array([_WAYS[row[place["way"]].lower().removesuffix(".0")] for row in table])
    except (ValueError, IndexError, KeyError) as error:
        rule = "every line needs a conductance, and as many columns as the first"
        raise DeviceError(rule, where=where, value=error) from None
    if not np.isfinite(g).all() or (g < 0).any():
        raise DeviceError("conductances must be finite and not below zero", where=where, value=f"{g.min():g} S")
    return number, g, way


def _columns(header: list[str] | None, width: int, where: str) -> tuple[dict[str, int], float]:
    """Which column is what, and siemens for each unit of the conductance."""
    if header is None:
        return ({"g": 0} if width == 1 else dict(zip(("pulse", "g", "way"), range(width), strict=False))), 1.0
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
    return place, _UNITS[((unit.group(1) or "") + "s") if unit else ""]


def _branches(number: Ints, g: Floats, way: Ints | None, where: str) -> list[_Branch]:
    """The curve cut where its direction turns, or its pulse numbers start again."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(number) <= 0) + 1, [len(g)]])
    found: list[_Branch] = []
    offset = 0
    for first, last in pairwise(starts):
        steps = number[first:last] - number[first] + offset
        offset = int(steps[-1]) + 1
        # The change into point k is that of pulse k, so a branch of its pulses begins at the point before.
        ways = _turns(g[first:last]) if way is None else way[first:last][1:]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(ways)) + 1, [len(ways)]]) if len(ways) else [0]
        for a, b in pairwise(edges):
            part = slice(first + a, first + b + 1)
            found.append(_Branch(int(ways[a]), steps[a : b + 1], g[part]))
    if sum(len(branch.g) - 1 for branch in found) < 4:
        raise DeviceError("a fit needs four pulses or more", where=where, value=f"{len(g)} lines")
    return found


def _turns(g: Floats) -> Ints:
    """The direction of each change, told from the large turns of the smoothed curve."""
    from scipy.signal import find_peaks

    half = min(3, len(g) // 40)
    smooth = np.convolve(np.pad(g, half, mode="edge"), np.ones(2 * half + 1) / (2 * half + 1), mode="valid")
    reach = 0.3 * float(np.ptp(smooth)) or 1.0
    turns = {0, len(g) - 1}
    for sign in (1, -1):
        for peak in find_peaks(sign * smooth, prominence=reach, plateau_size=1)[0]:
            turns.add(_last_high(np.asarray(sign * g), np.asarray(sign * smooth), int(peak), half))
    ways = np.zeros(len(g) - 1, dtype=np.int64)
    for a, b in pairwise(sorted(turns)):
        ways[a:b] = 1 if smooth[b] >= smooth[a] else -1
    return ways


def _last_high(g: Floats, smooth: Floats, peak: int, half: int) -> int:
    """Where the pulses turn: the last point at the height of a peak. A curve may stay there, at the end of a window."""
    noise = 1.4826 * float(np.median(np.abs(np.diff(g, 2)))) / 6**0.5 if len(g) > 2 else 0.0
    # Smoothing rounds the peak off; the curve itself has it nearby.
    top = float(g[max(peak - 2 * half, 0) : peak + 2 * half + 1].max())
    low = np.flatnonzero(smooth[peak:] < top - 0.3 * float(np.ptp(smooth)))
    end = peak + int(low[0]) if len(low) else len(g)
    high = np.flatnonzero(g[:end] >= top - 4 * noise)
    return int(high[-1]) if len(high) else peak


def _runs(device: Device, branches: list[_Branch], gain: float = 0.0) -> list[Floats]:
    """What a noiseless device makes of every branch, from its first point.

    After each pulse the device takes over `gain` of what the measurement differs from it: 0 is a free run, and with 1
    every pulse starts from what was measured before it.
    """
    counts = [branch.steps - branch.steps[0] for branch in branches]
    longest = max(int(count[-1]) for count in counts)
    measured = np.full((longest + 1, len(branches)), np.nan)
    for i, (count, branch) in enumerate(zip(counts, branches, strict=True)):
        measured[count, i] = branch.g
    ways = np.tile(np.array([branch.way for branch in branches]), (longest, 1))
    whole = device.sample(len(branches)).play(measured[0].copy(), ways, measured, gain)
    return [whole[count, i] for i, count in enumerate(counts)]


def _extremes(branches: list[_Branch], read: float) -> tuple[float, float]:
    """Lowest and highest conductance; errors of reads, which reach beyond it, are taken out by a running median."""
    from scipy.ndimage import median_filter

    parts = [branch.g if read == 0.0 else median_filter(branch.g, 11, mode="nearest") for branch in branches]
    return float(min(part.min() for part in parts)), float(max(part.max() for part in parts))


def _gain(pulse: float, read: float) -> float:
    """The gain of the steady Kalman filter of a walk: K^2/(1 - K) = pulse^2/read^2."""
    if pulse == 0.0:
        return 0.0
    if read == 0.0:
        return 1.0
    ratio = (pulse / read) ** 2
    return float((np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2)


def _fit_form(
    form: _Form, branches: list[_Branch], window: tuple[float, float], fixed: tuple[bool, bool], gain: float
) -> _Fitted:
    """A form with the parameters whose runs miss least of what was measured."""
    from scipy.optimize import least_squares

    span = window[1] - window[0]
    sides = [way for way in (1, -1) if any(branch.way == way for branch in branches)]
    extra = 1 + len(form.start)
    measured = np.concatenate([branch.g for branch in branches])
    moved = [bound for bound in (0, 1) if form.bounds and not fixed[bound]]

    def made(x: Floats) -> tuple[Law, tuple[float, float]]:
        parts = {way: x[k * extra : (k + 1) * extra] for k, way in enumerate(sides)}
        up, down = parts.get(1, parts[sides[0]]), parts.get(-1, parts[sides[0]])
        if len(sides) == 1 and form is FORMS["piecewise"]:
            # Its factors run from the lower end of the window to the upper one, so the mirror runs backwards.
            mirror = np.concatenate([x[:1], x[:0:-1]])
            up, down = (up, mirror) if sides[0] > 0 else (mirror, down)
        rise, fall = float(np.exp(up[0])) * span, float(np.exp(down[0])) * span
        step, bias = (rise, 1 - fall / rise) if rise >= fall else (fall, rise / fall - 1)
        law = form.make(step, bias, up[1:].tolist(), down[1:].tolist())
        beyond = dict(zip(moved, x[len(x) - len(moved) :] * span, strict=True))
        return law, (max(window[0] - beyond.get(0, 0.0), 0.0), window[1] + beyond.get(1, 0.0))

    def missed(x: Floats, gain: float = gain) -> Any:
        law, bounds = made(x)
        return (np.concatenate(_runs(Device("fit", *bounds, law=law), branches, gain)) - measured) / span

    best: Any = None
    for factor in (1.0, 4.0):
        steps = [[np.log(factor * max(_pace(branches, way) / span, 1e-9)), *form.start] for way in sides]
        start = np.concatenate([*steps, np.full(len(moved), 0.05)])
        low = np.concatenate([*([-25.0, *form.low] for _ in sides), np.zeros(len(moved))])
        high = np.concatenate([*([0.7, *form.high] for _ in sides), np.full(len(moved), 2.0)])
        found = least_squares(missed, np.clip(start, low, high), bounds=(low, high), x_scale="jac", max_nfev=40)
        best = found if best is None or found.cost < best.cost else best
    points = len(measured) - len(branches)
    square = 2 * float(best.cost) / points
    # Below the last digits that a file has, nothing is left to tell laws apart.
    criterion = points * np.log(max(square, 1e-16)) + len(best.x) * np.log(points)
    rms = float(np.sqrt(np.sum(missed(best.x, 0.0) ** 2) / points) * span)
    return _Fitted(*made(best.x), rms, float(criterion))


def _pace(branches: list[_Branch], way: int) -> float:
    """The mean change of a pulse of one direction, S."""
    paces = [abs(b.g[-1] - b.g[0]) / max(b.steps[-1] - b.steps[0], 1) for b in branches if b.way == way]
    return float(np.mean(paces))


def _errors(branches: list[_Branch], expected: list[Floats], tiny: float) -> tuple[float, float]:
    """The errors of a pulse and of a read, S, from what `expected` leaves of the increments of every branch.

    The first enters an increment once, the second two successive ones with opposite signs:
    read^2 = -c1,  pulse^2 = c0 + 2 c1,  with their variance c0 and lag-1 covariance c1.
    """
    variances, covariances, weights = [], [], []
    for branch, change in zip(branches, expected, strict=True):
        left = (np.diff(branch.g) - change)[np.diff(branch.steps) == 1]
        if len(left) < 4:
            continue
        variances.append(float(np.mean(left**2)))
        covariances.append(float(np.mean(left[1:] * left[:-1])))
        weights.append(len(left))
    if not weights:
        return 0.0, 0.0
    c0, c1 = (float(np.average(part, weights=weights)) for part in (variances, covariances))
    read = min(max(-c1, 0.0), c0 / 2) ** 0.5
    pulse = max(c0 - 2 * read**2, 0.0) ** 0.5
    # What is left by the rounding of numbers is no error of the device.
    return pulse if pulse > tiny else 0.0, read if read > tiny else 0.0


def _first_errors(branches: list[_Branch], tiny: float) -> tuple[float, float]:
    """The errors of a pulse and of a read, S, before there is a law: from second and third differences.

    Their variances are  v2 = 6 read^2 + 2 pulse^2  and  v3 = 20 read^2 + 6 pulse^2, taken from their medians, so that
    the few points where a curve turns or meets the end of its window do not matter.
    """
    squares = []
    for order in (2, 3):
        left = np.abs(np.concatenate([np.diff(branch.g, order) for branch in branches]))
        squares.append((1.4826 * float(np.median(left))) ** 2 if len(left) else 0.0)
    read = max((squares[1] - 3 * squares[0]) / 2, 0.0)
    pulse = max((squares[0] - 6 * read) / 2, 0.0)
    return (pulse**0.5 if pulse > tiny**2 else 0.0), (read**0.5 if read > tiny**2 else 0.0)


def _changes(device: Device, branch: _Branch, filtered: Floats, gain: float) -> Floats:
    """The expected increments of a branch, each from the best estimate of the conductance before it."""
    before = filtered + gain * (branch.g - filtered)
    counts = branch.way * np.diff(branch.steps)
    after = device.pulse(before[:-1], counts, device.sample(len(counts)))
    return np.asarray(after - before[:-1])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
