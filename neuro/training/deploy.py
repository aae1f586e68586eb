"""From a module to a network and back: the clocked engine fires the spikes of the module, with doubles each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neuro.engine.recording import Recording
from neuro.errors import InputError, ParameterError, UnsupportedFeature
from neuro.network.graph import Network, Population
from neuro.network.listing import delays_of, matrix_of, triplets_of
from neuro.network.neurons import AHP, ALIF, LIF, SpikeSource
from neuro.network.synapses import Dense, Sparse, is_matrix
from neuro.validation import Floats, instance, number, positive, seconds, shown, text, whole_number

if TYPE_CHECKING:
    from neuro.training.layer import SequenceClassifier, SpikingLayer

__all__ = ["to_module", "to_network", "windowed_scores"]

FIXED = {"v_rest": 0.0, "v_reset": 0.0, "refractory": 0.0, "tau_syn": None, "v_min": None, "v_max": None}
"""What the models of a layer cannot have otherwise."""
LEARNED = ("bias", "tau", "jump")
"""What may be learned beside weights."""


def to_network(
    module: SpikingLayer | SequenceClassifier, dt: float | None = None, *, tied: int | Sequence[str] | None = None
) -> Network:
    """The network of a module: its populations, and a population "readout" that integrates where it is a classifier.

    A module in doubles (`module.double()`) and ``run(engine="clocked", dt=...)`` of its network fire the same spikes.
    Synapses are listed where some are missing.

    Parameters
    ----------
    module
        A layer, or a classifier.
    dt
        Delay of all synapses, s; by default the step of the module. With another the neurons keep their time constants
        and do not fire the same spikes.
    tied
        Copies that share their weights: how many, or a name for each. Each copy has all populations, named
        ``"population copy"``; copies have no synapses among each other. Weights are stored once, in the network and in
        the clocked engine. By default there is one copy, with the names of the module.

    Raises
    ------
    InputError
        If it is no such module.
    UnsupportedFeature
        If slow currents follow v (`SpikingLayer.couple`).
    ParameterError
        If `dt` is not above zero, or `tied` is no number of copies and no list of different names.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 2, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 1, nr.AHP(tau_m=20e-3, v_th=1.0, tau_ahp=0.5, jump=0.2)))
    >>> link = net.connect(cue, cell, nr.Dense([[0.7], [0.9]]), delay=1e-3)
    >>> nr.to_network(nr.to_module(net)).projections["cue->cell"].synapses.weight.tolist()
    [[0.7], [0.9]]
    >>> twice = nr.to_network(nr.to_module(net), tied=["left", "right"])
    >>> list(twice.populations)
    ['cue left', 'cell left', 'cue right', 'cell right']
    >>> left, right = twice.projections.values()
    >>> left.synapses is right.synapses
    True
    """
    layer: Any = getattr(module, "layer", module)
    if not hasattr(layer, "tau_shift"):
        raise InputError("must be a module that `to_module` can make", where="module", value=shown(module))
    if layer.coupling is not None and bool((layer.coupling != 0).any()):
        raise UnsupportedFeature(
            "the engines have no neuron whose slow currents follow v",
            where="SpikingLayer.coupling",
            value=f"up to {float(layer.coupling.abs().max()):.3g}",
            remedy="Train with a strength of zero",
        )
    delay = layer.dt if dt is None else number(dt, "dt", check=seconds)
    was = layer.training
    layer.eval()
    w, r = (_numbers(part) for part in layer.weights())
    layer.train(was)
    drive, tau, jump = (_numbers(part) for part in (layer.drive, layer.tau, layer.jump))
    w_mask, r_mask = _numbers(layer.w_mask), _numbers(layer.r_mask)
    parts, first = [], 0
    for population in layer.populations:
        here = slice(first, first + population.size)
        learned = _learned(population, drive[here], tau[:, here], jump[:, here], layer.surrogate.currents)
        parts.append((population, learned, here))
        first += population.size
    # Pre, post and synapses of each projection; every copy has these very objects.
    links: list[tuple[str, str, Dense | Sparse]] = []
    for post, _, here in parts:
        links.append((layer.sources.name, post.name, _synapses(w[:, here], w_mask[:, here])))
        for pre, _, there in parts if r is not None else ():
            if r_mask[there, here].any():
                links.append((pre.name, post.name, _synapses(r[there, here], r_mask[there, here])))
    members: list[tuple[str, int, Any]] = [(layer.sources.name, layer.sources.size, SpikeSource())]
    members += [(population.name, population.size, learned) for population, learned, _ in parts]
    if hasattr(module, "readout"):
        model, weight = _readout(module)
        members.append(("readout", weight.shape[1], model))
        links += [(pre.name, "readout", Dense(np.ascontiguousarray(weight[there]))) for pre, _, there in parts]
    net = Network()
    for copy in _copies(tied):
        for name, size, model in members:
            net.add(Population(name + copy, size, model))
        for before, after, synapses in links:
            net.connect(before + copy, after + copy, synapses, delay=delay)
    return net


def to_module(
    network: Network, *, learn: Sequence[str] = (), window: int | None = None, scale: float = 1.0
) -> SpikingLayer | SequenceClassifier:
    """A module of torch that starts with the weights of a network, in doubles; its step is the delay of the synapses.

    The network has one population of sources, populations of LIF, AHP and ALIF neurons that reset to zero, and at most
    one without a threshold, which is read out. All synapses have one delay.

    Parameters
    ----------
    network
        The network.
    learn
        What is learned beside weights: of "bias", "tau", "jump", the latter of slow currents.
    window, scale
        Of the classifier that a network with a readout gives: steps of a window, and the factor of the readout weights.

    Raises
    ------
    UnsupportedFeature
        If the network has something that a layer has not.
    InputError, ParameterError
        If another argument is out of its range.
    MissingPackage
        If torch is not installed.

    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 3, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0)))
    >>> link = net.connect(cue, cell, nr.AllToAll(1.1), delay=1e-3)
    >>> layer = nr.to_module(net)
    >>> import torch
    >>> layer(torch.ones(2, 1, 3, dtype=torch.float64)).tolist()
    [[[1.0, 1.0]], [[1.0, 1.0]]]
    """
    instance(network, "network", Network, "a Network", error=InputError)
    if not isinstance(learn, list | tuple) or not all(isinstance(each, str) and each in LEARNED for each in learn):
        raise InputError('must be a list of "bias", "tau" or "jump"', where="learn", value=shown(learn))
    window = None if window is None else whole_number(window, "window", least=1, most=2**31)
    scale = number(scale, "scale", check=positive)
    source, cells, readout = _parts(network)
    dt = _common_delay(network)
    size = sum(p.size for p in cells)
    offset = dict(zip((p.name for p in cells), np.cumsum([0, *(p.size for p in cells)]).tolist(), strict=False))
    w, r = np.zeros((source.size, size)), np.zeros((size, size))
    out = np.zeros((size, 0 if readout is None else readout.size))
    recurrent = False
    for name, projection in network.projections.items():
        pre, post, weight = projection.pre, projection.post, _matrix(projection, network.seed)
        if post is readout and pre is not source:
            out[offset[pre.name] : offset[pre.name] + pre.size] += weight
        elif post is readout or post is source:
            raise UnsupportedFeature("a readout listens to neurons alone", where=f"projection {name!r}")
        elif pre is source:
            w[:, offset[post.name] : offset[post.name] + post.size] += weight
        else:
            there = slice(offset[pre.name], offset[pre.name] + pre.size)
            r[there, offset[post.name] : offset[post.name] + post.size] += weight
            recurrent = True
    from neuro.training.layer import SequenceClassifier, SpikingLayer

    layer = SpikingLayer(source, cells, w, r if recurrent else None, dt, learn)
    if readout is None:
        return layer
    tau = float(readout.parameter("tau_m")[0])
    keep = 1.0 - dt / tau
    steps = 1.0 / (1.0 - keep) if window is None else (1.0 - keep**window) / (1.0 - keep)
    bias = readout.parameter("bias") * (dt / tau) * steps
    return SequenceClassifier(layer, out / scale, bias, tau, window, scale)


def windowed_scores(recording: Recording, module: SequenceClassifier, copy: str | None = None) -> Floats:
    """Scores (windows, classes) from the readout's potentials: what each has gained in each window.

    Parameters
    ----------
    recording
        A run of ``to_network(module)`` that is one step longer than the windows, with
        ``Record(v={"readout": [...]}, v_dt=n * dt)`` for windows of n steps.
    module
        The classifier; gives the time constant and the window.
    copy
        Which of several tied copies, by its name.

    Raises
    ------
    InputError
        If the readout was not recorded.
    """
    name = "readout" if copy is None else f"readout {copy}"
    if name not in recording.v:
        remedy = f'Give Record(v={{"{name}": ...}})'
        raise InputError("the readout must be recorded", where="recording.v", remedy=remedy)
    sampled, step = np.asarray(recording.v[name], np.float64), module.layer.dt
    window = module.window or round(float(recording.v_times[-1]) / step)
    return np.asarray(sampled[1:] - (1.0 - step / module.tau_out) ** window * sampled[:-1], np.float64)


def _numbers(tensor: Any) -> Any:
    """A tensor as an array of doubles, or of bools; None as it is."""
    if tensor is None:
        return None
    array = tensor.detach().numpy()
    return array if array.dtype == np.bool_ else array.astype(np.float64)


def _learned(population: Population, drive: Floats, tau: Floats, jump: Floats, currents: int) -> Any:
    """The model of a population with what the module has now."""
    model: Any = population.model
    if not isinstance(model, AHP | ALIF):
        return replace(model, bias=drive)
    raises = isinstance(model, ALIF)
    name, sign = ("tau_adapt", 1.0) if raises else ("tau_ahp", -1.0)
    several = isinstance(getattr(model, name), tuple)
    first = currents if raises else 0
    rows = range(first, first + (len(getattr(model, name)) if several else 1))
    taus, jumps = [tau[k] for k in rows], [sign * jump[k] for k in rows]
    changed: dict[str, Any] = {name: tuple(taus) if several else taus[0], "jump": tuple(jumps) if several else jumps[0]}
    return replace(model, bias=drive, **changed)


def _synapses(weight: Floats, mask: Any) -> Dense | Sparse:
    if mask.all():
        return Dense(np.ascontiguousarray(weight))
    pre, post = np.nonzero(mask)
    return Sparse(pre, post, weight[pre, post])


def _readout(module: Any) -> tuple[LIF, Floats]:
    """Neurons that leak as the readout does, with a bias by which a window gains the score's own; and their weights."""
    weight, offset = _numbers(module.readout) * module.scale, _numbers(module.offset)
    gain = module.layer.dt / module.tau_out
    steps = 1.0 / gain if module.window is None else (1.0 - (1.0 - gain) ** module.window) / gain
    return LIF(tau_m=module.tau_out, v_th=None, bias=offset / (gain * steps)), weight


def _copies(tied: Any) -> list[str]:
    """What is added to the names of each copy."""
    if tied is None:
        return [""]
    if isinstance(tied, list | tuple):
        names = [text(name, "tied, names") for name in tied]
        if names and len(set(names)) == len(names):
            return [f" {name}" for name in names]
    elif not isinstance(tied, str):
        return [f" {k}" for k in range(whole_number(tied, "tied", least=1, most=2**31))]
    raise ParameterError("must be a number of copies, or a list of different names", where="tied", value=shown(tied))


def _parts(network: Network) -> tuple[Population, list[Population], Population | None]:
    """Sources, neurons and readout of a network that has what a layer has."""
    sources: list[Population] = []
    cells: list[Population] = []
    readouts: list[Population] = []
    for name, population in network.populations.items():
        model: Any = population.model
        if isinstance(model, SpikeSource):
            sources.append(population)
            continue
        if type(model) not in (LIF, AHP, ALIF) or model.reset != "to_value" or population.initial:
            raise UnsupportedFeature(
                "a layer has LIF, AHP and ALIF neurons that start at rest and reset to zero",
                where=f"population {name!r}",
            )
        for field in (each.name for each in fields(model)):
            value = getattr(model, field)
            if field in FIXED and (value is not None if FIXED[field] is None else np.any(np.asarray(value) != 0.0)):
                raise UnsupportedFeature(
                    f"a layer has no {field}", where=f"population {name!r}", value=shown(value), remedy="Leave it out"
                )
        (cells if model.v_th is not None else readouts).append(population)
    if len(sources) != 1 or not cells or len(readouts) > 1:
        raise UnsupportedFeature(
            "a layer has one population of sources, some that fire, and at most one without a threshold",
            where="network",
            value=f"{len(sources)}, {len(cells)} and {len(readouts)}",
        )
    return sources[0], cells, readouts[0] if readouts else None


def _common_delay(network: Network) -> float:
    delays = {float(each) for p in network.projections.values() for each in np.unique(delays_of(p, network.seed))}
    if len(delays) != 1:
        raise UnsupportedFeature(
            "all synapses of a layer have one delay, its step", where="network", value=f"{len(delays)} different ones"
        )
    return delays.pop()


def _matrix(projection: Any, seed: int) -> Floats:
    if is_matrix(projection.synapses):
        return np.asarray(matrix_of(projection, seed), np.float64)
    pre, post, weight = triplets_of(projection, seed)
    matrix = np.zeros((projection.pre.size, projection.post.size))
    np.add.at(matrix, (pre, post), weight)
    return matrix
