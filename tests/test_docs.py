"""The docs speak of what is there: files, links, tests and names that a page gives exist."""

from __future__ import annotations

import doctest
import functools
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neuro.chip.load import load_chip
from neuro.crossbar.device.schema import DeviceRecord
from neuro.errors import DeviceError
from neuro.figures import read_record
from neuro.tasks import list_tasks, run_task

ROOT = Path(__file__).parents[1]
# Pages of the docs that a build of them has made are not in git, and not looked at.
MADE = {"api.md", "gallery.md", "readme.md", "contributing.md", "changelog.md"}
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in MADE),
]
SOURCES = ("neuro", "tasks", "tests", "models", ".ci", "pyproject.toml", "Makefile", ".pre-commit-config.yaml")

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
PYTHON = re.compile(r"([\w./*-]*\w\.py)\b(?:::(\w+))?")
TEST = re.compile(r"\btest_\w+\b(?!\.py|/)(\.\.\.)?")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
DOTTED = re.compile(r"neuro(?:\.\w+)+")
NAME_IN_FILE = re.compile(r"`([\w.]+)` in\s+`([\w./]+\.py)`")
FILE_WITH_NAME = re.compile(r"`([\w./]+\.py)` \(`([\w.]+)`")

METRICS = {"test_accuracy", "test_accuracy_levels64", "test_error", "test_error_conv", "test_error_levels64"}
"""Figures of reports, named like tests."""

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="no docs beside these tests")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@functools.cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def codes(page: Path) -> Iterator[str]:
    """Everything that a page sets in backticks; blocks of code, fenced or indented, are left out."""
    text = re.sub(r"^ {4}.*$", "", without_fences(text_of(page)), flags=re.MULTILINE)
    if page.parent.name == "coming_from":
        # The first column has the words of the other tool.
        text = re.sub(r"^\|[^|]*\|", "", text, flags=re.MULTILINE)
    yield from CODE.findall(text)


@functools.cache
def sources() -> dict[Path, str]:
    """Text of every source file."""
    found = [path for name in SOURCES for path in (ROOT / name, *(ROOT / name).rglob("*")) if path.is_file()]
    kept = [path for path in found if "__pycache__" not in path.parts and path != Path(__file__)]
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
    for heading in HEADING.findall(without_fences(text_of(page))):
        base = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        names = (base, *(f"{base}-{k}" for k in range(1, 100)))
        found.add(next(name for name in names if name not in found))
    return found


def files_called(name: str) -> list[Path]:
    """Files of this path, or of one that ends in it; a star stands for any name."""
    ending = [path for path in (*sources(), Path(__file__)) if path.as_posix().endswith(f"/{name}")]
    return ending or list(ROOT.glob(name))


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
    """And the tests that stand behind a `::` are in them."""
    wrong = []
    for file, test in {found for code in CODE.findall(text_of(page)) for found in PYTHON.findall(code)}:
        defined = re.compile(rf"^ *(?:def|class) {test}", re.MULTILINE)
        if not any(defined.search(sources()[path]) if test else True for path in files_called(file)):
            wrong.append(f"{file}::{test}" if test else file)
    assert not wrong


@each_page
def test_folders_that_a_page_names_exist(page: Path) -> None:
    folders = {code for code in codes(page) if re.fullmatch(r"(?:neuro|tests|tasks|models|docs)(?:/\w+)*/?", code)}
    assert not [folder for folder in folders if not (ROOT / folder).is_dir()]


@each_page
def test_tests_that_a_page_names_exist(page: Path) -> None:
    """With three dots after it, the name of a test may go on."""
    defined = {name for text in sources().values() for name in re.findall(r"^ *def (test_\w+)", text, re.MULTILINE)}
    defined |= {path.stem for path in sources()}
    wrong = []
    for match in (match for code in codes(page) for match in TEST.finditer(code)):
        name = match[0].removesuffix("...")
        if name in METRICS:
            continue
        if name not in defined and not (match[1] and any(one.startswith(name) for one in defined)):
            wrong.append(name)
    assert not wrong


@each_page
def test_names_stand_in_the_files_that_a_page_gives_for_them(page: Path) -> None:
    """In the forms "`name` in `file.py`" and "`file.py` (`name`"."""
    pairs = NAME_IN_FILE.findall(text_of(page))
    pairs += [(name, file) for file, name in FILE_WITH_NAME.findall(text_of(page))]
    wrong = []
    for name, file in pairs:
        word = re.compile(rf"\b{name.split('.')[-1]}\b")
        if not any(word.search(sources()[path]) for path in files_called(file)):
            wrong.append((name, file))
    assert not wrong


@each_page
def test_dotted_names_that_a_page_gives_can_be_imported(page: Path) -> None:
    wrong = []
    for name in {found for code in codes(page) for found in DOTTED.findall(code) if not found.endswith(".py")}:
        value, done = importlib.import_module("neuro"), "neuro"
        for part in name.split(".")[1:]:
            done += f".{part}"
            try:
                value = getattr(value, part) if hasattr(value, part) else importlib.import_module(done)
            except ImportError:
                wrong.append(name)
                break
    assert not wrong


@each_page
def test_names_in_backticks_occur_in_the_sources(page: Path) -> None:
    """A name that the code has lost, or has changed, must not stay behind in a page."""
    wrong = set()
    for code in codes(page):
        if NAME.fullmatch(code) and not all(part in words() for part in code.removesuffix("()").split(".")):
            wrong.add(code)
    assert not wrong


@pytest.mark.parametrize("page", [page for page in PAGES[2:] if ">>> " in page.read_text(encoding="utf-8")],
                         ids=lambda page: page.name)  # fmt: skip
def test_examples_of_a_page_run(page: Path) -> None:
    if re.search(r"^>>> import .*\btorch\b", text_of(page), re.MULTILINE):
        pytest.importorskip("torch")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testfile(str(page), module_relative=False, optionflags=flags, verbose=False)
    assert result.attempted > 0
    assert not result.failed


def test_the_map_has_every_room() -> None:
    """docs/architecture.md names each folder, and each file at the top of the package."""
    page, package = text_of(ROOT / "docs" / "architecture.md"), ROOT / "neuro"
    rooms = {f"{path.parent.relative_to(ROOT).as_posix()}/" for path in package.rglob("__init__.py")} - {"neuro/"}
    files = {path.relative_to(ROOT).as_posix() for path in package.glob("*.py")}
    assert not [name for name in sorted(rooms | files) if f"`{name}`" not in page]


def test_the_recipes_for_contributors_work(tmp_path: Path, make_task: Callable[[str, str], Path]) -> None:
    sections = text_of(ROOT / "CONTRIBUTING.md").split("\n## Add a ")[1:]
    blocks = {
        section.split("\n")[0]: "".join(re.findall(r"^```\w+\n(.*?)^```", section, re.M | re.S)) for section in sections
    }
    for name in ("device", "chip"):
        (tmp_path / f"my_{name}.toml").write_text(blocks[name], encoding="utf-8")
    assert read_record(tmp_path / "my_device.toml", DeviceRecord, DeviceError, "device").name == "my_device"
    assert load_chip(tmp_path / "my_chip.toml").cores == 16
    make_task("first-spike", blocks["task"])
    assert list(list_tasks()) == ["first-spike"]
    assert run_task("first-spike", preset="paper").metrics["first_spike_s_2"] == pytest.approx(0.01386, rel=1e-3)
