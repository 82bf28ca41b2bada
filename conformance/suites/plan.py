"""`nodelane plan nodepool …` against what the same command of the real az then did on the live server.

What the plan says is kept, the command is run by az, and nodes and pods are compared as the Kubernetes API shows them: machines by
name and boot id, pods by node. Expected beside az: aks-semantics US-1 (a surge of 10 % of 5 is 1), UF-2.
"""
import json

from harness.suite import eventually, holds, same, test

WHERE = ("-g", "lanes", "--cluster-name", "dev")
KEYS = {"verdict", "refusal", "machines", "pods", "budgets", "minutes", "pricePerHour", "warnings", "command"}


def setup(b):
    """A pool of five with an app on it."""
    b.arm.create("np1", count=5, orchestratorVersion="1.34")
    b.deploy("web", 5, "np1", cpu="200m")


def plan(b, verb, *arguments, code=0):
    """The plan of a command, as JSON."""
    ran = b.nodelane("plan", "nodepool", verb, *WHERE, *arguments, "-o", "json")
    same(ran.code, code, f"{ran}")
    found = json.loads(ran.out)
    holds(KEYS <= set(found), f"keys: {sorted(found)}")
    same(found["command"], " ".join(["az aks nodepool", verb, *WHERE, *arguments]), "the command")
    return found


def boots(b, pool):
    """The boot id of each node of a pool."""
    return {n["metadata"]["name"]: n["status"]["nodeInfo"]["bootID"] for n in b.kube.nodes(pool)}


def homes(b, app):
    """The node of each pod of an app, and its id."""
    pods = b.kube.items(f"/api/v1/namespaces/default/pods?labelSelector=app%3D{app}")
    return {p["metadata"]["uid"]: p["spec"].get("nodeName") for p in pods if "deletionTimestamp" not in p["metadata"]}


@test
def planning_changes_nothing(b):
    before = (boots(b, "np1"), homes(b, "web"), b.arm.call("GET", b.arm.pool_path("np1")).json)
    plan(b, "upgrade", "-n", "np1", "-k", "1.35")
    plan(b, "delete", "-n", "np1")
    same((boots(b, "np1"), homes(b, "web"), b.arm.call("GET", b.arm.pool_path("np1")).json), before, "the state")


@test
def an_upgrade_images_the_nodes_that_were_told_and_moves_the_pods(b):
    told = plan(b, "upgrade", "-n", "np1", "-k", "1.35")
    same((told["verdict"], told["machines"]["peak"], told["machines"]["extra"]["count"]), ("accepted", 6, 1), "US-1: 10 % of 5 is one surge machine")
    before, pods = boots(b, "np1"), homes(b, "web")
    nodes = b.kube.watch("/api/v1/nodes?labelSelector=agentpool%3Dnp1")
    b.az_pool("upgrade", "-n", "np1", "-k", "1.35", "--yes", "-o", "none").ok()
    names = {o["metadata"]["name"] for _, _, o in nodes.stop()} | set(before)
    after = boots(b, "np1")
    same(sorted(n for n in after if before.get(n) not in (None, after[n])), told["machines"]["reimaged"]["names"], "nodes with another boot")
    same(len(names - set(after)), told["machines"]["extra"]["count"], "extra nodes")
    web = [w for w in told["pods"]["workloads"] if w["name"] == "web"]
    holds(web and web[0]["moved"] >= 5, f"every pod moves: {web}")
    holds(not set(pods) & set(homes(b, "web")), "every pod is another")
    same(told["pods"]["pending"], 0, "pending")
    same([to["pool"] for to in web[0]["to"]], ["np1"], "where to")


@test
def scaling_down_removes_as_many_as_told(b):
    told = plan(b, "scale", "-n", "np1", "-c", "3")
    before = set(boots(b, "np1"))
    b.az_pool("scale", "-n", "np1", "-c", "3", "-o", "none").ok()
    eventually(lambda: len(b.nodes_of("np1")) == 3, 60, "three nodes")
    same(sorted(before - set(boots(b, "np1"))), told["machines"]["removed"]["names"], "nodes that went")
    holds(told["pricePerHour"]["after"] < told["pricePerHour"]["before"], f"{told['pricePerHour']}")


@test
def refusals_have_the_code_that_az_gets(b):
    b.deploy("stuck", 2, "np1", 2, cpu="200m")
    eventually(lambda: b.kubectl("get", "pdb", "stuck", "-o", "jsonpath={.status.expectedPods}").ok().out == "2", 10, "budget status")
    b.arm.create("old", count=1, orchestratorVersion="1.34")
    for verb, *arguments in (("upgrade", "-n", "old", "-k", "1.35"), ("upgrade", "-n", "np1", "-k", "1.37"), ("upgrade", "-n", "np1", "-k", "1.34"),
                             ("scale", "-n", "np1", "-c", "3"), ("scale", "-n", "system", "-c", "0"), ("delete", "-n", "system"), ("scale", "-n", "np1", "-c", "5000"),
                             ("add", "-n", "np1", "-c", "1"), ("update", "-n", "np1", "--max-surge", "200x")):
        told = plan(b, verb, *arguments, code=1)
        said = b.az_pool(verb, *arguments, *(["--yes"] if verb == "upgrade" else []), "-o", "none").failed()
        same(told["verdict"], "refused", f"{verb} {arguments}")
        code, message = told["refusal"]["code"], told["refusal"]["message"]
        holds(message in said.err and (code is None or f"({code})" in said.err), f"{verb} {arguments}\nplan: {told['refusal']}\naz: {said.err}")
    told = plan(b, "upgrade", "-n", "old", "-k", "1.35", code=1)
    same(told["refusal"]["code"], "UnsatisfiablePDB", "UF-2")
    b.kubectl("delete", "deployment,pdb", "stuck").ok()


@test
def a_bad_command_line_is_usage(b):
    b.nodelane("plan", "nodepool", "scale", *WHERE, "-n", "np1", "-c", "three").failed(2)
    b.nodelane("plan", "nodepool", "upgrade", "-n", "np1").failed(2)


@test
def the_design_of_a_pool_is_warned_of(b):
    told = plan(b, "add", "-n", "gpu", "-c", "1", "-s", "Standard_NC4as_T4_v3")
    rules = {w["rule"] for w in told["warnings"] if w["subject"] == "pool gpu"}
    same(rules, {"specialised-without-taint", "specialised-without-limits", "no-zones"}, "warnings")


@test
def the_text_says_the_verdict_first_and_the_command_last(b):
    ran = b.nodelane("plan", "nodepool", "scale", *WHERE, "-n", "np1", "-c", "4").ok()
    lines = ran.out.splitlines()
    holds(lines[0].startswith("ACCEPTED") and lines[-1].endswith("az aks nodepool scale -g lanes --cluster-name dev -n np1 -c 4"), ran.out)
    holds(len(lines) <= 24, "one screen")
