"""`make mutate`: break the code in one place after another, and print the breaks that no test notices.

ONLY=core/scopes.py restricts it to files or folders, SAMPLE=200 SEED=1 to so many mutants by chance, and
TESTS="core runtime" to the tests of some folders; JOBS=2 tries two mutants at once. All work is done in a copy of the
tree.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

from .mutants import Mutant, mutants
from .places import ROOT, SRC, files
from .runs import TESTS, Tree, load

EQUIVALENT = Path(__file__).with_name("equivalent.txt")


def main() -> None:
    """Try the mutants that were asked for; print survivors, and how many were killed in each folder."""
    only, sample, seed = os.environ.get("ONLY", ""), os.environ.get("SAMPLE", ""), os.environ.get("SEED", "1")
    chosen = [(file, one) for file in files(only) for one in mutants(file.read_bytes()) if not is_equivalent(file, one)]
    if sample:
        # In no order: what was tried is a fair sample, too, when the run is ended early.
        chosen = random.Random(int(seed)).sample(chosen, min(int(sample), len(chosen)))
    load()
    tree = Tree(os.environ.get("TESTS", "").split() or TESTS)
    tree.learn()
    count: Counter[tuple[str, str]] = Counter()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        for number, how in tree.outcomes(chosen):
            file, one = chosen[number]
            count[file.parent.relative_to(SRC).as_posix(), how] += 1
            if how in ("alive", "no test"):
                print(f"{how}: {file.relative_to(ROOT)}:{one.line}: {one}", flush=True)
    print(f"{sum(count.values())} of {len(chosen)} mutants were tried")
    for folder in sorted({folder for folder, _ in count}):
        document = {how: number for (name, how), number in sorted(count.items()) if name == folder}
        killed = document.get("failed", 0) + document.get("too slow", 0)
        share = 100 * killed / sum(document.values())
        print(f"{folder}: {killed} of {sum(document.values())} killed, {share:.1f} %; {document}; seed {seed}")


def is_equivalent(file: Path, one: Mutant) -> bool:
    """Tell whether a mutant is listed as one that changes nothing, for the reason that is given there."""
    listed = [line.split(" | ") for line in EQUIVALENT.read_text().splitlines() if line and not line.startswith("#")]
    code = file.read_text().splitlines()[one.line - 1].strip()
    return [str(file.relative_to(SRC)), code, str(one)] in [result[:3] for result in listed]


if __name__ == "__main__":
    main()
