"""`python -m tests.campaign` runs every case and prints how they ended, by callable; it exits with 1 if one is a fault.

`--faults` lists the faults one by one; a word selects the callables that have it in their name.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
from collections import Counter

from tests.campaign.campaign import every_case, verdicts
from tests.campaign.judge import OUTCOMES, Verdict


def table(found: list[Verdict]) -> str:
    """Cases by callable and outcome; columns without a case are left out."""
    counts = Counter((each.name, each.outcome) for each in found)
    shown = [outcome for outcome in OUTCOMES if any(count[1] == outcome for count in counts)]
    names = list(dict.fromkeys(each.name for each in found))
    wide = max(map(len, names), default=5)
    lines = [f"{'':{wide}}  {'cases':>6}  " + "  ".join(shown)]
    for name in [*names, "all"]:
        row = [sum(counts[each, outcome] for each in ([name] if name != "all" else names)) for outcome in shown]
        lines.append(
            f"{name:{wide}}  {sum(row):6}  " + "  ".join(f"{n:{len(o)}}" for n, o in zip(row, shown, strict=True))
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only callables with one of these words in their name")
    parser.add_argument("--faults", action="store_true", help="list the faults")
    options = parser.parse_args()
    faulthandler.dump_traceback_later(600, exit=True)  # compiled code does not hear an alarm
    began = time.perf_counter()
    cases = [case for case in every_case() if not options.words or any(w in case.recipe.name for w in options.words)]
    found = []
    for each in verdicts(cases):
        found.append(each)
        if options.faults and each.fault:
            print(f"{each.outcome}: {each.case}\n    {each.text}"[:400], flush=True)
    print(table(found))
    faults = [each for each in found if each.fault]
    print(f"{len(found):,} cases, {len(faults)} faults, in {time.perf_counter() - began:.0f} s")
    return 1 if faults or not found else 0


if __name__ == "__main__":
    sys.exit(main())
