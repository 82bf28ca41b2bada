"""`up --scheduler-config`: the live server places by the file while it runs, forgets it at the next `up`, and refuses a file that it cannot follow."""
import json
import pathlib

from harness.bench import Kube
from harness.suite import eventually, holds, same, test

OWN_SERVER = True
HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
TIGHT = {"pluginConfig": [{"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "MostAllocated"}}}],
         "plugins": {"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit"}]}}}


def write(b, profile):
    """A configuration file."""
    file = pathlib.Path(b.folder) / "scheduler.json"
    file.write_text(json.dumps({**HEAD, "profiles": [profile]}))
    return str(file)


def nodes_of_four(server, name):
    """Places four pods one after the other; on how many nodes they are."""
    server.env()  # writes the kubeconfig
    kube, path, found = Kube(server), "/api/v1/namespaces/default/pods", set()
    for number in range(4):
        container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{name}-{number}"}, "spec": {"containers": [container]}}
        same(kube.call("POST", path, pod).status, 201, "the pod is made")
        found.add(eventually(lambda: kube.call("GET", f"{path}/{name}-{number}").json["spec"].get("nodeName"), 10, "the pod is placed"))
    return len(found)


@test
def pods_are_packed_while_the_file_says_so_and_spread_after(b):
    server = b.another("tight")
    try:
        server.up("--scheduler-config", write(b, TIGHT))
        same(nodes_of_four(server, "packed"), 1, "nodes of four pods, packed")
        same(server.run("down").returncode, 0, "down")
        server.up()
        holds(nodes_of_four(server, "usual") > 1, "without the file four pods are on more than one node")
    finally:
        server.close()


@test
def a_file_that_cannot_be_followed_is_named_with_its_reason(b):
    server = b.another("refused")
    try:
        done = server.run("up", "--detach", "--scheduler-config", write(b, {"plugins": {"filter": {"disabled": [{"name": "VolumeBinding"}]}}}))
        same(done.returncode, 1, "up with such a file")
        holds("scheduler.json: plugins.filter: VolumeBinding cannot be turned off here" in done.stderr, lambda: done.stderr)
    finally:
        server.close()
