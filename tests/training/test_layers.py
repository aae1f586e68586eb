"""Layers in time steps: the clocked engine fires their spikes, and gradients are those of plain code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neuro as nr
from neuro.errors import InputError, MissingPackage, ParameterError, StateError, UnsupportedFeature
from neuro.training import library
from neuro.training.batch import Batch, raster_of, spikes_of
from neuro.training.constraints import Dale, Rewiring
from neuro.training.deploy import windowed_scores
from neuro.training.eprop import online_gradient
from neuro.training.train import Settings, accuracy_of, train

torch = pytest.importorskip("torch")

DT = 1e-3
DRAWS = settings(max_examples=25, deadline=None)


@st.composite
def networks(draw, kinds=("lif", "ahp", "alif"), readout=True):
    """Sources, some populations of neurons with parameters of their own, full or listed synapses, and a readout."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    net = nr.Network()
    net.add(nr.Population("in", draw(st.integers(1, 6)), nr.SpikeSource()))
    cells = []
    for k in range(draw(st.integers(1, 3))):
        kind, size, modes = draw(st.sampled_from(kinds)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
        basic = {"tau_m": rng.uniform(2e-3, 20e-3, size), "v_th": rng.uniform(0.5, 2.0, size)}
        basic["bias"] = rng.normal(0, 0.5, size)
        taus = tuple(rng.uniform(5e-3, 0.3, size) for _ in range(modes))
        jumps = tuple(rng.uniform(0.05, 0.4, size) for _ in range(modes))
        models = {
            "lif": lambda b: nr.LIF(**b),
            "ahp": lambda b, t=taus, j=jumps: nr.AHP(**b, tau_ahp=t, jump=j),
            "alif": lambda b, t=taus, j=jumps: nr.ALIF(**b, tau_adapt=t, jump=j),
        }
        cells.append(net.add(nr.Population(f"{kind}{k}", size, models[kind](basic))))
    for post in cells:
        for pre in [net.populations["in"], *cells] if draw(st.booleans()) else [net.populations["in"]]:
            weight = rng.normal(0.2, 0.5, (pre.size, post.size))
            if draw(st.booleans()):
                weight[rng.random(weight.shape) < 0.4] = 0.0
            i, j = np.nonzero(weight)
            net.connect(pre, post, nr.Sparse(i, j, weight[i, j]) if draw(st.booleans()) else nr.Dense(weight), delay=DT)
    if readout and draw(st.booleans()):
        net.add(nr.Population("readout", 2, nr.LIF(tau_m=20e-3, v_th=None, bias=rng.normal(size=2))))
        for pre in cells:
            net.connect(pre, "readout", nr.Dense(rng.normal(size=(pre.size, 2))), delay=DT)
    return net


def inputs_for(net, steps, batch, seed, share=0.3):
    rng = np.random.default_rng(seed)
    return (rng.random((steps, batch, net.populations["in"].size)) < share).astype(float)


def layer_of(module):
    return getattr(module, "layer", module)


def deployed(module, inputs, **options):
    """Spikes of the module's network on the clocked engine, (steps, sequences, neurons), and the recordings."""
    net, steps = nr.to_network(module), len(inputs)
    trials = ({"in": spikes_of(inputs[:, b], DT)} for b in range(inputs.shape[1]))
    found = list(nr.run_batch(net, (steps + 1) * DT, trials, dt=DT, **options))
    cells = layer_of(module).populations
    rasters = [[raster_of(r.spikes[p.name], steps + 1, p.size, DT)[:steps] for p in cells] for r in found]
    return np.stack([np.concatenate(parts, 1) for parts in rasters], 1), found


@DRAWS
@given(net=networks(), seed=st.integers(0, 999))
def test_the_network_of_a_module_fires_its_spikes(net, seed):
    module, inputs = nr.to_module(net), inputs_for(net, 60, 3, seed)
    spikes = layer_of(module)(torch.from_numpy(inputs)).detach().numpy()
    assert np.array_equal(spikes.astype(bool), deployed(module, inputs)[0])


@DRAWS
@given(net=networks(), seed=st.integers(0, 999), learn=st.sets(st.sampled_from(["bias", "tau", "jump"])))
def test_so_does_that_of_a_module_with_other_parameters(net, seed, learn):
    module, inputs = nr.to_module(net, learn=sorted(learn)), inputs_for(net, 60, 2, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for each in module.parameters():
            if each.requires_grad:
                each += 0.1 * torch.randn(each.shape, generator=generator, dtype=each.dtype)
    for bits in (None, 8):
        layer_of(module).bits = bits
        spikes = layer_of(module)(torch.from_numpy(inputs)).detach().numpy()
        assert np.array_equal(spikes.astype(bool), deployed(module, inputs)[0])


@DRAWS
@given(net=networks(), seed=st.integers(0, 999), copies=st.integers(1, 4), named=st.booleans())
def test_tied_copies_fire_the_spikes_of_the_module_and_hold_its_weights_once(net, seed, copies, named):
    module, inputs = nr.to_module(net, window=20), inputs_for(net, 60, copies, seed)
    names = [f"copy{k}" for k in range(copies)] if named else [f"{k}" for k in range(copies)]
    tied = nr.to_network(module, tied=names if named else copies)
    program, single = (nr.build_clocked(each, dt=DT) for each in (tied, nr.to_network(module)))
    assert np.array_equal(program.wiring.weight, single.wiring.weight)
    told = {f"in {name}": spikes_of(inputs[:, b], DT) for b, name in enumerate(names)}
    readout = {f"readout {name}": [0, 1] for name in names} if "readout" in net.populations else None
    record = nr.Record(v=readout, v_dt=20 * DT) if readout else None
    (run,) = nr.run_batch(program, 61 * DT, [told], record=record)
    spikes, _ = deployed(module, inputs)
    for b, name in enumerate(names):
        cells = layer_of(module).populations
        found = [raster_of(run.spikes[f"{p.name} {name}"], 61, p.size, DT)[:60] for p in cells]
        assert np.array_equal(np.concatenate(found, 1), spikes[:, b])
        if readout:
            scores = module(torch.from_numpy(inputs[:, b : b + 1])).scores.detach().numpy()
            assert np.allclose(windowed_scores(run, module, name), scores[:, 0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("tied", [0, -1, 1.5, [], ["a", "a"], ["a", ""], [1, 2], "ab"])
def test_what_names_no_copies_is_refused(tied):
    with pytest.raises(ParameterError, match="tied"):
        nr.to_network(small_module(), tied=tied)


@DRAWS
@given(net=networks())
def test_a_network_there_and_back_is_the_same_network(net):
    once = nr.to_network(nr.to_module(net))
    twice = nr.to_network(nr.to_module(once))
    assert list(once.populations) == list(net.populations)
    for name, projection in once.projections.items():
        assert twice.projections[name].delay == projection.delay == DT
        for key in ("weight", "pre", "post"):
            if hasattr(projection.synapses, key):
                other = getattr(twice.projections[name].synapses, key)
                assert np.array_equal(getattr(projection.synapses, key), other)


@DRAWS
@given(net=networks(), window=st.integers(1, 20), windows=st.integers(1, 4), seed=st.integers(0, 999))
def test_the_readouts_potentials_give_the_scores(net, window, windows, seed):
    module = nr.to_module(net, window=window, scale=0.3)
    if "readout" in net.populations:
        inputs = inputs_for(net, window * windows, 2, seed)
        scores = module(torch.from_numpy(inputs)).scores.detach().numpy()
        record = nr.Record(v={"readout": [0, 1]}, v_dt=window * DT)
        for b, recording in enumerate(deployed(module, inputs, record=record)[1]):
            assert np.allclose(windowed_scores(recording, module), scores[:, b], rtol=1e-9, atol=1e-9)


def couple(layer, strength, learned=False):
    """Slow currents follow v, if the layer has any."""
    if strength is not None and len(layer.tau):
        layer.couple(strength, learned=learned)


def plain_loss(layer, inputs, weight_of_spikes):
    """The same loss by torch alone, step by step, with the surrogate as a custom derivative of one spike."""

    class Fire(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, height):
            ctx.save_for_backward(u)
            ctx.height = height
            return (u > 0).to(u.dtype)

        @staticmethod
        def backward(ctx, given):
            return given * ctx.height * (1 - ctx.saved_tensors[0].abs()).clamp(min=0), None

    how, gain, follow = layer.surrogate, layer.dt / layer.tau_m, layer.follow
    keep, jump = 1 - layer.dt / layer.tau, layer.jump * layer.jumps
    w, r = layer.weights()
    v = torch.zeros(inputs.shape[1], layer.size, dtype=torch.float64)
    x = [torch.zeros_like(v) for _ in range(len(keep))]
    z, loss = torch.zeros_like(v), 0.0
    for t in range(len(inputs)):
        heard = z if how.recurrent else z.detach()
        kick = inputs[t] @ w + (0.0 if r is None else heard @ r)
        x = [part * keep[m] for m, part in enumerate(x)]
        pull = sum(x[: how.currents], torch.zeros_like(v))
        level = layer.v_th + sum(x[how.currents :], torch.zeros_like(v))
        v = v + (layer.drive + pull - v) * gain + kick
        u = (v - level) / layer.v_th
        z = Fire.apply(u, how.height)
        outside = (u - how.high).clamp(min=0) ** 2 + (how.low - u).clamp(min=0) ** 2
        loss = loss + (z * weight_of_spikes[t]).sum() + how.voltage_cost * outside.sum() / (len(inputs) * len(v))
        v = v * (1 - z.detach())
        x = [part + jump[m] * z for m, part in enumerate(x)]
        if follow is not None:
            x = [part + follow[m] * v for m, part in enumerate(x)]
    return loss


@DRAWS
@given(
    net=networks(readout=False),
    seed=st.integers(0, 999),
    voltage_cost=st.sampled_from([0.0, 0.7]),
    recurrent=st.booleans(),
    strength=st.sampled_from([None, 0.0, 0.5, 3.0]),
)
def test_gradients_are_those_of_plain_steps(net, seed, voltage_cost, recurrent, strength):
    layer = nr.to_module(net, learn=("bias", "tau", "jump"))
    couple(layer, strength, learned=True)
    layer.surrogate = layer.surrogate._replace(voltage_cost=voltage_cost, recurrent=recurrent)
    inputs = torch.from_numpy(inputs_for(net, 25, 2, seed))
    signal = torch.from_numpy(np.random.default_rng(seed).normal(size=(25, 2, layer.size)))
    found = {}
    for how in ("fused", "plain"):
        layer.zero_grad()
        loss = (layer(inputs) * signal).sum() if how == "fused" else plain_loss(layer, inputs, signal)
        loss.backward()
        found[how] = {n: p.grad for n, p in layer.named_parameters() if p.grad is not None}
    for name, wanted in found["plain"].items():
        scale = max(1.0, float(wanted.abs().max())) if wanted.numel() else 1.0
        assert torch.allclose(found["fused"][name], wanted, rtol=0, atol=1e-9 * scale), name


@DRAWS
@given(net=networks(readout=False), seed=st.integers(0, 999), strength=st.sampled_from([None, 0.5]))
def test_e_prop_is_the_backward_pass_without_the_recurrent_path(net, seed, strength):
    layer = nr.to_module(net)
    couple(layer, strength)
    layer.surrogate = layer.surrogate._replace(recurrent=False)
    inputs, rng = inputs_for(net, 40, 2, seed), np.random.default_rng(seed)
    signal = rng.normal(size=(40, 2, layer.size))
    (layer(torch.from_numpy(inputs)) * torch.from_numpy(signal)).sum().backward()
    for found, weight in zip(online_gradient(layer, inputs, signal), (layer.w, layer.r), strict=True):
        if weight is not None:
            wanted = weight.grad.numpy()
            assert np.allclose(found, wanted, rtol=0, atol=1e-12 * max(1.0, np.abs(wanted).max(initial=0)))


@DRAWS
@given(net=networks(kinds=("ahp", "alif")), seed=st.integers(0, 999), strength=st.sampled_from([0.0, 0.3]))
def test_a_neuron_whose_current_follows_v_is_deployed_without_coupling_and_refused_by_name_with_it(net, seed, strength):
    module, inputs = nr.to_module(net), inputs_for(net, 60, 2, seed)
    layer = layer_of(module)
    plain = layer(torch.from_numpy(inputs)).detach().numpy()
    layer.couple(strength)
    if strength:
        with pytest.raises(UnsupportedFeature, match=r"SpikingLayer\.coupling"):
            nr.to_network(module)
        return
    spikes = layer(torch.from_numpy(inputs)).detach().numpy()
    assert np.array_equal(spikes, plain)
    assert np.array_equal(spikes.astype(bool), deployed(module, inputs)[0])


def test_a_current_that_follows_v_swings_around_rest_as_the_equation_does():
    """tau_m dv/dt = -v + x, tau dx/dt = -x - a v: an oscillation that decays, by its two eigenvalues."""
    tau_m, tau, a, dt = 20e-3, 40e-3, 30.0, 1e-5
    net = nr.Network()
    net.add(nr.Population("in", 1, nr.SpikeSource()))
    net.add(nr.Population("cell", 1, nr.AHP(tau_m=tau_m, v_th=1.0, tau_ahp=tau, jump=0.2)))
    net.connect("in", "cell", nr.Dense([[0.9]]), delay=dt)
    layer = nr.to_module(net)
    layer.couple(a)
    inputs = torch.zeros(6000, 1, 1, dtype=torch.float64)
    inputs[0] = 1.0
    assert not layer(inputs).any()
    v, t = layer.margin[:, 0, 0].numpy() + 1.0, np.arange(6000) * dt
    decay = (1 / tau_m + 1 / tau) / 2
    w = np.sqrt((1 + a) / (tau_m * tau) - decay**2)
    wanted = 0.9 * np.exp(-decay * t) * (np.cos(w * t) + (decay - 1 / tau_m) / w * np.sin(w * t))
    assert np.abs(v - wanted).max() < 2e-3


@pytest.mark.parametrize("strength", [[1.0], np.zeros((2, 8)), float("nan")])
def test_a_coupling_of_another_shape_is_refused(strength):
    with pytest.raises(ParameterError, match="couple"):
        small_module().layer.couple(strength)


def echo(seed, k, batch=32):
    """Which of two groups fired last?"""
    rng = np.random.default_rng([seed, k])
    labels = rng.integers(0, 2, (1, batch))
    inputs = np.zeros((20, batch, 4))
    for b, label in enumerate(labels[0]):
        inputs[2:8, b, 2 * label : 2 * label + 2] = rng.random((6, 2)) < 0.7
    return Batch(inputs, labels)


def small_module(readout=True, seed=0):
    net, rng = nr.Network(), np.random.default_rng(seed)
    net.add(nr.Population("in", 4, nr.SpikeSource()))
    net.add(nr.Population("cell", 8, nr.AHP(tau_m=5e-3, v_th=1.0, tau_ahp=30e-3, jump=0.2)))
    net.connect("in", "cell", nr.Dense(rng.normal(0, 0.6, (4, 8))), delay=DT)
    net.connect("cell", "cell", nr.Dense(rng.normal(0, 0.2, (8, 8))), delay=DT)
    if readout:
        net.add(nr.Population("readout", 2, nr.LIF(tau_m=20e-3, v_th=None)))
        net.connect("cell", "readout", nr.Dense(np.zeros((8, 2))), delay=DT)
    return nr.to_module(net)


def test_training_learns_and_an_interrupted_one_has_the_same_bits(tmp_path):
    settings, tested = Settings(steps=60, every=10), [echo(1, k) for k in range(4)]
    options = {"validate": lambda module: accuracy_of(module, tested)}
    whole = small_module()
    whole.layer.noise = 0.05
    told = train(whole, lambda k: echo(0, k), settings, **options)
    assert accuracy_of(whole, tested) == max(found for _, found in told.validation) > 0.95

    def stops(k):
        if k == 37:
            raise KeyboardInterrupt
        return echo(0, k)

    first = small_module()
    first.layer.noise = 0.05
    with pytest.raises(KeyboardInterrupt):
        train(first, stops, settings, checkpoint=tmp_path / "c.npz", **options)
    second = small_module(seed=3)
    second.layer.noise = 0.05
    again = train(second, lambda k: echo(0, k), settings, checkpoint=tmp_path / "c.npz", **options)
    assert again == told
    for one, other in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(StateError, match="another training"):
        train(second, lambda k: echo(0, k), Settings(steps=9), checkpoint=tmp_path / "c.npz")


CONSTRAINTS = {
    "dale": (Dale([True] * 5 + [False] * 3, [True, False, True, True]),),
    "rewiring": (Rewiring(0.5, shrink=1e-2),),
    "both": (Rewiring(0.4, shrink=1e-2), Dale([True] * 5 + [False] * 3)),
}


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_training_within_constraints_keeps_signs_and_the_number_of_synapses_in_every_step(kind, tmp_path):
    """And learns, deploys with every spike, and goes on from a checkpoint with the same bits."""
    settings, constraints = Settings(steps=60, every=10, seed=3), CONSTRAINTS[kind]
    tested = [echo(1, k) for k in range(4)]
    options = {"validate": lambda each: accuracy_of(each, tested), "constraints": constraints}
    seen, module = [], small_module()
    whole = {name: int((getattr(module.layer, name) != 0).sum()) for name in ("w", "r")}

    def watched(k):
        layer = module.layer
        seen.append({n: (getattr(layer, n).detach().clone(), getattr(layer, f"{n}_mask").clone()) for n in ("w", "r")})
        return echo(0, k)

    told = train(module, watched, settings, **options)
    assert accuracy_of(module, tested) == max(found for _, found in told.validation) > 0.85
    signs = {"r": np.where([True] * 5 + [False] * 3, 1, -1)[:, None]} if kind != "rewiring" else {}
    if kind == "dale":
        signs["w"] = np.array([1, -1, 1, 1])[:, None]
    for step in seen:
        for name, (weight, mask) in step.items():
            kept = np.float64(constraints[0].density) if kind != "dale" else 1.0
            assert int(mask.sum()) == round(kept * whole[name])
            assert not weight[~mask].any()
            assert np.all(weight.numpy() * signs.get(name, 0) >= 0)
    masks = {tuple(step["w"][1].numpy().ravel().tolist()) for step in seen}
    assert (len(masks) > 1) == (kind != "dale")
    inputs = tested[0].inputs[:, :4]
    spikes = module(torch.from_numpy(inputs)).spikes.detach().numpy().astype(bool)
    assert np.array_equal(spikes, deployed(module, inputs)[0])

    def stops(k):
        if k == 37:
            raise KeyboardInterrupt
        return echo(0, k)

    with pytest.raises(KeyboardInterrupt):
        train(small_module(), stops, settings, checkpoint=tmp_path / "c.npz", **options)
    second = small_module()
    assert train(second, lambda k: echo(0, k), settings, checkpoint=tmp_path / "c.npz", **options) == told
    for one, other in zip(module.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_synapse_crosses_zero_only_by_being_replaced():
    module, before = small_module(), {}

    def watched(k):
        layer = module.layer
        for name in ("w", "r"):
            weight, mask = getattr(layer, name).detach().clone(), getattr(layer, f"{name}_mask").clone()
            if name in before:
                old, was = before[name]
                assert not (was & mask & (weight * old < 0)).any()
            before[name] = weight, mask
        return echo(0, k)

    train(module, watched, Settings(steps=40), constraints=(Rewiring(0.5, shrink=0.05),))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Rewiring(0.0), "density"),
        (lambda: Rewiring(1.5), "density"),
        (lambda: Rewiring(0.5, shrink=-1.0), "shrink"),
        (lambda: Dale([1, 0]), "excitatory"),
        (lambda: Dale([True], inputs=[[True]]), "inputs"),
        (lambda: train(small_module(), lambda k: echo(0, k), Settings(steps=1), constraints=(Dale([True]),)), "8 entr"),
    ],
)
def test_constraints_that_cannot_be_kept_are_refused(make, says):
    with pytest.raises(ParameterError, match=says):
        make()


def test_the_voltage_penalty_keeps_potentials_within_its_bounds():
    outside = {}
    for cost in (0.0, 0.1):
        module = small_module()
        with torch.no_grad():
            module.layer.r *= 8.0
        module.layer.surrogate = module.layer.surrogate._replace(voltage_cost=cost)
        train(module, lambda k: echo(0, k), Settings(steps=60))
        module(torch.from_numpy(echo(2, 0).inputs))
        u = module.layer.margin / module.layer.v_th
        outside[cost] = float(((u - 0.4).clamp(min=0) ** 2 + (-2 - u).clamp(min=0) ** 2).mean())
    assert outside[0.1] < 0.5 * outside[0.0]


def test_a_network_that_is_no_layer_is_refused_with_what_is_wrong():
    def net(model, delay=DT, kind=nr.SpikeSource):
        made = nr.Network()
        made.add(nr.Population("in", 2, kind()))
        made.add(nr.Population("cell", 2, model))
        made.connect("in", "cell", nr.AllToAll(1.0), delay=delay)
        return made

    good = {"tau_m": 5e-3, "v_th": 1.0}
    for wrong, said in [
        (net(nr.LIF(**good, v_reset=-1.0)), "v_reset"),
        (net(nr.LIF(**good, refractory=DT)), "refractory"),
        (net(nr.LIF(**good, tau_syn=DT)), "tau_syn"),
        (net(nr.LIF(**good, reset="subtract")), "reset to zero"),
        (net(nr.IF(v_th=1.0)), "LIF, AHP and ALIF"),
        (net(nr.LIF(**good), delay=np.array([[1, 2], [1, 1]]) * DT), "one delay"),
        (net(nr.LIF(**good, v_min=-1.0)), "v_min"),
        (net(nr.LIF(tau_m=5e-3, v_th=None)), "some that fire"),
    ]:
        with pytest.raises(UnsupportedFeature, match=said):
            nr.to_module(wrong)
    with pytest.raises(InputError, match="module"):
        nr.to_network(torch.nn.Linear(2, 2))


def test_without_torch_the_extra_is_named(monkeypatch):
    def refuse(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(library, "import_module", refuse)
    with pytest.raises(MissingPackage, match=r"neuro-events\[train\]"):
        library.import_torch()


def test_a_fading_voltage_penalty_falls_to_zero_and_the_layer_is_as_it_was():
    module, used = small_module(), []
    module.layer.surrogate = module.layer.surrogate._replace(voltage_cost=0.1)
    before = module.layer.surrogate
    watch = module.layer.register_forward_hook(lambda layer, *_: used.append(layer.surrogate.voltage_cost))
    train(module, lambda k: echo(0, k), Settings(steps=12, fade=0.5))
    watch.remove()
    left = np.r_[np.ones(6), (1 + np.cos(np.pi * np.arange(6) / 6)) / 2]
    np.testing.assert_allclose(used, 0.1 * left, rtol=1e-12)
    assert module.layer.surrogate == before
    plain, faded = small_module(), small_module()
    train(plain, lambda k: echo(0, k), Settings(steps=3))
    train(faded, lambda k: echo(0, k), Settings(steps=3, fade=1.0))
    assert all(torch.equal(one, other) for one, other in zip(plain.parameters(), faded.parameters(), strict=True))
    with pytest.raises(ParameterError, match="fade"):
        train(module, lambda k: echo(0, k), Settings(steps=3, fade=1.5))
