"""Closed-loop writing: pulse, read, compare, until every device is where it should be or has had enough."""

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
    """Where it should be, S."""
    found: float
    """Where it is, S."""


@dataclass(frozen=True, eq=False)
class Verification:
    """What closed-loop writing reached."""

    tolerance: float
    """How far from its target a device may be, S."""
    rounds: int
    """How often the array was read."""
    pulses: Ints
    """Pulses, or writes, that each device got, shape (2, pre, post): positive and negative array."""
    target: Floats
    """Where the devices should be, S, of the same shape."""
    found: Floats
    """Where they are, S."""

    @property
    def reached(self) -> Mask:
        """Which devices are within the tolerance, shape (2, pre, post)."""
        return np.asarray(np.abs(self.found - self.target) <= self.tolerance)

    @property
    def missed(self) -> list[Missed]:
        """The devices that are not, the farthest from its target first."""
        places = np.argwhere(~self.reached)
        off = np.abs(self.found - self.target)[tuple(places.T)]
        return [
            Missed(
                ("plus", "minus")[array],
                int(row),
                int(column),
                float(self.target[array, row, column]),
                float(self.found[array, row, column]),
            )
            for array, row, column in places[np.argsort(-off, kind="stable")]
        ]

    def __str__(self) -> str:
        missed = self.missed
        text = (
            f"{self.target.size - len(missed)} of {self.target.size} devices within {self.tolerance:.3g} S of their "
            f"targets after {self.rounds} rounds and {int(self.pulses.sum())} pulses"
        )
        worst = [
            f"{one.array} ({one.row}, {one.column}): {one.found:.3g} S instead of {one.target:.3g} S"
            for one in missed[:5]
        ]
        more = [f"and {len(missed) - 5} more"] if len(missed) > 5 else []
        return "; ".join([text, *(["missed: " + ", ".join([*worst, *more])] if worst else [])])


def verify(
    pairs: Pairs,
    targets: tuple[Floats, Floats],
    tolerance: float,
    rounds: int,
    send: Callable[[Ints, Ints], None],
    rewrite: Callable[[Mask, Mask], None],
    read: Callable[[Ints], None],
    step: float,
) -> Verification:
    """Read all devices, then send pulses to those that are off, round by round.

    In each round a device with a law gets as many pulses towards its target as would bring it half-way if each
    moved it by `step`, and one at least; one without a law is written anew. Devices within the tolerance are left
    alone; whoever is disturbed by its neighbours' pulses, or read with a write noise, may have to be pulsed again.
    What the pulses of the last round did is not read any more; it shows in `found` alone.

    Parameters
    ----------
    send, rewrite, read
        What a round does: sends pulses, signed, to the two arrays; rewrites masked devices; is told how often each
        row was read.
    step
        What a pulse is expected to move, S.
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
            now = np.where(pending, np.sign(off) * wanted, 0.0).astype(np.int64)
            send(now[0], now[1])
            pulses += np.abs(now)
        else:
            rewrite(pending[0], pending[1])
            pulses += pending
    found = np.stack([pairs.plus, pairs.minus])
    return Verification(tolerance, done, pulses, frozen(target), frozen(found))
