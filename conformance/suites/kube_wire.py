"""The Kubernetes API below kubectl: watches, pages, conflicts, patches, preconditions, errors.

Expected: kubernetes-api.md; every test also holds against the reference control plane.
"""
import time

from harness.suite import eventually, holds, same, test

MAPS = "/api/v1/namespaces/default/configmaps"


def config_map(name, **more):
    """A small object."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **more}, "data": {"n": "0"}}


def reason(answer):
    """Reason of a Status."""
    same(answer.json["kind"], "Status", f"a Status: {answer}")
    return answer.status, answer.json["reason"]


@test
def a_watch_sees_every_change_once_and_in_order(b):
    record = b.kube.watch(MAPS)
    b.kube.call("POST", MAPS, config_map("w"))
    for n in range(1, 6):
        b.kube.call("PATCH", f"{MAPS}/w", {"data": {"n": str(n)}}, {"Content-Type": "application/merge-patch+json"})
    b.kube.call("DELETE", f"{MAPS}/w")
    events = [e for e in record.stop() if e[2]["metadata"]["name"] == "w"]
    same([kind for _, kind, _ in events], ["ADDED"] + ["MODIFIED"] * 5 + ["DELETED"], "types")
    same([o["data"]["n"] for _, _, o in events], ["0", "1", "2", "3", "4", "5", "5"], "states")
    versions = [int(o["metadata"]["resourceVersion"]) for _, _, o in events]
    same(versions, sorted(set(versions)), "resourceVersion grows, for the deletion too")


@test
def leaving_a_selector_is_a_deletion(b):
    b.kube.call("POST", MAPS, config_map("s", labels={"in": "yes"}))
    record = b.kube.watch(MAPS + "?labelSelector=in%3Dyes")
    patch = lambda value: b.kube.call("PATCH", f"{MAPS}/s", {"metadata": {"labels": {"in": value}}}, {"Content-Type": "application/merge-patch+json"})
    patch("no"), patch("yes")
    b.kube.call("DELETE", f"{MAPS}/s")
    events = record.stop()
    same([kind for _, kind, _ in events], ["DELETED", "ADDED", "DELETED"], "types")
    same(events[0][2]["metadata"]["labels"], {"in": "yes"}, "with the last state that matched")


@test
def a_watch_from_an_old_version_replays_and_from_a_lost_one_is_410(b):
    version = b.kube.call("GET", MAPS).json["metadata"]["resourceVersion"]
    b.kube.call("POST", MAPS, config_map("r"))
    answer = b.kube.call("GET", f"{MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=1")
    holds(b'"ADDED"' in answer.body and b'"name":"r"' in answer.body, f"replayed: {answer}")
    b.kube.call("DELETE", f"{MAPS}/r")
    old = b.kube.call("GET", f"{MAPS}?watch=true&resourceVersion=1&timeoutSeconds=1")
    holds(old.status == 410 or b'"code":410' in old.body or b'"ADDED"' in old.body, f"either all of it or Expired: {old}")


@test
def pages_are_one_consistent_list(b):
    for n in range(5):
        b.kube.call("POST", MAPS, config_map(f"p{n}", labels={"page": "yes"}))
    seen, token, versions = [], "", set()
    while True:
        page = b.kube.call("GET", f"{MAPS}?limit=2&continue={token}").json
        seen += [i["metadata"]["name"] for i in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue", "")
        if len(seen) == 2:
            b.kube.call("POST", MAPS, config_map("p00"))
        if not token:
            break
        holds(page["metadata"]["remainingItemCount"] > 0, "remainingItemCount")
    same(len(versions), 1, "one version for all pages")
    holds("p00" not in seen and seen == sorted(seen) and len(seen) == len(set(seen)), f"items {seen}")
    b.kube.call("DELETE", MAPS + "?labelSelector=page%3Dyes")
    b.kube.call("DELETE", f"{MAPS}/p00")
    same([i["metadata"]["name"] for i in b.kube.items(MAPS) if i["metadata"]["name"].startswith("p")], [], "deletecollection")


@test
def conflicts_and_errors_have_their_reasons(b):
    made = b.kube.call("POST", MAPS, config_map("e"))
    same(made.status, 201, f"POST {made}")
    same(reason(b.kube.call("POST", MAPS, config_map("e"))), (409, "AlreadyExists"), "again")
    same(reason(b.kube.call("GET", MAPS + "/nosuch")), (404, "NotFound"), "missing")
    stale = made.json
    b.kube.call("PUT", f"{MAPS}/e", dict(stale, data={"n": "1"}))
    same(reason(b.kube.call("PUT", f"{MAPS}/e", dict(stale, data={"n": "2"}))), (409, "Conflict"), "stale resourceVersion")
    same(reason(b.kube.call("POST", MAPS, config_map("Not_A_Name"))), (422, "Invalid"), "name")
    same(b.kube.call("POST", MAPS, b"{").status, 400, "no JSON")
    same(b.kube.call("POST", MAPS, b"x", {"Content-Type": "text/plain"}).status, 415, "content type")
    same(b.kube.call("GET", MAPS + "?fieldSelector=nosuch%3Dx").status, 400, "unknown field")
    wrong = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    same(reason(b.kube.call("DELETE", f"{MAPS}/e", wrong)), (409, "Conflict"), "uid precondition")
    same(b.kube.call("POST", MAPS + "?dryRun=All", config_map("dry")).status, 201, "dry run")
    same(b.kube.call("GET", MAPS + "/dry").status, 404, "it left nothing")
    same(b.kube.call("DELETE", f"{MAPS}/e").status, 200, "delete")
    same(b.kube.call("GET", "/nosuch").status, 404, "unknown route")
    same(b.kube.call("GET", "/apis/nosuch.io/v1/things").status, 404, "unknown group")


@test
def a_generated_name_has_five_characters_more(b):
    made = b.kube.call("POST", MAPS, {"metadata": {"generateName": "g-"}, "apiVersion": "v1", "kind": "ConfigMap"})
    same((made.status, len(made.json["metadata"]["name"])), (201, 7), f"{made}")
    b.kube.call("DELETE", f"{MAPS}/{made.json['metadata']['name']}")


@test
def finalizers_hold_an_object_until_they_are_gone(b):
    b.kube.call("POST", MAPS, config_map("f", finalizers=["example.com/hold"]))
    b.kube.call("DELETE", f"{MAPS}/f")
    holding = b.kube.call("GET", f"{MAPS}/f").json
    holds(holding["metadata"].get("deletionTimestamp"), "marked")
    b.kube.call("PATCH", f"{MAPS}/f", {"metadata": {"finalizers": None}}, {"Content-Type": "application/merge-patch+json"})
    same(b.kube.call("GET", f"{MAPS}/f").status, 404, "gone")


@test
def status_and_spec_are_written_apart(b):
    path = "/apis/apps/v1/namespaces/default/deployments"
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "iso"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"a": "iso"}}, "template": {"metadata": {"labels": {"a": "iso"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}}
    made = b.kube.call("POST", path, dict(body, status={"replicas": 9})).json
    same((made["metadata"]["generation"], made["status"].get("replicas", 0)), (1, 0), "status of a POST is dropped")
    eventually(lambda: b.kube.call("GET", f"{path}/iso").json["status"].get("observedGeneration") == 1, 10, "observed")
    b.kube.call("PATCH", f"{path}/iso", {"spec": {"minReadySeconds": 1}}, {"Content-Type": "application/merge-patch+json"})
    same(b.kube.call("GET", f"{path}/iso").json["metadata"]["generation"], 2, "generation counts spec changes")
    scale = b.kube.call("GET", f"{path}/iso/scale").json
    same((scale["kind"], scale["spec"].get("replicas", 0)), ("Scale", 0), "scale")
    b.kube.call("DELETE", f"{path}/iso?propagationPolicy=Background")


@test
def discovery_is_served_in_both_forms(b):
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    groups = b.kube.call("GET", "/apis", headers={"Accept": accept}).json
    same(groups["kind"], "APIGroupDiscoveryList", "aggregated")
    holds({"apps", "batch", "policy"} <= {g["metadata"]["name"] for g in groups["items"]}, "groups")
    same(b.kube.call("GET", "/apis").json["kind"], "APIGroupList", "plain")
    same(b.kube.call("GET", "/api/v1").json["kind"], "APIResourceList", "core")
    for path in ("/livez", "/readyz", "/healthz"):
        same((b.kube.call("GET", path).status, b.kube.call("GET", path).body), (200, b"ok"), path)


@test
def tables_are_rendered_by_the_server(b):
    table = b.kube.call("GET", "/api/v1/nodes", headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).json
    same((table["kind"], [c["name"] for c in table["columnDefinitions"]][:5]), ("Table", ["Name", "Status", "Roles", "Age", "Version"]), "columns")
    same(len(table["rows"]), len(b.kube.nodes()), "rows")


@test
def an_eviction_answers_429_when_a_budget_is_spent(b):
    pods, budgets = "/api/v1/namespaces/default/pods", "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    b.kube.call("POST", pods, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "kept", "labels": {"a": "kept"}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "x"}]}})
    b.kube.call("POST", budgets, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "kept"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "kept"}}}})
    eventually(lambda: b.kube.call("GET", f"{budgets}/kept").json["status"].get("currentHealthy") == 1, 15, "budget status")
    evict = lambda: b.kube.call("POST", f"{pods}/kept/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "kept"}})
    refused = evict()
    same(reason(refused), (429, "TooManyRequests"), "eviction")
    holds("DisruptionBudget" in [c["reason"] for c in refused.json["details"]["causes"]], f"cause: {refused}")
    b.kube.call("DELETE", f"{budgets}/kept")
    eventually(lambda: evict().status in (201, 404), 10, "evicted without the budget")
    eventually(lambda: b.kube.call("GET", f"{pods}/kept").status == 404, 10, "gone")


@test
def a_watch_ends_after_its_timeout(b):
    version = b.kube.call("GET", MAPS).json["metadata"]["resourceVersion"]
    start = time.monotonic()
    answer = b.kube.call("GET", f"{MAPS}?watch=true&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=2")
    same(answer.status, 200, "watch")
    holds(1.5 <= time.monotonic() - start <= 6, "timeoutSeconds is honoured")
