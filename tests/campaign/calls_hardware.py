"""Good calls: devices, crossbars, chips, placements, accounts and reports."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import neuro as nr
from neuro.chip.model import Limits, Quantity, tiled
from neuro.chip.placement import Placement
from neuro.crossbar.device.noise import Drift, Flicker, Telegraph
from neuro.crossbar.read.settings import Converter
from neuro.report.record import Report, Table, write
from tests.campaign.calls_network import network
from tests.campaign.calls_run import recorded
from tests.campaign.kinds import EITHER, choice, flag, instance, listed, mapping, number, path, text
from tests.campaign.recipe import Argument, Made, Recipe
from tests.campaign.values import Value

__all__ = ["RECIPES"]

TWO = ((2,),)
SEED = number(least=0, whole=True)
MATRIX = number(scalar=False, shapes=((2, 2),))
LINES = number(scalar=False, shapes=TWO)
POSITIVE_OR_NONE = number(above=0, none=True)
SECONDS_OR_NONE = number(above=0, unit="s", none=True)
VOLTS_OR_NONE = number(above=0, unit="V", none=True)
NOT_NEGATIVE = number(least=0)
SIZE = number(least=1, whole=True, large=1e4)
WEIGHTS = [[0.5, -1.0], [0.0, 0.25]]


def device() -> nr.Device:
    return nr.Device("four", 0.0, 90e-6, levels=4)


def crossbar(mapping: str = "pair", **rest: Any) -> nr.AbstractCrossbar:
    return nr.Crossbar(WEIGHTS, device(), mapping=mapping, **rest)


MADE = {
    "pair": lambda: crossbar(),
    "wired": lambda: crossbar(wires=nr.Wires(row=1.0, column=1.0)),
    "offset": lambda: crossbar("offset"),
    "slices": lambda: crossbar("slices"),
    "tiled": lambda: crossbar(tile=(1, 1)),
}


@cache
def chip() -> nr.Chip:
    return nr.mesh_chip(2, 1, neurons=4)


@cache
def where() -> Placement:
    return nr.placed(network(), chip(), {"cue": 0, "cell": 1})


@cache
def loihi() -> nr.Chip:
    return nr.load_chip("loihi_davies2018")


def make_chip(**given: Any) -> nr.Chip:
    return nr.Chip(**given)


def changed(key: str):
    """A call that adds one thing to a good chip."""
    return lambda **given: make_chip(name="c", width=2, height=1, **given)


def figure(low: float | None = None, high: float | None = None) -> Quantity:
    return Quantity(1e-12, "J", "a table", low, high)


def methods(kind: str, make: Any) -> list[Recipe]:
    """What every crossbar can do, for a crossbar of two rows and two columns."""
    single = kind in ("pair", "wired")
    at = Argument(None, number(none=True, unit="s", unsure=True))
    policy = Argument("push_pull", choice())

    def call(method: str):
        return lambda **given: getattr(make(), method)(**given)

    recipes = [
        Recipe(
            f"Crossbar.read, {kind}",
            call("read"),
            {"rows": Argument(Made(lambda: [1.0, 0.0]), LINES, ("drives",)), "at": at},
        ),
        Recipe(
            f"Crossbar.read_columns, {kind}",
            call("read_columns"),
            {"cols": Argument(Made(lambda: [1.0, 0.0]), LINES, ("drives", "column")), "at": at},
        ),
        Recipe(
            f"Crossbar.read_rows, {kind}",
            call("read_rows"),
            {
                "rows": Argument(
                    Made(lambda: [0, 1]), number(least=0, most=1, whole=True, scalar=False, shapes=((2,), (0,), (7,)))
                ),
                "out": Argument(None, listed("None", either=("pair", "pair with nan", "pair with inf", "masked"))),
            },
        ),
        Recipe(
            f"Crossbar.count_reads, {kind}",
            call("count_reads"),
            {
                key: Argument(
                    Made(lambda: [1, 0]),
                    number(least=0, whole=True, shapes=TWO, unsure=kind in ("tiled", "slices")),
                    ("reads",),
                )
                for key in ("rows", "columns")
            },
        ),
        Recipe(
            f"Crossbar.program, {kind}", call("program"), {"weights": Argument(Made(lambda: np.array(WEIGHTS)), MATRIX)}
        ),
        Recipe(f"Crossbar.snapshot, {kind}", call("snapshot"), {"at": at}),
        Recipe(
            f"Crossbar.write_verify, {kind}",
            call("write_verify"),
            {
                "weights": Argument(Made(lambda: np.array(WEIGHTS)), MATRIX),
                "tolerance": Argument(None, POSITIVE_OR_NONE),
                "rounds": Argument(2, number(least=1, whole=True)),
            },
        ),
    ]
    if kind != "slices":
        recipes += [
            Recipe(
                f"Crossbar.accumulate, {kind}",
                call("accumulate"),
                {
                    "dw": Argument(Made(lambda: np.array(WEIGHTS)), MATRIX, ("change",)),
                    "max_levels": Argument(4, number(least=1, whole=True)),
                    "policy": policy,
                },
            ),
            Recipe(
                f"Crossbar.coincide, {kind}",
                call("coincide"),
                {
                    "rows": Argument(Made(lambda: [1.0, 0.0]), LINES, ("factor",)),
                    "columns": Argument(Made(lambda: [1.0, 0.0]), LINES, ("factor",)),
                    "rate": Argument(0.5, number()),
                    "trains": Argument("stochastic", choice(), ("train",)),
                    "length": Argument(8, number(least=1, whole=True, large=1e4)),
                    "policy": policy,
                },
            ),
        ]
    if single:
        volts = number(shapes=TWO, nan=True, unit="V", unsure=True)
        recipes += [
            Recipe(
                f"Crossbar.{method}, {kind}",
                call(method),
                {
                    "row_voltages": Argument(Made(lambda: [0.5, 0.0]), volts, ("voltage",)),
                    "column_voltages": Argument(0.0, volts, ("voltage",)),
                },
            )
            for method in ("solve", "netlist")
        ]
    return recipes


SHAPE = listed(either=("pair", "pair of 0 and 0", "pair far out"))
SHAPE_WRONG = {
    "a negative shape": lambda: (-1, 2),
    "absurd": lambda: (10**6, 10**7),
    "three": lambda: (2, 2, 2),
    "fractions": lambda: (1.5, 2),
}
SHARE = number(least=0, most=1)
SHAPED = {"shape": Argument((2, 2), SHAPE, ("rows",), wrong=SHAPE_WRONG)}

DEVICES = [
    Recipe(
        "Device",
        nr.Device,
        {
            "name": Argument("d", text()),
            "g_min": Argument(0.0, number(least=0, most=1e-4)),
            "g_max": Argument(1e-4, number(above=0)),
            "levels": Argument(4, number(least=2, whole=True, none=True)),
            "write_noise": Argument(0.0, number(least=0)),
            "source": Argument("", text()),
            "notes": Argument("", text()),
            "law": Argument(None, instance(none=True)),
            "variation": Argument(Made(dict), mapping()),
            "cycle": Argument(Made(lambda: nr.Device("d", 0.0, 1.0).cycle), instance()),
            "drift": Argument(None, instance(none=True)),
        },
        shows=True,
    ),
    Recipe(
        "Device.pulse",
        lambda **given: nr.load_device("ReRamSB").pulse(**given),
        {
            "g": Argument(
                1e-5, number(least=0, shapes=((2,), (1,), (0,), (7,), (3, 4), (2, 2, 2)), unsure=True), ("conductance",)
            ),
            "direction": Argument(
                1, listed("-1", "0", either=("0-d array", "pair of -1 and 0", "pair of 0 and 0", "[]"))
            ),
            "params": Argument(None, instance(none=True)),
            "rng": Argument(None, listed("None")),
        },
    ),
    Recipe(
        "Device.sample",
        lambda **given: nr.load_device("ReRamSB").sample(**given),
        {"n": Argument(2, number(least=0, whole=True, large=1e6, unsure=True)), "rng": Argument(0, SEED, ("seed",))},
    ),
    Recipe(
        "Wires",
        nr.Wires,
        {
            **{key: Argument(1.0, NOT_NEGATIVE) for key in ("row", "column", "driver", "sense")},
            "inactive": Argument("ground", choice()),
        },
        shows=True,
    ),
    Recipe(
        "Faults",
        nr.Faults,
        {
            key: Argument(
                Made(lambda: np.full((2, 2), np.nan)), number(least=0, nan=True, scalar=False, shapes=((2, 2),))
            )
            for key in ("plus", "minus")
        },
    ),
    Recipe("Faults.none", nr.Faults.none, SHAPED),
    Recipe(
        "Faults.stuck",
        nr.Faults.stuck,
        {**SHAPED, "fraction": Argument(0.1, SHARE), "at": Argument(0.0, NOT_NEGATIVE), "seed": Argument(0, SEED)},
    ),
    Recipe(
        "Faults.draw",
        lambda **given: nr.Faults.draw(device=given.pop("device"), **given),
        {
            **SHAPED,
            "device": Argument(Made(device), instance()),
            **{key: Argument(0.1, SHARE, ("share",)) for key in ("high", "low", "open", "rows", "columns")},
            "seed": Argument(0, SEED),
        },
    ),
    Recipe(
        "Faults.lines",
        nr.Faults.lines,
        {
            **SHAPED,
            "rows": Argument(
                (0,), number(least=0, most=1, whole=True, scalar=False, shapes=((0,), (2,), (1,), (7,)), unsure=True)
            ),
            "columns": Argument(
                (0,), number(least=0, most=1, whole=True, scalar=False, shapes=((0,), (2,), (1,), (7,)), unsure=True)
            ),
            "at": Argument(0.0, NOT_NEGATIVE),
            "array": Argument("both", choice()),
        },
    ),
    Recipe(
        "Faults.kinds",
        lambda device: nr.Faults.none((2, 2)).kinds(device),
        {"device": Argument(Made(device), instance(none=True))},
    ),
    Recipe(
        "Faults.map",
        lambda device: nr.Faults.none((2, 2)).map(device),
        {"device": Argument(Made(device), instance(none=True))},
    ),
    Recipe(
        "Reading",
        nr.Reading,
        {
            "voltage": Argument(0.2, VOLTS_OR_NONE),
            "duration": Argument(1e-8, SECONDS_OR_NONE),
            "noise": Argument(0.0, NOT_NEGATIVE),
            **{
                key: Argument(None, instance(none=True))
                for key in ("telegraph", "flicker", "drift", "curve", "dac", "adc")
            },
            "driver_energy": Argument(0.0, NOT_NEGATIVE),
        },
        shows=True,
    ),
    Recipe(
        "Writing",
        nr.Writing,
        {
            "voltage": Argument(1.0, VOLTS_OR_NONE),
            "duration": Argument(1e-8, SECONDS_OR_NONE),
            "disturb": Argument(0.0, SHARE),
        },
        shows=True,
    ),
    Recipe(
        "Writing.joules",
        lambda siemens: nr.Writing(voltage=1.0, duration=1e-8).joules(siemens),
        {"siemens": Argument(1e-6, NOT_NEGATIVE)},
    ),
    Recipe(
        "Converter",
        Converter,
        {
            "bits": Argument(2, number(least=1, most=32, whole=True)),
            "low": Argument(-1.0, number(most=0.99)),
            "high": Argument(1.0, number(above=-1)),
            "energy": Argument(0.0, NOT_NEGATIVE),
        },
        shows=True,
    ),
    Recipe(
        "Telegraph",
        Telegraph,
        {
            "amplitude": Argument(0.1, number(above=-1, unsure=True)),
            "dwell_high": Argument(1.0, number(above=0, unit="s"), ("dwell",)),
            "dwell_low": Argument(1.0, number(above=0, unit="s"), ("dwell",)),
        },
        shows=True,
    ),
    Recipe(
        "Flicker",
        Flicker,
        {
            "amplitude": Argument(0.1, number(least=0, unsure=True)),
            "low": Argument(1.0, number(above=0, most=99)),
            "high": Argument(100.0, number(above=1.0)),
        },
        shows=True,
    ),
    Recipe(
        "Drift",
        Drift,
        {
            "exponent": Argument(0.1, number()),
            "reference": Argument(1.0, number(above=0, unit="s")),
            "variation": Argument(0.0, NOT_NEGATIVE),
        },
        shows=True,
    ),
    Recipe("load_device", nr.load_device, {"name": Argument("PCM", path(), ("device",))}),
    Recipe(
        "device_from_measurement",
        lambda csv, name: nr.device_from_measurement(csv, name),
        {
            "csv": Argument(
                Made(lambda: measurement()), path(), ("file", "measurement"), wrong={"a folder": lambda: Path(".")}
            ),
            "name": Argument("mine", text()),
        },
    ),
    Recipe(
        "Crossbar",
        nr.Crossbar,
        {
            "weights": Argument(
                Made(lambda: np.array(WEIGHTS)),
                number(scalar=False, shapes=((2, 2), (3, 4))),
                wrong={"absurd": lambda: np.broadcast_to(1.0, (10**6, 10**6))},
            ),
            "device": Argument(Made(device), instance(none=True)),
            "wires": Argument(None, instance(none=True)),
            "faults": Argument(None, instance(none=True), wrong={"another shape": lambda: nr.Faults.none((3, 2))}),
            "mapping": Argument("pair", choice()),
            "tile": Argument(None, listed("None", either=("pair",))),
            "slices": Argument(None, listed("None")),
            "base": Argument(None, listed("None")),
            "reading": Argument(None, instance(none=True)),
            "writing": Argument(None, instance(none=True)),
            "w_max": Argument(None, number(least=1.0, none=True), ("weight",)),
            "start": Argument(None, number(least=0, most=1, none=True, unsure=True)),
            "seed": Argument(0, SEED),
            "name": Argument("c", text()),
        },
    ),
    Recipe(
        "Crossbar, slices",
        lambda **given: crossbar("slices", **given),
        {
            "slices": Argument(2, number(least=1, whole=True, none=True, unsure=True)),
            "base": Argument(None, number(least=2, whole=True, none=True, unsure=True)),
        },
    ),
    Recipe(
        "crossbar_from_conductance",
        nr.crossbar_from_conductance,
        {
            "g_plus": Argument(
                Made(lambda: np.full((2, 2), 1e-6)), number(least=0, scalar=False, shapes=((2, 2), (3, 4)))
            ),
            "g_minus": Argument(None, number(least=0, none=True, scalar=False, shapes=((2, 2),))),
            "wires": Argument(None, instance(none=True)),
            "reading": Argument(None, instance(none=True)),
            "seed": Argument(0, SEED),
            "name": Argument("c", text()),
        },
    ),
    *(recipe for kind, make in MADE.items() for recipe in methods(kind, make)),
]

COUNT = number(least=1, whole=True)
COUNT_OR_NONE = number(least=1, whole=True, none=True)
CORES = number(least=0, most=1, whole=True, shapes=TWO)
FIGURES = ("energy", "time", "power", "host")
CHIP = {
    "name": Argument("c", text(empty=False)),
    "width": Argument(2, number(least=1, whole=True, large=1e4)),
    "height": Argument(1, number(least=1, whole=True, large=1e4)),
    "cores_per_tile": Argument(1, number(least=1, whole=True, large=1e4), ("cores",)),
    "limits": Argument(Made(Limits), instance()),
    "tiles": Argument(None, number(least=1, most=2, whole=True, none=True)),
    **{
        key: Argument(good, choice(), (key.replace("_", " "),))
        for key, good in {
            "tile_order": "rows",
            "routing": "unicast",
            "first_axis": "x",
            "mode": "event",
            "updates": "none",
            "arithmetic": "event",
            "barrier_between": "step",
            "pace": "free",
        }.items()
    },
    "first_axis": Argument("x", listed("'x'")),
    "chip_size": Argument(
        None,
        listed("None", either=("pair",)),
        wrong={"negative": lambda: (-1, 1), "fractions": lambda: (1.5, 1)},
    ),
    "devices_per_synapse": Argument(1, COUNT),
    "link_buffer": Argument(None, number(least=1, whole=True, large=1e4, none=True)),
    "step": Argument(None, instance(none=True)),
    **{key: Argument(Made(dict), mapping()) for key in (*FIGURES, "barrier")},
    "energy[synapse]": Argument(None, instance(), ("figure", "energy"), entry=lambda value: {"synapse": value}),
    "barrier[1]": Argument(None, instance(), ("figure", "barrier"), entry=lambda value: {1: value}),
    **{key: Argument("", text()) for key in ("synapse", "neuron", "notes")},
}


def metric(value: Value) -> str:
    """One number, or yes and no."""
    return (
        EITHER
        if value.label in ("True", "False", "np.True_", "10**400")
        else number(nan=True, infinite=True, unsure=True)(value)
    )


CHIPS = [
    Recipe("Chip", make_chip, CHIP, shows=True),
    Recipe(
        "Quantity",
        Quantity,
        {
            "value": Argument(1e-12, number(none=True)),
            "unit": Argument("J", text()),
            "source": Argument("a table", text()),
            "low": Argument(None, number(none=True, most=1e-12, unsure=True)),
            "high": Argument(None, number(none=True, least=1e-12, unsure=True)),
            "within": Argument(None, text(none=True)),
        },
        shows=True,
    ),
    Recipe(
        "Limits",
        Limits,
        {key: Argument(4, number(least=0, whole=True, none=True, unsure=True)) for key in Limits.__dataclass_fields__},
        shows=True,
    ),
    Recipe(
        "tiled",
        lambda chip, across, down: tiled(chip, across, down),
        {
            "chip": Argument(Made(chip), instance()),
            "across": Argument(1, number(least=1, whole=True, large=1e3), ("system", "tiles")),
            "down": Argument(1, number(least=1, whole=True, large=1e3), ("system", "tiles")),
        },
    ),
    Recipe(
        "mesh_chip",
        nr.mesh_chip,
        {
            "width": Argument(2, number(least=1, whole=True, large=1e4)),
            "height": Argument(1, number(least=1, whole=True, large=1e4)),
            "neurons": Argument(4, COUNT),
            "synapses": Argument(None, COUNT_OR_NONE),
            "axons_in": Argument(None, COUNT_OR_NONE),
        },
    ),
    Recipe(
        "load_chip",
        nr.load_chip,
        {"name_or_path": Argument("loihi_davies2018", path(), ("chip", "file"), wrong={"a folder": lambda: Path(".")})},
    ),
    Recipe(
        "placed",
        lambda **given: nr.placed(**given),
        {
            "network": Argument(Made(network), instance()),
            "chip": Argument(Made(chip), instance()),
            "core": Argument(
                Made(lambda: {"cue": 0, "cell": 1}),
                listed(),
                ("population",),
                wrong={"a population is missing": lambda: {"cue": 0}},
            ),
            "core[cell]": Argument(None, CORES, ("core", "cell"), entry=lambda value: {"cue": 0, "cell": value}),
            "synapses": Argument(None, mapping(none=True), ("projection",)),
            "synapses[cue->cell]": Argument(
                None, text(empty=False), ("variant", "projection"), entry=lambda value: {"cue->cell": value}
            ),
            "neurons": Argument(None, mapping(none=True), ("population",)),
            "neurons[cell]": Argument(
                None, text(empty=False), ("variant", "population"), entry=lambda value: {"cell": value}
            ),
            "compartments": Argument(None, mapping(none=True), ("population",)),
            "compartments[cell]": Argument(
                None, number(least=1, whole=True), ("compartments",), entry=lambda value: {"cell": value}
            ),
        },
    ),
    Recipe(
        "Placement",
        lambda **given: Placement(**given),
        {
            "chip": Argument(Made(chip), instance()),
            "core": Argument(Made(lambda: where().core), listed(either=("{}",)), ("population",)),
            "core[cell]": Argument(
                None,
                number(least=-1, most=1, whole=True, scalar=False, shapes=TWO),
                ("core", "cell"),
                entry=lambda value: {**where().core, "cell": value},
            ),
            "routes": Argument(Made(lambda: where().routes), instance()),
            "sources": Argument(
                frozenset({"cue"}), listed(), ("population",), wrong={"unknown": lambda: frozenset({"nobody"})}
            ),
            **{key: Argument(Made(dict), mapping(), ("population",)) for key in ("variants", "compartments")},
            "compartments[cell]": Argument(
                None, number(least=1, whole=True), ("compartments",), entry=lambda value: {"cell": value}
            ),
            **{key: Argument(Made(dict), mapping(free=True)) for key in ("structure", "objectives", "bounds")},
        },
    ),
    Recipe(
        "Placement.save",
        lambda path: where().save(path),
        {
            "path": Argument(
                "p.json",
                path(written=True),
                ("file", "folder"),
                wrong={"a folder": lambda: Path("."), "a missing folder": lambda: Path("missing/p.json")},
            )
        },
    ),
    Recipe(
        "load_placement",
        nr.load_placement,
        {"path": Argument(Made(lambda: saved_placement()), path(), ("file",), wrong={"a folder": lambda: Path(".")})},
    ),
    Recipe(
        "place",
        lambda **given: nr.place(**given),
        {
            "network": Argument(Made(network), instance()),
            "chip": Argument(Made(chip), instance()),
            "traffic": Argument(
                None,
                listed("None", either=("{}",)),
                ("spikes", "population"),
                wrong={"a recording of another network": lambda: nr.run(network(3), 1e-3)},
            ),
            "traffic[cell]": Argument(
                None,
                number(least=0, shapes=TWO),
                ("spikes", "cell"),
                entry=lambda value: {"cell": value, "cue": [1, 1]},
            ),
            "objective": Argument("km1", choice()),
            "objective[km1]": Argument(
                None, number(above=0, unsure=True), ("objective", "weight"), entry=lambda value: {"km1": value}
            ),
            "effort": Argument("fast", choice()),
            "seed": Argument(0, SEED),
            "cores": Argument(None, number(least=1, most=2, whole=True, none=True)),
            "pinned": Argument(None, mapping(none=True), ("population",)),
            "pinned[cell]": Argument(
                None,
                number(least=-1, most=1, whole=True, shapes=TWO),
                ("pinned", "core"),
                entry=lambda value: {"cell": value},
            ),
            "dead": Argument(
                (),
                number(least=0, most=1, whole=True, scalar=False, shapes=((0,), (2,), (7,)), unsure=True),
                ("limited", "core"),
                wrong={"off the chip": lambda: [7]},
            ),
            "dead[]": Argument(
                None, number(least=0, most=1, whole=True), ("dead", "core"), entry=lambda value: [value]
            ),
            "together": Argument(
                (),
                listed("[]"),
                ("population",),
                wrong={"unknown": lambda: [["cell", "nobody"]], "one name": lambda: ["cell"]},
            ),
            "apart": Argument(
                (),
                listed("[]"),
                ("population",),
                wrong={"unknown": lambda: [("cell", "nobody")], "three": lambda: [("cell", "cue", "cell")]},
            ),
        },
    ),
    Recipe(
        "account",
        nr.account,
        {
            "recording": Argument(
                Made(recorded), instance(), wrong={"another network": lambda: nr.run(network(3), 1e-3)}
            ),
            "placement": Argument(Made(where), instance()),
            "dt": Argument(None, number(above=0, unit="s", none=True, unsure=True)),
            "bins": Argument(10, number(least=1, whole=True, none=True, large=1e4)),
            "pulses": Argument(
                None,
                mapping(none=True),
                ("core",),
                wrong={"a core off the chip": lambda: {9: 1}, "a fraction": lambda: {0: 0.5}},
            ),
            "pulses[0]": Argument(None, number(least=0, whole=True), ("pulses",), entry=lambda value: {0: value}),
            "partial": Argument(False, flag()),
        },
    ),
    Recipe(
        "hotspots",
        nr.hotspots,
        {
            "recording": Argument(
                Made(recorded), instance(), wrong={"another network": lambda: nr.run(network(3), 1e-3)}
            ),
            "placement": Argument(Made(where), instance()),
            "dt": Argument(None, number(above=0, unit="s", none=True, unsure=True)),
            "window": Argument(1e-3, number(above=0, unit="s", unsure=True), ("window", "bins")),
        },
    ),
    Recipe(
        "account, in steps",
        lambda dt: nr.account(recorded(), nr.placed(network(), loihi(), {"cue": 0, "cell": 0}), dt=dt),
        {
            "dt": Argument(
                1e-3, number(above=0, unit="s", none=True, unsure=True), ("step",), wrong={"1e-14": lambda: 1e-14}
            )
        },
    ),
    Recipe(
        "Table",
        Table,
        {
            "title": Argument("t", text()),
            "columns": Argument(("a", "b"), listed("texts"), ("column", "row")),
            "rows": Argument(((1, 2),), listed("[]"), ("row",)),
        },
    ),
    Recipe(
        "Report",
        Report,
        {
            "task": Argument("t", text()),
            "preset": Argument("", text()),
            "config": Argument(Made(dict), mapping(free=True)),
            "metrics": Argument(Made(lambda: {"a": 1.0}), mapping(free=True)),
            "metrics[a]": Argument(None, metric, ("metrics", "a"), entry=lambda value: {"a": value}),
            "tables": Argument((), listed("[]")),
            "figures": Argument(Made(dict), mapping()),
        },
    ),
    Recipe(
        "report.write",
        write,
        {
            "report": Argument(Made(lambda: Report(task="t", metrics={"a": 1.0})), instance()),
            "out": Argument(Path("out"), listed(either=("'x'", "'1'", "''")), ("folder", "directory", "file")),
        },
    ),
]

AX = Argument(None, instance(none=True))
WINDOW = Argument(
    None,
    number(none=True, unit="s", scalar=False, shapes=TWO, unsure=True),
    ("time",),
    wrong={"backwards": lambda: (1.0, 0.5), "three": lambda: (0.0, 1.0, 2.0)},
)


def drawn(plot: Any) -> Any:
    """A call of a plot; its figure is closed again."""

    def call(**given: Any) -> None:
        from matplotlib import pyplot

        try:
            plot(**given)
        finally:
            pyplot.close("all")

    return call


def bill() -> nr.EnergyReport:
    return nr.account(recorded(), nr.placed(network(), loihi(), {"cue": 0, "cell": 0}), dt=1e-3)


def trained() -> Any:
    schedule = nr.Schedule(epochs=1, rates=(0.1,))
    return nr.fit(nr.RateLayers(sizes=(2, 2)), nr.Examples(np.eye(2), [0, 1]), nr.DeltaRule(), schedule)


PLOTS = [
    Recipe(
        "plot_raster",
        drawn(nr.plot_raster),
        {
            "spikes": Argument(Made(recorded), instance()),
            "populations": Argument(None, listed("None"), ("population",), wrong={"unknown": lambda: ["nobody"]}),
            "window": WINDOW,
            "ax": AX,
        },
    ),
    Recipe(
        "plot_trace",
        drawn(nr.plot_trace),
        {
            "recording": Argument(Made(recorded), instance()),
            "population": Argument("cell", choice(none=True)),
            "quantity": Argument("v", choice()),
            "columns": Argument(
                None, number(none=True, least=0, most=0, whole=True, scalar=False, shapes=((0,), (2,))), ("ids",)
            ),
            "window": WINDOW,
            "ax": AX,
        },
    ),
    Recipe("plot_energy", drawn(nr.plot_energy), {"report": Argument(Made(bill), instance()), "ax": AX}),
    Recipe(
        "plot_placement",
        drawn(nr.plot_placement),
        {
            "placement": Argument(Made(where), instance()),
            "show": Argument("neurons", choice()),
            "energy": Argument(None, instance(none=True)),
            "ax": AX,
        },
    ),
    Recipe(
        "plot_crossbar",
        drawn(nr.plot_crossbar),
        {
            "crossbar": Argument(Made(lambda: crossbar()), instance()),
            "show": Argument("difference", choice()),
            "ax": AX,
        },
    ),
    Recipe("plot_learning", drawn(nr.plot_learning), {"fitted": Argument(Made(trained), instance()), "ax": AX}),
]

PAGES = [
    Recipe(
        "html_report",
        lambda out, runs, title: nr.html_report(out, runs, title=title),
        {
            "out": Argument("page.html", path(written=True), ("file",)),
            "runs": Argument(Made(recorded), instance(), ("folder",)),
            "title": Argument(None, text(empty=False, none=True)),
        },
    )
]

RECIPES = [*DEVICES, *CHIPS, *PLOTS, *(PAGES if find_spec("plotly") else ())]


def saved_placement() -> str:
    path = Path("placement.json").resolve()  # each campaign has a folder of its own
    if not path.exists():
        where().save("placement.json")
    return str(path)


def measurement() -> str:
    """Conductances after each pulse, up and down."""
    path = Path("mine.csv").resolve()  # each campaign has a folder of its own
    if not path.exists():
        levels = 1e-6 * (1 - np.exp(-np.arange(1, 41) / 15))
        rows = [f"{i},{g}" for i, g in enumerate([*levels, *levels[::-1]])]
        Path("mine.csv").write_text("\n".join(["pulse,conductance", *rows]))
    return str(path)
