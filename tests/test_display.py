"""Results show themselves in at most ten lines, quickly, and never raise."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.display import LINES, PREFIXES, WIDTH, Displayed, amount


def network(populations: int = 2) -> nr.Network:
    net = nr.Network()
    net.add(nr.Population("cue", 3, nr.SpikeSource()))
    for number in range(populations - 1):
        net.add(nr.Population(f"cell{number}", 5, nr.LIF(tau_m=20e-3, v_th=0.1)))
        net.connect("cue", f"cell{number}", nr.Dense(np.ones((3, 5))), delay=1e-3)
    return net


def recording() -> nr.Recording:
    spikes = nr.Spikes([1e-3, 2e-3], [0, 1])
    return nr.run(network(), 0.01, inputs={"cue": spikes}, record=nr.Record(v={"cell0": [0]}))


def placement() -> nr.Placement:
    return nr.placed(network(), nr.load_chip("loihi_davies2018"), {"cue": 0, "cell0": 1})


def energy() -> nr.EnergyReport:
    return nr.account(recording(), placement(), dt=1e-3)


WEIGHTS = [[0.5, -1.0, 0.25], [0.0, 1.0, 0.75]]

SHOWN = {
    "crossbar": (lambda: nr.Crossbar(WEIGHTS), ["2 x 3", "PairCrossbar", "ideal", "-1 to 1"]),
    "offset crossbar": (lambda: nr.Crossbar(WEIGHTS, mapping="offset"), ["OffsetCrossbar", "2 x 3"]),
    "sliced crossbar": (
        lambda: nr.Crossbar(WEIGHTS, mapping="slices", device=nr.load_device("taox_64x64")),
        ["SlicedCrossbar"],
    ),
    "tiled crossbar": (lambda: nr.Crossbar(WEIGHTS, tile=(1, 2)), ["TiledCrossbar", "arrays   4"]),
    "wires": (
        lambda: nr.Crossbar(WEIGHTS, wires=nr.Wires(row=1.0, column=2.0), reading=nr.Reading(voltage=0.2)),
        ["1 ohm", "200 mV"],
    ),
    "transposed crossbar": (lambda: nr.Crossbar(WEIGHTS).T, ["Transposed", "2 x 3"]),
    "snapshot": (lambda: nr.Crossbar(WEIGHTS).snapshot(), ["Snapshot", "2 x 3"]),
    "device": (lambda: nr.load_device("ReRamES"), ["'ReRamES'", "50 uS to 150 uS", "Exponential", "5.063 uS"]),
    "placement": (placement, ["loihi_davies2018", "2 of 128 cores", "cell0", "5 neurons on 1 core"]),
    "found placement": (
        lambda: nr.place(network(), nr.mesh_chip(3, 2, neurons=4), recording(), effort="fast"),
        ["mesh 3 x 2", "of 6 cores", "5 neurons on 2 cores", "km1"],
    ),
    "energy": (energy, ["loihi_davies2018", "nJ", "latency", "us", "static", "%"]),
    "chip": (lambda: nr.load_chip("loihi_davies2018"), ["128 cores", "8 x 4", "1,024 neurons", "23.6 pJ"]),
    "chip without figures": (lambda: nr.load_chip("loihi2"), ["7,812 neurons", "unknown", "synapse"]),
    "network": (network, ["2 populations", "8 neurons", "cue", "3 SpikeSource", "5 LIF", "Dense, delay 1 ms"]),
    "large network": (lambda: network(40), ["40 populations", "71 more"]),
    "empty network": (nr.Network, ["0 populations"]),
    "population": (lambda: network().populations["cell0"], ["'cell0'", "5 LIF"]),
    "projection": (lambda: network().projections["cue->cell0"], ["'cue->cell0'", "Dense", "1 ms", "5 neurons"]),
    "recording": (recording, ["0 s to 10 ms", "12 spikes", "5 neurons", "200 Hz each", "10 synaptic events"]),
    "spikes": (lambda: recording().spikes["cue"], ["2", "1 ms", "2 ms"]),
    "no spikes": (lambda: nr.Spikes([], []), ["none"]),
    "current": (lambda: nr.Current([0.0], [[1.0, 2.0]]), ["1 step", "2 neurons"]),
    "program": (lambda: nr.build(network()), ["exact", "8 neurons", "15 synapses", "cell0"]),
    "clocked program": (lambda: nr.build_clocked(network(), 1e-3), ["clocked", "8 neurons", "1 ms", "nir-euler"]),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_result_says_what_a_person_wants_to_know_in_ten_lines(name: str) -> None:
    make, wanted = SHOWN[name]
    made: Any = make()
    text = repr(made)
    assert len(text.splitlines()) <= LINES
    assert max(map(len, text.splitlines())) <= WIDTH
    assert str(made) == text
    for part in wanted:
        assert part in text


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_shows_the_same_as_a_table(name: str) -> None:
    made: Any = SHOWN[name][0]()
    html = made._repr_html_()
    opened: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: opened.append(tag)  # type: ignore[method-assign]
    parser.handle_endtag = lambda tag: None if opened.pop() == tag else pytest.fail(html)  # type: ignore[method-assign]
    parser.feed(html)
    assert opened == []
    assert html.startswith("<table>")
    assert html.count("<tr>") == len(repr(made).splitlines()) - 1


@pytest.mark.parametrize(
    "kind",
    [
        *(nr.Network, nr.Population, nr.Projection, nr.Recording, nr.Spikes, nr.Current, nr.Program),
        *(nr.Placement, nr.EnergyReport, nr.Chip, nr.Device),
    ],
)
def test_an_object_that_was_never_made_can_be_shown(kind: type) -> None:
    assert repr(object.__new__(kind)) == f"<{kind.__name__}>"


def test_a_recording_on_disk_is_shown_without_its_file(tmp_path: Path) -> None:
    recording().save(tmp_path / "run.h5")
    lazy = nr.load_recording(tmp_path / "run.h5", lazy=True)
    (tmp_path / "run.h5").unlink()
    assert repr(lazy) == repr(recording())


def test_names_cannot_break_the_table() -> None:
    net = nr.Network()
    net.add(nr.Population("<b>&\n" + "x" * 300, 1, nr.SpikeSource()))
    assert "&lt;b&gt;&amp;" in net._repr_html_()
    assert len(repr(net).splitlines()) == 2
    assert max(map(len, repr(net).splitlines())) <= WIDTH


@given(st.floats(-1e300, 1e300).filter(lambda value: value == 0.0 or abs(value) > 1e-290))
def test_an_amount_keeps_four_digits(value: float) -> None:
    number, unit = amount(value, "J").split(" ")
    power = {prefix: power for power, prefix in PREFIXES.items()}[unit.removesuffix("J")]
    assert float(number) * 10.0**power == pytest.approx(value, rel=1e-3)


def test_who_forgets_to_say_what_is_shown_sees_the_name() -> None:
    class Bare(Displayed):
        pass

    assert repr(Bare()) == "<Bare>"
