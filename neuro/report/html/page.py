"""`html_report`: one HTML file with all that runs have found, which needs nothing else to be read."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from neuro.display import amount
from neuro.errors import MissingPackage, ParameterError
from neuro.files.writing import check_target, named_errors, write_text
from neuro.report.html.charts import Chart, charts_of, step_of_spikes
from neuro.report.html.comparison import comparison
from neuro.report.html.gather import Run, run_of_results, runs_in
from neuro.report.html.markup import card, table, tiles
from neuro.report.record import plain
from neuro.validation import file_name, text

__all__ = ["html_report"]

MOST_BYTES = 7_500_000
"""Bytes of a page; pictures beyond them are left out."""
MOST_TILES = 6
SHORT_TABLE = 12
"""Rows of metrics from which a table can be searched."""
# Nothing may be fetched; plotly compiles its WebGL shaders' arguments with `Function`.
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"


def html_report(out: str | Path, *runs: object, title: str | None = None) -> Path:
    """Write one HTML file that shows what runs have found: open it in any browser, without a network.

    It has a summary, the spikes as a raster that can be zoomed, sampled voltages, conductances of crossbars, learning
    curves, energy by cause and over the mesh, figures and tables; and of several runs their comparison: the mean of
    each metric over the runs that differ in nothing but their seed, with its standard error. What a run does not have
    is left out.

    Parameters
    ----------
    out
        The file, such as ``report.html``.
    runs
        Folders that ``--out`` wrote, or folders of such folders: ``report.json``, recordings (``.h5``), placements and
        checkpoints of `fit` (``.npz``), figures. Anything else is a result in memory: a `Recording`, `EnergyReport`,
        `Placement`, `Fitted`, crossbar, or the `Report` of a task; all of these are shown as one run.
    title
        Heading of the page; None: made from the runs.

    Returns
    -------
    The path of the file.

    Raises
    ------
    ParameterError
        If there is no run, or one of them is nothing that can be shown.
    DataError
        If there is no such folder (this is a FileNotFoundError, too).
    InputError
        If a folder has nothing to show, or its report is damaged.
    FileError
        If the file cannot be written.
    MissingPackage
        If plotly is not installed: it is the extra ``report``.

    Examples
    --------
    >>> import neuro as nr, tempfile
    >>> net = nr.Network()
    >>> cell = net.add(nr.Population("cell", 2, nr.LIF(tau_m=20e-3, v_th=1.0, bias=1.5)))
    >>> recording = nr.run(net, 0.1, record=nr.Record(v={"cell": [0, 1]}))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = nr.html_report(f"{folder}/report.html", recording, title="Two cells")
    ...     "Voltages of cell" in page.read_text()
    True
    """
    target = file_name(out, "html_report, out")
    if title is not None:
        text(title, "html_report, title")
    if not runs:
        rule = "there must be a folder, or a result, to show"
        raise ParameterError(rule, where="html_report, runs", value="none")
    if any(isinstance(each, str) and not each for each in runs):
        raise ParameterError("the name of a folder must not be empty", where="html_report, runs", value="''")
    folders = [Path(each) for each in runs if isinstance(each, str | os.PathLike) and not isinstance(each, bytes)]
    results = [each for each in runs if not isinstance(each, str | os.PathLike)]
    found = runs_in(folders)
    check_target(target)  # after the folders: the file may lie in one of them
    if results:
        found.append(run_of_results(title or "results", results))
    write_text(target, page_of(found, title or _title(found)))
    return target


def page_of(runs: Sequence[Run], title: str) -> str:
    """The page of some runs."""
    charts: list[Chart] = []
    step = step_of_spikes(runs)
    panels = [(run.name, _panel(run, charts, step)) for run in runs]
    if len(runs) > 1:
        panels.insert(0, ("Comparison", comparison(runs, charts)))
    files = ("page.css", "spikes.js", "page.js")
    parts = {name: resources.files(__package__).joinpath(name).read_text("utf-8") for name in files}
    data = json.dumps(plain(charts), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    scripts = f'<script id="charts" type="application/json">{data}</script>'
    scripts += f"<script>{_plotly()}</script><script>{parts['spikes.js']}</script>"
    scripts += f"<script>{parts['page.js']}</script>"
    room = MOST_BYTES - len(scripts.encode())
    body = _body(panels, runs, room)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{parts['page.css']}</style></head>\n<body>"
        '<a class="skip" href="#content">To the results</a>'
        f'<header class="top"><div><div class="mark">neuro</div><h1>{escape(title)}</h1>'
        f'<p class="sub">{escape(_subtitle(runs))}</p></div><button id="theme" type="button">Dark</button></header>'
        f'\n<main id="content">{body}</main>\n<footer>{escape(_origin(runs))}</footer>\n{scripts}</body></html>\n'
    )


def _body(panels: Sequence[tuple[str, str]], runs: Sequence[Run], room: int) -> str:
    """Panels under tabs, or the only one without; pictures as far as there is room."""
    room -= sum(len(content.encode()) for _, content in panels) + 20_000
    pictures = {}
    for run in runs:
        pictures[run.name], room = _pictures(run, room)
    contents = [(name, content + pictures.get(name, "")) for name, content in panels]
    if len(contents) == 1:
        return f'<div class="panel">{contents[0][1]}</div>'
    tabs = "".join(
        f'<button type="button" role="tab" id="tab{k}" aria-controls="panel{k}" aria-selected="{str(k == 0).lower()}"'
        f' tabindex="{0 if k == 0 else -1}">{escape(name)}</button>'
        for k, (name, _) in enumerate(contents)
    )
    shown = "".join(
        f'<div class="panel" role="tabpanel" id="panel{k}" aria-labelledby="tab{k}"{"" if k == 0 else " hidden"}>'
        f"{content}</div>"
        for k, (_, content) in enumerate(contents)
    )
    return f'<div class="tabs" role="tablist" aria-label="Runs">{tabs}</div>{shown}'


def _panel(run: Run, charts: list[Chart], step: int) -> str:
    """All of a run but its pictures; its charts are added to `charts`."""
    metrics = run.record.get("metrics") or {}
    parts = [tiles(list(_first(metrics) if metrics else _facts(run)))]
    cards = []
    for chart in charts_of(run, step):
        cards.append(card(len(charts), chart, wide=chart["kind"] in ("raster", "trace", "energy")))
        charts.append(chart)
    if metrics:
        rows = [(name, value) for name, value in metrics.items()]
        cards.append(table("Metrics", ("metric", "value"), rows, search=len(rows) > SHORT_TABLE))
    for each in run.record.get("tables", ()):
        if each.get("rows"):
            cards.append(table(each.get("title", ""), each["columns"], each["rows"], wide=len(each["columns"]) > 3))
    for heading, key in (("Settings", "config"), ("Where it is from", "provenance")):
        if run.record.get(key):
            cards.append(table(heading, ("name", "value"), list(_flat(run.record[key])), folded=True))
    return "".join([*parts, f'<div class="grid">{"".join(cards)}</div>' if cards else ""])


def _first(metrics: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    names = [name for name in metrics if "standard_error" not in name]
    yield from ((name, metrics[name]) for name in names[:MOST_TILES])


def _facts(run: Run) -> Iterator[tuple[str, object]]:
    """What is known of a run without a report."""
    for recording in run.recordings.values():
        yield "simulated seconds", recording.stop - recording.start
        yield "spikes", sum(len(spikes) for spikes in recording.spikes.values())
        yield "synaptic events", int(sum(recording.events.values()))
    for name, bill in run.bills.items():
        yield f"on {name}", amount(bill.total, "J")


def _flat(entries: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for name, value in entries.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name} / ")
        else:
            yield f"{path}{name}", ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _pictures(run: Run, room: int) -> tuple[str, int]:
    """The figures of a run inside the page, and the bytes that are left."""
    shown, left_out = [], []
    for name, path in run.pictures.items():
        with named_errors(path, "read"):
            if path.stat().st_size + 500 > room:
                left_out.append(path.name)
                continue
            content = path.read_bytes()
        source = base64.b64encode(content).decode("ascii")
        if len(source) + 500 > room:
            left_out.append(path.name)
            continue
        room -= len(source) + 500
        kind = "png" if path.suffix.lower() == ".png" else "jpeg"
        caption = escape(name.replace("_", " "))
        image = f'<img alt="Figure: {caption}" src="data:image/{kind};base64,{source}" loading="lazy">'
        shown.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    if not shown and not left_out:
        return "", room
    note = f'<p class="note">Too large for this page: {escape(", ".join(left_out))}</p>' if left_out else ""
    heading = "<header><h2>Figures</h2></header>"
    grid = f'<div class="pictures">{"".join(shown)}</div>'
    return f'<section class="card" style="margin-top:16px">{heading}{grid}{note}</section>', room


def _title(runs: Sequence[Run]) -> str:
    tasks = list(dict.fromkeys(str(run.record.get("task") or run.name) for run in runs))
    return ", ".join(tasks) if len(tasks) < 4 else f"{len(runs)} runs"


def _subtitle(runs: Sequence[Run]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} runs"
    record = runs[0].record
    found = record.get("provenance") or {}
    parts = [f"preset {record['preset']}" if record.get("preset") else ""]
    parts.append(f"seed {found['seed']}" if found.get("seed") is not None else "")
    if isinstance(found.get("wall_seconds"), int | float):
        parts.append(f"{found['wall_seconds']:,.1f} s")
    parts.append(str(found.get("started") or "")[:10])
    return " · ".join(part for part in parts if part)


def _origin(runs: Sequence[Run]) -> str:
    from neuro.report.origin import versions

    now = versions()
    made = f"Written by neuro {now['neuro']}."
    revisions = {str((run.record.get("provenance") or {}).get("git_revision") or "")[:12] for run in runs} - {""}
    return made + (f" Runs of revision {', '.join(sorted(revisions))}." if revisions else "")


def _plotly() -> str:
    """The text of plotly.js, which the package plotly brings along."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        remedy = "pip install 'neuro-events[report]'"
        raise MissingPackage("plotly is not installed", where="html_report", remedy=remedy) from None
    # A closing tag in a text of the script would end it.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
