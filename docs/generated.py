"""Pages that are made from the package: the API reference and the gallery; git does not keep them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neuro
from neuro.tasks import list_tasks

__all__ = ["write_all"]

PARTS = {
    "network": "Networks",
    "engine": "Runs and recordings",
    "crossbar": "Devices and crossbars",
    "chip": "Chips and placements",
    "mapping": "Mapping",
    "accounting": "Energy",
    "learning": "Learning",
    "gradients": "Exact gradients",
    "training": "Surrogate gradients",
    "exchange": "Exchange with other tools",
    "report": "Plots and reports",
}
"""Headings of the reference, by part of the package; what is elsewhere comes last."""
PAGES = {"store-recall": "sequences", "microcircuit": "published_networks"}
"""Pages of tasks whose names are not that of the task."""
MEASURED = re.compile(r"\s*([-+]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?)(?:\s*±\s*(\d[\d,]*\.?\d*(?:e[-+]?\d+)?))?(?:\s.*|%)?")


def write_all(docs: Path) -> None:
    """Write the reference, the gallery with its pictures, and the pages from the top of the checkout."""
    _write(docs / "api.md", "\n".join(_reference()))
    _write(docs / "gallery.md", "\n".join(_gallery(docs)))
    for name in ("README", "CONTRIBUTING", "CHANGELOG"):
        _write(docs / f"{name.lower()}.md", _moved((docs.parent / f"{name}.md").read_text(encoding="utf-8")))


def _moved(text: str) -> str:
    """A page from the top of the checkout, with its links as they are in the folder of the docs."""
    text = text.replace("](docs/", "](")
    for name in ("README", "CONTRIBUTING", "CHANGELOG"):
        text = text.replace(f"]({name}.md", f"]({name.lower()}.md")
    return re.sub(r"\]\((?=(?:CITATION.cff|LICENSE)\))", "](../", text)


def _write(path: Path, text: str) -> None:
    """Sphinx builds a page anew when its file is newer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _reference() -> Iterator[str]:
    yield "# Reference\n"
    yield "Every public name, as `import neuro as nr` has it: `nr.Network`, `nr.run`. Units are those of SI.\n"
    places = dict.fromkeys(PARTS, "")
    for name in neuro.__all__:
        value = getattr(neuro, name)
        part = value.__module__.split(".")[1]
        kind = "function" if not isinstance(value, type) else "exception" if _is_error(value) else "class"
        members = "\n:members:\n:inherited-members: tuple, object" if kind == "class" else ""
        directive = f"```{{eval-rst}}\n.. auto{kind}:: neuro.{name}{members.replace(chr(10), chr(10) + '   ')}\n```\n"
        places[part] = places.get(part, "") + directive
    for part, content in places.items():
        if content:
            yield f"## {PARTS.get(part, part.capitalize())}\n"
            yield content


def _is_error(value: type) -> bool:
    return issubclass(value, Exception)


def _gallery(docs: Path) -> Iterator[str]:
    """The figures of kept results, drawn from their records."""
    yield "# Gallery\n"
    yield "What tasks have found, drawn from the reports in `models/results`. Each task's page says how it was run.\n"
    sentences = list_tasks()
    for record in sorted((docs.parent / "models" / "results").glob("*/*.json")):
        report = json.loads(record.read_text(encoding="utf-8"))
        task = str(report["task"])
        pictures = list(_pictures(report, docs / "images" / "gallery", record.parent.name + "-" + record.stem))
        if not pictures:
            continue
        yield f"## {record.parent.name}: {record.stem.replace('_', ' ')}\n"
        yield sentences.get(task, "") + "\n"
        page = PAGES.get(task, task.replace("-", "_"))
        if (docs / f"{page}.md").exists():
            yield f"More in [{page}.md]({page}.md).\n"
        yield from (f"![{title}](images/gallery/{name})\n\n*{title}*\n" for title, name in pictures)


def _pictures(report: Any, folder: Path, stem: str) -> Iterator[tuple[str, str]]:
    """One picture for each table that has numbers: the columns of one scale, by the texts before them."""
    for index, table in enumerate(report["tables"]):
        rows = [row for row in table["rows"] if len(row) > 1][:16]
        found = {k: [MEASURED.fullmatch(str(row[k])) for row in rows] for k in range(1, len(table["columns"]))}
        measured = {
            k: [[float((each or "0").replace(",", "")) for each in match.groups()] for match in matches if match]
            for k, matches in found.items()
            if len(rows) > 1 and all(matches)
        }
        if not measured:
            continue
        first = min(measured)
        size = max(value for value, _ in measured[first])
        alike = [k for k in measured if size / 10 < max(value for value, _ in measured[k]) < size * 10][:4]
        labels = [", ".join(str(entry) for entry in row[:first]) for row in rows]
        name = f"{stem}-{index}.png"
        _draw(folder / name, labels, {str(table["columns"][k]): measured[k] for k in alike or [first]})
        yield str(table["title"]), name


def _draw(path: Path, labels: list[str], columns: dict[str, list[list[float]]]) -> None:
    from neuro.report.style import canvas, colour, save, styled

    path.parent.mkdir(parents=True, exist_ok=True)
    height = 0.8 / len(columns)
    with styled():
        size = 1.0 + len(labels) * max(0.3, 0.16 * len(columns))
        figure, axes = canvas(7.2, size, "", next(iter(columns)) if len(columns) == 1 else "", "")
        for index, (name, values) in enumerate(columns.items()):
            places = [k + height * (index - (len(columns) - 1) / 2) for k in range(len(labels))]
            errors = [error for _, error in values]
            bars: dict[str, Any] = {"xerr": errors, "ecolor": "#24292f", "capsize": 2.0} if any(errors) else {}
            axes.barh(places, [value for value, _ in values], color=colour(index), height=height, label=name, **bars)
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        if len(columns) > 1:
            figure.legend(loc="outside lower center", ncols=2)
    save(figure, path)
