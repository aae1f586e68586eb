"""Other simulators on the networks of the benchmark, each in a process of its own, driven over its standard input.

    python -m neuro.bench.peers nest-exact balanced

answers every line that it reads with one line of JSON. `run` simulates, and answers with wall seconds, spikes and
synaptic events. `save FILE.npz` writes the spikes of the last run, sorted by time, in seconds. Only this module imports
NEST and Brian2.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from neuro.bench.networks import DELAY, GRID, REFRACTORY, TAU_M, TAU_SYN, THRESHOLD, ListedCase, draw_case
from neuro.errors import PeerError, UnknownName
from neuro.units import ms
from neuro.validation import Floats, Ints

__all__ = ["PEERS", "PeerRun", "require"]

PEERS = {
    "brian2-cpp": "Brian2, C++ standalone, 0.1 ms grid",
    "brian2-cython": "Brian2, Cython, 0.1 ms grid",
    "nest-exact": "NEST, lossless precise neuron",
    "nest-grid": "NEST, 0.1 ms grid",
}
"""Description of each peer, by name."""

REMEDY = 'Install the peers: pip install "neuro-events[bench]"'
CAPACITANCE = 250.0
"""Of NEST's neurons, pF; R I in mV is a current in pA times TAU_M / CAPACITANCE."""


class PeerRun(NamedTuple):
    """One run: wall seconds of the simulation alone, and its spikes sorted by time, s."""

    wall: float
    times: Floats
    ids: Ints


def require(peer: str, network: str) -> None:
    """Refuse a peer that cannot run a network, before anything is built.

    Raises
    ------
    UnknownName
        If there is no such peer.
    PeerError
        If the peer is not installed, or does not have the network's neurons.
    """
    if peer not in PEERS:
        raise UnknownName("peer", peer, PEERS)
    where = f"peer {peer!r}"
    if network == "crossbar":
        raise PeerError("the network `crossbar` is compared with numpy's row adds alone", where=where)
    if peer.startswith("nest") and network == "balanced-ahp":
        raise PeerError("NEST has no such neuron with a slow current", where=where, remedy="Take a Brian2 peer")
    for package, module in _needs(peer).items():
        if importlib.util.find_spec(module) is None:
            raise PeerError(f"the package {package} is not installed", where=where, remedy=REMEDY)
    compilers = [os.environ.get("CXX", ""), "c++", "g++", "clang++"]
    if peer.startswith("brian2") and not any(shutil.which(name) for name in compilers if name):
        raise PeerError("Brian2 needs a C++ compiler", where=where, remedy="Install one, or set CXX")


def _needs(peer: str) -> dict[str, str]:
    if peer.startswith("nest"):
        return {"nest-simulator": "nest"}
    return {"brian2": "brian2", "cython": "Cython"} if peer == "brian2-cython" else {"brian2": "brian2"}


def _nest(case: ListedCase, exact: bool) -> Callable[[], PeerRun]:
    """Build with NEST; a network runs once, so every further run builds it again, untimed."""
    import nest

    def build() -> Any:
        nest.ResetKernel()
        nest.set_verbosity("M_ERROR")
        nest.resolution, nest.local_num_threads = GRID / ms, 1
        pa = CAPACITANCE / (TAU_M / ms)
        if case.jumps and exact:
            raise PeerError("NEST's lossless neurons have no jumps of v", remedy="Take nest-grid or brian2-cpp")
        pa = 1.0 if case.jumps else pa
        cells = nest.Create(
            "iaf_psc_delta" if case.jumps else "iaf_psc_exp_ps_lossless" if exact else "iaf_psc_exp",
            case.size,
            params={
                "C_m": CAPACITANCE,
                "tau_m": TAU_M / ms,
                **({} if case.jumps else {"tau_syn_ex": TAU_SYN / ms, "tau_syn_in": TAU_SYN / ms}),
                "t_ref": REFRACTORY / ms,
                "V_th": THRESHOLD,
                "V_reset": case.v_reset,
                "E_L": 0.0,
                "I_e": case.drive * pa,
            },
        )
        cells.V_m = case.v0

        def connect(pre: NDArray[Any], post: NDArray[Any], weight: Floats, delay: Floats | None = None) -> None:
            lag = np.full(len(pre), DELAY / ms) if delay is None else np.round(delay / GRID) * (GRID / ms)
            each = {"synapse_model": "static_synapse", "weight": weight * pa, "delay": lag}
            nest.Connect(pre, post, "one_to_one", syn_spec=each)

        connect(case.pre + 1, case.post + 1, case.row_weight[case.pre], case.delays)
        if case.poisson_rate:
            outside = nest.Create("poisson_generator", params={"rate": case.poisson_rate})
            nest.Connect(outside, cells, syn_spec={"weight": case.poisson_weight, "delay": DELAY / ms})
        if case.sources:
            step = GRID / ms
            generators, relays = (
                nest.Create("spike_generator", case.sources),
                nest.Create("parrot_neuron", case.sources),
            )
            for i in range(case.sources):
                # A relay receives its generator one step late; NEST has no spike before the first step.
                steps = np.sort(np.round(case.source_times[case.source_ids == i] / GRID))
                generators[i].spike_times = (steps[steps > 1] - 1) * step
            nest.Connect(generators, relays, "one_to_one", syn_spec={"delay": step})
            weight = np.full(len(case.source_pre), case.source_weight)
            connect(case.source_pre + relays.tolist()[0], case.source_post + 1, weight)
        recorder = nest.Create("spike_recorder")
        nest.Connect(cells, recorder)
        nest.Prepare()
        return recorder

    recorder: Any = build()

    def run() -> PeerRun:
        nonlocal recorder
        if recorder is None:
            recorder = build()
        began = time.perf_counter()
        nest.Run(case.duration / ms)
        wall = time.perf_counter() - began
        found = recorder.events
        recorder = None
        return _sorted(wall, found["times"] * ms, found["senders"] - 1)

    return run


def _brian(case: ListedCase, compiled: bool) -> Callable[[], PeerRun]:
    """Build with Brian2, C++ standalone (`compiled`) or Cython, and compile; a network can run many times."""
    import brian2 as b2

    folder = tempfile.mkdtemp(prefix="neuro-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if compiled:
        b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        b2.prefs.devices.cpp_standalone.openmp_threads = 0
    else:
        b2.prefs.codegen.target = "cython"
    second = b2.second
    b2.defaultclock.dt = GRID * second
    slow = "- a" if case.jump else ""
    equations = f"dv/dt = ({case.drive} - v + x {slow})/({TAU_M}*second) : 1 (unless refractory)\n"
    equations += f"dx/dt = -x/({TAU_SYN}*second) : 1"
    if case.jumps:
        equations = f"dv/dt = ({case.drive} - v)/({TAU_M}*second) : 1 (unless refractory)"
    equations += f"\nda/dt = -a/({case.tau_ahp}*second) : 1" if case.jump else ""
    cells = b2.NeuronGroup(
        case.size,
        equations,
        threshold=f"v >= {THRESHOLD}",
        reset=f"v = {case.v_reset}" + (f"; a += {case.jump}" if case.jump else ""),
        refractory=REFRACTORY * second,
        method="exact",
    )
    cells.v = case.v0
    synapses = b2.Synapses(cells, cells, "w : 1", on_pre="v_post += w" if case.jumps else "x_post += w")
    synapses.connect(i=case.pre, j=case.post)
    synapses.w, synapses.delay = case.row_weight[case.pre], (DELAY if case.delays is None else case.delays) * second
    parts = [cells, synapses]
    if case.poisson_rate:
        many, rate = 1000, case.poisson_rate / 1000 * b2.Hz
        parts.append(b2.PoissonInput(cells, "v" if case.jumps else "x", many, rate, weight=case.poisson_weight))
    if case.sources:
        sources = b2.SpikeGeneratorGroup(case.sources, case.source_ids, case.source_times * second)
        inputs = b2.Synapses(sources, cells, on_pre=f"x_post += {case.source_weight}")
        inputs.connect(i=case.source_pre, j=case.source_post)
        inputs.delay = DELAY * second
        parts += [sources, inputs]
    spikes = b2.SpikeMonitor(cells)
    network = b2.Network(*parts, spikes)
    if compiled:
        network.run(case.duration * second)
        b2.device.build(run=False, compile=True, with_output=False, directory=folder)
    else:
        network.store()
        network.run(GRID * second)
        network.restore()

    def run() -> PeerRun:
        if compiled:
            b2.device.run(with_output=False)
            wall = b2.device._last_run_time
            # Brian2 2.9 caches arrays of an earlier run.
            for variable in spikes.variables.values():
                b2.device.array_cache.pop(variable, None)
        else:
            seconds: list[float] = []
            network.restore()
            # The report at the end has the time of the steps, without the preparation before each run.
            network.run(case.duration * second, report=lambda elapsed, *_: seconds.append(float(elapsed)))
            wall = seconds[-1]
        return _sorted(wall, np.asarray(spikes.t / second), np.asarray(spikes.i))

    return run


def _sorted(wall: float, times: Floats, ids: Ints) -> PeerRun:
    order = np.lexsort((ids, times))
    return PeerRun(float(wall), times[order], ids[order].astype(np.int64))


def main(peer: str, network: str) -> None:
    """Build a network and follow the orders on standard input, one a line."""
    require(peer, network)
    # Simulators write to standard output; our answers go to a copy of it.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    case = draw_case(network)
    if not isinstance(case, ListedCase):
        raise UnknownName("network of single synapses", network)
    began = time.perf_counter()
    run = _nest(case, peer == "nest-exact") if peer.startswith("nest") else _brian(case, peer == "brian2-cpp")
    package = "nest-simulator" if peer.startswith("nest") else "brian2"
    _answer(answers, build_seconds=time.perf_counter() - began, version=metadata.version(package))
    latest = PeerRun(0.0, np.zeros(0), np.zeros(0, np.int64))
    for line in sys.stdin:
        order, _, path = line.strip().partition(" ")
        if order == "save":
            np.savez(path, times=latest.times, ids=latest.ids)
            _answer(answers, saved=path)
        else:
            latest = run()
            _answer(answers, wall=latest.wall, spikes=len(latest.ids), events=case.events(latest.ids))


def _answer(answers: TextIO, **what: object) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
