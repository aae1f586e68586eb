"""Layers whose first is a convolution with average pooling: its kernels are trained as other weights are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from neuro.engine.lower.program import Program
from neuro.errors import ParameterError, UnsupportedFeature, WeightError
from neuro.learning.holders import Arrays, DigitalHolder
from neuro.learning.layer_rules import Phase, change_of
from neuro.learning.layers import LayerWeights, SpikingLayers, check_sizes
from neuro.network.convolution import Convolution2d
from neuro.randomness import stream
from neuro.validation import Floats, finite, instance, whole_number

__all__ = ["ConvolutionLayers"]


@dataclass(frozen=True, kw_only=True)
class ConvolutionLayers(SpikingLayers):
    """`SpikingLayers` whose first layer is a convolution of an image, with average pooling after it.

    A neuron of the first layer stands for one kernel at one place. Its drive is gain times the kernel's product with
    the image there, as `Convolution2d` defines it, plus the kernel's bias. The average over each square of `pool` x
    `pool` neurons of one kernel reaches the next layer by one weight W: every neuron of the square has a synapse
    W / pool^2, which acts both ways. So this is `SpikingLayers` with weights in common (see `unshared`): all neurons
    are simulated one by one, hidden ones are free in every phase, and a rule changes a weight by the sum over its
    synapses.

    `LayerWeights` has the kernel, shape (channels, image channels, kernel, kernel), and then matrices, the first of
    shape (pooled places of all channels, neurons); the first biases are one for each channel. Weights are numbers.

    Raises
    ------
    ParameterError, WeightError
        If image, kernel, stride and pool do not fit together.

    Source: with rates, Ernoult et al., NeurIPS 2019.

    >>> layers = ConvolutionLayers(image=(1, 28, 28), channels=16, after=(10,))
    >>> layers.sizes, layers.pooled
    ((784, 9216, 10), (16, 12, 12))
    """

    sizes: tuple[int, ...] = field(init=False)
    """Number of inputs, of the neurons of the convolution, and of those of the layers after it."""
    image: tuple[int, int, int]
    """(channels, height, width) of the inputs, numbered in C order."""
    channels: int
    """Number of kernels."""
    after: tuple[int, ...]
    """Number of neurons of each layer after the convolution; the last are the outputs."""
    kernel: int = 5
    """Height and width of a kernel, in input places."""
    stride: int = 1
    """Step from one place of a kernel to the next, in input places."""
    pool: int = 2
    """Height and width of the squares that are averaged; 1: none are."""

    def __post_init__(self) -> None:
        where = "ConvolutionLayers"
        for key in ("channels", "kernel", "stride", "pool"):
            whole_number(getattr(self, key), f"{where}.{key}", least=1)
        image = instance(self.image, f"{where}.image", (tuple, list), "(channels, height, width)")
        if len(image) != 3:
            raise ParameterError("must be (channels, height, width)", where=f"{where}.image", value=tuple(image))
        found = tuple(whole_number(each, f"{where}.image", least=1) for each in image)
        object.__setattr__(self, "image", found)
        height, width = self.places
        if min(height, width) < 1:
            raise ParameterError("must fit into the image", where=f"{where}.kernel", value=self.kernel)
        if height % self.pool or width % self.pool:
            rule = f"must divide the {height} x {width} places of a kernel"
            raise ParameterError(rule, where=f"{where}.pool", value=self.pool)
        after = instance(self.after, f"{where}.after", (tuple, list), "whole numbers")
        sizes = check_sizes((prod(found), self.channels * height * width, *after), f"{where}.after")
        if not after:
            raise ParameterError("must have the outputs", where=f"{where}.after", value=after)
        object.__setattr__(self, "after", sizes[2:])
        object.__setattr__(self, "sizes", sizes)
        super().__post_init__()

    def convolution(self, kernel: Floats) -> Convolution2d:
        """The synapses that a kernel stands for."""
        return Convolution2d(kernel, input_shape=self.image, stride=self.stride)

    @cached_property
    def places(self) -> tuple[int, int]:
        """Rows and columns of the places of a kernel."""
        return (self.image[1] - self.kernel) // self.stride + 1, (self.image[2] - self.kernel) // self.stride + 1

    @property
    def pooled(self) -> tuple[int, int, int]:
        """(channels, rows, columns) of the averages."""
        return self.channels, self.places[0] // self.pool, self.places[1] // self.pool

    @property
    def shapes(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Shapes of the parts of `LayerWeights`."""
        matrices = [*pairwise((prod(self.pooled), *self.after))]
        kernel = (self.channels, self.image[0], self.kernel, self.kernel)
        return [kernel, *matrices], [(self.channels,), *((size,) for size in self.after)]

    def first_weights(self, seed: int, share: float = 0.7) -> LayerWeights:
        """Uniform weights and no biases: a kernel's of `share` times the width of LeCun, others as `first_weights`."""
        (kernel, *matrices), biases = self.shapes
        width = share * np.sqrt(3.0 / prod(kernel[1:]))
        drawn = [stream(seed, "layers", "weights", "0").uniform(-width, width, kernel)]
        for layer, shape in enumerate(matrices, 1):
            width = share * np.sqrt(6.0 / sum(shape))
            drawn.append(stream(seed, "layers", "weights", str(layer)).uniform(-width, width, shape))
        return LayerWeights(tuple(drawn), tuple(np.zeros(shape) for shape in biases))

    def unshared(self, weights: LayerWeights) -> LayerWeights:
        """The same weights, every synapse apart: those of `SpikingLayers` of these sizes, for as many bytes."""
        kernel, *_ = self.checked(weights).matrices
        first = self._convolved(np.eye(self.sizes[0]), kernel)
        return LayerWeights(
            (first, *self._between(weights)), (self._everywhere(weights.biases[0]), *weights.biases[1:])
        )

    def programmed(self, weights: LayerWeights) -> Program:
        """As `SpikingLayers.programmed`."""
        return self.joined(self._between(self.checked(weights)))

    def currents(self, weights: LayerWeights, inputs: Floats) -> list[Floats]:
        """As `SpikingLayers.currents`."""
        kernel = self.checked(weights).matrices[0]
        drive = self.gain * self._convolved(inputs, kernel) + self._everywhere(weights.biases[0])
        return self.timed(drive, weights.biases[1:])

    def holder(self, seed: int, weights: LayerWeights | None, arrays: Arrays | None) -> SharedHolder:
        """As `OwnWeights.holder`; there are no crossbars of weights that synapses have in common."""
        if arrays is not None:
            remedy = "Train SpikingLayers with every synapse apart (`unshared`), or numbers"
            raise UnsupportedFeature("a convolution's weights are numbers", where="crossbars", remedy=remedy)
        return SharedHolder(self, self.first_weights(seed) if weights is None else weights)

    def change_of(
        self, phases: Sequence[Phase], inputs: Floats, found: Sequence[Sequence[Floats]]
    ) -> tuple[list[Floats], list[Floats]]:
        """As `OwnWeights.change_of`: that of every synapse, summed over the synapses of each weight."""
        count = len(inputs)
        terms = ((phase.weight / count) * each[0] for phase, each in zip(phases, found, strict=True))
        moved = np.asarray(sum(terms)).reshape(count, self.channels, -1)
        kernel = self.gain * np.tensordot(moved, self._patches(inputs), ((0, 2), (0, 1)))
        averages = [[self._averaged(first), *rest] for first, *rest in found]
        (_, *matrices), (_, *biases) = change_of(phases, np.zeros((count, 0)), averages)
        return [kernel.reshape(self.shapes[0][0]), *matrices], [moved.sum(axis=(0, 2)), *biases]

    def checked(self, weights: LayerWeights) -> LayerWeights:
        """These weights, if they fit."""
        parts = [
            instance(part, "LayerWeights", (tuple, list), "arrays by layer", error=WeightError) for part in weights
        ]
        found = tuple([finite(each, "LayerWeights", error=WeightError).shape for each in part] for part in parts)
        if found != self.shapes:
            raise WeightError(f"must have the shapes {self.shapes}", where="LayerWeights", value=found)
        return weights

    def _patches(self, inputs: Floats) -> Floats:
        """What each place of a kernel sees, shape (examples, places, image channels x kernel x kernel)."""
        images = inputs.reshape(-1, *self.image)
        views = sliding_window_view(images, (1, 1, self.kernel, self.kernel))[
            :, :, :: self.stride, :: self.stride, 0, 0
        ]
        shape = len(inputs), self.places[0] * self.places[1], self.image[0] * self.kernel**2
        return np.asarray(views.transpose(0, 2, 3, 1, 4, 5).reshape(shape), np.float64)

    def _convolved(self, inputs: Floats, kernel: Floats) -> Floats:
        """The product of each kernel with each place, shape (examples, neurons)."""
        products = self._patches(inputs) @ kernel.reshape(self.channels, -1).T
        return products.transpose(0, 2, 1).reshape(len(inputs), -1)

    def _averaged(self, activities: Floats) -> Floats:
        """Averages of each square, shape (examples, pooled places of all channels)."""
        channels, rows, columns = self.pooled
        squares = activities.reshape(-1, channels, rows, self.pool, columns, self.pool)
        return np.asarray(squares.mean(axis=(3, 5)).reshape(len(activities), -1), np.float64)

    def _between(self, weights: LayerWeights) -> list[Floats]:
        """The matrices between the layers of neurons, every synapse apart."""
        pooled, *others = weights.matrices[1:]
        shares = (pooled / self.pool**2).reshape(*self.pooled, -1)
        apart = shares.repeat(self.pool, axis=1).repeat(self.pool, axis=2)
        return [apart.reshape(self.sizes[1], -1), *others]

    def _everywhere(self, values: Floats) -> Floats:
        """A value of each channel for each of its neurons."""
        return np.repeat(values, self.places[0] * self.places[1])


class SharedHolder(DigitalHolder):
    """Kernels and matrices as numbers."""

    def __init__(self, network: ConvolutionLayers, weights: LayerWeights) -> None:
        self.weights = network.checked(weights)
