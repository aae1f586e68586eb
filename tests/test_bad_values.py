"""What is the wrong kind of thing is refused where it enters, by a named error that says where."""

import numpy as np
import pytest

import neuro as nr
from neuro.errors import InputError, NeuroError, ParameterError, PlacementError

LIF = {"tau_m": 20e-3, "v_th": 1.0}


def network(size=2):
    net = nr.Network()
    cue, cell = net.add(nr.Population("cue", 1, nr.SpikeSource())), net.add(nr.Population("cell", size, nr.LIF(**LIF)))
    net.connect(cue, cell, nr.AllToAll(2.0), delay=1e-3)
    return net


def recorded(size=2):
    return nr.run(network(size), 0.01, inputs={"cue": nr.Spikes([1e-3], [0])})


def placed(size=2):
    return nr.placed(network(size), nr.load_chip("loihi_davies2018"), {"cue": 0, "cell": 0})


MASKED = np.ma.masked_array([0.1, 0.2], [False, True])
LEARNS = {"rate": 0.1, "beta": 0.5, "full": 100.0, "window": 0.2}


@pytest.mark.parametrize(
    ("where", "bad"),
    [
        ("duration", lambda: nr.run(network(), np.timedelta64(20))),
        ("spike times", lambda: nr.Spikes(np.array([20], "timedelta64[M]"), [0])),
        ("spike times", lambda: nr.Spikes(MASKED, [0, 1])),
        ("LIF.tau_m", lambda: nr.LIF(tau_m=MASKED, v_th=1.0)),
        ("LIF.v_reset", lambda: nr.LIF(**LIF, v_reset=None)),
        ("ids", lambda: nr.Spikes([0.1], ["a"])),
        ("ids", lambda: nr.Spikes([0.1, 0.2], [True, False])),
        ("ids", lambda: nr.Spikes([0.1], [1j])),
        ("inputs", lambda: nr.run(network(), 0.01, inputs=5)),
        ("Record.v", lambda: nr.Record(v="cell")),
        ("Record.v_dt", lambda: nr.Record(v={"cell": [0]}, v_dt=float("inf"))),
        ("Record.v_dt", lambda: nr.Record(v={"cell": [0]}, v_dt=0.0)),
        ("FixedIndegree.k", lambda: nr.FixedIndegree(2.5, 1.0)),
        ("FixedIndegree.k", lambda: nr.FixedIndegree(True, 1.0)),
        ("EventLocal", lambda: nr.EventLocal(tau_fast=2.0, tau_slow=0.02, **LEARNS)),
        ("bins", lambda: nr.account(recorded(), placed(), bins=0)),
        ("bins", lambda: nr.account(recorded(), placed(), dt=1e-3, bins=2.5)),
    ],
)
def test_the_wrong_kind_of_value_is_refused_by_the_name_of_its_field(where, bad):
    with pytest.raises(NeuroError, match=where):
        bad()


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True, None])
def test_a_seed_is_a_whole_number_everywhere(seed):
    with pytest.raises(ParameterError, match="seed"):
        nr.Network(seed=seed)
    with pytest.raises(ParameterError, match="seed"):
        nr.Crossbar(np.eye(2), seed=seed)
    if seed is not None:
        with pytest.raises(ParameterError, match="seed"):
            nr.run(network(), 0.01, seed=seed)


def test_an_array_without_masked_entries_is_an_array():
    whole = np.ma.masked_array([0.1, 0.2], [False, False])
    assert nr.Spikes(whole, [0, 1]).times.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(("recorded_size", "placed_size"), [(2, 5), (5, 2)])
def test_a_recording_and_a_placement_of_other_sizes_give_no_joules(recorded_size, placed_size):
    with pytest.raises(PlacementError, match=r"population 'cell'.*same network"):
        nr.account(recorded(recorded_size), placed(placed_size), dt=1e-3)


def test_a_number_that_is_missing_is_refused_as_an_input():
    with pytest.raises(InputError, match="inputs by population"):
        nr.run(network(), 0.01, inputs=[nr.Spikes([1e-3], [0])])
