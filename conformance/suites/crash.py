"""kill -9 with operations in flight: nothing that was acknowledged is lost, everything begun comes to an end.

The client writes each acknowledgement to a log of its own and syncs it before it counts. Kills are spread over kinds of operation and
moments after the request, so that the table that is printed has no empty cell.
"""
import json
import os
import random
import threading
import time

from harness.http import new_pool
from harness.suite import Failed, eventually, holds, same, test

PROFILE = "fast"
MOMENTS = [0.0, 0.1, 1.0, 4.0, 7.0]  # seconds after the last acknowledgement: at once, waiting for machines, while they boot, near the end


class Log:
    """What the server acknowledged, on disk before it is believed."""

    def __init__(self, path):
        self.file, self.lock, self.entries = open(path, "a"), threading.Lock(), []

    def add(self, **entry):
        """One acknowledgement."""
        with self.lock:
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.entries.append(entry)


def setup(b):
    """Pools to work on: one each to scale, upgrade, stop and delete, beside one that is created anew each time."""
    b.log = Log(b.folder / "acknowledged.jsonl")
    b.random = random.Random(20261124)


def prepare(b):
    """The pools as they are before a round."""
    for name, more in {"grow": {}, "roll": {"orchestratorVersion": "1.34"}, "halt": {}, "gone": {}}.items():
        answer = b.arm.call("GET", b.arm.pool_path(name))
        if answer.status == 404:
            b.arm.create(name, **more)
    for name in ("fresh",):
        b.arm.delete(name)


def begin(b, kind):
    """Starts one operation and logs its acknowledgement."""
    arm = b.arm
    if kind == "create":
        answer, name = arm.put("fresh", new_pool(count=2)), "fresh"
    elif kind == "scale":
        name = "grow"
        count = 1 + arm.pool(name)["properties"]["count"] % 3
        answer = arm.change(name, count=count)
    elif kind == "upgrade":
        name = "roll"
        answer = arm.change(name, orchestratorVersion="1.35")
    elif kind == "stop":
        name = "halt"
        answer = arm.change(name, powerState={"code": "Stopped"})
    else:
        name = "gone"
        answer = arm.call("DELETE", arm.pool_path(name))
    if answer.status not in (200, 201, 202):
        raise Failed(f"{kind}: {answer}")
    properties = answer.json["properties"] if answer.status != 202 else {}
    b.log.add(kind=kind, pool=name, operation=answer.headers.get("Azure-AsyncOperation"), tag=properties.get("eTag"),
              want={k: properties.get(k) for k in ("orchestratorVersion", "powerState") if k in properties})


KINDS = ["create", "scale", "upgrade", "stop", "delete"]


def write_maps(b, stop):
    """A second client: small objects as fast as they are acknowledged."""
    n = 0
    while not stop.is_set():
        n += 1
        name = f"ack-{time.monotonic_ns()}"
        try:
            answer = b.kube.call("POST", "/api/v1/namespaces/default/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"n": str(n)}}, timeout=10)
        except OSError:
            return  # the kill
        if answer.status == 201:
            b.log.add(kind="object", name=name, version=answer.json["metadata"]["resourceVersion"], uid=answer.json["metadata"]["uid"])


def check(b, entries):
    """Every acknowledgement of a round is readable, every operation ends."""
    for entry in entries:
        if entry["kind"] == "object":
            found = b.kube.call("GET", f"/api/v1/namespaces/default/configmaps/{entry['name']}")
            same((found.status, found.json.get("metadata", {}).get("uid")), (200, entry["uid"]), f"object {entry['name']}")
            holds(int(found.json["metadata"]["resourceVersion"]) >= int(entry["version"]), "its version did not go back")
            continue
        answer = b.arm.call("GET", entry["operation"])
        same(answer.status, 200, f"operation of {entry}: {answer}")
    for entry in [e for e in entries if e["kind"] != "object"]:
        ended = eventually(lambda: (lambda o: o if o["status"] != "InProgress" else None)(b.arm.call("GET", entry["operation"]).json), 120, f"{entry['kind']} ends")
        same(ended["status"], "Succeeded", f"{entry['kind']}: {ended}")
        pool = b.arm.call("GET", b.arm.pool_path(entry["pool"]))
        if entry["kind"] == "delete":
            same(pool.status, 404, "deleted pool")
        else:
            properties = pool.json["properties"]
            same((pool.status, properties["provisioningState"]), (200, "Succeeded"), entry["kind"])
            same({k: properties.get(k) for k in entry["want"]}, entry["want"], f"{entry['kind']}: what was acknowledged")
            want = 0 if entry["kind"] == "stop" else properties["count"]
            same(len(b.nodes_of(entry["pool"])), want, f"{entry['kind']}: nodes")


@test
def every_kind_of_operation_survives_a_kill_at_every_moment(b):
    table = {}
    address = b.server.status()
    for moment in MOMENTS * (4 if b.options.full else 1):
        prepare(b)
        start = len(b.log.entries)
        order = KINDS[:]
        b.random.shuffle(order)
        stop = threading.Event()
        writer = threading.Thread(target=write_maps, args=(b, stop))
        writer.start()
        threads = [threading.Thread(target=begin, args=(b, kind)) for kind in order]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        time.sleep(moment)
        b.server.kill()
        stop.set()
        writer.join()
        b.server.up()
        again = b.server.status()
        same((again["arm"], again["clusters"]), (address["arm"], address["clusters"]), "ports and files stay")
        entries = b.log.entries[start:]
        same(sorted(e["kind"] for e in entries if e["kind"] != "object"), sorted(KINDS), "five operations were acknowledged and in flight")
        check(b, entries)
        for kind in KINDS:
            table[kind, moment] = table.get((kind, moment), 0) + 1
        b.arm.delete("halt"), b.arm.delete("roll")
    print("    kills by kind of operation and seconds after its acknowledgement")
    for kind in KINDS:
        print(f"    {kind:8}" + "".join(f" {moment}s:{table.get((kind, moment), 0)}" for moment in MOMENTS))
    holds(all(table.get((k, m)) for k in KINDS for m in MOMENTS), "no empty cell")


@test
def what_was_acknowledged_in_all_rounds_is_still_there(b):
    objects = [e for e in b.log.entries if e["kind"] == "object"]
    names = {o["metadata"]["name"] for o in b.kube.items("/api/v1/namespaces/default/configmaps")}
    same([e["name"] for e in objects if e["name"] not in names], [], f"of {len(objects)} acknowledged objects")
    holds(len(objects) >= 50, f"only {len(objects)} objects were written")


def seen(b, path, version):
    """Types, names, versions and states of what a watch from a version sees within a second; fails on anything but events."""
    mark = "&" if "?" in path else "?"
    answer = b.kube.call("GET", f"{path}{mark}watch=true&resourceVersion={version}&timeoutSeconds=1")
    same(answer.status, 200, f"watch: {answer}")
    frames = [json.loads(line) for line in answer.body.splitlines()]
    holds(all(f["type"] in ("ADDED", "MODIFIED", "DELETED") for f in frames), f"events only: {frames[-1:]}")
    return [(f["type"], f["object"]["metadata"]["name"], f["object"]["metadata"]["resourceVersion"], f["object"].get("data")) for f in frames]


@test
def a_watch_goes_on_over_a_kill_without_loss_or_repetition(b):
    maps, patch = "/api/v1/namespaces/default/configmaps", {"Content-Type": "application/merge-patch+json"}
    lane = maps + "?labelSelector=lane%3Da"
    versions = [b.kube.call("GET", maps).json["metadata"]["resourceVersion"]]

    def ask(method, path, body=None, headers=None):
        answer = b.kube.call(method, path, body, headers)
        holds(answer.status in (200, 201), f"{method} {path}: {answer}")
        versions.append(b.kube.call("GET", maps).json["metadata"]["resourceVersion"])

    for name in ("resume-1", "resume-2", "resume-3"):
        ask("POST", maps, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"lane": "a"}}, "data": {"n": "0"}})
    for lane_of, data in (("a", "1"), ("b", "2"), ("b", "3"), ("a", "4")):
        ask("PATCH", f"{maps}/resume-1", {"metadata": {"labels": {"lane": lane_of}}, "data": {"n": data}}, patch)
    ask("DELETE", f"{maps}/resume-2")
    before = {(path, version): seen(b, path, version) for path in (maps, lane) for version in versions[:5:4]}
    same([e[0] for e in before[lane, versions[0]] if e[1] == "resume-1"], ["ADDED", "MODIFIED", "DELETED", "ADDED"], "in and out of a selector")
    for end in (b.server.kill, lambda: b.server.run("down")):
        end()
        b.server.up()
        for (path, version), events in before.items():
            same(seen(b, path, version), events, f"what happened after {version} under {path}")
    ask("DELETE", f"{maps}/resume-1")
    same([e[0] for e in seen(b, lane, versions[0])][len(before[lane, versions[0]]):], ["DELETED"], "and on into what is new")


@test
def a_sync_lies_before_every_acknowledgement(b):
    import shutil
    import subprocess
    strace = shutil.which("strace")
    holds(strace, "strace is needed")
    b.server.run("down")
    trace = b.folder / "trace.txt"
    environment = dict(b.server.base, NODELANE_DATA_DIR=str(b.server.data))
    calls = "trace=fsync,fdatasync,sync_file_range,write,writev,pwrite64,sendto,sendmsg"
    process = subprocess.Popen([strace, "-f", "-ttt", "-y", "-s", "0", "-e", calls, "-o", str(trace), b.options.nodelane, "up", "--boot-profile", "fast"],
                               env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: b.server.status() is not None, 20, "the traced server is up")
        windows = []
        for n in range(20):
            begin_at = time.time()
            answer = b.kube.call("POST", "/api/v1/namespaces/default/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"synced-{n}"}})
            windows.append((begin_at, time.time()))
            same(answer.status, 201, f"{answer}")
    finally:
        b.server.run("down")
        process.wait(timeout=20)
    syncs = [float(line.split()[1]) for line in trace.read_text().splitlines() if "fdatasync(" in line or "fsync(" in line]
    missing = [w for w in windows if not any(w[0] <= t <= w[1] for t in syncs)]
    same(missing, [], f"writes without a sync between request and answer, of {len(windows)}")
    b.server.up()
