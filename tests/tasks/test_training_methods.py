"""The comparison of training methods: what each sees, that e-prop is e-prop, that costs are counts, and a small run."""

import numpy as np
import pytest

from neuro.tasks import configure, run_task

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
torch = pytest.importorskip("torch")

from neuro.learning.fit import accuracy  # noqa: E402 - the order of what is skipped
from neuro.tasks import _training_methods as methods  # noqa: E402
from neuro.tasks import _training_methods_clocked as clocked  # noqa: E402
from neuro.tasks._training_methods_costs import costs_of, mean_counts  # noqa: E402
from neuro.training.eprop import online_gradient  # noqa: E402

CONFIG = configure("training-methods", overrides=("hidden=24",))
PARTS = methods.parts_of(CONFIG, 3)
FEW = PARTS.judged.take(np.arange(12))
MEAN = PARTS.training.inputs.mean(axis=0)


def test_the_test_images_are_not_those_of_tuning_and_parts_do_not_overlap():
    tuned = methods.parts_of(configure("training-methods", "tuning"), 3)
    tested = methods.parts_of(configure("training-methods", "paper"), 3)
    assert tuned.judged is tuned.validation
    assert tested.judged is not tested.validation
    assert np.array_equal(tuned.training.inputs, tested.training.inputs)
    assert sum(map(len, tested)) == 1797


def test_a_pixel_is_a_spike_at_a_whole_step_the_brighter_the_earlier_and_none_if_black():
    pixels = np.arange(17) / 16
    steps = methods.times_of(pixels, CONFIG.duration) / methods.STEP
    assert np.allclose(steps[1:], np.arange(16, 0, -1))
    assert steps[0] == pytest.approx(30)


def test_steps_and_events_have_the_same_input_spikes():
    raster = clocked.seen(CONFIG, "surrogate/times", FEW.inputs, MEAN)
    for b, times in enumerate(methods.times_of(FEW.inputs, CONFIG.duration)):
        spikes = methods.spikes_at(times, CONFIG.duration)
        steps, ids = np.nonzero(raster[:, b])
        assert np.allclose(spikes.times, steps * methods.STEP)
        assert np.array_equal(spikes.ids, ids)


def test_epochs_have_other_black_pixels_and_all_methods_of_one_share_the_same():
    drawn = methods.dropping(CONFIG, "exact/times", FEW, 3)
    share = CONFIG.model_copy(update={"dropped": {"exact/times": 0.3, "two_phase/currents": 0.3}})
    one, other = (methods.dropping(share, each, FEW, 3) for each in ("exact/times", "two_phase/currents"))
    assert np.array_equal(one(1).inputs, other(1).inputs)
    assert not np.array_equal(one(1).inputs, one(2).inputs)
    assert np.mean(one(1).inputs[FEW.inputs > 0] == 0) == pytest.approx(0.3, abs=0.1)
    assert np.array_equal(drawn(0).labels, FEW.labels)


def gradient(module, inputs):
    """By the hidden weights, in doubles."""
    module.zero_grad()
    scores = module(torch.from_numpy(inputs)).scores[0]
    torch.nn.functional.cross_entropy(scores, torch.from_numpy(FEW.labels)).backward()
    return module.layer.w.grad.numpy().copy(), scores.detach().numpy()


@pytest.mark.parametrize("method", ["e_prop/times", "e_prop/currents"])
def test_the_gradient_of_e_prop_is_what_synapses_compute_forward_in_time(method):
    module = clocked.module_of(CONFIG, method, 3)
    inputs = clocked.seen(CONFIG, method, FEW.inputs, MEAN).astype(np.float64)
    found, scores = gradient(module, inputs)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    errors = (shares / shares.sum(axis=1, keepdims=True) - np.eye(10)[FEW.labels]) / len(FEW)
    leak = (1.0 - methods.STEP / CONFIG.duration) ** np.arange(len(inputs) - 1, -1, -1)
    signal = module.scale * leak[:, None, None] * (errors @ module.feedback.numpy().T)
    online, _ = online_gradient(module.layer, inputs, signal)
    assert np.abs(found).max() > 0.0
    assert np.allclose(found, online, rtol=1e-9, atol=1e-14)


def test_with_the_readouts_own_weights_as_feedback_e_prop_is_the_surrogate_gradient():
    plain = clocked.module_of(CONFIG, "surrogate/times", 3)
    inputs = clocked.seen(CONFIG, "surrogate/times", FEW.inputs, MEAN).astype(np.float64)
    found, scores = gradient(plain, inputs)
    assert np.abs(found).max() > 0.0
    same, again = gradient(clocked.Broadcast(plain, plain.readout.detach().numpy()), inputs)
    other, _ = gradient(clocked.module_of(CONFIG, "e_prop/times", 3), inputs)
    assert np.allclose(scores, again)
    assert np.allclose(found, same, rtol=1e-9, atol=1e-14)
    assert not np.allclose(found, other)


def test_recorded_inferences_have_the_spikes_of_the_networks_that_were_trained():
    layers = methods.timed(CONFIG)
    weights, times = layers.first_weights(3), methods.times_of(FEW.inputs, CONFIG.duration)
    shown = methods.timed_inferences(CONFIG, layers, weights, times)
    found = sum(each.sum() for each in mean_counts(shown))
    assert found == pytest.approx(accuracy(layers, weights, methods.Examples(times, FEW.labels))[1])
    for method in ("surrogate/times", "surrogate/currents"):
        module = clocked.module_of(CONFIG, method, 3)
        inputs = clocked.seen(CONFIG, method, FEW.inputs, MEAN)
        wanted = module(torch.from_numpy(inputs).double()).spikes.detach().sum(dim=(0, 1)).numpy() / len(FEW)
        recorded = mean_counts(clocked.inferences(CONFIG, method, module, FEW.inputs, MEAN))
        assert wanted.sum() > 0
        assert np.allclose(recorded[1], wanted, atol=0.2 if method.endswith("currents") else 1e-12)


def test_currents_are_priced_as_products_and_spikes_of_inputs_by_their_number():
    joules = {}
    for method in ("surrogate/times", "surrogate/currents"):
        module = clocked.module_of(CONFIG, method, 3)
        shown = clocked.inferences(CONFIG, method, module, FEW.inputs, MEAN)
        joules[method] = costs_of(shown, voltage=0.2, seconds=10e-9, seed=0)
    rows = np.count_nonzero(FEW.inputs, axis=1).mean()
    times, currents = joules["surrogate/times"], joules["surrogate/currents"]
    assert times["spikes/input"] == pytest.approx(rows)
    assert currents["spikes/input"] == 0.0
    assert times["loihi/input"] / currents["loihi/input"] == pytest.approx(rows / 64)
    assert times["crossbar/input"] / currents["crossbar/input"] == pytest.approx(rows / 64, rel=0.05)


def test_a_small_run_learns_by_every_method_and_counts_what_it_costs():
    report = run_task("training-methods")
    for method in methods.METHODS:
        assert report.metrics[f"validation_accuracy/{method}"] > 0.3, method
        assert report.metrics[f"joules_loihi/{method}"] > report.metrics[f"joules_crossbar/{method}"] > 0.0
        assert report.metrics[f"spikes/{method}"] > 0.0
        assert f"cpu_seconds/{method}" in report.measured
    assert report.metrics["validation_accuracy/two_phase/currents"] > 0.8
    assert report.metrics["kept_bytes/two_phase/currents"] < report.metrics["kept_bytes/exact/times"]
