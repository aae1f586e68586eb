"""The same seed gives the same placement on every machine: placements by seed, as they came out on the first one."""

from __future__ import annotations

import numpy as np
import pytest

import neuro as nr
from neuro.mapping.baselines import baseline
from neuro.mapping.layout.layout import layout
from neuro.mapping.partition.large import partition_large
from neuro.mapping.random import random_state
from neuro.mapping.traffic import traffic_of
from tests.mapping.counting import drawn
from tests.mapping.networks import random_traffic

CORES = "0123456789ab"
CHIP = nr.mesh_chip(4, 3, neurons=4)


def text(cores):
    return "".join(CORES[core] for core in cores)


@pytest.mark.parametrize(
    ("objective", "effort", "expected"),
    [
        ("km1", "fast", "6a424aa9821445811826a96625bb9851b59b"),
        ("km1", "balanced", "5179714219a7763aa39512559644236a3624"),
        ("km1", "best", "7b535b1ab32556922937ba773611a96296a1"),
        ("cores", "fast", "66664444888811119999aaaa222255550000"),
        ("cores", "balanced", "66664444888811119999aaaa222255550000"),
        ("multicast_hops", "fast", "6a4249b9a21445811826a966250ab851859b"),
        ("multicast_hops", "balanced", "6a424979a21585811426a9662500a8418597"),
        ("unicast_hops", "fast", "a549415219840618819a52aa960420680625"),
        ("unicast_hops", "balanced", "72535abba311965215376a773219b96296ab"),
        ("energy", "fast", "a549455209844608809a52aa961120681621"),
        ("energy", "balanced", "7b535b2ab31556911937ba773622a96196a2"),
        ({"max_link": 1.0, "km1": 0.5}, "fast", "1a424aa9826445866821a911257798567597"),
        ({"max_link": 1.0, "km1": 0.5}, "balanced", "1a424a79a26445866821a911257798568597"),
    ],
)
def test_a_seed_stands_for_one_placement_by_each_objective(objective, effort, expected):
    net, spikes = drawn(11, (20, 16))
    assert text(nr.place(net, CHIP, spikes, objective, effort, 3).neuron_core) == expected


def test_a_seed_stands_for_one_placement_by_rules():
    net, spikes = drawn(11, (20, 16))
    pinned = {"p0": np.r_[[7, 2], np.full(18, -1)]}
    found = nr.place(net, CHIP, spikes, "multicast_hops", "fast", 3, pinned=pinned, apart=[("p0", "p1")], dead=[5])
    assert text(found.neuron_core) == "722227770000444411113333aaaa99996666"


@pytest.mark.parametrize(("seed", "expected"), [(0, "81b7a9465"), (1, "8b175496a")])
def test_a_seed_stands_for_one_layout(seed, expected):
    net, spikes = drawn(11, (20, 16))
    part = np.arange(36) // 4
    assert text(layout(traffic_of(net, spikes), part, CHIP, effort="fast", seed=seed)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("random", "6345162a6a231174572b31657bb4342baa57"), ("hilbert+force", "555511110000aaaa888844449999bbbb6666")],
)
def test_a_seed_stands_for_one_baseline(name, expected):
    net, spikes = drawn(11, (20, 16))
    assert text(baseline(name, traffic_of(net, spikes), CHIP, seed=2)) == expected


def test_a_large_network_is_cut_in_one_way():
    traffic = random_traffic(48, 5, 3)
    room, loose = np.full(6, 9), np.full(48, -1, np.int32)
    assert text(partition_large(traffic, room, loose, 20)) == "521420234045311020134315234223415414010331242300"


def test_a_seed_and_a_name_stand_for_one_stream():
    assert random_state(1, "a").shape == (1,)
    assert [int(random_state(seed, name)[0]) for seed, name in ((1, "a"), (1, "b"), (2, "a"))] == [
        4057891936628881017,
        4600815649463620546,
        7647204766053817446,
    ]
