"""The laws of pulses, the variation between devices, and the errors between pulses.

Every law gives the change of one pulse at the conductance g of a device whose own window is lo..hi. Up pulses add
D+(g), down pulses take off D-(g); after each pulse g is clipped to lo..hi. `zero` is the conductance where a pulse
has its nominal size  s+ = step (1 + min(up_down, 0)),  s- = step (1 - max(up_down, 0)):  a positive `up_down` makes
down pulses smaller, a negative one up pulses, as the code (not the documentation) of aihwkit 1.1 has it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from neuro.errors import DeviceError
from neuro.validation import Floats

__all__ = [
    "LAWS",
    "Constant",
    "Cycle",
    "Exponential",
    "Law",
    "Linear",
    "MeasuredLaw",
    "Piecewise",
    "Power",
    "SoftBounds",
    "Variation",
    "parameters",
]

VariationKind = Literal["normal", "log_normal", "additive"]
CycleKind = Literal["change", "step", "mixed"]


@dataclass(frozen=True, slots=True)
class Variation:
    """How a parameter differs from device to device, n a standard normal number drawn once for each device.

    `normal`: value (1 + std n);  `log_normal`: value exp(std n);  `additive`: value + std n. The value of a bound
    is its distance from `zero`. Distances, steps and exponents are made positive afterwards (folded).

    Raises
    ------
    DeviceError
        If `std` is negative or not finite, or there is no such kind.

    Examples
    --------
    >>> Variation(0.3).kind
    'normal'
    """

    std: float
    """Standard deviation: relative for `normal`, of the logarithm for `log_normal`, absolute for `additive`."""
    kind: VariationKind = "normal"
    """How the draw enters."""
    shared: str = ""
    """Parameters with the same word here share one draw for each device; otherwise draws are independent."""

    def __post_init__(self) -> None:
        _number(self.std, "variation, std", low=0.0)
        _one_of(self.kind, VariationKind, "variation, kind")


@dataclass(frozen=True, slots=True)
class Cycle:
    """How one pulse differs from the next on the same device: the change D of a pulse gets an error sigma z.

    `change`: sigma = std |D|;  `step`: sigma = std s, s the device's own nominal step of that direction;
    `mixed`: sigma = std (|D| + offset + slope |g - zero|). z is standard normal; for successive pulses of one
    device z_k = rho z_(k-1) + sqrt(1 - rho^2) n_k, with rho = `correlation`. In a `MeasuredLaw`, whose distribution is
    measured, only `correlation` matters.

    Raises
    ------
    DeviceError
        If a number is negative or not finite, a correlation not within -1..1, or there is no such kind.

    Examples
    --------
    >>> Cycle(0.3, "step").correlation
    0.0
    """

    std: float = 0.0
    """Size of the error, relative to the reference of `kind`."""
    kind: CycleKind = "change"
    """Reference of the error."""
    offset: float = 0.0
    """Of `mixed` alone, S."""
    slope: float = 0.0
    """Of `mixed` alone, siemens for each siemens from `zero`."""
    correlation: float = 0.0
    """From one pulse to the next of the same device, -1..1."""

    def __post_init__(self) -> None:
        for key in ("std", "offset", "slope"):
            _number(getattr(self, key), f"cycle, {key}", low=0.0)
        _number(self.correlation, "cycle, correlation", low=-1.0, high=1.0)
        _one_of(self.kind, CycleKind, "cycle, kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """D+ = s+,  D- = s-."""

    step: float
    """Nominal change of one pulse, S."""
    up_down: float = 0.0
    """Asymmetry of the nominal steps."""
    zero: float | None = None
    """Reference of the bounds' variation, S; None: the middle of the window."""

    def __post_init__(self) -> None:
        _steps(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """D+ = s+ (1 - gamma_up (g - zero)/(g_max - zero)),  D- = s- (1 - gamma_down (zero - g)/(zero - g_min)).

    The bounds in these are those of the description, the same for all devices. A slope whose bound is `zero`
    itself is none. Source: LinearStepDevice of aihwkit with `mean_bound_reference`.
    """

    step: float
    """Nominal change of one pulse, S."""
    up_down: float = 0.0
    """Asymmetry of the nominal steps."""
    zero: float | None = None
    """Where a pulse has its nominal size, S; None: the middle of the window."""
    gamma_up: float = 0.0
    """Share of the step that an up pulse has lost at g_max; 1 makes the bound a soft one."""
    gamma_down: float = 0.0
    """Share of the step that a down pulse has lost at g_min."""

    def __post_init__(self) -> None:
        _steps(self)
        _numbers(self, "gamma_up", "gamma_down")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftBounds:
    """D+ = s+ (hi - g)/(hi - zero),  D- = s- (g - lo)/(zero - lo): each device slows down at its own bounds.

    Where a bound is `zero` itself, the step towards it is constant. Source: SoftBoundsReferenceDevice of aihwkit.
    """

    step: float
    """Nominal change of one pulse, S."""
    up_down: float = 0.0
    """Asymmetry of the nominal steps."""
    zero: float | None = None
    """Where a pulse has its nominal size, S; None: the middle of the window."""

    def __post_init__(self) -> None:
        _steps(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """D+ = s+ max(1 - A_up exp(gamma_up z), 0),  D- = s- max(1 - A_down exp(-gamma_down z), 0).

    z = 2 a (g - zero)/(hi - lo) + b. Source: ExpStepDevice of aihwkit.
    """

    step: float
    """Change of one pulse where the exponentials vanish, S."""
    up_down: float = 0.0
    """Asymmetry of the nominal steps."""
    zero: float | None = None
    """Where z = b, S; None: the middle of the window."""
    A_up: float = 0.0
    """Weight of the exponential in up pulses."""
    A_down: float = 0.0
    """Weight of the exponential in down pulses."""
    gamma_up: float = 0.0
    """Steepness of the exponential in up pulses."""
    gamma_down: float = 0.0
    """Steepness of the exponential in down pulses."""
    a: float = 1.0
    """Scale of z."""
    b: float = 0.0
    """Offset of z."""

    def __post_init__(self) -> None:
        _steps(self)
        _numbers(self, "A_up", "A_down", "gamma_up", "gamma_down", "a", "b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """D+ = s+ ((hi - g)/(hi - lo))^gamma_up,  D- = s- ((g - lo)/(hi - lo))^gamma_down.

    Source: PowStepDevice of aihwkit.
    """

    step: float
    """Change of one pulse at the far end of the window, S."""
    up_down: float = 0.0
    """Asymmetry of the nominal steps."""
    zero: float | None = None
    """Reference of the bounds' variation, S; None: the middle of the window."""
    gamma_up: float = 1.0
    """Exponent of up pulses."""
    gamma_down: float = 1.0
    """Exponent of down pulses."""

    def __post_init__(self) -> None:
        _steps(self)
        for key in ("gamma_up", "gamma_down"):
            _number(getattr(self, key), f"law, {key}", low=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piecewise:
    """D+ = s+ f+(g),  D- = s- f-(g), each f linear between its values at evenly spaced points of lo..hi.

    Source: PiecewiseStepDevice of aihwkit.
    """

    step: float
    """Nominal change of one pulse, S."""
    up_down: float = 0.0
    """Asymmetry of the nominal steps."""
    zero: float | None = None
    """Reference of the bounds' variation, S; None: the middle of the window."""
    up: tuple[float, ...] = (1.0,)
    """Factors of up pulses from lo to hi; a single one is a constant."""
    down: tuple[float, ...] = (1.0,)
    """Factors of down pulses from lo to hi."""

    def __post_init__(self) -> None:
        _steps(self)
        for key in ("up", "down"):
            values = tuple(float(value) for value in getattr(self, key))
            if not values or not all(np.isfinite(values)):
                raise DeviceError("needs one finite factor or more", where=f"law, {key}", value=getattr(self, key))
            object.__setattr__(self, key, values)
        if 1 not in (len(self.up), len(self.down)) and len(self.up) != len(self.down):
            rule = "`up` and `down` need equally many factors, or one of them a single one"
            raise DeviceError(rule, where="law", value=f"{len(self.up)} and {len(self.down)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeasuredLaw:
    """Measured changes: a pulse at g changes it by Q_d(u, g), u uniform in 0..1, d which measured device it is.

    Q is the inverse distribution of the change, linear between the tabulated probabilities and conductances, and
    constant beyond the first and the last. Every device of an array is one of the measured ones, drawn with equal
    chance, with that one's conductances as its window.

    Raises
    ------
    DeviceError
        If the arrays do not fit together, are not finite, or an axis does not rise.
    """

    conductance: ArrayLike
    """Where the changes are tabulated, S, rising, shape (devices, points)."""
    probability: ArrayLike
    """At which probabilities, rising within 0..1, shape (probabilities,)."""
    up: ArrayLike
    """Signed changes of an up pulse, S, shape (devices, probabilities, points)."""
    down: ArrayLike
    """Signed changes of a down pulse, S, of the same shape."""

    def __post_init__(self) -> None:
        axes = {"conductance": 2, "probability": 1, "up": 3, "down": 3}
        for key, ndim in axes.items():
            array = np.array(getattr(self, key), dtype=np.float64, order="C")
            if array.ndim != ndim or not array.size or not np.isfinite(array).all():
                rule = f"must be finite, with {ndim} axes"
                raise DeviceError(rule, where=f"table, {key}", value=f"shape {array.shape}")
            array.setflags(write=False)
            object.__setattr__(self, key, array)
        conductance, probability = np.asarray(self.conductance), np.asarray(self.probability)
        wanted = (len(conductance), len(probability), conductance.shape[1])
        for key in ("up", "down"):
            if np.shape(getattr(self, key)) != wanted:
                rule = f"must have shape (devices, probabilities, points) = {wanted}"
                raise DeviceError(rule, where=f"table, {key}", value=np.shape(getattr(self, key)))
        if (np.diff(conductance) <= 0).any() or conductance.shape[1] < 2 or (conductance < 0).any():
            raise DeviceError("must rise, from zero or above, at two points or more", where="table, conductance")
        if (np.diff(probability) <= 0).any() or probability[0] < 0 or probability[-1] > 1:
            raise DeviceError("must rise within 0..1", where="table, probability")

    def quantile(self, u: ArrayLike, g: ArrayLike, *, up: bool, number: int = 0) -> Floats:
        """Q_d(u, g): the change of a pulse, S, before the window cuts it.

        Parameters
        ----------
        u
            Where in the distribution, 0..1.
        g
            Conductance before the pulse, S; u and g are broadcast.
        up
            Which of the two tables.
        number
            Which measured device.

        Examples
        --------
        >>> changes = [[[0.0, 0.0], [2.0, 4.0]]]
        >>> table = MeasuredLaw(conductance=[[0.0, 2.0]], probability=[0.0, 1.0], up=changes, down=changes)
        >>> float(table.quantile(0.5, 1.0, up=True))
        1.5
        """
        axis, probability = np.asarray(self.conductance)[number], np.asarray(self.probability)
        values = np.asarray(self.up if up else self.down)[number]
        u, g = np.broadcast_arrays(np.asarray(u, dtype=float), np.asarray(g, dtype=float))
        row = np.interp(u, probability, np.arange(len(probability)))
        column = np.interp(g, axis, np.arange(len(axis)))
        i = np.minimum(row.astype(int), max(len(probability) - 2, 0))
        j = np.minimum(column.astype(int), len(axis) - 2)
        s, t, above = row - i, column - j, np.minimum(i + 1, len(probability) - 1)
        low = (1 - t) * values[i, j] + t * values[i, j + 1]
        high = (1 - t) * values[above, j] + t * values[above, j + 1]
        return np.asarray((1 - s) * low + s * high)

    def mean(self) -> MeasuredLaw:
        """The same devices without noise: each pulse changes g by the expected change of the table."""
        edges = np.concatenate([[0.0], np.asarray(self.probability), [1.0]])
        up, down = (_expected(np.asarray(getattr(self, key)), edges) for key in ("up", "down"))
        return MeasuredLaw(conductance=self.conductance, probability=[0.5], up=up, down=down)


Law = Constant | Linear | SoftBounds | Exponential | Power | Piecewise | MeasuredLaw
LAWS: tuple[type[Any], ...] = get_args(Law)

_POSITIVE = ("step", "step_up", "step_down", "g_min", "g_max")


def parameters(law: Law) -> tuple[str, ...]:
    """Names of everything of a law that may differ between devices, in the order in which it is drawn.

    `step` multiplies both nominal steps, `step_up` and `step_down` one each, `up_down` adds to the one and takes
    from the other.

    >>> parameters(SoftBounds(step=1e-6))
    ('g_max', 'g_min', 'step', 'up_down', 'step_up', 'step_down', 'zero')
    """
    if isinstance(law, MeasuredLaw):
        return ()
    own = [field.name for field in fields(law) if field.name not in ("step", "up_down", "zero", "up", "down")]
    return ("g_max", "g_min", "step", "up_down", "step_up", "step_down", "zero", *own)


def _expected(changes: Floats, edges: Floats) -> Floats:
    """The integral of Q over u, shape (devices, 1, points): trapezia between the probabilities, ends constant."""
    padded = np.concatenate([changes[:, :1], changes, changes[:, -1:]], axis=1)
    pieces = 0.5 * (padded[:, 1:] + padded[:, :-1]) * np.diff(edges)[None, :, None]
    return np.asarray(pieces.sum(axis=1, keepdims=True))


def _steps(law: Any) -> None:
    _number(law.step, "law, step", low=0.0, above=True)
    _number(law.up_down, "law, up_down", low=-1.0, high=1.0)
    if law.zero is not None:
        _number(law.zero, "law, zero", low=0.0)


def _numbers(law: Any, *names: str) -> None:
    for name in names:
        _number(getattr(law, name), f"law, {name}")


def _number(value: Any, where: str, low: float = -np.inf, high: float = np.inf, above: bool = False) -> None:
    numeric = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not numeric or not np.isfinite(value) or value < low or value > high or (above and value == low):
        limits = f" within {low:g}..{high:g}" if np.isfinite(low) or np.isfinite(high) else ""
        raise DeviceError(f"must be a finite number{limits}{', not zero' if above else ''}", where=where, value=value)


def _one_of(value: Any, choices: Any, where: str) -> None:
    known = get_args(choices)
    if value not in known:
        raise DeviceError(f"must be one of {', '.join(known)}", where=where, value=repr(value))
