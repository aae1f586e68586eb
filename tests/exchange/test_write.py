"""What is written as NIR comes back bit for bit, and says the same to a tool that reads the graph alone."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import NetworkError, UnsupportedFeature
from neuro.network.neurons import ALIF, receptors
from tests.strategies import small_networks

DT = 2.0**-20


def writable(network):
    """The network without what NIR has no word for, and with spikes of its own for random sources."""
    net = nr.Network(seed=network.seed)
    for population in network.populations.values():
        model = population.model
        if isinstance(model, nr.PoissonSource):
            model = nr.SpikeSource()
        elif isinstance(model, ALIF):
            own = {each.name: getattr(model, each.name) for each in fields(nr.LIF)}
            model = nr.AHP(**own, tau_ahp=model.tau_adapt, jump=model.jump)
        if not isinstance(model, nr.SpikeSource):
            model = replace(model, refractory=0.0, v_min=None, v_max=None)
        net.add(replace(population, model=model))
    for name, p in network.projections.items():
        net.connect(p.pre.name, p.post.name, p.synapses, delay=p.delay, receptor=p.receptor, name=name)
    return net


def spikes_of(network, duration, inputs):
    given = {name: each for name, each in inputs.items() if isinstance(network.populations[name].model, nr.SpikeSource)}
    trains = {name: nr.Spikes(each.times, each.ids) for name, each in given.items()}
    try:
        rec = nr.run(network, duration, inputs=trains, max_rate=20e3)
    except NetworkError:
        assume(False)
    return {name: (each.times.tobytes(), each.ids.tobytes()) for name, each in rec.spikes.items()}


def written(network, folder):
    path = folder.mktemp("nir") / "net.nir"
    nr.write_nir(network, path, dt=DT)
    return path


@given(case=small_networks(whole=True, more=True))
def test_what_was_written_and_is_read_has_the_same_spikes_bit_for_bit(case, tmp_path_factory):
    network, duration, inputs = case
    network = writable(network)
    back = nr.read_nir(written(network, tmp_path_factory))
    assert list(back.populations) == list(network.populations)
    assert list(back.projections) == list(network.projections)
    assert spikes_of(back, duration, inputs) == spikes_of(network, duration, inputs)


@settings(max_examples=30)
@given(
    weight=st.lists(st.floats(-1.0, 1.0).map(lambda w: round(w, 9)), min_size=6, max_size=6),
    mapping=st.sampled_from([{}, {"mapping": "offset"}, {"mapping": "slices", "slices": 2}, {"tile": (1, 2)}]),
    device=st.sampled_from(["ideal", "taox_64x64"]),
    seed=st.integers(0, 99),
    tau_syn=st.sampled_from([None, 4e-3]),
)
def test_what_was_written_with_a_crossbar_has_the_same_spikes_bit_for_bit(
    weight, mapping, device, seed, tau_syn, tmp_path_factory
):
    network = nr.Network()
    network.add(nr.Population("cue", 2, nr.SpikeSource()))
    model = nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.1, jump=0.2, tau_syn=tau_syn, bias=0.9)
    network.add(nr.Population("cell", 3, model))
    bar = nr.Crossbar(np.reshape(weight, (2, 3)), nr.load_device(device), seed=seed, **mapping)
    network.connect("cue", "cell", bar, delay=1.5e-3)
    back = nr.read_nir(written(network, tmp_path_factory))
    inputs = {"cue": nr.Spikes(np.arange(1, 41) * 1e-3, np.arange(40) % 2)}
    assert spikes_of(back, 0.1, inputs) == spikes_of(network, 0.1, inputs)


def table(network):
    """All synapses: weight by source, target, time constant of the receptor and delay."""
    found = {}
    for name, p in network.projections.items():
        own = receptors(p.post.model)[p.receptor]
        tau = np.broadcast_to(np.nan if own is None else own, (p.post.size,))
        part = nr.Network(seed=network.seed)
        part.add(p.pre)
        if p.post is not p.pre:
            part.add(p.post)
        part.connect(p.pre.name, p.post.name, p.synapses, delay=p.delay, receptor=p.receptor, name=name)
        for (_, i), (_, j), about in part.to_networkx().edges(data=True):
            if about["weight"]:
                key = p.pre.name, i, p.post.name, j, f"{tau[j]:.6g}", round(about["delay"] / DT)
                found[key] = found.get(key, 0.0) + about["weight"]
    return found


def is_near(one, other, scale=1.0):
    return np.allclose(one, other, rtol=1e-9, atol=1e-9 * scale)


@given(case=small_networks(whole=True))
def test_the_graph_alone_says_the_same_to_rounding(case, tmp_path_factory):
    network = writable(case[0])
    path = written(network, tmp_path_factory)
    with h5py.File(path, "a") as file:
        del file["node/metadata"]
    back = nr.read_nir(path, dt=DT)
    for name, population in network.populations.items():
        if isinstance(population.model, nr.SpikeSource):
            continue
        # A neuron that never spikes is an LI, which has no reset.
        for key in ("tau_m",) if population.model.v_th is None else ("tau_m", "v_reset"):
            assert is_near(back.populations[name].parameter(key), population.parameter(key)), key
        assert is_near(back.populations[name].parameter("v_th", np.inf), population.parameter("v_th", np.inf))
        drives = [each.parameter("v_rest") + each.parameter("bias") for each in (population, back.populations[name])]
        assert is_near(*drives, scale=np.abs(drives[0]).max() + 1.0)
        if isinstance(population.model, nr.AHP):
            for key in ("tau_ahp", "jump"):
                values = [getattr(each.model, key) for each in (population, back.populations[name])]
                first, second = (value if isinstance(value, tuple) else (value,) for value in values)
                assert all(is_near(*pair) for pair in zip(first, second, strict=True)), key
    expected = table(network)
    silent = {name for name in back.populations if name.endswith(".bias.input")}
    found = {key: weight for key, weight in table(back).items() if key[0] not in silent}
    assert found.keys() == expected.keys()
    assert all(is_near(found[key], weight, abs(weight)) for key, weight in expected.items())


def small(model=None, size=3, **options):
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", size, model or nr.LIF(tau_m=20e-3, v_th=1.0), **options))
    net.connect("cue", "cell", nr.AllToAll(1.2), delay=1e-3)
    return net


REFUSED = {
    "refractory": lambda: small(nr.LIF(tau_m=20e-3, v_th=1.0, refractory=1e-3)),
    "v_min": lambda: small(nr.LIF(tau_m=20e-3, v_th=1.0, v_min=-1.0)),
    "v_max": lambda: small(nr.IF(v_th=1.0, v_max=2.0)),
    "ALIF": lambda: small(nr.ALIF(tau_m=20e-3, v_th=1.0, tau_adapt=0.1, jump=0.1)),
    "LoihiLIF": lambda: small(nr.LoihiLIF(d_v=10, v_th=10)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_nir_has_no_word_for_is_refused_by_population(what, tmp_path):
    with pytest.raises(UnsupportedFeature, match=rf"population 'cell'.*{what}|{what}.*population 'cell'"):
        nr.write_nir(REFUSED[what](), tmp_path / "net.nir")
    assert not [*tmp_path.iterdir()]


def test_an_external_drive_and_a_random_source_are_refused_by_population(tmp_path):
    net = small()
    net.drive("cell", nr.PoissonInput(rate=10.0, weight=0.1))
    with pytest.raises(UnsupportedFeature, match=r"population 'cell'.*drives"):
        nr.write_nir(net, tmp_path / "net.nir")
    net = small()
    net.add(nr.Population("noise", 2, nr.PoissonSource(rate=10.0)))
    with pytest.raises(UnsupportedFeature, match=r"population 'noise'.*PoissonSource"):
        nr.write_nir(net, tmp_path / "net.nir")


def test_a_crossbar_is_its_weights_with_its_conductances_beside(tmp_path):
    net = nr.Network()
    net.add(nr.Population("cue", 2, nr.SpikeSource()))
    net.add(nr.Population("cell", 3, nr.LIF(tau_m=20e-3, v_th=1.0)))
    bar = nr.Crossbar(np.array([[0.5, -0.2, 1.0], [0.1, 0.9, -1.0]]), nr.load_device("taox_64x64"), seed=1)
    net.connect("cue", "cell", bar, delay=1e-3, name="bar")
    nr.write_nir(net, tmp_path / "net.nir")
    assert (
        nr.read_nir(tmp_path / "net.nir").projections["bar"].synapses.weight.tolist()
        == bar.effective_weights().tolist()
    )
    with h5py.File(tmp_path / "net.nir") as file:
        node = file["node/nodes/bar"]
        assert node["weight"][()].T.tolist() == bar.effective_weights().tolist()
        for key in ("conductance_plus", "conductance_minus"):
            assert node[f"metadata/{key}"][()].tolist() == getattr(bar, key).tolist()


def test_a_graph_that_another_tool_has_changed_is_read_as_it_is_now(tmp_path):
    path = tmp_path / "net.nir"
    nr.write_nir(small(nr.LIF(tau_m=20e-3, v_th=1.0)), path)
    assert any("bit for bit" in note for note in nr.read_nir(path).provenance["assumptions"])
    with h5py.File(path, "a") as file:
        file["node/nodes/cell/v_threshold"][...] = 7.0
    back = nr.read_nir(path, dt=1e-4)
    assert back.populations["cell"].parameter("v_th").tolist() == [7.0] * 3
    assert any("changed" in note for note in back.provenance["assumptions"])


@settings(max_examples=20)
@given(reset=st.sampled_from(["to_value", "subtract"]), told=st.sampled_from([None, "to_value", "subtract"]))
def test_a_reset_is_kept_unless_another_is_asked_for(reset, told, tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "net.nir"
    nr.write_nir(small(nr.LIF(tau_m=20e-3, v_th=1.0, reset=reset)), path)
    assert nr.read_nir(path, reset=told).populations["cell"].model.reset == (told or reset)


def test_nir_itself_reads_what_was_written(tmp_path):
    import nir

    net = small(nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=(0.1, 0.4), jump=(0.5, 0.1), tau_syn=(4e-3, None)))
    net.add(nr.Population("last", 3, nr.IF(v_th=1.0)))
    net.connect("cell", "last", nr.OneToOne(0.5), delay=1e-3)
    nr.write_nir(net, tmp_path / "net.nir")
    graph = nir.read(tmp_path / "net.nir")
    kinds = [type(node).__name__ for node in graph.nodes.values()]
    assert {"Input", "Output", "LIF", "IF", "LI", "Scale", "Linear", "Delay"} == set(kinds)
