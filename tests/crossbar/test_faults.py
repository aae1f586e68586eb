"""Faults: drawn with the stated probabilities, whole lines, joined, and shown on a map."""

import math

import numpy as np
import pytest

import neuro as nr
from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import KINDS, Faults
from neuro.errors import DeviceError

TAOX = Device("d", 10e-6, 100e-6, levels=10)
SHAPE = (300, 400)


def test_each_kind_of_fault_comes_with_its_probability():
    faults = Faults.draw(SHAPE, TAOX, high=0.1, low=0.05, open=0.2, seed=3)
    wanted = {"healthy": 0.65, "open": 0.2, "low": 0.05, "high": 0.1, "between": 0.0}
    for part in faults.kinds(TAOX):
        shares = np.bincount(part.ravel(), minlength=5) / part.size
        for kind, share in zip(KINDS, shares, strict=True):
            p = wanted[kind]
            assert share == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / part.size))
    assert set(np.unique(faults.plus)[:3]) == {0.0, 10e-6, 100e-6}


def test_the_two_devices_of_a_pair_fail_independently():
    plus, minus = Faults.draw(SHAPE, TAOX, open=0.3, seed=1).kinds()
    both = np.mean((plus > 0) & (minus > 0))
    assert both == pytest.approx(0.09, abs=4 * math.sqrt(0.09 * 0.91 / plus.size))


def test_lines_fail_as_a_whole_with_their_probability():
    faults = Faults.draw((2000, 50), TAOX, rows=0.1, seed=2)
    for part in faults.kinds():
        dead = (part > 0).all(axis=1)
        assert ((part > 0).any(axis=1) == dead).all()
        assert dead.mean() == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / 2000))
    columns = Faults.draw((50, 2000), TAOX, columns=0.1, seed=2).kinds()[0]
    assert ((columns > 0).any(axis=0) == (columns > 0).all(axis=0)).all()


def test_named_lines_of_one_array_are_stuck():
    faults = Faults.lines((3, 4), rows=[0], columns=[2], at=5e-6, array="minus")
    assert np.isnan(faults.plus).all()
    assert (faults.minus[0] == 5e-6).all()
    assert (faults.minus[:, 2] == 5e-6).all()
    assert faults.count == 6


def test_joined_faults_are_those_of_both_and_the_second_wins():
    one, two = Faults.lines((2, 2), rows=[0]), Faults.lines((2, 2), columns=[0], at=1e-6)
    both = one | two
    assert np.asarray(both.plus).tolist()[0] == [1e-6, 0.0]
    assert both.count == 6
    with pytest.raises(DeviceError, match="one shape"):
        one | Faults.none((3, 3))


def test_a_map_shows_every_device():
    faults = Faults.lines((2, 3), rows=[0], at=100e-6, array="plus") | Faults.lines((2, 3), columns=[2], at=10e-6)
    text = (faults | Faults([[np.nan, 50e-6, np.nan], [0, np.nan, np.nan]], np.full((2, 3), np.nan))).map(TAOX)
    assert text.splitlines()[:3] == ["plus   minus", "HsL    ..L", "O.L    ..L"]
    assert "O open" in text
    assert "7 of 12 devices" in text
    assert "all healthy; 0 of 8 devices" in Faults.none((2, 2)).map()


@pytest.mark.parametrize("name", ["ideal", "taox_64x64", "ReRamSB"])
def test_stuck_devices_take_pulses_and_stay(name):
    device = load_device(name)
    faults = Faults.draw((8, 8), device, high=0.3, low=0.3, open=0.3, seed=5)
    crossbar = nr.Crossbar(np.zeros((8, 8)), device, faults=faults, w_max=1.0, start=0.5)
    rng = np.random.default_rng(0)
    for _ in range(5):
        crossbar.accumulate(rng.normal(0, 0.5, (8, 8)))
    for held, stuck in ((crossbar.conductance_plus, faults.plus), (crossbar.conductance_minus, faults.minus)):
        there = ~np.isnan(stuck)
        assert (held[there] == np.asarray(stuck)[there]).all()
        assert (held[~there] != device.g_min).any()
    assert crossbar.ledger.as_dict()["pulses_up"] > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Faults.draw((2, 2), TAOX, high=1.2), "high"),
        (lambda: Faults.draw((2, 2), TAOX, high=0.6, low=0.6), "add up to 1"),
        (lambda: Faults.lines((2, 2), rows=[2]), "rows"),
        (lambda: Faults.lines((2, 2), array="left"), "plus"),
    ],
)
def test_impossible_faults_are_refused(make, message):
    with pytest.raises(DeviceError, match=message):
        make()
