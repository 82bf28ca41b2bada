"""Faults from our command line, seen by the unmodified az and kubectl: evictions, silent nodes, lost zones, throttled calls; and pods
that crash or take their time, by command and annotation.

Expected: aks-semantics S-3, S-5, H-5, H-6, X-2, section 5 for codes; kubelet's and kube-controller-manager's texts, taints and back-off.
The boot profile is `instant`: a silent node is lost at once instead of after 50 seconds. The notice of an eviction is 30 seconds in any.
"""
import json
import time

from harness.bench import ready
from harness.suite import eventually, holds, same, test

NOTICE_SECONDS = 30
EVICTION = {}


def fault(b, *arguments):
    """`nodelane fault set`; gives the fault's name."""
    return b.nodelane("fault", "set", *arguments, "-o", "json").ok().json[0]["name"]


def clear(b, name):
    """`nodelane fault clear`."""
    b.nodelane("fault", "clear", name).ok()


def apply(b, kind, name, spec, **metadata):
    """kubectl apply of one object."""
    group = {"Pod": "v1", "Deployment": "apps/v1"}[kind]
    body = {"apiVersion": group, "kind": kind, "metadata": dict(metadata, name=name), "spec": spec}
    b.kubectl("apply", "-f", "-", stdin=json.dumps(body)).ok()


def pod_spec(*command, **more):
    """A pod of one container."""
    return dict({"containers": [{"name": "c", "image": "busybox", **({"command": list(command)} if command else {})}]}, **more)


def row(b, *arguments):
    """The columns of the only row that `kubectl get` prints."""
    lines = b.kubectl("get", *arguments, "--no-headers").ok().out.splitlines()
    return lines[0].split() if lines else []


def setup(b):
    """A pool of spot machines, and one in three zones."""
    b.az_pool("add", "-n", "spot", "-c", "2", "--priority", "Spot", "--eviction-policy", "Delete", "--spot-max-price", "-1").ok()
    b.az_pool("add", "-n", "zonal", "-c", "3", "--zones", "1", "2", "3").ok()


@test
def an_eviction_begins_with_a_notice_and_a_drain(b):
    b.nodelane("fault", "set", "spot-evict", "--pool", "system").failed(None, "the machines of pool system are not spot machines")
    EVICTION["fault"], EVICTION["begin"] = fault(b, "spot-evict", "--pool", "spot", "--count", "1"), time.monotonic()
    cordoned = lambda: [n for n in b.kube.nodes("spot") if n["spec"].get("unschedulable")]
    [node] = eventually(cordoned, 3, "one node is cordoned")
    EVICTION["node"] = node["metadata"]["name"]
    same(row(b, "node", EVICTION["node"])[1], "Ready,SchedulingDisabled", "kubectl get node")
    holds("PreemptScheduled" in b.kubectl("describe", "node", EVICTION["node"]).ok().out, "the event of the node problem detector")
    same(len(b.kube.nodes("spot")), 2, "it is still there")


@test
def a_container_that_fails_crash_loops(b):
    template = {"metadata": {"labels": {"app": "bad"}}, "spec": pod_spec("false")}
    apply(b, "Deployment", "bad", {"replicas": 1, "selector": {"matchLabels": {"app": "bad"}}, "template": template})
    shown = lambda: (r := row(b, "pods", "-l", "app=bad")) and r[2] == "CrashLoopBackOff" and r
    same(eventually(shown, 5, "kubectl get pods shows it")[1], "0/1", "ready")
    [pod] = b.kube.items("/api/v1/namespaces/default/pods?labelSelector=app%3Dbad")
    full = f"bad_default({pod['metadata']['uid']})".replace("bad_", pod["metadata"]["name"] + "_")
    same(pod["status"]["containerStatuses"][0]["state"]["waiting"],
         {"reason": "CrashLoopBackOff", "message": f"back-off 10s restarting failed container=c pod={full}"}, "waiting")
    text = b.kubectl("describe", "pod", pod["metadata"]["name"]).ok().out
    holds(f"Back-off restarting failed container c in pod {full}" in text, f"the BackOff event in:\n{text}")
    again = lambda: (r := row(b, "pods", "-l", "app=bad")) and int(r[3]) >= 2 and r
    same(eventually(again, 13, "it is restarted after ten seconds")[2], "CrashLoopBackOff", "and crashes again")
    b.kubectl("delete", "deployment", "bad", "--wait=false").ok()


@test
def annotations_say_when_a_pod_is_ready_and_how_it_ends(b):
    apply(b, "Pod", "late", pod_spec(), annotations={"nodelane.dev/ready-after": "3s"})
    apply(b, "Pod", "odd", pod_spec(restartPolicy="Never"), annotations={"nodelane.dev/crash-after": "1s", "nodelane.dev/exit-code": "42"})
    eventually(lambda: row(b, "pod", "late")[1:3] == ["0/1", "Running"], 2, "running and not ready")
    b.kubectl("wait", "--for=condition=Ready", "pod/late", "--timeout=6s").ok()
    eventually(lambda: row(b, "pod", "odd")[2] == "Error", 4, "failed")
    code = b.kubectl("get", "pod", "odd", "-o", "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}").ok().out
    same(code, "42", "exit code")
    b.kubectl("delete", "pod", "late", "odd", "--wait=false").ok()


@test
def a_silent_node_is_lost_and_its_pods_leave_when_they_no_longer_tolerate_it(b):
    node = b.nodes_of("zonal")[0]
    pick = {"nodeSelector": {"kubernetes.io/hostname": node}}
    patience = [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}]
    apply(b, "Pod", "hasty", pod_spec(tolerations=patience, **pick))
    apply(b, "Pod", "usual", pod_spec(**pick))
    b.kubectl("wait", "--for=condition=Ready", "pod/hasty", "pod/usual", "--timeout=10s").ok()
    name = fault(b, "not-ready", "--node", node)
    eventually(lambda: row(b, "node", node)[1] == "NotReady", 3, "kubectl get node")
    body = b.kube.call("GET", f"/api/v1/nodes/{node}").json
    [condition] = [c for c in body["status"]["conditions"] if c["type"] == "Ready"]
    same((condition["status"], condition["reason"], condition["message"]), ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."), "Ready")
    same(sorted((t["key"], t["effect"]) for t in body["spec"]["taints"]),
         [("node.kubernetes.io/unreachable", "NoExecute"), ("node.kubernetes.io/unreachable", "NoSchedule")], "taints")
    lease = lambda: b.kubectl("get", "lease", node, "-n", "kube-node-lease", "-o", "jsonpath={.spec.renewTime}").ok().out
    before = lease()
    usual = lambda: b.kubectl("get", "pod", "usual", "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status}').ok().out
    same(usual(), "False", "a pod on it is no longer ready")
    eventually(lambda: row(b, "pod", "hasty")[2] == "Terminating", 6, "evicted after its own three seconds")
    holds("TaintManagerEviction" in b.kubectl("describe", "pod", "hasty").ok().out, "the event of the eviction")
    same((row(b, "pod", "usual")[2], lease()), ("Running", before), "300 seconds are the default; the lease is not renewed")
    clear(b, name)
    b.kubectl("wait", "--for=condition=Ready", f"node/{node}", "pod/usual", "--timeout=5s").ok()
    b.kubectl("wait", "--for=delete", "pod/hasty", "--timeout=5s").ok()
    holds("taints" not in b.kube.call("GET", f"/api/v1/nodes/{node}").json["spec"], "no taint is left")
    b.kubectl("delete", "pod", "usual", "--wait=false").ok()


@test
def a_zone_that_is_out_is_not_ready_and_gives_nothing(b):
    b.nodelane("fault", "set", "zone-out").failed(None, "zone-out needs a zone")
    name = fault(b, "zone-out", "--zone", "2")
    zone = lambda n: n["metadata"]["labels"]["topology.kubernetes.io/zone"]
    eventually(lambda: [zone(n) for n in b.kube.nodes("zonal") if not ready(n)] == ["eastus-2"], 3, "the zone's node is lost")
    b.az_pool("add", "-n", "two", "-c", "1", "--zones", "2").failed(None, "ZonalAllocationFailed")
    clear(b, name)
    eventually(lambda: len(b.nodes_of("zonal")) == 3, 5, "it is back")


@test
def throttled_calls_say_when_to_come_again(b):
    name = fault(b, "api-throttle", "--rate", "100")
    answer = b.arm.call("GET", b.arm.pool_path("zonal"))
    same((answer.status, answer.error["code"], answer.headers["Retry-After"]), (429, "Throttled", "1"), "X-2")
    same(b.kube.call("GET", "/api/v1/nodes").status, 200, "the Kubernetes API is another")
    clear(b, name)
    same(b.az_pool("show", "-n", "zonal", "-o", "json").ok().json["name"], "zonal", "az")


@test
def an_evicted_machine_is_gone_and_the_count_with_it(b):
    gone = lambda: EVICTION["node"] not in [n["metadata"]["name"] for n in b.kube.nodes("spot")]
    left = EVICTION["begin"] + NOTICE_SECONDS - time.monotonic()
    holds(left < 1 or not gone(), "the notice is kept")
    eventually(gone, max(left, 0) + 5, "the node is gone")
    holds(time.monotonic() - EVICTION["begin"] > NOTICE_SECONDS - 1, "not before its time")
    pool = b.az_pool("show", "-n", "spot", "-o", "json").ok().json
    same((pool["count"], pool["provisioningState"]), (1, "Succeeded"), "count (S-5)")
    faults = {fault["name"]: fault["count"] for fault in b.nodelane("fault", "list", "-o", "json").ok().json}
    same(faults, {EVICTION["fault"]: 0}, "the fault is used up")
    clear(b, EVICTION["fault"])
    b.az_pool("scale", "-n", "spot", "-c", "2").ok()
    same(len(b.nodes_of("spot")), 2, "a scale fills the pool again")
