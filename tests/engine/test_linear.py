"""Laws of neurons by equations of their own: the oracle judges them by the exponential of the matrix as a whole."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

import neuro as nr
from tests.clocked_reference import DT, MatrixCell, walk
from tests.engine.agreement import clamp_of, everything, for_engine, same_bits, spikes_agree, voltages_agree
from tests.engine.judge import WAYS
from tests.oracle import simulate
from tests.strategies import fractions, readable, small_networks

PLAIN = {"whole": True, "more": True, "own": 3}
CASES = small_networks(**PLAIN) | small_networks(**PLAIN, instant=True)

TAU_S, TAU_A = 5e-3, 0.1
CELL = {"tau_m": 20e-3, "v_th": 1.0, "refractory": 2e-3}
RATES = np.diag([-1 / TAU_S, -1 / TAU_A])
CHANGE = np.array([[1.0, 0.3], [-0.2, 0.7]])
"""Other internal states, with which each acts on the other."""
MIXED = {
    "matrix": CHANGE @ RATES @ np.linalg.inv(CHANGE),
    "readout": np.array([1.0, -1.0]) @ np.linalg.inv(CHANGE),
    "inputs": CHANGE @ [1.0, 0.0],
}


@given(case=CASES)
def test_every_spike_is_where_the_matrix_exponential_has_it(case):
    network, duration, inputs = case
    note(readable(*case))
    expected = simulate(network, duration, inputs)
    found = nr.run(network, duration, inputs=for_engine(inputs), clamp=clamp_of(inputs))
    spikes_agree(case, found, expected)


@given(case=CASES, way=st.sampled_from(sorted(WAYS)))
def test_every_voltage_is_what_the_matrix_exponential_has_however_it_runs(case, way):
    network, duration, inputs = case
    note(readable(*case))
    expected = simulate(network, duration, inputs)
    told = {"inputs": for_engine(inputs), "clamp": clamp_of(inputs)}
    found = WAYS[way](nr.build(network), duration, told, everything(network))
    spikes_agree(case, found, expected)
    voltages_agree(case, found, expected)


@given(case=CASES, cut=fractions())
def test_two_short_runs_equal_one_long_run(case, cut):
    network, duration, inputs = case
    told, record = {"inputs": for_engine(inputs), "clamp": clamp_of(inputs)}, everything(network)
    one = nr.run(network, cut * duration, record=record, **told)
    two = nr.run(network, duration - one.stop, record=record, state=one.state, **told)
    whole = nr.run(network, two.stop, record=record, **told)
    for name in network.populations:
        both = [part.spikes[name].times for part in (one, two)]
        assert np.array_equal(np.concatenate(both), whole.spikes[name].times)
    for name in whole.v:
        assert np.array_equal(np.concatenate([one.v[name], two.v[name]]), whole.v[name])
    assert {name: one.events[name] + two.events[name] for name in whole.events} == dict(whole.events)


def recurrent(model, delay=None, seed=1):
    """Neurons of a model that noise drives, and that inhibit each other; with matrices, rules, and a drive."""
    rng, net = np.random.default_rng(seed), nr.Network(seed=seed)
    cue = net.add(nr.Population("cue", 20, nr.PoissonSource(30.0)))
    cell = net.add(nr.Population("cell", 30, model))
    net.connect(cue, cell, nr.Dense(rng.uniform(0.0, 1.5, (20, 30))), delay=1e-3, name="in")
    net.connect(cell, cell, nr.FixedProbability(0.2, -0.2), delay=delay or nr.Uniform(1e-3, 3e-3), name="on")
    net.drive(cell, nr.PoissonInput(300.0, 0.3))
    return net


SAME = {
    "LIF": (nr.LIF(**CELL, tau_syn=TAU_S), {"matrix": [[-1 / TAU_S]], "readout": [1.0], "inputs": [1.0]}),
    "LIF whose inputs jump v": (
        nr.LIF(**CELL),
        {"matrix": [[-1 / TAU_S]], "readout": [1.0], "inputs": [0.0], "to_v": 1.0},
    ),
    "AHP": (
        nr.AHP(**CELL, tau_syn=TAU_S, tau_ahp=TAU_A, jump=0.3),
        {"matrix": RATES, "readout": [1.0, -1.0], "inputs": [1.0, 0.0], "jump": [0.0, 0.3]},
    ),
}


@pytest.mark.parametrize("engine", [{}, {"engine": "clocked", "dt": 1e-4}], ids=["exact", "clocked"])
@pytest.mark.parametrize("kind", SAME)
def test_a_built_in_neuron_in_matrix_form_has_the_same_spikes(kind, engine):
    model, equations = SAME[kind]
    one, two = (
        nr.run(recurrent(each, 1e-3), 0.4, seed=3, **engine) for each in (model, nr.LinearNeuron(**CELL, **equations))
    )
    assert len(one.spikes["cell"]) > 100
    assert same_bits(one, two)
    assert one.events == two.events


@pytest.mark.parametrize("engine", [{}, {"engine": "clocked", "dt": 1e-4}], ids=["exact", "clocked"])
def test_other_internal_states_for_the_same_currents_move_no_spike(engine):
    model, _ = SAME["AHP"]
    mixed = nr.LinearNeuron(**CELL, **MIXED, jump=CHANGE @ [0.0, 0.3])
    one, two = (nr.run(recurrent(each, 1e-3), 0.4, seed=3, **engine).spikes["cell"] for each in (model, mixed))
    assert len(one) > 100
    assert np.array_equal(one.ids, two.ids)
    assert np.allclose(one.times, two.times, rtol=0.0, atol=1e-12)


THREE = nr.LinearNeuron(
    **CELL,
    matrix=[[-520.0, 0.0, 90.0], [480.0, -110.0, -20.0], [0.0, 7.0, -31.0]],
    readout=[0.2, 1.0, -0.6],
    inputs=[[2.0, 0.0], [0.0, 1.0], [0.3, 0.0]],
    to_v=[0.0, 0.15],
    jump=[0.0, -0.4, 0.5],
)
"""Three states that act on each other; its second receptor brings a jump of v, too."""


def two_receptors(dt, seed=4):
    rng, net = np.random.default_rng(seed), nr.Network(seed=seed)
    cue, cell = net.add(nr.Population("cue", 9, nr.SpikeSource())), net.add(nr.Population("cell", 7, THREE))
    for receptor in range(2):
        net.connect(cue, cell, nr.Dense(rng.uniform(0.1, 1.6, (9, 7))), delay=2 * dt, receptor=receptor)
    net.connect(cell, cell, nr.Dense(rng.uniform(-0.5, 0.2, (7, 7))), delay=3 * dt, receptor=1)
    times = rng.integers(0, 300, 120) * dt
    return net, {"cue": nr.Spikes(times, rng.integers(0, 9, 120))}


@pytest.mark.parametrize("seed", range(5))
def test_the_clocked_engine_takes_eulers_steps_of_the_equations_as_they_are_written(seed):
    net, inputs = two_receptors(DT, seed)
    cells = {"cell": [MatrixCell(net.populations["cell"], j) for j in range(7)]}
    spikes, volts, events = walk(net, 400, inputs, cells)
    found = nr.run(
        net, 400 * DT, inputs=inputs, engine="clocked", dt=DT, record=nr.Record(v={"cell": range(7)}, v_dt=DT)
    )
    steps = np.rint(found.spikes["cell"].times / DT).astype(int)
    assert len(steps) > 20
    assert list(zip(steps.tolist(), found.spikes["cell"].ids.tolist(), strict=True)) == spikes["cell"]
    assert np.allclose(found.v["cell"], volts["cell"], rtol=1e-10, atol=1e-10)
    assert dict(found.events) == events


def test_the_clocked_engine_comes_as_near_to_the_exact_one_as_its_steps_are_short():
    quiet = nr.LinearNeuron(tau_m=20e-3, v_th=None, matrix=THREE.matrix, readout=THREE.readout, inputs=THREE.inputs)
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource([1e-3, 7e-3], [0, 0])))
    net.add(nr.Population("cell", 1, quiet))
    net.connect("cue", "cell", nr.OneToOne(1.0), delay=1e-3)
    record = nr.Record(v={"cell": [0]}, v_dt=1e-3)
    exact = nr.run(net, 0.05, record=record).v["cell"][2:, 0]
    away = []
    for dt in (1e-4, 5e-5, 2.5e-5):
        # A sample comes after its step, an arrival acts at once: both engines are compared at one instant.
        stepped = nr.run(net, 0.05, engine="clocked", dt=dt, record=nr.Record(v={"cell": [0]}, v_dt=dt))
        at = np.rint(np.arange(2, 50) * 1e-3 / dt).astype(int) - 1
        away.append(np.abs(stepped.v["cell"][at, 0] - exact).max())
    assert away[0] < 0.05 * np.abs(exact).max()
    assert all(1.7 < a / b < 2.3 for a, b in itertools.pairwise(away))


def test_a_sampled_current_is_what_drives_v():
    model, equations = SAME["AHP"]
    record = nr.Record(current={"cell": [0, 5]}, adaptation={"cell": [0, 5]}, v_dt=5e-4)
    apart = nr.run(recurrent(model), 0.2, seed=3, record=record)
    record = nr.Record(current={"cell": [0, 5]}, v_dt=5e-4)
    whole = nr.run(recurrent(nr.LinearNeuron(**CELL, **equations)), 0.2, seed=3, record=record)
    expected = apart.current["cell"][:, :, 0] - apart.adaptation["cell"][:, :, 0]
    assert whole.current["cell"].shape == (*expected.shape, 1)
    assert np.ptp(expected) > 0.5
    assert np.allclose(whole.current["cell"][:, :, 0], expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("engine", [{}, {"engine": "clocked", "dt": 1e-4}], ids=["exact", "clocked"])
def test_new_weights_of_a_program_are_those_of_a_network_with_them(engine):
    net, inputs = two_receptors(1e-3)
    names, rng = list(net.projections), np.random.default_rng(8)
    new = {names[0]: rng.uniform(0.1, 1.0, (9, 7)), names[2]: rng.uniform(-0.4, 0.0, (7, 7))}
    other, _ = two_receptors(1e-3)
    for name, weight in new.items():
        old = other.projections.pop(name)
        other.connect(old.pre, old.post, nr.Dense(weight), delay=old.delay, receptor=old.receptor, name=name)
    found = nr.run(nr.build(net).with_weights(new), 0.3, inputs=inputs, **engine).spikes["cell"]
    expected = nr.run(other, 0.3, inputs=inputs, **engine).spikes["cell"]
    before = nr.run(net, 0.3, inputs=inputs, **engine).spikes["cell"]
    assert len(expected) > 10
    assert not np.array_equal(found.times, before.times)
    assert np.array_equal(found.ids, expected.ids)
    assert np.allclose(found.times, expected.times, rtol=0.0, atol=1e-12)


def test_a_chip_counts_synapses_and_not_the_currents_that_they_add_to():
    chip, reports, runs = nr.load_chip("loihi_davies2018"), [], []
    for model in (SAME["AHP"][0], nr.LinearNeuron(**CELL, **MIXED, jump=CHANGE @ [0.0, 0.3])):
        net = recurrent(model, 1e-3)
        net.drives.clear()
        runs.append(nr.run(net, 0.2, seed=3))
        reports.append(nr.account(runs[-1], nr.placed(net, chip, {"cue": 0, "cell": 1}), dt=1e-3))
    assert runs[0].events == runs[1].events
    assert min(runs[0].events.values()) > 100
    assert reports[0].counts == reports[1].counts
    assert reports[0].total == reports[1].total


def test_an_input_without_effect_is_an_event_all_the_same():
    deaf = nr.LinearNeuron(tau_m=20e-3, v_th=1.0, matrix=[[-10.0]], readout=[1.0], inputs=[[1.0, 0.0]])
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource([1e-3, 7e-3], [0, 0])))
    net.add(nr.Population("cell", 3, deaf))
    net.connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3, receptor=1, name="in")
    assert nr.run(net, 0.02).events == nr.run(net, 0.02, engine="clocked", dt=1e-3).events == {"in": 6}


def test_a_state_of_other_equations_is_refused():
    state = nr.run(recurrent(THREE), 0.01).state
    other = nr.LinearNeuron(
        **CELL, matrix=1.1 * THREE.matrix, readout=THREE.readout, inputs=THREE.inputs, to_v=[0, 0.15], jump=THREE.jump
    )
    with pytest.raises(nr.errors.StateError, match=r"population 'cell': equations is"):
        nr.run(recurrent(other), 0.01, state=state)


def test_a_node_of_a_graph_has_the_equations_whole():
    net = nr.Network()
    net.add(nr.Population("cell", 3, nr.LinearNeuron(tau_m=[0.01, 0.02, 0.03], v_th=1.0, **MIXED)))
    node = nx.MultiDiGraph(net.to_networkx()).nodes["cell", 1]
    assert node["tau_m"] == 0.02
    assert np.array_equal(node["matrix"], MIXED["matrix"])
