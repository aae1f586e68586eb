"""Good calls: inputs, runs, programs, recordings, and the rules and clamps of a run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

import neuro as nr
from tests.campaign.calls_network import network
from tests.campaign.kinds import EITHER, LEFT_OUT, REFUSED, choice, flag, instance, listed, mapping, number, path
from tests.campaign.recipe import Argument, Made, Recipe
from tests.campaign.values import Value

__all__ = ["RECIPES", "recorded"]

TWO = ((2,),)
SEED = number(least=0, whole=True, none=True)
IDS = number(least=0, whole=True, scalar=False, shapes=TWO)
TIMES = number(least=0, scalar=False, shapes=TWO, unit="s")
INCREASING = number(least=0, scalar=False, shapes=TWO, unit="s", unsure=True)


def spikes() -> nr.Spikes:
    return nr.Spikes([1e-3, 2e-3], [0, 1])


@cache
def program() -> nr.Program:
    return nr.build(network())


@cache
def recorded() -> nr.Recording:
    return nr.run(network(), 0.01, inputs={"cue": spikes()}, record=nr.Record(v={"cell": [0]}, v_dt=1e-3))


@cache
def whole() -> nr.Network:
    """A network for the clocked engine."""
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LoihiLIF(d_v=0, v_th=100)))
    net.connect("cue", "cell", nr.Dense(np.ones((2, 2))), delay=1.0)
    return net


@cache
def clocked_state():
    return nr.run(whole(), 2.0, engine="clocked", dt=1.0).state


def event_local() -> nr.EventLocal:
    return nr.EventLocal(rate=0.1, beta=0.5, tau_fast=0.02, tau_slow=0.2, full=100.0, window=0.2)


def run_exact(**given):
    return nr.run(network(), **given)


def run_clocked(**given):
    return nr.run(whole(), engine="clocked", **given)


def recorded_with(**given):
    return nr.run(network(), 3e-3, inputs={"cue": spikes()}, record=nr.Record(**given))


def recording(**given):
    return nr.Recording(**given)


def clamped(population, kind, strength):
    clamp = nr.Clamp(population, kind, strength)
    nr.run(network(), 3e-3, clamp=clamp.toward([1.0, 0.0], start=0.0, stop=3e-3, trace=[0.0, 0.0]))
    return clamp


def toward(kind):
    """Clamps of a kind, in use."""
    return lambda **given: nr.run(network(), 3e-3, clamp=nr.Clamp("cell", kind, 1000.0).toward(**given))


def applied(forced, currents):
    return nr.run(network(), 3e-3, clamp=nr.AppliedClamp(forced, currents))


def record_v(value: Value) -> str:
    """Neurons by population; with a `v_dt`, there must be some."""
    return EITHER if value.label in ("None", "{}") else REFUSED


def called(value: Value) -> str:
    """A function is called with three arguments: those of the table fail by errors of their own."""
    return LEFT_OUT if value.label in ("a function", "a class") else listed("None", "True", "False")(value)


INPUT_WRONG = {
    "spikes of a neuron that is not there": lambda: {"cue": nr.Spikes([1e-3], [5])},
    "a current into a source": lambda: {"cue": nr.Current([0.0], [1.0])},
    "spikes into neurons": lambda: {"cell": spikes()},
    "an unknown population": lambda: {"nobody": spikes()},
    "a current of other width": lambda: {"cell": nr.Current([0.0], [[1.0, 2.0, 3.0]])},
}
RUN = {
    "duration": Argument(3e-3, number(least=0, unit="s", longest=100.0)),
    "inputs": Argument(
        Made(lambda: {"cue": spikes()}),
        mapping(none=True),
        ("population", "input", "spikes", "current"),
        wrong=INPUT_WRONG,
    ),
    "inputs[cue]": Argument(None, listed("[]"), ("input", "cue"), entry=lambda value: {"cue": value}),
    "record": Argument(None, instance(none=True)),
    "seed": Argument(0, SEED),
    "state": Argument(None, instance(none=True)),
}
LEARNS = {
    "during": Argument(
        (),
        listed("[]"),
        wrong={
            "stop before start": lambda: ((0.2, 0.1),),
            "negative": lambda: ((-1.0, 0.1),),
            "texts": lambda: (("a", "b"),),
        },
    ),
    "w_min": Argument(None, number(none=True, infinite=True, unsure=True)),
    "w_max": Argument(None, number(none=True, infinite=True, unsure=True)),
    "every": Argument(None, number(above=0, unit="s", none=True)),
    "max_levels": Argument(4, number(least=1, whole=True)),
}
POSITIVE = number(above=0)
SECONDS = number(above=0, unit="s")
RATES = number(scalar=True, shapes=TWO)
STEPS = number(above=0, scalar=False, unit="s", shapes=TWO, unsure=True, longest=0.01)
MATRIX = number(scalar=False, shapes=((2, 2),))


def for_nir() -> nr.Network:
    """A network that NIR has words for."""
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    net.connect("cue", "cell", nr.AllToAll(0.5), delay=1e-3)
    return net


def for_nest() -> nr.Network:
    """A network that NEST has words for."""
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, refractory=1e-3)))
    net.connect("cue", "cell", nr.AllToAll(0.5), delay=1e-3)
    return net


RECIPES = [
    Recipe(
        "Counts",
        nr.Counts,
        {
            "populations": Argument(None, listed("None", "'x'", "'1'", "texts", either=("[]", "''"))),
            "window": Argument(None, number(none=True, scalar=False, unit="s", infinite=True, shapes=TWO, unsure=True)),
            "shape": Argument("flat", choice()),
        },
    ),
    Recipe(
        "Traces",
        nr.Traces,
        {
            "tau": Argument(0.02, number(above=0, unit="s")),
            "at": Argument(0.01, number(least=0, unit="s", shapes=((2,), (1,), (0,)), unsure=True), ("times",)),
            "populations": Argument(None, listed("None", "'x'", "'1'", "texts", either=("[]", "''"))),
        },
    ),
    Recipe(
        "run_trials",
        lambda **given: list(nr.run_trials(**given)),
        {
            "program": Argument(Made(network), instance()),
            "duration": Argument(3e-3, number(least=0, unit="s", longest=100.0)),
            "trials": Argument(
                Made(lambda: [{"inputs": {"cue": spikes()}}]),
                listed("[]", either=("{}", "''")),
                ("trial",),
                wrong={
                    "an unknown argument": lambda: [{"nobody": 1}],
                    **{key: lambda given=given: [{"inputs": given()}] for key, given in INPUT_WRONG.items()},
                },
            ),
            "trials[][seed]": Argument(None, SEED, ("seed",), entry=lambda value: [{"seed": value}]),
            "trials[][duration]": Argument(
                None,
                number(least=0, unit="s", longest=100.0, none=True),
                ("duration",),
                entry=lambda value: [{"duration": value}],
            ),
            "workers": Argument(1, listed()),
            "record": Argument(None, instance(none=True)),
            "state": Argument(None, instance(none=True)),
            "memory": Argument(None, number(above=0, none=True, unsure=True)),
            "progress": Argument(None, called),
        },
    ),
    Recipe(
        "Spikes",
        nr.Spikes,
        {
            "times": Argument(Made(lambda: [1e-3, 2e-3]), TIMES),
            "ids": Argument(Made(lambda: [0, 1]), IDS),
        },
    ),
    Recipe("Spikes.counts", lambda size: spikes().counts(size), {"size": Argument(2, number(least=2, whole=True))}),
    Recipe(
        "Spikes.window",
        lambda start, stop: spikes().window(start, stop),
        {
            "start": Argument(0.0, number(infinite=True, unit="s", unsure=True)),
            "stop": Argument(0.1, number(infinite=True, unit="s", unsure=True)),
        },
    ),
    Recipe(
        "Current",
        nr.Current,
        {
            "times": Argument(Made(lambda: [0.0, 1e-3]), INCREASING),
            "values": Argument(Made(lambda: [0.0, 1.0]), number(scalar=False, shapes=((2,),))),
        },
    ),
    Recipe(
        "Record",
        recorded_with,
        {
            "spikes": Argument(True, listed("None", "True", "False", "[]", either=("np.True_",)), ("population",)),
            "v": Argument(
                Made(lambda: {"cell": [0]}),
                record_v,
                ("population",),
                wrong={
                    "an unknown population": lambda: {"nobody": [0]},
                    "a source": lambda: {"cue": [0]},
                },
            ),
            "v[cell]": Argument(
                None,
                number(least=0, most=1, whole=True, shapes=((2,), (0,), (7,)), unsure=True),
                ("cell", "ids"),
                entry=lambda value: {"cell": value},
            ),
            "v_dt": Argument(1e-3, number(above=0, unit="s", none=True, unsure=True)),
            "to": Argument(None, listed("None", "'x'", "'1'"), ("file", "path")),
        },
    ),
    Recipe(
        "Recording",
        recording,
        {
            "spikes": Argument(Made(lambda: {"cell": spikes()}), mapping()),
            "spikes[cell]": Argument(None, instance(), entry=lambda value: {"cell": value}),
            "v": Argument(Made(dict), mapping()),
            "v_times": Argument(
                Made(lambda: np.zeros(0)),
                listed(
                    "[]",
                    "pair",
                    "seven",
                    either=(
                        *("one", "pair of 0 and 0", "pair with a fraction", "pair far out", "pair of -1 and 0"),
                        "times of numpy",
                    ),
                ),
            ),
            "events": Argument(Made(dict), mapping(free=True)),
            "start": Argument(0.0, number(most=0.01, unit="s")),
            "stop": Argument(0.01, number(least=0.0, unit="s")),
        },
    ),
    Recipe(
        "Recording.save",
        lambda path: recorded().save(path),
        {
            "path": Argument(
                "run.h5",
                path(written=True),
                ("file", "folder"),
                wrong={
                    "a folder": lambda: Path("."),
                    "a missing folder": lambda: Path("missing/run.h5"),
                },
            )
        },
    ),
    Recipe(
        "run",
        run_exact,
        {
            **RUN,
            "engine": Argument("exact", choice()),
            "dt": Argument(None, choice(none=True)),
            "semantics": Argument(None, choice(none=True)),
            "threads": Argument(1, listed()),
            "clamp": Argument(None, instance(none=True)),
            "plasticity": Argument(
                None,
                mapping(none=True),
                ("projection",),
                wrong={
                    "an unknown projection": lambda: {"nobody": event_local()},
                },
            ),
            "plasticity[cue->cell]": Argument(None, instance(none=False), entry=lambda value: {"cue->cell": value}),
            "max_rate": Argument(None, number(above=0, none=True, unsure=True)),
            "memory": Argument(None, number(above=0, none=True, unsure=True)),
            "progress": Argument(None, called),
        },
    ),
    Recipe("run(network)", lambda network: nr.run(network, 1e-3), {"network": Argument(Made(network), instance())}),
    Recipe(
        "run(engine='clocked')",
        run_clocked,
        {
            **RUN,
            "inputs": Argument(
                Made(lambda: {"cue": nr.Spikes([1.0], [0])}),
                mapping(none=True),
                ("population", "input", "spikes", "current"),
                wrong=INPUT_WRONG,
            ),
            "duration": Argument(3.0, number(least=0, unit="s", unsure=True, longest=1e5)),
            "dt": Argument(1.0, number(above=0, unit="s", unsure=True), ("step", "delay")),
            "semantics": Argument("loihi", choice(none=True)),
            "threads": Argument(1, listed(), ("thread",)),
            "max_rate": Argument(None, choice(none=True)),
            "memory": Argument(None, number(above=0, none=True, unsure=True)),
            "clamp": Argument(None, choice(none=True)),
            "plasticity": Argument(None, mapping(none=True)),
        },
    ),
    Recipe(
        "run_batch",
        lambda **given: list(nr.run_batch(whole(), **given)),
        {
            "duration": Argument(3.0, number(least=0, unit="s", unsure=True, longest=1e5)),
            "trials": Argument(
                Made(lambda: [{"cue": nr.Spikes([1.0], [0])}]), listed("[]", either=("{}", "''")), ("inputs",)
            ),
            "record": Argument(None, instance(none=True)),
            "seed": Argument(0, SEED),
            "dt": Argument(1.0, number(above=0, unit="s", unsure=True), ("step", "delay")),
            "semantics": Argument(None, choice(none=True)),
            "state": Argument(None, instance(none=True)),
        },
    ),
    Recipe("build", nr.build, {"network": Argument(Made(network), instance())}),
    Recipe(
        "build_clocked",
        nr.build_clocked,
        {
            "network": Argument(Made(whole), instance()),
            "dt": Argument(1.0, number(above=0, unit="s", unsure=True), ("step", "delay")),
            "semantics": Argument(None, choice(none=True)),
        },
    ),
    Recipe(
        "Program.of",
        lambda name, which: program().of(name, which),
        {
            "name": Argument("threshold", choice()),
            "which": Argument(
                0,
                listed(
                    "0",
                    "-1",
                    "None",
                    "[]",
                    either=(
                        "0-d array",
                        "True",
                        "False",
                        "np.True_",
                        "booleans",
                        "pair of -1 and 0",
                        "pair of 0 and 0",
                    ),
                ),
            ),
        },
    ),
    Recipe(
        "Program.row_of",
        lambda j: program().row_of(j),
        {"j": Argument(0, listed("0", either=("0-d array",)), ("neuron",))},
    ),
    Recipe(
        "Program.shares",
        lambda threads: program().shares(threads),
        {"threads": Argument(1, listed(either=("0-d array",)))},
    ),
    Recipe("Program.slice", lambda population: program().slice(population), {"population": Argument("cell", choice())}),
    Recipe(
        "Program.with_bias",
        lambda bias: program().with_bias(bias),
        {
            "bias": Argument(Made(lambda: {"cell": 1.0}), mapping(none=True), ("population",)),
            "bias[cell]": Argument(None, number(shapes=TWO), ("cell",), entry=lambda value: {"cell": value}),
        },
    ),
    Recipe(
        "Program.with_weights",
        lambda weights: program().with_weights(weights),
        {
            "weights": Argument(Made(lambda: {"cue->cell": np.ones((2, 2))}), mapping(none=True), ("projection",)),
            "weights[cue->cell]": Argument(
                None, number(scalar=False, shapes=((2, 2),)), ("cue->cell",), entry=lambda value: {"cue->cell": value}
            ),
        },
    ),
    Recipe(
        "Clamp",
        clamped,
        {
            "population": Argument("cell", choice()),
            "kind": Argument("weak", choice()),
            "strength": Argument(1.0, number(large=1e5), ("driven",)),
        },
    ),
    *(
        Recipe(
            f"Clamp.toward, {kind}",
            toward(kind),
            {
                "target": Argument(
                    Made(lambda: [1.0, 0.0]),
                    number(least=0, most=1, nan=True, scalar=False, shapes=(*TWO, (0,)), unsure=True),
                    ("clamp", "current onto"),
                ),
                "start": Argument(0.0, number(least=0, most=3e-3, unit="s"), ("stop",)),
                "stop": Argument(3e-3, number(least=0, unit="s", large=0.1), ("start", "spikes")),
                "trace": Argument(
                    Made(lambda: [0.0, 0.0]), number(none=kind != "current", scalar=False, shapes=TWO, unsure=True)
                ),
            },
        )
        for kind in ("hard", "current", "weak")
    ),
    Recipe(
        "AppliedClamp",
        applied,
        {
            "forced": Argument(Made(dict), mapping(), ("clamp", "population")),
            "forced[cell]": Argument(None, instance(), ("clamp", "cell"), entry=lambda value: {"cell": value}),
            "currents": Argument(Made(dict), mapping(), ("clamp", "population")),
            "currents[cell]": Argument(None, instance(), ("clamp", "cell"), entry=lambda value: {"cell": value}),
        },
    ),
    Recipe(
        "EventLocal",
        nr.EventLocal,
        {
            **LEARNS,
            "rate": Argument(0.1, number(least=0)),
            "beta": Argument(0.5, number(unsure=True)),
            "tau_fast": Argument(0.02, number(above=0, most=0.2, unit="s"), ("fast",)),
            "tau_slow": Argument(0.2, number(least=0.02, unit="s"), ("slow",)),
            "full": Argument(100.0, POSITIVE),
            "window": Argument(0.2, SECONDS),
        },
        shows=True,
    ),
    Recipe(
        "STDP",
        nr.STDP,
        {
            **LEARNS,
            "a_plus": Argument(0.1, number()),
            "a_minus": Argument(0.1, number()),
            "tau_plus": Argument(0.02, SECONDS),
            "tau_minus": Argument(0.02, SECONDS),
        },
        shows=True,
    ),
    Recipe(
        "Centred",
        nr.Centred,
        {"rate": Argument(0.1, number(unsure=True)), "beta": Argument(0.5, number(unsure=True))},
        shows=True,
    ),
    Recipe("Contrastive", nr.Contrastive, {"rate": Argument(0.1, number(unsure=True))}, shows=True),
    Recipe(
        "Centred.change",
        nr.Centred(rate=0.1, beta=0.5).change,
        {
            key: Argument(Made(lambda: [[1.0, 0.0]]), listed(), ("activities", "activity"))
            for key in ("pre_plus", "post_plus", "pre_minus", "post_minus")
        },
    ),
    Recipe(
        "Contrastive.change",
        nr.Contrastive(rate=0.1).change,
        {
            key: Argument(Made(lambda: [[1.0, 0.0]]), listed(), ("activities", "activity"))
            for key in ("clamped", "free")
        },
    ),
    Recipe(
        "load_recording",
        nr.load_recording,
        {
            "path": Argument(
                Made(lambda: saved()), path(), ("file", "'x'", "folder"), wrong={"a folder": lambda: Path(".")}
            ),
            "lazy": Argument(False, flag()),
        },
    ),
    Recipe(
        "load_state",
        lambda path, network: nr.load_state(path, network),
        {
            "path": Argument(Made(lambda: saved()), path(), ("file", "folder"), wrong={"a folder": lambda: Path(".")}),
            "network": Argument(Made(network), instance(), wrong={"another network": lambda: network(3)}),
        },
    ),
    Recipe(
        "to_brian2",
        nr.to_brian2,
        {
            "network": Argument(Made(network), instance()),
            "inputs": Argument(Made(lambda: {"cue": spikes()}), mapping(none=True), ("population", "input", "spikes")),
            "dt": Argument(1e-4, number(above=0, unit="s", unsure=True), ("inputs",)),
            "method": Argument("rk4", choice()),
        },
    ),
    Recipe(
        "from_brian2",
        lambda objects, linear: nr.from_brian2(objects, linear=linear),
        {
            "objects": Argument(Made(lambda: nr.to_brian2(network())), instance(), ("Brian2",)),
            "linear": Argument(True, flag()),
        },
    ),
    Recipe(
        "check",
        lambda network, duration, seed: nr.check(network, duration, dt=(1e-3, 5e-4), seed=seed),
        {
            "network": Argument(Made(network), instance()),
            "duration": Argument(3e-3, number(above=0, unit="s", longest=0.01)),
            "seed": Argument(0, number(least=0, whole=True)),
        },
    ),
    Recipe("check.dt", lambda dt: nr.check(network(), 2e-3, dt=dt), {"dt": Argument((1e-3, 5e-4), STEPS)}),
    Recipe(
        "write_nir",
        lambda network, path, dt: nr.write_nir(network, path, dt=dt),
        {
            "network": Argument(Made(for_nir), instance()),
            "path": Argument("written.nir", path(written=True), ("file", "folder", "ending")),
            "dt": Argument(1e-4, number(above=0, unit="s", unsure=True), ("delay",)),
        },
    ),
    Recipe(
        "write_sonata",
        lambda what, path: nr.write_sonata(what, path),
        {
            "what": Argument(Made(network), instance(), ("write_sonata",)),
            "path": Argument("written_sonata.h5", path(written=True), ("file", "folder", "ending")),
        },
    ),
    Recipe(
        "read_sonata",
        lambda path: nr.read_sonata(path),
        {
            "path": Argument(
                Made(lambda: sonata_file()), path(), ("file", "folder"), wrong={"a folder": lambda: Path(".")}
            )
        },
    ),
    Recipe(
        "read_sonata,edge_types",
        lambda edge_types: nr.read_sonata(sonata_file(), edge_types=edge_types),
        {"edge_types": Argument(None, listed("None"), ("file", "folder", "edge_types"))},
    ),
    Recipe(
        "write_sonata,node_types",
        lambda node_types: nr.write_sonata(network(), "with_nodes.h5", node_types=node_types),
        {
            "node_types": Argument(
                "node_types.csv", listed("'x'", "'1'", "None"), ("file", "folder", "ending", "node_types")
            )
        },
    ),
    Recipe(
        "read_sonata,node_types",
        lambda node_types: nr.read_sonata(sonata_file(), node_types=node_types),
        {"node_types": Argument(None, listed("None"), ("file", "folder", "node_types"))},
    ),
    Recipe(
        "write_nest",
        lambda network, path, inputs, dt: nr.write_nest(network, path, inputs=inputs, dt=dt),
        {
            "network": Argument(Made(for_nest), instance()),
            "path": Argument("written_nest", path(written=True), ("file", "folder", "ending")),
            "inputs": Argument(Made(lambda: {"cue": spikes()}), mapping(none=True), ("population", "input", "spikes")),
            "dt": Argument(1e-4, number(above=0, unit="s", none=True, unsure=True), ("grid", "refractory", "delay")),
        },
    ),
    Recipe(
        "read_nir",
        lambda path, dt, decay, initial: nr.read_nir(path, dt=dt, decay=decay, initial=initial),
        {
            "path": Argument(
                Made(lambda: nir_file()), path(), ("file", "folder"), wrong={"a folder": lambda: Path(".")}
            ),
            "dt": Argument(1e-4, number(above=0, unit="s", unsure=True), ("delay",)),
            "decay": Argument("exponential", choice()),
            "initial": Argument("v_leak", choice()),
        },
    ),
]


def saved() -> str:
    """A saved recording with its state."""
    path = Path("saved.h5").resolve()  # each campaign has a folder of its own
    if not path.exists():
        recorded().save("saved.h5")
    return str(path)


def sonata_file() -> str:
    """A small network as a SONATA file."""
    path = Path("edges.h5").resolve()  # each campaign has a folder of its own
    if not path.exists():
        nr.write_sonata(network(), path)
    return str(path)


def nir_file() -> str:
    """A small network as a NIR file."""
    path = Path("net.nir").resolve()  # each campaign has a folder of its own
    if not path.exists():
        import nir

        ones = np.ones(2)
        nodes = {
            "in": nir.Input(np.array([2])),
            "w": nir.Linear(np.eye(2)),
            "n": nir.LIF(tau=0.02 * ones, r=ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones),
            "out": nir.Output(np.array([2])),
        }
        nir.write("net.nir", nir.NIRGraph(nodes, [("in", "w"), ("w", "n"), ("n", "out")]))
    return str(path)
