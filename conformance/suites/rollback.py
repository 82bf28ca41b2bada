"""Rolling a pool back, by the unmodified az and by our own command line: the version and image before, once, while no channel is on.

Expected: aks-semantics RB-1, arm-wire sections 1 and 2 for requests and columns; sentences of az's own are az's.
"""
import re

from harness.bench import ready
from harness.suite import holds, same, test

WHERE = ("-g", "lanes", "--cluster-name", "dev")
NONE = "No rollback versions available."


def versions(b, pool):
    """What the kubelets and the labels of a pool's nodes say."""
    return {(n["status"]["nodeInfo"]["kubeletVersion"], n["metadata"]["labels"]["kubernetes.azure.com/node-image-version"])
            for n in b.kube.nodes(pool) if ready(n)}


def equal(b, *arguments):
    """az and we print the same."""
    for form in ("json", "table", "tsv", "yaml"):
        theirs, ours = b.az("aks", "nodepool", *arguments, "-o", form), b.nodelane("nodepool", *arguments, "-o", form)
        same((ours.code, ours.out), (theirs.code, theirs.out), f"{arguments} {form}")


@test
def a_pool_that_was_never_upgraded_has_nothing_to_go_back_to(b):
    b.arm.create("np1", count=2, orchestratorVersion="1.34")
    same(b.az_pool("get-rollback-versions", "-n", "np1", "-o", "json").ok().out.strip(), "", "versions")
    equal(b, "get-rollback-versions", *WHERE, "-n", "np1")
    b.az_pool("rollback", "-n", "np1").failed(1, NONE)
    b.nodelane("nodepool", "rollback", *WHERE, "-n", "np1").failed(1, NONE)


@test
def an_upgrade_leaves_the_version_before_it(b):
    before = versions(b, "np1")
    b.az_pool("upgrade", "-n", "np1", "-k", "1.35").ok()
    used = b.az_pool("get-rollback-versions", "-n", "np1", "-o", "json").ok().json
    same({("v" + u["orchestratorVersion"], u["nodeImageVersion"]) for u in used}, before, "versions")
    holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", used[0]["timestamp"]), used[0]["timestamp"])
    equal(b, "get-rollback-versions", *WHERE, "-n", "np1")
    lines = b.az_pool("get-rollback-versions", "-n", "np1", "-o", "table").ok().out.splitlines()
    same(lines[0].split(), ["KubernetesVersion", "NodeImageVersion", "Timestamp"], "columns")


@test
def a_channel_refuses_a_rollback(b):
    b.az("aks", "update", "-g", "lanes", "-n", "dev", "--auto-upgrade-channel", "patch").ok()
    theirs = b.az_pool("rollback", "-n", "np1").failed(1, "OperationNotAllowed", "auto-upgrade channel is 'patch'")
    ours = b.nodelane("nodepool", "rollback", *WHERE, "-n", "np1").failed(1, "auto-upgrade channel is 'patch'")
    warning = next(line for line in theirs.err.splitlines() if "Auto-upgrade is enabled" in line)
    holds(warning.removeprefix("WARNING: ") in ours.err, f"the warning is az's: {warning!r}, ours {ours.err!r}")
    b.az("aks", "update", "-g", "lanes", "-n", "dev", "--auto-upgrade-channel", "none", "--yes").ok()


@test
def a_version_alone_or_another_image_is_no_rollback(b):
    pool = b.arm.pool("np1")["properties"]
    used = b.az_pool("get-rollback-versions", "-n", "np1", "-o", "json").ok().json[0]
    down = b.arm.change("np1", orchestratorVersion=used["orchestratorVersion"])
    same((down.status, down.error["code"]), (409, "OperationNotAllowed"), f"{down}")
    image = b.arm.change("np1", nodeImageVersion=used["nodeImageVersion"])
    same((image.status, image.error["message"]), (400,
         f"NodeImageVersion '{used['nodeImageVersion']}' is not accepted. NodeImageVersion can only be current version '{pool['nodeImageVersion']}' or 'latest'"), "RB-1")


@test
def az_rolls_every_node_back(b):
    names = b.nodes_of("np1")
    used = b.az_pool("get-rollback-versions", "-n", "np1", "-o", "json").ok().json[0]
    pool = b.az_pool("rollback", "-n", "np1", "-o", "json").ok().json
    same((pool["provisioningState"], pool["orchestratorVersion"], pool["currentOrchestratorVersion"], pool["nodeImageVersion"]),
         ("Succeeded", used["orchestratorVersion"], used["orchestratorVersion"], used["nodeImageVersion"]), "pool")
    same(versions(b, "np1"), {("v" + used["orchestratorVersion"], used["nodeImageVersion"])}, "nodes")
    same(b.nodes_of("np1"), names, "nodes keep their names")
    b.az_pool("rollback", "-n", "np1").failed(1, NONE)


@test
def our_command_line_rolls_back_an_image(b):
    before = b.arm.pool("system")["properties"]
    b.az_pool("upgrade", "-n", "system", "--node-image-only", "-y").ok()
    holds(versions(b, "system") != {("v" + before["currentOrchestratorVersion"], before["nodeImageVersion"])}, "it was upgraded")
    pool = b.nodelane("nodepool", "rollback", *WHERE, "-n", "system", "-o", "json").ok().json
    same((pool["nodeImageVersion"], pool["currentOrchestratorVersion"]), (before["nodeImageVersion"], before["currentOrchestratorVersion"]), "pool")
    same(versions(b, "system"), {("v" + before["currentOrchestratorVersion"], before["nodeImageVersion"])}, "nodes")
