"""An upgrade under a disruption budget, judged from recorded watches alone.

Expected: aks-semantics 4.2 and 4.3 (US-1, UR-1), 4.4 (UD-1, UD-2), 4.5 (UF-2), H-7. Budgets are recomputed from the pods of the
recording, never read from a budget's status.
"""
import re

from harness.bench import ready
from harness.suite import eventually, holds, same, test

PROFILE = "fast"
COUNT, REPLICAS, MINIMUM = 4, 6, 5


def manifest(name, replicas, pool, minimum=None):
    """A Deployment on one pool and, if asked, its budget."""
    labels = {"app": name}
    objects = [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"nodeSelector": {"agentpool": pool}, "terminationGracePeriodSeconds": 1,
                                                "containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "200m", "memory": "128Mi"}}}]}}}}]
    if minimum is not None:
        objects.append({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": {"minAvailable": minimum, "selector": {"matchLabels": labels}}})
    return {"apiVersion": "v1", "kind": "List", "items": objects}


def deploy(b, *arguments):
    """Applies a manifest and waits for its pods."""
    import json
    body = manifest(*arguments)
    b.kubectl("apply", "-f", "-", stdin=json.dumps(body)).ok()
    b.kubectl("rollout", "status", f"deployment/{arguments[0]}", "--timeout=60s").ok()


def states(record):
    """Each moment of a recording as {name: object}, from its first list on."""
    now = {o["metadata"]["name"]: o for o in record.first}
    yield 0.0, dict(now)
    for seconds, kind, thing in record.stop():
        if kind == "DELETED":
            now.pop(thing["metadata"]["name"], None)
        else:
            now[thing["metadata"]["name"]] = thing
        yield seconds, dict(now)


def usable(node):
    """Ready and schedulable."""
    return ready(node) and not node["spec"].get("unschedulable") and "deletionTimestamp" not in node["metadata"]


def healthy(pod):
    """Counts for a budget: Ready and not going away."""
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@test
def each_old_node_is_surged_for_emptied_and_comes_back_new(b):
    b.arm.create("roll", count=COUNT, orchestratorVersion="1.34", upgradeSettings={"maxSurge": "1"})
    deploy(b, "shop", REPLICAS, "roll", MINIMUM)
    old = {n["metadata"]["name"]: n["status"]["nodeInfo"]["bootID"] for n in b.kube.nodes("roll")}
    uids = {p["metadata"]["uid"] for p in b.kube.items("/api/v1/namespaces/default/pods?labelSelector=app%3Dshop")}
    nodes = b.kube.watch("/api/v1/nodes?labelSelector=agentpool%3Droll")
    pods = b.kube.watch("/api/v1/namespaces/default/pods?labelSelector=app%3Dshop")
    answer = b.arm.change("roll", orchestratorVersion="1.35")
    same((answer.status, answer.json["properties"]["provisioningState"], answer.json["properties"]["orchestratorVersion"]), (200, "Upgrading", "1.35"), "PUT")
    b.arm.done(answer, seconds=240)
    b.nodes_seen, b.pods_seen = list(states(nodes)), list(states(pods))

    names = set().union(*(set(state) for _, state in b.nodes_seen))
    surge = names - set(old)
    same(len(surge), 1, f"maxSurge 1 brings one node more: {surge}")
    same(set(b.nodes_seen[-1][1]), set(old), "it is gone in the end, the old names stay (N-7)")
    version = b.arm.pool("roll")["properties"]["currentOrchestratorVersion"]
    for name, boot in old.items():
        moments = [state[name] for _, state in b.nodes_seen if name in state]
        cordoned = [m for m in moments if m["spec"].get("unschedulable")]
        holds(cordoned, f"{name} was cordoned")
        last = moments[-1]
        same(last["status"]["nodeInfo"]["kubeletVersion"], "v" + version, f"{name}: version")
        holds(last["status"]["nodeInfo"]["bootID"] != boot, f"{name}: a new boot id")
        holds(usable(last), f"{name}: Ready and schedulable again")
    holds(not uids & {p["metadata"]["uid"] for p in b.pods_seen[-1][1].values()}, "every pod was replaced")


@test
def a_node_is_empty_when_it_is_reimaged(b):
    old = {o["metadata"]["name"]: o["status"]["nodeInfo"]["bootID"] for o in b.nodes_seen[0][1].values()}
    for name, boot in old.items():
        at = next(t for t, state in b.nodes_seen if name in state and state[name]["status"]["nodeInfo"]["bootID"] != boot)
        # Both recordings began within the same second; pods seen half a second before are enough.
        before = [state for t, state in b.pods_seen if t <= at - 0.5][-1]
        left = [p["metadata"]["name"] for p in before.values() if p["spec"].get("nodeName") == name and p["status"].get("phase") == "Running" and "deletionTimestamp" not in p["metadata"]]
        same(left, [], f"pods on {name} when it was reimaged")


@test
def enough_nodes_are_usable_throughout(b):
    least = min((sum(map(usable, state.values())), t) for t, state in b.nodes_seen)
    holds(least[0] >= COUNT, f"UR-1: {least[0]} of {COUNT} Ready and schedulable at {least[1]:.1f} s")


@test
def the_budget_is_never_overspent(b):
    least = min((sum(map(healthy, state.values())), t) for t, state in b.pods_seen)
    holds(least[0] >= MINIMUM, f"{least[0]} healthy pods at {least[1]:.1f} s; the budget keeps {MINIMUM}")


@test
def the_events_are_those_of_the_service(b):
    messages = [e.get("message", "") for e in b.kube.items("/api/v1/events")]
    for pattern in (r"Created a surge node \[\S+ roll\] for agentpool roll", r"Draining node: \[?aks-roll-\S+"):
        holds(any(re.search(pattern, m) for m in messages), f"event {pattern}")


@test
def unavailable_instead_of_surge_brings_no_node_more(b):
    b.arm.create("lean", count=3, orchestratorVersion="1.34", upgradeSettings={"maxSurge": "0", "maxUnavailable": "1"})
    nodes = b.kube.watch("/api/v1/nodes?labelSelector=agentpool%3Dlean")
    b.arm.done(b.arm.change("lean", orchestratorVersion="1.35"), seconds=240)
    seen = list(states(nodes))
    same(max(len(state) for _, state in seen), 3, "no surge node")
    holds(min(sum(map(usable, state.values())) for _, state in seen) >= 2, "UR-1: at most one is out")
    b.arm.delete("lean")


@test
def a_budget_without_slack_is_refused_before_anything_moves(b):
    b.arm.create("tight", count=2, orchestratorVersion="1.34")
    deploy(b, "stuck", 2, "tight", 2)
    eventually(lambda: b.kubectl("get", "pdb", "stuck", "-o", "jsonpath={.status.expectedPods}").ok().out == "2", 10, "budget status")
    answer = b.arm.change("tight", orchestratorVersion="1.35")
    same((answer.status, answer.error["code"], answer.error["message"]), (400, "UnsatisfiablePDB",
         "1 error occurred:\n* PDB default/stuck has maxunavailble == 0 can't proceed with put operation"), "UF-2")
    same({n["status"]["nodeInfo"]["kubeletVersion"][:5] for n in b.kube.nodes("tight")}, {"v1.34"}, "nothing moved")


@test
def deleting_a_pool_waits_for_budgets_unless_told_otherwise(b):
    first = b.arm.call("DELETE", b.arm.pool_path("tight") + "?ignore-pod-disruption-budget=true")
    same(first.status, 202, f"{first}")
    b.arm.done(first, seconds=60)
    same(b.nodes_of("tight"), [], "nodes")
    # Its budget would refuse every other upgrade of the cluster too (UF-2).
    b.kubectl("delete", "deployment,pdb", "stuck").ok()


@test
def an_aborted_upgrade_goes_on_with_the_next_put(b):
    b.arm.create("halt", count=3, orchestratorVersion="1.34")
    answer = b.arm.change("halt", orchestratorVersion="1.35")
    same(answer.status, 200, f"{answer}")
    b.arm.done(b.arm.call("POST", b.arm.pool_path("halt") + "/abort"))
    same(b.arm.finish(answer)["status"], "Canceled", "upgrade")
    same(b.arm.pool("halt")["properties"]["orchestratorVersion"], "1.35", "the target stays in the spec (AB-1)")
    b.arm.done(b.arm.change("halt"), seconds=240)
    same({n["status"]["nodeInfo"]["kubeletVersion"][:5] for n in b.kube.nodes("halt")}, {"v1.35"}, "resumed")
    same(len(b.kube.nodes("halt")), 3, "no surge node is left")
