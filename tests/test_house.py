"""The rules of the house find what they forbid, and nothing else."""

from pathlib import Path

import pytest

from tests.house import (
    LONGEST_FUNCTION,
    MOST_LINES,
    MOST_MODULES,
    cycles,
    foreign_names,
    full_folders,
    long_functions,
    long_modules,
    nowhere_to_begin,
    private_words,
    words_of,
)


@pytest.fixture
def make_package(tmp_path):
    """Writes a package from the texts of its files; every folder gets an `__init__.py`."""

    def make(**texts):
        package = tmp_path / "box"
        for name, text in texts.items():
            path = package.joinpath(*name.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
            if not (folder / "__init__.py").exists():
                (folder / "__init__.py").touch()
        return package

    return make


@pytest.mark.parametrize(
    "back",
    [
        "from box.a import one",
        "from box import a",
        "import box.a",
        "from . import a",
        "from .a import one",
        "from ..box.a import one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from box.a import one",
        "def late():\n    from box.a import one",
    ],
)
def test_every_way_to_import_in_a_ring_is_found(make_package, back):
    assert cycles(make_package(a="from box.b import two", b=back)) == ["in a ring: a, b"]


def test_a_ring_through_several_folders_is_one_fault_and_a_line_is_none(make_package):
    package = make_package(
        a="import os\nfrom box.far.b import two",
        far__b="from box.c import three",
        c="from box.far import d",
        far__d="import box.a",
        e="from box.a import one\nfrom box.c import three",
    )
    assert cycles(package) == ["in a ring: a, c, far.b, far.d"]
    (package / "far" / "d.py").write_text("import os")
    assert cycles(package) == []


def test_sizes_are_refused_one_past_the_limit(make_package):
    package = make_package(a="x = 1\n" * MOST_LINES, **{f"m{i}": "" for i in range(MOST_MODULES - 2)})
    assert long_modules(package) == full_folders(package) == []
    (package / "a.py").write_text("x = 1\n" * (MOST_LINES + 1))
    (package / "more.py").touch()
    assert long_modules(package) == [f"a.py: more than {MOST_LINES} lines"]
    assert full_folders(package) == [f".: more than {MOST_MODULES} modules"]


@pytest.mark.parametrize("decorator", ["", "@kernel\n"])
@pytest.mark.parametrize(
    ("above", "more", "found"),
    [
        ("", 0, False),
        ("", 1, True),
        ("# Long: two halves take 1.3 times as long.\n", 1, False),
        ("# Long: two halves take 1.3 times as long,\n# as measured.\n", 1, False),
        ("# a comment\n", 1, True),
        ("# Long: of another function.\nx = 1\n", 1, True),
    ],
)
def test_a_long_function_has_a_reason_above_it(make_package, decorator, above, more, found):
    body = "    x = 1\n" * (LONGEST_FUNCTION - 1 + more)
    package = make_package(a=f"import os\n{above}{decorator}def f():\n{body}")
    assert long_functions(package) == [f"a.py: f has more than {LONGEST_FUNCTION} lines"] * found


def test_an_identifier_has_the_words_that_are_read_in_it():
    assert words_of("_sitDown_at2LIFNeurons") == ["sit", "down", "at", "lif", "neurons"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("desk = 1", "desk"),
        ("def f(a, *, old_lessons=()): pass", "lesson"),
        ("class MagTape: pass", "tape"),
        ("def sit_down(): pass", "sit_down"),
        ("class A:\n    def __init__(self): self.feel = 1", "feel"),
        ("class A:\n    twin: int", "twin"),
        ("import os as elsewhere", "elsewhere"),
        ("for course, x in (): pass", "course"),
        ("f = lambda onto: onto", "onto"),
        ("try: pass\nexcept OSError as spread: pass", "spread"),
        ("match x:\n    case {**y}: pass\n    case [outline, *_]: pass", "outline"),
    ],
)
def test_a_private_word_is_found_in_every_kind_of_name(make_package, text, word):
    (found,) = private_words(make_package(a=text))
    assert found.endswith(f"has the word {word}")


def test_words_of_others_and_words_that_only_contain_one_are_allowed(make_package):
    package = make_package(
        a="import bench\nfigure.outline.set(spread=1)\nadopted = deskew = 'desk'", bench__run="bench = 1"
    )
    assert private_words(package) == []
    (package / "a.py").rename(package / "tape.py").write_text("bench = 1")
    assert private_words(package) == ["tape.py: bench has the word bench", "tape.py: tape has the word tape"]


KERNEL = "from neuro.jit import kernel\n{line}\n@kernel\ndef f(a):\n    return {read}\n"


@pytest.mark.parametrize(
    ("line", "read", "found"),
    [
        ("from box.two.b import g", "g(a)", True),
        ("from box.two.b import LIMIT", "a + LIMIT", True),
        ("from box.two import b", "b.g(a)", True),
        ("from box.two.b import g as h", "h(a)", True),
        ("from box.one.deep.c import g", "g(a)", False),
        ("from box.two.b import g", "a", False),
        ("from box.jit import g", "g(a)", False),
        ("import math", "math.exp(a)", False),
    ],
)
def test_a_kernel_reads_what_is_in_its_own_part_of_the_package(make_package, line, read, found):
    package = make_package(one__a=KERNEL.format(line=line, read=read), two__b="", one__deep__c="", jit="")
    assert bool(foreign_names(package)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Rows; `a.py` comes first.", False),
        ("Rows; `deep/c.py` comes first.", False),
        ("Rows; `b.py` comes first.", True),
        ("Rows.", True),
    ],
)
def test_a_folder_says_which_file_to_open_first(make_package, text, found):
    package = make_package(one__a="", one__deep__c="", **{"one____init__": ""})
    for path in Path(package).rglob("__init__.py"):
        path.write_text('"""`__init__.py`"""')
    (package / "one" / "__init__.py").write_text(f'"""{text}"""')
    assert bool(nowhere_to_begin(package)) == found
