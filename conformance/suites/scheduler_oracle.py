"""FailedScheduling texts and placements against the real scheduler's filters (Kubernetes 1.36.3).

The oracle is fed with the very nodes and pods that our server shows, so both judge the same cluster: the event's text must be
equal, and a pod that was placed must be on a node that every filter lets pass.
"""
import json
import subprocess
import time

from harness.suite import eventually, holds, same, test


def NEEDS(options):
    """Why this cannot run here."""
    return None if (options.peers / "bin/scheduler-oracle").exists() else "the scheduler oracle is not built"


def setup(b):
    """Lanes with taints, zones and sizes to fail on."""
    b.arm.create("batch", count=2, nodeTaints=["lane=batch:NoSchedule"], nodeLabels={"lane": "batch"})
    b.arm.create("big", count=2, vmSize="Standard_D8s_v5", availabilityZones=["1", "2"])
    b.arm.create("spot", scaleSetPriority="Spot", spotMaxPrice=-1, upgradeSettings={})
    b.kubectl("cordon", b.nodes_of("batch")[0]).ok()


def judge(b, pod, pods):
    """The oracle's verdict on one pod."""
    question = {"nodes": b.kube.nodes(), "pods": [p for p in pods if p["spec"].get("nodeName")], "pod": pod, "pdbs": b.kube.items("/apis/policy/v1/poddisruptionbudgets")}
    done = subprocess.run([b.options.peers / "bin/scheduler-oracle"], input=json.dumps(question) + "\n", capture_output=True, text=True, timeout=60)
    same(done.returncode, 0, f"oracle: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def spec(cpu=None, **more):
    """A pod's spec."""
    container = {"name": "c", "image": "x"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu, "memory": "64Mi"}}
    return {"containers": [container], **more}


def anti(label):
    """Required anti-affinity to a label, per node."""
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": label}}}]}}


ONLY_LANE = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "lane", "operator": "In", "values": ["batch"]}]}]}}}
PODS = {
    "too-big": spec("64"), "wrong-lane": spec("100m", nodeSelector={"agentpool": "nosuch"}), "not-tolerated": spec("100m", nodeSelector={"agentpool": "batch"}),
    "spot-not-tolerated": spec("100m", nodeSelector={"agentpool": "spot"}), "big-on-small": spec("6", nodeSelector={"agentpool": "system"}), "affinity": spec("100m", affinity=ONLY_LANE),
    "tolerated": spec("100m", nodeSelector={"agentpool": "batch"}, tolerations=[{"key": "lane", "operator": "Exists"}]), "plain": spec("100m"), "large": spec("5"), "anywhere": spec(tolerations=[{"operator": "Exists"}]),
    "zoned": spec("100m", nodeSelector={"topology.kubernetes.io/zone": "eastus-2"}), "no-zone": spec("100m", nodeSelector={"topology.kubernetes.io/zone": "eastus-9"}),
    **{f"apart-{n}": spec("100m", affinity=anti("apart"), nodeSelector={"agentpool": "big"}) for n in range(3)},
}


@test
def every_verdict_is_the_real_schedulers(b):
    path, wrong = "/api/v1/namespaces/default/pods", []
    for name, body in PODS.items():
        before = b.kube.items("/api/v1/pods")
        made = b.kube.call("POST", path, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"a": name.split("-")[0]}}, "spec": body})
        same(made.status, 201, f"{name}: {made}")

        def decided():
            pod = b.kube.call("GET", f"{path}/{name}").json
            if pod["spec"].get("nodeName"):
                return "node", pod["spec"]["nodeName"]
            events = b.kube.items(f"/api/v1/events?fieldSelector=involvedObject.name%3D{name},reason%3DFailedScheduling")
            return ("event", events[-1]["message"]) if events else None
        kind, value = eventually(decided, 10, f"{name} is decided")
        verdict = judge(b, made.json, before)
        if kind == "event" and value != verdict.get("event"):
            wrong.append(f"{name}: ours {value!r}, real {verdict.get('event')!r}")
        if kind == "node" and verdict["nodes"].get(value) != ["ok"]:
            wrong.append(f"{name}: on {value}, where the real one says {verdict['nodes'].get(value)}")
    same(wrong, [], f"of {len(PODS)} pods")


@test
def the_best_node_is_chosen(b):
    before = b.kube.items("/api/v1/pods")
    made = b.kube.call("POST", "/api/v1/namespaces/default/pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "scored"}, "spec": spec("700m")}).json
    node = eventually(lambda: b.kube.call("GET", "/api/v1/namespaces/default/pods/scored").json["spec"].get("nodeName"), 10, "placed")
    scores = judge(b, made, before).get("scores") or {}
    holds(scores and scores.get(node) == max(scores.values()), f"{node} of {scores}")


PRESSING = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: pressing}
value: 1000
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: kept}
spec: {minAvailable: 3, selector: {matchLabels: {app: kept}}}
---
apiVersion: v1
kind: Pod
metadata: {name: pressing}
spec:
  priorityClassName: pressing
  nodeSelector: {agentpool: full}
  containers: [{name: c, image: x, resources: {requests: {cpu: "2"}}}]
"""


@test
def room_is_made_for_an_urgent_pod_by_the_victims_that_the_real_one_names(b):
    b.arm.create("full", count=2, vmSize="Standard_D4s_v5")
    kept, spared = nodes = b.nodes_of("full")
    for node, app in zip(nodes, ("kept", "spared")):
        for n in range(3):
            b.kube.call("POST", "/api/v1/namespaces/default/pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{app}-{n}", "labels": {"app": app}}, "spec": spec("1", terminationGracePeriodSeconds=2, nodeSelector={"kubernetes.io/hostname": node})})
            # Later ones have started later: a second apart.
            eventually(lambda: b.kubectl("get", "pod", f"{app}-{n}", "-o", "jsonpath={.status.phase}").out == "Running", 10, f"{app}-{n} runs")
            time.sleep(1)
    before = b.kube.items("/api/v1/pods")
    frame, urgent = PRESSING.rsplit("---\n", 1)
    b.kubectl("apply", "-f", "-", stdin=frame).ok()
    eventually(lambda: b.kube.call("GET", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/kept").json["status"].get("currentHealthy") == 3, 10, "the budget is counted")
    b.kubectl("create", "-f", "-", stdin=urgent).ok()
    pod = eventually(lambda: (p := b.kube.call("GET", "/api/v1/namespaces/default/pods/pressing").json)["spec"].get("nodeName") and p, 20, "it lands")
    question = {**pod, "spec": {k: v for k, v in pod["spec"].items() if k != "nodeName"}, "status": {}}
    verdict = judge(b, question, before)
    same(pod["spec"]["nodeName"], verdict.get("nominated"), f"the node; the real one says {verdict}")
    same(verdict["nominated"], spared, "the oracle keeps the budget too")
    events = b.kube.items("/api/v1/events?fieldSelector=reason%3DPreempted")
    same(sorted(e["involvedObject"]["name"] for e in events), sorted(v.split("/")[1] for v in verdict["victims"]), "the victims")
    same({e["message"] for e in events}, {f"Preempted by pod {pod['metadata']['uid']} on node {spared}"}, "what they are told")
    told = b.kube.items("/api/v1/events?fieldSelector=involvedObject.name%3Dpressing,reason%3DFailedScheduling")
    same(told[0]["message"], verdict["event"], "what the pod is told")
    b.kubectl("wait", "pod/pressing", "--for=condition=Ready", "--timeout=30s").ok()
    left = [p["metadata"]["name"] for p in b.kube.items("/api/v1/pods") if p["spec"].get("nodeName") == kept and p["metadata"]["labels"].get("app") == "kept"]
    same(sorted(left), ["kept-0", "kept-1", "kept-2"], "the budget's pods")
