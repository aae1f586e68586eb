"""Lowers external drives to arrays, with tables from which kernels draw arrivals."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, floor, inf, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuro.engine.codes import MOST_DRAWN
from neuro.engine.kernels.arrays import DRIVE
from neuro.engine.lower.currents import parts_of
from neuro.network.drives import PoissonInput, TimedRate
from neuro.network.graph import Network
from neuro.randomness import stream
from neuro.validation import Floats

__all__ = ["drive_keys", "lower_drives", "power_of_two_below", "total_rate"]

MEAN_ARRIVALS = 2.5
"""A block is the longest, a power of two of seconds, with at most so many arrivals of a neuron in the mean."""
LONGEST_BLOCK = 2.0**-10
"""A block is at most so long, s: windows that are shorter draw it again and again."""
SMALLEST = 2.0**-60
"""A table ends where fewer is what remains; the numbers that are drawn are multiples of 2^-52."""


def power_of_two_below(x: float) -> float:
    """The greatest power of two that is not above `x`."""
    return float(2.0 ** floor(log2(x)))


def total_rate(network: Network, population: str) -> float:
    """The greatest rate of all arrivals from drives at one neuron of a population, Hz."""
    size = network.populations[population].size
    drives = network.drives.get(population, [])
    return float(sum((drive.greatest_rates(size) for drive in drives), np.zeros(size)).max(initial=0.0))


def drive_keys(network: Network, seed: int) -> NDArray[np.uint64]:
    """The key of each drive's draws, in the order of `lower_drives`.

    The parts of a drive that adds to several currents have one key, and so the same arrivals.
    """
    keys = [
        stream(seed, "drive", name, str(n)).integers(2**64, dtype=np.uint64)
        for name, population in network.populations.items()
        for n, drive in enumerate(network.drives.get(name, []))
        for _ in parts_of(population, drive.receptor)
    ]
    return np.array(keys, np.uint64)


def lower_drives(network: Network) -> tuple[dict[str, NDArray[Any]], Mapping[str, tuple[int, int]]]:
    """The arrays of all drives (fields of `Fixed`), and first and last of each population."""
    records, spans = [np.zeros(0, DRIVE)], {}
    parts: dict[str, list[Floats]] = {"mean": [], "weight": [], "table": [], "time": [], "share": []}
    for g, (name, population) in enumerate(network.populations.items()):
        begin = len(records) - 1
        for drive in network.drives.get(name, []):
            for part in parts_of(population, drive.receptor):
                record = np.zeros(1, DRIVE)
                record["group"], record["receptor"] = g, part.current
                _fill(record[0], drive, part.factor, population.size, parts)
                records.append(record)
        spans[name] = begin, len(records) - 1
    joined = {key: np.concatenate([np.zeros(0), *values]) for key, values in parts.items()}
    arrays: dict[str, NDArray[Any]] = {"drives": np.concatenate(records)}
    for key, field in zip(
        joined, ("drive_mean", "drive_weight", "drive_table", "knot_time", "knot_share"), strict=True
    ):
        arrays[field] = joined[key]
    return arrays, spans


def _fill(record: Any, drive: PoissonInput, factor: float, size: int, parts: dict[str, list[Floats]]) -> None:
    """Fill in the record of a drive whose weights are `factor` times as large, and append its parts."""

    def append(key: str, values: Floats) -> int:
        at = sum(map(len, parts[key]))
        parts[key].append(np.ascontiguousarray(values, np.float64).ravel())
        return at

    rates = drive.greatest_rates(size)
    greatest = float(rates.max(initial=0.0))
    block = min(LONGEST_BLOCK, power_of_two_below(MEAN_ARRIVALS / greatest) if greatest > 0.0 else inf)
    record["block"], record["delay"] = block, drive.delay
    record["weight_at"], record["own_weight"] = append("weight", drive.weight * factor), drive.weight.ndim
    if isinstance(drive.rate, TimedRate):
        share = drive.rate.rates / greatest if greatest > 0.0 else np.zeros_like(drive.rate.rates)
        record["knots"], record["linear"] = len(drive.rate.times), drive.rate.linear
        record["knots_at"], record["own_shares"] = append("time", drive.rate.times), share.ndim - 1
        record["shares_at"] = append("share", share.T)
    elif np.ndim(drive.rate):
        record["own_mean"], record["mean_at"] = 1, append("mean", rates * block)
        return
    table = _at_most(greatest * block)
    record["table_at"] = append("table", table)
    record["table_end"] = record["table_at"] + len(table)


def _at_most(mean: float) -> Floats:
    """The probabilities of at most 0, 1, 2, .. arrivals, filled up with twos to a multiple of eight."""
    part = total = exp(-mean)
    table, n = [total], 0
    while n + 1 < MOST_DRAWN and (n < mean or part > SMALLEST):
        n += 1
        part *= mean / n
        total += part
        table.append(min(total, 1.0))
    return np.array(table + [2.0] * (-len(table) % 8 or 8))
