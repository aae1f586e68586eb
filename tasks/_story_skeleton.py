"""The published relational network at full size, untrained, and its placement by the publication's own rules.

Each kind of part has its synapses once: all sentences, and all pairs, share them. Sizes and rules are of the code of A.
Rao, P. Plank, A. Wild and W. Maass (intel-nrc-ecosystem/models, nxsdk_modules_ncl/lsnn). The relays and the neurons
that sum over pairs are derived here from the limits of a core, because the code has no simple rule for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import neuro as nr
from neuro.errors import ParameterError
from neuro.randomness import stream
from neuro.validation import Floats, Ints

DT = 1e-3
"""A step of the network's own time, s."""
READER = {"d_v": 204, "v_th": 127, "d_a": 5, "w_a": 96, "e_a": -4}
"""AHP neurons as in the published network for sequential MNIST."""


class Skeleton(BaseModel):
    """Sizes of the network, and how it is cut into cores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="root of the weights, which are not trained, and of the mapper's draws")
    sentences: int = Field(20, ge=1, le=64, description="sentences of a story")
    words: int = Field(180, ge=1, description="inputs of a sentence, one for each word")
    cells: int = Field(200, ge=1, description="AHP neurons that read a sentence")
    layers: int = Field(4, ge=1, description="layers of the relation function")
    width: int = Field(256, ge=1, description="neurons of each of these layers")
    answers: int = Field(181, ge=1, description="neurons that are read out")
    cells_a_core: int = Field(100, ge=1, description="reading neurons, and relays, on a core")
    first_a_core: int = Field(64, ge=1, description="neurons of the first relation layer on a core")
    others_a_core: int = Field(128, ge=1, description="neurons of the other layers, and of the sums, on a core")
    answers_a_core: int = Field(64, ge=1, description="neurons that are read out on a core")
    neurons: int = Field(1024, ge=1, description="compartments of a core")
    axons_in: int = Field(4096, ge=1, description="distinct neurons that a core hears")
    axons_out: int = Field(2048, ge=1, description="entries of a routing table: a neuron and a core it reaches")
    out_a_neuron: int = Field(511, ge=1, description="cores that a neuron reaches")
    mapper: Literal["fast", "balanced", "best"] | None = Field(
        "fast", description="effort of the mapper where it may choose; None: it does not place"
    )


class Built(NamedTuple):
    """A network, and the core of each neuron by the rules of the publication."""

    network: nr.Network
    """It has a population for each core of the publication."""
    core: dict[str, Ints]
    """By population; -1 for the words, which the host sends."""
    cores: dict[str, int]
    """Cores of each kind of part."""


class _Relay(NamedTuple):
    """Neurons that repeat the spikes of reading neurons for some pairs, or for other relays."""

    name: str
    before: str
    """The reader, or the relay, whose spikes it repeats."""
    late: int
    """Steps from a spike to its repetition."""
    feeds: tuple[tuple[str, int], ...]
    """Reader and pair for which it speaks to the first layer; none of a relay that feeds relays."""


Blocks = dict[str, slice]
"""The populations of a layer, and which of its neurons each has."""


def pairs_of(sentences: int) -> list[tuple[int, int]]:
    """Sentences of each pair; each sentence also makes a pair with itself."""
    return [(i, j) for i in range(sentences) for j in range(i, sentences)]


def stored_bytes(network: nr.Network) -> int:
    """Bytes of all weights of a network, those of the same synapses once."""
    kinds: dict[int, Any] = {id(p.synapses): p.synapses for p in network.projections.values()}
    return sum(np.asarray(synapses.weight).nbytes for synapses in kinds.values())


def build(sizes: Skeleton) -> Built:
    """The network and its published placement.

    The neurons of a sentence reach the first layer of every pair that it is in: more cores than the routing table of
    their core has entries for. So relay neurons, one for each, repeat their spikes for some pairs, and other relays
    feed relays where a sentence needs many.

    Raises
    ------
    ParameterError
        If a core's limits leave no room for one pair.
    """
    relays, pairs = _relays(sizes), pairs_of(sizes.sentences)
    net, where, used = nr.Network(seed=sizes.seed), dict[str, Ints](), dict[str, int]()
    layers = {relay.name: _blocks(relay.name, sizes.cells, sizes.cells_a_core) for relay in relays}

    def fill(kind: str, label: str, part: slice, model: nr.LoihiLIF) -> None:
        """Put neurons on the next core."""
        net.add(nr.Population(label, part.stop - part.start, model))
        where[label] = np.full(part.stop - part.start, sum(used.values()))
        used[kind] = used.get(kind, 0) + 1

    def add(kind: str, name: str, size: int, model: nr.LoihiLIF, most: int) -> None:
        layers[name] = _blocks(name, size, most)
        for label, part in layers[name].items():
            fill(kind, label, part, model)

    cell, relay_cell = nr.LoihiLIF(d_v=409, v_th=127), nr.LoihiLIF(d_v=4096, v_th=1)
    for name in _readers(sizes):
        words = net.add(nr.Population(f"words {name}", sizes.words, nr.SpikeSource()))
        layers[words.name] = {words.name: slice(0, sizes.words)}
        where[words.name] = np.full(sizes.words, -1)
        add("readers", f"reader {name}", sizes.cells, nr.LoihiAHP(**READER), sizes.cells_a_core)
    # Relays need routing tables, the layers memory of synapses: spread over the layers they fill no core alone.
    waiting = [block for relay in relays for block in layers[relay.name].items()]
    ahead = 0
    for p, (i, j) in enumerate(pairs):
        for k in range(sizes.layers):
            due = (p * sizes.layers + k + 1) * len(waiting) // (len(pairs) * sizes.layers)
            for label, part in waiting[ahead:due]:
                fill("relays", label, part, relay_cell)
            ahead = due
            kind, most = ("other layers", sizes.others_a_core) if k else ("first layers", sizes.first_a_core)
            add(kind, f"relation {k} {i} {j}", sizes.width, cell, most)
        if (p + 1) % _gathered(sizes) == 0 or p + 1 == len(pairs):
            add("sums", f"sum {p // _gathered(sizes)}", sizes.width, cell, sizes.others_a_core)
    add("answer", "answer", sizes.answers, nr.LoihiLIF(d_v=204, v_th=None), sizes.answers_a_core)
    shared = _Shared(sizes)
    for kind, before, after, late in _links(sizes, relays):
        for pre, here in layers[before].items():
            for post, there in layers[after].items():
                synapses = shared.between(kind, here, there)
                if synapses is not None:
                    net.connect(pre, post, synapses, delay=late * DT, name=f"{kind}: {pre}->{post}")
    return Built(net, where, used)


def _links(sizes: Skeleton, relays: list[_Relay]) -> Iterator[tuple[str, str, str, int]]:
    """Kind of synapses, layer before and layer after, and steps of delay."""
    for name in _readers(sizes):
        kind = "asked" if name == "question" else "told"
        yield kind, f"words {name}", f"reader {name}", 1
        yield f"{kind} own", f"reader {name}", f"reader {name}", 1
    yield from (("relay", relay.before, relay.name, relay.late) for relay in relays)
    speaker = {fed: relay.name for relay in relays for fed in relay.feeds}
    gathered = _gathered(sizes)
    for p, (i, j) in enumerate(pairs_of(sizes.sentences)):
        for label, reader in (("one", f"{i}"), ("two", f"{j}"), ("ask", "question")):
            yield label, speaker[reader, p], f"relation 0 {i} {j}", 1
        yield from (
            (f"next {k}", f"relation {k - 1} {i} {j}", f"relation {k} {i} {j}", 1) for k in range(1, sizes.layers)
        )
        yield "sum", f"relation {sizes.layers - 1} {i} {j}", f"sum {p // gathered}", 1
        if (p + 1) % gathered == 0 or p + 1 == sizes.sentences * (sizes.sentences + 1) // 2:
            yield "answer", f"sum {p // gathered}", "answer", 1


def _readers(sizes: Skeleton) -> list[str]:
    return [*(f"{k}" for k in range(sizes.sentences)), "question"]


def _blocks(name: str, size: int, most: int) -> Blocks:
    """A layer in populations of at most so many neurons."""
    return {f"{name} {k}": slice(k * most, min((k + 1) * most, size)) for k in range(-(-size // most))}


def _gathered(sizes: Skeleton) -> int:
    """Pairs that a neuron sums over, by the axons of its core."""
    return max(1, sizes.axons_in // sizes.others_a_core)


def _relays(sizes: Skeleton) -> list[_Relay]:
    """The relays between the readers and the pairs, by the limits of a core."""
    first_cores, parts = (-(-sizes.width // sizes.first_a_core), -(-sizes.cells // sizes.cells_a_core))
    reach = min(sizes.axons_out // sizes.cells_a_core, sizes.out_a_neuron)
    if reach < max(first_cores, parts + 1):
        raise ParameterError(
            "a core must have room for the first layer of one pair",
            where="axons_out and out_a_neuron",
            value=f"{sizes.axons_out} and {sizes.out_a_neuron}",
            remedy="Give larger limits, or fewer neurons a core",
        )
    pairs, trees = pairs_of(sizes.sentences), {}
    for name in _readers(sizes):
        heard = [p for p, pair in enumerate(pairs) if name == "question" or int(name) in pair]
        levels = [_even(heard, -(-len(heard) // (reach // first_cores)))]
        while len(levels[0]) > reach - (parts - 1):
            levels.insert(0, _even(list(range(len(levels[0]))), -(-len(levels[0]) // reach)))
        trees[name] = levels
    deepest, found = max(map(len, trees.values())), []
    for name, levels in trees.items():
        for at, groups in enumerate(levels):
            for k, group in enumerate(groups):
                before = f"reader {name}"
                if at:
                    before = f"relay {name} {at - 1} {next(n for n, held in enumerate(levels[at - 1]) if k in held)}"
                # A sentence needs fewer levels than the question: its spikes wait, so that all arrive in one step.
                late = 1 if at else 1 + deepest - len(levels)
                feeds = tuple((name, p) for p in group) if at == len(levels) - 1 else ()
                found.append(_Relay(f"relay {name} {at} {k}", before, late, feeds))
    return sorted(found, key=lambda relay: relay.feeds[0][1] if relay.feeds else -1)


def _even(items: list[int], groups: int) -> list[list[int]]:
    """So many groups in order, of nearly one size."""
    return [each.tolist() for each in np.array_split(items, groups)]


class _Shared:
    """Synapses between two blocks, one object for all copies; weights are even, as those of Loihi with a sign."""

    def __init__(self, sizes: Skeleton) -> None:
        self.seed = sizes.seed
        shapes = {"answer": (sizes.width, sizes.answers)}
        for kind in ("told", "asked"):
            shapes |= {kind: (sizes.words, sizes.cells), f"{kind} own": (sizes.cells, sizes.cells)}
        shapes |= dict.fromkeys(("one", "two", "ask"), (sizes.cells, sizes.width))
        shapes |= {f"next {k}": (sizes.width, sizes.width) for k in range(1, sizes.layers)}
        self.matrix = {kind: self._drawn(kind, shape) for kind, shape in shapes.items()}
        self.made: dict[tuple[str, int, int], nr.Synapses | None] = {}

    def _drawn(self, kind: str, shape: tuple[int, int]) -> Floats:
        drawn = stream(self.seed, "skeleton", kind).normal(0.0, 127.0 / np.sqrt(shape[0]), shape)
        return np.clip(2.0 * np.rint(drawn / 2.0), -254.0, 254.0).astype(np.float32)

    def between(self, kind: str, pre: slice, post: slice) -> nr.Synapses | None:
        """Of the neurons of two blocks; None where relays and sums have none, which pass on spikes one to one."""
        key = kind, pre.start, post.start
        if key not in self.made:
            if kind in self.matrix:
                self.made[key] = nr.Dense(self.matrix[kind][pre, post])
            else:
                both = np.arange(max(pre.start, post.start), min(pre.stop, post.stop))
                synapses = nr.Sparse(both - pre.start, both - post.start, 2.0 if kind == "relay" else 16.0)
                self.made[key] = synapses if len(both) else None
        return self.made[key]
