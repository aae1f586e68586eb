"""Networks that other tools draw and write as NIR have here, clocked, the spikes that they have there, in every bin."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import neuro as nr

pytestmark = pytest.mark.bench
DT = 1e-4
SEEDS = range(12)


def bins(spikes, steps, size):
    counts = np.zeros((steps, size))
    np.add.at(counts, (np.rint(spikes.times / DT).astype(int), spikes.ids), 1)
    return counts


@pytest.mark.skipif(importlib.util.find_spec("snntorch") is None, reason="snnTorch is not installed: group `bench`")
def test_networks_written_by_snntorch_have_its_spikes_in_every_bin(tmp_path):
    script, compared, total = Path(__file__).with_name("nir_snntorch.py"), {"zero": 0, "subtract": 0}, 0
    for seed in SEEDS:
        subprocess.run([sys.executable, str(script), str(seed), str(tmp_path)], check=True, capture_output=True)
        with np.load(tmp_path / "run.npz") as file:
            run = dict(file)
        if run["beyond"]:
            continue
        reset = str(run["reset"])
        net = nr.read_nir(tmp_path / "net.nir", dt=DT, reset="subtract" if reset == "subtract" else None)
        steps, neurons = np.nonzero(run["inputs"])
        count = len(run["inputs"])
        given = {"input": nr.Spikes(steps * DT, neurons)}
        found = nr.run(net, count * DT, engine="clocked", dt=DT, inputs=given).spikes
        layers = [name for name in net.populations if name != "input"]
        for name, expected in zip(layers, (run["hidden"], run["output"]), strict=True):
            assert (bins(found[name], count, expected.shape[1]) != expected).sum() == 0
            total += int(expected.sum())
        compared[reset] += 1
    assert min(compared.values()) >= 2
    assert total > 1000
