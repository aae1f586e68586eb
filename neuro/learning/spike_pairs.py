"""What a rule for pairs of spikes asks of the weights in an interval: exact sums over recorded spikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuro.engine.plasticity.state import PairRule
from neuro.engine.recording import Spikes
from neuro.validation import Floats

__all__ = ["change_of_pairs", "change_of_steady_source"]


def change_of_pairs(
    rule: PairRule, pre: Spikes, post: Spikes, shape: tuple[int, int], start: float, stop: float
) -> Floats:
    """The sum of what all spikes in [start, stop) would change, while the weights stay as they are; shape (pre, post).

    It is what ``run(plasticity=...)`` sums up for weights that are written later. Traces are those of all spikes given,
    from rest on.
    """
    later = post.times[None, :] - pre.times[:, None]
    change = np.zeros(later.shape)
    for where, age, traces in (
        ((later > 0.0) & _within(post, start, stop)[None, :], later, (0, 1)),
        ((later < 0.0) & _within(pre, start, stop)[:, None], -later, (2, 3)),
    ):
        for k in traces:
            change[where] += rule.gain[k] * rule.jump[k] * np.exp(-age[where] / rule.tau[k])
    place = pre.ids[:, None] * shape[1] + post.ids[None, :]
    summed = np.bincount(place.ravel(), change.ravel(), shape[0] * shape[1])
    return np.asarray(summed, np.float64).reshape(shape)


def change_of_steady_source(rule: PairRule, post: Spikes, size: int, rate: float, start: float, stop: float) -> Floats:
    """The same for a source that has always been active at `rate` spikes per second, without chance; shape (post,).

    A constant current is such a source: many weak spikes at equal distances, in the limit.
    """
    within, change = _within(post, start, stop), np.zeros(len(post))
    for k in (0, 1):
        change[within] += rule.gain[k] * rule.jump[k] * rule.tau[k] * rate
    seen = post.times < stop
    since, until = np.maximum(start - post.times[seen], 0.0), stop - post.times[seen]
    for k in (2, 3):
        tau = rule.tau[k]
        change[seen] += rate * rule.gain[k] * rule.jump[k] * tau * (np.exp(-since / tau) - np.exp(-until / tau))
    return np.asarray(np.bincount(post.ids, change, size), np.float64)


def _within(spikes: Spikes, start: float, stop: float) -> NDArray[np.bool_]:
    return np.asarray((spikes.times >= start) & (spikes.times < stop))
