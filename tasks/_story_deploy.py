"""A trained network for stories as a `Network`: every copy of a part has the same weights, stored once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import neuro as nr
from neuro.tasks._story_data import Encoded
from neuro.tasks._story_network import Relational, Trace, tensors
from neuro.training.batch import raster_of
from neuro.training.library import import_torch
from neuro.validation import Floats

torch = import_torch()

DT = 1e-3
"""A step of the network's own time, s; how long a chip takes for it is another matter."""
HALF = 0.6
"""Weight of both synapses of a relay neuron, in units of its threshold: it fires if both are active in a step."""
LATER = {"relay": 1, "first": 2, "second": 3, "decision": 4}
"""Steps after those of the sentences' neurons in which each layer hears of them: every synapse takes a step."""


class Deployed(NamedTuple):
    """A network, and how stories become spikes of its sources."""

    network: nr.Network
    told_lines: dict[tuple[int, int], int]
    """Number of the source of each word (place, word) that a sentence's network reads."""
    asked_lines: dict[tuple[int, int], int]
    """The same of the question's network."""
    pairs: tuple[tuple[int, int], ...]
    """Sentences of each pair."""
    steps: int
    """Steps until the last word has been read and the answer given by the sentences' networks."""
    duration: float
    """Time in which all layers have answered, s."""


def deploy(network: Relational, data: Encoded) -> Deployed:
    """The network with a copy of the reading neurons for each sentence and of the relation layers for each pair.

    Words come from a source for each place and word that occurs in `data`. Relay neurons between the sentences and the
    pairs open only in the steps in which an answer is asked for. A pair without its second sentence would hear the
    first: sources of inhibition, as strong as all that it can hear, keep it silent.
    """
    sizes, net = network.sizes, nr.Network()
    weights = {name: each.detach().double().numpy() for name, each in network.named_parameters()}
    told_lines, asked_lines = _lines(*_read(network, data)), _lines(data.questions)
    net.add(nr.Population("read", 1, nr.SpikeSource()))
    pairs = tuple((i, j) for i in range(sizes.sentences) for j in range(i if sizes.alone else i + 1, sizes.sentences))
    for name in ("pairs", "absent"):
        net.add(nr.Population(name, len(pairs), nr.SpikeSource()))
    most = sum(np.maximum(weights[name], 0.0).sum(0) for name in ("one", "two", "ask"))
    shared = {
        "told": nr.Dense(_kicks(told_lines, weights["told"], weights["told_place"], weights["told_cue"])),
        "asked": nr.Dense(_kicks(asked_lines, weights["asked"], weights["asked_place"], weights["asked_cue"])),
    }
    shared |= {name: nr.Dense(weights[name]) for name in ("told_own", "asked_own", "one", "two", "ask", "next", "sum")}
    for k in range(sizes.sentences):
        _add_reader(net, network, f"{k}", shared["told"], shared["told_own"])
    _add_reader(net, network, "question", shared["asked"], shared["asked_own"])
    lif: dict[str, Any] = {"tau_m": sizes.tau * DT, "v_th": 1.0}
    net.add(nr.Population("decision", sizes.decision, nr.LIF(**lif)))
    for p, (i, j) in enumerate(pairs):
        first = net.add(nr.Population(f"first {i} {j}", sizes.relation, nr.LIF(**lif)))
        second = net.add(nr.Population(f"second {i} {j}", sizes.relation, nr.LIF(**lif)))
        for name, pre in (("one", f"relay {i}"), ("two", f"relay {j}"), ("ask", "relay question")):
            net.connect(pre, first, shared[name], delay=DT, name=f"{name} {i} {j}")
        place = weights["at_one"][i] + weights["at_two"][j] + weights["apart"][j - i]
        net.connect("pairs", first, _row(p, place), delay=_delay("first"))
        net.connect("absent", first, _row(p, -most), delay=_delay("first"))
        net.connect(first, second, shared["next"], delay=DT)
        net.connect("pairs", second, _row(p, weights["next_bias"]), delay=_delay("second"))
        net.connect(second, "decision", shared["sum"], delay=DT)
    net.connect("read", "decision", nr.Dense(weights["sum_bias"][None]), delay=_delay("decision"))
    steps = _told_places(network) * sizes.steps + sizes.reading
    return Deployed(net, told_lines, asked_lines, pairs, steps, (steps + LATER["decision"] + 1) * DT)


def _add_reader(net: nr.Network, network: Relational, name: str, words: nr.Dense, own: nr.Dense) -> None:
    """Sources of words, the AHP neurons that read them, and the relay neurons behind these."""
    sizes, reader = network.sizes, network.reader
    slow = 1.0 / (1.0 - reader.keep[0].double().numpy())
    model = nr.AHP(tau_m=sizes.tau * DT, v_th=1.0, tau_ahp=slow * DT, jump=sizes.jump)
    source = net.add(nr.Population(f"words {name}", len(words.weight), nr.SpikeSource()))
    cells = net.add(nr.Population(f"reader {name}", sizes.cells, model))
    relay = net.add(nr.Population(f"relay {name}", sizes.cells, nr.LIF(tau_m=DT, v_th=1.0)))
    net.connect(source, cells, words, delay=DT)
    net.connect(cells, cells, own, delay=DT)
    net.connect(cells, relay, nr.OneToOne(HALF), delay=DT)
    net.connect("read", relay, nr.AllToAll(HALF), delay=_delay("relay"))


def inputs_of(deployed: Deployed, network: Relational, data: Encoded, story: int) -> dict[str, nr.Spikes]:
    """The spikes of all sources for a story."""
    sizes = network.sizes
    one = Encoded(*(part[story : story + 1] for part in data))
    read, there = _read(network, one), np.flatnonzero(one.sentences[0, :, -1])
    reading = np.arange(deployed.steps - sizes.reading, deployed.steps)
    inputs = {}
    for k, row in zip(there, np.concatenate(read, 1), strict=True):
        inputs[f"words {k}"] = _spell(row, deployed.told_lines, 0, sizes.steps, reading)
    late = int(reading[0]) - sizes.words * sizes.steps
    inputs["words question"] = _spell(one.questions[0], deployed.asked_lines, late, sizes.steps, reading)
    known = np.array([j < len(there) for _, j in deployed.pairs])
    for name, which in (("pairs", known), ("absent", ~known)):
        times, ids = np.meshgrid(reading * DT, np.flatnonzero(which), indexing="ij")
        inputs[name] = nr.Spikes(times.ravel(), ids.ravel())
    inputs["read"] = nr.Spikes(reading * DT, np.zeros(len(reading), np.int64))
    return inputs


def same_spikes(deployed: Deployed, trace: Trace, recording: nr.Recording) -> bool:
    """Has the recording of a story every spike of its trace, and no other until the layer has been read?

    The trace is of this story alone. Copies for sentences that it has not must be silent.
    """
    total, steps = round(deployed.duration / DT), deployed.steps
    expected = {
        "reader question": (trace.question[:, 0], steps),
        "decision": (trace.decision[:, 0], steps + LATER["decision"]),
    }
    for row, (_, k) in enumerate(trace.sentence_rows.tolist()):
        expected[f"reader {k}"] = trace.sentences[:, row], steps
    for row, (_, i, j) in enumerate(trace.pair_rows.tolist()):
        expected[f"first {i} {j}"] = trace.first[:, row], steps + LATER["first"]
        expected[f"second {i} {j}"] = trace.second[:, row], steps + LATER["second"]
    for name, population in deployed.network.populations.items():
        if name.split()[0] not in ("reader", "first", "second", "decision"):
            continue
        recorded = raster_of(recording.spikes[name], total, population.size, DT)
        if name not in expected:
            if recorded.any():
                return False
            continue
        spikes, last = expected[name]
        raster = np.zeros((last, population.size), np.bool_)
        raster[last - len(spikes) :] = spikes.numpy() > 0
        if not np.array_equal(raster, recorded[:last]):
            return False
    return True


def counts_of(deployed: Deployed, recording: nr.Recording) -> Floats:
    """Spikes of each neuron of the last layer, from which the answer is read."""
    return np.bincount(recording.spikes["decision"].ids, minlength=deployed.network.populations["decision"].size) * 1.0


def trace_of(network: Relational, data: Encoded, story: int) -> Trace:
    """The trace of one story in doubles; the network must be in doubles."""
    told, asked, _ = tensors(Encoded(*(part[story : story + 1] for part in data)))
    with torch.no_grad():
        return network.trace(told, asked)


def _read(network: Relational, data: Encoded) -> list[NDArray[np.int64]]:
    """What the networks of all sentences read, part by part, each (sentences, words)."""
    story, at = np.nonzero(data.sentences[:, :, -1])
    parts = [data.questions[story], data.sentences[story, at]]
    if network.sizes.context:
        parts.insert(1, data.sentences[story, np.maximum(at - 1, 0)] * (at > 0)[:, None])
    return parts


def _delay(layer: str) -> float:
    """Of a source that acts on a layer together with the spikes of its step, s."""
    return (LATER[layer] + 1) * DT


def _told_places(network: Relational) -> int:
    return int(network.told_place.shape[0])


def _lines(*parts: NDArray[np.int64]) -> dict[tuple[int, int], int]:
    """A number for each word at each place that occurs."""
    words = np.concatenate(parts, 1)
    rows, places = np.nonzero(words)
    found = sorted(set(zip(places.tolist(), words[rows, places].tolist(), strict=True)))
    return {line: k for k, line in enumerate(found)}


def _kicks(lines: dict[tuple[int, int], int], word: Floats, place: Floats, cue: Floats) -> Floats:
    """What each source gives each neuron; the last source is the cue."""
    return np.array([word[w] * (1.0 + place[p]) for p, w in lines] + [cue])


def _row(source: int, weights: Floats) -> nr.Sparse:
    """Synapses of one source onto each neuron."""
    return nr.Sparse(np.full(len(weights), source), np.arange(len(weights)), weights)


def _spell(
    words: NDArray[np.int64], lines: dict[tuple[int, int], int], late: int, steps: int, reading: NDArray[np.int64]
) -> nr.Spikes:
    """Spikes of the sources of a row of words, from step `late` on, and of the cue."""
    at = [
        (late + place * steps + k, lines[place, word])
        for place, word in enumerate(words.tolist())
        if word
        for k in range(steps)
    ]
    at += [(int(step), len(lines)) for step in reading]
    times, ids = np.array(at).T
    return nr.Spikes(times * DT, ids)
