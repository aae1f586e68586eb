"""The mesh: hops and loads are those of a walk, one link at a time."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.mesh import HOPS, hops_and_loads, links
from neuro.chip.model import tiled
from neuro.errors import ChipError, MissingFigure
from tests.placements import hop, path, placements


def walked(placement):
    """The links that one spike of each neuron crosses."""
    chip, routes = placement.chip, placement.routes
    found = []
    for i, home in enumerate(placement.neuron_core):
        crossed = Counter()
        for core in routes.core[routes.start[i] : routes.start[i + 1]] if home >= 0 else []:
            crossed.update(path(chip, tuple(chip.xy[home]), tuple(chip.xy[core])))
        found.append(crossed if chip.routing == "unicast" else Counter(set(crossed)))
    return found


@given(placement=placements())
def test_hops_are_those_of_a_walk(placement):
    hops, _ = hops_and_loads(placement, np.ones(len(placement.neuron_core)))
    for row, crossed in zip(hops, walked(placement), strict=True):
        expected = Counter()
        for link, count in crossed.items():
            expected[hop(placement.chip, link)] += count
        assert dict(zip(HOPS, row.tolist(), strict=True)) == {kind: expected[kind] for kind in HOPS}


@given(placement=placements(), seed=st.integers(0, 99))
def test_loads_of_links_are_those_of_a_walk(placement, seed):
    spikes = np.random.default_rng(seed).integers(0, 9, len(placement.neuron_core))
    _, loads = hops_and_loads(placement, spikes)
    expected = Counter()
    for count, crossed in zip(spikes, walked(placement), strict=True):
        for link, times in crossed.items():
            expected[link] += int(count) * times
    mesh = links(placement.chip)
    assert len(loads) == len(mesh.kind)
    for load, source, target, kind in zip(loads, mesh.source, mesh.target, mesh.kind, strict=True):
        link = tuple(map(int, source)), tuple(map(int, target))
        assert load == expected[link]
        assert HOPS[kind] == hop(placement.chip, link)


@given(placement=placements())
def test_a_tree_is_never_longer_than_its_paths(placement):
    def total(routing):
        other = replace(placement, chip=replace(placement.chip, routing=routing))
        return hops_and_loads(other, np.ones(len(other.neuron_core)))[0].sum(axis=1)

    assert np.all(total("multicast") <= total("unicast"))


def test_links_between_chips_are_a_kind_of_their_own():
    system = tiled(nr.load_chip("loihi_davies2018"), 2, 1)
    assert (system.cores, system.chips) == (256, (2, 1))
    mesh = links(system)
    between = mesh.kind == HOPS.index("hop_chip")
    columns = np.sort(np.stack([mesh.source[between, 0], mesh.target[between, 0]]), axis=0)
    assert set(map(tuple, columns.T.tolist())) == {(7, 8)}
    assert between.sum() == 2 * 4


def test_a_system_of_chips_needs_a_figure_for_the_links_between_them():
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(0.1), delay=1e-3)
    recording = nr.run(net, 2e-3, inputs={"cue": nr.Spikes([0.0], [0])})
    system = tiled(nr.load_chip("loihi_davies2018"), 2, 1)
    with pytest.raises(MissingFigure, match=r"hop_chip \(needed by 1 events\)"):
        nr.account(recording, nr.placed(net, system, {"cue": 0, "cell": system.cores - 1}))
    with pytest.raises(ChipError, match="whole chip"):
        tiled(system, 2, 1)
