"""Times of the crossbar's solves and reads: `python -m tests.bench.crossbar`, one thread, compilation not counted.

One solve is timed from conductances to currents. badcrossbar and this code take turns; the smallest time of each is
compared. Times are those of the process, so that other programs on the machine count less.
"""

from __future__ import annotations

import os

# Before numpy starts its threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import logging
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.device import Device
from neuro.crossbar.factory import Crossbar, crossbar_from_conductance
from neuro.crossbar.read.settings import Reading


def best(repeats: int, work: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    """The shortest time of several calls, s, and the last result."""
    times, found = [], None
    for _ in range(repeats):
        began = time.process_time()
        found = work(*given)
        times.append(time.process_time() - began)
    return min(times), found


def solve(siemens: np.ndarray, wires: Wires, volts: np.ndarray) -> np.ndarray:
    """Currents, from conductances."""
    return crossbar_from_conductance(siemens, wires=wires).solve(volts)


def matrix(siemens: np.ndarray, wires: Wires) -> np.ndarray:
    """The whole effective matrix, from conductances."""
    return crossbar_from_conductance(siemens, wires=wires).effective_conductance()


def cells(size: int, rng: np.random.Generator) -> np.ndarray:
    """Resistances over two decades, ohm."""
    return 10 ** rng.uniform(3.5, 5.5, (size, size))


def solves(sizes: list[int]) -> None:
    """One solve against badcrossbar, and the whole matrix."""
    try:
        with warnings.catch_warnings(record=True):
            import badcrossbar
        logging.disable(logging.CRITICAL)
    except ImportError:
        badcrossbar = None
        print("badcrossbar is not installed: pip install --no-deps badcrossbar pathvalidate")
    print(f"{'size':>5} {'badcrossbar':>12} {'one solve':>11} {'ratio':>7} {'difference':>11} {'whole matrix':>13}")
    for size in sizes:
        rng = np.random.default_rng(size)
        ohms, volts, wires = cells(size, rng), rng.uniform(0.1, 1, size), Wires(row=1.0, column=2.0)
        siemens, repeats = 1 / ohms, max(1, 512 // size)
        whole, _ = best(repeats, matrix, siemens, wires)
        single, found = best(repeats, solve, siemens, wires, volts)
        peer, ratio, off = "-", "-", "-"
        if badcrossbar is not None:
            options = {"node_voltages": False, "all_currents": False}
            compute = partial(badcrossbar.compute, r_i_word_line=1.0, r_i_bit_line=2.0, **options)
            taken, solution = best(min(repeats, 2), compute, volts[:, None], ohms)
            wanted = solution.currents.output[0]
            peer, ratio = f"{taken * 1e3:.1f} ms", f"{taken / single:.0f}"
            off = f"{np.max(np.abs(found / wanted - 1)):.0e}"
        print(f"{size:5} {peer:>12} {single * 1e3:8.2f} ms {ratio:>7} {off:>11} {whole * 1e3:10.1f} ms", flush=True)


def rows(events: int = 20_000) -> None:
    """Single rows read one after the other, for each event."""
    print(f"\n{'rows':>5} {'columns':>8} {'noiseless':>11} {'with noise':>11}")
    for shape in ((64, 64), (4096, 64), (64, 1024), (1024, 1024), (8192, 1024)):
        rng = np.random.default_rng(0)
        lines = rng.integers(0, shape[0], events)
        shown = []
        for noise in (0.0, 0.02):
            crossbar = crossbar_from_conductance(rng.uniform(0, 1e-4, shape), reading=Reading(noise=noise))
            out = np.zeros(shape[1])
            crossbar.read_rows(lines[:2], out)
            taken, _ = best(5, crossbar.read_rows, lines, out)
            shown.append(f"{taken / events * 1e6:8.3f} us")
        print(f"{shape[0]:5} {shape[1]:8} {shown[0]:>11} {shown[1]:>11}", flush=True)


def loop(size: int = 64, patterns: int = 200) -> None:
    """A pattern forward, an error backward, and pulses, on wires of 1 ohm and with read noise of 2 %.

    aihwkit, where it is installed, does the same with its approximation of the voltage drop, `ir_drop`.
    """
    rng = np.random.default_rng(0)
    x, d = rng.random(size), 0.1 * rng.normal(size=size)
    device = Device("thousand levels", 0.0, 100e-6, levels=1000)
    weights = rng.uniform(-1, 1, (size, size))
    crossbar = Crossbar(weights, device, Wires(1.0, 1.0), w_max=2.0, start=0.5, reading=Reading(noise=0.02))

    def ours() -> None:
        for _ in range(patterns):
            crossbar.read(x)
            crossbar.read_columns(d)
            crossbar.accumulate(-0.05 * np.outer(x, d), max_levels=10)

    ours()
    written = crossbar.version
    taken, _ = best(5, ours)
    share = (crossbar.version - written) / (5 * patterns)
    print(f"\n{size} x {size}, a pattern: {taken / patterns * 1e6:.0f} us here, exact; written in {share:.0%} of them")
    try:
        import torch
        from aihwkit.nn import AnalogLinear
        from aihwkit.simulator.configs import IOParameters, SingleRPUConfig
        from aihwkit.simulator.configs.devices import SoftBoundsDevice
        from aihwkit.simulator.parameters.enums import WeightNoiseType
    except ImportError:
        print("aihwkit is not installed here")
        return
    torch.set_num_threads(1)
    noise = WeightNoiseType.ADDITIVE_CONSTANT
    io = IOParameters(ir_drop=1.0, w_noise=0.02, w_noise_type=noise, out_noise=0.0, inp_res=-1, out_res=-1)
    config = SingleRPUConfig(device=SoftBoundsDevice(), forward=io, backward=io)
    (tile,) = AnalogLinear(size, size, bias=False, rpu_config=config).analog_tiles()
    tile.set_learning_rate(0.05)
    inputs, errors = torch.tensor(x[None], dtype=torch.float32), torch.tensor(d[None], dtype=torch.float32)

    def theirs() -> None:
        for _ in range(patterns):
            tile.forward(inputs)
            tile.backward(errors)
            tile.update(inputs, errors)

    theirs()
    peer, _ = best(5, theirs)
    print(f"{peer / patterns * 1e6:.0f} us in aihwkit, whose voltage drop is an approximation")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[64, 128, 256, 512])
    sizes = parser.parse_args().sizes
    crossbar_from_conductance(np.ones((9, 9)), wires=Wires(1.0, 1.0)).solve(np.ones(9))
    solves(sizes)
    rows()
    loop()


if __name__ == "__main__":
    sys.exit(main())
