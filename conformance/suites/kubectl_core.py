"""kubectl's verbs on pools, nodes and workloads, by the unmodified kubectl (1.30 or later).

Expected: what kubectl itself prints and exits with against a real API server (kubernetes-api.md); every test but
those on nodepools and machines also holds against the reference control plane.
"""
import json
import os
import re
import textwrap

from harness.suite import eventually, holds, same, test

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: web:1, resources: {requests: {cpu: 50m, memory: 64Mi}}}]
"""


def pods(b, selector="app=web"):
    """Pods of a selector that are not going away."""
    items = b.kubectl("get", "pods", "-l", selector, "-o", "json").ok().json["items"]
    return [p for p in items if "deletionTimestamp" not in p["metadata"]]


def running(b, count, selector="app=web"):
    """Waits until exactly `count` pods run; returns them."""
    eventually(lambda: len(pods(b, selector)) == count and all(p["status"]["phase"] == "Running" for p in pods(b, selector)), 30, f"{count} pods of {selector} Running")
    return pods(b, selector)


@test
def the_context_is_dev_and_the_server_answers_its_version(b):
    same(b.kubectl("config", "current-context").ok().out.strip(), "dev", "context")
    version = b.kubectl("version", "-o", "json").ok().json["serverVersion"]
    holds(re.fullmatch(r"v1\.\d+\.\d+.*", version["gitVersion"]), f"version {version}")
    holds("insecure-skip-tls-verify" not in b.kubectl("config", "view", "--raw").ok().out, "the certificate is verified (T13)")


@test
def api_resources_lists_the_kinds_with_their_short_names(b):
    lines = b.kubectl("api-resources", "--no-headers").ok().out.splitlines()
    rows = {tuple(line.split()[i] for i in (0, -1)): line.split() for line in lines}
    for name, kind, short, namespaced in [
        ("nodes", "Node", "no", "false"), ("namespaces", "Namespace", "ns", "false"), ("pods", "Pod", "po", "true"), ("services", "Service", "svc", "true"),
        ("configmaps", "ConfigMap", "cm", "true"), ("secrets", "Secret", None, "true"), ("serviceaccounts", "ServiceAccount", "sa", "true"),
        ("events", "Event", "ev", "true"), ("leases", "Lease", None, "true"), ("deployments", "Deployment", "deploy", "true"), ("replicasets", "ReplicaSet", "rs", "true"),
        ("statefulsets", "StatefulSet", "sts", "true"), ("daemonsets", "DaemonSet", "ds", "true"), ("jobs", "Job", None, "true"), ("cronjobs", "CronJob", "cj", "true"),
        ("poddisruptionbudgets", "PodDisruptionBudget", "pdb", "true"), ("priorityclasses", "PriorityClass", "pc", "false"), ("endpointslices", "EndpointSlice", None, "true"),
    ]:
        row = rows.get((name, kind))
        holds(row and row[-2] == namespaced and (short is None or short in row[1].split(",")), f"{name}: {row}")


@test
def apply_creates_then_changes_then_changes_nothing(b):
    file = b.folder / "web.yaml"
    file.write_text(DEPLOYMENT)
    same(b.kubectl("apply", "-f", str(file)).ok().out.strip(), "deployment.apps/web created", "first")
    same(b.kubectl("apply", "-f", str(file)).ok().out.strip(), "deployment.apps/web unchanged", "second")
    file.write_text(DEPLOYMENT.replace("web:1", "web:2"))
    same(b.kubectl("apply", "-f", str(file)).ok().out.strip(), "deployment.apps/web configured", "third")
    b.kubectl("rollout", "status", "deployment/web", "--timeout=60s").ok()
    same({p["spec"]["containers"][0]["image"] for p in running(b, 3)}, {"web:2"}, "image")
    same(b.kubectl("diff", "-f", str(file)).code, 0, "no difference")


@test
def get_prints_the_columns_that_a_user_knows(b):
    lines = b.kubectl("get", "pods", "-l", "app=web").ok().out.splitlines()
    same(lines[0].split(), ["NAME", "READY", "STATUS", "RESTARTS", "AGE"], "pods")
    same(lines[1].split()[1:4], ["1/1", "Running", "0"], "a pod")
    same(b.kubectl("get", "deploy", "web").ok().out.splitlines()[0].split(), ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], "deployments")
    same(b.kubectl("get", "nodes").ok().out.splitlines()[0].split(), ["NAME", "STATUS", "ROLES", "AGE", "VERSION"], "nodes")
    wide = b.kubectl("get", "pods", "-l", "app=web", "-o", "wide").ok().out.splitlines()[0].split()
    same(wide[5:7], ["IP", "NODE"], "wide")
    b.kubectl("get", "pods,deploy,rs", "-l", "app=web").ok()
    same(b.kubectl("get", "pod", "nosuch").failed(1).err.strip(), 'Error from server (NotFound): pods "nosuch" not found', "not found")
    holds("No resources found" in b.kubectl("get", "pods", "-n", "kube-public").ok().err, "empty list")
    names = b.kubectl("get", "pods", "-l", "app=web", "-o", "name", "--chunk-size=1").ok().out.split()
    same(len(names), 3, "pages of one")
    b.kubectl("get", "pods", "--field-selector", "status.phase=Running,spec.nodeName!=x").ok()
    b.kubectl("get", "pods", "--field-selector", "spec.nosuch=x").failed(1, "field label not supported")


@test
def describe_shows_conditions_events_and_what_runs(b):
    pod = running(b, 3)[0]
    text = b.kubectl("describe", "pod", pod["metadata"]["name"]).ok().out
    holds(re.search(r"Normal\s+Scheduled\s+.*default-scheduler\s+Successfully assigned default/\S+ to \S+", text), f"Scheduled event in:\n{text}")
    text = b.kubectl("describe", "node", pod["spec"]["nodeName"]).ok().out
    for part in ("Allocatable:", "Non-terminated Pods:", "Allocated resources:", pod["metadata"]["name"], "Ready"):
        holds(part in text, f"{part} in describe node")
    holds("ScalingReplicaSet" in b.kubectl("describe", "deployment", "web").ok().out, "events of a deployment")


@test
def create_edit_label_annotate_and_patch(b):
    same(b.kubectl("create", "configmap", "c1", "--from-literal=a=1").ok().out.strip(), "configmap/c1 created", "create")
    b.kubectl("create", "configmap", "c1").failed(1, 'configmaps "c1" already exists')
    editor = b.folder / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/a: \"1\"/a: \"2\"/' \"$1\"\n")
    os.chmod(editor, 0o755)
    same(b.kubectl("edit", "configmap", "c1", env={"EDITOR": str(editor), "KUBE_EDITOR": str(editor)}).ok().out.strip(), "configmap/c1 edited", "edit")
    same(b.kubectl("get", "cm", "c1", "-o", "jsonpath={.data.a}").ok().out, "2", "edited value")
    b.kubectl("label", "cm", "c1", "x=y").ok()
    b.kubectl("label", "cm", "c1", "x=z").failed(1, "overwrite")
    b.kubectl("annotate", "cm", "c1", "note=hello").ok()
    b.kubectl("patch", "cm", "c1", "--type=json", "-p", '[{"op":"add","path":"/data/b","value":"3"}]').ok()
    b.kubectl("patch", "cm", "c1", "--type=merge", "-p", '{"data":{"a":null}}').ok()
    found = b.kubectl("get", "cm", "c1", "-o", "json").ok().json
    same((found["data"], found["metadata"]["labels"], found["metadata"]["annotations"]["note"]), ({"b": "3"}, {"x": "y"}, "hello"), "all of it")
    b.kubectl("patch", "deployment", "web", "-p", '{"spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"K","value":"v"}]}]}}}}').ok()
    container = b.kubectl("get", "deployment", "web", "-o", "json").ok().json["spec"]["template"]["spec"]["containers"]
    same((len(container), container[0]["image"], container[0]["env"]), (1, "web:2", [{"name": "K", "value": "v"}]), "a strategic patch merges by name")
    b.kubectl("delete", "cm", "c1").ok()


@test
def rollout_status_history_undo_and_restart(b):
    b.kubectl("set", "image", "deployment/web", "c=web:3").ok()
    holds("successfully rolled out" in b.kubectl("rollout", "status", "deployment/web", "--timeout=60s").ok().out, "status")
    holds(len(b.kubectl("rollout", "history", "deployment/web").ok().out.split("\n")) >= 4, "history")
    b.kubectl("rollout", "undo", "deployment/web").ok()
    b.kubectl("rollout", "status", "deployment/web", "--timeout=60s").ok()
    same(b.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}").ok().out, "web:2", "undone")
    before = {p["metadata"]["uid"] for p in running(b, 3)}
    b.kubectl("rollout", "restart", "deployment/web").ok()
    b.kubectl("rollout", "status", "deployment/web", "--timeout=60s").ok()
    holds(not before & {p["metadata"]["uid"] for p in running(b, 3)}, "every pod is a new one")


@test
def scale_goes_up_and_down(b):
    same(b.kubectl("scale", "deployment/web", "--replicas=6").ok().out.strip(), "deployment.apps/web scaled", "scale")
    running(b, 6)
    b.kubectl("scale", "deployment/web", "--replicas=2", "--current-replicas=5").failed(1, "Expected replicas to be 5, was 6")
    b.kubectl("scale", "deployment/web", "--replicas=2").ok()
    running(b, 2)


@test
def a_service_shows_where_its_pods_are_reached(b):
    count = len(pods(b))
    b.kubectl("expose", "deployment", "web", "--port", "80", "--target-port", "8080").ok()
    expected = {f"{p['status']['podIP']}:8080" for p in running(b, count)}

    def shown():
        line = re.search(r"^Endpoints:\s+(.*)$", b.kubectl("describe", "service", "web").ok().out, re.M)
        slices = b.kubectl("get", "endpointslices", "-l", "kubernetes.io/service-name=web", "-o", "json").ok().json["items"]
        addresses = {f"{a}:{s['ports'][0]['port']}" for s in slices for e in s["endpoints"] if e["conditions"]["ready"] for a in e["addresses"]}
        return addresses == expected and line and line.group(1).split(",")[0].strip() in expected
    eventually(shown, 10, f"endpoints {expected}")
    b.kubectl("delete", "service", "web").ok()
    eventually(lambda: not b.kubectl("get", "endpointslices", "-o", "json").ok().json["items"], 10, "the slices went with the service")


@test
def wait_and_watch_see_conditions(b):
    b.kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=30s").ok()
    b.kubectl("wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=30s").ok()
    b.kubectl("wait", "--for=jsonpath={.status.readyReplicas}=2", "deployment/web", "--timeout=30s").ok()
    b.kubectl("wait", "--for=condition=Nope", "deployment/web", "--timeout=1s").failed(1, "timed out")


@test
def what_the_server_shows_can_be_put_back_as_it_is(b):
    for kind in ("nodes", "pods", "deployments", "replicasets", "services", "poddisruptionbudgets", "namespaces", "priorityclasses"):
        shown = b.kubectl("get", kind, "-A", "-o", "json").ok()
        holds(shown.json["items"], f"{kind} are there")
        b.kubectl("replace", "--dry-run=server", "--validate=strict", "-f", "-", stdin=shown.out).ok()


@test
def a_misspelt_field_is_named_at_any_depth(b):
    done = b.kubectl("apply", "-f", "-", stdin=DEPLOYMENT.replace("image: web:1", "imgae: web:1")).failed(1)
    holds('strict decoding error: unknown field "spec.template.spec.containers[0].imgae"' in done.err, done.err)
    holds("periodSeconds\t<integer>" in b.kubectl("explain", "pod.spec.containers.readinessProbe").ok().out, "explain")


@test
def jobs_end_and_cron_jobs_are_created(b):
    b.kubectl("create", "job", "once", "--image=x", "--", "true").ok()
    b.kubectl("wait", "--for=condition=Complete", "job/once", "--timeout=30s").ok()
    b.kubectl("create", "cronjob", "tick", "--image=x", "--schedule=*/5 * * * *", "--", "true").ok()
    b.kubectl("create", "job", "by-hand", "--from=cronjob/tick").ok()
    b.kubectl("wait", "--for=condition=Complete", "job/by-hand", "--timeout=30s").ok()
    b.kubectl("delete", "job/once", "cronjob/tick").ok()
    eventually(lambda: "by-hand" not in b.kubectl("get", "jobs", "-o", "name").ok().out, 15, "a job made from a cron job goes with it")
    eventually(lambda: not b.kubectl("get", "pods", "-l", "job-name", "-o", "name").ok().out.strip(), 15, "pods of deleted jobs are collected")


@test
def a_node_is_cordoned_tainted_drained_and_given_back(b):
    node = running(b, 2)[0]["spec"]["nodeName"]
    same(b.kubectl("cordon", node).ok().out.strip(), f"node/{node} cordoned", "cordon")
    holds("Ready,SchedulingDisabled" in b.kubectl("get", "node", node).ok().out, "status")
    taints = lambda: b.kubectl("get", "node", node, "-o", "json").ok().json["spec"].get("taints", [])
    eventually(lambda: any(t["key"] == "node.kubernetes.io/unschedulable" for t in taints()), 10, "the taint of a cordoned node (H-9)")
    b.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s", "--force").ok()
    holds(node not in [p["spec"].get("nodeName") for p in running(b, 2)], "its pods run elsewhere")
    same(b.kubectl("uncordon", node).ok().out.strip(), f"node/{node} uncordoned", "uncordon")
    eventually(lambda: not any(t["key"] == "node.kubernetes.io/unschedulable" for t in taints()), 10, "the taint goes")
    b.kubectl("taint", "node", node, "a=b:NoSchedule").ok()
    holds({"key": "a", "value": "b", "effect": "NoSchedule"} in taints(), "taint")
    b.kubectl("taint", "node", node, "a=b:NoSchedule-").ok()


@test
def a_budget_blocks_a_drain_and_says_so(b):
    b.kubectl("create", "poddisruptionbudget", "web", "--selector=app=web", "--min-available=2").ok()
    eventually(lambda: b.kubectl("get", "pdb", "web", "-o", "jsonpath={.status.currentHealthy}").ok().out == "2", 10, "budget status")
    node = running(b, 2)[0]["spec"]["nodeName"]
    drained = b.kubectl("drain", node, "--ignore-daemonsets", "--timeout=7s", "--force").failed(1)
    holds("Cannot evict pod as it would violate the pod's disruption budget." in drained.err, drained.err)
    b.kubectl("delete", "pdb", "web").ok()
    b.kubectl("drain", node, "--ignore-daemonsets", "--timeout=60s", "--force").ok()
    b.kubectl("uncordon", node).ok()


@test
def a_pod_that_fits_nowhere_says_why(b):
    manifest = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "big"}, "spec": {"containers": [
        {"name": "c", "image": "x", "resources": {"requests": {"cpu": "1000"}}}]}})
    b.kubectl("apply", "-f", "-", stdin=manifest).ok()
    events = lambda: b.kubectl("get", "events", "--field-selector", "involvedObject.name=big,reason=FailedScheduling", "-o", "json").ok().json["items"]
    message = eventually(lambda: [e.get("message") for e in events()], 10, "FailedScheduling")[0]
    holds(re.match(r"0/\d+ nodes are available: .*\d+ Insufficient cpu", message), message)
    pod = b.kubectl("get", "pod", "big", "-o", "json").ok().json
    condition = [c for c in pod["status"]["conditions"] if c["type"] == "PodScheduled"][0]
    same((condition["status"], condition["reason"]), ("False", "Unschedulable"), "condition")
    b.kubectl("delete", "pod", "big").ok()


@test
def auth_can_i_top_logs_and_exec(b):
    same(b.kubectl("auth", "can-i", "create", "pods").ok().out.strip(), "yes", "can-i")
    pod = running(b, 2)[0]["metadata"]["name"]
    b.kubectl("logs", pod).ok()
    holds(b.kubectl("exec", pod, "--", "true").failed().err, "exec says that nothing runs")
    lines = b.kubectl("top", "nodes").ok().out.splitlines()
    same(lines[0].split()[:2], ["NAME", "CPU(cores)"], "top nodes")
    same(len(lines) - 1, len(b.kube.nodes()), "a row a node")
    same(b.kubectl("top", "pods").ok().out.splitlines()[0].split()[0], "NAME", "top pods")


@test
def our_own_kinds_are_listed(b):
    holds("system" in b.kubectl("get", "nodepools").ok().out, "nodepools")
    same(len(b.kubectl("get", "machines", "-o", "name").ok().out.split()), len(b.kube.nodes()), "a machine a node")


@test
def delete_takes_the_owned_along(b):
    same(b.kubectl("delete", "deployment", "web").ok().out.strip(), 'deployment.apps "web" deleted', "delete")
    eventually(lambda: not pods(b) and not b.kubectl("get", "rs", "-l", "app=web", "-o", "name").ok().out.strip(), 20, "replica sets and pods are collected")
    b.kubectl("apply", "-f", "-", stdin=textwrap.dedent(DEPLOYMENT)).ok()
    running(b, 3)
    b.kubectl("delete", "deployment", "web", "--cascade=orphan").ok()
    same(len(pods(b)), 3, "orphans stay")
    b.kubectl("delete", "rs", "-l", "app=web").ok()
    b.kubectl("create", "namespace", "gone").ok()
    b.kubectl("create", "configmap", "c", "-n", "gone").ok()
    b.kubectl("delete", "namespace", "gone", "--timeout=30s").ok()
    b.kubectl("get", "configmap", "c", "-n", "gone").failed(1, "not found")
