"""Every spike of the balanced network is where NEST's lossless neuron has it; a minute, in the group `bench`."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import neuro as nr
from neuro.bench.networks import balanced, build_network
from neuro.bench.runners import PeerRunner

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(importlib.util.find_spec("nest") is None, reason="NEST is not installed: group `bench`"),
]


def test_every_spike_of_the_balanced_network_is_that_of_nests_lossless_neuron(tmp_path):
    case = balanced()
    with PeerRunner("nest-exact", "balanced") as nest:
        nest.run()
        nest.save(str(tmp_path / "nest.npz"))
    with np.load(tmp_path / "nest.npz") as saved:
        times, ids = saved["times"], saved["ids"]
    ours = nr.run(build_network(case)[0], case.duration).spikes["cells"]
    assert len(ours) == 110_678
    np.testing.assert_array_equal(ours.ids, ids)
    apart = np.abs(ours.times - times)
    assert apart.max() < 1e-8
    # The network is chaotic: what rounding leaves grows.
    assert apart[ours.times < 0.1].max() < 1e-12
