"""The mesh: hops and loads are those of a walk, one link at a time."""

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neuro.chip.mesh import HOPS, links, travelled
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
    hops, _ = travelled(placement, np.ones(len(placement.neuron_core)))
    for row, crossed in zip(hops, walked(placement), strict=True):
        expected = Counter()
        for link, count in crossed.items():
            expected[hop(placement.chip, link)] += count
        assert dict(zip(HOPS, row.tolist(), strict=True)) == {kind: expected[kind] for kind in HOPS}


@given(placement=placements(), seed=st.integers(0, 99))
def test_loads_of_links_are_those_of_a_walk(placement, seed):
    spikes = np.random.default_rng(seed).integers(0, 9, len(placement.neuron_core))
    _, loads = travelled(placement, spikes)
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
        return travelled(other, np.ones(len(other.neuron_core)))[0].sum(axis=1)

    assert np.all(total("multicast") <= total("unicast"))
