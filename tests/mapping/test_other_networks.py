"""Recordings of other networks and placements for other chips are refused by name."""

import pytest

import neuro as nr
from neuro.errors import InputError, PlacementError, UnknownName
from neuro.mapping.files import read_placement


def network(size: int = 3, name: str = "cell", joined: str = "link") -> nr.Network:
    net = nr.Network()
    cell = net.add(nr.Population(name, size, nr.LIF(tau_m=20e-3, v_th=1.0, bias=2.0)))
    net.connect(cell, cell, nr.AllToAll(0.1), delay=1e-3, name=joined)
    return net


@pytest.mark.parametrize(
    ("other", "error", "says"),
    [
        (network(2), InputError, "of this network; got 2 neurons recorded, 3 to be placed"),
        (network(name="cells"), UnknownName, "Did you mean 'cell'"),
        (
            network(joined="bond"),
            InputError,
            "projection 'bond' from 'cell' onto 'cell', which the",
        ),
    ],
)
def test_traffic_of_another_network_is_refused(other, error, says) -> None:
    with pytest.raises(error, match=says):
        nr.place(network(), nr.mesh_chip(2, 2, 4), traffic=nr.run(other, 1e-3))


def test_a_saved_placement_is_read_for_its_own_chip_alone(tmp_path) -> None:
    net, chip = network(), nr.mesh_chip(2, 2, 4)
    placement = nr.placed(net, chip, {"cell": [0, 1, 3]})
    for name in ("placed.npz", "placed.json"):
        placement.save(tmp_path / name)
        assert read_placement(tmp_path / name, net, chip).neuron_core.tolist() == [0, 1, 3]
        with pytest.raises(PlacementError, match=rf"{name}: the placement is for another chip"):
            read_placement(tmp_path / name, net, nr.mesh_chip(4, 1, 4))
