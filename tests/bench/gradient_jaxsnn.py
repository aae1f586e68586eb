"""The side of jaxsnn in tests/bench/gradient_peers.py: first spikes, and time of training; it needs no neuro.

PYTHON tests/bench/gradient_jaxsnn.py GIVEN.npz FOUND.npz
"""

from __future__ import annotations

import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxsnn.event.loss import first_spike, ttfs_loss
from jaxsnn.event.modules import LIF, Linear, Source
from jaxsnn.event.modules.lif.lif import LIFParameters
from jaxsnn.event.topology import Topology
from jaxsnn.event.training import update
from jaxsnn.event.types import OptState, Spike
from jaxsnn.examples.event.utils import loss_wrapper


def main() -> None:
    """Read the network and its inputs, run and train it, write what was found."""
    given = np.load(sys.argv[1])
    tau_mem, tau_syn, duration = (float(given[key]) for key in ("tau_m", "tau_syn", "duration"))
    up, out = given["up1"], given["up2"]
    hidden, outputs = out.shape
    params = LIFParameters(v_reset=-1000.0, v_th=1.0, tau_syn=tau_syn, tau_mem=tau_mem)
    topology = Topology(t_max=duration, backprop_method="eventprop")
    inputs = up.shape[0]
    topology.add(
        {
            "inp": Source(inputs),
            # Steps: one for each arrival, and one for each spike.
            "lif1": LIF(hidden, hidden + inputs, params),
            "lif2": LIF(outputs, outputs + hidden, params),
            "syn1": Linear(pre_weights=jnp.asarray(up)),
            "syn2": Linear(pre_weights=jnp.asarray(out)),
        }
    )
    topology.connect([("inp", "syn1"), ("syn1", "lif1"), ("lif1", "syn2"), ("syn2", "lif2")])
    first_weights, apply = topology.done()
    weights = first_weights(jax.random.PRNGKey(0))

    times = jnp.asarray(given["times"])
    order = jnp.argsort(times, axis=1)
    spikes = Spike(
        time=jnp.take_along_axis(times, order, axis=1),
        idx=order,
        current=jnp.zeros_like(times),
        layer_idx=jnp.zeros_like(times, dtype=int),
        internal=jnp.ones_like(times, dtype=bool),
    )
    targets = 1.0 - jnp.eye(outputs)[jnp.asarray(given["labels"])]
    size, count = int(given["batch"]), len(times)
    batched = jax.tree.map(lambda each: each.reshape(count // size, size, *each.shape[1:]), ({"inp": spikes}, targets))

    loss = partial(loss_wrapper, apply, ttfs_loss, tau_mem, "lif2", outputs)
    optimizer = optax.adam(float(given["rate"]))
    scan = jax.jit(lambda state, batches: jax.lax.scan(partial(update, optimizer, loss), state, batches))
    state = OptState(optimizer.init(weights), weights, jax.random.PRNGKey(1))
    firsts = jax.jit(
        lambda each: jax.vmap(first_spike, in_axes=(0, None))(apply({"inp": each}, weights)["lif2"], outputs)
    )
    found = np.concatenate([np.asarray(firsts(jax.tree.map(lambda x, k=k: x[k], batched[0]["inp"])))
                            for k in range(count // size)])  # fmt: skip
    jax.block_until_ready(scan(state, batched))  # compiles
    seconds = []
    for _ in range(int(given["turns"])):
        began = time.perf_counter()
        jax.block_until_ready(scan(state, batched))
        seconds.append(time.perf_counter() - began)
    np.savez(sys.argv[2], first=found, seconds=np.array(seconds))


if __name__ == "__main__":
    main()
