"""A loss of an exact run in torch: value and derivatives are those of `gradient`, and nothing of it stays behind."""

import gc
import weakref

import numpy as np
import pytest

import neuro as nr

torch = pytest.importorskip("torch")


def chain() -> nr.Network:
    """Two layers."""
    net = nr.Network()
    net.add(nr.Population("cue", 3, nr.SpikeSource()))
    net.add(nr.Population("low", 4, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    net.add(nr.Population("high", 2, nr.LIF(tau_m=20e-3, v_th=1.0, tau_syn=5e-3)))
    rng = np.random.default_rng(0)
    net.connect("cue", "low", nr.Dense(rng.uniform(4.0, 8.0, (3, 4))), delay=1e-3, name="up")
    net.connect("low", "high", nr.Dense(rng.uniform(2.0, 4.0, (4, 2))), delay=1e-3, name="on")
    return net


GIVEN = {"cue": nr.Spikes([1e-3, 2e-3, 4e-3], [0, 1, 2])}
LOSS = nr.CrossEntropy(nr.FirstSpike(population="high"), 1, scale=-300.0)


def weights() -> dict[str, torch.Tensor]:
    found = {name: each.synapses.weight for name, each in chain().projections.items()}
    return {name: torch.tensor(np.asarray(each), requires_grad=True) for name, each in found.items()}


def test_value_and_derivatives_are_those_of_gradient() -> None:
    given = weights()
    value = nr.torch_function(chain(), LOSS)(given, 0.03, GIVEN)
    (3.0 * value).backward()
    net = chain()
    wanted = nr.gradient(net, nr.run(net, 0.03, inputs=GIVEN), inputs=GIVEN, loss=LOSS)
    assert value.item() == wanted.value
    for name, each in given.items():
        assert np.array_equal(each.grad.numpy(), 3.0 * wanted.weights[name])


def test_derivatives_go_on_through_other_functions_of_torch() -> None:
    given = weights()
    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    scaled = {name: scale * each.detach() for name, each in given.items()}
    nr.torch_function(chain(), LOSS)(scaled, 0.03, GIVEN).backward()
    nr.torch_function(chain(), LOSS)(given, 0.03, GIVEN).backward()
    assert scale.grad.item() == pytest.approx(sum(float((each.grad * each.detach()).sum()) for each in given.values()))


def test_what_a_run_kept_is_freed_with_its_loss() -> None:
    function, given = nr.torch_function(chain(), LOSS), weights()
    value = function(given, 0.03, GIVEN)
    kept = weakref.ref(value.grad_fn)
    del value
    gc.collect()
    assert kept() is None


def test_weights_that_do_not_fit_are_refused() -> None:
    function = nr.torch_function(chain(), LOSS)
    with pytest.raises(nr.NeuroError, match="down"):
        function({"down": torch.ones(3, 4)}, 0.03, GIVEN)
    with pytest.raises(nr.NeuroError, match="tensor"):
        function({"up": np.ones((3, 4))}, 0.03, GIVEN)
    with pytest.raises(nr.NeuroError):
        function({"up": torch.ones(4, 3)}, 0.03, GIVEN)
