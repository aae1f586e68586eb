"""Chips at their boundaries: the last value that a field takes, links counted one by one, files that fail half way."""

import json
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.capacity import CoreUse, SynapseFormat, index_field
from neuro.chip.files import chip_from_dict, chip_to_dict
from neuro.chip.mesh import HOPS, links
from neuro.chip.model import Chip, Limits, Quantity, tiled
from neuro.errors import ChipError, NeuroError, ParameterError, PlacementError
from tests.chip.test_load import written
from tests.placements import priced
from tests.sanafe_fixture import ARCHITECTURE

LIF = nr.LIF(tau_m=20e-3, v_th=1.0)


def test_a_chip_is_one_free_unicast_mesh_of_events_unless_told():
    chip = Chip(name="plain", width=2, height=3)
    assert (chip.cores_per_tile, chip.cores, chip.chips, chip.tiles, chip.step) == (1, 6, (1, 1), None, None)
    assert (chip.tile_order, chip.routing, chip.first_axis, chip.chip_size) == ("rows", "unicast", "x", None)
    assert (chip.mode, chip.updates, chip.arithmetic, chip.pace) == ("event", "none", "event", "free")
    assert chip.link_buffer is None
    assert (chip.devices_per_synapse, chip.barrier_between, chip.synapse, chip.neuron) == (1, "step", "", "")
    assert chip.limits == Limits(**dict.fromkeys(vars(Limits())))
    with pytest.raises(ChipError, match="need steps"):
        Chip(name="dense", width=1, height=1, arithmetic="dense")
    assert Chip(name="dense", width=1, height=1, arithmetic="dense", mode="step").cores == 1


def test_a_range_is_that_of_the_sources_or_the_value_itself():
    assert Quantity(2.0, "J", "s").range == (2.0, 2.0)
    assert Quantity(2.0, "J", "s", low=1.0).range == (1.0, 2.0)
    assert Quantity(2.0, "J", "s", high=3.0).range == (2.0, 3.0)
    assert np.isnan(Quantity(None, "J", "s").range).all()


chips = st.builds(
    priced,
    width=st.integers(1, 4),
    height=st.integers(1, 4),
    cores_per_tile=st.integers(1, 3),
    tile_order=st.sampled_from(["rows", "columns"]),
    chip_size=st.sampled_from([None, (1, 1), (2, 1), (2, 3), (3, 2)]),
)


@given(chip=chips)
def test_links_join_each_place_with_its_neighbours_and_leave_a_chip_where_it_ends(chip):
    found = links(chip)
    expected = {}
    for x, y in product(range(chip.width), range(chip.height)):
        for kind, (dx, dy) in zip(HOPS, ((1, 0), (-1, 0), (0, 1), (0, -1)), strict=False):
            if 0 <= x + dx < chip.width and 0 <= y + dy < chip.height:
                size = chip.chip_size or (9, 9)
                same = (x // size[0], y // size[1]) == ((x + dx) // size[0], (y + dy) // size[1])
                expected[(x, y), (x + dx, y + dy)] = kind if same else "hop_chip"
    given_ = [
        ((tuple(a), tuple(b)), HOPS[kind])
        for a, b, kind in zip(found.source.tolist(), found.target.tolist(), found.kind.tolist(), strict=True)
    ]
    assert len(given_) == len(expected)
    assert dict(given_) == expected


@given(chip=chips)
def test_tiles_are_numbered_row_by_row_or_column_by_column_and_chips_cover_them(chip):
    by_row = [(x, y) for y in range(chip.height) for x in range(chip.width)]
    places = by_row if chip.tile_order == "rows" else sorted(by_row)
    assert [tuple(place) for place in chip.tile_xy.tolist()] == places
    assert chip.xy.tolist() == [list(place) for place in places for _ in range(chip.cores_per_tile)]
    size = chip.chip_size or (chip.width, chip.height)
    assert chip.chips == tuple(len({place[axis] // size[axis] for place in places}) for axis in (0, 1))


def test_a_system_of_chips_is_as_wide_and_as_high_as_its_chips_together():
    system = tiled(nr.mesh_chip(3, 2, neurons=8), 2, 5)
    assert (system.name, system.width, system.height) == ("2 x 5 mesh 3 x 2", 6, 10)
    assert (system.chip_size, system.chips) == ((3, 2), (2, 5))
    assert tiled(nr.mesh_chip(3, 2, neurons=8), 1, 1).cores == 6
    for across, down in ((0, 1), (1, 0), (-1, 2)):
        with pytest.raises(ChipError, match="across" if across < 1 else "down"):
            tiled(nr.mesh_chip(3, 2, neurons=8), across, down)
    for chip in (system, priced(tiles=11)):
        with pytest.raises(ChipError, match="one whole chip"):
            tiled(chip, 2, 1)


def test_on_a_chip_for_studies_deliveries_and_hops_cost_one_and_all_else_nothing():
    chip = nr.mesh_chip(2, 3, 4, 5, 6)
    assert chip.limits == Limits(neurons=4, synapses=5, axons_in=6)
    ones = {"message_in", "hop_east", "hop_west", "hop_north", "hop_south"}
    assert {kind for kind, cost in chip.energy.items() if cost.value == 1.0} == ones
    assert {cost.value for kind, cost in chip.energy.items() if kind not in ones} == {0.0}
    assert {cost.value for table in (chip.time, chip.power) for cost in table.values()} == {0.0}
    assert nr.mesh_chip(1, 1, 1).cores == 1


@pytest.mark.parametrize("key", ["width", "height", "neurons", "synapses", "axons_in"])
@pytest.mark.parametrize("bad", [0, -1, 1.0, True, "3"])
def test_sizes_and_limits_of_a_chip_for_studies_are_whole_numbers_above_zero(key, bad):
    with pytest.raises(ParameterError, match=f"mesh_chip, {key}"):
        nr.mesh_chip(**{"width": 2, "height": 2, "neurons": 2, key: bad})


WIDTHS = {
    "weight_bits": {*range(7), 8},
    "delay_bits": {*range(7)},
    "tag_bits": {*range(7)},
    "index_bits": {0, *range(6, 13)},
    "block": {*range(1, 65)},
}


@pytest.mark.parametrize("field", WIDTHS)
def test_a_format_has_the_fields_of_the_chip_and_no_others(field):
    for value in range(-1, 70):
        if value in WIDTHS[field]:
            assert getattr(SynapseFormat(**{field: value}), field) == value
        else:
            with pytest.raises(ParameterError, match=rf"SynapseFormat\.{field}.*got {value}"):
                SynapseFormat(**{field: value})
    plain = SynapseFormat()
    assert (plain.weight_bits, plain.delay_bits, plain.tag_bits, plain.index_bits, plain.block) == (8, 0, 0, 0, 64)


def test_an_index_numbers_as_many_targets_as_it_has_numbers():
    assert [index_field(n) for n in (0, 1, 2, 64, 65, 128, 129, 2048, 2049, 4096)] == [0, 0, 6, 6, 7, 7, 8, 11, 12, 12]
    with pytest.raises(ParameterError, match=r"at most 4096.*4097"):
        index_field(4097)


def test_a_limit_that_is_just_met_is_not_exceeded():
    limits = {"neurons": 3, "synapses": 4, "synapse_bits": 5, "axons_in": 6}
    use = {"compartments": 3, "synapses": 4, "synapse_bits": 5, "axons_in": 6}
    assert CoreUse(**use, bits={}).exceeded(Limits(**limits)) == ()
    for key, limit, what in zip(
        use, limits, ("compartments", "synapses", "bits of synapse memory", "input axons"), strict=True
    ):
        found = CoreUse(**{**use, key: use[key] + 1}, bits={}).exceeded(Limits(**limits))
        assert found == (f"{use[key] + 1} {what}, where a core has {limits[limit]}",)
        assert CoreUse(**{**use, key: 10**9}, bits={}).exceeded(Limits(**{**limits, limit: None})) == ()


def network(synapses, pre=2, post=3):
    net = nr.Network(seed=1)
    net.add(nr.Population("cue", pre, nr.SpikeSource()))
    net.add(nr.Population("cell", post, LIF))
    net.connect("cue", "cell", synapses, delay=1e-3)
    return net


@pytest.mark.parametrize(
    ("synapses", "facts"),
    [
        (nr.Dense([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]]), (6, 6, 3, 48)),
        (nr.Dense(np.array([[1, 0, 2], [0, 0, 3]], np.float32)), (6, 6, 3, 24)),
        (nr.AllToAll(0.0), (6, 6, 0, 48)),
        (nr.Sparse([0, 0, 1], [0, 0, 2], [1.0, 0.0, 2.0]), (6, 3, 2, 24)),
        (nr.Sparse([0, 1, 1], [0, 1, 2], np.ones(3, np.float32)), (6, 3, 3, 12)),
        (nr.Sparse([1, 1], [1, 2], 0.0), (6, 2, 0, 16)),
    ],
)
def test_the_structure_of_a_network_is_counted(synapses, facts):
    placement = nr.placed(network(synapses), priced(), {"cue": 0, "cell": [5, 1, 5]})
    assert placement.structure == dict(zip(("pairs", "synapses", "nonzero", "weight_bytes"), facts, strict=True))
    assert (placement.routes.synapses.sum(), placement.routes.nonzero.sum()) == facts[1:3]


def test_routes_go_to_the_cores_of_targets_in_order():
    matrix = nr.Dense([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]])
    routes = nr.placed(network(matrix), priced(), {"cue": -1, "cell": [5, 1, 5]}).routes
    assert (routes.start.tolist(), routes.core.tolist()) == ([0, 2, 4, 4, 4, 4], [1, 5, 1, 5])
    assert (routes.synapses.tolist(), routes.nonzero.tolist()) == ([1, 2, 1, 2], [0, 2, 0, 1])
    listed = nr.Sparse([1, 0, 1, 1], [0, 1, 2, 0], [1.0, 1.0, 0.0, 0.0])
    routes = nr.placed(network(listed), priced(), {"cue": -1, "cell": [5, 1, 5]}).routes
    assert (routes.start.tolist(), routes.core.tolist()) == ([0, 1, 2, 2, 2, 2], [1, 5])
    assert (routes.synapses.tolist(), routes.nonzero.tolist()) == ([1, 3], [1, 1])


@pytest.mark.parametrize("empty", ["cue", "cell"])
@pytest.mark.parametrize("synapses", [nr.AllToAll(1.0), nr.FixedIndegree(2, 1.0)], ids=["matrix", "list"])
def test_a_population_without_neurons_has_no_routes(empty, synapses):
    sizes = {"pre": 2, "post": 3, "pre" if empty == "cue" else "post": 0}
    placement = nr.placed(network(synapses, **sizes), priced(), {"cue": 0, "cell": 1})
    assert len(placement.routes.core) == 0
    assert placement.structure["synapses"] == placement.structure["pairs"] == 0


@pytest.mark.parametrize(
    ("core", "says"),
    [
        ({"cue": [0, -2], "cell": 0}, r"'cue'.*0\.\.23, or -1 for a source.*-2"),
        ({"cue": 0, "cell": [0, 23, 24]}, r"'cell'.*0\.\.23(?!,).*24"),
        ({"cue": 0, "cell": [0, -1, 5]}, r"'cell'.*-1"),
        ({"cue": 0, "cell": [-3, 0, 30]}, r"'cell'.*30"),
        ({"cue": 0, "cell": [0.0, 1.0, 2.5]}, r"'cell'.*one whole number, or 3 of them"),
        ({"cue": 0, "cell": [[0, 1, 2]]}, r"'cell'.*one whole number, or 3 of them.*\(1, 3\)"),
        ({"cell": 0}, r"'cue'.*every population needs a core"),
    ],
)
def test_a_core_that_is_not_there_is_named(core, says):
    with pytest.raises(PlacementError, match=says):
        nr.placed(network(nr.AllToAll(1.0)), priced(), core)


def test_the_first_and_the_last_core_and_outside_are_places():
    placement = nr.placed(network(nr.AllToAll(1.0)), priced(), {"cue": [-1, 23], "cell": [0, 23.0, 1]})
    assert placement.neuron_core.tolist() == [-1, 23, 0, 23, 1]
    assert placement.neuron_compartments.tolist() == [0, 1, 1, 1, 1]
    assert placement.offset == {"cue": 0, "cell": 2}


@pytest.mark.parametrize("count", [0, -1, True, 1.0, 2.5, None])
def test_compartments_are_whole_numbers_above_zero(count):
    net = network(nr.AllToAll(1.0))
    with pytest.raises(PlacementError, match=r"'cell'.*compartments"):
        nr.placed(net, priced(), {"cue": 0, "cell": 0}, compartments={"cell": count})
    for allowed in (1, np.int64(3)):
        given_ = nr.placed(net, priced(), {"cue": 0, "cell": 0}, compartments={"cell": allowed})
        assert given_.usage["neurons"][0] == 2 + 3 * allowed


@pytest.mark.parametrize("name", ["placement.json", "placement.npz"])
def test_a_file_that_cannot_be_finished_leaves_what_was_there(tmp_path, monkeypatch, name):
    placement = nr.placed(network(nr.AllToAll(1.0)), priced(), {"cue": 0, "cell": 1})
    path = tmp_path / name
    placement.save(path)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    before = path.read_bytes()
    placement.save(path)
    assert nr.load_placement(path).neuron_core.tolist() == placement.neuron_core.tolist()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    monkeypatch.setattr("os.rename", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises((OSError, NeuroError)):
        placement.save(path)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert len(path.read_bytes()) == len(before)


def test_a_chip_of_a_file_has_no_unknown_fields():
    record = chip_to_dict(priced(step=Quantity(1e-3, "s", "test"), chip_size=(2, 1)))
    assert chip_from_dict(record) == priced(step=Quantity(1e-3, "s", "test"), chip_size=(2, 1))
    with pytest.raises(ValueError, match="unknown: colour, shape"):
        chip_from_dict({**record, "shape": 1, "colour": 2})


def figure(value, unit="1", **more):
    rest = "".join(f", {key} = {part!r}" for key, part in more.items()).replace("'", '"')
    return f'{{ value = {value}, unit = "{unit}", source = "here"{rest} }}'


DEVICE = {"r_on": (2.0, "ohm"), "r_off": (8.0, "ohm"), "v_read": (2.0, "V"), "t_read": (3.0, "s")}
DEVICE |= {"v_write": (4.0, "V"), "t_write": (5.0, "s")}


def test_a_read_and_a_pulse_take_what_ohm_and_joule_say(tmp_path):
    lines = "\n".join(f"{key} = {figure(*value)}" for key, value in DEVICE.items())
    chip = nr.load_chip(written(tmp_path, f"[device]\n{lines}"))
    assert chip.energy["cell_read"] == Quantity(6.0, "J", chip.energy["cell_read"].source, low=1.5)
    assert chip.energy["write_pulse"] == Quantity(40.0, "J", chip.energy["write_pulse"].source, low=10.0)
    for missing in ("r_on", "r_off", "v_read", "t_read"):
        lines = "\n".join(f"{key} = {figure(*value)}" for key, value in DEVICE.items() if key != missing)
        known = set(nr.load_chip(written(tmp_path, f"[device]\n{lines}")).energy)
        assert known == ({"write_pulse"} if missing.endswith("read") else set())


@pytest.mark.parametrize(
    ("added", "says"),
    [
        (f"[barrier]\n0 = {figure(1.0, 's')}", r"barrier\.0: unknown; this table has a number of tiles"),
        (f"[barrier]\nx = {figure(1.0, 's')}", r"barrier\.x: unknown"),
        (f"[barrier]\n-1 = {figure(1.0, 's')}", r"barrier\.-1: unknown"),
        (f"[barrier]\n1 = {figure(1.0, 'J')}", r"barrier\.1: must be in s"),
        ("[step]\nvalue = 1.0\nunit = 'J'\nsource = 'here'", "step: must be in s"),
        (f"[limits]\nneurons = {figure(0.5)}", "neurons: must be a whole number above zero, not 0.5"),
        (f"[limits]\nneurons = {figure(1.5)}", "neurons: must be a whole number above zero, not 1.5"),
        (f"[limits]\nneurons = {figure(-1.0)}", "neurons: must be a whole number above zero, not -1"),
        (f"[points.low.power]\nchip = {figure(1.0, 'W')}", r"points\.low\.power\.chip: power has no such figure"),
        (
            f"[power]\nchip = {figure(2.0, 'W')}\n[points.low.power]\nchip = {figure(1.0, 'J')}",
            r"points\.low\.power\.chip: must be in W",
        ),
        ("devices_per_synapse = 0", "devices_per_synapse"),
    ],
)
def test_a_figure_in_the_wrong_table_or_unit_is_named(tmp_path, added, says):
    path = written(tmp_path, "")
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{added}\n{text}" if added.startswith("devices") else f"{text}\n{added}", encoding="utf-8")
    with pytest.raises(ChipError, match=says):
        nr.load_chip(path)


def test_a_figure_can_be_part_of_one_that_is_no_part_itself(tmp_path):
    own, part = '{ value = 1.0, unit = "pJ", source = "here" }', '{{ unit = "pJ", source = "here", within = "{}" }}'
    chip = nr.load_chip(
        written(
            tmp_path, f"synapse = {own}\nspike = {part.format('synapse')}\ntile = {part.format('mac')}\nmac = {own}"
        )
    )
    assert (chip.energy["spike"].within, chip.energy["tile"].within) == ("synapse", "mac")
    for other in ("spike", "tile"):
        with pytest.raises(ChipError, match=rf"energy\.spike: is part of '{other}', which has no figure of its own"):
            nr.load_chip(
                written(tmp_path, f"spike = {part.format(other)}\ntile = {part.format('synapse')}\nsynapse = {own}")
            )


def test_one_device_holds_a_synapse_unless_told(tmp_path):
    assert nr.load_chip(written(tmp_path, "")).devices_per_synapse == 1
    told = written(tmp_path, "", devices=('updates = "fired"', 'updates = "fired"\ndevices_per_synapse = 2'))
    assert nr.load_chip(told).devices_per_synapse == 2


@pytest.mark.parametrize("where", ["core/cue", "core/cell"])
@pytest.mark.parametrize("core", [-2, -1, 0, 23, 24])
def test_a_file_of_a_placement_names_cores_of_its_chip(tmp_path, where, core):
    path = tmp_path / "placement.json"
    nr.placed(network(nr.AllToAll(1.0)), priced(), {"cue": 0, "cell": 1}).save(path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    stored["arrays"][where][0] = core
    path.write_text(json.dumps(stored), encoding="utf-8")
    if 0 <= core <= 23 or (core == -1 and where == "core/cue"):
        assert nr.load_placement(path).core[where.removeprefix("core/")][0] == core
    else:
        with pytest.raises(PlacementError):
            nr.load_placement(path)


def test_a_file_of_a_placement_has_arrays_by_name(tmp_path):
    path = tmp_path / "placement.json"
    nr.placed(network(nr.AllToAll(1.0)), priced(), {"cue": 0, "cell": 1}).save(path)
    stored = json.loads(path.read_text(encoding="utf-8"))
    for wrong in ({**stored, "arrays": [1, 2]}, {**stored, "arrays": None}, [stored], 5):
        path.write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(PlacementError):
            nr.load_placement(path)


def test_sizes_that_are_not_known_are_one(tmp_path):
    unknown = 'value = "null", unit = "1", source = "looked for" }'
    path = written(tmp_path, "", one=('value = 2, unit = "1", source = "here" }', unknown), two=(
        'value = 1, unit = "1", source = "here" }', unknown
    ))  # fmt: skip
    chip = nr.load_chip(path)
    assert (chip.width, chip.height, chip.cores_per_tile, chip.chip_size) == (1, 1, 1, None)


@pytest.mark.parametrize("given_", [{"chip_width": 2}, {"chip_height": 1}, {"chip_width": 2, "chip_height": 1}])
def test_a_mesh_of_chips_needs_both_of_their_sides(tmp_path, given_):
    lines = "".join(f"{key} = {figure(value)}\n" for key, value in given_.items())
    chip = nr.load_chip(written(tmp_path, "", sides=("[energy]", f"{lines}[energy]")))
    assert chip.chip_size == ((2, 1) if len(given_) == 2 else None)


def test_an_operating_point_changes_its_figures_and_no_others(tmp_path):
    path = written(
        tmp_path,
        f"synapse = {figure(1.0, 'J')}\nspike = {figure(2.0, 'J')}\n[points.low.energy]\nspike = {figure(0.5, 'J')}",
    )
    plain, low = nr.load_chip(path), nr.load_chip(f"{path}@low")
    assert (plain.name, low.name) == ("mine", "mine@low")
    assert [chip.energy["spike"].value for chip in (plain, low)] == [2.0, 0.5]
    assert [chip.energy["synapse"].value for chip in (plain, low)] == [1.0, 1.0]


def test_a_name_with_a_folder_is_a_path_whatever_its_suffix(tmp_path, monkeypatch):
    path = written(tmp_path, "")
    path.rename(tmp_path / "mine.txt")
    assert nr.load_chip(tmp_path / "mine.txt").name == "mine"
    monkeypatch.chdir(tmp_path.parent)
    assert nr.load_chip(f"{tmp_path.name}/mine.txt").name == "mine"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").rename(tmp_path / "own.toml")
    assert nr.load_chip("own.toml").name == "mine"
    with pytest.raises(NeuroError, match=r"chip.*'own'"):
        nr.load_chip("own")


def architecture(tmp_path, *changes):
    text = ARCHITECTURE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "board.yaml"
    path.write_text(text, encoding="utf-8")
    return nr.load_chip(path)


def test_an_architecture_fills_its_mesh_and_has_the_name_of_its_file_if_it_has_none(tmp_path):
    chip = architecture(tmp_path, ("  name: small\n", ""))
    assert (chip.name, chip.tiles, chip.cores) == ("board", None, 12)
    assert (chip.mode, chip.updates, chip.synapse, chip.neuron) == ("step", "all", "fast", "cell")
    assert chip.power["chip"].value == chip.time["tile"].value == 0.0
    assert architecture(tmp_path, ("t[0..5]", "t[0..4]")).tiles == 5
    assert architecture(tmp_path, ("t[0..5]", "t[3]"), ("c[0..1]", "c")).cores == 1
    assert architecture(tmp_path, (", max_neurons_supported: 77", "")).limits == Limits()
    unsynchronised = architecture(tmp_path, (", latency_sync: {1: 1.0e-7, 3: 5e-7}", ""))
    assert {tiles: cost.value for tiles, cost in unsynchronised.barrier.items()} == {1: 0.0}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("2.0e-7", {1: 2e-7}),
        ("0.0", {1: 0.0}),
        ("[1.0e-7, 2.0e-7, 3.0e-7]", {1: 2e-7, 2: 3e-7}),
        ("{0: 1.0e-7, 2: 5.0e-7}", {1: 1e-7, 2: 5e-7}),
    ],
)
def test_a_barrier_is_a_number_or_a_table_by_tiles(tmp_path, given_, expected):
    chip = architecture(tmp_path, ("{1: 1.0e-7, 3: 5e-7}", given_))
    assert {tiles: cost.value for tiles, cost in chip.barrier.items()} == expected


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("energy_east_hop: 1e-12", "energy_east_hop: .inf"), "`energy_east_hop`"),
        (("energy_east_hop: 1e-12", "energy_east_hop: .nan"), "`energy_east_hop`"),
        (("- name: t[0..5]", "- label: t[0..5]"), "'architecture' needs one or more `tile` with names"),
        (("synapse:\n", "synapse: []\n          other:\n"), "needs one or more `synapse` with names"),
        (("t[0..5]", "t[2..1]"), "must not end before it begins"),
        (("{buffer_position: soma, max_neurons_supported: 77}", "soon"), "attributes must be a mapping"),
    ],
)
def test_a_part_of_an_architecture_that_is_not_understood_is_named(tmp_path, change, says):
    with pytest.raises(ChipError, match=says):
        architecture(tmp_path, change)


def test_a_dendrite_that_costs_nothing_may_be_updated_in_every_step_and_hops_may_be_free(tmp_path):
    chip = architecture(tmp_path, ("energy_update: 0.0", "update_every_timestep: true, energy_update: 0.0"))
    assert chip.energy["synapse:fast"].value == 6e-12
    assert architecture(tmp_path, ("energy_east_hop: 1e-12", "energy_east_hop: 0")).energy["hop_east"].value == 0.0


def test_tiles_with_other_numbers_of_cores_are_refused(tmp_path):
    tile = ARCHITECTURE.split("  tile:\n")[1]
    other = tile.replace("t[0..5]", "u[0..2]").replace("c[0..1]", "c[0..2]")
    first = ARCHITECTURE.replace("t[0..5]", "t[0..2]")
    path = tmp_path / "board.yaml"
    path.write_text(first + other, encoding="utf-8")
    with pytest.raises(ChipError, match=r"one number of cores.*2 and 3"):
        nr.load_chip(path)
    path.write_text(first + other.replace("c[0..2]", "c[0..1]"), encoding="utf-8")
    assert (nr.load_chip(path).cores_per_tile, nr.load_chip(path).cores) == (2, 12)
