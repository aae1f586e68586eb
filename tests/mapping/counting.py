"""An independent recount of what a placement costs and uses: dictionaries and sets, nothing shared with the mapping."""

from __future__ import annotations

import numpy as np

import neuro as nr


def drawn(seed, sizes=(7, 5), fan=3.0):
    """Populations with random synapses among them, repeated pairs and own targets included, and spikes."""
    rng = np.random.default_rng(seed)
    net = nr.Network(seed=seed)
    names = [f"p{i}" for i in range(len(sizes))]
    for name, size in zip(names, sizes, strict=True):
        net.add(nr.Population(name, size, nr.LIF(tau_m=20e-3, v_th=1.0)))
    for pre, m in zip(names, sizes, strict=True):
        for post, k in zip(names, sizes, strict=True):
            count = rng.poisson(fan * m / len(sizes)) if m and k else 0
            ids = rng.integers(0, max(m, 1), count), rng.integers(0, max(k, 1), count)
            net.connect(pre, post, nr.Sparse(*ids, 1.0), delay=1e-3)
    spikes = {name: rng.integers(0, 9, size) for name, size in zip(names, sizes, strict=True)}
    return net, spikes


def pairs(net):
    """(source, target) of each synapse, as (population, neuron) each."""
    for projection in net.projections.values():
        pre, post = projection.pre.name, projection.post.name
        for i, j in zip(projection.synapses.pre, projection.synapses.post, strict=True):
            yield (pre, int(i)), (post, int(j))


def recount(net, spikes, core):
    """Objectives, and what each core uses."""
    where = {(name, i): int(c) for name, part in core.items() for i, c in enumerate(part)}
    remote, axons, out = set(), {}, {}
    synapses, neurons, cut = {}, {}, 0.0
    for neuron, c in where.items():
        neurons.setdefault(c, []).append(neuron)
    for source, target in pairs(net):
        here, there = where[source], where[target]
        axons.setdefault(there, set()).add(source)
        synapses[there] = synapses.get(there, 0) + 1
        if here != there:
            remote.add((source, there))
            out.setdefault(here, set()).add((source, there))
            cut += float(spikes[source[0]][source[1]])
    return {
        "km1": sum(float(spikes[name][i]) for (name, i), _ in remote),
        "cut_synapse_spikes": cut,
        "cores": len(neurons),
        "neurons": {c: len(held) for c, held in neurons.items()},
        "synapses": synapses,
        "axons_in": {c: len(held) for c, held in axons.items()},
        "axons_out": {c: len(held) for c, held in out.items()},
    }
