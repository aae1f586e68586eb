"""A network goes to Brian2 and comes back the same, and runs there with spikes that are near ours."""

from __future__ import annotations

import brian2 as b2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import InputError, ParameterError, UnknownName, UnsupportedFeature

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SIZE = 3
TIMES = st.sampled_from([2e-3, 5e-3, 8e-3])


@pytest.fixture(autouse=True)
def interpreted():
    """Brian2 without a compiler."""
    before = b2.prefs.codegen.target
    b2.prefs.codegen.target = "numpy"
    b2.BrianLogger.suppress_name("unused_brian_object")
    yield
    b2.prefs.codegen.target = before


@st.composite
def models(draw):
    """Neurons of every kind, with one number for each field, or one for each neuron."""

    def some(low, high):
        numbers = st.floats(low, high).map(lambda x: round(x, 3))
        return draw(st.one_of(numbers, st.lists(numbers, min_size=SIZE, max_size=SIZE).map(np.array)))

    taus = draw(st.sampled_from([None, 4e-3, (4e-3, 7e-3), (4e-3, None)]))
    common = {"v_th": some(0.9, 1.2), "tau_syn": taus, "reset": draw(st.sampled_from(["to_value", "subtract"]))}
    common |= {"refractory": draw(st.sampled_from([0.0, 2e-3]))}
    if draw(st.booleans()):
        return nr.IF(bias=some(50.0, 90.0), **common)
    common |= {"tau_m": 0.02 + some(0.0, 0.01), "bias": some(1.2, 2.5), "v_rest": some(-0.1, 0.1)}
    kind = draw(st.sampled_from([nr.LIF, nr.AHP, nr.ALIF]))
    slow = {nr.AHP: "tau_ahp", nr.ALIF: "tau_adapt"}.get(kind)
    several = draw(st.booleans())
    jump = (0.05, 0.02) if several else 0.05
    return kind(**common, **({} if slow is None else {slow: (0.05, 0.1) if several else 0.07, "jump": jump}))


@st.composite
def networks(draw):
    net = nr.Network(seed=3)
    spikes = draw(st.lists(st.tuples(st.integers(1, 20), st.integers(0, SIZE - 1)), max_size=6, unique=True))
    net.add(nr.Population("cue", SIZE, nr.SpikeSource([k * 1e-3 for k, _ in spikes], [i for _, i in spikes])))
    for name in ("a", "b"):
        initial = {"v": draw(st.floats(-0.2, 0.5))}
        net.add(nr.Population(name, SIZE, draw(models()), initial=initial))
    for pre, post in [("cue", "a"), ("a", "b"), ("b", "a")]:
        synapses = draw(
            st.sampled_from([nr.AllToAll(0.01), nr.OneToOne(-0.02), nr.Sparse([0, 0], [1, 2], [0.03, -0.01])])
        )
        taus = net.populations[post].model.tau_syn
        receptor = draw(st.integers(0, len(taus) - 1)) if isinstance(taus, tuple) else 0
        net.connect(pre, post, synapses, delay=draw(TIMES), receptor=receptor)
    return net


@settings(deadline=None)
@given(net=networks())
def test_a_network_that_goes_to_brian2_comes_back_the_same(net: nr.Network) -> None:
    back = nr.from_brian2(nr.to_brian2(net))
    ours, its = nr.run(net, 0.03), nr.run(back, 0.03)
    for name in net.populations:
        mine, other = ours.spikes[name], its.spikes[name]
        assert len(mine) == len(other)
        assert np.allclose(mine.times, other.times, rtol=0.0, atol=1e-9)
    assert dict(ours.events).keys() == {name.replace("_to_", "->") for name in its.events}


def coupled() -> nr.Network:
    """Every kind of population, with a drive and a Poisson source."""
    net, many = nr.Network(seed=1), 30
    spread = np.linspace(0.0, 1.0, many)
    cue = net.add(nr.Population("cue", many, nr.SpikeSource(np.arange(many) * 1e-3, np.arange(many))))
    noise = net.add(nr.Population("noise", many, nr.PoissonSource(30.0)))
    lif = net.add(nr.Population("lif", many, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.5 + spread, tau_syn=(5e-3, None))))
    ahp = net.add(
        nr.Population("ahp cell", many, nr.AHP(tau_m=20e-3, v_th=1.0, bias=2 + spread, tau_ahp=0.1, jump=0.1))
    )
    alif = nr.ALIF(tau_m=15e-3, v_th=1.0, bias=1.6 + spread, tau_adapt=0.05, jump=0.05, refractory=2e-3)
    net.add(nr.Population("alif", many, alif, initial={"v": 0.2 * spread}))
    net.add(nr.Population("if", many, nr.IF(v_th=1.0, bias=60 + 20 * spread, tau_syn=5e-3), initial={"i": 20.0}))
    net.connect(cue, lif, nr.OneToOne(0.2), delay=2e-3)
    net.connect(noise, ahp, nr.OneToOne(0.02), delay=2e-3)
    net.connect(lif, ahp, nr.FixedProbability(0.2, 0.01), delay=2e-3)
    net.connect(ahp, "alif", nr.OneToOne(0.02), delay=2e-3)
    net.connect("alif", "if", nr.OneToOne(1.0), delay=4e-3)
    net.connect("if", lif, nr.OneToOne(-0.01), delay=2e-3, receptor=1)
    net.drive(lif, nr.PoissonInput(1000.0, 0.01))
    return net


def test_check_finds_that_the_distance_falls_with_the_step() -> None:
    found = nr.check(coupled(), 0.05)
    assert found.falls, found
    assert found.spikes > 200
    assert np.all(np.diff(found.dt) < 0)
    assert "falls with dt" in repr(found)


def test_check_says_when_it_does_not_fall() -> None:
    net = nr.Network()
    # The delay is rounded to no step or a whole one.
    cell = net.add(nr.Population("cell", 20, nr.LIF(tau_m=20e-3, v_th=1.0, bias=np.linspace(1.5, 2.5, 20))))
    net.connect(cell, cell, nr.AllToAll(-0.4), delay=1.3e-3)
    found = nr.check(net, 0.3, dt=(4e-3, 3e-3))
    assert not found.falls
    assert "does not fall" in repr(found)


def test_a_run_in_brian2_is_a_recording() -> None:
    net = coupled()
    record = nr.Record(spikes=["lif", "cue"], v={"if": [3, 1]}, v_dt=1e-3)
    push = nr.Current([0.0, 5e-3], [0.5, 0.0])
    rec = nr.run(net, 0.02, engine="brian2", dt=1e-4, inputs={"lif": push}, record=record, seed=4)
    exact = nr.run(net, 0.02, inputs={"lif": push}, record=record)
    assert list(rec.spikes) == ["cue", "lif"] or list(rec.spikes) == ["lif", "cue"]
    assert rec.v["if"].shape == (20, 2)
    assert np.allclose(rec.v_times, 1e-3 * np.arange(20))
    assert np.abs(rec.v["if"][:5] - exact.v["if"][:5]).max() < 0.05
    assert rec.events["cue->lif"] == exact.events["cue->lif"]
    assert (rec.provenance["engine"], rec.provenance["seed"], rec.start, rec.stop) == ("brian2", 4, 0.0, 0.02)
    first = rec.spikes["lif"].times[:5]
    assert np.abs(first - exact.spikes["lif"].times[:5]).max() < 1e-3


def test_names_that_brian2_has_not_are_changed() -> None:
    names = {part.name for part in nr.to_brian2(coupled()).objects}
    assert {"ahp_cell", "if", "lif_to_ahp_cell"} <= names


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"dt": None}, ParameterError, "Brian2 needs a time step"),
        ({"threads": 2}, UnsupportedFeature, "Brian2 runs on one thread"),
        ({"semantics": "loihi"}, UnsupportedFeature, "Brian2 has no such option"),
        ({"max_rate": 10.0}, UnsupportedFeature, "Brian2 has no such option"),
        ({"inputs": {"cue": nr.Spikes([5e-5, 6e-5], [1, 1])}}, InputError, "at most once in a step.*2 of neuron 1"),
        ({"inputs": {"lif": nr.Spikes([1e-3], [0])}}, InputError, "this population takes a Current"),
        ({"inputs": {"cue": nr.Current([0.0], [1.0])}}, InputError, "a spike source takes Spikes"),
        ({"inputs": {"lif": nr.Current([0.0], [[1.0, 2.0]])}}, InputError, "one column for each of the 30"),
        ({"inputs": {"liff": nr.Current([0.0], [1.0])}}, UnknownName, "Did you mean 'lif'"),
        ({"record": nr.Record(current={"lif": [0]})}, UnsupportedFeature, "spikes and v are kept"),
        ({"record": nr.Record(v={"cue": [0]})}, InputError, "a source has no voltage"),
    ],
    ids=str,
)  # fmt: skip
def test_what_brian2_does_not_do_is_refused_by_name(options, error, says) -> None:
    with pytest.raises(error, match=says):
        nr.run(coupled(), 1e-3, **{"engine": "brian2", "dt": 1e-4, **options})


@pytest.mark.parametrize(
    ("model", "drive", "says"),
    [
        (nr.LoihiLIF(d_v=0, v_th=100), None, "Brian2 has no LoihiLIF"),
        (nr.LIF(tau_m=20e-3, v_th=1.0), nr.PoissonInput(nr.TimedRate([0.0], [100.0]), 0.1), "rate that changes"),
        (nr.LIF(tau_m=20e-3, v_th=1.0), nr.PoissonInput(100.0, 0.1, delay=1e-3), "or a delay"),
    ],
)
def test_parts_without_a_counterpart_are_refused_by_name(model, drive, says) -> None:
    net = nr.Network()
    net.add(nr.Population("cell", 2, model))
    if drive is not None:
        net.drive("cell", drive)
    with pytest.raises(UnsupportedFeature, match=f"'cell': .*{says}"):
        nr.to_brian2(net)
