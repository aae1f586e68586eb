"""Runs a network and inputs, both of NIR, in jaxsnn with its analytic solver: `PYTHON nir_jaxsnn.py FOLDER`.

It needs no neuro. FOLDER has `net.nir` and `inputs.nir`, with one sample for each row; `outputs.nir` gets the spikes of
all layers. jaxsnn 0.3.0 reads the time constants of a file, which are seconds, as milliseconds, so that its times are
thousandths of the file's; and the weights of a Linear, which are (outputs, inputs), the other way round. Both are made
up for here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jax
import nir
import numpy as np
from jaxsnn.event import ConversionConfig, from_nir, from_nir_data, to_nir_data

UNIT = 1e-3
"""A second of the file, in those of jaxsnn."""


def scaled(data: nir.NIRGraphData, factor: float) -> nir.NIRGraphData:
    """Spikes whose times are multiplied."""
    found = {}
    for name, node in data.nodes.items():
        spikes = node.observables["spikes"]
        time = np.asarray(spikes.time, np.float64) * factor
        events = nir.EventData(np.asarray(spikes.idx), time, spikes.n_neurons, float(spikes.t_max) * factor)
        found[name] = nir.NIRNodeData({"spikes": events})
    return nir.NIRGraphData(found)


def main(folder: Path) -> None:
    """Read both files, run, write the spikes."""
    graph, given = nir.read(folder / "net.nir"), scaled(nir.read_data(folder / "inputs.nir"), UNIT)
    for node in graph.nodes.values():
        if isinstance(node, nir.Linear):
            node.weight = node.weight.T
    layers = {name: node for name, node in graph.nodes.items() if isinstance(node, nir.CubaLIF)}
    (trains,) = (node.observables["spikes"] for node in given.nodes.values())
    # Steps of a layer: one for each arrival and for each spike, of which a neuron is given ten.
    steps, count = {}, trains.idx.shape[1]
    for name, node in layers.items():
        count += 10 * np.size(node.tau_mem)
        steps[name] = count
    topology = from_nir(graph, ConversionConfig(t_max=trains.t_max, n_steps=steps))
    first, apply = topology.done()
    found = jax.jit(apply)(from_nir_data(given, topology), first(jax.random.PRNGKey(0)))
    spikes = {name: found[name].get_internal() for name in layers}
    nir.write_data(folder / "outputs.nir", scaled(to_nir_data(spikes, topology), 1.0 / UNIT))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
