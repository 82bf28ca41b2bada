"""Writes crates/place/tests/golden/texts-1.34-1.35.json: what the schedulers of earlier releases say, in every word that there is, and the
scores that they give other than 1.36 does.

    PYTHONPATH=conformance python3 -m differential.texts FOLDER_OF_ORACLES FILE

Worlds are taken from the golden files beside FILE: of each plugin and reason, of each way in which preemption ends, and of refusals
before any node, the smallest one; then the smallest ones in which a node's score is another than that of 1.36.
"""
import json
import pathlib
import re
import sys

from differential.compare import said
from differential.run import Pair

RELEASES, EACH = ["1.34", "1.35"], 1
LOOKED_AT, SCORED = 60, 20  # of worlds in which nodes are scored; each takes 0.1 s a release


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
    pairs = {release: Pair("-", pathlib.Path(folder) / f"scheduler-oracle-{release}", pathlib.Path(folder) / "texts") for release in RELEASES}
    scored = [entry for entry in known if len(entry["oracle"].get("scores", {})) > 1][:LOOKED_AT]
    first = pairs[RELEASES[0]]
    earlier = first.answers(first.theirs, [entry["input"] for entry in scored])
    chosen += [entry["input"] for entry, verdict in zip(scored, earlier) if verdict["scores"] != entry["oracle"]["scores"]][:SCORED]
    made = [{"input": world, "oracles": {}} for world in chosen]
    for release, pair in pairs.items():
        for entry, verdict in zip(made, pair.answers(pair.theirs, chosen)):
            kept = {"nodes": {name: said(line) for name, line in verdict["nodes"].items()}}
            entry["oracles"][release] = {**kept, **{key: verdict[key] for key in ("event", "scores", "nominated", "victims") if key in verdict}}
    pathlib.Path(file).write_text("[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in made) + "\n]\n")
    print(f"{len(made)} worlds, {len(seen)} cells")


if __name__ == "__main__":
    main(*sys.argv[1:])
