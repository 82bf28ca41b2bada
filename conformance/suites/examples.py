"""The examples as a user would run them: the pools by the commands in their README, the manifests by `kubectl apply`.

A pod's annotation `lane` in the manifests says which pool it belongs on; every pod must run there and nowhere else.
"""
import pathlib
import re
import shlex

from harness.suite import eventually, holds, same, test

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def pool_commands(text):
    """The `az aks nodepool add` lines of a README, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [shlex.split(line.strip()) for line in joined.splitlines() if line.strip().startswith("az aks nodepool")]


def run_example(b, name):
    """Pools, manifests, and then every pod in its lane."""
    folder = EXAMPLES / name
    commands = pool_commands((folder / "README.md").read_text())
    holds(commands, "the README makes its pools")
    for command in commands:
        b.az(*command[1:], "-o", "none").ok()
    b.kubectl("apply", "-f", str(folder)).ok()
    namespace = {"retail": "retail", "mixed-os": "mixed", "streaming": "streaming"}[name]

    def settled():
        pods = b.kubectl("get", "pods", "-A", "-o", "json").ok().json["items"]
        ours = [p for p in pods if "lane" in p["metadata"].get("annotations", {})]
        return ours if ours and all(p["status"]["phase"] in ("Running", "Succeeded") for p in ours) else None
    pods = eventually(settled, 60, f"pods of {name} run")
    lanes = {n["metadata"]["name"]: n["metadata"]["labels"]["agentpool"] for n in b.kube.nodes()}
    wrong = [(p["metadata"]["name"], p["metadata"]["annotations"]["lane"], lanes[p["spec"]["nodeName"]]) for p in pods
             if lanes[p["spec"]["nodeName"]] != p["metadata"]["annotations"]["lane"]]
    same(wrong, [], "pods beside their lane")
    for deployment in b.kubectl("get", "deployments", "-n", namespace, "-o", "name").ok().out.split():
        b.kubectl("rollout", "status", "-n", namespace, deployment, "--timeout=60s").ok()
    return pods, lanes


def clean(b, name):
    """What the example made, gone."""
    folder = EXAMPLES / name
    # The namespace goes first and takes the rest along, sometimes before kubectl asks for it.
    b.kubectl("delete", "-f", str(folder), "--timeout=60s", "--ignore-not-found").ok()
    for command in pool_commands((folder / "README.md").read_text()):
        pool = command[command.index("-n") + 1]
        if command[3] == "add":
            b.az_pool("delete", "-n", pool).ok()
        else:
            b.az_pool("update", "-n", pool, "--node-taints", "").ok()


@test
def retail_has_its_storefront_batch_and_add_ons_in_three_lanes(b):
    pods, _ = run_example(b, "retail")
    same({p["metadata"]["annotations"]["lane"] for p in pods} >= {"system", "api"}, True, "lanes")
    b.kubectl("create", "job", "-n", "retail", "tonight", "--from=cronjob/nightly").ok()
    b.kubectl("wait", "-n", "retail", "--for=condition=Complete", "job/tonight", "--timeout=60s").ok()
    lanes = {n["metadata"]["name"]: n["metadata"]["labels"]["agentpool"] for n in b.kube.nodes()}
    batch = b.kubectl("get", "pods", "-n", "retail", "-l", "app=nightly", "-o", "json").ok().json["items"]
    same({lanes[p["spec"]["nodeName"]] for p in batch}, {"batch"}, "the nightly batch")
    zones = {n["metadata"]["name"]: n["metadata"]["labels"]["topology.kubernetes.io/zone"] for n in b.kube.nodes("api")}
    used = [zones[p["spec"]["nodeName"]] for p in pods if p["metadata"]["labels"].get("app") == "storefront"]
    counts = [used.count(z) for z in set(zones.values())]
    holds(max(counts) - min(counts) <= 1, f"the storefront is spread over zones: {counts}")
    same(b.kubectl("get", "pdb", "-n", "retail", "storefront", "-o", "jsonpath={.status.disruptionsAllowed}").ok().out, "2", "its budget")
    clean(b, "retail")


@test
def mixed_os_puts_windows_on_windows(b):
    pods, _ = run_example(b, "mixed-os")
    systems = {n["metadata"]["name"]: n["metadata"]["labels"]["kubernetes.io/os"] for n in b.kube.nodes()}
    same({(p["metadata"]["labels"]["app"], systems[p["spec"]["nodeName"]]) for p in pods}, {("legacy", "windows"), ("gateway", "linux")}, "operating systems")
    holds(all(re.fullmatch(r"akswin1[0-9a-z]{6}", n["metadata"]["name"]) for n in b.kube.nodes("win1")), "names of Windows nodes (N-7)")
    clean(b, "mixed-os")


@test
def streaming_keeps_ingestion_within_its_budget_while_its_lane_is_drained(b):
    run_example(b, "streaming")
    node = b.nodes_of("ingest")[0]
    watch = b.kube.watch("/api/v1/namespaces/streaming/pods?labelSelector=app%3Dingestion")
    b.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s").ok()
    now, least = {o["metadata"]["name"]: o for o in watch.first}, 99
    for _, kind, pod in watch.stop():
        now[pod["metadata"]["name"]] = pod
        if kind == "DELETED":
            del now[pod["metadata"]["name"]]
        ready = [p for p in now.values() if "deletionTimestamp" not in p["metadata"] and any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))]
        least = min(least, len(ready))
    holds(least >= 5, f"ingestion fell to {least}; its budget keeps 5 of 6")
    b.kubectl("uncordon", node).ok()
    clean(b, "streaming")
