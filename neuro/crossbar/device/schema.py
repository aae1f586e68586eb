"""The schema of device files, and the conversion of their figures to siemens."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from neuro.crossbar.device.laws import (
    Constant,
    Cycle,
    Exponential,
    Law,
    Linear,
    Piecewise,
    Power,
    SoftBounds,
    Variation,
)
from neuro.crossbar.device.noise import Drift
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.errors import DeviceError
from neuro.figures import Figure, SourcedFigure

__all__ = ["CycleRecord", "DeviceRecord", "LawRecord", "VariationRecord"]

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_KINDS = {
    "constant": Constant,
    "linear": Linear,
    "soft_bounds": SoftBounds,
    "exponential": Exponential,
    "power": Power,
    "piecewise": Piecewise,
}


class _Siemens(Figure):
    unit: Literal["S"]


class _Count(Figure):
    value: int
    unit: Literal["1"]


class _Ratio(Figure):
    unit: Literal["1"]


class _Seconds(Figure):
    unit: Literal["s"]


class _Weight(Figure):
    unit: Literal["weight"]


class _Factors(SourcedFigure):
    value: tuple[float, ...]
    unit: Literal["1"]


class LawRecord(BaseModel):
    """How a pulse changes the conductance.

    Figures in "weight" become siemens by one convention: `weight_min` stands at g_min, `weight_max` at g_max, and
    everything between linearly, so that weight 0, where steps have their nominal size, is the law's `zero`.
    """

    model_config = _STRICT

    kind: str
    """Name of the law: one of `neuro.crossbar.device.laws`, or "measured"."""
    file: str = ""
    """Of "measured": where the table is, below the reference data."""
    remedy: str = ""
    """Of "measured": how to get it."""
    source: str = ""
    """Of "measured": where the table is from."""
    weight_min: _Weight | None = None
    """Weight at g_min."""
    weight_max: _Weight | None = None
    """Weight at g_max."""
    zero: _Siemens | None = None
    """Where steps have their nominal size, for laws not given in weights."""
    step: Figure | None = None
    """Nominal change of a pulse, in S or "weight"."""
    parameters: dict[str, Figure] = Field(default_factory=dict)
    """Everything else of the law, without a unit."""
    factors: dict[str, _Factors] = Field(default_factory=dict)
    """Of a piecewise law: `up` and `down`."""


class VariationRecord(Figure):
    """How a parameter differs from device to device."""

    kind: Literal["normal", "log_normal", "additive"] = "normal"
    """How the draw enters; see `neuro.crossbar.device.laws.Variation`."""
    shared: str = ""
    """Parameters with the same word share one draw."""


class CycleRecord(BaseModel):
    """How one pulse differs from the next."""

    model_config = _STRICT

    kind: Literal["change", "step", "mixed"]
    """Reference of the error; see `neuro.crossbar.device.laws.Cycle`."""
    std: Figure
    """Its size."""
    offset: Figure | None = None
    """Of "mixed", S or "weight"."""
    slope: Figure | None = None
    """Of "mixed", without a unit."""
    correlation: Figure | None = None
    """From pulse to pulse."""


class DriftRecord(BaseModel):
    """How the conductance falls with age."""

    model_config = _STRICT

    exponent: _Ratio
    """Mean exponent."""
    variation: _Ratio
    """Its standard deviation between devices."""
    reference: _Seconds
    """Age at which the conductance is as programmed."""


class DeviceRecord(BaseModel):
    """A file of models/devices: the fields of a `Device`, each figure with unit and source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Name of the device and of its file."""
    origin: str = ""
    """Where the device is from, in a line."""
    notes: str = ""
    """Notes for users of the figures."""
    g_min: _Siemens
    """Lowest conductance."""
    g_max: _Siemens
    """Highest conductance."""
    levels: _Count | None = None
    """Number of levels; absent: continuous."""
    write_noise: _Siemens
    """Standard deviation of a write."""
    law: LawRecord | None = None
    """How a pulse changes the conductance; absent: by one level."""
    variation: dict[str, VariationRecord] = Field(default_factory=dict)
    """How devices differ, by parameter."""
    cycle: CycleRecord | None = None
    """How pulses differ."""
    drift: DriftRecord | None = None
    """How the conductance falls with age."""

    def figures(self) -> dict[str, Figure]:
        """The figures of a write, by the name of the device's field."""
        fields = ((key, getattr(self, key)) for key in ("g_min", "g_max", "levels", "write_noise"))
        return {key: figure for key, figure in fields if figure is not None}

    def pulse_figures(self) -> dict[str, Figure]:
        """The figures of pulses, by their path in the file: ``law.step``, ``variation.step``, ``cycle.std``."""
        found: dict[str, Any] = {}
        if self.law is not None:
            own = {key: getattr(self.law, key) for key in ("weight_min", "weight_max", "zero", "step")}
            found |= {f"law.{key}": figure for key, figure in (own | self.law.parameters).items()}
        found |= {f"variation.{key}": figure for key, figure in self.variation.items()}
        if self.cycle is not None:
            found |= {f"cycle.{key}": getattr(self.cycle, key) for key in ("std", "offset", "slope", "correlation")}
        if self.drift is not None:
            found |= {f"drift.{key}": getattr(self.drift, key) for key in ("exponent", "variation", "reference")}
        return {key: figure for key, figure in found.items() if figure is not None}

    def pulse_fields(self) -> dict[str, Any]:
        """`law`, `variation`, `cycle` and `drift` of the device, in siemens.

        Raises
        ------
        DeviceError
            If there is no such law, or a figure is missing or in the wrong unit.
        """
        fields: dict[str, Any] = {}
        if self.drift is not None:
            figures = {key: getattr(self.drift, key).value for key in ("exponent", "variation", "reference")}
            fields["drift"] = Drift(**figures)
        if self.law is None:
            return fields
        variation = {key: Variation(found.value, found.kind, found.shared) for key, found in self.variation.items()}
        return fields | {"law": self._law(self.law), "variation": variation, "cycle": self._cycle()}

    def _law(self, record: LawRecord) -> Law | MeasuredFile:
        where = f"device file {self.name!r}, law"
        if record.kind == "measured":
            return MeasuredFile(record.file, record.remedy)
        if record.kind not in _KINDS:
            known = ", ".join(sorted([*_KINDS, "measured"]))
            raise DeviceError("must be of a known kind", where=where, value=repr(record.kind), remedy=f"Known: {known}")
        if record.step is None:
            raise DeviceError("needs a `step`", where=where)
        values: dict[str, Any] = {key: figure.value for key, figure in record.parameters.items()}
        if _KINDS[record.kind] is Piecewise:
            values |= {key: factors.value for key, factors in record.factors.items()}
        zero = None if record.zero is None else record.zero.value
        if record.weight_min is not None:
            zero = self.g_min.value - record.weight_min.value * self._unit()
        law: Any = _KINDS[record.kind]
        try:
            return law(step=self._siemens(record.step), zero=zero, **values)  # type: ignore[no-any-return]
        except TypeError as error:
            raise DeviceError("its parameters are those of the law", where=where, value=error) from None

    def _cycle(self) -> Cycle:
        record = self.cycle
        if record is None:
            return Cycle()
        slope, correlation = (0.0 if part is None else part.value for part in (record.slope, record.correlation))
        offset = 0.0 if record.offset is None else self._siemens(record.offset)
        return Cycle(record.std.value, record.kind, offset, slope, correlation)

    def _unit(self) -> float:
        """Siemens for each unit of weight."""
        law = self.law
        if law is None or law.weight_min is None or law.weight_max is None:
            rule = "figures in weights need `weight_min` and `weight_max`"
            raise DeviceError(rule, where=f"device file {self.name!r}, law")
        return (self.g_max.value - self.g_min.value) / (law.weight_max.value - law.weight_min.value)

    def _siemens(self, figure: Figure) -> float:
        if figure.unit == "S":
            return figure.value
        if figure.unit == "weight":
            return figure.value * self._unit()
        where = f"device file {self.name!r}"
        raise DeviceError('must be in "S" or "weight"', where=where, value=repr(figure.unit))
