"""`properties`: a device in five numbers, from the fineness of its pulses to the variation between devices."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuro.crossbar.device.device import Device
from neuro.crossbar.device.laws import Cycle, MeasuredLaw
from neuro.crossbar.write.targets import nominal_step

__all__ = ["Properties", "properties"]

_SAMPLES = 4000


class Properties(NamedTuple):
    """The properties of a device that matter to a learning rule. Steps are those in the middle of the window."""

    pulses: float
    """Nominal pulses from one end of the window to the other; infinite where any size can be written."""
    pulse_noise: float
    """Standard deviation of one pulse on one device, in nominal steps."""
    read_noise: float
    """Standard deviation of a read after a pulse, as a share of the window."""
    asymmetry: float
    """Mean of |up - down| / (up + down) of the expected steps at nine places of the window: 0 even, 1 one-sided."""
    variation: float
    """Half the distance from the 16th to the 84th of a hundred devices' expected steps, in nominal steps."""


def properties(device: Device, seed: int = 0) -> Properties:
    """Measure a device by sending pulses to many samples of it.

    Examples
    --------
    >>> from neuro.crossbar.device.catalog import load_device
    >>> properties(load_device("taox_64x64")).pulses
    63.0
    """
    span, step = device.g_max - device.g_min, nominal_step(device)
    if not step:
        return Properties(np.inf, 0.0, device.write_noise / span, 0.0, 0.0)
    law, cycle = device.pulse_law
    alike = replace(device, law=law, cycle=cycle, variation={}, write_noise=0.0)
    noiseless = replace(alike, law=law.mean() if isinstance(law, MeasuredLaw) else law, cycle=Cycle())
    noisy_devices = alike.sample(_SAMPLES, seed)
    middle = 0.5 * (noisy_devices.g_min + noisy_devices.g_max)
    quiet_devices = noiseless.sample(_SAMPLES, seed)
    noise = []
    for way in (1, -1):
        expected = noiseless.pulse(middle, way, quiet_devices)
        noise.append(float(np.std(alike.pulse(middle, way, noisy_devices) - expected)))
    varied = replace(noiseless, variation=device.variation)
    devices = varied.sample(_SAMPLES, seed)
    centre = 0.5 * (devices.g_min + devices.g_max)
    steps = [np.abs(varied.pulse(centre, way, devices) - centre) for way in (1, -1)]
    asymmetry = []
    for place in np.linspace(0.1, 0.9, 9):
        sampled = noiseless.sample(_SAMPLES, seed)
        g = sampled.g_min + place * (sampled.g_max - sampled.g_min)
        up, down = noiseless.pulse(g, 1, sampled) - g, g - noiseless.pulse(g, -1, sampled)
        total = np.abs(up) + np.abs(down)
        uneven = np.abs(up - down)[total > 0] / total[total > 0]
        # Steps that are equal up to rounding are equal.
        asymmetry.append(float(np.mean(np.where(uneven < 1e-9, 0.0, uneven))))
    return Properties(
        pulses=span / step,
        pulse_noise=float(np.mean(noise)) / step,
        read_noise=device.write_noise / span if device.law is not None else 0.0,
        asymmetry=float(np.mean(asymmetry)),
        variation=float(np.mean([np.diff(np.quantile(part, (0.16, 0.84)))[0] / 2 for part in steps])) / step,
    )
