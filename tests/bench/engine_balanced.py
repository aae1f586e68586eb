"""The balanced network on this engine and on Brian2's C++ standalone, one thread each, in one session.

    python tests/bench/engine_balanced.py [RUNS]

10,000 leaky neurons, 10 million synapses, 500 ms of about 21 Hz; building and compiling are not timed. Brian2 runs on a
0.1 ms grid, this engine without one. The two take turns, and the ratio is taken turn by turn. Needs a C++ compiler.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

import numpy as np

N, K, DURATION = 10_000, 1_000, 0.5
EXCITATORY = int(0.8 * N)


def synapses() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sources, targets, weights (jumps of R I in mV) and initial voltages; sources drawn with replacement."""
    rng = np.random.default_rng(1)
    pre = np.empty((N, K), np.int32)
    k = int(0.8 * K)
    for j in range(N):
        pre[j, :k] = rng.integers(0, EXCITATORY, k)
        pre[j, k:] = rng.integers(EXCITATORY, N, K - k)
    post = np.repeat(np.arange(N, dtype=np.int32), K)
    order = np.argsort(pre.ravel(), kind="stable")
    source = pre.ravel()[order]
    v0 = np.random.default_rng(7).uniform(0, 20, N)
    return source, post[order], np.where(source < EXCITATORY, 0.3, -1.5), v0


def ours(runs: int):
    """Yield (wall seconds, spikes, synaptic events) of each run."""
    import neuro as nr

    pre, post, weight, v0 = synapses()
    net = nr.Network()
    model = nr.LIF(tau_m=20e-3, v_th=20.0, v_reset=10.0, bias=24.0, refractory=2e-3, tau_syn=2e-3)
    cells = net.add(nr.Population("cells", N, model, initial={"v": v0}))
    net.connect(cells, cells, nr.Sparse(pre, post, weight), delay=1.5e-3)
    began = time.perf_counter()
    program = nr.build(net)
    print(f"build: {time.perf_counter() - began:.2f} s", flush=True)
    nr.run(program, 5e-3)
    for _ in range(runs):
        began = time.perf_counter()
        recording = nr.run(program, DURATION)
        yield time.perf_counter() - began, len(recording.spikes["cells"]), sum(recording.events.values())


def brian() -> tuple[float, int]:
    """Wall seconds and spikes of one run of Brian2's C++ standalone."""
    import brian2 as b2
    from brian2 import ms

    pre, post, weight, v0 = synapses()
    folder = tempfile.mkdtemp()
    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    b2.defaultclock.dt = 0.1 * ms
    cells = b2.NeuronGroup(
        N,
        "dv/dt=(24-v+x)/(20*ms):1 (unless refractory)\ndx/dt=-x/(2*ms):1",
        threshold="v>=20",
        reset="v=10",
        refractory=2 * ms,
        method="exact",
    )
    cells.v = v0
    connections = b2.Synapses(cells, cells, "w:1", on_pre="x_post+=w")
    connections.connect(i=pre, j=post)
    connections.w, connections.delay = weight, 1.5 * ms
    spikes = b2.SpikeMonitor(cells)
    net = b2.Network(cells, connections, spikes)
    net.run(DURATION * 1000 * ms)
    b2.device.build(run=True, compile=True, with_output=False, directory=folder)
    return b2.device._last_run_time, len(spikes.i)


def main() -> None:
    """Take turns and print both and their ratio."""
    if sys.argv[1:] == ["brian"]:
        wall, spikes = brian()
        print(f"{wall} {spikes}")
        return
    runs = int(sys.argv[1]) if sys.argv[1:] else 3
    fan_out = 1000.0
    ratios = []
    for wall, spikes, events in ours(runs):
        printed = subprocess.run([sys.executable, __file__, "brian"], check=True, capture_output=True, text=True)
        peer, peer_spikes = (float(part) for part in printed.stdout.split()[-2:])
        ratios.append((wall / events) / (peer / (peer_spikes * fan_out)))
        print(
            f"neuro, exact: {wall:.3f} s, {spikes} spikes, {wall / events * 1e9:.2f} ns per synaptic event;  "
            f"Brian2 C++: {peer:.3f} s, {peer_spikes:.0f} spikes, {peer / peer_spikes / fan_out * 1e9:.2f} ns;  "
            f"wall {wall / peer:.2f}, per event {ratios[-1]:.2f}",
            flush=True,
        )
    print(f"ratio per synaptic event, median of {runs}: {np.median(ratios):.2f}")


if __name__ == "__main__":
    main()
