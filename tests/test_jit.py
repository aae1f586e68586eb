"""A compiled kernel is never older than what it calls, in whatever file that stands."""

import subprocess
import sys

CALLER = """
from neuro.jit import kernel
from box.callee import one
@kernel
def two():
    return one() + 1
"""
CALLEE = """
from neuro.jit import kernel
@kernel
def one():
    return {value}
"""


def test_an_edited_callee_in_another_file_is_compiled_anew(tmp_path, monkeypatch):
    box = tmp_path / "box"
    box.mkdir()
    (box / "__init__.py").touch()
    (box / "caller.py").write_text(CALLER)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    for value in (1, 10):
        (box / "callee.py").write_text(CALLEE.format(value=value))
        printed = subprocess.run(
            [sys.executable, "-c", "from box.caller import two; print(two())"],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        assert int(printed.stdout) == value + 1
