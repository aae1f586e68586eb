"""Commands that a signal ends at a random time: their exit code says so, no process stays, and files are whole.

`-m campaign` makes one trial of each command and signal; with ``NEURO_KILLS=20`` it makes twenty.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import neuro as nr
from neuro.system import interrupts

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]

TRIALS = int(os.environ.get("NEURO_KILLS", "1"))
ORPHAN_SECONDS = 2.0
ROOT = Path(__file__).parents[2]
START = (
    # A shell's background jobs ignore Ctrl-C; before the command is there, it ends the process without a traceback.
    "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); from neuro.cli import main; main()"
)
CASES = {
    "run": "run braille --set workers=2 --set epochs=2 --set trials=9 --set variants=ideal,levels64_1uS --out out",
    "map": "map lsm --chip mesh:7x7:256 --effort fast --write placed.npz --out out",
    "energy": "energy saved.h5 --chip loihi_davies2018 --chip spinnaker2 --out out",
    "device": "device ReRamES --out out",
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = nr.Network()
    net.add(nr.Population("cell", 50, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.5)))
    net.connect("cell", "cell", nr.AllToAll(0.01), delay=1e-3)
    path = tmp_path_factory.mktemp("recording") / "saved.h5"
    nr.run(net, 1.0).save(path)
    return path


class Trial:
    """A command in a session of its own."""

    def __init__(self, words: str, folder: Path) -> None:
        self.errors = folder / "stderr.txt"
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, *words.split()],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def members(self) -> Iterator[tuple[int, str]]:
        """Number and command line of each living process of the session."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[3]) == self.process.pid and fields[0] not in "ZX":
                        yield int(entry.name), (entry / "cmdline").read_text()
                except OSError:
                    continue

    def workers(self) -> list[int]:
        return [pid for pid, line in self.members() if "spawn_main" in line]

    def end(self) -> int:
        """The code that a shell would show, once every process of the session has ended, which they do in time."""
        code = self.process.wait(600)
        ended = time.monotonic()
        while left := list(self.members()):
            assert time.monotonic() - ended < ORPHAN_SECONDS, left
            time.sleep(0.02)
        return code if code >= 0 else 128 - code


def finish(words: str, folder: Path) -> float:
    """Run a command undisturbed; return how long it took."""
    began = time.monotonic()
    trial = Trial(words, folder)
    assert trial.end() == 0, trial.errors.read_text()
    return time.monotonic() - began


def check_whole(folder: Path) -> None:
    """What is there under its final name is whole."""
    for image in folder.rglob("[!.]*.png"):
        if not any(part.startswith(".") for part in image.relative_to(folder).parts):
            assert image.read_bytes().endswith(b"IEND\xaeB`\x82"), image
    if (folder / "placed.npz").exists():
        nr.load_placement(folder / "placed.npz")
    if (folder / "out.unfinished.json").exists():
        json.loads((folder / "out.unfinished.json").read_text())
    record = folder / "out" / "report.json"
    if record.exists():
        figures = json.loads(record.read_text())["figures"]
        assert all((record.parent / name).is_file() for name in figures.values())


def hidden(folder: Path) -> list[Path]:
    return list(folder.rglob(".*"))


def kill_at(seconds: float, words: str, folder: Path, number: int | None) -> tuple[int, str] | None:
    """Code and complaint of a command that got a signal, or of which a worker was killed; None if it was too late.

    A worker that is killed does no harm: its job is done again.
    """
    trial = Trial(words, folder)
    time.sleep(seconds)
    if number is not None:
        os.kill(trial.process.pid, number)
    else:
        while not (workers := trial.workers()) and trial.process.poll() is None:
            time.sleep(0.02)
        if not workers:
            trial.end()
            return None
        try:
            os.kill(random.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            trial.end()
            return None
    code = trial.end()
    return (code, trial.errors.read_text()) if code or number is None else None


KILLS = [
    *((case, name) for case in CASES for name in ("SIGINT", "SIGTERM", "SIGKILL")),
    ("run", "SIGHUP"),
    ("run", "worker"),
]


@pytest.mark.parametrize(("case", "name"), KILLS, ids=[f"{case}-{name}" for case, name in KILLS])
def test_a_signal_at_any_time_ends_a_command_and_leaves_nothing_half_done(
    case: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    number = None if name == "worker" else int(getattr(signal, name))
    expected = 0 if number is None else 137 if name == "SIGKILL" else interrupts.exit_code(number)
    if case == "energy":
        (tmp_path / "saved.h5").symlink_to(request.getfixturevalue("recording"))
    random.seed(f"{case} {name}")
    finish(CASES[case], tmp_path)
    longest = finish(CASES[case], tmp_path)  # the first one may have compiled
    made, late = 0, 0
    while made < TRIALS:
        found = kill_at(random.uniform(0.0, longest), CASES[case], tmp_path, number)
        check_whole(tmp_path)
        if found is None:
            late += 1
            longest *= 0.9
            continue
        made += 1
        code, complaint = found
        assert code == expected, complaint
        assert "Traceback" not in complaint
        if name != "SIGKILL":
            assert hidden(tmp_path) == []
        if made % 2:  # what was there before stays, or nothing was there
            for path in sorted((tmp_path / "out").glob("*")):
                path.unlink()
    print(f"\n{case}, {name}: {made} trials ended with {expected}; {late} came too late")
    finish(CASES[case], tmp_path)
    assert hidden(tmp_path) == []
    check_whole(tmp_path)
