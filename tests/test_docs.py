"""The docs speak of what is there: files, links, tests and names that a page gives exist."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [page for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))]
SOURCES = ("neuro", "tasks", "tests", "models", ".ci")

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PYTHON = re.compile(r"[\w./*-]*\w\.py\b(?:::\w+)?")
TEST = re.compile(r"\btest_\w+\b(?!\.py|/)(\.\.\.)?")
DOTTED = re.compile(r"neuro(?:\.\w+)+")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="no docs beside these tests")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_blocks(text: str) -> str:
    """The prose of a page: neither fenced nor indented blocks of code."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^ {4}(?! *[-*\d]).*$", "", text, flags=re.MULTILINE)


def codes(page: Path) -> Iterator[str]:
    """Everything that the prose sets in backticks."""
    yield from CODE.findall(without_blocks(text_of(page)))


@functools.cache
def sources() -> dict[Path, str]:
    """Text of every source file, caches apart."""
    found = [path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.is_file()]
    found += [path for path in (ROOT / "pyproject.toml", ROOT / "Makefile", *ROOT.glob(".pre-commit*")) if path.exists()]
    kept = [path for path in found if "__pycache__" not in path.parts and path.name != Path(__file__).name]
    return {path: path.read_text(encoding="utf-8", errors="ignore") for path in kept}


@functools.cache
def words() -> frozenset[str]:
    """Every word of the sources, and the names of their files and folders."""
    found = set(re.findall(r"[A-Za-z_]\w*", "\n".join(sources().values())))
    return frozenset(found | {part.partition(".")[0] for path in sources() for part in path.relative_to(ROOT).parts})


@functools.cache
def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as code hosts make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*)$", re.sub(r"^```.*?^```", "", text_of(page), flags=re.S | re.M), re.MULTILINE):
        base = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        names = (base, *(f"{base}-{k}" for k in range(1, 100)))
        found.add(next(name for name in names if name not in found))
    return found


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    wrong = []
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert not wrong


@each_page
def test_python_files_that_a_page_names_exist(page: Path) -> None:
    """Whole, or without the first of its folders; with `::`, the test or class is in it."""
    known = [*sources(), Path(__file__)]
    wrong = []
    for given in {found for code in CODE.findall(text_of(page)) for found in PYTHON.findall(code)}:
        file, _, test = given.partition("::")
        name = Path(file).name
        exists = bool(list(ROOT.glob(file))) or any(path.as_posix().endswith(f"/{file}") for path in known)
        where = [text for path, text in sources().items() if path.name == name]
        if not exists or (test and not any(re.search(rf"^ *(?:def|class) {test}", text, re.MULTILINE) for text in where)):
            wrong.append(given)
    assert not wrong


@each_page
def test_folders_that_a_page_names_exist(page: Path) -> None:
    folders = {code for code in codes(page) if re.fullmatch(r"(?:neuro|tests|tasks|models|docs)(?:/\w+)*/?", code)}
    assert not [folder for folder in folders if not (ROOT / folder).is_dir()]


@each_page
def test_tests_that_a_page_names_exist(page: Path) -> None:
    defined = {name for text in sources().values() for name in re.findall(r"^ *def (test_\w+)", text, re.MULTILINE)}
    defined |= {path.stem for path in sources()}
    wrong = []
    for code in codes(page):
        for match in TEST.finditer(code):
            name = match[0].removesuffix("...")
            if not (any(one.startswith(name) for one in defined) if match[1] else name in defined):
                wrong.append(name)
    assert not wrong


@each_page
def test_dotted_names_that_a_page_gives_can_be_imported(page: Path) -> None:
    wrong = []
    for name in {found for code in codes(page) for found in DOTTED.findall(code) if not found.endswith(".py")}:
        parts = name.split(".")
        value, done = importlib.import_module("neuro"), "neuro"
        for part in parts[1:]:
            done += f".{part}"
            try:
                value = getattr(value, part) if hasattr(value, part) else importlib.import_module(done)
            except ImportError:
                wrong.append(name)
                break
    assert not wrong


@each_page
def test_names_in_backticks_occur_in_the_sources(page: Path) -> None:
    """A name that the code has lost, or calls otherwise now, must not stay behind in a page."""
    wrong = set()
    for code in codes(page):
        if NAME.fullmatch(code) and not all(part in words() for part in code.removesuffix("()").split(".")):
            wrong.add(code)
    assert not wrong


def test_the_map_has_every_room() -> None:
    """docs/architecture.md names each folder and each file at the top of the package."""
    page = text_of(ROOT / "docs" / "architecture.md")
    package = ROOT / "neuro"
    rooms = {path.parent.relative_to(ROOT).as_posix() + "/" for path in package.rglob("__init__.py")} - {"neuro/"}
    files = {path.relative_to(ROOT).as_posix() for path in package.glob("*.py")}
    assert not [name for name in sorted(rooms | files) if f"`{name}`" not in page]
