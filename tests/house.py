"""The rules of the house that the eye misses: each gives the faults of a package, one line of text for each.

`python -m tests.house` shows them.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import networkx as nx

MOST_LINES = 400
LONGEST_FUNCTION = 100
MOST_MODULES = 16
REASON = "# Long:"
KERNELS = {"kernel", "inner", "inlined", "routine"}
SHARED = {"jit", "simd"}
"""Modules whose text is in the digest of every kernel: kernels of all parts may use them."""
PRIVATE_WORDS = {
    *("desk", "bench", "lesson", "course", "tape", "sit_down", "feel", "adopt", "onto", "spread"),
    *("elsewhere", "outline", "lighten", "twin"),
}
ALLOWED_WORDS = {"bench": ("bench", "cli")}
"""Parts of the package in which a word means what everybody means: `neuro bench` is a command."""


def tree_of(path: Path) -> ast.Module:
    return _parsed(path.read_text(encoding="utf-8"))


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def modules(package: Path) -> dict[str, Path]:
    """The files of a package by the names under which they are imported."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def name_of(package: Path, path: Path) -> str:
    return path.relative_to(package).as_posix()


def part_of(package: Path, path: Path) -> str:
    """The folder or module right below the package that a file belongs to."""
    return path.relative_to(package).with_suffix("").parts[0]


def imported(package: Path, path: Path) -> Iterator[tuple[str, str, str]]:
    """What a file imports anywhere in it: the module, the name in it (or nothing), and the name here."""
    here = (package.name, *path.relative_to(package).parent.parts)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            for alias in node.names:
                # `from neuro import tasks` names a module only after the `import`.
                whole = f"{module}.{alias.name}"
                is_module = is_file_of(package, whole)
                yield whole if is_module else module, "" if is_module else alias.name, alias.asname or alias.name


def is_file_of(package: Path, module: str) -> bool:
    path = package.parent.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def cycles(package: Path) -> list[str]:
    """Files that import each other in a ring; imports for type checkers and inside functions count."""
    known = modules(package)
    graph = nx.DiGraph(
        (name, module) for name, path in known.items() for module, *_ in imported(package, path) if module in known
    )
    rings = [sorted(ring) for ring in nx.strongly_connected_components(graph) if len(ring) > 1]
    return sorted(f"in a ring: {', '.join(name.removeprefix(f'{package.name}.') for name in ring)}" for ring in rings)


def full_folders(package: Path) -> list[str]:
    """Folders of too many modules."""
    counts = Counter(path.parent for path in package.rglob("*.py"))
    return [
        f"{name_of(package, folder)}: more than {MOST_MODULES} modules"
        for folder, n in counts.items()
        if n > MOST_MODULES
    ]


def long_modules(package: Path) -> list[str]:
    """Modules of too many lines."""
    found = []
    for path in modules(package).values():
        if path.read_text(encoding="utf-8").count("\n") > MOST_LINES:
            found.append(f"{name_of(package, path)}: more than {MOST_LINES} lines")
    return found


def long_functions(package: Path) -> list[str]:
    """Functions of too many lines that have no comment above them that says why."""
    found = []
    for path in modules(package).values():
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                above = first - 2
                while above > 0 and lines[above].lstrip().startswith("#") and REASON not in lines[above]:
                    above -= 1
                if not lines[above].lstrip().startswith(REASON):
                    found.append(f"{name_of(package, path)}: {node.name} has more than {LONGEST_FUNCTION} lines")
    return found


def words_of(name: str) -> list[str]:
    """The words of an identifier, in small letters: those of `sit_downAt` are sit, down, at."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def names_defined(path: Path) -> Iterator[str]:
    """Every name that a file gives to something; the attributes of other people's objects are theirs."""
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name


def private_words(package: Path) -> list[str]:
    """Names with a word in them that only the authors would understand; its plural counts."""
    found = set()
    for path in modules(package).values():
        folders = path.relative_to(package).with_suffix("").parts
        for name in {*folders, *names_defined(path)}:
            words = words_of(name)
            single = {word for each in words for word in (each, each.removesuffix("s"))}
            pairs = {f"{one}_{two}" for one, two in pairwise(words)}
            for word in PRIVATE_WORDS & (single | pairs):
                if part_of(package, path) not in ALLOWED_WORDS.get(word, ()):
                    found.add(f"{name_of(package, path)}: {name} has the word {word}")
    return sorted(found)


def is_kernel(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Name) and each.id in KERNELS for each in node.decorator_list
    )


def foreign_names(package: Path) -> list[str]:
    """Names of other parts of the package that kernels read.

    The cache of a kernel holds until a file of its own part changes, so it would go on running what it has read
    elsewhere. Numbers from elsewhere are arguments.
    """
    known, found = modules(package), []
    for path in known.values():
        own = SHARED | {part_of(package, path)}
        foreign = {
            here
            for module, _, here in imported(package, path)
            if module in known and part_of(package, known[module]) not in own
        }
        for node in filter(is_kernel, ast.walk(tree_of(path))):
            read = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
            found += [
                f"{name_of(package, path)}: the kernel {node.name} reads {name}" for name in sorted(read & foreign)
            ]
    return found


def nowhere_to_begin(package: Path) -> list[str]:
    """Folders whose docstring names no file to open first, or one that is not there."""
    found = []
    for path in modules(package).values():
        if path.name == "__init__.py":
            named = re.findall(r"`([\w/]+\.py)`", ast.get_docstring(tree_of(path)) or "")
            missing = [name for name in named if not (path.parent / name).is_file()]
            if missing or not named:
                what = f"names {', '.join(missing)}, which is not there" if missing else "names no file to open first"
                found.append(f"{name_of(package, path)}: {what}")
    return found


RULES = (cycles, full_folders, long_modules, long_functions, private_words, foreign_names, nowhere_to_begin)

if __name__ == "__main__":
    print(*(fault for rule in RULES for fault in rule(Path("neuro").resolve())), sep="\n")
