"""jaxsnn reads the networks and inputs that we write in NIR, and has our spike times to its own precision.

`NEURO_JAXSNN` names an interpreter with jaxsnn 0.3.0 and nir; jaxsnn wants other versions of numpy than this package.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nir
import numpy as np
import pytest

import neuro as nr

PYTHON = os.environ.get("NEURO_JAXSNN", "")
pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not PYTHON, reason="NEURO_JAXSNN names no interpreter with jaxsnn"),
]
SIZES = {"inputs": 5, "hidden": 20, "output": 4}
SAMPLES, SPIKES, DURATION, TAU = 8, 10, 30e-3, 6e-3
ROUNDING = {"float32": 5e-7, "float64": 1e-14}
"""The greatest distance of a spike, s: at 30 ms, units in the last place are 2e-9 and 3e-18 s."""


def network(ratio: int, rng: np.random.Generator) -> nr.Network:
    """Two layers whose time constants jaxsnn's analytic solver has: tau_m is once or twice tau_syn."""
    net = nr.Network()
    net.add(nr.Population("inputs", SIZES["inputs"], nr.SpikeSource()))
    for name in ("hidden", "output"):
        net.add(nr.Population(name, SIZES[name], nr.LIF(tau_m=ratio * TAU, v_th=1.0, tau_syn=TAU)))
    for pre, post, mean, spread in (("inputs", "hidden", 1.2, 0.8), ("hidden", "output", 0.15, 0.5)):
        weight = rng.normal(mean, spread, (SIZES[pre], SIZES[post]))
        net.connect(pre, post, nr.Dense(weight), delay=0.0)
    return net


def theirs(folder: Path, precision: str) -> nir.NIRGraphData:
    """The spikes of jaxsnn."""
    environment = os.environ | {"JAX_ENABLE_X64": str(int(precision == "float64")), "JAX_PLATFORMS": "cpu"}
    environment.pop("PYTHONPATH", None)
    script = Path(__file__).with_name("nir_jaxsnn.py")
    subprocess.run([PYTHON, str(script), str(folder)], check=True, env=environment, capture_output=True)
    return nir.read_data(folder / "outputs.nir")


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("precision", ROUNDING)
def test_spike_times_of_jaxsnn_are_ours_to_its_precision(ratio: int, precision: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    net = network(ratio, rng)
    nr.write_nir(net, tmp_path / "net.nir")
    times = np.sort(rng.uniform(0.0, 2 / 3 * DURATION, (SAMPLES, SPIKES)), axis=1)
    ids = rng.integers(0, SIZES["inputs"], times.shape)
    given = nir.NIRNodeData({"spikes": nir.EventData(ids, times, SIZES["inputs"], DURATION)})
    nir.write_data(tmp_path / "inputs.nir", nir.NIRGraphData({"inputs": given}))
    found = theirs(tmp_path, precision)
    spikes, farthest = 0, 0.0
    for k in range(SAMPLES):
        own = nr.run(net, DURATION, inputs={"inputs": nr.Spikes(times[k], ids[k])}).spikes
        for name in ("hidden", "output"):
            events = found.nodes[name].observables["spikes"]
            shown = (events.idx[k] >= 0) & (events.time[k] < DURATION)
            who, when = events.idx[k][shown], events.time[k][shown]
            order, mine = np.lexsort((when, who)), np.lexsort((own[name].times, own[name].ids))
            assert who[order].tolist() == own[name].ids[mine].tolist()
            farthest = max(farthest, float(np.abs(when[order] - own[name].times[mine]).max(initial=0.0)))
            spikes += len(who)
    print(f"tau_m = {ratio} tau_syn, {precision}: {spikes} spikes, at most {farthest:.2e} s apart")
    assert spikes > 300
    assert farthest < ROUNDING[precision]
