"""Lowers projections for the clocked engine: links of one delay in steps each, with their targets and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuro.engine.clocked.arrays import LINK, Records, Wiring
from neuro.engine.lower.currents import Part, parts_of
from neuro.engine.lower.program import Program
from neuro.errors import ParameterError, WeightError
from neuro.network.graph import Network, Projection
from neuro.network.listing import delays_of, has_one_delay, matrix_of, triplets_of
from neuro.network.neurons import Source
from neuro.network.synapses import is_drawn, is_matrix, is_random
from neuro.validation import Floats, Ints

__all__ = ["lower_wiring", "steps_in"]

MAX_STEPS = 2.0**52
"""Steps are whole numbers that a double has exactly."""
SPARSE = 0.1
"""Lists of synapses that fill more of their matrix than this are stored as whole rows."""


def steps_in(span: float, dt: float, where: str) -> int:
    """The number of steps in a span of time, which must be a whole number.

    >>> steps_in(0.3, 0.1, "duration")
    3
    """
    if span / dt > MAX_STEPS:
        raise ParameterError(f"must be at most {MAX_STEPS:.3g} steps", where=where, value=f"{span / dt:.6g} steps")
    count = round(span / dt)
    if abs(span / dt - count) > 1e-6 * max(1.0, count * 1e-6):
        raise ParameterError(f"must be a whole number of steps of {dt} s", where=where, value=f"{span / dt} steps")
    return count


class _Rows(NamedTuple):
    """Synapses with one delay: source i has row[i] .. row[i + 1]; `post` is None where every row has all targets."""

    lag: int
    """Steps from a spike to its effect."""
    row: Ints
    weight: NDArray[np.floating]
    post: Ints | None


def _rows(projection: Projection, n: int, part: Part, program: Program | None, dt: float, seed: int) -> list[_Rows]:
    """The synapses of one projection as they add to the n-th of the currents that they add to, by delay."""
    shape, where = (projection.pre.size, projection.post.size), f"projection {projection.name!r}"
    least = int(isinstance(projection.pre.model, Source))
    if is_matrix(projection.synapses):
        lag = _delay_steps(delays_of(projection, seed), dt, f"{where}, delay", least)
        weight = _weights(projection, n, part.factor, program, seed)
        if lag.ndim == 0:
            return [_Rows(int(lag), np.arange(shape[0] + 1) * shape[1], weight, None)]
        pre, post = (ids.ravel() for ids in np.indices(shape))
    else:
        pre, post, weight = listed = triplets_of(projection, seed)
        weight = _scaled(weight, part.factor)
        lag = _delay_steps(delays_of(projection, seed, listed), dt, f"{where}, delay", least)
        pre, post, weight = pre.astype(np.int64), post.astype(np.int64), np.broadcast_to(weight, post.shape)
    lags = np.broadcast_to(lag.ravel(), pre.shape)
    parts = ((int(steps), lags == steps) for steps in np.unique(lags))
    return [_listed(steps, pre[here], post[here], weight[here], shape) for steps, here in parts]


def _delay_steps(delay: float | Floats, dt: float, where: str, least: int) -> Ints:
    """Delays in steps: refuse a delay that is no whole number of steps, or shorter than `least` steps."""
    different, inverse = np.unique(delay, return_inverse=True)
    lags = np.array([steps_in(float(each), dt, where) for each in different], np.int64)
    if lags.size and lags[0] < least:
        raise ParameterError("a delay from a source must be at least one step", where=where, value=float(different[0]))
    return lags[inverse].reshape(np.shape(delay))


def _scaled(weight: NDArray[np.floating], factor: float) -> NDArray[np.floating]:
    return weight if factor == 1.0 else weight.astype(np.float64) * factor


def _weights(projection: Projection, n: int, factor: float, program: Program | None, seed: int) -> NDArray[np.floating]:
    """The weights of a matrix, row by row, as they add to the n-th current; those of the program, if it has them."""
    if program is None or projection.name not in program.weights_at:
        return _scaled(matrix_of(projection, seed).ravel(), factor)
    first, last = program.weights_at[projection.name]
    at, _ = program.copies.get(projection.name, [(first, factor)])[n]
    weight, order = program.fixed.weight[at : at + last - first], program.weight_order.get(projection.name)
    if order is None:
        return weight
    back = np.empty_like(weight)
    back[order] = weight
    return back


def _listed(lag: int, pre: Ints, post: Ints, weight: NDArray[np.floating], shape: tuple[int, int]) -> _Rows:
    n_pre, n_post = shape
    order = np.lexsort((post, pre))
    pre, post, weight = pre[order], post[order], weight[order]
    row = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=n_pre))]).astype(np.int64)
    at = pre * n_post + post
    if len(at) > SPARSE * n_pre * n_post and np.all(at[1:] > at[:-1]):
        # Adding a whole row, zeros included, takes less time than looking up the place of each weight.
        filled = np.zeros(n_pre * n_post, weight.dtype)
        filled[at] = weight
        return _Rows(lag, row, filled, None)
    return _Rows(lag, row, weight, post)


def _shared(projection: Projection, factor: float, program: Program | None) -> tuple[Any, ...] | None:
    """What projections with the same rows and weights have in common; None where those of this one are its own.

    Copies of a part of a network have the same synapses, the very object. If these are not drawn, they are stored once.
    """
    synapses: Any = projection.synapses
    drawn = is_random(synapses) or is_drawn(getattr(synapses, "weight", None)) or is_drawn(projection.delay)
    if drawn or not has_one_delay(projection) or (program is not None and projection.name in program.weights_at):
        return None
    return id(synapses), projection.pre.size, projection.post.size, factor


def lower_wiring(
    network: Network, program: Program | None, offset: Mapping[str, int], dt: float, whole: bool
) -> tuple[Wiring, NDArray[np.bool_]]:
    """The projections as links, and which of these count synaptic events."""
    names = list(network.populations)
    stored: dict[tuple[Any, ...] | None, tuple[list[_Rows], list[tuple[int, int]]]] = {}
    links = [np.zeros(0, LINK)]
    rows, posts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    weights: list[NDArray[Any]] = [np.zeros(0, np.int32 if whole else np.float64)]
    n_row = n_synapse = n_weight = 0
    counted: list[bool] = []
    currents = (
        (p, projection, n, current)
        for p, projection in enumerate(network.projections.values())
        for n, current in enumerate(parts_of(projection.post, projection.receptor))
    )
    for p, projection, n, current in currents:
        where, key = f"projection {projection.name!r}", _shared(projection, current.factor, program)
        parts, places = stored.get(key) or (_rows(projection, n, current, program, dt, network.seed), [])
        if key is not None and key in stored:
            least = int(isinstance(projection.pre.model, Source))
            lag = _delay_steps(projection.delay, dt, f"{where}, delay", least)  # type: ignore[arg-type]
            parts = [part._replace(lag=int(lag)) for part in parts]
        for k, part in enumerate(parts):
            if k == len(places):
                places.append((n_row, n_weight))
                rows.append(part.row)
                weights.append(_whole_weights(part.weight, where) if whole else part.weight.astype(np.float64))
                n_row += len(part.row)
                n_weight += len(part.weight)
            link = np.zeros(1, LINK)
            link["projection"] = p
            link["group"], link["target"] = names.index(projection.pre.name), names.index(projection.post.name)
            link["pre"], link["post"] = offset[projection.pre.name], offset[projection.post.name]
            link["count"] = projection.post.size
            # A source fires when its step begins, a neuron when it ends.
            link["lag"] = part.lag - isinstance(projection.pre.model, Source)
            link["box"] = 1 + current.current
            link["dense"] = part.post is None
            targets = np.zeros(0, np.int64) if part.post is None else part.post
            link["row"], link["list"], link["weight"] = places[k][0], n_synapse, places[k][1]
            links.append(link)
            counted.append(n == 0)
            posts.append(targets + offset[projection.post.name])
            n_synapse += len(targets)
        if key is not None:
            stored.setdefault(key, (parts, places))
    post, joined = np.concatenate(posts).astype(np.uint32), np.concatenate(links)
    order = _order(network, joined)
    at_once = np.zeros(len(names), np.int64)
    for link in joined[joined["lag"] == 0]:
        at_once[link["group"]] = not isinstance(network.populations[names[link["group"]]].model, Source)
    wiring = Wiring(joined, np.concatenate(rows), post, np.concatenate(weights), order, at_once)
    return wiring, np.array(counted, bool)


def _order(network: Network, links: Records) -> Ints:
    """The order in which populations advance within a step.

    It is that of the network, except that a population whose spikes act at once comes before their targets.
    """
    models = [population.model for population in network.populations.values()]
    names, waits = list(network.projections), [dict[int, str]() for _ in models]
    for link in links[links["lag"] == 0]:
        # A spike of a source lies at the beginning of its step: its lag of zero is a delay of one step.
        if not isinstance(models[link["group"]], Source):
            waits[link["target"]][int(link["group"])] = names[link["projection"]]
    order: dict[int, None] = {}
    while len(order) < len(models):
        first = next((g for g, waiting in enumerate(waits) if g not in order and not waiting), None)
        if first is None:
            name = next(name for g, waiting in enumerate(waits) if g not in order for name in waiting.values())
            raise ParameterError(
                "delays of zero must not form a loop in the clocked engine",
                where=f"projection {name!r}, delay",
                remedy="Give one projection of the loop a delay of one step or more",
            )
        order[first] = None
        for waiting in waits:
            waiting.pop(first, None)
    return np.array([*order], np.int64)


def _whole_weights(weight: NDArray[np.floating], where: str) -> NDArray[np.int32]:
    bad = (weight != np.rint(weight)) | (np.abs(weight) >= 2**31)
    if bad.any():
        raise WeightError("weights must be whole numbers below 2^31", where=where, value=float(weight[bad][0]))
    return weight.astype(np.int32)
