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


def bins(spikes, steps, size, dt):
    counts = np.zeros((steps, size))
    np.add.at(counts, (np.rint(spikes.times / dt).astype(int), spikes.ids), 1)
    return counts


def needs(tool):
    return pytest.mark.skipif(importlib.util.find_spec(tool) is None, reason=f"{tool} is not installed: group `bench`")


def drawn(tool, seed, folder):
    """What a tool ran: the arrays of its script."""
    script = Path(__file__).with_name(f"nir_{tool}.py")
    subprocess.run([sys.executable, str(script), str(seed), str(folder)], check=True, capture_output=True)
    with np.load(folder / "run.npz") as file:
        return dict(file)


def differing(run, path, dt, **options):
    """Differing bins of both layers, and spikes of the tool."""
    net = nr.read_nir(path, dt=dt, **options)
    steps, neurons = np.nonzero(run["inputs"])
    count, layers = len(run["inputs"]), [name for name in net.populations if name != "input"]
    given = {"input": nr.Spikes(steps * dt, neurons)}
    found = nr.run(net, count * dt, engine="clocked", dt=dt, inputs=given).spikes
    pairs = list(zip(layers, (run["hidden"], run["output"]), strict=False))
    assert len(pairs) == 2
    wrong = sum(int((bins(found[name], count, spikes.shape[1], dt) != spikes).sum()) for name, spikes in pairs)
    return wrong, int(sum(spikes.sum() for _, spikes in pairs))


@needs("snntorch")
def test_networks_written_by_snntorch_have_its_spikes_in_every_bin(tmp_path):
    compared, total = {"zero": 0, "subtract": 0}, 0
    for seed in range(12):
        run = drawn("snntorch", seed, tmp_path)
        if run["beyond"]:
            continue
        reset = str(run["reset"])
        wrong, spikes = differing(run, tmp_path / "net.nir", DT, reset="subtract" if reset == "subtract" else None)
        assert wrong == 0
        total += spikes
        compared[reset] += 1
    assert min(compared.values()) >= 2
    assert total > 1000


@needs("norse")
def test_networks_written_by_norse_have_its_spikes_in_every_bin(tmp_path):
    seen, total = set(), 0
    for seed in range(24):
        run = drawn("norse", seed, tmp_path)
        wrong, spikes = differing(run, tmp_path / "net.nir", float(run["dt"]), initial="v_leak")
        assert wrong == 0
        total += spikes
        seen |= set(run["kinds"])
    assert seen == {"lif_box", "lif", "iaf"}
    assert total > 1000


@needs("sinabs")
def test_networks_written_by_sinabs_have_its_spikes_in_every_bin(tmp_path):
    compared, seen, total, otherwise = {"zero": 0, "subtract": 0}, set(), 0, 0
    for seed in range(24):
        run = drawn("sinabs", seed, tmp_path)
        if run["beyond"]:
            continue
        options = {"reset": "subtract" if run["reset"] == "subtract" else None}
        wrong, spikes = differing(run, tmp_path / "net.nir", 1.0, decay="exponential", **options)
        assert wrong == 0
        otherwise += differing(run, tmp_path / "net.nir", 1.0, **options)[0]
        total += spikes
        compared[str(run["reset"])] += 1
        seen |= set(run["kinds"])
    assert min(compared.values()) >= 2
    assert seen == {"norm", "plain", "iaf"}
    assert total > 1000
    assert otherwise > 100  # the other decay is another network
