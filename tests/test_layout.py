"""The house keeps its shape: imports run one way, heavy ones come late, and every module can be read."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import neuro
from tests.house import RULES, imported, name_of, part_of, tree_of

PACKAGE = Path(neuro.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
FLOORS = [
    # The ground floor: single modules that everything may use.
    {"errors", "units", "validation", "randomness", "paths", "figures", "jit", "simd"}
    | {"progress", "names", "display", "files", "memory", "system"},
    {"network", "crossbar", "chip", "brian"},
    {"engine"},
    {"accounting"},
    {"mapping"},
    {"learning", "exchange", "training", "gradients"},
    {"report"},
    {"cli", "commands", "tasks", "bench", "sweeps", "__main__"},
]
FLOOR = {part: level for level, parts in enumerate(FLOORS) for part in parts}


def in_package(path: Path) -> str:
    return name_of(PACKAGE, path)


def parts_imported(path: Path) -> set[str]:
    return {module.split(".")[1] for module, *_ in imported(PACKAGE, path) if module.startswith("neuro.")}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rules_of_the_house_are_kept(rule) -> None:
    assert list(rule(PACKAGE)) == []


@pytest.mark.parametrize("path", MODULES, ids=in_package)
def test_imports_run_from_the_roof_to_the_ground(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return
    level = FLOOR[part_of(PACKAGE, path)]
    upward = {part for part in parts_imported(path) if FLOOR.get(part, len(FLOORS)) > level}
    assert not upward, f"{in_package(path)} imports {upward}, which stand above it"


def test_no_two_parts_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        if path != PACKAGE / "__init__.py":
            part = part_of(PACKAGE, path)
            graph.setdefault(part, set()).update(parts_imported(path) - {part})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these parts import each other in a ring: {error.args[1]}")


def test_numba_is_imported_in_three_places() -> None:
    users = {
        in_package(path)
        for path in MODULES
        if any(module.split(".")[0] == "numba" for module, *_ in imported(PACKAGE, path))
    }
    assert users == {"jit.py", "simd.py", "system/kernel_cache.py"}


HEAVY = ("numba", "scipy", "matplotlib", "brian2", "nest", "torch", "networkx", "pandas", "sympy", "xarray", "neo.core")
TOOLS = ("typer", "rich", "pydantic", "h5py")


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import neuro", HEAVY + TOOLS),
        ("import neuro.report", HEAVY + TOOLS),
        ("import neuro.cli", (*HEAVY, "numpy", "pydantic", "h5py")),
    ],
)
def test_what_is_heavy_is_imported_when_it_is_needed(statement: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", MODULES, ids=in_package)
def test_every_module_says_in_a_sentence_what_it_holds(path: Path) -> None:
    first = (ast.get_docstring(tree_of(path)) or "").partition("\n\n")[0]
    assert first, "no docstring"
    assert first.rstrip()[-1] in ".:", f"not a sentence: {first!r}"
