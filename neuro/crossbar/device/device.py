"""A memristive device: its window, its levels, its law of pulses, and the errors of its writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neuro.crossbar.device.laws import LAWS, Constant, Cycle, Law, MeasuredLaw, Variation, parameters
from neuro.crossbar.device.noise import Drift
from neuro.crossbar.device.records import COLUMNS
from neuro.crossbar.device.reference_data import MeasuredFile
from neuro.crossbar.device.sample import SampledDevices, conductances, pulse_counts, sample_devices
from neuro.display import Displayed, Rows, amount
from neuro.errors import DeviceError
from neuro.memory import require_memory
from neuro.validation import Floats, finite, instance, number_field, positive, whole_number

__all__ = ["Device"]


@dataclass(frozen=True, slots=True, repr=False)
class Device(Displayed):
    """The conductances that one memristive device can hold, and the errors of its writes.

    A write asks for a conductance g on the grid g_min + k step, k = 0 .. levels - 1 (anywhere in the window
    where `levels` is None) and leaves  clip(g + N(0, write_noise), g_min, g_max).

    Without a `law`, a learning pulse is such a write, one level up or down from where the device is. With one, a
    pulse changes the conductance by the law (`neuro.crossbar.device.laws`), each device has parameters and a
    window of its own (`variation`), each pulse its error (`cycle`), and `write_noise` is added to the reads after a
    pulse; the next pulse starts from the conductance without it.

    Raises
    ------
    DeviceError
        If the window is empty or negative, there are fewer than two levels, a noise is negative, or the law does
        not know a parameter that `variation` names.

    Examples
    --------
    >>> Device("four", g_min=0.0, g_max=90e-6, levels=4).step
    3e-05
    """

    name: str
    """Name in errors and reports."""
    g_min: float
    """Lowest conductance of the window, S."""
    g_max: float
    """Highest conductance of the window, S."""
    levels: int | None = None
    """Equally spaced levels from `g_min` to `g_max`, both included; None: any conductance between."""
    write_noise: float = 0.0
    """Standard deviation of the programmed conductance around its target, at every write, S."""
    source: str = ""
    """Where the figures are from."""
    notes: str = ""
    """Notes for users of the figures."""
    law: Law | MeasuredFile | None = None
    """How a pulse changes the conductance; None: by one level, whatever the conductance."""
    variation: Mapping[str, Variation] = field(default_factory=dict, hash=False)
    """How the devices of an array differ, by the name of a parameter (`laws.parameters`)."""
    cycle: Cycle = field(default_factory=Cycle)
    """How the pulses of one device differ."""
    drift: Drift | None = None
    """How its conductance falls with age: for `Reading(drift=...)`, as reads do not age by themselves."""

    def __post_init__(self) -> None:
        for key in ("name", "source", "notes"):
            instance(getattr(self, key), f"Device.{key}", str, "a text", error=DeviceError)
        where = f"device {self.name!r}"
        for key in ("g_min", "g_max", "write_noise"):
            number_field(self, key, positive, zero=True, unit="S", error=DeviceError)
        if not self.g_min < self.g_max:
            window = f"g_min = {self.g_min:g} S, g_max = {self.g_max:g} S"
            raise DeviceError("`g_max` must be above `g_min`", where=where, value=window)
        if self.levels is not None:
            whole_number(self.levels, "Device.levels", least=2, error=DeviceError)
        if self.drift is not None:
            instance(self.drift, "Device.drift", Drift, "a Drift, or None", error=DeviceError)
        self._check_law(where)

    def _check_law(self, where: str) -> None:
        if self.law is not None and not isinstance(self.law, (*LAWS, MeasuredFile)):
            raise DeviceError("`law` must be one of neuro.crossbar.device.laws", where=where, value=repr(self.law))
        if not isinstance(self.cycle, Cycle):
            raise DeviceError("`cycle` must be a Cycle", where=where, value=repr(self.cycle))
        instance(self.variation, "Device.variation", Mapping, "variations by name of a parameter", error=DeviceError)
        known = () if self.law is None or isinstance(self.law, MeasuredFile) else parameters(self.law)
        for name, variation in self.variation.items():
            if name not in known:
                remedy = f"It has {', '.join(known)}" if known else "Only a law with parameters takes a `variation`"
                raise DeviceError("`variation` names a parameter of the law", where=where, value=name, remedy=remedy)
            if not isinstance(variation, Variation):
                raise DeviceError("a variation must be a Variation", where=f"{where}, {name}", value=repr(variation))
        if self.law is None or isinstance(self.law, MeasuredLaw | MeasuredFile):
            return
        zero = self.law.zero
        if zero is not None and not self.g_min <= zero <= self.g_max:
            rule = f"`zero` must lie in the window {self.g_min:g}..{self.g_max:g} S"
            raise DeviceError(rule, where=where, value=f"{zero:g} S")

    @property
    def step(self) -> float:
        """From one level to the next, S; zero where the device is continuous."""
        return 0.0 if self.levels is None else (self.g_max - self.g_min) / (self.levels - 1)

    @property
    def pulse_law(self) -> tuple[Law, Cycle]:
        """The law of a pulse and its error: its own, or one level each time with the error of a write.

        Raises
        ------
        DeviceError
            If the device is continuous and has no law: a pulse of it may have any size.
        """
        if self.law is not None:
            return self.law.load() if isinstance(self.law, MeasuredFile) else self.law, self.cycle
        if self.levels is None:
            rule = "a continuous device without a law takes writes of any size, not pulses"
            raise DeviceError(rule, where=f"device {self.name!r}", remedy="Give it `levels` or a `law`")
        return Constant(step=self.step), Cycle(self.write_noise / self.step, "step")

    def _display(self) -> tuple[str, Rows]:
        law = "one level" if self.law is None and self.levels else type(self.law).__name__ if self.law else "any size"
        held = f"{self.levels} levels" if self.levels else "continuous"
        rows: list[tuple[str, object]] = [
            ("a pulse", law),
            ("write noise", amount(self.write_noise, "S")),
            ("varies in", ", ".join(self.variation) or "nothing"),
        ]
        source = [("source", self.source)] if self.source else []
        window = f"{amount(self.g_min, 'S')} to {amount(self.g_max, 'S')}"
        return f"Device {self.name!r}: {window}, {held}", [*rows, *source]

    @classmethod
    def from_measurement(cls, csv: str | Path, name: str = "", **options: Any) -> Device:
        """A device fitted to measured conductances; the same as `device_from_measurement`, which has the arguments.

        Raises
        ------
        DeviceError
            If the file cannot be read as a measurement.
        DataError
            If there is no such file (this is a FileNotFoundError, too).
        """
        # By name, because a fit makes devices: its file imports this one.
        fitted: Device = import_module("neuro.crossbar.device.fit").device_from_measurement(csv, name, **options)
        return fitted

    def noiseless(self) -> Device:
        """The same device without variation, errors and write noise; a measured law has its expected changes."""
        law = self.law.load() if isinstance(self.law, MeasuredFile) else self.law
        law = law.mean() if isinstance(law, MeasuredLaw) else law
        return replace(self, law=law, variation={}, cycle=Cycle(), write_noise=0.0)

    def sample(self, n: int | tuple[int, ...], rng: np.random.Generator | int = 0) -> SampledDevices:
        """Draw devices: each with the parameters, window and stream of errors that it keeps for life.

        Parameters
        ----------
        n
            How many, or the shape of their array.
        rng
            A generator, or a root seed.

        Raises
        ------
        DeviceError
            As `pulse_law`.

        Examples
        --------
        >>> devices = Device("d", 0.0, 90e-6, levels=4).sample(2)
        >>> devices.step_up.tolist()
        [3e-05, 3e-05]
        """
        law, cycle = self.pulse_law
        if not isinstance(rng, np.random.Generator):
            rng = np.random.default_rng(whole_number(rng, "Device.sample, rng", error=DeviceError))
        write_noise = 0.0 if self.law is None else self.write_noise
        sizes = n if isinstance(n, tuple) else (n,)
        shape = tuple(whole_number(size, "Device.sample, n", most=2**53, error=DeviceError) for size in sizes)
        require_memory(
            8.0 * len(COLUMNS) * prod(map(float, shape)), "Device.sample, n", value=f"shape {shape}", error=DeviceError
        )
        return sample_devices(law, cycle, self.variation, (self.g_min, self.g_max), write_noise, shape, rng)

    def pulse(
        self,
        g: ArrayLike,
        direction: ArrayLike,
        params: SampledDevices | None = None,
        rng: np.random.Generator | None = None,
    ) -> Floats:
        """The conductances after pulses, from which the next pulse starts: without the write noise of a read.

        Parameters
        ----------
        g
            Conductances, S, one for each device or one for all.
        direction
            1 for an up pulse, -1 for a down pulse, 0 for none; other whole numbers are so many pulses.
        params
            Devices from `sample`; None: as many devices as `g` has, drawn from `rng`.
        rng
            None: each device goes on with its own errors, the same however pulses are batched. A generator: errors
            are drawn afresh from it.

        Raises
        ------
        DeviceError
            If conductances or pulses do not fit the devices, or as `pulse_law`.

        Examples
        --------
        >>> from neuro.crossbar.device.laws import SoftBounds
        >>> device = Device("d", 0.0, 100e-6, law=SoftBounds(step=1e-6))
        >>> g = device.pulse([0.0, 50e-6, 100e-6], 1)
        >>> [round(x * 1e6, 6) for x in g.tolist()]
        [2.0, 51.0, 100.0]
        """
        if rng is not None:
            instance(rng, "Device.pulse, rng", np.random.Generator, "a numpy.random.Generator", error=DeviceError)
        given = params is not None
        if params is None:
            g = finite(g, "g", unit="S", error=DeviceError)
            params = self.sample(np.shape(g), np.random.default_rng(0) if rng is None else rng)
        instance(params, "Device.pulse, params", SampledDevices, "devices from `sample`", error=DeviceError)
        if rng is not None and given:
            params = params.with_key(int(rng.integers(2**64, dtype=np.uint64)))
        state = conductances(g, params.shape)
        params.send(state, state.copy(), pulse_counts(direction, params.shape))
        return state
