"""Random worlds, asked of `nodelane place` and of kube-scheduler's own plugins: the same word from every node, the same event, the same scores.

The run ends with a table of what decided in how many worlds; a row that is too small fails, because then the worlds prove nothing about
it. A world on which the two disagree is made small and written beside the results as an entry for crates/place/tests/golden, where every
difference that was ever found stays.
"""
import json
import pathlib
import time

from differential.compare import Coverage, differences
from differential.run import Pair
from differential.worlds import world
from harness.suite import Failed, holds, test

OWN_SERVER = True
SEED = 1
BATCH = 500  # worlds in memory at once: some 40 KiB each with both verdicts, 20 MiB
SHOWN = 3  # shrinking takes seconds each


def oracle(options):
    """The real plugins as a filter program."""
    return pathlib.Path(options.peers) / "bin/scheduler-oracle"


def NEEDS(options):
    """Why this cannot run here."""
    return None if oracle(options).exists() else "no scheduler oracle"


@test
def random_worlds_get_the_real_schedulers_verdicts(b):
    count, least = (100_000, 200) if b.options.full else (3_000, 20)
    pair, coverage, wrong, start = Pair(b.options.nodelane, oracle(b.options), b.folder), Coverage(), [], time.monotonic()
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        worlds = [world(SEED, number) for number in numbers]
        for number, made, (ours, theirs) in zip(numbers, worlds, pair.ask(worlds)):
            holds(ours is not None and theirs is not None, f"world {SEED}/{number}: a program ended without an answer")
            coverage.add(theirs)
            lines = differences(ours, theirs)
            if lines:
                wrong.append((number, made, lines))
    table, small = coverage.table(least)
    print(f"{count} worlds in {time.monotonic() - start:.0f} s, {len(wrong)} differ\n{table}", flush=True)
    if wrong:
        raise Failed("\n".join([f"{len(wrong)} of {count} worlds differ"] + [report(b, pair, *each) for each in wrong[:SHOWN]]))
    holds(not small, "too seldom: " + "; ".join(small))


def report(b, pair, number, made, lines):
    """A difference, made small and written down."""
    least, real = pair.shrink(made)
    file = pathlib.Path(b.options.results) / f"difference-{SEED}-{number}.json"
    file.write_text(json.dumps({"name": f"world {SEED}/{number}: {lines[0]}", "input": least, "oracle": real}))
    return f"world {SEED}/{number}, smallest in {file}:\n  " + "\n  ".join(pair.differ([least])[0][:4])
