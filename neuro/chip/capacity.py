"""Use of a Loihi core by a network: synapse memory in the format of the chip, compartments and axons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from neuro.chip.cores import Limits
from neuro.errors import ParameterError, UnknownName
from neuro.network.graph import Network, Projection
from neuro.network.listing import matrix_of, triplets_of
from neuro.network.loihi import LoihiAHP
from neuro.network.neurons import Source
from neuro.network.synapses import is_matrix
from neuro.validation import Ints

__all__ = ["CoreUse", "Encoding", "SynapseFormat", "axon_bits", "core_use", "index_field"]

WORD = 64
"""Bits of a word of synapse memory; every block of synapses begins a new one."""
HEADER = 10
"""Bits at the head of a block: 4 for the number of its format, 6 for how many synapses follow."""
LONGEST = 64
"""Most synapses of a block: its length is written with 6 bits."""
WEIGHT_FIELDS = (0, 1, 2, 3, 4, 5, 6, 8)
INDEX_FIELDS = (0, 6, 7, 8, 9, 10, 11, 12)

Encoding = Literal["best", "sparse", "dense"]


@dataclass(frozen=True, kw_only=True)
class SynapseFormat:
    """Format of synapses in memory: the bits of a synapse, and the synapses that share a header.

    Raises
    ------
    ParameterError
        If the chip has no field of this width, or no block of this length.

    Examples
    --------
    >>> SynapseFormat(weight_bits=8, index_bits=9).synapse
    17
    """

    weight_bits: int = 8
    """Of a weight: 0 to 6, or 8."""
    delay_bits: int = 0
    """Of a delay: 0 to 6."""
    tag_bits: int = 0
    """Of a learning tag: 0 to 6."""
    index_bits: int = 0
    """Of the target's number: 6 to 12; 0 where the targets are consecutive and no number is stored (dense)."""
    block: int = LONGEST
    """Synapses under one header: 1 to 64."""

    def __post_init__(self) -> None:
        allowed = {
            "weight_bits": WEIGHT_FIELDS,
            "delay_bits": range(7),
            "tag_bits": range(7),
            "index_bits": INDEX_FIELDS,
            "block": range(1, LONGEST + 1),
        }
        for field in fields(self):
            value, among = getattr(self, field.name), allowed[field.name]
            if value not in among:
                known = f"{among[0]} to {among[-1]}" if isinstance(among, range) else ", ".join(map(str, among))
                raise ParameterError(f"must be one of {known}", where=f"SynapseFormat.{field.name}", value=value)

    @property
    def synapse(self) -> int:
        """Bits of one synapse."""
        return self.weight_bits + self.delay_bits + self.tag_bits + self.index_bits


def axon_bits(synapses: ArrayLike, form: SynapseFormat) -> Ints:
    """Synapse memory of input axons, bits: the sum over blocks of ceil64(n synapse + 10).

    Source: nengo-loihi (nengo_loihi/block.py), which loads networks onto the chip; checked against it in
    ``tests/bench/synapse_bits.py``.

    Parameters
    ----------
    synapses
        Weights of each axon, any shape; 0 takes no memory.
    form
        Their format.

    Returns
    -------
    Ints
        Bits of each axon, shape of `synapses`.

    Raises
    ------
    ParameterError
        If a count is negative or not whole.

    Examples
    --------
    >>> axon_bits([240, 1, 0], SynapseFormat(weight_bits=8)).tolist()
    [2176, 64, 0]
    """
    counts = np.asarray(synapses)
    if not np.all((counts >= 0) & (counts == np.floor(counts))):
        raise ParameterError("must be whole numbers, not below zero", where="axon_bits, synapses", value=synapses)
    full, rest = np.divmod(counts.astype(np.int64), form.block)
    return np.asarray(full * _words(form.block, form) + np.where(rest, _words(rest, form), 0))


def _words(synapses: ArrayLike, form: SynapseFormat) -> Ints:
    return -(-(np.asarray(synapses) * form.synapse + HEADER) // WORD) * WORD


def index_field(targets: int) -> int:
    """Bits of the narrowest field that can number this many targets.

    Raises
    ------
    ParameterError
        If there are more than the widest field can number.

    Examples
    --------
    >>> index_field(240), index_field(1024)
    (8, 10)
    """
    for bits in INDEX_FIELDS:
        if targets <= 2**bits:
            return bits
    raise ParameterError(
        f"an axon reaches at most {2 ** INDEX_FIELDS[-1]} targets of one core", where="index_field", value=targets
    )


@dataclass(frozen=True, kw_only=True)
class CoreUse:
    """Use of one core by a whole network."""

    compartments: int
    """One for each neuron, two for each `LoihiAHP`; sources are outside of the core and have none."""
    synapses: int
    """Synapses, those by which a `LoihiAHP` reaches its own second compartment included."""
    synapse_bits: int
    """Memory for them, bits."""
    axons_in: int
    """Distinct neurons, on the core or outside, whose spikes the core receives."""
    bits: Mapping[str, int]
    """Synapse memory by projection, bits; that of second compartments is under the name of their population."""

    def exceeded(self, limits: Limits) -> tuple[str, ...]:
        """One text for each limit that is exceeded; empty if the network fits.

        Examples
        --------
        >>> use = CoreUse(compartments=350, synapses=16_000, synapse_bits=300_000, axons_in=320, bits={})
        >>> use.exceeded(Limits(neurons=256, synapse_bits=2**20))
        ('350 compartments, where a core has 256',)
        """
        given = (
            ("compartments", self.compartments, limits.neurons),
            ("synapses", self.synapses, limits.synapses),
            ("bits of synapse memory", self.synapse_bits, limits.synapse_bits),
            ("input axons", self.axons_in, limits.axons_in),
        )
        return tuple(
            f"{used:,} {what}, where a core has {most:,}"
            for what, used, most in given
            if most is not None and used > most
        )


def core_use(network: Network, *, weight_bits: int = 8, delay_bits: int = 0, encoding: Encoding = "best") -> CoreUse:
    """Use of a Loihi core by a network that lies on this core alone.

    Each projection has a format of its own, because its weights have an exponent of their own. With 8 bits, a list of
    synapses holds either weights of one sign, 0..255, or even weights of both signs. A projection with odd weights of
    both signs takes two lists. The second compartment of a `LoihiAHP` takes one synapse, from its own neuron.

    Parameters
    ----------
    network
        Listed synapses all count; zeros of a matrix do not.
    weight_bits, delay_bits
        Of each synapse.
    encoding
        ``"sparse"``: each synapse has its target's number; ``"dense"``: a row for all targets without numbers, zeros
        included; ``"best"``: for each projection the smaller of the two.

    Raises
    ------
    UnknownName
        If there is no such encoding.
    ParameterError
        If a field of this width does not exist, or a population is too large for an index.

    Examples
    --------
    >>> import neuro as nr
    >>> net = nr.Network()
    >>> cue = net.add(nr.Population("cue", 2, nr.SpikeSource()))
    >>> cell = net.add(nr.Population("cell", 3, nr.LoihiLIF(d_v=204, v_th=127)))
    >>> link = net.connect(cue, cell, nr.Dense([[2, 4, 6], [0, 0, 8]]), delay=1e-3)
    >>> core_use(net).bits, core_use(net, encoding="dense").bits
    ({'cue->cell': 128}, {'cue->cell': 128})
    """
    if encoding not in get_args(Encoding):
        raise UnknownName("encoding of synapses", encoding, get_args(Encoding))
    bits: dict[str, int] = {}
    synapses, inputs = 0, set[tuple[str, int]]()
    for name, projection in network.projections.items():
        rows, count = _lists(projection, network.seed)
        bits[name] = _smallest(rows, projection.post.size, weight_bits, delay_bits, encoding)
        synapses += count
        inputs.update((projection.pre.name, int(i)) for row in rows for i in np.flatnonzero(row))
    compartments = 0
    for name, population in network.populations.items():
        if isinstance(population.model, Source):
            continue
        compartments += population.size
        if isinstance(population.model, LoihiAHP):
            single = SynapseFormat(weight_bits=weight_bits, delay_bits=delay_bits)
            bits[name] = int(population.size * axon_bits(1, single))
            compartments += population.size
            synapses += population.size
            inputs.update((name, i) for i in range(population.size))
    return CoreUse(
        compartments=compartments,
        synapses=synapses,
        synapse_bits=sum(bits.values()),
        axons_in=len(inputs),
        bits=bits,
    )


def _lists(projection: Projection, seed: int) -> tuple[list[Ints], int]:
    """Synapses of each source neuron, in each list that the weights need, and their total number."""
    if is_matrix(projection.synapses):
        weights = matrix_of(projection, seed)
        pre, post = np.nonzero(weights)
        weight = weights[pre, post]
    else:
        listed = triplets_of(projection, seed)
        pre, weight = listed.pre.astype(np.int64), np.broadcast_to(listed.weight, listed.pre.shape)
    together = np.all(weight >= 0) or np.all(weight <= 0) or np.all(weight % 2 == 0)
    parts = [np.ones(len(pre), bool)] if together else [weight > 0, weight <= 0]
    return [np.bincount(pre[part], minlength=projection.pre.size) for part in parts], len(pre)


def _smallest(rows: list[Ints], targets: int, weight_bits: int, delay_bits: int, encoding: Encoding) -> int:
    found = {}
    if encoding != "dense":
        form = SynapseFormat(weight_bits=weight_bits, delay_bits=delay_bits, index_bits=index_field(targets))
        found["sparse"] = sum(int(axon_bits(row, form).sum()) for row in rows)
    if encoding != "sparse":
        form = SynapseFormat(weight_bits=weight_bits, delay_bits=delay_bits)
        found["dense"] = sum(int(axon_bits(np.where(row, targets, 0), form).sum()) for row in rows)
    return min(found.values())
