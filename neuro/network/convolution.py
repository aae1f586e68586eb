"""Convolutions as synapses: `Convolution2d`, and the rows of synapses that share its kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuro.errors import NeuroError, ParameterError, WeightError
from neuro.validation import Ints, finite, numbers, shown, whole_number

__all__ = ["Convolution2d", "Fields", "fields_of"]

Pair = int | tuple[int, int]
MOST = 2**31
"""Sizes and steps lie below this."""


@dataclass(frozen=True, eq=False)
class Convolution2d:
    """A two-dimensional convolution, as `torch.nn.Conv2d` and `nir.Conv2d` define it (a cross-correlation).

    Neurons are numbered in C order of (channel, y, x). With group g of output channel o, the synapse from
    (g in_channels/groups + c, stride y - padding + dilation i, stride x - padding + dilation j) onto (o, y, x)
    has the weight ``weight[o, c, i, j]``. There is no bias: that is a parameter of the neurons.

    Every weight is kept once per kind of place (inside, and at each edge), and every list of targets once for the
    channels of a group; a row of synapses points to both.

    Raises
    ------
    ParameterError, WeightError
        If kernel, input and geometry do not fit together.

    >>> Convolution2d(np.ones((8, 2, 3, 3)), input_shape=(2, 32, 32), stride=2, padding=1).output_shape
    (8, 16, 16)
    """

    weight: ArrayLike
    """Kernel, shape (out_channels, in_channels / groups, height, width), units of the target's v."""
    input_shape: tuple[int, int, int]
    """(in_channels, height, width) of the source population."""
    stride: Pair = 1
    """Step from one output place to the next, in input places; one number, or (y, x)."""
    padding: Pair | Literal["same", "valid"] = 0
    """Rows and columns of zeros around the input; "same" keeps height and width, "valid" is 0."""
    dilation: Pair = 1
    """Distance of neighbouring kernel entries, in input places."""
    groups: int = 1
    """Number of groups of channels; group g of the outputs gets input from group g of the inputs only."""

    def __post_init__(self) -> None:
        where = "Convolution2d"
        shape = finite(self.weight, f"{where}, weight", error=WeightError).shape
        if len(shape) != 4 or 0 in shape:
            raise WeightError(
                "the kernel must have shape (out_channels, in_channels / groups, height, width)",
                where=where,
                value=f"shape {shape}",
            )
        if not _whole_entries(self.input_shape, (3,)) or min(self.input_shape) < 1:
            raise ParameterError(
                "input_shape must be (channels, height, width)", where=where, value=shown(self.input_shape)
            )
        for key in ("stride", "dilation"):
            if min(_pair(getattr(self, key), f"{where}, {key}")) < 1:
                raise ParameterError("must be at least 1", where=f"{where}, {key}", value=getattr(self, key))
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ParameterError(
                    "must be numbers, 'same' or 'valid'", where=f"{where}, padding", value=shown(self.padding)
                )
            if self.padding == "same" and _pair(self.stride, "stride") != (1, 1):
                raise ParameterError("padding 'same' needs a stride of 1", where=where, value=f"stride {self.stride}")
        elif min(_pair(self.padding, f"{where}, padding")) < 0:
            raise ParameterError("must not be negative", where=f"{where}, padding", value=self.padding)
        groups = whole_number(self.groups, f"{where}, groups", least=1)
        if self.input_shape[0] != shape[1] * groups or shape[0] % groups:
            raise WeightError(
                f"a kernel for {groups} group(s) and {self.input_shape[0]} input channels has shape "
                f"(a multiple of {groups}, {self.input_shape[0]} / {groups}, height, width)",
                where=where,
                value=f"shape {shape}",
            )
        if min(self.output_shape) < 1:
            raise ParameterError("the kernel is larger than the padded input", where=where, value=self.output_shape)

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(out_channels, height, width) of the target population."""
        (_, height, width), (channels, _, *kernel) = self.input_shape, np.shape(self.weight)
        stride, dilation = _pair(self.stride, "stride"), _pair(self.dilation, "dilation")
        y, x = (
            (size + sum(pad) - d * (k - 1) - 1) // s + 1
            for size, pad, d, k, s in zip((height, width), self.pads, dilation, kernel, stride, strict=True)
        )
        return int(channels), int(y), int(x)

    @property
    def pads(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows before and after, and columns before and after, the input."""
        if self.padding == "same":
            dilation, kernel = _pair(self.dilation, "dilation"), np.shape(self.weight)[2:]
            down, across = (d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
            return (down // 2, down - down // 2), (across // 2, across - across // 2)
        y, x = (0, 0) if isinstance(self.padding, str) else _pair(self.padding, "padding")
        return (y, y), (x, x)

    @property
    def shape(self) -> tuple[int, int]:
        """(pre, post): how many neurons the two populations need."""
        return int(np.prod(self.input_shape)), int(np.prod(self.output_shape))


class Fields(NamedTuple):
    """Rows of synapses that share: source i has targets post[first[i] :][: length[i]] and weights likewise."""

    first: Ints
    length: Ints
    weight_first: Ints
    post: NDArray[np.uint32]
    weight: NDArray[np.floating]


def fields_of(convolution: Convolution2d) -> Fields:
    """Targets and weights of each source neuron, sorted by target."""
    (channels, height, width), (_, out_y, out_x) = convolution.input_shape, convolution.output_shape
    groups = int(convolution.groups)
    kernel = np.asarray(convolution.weight)
    kernel = kernel if kernel.dtype == np.float32 else kernel.astype(np.float64)
    outs, ins, taps = kernel.shape[0] // groups, kernel.shape[1], kernel.shape[2:]
    # One slice of the kernel per input channel: (in_channels, out_channels of its group, height, width).
    slices = kernel.reshape(groups, outs, ins, *taps).swapaxes(1, 2).reshape(channels, outs, *taps)
    stride, dilation = _pair(convolution.stride, "stride"), _pair(convolution.dilation, "dilation")
    (top, _), (left, _) = convolution.pads
    down = _reach(height, out_y, taps[0], stride[0], top, dilation[0])
    across = _reach(width, out_x, taps[1], stride[1], left, dilation[1])

    length = np.zeros((height, width), np.int64)
    first, weight_first = np.zeros_like(length), np.zeros((channels, height, width), np.int64)
    begins: dict[tuple[tuple[int, ...], tuple[int, ...]], Ints] = {}
    posts, weights, n_post, n_weight = [np.zeros(0, np.int64)], [np.zeros(0, kernel.dtype)], 0, 0
    channel = np.arange(outs)[:, None, None] * out_y * out_x
    for y, (taps_y, places_y) in enumerate(down):
        for x, (taps_x, places_x) in enumerate(across):
            kind = (taps_y, taps_x)
            if kind not in begins:
                block = slices[:, :, list(taps_y)][..., list(taps_x)].reshape(channels, -1)
                begins[kind] = n_weight + np.arange(channels) * block.shape[1]
                weights.append(block.ravel())
                n_weight += block.size
            targets = channel + np.add.outer(np.array(places_y, int) * out_x, np.array(places_x, int))
            posts.append(targets.ravel())
            first[y, x], length[y, x], weight_first[:, y, x] = n_post, targets.size, begins[kind]
            n_post += targets.size
    of_one_group = np.concatenate(posts)
    post = (np.arange(groups)[:, None] * outs * out_y * out_x + of_one_group).ravel().astype(np.uint32)
    group = np.arange(channels) // ins
    return Fields(
        first=(group[:, None, None] * len(of_one_group) + first).ravel(),
        length=np.broadcast_to(length, (channels, height, width)).ravel(),
        weight_first=weight_first.ravel(),
        post=post,
        weight=np.concatenate(weights),
    )


def _reach(
    size: int, out: int, taps: int, stride: int, pad: int, dilation: int
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Along one axis, for each input place: the kernel entries that apply to it, and the outputs that they lead to."""
    rows = []
    for place in range(size):
        seen = [((place + pad - dilation * tap) // stride, tap) for tap in range(taps)]
        kept = sorted((o, tap) for o, tap in seen if 0 <= o < out and o * stride - pad + dilation * tap == place)
        rows.append((tuple(tap for _, tap in kept), tuple(o for o, _ in kept)))
    return rows


def _pair(value: Pair, where: str) -> tuple[int, int]:
    if not _whole_entries(value, (), (2,)):
        raise ParameterError("must be a whole number or a pair of them", where=where, value=shown(value))
    both = np.broadcast_to(np.asarray(value), 2)
    return int(both[0]), int(both[1])


def _whole_entries(value: Any, *shapes: tuple[int, ...]) -> bool:
    """Is this a whole number, or an array of them, of one of these shapes, below 2^31?"""
    try:
        raw = numbers(value, "")
    except NeuroError:
        return False
    return raw.shape in shapes and raw.dtype.kind in "iu" and bool(np.all(np.abs(raw) < MOST))
