"""Windows: what many inputs of one neuron between two of its nodes have in common, so that each takes a few products.

Between two own events of a neuron, an input at time s adds to the state at the later one, t, in proportion to
exp(-rate (t - s)) and exp(-leak (t - s)). With a time r before both, these are exp(rate (s - r)) exp(-rate (t - r)):
the first factor is the same for all targets of a spike, the second for all inputs of the window. So the way there sums
w exp(rate (s - r)), and on the way back an input has

    dL/dw = a exp(rate (s - r)) + b exp(leak (s - r)),   dL/dd = w (rate a exp(rate (s - r)) + leak b exp(leak (s - r)))

with a and b of the window. A window ends at own events, and where the exponents would become large. What is not
strictly inside of it, such as an input at the instant of an event, is looked at one by one.
"""

from __future__ import annotations

from math import exp, floor, inf

from neuro.gradients.kernels.arrays import Cells, Nodes, Totals
from neuro.gradients.kernels.nodes import before, held_at, part_of, time_of
from neuro.jit import inner

__all__ = ["close_back", "close_forward", "forget", "open_back", "open_window", "start_of"]

LOW, HIGH, BY_RATE, BY_LEAK, SUM_RATE, SUM_LEAK, TIME_RATE, TIME_LEAK = range(8)
"""Columns of `Nodes.window`: where it lies; on the way there sums of w X and w Y, on the way back a and b, with
X = exp(rate (s - r)) and Y = exp(leak (s - r)); then sums of w X, w Y, w X (s - r) and w Y (s - r)."""
MARGIN = 1e-12
"""Windows keep so far, in relation to the time, from where exponents would become large."""


@inner
def start_of(time: float, span: float) -> float:
    """The time r of the window in which an input is."""
    return floor(time / span) * span


@inner
def forget(nodes: Nodes) -> None:
    """There are no windows."""
    window = nodes.window
    for r in range(len(window)):
        window[r, LOW], window[r, HIGH] = inf, -inf
        window[r, BY_RATE] = window[r, BY_LEAK] = 0.0
        nodes.window_at[r] = -1


@inner
def open_window(cells: Cells, nodes: Nodes, j: int, p: int, r: int, start: float, span: float) -> None:
    """Begin the window of row r, before place p of neuron j, or after its last one."""
    window, edge = nodes.window, MARGIN * (start + span)
    low, high = start + edge, start + span - edge
    if p >> 1 > nodes.first[j]:
        low = max(low, time_of(cells, nodes, j, before(nodes, p)))
    at = -1
    if p >> 1 < nodes.end[j]:
        high, at = min(high, time_of(cells, nodes, j, p)), p
    window[r, LOW], window[r, HIGH] = low, high
    nodes.window_at[r], nodes.window_start[r] = at, start


@inner
def close_forward(cells: Cells, nodes: Nodes, j: int, mode: int, r: int, voltages: int) -> None:
    """Add what has come in a window to the state at its end."""
    window, p = nodes.window, nodes.window_at[r]
    by_rate, by_leak = window[r, BY_RATE], window[r, BY_LEAK]
    window[r, BY_RATE] = window[r, BY_LEAK] = 0.0
    if p < 0 or (by_rate == 0.0 and by_leak == 0.0):
        return
    rate, leak, h = cells.rate[j, mode], cells.leak[j], time_of(cells, nodes, j, p) - nodes.window_start[r]
    came = by_rate * exp(-rate * h)
    nodes.c[p >> 1, part_of(cells, p) + mode] += came
    if voltages != 0 and not held_at(nodes, p):
        nodes.v[p >> 1] += cells.gain[j] * (came - by_leak * exp(-leak * h)) / (leak - rate)


@inner
def open_back(cells: Cells, nodes: Nodes, j: int, mode: int, r: int) -> None:
    """Find a and b of a window that has begun; without effect on anything after the last node."""
    window, p = nodes.window, nodes.window_at[r]
    for column in range(BY_RATE, TIME_LEAK + 1):
        window[r, column] = 0.0
    if p < 0:
        return
    rate, leak, h = cells.rate[j, mode], cells.leak[j], time_of(cells, nodes, j, p) - nodes.window_start[r]
    whole = nodes.c[p >> 1, part_of(cells, p) + mode]
    if not held_at(nodes, p):
        through = cells.gain[j] * nodes.v[p >> 1] / (leak - rate)
        whole += through
        window[r, BY_LEAK] = -through * exp(-leak * h)
    window[r, BY_RATE] = whole * exp(-rate * h)


@inner
def close_back(cells: Cells, nodes: Nodes, totals: Totals, j: int, mode: int, r: int) -> None:
    """Add the derivatives with respect to time constants by what has come in a window."""
    window, p = nodes.window, nodes.window_at[r]
    if p < 0 or (window[r, SUM_RATE] == 0.0 and window[r, TIME_RATE] == 0.0):
        return
    rate, leak, gain = cells.rate[j, mode], cells.leak[j], cells.gain[j]
    h, apart = time_of(cells, nodes, j, p) - nodes.window_start[r], leak - rate
    faded = exp(-rate * h)
    # Sums of w exp(-rate u) and w u exp(-rate u), u seconds before the end.
    there, late = window[r, SUM_RATE] * faded, (h * window[r, SUM_RATE] - window[r, TIME_RATE]) * faded
    totals.rate[j, mode] -= nodes.c[p >> 1, part_of(cells, p) + mode] * late
    if held_at(nodes, p):
        return
    left, by_v = exp(-leak * h), nodes.v[p >> 1]
    gone, gone_late = window[r, SUM_LEAK] * left, (h * window[r, SUM_LEAK] - window[r, TIME_LEAK]) * left
    answer = (there - gone) / apart
    totals.gain[j] += by_v * answer
    totals.leak[j] += gain * by_v * (gone_late - answer) / apart
    totals.rate[j, mode] += gain * by_v * (answer - late) / apart
