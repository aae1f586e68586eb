"""Measured curves: every way to write one down, and where its branches begin and end."""

import numpy as np
import pytest

from neuro.crossbar.device.curve_csv import branches_of, read_curve
from neuro.errors import DeviceError

NUMBERS, SIEMENS = [0, 1, 2], [1e-6, 2e-6, 3e-6]


def curve(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "curve.csv"
    path.write_text(text, encoding=encoding)
    number, g, way = read_curve(path, "here")
    return number.tolist(), g.tolist(), None if way is None else way.tolist()


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("1e-6\n2e-6\n3e-6", None),
        ("g\n1e-6\n2e-6\n3e-6", None),
        ("0,1e-6\n1,2e-6\n2,3e-6", None),
        ("0;1e-6\n1;2e-6\n2;3e-6", None),
        ("0\t1e-6\n1\t2e-6\n2\t3e-6", None),
        (" 0 , 1e-6 \n\n# a remark\n   # another\n1.0,2e-6\n2,3e-6\n", None),
        ("0,1e-6,up\n1,2e-6,set\n2,3e-6,down", [1, 1, -1]),
        ("0,1e-6,UP\n1,2e-6,Reset\n2,3e-6,LTD", [1, -1, -1]),
        ("0,1e-6,1\n1,2e-6,-1\n2,3e-6,1.0", [1, -1, 1]),
        ("0,1e-6,+\n1,2e-6,-\n2,3e-6,+1", [1, -1, 1]),
        ("0,1e-6,ltp\n1,2e-6,-1.0\n2,3e-6,up", [1, -1, 1]),
        ("Pulse,G\n0,1e-6\n1,2e-6\n2,3e-6", None),
        ("conductance,number\n1e-6,0\n2e-6,1\n3e-6,2", None),
        ("G,pulse,temperature\n1e-6,0,hot\n2e-6,1,hot\n3e-6,2,hot", None),
        ("direction,n,cond,G2,pulses\nup,0,1e-6,9,9\nup,1,2e-6,9,9\ndown,2,3e-6,9,9", [1, 1, -1]),
        ("polarity,g,remark\n1,1e-6,a\n-1,2e-6,b\n1,3e-6,c", [1, -1, 1]),
        ("g (S)\n1e-6\n2e-6\n3e-6", None),
        ("G_uS\n1\n2\n3", None),
        ("G [µS]\n1\n2\n3", None),
        ("g, pulse\n1e-6, 0\n2e-6, 1\n3e-6, 2", None),
        ("conductance (mS)\n1e-3\n2e-3\n3e-3", None),
        ("conductance/nS\n1000\n2000\n3000", None),
        ("gains\n1e-6\n2e-6\n3e-6", None),
    ],
)
def test_a_curve_may_be_written_down_in_many_ways(tmp_path, text, way):
    number, g, found = curve(tmp_path, text)
    assert (number, g, found) == (NUMBERS, pytest.approx(SIEMENS, rel=1e-12), way)
    assert curve(tmp_path, text, "utf-8-sig")[0] == NUMBERS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a line for each pulse"),
        ("g\n", "a line for each pulse"),
        ("# nothing", "a line for each pulse"),
        ("pulse,current\n0,1e-6", "beginning with `g` or `cond`; got pulse, current"),
        ("0,1e-6\n1", "as many columns as the first"),
        ("0,1e-6\n1,two", "as many columns as the first"),
        ("0,1e-6\n0.5,2e-6", "0.5 as a pulse's number"),
        ("0,1e-6\n1.1e12,2e-6", "as a pulse's number"),
        ("0,1e-6\n-1.1e12,2e-6", "as a pulse's number"),
        ("0,1e-6\ninf,2e-6", "as a pulse's number"),
        ("0,1e-6,up\n1,2e-6,sideways", "as many columns as the first"),
        ("0,1e-6\n1,-1e-9", "finite and not below zero; got -1e-09 S"),
        ("0,1e-6\n1,inf", "finite and not below zero"),
        ("0,1e-6\n1,nan", "finite and not below zero"),
    ],
)
def test_a_curve_that_cannot_be_read_is_refused(tmp_path, text, says):
    with pytest.raises(DeviceError, match=says):
        curve(tmp_path, text)
    assert curve(tmp_path, "-1e12,0\n1e12,1e-6")[:2] == ([-(10**12), 10**12], [0.0, 1e-6])


def cut(number, g, way=None):
    number, g = np.array(number), np.array(g, float)
    found = branches_of(number, g, None if way is None else np.array(way), "here")
    return [(branch.way, branch.steps.tolist(), branch.g.tolist()) for branch in found]


def test_branches_end_where_the_direction_turns_or_numbers_start_again():
    assert cut(range(5), [0, 1, 2, 3, 4]) == [(1, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4])]
    assert cut(range(5), [4, 3, 2, 1, 0]) == [(-1, [0, 1, 2, 3, 4], [4, 3, 2, 1, 0])]
    assert cut(range(7), [0, 1, 2, 3, 2, 1, 0]) == [(1, [0, 1, 2, 3], [0, 1, 2, 3]), (-1, [3, 4, 5, 6], [3, 2, 1, 0])]
    # The change into a point is that of its own pulse; the first point is where the curve begins.
    assert cut(range(5), [0, 1, 2, 1, 0], [1, 1, 1, -1, -1]) == [(1, [0, 1, 2], [0, 1, 2]), (-1, [2, 3, 4], [2, 1, 0])]
    assert cut(range(5), [0, 1, 2, 1, 0], [-1, 1, 1, -1, -1])[0][0] == 1
    again = cut([5, 6, 7, 1, 3, 4], [0, 1, 2, 0, 2, 3], [1] * 6)
    assert again == [(1, [0, 1, 2], [0, 1, 2]), (1, [3, 5, 6], [0, 2, 3])]
    same = cut([0, 1, 2, 2, 3, 4], [0, 1, 2, 0, 1, 2])
    assert [part[1] for part in same] == [[0, 1, 2], [3, 4, 5]]
    alone = cut([3, 3, 4, 5, 6, 7], [9, 0, 1, 2, 3, 4])
    assert [part[1] for part in alone] == [[1, 2, 3, 4, 5]]


def test_a_fit_needs_four_pulses_in_all():
    assert len(cut(range(5), [0, 1, 2, 1, 0], [1, 1, 1, -1, -1])) == 2
    for few in (range(4), [0, 1, 2, 0, 1]):
        with pytest.raises(DeviceError, match=rf"four pulses or more; got {len(list(few))} lines"):
            cut(few, range(len(list(few))), [1] * len(list(few)))
    with pytest.raises(DeviceError, match="four pulses"):
        cut([0], [1.0])


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("rest", [0, 30])
def test_turns_are_found_through_noise_and_rests_at_the_end_of_the_window(noise, rest):
    up = np.concatenate([np.linspace(0, 10, 101), np.full(rest, 10.0)])
    g = np.concatenate([up, up[::-1][1:], up[1:]])
    g = g + noise * np.random.default_rng(1).normal(size=len(g))
    found = cut(range(len(g)), g)
    assert [way for way, *_ in found] == [1, -1, 1]
    turns = [steps[-1] for _, steps, _ in found]
    at_the_top = len(up) - 1 + rest  # a rest belongs to the rise before it
    assert turns[0] == pytest.approx(at_the_top, abs=4)
    assert turns[-1] == len(g) - 1
    assert turns[1] == pytest.approx(2 * (len(up) - 1), abs=4)
