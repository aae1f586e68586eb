"""The peers of `phases.py`: `PYTHON phases_peers.py bindsnet|snntorch GIVEN.npz`. It needs no neuro.

Free and nudged phases of integrate-and-fire neurons in time steps, as many images at once as `batch` says, and the
update of both matrices and biases. It prints one JSON line when it is ready: versions, and for each kind of run the
spikes of an image-phase. Then, for each line that it reads, the number of a kind of run, it measures that once and
prints the processor seconds, the image-phases, and the share of right answers.

Both peers leave gradients out. Inputs are constant currents, one matrix product for a batch. The drive of the hidden
neurons is multiplied by one number, found here, so that an image-phase has as many spikes as that of neuro.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from typing import Any

import numpy as np
import torch

Pair = tuple[torch.Tensor, torch.Tensor]
"""Something of hidden neurons and of outputs, shape (images, neurons) each."""


class BindsNET:
    """A `Network` of two `IFNodes` and a `Connection` each way; spikes are counted by additive traces."""

    def __init__(self, first: torch.Tensor, matrix: torch.Tensor, step: float) -> None:
        from bindsnet.network import Network
        from bindsnet.network.nodes import IFNodes
        from bindsnet.network.topology import Connection

        self.network, self.step, self.start = Network(dt=step, learning=False), step, None
        self.layers = []
        for name, size in (("hidden", len(matrix)), ("output", matrix.shape[1])):
            # An additive trace with a time constant without end is a count of spikes.
            counts: dict[str, Any] = {"traces": True, "traces_additive": True, "tc_trace": 1e30}
            layer = IFNodes(size, thresh=1.0, reset=0.0, refrac=0, lbound=-0.5, **counts)
            self.network.add_layer(layer, name)
            self.layers.append(layer)
        hidden, output = self.layers
        self.up, self.down = Connection(hidden, output, w=matrix), Connection(output, hidden, w=matrix.T)
        self.network.add_connection(self.up, "hidden", "output")
        self.network.add_connection(self.down, "output", "hidden")

    def weights(self, matrix: torch.Tensor) -> None:
        """Take this matrix."""
        self.up.w.data, self.down.w.data = matrix, matrix.T

    def begin(self, start: Pair) -> None:
        """Take these potentials, and no spikes on their way."""
        images = len(start[0])
        if self.network.batch_size != images:
            self.network.batch_size = images
            for layer in self.layers:
                layer.set_batch_size(images)
        self.network.reset_state_variables()
        for layer, v in zip(self.layers, start, strict=True):
            layer.v.copy_(v)

    def state(self) -> list[torch.Tensor]:
        """All that a phase needs to go on."""
        return [each.clone() for layer in self.layers for each in (layer.v, layer.s, layer.refrac_count)]

    def restore(self, state: list[torch.Tensor]) -> None:
        """Go on from there."""
        for layer, (v, s, left) in zip(self.layers, (state[:3], state[3:]), strict=True):
            layer.v.copy_(v)
            layer.refrac_count.copy_(left)
            layer.s = s

    def run(self, drive: Pair, steps: int) -> Pair:
        """Counts of spikes in so many steps with these currents in a step."""
        for layer in self.layers:
            layer.x.zero_()
        hidden, output = (each.expand(steps, *each.shape) for each in drive)
        # Half a step more, as the number of steps is rounded down.
        self.network.run({"hidden": hidden, "output": output}, time=(steps + 0.5) * self.step)
        return self.layers[0].x.clone(), self.layers[1].x.clone()


class SnnTorch:
    """Two `Leaky` without a leak that subtract at a spike, and a product with the matrix for each way."""

    def __init__(self, first: torch.Tensor, matrix: torch.Tensor, step: float) -> None:
        import snntorch

        # Without gradients nothing is recorded for a backward pass.
        self.neurons = [snntorch.Leaky(beta=1.0, threshold=1.0, reset_mechanism="subtract") for _ in range(2)]
        self.matrix = matrix
        self.v: list[torch.Tensor] = []
        self.spikes: list[torch.Tensor] = []

    def weights(self, matrix: torch.Tensor) -> None:
        """Take this matrix."""
        self.matrix = matrix

    def begin(self, start: Pair) -> None:
        """Take these potentials, and no spikes on their way."""
        self.v, self.spikes = list(start), [torch.zeros_like(each) for each in start]

    def state(self) -> list[torch.Tensor]:
        """All that a phase needs to go on; nothing changes it in place."""
        return [*self.v, *self.spikes]

    def restore(self, state: list[torch.Tensor]) -> None:
        """Go on from there."""
        self.v, self.spikes = state[:2], state[2:]

    def run(self, drive: Pair, steps: int) -> Pair:
        """Counts of spikes in so many steps with these currents in a step."""
        (hidden, output), (v, u), (s, z) = self.neurons, self.v, self.spikes
        up, down = self.matrix, self.matrix.T
        counts = torch.zeros_like(v), torch.zeros_like(u)
        for _ in range(steps):
            into, onto = torch.addmm(drive[0], z, down), torch.addmm(drive[1], s, up)
            s, v = hidden(into, v)
            z, u = output(onto, u)
            counts[0].add_(s)
            counts[1].add_(z)
        self.v, self.spikes = [v, u], [s, z]
        return counts


class Training:
    """Two-phase training of one kind: a peer, its time step, its batch."""

    def __init__(self, peer: type[BindsNET] | type[SnnTorch], given: dict[str, Any], step: float, batch: int) -> None:
        self.given, self.step, self.batch, self.scale = given, step, batch, 1.0
        tensors = [torch.from_numpy(given[name].astype(np.float32)) for name in ("first", "matrix", "bias1", "bias2")]
        self.first_weights, self.images = tensors, torch.from_numpy(given["images"].astype(np.float32))
        self.targets = torch.eye(len(given["bias2"]))[torch.from_numpy(given["labels"])]
        self.start = [torch.from_numpy(given[name].astype(np.float32)) for name in ("start1", "start2")]
        self.simulator = peer(tensors[0], tensors[1].clone(), step)
        self.weights = [each.clone() for each in tensors]
        self.velocity = [torch.zeros_like(each) for each in tensors]

    def reset(self) -> None:
        """Weights as given."""
        self.weights = [each.clone() for each in self.first_weights]
        self.velocity = [torch.zeros_like(each) for each in self.weights]

    def count(self, drive: Pair, span: tuple[float, float]) -> tuple[Pair, Pair]:
        """Spikes of the first part of a phase, and of the rest; spans are in ms."""
        first, all_steps = round(span[1] / self.step), round(span[0] / self.step)
        return self.simulator.run(drive, first), self.simulator.run(drive, all_steps - first)

    def learn(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[int, list[Pair]]:
        """One update; the number of right answers, and all counts."""
        first, matrix, bias1, bias2 = self.weights
        free, nudged, beta = self.given["free"], self.given["nudged"], float(self.given["beta"])
        gain, batch = float(self.given["gain"]), len(images)
        hidden = (self.scale * self.step) * (gain * (images @ first) + bias1)
        output = (self.step * bias2).expand(batch, -1)
        self.simulator.weights(matrix)
        self.simulator.begin((self.start[0].expand(batch, -1).clone(), self.start[1].expand(batch, -1).clone()))
        early, late = self.count((hidden, output), free)
        counts, activity, kept = [early, late], late[1] / (free[0] - free[1]), self.simulator.state()
        right = int((activity.argmax(1) == targets.argmax(1)).sum())
        changes = [torch.zeros_like(each) for each in self.weights]
        for nudge in (beta, -beta):
            self.simulator.restore(kept)
            pair = self.count((hidden, output + (self.step * nudge) * (targets - activity)), nudged)
            counts += pair
            low, high = (each / (nudged[0] - nudged[1]) for each in pair[1])
            share = 1.0 / (2.0 * nudge * batch)
            changes[0].addmm_(images.T, low, alpha=share * gain)
            changes[1].addmm_(low.T, high, alpha=share)
            changes[2].add_(low.sum(0), alpha=share)
            changes[3].add_(high.sum(0), alpha=share)
        rates = [*self.given["rates"], *self.given["rates"]]
        for weight, velocity, change, rate in zip(self.weights, self.velocity, changes, rates, strict=True):
            velocity.mul_(float(self.given["momentum"])).add_(change, alpha=float(rate))
            weight.add_(velocity)
        return right, counts

    def match(self) -> list[float]:
        """Find the scale of the drive; the spikes of hidden neurons and outputs in an image-phase with it."""
        low, high, found = 0.25, 4.0, [0.0, 0.0]
        for _ in range(12):
            self.scale = (low * high) ** 0.5
            self.reset()
            images = int(self.given["matched"])
            _, counts = self.learn(self.images[:images], self.targets[:images])
            found = [sum(float(pair[layer].sum()) for pair in counts) / (3 * images) for layer in range(2)]
            low, high = (self.scale, high) if sum(found) < self.given["spikes"].sum() else (low, self.scale)
        return found

    def turn(self, images: int) -> dict[str, float]:
        """Train on the first images once, from the weights that were given."""
        self.reset()
        images = min(images, len(self.images)) // self.batch * self.batch
        began, right = time.process_time(), 0
        for k in range(0, images, self.batch):
            right += self.learn(self.images[k : k + self.batch], self.targets[k : k + self.batch])[0]
        return {"seconds": time.process_time() - began, "phases": 3 * images, "right": right / images}


@torch.no_grad()
def main(name: str, file: str) -> None:
    """Get ready, then measure what is asked for."""
    torch.set_num_threads(1)
    with np.load(file) as arrays:
        given = {key: arrays[key] for key in arrays.files}
    peer = {"bindsnet": BindsNET, "snntorch": SnnTorch}[name]
    kinds = [(step, int(batch)) for step in given["steps"].tolist() for batch in given["batches"]]
    trainings = [Training(peer, given, step, batch) for step, batch in kinds]
    matched: dict[float, tuple[float, list[float]]] = {}
    for each in trainings:
        if each.step not in matched:
            spikes = each.match()
            matched[each.step] = each.scale, spikes
        each.scale = matched[each.step][0]
        each.turn(3 * each.batch)
    versions = {each: importlib.metadata.version(each) for each in (name, "torch")}
    about = [matched[each.step] for each in trainings]
    found = {"scales": [scale for scale, _ in about], "spikes": [spikes for _, spikes in about]}
    print(json.dumps({"versions": versions, "kinds": kinds, **found}), flush=True)
    for line in sys.stdin:
        each = trainings[int(line)]
        # About as long for each size of batch.
        print(json.dumps(each.turn({1: 60}.get(each.batch, len(each.images)))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
