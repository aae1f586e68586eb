"""Fits a device to a measured curve: laws by least squares, and the one with the lowest information criterion."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from neuro.crossbar.device.curve_csv import Branch, branches_of, read_curve
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.judge import Judgement, judged
from neuro.crossbar.device.laws import Constant, Cycle, Exponential, Law, Linear, Piecewise, Power, SoftBounds
from neuro.errors import DeviceError, FitWarning, UnknownName
from neuro.validation import Floats, Ints, choice, file_name, instance

__all__ = ["FORMS", "Fit", "device_from_measurement", "fit"]

_NODES = 5


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted device, and the errors of the fit."""

    device: Device
    """The device: law, window, error of a pulse (`cycle`) and of a read (`write_noise`)."""
    form: str
    """The law that was chosen."""
    pulse: Ints
    """Number of each measured pulse, running through all branches."""
    conductance: Floats
    """Conductance measured after it, S."""
    fitted: Floats
    """Conductance by the law alone, started from the first point of each branch, S."""
    branch: Ints
    """Which rising or falling branch each point belongs to."""
    errors: dict[str, float]
    """Root mean square error of every law that was tried, S."""
    judgement: Judgement
    """The measurement beside runs of the device: how far errors wander, and where branches end."""

    @property
    def error(self) -> float:
        """Root mean square error of the law that was chosen, S."""
        return self.errors[self.form]


class _Form(NamedTuple):
    """A law to be fitted: start and bounds of its parameters for each direction, and the law that they make."""

    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    make: Callable[[float, float, Sequence[float], Sequence[float]], Law]
    bounds: bool = False
    """Whether the bounds shape the curve: they may then lie beyond the measurement, and are parameters too."""


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


def device_from_measurement(csv: str | Path, name: str = "", **options: Any) -> Device:
    """A device fitted to measured conductances: the `device` of `fit`.

    Parameters
    ----------
    csv
        A file with the conductance after each pulse, one line a pulse; `fit` describes its columns.
    name
        Name of the device; the file's name where empty.
    options
        Passed on to `fit`.

    Returns
    -------
    Device
        Its `notes` name the law and its error. `fit` also returns the fitted curve, and
        `neuro.report.devices.fit_figure` draws it.

    Raises
    ------
    DeviceError
        If the file cannot be read as a measurement.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    """
    instance(name, "name", str, "a text", error=DeviceError)
    return fit(file_name(csv, "csv", error=DeviceError), name=name, **options).device


def fit(
    path: Path,
    *,
    name: str = "",
    law: str = "best",
    g_min: float | None = None,
    g_max: float | None = None,
    unit: Literal["S", "mS", "uS", "nS"] | None = None,
) -> Fit:
    """Fit a device to a curve of conductance against pulse number.

    Each law is run along every rising or falling branch, and its parameters minimise the sum of squared differences
    from the measurement. An error of a read affects one point; errors of pulses stay in the device and add up. So the
    run takes over a share of each difference: the gain of a steady Kalman filter, zero if only reads have errors. The
    chosen law has the lowest Bayesian information criterion, which charges for each parameter.

    Runs of the fitted device are compared with the measurement: how far the errors of pulses wander from the law, and
    where branches end. If the measurement wanders less, successive errors get a negative correlation, as noise that
    reverts has. A device that does not follow the measurement then says so in its `notes`, with a `FitWarning`.

    Parameters
    ----------
    path
        A CSV file, one line a pulse. With a header: a column whose name begins with `g` or `cond` (its unit, S, mS,
        uS or nS, may stand in the name), one that begins with `pulse` or `n`, and one that begins with `dir` or `pol`
        with up/down, set/reset or 1/-1; only the first is needed. Two columns of conductances, as ``G_LTP`` and
        ``G_LTD``, are those after pulses up and after pulses down. Without a header: pulse number, conductance in S,
        direction; or conductances alone. Without directions, they are taken from the turns of the curve. Pulse
        numbers that start again begin a new branch; numbers left out are pulses without a measurement.
    name
        Name of the device; the file's name where empty.
    law
        A name of `FORMS`, or "best".
    g_min, g_max
        Window, S; None: the extremes of the measurement, or beyond them where the bounds shape the curve.
    unit
        Of conductances whose column names none; siemens by default, if they lie between 1 nS and 10 mS.

    Raises
    ------
    DeviceError
        If the file cannot be read, a conductance is negative or one of no memristor in the unit, there are fewer than
        four pulses of a direction, or nothing changes.
    DataError
        If there is no such file (this is a FileNotFoundError, too).
    UnknownName
        If there is no such law.
    """
    if law != "best" and law not in FORMS:
        raise UnknownName("law to fit", law, (*FORMS, "best"))
    if unit is not None:
        choice(unit, "unit", ("S", "mS", "uS", "nS"), error=DeviceError)
    where = f"measurement {path.name!r}"
    number, g, way = read_curve(path, where, unit)
    branches = branches_of(number, g, way, where)
    tiny = 1e-9 * float(np.ptp(g))
    if not tiny:
        raise DeviceError("a measurement needs conductances that change", where=where, value=f"{g[0]:g} S only")
    forms = FORMS if law == "best" else {law: FORMS[law]}
    found, pulse, read = _fit_forms(forms, branches, (g_min, g_max), tiny)
    best = min(found, key=lambda form: found[form].criterion)
    window, chosen = found[best].window, found[best].law
    quiet = Device("fit", *window, law=chosen)
    step = quiet.sample(1)
    notes = f"Fitted to {path.name}: law {best}, root mean square error {found[best].rms:.3g} S of {len(g)} points."
    sides = {branch.way for branch in branches}
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
        cycle=Cycle(pulse / float(0.5 * (step.step_up[0] + step.step_down[0])), "step"),
    )
    device, judgement = judged(device, branches, _runs(quiet, branches))
    if judgement.remarks:
        remarks = "; ".join(judgement.remarks)
        device = replace(device, notes=f"{notes} The device does not follow the measurement: {remarks}.")
        warnings.warn(f"{where}: the fitted device does not follow it: {remarks}", FitWarning, stacklevel=2)
    return Fit(
        device=device,
        form=best,
        pulse=np.concatenate([branch.steps for branch in branches]),
        conductance=np.concatenate([branch.g for branch in branches]),
        fitted=np.concatenate(_runs(quiet, branches)),
        branch=np.repeat(np.arange(len(branches)), [len(branch.g) for branch in branches]),
        errors={form: fitted.rms for form, fitted in found.items()},
        judgement=judgement,
    )


def _fit_forms(
    forms: Mapping[str, _Form], branches: list[Branch], limits: tuple[float | None, float | None], tiny: float
) -> tuple[dict[str, _Fitted], float, float]:
    """Every form with its best parameters, and the errors of a pulse and of a read that the best form leaves, S.

    `limits` are the ends of the window that the caller has given, S; errors below `tiny` are rounding.
    """
    pulse, read = _first_errors(branches, tiny)
    fixed = limits[0] is not None, limits[1] is not None
    # A fit needs the sizes of the errors, and the errors need a fit: three turns at most.
    for _ in range(3):
        gain, extremes = _gain(pulse, read), _extremes(branches, read)
        low, high = (end if limit is None else limit for end, limit in zip(extremes, limits, strict=True))
        found = {form: _fit_form(forms[form], branches, (low, high), fixed, gain) for form in forms}
        best = min(found.values(), key=lambda fitted: fitted.criterion)
        quiet = Device("fit", *best.window, law=best.law)
        runs = _runs(quiet, branches, gain)
        changes = [_changes(quiet, branch, run, gain) for branch, run in zip(branches, runs, strict=True)]
        pulse, read = _errors(branches, changes, tiny)
        if abs(_gain(pulse, read) - gain) < 0.05:
            break
    return found, pulse, read


def _runs(device: Device, branches: list[Branch], gain: float = 0.0) -> list[Floats]:
    """The conductances of a noiseless device along every branch, from its first point, S.

    After each pulse the device takes over `gain` of its difference from the measurement: 0 is a free run, and with 1
    every pulse starts from the conductance measured before it.
    """
    counts = [branch.steps - branch.steps[0] for branch in branches]
    longest = max(int(count[-1]) for count in counts)
    measured = np.full((longest + 1, len(branches)), np.nan)
    for i, (count, branch) in enumerate(zip(counts, branches, strict=True)):
        measured[count, i] = branch.g
    ways = np.tile(np.array([branch.way for branch in branches]), (longest, 1))
    whole = device.sample(len(branches)).play(measured[0].copy(), ways, measured, gain)
    return [whole[count, i] for i, count in enumerate(counts)]


def _extremes(branches: list[Branch], read: float) -> tuple[float, float]:
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
    form: _Form, branches: list[Branch], window: tuple[float, float], fixed: tuple[bool, bool], gain: float
) -> _Fitted:
    """A form with the parameters whose runs differ least from the measurement."""
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
    # Differences below the last digits of a file must not decide between laws.
    criterion = points * np.log(max(square, 1e-16)) + len(best.x) * np.log(points)
    rms = float(np.sqrt(np.sum(missed(best.x, 0.0) ** 2) / points) * span)
    return _Fitted(*made(best.x), rms, float(criterion))


def _pace(branches: list[Branch], way: int) -> float:
    """The mean change of a pulse of one direction, S."""
    paces = [abs(b.g[-1] - b.g[0]) / max(b.steps[-1] - b.steps[0], 1) for b in branches if b.way == way]
    return float(np.mean(paces))


def _errors(branches: list[Branch], expected: list[Floats], tiny: float) -> tuple[float, float]:
    """The errors of a pulse and of a read, S, from the increments of every branch less the `expected` ones.

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
    # A remainder of rounding is no error of the device.
    return pulse if pulse > tiny else 0.0, read if read > tiny else 0.0


def _first_errors(branches: list[Branch], tiny: float) -> tuple[float, float]:
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


def _changes(device: Device, branch: Branch, filtered: Floats, gain: float) -> Floats:
    """The expected increments of a branch, each from the best estimate of the conductance before it."""
    before = filtered + gain * (branch.g - filtered)
    counts = branch.way * np.diff(branch.steps)
    after = device.pulse(before[:-1], counts, device.sample(len(counts)))
    return np.asarray(after - before[:-1])
