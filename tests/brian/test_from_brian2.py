"""Networks of Brian2 come in exactly: Brian2's spikes come closer to ours as its step shrinks, in proportion to it."""

from __future__ import annotations

import brian2 as b2
import numpy as np
import pytest
from brian2 import ms, mV

import neuro as nr
from neuro.errors import InputError, UnsupportedFeature
from tests.brian.scripts import FEATURES, N, made, showered

# Brian2's own imports use what pyparsing has renamed.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DURATION = 0.04
STEPS = [0.2e-3, 0.1e-3, 0.05e-3]


@pytest.fixture(autouse=True)
def interpreted():
    """Brian2 without a compiler."""
    before = b2.prefs.codegen.target, b2.defaultclock.dt
    b2.prefs.codegen.target = "numpy"
    b2.BrianLogger.suppress_name("unused_brian_object")
    yield
    b2.prefs.codegen.target, b2.defaultclock.dt = before


def its_spikes(features: str, seed: int, dt: float) -> list[np.ndarray]:
    b2.defaultclock.dt = dt * b2.second
    objects, cells = made(features, seed)
    spikes = b2.SpikeMonitor(cells)
    b2.Network(*objects, spikes).run(DURATION * b2.second)
    return [np.asarray(spikes.t / b2.second)[np.asarray(spikes.i) == j] for j in range(cells.N)]


@pytest.mark.parametrize("seed", range(len(FEATURES)), ids=[each or "plain" for each in FEATURES])
def test_the_distance_to_brian2_falls_linearly_with_its_step(seed: int) -> None:
    features = FEATURES[seed]
    found = nr.run(nr.from_brian2(*made(features, seed)[0]), DURATION).spikes["cells"]
    ours = [found.times[found.ids == j] for j in range(N)]
    assert min(map(len, ours)) >= 1
    assert sum(map(len, ours)) >= 60
    distances = []
    for dt in STEPS:
        apart = []
        for mine, its in zip(ours, its_spikes(features, seed, dt), strict=True):
            # A last spike may fall to the other side of the end.
            assert abs(len(mine) - len(its)) <= 1
            both = min(len(mine), len(its))
            apart.append(np.abs(mine[:both] - its[:both]))
        distances.append(np.concatenate(apart).mean())
    slope = np.polyfit(np.log(STEPS), np.log(distances), 1)[0]
    assert 0.7 < slope < 1.3, distances
    assert distances[-1] < 4 * STEPS[-1]


def test_variables_that_depend_on_each_other_are_one_neuron_by_matrices() -> None:
    seed = FEATURES.index("chain, two slow, refractory, two inputs")
    objects, _ = made(FEATURES[seed], seed)
    net = nr.from_brian2(*objects)
    model = net.populations["cells"].model
    assert isinstance(model, nr.LinearNeuron)
    # ge, y, x, w, u as in the script; receptors ge, v, x.
    rates = 1e3 * np.array([[-1 / 5, 1 / 5, 0, 0, 0], [0, -1 / 3, 1 / 3, 0, 0], [0, 0, -1 / 2, 0, 0],
                            [0, 0, 0, -1 / 80, 0], [0, 0, 0, 0, -1 / 30]])  # fmt: skip
    np.testing.assert_allclose(model.matrix, rates, rtol=1e-14)
    np.testing.assert_allclose(model.readout, [1, 0, 0, -1, -1], rtol=1e-14)
    np.testing.assert_array_equal(model.inputs, np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(model.to_v, [0, 1, 0])
    np.testing.assert_allclose(model.jump, [0, 0, 0, 2e-3, 1e-3])
    assert list(net.projections) == ["link0", "link1", "link2"]
    assert {name: link.receptor for name, link in net.projections.items()} == {"link0": 2, "link1": 1, "link2": 0}
    np.testing.assert_array_equal(net.projections["link0"].synapses.weight, np.asarray(objects[1].weight))
    assert any("LinearNeuron with the states ge, y, x, w, u; receptors 0: ge, 1: v, 2: x" in note
               for note in net.provenance["assumptions"])  # fmt: skip


@pytest.mark.parametrize("features", [each for each in FEATURES if each.startswith(("double exponential", "chain"))])
def test_a_receptor_for_each_time_constant_has_the_spikes_of_the_matrices(features: str) -> None:
    seed = FEATURES.index(features)
    both = [nr.from_brian2(*made(features, seed)[0], linear=linear) for linear in (True, False)]
    kinds = [type(net.populations["cells"].model) for net in both]
    assert kinds[0] is (kinds[1] if "each" in features else nr.LinearNeuron)
    assert kinds[1] in (nr.LIF, nr.AHP)
    one, other = (nr.run(net, DURATION).spikes["cells"] for net in both)
    order, same = np.lexsort((one.times, one.ids)), np.lexsort((other.times, other.ids))
    np.testing.assert_array_equal(one.ids[order], other.ids[same])
    np.testing.assert_allclose(one.times[order], other.times[same], rtol=0, atol=1e-12)


def test_a_synapse_of_a_double_exponential_is_one_synaptic_event() -> None:
    seed = FEATURES.index("double exponential, delays")
    objects, _ = made(FEATURES[seed], seed)
    one, other = (nr.run(nr.from_brian2(*objects, linear=linear), DURATION) for linear in (True, False))
    assert 2 * sum(one.events.values()) == sum(other.events.values())
    assert list(one.events) == ["link0"]


def test_time_constants_that_are_nearly_equal_are_refused_where_digits_would_cancel() -> None:
    group = neurons("dv/dt = (El - v + x)/tau : volt\ndx/dt = (y - x)/ms : volt\ndy/dt = -y/(1.0000015*ms) : volt")
    group.v = -65 * mV
    synapses = b2.Synapses(group, group, on_pre="y += 1*mV", name="links")
    synapses.connect()
    with pytest.raises(UnsupportedFeature, match=r"'cells'.*two eigenvalues are equal or nearly so.*by a thousandth"):
        nr.from_brian2(group, synapses)


def test_the_mean_and_spread_of_poisson_inputs_are_those_of_brian2() -> None:
    objects, cells = showered()
    net = nr.from_brian2(*objects)
    (drive,) = net.drives["cells"]
    assert float(drive.rate) == 6000.0
    times = np.arange(0.1, 0.3, 0.01)
    ours = nr.run(net, 0.3, record=nr.Record(v={"cells": range(400)}, v_dt=0.01)).v["cells"][10:]
    voltages = b2.StateMonitor(cells, "v", record=True, dt=10 * ms)
    b2.seed(1)
    b2.Network(*objects, voltages).run(0.3 * b2.second)
    its = np.asarray(voltages.v / b2.volt).T[10:]
    assert ours.shape == its.shape == (len(times), 400)
    # The theory of shot noise: rate * weight * tau_syn = 3 mV.
    assert abs(ours.mean() - 3e-3) < 2e-5
    assert abs(its.mean() - ours.mean()) < 5e-5
    assert abs(its.std() / ours.std() - 1.0) < 0.05


def neurons(equations: str, **options: object) -> b2.NeuronGroup:
    names = {"tau": 20 * ms, "El": -65 * mV, "Vt": -50 * mV, "TimeCourse": b2.TimedArray([1, 2] * mV, dt=10 * ms)}
    given = {"threshold": "v > Vt", "reset": "v = El", "method": "euler", "namespace": names, "name": "cells"}
    return b2.NeuronGroup(3, equations, **{**given, **options})


def linked(on_pre: str, model: str = "w : volt", **options: object) -> tuple[b2.NeuronGroup, b2.Synapses]:
    group = neurons("dv/dt = (El - v + x)/tau : volt\ndx/dt = -x/tau/2 : volt\nI : volt")
    synapses = b2.Synapses(group, group, model, on_pre=on_pre, name="links", method="euler", **options)
    synapses.connect()
    if "w" in synapses.equations:
        synapses.w = 1 * mV
    return group, synapses


NOT_LINEAR = {
    "quadratic": ("dv/dt = (v - El)*(v - Vt)/(tau*mV) : volt", r"a term of dv/dt is not linear.*v\*\*2"),
    "exponential": ("dv/dt = (El - v + 2*mV*exp((v - Vt)/(2*mV)))/tau : volt", r"dv/dt is not linear.*exp\("),
    "conductance": ("dv/dt = (El - v - g*v)/tau : volt\ndg/dt = -g/(5*ms) : 1", r"dv/dt is not linear.*-g\*v/tau"),
    "step": ("dv/dt = (El - v + mV*int(v > El))/tau : volt", r"dv/dt is not linear.*int\(v > El\)"),
    "product": ("dv/dt = (El - v + x*y)/tau : volt\ndx/dt = -x/tau : 1\ndy/dt = -y/tau : volt", r"not linear.*x\*y"),
    "root": ("dv/dt = (El - v + sqrt(x)*mV)/tau : volt\ndx/dt = -x/tau : 1", r"not linear.*sqrt\(x\)"),
}
NO_PLACE = {
    "noise": ("dv/dt = (El - v)/tau + 2*mV*xi*tau**-0.5 : volt", r"a term of dv/dt is noise.*xi"),
    "time": ("dv/dt = (El - v + mV*sin(t/ms))/tau : volt", r"dv/dt changes in time.*sin\(t/ms\)"),
    "course": ("dv/dt = (El - v + TimeCourse(t))/tau : volt", r"dv/dt changes in time.*TimeCourse\(t\)"),
    "back": ("dv/dt = (El - v - w)/tau : volt\ndw/dt = (v/9 - w)/tau : volt", r"dw/dt must not depend on v.*v/\(9"),
    "growth": ("dv/dt = (v - El)/tau : volt", r"v must decay in all neurons.*v/tau"),
    "alpha": ("dv/dt = (El - v + x)/tau : volt\ndx/dt = (y - x)/ms : volt\ndy/dt = -y/ms : volt", "one time constant"),
    "oscillation": (
        "dv/dt = (El - v + x)/tau : volt\ndx/dt = -x/tau + y/ms : volt\ndy/dt = -y/tau - x/ms : volt", "x, y oscillate",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*NOT_LINEAR, *NO_PLACE])
def test_equations_that_are_not_ours_are_refused_with_their_term(name: str) -> None:
    equations, says = (NOT_LINEAR | NO_PLACE)[name]
    group = neurons(equations)
    for state in {"x", "w"} & set(group.equations.diff_eq_names):
        setattr(group, state, 1 if name in ("product", "root") else 1 * mV)
    with pytest.raises(UnsupportedFeature, match=f"'cells'.*{says}"):
        nr.from_brian2(group)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reset": "v *= 0.5"}, r"set v to a value, or subtract the threshold; got v = 0\.5\*v"),
        ({"reset": "x += 1*mV"}, "a spike must reset v"),
        ({"reset": "v = El; x *= 2"}, r"a spike must add a constant to x; got x = 2\*x"),
        ({"reset": "v = El; I += 1*mV"}, "a spike must not change I, which has no differential equation"),
        ({"refractory": 2 * ms}, r"v must be held while .* refractory; got dv/dt has no `\(unless refractory\)`"),
        ({"threshold": "v > Vt + randn()*mV"}, "the threshold has the function randn, which is not constant"),
        ({"threshold": "v > Vt and x > 0*mV"}, "the threshold must be one comparison"),
        ({"threshold": "v**2/mV > Vt"}, r"the threshold is not linear.*v\*\*2"),
        ({"threshold": "v > Vt + x"}, "what raises the threshold must start at rest.*x, which acts on v, too"),
        ({"events": {"late": "v > El"}}, "no event but the spike; got 'late'"),
    ],
    ids=str,
)  # fmt: skip
def test_what_neurons_of_ours_cannot_do_is_refused_by_name(options: dict[str, object], says: str) -> None:
    with pytest.raises(UnsupportedFeature, match=says):
        nr.from_brian2(neurons("dv/dt = (El - v + x)/tau : volt\ndx/dt = -x/tau/2 : volt\nI : volt", **options))


@pytest.mark.parametrize(
    ("on_pre", "options", "says"),
    [
        ("x_post += w*(0*mV - v_post)/mV", {}, "must add to x_post what does not depend on the neurons.*v_post"),
        ("w += 1*mV", {}, "change the variables of their targets alone.*w = mV"),
        ("x_pre += w", {}, "change the variables of their targets alone.*x_pre"),
        ("x_post = w", {}, "must add to x_post"),
        ("I_post += w", {}, "change the variables of their targets alone.*I_post"),
        ("x_post += w*int(rand() < 0.5)", {}, "has the function rand, which is not constant"),
        ("x_post += w", {"on_post": "w += 1*mV"}, "act at spikes of their source alone.*w"),
        ("x_post += w", {"model": "w : volt\nI_post = w : volt (summed)"}, "must not have summed variables; got w"),
        ("x_post += y", {"model": "y = v_pre : volt (constant over dt)"}, "evaluated in each step; got y = v_pre"),
        ("x_post += y", {"model": "y = 2*v_pre : volt"}, "must add to x_post what does not depend on the neurons"),
        ("x_post += s*mV", {"model": "ds/dt = -s/tau : 1 (clock-driven)"}, "must not have differential equa.*ds/dt"),
    ],
)  # fmt: skip
def test_synapses_that_do_more_than_add_are_refused_by_name(on_pre: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(UnsupportedFeature, match=f"'links'.*{says}"):
        nr.from_brian2(*linked(on_pre, **options))


def test_what_is_linked_to_a_variable_that_changes_is_refused() -> None:
    source = neurons("dv/dt = (El - v)/tau : volt\nlevel : volt", name="source")
    source.level = [1, 2, 3] * mV
    group = neurons("dv/dt = (El - v + moving)/tau : volt\nmoving : volt (linked)")
    group.moving = b2.linked_var(source, "level")
    ((_, population),) = nr.from_brian2(group).populations.items()
    assert np.allclose(population.model.v_rest, [-0.064, -0.063, -0.062], rtol=1e-15)
    group = neurons("dv/dt = (El - v + moving)/tau : volt\nmoving : volt (linked)")
    group.moving = b2.linked_var(source, "v")
    with pytest.raises(UnsupportedFeature, match="a term of dv/dt changes in time; got moving/tau"):
        nr.from_brian2(group)


def test_subexpressions_stand_for_their_formulas() -> None:
    ours = []
    formulas = "once = El + 2*shift : volt\nshift : volt"
    for flag in ("", "(constant over dt)"):
        group = neurons(f"dv/dt = (twice - v)/tau : volt\ntwice = once - shift : volt {flag}\n{formulas}")
        group.shift = 1 * mV
        ours.append(nr.from_brian2(group).populations["cells"].model.v_rest)
    assert ours == [-0.064, -0.064]


def test_what_is_missing_or_no_object_of_brian2_is_named() -> None:
    group, synapses = linked("x += w")
    with pytest.raises(InputError, match=r"a group is missing.*'cells'"):
        nr.from_brian2(synapses)
    with pytest.raises(InputError, match=r"must be objects of Brian2.*3"):
        nr.from_brian2(group, 3)
    with pytest.raises(InputError, match="there must be an object of Brian2"):
        nr.from_brian2()
    with pytest.raises(InputError, match="a name has no value; got 'nobody'"):
        nr.from_brian2(neurons("dv/dt = (El - v)/nobody : volt"))
    group.x = 1 * mV
    group.run_regularly("v = El")
    with pytest.raises(UnsupportedFeature, match="regular operation; got v = El"):
        nr.from_brian2(group)
    unconnected = b2.Synapses(group, group, on_pre="v += 1*mV", name="links2")
    with pytest.raises(InputError, match="'links2': must be connected"):
        nr.from_brian2(unconnected)
    ran = neurons("dv/dt = (El - v)/tau : volt")
    b2.Network(ran).run(1 * ms)
    with pytest.raises(InputError, match="a group must not have run"):
        nr.from_brian2(ran)


def test_constants_are_those_where_it_is_called_and_monitors_are_left_out() -> None:
    its_tau, El = 10 * ms, -65 * mV  # noqa: F841 - names of the equations
    group = b2.NeuronGroup(2, "dv/dt = (El - v)/its_tau : volt", threshold="v > -50*mV", reset="v = El", method="euler")
    net = nr.from_brian2(b2.Network(group, b2.SpikeMonitor(group)))
    (population,) = net.populations.values()
    assert population.model.tau_m == 0.01
    assert any("SpikeMonitor" in note for note in net.provenance["assumptions"])


def test_a_random_threshold_and_a_group_of_poisson_neurons_are_poisson_sources() -> None:
    rates = b2.PoissonGroup(3, rates="(i + 1)*10*Hz", name="rates")
    coins = b2.NeuronGroup(3, "rate : Hz", threshold="rand() < rate*dt", reset="", name="coins")
    coins.rate = [10, 20, 30] * b2.Hz
    net = nr.from_brian2(rates, coins)
    for population in net.populations.values():
        assert isinstance(population.model, nr.PoissonSource)
        assert np.array_equal(population.model.rate, [10.0, 20.0, 30.0])
