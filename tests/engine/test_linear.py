"""Laws of neurons by equations of their own: the oracle judges them by the exponential of the matrix as a whole."""

import numpy as np
from hypothesis import given, note
from hypothesis import strategies as st

import neuro as nr
from tests.engine.agreement import clamp_of, everything, for_engine, spikes_agree, voltages_agree
from tests.oracle import simulate
from tests.strategies import fractions, readable, small_networks

CASES = small_networks(whole=True, more=True, own=3) | small_networks(whole=True, more=True, own=3, instant=True)


@given(case=CASES)
def test_every_spike_is_where_the_matrix_exponential_has_it(case):
    network, duration, inputs = case
    note(readable(*case))
    expected = simulate(network, duration, inputs)
    found = nr.run(network, duration, inputs=for_engine(inputs), clamp=clamp_of(inputs))
    spikes_agree(case, found, expected)


@given(case=CASES)
def test_every_voltage_is_what_the_matrix_exponential_has(case):
    network, duration, inputs = case
    note(readable(*case))
    expected = simulate(network, duration, inputs)
    found = nr.run(network, duration, inputs=for_engine(inputs), record=everything(network), clamp=clamp_of(inputs))
    voltages_agree(case, found, expected)
