"""Autoscaled pools, driven by the unmodified az and kubectl: from nothing to as many machines as pods need, and the words for it.

Expected: aks-semantics MS-1 to MS-4, SU-1, SU-2, SD-6; texts of cluster-autoscaler (scheduler-and-autoscaler). Machines boot at once.
"""
import json

from harness.suite import eventually, holds, same, test


def setup(b):
    """A pool that may have none to five machines; pods may use 1,900m of the two cores that az chooses."""
    b.az_pool("add", "-n", "auto", "-c", "0", "--enable-cluster-autoscaler", "--min-count", "0", "--max-count", "5").ok()


def pool(b):
    """The pool as az shows it."""
    return b.az_pool("show", "-n", "auto").ok().json


def deploy(b, name, replicas, cpu):
    """kubectl create of a deployment for the pool."""
    labels = {"app": name}
    pod = {"nodeSelector": {"agentpool": "auto"}, "containers": [{"name": "c", "image": "busybox", "resources": {"requests": {"cpu": cpu}}}]}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    b.kubectl("create", "-f", "-", stdin=json.dumps(body)).ok()


def messages(b, reason):
    """Messages of events of a reason."""
    events = b.kubectl("get", "events", "-A", "--field-selector", f"reason={reason}", "-o", "json").ok().json["items"]
    return [event["message"] for event in events]


@test
def pods_bring_machines_from_nothing(b):
    same(len(b.kube.nodes("auto")), 0, "nodes at first")
    deploy(b, "web", 3, "900m")
    eventually(lambda: len(b.kube.nodes("auto")) == 2, 60, "two nodes come")
    b.kubectl("rollout", "status", "deployment/web", "--timeout=60s").ok()
    same((pool(b)["count"], pool(b)["provisioningState"]), (2, "Succeeded"), "count and state as az shows them")
    told = messages(b, "TriggeredScaleUp")
    holds(told and all(text.startswith("pod triggered scale-up: [{aks-auto-") and text.endswith("-vmss 0->2 (max: 5)}]") for text in told), f"{told}")
    set_to = [text for text in messages(b, "ScaledUpGroup") if text.startswith("Scale-up: group aks-auto-")]
    holds(set_to and set_to[0].endswith("-vmss size set to 2 instead of 0 (max: 5)"), f"{set_to}")


@test
def the_status_is_shown_in_its_config_map(b):
    read = lambda: b.kubectl("get", "configmap", "cluster-autoscaler-status", "-n", "kube-system", "-o", "jsonpath={.data.status}").ok().out
    text = eventually(lambda: (t := read()) and "cloudProviderTarget: 2" in t and "ready: 2" in t and t, 30, "two machines are shown")
    for wanted in ["autoscalerStatus: Running", "clusterWide:", "status: Healthy", "minSize: 0", "maxSize: 5", "status: NoActivity"]:
        holds(wanted in text, f"{wanted} in:\n{text}")


@test
def a_count_is_not_the_users_to_set(b):
    b.az_pool("scale", "-n", "auto", "-c", "4").failed(None, "Cannot scale cluster autoscaler enabled node pool.")
    same(pool(b)["count"], 2, "count")


@test
def pods_beyond_the_maximum_are_told_why(b):
    b.az_pool("update", "-n", "auto", "--update-cluster-autoscaler", "--min-count", "0", "--max-count", "2").ok()
    deploy(b, "more", 4, "900m")
    wanted = "pod didn't trigger scale-up: 1 max node group size reached"
    eventually(lambda: wanted in messages(b, "NotTriggerScaleUp"), 60, "the event")
    answer = b.nodelane("explain", "pool", "auto", "-o", "json").ok().json
    same((answer["canGrow"], answer["reason"], answer["count"], answer["max"]), (False, "max node group size reached", 2, 2), "explain pool")
    b.az_pool("update", "-n", "auto", "--update-cluster-autoscaler", "--min-count", "0", "--max-count", "5").ok()
    b.kubectl("rollout", "status", "deployment/more", "--timeout=90s").ok()


@test
def a_minimum_is_raised_to(b):
    before = pool(b)["count"]
    b.az_pool("update", "-n", "auto", "--update-cluster-autoscaler", "--min-count", "5", "--max-count", "5").ok()
    eventually(lambda: len(b.kube.nodes("auto")) == 5, 60, f"five nodes, from {before}")
    b.nodelane("explain", "pool", "nowhere").failed(None, "there is no node pool nowhere")
