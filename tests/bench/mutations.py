"""Mutants: small changes of the Python half of a module, found in its syntax tree and made as it is imported."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.house import KERNELS, name_of

ROOT = Path(__file__).parents[2]

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
    **{ast.LShift: ast.RShift, ast.RShift: ast.LShift},
}
SHOWN = {"__repr__", "__str__", "_repr_html_", "_display"}
"""Methods that make texts."""
SETTINGS = {"repr", "compare", "hash", "init", "kw_only", "slots", "frozen", "stacklevel", "strict", "copy"}
"""Arguments that say how a class is made, where a warning points, or what changes no result."""


@dataclass(frozen=True)
class Mutant:
    """One change of a module."""

    room: str
    file: str
    """From the root of the checkout."""
    number: int
    """Of the change among those of its module."""
    line: int
    old: str
    new: str
    source: str
    """The line as it is."""
    lines: tuple[int, ...] = field(compare=False)
    """The lines of the statement, for what reaches it."""
    at_import: bool
    """Does the code run as the module is imported?"""

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class Changes(ast.NodeTransformer):
    """Finds the changes that a module offers, and makes the one of the number `only`."""

    def __init__(self, tree: ast.Module, only: int | None = None) -> None:
        self.found: list[tuple[ast.AST, str, str, tuple[int, ...], bool]] = []
        self.only, self.depth, self.lines = only, 0, (1,)
        kernels = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and self._compiled(node)]
        # numba puts the value of a constant into machine code, which is cached.
        self.constants = {part.id for node in kernels for part in ast.walk(node) if isinstance(part, ast.Name)}
        self.tree = self.visit(tree)

    @staticmethod
    def _compiled(node: ast.FunctionDef) -> bool:
        return any(isinstance(part, ast.Name) and part.id in KERNELS for part in node.decorator_list)

    def offer(self, node: Any, new: Any) -> Any:
        """A change of `node` into `new`; gives the one that is to stand there."""
        number = len(self.found)
        new = ast.fix_missing_locations(ast.copy_location(new, node))
        self.found.append((node, ast.unparse(node), ast.unparse(new), self.lines, self.depth == 0))
        return new if number == self.only else None

    def visit(self, node: Any) -> Any:
        """Visit below first, then offer the changes of the node itself."""
        outer = self.lines
        if isinstance(node, ast.stmt):
            head = getattr(node, "body", None)  # of a compound statement, its head alone
            last = head[0].lineno - 1 if head and isinstance(head, list) else node.end_lineno
            self.lines = tuple(range(node.lineno, max(node.lineno, last) + 1))
        try:
            return super().visit(node)
        finally:
            self.lines = outer

    def generic_visit(self, node: Any) -> Any:
        """Below all nodes, but not into hints."""
        for name in ("annotation", "returns", "type_comment"):
            if hasattr(node, name):
                held = getattr(node, name)
                setattr(node, name, None)
                super().generic_visit(node)
                setattr(node, name, held)
                return node
        return super().generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """Not into kernels, nor into what makes texts; defaults are evaluated outside."""
        if self._compiled(node) or node.name in SHOWN:
            return node
        node.args.defaults = [self.visit(part) for part in node.args.defaults]
        node.args.kw_defaults = [part and self.visit(part) for part in node.args.kw_defaults]
        self.depth += 1
        node.body = [self.visit(part) for part in node.body]
        self.depth -= 1
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """Not into decorators."""
        node.body = [self.visit(part) for part in node.body]
        return node

    def _as_it_is(self, node: Any) -> Any:
        return node

    visit_Assert = visit_JoinedStr = visit_Import = visit_ImportFrom = _as_it_is

    def visit_If(self, node: ast.If) -> Any:
        """Not where only type checkers look."""
        return node if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> Any:
        """An error that is not raised; not into its text."""
        return self.offer(node, ast.Pass()) or node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Not `__all__`, nor constants that kernels read, nor names of types."""
        names = {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        alias = not self.depth and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.BitOr)
        kept = not self.depth and names & ({"__all__", "__slots__"} | self.constants)
        return node if kept or alias else self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Not constants that kernels read."""
        kept = not self.depth and isinstance(node.target, ast.Name) and node.target.id in self.constants
        return node if kept else self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        """A call whose result nobody takes is left out; docstrings stay."""
        if isinstance(node.value, ast.Constant):
            return node
        self.generic_visit(node)
        called = isinstance(node.value, ast.Call) and not ast.unparse(node.value.func).startswith(("super", "warn"))
        return (called and self.offer(node, ast.Pass())) or node

    def visit_Return(self, node: ast.Return) -> Any:
        """Nothing is returned instead of something."""
        self.generic_visit(node)
        if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
            return node
        return self.offer(node, ast.Return(None)) or node

    def visit_Call(self, node: ast.Call) -> Any:
        """Not into the types of `isinstance`, nor into how a class is made."""
        if isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "cast", "TypeVar", "NewType"):
            return node
        held = [part for part in node.keywords if part.arg in SETTINGS]
        node.keywords = [part for part in node.keywords if part.arg not in SETTINGS]
        self.generic_visit(node)
        node.keywords += held
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        """A boundary moves, or a relation turns into its opposite."""
        self.generic_visit(node)
        for k, op in enumerate(node.ops):
            ops = [*node.ops[:k], SWAPS[type(op)](), *node.ops[k + 1 :]]
            if new := self.offer(node, ast.Compare(node.left, ops, node.comparators)):
                return new
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """`and` for `or`."""
        self.generic_visit(node)
        return self.offer(node, ast.BoolOp(SWAPS[type(node.op)](), node.values)) or node

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        """Another operator; texts are not arithmetic."""
        self.generic_visit(node)
        text = any(isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", 0), str | bytes)
                   for side in (node.left, node.right))  # fmt: skip
        if text or type(node.op) not in SWAPS:
            return node
        return self.offer(node, ast.BinOp(node.left, SWAPS[type(node.op)](), node.right)) or node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """Another operator."""
        self.generic_visit(node)
        if type(node.op) not in SWAPS:
            return node
        return self.offer(node, ast.AugAssign(node.target, SWAPS[type(node.op)](), node.value)) or node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """A sign or a `not` is left out."""
        self.generic_visit(node)
        return self.offer(node, node.operand) or node

    def visit_Constant(self, node: ast.Constant) -> Any:
        """One more, or the other truth value."""
        if not isinstance(node.value, bool | int | float):
            return node
        value = not node.value if isinstance(node.value, bool) else node.value + 1
        return self.offer(node, ast.Constant(value)) or node

    def visit_Slice(self, node: ast.Slice) -> Any:
        """A bound moves by one; one that is a number does so by itself."""
        self.generic_visit(node)
        for name in ("lower", "upper"):
            bound = getattr(node, name)
            if bound is not None and not isinstance(bound, ast.Constant):
                parts = {"lower": node.lower, "upper": node.upper, "step": node.step}
                moved = ast.BinOp(bound, ast.Add(), ast.Constant(1))
                if new := self.offer(node, ast.Slice(**{**parts, name: moved})):
                    return new
        return node


def mutants_of(room: str, path: Path) -> list[Mutant]:
    """All mutants of a file."""
    text = path.read_text(encoding="utf-8")
    source = text.splitlines()
    found = []
    for number, (node, old, new, lines, at_import) in enumerate(Changes(ast.parse(text)).found):
        line = getattr(node, "lineno", lines[0])
        where = name_of(ROOT, path), number, line
        found.append(Mutant(room, *where, old, new, source[line - 1].strip(), lines, at_import))
    return found


class Changed(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module with a change."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(ROOT / mutant.file))
        self.number = mutant.number

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module itself alone."""
        if name != self.name:
            return None
        folder = [str(Path(self.path).parent)] if self.path.endswith("__init__.py") else None
        spec = importlib.machinery.ModuleSpec(name, self, origin=self.path, is_package=folder is not None)
        spec.submodule_search_locations, spec.has_location = folder, True
        return spec

    def get_code(self, name: str) -> Any:
        """The changed tree, compiled."""
        tree = Changes(ast.parse(Path(self.path).read_text(encoding="utf-8")), self.number).tree
        return compile(tree, self.path, "exec", dont_inherit=True)
