"""Gradients of many runs, summed: in parts that threads share, always in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from neuro.errors import InputError
from neuro.gradients.batch import Slopes, Spiked, nodes_for, run_of
from neuro.gradients.kernels.arrays import DONE, HELD_SPIKE, Nodes, Totals
from neuro.gradients.kernels.sweep import sweep_run
from neuro.gradients.lowering import Lowered, new_totals
from neuro.jit import as_table, link_routines

__all__ = ["PARTS", "sum_runs"]

PARTS = 4
"""A batch is cut into at most so many parts, each with a buffer of its own; so sums do not depend on threads."""


def sum_runs(
    own: Lowered,
    runs: Sequence[Spiked],
    slopes: Sequence[Slopes],
    *,
    times: bool = True,
    floor: float = 0.0,
    workers: int = 1,
) -> Totals:
    """The gradients of several runs, summed; each `Slopes.time` grows to the derivatives by spike times.

    `times`: are those with respect to time constants wanted? `floor`: the least slope of v at a spike, units of v per
    second; steeper derivatives are cut there.

    Raises
    ------
    InputError
        If a recording is not of this program and these inputs.
    """
    link_routines()
    count = len(runs)
    parts = min(PARTS, count)
    bounds = [count * part // parts for part in range(parts + 1)] if parts else [0]
    # Where inputs are currents and spikes reset v to a value, v is needed for time constants, or to find mistakes.
    plain = not own.wiring.jumps and not own.wiring.at_once and not np.any(own.cells.subtract)
    voltages = int(times or not plain or bool(np.any(own.cells.v >= own.cells.threshold)))
    cells, wires = own.tables
    sums = [new_totals(own.cells, len(own.wires.weight)) for _ in range(max(parts, 1))]

    def sweep(part: int) -> None:
        here = slice(bounds[part], bounds[part + 1])
        mine, its = runs[here], slopes[here]
        nodes = nodes_for(own.cells, own.wiring, mine, its)
        room, totals = as_table(nodes), as_table(sums[part])
        for run, slope in zip(mine, its, strict=True):
            one = as_table(run_of(run, slope))
            code = sweep_run(cells, wires, one, room, totals, int(times), voltages, floor)
            if code != DONE:
                _refuse(run, nodes, code)

    if workers > 1 and parts > 1:
        with ThreadPoolExecutor(workers, "neuro-gradient") as pool:
            list(pool.map(sweep, range(parts)))
    else:
        for part in range(parts):
            sweep(part)
    total = sums[0]
    for each in sums[1:]:
        for into, values in zip(total, each, strict=True):
            np.add(into, values, out=into)
    return total


def _refuse(run: Spiked, nodes: Nodes, code: int) -> None:
    program = run.program
    j, f = (int(x) for x in nodes.fault)
    name = list(program.offset)[int(program.group_of[j])]
    what = "is in a refractory time" if code == HELD_SPIKE else "is not where v meets the threshold"
    raise InputError(
        f"the recording is not of this program with these inputs: a spike {what}",
        where=f"gradient, neuron {j - program.offset[name]} of {name!r}",
        value=f"{run.time[f]:.9g} s",
        remedy="Give the program, currents and recording of one run, without clamps",
    )
