"""A state on disk is the state: it goes on with the same bits, in any process, and only in its own network."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import neuro as nr
from neuro.engine.storage import states as checkpoint
from neuro.errors import InputError, StateError
from tests.engine.zoo import DURATION, assert_same, clamp, everything, inputs, zoo

CUTS = [0.0, 1e-3, 0.0371, 0.1]


def halves(cut, path, *, held=None, other=None):
    """A run cut in two, the second half from the file of the first one's state."""
    given = {"inputs": inputs(), "record": everything(), "clamp": held}
    first = nr.run(zoo(), cut, **given)
    first.state.save(path)
    network = other or zoo()
    return first, nr.run(network, DURATION - cut, state=nr.load_state(path, network), **given)


@pytest.fixture(scope="module")
def whole():
    return nr.run(zoo(), DURATION, inputs=inputs(), record=everything())


@pytest.mark.parametrize("cut", CUTS)
def test_a_state_from_a_file_goes_on_with_the_same_bits(cut, whole, tmp_path):
    assert sum(len(spikes) for spikes in whole.spikes.values()) > 200
    assert_same(halves(cut, tmp_path / "state.h5"), whole)


@pytest.mark.parametrize("cut", CUTS)
def test_clamped_neurons_stay_clamped(cut, tmp_path):
    whole = nr.run(zoo(), DURATION, inputs=inputs(), record=everything(), clamp=clamp())
    assert_same(halves(cut, tmp_path / "state.h5", held=clamp()), whole)


@pytest.mark.parametrize("file", ["state.h5", "recording.h5"])
def test_a_state_whose_arrays_mean_something_else_is_refused(file, tmp_path, monkeypatch):
    rec = nr.run(zoo(), 0.01, inputs=inputs())
    with monkeypatch.context() as earlier:
        earlier.setattr(checkpoint, "FORM", 1)
        (rec.state if file == "state.h5" else rec).save(tmp_path / file)
    with pytest.raises(StateError, match="another version"):
        nr.load_state(tmp_path / file, zoo())


def test_a_state_goes_on_in_another_process(whole, tmp_path):
    first = nr.run(zoo(), 0.0873, inputs=inputs(), record=everything())
    first.state.save(tmp_path / "state.h5")
    code = (
        "import sys, neuro as nr\n"
        "from tests.engine.zoo import *\n"
        "net = zoo(); state = nr.load_state(sys.argv[1] + '/state.h5', net)\n"
        "rec = nr.run(net, DURATION - state.time, inputs=inputs(), record=everything(), state=state)\n"
        "rec.save(sys.argv[1] + '/rest.h5')\n"
    )
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, "PYTHONPATH": path})
    assert_same([first, nr.load_recording(tmp_path / "rest.h5")], whole)


def test_a_saved_recording_holds_its_state_too(whole, tmp_path):
    first = nr.run(zoo(), 0.05, inputs=inputs(), record=everything())
    first.save(tmp_path / "first.h5")
    state = nr.load_state(tmp_path / "first.h5", zoo())
    rest = nr.run(zoo(), DURATION - 0.05, inputs=inputs(), record=everything(), state=state)
    assert_same([nr.load_recording(tmp_path / "first.h5"), rest], whole)


def test_the_seed_of_a_run_goes_with_its_state(tmp_path):
    first = nr.run(zoo(), 0.01, seed=17)
    first.state.save(tmp_path / "state.h5")
    state = nr.load_state(tmp_path / "state.h5", zoo())
    assert nr.run(zoo(), 0.01, state=state).provenance["seed"] == 17
    assert nr.run(zoo(), 0.01, state=state, seed=3).provenance["seed"] == 3
    assert nr.run(zoo(), 0.01).provenance["seed"] == 0


@pytest.mark.parametrize("cut", [1e-3, 0.0371])
def test_other_weights_act_from_the_cut_as_they_do_without_a_file(cut, tmp_path):
    first = nr.run(zoo(), cut, inputs=inputs())
    first.state.save(tmp_path / "state.h5")
    other = nr.build(zoo(weight=0.4))
    found, expected = (
        nr.run(other, 0.05, inputs=inputs(), record=everything(), state=state)
        for state in (nr.load_state(tmp_path / "state.h5", other), first.state)
    )
    assert_same([found], expected)


def without(name):
    net = zoo()
    del net.projections[name]
    return net


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (zoo(size=7), r"population 'lif': size is 7, was 6"),
        (zoo(tau_m=21e-3), r"population 'lif': time constants"),
        (zoo(seed=2), r"projection 'cue->lif'"),
        (without("if->ahp"), r"this network has no projection 'if->ahp'"),
    ],
    ids=["another size", "another time constant", "another wiring", "a projection less"],
)
@pytest.mark.parametrize("way", ["from a file", "directly"])
def test_a_state_of_another_network_is_refused_with_what_differs(other, says, way, tmp_path):
    state = nr.run(zoo(), 0.01).state
    state.save(tmp_path / "state.h5")
    with pytest.raises(StateError, match=says):
        nr.run(other, 0.01, state=state) if way == "directly" else nr.load_state(tmp_path / "state.h5", other)


def test_files_that_are_cut_short_are_refused(tmp_path):
    rec = nr.run(zoo(), 0.01, record=everything())
    for save, load, error in [
        (rec.state.save, lambda path: nr.load_state(path, zoo()), StateError),
        (rec.save, nr.load_recording, InputError),
    ]:
        save(tmp_path / "whole.h5")
        content = (tmp_path / "whole.h5").read_bytes()
        for length in [0, 1, 100, len(content) // 3, len(content) // 2, len(content) - 1]:
            (tmp_path / "cut.h5").write_bytes(content[:length])
            with pytest.raises(error, match="cut short"):
                load(tmp_path / "cut.h5")


def test_a_file_with_one_wrong_bit_is_refused_or_means_the_same(tmp_path):
    rec = nr.run(zoo(), 0.01)
    rec.state.save(tmp_path / "whole.h5")
    content = (tmp_path / "whole.h5").read_bytes()
    expected = nr.run(zoo(), 0.02, state=rec.state, record=everything())
    refused = 0
    for place in np.random.default_rng(0).integers(0, len(content), 60):
        wrong = bytearray(content)
        wrong[place] ^= 16
        (tmp_path / "wrong.h5").write_bytes(wrong)
        try:
            state = nr.load_state(tmp_path / "wrong.h5", zoo())
        except StateError:
            refused += 1
        else:  # the bit was in a gap
            assert_same([nr.run(zoo(), 0.02, state=state, record=everything())], expected)
    assert refused > 10


def test_files_of_another_kind_are_refused_by_name(tmp_path):
    rec = nr.run(zoo(), 0.01)
    rec.state.save(tmp_path / "state.h5")
    (tmp_path / "text.h5").write_text("v = 1\n" * 1000)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1.0]
    with pytest.raises(InputError, match=r"not a recording of neuro; got state"):
        nr.load_recording(tmp_path / "state.h5")
    for name, says in [("other.h5", "not a state of neuro"), ("text.h5", "no state of neuro")]:
        with pytest.raises(StateError, match=says):
            nr.load_state(tmp_path / name, zoo())
    with pytest.raises(FileNotFoundError):
        nr.load_state(tmp_path / "nothing.h5", zoo())
    with pytest.raises(InputError, match="Network or a Program"):
        nr.load_state(tmp_path / "state.h5", "zoo")


def test_a_save_that_fails_leaves_the_older_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "state.h5"
    nr.run(zoo(), 0.01).state.save(path)
    before = path.read_bytes()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("neuro.engine.storage.states.write_json", stop)
    with pytest.raises(KeyboardInterrupt):
        nr.run(zoo(), 0.02).state.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["state.h5"]
