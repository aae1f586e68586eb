"""How commands answer signals and closed streams; `tests/campaign/test_kills.py` does it at random times."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from neuro import cli
from neuro.system import interrupts
from tests.test_workers import SLOW, command, environment, group_is_empty, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

STOPPED = "stopped; what was not finished was not written\n"


def in_a_command(body: str, *wrapper: str) -> subprocess.Popen[str]:
    """Python whose main thread is in a command; its signals are as a program gets them from a shell."""
    code = "import os, signal, sys, time\nfrom neuro.cli import _plain_errors, _say_stopped\n"
    code += "from neuro.system import interrupts\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "import neuro.cli\ndef work():\n    with _plain_errors():\n"
    code += textwrap.indent(textwrap.dedent(body), " " * 8)
    code += "\nneuro.cli.app = work\nneuro.cli.main()\n"
    return subprocess.Popen(
        [*wrapper, sys.executable, "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def ended(process: subprocess.Popen[str], *numbers: int) -> tuple[int, str, str]:
    """Send signals once the process has said that it is ready; its code, and what it has printed since."""
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.2)
        printed, complaint = process.communicate(timeout=60)
    return process.returncode, printed, complaint


READY = "print('ready', flush=True)\n"
SLEEP = "try:\n    print('ready', flush=True); time.sleep(60)\n"
TIDY = SLEEP + "finally:\n    print('tidy', flush=True)"
HANGING = SLEEP + "finally:\n    time.sleep(60)"
SHORT = "with interrupts.postponed():\n    print('ready', flush=True); time.sleep(1); print('whole', flush=True)"
OTHER = SLEEP + "except KeyboardInterrupt:\n    raise ValueError('a library made this of it')"
CALLBACK = (
    "import ctypes\ndef called():\n    print('ready', flush=True); time.sleep(1)\n"
    "ctypes.CFUNCTYPE(None)(called)()\ntime.sleep(60)\nprint('not stopped')"
)
SWALLOWED = SLEEP + "except KeyboardInterrupt:\n    pass"


@pytest.mark.parametrize("number", interrupts.STOPS, ids=lambda number: number.name)
@pytest.mark.parametrize(
    ("body", "printed"),
    [(TIDY, "tidy\n"), (SHORT, "whole\n"), (OTHER, ""), (SWALLOWED, ""), (CALLBACK, "")],
    ids=["tidies up", "ends what must be whole", "another error", "swallowed", "in a callback"],
)
def test_each_signal_stops_a_command_and_its_code_says_which(number: int, body: str, printed: str) -> None:
    code, found, complaint = ended(in_a_command(body), number)
    assert code == interrupts.exit_code(number)
    assert found == printed
    assert complaint == ("" if body == SWALLOWED else STOPPED)


@pytest.mark.parametrize("second", interrupts.STOPS, ids=lambda number: number.name)
def test_a_second_signal_ends_a_command_at_once(second: int) -> None:
    began = time.monotonic()
    code, _, _ = ended(in_a_command(HANGING), signal.SIGTERM, second)
    assert code == interrupts.exit_code(second)
    assert time.monotonic() - began < 50


def test_a_signal_ends_a_command_that_does_not_come_back_to_python() -> None:
    # As in a kernel: another thread gets the signal, and the main thread's call goes on.
    waiting = "import ctypes\ninterrupts.PATIENCE = 0.2\n" + READY
    waiting += "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\nctypes.CDLL(None).sleep(60)"
    began = time.monotonic()
    code, _, complaint = ended(in_a_command(waiting), signal.SIGTERM)
    assert (code, complaint) == (130, STOPPED)
    assert time.monotonic() - began < 50


def test_a_signal_that_a_process_sends_itself_again_is_not_a_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)
    monkeypatch.setattr(interrupts, "AGAIN", 1e8)
    command, listener = interrupts.Command(), object.__new__(interrupts._SignalThread)
    listener.run, listener.command = None, command
    with pytest.raises(interrupts.Stopped) as dropped:
        command.on_signal(signal.SIGTERM, None)
    command.on_unraisable(SimpleNamespace(exc_value=dropped.value), print)
    for _ in range(2):  # on a busy machine the thread sees the first signal only now
        listener._receive(signal.SIGTERM)
    assert exits == []
    listener._receive(signal.SIGTERM)
    assert exits == [130]


def test_an_ignored_signal_stays_ignored() -> None:
    body = READY + "time.sleep(1)\nprint('all of it')"
    assert ended(in_a_command(body, "nohup"), signal.SIGHUP)[:2] == (0, "all of it\n")


def test_a_program_that_asks_for_nothing_keeps_its_handlers() -> None:
    before = [signal.getsignal(number) for number in interrupts.STOPS]
    with interrupts.commanded():
        pass
    assert CliRunner().invoke(cli.app, ["list"]).exit_code == 0
    assert [signal.getsignal(number) for number in interrupts.STOPS] == before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("group", [False, True], ids=["the parent", "all that answer"])
def test_workers_end_with_their_parent(make_task, tmp_path: Path, number: signal.Signals, group: bool) -> None:
    directory = make_task("slow", SLOW).parent
    with (tmp_path / "errors").open("w") as errors, subprocess.Popen(
        command(directory, "slow", tmp_path / "results" / "out"),
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=environment(),
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        (os.killpg if group else os.kill)(process.pid, number)
        process.wait(30)
        wait_for(lambda: group_is_empty(process.pid), 2.0)
    assert process.returncode == (-9 if number == signal.SIGKILL else interrupts.exit_code(number))
    if number != signal.SIGKILL:
        assert (tmp_path / "errors").read_text() == STOPPED
        assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_nothing(closed: str, tmp_path: Path) -> None:
    for words, code in (("chips --json", 0), ("device ReRamSB --out drawn", 0), ("device nothing", 2)):
        script = f"exec {sys.executable} -c 'from neuro.cli import main; main()' {words} {closed}"
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "drawn" / "ReRamSB.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("detail", ["", "Unable to allocate 7 TiB"])
def test_too_little_memory_is_said_in_a_sentence(
    detail: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise MemoryError(*filter(None, [detail]))

    monkeypatch.setattr(cli, "app", work)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == f"error: there is not enough memory for this{detail and ': ' + detail}\n"


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cli, "app", work)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        cli.main()


def test_a_helper_ends_when_the_other_end_of_its_pipe_is_closed() -> None:
    code = "import time; from neuro.system.workers import end_when_closed; end_when_closed(0); "
    code += "print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as helper:
        assert helper.stdout is not None
        assert helper.stdin is not None
        assert helper.stdout.readline() == "ready\n"
        assert helper.poll() is None
        helper.stdin.close()
        assert helper.wait(2) == 1
