"""Tables show every number of a report, and progress is drawn only for people."""

from __future__ import annotations

import io

from rich.console import Console

from neuro.report import Report, Table, bar
from neuro.report.tables import show


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=100)
    show(report, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_metrics_energy_and_tables_are_shown() -> None:
    text = shown(
        Report(
            task="t",
            metrics={"accuracy": 0.98765, "spikes": 110678},
            energy={"by_cause": {"spike": 2e-9}, "by_core": [1, 2, 3], "latency_s": None},
            tables=(Table("Recall [of words]", ("noise", "accuracy"), ((0.1, 1.0),)),),
        )
    )
    for part in ("0.9877", "110,678", "by_cause / spike", "2e-09", "latency_s", "Recall [of words]", "noise"):
        assert part in text


def test_a_report_without_energy_shows_no_energy() -> None:
    assert "Energy" not in shown(Report(task="t", metrics={"a": 1}))


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else() -> None:
    log, terminal = Console(file=io.StringIO()), Console(file=io.StringIO(), force_terminal=True)
    with bar("epoch", log) as progress:
        progress(1, 4, "first epoch")
    with bar("epoch", terminal) as progress:
        progress(1, 4, "second epoch")
    assert log.file.getvalue() == ""  # type: ignore[attr-defined]
    assert "second epoch" in terminal.file.getvalue()  # type: ignore[attr-defined]
