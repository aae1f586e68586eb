"""A lower bound on the paths of a partition over all layouts."""

from __future__ import annotations

import numpy as np

from neuro.validation import Floats

__all__ = ["gilmore_lawler"]


def gilmore_lawler(flow: Floats, distance: Floats) -> float:
    """Gilmore and Lawler's bound: no assignment has a smaller sum of flow[p, q] distance[place of p, place of q].

    For part p at place a, its flows, largest first, meet the distances from a, shortest first; an assignment of parts
    to places that costs least by these is a bound (Gilmore 1962, J. SIAM 10:305; Lawler 1963, Management Science
    9:586).

    Parameters
    ----------
    flow
        Spikes from part p to part q, shape (parts, parts); the diagonal is left out.
    distance
        Links between places, shape (places, places), at least as many places as parts.

    Examples
    --------
    >>> line = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    >>> gilmore_lawler(np.array([[0, 1.0, 1.0], [0, 0, 0], [0, 0, 0]]), line)
    2.0
    """
    from scipy.optimize import linear_sum_assignment

    parts, places = len(flow), len(distance)
    if parts < 2:
        return 0.0
    off = ~np.eye(parts, dtype=bool)
    largest = -np.sort(-flow[off].reshape(parts, parts - 1), axis=1)
    apart = ~np.eye(places, dtype=bool)
    nearest = np.sort(distance[apart].reshape(places, places - 1), axis=1)[:, : parts - 1]
    cost = largest @ nearest.T
    part, place = linear_sum_assignment(cost)
    return float(cost[part, place].sum())
