"""Linear maps between populations of a NIR graph: what nodes between neurons do to signals, joined along a path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neuro.errors import InputError
from neuro.exchange.nir_file import Node
from neuro.memory import require_memory
from neuro.network.convolution import Convolution2d
from neuro.network.synapses import Dense, OneToOne, Sparse, triplets
from neuro.validation import Floats, Ints

__all__ = ["Diagonal", "Listed", "Map", "convolution_of", "joined", "of_signal", "pooling_of", "synapses_of"]

WHOLE = 2**16
"""Maps with at most so many entries are stored as whole matrices."""


@dataclass(frozen=True, eq=False)
class Diagonal:
    """Entry i onto entry i, times a factor."""

    factor: Floats


@dataclass(frozen=True, eq=False)
class Listed:
    """Single connections, each with a delay of its own, s."""

    pre: Ints
    post: Ints
    weight: Floats
    delay: Floats
    shape: tuple[int, int]
    """(to, from)."""


Map = Diagonal | Listed | Convolution2d | Any
"""Also a matrix or a sparse matrix of SciPy, shape (to, from)."""


def _size(part: Map) -> tuple[int, int]:
    """(to, from)."""
    if isinstance(part, Diagonal):
        return len(part.factor), len(part.factor)
    if isinstance(part, Convolution2d):
        return part.shape[1], part.shape[0]
    to, source = part.shape
    return int(to), int(source)


def sparse(part: Map) -> Any:
    """A map as a sparse matrix, shape (to, from)."""
    from scipy.sparse import csr_array, dia_array

    if isinstance(part, Diagonal):
        return csr_array(dia_array((part.factor[None], [0]), shape=(len(part.factor),) * 2))
    if isinstance(part, Convolution2d):
        listed = triplets(part, part.shape, np.random.default_rng(0), "Conv2d")
        return csr_array((listed.weight.astype(np.float64), (listed.post, listed.pre)), shape=part.shape[::-1])
    return csr_array(part)


def joined(after: Map, before: Map | None) -> Map:
    """The map that applies `before`, then `after`."""
    if before is None:
        return after
    if isinstance(before, Listed):
        columns = sparse(after).tocsc()
        counts = np.diff(columns.indptr)[before.post]
        require_memory(32.0 * float(counts.sum()), "synapses of a NIR graph", value=f"{counts.sum():,} synapses")
        each = np.repeat(np.arange(len(before.post)), counts)
        place = np.arange(len(each)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = columns.indptr[before.post[each]] + place
        weight = before.weight[each] * columns.data[at]
        post = columns.indices[at].astype(np.int64)
        return Listed(before.pre[each], post, weight, before.delay[each], (columns.shape[0], before.shape[1]))
    if isinstance(after, Diagonal):
        if isinstance(before, Diagonal):
            return Diagonal(after.factor * before.factor)
        if isinstance(before, np.ndarray):
            return after.factor[:, None] * before
    if isinstance(after, np.ndarray) and isinstance(before, np.ndarray):
        return after @ before
    if isinstance(after, np.ndarray) and isinstance(before, Diagonal):
        return after * before.factor
    found = sparse(after) @ sparse(before)
    return found.toarray() if found.shape[0] * found.shape[1] <= WHOLE else found


def delayed(part: Map | None, delay: Floats) -> Listed:
    """A map whose every output has a delay of its own, s."""
    if isinstance(part, Listed):
        return Listed(part.pre, part.post, part.weight, part.delay + delay[part.post], part.shape)
    found = sparse(Diagonal(np.ones(len(delay))) if part is None else part).tocoo()
    post, pre = (each.astype(np.int64) for each in found.coords)
    return Listed(pre, post, found.data, delay[post], found.shape)


def of_signal(part: Map, signal: Floats) -> Floats:
    """What a map makes of a constant signal."""
    if not np.any(signal):
        return np.zeros(_size(part)[0])
    if isinstance(part, Diagonal):
        return part.factor * signal
    whole = np.broadcast_to(signal, (_size(part)[1],))
    return np.asarray((part if isinstance(part, np.ndarray) else sparse(part)) @ whole)


def synapses_of(part: Map | None, jump: Floats, size: int) -> tuple[Any, Floats | None]:
    """The synapses of a map onto neurons that a spike of weight 1 moves by `jump`, and their delays, if they have own.

    The matrix is (to, from); `size` is the number of target neurons.
    """
    if part is None:
        return OneToOne(np.broadcast_to(jump, (size,))), None
    if isinstance(part, Listed):
        order = np.lexsort((part.post, part.pre))
        weight = part.weight * np.broadcast_to(jump, (size,))[part.post]
        return Sparse(part.pre[order], part.post[order], weight[order]), part.delay[order]
    if isinstance(part, Convolution2d):
        by_channel = np.broadcast_to(jump, (size,)).reshape(part.output_shape[0], -1)
        if np.all(by_channel == by_channel[:, :1]):
            kernel = np.asarray(part.weight, np.float64) * by_channel[:, 0][:, None, None, None]
            pads = part.padding, part.dilation, part.groups
            return Convolution2d(kernel, part.input_shape, part.stride, *pads), None
    if isinstance(part, Diagonal):
        if size * size > WHOLE:
            return OneToOne(jump * part.factor), None
        part = np.diag(part.factor)
    if isinstance(part, np.ndarray):
        return Dense((jump[:, None] * part).T), None
    found = sparse(part).tocoo()
    post, pre = (each.astype(np.int64) for each in found.coords)
    order = np.lexsort((post, pre))
    weight = found.data * np.broadcast_to(jump, (size,))[post]
    return Sparse(pre[order], post[order], weight[order]), None


def convolution_of(node: Node, shape: tuple[int, ...]) -> Convolution2d:
    """The convolution of a Conv1d or Conv2d node whose input has this shape; the kernel is checked.

    Raises
    ------
    InputError
        If kernel and input do not fit together.
    """
    flat = node.kind == "Conv1d"
    axes = 1 if flat else 2
    weight = node.array("weight")
    if weight.ndim != axes + 2:
        places = "x" if flat else "y, x"
        rule = f"the kernel of a {node.kind} must have the dimensions (out, in / groups, {places})"
        raise InputError(rule, where=node.where, value=f"shape {weight.shape}")
    (groups,) = node.whole("groups", 1, 1)
    expected = weight.shape[1] * groups
    if len(shape) != axes + 1 or shape[0] != expected:
        places = f"({expected}, {'x' if flat else 'y, x'})"
        raise InputError(f"the input must have the shape {places}", where=node.where, value=f"shape {shape}")
    stride, dilation = node.whole("stride", axes, 1), node.whole("dilation", axes, 1)
    padding: Any = node.fields.get("padding", 0)
    if not isinstance(padding, str):
        padding = node.whole("padding", axes, 0)
        padding = (0, *padding) if flat else padding
    if flat:
        weight, shape = weight[:, :, None, :], (shape[0], 1, shape[1])
        stride, dilation = (1, *stride), (1, *dilation)
    try:
        return Convolution2d(weight, shape, stride, padding, dilation, groups)  # type: ignore[arg-type]
    except Exception as error:
        raise InputError(f"the convolution cannot be: {error}", where=node.where) from None


def pooling_of(node: Node, shape: tuple[int, ...]) -> Convolution2d:
    """The convolution, channel by channel, that a SumPool2d or AvgPool2d node is; AvgPool2d counts zeros of padding."""
    if len(shape) != 3:
        raise InputError("the input must have the shape (channels, y, x)", where=node.where, value=f"shape {shape}")
    kernel, stride, padding = (node.whole(key, 2, default) for key, default in
                               (("kernel_size", None), ("stride", None), ("padding", 0)))  # fmt: skip
    value = 1.0 if node.kind == "SumPool2d" else 1.0 / (kernel[0] * kernel[1])
    if min(kernel) < 1:
        raise InputError("`kernel_size` must be at least 1", where=node.where, value=str(kernel))
    if any(k > size + 2 * pad for k, size, pad in zip(kernel, shape[1:], padding, strict=True)):
        raise InputError("`kernel_size` must not exceed the padded input", where=node.where, value=f"shape {shape}")
    weight = np.full((shape[0], 1, *kernel), value)
    try:
        return Convolution2d(weight, shape, stride, padding, groups=shape[0])  # type: ignore[arg-type]
    except Exception as error:
        raise InputError(f"the pooling cannot be: {error}", where=node.where) from None
