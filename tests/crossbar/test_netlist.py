"""Decks for SPICE, line by line: the resistors of wires and devices, the sources, and how long a transient runs."""

import numpy as np
import pytest

from neuro.crossbar.circuit.circuit import Circuit
from neuro.crossbar.circuit.netlist import deck
from neuro.crossbar.circuit.wires import Wires
from neuro.crossbar.device.iv import Ohmic, Sinh
from neuro.crossbar.factory import Crossbar
from neuro.crossbar.read.settings import Reading

BARE = Circuit(np.array([[1e-3], [2e-3]]), Wires())


def lines(*given, **more):
    """The first line, the elements and sources, and what is analysed and printed."""
    text = deck(*given, **more).splitlines()
    options = text.index(".options reltol=1e-9 abstol=1e-18 vntol=1e-15 gmin=1e-18")
    assert text[options + 1 : options + 3] == [".control", "set numdgt=16"]
    assert text[-2:] == [".endc", ".end"]
    return text[0], text[1:options], text[options + 3 : -2]


def test_each_segment_and_each_device_is_a_resistor_and_each_terminal_a_source():
    wires = Wires(row=2.0, column=3.0, driver=5.0, sense=7.0)
    circuits = {"plus": Circuit(np.array([[1e-3, 0.0]]), wires), "minus": Circuit(np.zeros((1, 2)), wires)}
    title, elements, analysis = lines(circuits, np.array([0.5]), np.array([0.25, np.nan]), "one row")
    assert title == "* one row: plus array, 1 rows x 2 columns"
    assert elements == [
        "rplus_w0 plus_d0 plus_3 7.0",
        "rplus_w1 plus_3 plus_4 2.0",
        "rplus_w2 plus_s0 plus_5 10.0",
        "rplus_w3 plus_s1 plus_6 10.0",
        "rplus_x0_0 plus_3 plus_5 1000.0",
        "vplus_d0 plus_d0 0 DC 0.5",
        "vplus_s0 plus_s0 0 DC 0.25",
    ]
    assert analysis == ["op", "print i(vplus_d0)", "print i(vplus_s0)"]
    none = {"plus": Circuit(np.zeros((1, 1)), Wires()), "minus": Circuit(np.zeros((1, 1)), Wires())}
    assert lines(none, np.zeros(1), np.zeros(1))[0] == "* crossbar: plus and minus array, 1 rows x 1 columns"


@pytest.mark.parametrize(
    ("inactive", "devices", "sources"),
    [
        ("ground", [1000.0, 500.0], ["p_d0 0 DC 0.5", "p_d1 0 DC 0.0"]),
        ("float", [1000.0, 500.0], ["p_d0 0 DC 0.5"]),
        ("gate", [1000.0], ["p_d0 0 DC 0.5", "p_d1 0 DC 0.0"]),
    ],
)
def test_rows_at_zero_are_held_left_open_or_cut_off(inactive, devices, sources):
    circuit = Circuit(np.array([[1e-3], [2e-3]]), Wires(inactive=inactive))
    _, elements, analysis = lines({"p": circuit}, np.array([0.5, 0.0]), np.array([np.nan]))
    assert [float(line.split()[-1]) for line in elements if line.startswith("rp_x")] == devices
    assert [line.split(maxsplit=1)[1] for line in elements if line.startswith("vp_d")] == sources
    assert len(analysis) == 1 + len(sources)


def test_a_curve_is_a_source_of_current():
    for curve, element in (
        (None, "rp_x0_0 p_d0 p_s0 1000.0"),
        (Ohmic(), "rp_x0_0 p_d0 p_s0 1000.0"),
        (Sinh(0.25), "bp_x0_0 p_d0 p_s0 i=0.00025*sinh(v(p_d0,p_s0)/0.25)"),
    ):
        _, elements, _ = lines({"p": Circuit(np.array([[1e-3]]), Wires(), curve)}, np.ones(1), np.zeros(1))
        assert elements[0] == element


def test_a_transient_runs_to_the_end_of_the_last_pulse_in_tenths_of_the_shortest():
    pulses = [[(1.0, 2.0, 0.5), (5.0, 1.0, 0.25)], []]
    _, elements, analysis = lines({"p": BARE}, np.array([0.5, 0.0]), np.zeros(1), "t", pulses)
    wave = next(line for line in elements if line.startswith("vp_d0")).partition("PWL(")[2].rstrip(")").split()
    points = np.array(wave, float).reshape(-1, 2)
    edge = 1e-6
    expected = [(0, 0), (1, 0), (1 + 2 * edge, 0.5), (3, 0.5), (3 + 2 * edge, 0)]
    expected += [(5, 0), (5 + edge, 0.25), (6, 0.25), (6 + edge, 0)]
    assert points == pytest.approx(np.array(expected), rel=1e-12)
    assert "vp_d1 p_d1 0 PWL(0 0)" in elements
    word, step, stop = analysis[0].split()
    assert (word, float(step), float(stop)) == ("tran", 0.1, pytest.approx(6 * (1 + edge) + edge, rel=1e-12))
    assert analysis[1:] == ["print i(vp_d0)", "print i(vp_d1)", "print i(vp_s0)"]
    silent = lines({"p": BARE}, np.zeros(2), np.zeros(1), "t", [[], []])[2]
    assert silent[0] == "tran 0.0 0.0"


@pytest.mark.parametrize("inactive", ["ground", "float", "gate"])
@pytest.mark.parametrize("curve", [None, Ohmic(), Sinh(0.25)], ids=["none", "ohmic", "sinh"])
@pytest.mark.parametrize("ohms", [0.0, 1.0])
def test_lines_superpose_where_devices_are_straight_and_rows_grounded_or_wires_ideal(inactive, curve, ohms):
    wires, reading = Wires(row=ohms, inactive=inactive), Reading(voltage=1.0, curve=curve)
    crossbar = Crossbar(np.eye(2) * 1e-3, wires=wires, reading=reading)
    straight = curve is None or curve.straight
    expected = straight and (ohms == 0.0 or inactive == "ground")
    assert crossbar.writer.reader.superposes is expected
    assert Circuit(np.eye(2) * 1e-3, wires, curve).superposes is expected
