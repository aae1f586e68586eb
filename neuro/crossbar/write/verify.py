"""Closed-loop writing: read, compare and pulse, until every device is at its target or the rounds are used up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neuro.crossbar.write.pairs import Mask, Pairs
from neuro.validation import Floats, Ints, frozen

__all__ = ["Missed", "Verification", "verify"]


class Missed(NamedTuple):
    """A device that could not be brought to its target."""

    array: str
    """"plus" or "minus"."""
    row: int
    column: int
    target: float
    """Its target, S."""
    found: float
    """Its conductance, S."""
    slice: int = 0
    """Which slice it is in, where weights are cut into slices; the first has the most significant digit."""


@dataclass(frozen=True, eq=False)
class Verification:
    """The result of closed-loop writing."""

    tolerance: float
    """How far from its target a device may be, S."""
    rounds: int
    """How often the array was read."""
    pulses: Ints
    """Pulses, or writes, that each device got, shape (2, pre, post): positive and negative array. Of slices, the shape
    is (2, slices, pre, post)."""
    target: Floats
    """Targets of the devices, S, of the same shape."""
    found: Floats
    """Their conductances, S."""

    @property
    def reached(self) -> Mask:
        """Which devices are within the tolerance, in the same shape."""
        return np.asarray(np.abs(self.found - self.target) <= self.tolerance)

    @property
    def missed(self) -> list[Missed]:
        """The devices that are not, the farthest from its target first."""
        places = np.argwhere(~self.reached)
        off = np.abs(self.found - self.target)[tuple(places.T)]
        devices = []
        for place in map(tuple, places[np.argsort(-off, kind="stable")].tolist()):
            array, *slices, row, column = place
            target, found = float(self.target[place]), float(self.found[place])
            devices.append(Missed(("plus", "minus")[array], row, column, target, found, *slices))
        return devices

    def __str__(self) -> str:
        missed, sliced = self.missed, self.target.ndim > 3
        text = (
            f"{self.target.size - len(missed)} of {self.target.size} devices within {self.tolerance:.3g} S of their "
            f"targets after {self.rounds} rounds and {int(self.pulses.sum())} pulses"
        )
        worst = [
            f"{device.array}{f' of slice {device.slice}' if sliced else ''} ({device.row}, {device.column}): "
            f"{device.found:.3g} S instead of {device.target:.3g} S"
            for device in missed[:5]
        ]
        more = [f"and {len(missed) - 5} more"] if len(missed) > 5 else []
        return "; ".join([text, *(["missed: " + ", ".join([*worst, *more])] if worst else [])])


def verify(
    pairs: Pairs,
    targets: tuple[Floats, Floats],
    tolerance: float,
    rounds: int,
    send: Callable[[Ints, Ints], object],
    rewrite: Callable[[Mask, Mask], None],
    read: Callable[[Ints], None],
    step: float,
) -> Verification:
    """Read all devices, then send pulses to those that are off, round by round.

    In each round a device with a law gets as many pulses towards its target as would bring it half-way if each
    moved it by `step`, and one at least; one without a law is written anew. Devices within the tolerance are left
    alone. A device that its neighbours' pulses disturb, or that has a write noise, may need pulses again. The pulses of
    the last round are not followed by a read; their effect shows in `found` alone.

    Parameters
    ----------
    send, rewrite, read
        The actions of a round: `send` sends signed pulses to the two arrays, `rewrite` writes masked devices anew, and
        `read` enters how often each row was read.
    step
        Expected change of a pulse, S.
    """
    target = np.stack(targets)
    pulses = np.zeros(target.shape, dtype=np.int64)
    rows = np.ones(target.shape[1], dtype=bool)
    done = 0
    for _ in range(rounds):
        read(rows.astype(np.int64))
        done += 1
        off = target - np.stack([pairs.plus, pairs.minus])
        pending = np.abs(off) > tolerance
        if not pending.any():
            break
        # Only rows that were pulsed can have changed, unless pulses disturb their neighbours.
        rows = np.asarray(pending.any(axis=(0, 2)) | pairs.disturbs)
        if pairs.pulsed:
            wanted = np.maximum(np.floor(0.5 * np.abs(off) / step), 1.0)
            signed = np.where(pending, np.sign(off) * wanted, 0.0).astype(np.int64)
            send(signed[0], signed[1])
            pulses += np.abs(signed)
        else:
            rewrite(pending[0], pending[1])
            pulses += pending
    found = np.stack([pairs.plus, pairs.minus])
    return Verification(tolerance, done, pulses, frozen(target), frozen(found))
