"""Buffers that grow while a run is under way: what was simulated before they were full is kept."""

from __future__ import annotations

import numpy as np
import pytest

import neuro as nr
from neuro.engine.drive import chunks, workspace


def bursting(n=2_000):
    """Neurons with 100 synapses each, whose delays are their own, under a drive that makes them fire in bursts."""
    rng = np.random.default_rng(3)
    net = nr.Network()
    cells = net.add(nr.Population("cells", n, nr.LIF(tau_m=20e-3, v_th=20.0, v_reset=0.0, tau_syn=2e-3, bias=19.0)))
    pre = np.repeat(np.arange(n), 100)
    post = rng.integers(0, n, len(pre))
    delay = np.clip(rng.normal(1.5e-3, 0.5e-3, len(pre)), 0.2e-3, None)
    weights = np.where(pre < 0.8 * n, 3.0, -15.0)
    net.connect(cells, cells, nr.Sparse(pre, post, weights), delay=delay)
    net.drive(cells, nr.PoissonInput(rate=2e3, weight=3.0))
    return nr.build(net)


@pytest.mark.parametrize("threads", [1, 2])
def test_few_windows_are_simulated_twice_while_arrivals_and_spikes_under_way_grow(monkeypatch, threads):
    simulated, simulate = [], chunks.run_windows

    def counted(fixed, arrays, inputs, output, work, begin, *rest):
        reached = simulate(fixed, arrays, inputs, output, work, begin, *rest)
        simulated.append(reached - begin)
        return reached

    monkeypatch.setattr(chunks, "run_windows", counted)
    recording = nr.run(bursting(), 0.1, seed=1, threads=threads)
    assert len(recording.spikes["cells"]) > 4_000
    assert sum(simulated) < 1.1 * 0.1


def test_where_chunks_end_for_want_of_room_moves_no_bit():
    program = bursting()
    whole = nr.run(program, 0.1, seed=1)
    first = nr.run(program, 0.037, seed=1)
    rest = nr.run(program, 0.063, state=first.state)
    parts = [
        np.concatenate([getattr(part.spikes["cells"], name) for part in (first, rest)]) for name in ("times", "ids")
    ]
    for other in (
        parts,
        [getattr(nr.run(program, 0.1, seed=1, threads=2).spikes["cells"], n) for n in ("times", "ids")],
    ):
        np.testing.assert_array_equal(other[0], whole.spikes["cells"].times)
        np.testing.assert_array_equal(other[1], whole.spikes["cells"].ids)


def test_only_populations_on_straight_lines_take_room_for_neurons_aside():
    for model, rooms in ((nr.LIF(tau_m=20e-3, v_th=1.0), 0), (nr.IF(v_th=1.0), 1)):
        net = nr.Network()
        cells = net.add(nr.Population("cells", 5, model))
        net.connect(net.add(nr.Population("inputs", 3, nr.SpikeSource())), cells, nr.Dense(np.ones((3, 5))), delay=1e-3)
        program = nr.build(net)
        work = workspace.new_workspace(program, np.array([0, program.size]), 8, 8)
        assert (work.aside.size > 0, len(work.aside_bits)) == (rooms > 0, rooms * program.size)
