"""The house keeps its shape: imports run one way, heavy ones come late, and every module can be read."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import neuro

PACKAGE = Path(neuro.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
FLOORS = [
    # The ground floor: single modules that everything may use.
    {"errors", "units", "validation", "randomness", "paths", "figures", "jit", "simd", "progress"}
    | {"names", "display", "workers"},
    {"network", "crossbar", "chip"},
    {"engine"},
    {"accounting"},
    {"mapping"},
    {"learning", "exchange", "training"},
    {"report"},
    {"cli", "tasks", "bench"},
]
FLOOR = {part: level for level, parts in enumerate(FLOORS) for part in parts}
LONGEST = 450


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports anywhere in it, those for type checkers included."""
    here = ("neuro", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            # `from neuro import tasks` names a module only after the `import`.
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "neuro" else (module,)


def parts_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("neuro.")}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_from_the_roof_to_the_ground(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return
    level = FLOOR[part_of(path)]
    upward = {part for part in parts_imported(path) if FLOOR.get(part, len(FLOORS)) > level}
    assert not upward, f"{name_of(path)} imports {upward}, which stand above it"


def test_no_two_parts_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        if path != PACKAGE / "__init__.py":
            graph.setdefault(part_of(path), set()).update(parts_imported(path) - {part_of(path)})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these parts import each other in a ring: {error.args[1]}")


def test_numba_is_imported_in_two_places() -> None:
    users = {name_of(path) for path in MODULES if any(n.split(".")[0] == "numba" for n in imports(path))}
    assert users == {"jit.py", "simd.py"}


HEAVY = ("numba", "scipy", "matplotlib", "brian2", "nest", "torch", "networkx", "pandas")
TOOLS = ("typer", "rich", "pydantic", "h5py")


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [("import neuro", HEAVY + TOOLS), ("import neuro.report", HEAVY + TOOLS), ("import neuro.cli", HEAVY)],
)
def test_what_is_heavy_is_imported_when_it_is_needed(statement: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_in_a_sentence_what_it_holds(path: Path) -> None:
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    assert first, "no docstring"
    assert first.rstrip()[-1] in ".:", f"not a sentence: {first!r}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_can_be_read_in_one_sitting(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines < LONGEST
