"""Draws a network of Norse, writes it as NIR, and its inputs and spikes as arrays: `nir_norse.py SEED FOLDER`.

Everything is in doubles. Norse writes a time constant times the `dt` of its `to_nir`, so a step of the file lasts this
`dt` times a step of the network: the array `dt`. A step adds the input of an `IAFCell` as it is, so that a file with
one counts in steps. Norse writes `LIFCell` as CubaLIF without the factor between the jump of its current and that of
NIR, tau_syn/dt; it is given here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import torch
from norse.torch.functional.iaf import IAFParameters
from norse.torch.functional.leaky_integrator_box import LIBoxParameters
from norse.torch.functional.lif import LIFParameters
from norse.torch.functional.lif_box import LIFBoxParameters

STEPS, INPUTS, HIDDEN, OUTPUTS, STEP = 200, 7, 12, 5, 1e-3


def layer(kind: str, size: int, rng: np.random.Generator) -> torch.nn.Module:
    """Neurons with drawn parameters."""

    def drawn(low: float, high: float) -> torch.Tensor:
        return torch.tensor(rng.uniform(low, high, size))

    rates, v_th, zeros = 1.0 / drawn(3e-3, 20e-3), drawn(0.3, 0.9), torch.zeros(size, dtype=torch.float64)
    if kind == "lif_box":
        own = LIFBoxParameters(tau_mem_inv=rates, v_leak=drawn(-0.1, 0.2), v_th=v_th, v_reset=zeros)
        return norse.LIFBoxCell(own, dt=STEP)
    if kind == "lif":
        own = LIFParameters(1.0 / drawn(2e-3, 8e-3), rates, drawn(-0.1, 0.2), v_th, zeros)
        return norse.LIFCell(own, dt=STEP)
    return norse.IAFCell(IAFParameters(v_th=drawn(0.5, 2.0), v_reset=zeros), dt=STEP)


def main(seed: int, folder: Path) -> None:
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)
    rng = np.random.default_rng(seed)
    kinds = [("lif_box", "lif", "iaf")[int(k)] for k in rng.integers(0, 3, 2)]
    scale = 1.0 / STEP if "iaf" in kinds else (0.001, 1.0)[seed % 2]
    links = torch.nn.Linear(INPUTS, HIDDEN, bias=bool(seed % 3)), torch.nn.Linear(HIDDEN, OUTPUTS, bias=bool(seed % 3))
    with torch.no_grad():
        for link in links:
            link.weight.mul_(6.0)
    layers = [layer(kind, size, rng) for kind, size in zip(kinds, (HIDDEN, OUTPUTS), strict=True)]
    integrator = norse.LIBoxCell(LIBoxParameters(torch.full((OUTPUTS,), 100.0), torch.zeros(OUTPUTS)), dt=STEP)
    net = norse.SequentialState(links[0], layers[0], links[1], layers[1], integrator)
    given = (torch.rand(STEPS, INPUTS) < 0.3).to(torch.float64)
    spikes: list[list[np.ndarray]] = [[], []]
    state = None
    with torch.no_grad():
        graph = norse.to_nir(net, torch.zeros(1 + seed % 3, INPUTS), dt=scale)
        hooks = zip(layers, spikes, strict=True)
        for each, kept in hooks:
            each.register_forward_hook(
                lambda _, __, out, kept=kept: kept.append(out[0].detach().numpy().reshape(-1).copy())
            )
        for step in given:
            _, state = net(step[None], state)
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            node.w_in = node.tau_syn.numpy() / (scale * STEP)
    nir.write(folder / "net.nir", graph)
    hidden, output = (np.array(kept) for kept in spikes)
    arrays = {"inputs": given.numpy(), "hidden": hidden, "output": output, "dt": np.array(scale * STEP)}
    np.savez(folder / "run.npz", **arrays, beyond=np.array(False), kinds=np.array(kinds))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
