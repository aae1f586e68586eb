"""Events of a window are taken in the order of their times, and of their codes where times are equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.engine.codes import FAULT, FULL, REGISTERS, VACANT
from neuro.engine.drive import chunks
from neuro.engine.drive.state import initial_state
from neuro.engine.drive.workspace import new_workspace, with_larger_calendar
from neuro.engine.kernels.arrays import EVENT
from neuro.engine.kernels.calendar import bucket_sort, enter, sort_events, take_due
from neuro.jit import as_table, kernel


@kernel
def sort_part(time, code, first, last, spare_time, spare_code):
    sort_events(time, code, first, last, spare_time, spare_code)


@kernel
def deal_part(time, code, first, last, start, end, spare_time, spare_code, place):
    bucket_sort(time, code, first, last, start, end, spare_time, spare_code, place)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 1000])
@pytest.mark.parametrize("kind", ["random", "ties", "sorted", "reversed", "two runs"])
def test_events_are_sorted_by_time_and_code(n, kind):
    rng = np.random.default_rng(n)
    time, code = rng.random(n + 5), rng.integers(-9, 9, n + 5)
    if kind == "ties":
        time = np.round(time, 1)
    part = slice(2, n + 2)
    order = np.lexsort((code[part], time[part]))
    expected = time[part][order], code[part][order]
    if kind in ("sorted", "reversed"):
        time[part], code[part] = (x[:: 1 if kind == "sorted" else -1] for x in expected)
    elif kind == "two runs":
        mixed = np.r_[order[::2], order[1::2]]
        time[part], code[part] = time[part][mixed], code[part][mixed]
    around = time[[0, 1, -3, -2, -1]], code[[0, 1, -3, -2, -1]]
    sort_part(time, code, 2, n + 2, np.empty(n), np.empty(n, np.int64))
    assert np.array_equal(time[part], expected[0])
    assert np.array_equal(code[part], expected[1])
    assert np.array_equal(time[[0, 1, -3, -2, -1]], around[0])
    assert np.array_equal(code[[0, 1, -3, -2, -1]], around[1])


@pytest.mark.parametrize("n", [0, 31, 32, 33, 1000])
@pytest.mark.parametrize("end", [0.0, 0.4, 1.0, 3.0])
def test_events_dealt_by_time_come_roughly_in_order_and_keep_their_order_within_a_part(n, end):
    rng = np.random.default_rng(n)
    time, code = np.round(rng.random(n + 5), 2), np.arange(n + 5)
    before = time.copy()
    deal_part(time, code, 2, n + 2, 0.0, end, np.empty(n), np.empty(n, np.int64), np.empty(n + 1, np.int64))
    assert np.array_equal(time, before[code])
    assert np.array_equal(code[[0, 1, -3, -2, -1]], np.arange(n + 5)[[0, 1, -3, -2, -1]])
    if n >= 32 and end:
        part = np.clip(time[2 : n + 2] * (n / end), 0, n - 1).astype(int)
        assert np.all(np.diff(part) >= 0)
        assert np.all(np.diff(code[2 : n + 2])[np.diff(part) == 0] > 0)


@kernel
def enter_one(calendar, bucket, register, window, length, t, code):
    enter(calendar, bucket, register, window, length, t, code)


@kernel
def take_all(state, work, window, start, end):
    return take_due(state, work, window, start, end)


@given(
    room=st.integers(1, 20),
    windows=st.lists(st.lists(st.tuples(st.integers(1, 9), st.floats(0.0, 1.0, exclude_max=True)), max_size=8)),
)
def test_events_leave_the_calendar_in_their_windows_and_their_entries_are_used_again(room, windows):
    """In each window some events are entered, so many windows ahead; there are four buckets."""
    program = nr.build(nr.Network())
    calendar, bucket, register = np.zeros(room, EVENT), np.full(4, -1), np.zeros(REGISTERS, np.int64)
    calendar["next"] = VACANT
    state = initial_state(program).arrays._replace(calendar=calendar, bucket=bucket, register=register)
    work = new_workspace(program, np.array([0, 0]), room, 1)
    waiting, code = [], 0
    for window, entered in enumerate([*windows, *[[]] * 10]):
        n = take_all(as_table(state), as_table(work), window, float(window), window + 1.0)
        due = sorted(pair for pair in waiting if pair[0] < window + 1)
        assert list(zip(work.event_time[:n].tolist(), work.event_code[:n].tolist(), strict=True)) == due
        waiting = [pair for pair in waiting if pair not in due]
        for ahead, part in entered:
            code += 1
            enter_one(calendar, bucket, register, window, 1.0, window + ahead + part, code)
            if register[FAULT]:
                assert len(waiting) == room
                assert register[FAULT] == FULL
                register[FAULT] = 0
            else:
                waiting.append((window + ahead + part, code))
        assert np.sum(calendar["next"] != VACANT) == len(waiting)
    assert not waiting


def test_the_calendar_does_not_grow_because_there_is_little_room_for_spikes(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_SPIKES", 64)
    net = nr.Network()
    # 26 spikes a window: after each, 64 places might not do for the next.
    net.add(nr.Population("cell", 26, nr.IF(v_th=1.0, bias=np.linspace(990.0, 1010.0, 26))))
    net.connect("cell", "cell", nr.AllToAll(0.0), delay=1e-3)
    program = nr.build(net)
    rec = nr.run(program, 15e-3)
    assert len(rec.spikes["cell"]) == 26 * 14 + 13
    assert len(rec.state.arrays.calendar) == len(initial_state(program).arrays.calendar)


def test_the_calendar_grows_where_few_of_its_entries_are_free():
    """For 85 ms, 26 neurons send a spike each millisecond, which is under way for a tenth of a second."""
    net = nr.Network()
    cell = net.add(nr.Population("cell", 26, nr.IF(v_th=1.0, bias=np.linspace(990.0, 1010.0, 26))))
    net.connect("cell", "cell", nr.AllToAll(0.0), delay=1e-3, name="short")
    net.connect(cell, cell, nr.AllToAll(0.0), delay=0.1, name="long")
    state = None
    for _ in range(17):
        state = nr.run(net, 5e-3, state=state).state
        calendar = state.arrays.calendar
        assert np.sum(calendar["next"] == VACANT) >= len(calendar) // 8 - 2 * 26


def test_the_calendar_grows_at_once_to_what_a_window_enters(monkeypatch):
    """Doubled step by step, each time after the whole window, it made the cost of an arrival grow with their number."""
    sizes = []

    def noted(arrays, needed=1):
        grown = with_larger_calendar(arrays, needed)
        sizes.append(len(grown.calendar))
        return grown

    monkeypatch.setattr(chunks, "with_larger_calendar", noted)
    net = nr.Network(seed=1)
    net.add(nr.Population("in", 20, nr.PoissonSource(20e3)))
    net.add(nr.Population("cell", 20, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.connect("in", "cell", nr.OneToOne(1e-4), delay=20e-3)
    assert nr.run(net, 0.2).events["in->cell"] > 60_000
    assert sizes[0] > 8_000
    assert len(sizes) <= 3


def test_a_full_calendar_is_searched_once():
    calendar, bucket, register = np.zeros(4, EVENT), np.full(4, -1), np.zeros(REGISTERS, np.int64)
    calendar["next"] = -1
    register[FAULT] = FULL
    enter_one(calendar, bucket, register, 0, 1.0, 1.5, 7)
    assert bucket.tolist() == [-1] * 4
    assert not calendar["code"].any()
