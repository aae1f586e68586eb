"""Networks that `write_nest` writes have in NEST the spikes that they have here; what NEST cannot say is refused."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

import neuro as nr
from neuro.errors import FileError, InputError, NeuroError, UnsupportedFeature

needs_nest = pytest.mark.skipif(importlib.util.find_spec("nest") is None, reason="NEST is not installed: group `bench`")

DURATION = 0.1
SEEDS = range(12)


def drawn(seed):
    """A network of excitatory and inhibitory neurons with its inputs: delays, weights and parameters of their own."""
    rng = np.random.default_rng(seed)
    size, sources = int(rng.integers(5, 40)), int(rng.integers(1, 5))
    grid = rng.choice([1e-4, 5e-5, 1e-5])
    own = seed % 2 == 0
    tau_m = rng.uniform(5e-3, 30e-3, size) if own else rng.uniform(5e-3, 30e-3)
    same = seed % 3 != 0
    slow = rng.uniform(2e-3, 15e-3)
    taus = (slow, slow) if same else (slow, tau_m) if seed % 2 else (slow, rng.uniform(2e-3, 15e-3))
    if own:
        taus = tuple(np.broadcast_to(tau, (size,)) for tau in taus)
    model = nr.LIF(
        tau_m=tau_m,
        v_th=rng.uniform(0.8, 1.2, size) if own else 1.0,
        v_rest=rng.uniform(-0.2, 0.2),
        v_reset=rng.uniform(-0.5, 0.1),
        bias=rng.uniform(0.5, 1.5, size),
        refractory=grid * rng.integers(1, 50),
        tau_syn=taus,
    )
    net = nr.Network(seed=seed)
    cue = net.add(
        nr.Population("cue", sources, nr.SpikeSource(rng.uniform(1e-4, DURATION, 9), rng.integers(0, sources, 9)))
    )
    cell = net.add(nr.Population("cell", size, model, {"v": rng.uniform(-0.3, 0.7, size)}))
    for pre, sign, receptor in ((cue, 1, 0), (cell, 1, 0), (cell, -1, 1)):
        weight = sign * rng.exponential(0.4, (pre.size, size)) * (rng.random((pre.size, size)) < 0.4)
        net.connect(pre, cell, nr.Dense(weight), delay=grid * rng.integers(1, 90, weight.shape), receptor=receptor)
    net.connect("cue", "cell", nr.FixedProbability(0.5, weight=nr.Uniform(0.0, 0.5)), delay=1e-3, name="drawn")
    count = int(rng.integers(1, 60))
    return net, {"cue": nr.Spikes(np.sort(rng.uniform(1e-6, DURATION, count)), rng.integers(0, sources, count))}


DRIVER = """
import importlib.util, sys
import numpy as np
for folder, duration, threads in zip(*[iter(sys.argv[1:])] * 3):
    spec = importlib.util.spec_from_file_location("run", f"{folder}/run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    found = run.simulate(folder, float(duration), int(threads))
    with open(f"{folder}/found-{threads}.npz", "wb") as file:
        np.savez(file, **{f"{k}/{name}": part for name, pair in found.items() for k, part in enumerate(pair)})
"""


def in_nest(orders):
    """Runs folders in one process of NEST, each with so many seconds and threads."""
    words = [str(word) for order in orders for word in order]
    done = subprocess.run([sys.executable, "-c", DRIVER, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def found_in(folder, name, threads=1):
    with np.load(folder / f"found-{threads}.npz") as file:
        return file[f"0/{name}"], file[f"1/{name}"]


@needs_nest
def test_spikes_in_nest_are_those_of_run_with_one_thread_and_with_two(tmp_path):
    cases, kinds = {}, set()
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        net, inputs = cases[folder] = drawn(seed)
        kinds.add(nr.write_nest(net, folder, inputs=inputs)["cell"])
    assert kinds == {"iaf_psc_exp_ps_lossless", "iaf_psc_exp_ps"}
    in_nest([(folder, DURATION, threads) for folder in cases for threads in (1, 2)])
    total = 0
    for folder, (net, inputs) in cases.items():
        ours = nr.run(net, DURATION, inputs=inputs).spikes["cell"]
        for threads in (1, 2):
            times, ids = found_in(folder, "cell", threads)
            assert ids.tolist() == ours.ids.tolist()
            np.testing.assert_allclose(times, ours.times, rtol=0, atol=1e-11)
        total += len(ours)
    assert total > 500


@needs_nest
def test_inputs_that_jump_v_and_initial_currents_do_the_same_in_nest(tmp_path):
    rng = np.random.default_rng(5)
    net = nr.Network()
    cue = net.add(
        nr.Population("cue", 3, nr.SpikeSource(np.sort(rng.uniform(1e-3, DURATION, 60)), rng.integers(0, 3, 60)))
    )
    jumps = net.add(nr.Population("jumps", 20, nr.LIF(tau_m=20e-3, v_th=1.0, refractory=2e-3, bias=0.8)))
    start = {"v": rng.uniform(-0.5, 0.5, 20), "i": rng.uniform(-2, 4, 20)}
    slow = nr.LIF(tau_m=20e-3, v_th=1.0, refractory=1e-3, tau_syn=7e-3, bias=0.95)
    cell = net.add(nr.Population("a->b/c", 20, slow, start))
    net.connect(cue, jumps, nr.Dense(rng.uniform(-0.1, 0.5, (3, 20))), delay=1e-3)
    net.connect(jumps, cell, nr.OneToOne(0.4), delay=2e-3)
    assert nr.write_nest(net, tmp_path / "net")["jumps"] == "iaf_psc_delta_ps"
    in_nest([(tmp_path / "net", DURATION, 1)])
    recording = nr.run(net, DURATION)
    for name in ("jumps", "a->b/c"):
        times, ids = found_in(tmp_path / "net", name)
        assert len(ids) > 20
        assert ids.tolist() == recording.spikes[name].ids.tolist()
        np.testing.assert_allclose(times, recording.spikes[name].times, rtol=0, atol=1e-11)


@needs_nest
def test_the_script_runs_by_itself_and_random_sources_have_their_rates(tmp_path):
    net = nr.Network()
    noise = net.add(nr.Population("noise", 200, nr.PoissonSource(rate=40.0)))
    net.add(nr.Population("uneven", 2, nr.PoissonSource(rate=[0.0, 400.0])))
    model = nr.LIF(tau_m=20e-3, v_th=1.0, refractory=2e-3, tau_syn=5e-3)
    cell = net.add(nr.Population("cell", 100, model))
    net.connect(noise, cell, nr.FixedIndegree(10, weight=0.5), delay=1e-3)
    net.drive(cell, nr.PoissonInput(rate=np.full(100, 400.0), weight=np.linspace(0.5, 1.0, 100)))
    net.drive(cell, nr.PoissonInput(rate=100.0, weight=-0.1))
    nr.write_nest(net, tmp_path / "net")
    out = tmp_path / "out"
    out.mkdir()
    words = [sys.executable, "net/run.py", "--duration", "1.0", "--threads", "2", "--seed", "3", "--out", "out"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    ours = nr.run(net, 1.0, seed=1)
    with np.load(out / "spikes-0.npz") as file:
        # Counts of 8,000 Poisson spikes: standard deviation 89.
        assert abs(len(file["ids/noise"]) - 8000) < 5 * 89
        assert set(file["ids/uneven"].tolist()) == {1}
        count = len(file["ids/cell"])
    assert abs(count - len(ours.spikes["cell"])) < 0.1 * count
    assert count > 500


def small(model=None, delay=1e-3, weight=0.5, receptor=0, initial=None):
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, model or lif(), initial))
    net.connect("cue", "cell", nr.AllToAll(weight), delay=delay, receptor=receptor)
    return net


def lif(**given):
    return nr.LIF(**({"tau_m": 20e-3, "v_th": 1.0, "tau_syn": 5e-3, "refractory": 1e-3} | given))


def two_signs(**given):
    net = small(lif(tau_syn=(5e-3, 6e-3)), weight=0.5)
    net.connect("cue", "cell", nr.Dense([[1.0, -1.0, 0.5]] * 2), delay=1e-3, receptor=1, name="mixed")
    return net


def both_kinds():
    net = small(lif(tau_syn=(5e-3, None)))
    net.connect("cue", "cell", nr.AllToAll(0.5), delay=1e-3, receptor=1, name="jumps")
    return net


def driven(**given):
    net = small()
    net.drive("cell", nr.PoissonInput(**({"rate": 10.0, "weight": 0.1} | given)))
    return net


LEAKY = {"tau_m": 20e-3, "v_th": 1.0, "refractory": 1e-3}
REFUSED = {
    "precise AHP": (lambda: small(nr.AHP(**LEAKY, tau_ahp=0.1, jump=0.1)), "population 'cell'"),
    "precise ALIF": (lambda: small(nr.ALIF(**LEAKY, tau_adapt=0.1, jump=0.1)), "population 'cell'"),
    "precise IF": (lambda: small(nr.IF(v_th=1.0)), "population 'cell'"),
    "precise LoihiLIF": (lambda: small(nr.LoihiLIF(d_v=10, v_th=10), delay=1.0, weight=1), "population 'cell'"),
    "without a threshold": (lambda: small(lif(v_th=None)), "population 'cell'"),
    "subtraction": (lambda: small(lif(reset="subtract")), "population 'cell'"),
    "v_min": (lambda: small(lif(v_min=-1.0)), "population 'cell'"),
    "v_max": (lambda: small(lif(v_max=2.0)), "population 'cell'"),
    "below their threshold": (lambda: small(initial={"v": 1.5}), "population 'cell'"),
    "refractory time is at least": (lambda: small(lif(refractory=0.0)), "population 'cell'"),
    "refractory time is a whole": (lambda: small(lif(refractory=1.0005e-3)), "population 'cell'"),
    "delay is at least": (lambda: small(delay=0.0), "projection 'cue->cell'"),
    "delay is a whole": (lambda: small(delay=np.pi * 1e-3), "projection 'cue->cell'"),
    "one time constant": (two_signs, "population 'cell'"),
    "currents and inputs that jump": (both_kinds, "population 'cell'"),
    "rate that changes": (lambda: driven(rate=nr.TimedRate([0.0, 0.1], [1.0, 2.0])), "drive of 'cell'"),
    "a delay": (lambda: driven(delay=1e-3), "drive of 'cell'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_nest_cannot_say_is_refused_by_name_and_nothing_is_written(what, tmp_path):
    make, where = REFUSED[what]
    with pytest.raises(UnsupportedFeature, match=what) as caught:
        nr.write_nest(make(), tmp_path / "net")
    assert caught.value.where == where
    assert not [*tmp_path.iterdir()]


def test_inputs_that_nest_cannot_say_are_refused(tmp_path):
    for inputs, kind, what in (
        ({"cue": nr.Spikes([0.0], [0])}, UnsupportedFeature, "after time zero"),
        ({"cue": nr.Spikes([1e-3], [7])}, InputError, "0..1"),
        ({"cell": nr.Current([0.0, 0.1], [1.0, 2.0])}, UnsupportedFeature, "population 'cell'"),
        ({"cue": nr.Current([0.0, 0.1], [1.0, 2.0])}, InputError, "takes Spikes"),
        ({"cel": nr.Spikes([1e-3], [0])}, NeuroError, "cell"),
    ):
        with pytest.raises(kind, match=what):
            nr.write_nest(small(), tmp_path / "net", inputs=inputs)


def test_the_grid_is_the_longest_that_fits_or_the_one_that_is_given(tmp_path):
    for delay, dt, found in ((1.3e-3, None, 0.1), (1.25e-3, None, 0.05), (1.001e-3, None, 0.001), (1e-3, 2e-4, 0.2)):
        nr.write_nest(small(delay=delay), tmp_path / "net", dt=dt)
        assert json.loads((tmp_path / "net/network.json").read_text())["resolution"] == pytest.approx(found)
    for dt in (3e-4, 2.5e-6 / 7):
        with pytest.raises(UnsupportedFeature, match="grid"):
            nr.write_nest(small(), tmp_path / "net", dt=dt)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileError, match="new folder"):
        nr.write_nest(small(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(FileError, match="new folder"):
        nr.write_nest(small(), tmp_path / "mine.txt")
