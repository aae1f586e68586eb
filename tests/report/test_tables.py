"""Tables show every number of a report whole, at any width, and progress is drawn only for people."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

import neuro as nr
from neuro.cli import app
from neuro.progress import bar
from neuro.report import Report, Table
from neuro.report.tables import LONG_WORD, number, render, show

WIDTHS = (60, 80)


def printed(*tables: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    for table in tables:
        console.print(render(table))
    return console.file.getvalue()  # type: ignore[attr-defined]


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=100)
    show(report, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def check_whole(text: str, table: Table, width: int) -> None:
    """No line is too long, nothing is cut, and each number and word of the table stands in the text."""
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    for row in table.rows:
        for entry in row:
            for word in number(entry).split():
                if len(word) <= LONG_WORD:
                    assert word in words, f"{word!r} is not whole at {width} columns"


numbers = st.one_of(st.none(), st.integers(-(10**15), 10**15), st.floats(allow_nan=False))
words = st.text("abcdefg_/0123456789.", min_size=1, max_size=30)
texts = st.lists(words, max_size=12).map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> Table:
    kinds = draw(st.lists(st.sampled_from([numbers, words, texts]), min_size=1, max_size=11))
    rows = draw(st.lists(st.tuples(*kinds), min_size=1, max_size=5))
    headers = draw(st.lists(texts, min_size=len(kinds), max_size=len(kinds)))
    return Table(draw(texts), tuple(headers), tuple(rows))


@given(table=tables(), width=st.sampled_from(WIDTHS))
def test_no_table_cuts_a_number_or_a_word(table: Table, width: int) -> None:
    check_whole(printed(table, width=width), table, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_number_with_its_error_stays_on_one_line(width: int) -> None:
    cells = tuple(f"0.98{k} ± 0.01{k}" for k in range(8))
    text = printed(Table("Recall", tuple(f"p = 0.{k}0" for k in range(8)), (cells,)), width=width)
    assert all(cell in text for cell in cells)


def test_long_texts_move_below_a_crowded_table_once_each() -> None:
    source = "Table 2 of a paper whose title does not end, by people whose names do not end either"
    rows = (("energy.synapse", 23.6, "pJ", 1.5, source), ("energy.spike", 81.0, "pJ", 2.5, source))
    text = printed(Table("Figures", ("figure", "value", "unit", "lowest", "source"), rows), width=60)
    assert text.count("paper") == 1
    assert text.count("[1]") == 3


def test_a_row_becomes_a_list_where_not_one_column_fits_beside_the_first() -> None:
    table = Table("Paths", ("a" * 32, "b" * 32), (("c" * 32, "d" * 32),))
    text = printed(table, width=60)
    check_whole(text, table, 60)
    assert f"{'b' * 32}: {'d' * 32}" not in text  # too long for a line
    assert "d" * 32 in text


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    net = nr.Network()
    net.add(nr.Population("cue", 3, nr.SpikeSource()))
    net.add(nr.Population("cell", 5, nr.LIF(tau_m=20e-3, v_th=0.1)))
    net.connect("cue", "cell", nr.AllToAll(1.0), delay=1e-3)
    path = tmp_path_factory.mktemp("run") / "run.h5"
    nr.run(net, 0.01, inputs={"cue": nr.Spikes([1e-3, 2e-3], [0, 1])}).save(path)
    return str(path)


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "chips",
        "chip loihi_davies2018",
        "devices",
        "device ReRamES",
        "energy RUN --chip loihi_davies2018 --dt 1e-3",
        "energy RUN --chip loihi_davies2018 --chip loihi_sanafe --chip loihi2 --chip truenorth --dt 1e-3",
        "map lsm@0.1 --chip mesh:3x3:256 --effort fast",
    ],
)
def test_no_command_cuts_a_table(monkeypatch: pytest.MonkeyPatch, saved_run: str, command: str) -> None:
    """Each table that a command prints is checked entry by entry."""
    seen: list[Table] = []
    monkeypatch.setattr("neuro.report.tables.render", lambda table: seen.append(table) or render(table))
    arguments = [saved_run if word == "RUN" else word for word in command.split()]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": str(min(WIDTHS))})
    assert done.exit_code == 0, done.output
    assert "…" not in done.stdout
    assert seen
    for table in seen:
        for width in WIDTHS:
            check_whole(printed(table, width=width), table, width)


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
