"""Writes crates/place/tests/golden/texts-1.34-1.35.json: what the schedulers of earlier releases say, in every word that there is.

    PYTHONPATH=conformance python3 -m differential.texts FOLDER_OF_ORACLES FILE

Worlds are taken from the golden files beside FILE: of each plugin and reason, of each way in which preemption ends, and of refusals
before any node, the smallest one. Scores are left out: they are those of 1.36 but for NodeResourcesBalancedAllocation.
"""
import json
import pathlib
import re
import sys

from differential.compare import said
from differential.run import Pair

RELEASES, EACH = ["1.34", "1.35"], 1


def cells(oracle):
    """What a verdict is an example of."""
    for line in oracle["nodes"].values():
        yield from ((line[0], re.sub(r'"[^"]*"|\S+/\S+', "*", reason)) for reason in line[1:])
    yield "preemption", re.sub(r"\d+", "*", oracle.get("event", "").partition("preemption: ")[2])[:60]
    yield "event", re.sub(r".*available", "", oracle.get("event", ""))[-30:] if "*prefilter*" in oracle["nodes"] else ""


def main(folder, file):
    """Chooses worlds, asks, writes."""
    golden = pathlib.Path(file).parent
    known = [entry for name in ("plugins", "scenarios", "preemption", "volumes", "found") for entry in json.loads((golden / f"{name}-1.36.3.json").read_text())]
    known.sort(key=lambda entry: len(json.dumps(entry["input"])))
    seen, chosen = {}, []
    for entry in known:
        new = [cell for cell in cells(entry["oracle"]) if seen.get(cell, 0) < EACH] if entry["oracle"].get("event") else []
        if new:
            chosen.append(entry["input"])
            for cell in new:
                seen[cell] = seen.get(cell, 0) + 1
    made = [{"input": world, "oracles": {}} for world in chosen]
    for release in RELEASES:
        pair = Pair("-", pathlib.Path(folder) / f"scheduler-oracle-{release}", pathlib.Path(folder) / "texts")
        for entry, verdict in zip(made, pair.answers(pair.theirs, chosen)):
            kept = {"nodes": {name: said(line) for name, line in verdict["nodes"].items()}}
            entry["oracles"][release] = {**kept, **{key: verdict[key] for key in ("event", "nominated", "victims") if key in verdict}}
    pathlib.Path(file).write_text("[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in made) + "\n]\n")
    print(f"{len(made)} worlds, {len(seen)} cells")


if __name__ == "__main__":
    main(*sys.argv[1:])
