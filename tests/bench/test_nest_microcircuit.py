"""A tenth of the cortical microcircuit fires as in NEST with the same synapses; minutes, in the group `bench`."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

import neuro as nr
from neuro.network.listing import delays_of, triplets_of
from neuro.tasks._microcircuit import CAPACITANCE, POPULATIONS, REFRACTORY, TAU_M, TAU_SYN, circuit
from neuro.units import ms

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(importlib.util.find_spec("nest") is None, reason="NEST is not installed: group `bench`"),
]

DURATION, SETTLE, STEP = 2.0, 0.2, 0.1 * ms
SHARES = {"size": 0.1, "indegree": 0.3}


def rates_of(counts: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    return {name: float(counts[k] / (sizes[k] * DURATION)) for k, name in enumerate(POPULATIONS)}


def nest_rates(neuron: str) -> dict[str, float]:
    """Rates in NEST, with the synapses and starting values that the network here has."""
    import nest

    net = circuit(**SHARES, poisson=False, delay_step=STEP, seed=0)
    nest.ResetKernel()
    nest.resolution, nest.local_num_threads = 0.1, 1
    pa = CAPACITANCE * 1e-3 / TAU_M  # pF and ms: from mV of R I to pA
    taus = {"tau_syn_ex": TAU_SYN / ms, "tau_syn_in": TAU_SYN / ms, "t_ref": REFRACTORY / ms, "tau_m": TAU_M / ms}
    cells, first, sizes = {}, {}, []
    for name, population in net.populations.items():
        model = population.model
        place = {"C_m": CAPACITANCE, "V_th": model.v_th, "E_L": model.v_rest, "V_reset": model.v_reset}
        made = nest.Create(neuron, int(population.size), params={**taus, **place, "I_e": model.bias * pa})
        made.V_m = population.initial["v"]
        cells[name], first[name] = made, made[0].global_id
        sizes.append(int(population.size))
    for projection in net.projections.values():
        listed = triplets_of(projection, net.seed)
        delay = np.round(np.asarray(delays_of(projection, net.seed, listed)) / ms, 1)
        nest.Connect(
            listed.pre.astype(np.int64) + first[projection.pre.name],
            listed.post.astype(np.int64) + first[projection.post.name],
            "one_to_one",
            {"synapse_model": "static_synapse", "weight": listed.weight.astype(float) * pa, "delay": delay},
        )
    nest.Simulate(SETTLE / ms)
    recorders = {name: nest.Create("spike_recorder") for name in cells}
    for name, made in cells.items():
        nest.Connect(made, recorders[name])
    nest.Simulate(DURATION / ms)
    return rates_of(np.array([recorders[name].n_events for name in POPULATIONS]), np.array(sizes))


@pytest.mark.parametrize("neuron", ["iaf_psc_exp", "iaf_psc_exp_ps_lossless"])
def test_the_rates_of_a_tenth_of_the_microcircuit_are_those_of_nest(neuron):
    # In a process of its own: NEST prints, and keeps its memory.
    ran = subprocess.run([sys.executable, __file__, neuron], check=True, stdout=subprocess.PIPE, text=True)
    theirs = json.loads(ran.stdout.strip().splitlines()[-1])
    net = circuit(**SHARES, poisson=False, delay_step=STEP, seed=0)
    program = nr.build(net)
    settled = nr.run(program, SETTLE)
    spikes = nr.run(program, DURATION, state=settled.state).spikes
    sizes = np.array([int(population.size) for population in net.populations.values()])
    ours = rates_of(np.array([len(spikes[name]) for name in POPULATIONS]), sizes)
    assert ours == pytest.approx(theirs, rel=0.1)


if __name__ == "__main__":
    print(json.dumps(nest_rates(sys.argv[1])))
