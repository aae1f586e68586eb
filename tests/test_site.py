"""The built docs: the reference has every public name, and every tutorial ran."""

from __future__ import annotations

import importlib.util
import re
import zlib
from pathlib import Path
from types import ModuleType

import pytest

import neuro as nr

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "docs"
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="no docs beside these tests")
built = pytest.mark.skipif(not (SITE / "objects.inv").exists(), reason="`make docs` has not been run")


def made_pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_pages", ROOT / "docs" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_lists_every_public_name_once() -> None:
    text = "\n".join(made_pages()._reference())
    listed = re.findall(r"^\.\. auto(?:class|function|exception):: neuro\.(\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(nr.__all__)


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_is_numbered_and_has_code_to_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.search(rf"^# {page.stem.partition('_')[0]}\. ", text, re.MULTILINE)
    assert text.count("```{code-cell} ipython3\n") >= 4


@built
def test_every_public_name_is_in_the_inventory() -> None:
    raw = (SITE / "objects.inv").read_bytes().split(b"\n", 4)[4]
    names = {line.split()[0] for line in zlib.decompress(raw).decode().splitlines() if " py:" in line}
    assert {f"neuro.{name}" for name in nr.__all__} <= names


@built
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_every_tutorial_ran(page: Path) -> None:
    """Each page of a tutorial has the outputs of its cells, figures among them."""
    html = (SITE / "tutorials" / f"{page.stem}.html").read_text(encoding="utf-8")
    assert html.count("cell_output") >= 4
    plots = len(re.findall(r";\n```$", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert html.count('src="../_images/') == plots
    assert "Traceback" not in html
