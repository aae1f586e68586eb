"""The side of eventax in tests/bench/gradient_peers.py: first spikes, and time of training; it needs no neuro.

PYTHON tests/bench/gradient_eventax.py GIVEN.npz FOUND.npz
"""

from __future__ import annotations

import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from eventax.evnn import FFEvNN
from eventax.neuron_models import LIF


def main() -> None:
    """Read the network and its inputs, run and train it, write what was found."""
    given = np.load(sys.argv[1])
    duration, size = float(given["duration"]), int(given["batch"])
    up, out = given["up1"], given["up2"]
    (inputs, hidden), outputs = up.shape, out.shape[1]
    weights = np.zeros((hidden + outputs + inputs, hidden + outputs))
    weights[hidden + outputs :, :hidden], weights[:hidden, hidden:] = up, out
    network = FFEvNN(
        layers=[hidden, outputs],
        in_size=inputs,
        neuron_model=LIF,
        max_solver_time=duration,
        key=jax.random.PRNGKey(0),
        solver_stepsize=1e-3,
        max_event_steps=2 * (inputs + hidden + outputs),
        output_no_spike_value=duration,
        thresh=1.0,
        tsyn=float(given["tau_syn"]),
        tmem=float(given["tau_m"]),
        vreset=-1000.0,  # one spike a neuron
        init_weights=1.0,
        init_bias=0.0,
    )
    network = eqx.tree_at(lambda each: each.neuron_model.weights, network, jnp.asarray(weights, jnp.float32))
    # A batch of the others' would take minutes: fewer examples, time by example.
    count = int(given["eventax_examples"]) // size * size
    times = jnp.asarray(given["times"][:count], jnp.float32)[:, :, None]
    labels, scale = jnp.asarray(given["labels"][:count]), float(given["tau_m"])

    def loss(trained: FFEvNN, shown: jax.Array, right: jax.Array) -> jax.Array:
        first = jax.vmap(trained.ttfs)(shown)
        return optax.softmax_cross_entropy_with_integer_labels(-first / scale, right).mean()

    optimizer = optax.adam(float(given["rate"]))

    @eqx.filter_jit
    def update(trained: FFEvNN, state: optax.OptState, shown: jax.Array, right: jax.Array) -> tuple:
        gradient = eqx.filter_grad(loss)(trained, shown, right)
        steps, state = optimizer.update(gradient, state, eqx.filter(trained, eqx.is_inexact_array))
        return eqx.apply_updates(trained, steps), state

    def epoch() -> None:
        trained, state = network, optimizer.init(eqx.filter(network, eqx.is_inexact_array))
        for k in range(0, count, size):
            trained, state = update(trained, state, times[k : k + size], labels[k : k + size])
        jax.block_until_ready(trained.neuron_model.weights)

    first = eqx.filter_jit(lambda shown: jax.vmap(network.ttfs)(shown))(times)
    epoch()  # compiles
    seconds = []
    for _ in range(int(given["turns"])):
        began = time.perf_counter()
        epoch()
        seconds.append(time.perf_counter() - began)
    np.savez(sys.argv[2], first=np.asarray(first), seconds=np.array(seconds))


if __name__ == "__main__":
    main()
