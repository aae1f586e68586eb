"""Architectures in SANA-FE's format: read as it means them, or refused by name."""

from dataclasses import replace

import numpy as np
import pytest

import neuro as nr
from neuro.errors import ChipError, PlacementError
from tests.sanafe_fixture import ARCHITECTURE, two_kinds


@pytest.fixture
def load(tmp_path):
    def load(text=ARCHITECTURE):
        path = tmp_path / "small.yaml"
        path.write_text(text, encoding="utf-8")
        return nr.load_chip(path)

    return load


def test_an_architecture_becomes_a_chip(load):
    chip = load()
    assert (chip.name, chip.width, chip.height, chip.cores_per_tile, chip.cores) == ("small", 2, 3, 2, 12)
    assert chip.limits.neurons == 77
    # Tiles are numbered column by column.
    assert chip.tile_xy.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    joules = {kind: cost.value for kind, cost in chip.energy.items()}
    assert joules == pytest.approx(
        {
            "hop_east": 1e-12,
            "hop_west": 2e-12,
            "hop_north": 3e-12,
            "hop_south": 4e-12,
            "tile": 0,
            "message_in": 5e-12,
            "message_out": 11e-12,
            "synapse:fast": 6e-12,
            "synapse:slow": 7e-12,
            "update_idle:cell": 8e-12,
            "update_active:cell": 9e-12,
            "spike:cell": 9e-12,
        },
        rel=1e-12,
        abs=0,
    )
    assert chip.time["update_active:cell"].value == pytest.approx(9e-9, rel=1e-12, abs=0)
    assert {tiles: cost.value for tiles, cost in chip.barrier.items()} == {1: 1e-7, 3: 5e-7}
    assert chip.link_buffer == 1
    assert load(ARCHITECTURE.replace("link_buffer_size: 1, ", "")).link_buffer is None
    assert "small.yaml" in chip.energy["synapse:fast"].source


def test_it_can_be_accounted_on(load):
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(0.1), delay=1e-3)
    recording = nr.run(net, 2e-3, inputs={"cue": nr.Spikes([0.0], [0])})
    # From tile 0 to tile 5, which is at (1, 2): a hop to the east and two to the north.
    report = nr.account(recording, nr.placed(net, load(), {"cue": 0, "cell": 10}), dt=1e-3)
    assert report.total == pytest.approx(2 * 6e-12 + 4 * 9e-12 + 11e-12 + 5e-12 + 1e-12 + 2 * 3e-12, rel=1e-12, abs=0)
    # Two updates take 18 ns; a message out, over three hops and in with two operations takes longer; two tiles.
    message = 11e-9 + 1e-9 + 2 * 3e-9 + 5e-9 + 2 * 6e-9
    assert report.step_times == pytest.approx([message + 1e-7, 18e-9 + 1e-7], rel=1e-12, abs=0)
    slower = nr.placed(net, load(), {"cue": 0, "cell": 10}, synapses={"cue->cell": "slow"})
    assert nr.account(recording, slower, dt=1e-3).total - report.total == pytest.approx(2e-12, rel=1e-9, abs=0)


def test_dendrites_cost_something_for_each_operation(load):
    chip = load(ARCHITECTURE.replace("energy_update: 0.0", "energy_update: 1e-12"))
    assert chip.energy["synapse:fast"].value == pytest.approx(7e-12, rel=1e-12, abs=0)
    assert "dendrite" in chip.energy["synapse:fast"].source


def test_fewer_tiles_than_places_are_fewer_cores(load):
    chip = load(ARCHITECTURE.replace("t[0..5]", "t[0..3]"))
    assert chip.cores == 8
    assert chip.xy[-1].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("architecture:", "network:", "must begin with `architecture:`"),
        ("width: 2, ", "", "needs `width`"),
        ("link_buffer_size: 1", "link_buffer_size: 0.5", "`link_buffer_size` must be a whole number"),
        ("energy_east_hop: 1e-12", "energy_east_hop: much", "must be a number"),
        ("energy_east_hop: 1e-12", "energy_east_hop: -1.0", "negative"),
        ("t[0..5]", "t[0..6]", "must have 1 to 6 tiles"),
        ("t[0..5]", "t[5..0]", "range"),
        ("energy_update: 0.0", "energy_update: 1e-12, update_every_timestep: true", "every step"),
        ("model: leaky_integrate_fire", "model: input", "no input"),
        ("          axon_out:", "          axon_up:", "axon_out"),
        ("latency_sync: {1: 1.0e-7, 3: 5e-7}", "latency_sync: {1: soon}", "seconds"),
        ("  name: small", "  name: [small", "YAML"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(load, old, new, complaint):
    assert old in ARCHITECTURE
    with pytest.raises(ChipError, match=complaint):
        load(ARCHITECTURE.replace(old, new))


def test_tiles_that_differ_are_refused(load):
    first, second = ARCHITECTURE.replace("t[0..5]", "t[0..2]"), ARCHITECTURE.split("  tile:\n")[1]
    other = second.replace("t[0..5]", "u[0..2]").replace("energy_east_hop: 1e-12", "energy_east_hop: 2e-12")
    with pytest.raises(ChipError, match="alike in the costs of their hops"):
        load(first + other)


def test_units_of_the_same_costs_may_have_other_names(load):
    one, two = load(), load(two_kinds(synapse=("name: fast", "name: quick"), soma=("name: cell", "name: neuron")))
    assert two.cores == one.cores
    assert two.energy["synapse:quick"].value == two.energy["synapse:fast"].value == one.energy["synapse:fast"].value
    assert two.energy["spike:neuron"].value == one.energy["spike:cell"].value
    assert two.groups == ()


@pytest.mark.parametrize("sizes", [(100, 10), (10, 100)])
def test_no_core_gets_more_neurons_than_it_holds(load, sizes):
    text = two_kinds(size=("max_neurons_supported: 77", f"max_neurons_supported: {sizes[1]}"))
    chip = load(text.replace("max_neurons_supported: 77", f"max_neurons_supported: {sizes[0]}", 1))
    limits = np.repeat(sizes, 6)
    assert chip.most("neurons").tolist() == limits.tolist()
    net = nr.Network()
    net.add(nr.Population("cell", 650, nr.LIF(tau_m=20e-3, v_th=1.0)))
    used = np.bincount(nr.place(net, chip).core["cell"], minlength=12)
    assert np.all(used <= limits)
    small = int(np.argmin(limits))
    for neurons, core in ((10, small), (11, small), (50, small)):
        net = nr.Network()
        net.add(nr.Population("cell", neurons, nr.LIF(tau_m=20e-3, v_th=1.0)))
        if neurons <= 10:
            assert nr.placed(net, chip, {"cell": core}).usage["neurons"][core] == neurons
            continue
        with pytest.raises(PlacementError, match=rf"core {core} of small holds 10 neurons at most; got {neurons}"):
            nr.placed(net, chip, {"cell": core})
        with pytest.raises(PlacementError, match=rf"pinned to core {core}.*limited to 10, {neurons} needed"):
            nr.place(net, chip, pinned={"cell": core})


def test_cores_of_other_costs_are_charged_with_their_own(load):
    dear = two_kinds(
        synapse=("{name: fast, attributes: {model: current_based, energy_process_spike: 6e-12",
                 "{name: quick, attributes: {model: current_based, energy_process_spike: 60e-12"),
        soma=("name: cell, attributes: {model: leaky_integrate_fire, energy_access_neuron: 8e-12",
              "name: cell, attributes: {model: leaky_integrate_fire, energy_access_neuron: 80e-12"),
        out=("energy_message_out: 11e-12", "energy_message_out: 110e-12"),
    )  # fmt: skip
    chip = load(dear)
    assert chip.groups[0].cores == (6, 7, 8, 9, 10, 11)
    assert not chip.limits_differ
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(0.1), delay=1e-3)
    recording = nr.run(net, 2e-3, inputs={"cue": nr.Spikes([0.0], [0])})
    # Two operations, four updates, a message out of core 0 and into core 10, a hop to the east and two to the north.
    report = nr.account(recording, nr.placed(net, chip, {"cue": 0, "cell": 10}), dt=1e-3)
    expected = 2 * 60e-12 + 4 * 81e-12 + 11e-12 + 5e-12 + 1e-12 + 2 * 3e-12
    assert report.total == pytest.approx(expected, rel=1e-12, abs=0)
    back = nr.account(recording, nr.placed(net, chip, {"cue": 10, "cell": 0}), dt=1e-3)
    expected = 2 * 6e-12 + 4 * 9e-12 + 110e-12 + 5e-12 + 2e-12 + 2 * 4e-12
    assert back.total == pytest.approx(expected, rel=1e-12, abs=0)
    # Nothing says which neurons are updated: where none fires, perhaps none is.
    assert report.range[0] == pytest.approx(report.total - 4 * 1e-12, rel=1e-12, abs=0)


def chained(chip, **changes):
    """Spikes of a source along a line of cells on a chip."""
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 4, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.Sparse([0], [0], 1.5), delay=1e-3)
    net.connect("cell", "cell", nr.Sparse([0, 1, 1], [1, 2, 3], [1.5, 1.5, 0.5]), delay=1e-3)
    rec = nr.run(net, 8e-3, engine="clocked", dt=1e-3, inputs={"cue": nr.Spikes([0.0], [0])})
    return rec, nr.placed(net, replace(chip, **changes), {"cue": 0, "cell": [0, 0, 1, 1]})


def test_neurons_that_nothing_touches_are_not_updated(load, tmp_path):
    rec, placed = chained(load(), updates="touched", updates_unstated=False)
    # A spike touches its targets in the step after its own: 0 keeps what the source brings then, 3 what 1 brings.
    fired = sorted(zip(np.rint(rec.spikes["cell"].times / 1e-3).tolist(), rec.spikes["cell"].ids.tolist(), strict=True))
    assert fired == [(0, 0), (1, 1), (2, 2)]
    report = nr.account(rec, placed)
    assert report.counts_by_bin["update_active:cell"].tolist() == [1, 2, 3, 2, 2, 2, 2, 2]
    placed.save(tmp_path / "placement.npz")
    again = nr.account(rec, nr.load_placement(tmp_path / "placement.npz"))
    assert (again.total, again.latency) == (report.total, report.latency)
    # Fewer updates than of all neurons end a step sooner.
    every = nr.account(*chained(load(), updates="all", updates_unstated=False))
    assert report.latency < every.latency
    assert again.counts_by_bin["update_active:cell"].tolist() == report.counts_by_bin["update_active:cell"].tolist()


def test_where_nothing_says_who_is_updated_the_range_spans_fired_to_all(load):
    unstated, touched, fired, every = (
        nr.account(*chained(load(), **changes))
        for changes in (
            {}, *({"updates": word, "updates_unstated": False} for word in ("touched", "fired", "all")),
        )
    )  # fmt: skip
    assert unstated.total == every.total
    assert unstated.range == pytest.approx((fired.total, every.total), rel=1e-12)
    assert fired.total < touched.total < every.total
