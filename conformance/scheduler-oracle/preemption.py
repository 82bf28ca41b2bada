"""Random clusters that are full, and a pod more urgent than some of what runs there: questions for the oracle, one JSON object a line.

    python3 preemption.py 400 [SEED] | scheduler-oracle
    python3 preemption.py 400 [SEED] --golden ORACLE > ../../crates/place/tests/golden/preemption-1.36.3.json
"""
import json
import random
import subprocess
import sys

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
TIMES = [f"2026-01-01T0{hour}:00:00Z" for hour in range(4)]


def node(r, name, roomy):
    """A small node or a roomy one, seldom an odd one."""
    size = {"cpu": "32" if roomy else "4", "memory": "64Gi" if roomy else r.choice(["8Gi", "16Gi"]), "pods": r.choice(["110", "110", "5"])}
    if r.random() < 0.7:
        size["nvidia.com/gpu"] = "2"
    it = {"metadata": {"name": name, "labels": {HOST: name, ZONE: r.choice("abc")}}, "spec": {}, "status": {"allocatable": size, "capacity": size}}
    if r.random() < 0.1:
        it["metadata"]["labels"].pop(ZONE)
    if r.random() < 0.08:
        it["spec"]["unschedulable"] = True
    if r.random() < 0.08:
        it["spec"]["taints"] = [{"key": "lane", "value": "x", "effect": "NoSchedule"}]
    return it


def term(r, key=None):
    """Pods of one application, by node or by zone."""
    it = {"topologyKey": key or r.choice([HOST, ZONE]), "labelSelector": {"matchLabels": {"app": r.choice("abc")}}}
    if r.random() < 0.15:
        it["namespaceSelector"] = {"matchLabels": {"team": "red"}}
    return it


def pod(r, name, priority, cpu, **more):
    """A pod with an application, seldom without labels."""
    requests = {"cpu": cpu, "memory": r.choice(["256Mi", "1Gi", "2Gi"])}
    if r.random() < 0.15:
        requests["nvidia.com/gpu"] = "1"
    container = {"name": "c", "image": "pause", "resources": {"requests": requests, "limits": {k: v for k, v in requests.items() if k == "nvidia.com/gpu"}}}
    if r.random() < 0.2:
        container["ports"] = [{"containerPort": 80, "hostPort": r.choice([80, 81]), "protocol": "TCP"}]
    it = {"metadata": {"name": name, "namespace": r.choice(["default"] * 4 + ["red"]), "uid": name, "labels": {"app": r.choice("abc")}},
          "spec": {"schedulerName": "default-scheduler", "containers": [container], "priority": priority, **more}, "status": {}}
    if r.random() < 0.1:
        it["metadata"]["labels"] = {}
    if r.random() < 0.15:
        it["spec"]["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term(r)]}}
    return it


def running(r, name, on):
    """A pod on a node; some are on their way out."""
    it = pod(r, name, r.choice([-10, 0, 0, 0, 10, 100, 2000]), r.choice(["500m", "1", "1", "1500m", "2"]), nodeName=on)
    it["status"] = {"phase": "Running", "startTime": r.choice(TIMES)}
    if r.random() < 0.12:
        it["metadata"].update(deletionTimestamp="2026-01-02T00:00:00Z", deletionGracePeriodSeconds=30)
        reason = r.choice(["PreemptionByScheduler", "PreemptionByScheduler", "EvictionByEvictionAPI"])
        if r.random() < 0.8:
            it["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": reason}]
    return it


def budget(r, name, pods):
    """A budget over one application, seldom over nothing."""
    selector = r.choice([{"matchLabels": {"app": r.choice("abc")}}] * 6 + [{"matchExpressions": [{"key": "app", "operator": "Exists"}]}, {}, None])
    it = {"metadata": {"name": name, "namespace": r.choice(["default"] * 4 + ["red"])}, "spec": {}, "status": {"disruptionsAllowed": r.choice([0, 0, 1, 2])}}
    if selector is not None:
        it["spec"]["selector"] = selector
    if r.random() < 0.2:
        it["status"]["disruptedPods"] = {r.choice(pods)["metadata"]["name"]: TIMES[0]}
    return it


def scenario(seed):
    """One question."""
    r = random.Random(seed)
    roomy = r.random() < 0.35  # What stands in the way are other pods' wishes, not their size.
    nodes = [node(r, f"n{at}", roomy) for at in range(r.choice([1, 2, 3, 3, 4, 6]))]
    alike = r.random() < 0.25  # Nodes that only their names tell apart.
    pods = []
    for at, it in enumerate(nodes):
        name = it["metadata"]["name"]
        if alike and at:
            copies = json.loads(json.dumps([p for p in pods if p["spec"].get("nodeName") == "n0"]))
            for p in copies:
                p["metadata"]["name"] = p["metadata"]["uid"] = p["metadata"]["name"].replace("n0", name)
                p["spec"]["nodeName"] = name
            pods += copies
        else:
            pods += [running(r, f"p-{name}-{n}", name) for n in range(r.randint(2, 7))]
    own = pod(r, "urgent", r.choice([0, 50, 100, 1000, 1000, 1000]), r.choice(["100m", "1", "2", "2", "3", "3500m", "3500m", "6"]))
    wish = r.choice(["spread", "near", "away", "port"]) if roomy else None
    if wish == "away":
        own["spec"].setdefault("affinity", {})["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term(r)]}
    if wish == "port":
        own["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    if wish == "spread" or r.random() < 0.2:
        own["spec"]["topologySpreadConstraints"] = [{"maxSkew": r.choice([1, 1, 2]), "topologyKey": r.choice([HOST, ZONE, ZONE]), "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": r.choice("abc")}}}]
    if wish == "near" or r.random() < 0.08:
        own["spec"].setdefault("affinity", {})["podAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [term(r)]}
    if r.random() < 0.06:
        own["spec"]["preemptionPolicy"] = "Never"
    if r.random() < 0.2:
        own["status"]["nominatedNodeName"] = r.choice(nodes)["metadata"]["name"]
    for at in range(r.choice([0, 0, 0, 1, 1, 2, 3])):
        waiting = pod(r, f"waiting-{at}", r.choice([0, 100, 1000, 3000]), r.choice(["500m", "1", "2"]))
        waiting["status"]["nominatedNodeName"] = r.choice(nodes)["metadata"]["name"]
        pods.append(waiting)
    pdbs = [budget(r, f"b{at}", pods) for at in range(r.choice([0, 1, 1, 2, 3]))]
    pods.sort(key=lambda p: (p["metadata"]["namespace"], p["metadata"]["name"]))  # Equally important pods go in the order in which they are listed.
    spaces = [{"metadata": {"name": "default", "labels": {}}}, {"metadata": {"name": "red", "labels": {"team": "red"}}}]
    return {"nodes": nodes, "pods": pods, "pod": own, "namespaces": spaces, "pdbs": pdbs}


def plain(name, cpu, priority, on=None, at=0, app="x", **status):
    """A pod of one container."""
    container = {"name": "c", "image": "pause", "resources": {"requests": {"cpu": cpu}}}
    it = {"metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": app}}, "spec": {"schedulerName": "default-scheduler", "containers": [container], "priority": priority}, "status": dict(status)}
    if on:
        it["spec"]["nodeName"] = on
        it["status"]["startTime"] = TIMES[at]
    return it


def leaving(it):
    """The pod as preemption leaves it, until its grace is over."""
    it["metadata"].update(deletionTimestamp="2026-01-02T00:00:00Z", deletionGracePeriodSeconds=30)
    it["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]
    return it


def written():
    """Rules that chance seldom meets, by name."""
    def nodes(*names, **spec):
        size = {"cpu": "4", "memory": "8Gi", "pods": "110"}
        return [{"metadata": {"name": name, "labels": {HOST: name}}, "spec": dict(spec) if name == names[0] else {}, "status": {"allocatable": size, "capacity": size}} for name in names]
    near = plain("p", "1", 100)
    near["spec"]["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "friend"}}}]}}
    least = -2147483648
    return {
        "a pod that only waits for the node is no company yet": {"nodes": nodes("n0"), "pods": [plain("f", "1", 1000, app="friend", nominatedNodeName="n0")], "pod": near},
        "fewer victims are better where the sum of priorities is the same": {
            "nodes": nodes("n0", "n1"), "pods": [plain("a", "2", 0, "n0"), plain("b", "2", least, "n0"), plain("c", "4", 0, "n1")], "pod": plain("p", "4", 100)},
        "the earliest start counts of several victims": {
            "nodes": nodes("n0", "n1"), "pods": [plain("a", "2", 0, "n0", 1), plain("b", "2", 0, "n0", 3), plain("c", "2", 0, "n1", 2), plain("d", "2", 0, "n1", 2)], "pod": plain("p", "4", 100)},
        "the start of the most urgent victims counts": {
            "nodes": nodes("n0", "n1"), "pods": [plain("a", "2", 10, "n0", 2), plain("b", "2", 0, "n0", 1), plain("c", "2", 10, "n1", 3), plain("d", "2", 0, "n1", 0)], "pod": plain("p", "4", 100)},
        "who waits for a node that cannot be helped any more may preempt elsewhere": {
            "nodes": nodes("n0", "n1", unschedulable=True), "pods": [leaving(plain("a", "4", 0, "n0")), plain("b", "4", 0, "n1")], "pod": plain("p", "4", 100, nominatedNodeName="n0")},
        "who waits for a node that is being cleared may not": {
            "nodes": nodes("n0", "n1"), "pods": [leaving(plain("a", "4", 0, "n0")), plain("b", "4", 0, "n1")], "pod": plain("p", "4", 100, nominatedNodeName="n0")},
        "a pod goes where it is nominated though another node is better": {
            "nodes": nodes("n0", "n1"), "pods": [plain("a", "2", 0, "n0")], "pod": plain("p", "1", 100, nominatedNodeName="n0")},
    }


def ask(oracle, questions):
    """The oracle's answers, as lines."""
    done = subprocess.run([oracle], input="\n".join(questions) + "\n", capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def main():
    """Prints questions; or questions with their answers, three in four of which make room."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    golden = "--golden" in sys.argv
    random_ones = {f"seed {seed + at}": scenario(seed + at) for at in range(count * 4 if golden else count)}
    questions = {**written(), **random_ones} if golden else random_ones
    lines = [json.dumps(q, separators=(",", ":")) for q in questions.values()]
    if not golden:
        print("\n".join(lines))
        return
    answers = ask(sys.argv[sys.argv.index("--golden") + 1], lines)
    rows = [f'{{"name":"{name}","input":{q},"oracle":{a}}}' for at, (name, q, a) in enumerate(zip(questions, lines, answers, strict=True)) if '"nominated"' in a or at < 10 or at % 10 == 0]
    print("[\n" + ",\n".join(rows[:count]) + "\n]")


if __name__ == "__main__":
    main()
