"""Learning writes: the register, the pulses it sends, and the ledger of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuro.crossbar.device.catalog import load_device
from neuro.crossbar.device.device import Device
from neuro.crossbar.device.faults import Faults
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.ledger import Ledger
from neuro.errors import ParameterError, UnknownName, WeightError

TAOX = load_device("taox_64x64")
QUIET = Device("quiet", g_min=10e-6, g_max=100e-6, levels=91)
ANALOG = Device("analog", g_min=10e-6, g_max=100e-6)

laws = settings(deadline=None, max_examples=60)
policies = st.sampled_from(["push_pull", "one_sided"])
shapes = st.tuples(st.integers(1, 5), st.integers(1, 5))
devices = st.sampled_from([QUIET, ANALOG, TAOX, Device("wild", 1e-6, 20e-6, levels=3, write_noise=9e-6)])


def changes(shape, seed, size, count=8):
    return np.random.default_rng(seed).normal(scale=size, size=(count, *shape))


def level(crossbar, policy="push_pull"):
    return crossbar.scale * crossbar.device.step * (2 if policy == "push_pull" else 1)


def signed_pulses(crossbar, seen):
    """Levels by which each side moved, which are its pulses where devices are noiseless and not at an end."""
    return tuple(
        np.rint((now - before) / crossbar.device.step)
        for now, before in zip((crossbar.conductance_plus, crossbar.conductance_minus), seen, strict=True)
    )


@laws
@given(shapes, st.integers(0, 999), policies, st.sampled_from([1e-4, 3e-3, 2e-2]), st.integers(1, 4))
def test_the_register_loses_nothing(shape, seed, policy, size, max_levels):
    crossbar = Crossbar(np.zeros(shape), QUIET, w_max=1.0, start=0.5)
    asked = changes(shape, seed, size)
    for dw in asked:
        crossbar.accumulate(dw, max_levels, policy=policy)
    # In the middle of the window nothing is clipped, so what was written is what the weights moved.
    np.testing.assert_allclose(crossbar.effective_weights() + crossbar.register, asked.sum(axis=0), rtol=0, atol=1e-11)


@laws
@given(shapes, st.integers(0, 999), policies, devices)
def test_what_leaves_the_register_is_what_the_pulses_stand_for(shape, seed, policy, device):
    crossbar = Crossbar(np.zeros(shape), device, faults=Faults.stuck(shape, 0.2, seed=seed), w_max=1.0)
    asked = changes(shape, seed, 0.3)
    for dw in asked:
        crossbar.accumulate(dw, policy=policy)
    if device.levels is None:
        assert not crossbar.register.any()
        return
    sent = np.rint((asked.sum(axis=0) - crossbar.register) / level(crossbar, policy))
    np.testing.assert_allclose(sent * level(crossbar, policy) + crossbar.register, asked.sum(axis=0), atol=1e-11)
    pulses = crossbar.ledger.plus + crossbar.ledger.minus
    assert (pulses >= np.abs(sent) * (2 if policy == "push_pull" else 1)).all()


@laws
@given(shapes, st.integers(0, 999), policies, devices, st.sampled_from([None, 0.1, 0.5]))
def test_learning_never_leaves_the_window(shape, seed, policy, device, start):
    crossbar = Crossbar(np.zeros(shape), device, w_max=1.0, start=start, seed=seed)
    for dw in changes(shape, seed, 1.0):
        crossbar.accumulate(dw, policy=policy)
        for conductance in (crossbar.conductance_plus, crossbar.conductance_minus):
            assert (conductance >= device.g_min).all()
            assert (conductance <= device.g_max).all()


@laws
@given(shapes, st.integers(0, 999), policies, devices)
def test_the_ledger_counts_the_pulses_that_were_sent(shape, seed, policy, device):
    crossbar = Crossbar(np.zeros(shape), device, faults=Faults.stuck(shape, 0.3, seed=seed), w_max=1.0)
    sent = sum(crossbar.accumulate(dw, policy=policy) for dw in changes(shape, seed, 0.2))
    ledger = crossbar.ledger
    assert sent == ledger.pulses_up + ledger.pulses_down == ledger.plus.sum() + ledger.minus.sum()
    assert ledger.writes == 2 * shape[0] * shape[1]
    if policy == "push_pull" and device.levels:
        np.testing.assert_array_equal(ledger.plus, ledger.minus)
        assert ledger.pulses_up == ledger.pulses_down


@laws
@given(st.integers(0, 999), policies)
def test_pulses_up_and_down_are_the_levels_that_devices_rose_and_fell(seed, policy):
    crossbar = Crossbar(np.zeros((3, 4)), QUIET, w_max=1.0, start=0.5)
    up = down = 0
    for dw in changes((3, 4), seed, 0.03):
        seen = crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()
        crossbar.accumulate(dw, policy=policy)
        for moved in signed_pulses(crossbar, seen):
            up, down = up + moved.clip(0).sum(), down - moved.clip(None, 0).sum()
    assert (crossbar.ledger.pulses_up, crossbar.ledger.pulses_down) == (up, down)


@pytest.mark.parametrize("policy", ["push_pull", "one_sided"])
def test_less_than_a_level_writes_nothing_and_the_rest_follows(policy):
    crossbar = Crossbar([[0.0]], TAOX, w_max=1.0, start=0.5)
    held, one = crossbar.effective_weights(), level(crossbar, policy)
    assert crossbar.accumulate([[0.6 * one]], policy=policy) == 0
    assert crossbar.accumulate([[-1.5 * one]], policy=policy) == 0
    assert crossbar.effective_weights() is held
    assert crossbar.version == 0
    pulses = crossbar.accumulate([[-0.2 * one]], policy=policy)
    assert pulses == (2 if policy == "push_pull" else 1)
    assert crossbar.register[0, 0] == pytest.approx(-0.1 * one)
    assert crossbar.version == 1


def test_only_the_pairs_that_are_due_are_written():
    crossbar = Crossbar(np.zeros((2, 2)), TAOX, w_max=1.0, start=0.5)
    before = crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()
    crossbar.accumulate(np.array([[3.2, 0.9], [0.0, -0.9]]) * level(crossbar))
    for now, then in zip((crossbar.conductance_plus, crossbar.conductance_minus), before, strict=True):
        np.testing.assert_array_equal(now != then, [[True, False], [False, False]])


def test_no_more_levels_than_allowed_are_sent_at_once():
    crossbar = Crossbar([[0.0, 0.0]], QUIET, w_max=1.0, start=0.5)
    one = level(crossbar)
    assert crossbar.accumulate(np.array([[7.5, -7.5]]) * one) == 16
    assert crossbar.accumulate(np.zeros((1, 2)), max_levels=2) == 8
    assert crossbar.accumulate(np.zeros((1, 2)), max_levels=5) == 4
    np.testing.assert_allclose(crossbar.register / one, [[0.5, -0.5]])
    np.testing.assert_allclose(crossbar.effective_weights() / one, [[7, -7]])


def test_push_pull_moves_both_devices_against_each_other():
    crossbar = Crossbar([[0.0, 0.0]], QUIET, w_max=1.0, start=0.5)
    seen = crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()
    assert crossbar.accumulate(np.array([[2.5, -3.5]]) * level(crossbar)) == 10
    plus, minus = signed_pulses(crossbar, seen)
    assert plus.tolist() == [[2, -3]]
    assert minus.tolist() == [[-2, 3]]


def test_one_sided_takes_the_falling_device_down_before_the_other_goes_up():
    one = QUIET.step / (QUIET.g_max - QUIET.g_min)
    crossbar = Crossbar(np.array([[-2.0, 2.0, 0.0]]) * one, QUIET, w_max=1.0)
    seen = crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()
    assert crossbar.accumulate(np.array([[3.5, -3.5, 1.5]]) * one, policy="one_sided") == 7
    plus, minus = signed_pulses(crossbar, seen)
    assert plus.tolist() == [[1, -2, 1]]
    assert minus.tolist() == [[-2, 1, 0]]


def test_one_sided_pulses_a_device_down_only_from_half_a_level_above_the_bottom():
    # A stuck device reads off the grid, which a noiseless healthy one cannot.
    bottom = QUIET.g_min
    faults = Faults([[np.nan, np.nan]], [[bottom + 0.4 * QUIET.step, bottom + 0.6 * QUIET.step]])
    crossbar = Crossbar(np.zeros((1, 2)), QUIET, faults=faults, w_max=1.0)
    crossbar.accumulate(np.full((1, 2), 1.5) * level(crossbar, "one_sided"), policy="one_sided")
    assert crossbar.ledger.plus.tolist() == [[1, 0]]
    assert crossbar.ledger.minus.tolist() == [[0, 1]]


def test_a_pulse_at_the_end_of_the_window_is_sent_and_moves_nothing():
    crossbar = Crossbar([[1.0]], QUIET)
    assert crossbar.accumulate([[2.5 * level(crossbar)]]) == 4
    assert crossbar.effective_weights()[0, 0] == pytest.approx(1.0, abs=1e-12)
    assert crossbar.register[0, 0] == pytest.approx(0.5 * level(crossbar))


def test_stuck_devices_get_their_pulses_and_do_not_move():
    crossbar = Crossbar([[0.0]], QUIET, faults=Faults([[50e-6]], [[np.nan]]), w_max=1.0, start=0.5)
    before = crossbar.conductance_minus[0, 0]
    assert crossbar.accumulate([[3 * level(crossbar)]]) == 6
    assert crossbar.conductance_plus[0, 0] == 50e-6
    assert before - crossbar.conductance_minus[0, 0] == pytest.approx(3 * QUIET.step)
    assert crossbar.ledger.plus[0, 0] == 3


def test_every_learning_write_adds_its_own_error():
    device = Device("d", 0.0, 200e-6, levels=101, write_noise=1e-6)
    crossbar = Crossbar(np.zeros((120, 120)), device, w_max=1.0, start=0.5, seed=8)
    seen = crossbar.conductance_plus.copy(), crossbar.conductance_minus.copy()
    crossbar.accumulate(np.full((120, 120), 3.5 * level(crossbar)))
    count = crossbar.conductance_plus.size
    moves = crossbar.conductance_plus - seen[0], crossbar.conductance_minus - seen[1]
    for move, mean in zip(moves, (3 * device.step, -3 * device.step), strict=True):
        assert abs(move.std() - device.write_noise) < 3 * device.write_noise / np.sqrt(2 * count)
        assert abs(move.mean() - mean) < 3 * device.write_noise / np.sqrt(count)
    assert abs(np.corrcoef(moves[0].ravel(), moves[1].ravel())[0, 1]) < 3 / np.sqrt(count)


@laws
@given(shapes, st.integers(0, 999), policies, st.sampled_from([None, 0.2, 0.5, 0.8]))
def test_continuous_devices_take_a_change_at_once_as_far_as_the_window_goes(shape, seed, policy, start):
    crossbar = Crossbar(np.zeros(shape), ANALOG, w_max=1.0, start=start)
    expected = np.zeros(shape)
    for dw in changes(shape, seed, 0.6):
        crossbar.accumulate(dw, policy=policy)
        # A pair reaches any weight of the window, whichever way it got where it is.
        expected = np.clip(expected + dw, -1, 1)
        np.testing.assert_allclose(crossbar.effective_weights(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("policy", "weight", "dw", "plus", "minus"),
    [
        ("push_pull", 0.0, 0.4, 70e-6, 30e-6),
        ("push_pull", 0.6, 0.3, 95e-6, 5e-6),
        ("push_pull", 0.8, 0.5, 100e-6, 0.0),
        ("one_sided", 0.0, 0.4, 50e-6, 10e-6),
        ("one_sided", 0.0, 0.7, 70e-6, 0.0),
        ("one_sided", 0.0, -0.7, 0.0, 70e-6),
    ],
)
def test_a_change_of_continuous_devices_is_shared_by_the_policy(policy, weight, dw, plus, minus):
    device = Device("d", 0.0, 100e-6)
    crossbar = Crossbar([[weight]], device, w_max=1.0, start=0.5)
    crossbar.accumulate([[dw]], policy=policy)
    assert crossbar.conductance_plus[0, 0] == pytest.approx(plus, abs=1e-16)
    assert crossbar.conductance_minus[0, 0] == pytest.approx(minus, abs=1e-16)


def test_what_one_continuous_device_has_no_room_for_goes_to_the_other():
    crossbar = Crossbar([[0.5, -0.5]], Device("d", 0.0, 100e-6), w_max=1.0)
    assert crossbar.accumulate([[0.2, -0.2]]) == 2
    np.testing.assert_allclose(crossbar.conductance_plus, [[70e-6, 0.0]], atol=1e-16)
    np.testing.assert_allclose(crossbar.conductance_minus, [[0.0, 70e-6]], atol=1e-16)


@pytest.mark.parametrize("policy", ["push_pull", "one_sided"])
@pytest.mark.parametrize(("short", "dw"), [("plus", 0.2), ("minus", -0.2)])
def test_beside_a_device_stuck_above_the_window_the_other_takes_the_whole_change(policy, short, dw):
    faults = Faults(**{"plus": [[np.nan]], "minus": [[np.nan]], short: [[300e-6]]})
    crossbar = Crossbar([[0.0]], ANALOG, faults=faults, w_max=1.0, start=0.5)
    before = crossbar.effective_weights()[0, 0]
    crossbar.accumulate([[dw]], policy=policy)
    assert crossbar.effective_weights()[0, 0] - before == pytest.approx(dw)


@pytest.mark.parametrize("policy", ["push_pull", "one_sided"])
@pytest.mark.parametrize(("cut", "dw"), [("plus", -0.2), ("minus", 0.2)])
def test_beside_an_open_device_the_other_takes_the_whole_change(policy, cut, dw):
    faults = Faults(**{"plus": [[np.nan]], "minus": [[np.nan]], cut: [[0.0]]})
    crossbar = Crossbar([[0.0]], ANALOG, faults=faults, w_max=1.0, start=0.5)
    before = crossbar.effective_weights()[0, 0]
    crossbar.accumulate([[dw]], policy=policy)
    assert crossbar.effective_weights()[0, 0] - before == pytest.approx(dw)


def test_programming_empties_the_register():
    crossbar = Crossbar([[0.0]], QUIET, w_max=1.0)
    crossbar.accumulate([[0.9 * level(crossbar)]])
    crossbar.program([[0.0]])
    assert crossbar.register[0, 0] == 0
    assert crossbar.accumulate([[0.9 * level(crossbar)]]) == 0


@pytest.mark.parametrize("max_levels", [0, -1, 1.5, True])
def test_a_number_of_levels_that_cannot_be_is_refused(max_levels):
    with pytest.raises(ParameterError, match="max_levels"):
        Crossbar([[0.0]], QUIET).accumulate([[0.0]], max_levels)


def test_unknown_policies_and_impossible_changes_are_refused():
    crossbar = Crossbar([[0.0]], QUIET)
    with pytest.raises(UnknownName, match="one_sided, push_pull"):
        crossbar.accumulate([[0.0]], policy="both")
    with pytest.raises(WeightError, match="finite"):
        crossbar.accumulate([[np.inf]])
    assert crossbar.register[0, 0] == 0


def test_ledgers_of_one_array_add_up():
    first, second = (Crossbar(np.zeros((2, 3)), QUIET, w_max=1.0, start=0.5) for _ in range(2))
    first.accumulate(np.full((2, 3), 0.05))
    second.accumulate(np.full((2, 3), -0.09))
    second.read([1, 0])
    both = first.ledger + second.ledger
    assert both.as_dict() == {key: first.ledger.as_dict()[key] + second.ledger.as_dict()[key] for key in both.as_dict()}
    np.testing.assert_array_equal(both.plus, first.ledger.plus + second.ledger.plus)
    assert all(type(count) is int for count in both.as_dict().values())
    with pytest.raises(ParameterError, match="one shape"):
        first.ledger + Ledger((3, 2))
