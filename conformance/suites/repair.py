"""Auto-repair and the marks of pools, as kubectl and the unmodified az see them: a fault, the events, a node that is well again; refusals.

Expected: aks-semantics H-1 to H-3, H-6, H-10 for the order of the steps and the texts of the events; the waits are shortened by the pool's
mark `nodelane-repair`. The boot profile is `instant`: a silent node is lost at once, and each step takes no time.
"""
import json

from harness.suite import eventually, holds, same, test

START = "Node auto-repair is initiating a {} action due to NotReady status persisting for more than five minutes."
END = "{} action from node auto-repair is completed."
QUICK = "nodelane-repair=detection=2s,persistence=1s"
POOL = ("-g", "lanes", "--cluster-name", "dev")


def fault(b, *arguments):
    """`nodelane fault set`; gives the fault's name."""
    return b.nodelane("fault", "set", *arguments, "-o", "json").ok().json[0]["name"]


def said(b, node):
    """Reasons and messages of what auto-repair said about a node, the oldest first."""
    listed = b.kubectl("get", "events", "-o", "json", "--field-selector", f"involvedObject.name={node},involvedObject.kind=Node").ok().json["items"]
    mine = [e for e in listed if e["source"].get("component") == "aks-auto-repair"]
    mine.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
    return [(e["reason"], e["message"]) for e in mine]


def repairs(b, pool):
    """Rows of `nodelane nodepool repairs`, as (step, result)."""
    rows = b.nodelane("nodepool", "repairs", "-n", pool, *POOL, "-o", "json").ok().json
    return [(row["step"], row["result"]) for row in rows]


def setup(b):
    """A pool that is mended quickly."""
    b.az_pool("add", "-n", "np", "-c", "3", "--tags", QUICK).ok()


@test
def a_node_that_is_lost_is_rebooted_and_well_again(b):
    node = b.nodes_of("np")[0]
    boot = lambda: b.kube.call("GET", f"/api/v1/nodes/{node}").json["status"]["nodeInfo"]["bootID"]
    before = boot()
    name = fault(b, "not-ready", "--node", node, "--heals-by", "reboot")
    b.kubectl("wait", "--for=condition=Ready=Unknown", f"node/{node}", "--timeout=3s").ok()
    b.kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=9s").ok()
    same(said(b, node), [("NodeRebootStart", START.format("reboot")), ("NodeRebootEnd", END.format("Reboot"))], "events (H-2)")
    holds(boot() != before, "another boot id")
    text = b.kubectl("describe", "node", node).ok().out
    holds("NodeRebootStart" in text and "aks-auto-repair" in text, f"kubectl describe node:\n{text}")
    holds("Taints:             <none>" in text, f"no taint is left:\n{text}")
    same(repairs(b, "np"), [("Reboot", "healed")], "history")
    b.nodelane("fault", "clear", name).ok()


@test
def the_ladder_goes_on_to_a_reimage_and_a_redeployment_and_failures_are_told(b):
    node = b.nodes_of("np")[1]
    sick, broken = fault(b, "not-ready", "--node", node, "--heals-by", "redeploy"), fault(b, "repair-error", "--node", node, "--count", "1")
    b.kubectl("wait", "--for=condition=Ready=Unknown", f"node/{node}", "--timeout=3s").ok()
    wanted = ["NodeRebootStart", "NodeRebootError", "NodeReimageStart", "NodeReimageEnd", "NodeRedeployStart", "NodeRedeployEnd"]
    eventually(lambda: [reason for reason, _ in said(b, node)] == wanted, 15, "each step in its order")
    b.kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=5s").ok()
    errors = [message for reason, message in said(b, node) if reason == "NodeRebootError"]
    same(errors, ["Node auto-repair reboot action failed due to an operation failure. See error details here: VMExtensionProvisioningError"], "H-2, H-4")
    done = [("Reboot", "failed: VMExtensionProvisioningError"), ("Reimage", "did not help"), ("Redeploy", "healed")]
    same([row for row in repairs(b, "np") if row in done], done, "history")
    machine = json.loads(b.kubectl("get", "machines", node, "-o", "json").ok().out)
    same([step["rung"] for step in machine["spec"]["repairs"]], ["Reboot", "Reimage", "Redeploy"], "kubectl get machines")
    for name in (sick, broken):
        b.nodelane("fault", "clear", name).ok()


@test
def a_pool_that_says_so_is_not_repaired(b):
    b.az_pool("add", "-n", "quiet", "-c", "1", "--tags", "nodelane-repair=off").ok()
    [node] = b.nodes_of("quiet")
    name = fault(b, "not-ready", "--node", node)
    b.kubectl("wait", "--for=condition=Ready=Unknown", f"node/{node}", "--timeout=3s").ok()
    holds(all("not Ready since" in result for _, result in repairs(b, "quiet")), "it is seen, and left alone")
    b.nodelane("fault", "clear", name).ok()
    b.az_pool("add", "-n", "wrong", "-c", "1", "--tags", "nodelane-repair=often").failed(None, "nodelane-repair")


@test
def a_redeployment_that_is_announced_empties_its_node(b):
    node = b.nodes_of("np")[2]
    b.nodelane("fault", "set", "scheduled-event", "--node", node).failed(None, "--event")
    fault(b, "scheduled-event", "--node", node, "--kind", "Redeploy", "--notice", "4s")
    condition = "-o", 'jsonpath={.status.conditions[?(@.type=="VMEventScheduled")].status}'
    eventually(lambda: b.kubectl("get", "node", node, *condition).ok().out == "True", 3, "VMEventScheduled (H-10)")
    row = b.kubectl("get", "node", node, "--no-headers").ok().out.split()
    same(row[1], "Ready,SchedulingDisabled", "cordoned (H-6)")
    holds("RedeployScheduled" in b.kubectl("describe", "node", node).ok().out, "the event of the node problem detector")
    eventually(lambda: b.kubectl("get", "node", node, *condition).ok().out == "False", 8, "it has happened")
    same(b.kubectl("get", "node", node, "--no-headers").ok().out.split()[1], "Ready", "it takes pods again")


@test
def a_protected_pool_is_not_deleted_by_az(b):
    b.az_pool("add", "-n", "keep", "-c", "1", "--tags", "nodelane-deletion-protection=true").ok()
    refused = b.az_pool("delete", "-n", "keep")
    refused.failed(None, "PoolDeletionProtected")
    holds("its tag 'nodelane-deletion-protection'" in refused.err, f"the text says which tag:\n{refused.err}")
    answer = b.arm.call("DELETE", b.arm.pool_path("keep").split("/agentPools/")[0])
    same((answer.status, answer.error["code"]), (409, "PoolDeletionProtected"), "its cluster")
    b.az_pool("update", "-n", "keep", "--tags", "team=a").ok()
    b.az_pool("delete", "-n", "keep").ok()


@test
def a_managed_pool_is_changed_by_its_manager_or_on_purpose(b):
    b.az_pool("add", "-n", "owned", "-c", "1", "--tags", "nodelane-managed-by=terraform").ok()
    b.az_pool("scale", "-n", "owned", "-c", "2").failed(None, "PoolManagedByAnother")
    b.az_pool("delete", "-n", "owned").failed(None, "PoolManagedByAnother")
    b.nodelane("nodepool", "scale", "-n", "owned", "-c", "2", *POOL).failed(None, "PoolManagedByAnother")
    b.nodelane("nodepool", "scale", "-n", "owned", "-c", "2", *POOL, "--override-managed-by").ok()
    pool = b.arm.call("GET", b.arm.pool_path("owned")).json
    same(pool["properties"]["count"], 2, "count")
    b.az_process("aks", "nodepool", "scale", "-g", "lanes", "--cluster-name", "dev", "-n", "owned", "-c", "1",
                 env={"AZURE_HTTP_USER_AGENT": "nodelane-override-managed-by"}).ok()
    b.az_process("aks", "nodepool", "delete", "-g", "lanes", "--cluster-name", "dev", "-n", "owned",
                 env={"AZURE_HTTP_USER_AGENT": "deploys by Terraform"}).ok()
