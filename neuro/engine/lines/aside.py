"""Neurons on straight lines, eight by eight side by side: windows go through them without their records."""

from __future__ import annotations

import numpy as np

from neuro.engine.codes import (
    AT_FLOOR,
    DRIVE,
    FLOOR,
    FREE,
    HELD,
    IN_STATE,
    IS_ASIDE,
    IS_HELD,
    LAST,
    SINCE,
    STATE_FORM,
    V,
)
from neuro.engine.kernels.arrays import Fixed, Index, Record, State, Workspace
from neuro.engine.kernels.state_form_rows import on_line
from neuro.jit import inlined, inner, routine
from neuro.simd import LANES

ONE = np.uint64(1)

__all__ = ["put_all_back", "put_back", "put_lane_back", "set_aside", "set_lane_aside"]


@inlined
def set_lane_aside(state: State, work: Workspace, first: Index, i: Index) -> None:
    """Copy the state of neuron i of the eight from `first` on."""
    neuron: Record = state.neurons[first + i]
    aside, bits, j, place = work.aside, work.aside_bits, first + i, np.uint64(i)
    is_held, at_floor = neuron.mode == HELD, neuron.mode == FLOOR
    in_state = not is_held and not at_floor and neuron.mode != FREE
    aside[V, j], aside[DRIVE, j], aside[LAST, j] = neuron.v, neuron.drive, neuron.last
    aside[SINCE, j] = neuron.until if is_held else neuron.last
    others = ~(ONE << place)
    bits[first, AT_FLOOR] = (bits[first, AT_FLOOR] & others) | (np.uint64(at_floor) << place)
    bits[first, IS_HELD] = (bits[first, IS_HELD] & others) | (np.uint64(is_held) << place)
    bits[first, IN_STATE] = (bits[first, IN_STATE] & others) | (np.uint64(in_state) << place)


@inlined
def put_lane_back(state: State, work: Workspace, first: Index, i: Index) -> None:
    """Give neuron i of the eight from `first` on the state that it has aside."""
    aside, bits, j, place = work.aside, work.aside_bits, first + i, np.uint64(i)
    if (bits[first, IN_STATE] >> place) & ONE == 0:
        neuron: Record = state.neurons[j]
        neuron.v, neuron.last = aside[V, j], aside[LAST, j]
        mode = FLOOR if (bits[first, AT_FLOOR] >> place) & ONE else FREE
        neuron.mode = HELD if (bits[first, IS_HELD] >> place) & ONE else mode


@inner
def set_aside(state: State, work: Workspace, first: Index, stop: Index) -> None:
    """Copy the state of the eight neurons from `first` on, or of those before `stop`."""
    for i in range(min(LANES, stop - first)):
        set_lane_aside(state, work, first, i)
    work.aside_bits[first, IS_ASIDE] = ONE


@inner
def put_back(fixed: Fixed, state: State, work: Workspace, k: int, g: Index) -> None:
    """Give thread k's neurons of group g the state that they have aside."""
    group = fixed.groups[g]
    if group.kind != STATE_FORM or not on_line(fixed, group):
        return
    low, high = max(group.start, work.bounds[k]), min(group.stop, work.bounds[k + 1])
    for first in range(low, high, LANES):
        if work.aside_bits[first, IS_ASIDE]:
            for i in range(min(LANES, high - first)):
                put_lane_back(state, work, first, i)
            work.aside_bits[first, IS_ASIDE] = np.uint64(0)


@routine
def put_all_back(fixed: Fixed, state: State, work: Workspace, k: int) -> None:
    """Give all of thread k's neurons the state that they have aside."""
    if len(work.aside_bits):
        for g in range(len(fixed.groups)):
            put_back(fixed, state, work, k, g)
