"""The same seed gives the same placement on every machine: placements by seed, as they came out on the first one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import neuro as nr
from neuro.chip.model import Limits
from neuro.mapping.baselines import baseline
from neuro.mapping.layout.layout import arrange, layout
from neuro.mapping.layout.nets import nets_of
from neuro.mapping.layout.relieve_link import relieve_link
from neuro.mapping.partition.large import partition_large
from neuro.mapping.random import random_state
from neuro.mapping.refine.refine import refine
from neuro.mapping.search import Prices
from neuro.mapping.traffic import traffic_of
from tests.mapping.counting import drawn
from tests.mapping.networks import random_traffic

CORES = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"
CHIP = nr.mesh_chip(4, 3, neurons=4)


def text(cores):
    return "".join(CORES[core] for core in cores)


@pytest.mark.parametrize(
    ("objective", "effort", "expected"),
    [
        ("km1", "fast", "8614166a2451192552486a884977a29579a7"),
        ("km1", "balanced", "5971794a912776b22b159a551644ab62b6a4"),
        ("km1", "best", "816961a0195664255298108894aa0245240a"),
        ("cores", "fast", "66664444888811119999aaaa222255550000"),
        ("cores", "balanced", "66664444888811119999aaaa222255550000"),
        ("multicast_hops", "fast", "8014960a6451292651480a884965a21529a0"),
        ("multicast_hops", "balanced", "5179724219a6363aa795125596bb137a3624"),
        ("unicast_hops", "fast", "8514165a6401296001485a884925a29029a6"),
        ("unicast_hops", "balanced", "48602819802665a12a04894405629a51a591"),
        ("energy", "fast", "8514155a2401192002485a884966a29069a6"),
        ("energy", "balanced", "48606819802665a22a04894405119a52a591"),
        ({"max_link": 1.0, "km1": 0.5}, "fast", "51b9b11239abb63aa39512559688236a8628"),
        ({"max_link": 1.0, "km1": 0.5}, "balanced", "a179714219577635539a12aa964423653624"),
    ],
)
def test_a_seed_stands_for_one_placement_by_each_objective(objective, effort, expected):
    net, spikes = drawn(11, (20, 16))
    assert text(nr.place(net, CHIP, spikes, objective, effort, 3).neuron_core) == expected


def test_a_seed_stands_for_one_placement_by_rules():
    net, spikes = drawn(11, (20, 16))
    pinned = {"p0": np.r_[[7, 2], np.full(18, -1)]}
    found = nr.place(net, CHIP, spikes, "multicast_hops", "fast", 3, pinned=pinned, apart=[("p0", "p1")], dead=[5])
    assert text(found.neuron_core) == "72724a72a14471a14a2163336096b960903b"


def limited(width, height, *, per_tile=1, first="x", **limits):
    """A mesh whose cores have these limits."""
    mesh = nr.mesh_chip(width, height, neurons=limits["neurons"])
    return replace(mesh, limits=Limits(**limits), cores_per_tile=per_tile, first_axis=first)


@pytest.mark.parametrize(
    ("objective", "limits", "expected"),
    [
        ("km1", {"synapses": 11}, "ec6dace8c94a796556d9c8edda7447657a8e"),
        ("cores", {"synapses": 11}, "3796256753b2a19baa63b173a28178599265"),
        ("km1", {"axons_in": 9}, "57b6a7ed76e9f9baab657d5569fedfbaf9de"),
        ("cores", {"axons_in": 9}, "7756b56914224a11256b6a772b4a95914b9a"),
        ("km1", {"axons_out": 8}, "735b53923ba5561aa1b73277b699216a1629"),
        (
            "km1",
            {"axons_in": 10, "axons_out": 10, "synapses": 13},
            "4da5ad6cd598e8e19a54dc445866cea9e8c6",
        ),
        ("km1", {"rows": 9, "columns": 3}, "be865ebf974889c45c6aef776a4ddc95dafb"),
        ("cores", {"rows": 9, "columns": 3}, "b9ea85f18bc6f4d9dda651eba5fc4e89c614"),
        ("multicast_hops", {"axons_in": 12, "synapses": 20}, "ae868dbde659c9c5586aedaa6944ec85c9db"),
    ],
    ids=str,
)
def test_a_seed_stands_for_one_placement_by_each_limit(objective, limits, expected):
    net, spikes = drawn(11, (20, 16))
    chip = limited(4, 4, **{"neurons": 4, **limits})
    assert text(nr.place(net, chip, spikes, objective, "fast", 3).neuron_core) == expected


@pytest.mark.parametrize(
    ("objective", "chip", "rules", "expected"),
    [
        (
            "km1",
            limited(4, 4, neurons=4, axons_in=10),
            {"apart": [("p0", "p1")]},
            "a5a5eda7d7eea7d5ed579f669fc9bcbfcbb9",
        ),
        (
            "km1",
            limited(4, 4, neurons=4, axons_in=10),
            {"pinned": {"p0": np.r_[[7, 2, 7], np.full(17, -1)]}},
            "7279a27129a6363ea395215595bb136ab617",
        ),
        (
            "km1",
            limited(3, 3, neurons=20, axons_in=30),
            {"together": [("p1",)]},
            "341414311111111111414444444444444444",
        ),
        ("cores", limited(4, 4, neurons=4), {"apart": [("p0", "p1")]}, "6666bbbbdddd55559999aaaa222211117777"),
        ("multicast_hops", limited(4, 4, neurons=4), {"cores": 10}, "624a41712a95050994a62166a57720490517"),
        ("multicast_hops", limited(3, 2, neurons=4, per_tile=2), {}, "762608bb31192830127690776813b390289b"),
        ("unicast_hops", limited(4, 3, neurons=4, first="y"), {}, "36a7a56157ba925bba7361337296192b9215"),
    ],
)
def test_a_seed_stands_for_one_placement_by_each_rule_and_mesh(objective, chip, rules, expected):
    net, spikes = drawn(11, (20, 16))
    assert text(nr.place(net, chip, spikes, objective, "fast", 3, **rules).neuron_core) == expected


@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        ("fast", "1110100110100101001101001011100001011001001000010001100110101000"),
        ("balanced", "1110100110100101001101001011100001011001001000010001100110101000"),
    ],
)
def test_a_seed_stands_for_one_partition_from_coarse_to_fine(effort, expected):
    net, spikes = drawn(5, (40, 24))
    assert text(nr.place(net, limited(2, 1, neurons=36), spikes, effort=effort, seed=3).neuron_core) == expected


@pytest.mark.parametrize(
    ("effort", "expected"),
    [
        (
            "fast",
            "33012111123020123122330330022110021120023113130111133232122022002232203221323220311233111230133033103103",
        ),
        (
            "balanced",
            "23210311123101122100230220000130101301003112133313123030120100120232003001222202313032131031133333113302",
        ),
    ],
)
def test_a_seed_stands_for_one_refinement_of_many_neurons(effort, expected):
    chip, prices = limited(2, 2, neurons=28, axons_in=80), Prices(tree=1.0, delivery=0.5)
    found = refine(random_traffic(104, 2, 4), np.arange(104) // 26, chip, prices, effort=effort, seed=1)
    assert text(found) == expected


@pytest.mark.parametrize(("effort", "cores"), [("fast", 3), ("balanced", None)])
def test_a_seed_stands_for_one_refinement_of_few_neurons(effort, cores):
    chip, prices = limited(2, 2, neurons=7, axons_in=16, synapses=40), Prices(path=1.0)
    found = refine(random_traffic(24, 2, 4), np.arange(24) // 6, chip, prices, effort=effort, seed=1, cores=cores)
    assert text(found) == "301033212220002131230302"


@pytest.mark.parametrize(
    ("chip", "given", "expected"),
    [
        (limited(5, 5, neurons=2), {}, "92ah03ibfcje561g47d8"),
        (limited(5, 5, neurons=2), {"prices": Prices(path=1.0), "effort": "balanced"}, "20fm51igkhndab6l3c78"),
        (
            limited(5, 5, neurons=2),
            {"prices": Prices(tree=1.0, path=0.5), "fixed": {3: 0, 4: 24}, "dead": [12]},
            "ln80oe5d2b6aimj7khgf",
        ),
        (limited(4, 3, neurons=2, per_tile=2, first="y"), {}, "e45j09lag2ik381h6bcd"),
    ],
)
def test_a_seed_stands_for_one_layout_of_more_parts(chip, given, expected):
    found = layout(random_traffic(40, 3, 4), np.arange(40) // 2, chip, **{"effort": "fast", "seed": 1, **given})
    assert text(found) == expected


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (Prices(tree=1.0), "3rIaeDMV4XUdQ-CEu20gOcYZtTj+ywFqpNfoPh7xBmJRSvsHbLK5ilk689nGzWA1"),
        (Prices(path=1.0), "2rD9c7MVeXUls+RGu10FOiZStQzTxwNphW3Emq-yK4jkLdBPbfv5ICn6gaJHoYA8"),
    ],
    ids=str,
)
def test_a_seed_stands_for_one_layout_of_many_parts(prices, expected):
    found = layout(
        random_traffic(256, 2, 5), np.arange(256) // 4, limited(8, 8, neurons=4), prices, effort="fast", seed=1
    )
    assert text(found) == expected


def test_a_seed_stands_for_one_layout_of_a_graph_and_one_relief_of_its_links():
    edges = np.arange(5), np.array([1, 2, 3, 4, 0]), np.arange(1.0, 6.0)
    assert text(arrange(*edges, limited(3, 3, neurons=1), 8, effort="fast", seed=2)) == "53478120"
    nets = nets_of(random_traffic(40, 3, 4), np.arange(40) // 4, 10)
    relieved = relieve_link(nets, limited(4, 3, neurons=4), np.arange(10), effort="fast", seed=2, dead=(11,))
    assert text(relieved) == "82a0156349"


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
    assert random_state(1, "a").shape == (2,)
    assert [int(random_state(seed, name)[0]) for seed, name in ((1, "a"), (1, "b"), (2, "a"))] == [
        4057891936628881017,
        4600815649463620546,
        7647204766053817446,
    ]
