"""Progress in a notebook: a bar of plain HTML that follows the work and vanishes."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from neuro import progress


class Handle:
    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, text: str) -> None:
        self.shown.append(text)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """Stands for IPython in the process of a notebook."""
    handle = Handle()
    shell, display = ModuleType("IPython"), ModuleType("IPython.display")
    shell.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.HTML = str  # type: ignore[attr-defined]
    display.display = lambda *_, **__: handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return handle


def test_a_bar_in_a_notebook_ends_full_and_vanishes(notebook: Handle) -> None:
    with progress.bar("training") as tell:
        tell(1, 4, "epoch <1>")
        tell(4, 4, "epoch 4")
        assert "epoch 4" in notebook.shown[-1]
        assert "100%" in notebook.shown[-1]
        assert "<1>" not in "".join(notebook.shown)
    assert notebook.shown[-1] == ""


def test_a_bar_is_drawn_at_most_ten_times_a_second(notebook: Handle, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(k * 0.01 for k in range(10_000))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with progress.bar("run") as tell:
        for k in range(1000):
            tell(k, 1000, "run")
    assert 50 < len(notebook.shown) < 300


def test_work_that_fails_takes_its_bar_away(notebook: Handle) -> None:
    def work() -> None:
        with progress.bar("run") as tell:
            tell(1, 2, "run")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert notebook.shown[-1] == ""


def test_a_shell_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    shell: Any = ModuleType("IPython")
    shell.get_ipython = lambda: SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", shell)
    with progress.bar("run") as tell:
        tell(1, 2, "run")
