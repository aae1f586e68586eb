"""Draws a network of sinabs, writes it as NIR, and its inputs and spikes as arrays: `nir_sinabs.py SEED FOLDER`.

Everything is in doubles. Two things of sinabs have no place in its files. A layer may fire several times in a step; the
array `beyond` says whether one did. Without `norm_input`, a spike is not scaled by 1 - exp(-1/tau); the resistance that
undoes the scaling is given here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nir
import numpy as np
import sinabs.activation as activation
import sinabs.layers as layers
import torch
from sinabs.nir import to_nir

STEPS, INPUTS, HIDDEN, OUTPUTS = 200, 7, 12, 5


def layer(kind: str, size: int, reset: str, seed: int, rng: np.random.Generator) -> torch.nn.Module:
    """Neurons with drawn parameters; `Squeeze` layers have no axis of time of their own."""
    least = (0.2 if kind == "norm" else 0.9) * (1.0 if reset == "zero" else 2.5)
    own = {"spike_threshold": torch.tensor(rng.uniform(least, 2.0 * least, size))}
    own["reset_fn"] = activation.MembraneReset() if reset == "zero" else activation.MembraneSubtract()
    own["spike_fn"] = activation.SingleSpike if seed % 4 > 1 else activation.MultiSpike
    squeezed = {"batch_size": 1} if seed % 3 == 0 else {}
    if kind == "iaf":
        return (layers.IAFSqueeze if squeezed else layers.IAF)(**own, **squeezed)
    tau = torch.tensor(rng.uniform(2.0, 20.0, size))
    made = (layers.LIFSqueeze if squeezed else layers.LIF)(tau_mem=tau, norm_input=kind == "norm", **own, **squeezed)
    made.tau_mem = torch.nn.Parameter(tau)  # sinabs has taken it in single precision.
    return made


def main(seed: int, folder: Path) -> None:
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(seed)
    reset = ("zero", "subtract")[seed % 2]
    kinds = [("norm", "plain", "iaf")[int(k)] for k in rng.integers(0, 3, 2)]
    links = torch.nn.Linear(INPUTS, HIDDEN, bias=bool(seed % 5)), torch.nn.Linear(HIDDEN, OUTPUTS, bias=bool(seed % 5))
    with torch.no_grad():
        for link in links:
            link.weight.mul_(2.5).add_(0.1)
    cells = [layer(kind, size, reset, seed, rng) for kind, size in zip(kinds, (HIDDEN, OUTPUTS), strict=True)]
    net = torch.nn.Sequential(links[0], cells[0], links[1], cells[1])
    for link in links:  # sinabs's spikes are of single precision.
        link.register_forward_pre_hook(lambda _, args: (args[0].double(),))
    given = (torch.rand(STEPS, INPUTS) < 0.3).to(torch.float64)
    counts: list[np.ndarray] = []
    for cell in cells:
        cell.register_forward_hook(lambda _, __, out: counts.append(out.detach().numpy().reshape(STEPS, -1).copy()))
    signal = given if seed % 3 == 0 else given[None]
    with torch.no_grad():
        net(signal)
        hidden, output = counts[:2]
        graph = to_nir(net, signal)
    for node, kind in zip((graph.nodes["1"], graph.nodes["3"]), kinds, strict=True):
        if kind == "plain":
            node.r = -1.0 / np.expm1(-1.0 / node.tau.numpy())
    nir.write(folder / "net.nir", graph)
    arrays = {"inputs": given.numpy(), "hidden": hidden, "output": output, "reset": np.array(reset)}
    beyond = max(hidden.max(), output.max()) > 1.0
    np.savez(folder / "run.npz", **arrays, beyond=np.array(beyond), kinds=np.array(kinds))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
