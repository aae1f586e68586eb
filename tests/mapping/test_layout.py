"""Layouts: nets keep the cost, layouts reach the optimum of small meshes, and respect what is fixed."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping.networks import random_traffic, slow_cost, traffics

from neuro.bench.mapping_networks import jin_layers
from neuro.chip.model import mesh_chip
from neuro.errors import ParameterError
from neuro.jit import as_table
from neuro.mapping.layout import layout as layout_module
from neuro.mapping.layout.anneal_parts import Trees, anneal_trees, fill_trees, tree_cost
from neuro.mapping.layout.layout import arrange, layout, mesh_of
from neuro.mapping.layout.lower_bound import gilmore_lawler
from neuro.mapping.layout.nets import flows_of, nets_of
from neuro.mapping.layout.relieve_link import relieve_link
from neuro.mapping.layout.starts import hilbert, rows, snake
from neuro.mapping.random import random_state
from neuro.mapping.search import Prices

TREE, PATH = Prices(tree=1.0), Prices(path=1.0)


@settings(deadline=None, max_examples=40)
@given(traffics(9), st.integers(0, 99))
def test_exchanging_parts_changes_the_cost_by_what_it_says(traffic, seed) -> None:
    part = np.arange(traffic.neurons) // 2
    parts = int(part.max()) + 1
    chip = replace(mesh_chip(3, 2, neurons=2), cores_per_tile=1 + seed % 2)
    nets, random = nets_of(traffic, part, parts), random_state(seed, "test")
    raw = mesh_of(chip, np.arange(chip.cores), np.random.default_rng(seed).permutation(chip.cores)[:parts])
    count = len(nets.root)
    trees = as_table(Trees(*(np.zeros(shape, np.uint64) for shape in ((count, 3), count, 3))))
    mesh, table, flows = as_table(raw), as_table(nets), as_table(flows_of(nets, parts))
    fill_trees(mesh, table, trees)
    before = tree_cost(mesh, table, trees)
    assert before == slow_cost(traffic, raw.place[part], chip, TREE)
    gain = anneal_trees(mesh, table, trees, flows, np.array([1.0, 0.0]), 5.0, 1.0, 2, 100, random)
    assert tree_cost(mesh, table, trees) == before + gain
    assert slow_cost(traffic, raw.place[part], chip, TREE) == before + gain
    np.testing.assert_array_equal(raw.at[raw.place], np.arange(parts))


@pytest.mark.parametrize("prices", [TREE, PATH], ids=["tree", "path"])
@pytest.mark.parametrize("seed", range(4))
def test_seven_parts_on_a_mesh_of_three_by_three_reach_the_optimum(prices: Prices, seed: int) -> None:
    traffic, chip = random_traffic(7, 2, seed), mesh_chip(3, 3, neurons=1)
    found = layout(traffic, np.arange(7), chip, prices, effort="best", seed=seed)
    assert slow_cost(traffic, found, chip, prices) == optimum(traffic, prices)


def optimum(traffic, prices: Prices) -> float:
    """The cheapest of all layouts on 3 x 3, by tables of distances; trees by walking, for those not yet too dear."""
    chip = mesh_chip(3, 3, neurons=1)
    xy = np.asarray(chip.xy)
    distance = np.abs(xy[:, None] - xy[None]).sum(axis=2)
    every = np.array(list(permutations(range(9), traffic.neurons)))
    path = np.zeros(len(every))
    least = np.zeros(len(every))
    for i in range(traffic.neurons):
        targets = traffic.target[traffic.start[i] : traffic.start[i + 1]]
        each = [distance[every[:, i], every[:, j]] for j in targets if j != i]
        if each:
            path += traffic.spikes[i] * np.sum(each, axis=0)
            # A tree has a link for each target, and reaches the farthest.
            least += traffic.spikes[i] * np.maximum(np.max(each, axis=0), len(each))
    if prices.tree == 0.0:
        return float(path.min())
    best = np.inf
    for at in np.argsort(least, kind="stable"):
        if least[at] >= best:
            break
        best = min(best, slow_cost(traffic, every[at], chip, prices))
    return best


@pytest.mark.bench
@pytest.mark.parametrize("seed", range(50))
def test_layouts_of_nine_parts_equal_the_optimum_that_a_solver_proves(seed: int) -> None:
    cp_model = pytest.importorskip("ortools.sat.python.cp_model")
    traffic, chip = random_traffic(9, 2, seed), mesh_chip(3, 3, neurons=1)
    xy = np.asarray(chip.xy)
    model = cp_model.CpModel()
    at = [[model.new_bool_var(f"{p} at {c}") for c in range(9)] for p in range(9)]
    for k in range(9):
        model.add_exactly_one(at[k])
        model.add_exactly_one(row[k] for row in at)
    x, y = ([sum(int(xy[c, axis]) * at[p][c] for c in range(9)) for p in range(9)] for axis in (0, 1))
    lengths = []
    for p in range(9):
        for q in traffic.target[traffic.start[p] : traffic.start[p + 1]]:
            for line in (x, y):
                length = model.new_int_var(0, 2, "")
                model.add(length >= line[p] - line[int(q)])
                model.add(length >= line[int(q)] - line[p])
                lengths.append(int(traffic.spikes[p]) * length)
    model.minimize(sum(lengths))
    solver = cp_model.CpSolver()
    assert solver.solve(model) == cp_model.OPTIMAL
    found = layout(traffic, np.arange(9), chip, PATH, effort="best", seed=seed)
    assert slow_cost(traffic, found, chip, PATH) == solver.objective_value


@pytest.mark.parametrize("seed", range(5))
def test_no_layout_is_shorter_than_the_bound_of_gilmore_and_lawler(seed: int) -> None:
    traffic = random_traffic(7, 2, seed)
    flow = np.zeros((7, 7))
    flow[traffic.source, traffic.target] = traffic.spikes[traffic.source]
    xy = np.asarray(mesh_chip(3, 3, neurons=1).xy)
    bound = gilmore_lawler(flow, np.abs(xy[:, None] - xy[None]).sum(axis=2).astype(float))
    assert 0.0 < bound <= optimum(traffic, PATH)


def test_a_layout_takes_each_core_once_and_keeps_what_is_fixed_and_off_dead_cores() -> None:
    traffic, chip = random_traffic(10, 3, 0), mesh_chip(4, 3, neurons=1)
    place = layout(traffic, np.arange(10), chip, effort="fast", fixed={3: 11, 5: 0}, dead=[6])
    assert place[3] == 11
    assert place[5] == 0
    assert len(set(place.tolist())) == 10
    assert 6 not in place


def test_the_same_seed_gives_the_same_layout() -> None:
    traffic, chip = random_traffic(20, 4, 1), mesh_chip(5, 5, neurons=1)
    once = layout(traffic, np.arange(20), chip, effort="fast", seed=3)
    np.testing.assert_array_equal(once, layout(traffic, np.arange(20), chip, effort="fast", seed=3))


@pytest.mark.parametrize(("neurons", "times"), [(20, 4), (4000, 1)])
def test_layouts_are_repeated_within_the_budget_but_once(monkeypatch, neurons: int, times: int) -> None:
    made, real = [], layout_module._restarted

    def restarted(*given):
        made.append(given[6])
        return real(*given)

    monkeypatch.setattr(layout_module, "_restarted", restarted)
    layout(random_traffic(neurons, 12, 1), np.arange(neurons) % 12, mesh_chip(4, 3, neurons=400), effort="fast")
    assert made == [times]


def test_messages_that_go_along_y_first_are_laid_out_like_those_of_the_turned_mesh() -> None:
    traffic = random_traffic(12, 3, 2)
    tall = replace(mesh_chip(3, 4, neurons=1), first_axis="y")
    wide = mesh_chip(4, 3, neurons=1)
    one, other = (layout(traffic, np.arange(12), chip, effort="balanced", seed=1) for chip in (tall, wide))
    found = slow_cost(traffic, one, tall, TREE), slow_cost(traffic, other, wide, TREE)
    assert found[0] == pytest.approx(found[1], rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_relieving_the_busiest_link_never_loads_it_more(seed: int) -> None:
    from neuro.mapping.metrics import measure
    from neuro.mapping.routes import placement_of_traffic

    traffic, chip = random_traffic(24, 4, seed), mesh_chip(3, 3, neurons=3)
    part, place = np.arange(24) // 3, np.arange(8)
    relieved = relieve_link(nets_of(traffic, part, 8), chip, place, effort="fast", seed=seed)
    before, after = (
        measure(placement_of_traffic(traffic, where[part], chip), traffic.spikes)["max_link"]
        for where in (place, relieved)
    )
    assert after is not None
    assert before is not None
    assert after <= before


def test_more_parts_than_cores_are_refused() -> None:
    with pytest.raises(ParameterError, match="5 parts"):
        layout(random_traffic(5, 2, 0), np.arange(5), mesh_chip(2, 2, neurons=1), effort="fast")


@pytest.mark.parametrize("curve", [rows, snake, hilbert])
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 3), (1, 7), (6, 9)])
def test_curves_visit_every_tile_once(curve, size: tuple[int, int]) -> None:
    assert sorted(curve(*size).tolist()) == list(range(size[0] * size[1]))


@pytest.mark.parametrize("curve", [snake, hilbert])
def test_curves_of_a_square_go_from_neighbour_to_neighbour(curve) -> None:
    path = curve(8, 8)
    steps = np.abs(np.diff(path % 8)) + np.abs(np.diff(path // 8))
    assert set(steps.tolist()) == {1}


@pytest.mark.parametrize(("side", "zigzag", "along_hilbert"), [(32, 30252.2, 15747.4), (64, 252489.0, 79974.0)])
def test_the_layered_graphs_are_those_of_jin_et_al(side: int, zigzag: float, along_hilbert: float) -> None:
    """Their program's log has these lengths for its zigzag and Hilbert placements."""
    source, target, weight = jin_layers(side)
    for curve, length in ((snake, zigzag), (hilbert, along_hilbert)):
        place = curve(side, side)
        x, y = place % side, place // side
        found = (weight * (np.abs(x[source] - x[target]) + np.abs(y[source] - y[target]))).sum()
        assert found == pytest.approx(length, rel=4e-6)


def test_arranging_the_layered_graph_beats_the_published_length() -> None:
    source, target, weight = jin_layers(32)
    place = arrange(source, target, weight, mesh_chip(32, 32, neurons=1), 1024, effort="balanced")
    x, y = place % 32, place // 32
    length = (weight * (np.abs(x[source] - x[target]) + np.abs(y[source] - y[target]))).sum()
    assert length <= 4250.0 < 6712.32
