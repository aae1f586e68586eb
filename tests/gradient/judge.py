"""`python -m tests.gradient.judge` draws networks of the whole family and compares gradients with differences of runs.

The table has, by kind of parameter, the number of comparisons, and the median and the worst of the relative errors of
the gradient's norm. The command exits with 1 if a median is above 1e-8 or a worst above 1e-6.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.gradient.family import Case, cases, errors, runs

AT_A_TIME = 50
MEDIAN, WORST = 1e-8, 1e-6


def judge_many(count: int, number: int, found: dict[str, list[float]], shown: float) -> int:
    """Judge up to `count` networks of one seed; returns how many ran."""
    done = 0

    @seed(number)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=cases())
    def each(case: Case) -> None:
        nonlocal done
        if not runs(case):
            return
        done += 1
        for kind, error in compared(case, number).items():
            found.setdefault(kind, []).append(error)
            if error > shown:
                print(f"{kind}: {error:.2g}\n{case}\n", flush=True)

    each()
    return done


def compared(case: Case, number: int) -> dict[str, float]:
    """`errors`, with the network if it fails."""
    try:
        return errors(case, number)
    except Exception:
        print(case, flush=True)
        raise


def table(found: dict[str, list[float]]) -> list[tuple[Any, ...]]:
    """Kind, number, median and worst."""
    return [(kind, len(each), float(np.median(each)), max(each)) for kind, each in sorted(found.items())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=float, default=WORST, help="print networks with an error above this")
    given_ = parser.parse_args()
    found: dict[str, list[float]] = {}
    began, done, number = time.perf_counter(), 0, given_.seed
    while done < given_.networks:
        done += judge_many(min(AT_A_TIME, given_.networks - done), number, found, given_.show)
        number += 1
        print(f"{done:,} networks, {time.perf_counter() - began:.0f} s", flush=True)
    print(f"{'kind':12} {'compared':>8} {'median':>8} {'worst':>8}")
    rows = table(found)
    for kind, count, median, worst in rows:
        print(f"{kind:12} {count:8,} {median:8.1e} {worst:8.1e}")
    return 1 if any(median > MEDIAN or worst > WORST for _, _, median, worst in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
