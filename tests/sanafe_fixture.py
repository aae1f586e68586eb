"""A small architecture in the format of SANA-FE, in which every cost is another one."""

ARCHITECTURE = """
architecture:
  name: small
  attributes: {width: 2, height: 3, link_buffer_size: 1, sync_model: table, latency_sync: {1: 1.0e-7, 3: 5e-7}}
  tile:
    - name: t[0..5]
      attributes:
        {energy_east_hop: 1e-12, latency_east_hop: 1e-9, energy_west_hop: 2e-12, latency_west_hop: 2e-9,
         energy_north_hop: 3e-12, latency_north_hop: 3e-9, energy_south_hop: 4e-12, latency_south_hop: 4e-9}
      core:
        - name: c[0..1]
          attributes: {buffer_position: soma, max_neurons_supported: 77}
          axon_in: [{name: in, attributes: {energy_message_in: 5e-12, latency_message_in: 5e-9}}]
          synapse:
            - {name: fast, attributes: {model: current_based, energy_process_spike: 6e-12, latency_process_spike: 6e-9}}
            - {name: "slow[0..3]", attributes: {energy_process_spike: 7e-12, latency_process_spike: 7e-9}}
          dendrite: [{name: d, attributes: {model: accumulator, energy_update: 0.0, latency_update: 0.0}}]
          soma:
            - {name: "feed[0..9]", attributes: {model: input, energy_access_neuron: 0, latency_access_neuron: 0,
               energy_update_neuron: 0, latency_update_neuron: 0, energy_spike_out: 0, latency_spike_out: 0}}
            - {name: cell, attributes: {model: leaky_integrate_fire, energy_access_neuron: 8e-12,
               latency_access_neuron: 8e-9, energy_update_neuron: 1e-12, latency_update_neuron: 1e-9,
               energy_spike_out: 9e-12, latency_spike_out: 9e-9}}
          axon_out: [{name: out, attributes: {energy_message_out: 11e-12, latency_message_out: 11e-9}}]
"""


def two_kinds(**changes):
    """Three tiles as in `ARCHITECTURE`, and three others that differ in what `changes` replaces."""
    first, second = ARCHITECTURE.replace("t[0..5]", "t[0..2]"), ARCHITECTURE.split("  tile:\n")[1]
    second = second.replace("t[0..5]", "u[0..2]")
    for old, new in changes.values():
        assert old in second
        second = second.replace(old, new)
    return first + second
