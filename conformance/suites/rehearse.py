"""`nodelane rehearse` on the examples: every metric computed again from its JSON, by other code than ours.

Only the JSON of a run and the scenario's own assertions are read. Lowest and highest values are of the sums over pools at the moments
at which any of them changed; percentiles are by nearest rank (the value at place ceil(p/100 x n) of n sorted ones).
"""
import copy
import json
import math
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree as xml
from datetime import datetime

import yaml

from harness.suite import holds, same, test

OWN_SERVER = True
EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
SCENARIOS = sorted(p for p in EXAMPLES.rglob("*.yaml") if p.stem in ("before", "after"))
METRICS = ["nodes", "unready", "price", "churn", "operations_failed", "budget_violations", "pending_p95", "pending_max"]


def rehearse(b, *arguments, env=None):
    """A run of the command."""
    return subprocess.run([b.options.nodelane, "rehearse", *arguments], capture_output=True, text=True, timeout=300, env=dict(os.environ, **(env or {})))


def result(b, path, *more):
    """What a scenario leaves, and its exit code."""
    done = rehearse(b, path, "-o", "json", *more)
    holds(done.returncode in (0, 1), f"{path}: {done.returncode} {done.stderr[-500:]}")
    return json.loads(done.stdout), done.returncode


def seconds(text):
    """Seconds since the epoch of an RFC 3339 time."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def span(value):
    """Seconds of a scenario's duration."""
    if isinstance(value, (int, float)):
        return float(value)
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(float(n) * units[u or "s"] for n, u in re.findall(r"([0-9.]+)(ms|s|m|h|d)?", value))


def is_pool(wanted, cluster, pool):
    """Whether `pool` or `cluster/pool` names this one."""
    return wanted is None or wanted == pool or wanted == f"{cluster}/{pool}"


def bounds(run, metric, subject):
    """Lowest and highest of a metric; None where there is nothing to measure."""
    length = seconds(run["until"]) - seconds(run["start"])
    if metric in ("nodes", "unready", "price"):
        of = {"nodes": lambda r: r["nodes"], "unready": lambda r: r["nodes"] - r["ready"], "price": lambda r: r["pricePerHour"]}[metric]
        moments, now, seen = {}, {}, []
        for row in run["timeline"]:
            if is_pool(subject, row["cluster"], row["pool"]):
                moments.setdefault(row["at"], []).append(row)
        for rows in moments.values():
            now.update({(r["cluster"], r["pool"]): of(r) for r in rows})
            seen.append(sum(now.values()))
        return (min(seen), max(seen)) if seen else None
    if metric.startswith("pending"):
        name = subject.split("/")[-1] if subject else None
        waits = sorted(seconds(p["bound"] or p["deleted"] or run["until"]) - seconds(p["created"]) for p in run["pods"] if name in (None, p["workload"]))
        if not waits:
            return None
        place = math.ceil(0.95 * len(waits)) if metric == "pending_p95" else len(waits)
        return (waits[place - 1],) * 2
    if metric == "churn":
        moved = [d for d in run["decisions"] if d["action"] in ("remove", "reimage") and is_pool(subject, *d["subject"].split("/")[:2])]
        return (len(moved) / (length / 3600),) * 2
    if metric == "budget_violations":
        return (sum(d["action"] == "violate" for d in run["decisions"]),) * 2
    return (sum(o["outcome"] == "Failed" and is_pool(subject, o["cluster"], o["pool"]) for o in run["operations"]),) * 2


def expected(run, assertion):
    """The rows that an assertion should give."""
    if "operation" in assertion:
        pool = assertion.get("pool")
        meant = [o for o in run["operations"] if assertion["operation"] in ("any", o["kind"]) and is_pool(pool, o["cluster"], o["pool"])]
        lengths = [o["end"] and seconds(o["end"]) - seconds(o["start"]) for o in meant]
        value = max(lengths) if lengths and all(v is not None for v in lengths) else None
        limit = span(assertion["endsWithin"])
        return [(value, limit, value is not None and value <= limit)]
    subject = assertion.get("pool") or assertion.get("workload")
    found, rows = bounds(run, assertion["metric"], subject), []
    if "max" in assertion:
        limit = span(assertion["max"])
        rows.append((found and found[1], limit, found[1] <= limit if found else subject is None))
    if "min" in assertion:
        limit = span(assertion["min"])
        rows.append((found and found[0], limit, bool(found) and found[0] >= limit))
    return rows


def wrong(run, assertions):
    """What the run says of its assertions that does not follow from its rows."""
    rows = [row for assertion in assertions for row in expected(run, assertion)]
    if len(rows) != len(run["asserts"]):
        return [f"{len(run['asserts'])} rows for {len(rows)}"]
    near = lambda a, b: a == b or (a is not None and b is not None and abs(a - b) < 1e-6)
    return [f"{said} should be {row}" for said, row in zip(run["asserts"], rows)
            if not (near(said["value"], row[0]) and near(said["limit"], row[1]) and said["holds"] == row[2])]


def everything(path, folder):
    """The scenario with every metric asked for: of all, and of each pool and workload that its own assertions name."""
    scenario = yaml.safe_load(path.read_text())
    subjects = {k: sorted({a[k] for a in scenario["assert"] if k in a}) for k in ("pool", "workload")}
    for metric in METRICS:
        bound = {"min": 0, "max": 1}
        scenario["assert"].append({"metric": metric, **bound})
        of = "workload" if metric.startswith("pending") else "pool" if metric != "budget_violations" else None
        scenario["assert"] += [{"metric": metric, of: name, **bound} for name in subjects.get(of, [])]
    scenario["assert"] += [{"operation": kind, "endsWithin": "10m"} for kind in ("any", "upgrade", "scale")]
    for cluster in scenario["world"]["clusters"]:
        cluster["manifests"] = [m if "\n" in m else str((path.parent / m).resolve()) for m in cluster.get("manifests", [])]
    scenario["start"] = scenario["start"].isoformat().replace("+00:00", "Z")
    scenario["start"] += "" if scenario["start"].endswith("Z") else "Z"
    target = folder / f"{path.parent.parent.name}-{path.stem}.yaml"
    target.write_text(yaml.safe_dump(scenario))
    return target, scenario["assert"]


@test
def every_metric_of_every_example_follows_from_its_rows(b):
    same(len(SCENARIOS), 8, "each example before and after")
    for path in SCENARIOS:
        whole, assertions = everything(path, b.folder)
        run, code = result(b, whole)
        same(wrong(run, assertions), [], str(path))
        same(code, 0 if all(a["holds"] for a in run["asserts"]) else 1, "exit code")
        same(sorted(run), ["asserts", "decisions", "operations", "pods", "seed", "start", "timeline", "until"], "fields")


@test
def a_metric_that_does_not_follow_is_found(b):
    whole, assertions = everything(SCENARIOS[0], b.folder)
    run, _ = result(b, whole)
    for number, row in enumerate(run["asserts"]):
        bent = copy.deepcopy(run)
        bent["asserts"][number]["value"] = (row["value"] or 0) + 0.5
        same(len(wrong(bent, assertions)), 1, f"row {number} bent")


@test
def the_bytes_do_not_depend_on_time_zone_process_or_threads(b):
    path = EXAMPLES / "streaming/rehearsal/after.yaml"
    runs = {rehearse(b, path, "-o", "json", env={"TZ": zone}).stdout for zone in ("UTC", "Asia/Kolkata", "America/St_Johns")}
    same(len(runs), 1, "results over time zones and processes")
    seeds = {rehearse(b, path, "--seeds", "5", "--threads", n, "-o", "json").stdout for n in ("1", "3", "5")}
    same(len(seeds), 1, "results over thread counts")
    same(json.loads(seeds.pop())["seeds"], 5, "seeds")
    holds(runs != {rehearse(b, path, "-o", "json", "--seed", "2").stdout}, "another seed is another run")


@test
def a_bad_scenario_is_refused_at_its_place(b):
    text = (EXAMPLES / "streaming/rehearsal/after.yaml").read_text()
    for old, new, line_of, words in [
        ("minCount: 2", "minCuont: 2", "minCuont", "minCount"),
        ("upgrade -n ingest", "upgrade -n ingest --node-imago", "at: 1h", "--node-image-only"),
        ("manifests: [..]", "manifests: [nowhere]", "nowhere", "cannot be read"),
        ("until: 6h", "untill: 6h", "untill", "`until`"),
        ("max: 1m", "max: soon", "max: soon", "soon"),
    ]:
        path = b.folder / "bad.yaml"
        bad = text.replace(old, new)
        path.write_text(bad)
        done = rehearse(b, path)
        line = next(n for n, l in enumerate(bad.splitlines(), 1) if line_of in l)
        holds(done.returncode == 2 and f"bad.yaml:{line}:" in done.stderr and words in done.stderr and not done.stdout, f"{new}: {done.returncode} {done.stderr}")


@test
def junit_and_the_page_are_well_formed_and_need_nothing_else(b):
    paths, page = [EXAMPLES / "retail/rehearsal/before.yaml", EXAMPLES / "retail/rehearsal/after.yaml"], b.folder / "page.html"
    suites = xml.fromstring(rehearse(b, *paths, "-o", "junit").stdout)
    results = [result(b, path)[0]["asserts"] for path in paths]
    same([len(s.findall("testcase")) for s in suites], [len(r) for r in results], "a case an assertion")
    same(len(suites.findall(".//failure")), sum(not a["holds"] for r in results for a in r), "failures")
    rehearse(b, *paths, "--html", page)
    text = page.read_text()
    tree = xml.fromstring(text.removeprefix("<!DOCTYPE html>"))
    same(len(tree.findall(".//section")), 2, "a section a scenario")
    same([e.tag for e in tree.iter() if e.tag in ("script", "link", "img", "iframe")], [], "what would be fetched")
    holds("http" not in text and "prefers-color-scheme: dark" in text, "no address, and both schemes")
