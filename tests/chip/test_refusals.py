"""What no chip, figure, placement or file of them can be is refused by its name; variants are counted one by one."""

import json
from dataclasses import replace

import numpy as np
import pytest

import neuro as nr
from neuro.chip.capacity import SynapseFormat, axon_bits, core_use
from neuro.chip.mesh import hops_and_loads
from neuro.chip.model import Chip, Limits, Quantity, tiled
from neuro.chip.routes import Routes
from neuro.errors import ChipError, NeuroError, ParameterError, PlacementError, UnknownName
from tests.chip.test_boundaries import architecture, network
from tests.chip.test_load import written
from tests.placements import priced

ONE = Quantity(1.0, "J", "test")


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        *(({key: 0}, key) for key in ("width", "height", "cores_per_tile", "devices_per_synapse", "tiles")),
        *(({key: 1.0}, key) for key in ("width", "height", "cores_per_tile", "devices_per_synapse", "tiles")),
        ({"tiles": 7}, "tiles"),
        *(({key: "none"}, key) for key in ("tile_order", "routing", "first_axis", "mode", "arithmetic", "pace")),
        *(({key: "some"}, key) for key in ("updates", "barrier_between")),
        *(({key: None}, key) for key in ("synapse", "neuron", "notes")),
        ({"limits": None}, "limits"),
        ({"limits": {"neurons": 5}}, "limits"),
        *(({table: None}, table) for table in ("energy", "time", "power", "host", "barrier")),
        *(({table: {"tile": 1.0}}, table) for table in ("energy", "time", "power", "host")),
        *(({table: {5: ONE}}, table) for table in ("energy", "time", "power", "host")),
        *(({"barrier": {key: ONE}}, "barrier") for key in (0, -1, "1", 1.0)),
        ({"barrier": {1: 1.0}}, "barrier"),
        ({"step": 1e-3}, "step"),
        *(({"link_buffer": size, "mode": "step"}, "link_buffer") for size in (0, -1, 1.0, "16", True)),
        *(
            ({"link_buffer": 1, "mode": "step", **other}, "link_buffer")
            for other in (
                {"mode": "event"},
                {"arithmetic": "crossbar"},
                {"arithmetic": "dense"},
            )
        ),
        *(({"chip_size": size}, "chip_size") for size in (3, (3,), (3, 2, 1), (0, 1), (1, 0), (1.0, 2), "32")),
        ({"width": 2**30, "height": 2**30}, "width x height"),
    ],
    ids=str,
)
def test_a_chip_that_cannot_be_is_refused_by_its_field(wrong, where):
    good = {"name": "chip", "width": 3, "height": 2}
    with pytest.raises(ChipError, match=rf"Chip[.,] ?{where}"):
        Chip(**{**good, **wrong})
    edge = Chip(**good, tiles=6, chip_size=[1, 2], barrier={1: ONE, 9: ONE}, step=ONE, host={"spike": ONE})
    assert (edge.cores, edge.chips) == (6, (3, 1))


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"unit": 5}, "unit"),
        ({"source": None}, "source"),
        *(({key: bad}, key) for key in ("value", "low", "high") for bad in ("1", np.nan, [1.0], True)),
        ({"within": 5}, "within"),
        ({"low": 1.0 + 1e-9}, "`low` must not be above"),
        ({"high": 1.0 - 1e-9}, "nor `high` below"),
    ],
    ids=str,
)
def test_a_figure_that_cannot_be_is_refused(wrong, where):
    good = {"value": 1.0, "unit": "J", "source": "test"}
    with pytest.raises(ChipError, match=where):
        Quantity(**{**good, **wrong})
    assert Quantity(**good, low=1.0, high=1.0).range == (1.0, 1.0)
    assert Quantity(None, "J", "test", low=2.0, high=1.0).range == (2.0, 1.0)


@pytest.mark.parametrize("limit", Limits.__dataclass_fields__)
def test_limits_are_whole_numbers(limit):
    for bad in (-1, 1.0, True, "1"):
        with pytest.raises(ChipError, match=rf"Limits\.{limit}"):
            Limits(**{limit: bad})
    assert getattr(Limits(**{limit: 0}), limit) == 0


def test_only_chips_are_put_side_by_side():
    for bad in (5, None, "loihi_davies2018"):
        with pytest.raises(ChipError, match="chip"):
            tiled(bad, 2, 2)
    for times in ((1.0, 1), (1, 1.0), (True, 1)):
        with pytest.raises(ChipError, match="a system of"):
            tiled(nr.mesh_chip(1, 1, 1), *times)


@pytest.mark.parametrize("bad", [5, None, ["loihi2"], b"loihi2"])
def test_a_chip_is_named_by_a_text_or_a_path(bad):
    with pytest.raises(ChipError, match="chip"):
        nr.load_chip(bad)


def test_a_chip_of_the_package_has_the_name_of_its_file(tmp_path, monkeypatch):
    (tmp_path / "chips").mkdir()
    path = written(tmp_path, "")
    monkeypatch.setattr("neuro.chip.load.models_dir", lambda: tmp_path)
    path.rename(tmp_path / "chips" / "mine.toml")
    assert (nr.list_chips(), nr.load_chip("mine").name) == (["mine"], "mine")
    (tmp_path / "chips" / "mine.toml").rename(tmp_path / "chips" / "other.toml")
    with pytest.raises(ChipError, match=r"other\.toml.*name of its file.*'mine'"):
        nr.load_chip("other")
    with pytest.raises(UnknownName, match="'mine'"):
        nr.load_chip("mine")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("width: 2", "width: 0", "`width` must be a whole number"),
        ("width: 2", "width: 1.5", "`width` must be a whole number"),
        ("width: 2", "width: 1e9", "`width` must be a whole number"),
        ("width: 2", "width: 1", "must have 1 to 3 tiles.*6"),
        ("max_neurons_supported: 77", "max_neurons_supported: 0", "`max_neurons_supported`"),
        ("energy_east_hop: 1e-12", "energy_east_hop: -1e-12", "must not be negative"),
        ("energy_east_hop: 1e-12", "energy_east_hop: cheap", "must be a number"),
        ("energy_east_hop: 1e-12", "energy_west_hopp: 1e-12", "needs `energy_east_hop`"),
        ("{1: 1.0e-7, 3: 5e-7}", "soon", "must be seconds"),
        ("{1: 1.0e-7, 3: 5e-7}", "[-1.0e-7]", "must be seconds"),
        ("{1: 1.0e-7, 3: 5e-7}", "{x: 1.0e-7}", "must be seconds"),
        ("{1: 1.0e-7, 3: 5e-7}", ".inf", "must be seconds"),
        ("architecture:", "machine:", "must begin with `architecture:`"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(tmp_path, old, new, says):
    with pytest.raises(ChipError, match=says):
        architecture(tmp_path, (old, new))


def placement(**changes):
    two = network(nr.Dense([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]))
    made = nr.placed(
        two, priced(), {"cue": [-1, 2], "cell": [5, 1, 5]}, compartments={"cell": 2}, neurons={"cell": "a"}
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"chip": "mesh"}, "Placement.chip"),
        ({"routes": None}, "Placement.routes"),
        *(({key: 5}, f"Placement.{key}") for key in ("core", "variants", "compartments", "structure", "objectives")),
        ({"bounds": None}, "Placement.bounds"),
        ({"sources": ["cue"]}, "Placement.sources"),
        ({"sources": {"nobody"}}, "nobody"),
        ({"variants": {"nobody": "a"}}, "nobody"),
        ({"compartments": {"nobody": 2}}, "nobody"),
        ({"compartments": {"cell": 0}}, "compartments"),
        ({"core": {"cue": [0, 1], "cell": [[0, 1, 2]]}}, "one core for each neuron"),
        ({"core": {"cue": [0, 1], "cell": 0}}, "one core for each neuron"),
        ({"core": {"cue": [0, 1], "cell": [0.5, 1, 2]}}, "whole numbers"),
        ({"core": {"cue": [0, 1], "cell": [0, 1, 24]}}, "24"),
        ({"core": {"cue": [0, 1], "cell": [0, 1, -2]}}, "-2"),
        ({"core": {"cue": [0, 1], "cell": [0, 1]}}, "those of the 4 neurons.*got 5 neurons"),
    ],
    ids=str,
)
def test_a_placement_that_cannot_be_is_refused(wrong, where):
    with pytest.raises(NeuroError, match=where) as caught:
        placement(**wrong)
    assert isinstance(caught.value, PlacementError | UnknownName)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"network": 5}, "network"),
        ({"chip": "loihi"}, "chip"),
        ({"core": [0, 1]}, "core"),
        ({"core": {"cue": 0, "cell": 0, "more": 0}}, "'more'"),
        ({"synapses": ["sparse"]}, "synapses"),
        ({"synapses": {"cell->cue": "sparse"}}, "'cell->cue'"),
        ({"synapses": {"cue->cell": 5}}, "synapses"),
        ({"synapses": {"cue->cell": ""}}, "synapses"),
        ({"neurons": "a"}, "neurons"),
        ({"neurons": {"nobody": "a"}}, "'nobody'"),
        ({"neurons": {"cell": None}}, "neurons"),
        ({"compartments": 2}, "compartments"),
        ({"compartments": {"nobody": 2}}, "'nobody'"),
    ],
    ids=str,
)
def test_what_is_placed_belongs_together(given, where):
    good = {"network": network(nr.AllToAll(1.0)), "chip": priced(), "core": {"cue": 0, "cell": 0}}
    with pytest.raises(NeuroError, match=where) as caught:
        nr.placed(**{**good, **given})
    assert isinstance(caught.value, PlacementError | UnknownName)


FILE_CHANGES = [
    ("neuro", "placement 2"),
    ("neuro", None),
    ("colour", "red"),
    ("chip", None),
    ("chip", {}),
    ("populations", ["cue"]),
    ("populations", ["cue", "cell", "more"]),
    ("sources", ["more"]),
    ("variants", {"more": "a"}),
    ("compartments", {"more": 2}),
    ("compartments", {"cell": 0}),
    ("compartments", {"cell": 1.5}),
    ("structure", {"pairs": float("nan")}),
    ("structure", {"pairs": "many"}),
    ("arrays/routes/start", [0, 0, 2, 2, 2]),
    ("arrays/routes/start", [1, 2, 4, 4, 4, 4]),
    ("arrays/routes/start", [0, 2, 3, 3, 3, 3]),
    ("arrays/routes/start", [0, 3, 2, 4, 4, 4]),
    ("arrays/routes/core", [1, 5, 1, 24]),
    ("arrays/routes/core", [1, 5, 1, -1]),
    ("arrays/routes/synapses", [1, 2, 1]),
    ("arrays/routes/synapses", [1, 2, 1, 0.5]),
    ("arrays/routes/nonzero", [2, 2, 0, 1]),
    ("arrays/routes/variants/a", [2, 0, 0, 0]),
    ("arrays/routes/variants/a", [1, 0, 0]),
    ("arrays/routes/colour", [1, 0, 0, 0]),
]


@pytest.mark.parametrize(("key", "value"), FILE_CHANGES, ids=str)
def test_a_file_of_a_placement_that_does_not_fit_is_refused(tmp_path, key, value):
    path = tmp_path / "placement.json"
    placement().save(path)
    assert nr.load_placement(path).routes.start.tolist() == [0, 2, 4, 4, 4, 4]
    stored = json.loads(path.read_text(encoding="utf-8"))
    part, _, name = key.partition("/")
    if name:
        stored[part][name] = value
    elif value is None:
        del stored[key]
    else:
        stored[key] = value
    path.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(PlacementError, match=r"placement\.json"):
        nr.load_placement(path)


@pytest.mark.parametrize("name", ["placement.json", "placement.npz"])
def test_a_placement_comes_back_with_all_that_it_has(tmp_path, name):
    made = placement()
    routes = made.routes
    made = replace(
        made, routes=Routes(routes.start, routes.core, routes.synapses, {"a": routes.nonzero}, routes.nonzero)
    )
    made.save(tmp_path / name)
    found = nr.load_placement(tmp_path / name)
    assert (found.chip, found.sources, found.variants) == (made.chip, made.sources, made.variants)
    assert (found.compartments, found.structure) == (made.compartments, made.structure)
    assert {key: core.tolist() for key, core in found.core.items()} == {"cue": [-1, 2], "cell": [5, 1, 5]}
    for key in ("start", "core", "synapses", "nonzero"):
        assert getattr(found.routes, key).tolist() == getattr(routes, key).tolist()
    assert found.routes.variants["a"].tolist() == routes.nonzero.tolist()


def test_each_projection_counts_for_its_variant():
    net = network(nr.Dense([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]))
    net.connect("cue", "cell", nr.Sparse([0, 0], [0, 1], 1.0), delay=1e-3, name="list")
    net.connect("cell", "cell", nr.OneToOne(1.0), delay=1e-3, name="own")
    where = {"cue": [-1, 2], "cell": [5, 1, 5]}
    found = nr.placed(net, priced(), where, synapses={"cue->cell": "dense", "list": "sparse"})
    routes = found.routes
    assert routes.core.tolist() == [1, 5, 1, 5, 5, 1, 5]
    assert routes.synapses.tolist() == [2, 3, 1, 2, 1, 1, 1]
    assert {name: part.tolist() for name, part in routes.variants.items()} == {
        "dense": [1, 2, 1, 2, 0, 0, 0],
        "sparse": [1, 1, 0, 0, 0, 0, 0],
    }
    usage = {name: {c: int(n) for c, n in enumerate(each) if n} for name, each in found.usage.items()}
    assert usage["synapses"] == {1: 4, 5: 7}
    assert usage["axons_in"] == {1: 3, 5: 4}
    assert usage["axons_out"] == {2: 2}
    assert usage["neurons"] == {1: 1, 2: 1, 5: 2}


def test_synapse_memory_by_hand():
    form = SynapseFormat(weight_bits=6, delay_bits=3, tag_bits=2, index_bits=7, block=4)
    assert form.synapse == 18
    # Blocks of 4 x 18 + 10 = 82 bits take two words, and what is left over one or two.
    assert axon_bits([0, 1, 3, 4, 5, 8, 11], form).tolist() == [0, 64, 64, 128, 192, 256, 320]
    for bad in (-1, 0.5, [1, -2]):
        with pytest.raises(ParameterError, match="axon_bits, synapses"):
            axon_bits(bad, form)


def loihi(weights, encoding="best", **bits):
    net = nr.Network()
    net.add(nr.Population("cue", len(weights), nr.SpikeSource()))
    net.add(nr.Population("cell", len(weights[0]), nr.LoihiLIF(d_v=204, v_th=127)))
    net.connect("cue", "cell", nr.Dense(weights), delay=1e-3)
    return core_use(net, encoding=encoding, **bits)


@pytest.mark.parametrize(
    ("weights", "lists"),
    [
        ([[2, 4], [6, 8]], 2),
        ([[1, 3], [5, 0]], 2),
        ([[-1, -3], [-5, 0]], 2),
        ([[-2, 4], [6, -8]], 2),
        ([[-1, 4], [6, -7]], 4),
        ([[-1, 4], [6, 7]], 3),
    ],
)
def test_odd_weights_of_both_signs_take_two_lists(weights, lists):
    for encoding, each in (("dense", 64), ("sparse", 64), ("best", 64)):
        use = loihi(weights, encoding)
        assert use.synapse_bits == use.bits["cue->cell"] == each * lists
        assert (use.synapses, use.axons_in, use.compartments) == (np.count_nonzero(weights), 2, 2)
    with pytest.raises(UnknownName, match="'best'"):
        loihi(weights, "least")


def test_the_smaller_encoding_is_taken_unless_one_is_asked_for():
    few, many = np.zeros((1, 40)), np.ones((1, 40))
    few[0, 3] = 2.0
    # Dense: 40 x 8 + 10 bits, six words; sparse: n x (8 + 6) + 10 bits.
    assert [loihi(few.tolist(), how).synapse_bits for how in ("dense", "sparse", "best")] == [384, 64, 64]
    assert [loihi(many.tolist(), how).synapse_bits for how in ("dense", "sparse", "best")] == [384, 576, 384]
    assert loihi(many.tolist(), "dense", weight_bits=4, delay_bits=2).synapse_bits == 256


def test_two_compartments_have_a_synapse_between_them():
    net = nr.Network()
    net.add(nr.Population("cell", 3, nr.LoihiAHP(d_v=204, v_th=127, d_a=5, w_a=96)))
    net.connect("cell", "cell", nr.Sparse([0, 0, 1], [1, 1, 2], [2.0, 2.0, 4.0]), delay=1e-3)
    use = core_use(net)
    assert (use.compartments, use.synapses, use.axons_in) == (6, 6, 3)
    assert use.bits == {"cell->cell": 128, "cell": 192}
    assert use.synapse_bits == 320


@pytest.mark.parametrize("first", ["x", "y"])
@pytest.mark.parametrize("routing", ["unicast", "multicast"])
def test_hops_and_loads_of_one_neuron_by_hand(first, routing):
    # From the middle of 3 x 3 to a corner and the two places before it.
    net = nr.Network()
    net.add(nr.Population("cue", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.IF(v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3)
    chip = replace(nr.mesh_chip(3, 3, neurons=9), first_axis=first, routing=routing)
    hops, loads = hops_and_loads(nr.placed(net, chip, {"cue": 4, "cell": [5, 7, 8]}), [2.0, 9.0, 9.0, 9.0])
    each = {"unicast": [2, 0, 2, 0, 0], "multicast": [1, 0, 2, 0, 0] if first == "x" else [2, 0, 1, 0, 0]}[routing]
    assert hops[0].tolist() == each
    assert not hops[1:].any()
    assert loads.sum() == 2.0 * sum(each)
    assert sorted(loads[loads > 0].tolist()) == ([2.0] * 3 if routing == "multicast" else [2.0, 2.0, 4.0])
