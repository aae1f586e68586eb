"""A million Poisson arrivals: exponential intervals, independence between neurons and between windows, and their rate.

`faults_of` is a set of tests of one sample. A sound sample fails one of its bounds in less than one case of a hundred.
Its power is shown, too: processes that are off by the amounts in `WRONG` fail.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

import neuro as nr
from neuro.engine.drive.drawn import DrawnDrives
from neuro.engine.lower.drives import drive_keys

NEURONS, ARRIVALS, RATE = 4, 260_000, 20e3
"""Neurons, arrivals of each in the mean, and arrivals per second."""
WINDOW = 2.0
"""Mean number of arrivals of a neuron in a window."""
LAGS = (1, 2, 3, 7, 16)

Trains = list[np.ndarray]
"""Of each neuron, the integral of its rate up to each arrival: for a Poisson process, a process of rate one."""


def faults_of(trains: Trains) -> set[str]:
    """The tests that a sample fails."""
    span = float(ARRIVALS)
    sizes = np.array([len(train) for train in trains])
    found = [("rate", np.abs(sizes - span).max() > 4.0 * sqrt(span))]
    for train in trains:
        u = 1.0 - np.exp(-np.diff(train))
        n = len(u)
        # Kolmogorov and Smirnov's distance, exceeded in one case of 10,000.
        found += [("intervals", np.abs(np.sort(u) - (np.arange(n) + 0.5) / n).max() > 2.23 / sqrt(n))]
        found += [("intervals in sequence", correlation(u[:-lag], u[lag:]) > 4.0 / sqrt(n)) for lag in LAGS]
    windows = int(span / WINDOW)
    counts = np.array([np.histogram(train, windows, (0.0, span))[0] for train in trains])
    bound = 4.2 / sqrt(windows)
    found += [("counts", abs(counts.var() / counts.mean() - 1.0) > 4.0 * sqrt(2.0 / counts.size))]
    for a, own in enumerate(counts):
        found += [("windows", correlation(own[:-lag], own[lag:]) > bound) for lag in LAGS]
        found += [("neurons", correlation(own, counts[b]) > bound) for b in range(a)]
        found += [("neurons", correlation(own[1:], counts[b, :-1]) > bound) for b in range(len(trains)) if b != a]
    return {name for name, bad in found if bad}


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return abs(float(np.corrcoef(x, y)[0, 1]))


def drawn(drive: nr.PoissonInput, stop: float) -> Trains:
    """The times at which arrivals of a drive come to each neuron."""
    net = nr.Network()
    net.drive(net.add(nr.Population("cell", NEURONS, nr.IF(v_th=1.0))), drive)
    found = DrawnDrives(net, drive_keys(net, 3)).between(0.0, stop)
    return [found.time[found.neuron == j] for j in range(NEURONS)]


def constant() -> Trains:
    return [RATE * times for times in drawn(nr.PoissonInput(RATE, 1.0), ARRIVALS / RATE)]


def each_its_own() -> Trains:
    """A rate for each neuron, over as long as the slowest needs."""
    rates = RATE * np.array([1.0, 0.3, 0.6, 0.8])
    times = drawn(nr.PoissonInput(rates, 1.0), ARRIVALS / rates.min())
    return [(rate * train)[rate * train < ARRIVALS] for rate, train in zip(rates, times, strict=True)]


def changing(linear: bool) -> Trains:
    """A rate that rises to twice its mean, falls, and is zero for a while."""
    span = ARRIVALS / RATE
    knots = span * np.array([0.0, 0.3, 0.5, 0.6, 1.0])
    shares = np.array([0.6, 2.4, 0.0, 0.0, 1.55] if linear else [1.0, 2.0, 0.0, 0.75, 0.0])
    rise, width = np.diff(shares) * linear, np.diff(knots)
    before = np.append(0.0, np.cumsum(width * (shares[:-1] + rise / 2)))
    assert before[-1] == pytest.approx(span)
    found = []
    for train in drawn(nr.PoissonInput(nr.TimedRate(knots, RATE * shares, linear=linear), 1.0), span):
        k = knots.searchsorted(train, side="right") - 1
        past = train - knots[k]
        found.append(RATE * (before[k] + past * (shares[k] + rise[k] * past / (2 * width[k]))))
    return found


def sources() -> Trains:
    """Spikes of Poisson sources."""
    net = nr.Network()
    net.add(nr.Population("noise", NEURONS, nr.PoissonSource(RATE)))
    spikes = nr.run(net, ARRIVALS / RATE, seed=3).spikes["noise"]
    return [RATE * spikes.times[spikes.ids == j] for j in range(NEURONS)]


@pytest.mark.parametrize(
    "trains",
    [constant, each_its_own, lambda: changing(False), lambda: changing(True), sources],
    ids=["one rate", "a rate for each neuron", "rates in steps", "rates on lines", "sources"],
)
def test_a_million_arrivals_are_a_poisson_process(trains):
    found = trains()
    assert sum(map(len, found)) > 1_000_000
    assert faults_of(found) == set()


def modulated(trains: Trains) -> Trains:
    """A fifth of what comes in every second span of ten mean intervals is left out."""
    rng = np.random.default_rng(1)
    return [train[(train // 10 % 2 == 0) | (rng.random(len(train)) < 0.8)] for train in trains]


def shared(trains: Trains) -> Trains:
    """One arrival of a hundred and twenty comes to two neurons instead of one."""
    rng = np.random.default_rng(1)
    first, second, *others = trains
    share = 1.0 / 40.0
    kept, both = second[rng.random(len(second)) >= share], first[rng.random(len(first)) < share]
    return [first, np.sort(np.concatenate([kept, both])), *others]


WRONG = {
    "a rate that is 1.5 % too low": (
        "rate",
        lambda trains: [train[np.arange(len(train)) % 67 > 0] for train in trains],
    ),
    "a dead time of 1.5 % of the mean interval": (
        "intervals",
        lambda trains: [train[np.diff(train, prepend=-1.0) > 0.015] for train in trains],
    ),
    "a grid of a fiftieth of the mean interval": (
        "intervals",
        lambda trains: [np.floor(50.0 * train) / 50.0 for train in trains],
    ),
    "a rate that is 20 % lower half of the time": ("windows", modulated),
    "one arrival of forty in common": ("neurons", shared),
    "intervals that follow their likes": (
        "intervals in sequence",
        lambda trains: [np.cumsum(np.sort(np.diff(t)[: len(t) // 40 * 40].reshape(-1, 40)).ravel()) for t in trains],
    ),
}
"""What is wrong, the test that finds it, and how it is made from a sound sample."""


@pytest.mark.parametrize("kind", WRONG)
def test_processes_that_are_off_by_little_are_found_out(kind):
    test, made = WRONG[kind]
    assert test in faults_of(made(constant()))
