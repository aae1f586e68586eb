"""Inputs that are taken together in windows have the gradients of inputs that are taken one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import neuro as nr
from neuro.gradients.batch import Slopes, spiked
from neuro.gradients.lowering import lowered
from neuro.gradients.sums import sum_runs
from neuro.units import ms

COMMON: dict[str, Any] = {"v_th": 1.0, "bias": 1.2}
MODELS = {
    "one current": nr.LIF(tau_m=20 * ms, tau_syn=5 * ms, **COMMON),
    "refractory": nr.LIF(tau_m=20 * ms, tau_syn=5 * ms, refractory=2 * ms, **COMMON),
    "two currents": nr.LIF(tau_m=20 * ms, tau_syn=(5 * ms, 12 * ms), **COMMON),
    "without leak": nr.IF(tau_syn=4 * ms, v_th=1.0, bias=30.0),
    "slow currents": nr.AHP(tau_m=20 * ms, tau_syn=5 * ms, tau_ahp=200 * ms, jump=0.05, **COMMON),
    "subtraction": nr.ALIF(tau_m=20 * ms, tau_syn=5 * ms, tau_adapt=200 * ms, jump=0.05, reset="subtract", **COMMON),
}


def run_of(model: Any, own_delays: bool) -> tuple[nr.Program, nr.Recording, dict[str, Any]]:
    """Forty neurons that excite and inhibit each other, and inputs at times on a grid, some at one instant."""
    rng, size = np.random.default_rng(1), 40
    net = nr.Network()
    net.add(nr.Population("cue", 10, nr.SpikeSource()))
    net.add(nr.Population("cell", size, model))
    receptor = 1 if isinstance(model.tau_syn, tuple) else 0
    net.connect("cue", "cell", nr.Dense(rng.normal(0.2, 0.4, (10, size))), delay=1 * ms, receptor=receptor)
    pre, post = rng.integers(0, size, 10 * size), np.repeat(np.arange(size), 10)
    delay = rng.uniform(0.5 * ms, 4 * ms, len(pre)) if own_delays else 1.5 * ms
    net.connect("cell", "cell", nr.Sparse(pre, post, rng.normal(0.0, 0.1, len(pre))), delay=delay)
    cue = nr.Spikes(np.sort(np.round(rng.uniform(0.0, 0.3, 200), 3)), rng.integers(0, 10, 200))
    given = {"cue": cue}
    program = nr.build(net)
    return program, nr.run(program, 0.3, inputs=given), given


@pytest.mark.parametrize("own_delays", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_windows_change_gradients_by_rounding_alone(name: str, own_delays: bool) -> None:
    program, recording, given = run_of(MODELS[name], own_delays)
    run, own = spiked(program, recording, given), lowered(program)
    assert np.all(own.wires.span > 0.0)
    singly = replace(own, wires=own.wires._replace(span=np.zeros_like(own.wires.span)))
    found = []
    for each in (own, singly):
        integral = np.array([12]), 0.1, 0.2, np.array([3.0])
        slope = Slopes(np.sin(np.arange(len(run.time))), integrals=[integral])
        totals = sum_runs(each, [run], [slope])
        found.append([*totals, slope.time])
    assert len(run.time) > 400
    for together, alone in zip(*found, strict=True):
        assert np.linalg.norm(together - alone) <= 1e-12 * np.linalg.norm(alone)


def test_equal_rates_are_taken_one_by_one() -> None:
    program, _, _ = run_of(nr.LIF(tau_m=20 * ms, tau_syn=20 * ms, **COMMON), False)
    assert not np.any(lowered(program).wires.span)
