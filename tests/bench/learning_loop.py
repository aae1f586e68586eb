"""A learning loop on one array, beside aihwkit: read a pattern through wires and noise, compare, pulse the devices.

Both learn y = x T, 64 x 64, pattern by pattern, on ReRamSB devices with read noise of 1 % and wires. Run it with the
Python of each: `python tests/bench/learning_loop.py neuro` and `python tests/bench/learning_loop.py aihwkit`; it prints
microseconds for each pattern, the median of five turns, and what is left of the error. The wheel of aihwkit
1.1.0 runs with torch 2.10, not with 2.9, 2.13 or 2.14.

The two are not the same work. aihwkit's `ir_drop` is a formula for the loss on the columns' wires; here the resistive
network of rows and columns is solved exactly, anew after every write. So there are three loops here: pulses from the
trains of every pattern (aihwkit's way, a solve for each pattern), pulses when the learning register is full, 32
patterns between writes (a solve for each write), and pulses of every pattern without wires.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

SIZE, RATE, NOISE, SLOTS = 64, 0.002, 0.01, 31
BATCH = 32


def patterns(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Patterns, and the matrix to be learned."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, SIZE)), rng.uniform(-0.3, 0.3, (SIZE, SIZE))


def measure_neuro(name: str, wires: float, batch: int, trains: bool, count: int) -> None:
    """A crossbar of neuro: pulses by trains at every pattern, or from the register after every `batch` of them."""
    import neuro as nr

    resistance = nr.Wires(row=wires, column=wires) if wires else None
    crossbar = nr.Crossbar(
        np.zeros((SIZE, SIZE)),
        nr.load_device("ReRamSB"),
        resistance,
        reading=nr.Reading(noise=NOISE),
        w_max=1.0,
        start=0.5,
    )
    waiting = np.zeros((SIZE, SIZE))
    seen = 0

    def step(x: np.ndarray, wanted: np.ndarray) -> float:
        nonlocal seen
        error = wanted - crossbar.read(x)
        if trains:
            crossbar.coincide(x, error, RATE, length=SLOTS)
        else:
            np.add(waiting, RATE * np.multiply.outer(x, error), out=waiting)
            seen += 1
            if seen % batch == 0:
                crossbar.accumulate(waiting, 4)
                waiting[:] = 0
        return float(np.mean(error**2))

    measure(name, step, count, lambda: crossbar.ledger.pulses_up + crossbar.ledger.pulses_down)


def aihwkit_step(ir_drop: float) -> Callable[[np.ndarray, np.ndarray], float]:
    """One pattern on an aihwkit tile."""
    import torch
    from aihwkit.simulator.configs import SingleRPUConfig
    from aihwkit.simulator.configs.utils import IOParameters, UpdateParameters, WeightNoiseType
    from aihwkit.simulator.presets import ReRamSBPresetDevice
    from aihwkit.simulator.tiles.analog import AnalogTile

    torch.set_num_threads(1)
    forward = IOParameters(
        ir_drop=ir_drop,
        w_noise=NOISE,
        w_noise_type=WeightNoiseType.ADDITIVE_CONSTANT,
        out_noise=0.0,
        inp_res=-1,
        out_res=-1,
    )
    update = UpdateParameters(desired_bl=SLOTS)
    tile = AnalogTile(SIZE, SIZE, SingleRPUConfig(device=ReRamSBPresetDevice(), forward=forward, update=update))
    tile.set_learning_rate(RATE)

    @torch.no_grad()
    def step(x: np.ndarray, wanted: np.ndarray) -> float:
        given = torch.from_numpy(x[None].astype(np.float32))
        # Without gradients nothing is recorded for a backward pass; the update gets its error directly.
        error = tile.forward(given) - torch.from_numpy(wanted[None].astype(np.float32))
        tile.update(given, error)
        return float((error**2).mean())

    return step


def measure(
    name: str, step: Callable[[np.ndarray, np.ndarray], float], count: int, sent: Callable[[], int] | None = None
) -> None:
    """Five turns of `count` patterns each, after one to warm up; `sent` tells the pulses so far."""
    inputs, matrix = patterns(6 * count)
    turns, errors = [], []
    for turn in range(6):
        mine = inputs[turn * count : (turn + 1) * count]
        wanted = mine @ matrix
        start = time.perf_counter()
        left = [step(x, y) for x, y in zip(mine, wanted, strict=True)]
        turns.append((time.perf_counter() - start) / count * 1e6)
        errors.append(np.mean(left))
    text = f"{name}: {statistics.median(turns[1:]):8.0f} us a pattern"
    if sent is not None:
        text += f", {sent() / (6 * count):6.0f} pulses a pattern"
    print(f"{text}, mean square error {errors[0]:.3f} at first, {errors[-1]:.3f} at last", flush=True)


def main(which: str) -> None:
    """Measure one of the two."""
    if which == "neuro":
        measure_neuro("no wires, pulses of every pattern   ", 0.0, 1, True, 400)
        measure_neuro("no wires, register, 32 a write      ", 0.0, BATCH, False, 400)
        measure_neuro("exact wires, register, 32 a write   ", 1.0, BATCH, False, 2 * BATCH)
        measure_neuro("exact wires, pulses of every pattern", 1.0, 1, True, 20)
        return
    for ir_drop in (0.0, 1.0):
        measure(f"aihwkit, ir_drop = {ir_drop:g}", aihwkit_step(ir_drop), 400)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "neuro")
