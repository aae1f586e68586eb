"""Conductances that hold weights in pairs, and the moves of both devices that change a weight."""

from __future__ import annotations

from typing import Literal

import numpy as np

from neuro.crossbar.device.device import Device
from neuro.crossbar.device.laws import MeasuredLaw
from neuro.crossbar.write.pairs import Devices
from neuro.errors import WeightError
from neuro.validation import Floats

__all__ = ["POLICIES", "Policy", "analog_moves", "at_level", "level_moves", "nominal_step", "pair_targets"]

Policy = Literal["push_pull", "one_sided"]
POLICIES: tuple[Policy, ...] = ("push_pull", "one_sided")


def pair_targets(
    weights: Floats, device: Device, w_max: float, start: float | None, where: str
) -> tuple[Floats, Floats]:
    """The conductances (G+, G-), in S, that hold `weights`, each at the nearest level of the device.

    With scale = w_max / (g_max - g_min), a weight is scale (G+ - G-). Without `start`, one device of each
    pair is at g_min:  G+ = g_min + max(w, 0)/scale,  G- = g_min + max(-w, 0)/scale.  With it, the pair
    straddles a common conductance:  G+- = g_min + start (g_max - g_min) +- w / (2 scale).

    Raises
    ------
    WeightError
        If a weight needs a conductance outside the window.
    """
    span = device.g_max - device.g_min
    reach = w_max if start is None else 2 * min(start, 1 - start) * w_max
    size = np.abs(weights)
    # A weight that a caller computed from this window may be off by its last bits.
    if size.size and size.max() > reach * (1 + 1e-12):
        worst = np.unravel_index(int(size.argmax()), size.shape)
        remedy = "Scale the weights, or give a larger `w_max`"
        raise WeightError(
            f"the window {device.g_min:g}..{device.g_max:g} S holds weights of {-reach:.12g}..{reach:.12g}",
            where=where,
            value=f"{weights[worst]:.12g} at index {tuple(int(i) for i in worst)}",
            remedy=remedy if start is None else f"{remedy}, or a `start` nearer to 0.5",
        )
    share = weights / w_max
    if start is None:
        shares = np.maximum(share, 0), np.maximum(-share, 0)
    else:
        shares = start + share / 2, start - share / 2
    plus, minus = (at_level(device.g_min + span * share, device) for share in shares)
    return plus, minus


def nominal_step(device: Device) -> float:
    """The expected change of a pulse in the middle of the window, S: the mean of up and down.

    Zero where a device is continuous and has no law.

    >>> from neuro.crossbar.device.catalog import load_device
    >>> round(1e6 * nominal_step(load_device("ReRamSB")), 9), nominal_step(load_device("ideal"))
    (0.106666667, 0.0)
    """
    if device.law is None:
        return device.step
    quiet = device.noiseless()
    # All measured devices of a table are averaged.
    law, _ = quiet.pulse_law
    measured = len(np.asarray(law.conductance)) if isinstance(law, MeasuredLaw) else 1
    devices = quiet.sample(64 * measured if measured > 1 else 1)
    middle = 0.5 * (devices.g_min + devices.g_max)
    up, down = quiet.pulse(middle, 1, devices) - middle, middle - quiet.pulse(middle, -1, devices)
    return float(np.mean(0.5 * (up + down)))


def level_moves(levels: Floats, plus: Devices, minus: Devices, step: float, policy: Policy) -> tuple[Floats, Floats]:
    """Whole levels, signed, by which each device of a pair is pulsed to move its weight by `levels`.

    `push_pull`: both devices move by as many levels, G+ with the sign and G- against it. `one_sided`: the
    device that has to fall does so as far as its nearest level allows, the other one rises by the rest.

    Parameters
    ----------
    levels
        Whole numbers as floats, shape (pairs,): for `push_pull` in units of two levels of weight.
    plus, minus
        Conductance of the devices, S, where they are now, and the lowest that each can have.
    step
        A level, S.
    """
    if policy == "push_pull":
        return levels, -levels
    size = np.abs(levels)
    falling, floor = (np.where(levels > 0, low, high) for low, high in zip(minus, plus, strict=True))
    fall = np.minimum(size, np.maximum(np.floor((falling - floor) / step + 0.5), 0))
    return _signed(levels, size - fall, fall)


def analog_moves(change: Floats, plus: Floats, minus: Floats, device: Device, policy: Policy) -> tuple[Floats, Floats]:
    """Moves of each device, S, by which G+ - G- of a pair changes by `change`, S, as far as the window allows.

    `push_pull`: half on each device; the part that does not fit one device goes to the other. `one_sided`: the falling
    device moves as far as it can, the rising one by the rest.
    """
    size = np.abs(change)
    rising, falling = np.where(change > 0, plus, minus), np.where(change > 0, minus, plus)
    # A stuck device may lie outside the window, where it has no room at all.
    room_up, room_down = np.maximum(device.g_max - rising, 0), np.maximum(falling - device.g_min, 0)
    if policy == "push_pull":
        rise = np.minimum(np.maximum(size / 2, size - room_down), room_up)
        fall = np.minimum(size - rise, room_down)
    else:
        fall = np.minimum(size, room_down)
        rise = np.minimum(size - fall, room_up)
    return _signed(change, rise, fall)


def _signed(direction: Floats, rise: Floats, fall: Floats) -> tuple[Floats, Floats]:
    up = direction > 0
    return np.where(up, rise, -fall), np.where(up, -fall, rise)


def at_level(conductance: Floats, device: Device) -> Floats:
    """The level of the device nearest to each conductance, S; of a continuous device, the conductance in its window."""
    if device.levels is not None:
        conductance = device.g_min + device.step * np.rint((conductance - device.g_min) / device.step)
    return np.clip(conductance, device.g_min, device.g_max)
