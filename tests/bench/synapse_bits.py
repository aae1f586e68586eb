"""Synapse memory of random axons beside nengo-loihi's own count, in an environment that has nengo-loihi.

PYTHONPATH=. python tests/bench/synapse_bits.py [--cases N] [--seed N]

nengo-loihi 1.1.0 needs numpy below 1.24, so this wants an environment of its own:
pip install nengo-loihi==1.1.0 "nengo<4" "numpy<1.24" "scipy<1.12".
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from nengo_loihi.block import SynapseConfig

from neuro.chip.capacity import INDEX_FIELDS, WEIGHT_FIELDS, SynapseFormat, axon_bits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    different = 0
    for _ in range(given.cases):
        weight, index, block = int(rng.integers(8)), int(rng.integers(8)), int(rng.integers(1, 65))
        delay, tag, synapses = int(rng.integers(7)), int(rng.integers(7)), int(rng.integers(0, 1025))
        theirs = SynapseConfig(
            weight_bits=weight,
            delay_bits=delay,
            tag_bits=tag,
            idx_bits=index,
            n_synapses=block - 1,
            compression=3 if INDEX_FIELDS[index] == 0 else 0,
        ).bits_per_axon(synapses)
        form = SynapseFormat(
            weight_bits=WEIGHT_FIELDS[weight],
            delay_bits=delay,
            tag_bits=tag,
            index_bits=INDEX_FIELDS[index],
            block=block,
        )
        different += int(axon_bits(synapses, form)) != theirs
    print(f"{given.cases} random axons: {different} differ from nengo-loihi")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
