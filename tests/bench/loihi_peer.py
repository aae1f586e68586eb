"""Random networks of Loihi's neurons beside brian2-loihi: every spike, potential and current, step by step.

    PYTHONPATH=. python tests/bench/loihi_peer.py [--cases N] [--seed N]

brian2-loihi 0.5.2 (Michaelis et al., Frontiers in Neuroinformatics 2022), which was compared with the chip, is needed
beside neuro: pip install --no-deps brian2-loihi==0.5.2. It has neither bias nor bounds, so networks are drawn with
`bounded` neurons where they stay within the bounds anyway. Each network has two populations that differ in all
parameters, and synapses with weight exponents, weight bits, signs and delays of their own.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import brian2
import brian2_loihi as peer
import numpy as np

import neuro as nr

STEPS, CELLS, SOURCES = 80, 6, 5
SIGNS = {"mixed": 1, "positive": 2, "negative": 3}


def draw_cells(rng: np.random.Generator) -> dict[str, int]:
    """Parameters of a population; decays at both ends of their range are as likely as any in between."""
    decays = [int(rng.choice([0, 1, 4095, 4096, rng.integers(0, 4097)])) for _ in range(2)]
    threshold = int(rng.choice([0, rng.integers(0, 500), rng.integers(0, 131072)]))
    refractory = int(rng.choice([1, 2, 64, rng.integers(1, 65)]))
    return {"d_u": decays[0], "d_v": decays[1], "v_th": threshold, "refractory": refractory}


def draw_synapses(rng: np.random.Generator, n_pre: int) -> dict[str, Any]:
    """Synapses of one format: each pair with probability 0.6."""
    signs = str(rng.choice(list(SIGNS)))
    low, high = {"mixed": (-256, 254), "positive": (0, 255), "negative": (-256, 0)}[signs]
    pre, post = np.nonzero(rng.random((n_pre, CELLS)) < 0.6)
    return {
        "pre": pre,
        "post": post,
        "mantissa": rng.integers(low, high + 1, len(pre)),
        "exponent": int(rng.integers(-8, 8)),
        "bits": int(rng.integers(1, 9)),
        "signs": signs,
        "delay": int(rng.integers(0, 6)),
    }


def run_peer(cells: list[dict[str, int]], links: dict[tuple[int, int], Any], spikes: nr.Spikes) -> list[Any]:
    """Spikes (step, neuron), potentials and currents of each population, from brian2-loihi."""
    groups = [
        peer.LoihiNeuronGroup(
            CELLS,
            refractory=c["refractory"],
            threshold_v_mant=c["v_th"],
            decay_v=c["d_v"],
            decay_I=c["d_u"],
        )
        for c in cells
    ]
    source = peer.LoihiSpikeGeneratorGroup(SOURCES, spikes.ids, np.rint(spikes.times).astype(int))
    synapses = []
    for (pre, post), link in links.items():
        made = peer.LoihiSynapses(
            source if pre < 0 else groups[pre],
            groups[post],
            delay=link["delay"],
            w_exp=link["exponent"],
            sign_mode=SIGNS[link["signs"]],
            num_weight_bits=link["bits"],
        )
        made.connect(i=link["pre"], j=link["post"])
        if len(link["pre"]):
            made.w = link["mantissa"]
        synapses.append(made)
    # A high order: currents are read after the spikes of the step have been added.
    currents = [peer.LoihiStateMonitor(group, "I", order=10) for group in groups]
    volts = [peer.LoihiStateMonitor(group, "v") for group in groups]
    fired = [peer.LoihiSpikeMonitor(group) for group in groups]
    network = peer.LoihiNetwork(source, *groups, *synapses, *currents, *volts, *fired)
    network.run(STEPS)
    return [
        (sorted(zip(np.rint(f.t_ * 1000).astype(int).tolist(), np.asarray(f.i).tolist(), strict=True)), v.v.T, i.I.T)
        for f, v, i in zip(fired, volts, currents, strict=True)
    ]


def run_ours(
    cells: list[dict[str, int]], links: dict[tuple[int, int], Any], spikes: nr.Spikes, *, bounded: bool
) -> list[Any]:
    """The same from neuro, in runs of one step each."""
    net = nr.Network()
    names = [f"cells {k}" for k in range(len(cells))]
    source = net.add(nr.Population("source", SOURCES, nr.SpikeSource()))
    groups = [
        net.add(nr.Population(name, CELLS, nr.LoihiLIF(bounded=bounded, **c)))
        for name, c in zip(names, cells, strict=True)
    ]
    for (pre, post), link in links.items():
        weight = nr.loihi_weights(link["mantissa"], link["exponent"], bits=link["bits"], signs=link["signs"])
        made = nr.Sparse(link["pre"], link["post"], weight)
        net.connect(source if pre < 0 else groups[pre], groups[post], made, delay=1.0 + link["delay"])
    program, state = nr.build_clocked(net, dt=1.0), None
    found: list[Any] = [([], [], []) for _ in cells]
    for _ in range(STEPS):
        rec = nr.run(program, 1.0, engine="clocked", inputs={"source": spikes}, state=state)
        state = rec.state
        for name, (fired, v, u) in zip(names, found, strict=True):
            train, here = rec.spikes[name], program.slice(name)
            fired += zip(np.rint(train.times).astype(int).tolist(), train.ids.tolist(), strict=True)
            v.append(state.arrays.neuron["v"][here].copy())
            u.append(state.arrays.neuron["u"][here].copy())
    return [(sorted(fired), np.array(v), np.array(u)) for fired, v, u in found]


def same(one: list[Any], other: list[Any]) -> bool:
    """Do all spikes, potentials and currents agree?"""
    return all(
        a[0] == b[0] and np.array_equal(a[1], b[1]) and np.array_equal(a[2], b[2])
        for a, b in zip(one, other, strict=True)
    )


def main() -> int:
    """Compare, and print how many networks differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    brian2.prefs.codegen.target = "numpy"
    rng = np.random.default_rng(given.seed)
    different = fired = within = 0
    for case in range(given.cases):
        cells = [draw_cells(rng) for _ in range(2)]
        pairs = [(-1, 0), (-1, 1), (0, 1), (1, 0), (1, 1)]
        links = {pair: draw_synapses(rng, SOURCES if pair[0] < 0 else CELLS) for pair in pairs}
        steps, ids = np.nonzero(rng.random((STEPS, SOURCES)) < rng.choice([0.05, 0.3]))
        spikes = nr.Spikes(steps.astype(float), ids)
        theirs = run_peer(cells, links, spikes)
        bounded = max(float(np.abs(x).max()) for part in theirs for x in part[1:]) < 2**23
        ours = [run_ours(cells, links, spikes, bounded=each) for each in {False, bounded}]
        if not all(same(one, theirs) for one in ours):
            different += 1
            print(f"case {case} of seed {given.seed} differs: {cells} {links}")
        fired += sum(len(part[0]) for part in theirs)
        within += bounded
    print(
        f"{given.cases} random networks, {fired:,} spikes of neurons, {within} within the chip's bounds: "
        f"{different} differ from brian2-loihi"
    )
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
