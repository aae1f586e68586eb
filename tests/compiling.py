"""Compiles the kernels that tests in several files call, each once, in two processes before the tests begin.

Workers that start on an empty cache would each compile all of them for themselves.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

import neuro as nr

ROOT = Path(__file__).parents[1]


def small_network() -> tuple[nr.Network, dict[str, nr.Spikes]]:
    net = nr.Network()
    net.add(nr.Population("cue", 9, nr.SpikeSource()))
    net.add(nr.Population("cell", 24, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(0.2), delay=1e-3)
    net.connect("cell", "cell", nr.AllToAll(0.01), delay=1e-3)
    return net, {"cue": nr.Spikes(np.linspace(1e-3, 40e-3, 60), np.arange(60) % 9)}


def compile_exact() -> None:
    """The exact engine, with learning and with zero delays."""
    net, inputs = small_network()
    nr.run(net, 0.05, inputs=inputs, record=nr.Record(v={"cell": [0]}, v_dt=1e-3))
    rule = nr.STDP(a_plus=1e-3, a_minus=1e-3, tau_plus=20e-3, tau_minus=20e-3)
    nr.run(net, 0.05, inputs=inputs, plasticity={"cell->cell": rule})
    net.connect("cue", "cell", nr.AllToAll(0.2), delay=0.0, name="at once")
    nr.run(net, 0.05, inputs=inputs)


def compile_others() -> None:
    """The mapper, the clocked engine, and crossbars."""
    net, inputs = small_network()
    for objective in ("multicast_hops", "max_link", "energy", "km1"):
        nr.place(net, nr.mesh_chip(3, 3, neurons=8), None, objective, "fast")
    nr.run(net, 0.05, engine="clocked", dt=1e-3, inputs=inputs)
    array = nr.Crossbar(np.zeros((6, 5)), nr.load_device("EcRam"), w_max=1.0, start=0.5, seed=1)
    array.accumulate(np.full((6, 5), 0.05), 100)


def compile_kernels() -> None:
    """All of them, with a process for each half."""
    code = "from tests import compiling; compiling.{}()"
    names = [function.__name__ for function in (compile_exact, compile_others)]
    halves = [subprocess.Popen([sys.executable, "-c", code.format(name)], cwd=ROOT) for name in names]
    # What does not compile fails in the tests of it, which say more.
    for half in halves:
        half.wait()
