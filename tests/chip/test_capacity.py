"""Synapse memory of a Loihi core follows the chip's format, whoever counts it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import neuro as nr
from neuro.chip.capacity import INDEX_FIELDS, WEIGHT_FIELDS, SynapseFormat, axon_bits, core_use, index_field
from neuro.chip.model import Limits
from neuro.errors import ParameterError, UnknownName
from tests.reference import DATA, needs

LOIHI = Limits(neurons=1024, synapse_bits=16384 * 64, axons_in=4096, axons_out=4096)

formats = st.builds(
    SynapseFormat,
    weight_bits=st.sampled_from(WEIGHT_FIELDS),
    delay_bits=st.integers(0, 6),
    tag_bits=st.integers(0, 6),
    index_bits=st.sampled_from(INDEX_FIELDS),
    block=st.integers(1, 64),
)


def laid_out(synapses, form):
    """Bits taken by one axon, found by writing its synapses into 64-bit words one after the other."""
    words, block, free = 0, 0, 0
    for k in range(synapses):
        if k == 0 or block == form.block:
            words, block, free = words + 1, 0, 64 - 4 - 6
        need = form.weight_bits + form.delay_bits + form.tag_bits + form.index_bits
        while need > free:
            words, need, free = words + 1, need - free, 64
        free, block = free - need, block + 1
    return 64 * words


def test_a_thousand_random_axons_take_what_writing_them_word_by_word_takes():
    rng = np.random.default_rng(5)
    for _ in range(1000):
        form = SynapseFormat(
            weight_bits=int(rng.choice(WEIGHT_FIELDS)),
            delay_bits=int(rng.integers(7)),
            tag_bits=int(rng.integers(7)),
            index_bits=int(rng.choice(INDEX_FIELDS)),
            block=int(rng.integers(1, 65)),
        )
        synapses = int(rng.integers(0, 1025))
        assert axon_bits(synapses, form) == laid_out(synapses, form)


@given(synapses=st.lists(st.integers(0, 4096), max_size=20), form=formats)
def test_axons_are_counted_one_by_one(synapses, form):
    assert axon_bits(synapses, form).tolist() == [int(axon_bits(n, form)) for n in synapses]


@given(synapses=st.integers(0, 2000), form=formats)
def test_one_more_synapse_never_takes_less_and_memory_is_whole_words(synapses, form):
    here, more = int(axon_bits(synapses, form)), int(axon_bits(synapses + 1, form))
    assert here <= more <= here + 64 * 2
    assert here % 64 == 0


def test_a_block_of_64_dense_8_bit_weights_takes_nine_words():
    """64 x 8 + 10 = 522 bits; two more synapses in a block of their own take a tenth."""
    assert axon_bits([64, 66], SynapseFormat(weight_bits=8)).tolist() == [576, 640]


@given(targets=st.integers(1, 4096))
def test_an_index_field_numbers_all_targets_and_no_narrower_one_does(targets):
    bits = index_field(targets)
    assert bits in INDEX_FIELDS
    assert all(2**narrower < targets for narrower in INDEX_FIELDS if narrower < bits)


def test_more_targets_than_an_index_can_number_are_refused():
    with pytest.raises(ParameterError, match="4096 targets"):
        index_field(4097)


@pytest.mark.parametrize(
    "bad", [{"weight_bits": 7}, {"index_bits": 5}, {"delay_bits": 7}, {"tag_bits": -1}, {"block": 0}, {"block": 65}]
)
def test_a_field_that_the_chip_does_not_have_is_refused(bad):
    with pytest.raises(ParameterError, match=next(iter(bad))):
        SynapseFormat(**bad)


@pytest.mark.parametrize("bad", [-1, 2.5, [3, -2]])
def test_a_count_that_cannot_be_is_refused(bad):
    with pytest.raises(ParameterError, match="whole numbers"):
        axon_bits(bad, SynapseFormat())


def network(weights, model=None):
    weights = np.asarray(weights)
    net = nr.Network()
    net.add(nr.Population("in", len(weights), nr.SpikeSource()))
    net.add(nr.Population("out", weights.shape[1], model or nr.LoihiLIF(d_v=204, v_th=127)))
    pre, post = np.nonzero(weights)
    net.connect("in", "out", nr.Sparse(pre, post, weights[pre, post]), delay=1e-3)
    return net


def test_odd_weights_of_both_signs_take_two_lists_and_even_ones_a_single_one():
    odd, even = network([[3, -3, 5, 0]]), network([[2, -4, 6, 0]])
    assert core_use(odd, encoding="sparse").synapse_bits == 64 + 64
    assert core_use(even, encoding="sparse").synapse_bits == math.ceil((3 * 14 + 10) / 64) * 64


def test_a_full_row_is_best_laid_without_indices_and_a_thin_one_with():
    full, thin = network(np.full((2, 200), 2)), network(np.eye(200, dtype=int))
    for net, best, other in ((full, "dense", "sparse"), (thin, "sparse", "dense")):
        best, other = core_use(net, encoding=best), core_use(net, encoding=other)
        assert best.synapse_bits < other.synapse_bits
        assert core_use(net).synapse_bits == best.synapse_bits
        assert best.synapses == other.synapses


def test_a_matrix_and_the_list_of_its_synapses_take_the_same():
    weights = np.random.default_rng(0).integers(-3, 4, (30, 40))
    listed, dense = network(weights), nr.Network()
    for population in listed.populations.values():
        dense.add(population)
    dense.connect("in", "out", nr.Dense(weights), delay=1e-3)
    assert core_use(dense) == core_use(listed)


def test_a_second_compartment_takes_one_synapse_of_its_own_neuron():
    slow = nr.LoihiAHP(d_v=204, v_th=508, e=2, d_a=5, w_a=96, e_a=-4)
    plain, ahp = core_use(network(np.eye(5, dtype=int))), core_use(network(np.eye(5, dtype=int), slow))
    assert (plain.compartments, ahp.compartments) == (5, 10)
    assert ahp.synapses == plain.synapses + 5
    assert ahp.synapse_bits == plain.synapse_bits + 5 * 64
    assert (plain.axons_in, ahp.axons_in) == (5, 10)


def test_what_does_not_fit_is_named_with_its_limit():
    use = core_use(network(np.full((2, 200), 2)))
    assert use.exceeded(LOIHI) == ()
    assert use.exceeded(Limits(neurons=199, synapses=399, synapse_bits=64, axons_in=1)) == (
        "200 compartments, where a core has 199",
        "400 synapses, where a core has 399",
        f"{use.synapse_bits:,} bits of synapse memory, where a core has 64",
        "2 input axons, where a core has 1",
    )


def test_an_unknown_encoding_is_refused_by_name():
    with pytest.raises(UnknownName, match="runlength"):
        core_use(network([[1]]), encoding="runlength")


@needs("loihi_smnist")
def test_the_sequential_mnist_network_fits_one_core():
    from neuro.tasks._smnist import network as published
    from neuro.tasks._smnist import read_weights

    use = core_use(published(*read_weights(DATA)))
    assert use.compartments == 350, "as the published run counts them"
    assert use.axons_in == 318, "80 inputs, two of them without synapses, and 240 neurons"
    assert use.exceeded(LOIHI) == ()
