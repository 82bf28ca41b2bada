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
from harness.suite import Failed, Skipped, holds, test

OWN_SERVER = True
SEED = 1
BATCH = 500  # worlds in memory at once: some 40 KiB each with both verdicts, 20 MiB
EARLIER = 2_000  # worlds a release: their informers look ten times a second whether they are in step, so a world takes 0.1 s, and this 200 s
SHOWN = 3  # shrinking takes seconds each


def oracle(options):
    """The real plugins as a filter program."""
    return pathlib.Path(options.peers) / "bin/scheduler-oracle"


def NEEDS(options):
    """Why this cannot run here."""
    return None if oracle(options).exists() else "no scheduler oracle"


def sweep(b, pair, seed, count):
    """Asks both about that many worlds; what they covered, and the worlds on which they differ."""
    coverage, wrong = Coverage(), []
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        worlds = [world(seed, number) for number in numbers]
        for number, made, (ours, theirs) in zip(numbers, worlds, pair.ask(worlds)):
            holds(ours is not None and theirs is not None, f"world {seed}/{number}: a program ended without an answer")
            coverage.add(theirs)
            lines = differences(ours, theirs)
            if lines:
                wrong.append((number, made, lines))
    return coverage, wrong


@test
def random_worlds_get_the_real_schedulers_verdicts(b):
    count, least = (100_000, 200) if b.options.full else (3_000, 20)
    pair, start = Pair(b.options.nodelane, oracle(b.options), b.folder), time.monotonic()
    coverage, wrong = sweep(b, pair, SEED, count)
    table, small = coverage.table(least)
    print(f"{count} worlds in {time.monotonic() - start:.0f} s, {len(wrong)} differ\n{table}", flush=True)
    fail_where(wrong, count, b, pair, SEED)
    holds(not small, "too seldom: " + "; ".join(small))


@test
def earlier_releases_are_answered_for_as_they_decide(b):
    found = sorted(oracle(b.options).parent.glob("scheduler-oracle-1.??"))
    if not (b.options.full and found):
        raise Skipped("runs with --full only, with the schedulers of earlier releases")
    for at, program in enumerate(found):
        release = program.name.rpartition("-")[2]
        pair, count = Pair(b.options.nodelane, program, b.folder, "--kubernetes-version", release), EARLIER
        _, wrong = sweep(b, pair, SEED + 1 + at, count)
        print(f"{count} worlds by {program.name}, {len(wrong)} differ", flush=True)
        fail_where(wrong, count, b, pair, SEED + 1 + at)


def fail_where(wrong, count, b, pair, seed):
    """Fails with the first of the worlds that differ, made small."""
    if wrong:
        raise Failed("\n".join([f"{len(wrong)} of {count} worlds differ by {pair.theirs[0]}"] + [report(b, pair, seed, *each) for each in wrong[:SHOWN]]))


def report(b, pair, seed, number, made, lines):
    """A difference, made small and written down."""
    least, real = pair.shrink(made)
    file = pathlib.Path(b.options.results) / f"difference-{seed}-{number}.json"
    file.write_text(json.dumps({"name": f"world {seed}/{number}: {lines[0]}", "input": least, "oracle": real}))
    return f"world {seed}/{number}, smallest in {file}:\n  " + "\n  ".join(pair.differ([least])[0][:4])
