"""Every spike of the balanced networks is where NEST's lossless neuron has it; minutes, in the group `bench`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import neuro as nr
from neuro.bench.networks import balanced, balanced_delays_grid, build_network
from neuro.bench.runners import PeerRunner

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(importlib.util.find_spec("nest") is None, reason="NEST is not installed: group `bench`"),
]


def in_nest(network: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Times and neurons of all spikes in NEST."""
    with PeerRunner("nest-exact", network) as nest:
        nest.run()
        nest.save(str(path))
    with np.load(path) as saved:
        return saved["times"], saved["ids"]


def test_every_spike_of_the_balanced_network_is_that_of_nests_lossless_neuron(tmp_path):
    case = balanced()
    times, ids = in_nest("balanced", tmp_path / "nest.npz")
    ours = nr.run(build_network(case)[0], case.duration).spikes["cells"]
    assert len(ours) == 110_678
    np.testing.assert_array_equal(ours.ids, ids)
    apart = np.abs(ours.times - times)
    assert apart.max() < 1e-8
    # The network is chaotic: what rounding leaves grows.
    assert apart[ours.times < 0.1].max() < 1e-12


def test_every_spike_with_a_delay_for_each_synapse_is_that_of_nests_lossless_neuron(tmp_path):
    case = balanced_delays_grid()  # NEST's delays are whole steps of its grid
    times, ids = in_nest(case.name, tmp_path / "nest.npz")
    ours = nr.run(build_network(case)[0], case.duration).spikes["cells"]
    assert len(ours) == 20_343
    np.testing.assert_array_equal(ours.ids, ids)
    assert np.abs(ours.times - times).max() < 1e-12
