"""Draws a network of snnTorch, writes it as NIR, and its inputs and spikes as arrays: `nir_snntorch.py SEED FOLDER`.

Everything is in doubles, and a reset acts in its own step (`reset_delay=False`), as in NIR. Where one by subtraction
leaves v above the threshold, snnTorch undoes it in the next step; the array `beyond` says whether that happened.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nir
import numpy as np
import snntorch
import torch
from snntorch.export_nir import export_to_nir

STEPS, INPUTS, HIDDEN, OUTPUTS = 200, 7, 12, 5


def drawn(seed: int) -> tuple[torch.nn.Module, list[torch.nn.Module], str]:
    """A network of two layers, these layers, and how they reset."""
    rng = np.random.default_rng(seed)
    reset = ("zero", "subtract")[seed % 2]
    kinds = [("leaky", "synaptic", "recurrent")[int(k)] for k in rng.integers(0, 3, 2)]
    layers = []
    for kind, size in zip(kinds, (HIDDEN, OUTPUTS), strict=True):
        least = 0.5 if reset == "zero" else 2.5
        threshold = torch.tensor(rng.uniform(least, least + 1.0, size))
        own = {"beta": torch.tensor(rng.uniform(0.6, 0.95, size)), "threshold": threshold}
        own["init_hidden"] = True
        own |= {"reset_mechanism": reset, "reset_delay": False}
        if kind == "synaptic":
            layers.append(snntorch.Synaptic(alpha=torch.tensor(rng.uniform(0.3, 0.9, size)), **own))
        elif kind == "recurrent":
            layers.append(snntorch.RLeaky(linear_features=size, all_to_all=True, **own))
        else:
            layers.append(snntorch.Leaky(**own))
    links = torch.nn.Linear(INPUTS, HIDDEN, bias=bool(seed % 3)), torch.nn.Linear(HIDDEN, OUTPUTS, bias=bool(seed % 3))
    with torch.no_grad():
        for link in links:
            link.weight.mul_(3.0)
    return torch.nn.Sequential(links[0], layers[0], links[1], layers[1]), layers, reset


def main(seed: int, folder: Path) -> None:
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float64)
    net, layers, reset = drawn(seed)
    given = (torch.rand(STEPS, INPUTS) < 0.3).to(torch.float64)
    for part in net.modules():
        if isinstance(part, torch.nn.Linear):  # snnTorch's spikes are of single precision.
            part.register_forward_pre_hook(lambda _, args: (args[0].double(),))
    spikes: list[list[np.ndarray]] = [[], []]
    for layer, kept in zip(layers, spikes, strict=True):
        layer.register_forward_hook(
            lambda _, __, out, kept=kept: kept.append(
                (out[0] if isinstance(out, tuple) else out).detach().numpy().reshape(-1).copy()
            )
        )
    beyond = False
    with torch.no_grad():
        for step in given:
            net(step[None])
            beyond |= any(bool((layer.mem > layer.threshold).any()) for layer in layers)
    counts = [np.array(kept[:STEPS]) for kept in spikes]
    nir.write(folder / "net.nir", export_to_nir(net, given[:1], ignore_dims=[0]))
    arrays = {"inputs": given.numpy(), "hidden": counts[0], "output": counts[1], "reset": np.array(reset)}
    np.savez(folder / "run.npz", **arrays, beyond=np.array(beyond))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
