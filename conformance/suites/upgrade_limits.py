"""Upgrades at their limits with the real az: budgets that are passed over, nodes that cannot be drained, another VM size, progress.

Expected: aks-semantics UD-2 to UD-5, UF-2, M-1, M-3, and section 8 rows 1 and 10 for what our own command tells.
"""
import json

from harness.http import writable
from harness.suite import eventually, holds, same, test

PROFILE = "fast"
PREVIEW = "2026-01-02-preview"


def versions(b, pool):
    """Minor versions that the pool's nodes run."""
    return sorted({n["status"]["nodeInfo"]["kubeletVersion"][:5] for n in b.kube.nodes(pool)})


def budget_seen(b, name, pods):
    eventually(lambda: b.kubectl("get", "pdb", name, "-o", "jsonpath={.status.expectedPods}").ok().out == str(pods), 10, "budget status")


@test
def a_forced_upgrade_passes_over_a_budget_until_its_end(b):
    b.az_pool("add", "-n", "force", "-c", "2", "-k", "1.34").ok()
    b.deploy("stuck", 2, "force", 2)
    budget_seen(b, "stuck", 2)
    refused = b.az_pool("upgrade", "-n", "force", "-k", "1.35", "-y")
    holds("UnsatisfiablePDB" in refused.err and refused.code != 0, f"UF-2: {refused.err}")
    past = b.az("aks", "update", "-g", "lanes", "-n", "dev", "--enable-force-upgrade", "--upgrade-override-until", "2020-01-01T00:00:00Z")
    holds(past.code != 0 and "until" in past.err, f"UD-5: an end in the past: {past.err}")
    cluster = b.az("aks", "update", "-g", "lanes", "-n", "dev", "--enable-force-upgrade").ok().json
    override = cluster["upgradeSettings"]["overrideSettings"]
    holds(override["forceUpgrade"] is True and override["until"], f"three days by default: {override}")
    b.az_pool("upgrade", "-n", "force", "-k", "1.35", "-y").ok()
    same(versions(b, "force"), ["v1.35"], "every node")
    messages = [e.get("message", "") for e in b.kube.items("/api/v1/events")]
    holds(any(m.startswith("Evicted in spite of its disruption budget") for m in messages), "an event says so")
    b.az("aks", "update", "-g", "lanes", "-n", "dev", "--disable-force-upgrade").ok()
    refused = b.az_pool("upgrade", "-n", "force", "-k", "1.36", "-y")
    holds(refused.code != 0, "the override is off, or the control plane is below")
    b.kubectl("delete", "deployment,pdb", "stuck").ok()
    b.az_pool("delete", "-n", "force").ok()


@test
def a_node_that_cannot_be_drained_is_quarantined_named_and_resumed(b):
    b.az_pool("add", "-n", "quar", "-c", "2", "-k", "1.34", "--undrainable-node-behavior", "Cordon", "--drain-timeout", "1").ok()
    b.deploy("held", 1, "quar")
    answer = b.arm.change("quar", orchestratorVersion="1.35")
    # Only now: a budget that can never be satisfied is refused before.
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "held", "labels": {"team": "payments"}},
              "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "held"}}}}
    b.kubectl("apply", "-f", "-", stdin=json.dumps(budget)).ok()

    def blocked():
        shown = json.loads(b.nodelane("operation", "show", "quar", "-o", "json").ok().out)
        return next((n for n in shown["nodes"] if n.get("blockedBy")), None)
    eventually(lambda: blocked() is not None, 40, "a node is held up")
    node = blocked()
    same((node["phase"], node["blockedBy"]["budget"], node["blockedBy"]["owner"]["name"]), ("Draining", "held", "payments"), "who holds it up")
    holds(node["version"].startswith("1.34") and node["blockedBy"]["pod"].startswith("default/held-") and node["givesUp"], node)
    watched = b.nodelane("operation", "watch", "quar")
    same(watched.code, 1, "the exit code of an operation that failed")
    holds(f"{node['node']} Quarantined" in watched.out, watched.out)
    same(b.arm.finish(answer, seconds=120)["status"], "Failed", "its replacement is kept, so it failed")
    label = b.kubectl("get", "node", node["node"], "-o", "jsonpath={.metadata.labels.kubernetes\\.azure\\.com/upgrade-status} {.spec.unschedulable}").ok().out
    same(label, "Quarantined true", "UD-2")
    same(len(b.kube.nodes("quar")), 3, "the replacement is kept")
    b.kubectl("delete", "deployment,pdb", "held").ok()
    b.az_pool("upgrade", "-n", "quar", "-k", "1.35", "-y").ok()
    same((versions(b, "quar"), len(b.kube.nodes("quar"))), (["v1.35"], 2), "UD-4: the reconciling PUT ends it")
    b.az_pool("delete", "-n", "quar").ok()


@test
def only_previews_and_our_own_command_change_a_pools_size(b):
    b.az_pool("add", "-n", "size", "-c", "2", "-s", "Standard_D2s_v5").ok()
    old = {n["metadata"]["name"] for n in b.kube.nodes("size")}
    body = writable(b.arm.pool("size"))
    stable = b.arm.put("size", dict(body, vmSize="Standard_D4s_v5"))
    same((stable.status, stable.error["code"], stable.error["message"]), (400, "PropertyChangeNotAllowed", "Changing property 'properties.vmSize' is not allowed."), "M-1")
    arm = b.arm.call("PUT", b.arm.pool_path("size"), {"properties": dict(body, vmSize="Standard_D4ps_v5")}, api=PREVIEW)
    same((arm.status, arm.error["code"]), (400, "InvalidParameter"), f"M-3: another architecture: {arm}")
    done = b.nodelane("nodepool", "update", "-g", "lanes", "--cluster-name", "dev", "-n", "size", "--node-vm-size", "Standard_D4s_v5")
    same(done.ok().json["vmSize"], "Standard_D4s_v5", "the pool")
    holds("$/h" in done.err, f"the price is told: {done.err}")
    nodes = b.kube.nodes("size")
    same([n["metadata"]["labels"]["node.kubernetes.io/instance-type"] for n in nodes], ["Standard_D4s_v5"] * 2, "every node")
    holds(not old & {n["metadata"]["name"] for n in nodes}, "old names are gone (M-3)")
    echo = b.az_pool("update", "-n", "size", "--labels", "a=b").ok().json
    same((echo["vmSize"], echo["provisioningState"]), ("Standard_D4s_v5", "Succeeded"), "az sends the new size back")


@test
def a_blue_green_upgrade_by_our_own_command_takes_over_as_a_whole(b):
    b.az_pool("add", "-n", "blue", "-c", "2", "-k", "1.34").ok()
    refused = b.arm.put("blue", dict(writable(b.arm.pool("blue")), upgradeStrategy="BlueGreen"))
    same((refused.status, refused.error["code"]), (400, "InvalidParameter"), "BG-1: a preview's")
    settings = ("--drain-batch-size", "50%", "--batch-soak-duration", "0", "--final-soak-duration", "0")
    b.nodelane("nodepool", "update", "-g", "lanes", "--cluster-name", "dev", "-n", "blue", "--upgrade-strategy", "BlueGreen", *settings).ok()
    old = {n["metadata"]["name"] for n in b.kube.nodes("blue")}
    b.az_pool("upgrade", "-n", "blue", "-k", "1.35", "-y").ok()
    nodes = b.kube.nodes("blue")
    same((len(nodes), versions(b, "blue")), (2, ["v1.35"]), "the new set")
    holds(not old & {n["metadata"]["name"] for n in nodes}, "the old set is gone")
