"""`nodelane explain`: every fix that it tells is done as told, with kubectl and az, and the pod then runs where it was said.

A fix of several changes is also done in parts: with any one of them left out the pod still waits. The cases are those of AKS's own
troubleshooting pages. What each source says (server, kubeconfig, dump with pools) is the same.
"""
import copy
import json

from harness.suite import eventually, holds, same, test

NOT_YET = {"raiseMax"}  # nothing scales by itself yet, so this one could only be seen in its limit


def setup(b):
    """Three lanes: one tainted, one small and plain, one that is stopped."""
    b.az_pool("add", "-n", "gpu", "-c", "1", "-s", "Standard_D4s_v5", "--labels", "lane=gpu", "--node-taints", "sku=gpu:NoSchedule", "-o", "none").ok()
    b.az_pool("add", "-n", "app", "-c", "2", "-s", "Standard_D2s_v5", "--labels", "lane=app", "--zones", "1", "2", "-o", "none").ok()
    b.az_pool("add", "-n", "off", "-c", "1", "-s", "Standard_D8s_v5", "--labels", "lane=off", "-o", "none").ok()
    b.az_pool("stop", "-n", "off", "-o", "none").ok()


def pod(name, cpu="100m", **spec):
    """A pod of one container."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"containers": [{"name": "app", "image": "app", "resources": {"requests": {"cpu": cpu}}}], **spec}}


def apply(b, manifest):
    """Makes the pod anew."""
    b.kubectl("delete", "pod", manifest["metadata"]["name"], "--ignore-not-found", "--force", "--grace-period=0").ok()
    b.kubectl("apply", "-f", "-", stdin=json.dumps(manifest)).ok()


def seen(b, name):
    """The node of a pod, or None once the scheduler has said why not."""
    def look():
        found = b.kube.call("GET", f"/api/v1/namespaces/default/pods/{name}").json
        told = [c for c in found["status"].get("conditions", []) if c["type"] == "PodScheduled"]
        return (found["spec"].get("nodeName"),) if told else None
    return eventually(look, 20, f"{name} is placed or refused")[0]


def explain(b, name):
    """The answer for a pod."""
    return b.nodelane("explain", "pod", f"default/{name}", "-o", "json").ok().json


def in_pod(manifest, change):
    """True after a change that is one of the pod was made in its manifest."""
    spec, target, to = manifest["spec"], change["target"], change["to"]
    kind, last = change["kind"], target.rsplit(".", 1)[-1]
    if kind == "tolerateTaint":
        pair, effect = to.rsplit(":", 1)
        key, _, value = pair.partition("=")
        spec.setdefault("tolerations", []).append({"key": key, "operator": "Equal" if value else "Exists", "value": value, "effect": effect})
    elif kind in ("dropSelector", "widenSelector"):
        key = target.removeprefix("spec.nodeSelector.")
        spec["nodeSelector"].pop(key)
        if to is not None:
            spec["nodeSelector"][key] = to
    elif kind == "dropAffinityTerm" and "pod" in target:
        which = target.split(".")[2]
        index = int(target.split("[")[1].rstrip("]"))
        spec["affinity"][which]["requiredDuringSchedulingIgnoredDuringExecution"].pop(index)
    elif kind == "relaxSpread":
        spec["topologySpreadConstraints"][int(target.split("[")[1].split("]")[0])][last] = to
    elif kind == "lowerRequest":
        name, resource = target.split("[")[1].split("]")[0], target.split("requests.")[1]
        next(c for c in spec["containers"] if c["name"] == name)["resources"]["requests"][resource] = to
    else:
        return False
    return True


def in_cluster(b, change):
    """Makes a change of pools, nodes or quotas, as told."""
    kind, target, to = change["kind"], change["target"], change["to"]
    if kind == "raiseCount":
        b.az_pool("scale", "-n", target, "-c", str(to), "-o", "none").ok()
    elif kind == "startPool":
        b.az_pool("start", "-n", target, "-o", "none").ok()
    elif kind == "uncordonNode":
        b.kubectl("uncordon", target).ok()
    elif kind == "raiseQuota":
        b.nodelane("quota", "set", *(["--region"] if target == "region" else ["--family", target]), "--limit", str(to)).ok()
    elif kind == "addPool":
        zone = ["--zones", to["zone"]] if to["zone"] else []
        b.az_pool("add", "-n", target, "-c", str(to["count"]), "-s", to["size"], *zone, "-o", "none").ok()
    else:
        holds(False, f"a change that is not known here: {change}")


def lands(b, manifest, fix):
    """The pod is where the fix said."""
    name = manifest["metadata"]["name"]
    node = eventually(lambda: seen(b, name), 30, f"{name} runs after {fix['changes']}")
    pools = {n["metadata"]["name"]: n["metadata"]["labels"]["agentpool"] for n in b.kube.nodes()}
    same(pools[node], fix["lands"]["pool"], f"pool of {name} after {fix['changes']}")


def every_fix_works(b, manifest, *wanted):
    """Does every fix, those of the cluster last and only the first of each kind; each `wanted` kind must be among them."""
    name = manifest["metadata"]["name"]
    apply(b, manifest)
    same(seen(b, name), None, f"{name} waits at first")
    answer = explain(b, name)
    told = {change["kind"] for fix in answer["fixes"] for change in fix["changes"]}
    holds(told >= set(wanted), f"{wanted} among {answer['fixes']}")
    of_cluster = []
    for fix in answer["fixes"]:
        same(fix["verified"], True, "verified")
        changed = copy.deepcopy(manifest)
        if not all(in_pod(changed, change) for change in fix["changes"]):
            of_cluster.append(fix)
            continue
        apply(b, changed)
        lands(b, changed, fix)
        for left_out in fix["changes"] if len(fix["changes"]) > 1 else []:
            part = copy.deepcopy(manifest)
            for change in fix["changes"]:
                change == left_out or in_pod(part, change)
            apply(b, part)
            same(seen(b, name), None, f"{name} waits without {left_out}")
    for fix in of_cluster:
        changed = copy.deepcopy(manifest)
        left = [change for change in fix["changes"] if not in_pod(changed, change)]
        kinds = {change["kind"] for change in left}
        if kinds & NOT_YET or not kinds & set(wanted):
            continue
        apply(b, changed)
        same(seen(b, name), None, f"{name} waits before {left}")
        for change in sorted(left, key=lambda change: change["kind"] != "raiseQuota"):
            in_cluster(b, change)
        lands(b, changed, fix)
        break  # The cluster is another one now; the other fixes were for the one before.
    b.kubectl("delete", "pod", name, "--force", "--grace-period=0").ok()
    return answer


@test
def a_taint_and_a_misspelled_selector_need_both_changes(b):
    answer = every_fix_works(b, pod("train", "3", nodeSelector={"lane": "gpus"}), "tolerateTaint", "widenSelector", "dropSelector")
    holds(all(len(fix["changes"]) == 2 for fix in answer["fixes"]), f"both or none: {answer['fixes']}")
    holds(answer["event"].startswith("0/"), answer["event"])


@test
def a_pod_that_is_too_big_fits_when_lowered_or_on_a_new_pool(b):
    answer = every_fix_works(b, pod("big", "6", tolerations=[{"key": "sku", "operator": "Exists"}]), "lowerRequest", "addPool")
    extra = next(fix for fix in answer["fixes"] if fix["changes"][0]["kind"] == "addPool")
    holds(extra["pricePerHour"] > 0 and extra["lands"]["node"] is None, str(extra))
    b.az_pool("delete", "-n", extra["changes"][0]["target"], "-o", "none").ok()


@test
def anti_affinity_is_dropped_or_the_pool_is_scaled(b):
    for at in (0, 1):
        apply(b, dict(pod("noisy", nodeSelector={"lane": "app"}, topologySpreadConstraints=[
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "noisy"}}}]),
            metadata={"name": f"noisy-{at}", "labels": {"app": "noisy"}}))
        holds(seen(b, f"noisy-{at}"), "each on a node of its own")
    away = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchLabels": {"app": "noisy"}}, "topologyKey": "kubernetes.io/hostname"}]}}
    every_fix_works(b, pod("quiet", nodeSelector={"lane": "app"}, affinity=away), "dropAffinityTerm", "raiseCount")


@test
def a_spread_is_relaxed_as_far_as_told(b):
    for at in (0, 1):
        apply(b, dict(pod("web", nodeSelector={"topology.kubernetes.io/zone": "eastus-1"}), metadata={"name": f"web-{at}", "labels": {"app": "web"}}))
        holds(seen(b, f"web-{at}"), "they run in zone 1")
    spread = [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule", "nodeAffinityPolicy": "Ignore",
               "labelSelector": {"matchLabels": {"app": "web"}}}]
    every_fix_works(b, dict(pod("web-2", nodeSelector={"topology.kubernetes.io/zone": "eastus-1"}, topologySpreadConstraints=spread),
                            metadata={"name": "web-2", "labels": {"app": "web"}}), "relaxSpread")


@test
def a_cordoned_node_is_uncordoned(b):
    nodes = b.nodes_of("gpu")
    b.kubectl("cordon", *nodes).ok()
    answer = every_fix_works(b, pod("held", "3", tolerations=[{"key": "sku", "operator": "Exists"}], nodeSelector={"lane": "gpu"}), "uncordonNode")
    same(answer["fixes"][0]["changes"], [{"kind": "uncordonNode", "target": nodes[0], "from": "cordoned", "to": "schedulable"}], "the first fix")


@test
def a_full_quota_is_raised_with_the_pool_that_needs_it(b):
    used = {row["name"]: row["used"] for row in b.nodelane("quota", "list", "-o", "json").ok().json}
    families = {family: count for family, count in used.items() if family.startswith("standard")}
    away = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {"matchLabels": {"app": "more"}}, "topologyKey": "kubernetes.io/hostname"}]}}
    guards = []
    for at, node in enumerate(b.kube.nodes()):  # Every node there is keeps it away, so that only a new one is left.
        guards.append(f"guard-{at}")
        apply(b, pod(guards[-1], "1m", nodeName=node["metadata"]["name"], affinity=away))
    b.nodelane("quota", "set", "--any-family", "--limit", "0").ok()
    for family, count in families.items():
        b.nodelane("quota", "set", "--family", family, "--limit", str(count)).ok()
    try:
        answer = every_fix_works(b, pod("more"), "raiseQuota", "addPool", "raiseCount")
        holds(all(len(fix["changes"]) == 2 for fix in answer["fixes"]), f"no family has anything left: {answer['fixes']}")
        limits = next(pool for pool in answer["pools"] if pool["pool"] == "app")["limits"]
        holds(any(limit.startswith("quota: ") for limit in limits), f"quota among {limits}")
    finally:
        b.nodelane("quota", "set", "--any-family", "--limit", "20000").ok()
        for family in {row["name"] for row in b.nodelane("quota", "list", "-o", "json").ok().json if row["name"].startswith("standard")}:
            b.nodelane("quota", "set", "--family", family, "--limit", "20000").ok()
        b.kubectl("delete", "pod", *guards, "--force", "--grace-period=0").ok()


@test
def a_stopped_pool_is_started(b):
    answer = every_fix_works(b, pod("night", "6", nodeSelector={"lane": "off"}), "startPool")
    limits = next(pool for pool in answer["pools"] if pool["pool"] == "off")["limits"]
    holds(any(limit.startswith("stopped") for limit in limits), f"stopped among {limits}")


@test
def a_maximum_and_a_lost_zone_are_named_as_limits(b):
    b.az_pool("update", "-n", "app", "--enable-cluster-autoscaler", "--min-count", "1", "--max-count", "3", "-o", "none").ok()
    b.nodelane("fault", "set", "zone-out", "--zone", "1", "--name", "lost").ok()
    apply(b, pod("wide", "1900m", nodeSelector={"lane": "app", "no": "where"}))
    seen(b, "wide")
    pool = next(pool for pool in explain(b, "wide")["pools"] if pool["pool"] == "app")
    same([limit.split(":")[0] for limit in pool["limits"]], ["max count", "zone out"], f"limits {pool['limits']}")
    same(pool["newNode"]["fits"], False, "a new node lacks the label too")
    b.nodelane("fault", "clear", "lost").ok()


@test
def server_kubeconfig_and_dump_give_the_same_answer(b):
    kinds = "nodes,pods,pdb,pv,pvc,sc,ns,deploy,rs,sts,ds,jobs"
    dump, pools = b.folder / "dump.json", b.folder / "pools.json"
    dump.write_text(b.kubectl("get", kinds, "-A", "-o", "json").ok().out)
    pools.write_text(b.az_pool("list", "-o", "json").ok().out)
    live = b.nodelane("explain", "pod", "wide", "-o", "json").ok().json
    config = b.server.env()["KUBECONFIG"].split(":")[0]
    same(b.nodelane("explain", "pod", "wide", "-o", "json", "--kubeconfig", config).ok().json, live, "by kubeconfig")
    read = b.nodelane("explain", "pod", "wide", "-o", "json", "--dump", str(dump), "--pools", str(pools)).ok().json
    same(read, live, "by dump and pools")
    same(b.nodelane("explain", "pod", "wide", "-o", "json", "--dump", "-", "--pools", str(pools), stdin=dump.read_text()).ok().json, live, "from standard input")
    waiting = b.nodelane("explain", "pods", "--pending", "-o", "json").ok().json
    same([answer["pod"] for answer in waiting], ["default/wide"], "pods that wait")
    same(waiting[0], live, "one by one or all together")


@test
def bound_pods_missing_pods_and_bad_files_are_told_apart(b):
    name = b.kubectl("get", "pods", "-n", "kube-system", "-o", "jsonpath={.items[0].metadata.name}").ok().out
    answer = b.nodelane("explain", "pod", f"kube-system/{name}", "-o", "json").ok().json
    same((answer["bound"], answer["fixes"]), (True, []), "a bound pod")
    landed = answer["landed"]
    same(sorted(landed["scores"]), sorted(landed["feasible"]), "a score for each feasible node")
    holds(all(scores["total"] == sum(v for k, v in scores.items() if k != "total") for scores in landed["scores"].values()), "totals are sums")
    b.nodelane("explain", "pod", "default/nosuch").failed(3, "there is no pod default/nosuch")
    b.nodelane("explain", "pod", "x", "--dump", "/nonexistent").failed(1, "/nonexistent")
    b.nodelane("explain", "pod", "x", "--dump", "-", stdin="NAME READY").failed(1, "kubectl get")
    b.nodelane("explain", "pods").failed(2, "--pending")
