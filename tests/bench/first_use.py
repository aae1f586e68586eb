"""Seconds until a new process can work: the import, and the first recall of the Braille memory, which compiles.

    python tests/bench/first_use.py [--turns N]

The first recall of each turn has an empty cache of compiled kernels, the next three find it full; every one is in a
process of its own, and its seconds count from before `import neuro`. The difference is what compiling costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

RECALL = """
import json, time
began = time.perf_counter()
import neuro
imported = time.perf_counter() - began
import numpy as np
from neuro.crossbar.factory import Crossbar
from neuro.learning.memory import AssociativeMemory, lower, recall
recall(lower(AssociativeMemory(size=2), Crossbar(np.zeros((2, 2)))), AssociativeMemory(size=2), np.zeros((1, 2)))
print(json.dumps([imported, time.perf_counter() - began]))
"""


def seconds(cache: str) -> tuple[float, float]:
    """Until `neuro` is imported, and until the first recall is done, in a new process."""
    env = {**os.environ, "NUMBA_CACHE_DIR": cache}
    printed = subprocess.run([sys.executable, "-c", RECALL], env=env, stdout=subprocess.PIPE, text=True, check=True)
    imported, recalled = json.loads(printed.stdout)
    return imported, recalled


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    cold, warm, imports = [], [], []
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(seconds(cache)[1])
            for imported, recalled in (seconds(cache) for _ in range(3)):
                imports.append(imported)
                warm.append(recalled)
    for name, values in (("import", imports), ("first recall, cache empty", cold), ("first recall, cache full", warm)):
        print(f"{name:<26} {np.median(values):6.2f} s  ({min(values):.2f} - {max(values):.2f})")
    print(f"{'compiling':<26} {np.median(cold) - np.median(warm):6.2f} s")


if __name__ == "__main__":
    main()
