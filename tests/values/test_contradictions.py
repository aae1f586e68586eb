"""Arguments that are right alone and wrong together, and networks that no machine can hold, are refused at once."""

import pytest

import neuro as nr
from neuro import memory
from neuro.errors import NeuroError
from neuro.learning.memory import AssociativeMemory

LIF = {"tau_m": 20e-3, "v_th": 1.0}


def network(size=2, model=None):
    net = nr.Network()
    net.add(nr.Population("cue", size, nr.SpikeSource()))
    net.add(nr.Population("cell", size, model or nr.LIF(**LIF)))
    return net


def recording(**given):
    return nr.Recording(**{"spikes": {}, "v": {}, "v_times": [], "events": {}, "start": 0.0, "stop": 1.0} | given)


def clamp(kind="hard", **given):
    return nr.Clamp("cell", kind, 100.0).toward([1.0, 0.0], **{"start": 0.0, "stop": 1.0} | given)


@pytest.mark.parametrize(
    ("where", "make"),
    [
        ("v_max", lambda: nr.LIF(**LIF, v_max=0.9)),
        ("v_max", lambda: nr.IF(v_th=[1.0, 2.0], v_max=1.5)),
        ("v_min", lambda: nr.LIF(**LIF, v_min=1.0)),
        ("one entry for each neuron", lambda: nr.LIF(tau_m=[0.02, 0.03], v_th=[1.0, 1.0, 1.0])),
        ("one entry for each neuron", lambda: nr.LIF(tau_m=[[0.02], [0.03]], v_th=1.0)),
        ("empty tuple", lambda: nr.LIF(**LIF, tau_syn=())),
        ("tuples of one length", lambda: nr.AHP(**LIF, tau_ahp=(0.1, 0.2), jump=(0.1,))),
        ("no initial values", lambda: nr.Population("p", 1, nr.SpikeSource(), initial={"v": 0.0})),
        ("by their names", lambda: nr.Network(populations={"other": nr.Population("p", 1, nr.SpikeSource())})),
        ("one length", lambda: nr.Sparse([0, 1], [0], 1.0)),
        ("must be one number or 2", lambda: nr.Sparse([0, 1], [0, 1], [1.0, 1.0, 1.0])),
        (r"0\.\.1", lambda: nr.FixedProbability(1.5, 1.0)),
        ("not be before `start`", lambda: nr.Spikes([0.1], [0]).window(1.0, 0.5)),
        ("size", lambda: nr.Spikes([0.1], [5]).counts(3)),
        ("no voltages to sample", lambda: nr.Record(v_dt=1e-3)),
        ("stop", lambda: recording(start=2.0)),
        ("stop", lambda: clamp(start=2.0)),
        ("activity so far", lambda: clamp("current")),
        ("one number for each target", lambda: clamp("current", trace=[0.0])),
        ("forced", lambda: nr.AppliedClamp(forced={"cell": nr.Spikes([0.1], [0])})),
        ("no bias", lambda: nr.build(network()).with_bias({"cue": 1.0})),
        ("2 of them", lambda: nr.build(network()).with_bias({"cell": [1.0, 2.0, 3.0]})),
        ("start first", lambda: nr.STDP(a_plus=1, a_minus=1, tau_plus=0.1, tau_minus=0.1, during=((1.0, 0.5),))),
        ("w_min", lambda: nr.STDP(a_plus=1, a_minus=1, tau_plus=0.1, tau_minus=0.1, w_min=1.0, w_max=0.0)),
        ("same patterns", lambda: nr.Centred(rate=1, beta=1).change([[1.0]], [[1.0]] * 2, [[1.0]], [[1.0]] * 2)),
        ("fit into a recall", lambda: AssociativeMemory(size=4, counted=0.2)),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(where, make):
    with pytest.raises(NeuroError, match=where):
        make()


def sampled(size=2, **given):
    return lambda: nr.run(network(size), given.pop("duration", 1.0), record=nr.Record(**given))


def connected(synapses, size, with_=nr.build):
    def make():
        net = network(size)
        net.connect("cue", "cell", synapses, delay=1e-3)
        with_(net)

    return make


def poisson(**given):
    net = nr.Network()
    net.add(nr.Population("noise", 1, nr.PoissonSource(1e12)))
    return lambda: nr.run(net, 1.0, **given)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nr.build(network(10**12)),
        lambda: nr.build_clocked(network(10**12), dt=1e-3),
        lambda: nr.build(network(2**31)),
        lambda: nr.place(network(2**31), nr.mesh_chip(2, 2, neurons=8)),
        connected(nr.AllToAll(1.0), 10**6),
        connected(nr.AllToAll(1.0), 10**6, lambda net: nr.place(net, nr.mesh_chip(2, 2, neurons=8))),
        connected(nr.FixedProbability(1.0, 1.0), 10**6),
        connected(nr.FixedIndegree(10**6, 1.0), 10**6),
        poisson(),
        poisson(engine="clocked", dt=1e-3),
        sampled(v={"cell": [0, 1]}, v_dt=1e-12),
        lambda: nr.run(
            network(), 1.0, engine="clocked", dt=1e-12, record=nr.Record(spikes=False, v={"cell": [0, 1]}, v_dt=1e-12)
        ),
        lambda: nr.run(network(), 1e10, engine="clocked", dt=1e-10),
        lambda: nr.Clamp("cell", "hard", 1e15).toward([1.0], start=0.0, stop=1.0),
    ],
)
def test_absurd_sizes_are_refused_with_what_they_would_take(make):
    with pytest.raises(NeuroError, match=r"GB needed|at most"):
        make()


def test_memory_respects_the_limit_of_the_address_space(monkeypatch):
    resource = pytest.importorskip("resource")
    free = memory.available_bytes()
    monkeypatch.setattr(resource, "getrlimit", lambda which: (2**40, 2**40))
    assert memory.available_bytes() <= free
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1, 1))
    assert memory.available_bytes() == 0.0


def test_a_control_group_limits_memory(monkeypatch, tmp_path):
    (tmp_path / "memory").mkdir()
    for folder, limit, used in (
        (tmp_path, "max", "current"),
        (tmp_path / "memory", "limit_in_bytes", "usage_in_bytes"),
    ):
        monkeypatch.setattr(memory, "CONTROL_GROUPS", tmp_path)
        (folder / f"memory.{limit}").write_text("1000\n")
        (folder / f"memory.{used}").write_text("400\n")
        assert memory.available_bytes() == 600.0 if folder == tmp_path else memory.available_bytes() <= 600.0
        (folder / f"memory.{limit}").write_text("max\n")
    assert memory.available_bytes() > 600.0
