"""Neuron models: frozen records whose docstrings are their equations."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import ParameterError
from neuro.network.linear.equations import check_equations
from neuro.network.linear.modes import Modes, modes_of
from neuro.network.loihi import LoihiLIF
from neuro.units import has_unit
from neuro.validation import LONG, SLOW, SMALLEST, Floats, choice, field_of, finite, frozen, indices, positive, seconds

Reset = Literal["to_value", "subtract"]
TimeConstants = float | ArrayLike | tuple[float | ArrayLike | None, ...] | None

__all__ = [
    "AHP", "ALIF", "IF", "LIF", "LinearNeuron", "Model", "PoissonSource", "Reset", "Source", "SpikeSource", "receptors",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class LIF:
    """A leaky integrator that fires at a threshold.

    Between events  tau_m dv/dt = v_rest - v + bias + sum_s I_s,  tau_s dI_s/dt = -I_s.
    An input of weight w adds w to its receptor's current I_s (a current times the membrane resistance, in the
    units of v), or to v itself where the receptor has no time constant. At v >= v_th the neuron spikes; v becomes
    `v_reset`, or v - v_th with ``reset="subtract"``, and is held there for `refractory` seconds, while the currents
    go on and inputs onto v itself are lost. Inputs that arrive at one instant are summed before v is tested.

    Every field may be a number, or an array with one entry per neuron. Times may be quantities with a unit of time;
    plain numbers above 1 s (of adaptation: 100 s) are read with a `UnitWarning`.

    >>> LIF(tau_m=20e-3, v_th=1.0, tau_syn=4e-3).refractory
    0.0
    """

    tau_m: float | ArrayLike
    """Membrane time constant, s."""
    v_th: float | ArrayLike | None
    """Threshold, units of v; None: the neuron never spikes."""
    v_reset: float | ArrayLike = 0.0
    """Value after a spike, units of v (not used with ``reset="subtract"``)."""
    v_rest: float | ArrayLike = 0.0
    """Value at rest, units of v."""
    bias: float | ArrayLike = 0.0
    """Constant R I, units of v."""
    refractory: float | ArrayLike = 0.0
    """Absolute refractory time, s."""
    tau_syn: TimeConstants = None
    """Synaptic time constants, s: None (inputs jump v), one number or array, or a tuple with one per receptor."""
    reset: Reset = "to_value"
    """What a spike does to v."""
    v_min: float | ArrayLike | None = None
    """Floor of v, or None."""
    v_max: float | ArrayLike | None = None
    """Ceiling of v, or None."""

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class AHP(LIF):
    """A leaky neuron whose every spike adds slow currents that pull it down (after-hyperpolarization).

    Between events  tau_m dv/dt = v_rest - v + bias + sum_s I_s - sum_k a_k,  tau_ahp_k da_k/dt = -a_k;
    each own spike adds jump_k to a_k. Otherwise as `LIF`. Source: Rao et al., Nature Machine Intelligence 2022.

    >>> AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.2, jump=0.5).jump
    0.5
    """

    tau_ahp: float | ArrayLike | tuple[float | ArrayLike, ...]
    """Time constants of the slow currents, s: a number or array, or a tuple for several currents."""
    jump: float | ArrayLike | tuple[float | ArrayLike, ...]
    """What a spike adds to each slow current, units of v."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ALIF(LIF):
    """A leaky neuron whose every spike raises its own threshold for a while.

    It fires at v >= v_th + sum_k h_k with  tau_adapt_k dh_k/dt = -h_k;  each own spike adds jump_k to h_k.
    With ``reset="subtract"`` v loses `v_th`, without the adaptation. Otherwise as `LIF`.

    >>> ALIF(tau_m=20e-3, v_th=1.0, tau_adapt=0.2, jump=0.1).tau_adapt
    0.2
    """

    tau_adapt: float | ArrayLike | tuple[float | ArrayLike, ...]
    """Time constants of the threshold's jumps, s."""
    jump: float | ArrayLike | tuple[float | ArrayLike, ...]
    """What a spike adds to the threshold, units of v."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IF:
    """An integrator without leak.

    Between events  dv/dt = bias + sum_s I_s,  tau_s dI_s/dt = -I_s,  all in units of v per second; spikes, reset,
    receptors, refractory time and limits as in `LIF`.

    >>> IF(v_th=1.0, bias=500.0).v_reset
    0.0
    """

    v_th: float | ArrayLike | None
    """Threshold, units of v; None: the neuron never spikes."""
    v_reset: float | ArrayLike = 0.0
    """Value after a spike, units of v."""
    bias: float | ArrayLike = 0.0
    """Constant drive, units of v per second."""
    refractory: float | ArrayLike = 0.0
    """Absolute refractory time, s."""
    tau_syn: TimeConstants = None
    """Synaptic time constants, s, as in `LIF`."""
    reset: Reset = "to_value"
    """What a spike does to v."""
    v_min: float | ArrayLike | None = None
    """Floor of v, or None."""
    v_max: float | ArrayLike | None = None
    """Ceiling of v, or None."""

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearNeuron:
    """A leaky neuron with internal states by linear equations of your own, in matrix form.

    Between events  tau_m dv/dt = v_rest - v + bias + readout . u,  du/dt = matrix u,  and u begins at zero.
    An input of weight w on receptor r adds w inputs[:, r] to u, and w to_v[r] to v itself. At v >= v_th the neuron
    spikes: u grows by `jump`, and v is reset and held as in `LIF`, while u goes on. Both engines run it, the exact one
    exactly: u is taken apart into exponentials.

    So the eigenvalues of `matrix` must be real and below zero, and where states act on each other, apart. v does not
    act on u, for a reset of v would then change all exponentials. The matrices are those of all neurons of a
    population; the other fields may be numbers, or arrays with one entry per neuron.

    Raises
    ------
    ParameterError
        If shapes do not fit together, or if an eigenvalue is complex, not below zero, or too close to another.

    Examples
    --------
    A synaptic current that rises in 2 ms and falls in 10 ms, and a slow current of the neuron's own spikes:

    >>> import numpy as np
    >>> rise, fall, slow = 2e-3, 10e-3, 0.2
    >>> matrix = [[-1 / rise, 0, 0], [1 / rise, -1 / fall, 0], [0, 0, -1 / slow]]
    >>> cell = LinearNeuron(
    ...     tau_m=20e-3, v_th=1.0, matrix=matrix, readout=[0, 1, -1], inputs=[1, 0, 0], jump=[0, 0, 0.3]
    ... )
    >>> np.round(cell.modes.rate, 9).tolist()
    [100.0, 500.0, 5.0]
    """

    tau_m: float | ArrayLike
    """Membrane time constant, s."""
    v_th: float | ArrayLike | None
    """Threshold, units of v; None: the neuron never spikes."""
    matrix: ArrayLike
    """How u changes, 1/s, shape (states, states): decay rates below zero on the diagonal, couplings beside it."""
    readout: ArrayLike
    """How u drives v, shape (states,); readout . u has the units of v."""
    inputs: ArrayLike
    """What an input of weight 1 adds to u, shape (states,), or (states, receptors)."""
    to_v: ArrayLike = 0.0
    """What an input of weight 1 adds to v itself: one number, or one for each receptor, shape (receptors,)."""
    jump: ArrayLike = 0.0
    """What a spike of its own adds to u, shape (states,), or one number for all states."""
    v_reset: float | ArrayLike = 0.0
    """Value after a spike, units of v (not used with ``reset="subtract"``)."""
    v_rest: float | ArrayLike = 0.0
    """Value at rest, units of v."""
    bias: float | ArrayLike = 0.0
    """Constant R I, units of v."""
    refractory: float | ArrayLike = 0.0
    """Absolute refractory time, s."""
    reset: Reset = "to_value"
    """What a spike does to v."""
    v_min: float | ArrayLike | None = None
    """Floor of v, or None."""
    v_max: float | ArrayLike | None = None
    """Ceiling of v, or None."""

    of_all: ClassVar[tuple[str, ...]] = ("matrix", "readout", "inputs", "to_v", "jump")
    """The fields that all neurons of a population have in common."""

    def __post_init__(self) -> None:
        for name, value in check_equations(self).items():
            object.__setattr__(self, name, value)
        _check(self)
        _ = self.modes

    @cached_property
    def modes(self) -> Modes:
        """The exponentials that readout . u is a sum of; those that neither inputs nor spikes reach are left out."""
        matrix, readout, inputs, jump = (
            np.asarray(getattr(self, key)) for key in ("matrix", "readout", "inputs", "jump")
        )
        return modes_of(matrix, readout, inputs, jump, "LinearNeuron.matrix")


@dataclass(frozen=True, eq=False)
class SpikeSource:
    """Neurons that fire when they are told to: at times of their own, and at those given to `run(inputs=...)`.

    >>> SpikeSource([5e-3, 7e-3], [0, 1]).times.tolist()
    [0.005, 0.007]
    """

    times: ArrayLike | None = None
    """When a neuron fires in every run, s, shape (spikes,); None: never by itself."""
    ids: ArrayLike | None = None
    """The neuron of each of these spikes, shape (spikes,)."""

    def __post_init__(self) -> None:
        if self.times is None and self.ids is None:
            return
        when = positive(self.times, "SpikeSource.times", unit="s", zero=True)  # type: ignore[arg-type]
        who = indices(self.ids, np.iinfo(np.int64).max, "SpikeSource.ids")  # type: ignore[arg-type]
        if when.ndim != 1 or when.shape != who.shape:
            raise ParameterError(
                "times and ids must be flat and of one length",
                where="SpikeSource",
                value=f"shapes {when.shape} and {who.shape}",
            )
        object.__setattr__(self, "times", frozen(when.copy()))
        object.__setattr__(self, "ids", frozen(who.copy()))


@dataclass(frozen=True, eq=False)
class PoissonSource:
    """Neurons that fire at random times, each a Poisson process of its own.

    The trains are drawn by `run(seed=...)` and the population's name, exact in time: the intervals between the
    spikes of a neuron are independent and exponentially distributed, with mean 1 / rate.

    >>> PoissonSource(rate=20.0).rate
    20.0
    """

    rate: float | ArrayLike
    """Spikes per second: a number, or an array with one entry per neuron."""

    def __post_init__(self) -> None:
        field_of(self, "rate", positive, unit="Hz", zero=True)


Source = SpikeSource | PoissonSource
Model = LIF | AHP | ALIF | IF | LinearNeuron | LoihiLIF | Source


def receptors(model: Model) -> tuple[Floats | None, ...]:
    """Time constants of the receptors of `model`, s; None stands for an input that jumps v.

    A receptor of a `LinearNeuron` has no time constant of its own, but NaN.

    >>> receptors(LIF(tau_m=20e-3, v_th=1.0, tau_syn=(5e-3, None)))
    (array(0.005), None)
    """
    if isinstance(model, Source):
        return ()
    if isinstance(model, LoihiLIF):
        return (None,)
    if isinstance(model, LinearNeuron):
        return (np.array(np.nan),) * int(np.shape(model.inputs)[1])
    taus = model.tau_syn if isinstance(model.tau_syn, tuple) else (model.tau_syn,)
    return tuple(None if tau is None else np.asarray(tau, dtype=np.float64) for tau in taus)


def _check(model: LIF | IF | LinearNeuron) -> None:
    kind = type(model).__name__
    values: dict[str, Floats] = {}
    for name in (field.name for field in fields(model)):
        if name in getattr(model, "of_all", ()):
            continue
        value = getattr(model, name)
        if name == "reset":
            choice(value, f"{kind}.reset", ("to_value", "subtract"))
        elif name in ("tau_m", "refractory"):
            values[name] = field_of(model, name, seconds, zero=name == "refractory", long=LONG)
        elif name in ("tau_syn", "tau_ahp", "tau_adapt", "jump"):
            for k, part in enumerate(_parts(model, name)):
                if part is not None:
                    values[f"{name}[{k}]"] = part
        elif value is not None or name not in ("v_th", "v_min", "v_max"):
            values[name] = field_of(model, name, finite, smallest=SMALLEST)
    _check_lengths(kind, values)
    _check_slow(model, kind)
    _check_levels(model, kind, values)


def _parts(model: LIF | IF | LinearNeuron, name: str) -> tuple[Floats | None, ...]:
    """A field that may be a tuple with one entry for each current, checked; None where a receptor has no current."""
    value, where = getattr(model, name), f"{type(model).__name__}.{name}"
    if isinstance(value, tuple) and not value:
        raise ParameterError("must not be an empty tuple", where=where)

    def checked(part: Any) -> Floats | None:
        if part is None and name == "tau_syn":
            return None
        if name == "jump":
            return finite(part, where, smallest=SMALLEST)
        return seconds(part, where, long=LONG if name == "tau_syn" else SLOW)

    parts = tuple(checked(part) for part in (value if isinstance(value, tuple) else (value,)))
    if has_unit(value):
        object.__setattr__(model, name, parts if isinstance(value, tuple) else parts[0])
    return parts


def _check_lengths(kind: str, values: dict[str, Floats]) -> None:
    """Refuse arrays that cannot have one entry for each neuron."""
    shapes = {name: value.shape for name, value in values.items() if value.ndim}
    if any(len(shape) > 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ParameterError("arrays must be flat, with one entry for each neuron", where=kind, value=found)


def _check_slow(model: LIF | IF | LinearNeuron, kind: str) -> None:
    slow = {"AHP": "tau_ahp", "ALIF": "tau_adapt"}.get(kind)
    if slow is None:
        return
    taus, jumps = getattr(model, slow), getattr(model, "jump")  # noqa: B009 - only AHP and ALIF have it
    several = isinstance(taus, tuple), isinstance(jumps, tuple)
    if any(several) and (not all(several) or len(taus) != len(jumps)):
        raise ParameterError(
            f"`{slow}` and `jump` must be tuples of one length, or both single values",
            where=kind,
            value=f"{slow}={taus!r}, jump={jumps!r}",
        )


def _check_levels(model: LIF | IF | LinearNeuron, kind: str, values: dict[str, Floats]) -> None:
    threshold = values.get("v_th", np.array(np.inf))
    wrong = np.atleast_1d(values["v_reset"] >= threshold)
    if model.reset == "to_value" and wrong.any():
        i, place = _first(wrong)
        reset, level = (np.broadcast_to(x, wrong.shape)[i] for x in (values["v_reset"], threshold))
        raise ParameterError(
            "`v_reset` must lie below `v_th`, or one spike would set off infinitely many",
            where=kind,
            value=f"v_reset={reset}, v_th={level}{place}",
            remedy="Lower `v_reset`",
        )
    wrong = np.atleast_1d(threshold <= 0)
    if model.reset == "subtract" and wrong.any():
        i, place = _first(wrong)
        raise ParameterError(
            "`v_th` must be above zero for reset by subtraction, or one spike would set off infinitely many",
            where=kind,
            value=f"v_th={np.atleast_1d(threshold)[i]}{place}",
        )
    floor, ceiling = values.get("v_min"), values.get("v_max")
    if floor is not None and np.any(floor >= threshold):
        raise ParameterError(
            "`v_min` must lie below `v_th`", where=kind, value=f"v_min={floor.max()}, v_th={threshold.min()}"
        )
    if floor is not None and model.reset == "to_value" and np.any(values["v_reset"] < floor):
        raise ParameterError(
            "`v_reset` must not lie below `v_min`",
            where=kind,
            value=f"v_reset={values['v_reset'].min()}, v_min={floor.max()}",
        )
    if ceiling is not None and "v_th" in values and np.any(ceiling < threshold):
        raise ParameterError(
            "`v_max` must not lie below `v_th`, or the neuron never spikes",
            where=kind,
            value=f"v_max={ceiling.min()}, v_th={threshold.max()}",
            remedy="Raise `v_max`; with v_th=None a neuron that never spikes says so",
        )
    if ceiling is not None and floor is not None and np.any(ceiling <= floor):
        raise ParameterError(
            "`v_max` must lie above `v_min`", where=kind, value=f"v_min={floor.max()}, v_max={ceiling.min()}"
        )
    if ceiling is not None and model.reset == "to_value" and np.any(values["v_reset"] > ceiling):
        raise ParameterError(
            "`v_reset` must not lie above `v_max`",
            where=kind,
            value=f"v_reset={values['v_reset'].max()}, v_max={ceiling.min()}",
        )


def _first(wrong: NDArray[np.bool_]) -> tuple[int, str]:
    """The first neuron that is wrong, and how to say so where there are several."""
    i = int(np.argmax(wrong))
    return i, f" at neuron {i}" if len(wrong) > 1 else ""
