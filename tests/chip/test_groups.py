"""Cores that differ: their limits and costs from every door, to a file and back, and what is refused by name."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.cores import NO_LIMIT, CoreGroup, Limits, Quantity
from neuro.chip.files import chip_from_dict, chip_to_dict
from neuro.chip.load import chip_record
from neuro.chip.model import tiled
from neuro.errors import ChipError, PlacementError
from tests.placements import differing_chips

LIF = nr.LIF(tau_m=20e-3, v_th=1.0)
CHIP = nr.mesh_chip(3, 2, neurons=8, synapses=40)


@given(limits=st.dictionaries(st.integers(0, 5), st.none() | st.integers(1, 9)))
def test_each_core_has_the_limits_that_it_was_given_in_any_form(limits):
    wanted = [8 if limits.get(core) is None else limits[core] for core in range(6)]
    forms = (
        {core: None if most is None else {"neurons": most} for core, most in limits.items()},
        [{} if limits.get(core) is None else {"neurons": limits[core]} for core in range(6)],
        {core: Limits(neurons=most or 8, synapses=40) for core, most in limits.items()},
    )
    chips = [nr.mesh_chip(3, 2, neurons=8, synapses=40, limits_by_core=form) for form in forms]
    for chip in chips:
        assert chip.most("neurons").tolist() == wanted
        assert chip.most("synapses").tolist() == [40] * 6
        assert chip.most("axons_in").tolist() == [NO_LIMIT] * 6
        assert chip.limits_differ == (wanted != [8] * 6)
        assert len(chip.groups) == len(set(wanted) - {8})
        assert chip == chips[0]
    if chips[0].limits_differ:
        assert str(next(most for most in wanted if most != 8)) in repr(chips[0])


@pytest.mark.parametrize(
    ("given_", "complaint"),
    [
        ({6: {"neurons": 1}}, "core"),
        ({-1: {"neurons": 1}}, "core"),
        ({"1": {"neurons": 1}}, "core"),
        ([{"neurons": 1}] * 5, "5 entries"),
        ({0: {"neuron": 1}}, "limits are neurons"),
        ({0: 10}, "core 0"),
        ({0: {"neurons": -1}}, "neurons"),
        ({0: {"neurons": 0.5}}, "neurons"),
        (7, "limits by core"),
        ("neurons", "limits by core"),
    ],
)
def test_limits_of_no_core_or_of_no_such_name_are_refused(given_, complaint):
    with pytest.raises(ChipError, match=complaint):
        nr.mesh_chip(3, 2, neurons=8, limits_by_core=given_)


@pytest.mark.parametrize("groups", [[(6,)], [(0, 1), (1,)], [(2, 2)]])
def test_a_core_is_one_of_the_chip_and_in_one_group_at_most(groups):
    with pytest.raises(ChipError, match="in one group at most"):
        replace(CHIP, groups=tuple(CoreGroup(cores=cores, limits=Limits()) for cores in groups))


@given(chip=differing_chips())
def test_a_chip_whose_cores_differ_survives_a_file(chip):
    assert chip_from_dict(chip_to_dict(chip)) == chip
    assert "groups" not in chip_to_dict(replace(chip, groups=()))


def test_cores_differ_alike_on_every_chip_of_a_system():
    chip = nr.mesh_chip(3, 2, neurons=8, limits_by_core={1: {"neurons": 3}, 5: {"neurons": 2}})
    for order in ("rows", "columns"):
        one = replace(chip, cores_per_tile=2, tile_order=order)
        system = tiled(one, 2, 3)
        at = {
            (x, y, k % 2): most
            for k, ((x, y), most) in enumerate(zip(one.xy.tolist(), one.most("neurons"), strict=True))
        }
        for k, ((x, y), most) in enumerate(zip(system.xy.tolist(), system.most("neurons"), strict=True)):
            assert most == at[x % 3, y % 2, k % 2]


RECORD = """
name = "mine"
title = "A chip"
mode = "step"
updates = "fired"
[mesh]
width = { value = 3, unit = "1", source = "here" }
height = { value = 2, unit = "1", source = "here" }
[limits]
neurons = { value = 100, unit = "1", source = "here" }
fan_in = { value = 7, unit = "1", source = "here" }
[energy]
spike = { value = 3, unit = "pJ", source = "here" }
[groups.small]
cores = [0, "4..5"]
[groups.small.limits]
neurons = { value = 10, unit = "1", source = "there" }
[groups.small.energy]
spike = { value = 9, unit = "pJ", source = "there" }
"""


def test_a_chip_file_says_which_cores_differ(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(RECORD, encoding="utf-8")
    chip = nr.load_chip(path)
    assert chip.most("neurons").tolist() == [10, 100, 100, 100, 10, 10]
    assert chip.most("fan_in").tolist() == [7] * 6
    assert chip.groups[0].energy == {"spike": Quantity(9e-12, "J", "there")}
    assert chip_record(path).figures()["groups.small.limits.neurons"].value == 10


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"4..5"', '"4..9"', "cores 0..5"),
        ('"4..5"', '"4-5"', "ranges as 8..15"),
        ('"4..5"', '"4..99999999999"', "ranges as 8..15"),
        ('[0, "4..5"]', "[]", "none"),
        ('10, unit = "1"', '10, unit = "pJ"', "must be in 1"),
        ('10, unit = "1"', '10.5, unit = "1"', "whole number"),
        ('spike = { value = 9, unit = "pJ"', 'speed = { value = 9, unit = "pJ"', "unknown"),
        ('spike = { value = 9, unit = "pJ"', 'hop_east = { value = 9, unit = "pJ"', "links cost"),
        ('9, unit = "pJ", source = "there"', '9, unit = "pJ"', "source"),
    ],
)
def test_what_a_chip_file_says_wrongly_of_its_cores_is_refused(tmp_path, old, new, complaint):
    assert old in RECORD
    path = tmp_path / "mine.toml"
    path.write_text(RECORD.replace(old, new), encoding="utf-8")
    with pytest.raises(ChipError, match=complaint):
        nr.load_chip(path)


@given(seed=st.integers(0, 10**6), most=st.integers(1, 6))
def test_more_than_a_core_holds_is_refused_with_the_core_the_limit_and_the_count(seed, most):
    core = np.random.default_rng(seed).integers(0, 6, 20)
    net = nr.Network()
    net.add(nr.Population("cell", 20, LIF))
    chip = nr.mesh_chip(3, 2, neurons=20, limits_by_core={2: {"neurons": most}})
    held = int((core == 2).sum())
    if held <= most:
        assert nr.placed(net, chip, {"cell": core}).broken_limits == {}
        return
    with pytest.raises(
        PlacementError, match=rf"core 2, neurons: core 2 of .* holds {most} neurons at most; got {held}"
    ):
        nr.placed(net, chip, {"cell": core})
    alike = nr.mesh_chip(3, 2, neurons=held - 1)
    assert nr.placed(net, alike, {"cell": 2}).broken_limits["neurons"] == (2, 20, held - 1)
    with pytest.raises(PlacementError, match="core 2"):
        nr.placed(net, alike, {"cell": 2}, beyond_limits=False)
    kept = nr.placed(net, chip, {"cell": core}, beyond_limits=True)
    assert kept.broken_limits == {"neurons": (2, held, most)}
