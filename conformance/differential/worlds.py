"""Random worlds: nodes, placed pods and one pending pod, as plain Kubernetes objects.

`world(seed, number)` is a function of its arguments alone, so a world that failed is named by two numbers. A pending pod has up to
three of FEATURES; a feature is a function (r, world, pod) that changes either, and its weight is how often it is drawn: rare reasons
need more draws to reach the least number that the coverage table asks for. A part of the scheduler that is not built yet is a
feature that is not in the list.
"""
import random

from differential import configs
from differential.draw import HOST, ZONE, chance, node_term
from differential.volumes import broken, disks, ephemeral, mount, of_one_pod, volumes

APPS, TIERS, NAMESPACES = ["a", "b", "c"], ["x", "y"], ["default", "default", "default", "other", "third"]
IMAGES = [("reg/app:v1", 300), ("reg/side:2", 90), ("reg/big:latest", 1500), ("reg:5000/tool:latest", 25)]
TAINTS = [
    {"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"},
    {"key": "kubernetes.azure.com/scalesetpriority", "value": "spot", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"},
    {"key": "lane", "value": "batch", "effect": "PreferNoSchedule"},
    {"key": "noisy", "effect": "PreferNoSchedule"},
    {"key": "lane", "value": "web", "effect": "NoSchedule"},
]
MIB = 1024 * 1024


def selector(r, empty=8):
    """A label selector over the pods' labels."""
    if chance(r, empty):
        return {}
    if chance(r, 70):
        return {"matchLabels": {"app": r.choice(APPS)}}
    operator = r.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    values = {"values": r.sample(TIERS, r.randint(1, 2))} if operator in ("In", "NotIn") else {}
    return {"matchExpressions": [{"key": r.choice(["tier", "app", "none"]), "operator": operator, **values}]}


def node(r, number, small, calm):
    """A node of some pool; in a calm world without taints and cordons."""
    name, pool = f"n{number:02}", r.choice(["sys", "batch", "web", "gpu"])
    labels = {HOST: name, "pool": pool, "gen": str(r.randint(3, 6))}
    if chance(r, 85):
        labels[ZONE] = labels["zone"] = r.choice(["z1", "z2", "z3"])
    if chance(r, 4):
        del labels[HOST]
    room = {"cpu": r.choice(["500m", "2", "2", "4", "8", "1900m"]), "memory": r.choice(["1Gi", "4Gi", "7500Mi", "16Gi", "2000000k"]),
            "pods": str(r.choice([1, 2, 3]) if small else r.choice([10, 30, 110, 250]))}
    if chance(r, 3):
        del room[r.choice(["cpu", "memory"])]
    if chance(r, 70):
        room["ephemeral-storage"] = r.choice(["1Gi", "10Gi", "100Gi"])
    if pool == "gpu" or chance(r, 10):
        room["example.com/gpu"] = str(r.randint(0, 4))
    if chance(r, 25):
        room["hugepages-2Mi"] = r.choice(["0", "64Mi", "1Gi"])
    spec = {}
    taints = [r.choice(TAINTS) for _ in range(0 if calm else r.choice([0, 0, 0, 1, 1, 2]))]
    if not calm and chance(r, 10):
        spec["unschedulable"] = True
        if chance(r, 70):
            taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    if taints:
        spec["taints"] = [t for at, t in enumerate(taints) if t not in taints[:at]]
    status = {"allocatable": room, "capacity": room}
    if chance(r, 40):
        status["images"] = [{"names": [image, image.split(":")[0] + "@sha256:0"], "sizeBytes": size * MIB} for image, size in r.sample(IMAGES, r.randint(1, 3))]
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}


def requests(r, heavy=False):
    """What a container asks for; perhaps nothing."""
    asked = {}
    if chance(r, 75):
        asked["cpu"] = r.choice(["0", "100m", "250m", "500m", "1", "1500m"]) if not heavy else r.choice(["2", "4", "9"])
    if chance(r, 65):
        asked["memory"] = r.choice(["64Mi", "500M", "1Gi", "2Gi"]) if not heavy else r.choice(["4Gi", "12Gi", "64Gi"])
    return asked


def container(r, name="c0"):
    """One container."""
    made = {"name": name, "image": r.choice([image for image, _ in IMAGES] + ["reg/big", "reg/app:v2"])}
    asked = requests(r)
    if asked:
        made["resources"] = {"requests": asked}
    return made


def pod(r, name, placed_on=None):
    """A pod; a placed one may have features of its own that others have to mind."""
    namespace = r.choice(NAMESPACES)
    metadata = {"name": name, "namespace": namespace, "uid": name, "labels": {"app": r.choice(APPS)}}
    if chance(r, 60):
        metadata["labels"]["tier"] = r.choice(TIERS)
    spec = {"containers": [container(r, f"c{at}") for at in range(r.choice([1, 1, 1, 2]))], "schedulerName": "default-scheduler"}
    if chance(r, 70):
        spec["priority"] = r.choice([0, 0, 0, -10, 100, 1000])
    made = {"metadata": metadata, "spec": spec}
    if placed_on:
        spec["nodeName"] = placed_on
        # No two started at one time: upstream orders such victims as its cache happens to.
        made["status"] = {"phase": "Running", "startTime": f"2026-01-01T{int(name[1:]) * 37 % 61 // 10:02}:{int(name[1:]) * 37 % 61 % 10:02}:00Z"}
        if chance(r, 5):
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        if chance(r, 10):
            ports(r, {}, made)
        for feature, often in ((near, 4), (away, 8), (wishes, 6)):
            if chance(r, often):
                feature(r, {}, made)
    return made


def affinity(pod, kind):
    """A part of the pod's affinity, made where it is missing."""
    return pod["spec"].setdefault("affinity", {}).setdefault(kind, {})


def term(r):
    """A term about other pods."""
    made = {"topologyKey": r.choice([HOST, ZONE, ZONE, "pool"])}
    if not chance(r, 3):
        made["labelSelector"] = selector(r)
    if chance(r, 15):
        made["namespaces"] = r.sample(["default", "other", "third", "nowhere"], r.randint(1, 2))
    if chance(r, 15):
        made["namespaceSelector"] = r.choice([{}, {"matchLabels": {"team": "t1"}}, {"matchLabels": {"team": "t9"}}, {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}])
    if chance(r, 5):
        made["matchLabelKeys"] = ["tier"]
    return made


REQUIRED, PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"


def near(r, world, pod):
    """Required affinity to pods."""
    affinity(pod, "podAffinity")[REQUIRED] = [term(r) for _ in range(r.choice([1, 1, 2]))]


def away(r, world, pod):
    """Required anti-affinity."""
    affinity(pod, "podAntiAffinity")[REQUIRED] = [term(r) for _ in range(r.choice([1, 1, 2]))]


def wishes(r, world, pod):
    """Preferred affinity and anti-affinity."""
    for kind in r.sample(["podAffinity", "podAntiAffinity"], r.randint(1, 2)):
        affinity(pod, kind)[PREFERRED] = [{"weight": r.randint(1, 100), "podAffinityTerm": term(r)} for _ in range(r.randint(1, 3))]


def node_affinity(r, world, pod):
    """Required terms about nodes."""
    affinity(pod, "nodeAffinity")[REQUIRED] = {"nodeSelectorTerms": [node_term(r) for _ in range(r.choice([1, 1, 2]))]}


def named_nodes(r, world, pod):
    """Required terms that name nodes; they may contradict each other."""
    names = [n["metadata"]["name"] for n in world["nodes"]] + ["nowhere"]
    terms = []
    for _ in range(r.choice([1, 1, 2])):
        fields = [{"key": "metadata.name", "operator": r.choice(["In", "In", "In", "NotIn"]), "values": [r.choice(names)]} for _ in range(r.choice([1, 1, 2]))]
        terms.append({**(node_term(r) if chance(r, 30) else {}), "matchFields": fields})
    affinity(pod, "nodeAffinity")[REQUIRED] = {"nodeSelectorTerms": terms}


def contradiction(r, world, pod):
    """One term that names two nodes at once."""
    fields = [{"key": "metadata.name", "operator": "In", "values": [name]} for name in ("n00", "n01")]
    affinity(pod, "nodeAffinity")[REQUIRED] = {"nodeSelectorTerms": [{"matchFields": fields}]}


def node_wishes(r, world, pod):
    """Preferred terms about nodes."""
    affinity(pod, "nodeAffinity")[PREFERRED] = [{"weight": r.randint(1, 100), "preference": node_term(r)} for _ in range(r.randint(1, 3))]


def node_selector(r, world, pod):
    """Labels that the node must have."""
    pod["spec"]["nodeSelector"] = r.choice([{"pool": r.choice(["sys", "batch", "web"])}, {ZONE: r.choice(["z1", "z2", "z9"])}, {"pool": "gpu", "zone": "z1"}])


def tolerations(r, world, pod):
    """Some taints are put up with."""
    taints = TAINTS + [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]
    made = []
    for taint in r.sample(taints, r.randint(1, 4)):
        exists = {"key": taint["key"], "operator": "Exists"}
        made.append(r.choice([exists, {**exists, "effect": taint["effect"]}, {"key": taint["key"], "value": taint.get("value", ""), "effect": taint["effect"]},
                              {"key": taint["key"], "operator": "Equal", "value": "other"}]))
    if chance(r, 25):
        made = [{"operator": "Exists"}]
    pod["spec"]["tolerations"] = made


def spread(r, hard):
    """A spread constraint."""
    made = {"maxSkew": r.choice([1, 1, 2, 5]), "topologyKey": r.choice([ZONE, ZONE, HOST, "pool"]), "whenUnsatisfiable": "DoNotSchedule" if hard else "ScheduleAnyway"}
    if not chance(r, 4):
        made["labelSelector"] = selector(r)
    if hard and chance(r, 30):
        made["minDomains"] = r.randint(1, 5)
    for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if chance(r, 30):
            made[policy] = r.choice(["Honor", "Ignore"])
    if chance(r, 15):
        made["matchLabelKeys"] = r.choice([["tier"], ["tier", "none"]])
    return made


def hard_spread(r, world, pod):
    """Spread as a must."""
    pod["spec"].setdefault("topologySpreadConstraints", []).extend(spread(r, True) for _ in range(r.choice([1, 1, 2])))


def soft_spread(r, world, pod):
    """Spread as a wish."""
    pod["spec"].setdefault("topologySpreadConstraints", []).extend(spread(r, False) for _ in range(r.choice([1, 2, 3])))


def ports(r, world, pod):
    """Ports of the node."""
    made = []
    for _ in range(r.choice([1, 1, 2])):
        port = {"containerPort": 80, "hostPort": r.choice([80, 80, 443, 8080])}
        if chance(r, 60):
            port["protocol"] = r.choice(["TCP", "TCP", "UDP"])
        if chance(r, 25):
            port["hostIP"] = r.choice(["127.0.0.1", "0.0.0.0", "10.0.0.1"])
        made.append(port)
    pod["spec"]["containers"][0]["ports"] = made


def overhead(r, world, pod):
    """What running it costs."""
    pod["spec"]["overhead"] = {"cpu": r.choice(["100m", "1"]), "memory": "128Mi"}


def init_containers(r, world, pod):
    """Steps before, and sidecars."""
    steps = [container(r, f"i{at}") for at in range(r.randint(1, 3))]
    for step in steps:
        if chance(r, 50):
            step["restartPolicy"] = "Always"
    pod["spec"]["initContainers"] = steps


def whole_pod(r, world, pod):
    """Amounts of the pod as a whole."""
    asked = requests(r)
    if asked:
        pod["spec"]["resources"] = {"requests": asked}


def extended(r, world, pod):
    """Devices, huge pages and disk; placed pods take some too."""
    name, amounts = r.choice([("example.com/gpu", ["1", "2", "9"]), ("hugepages-2Mi", ["2Mi", "128Mi"]), ("ephemeral-storage", ["500Mi", "20Gi"])])
    for other in [pod] + r.sample(world.get("pods", []), min(3, len(world.get("pods", [])))):
        first = other["spec"]["containers"][0].setdefault("resources", {}).setdefault("requests", {})
        first[name] = r.choice(amounts)


def heavy(r, world, pod):
    """More than most nodes have."""
    pod["spec"]["containers"][0]["resources"] = {"requests": requests(r, heavy=True)}


def urgency(r, world, pod):
    """A priority, and whether it may push others out."""
    pod["spec"]["priority"] = r.choice([50, 500, 5000])
    if chance(r, 30):
        pod["spec"]["preemptionPolicy"] = r.choice(["Never", "PreemptLowerPriority"])


def one_node(r, world, pod):
    """The pod itself names a node."""
    pod["spec"]["nodeName"] = r.choice([n["metadata"]["name"] for n in world["nodes"]] + ["nowhere"])


def missing_claim(r, world, pod):
    """A claim that does not exist."""
    mount(pod, persistentVolumeClaim={"claimName": "missing"})


def crowd(r, world, pod):
    """Nodes that run as many pods as they may."""
    for other in world["nodes"]:
        here = sum(p["spec"]["nodeName"] == other["metadata"]["name"] for p in world["pods"])
        if here and chance(r, 50):
            other["status"]["allocatable"]["pods"] = str(here)


def cordon(r, world, pod):
    """Most nodes are cordoned."""
    for other in world["nodes"]:
        if chance(r, 60):
            other["spec"]["unschedulable"] = True


def gates(r, world, pod):
    """Gates keep a pod from the queue; nodes are asked all the same."""
    pod["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]


FEATURES = [(node_selector, 6), (node_affinity, 8), (named_nodes, 5), (contradiction, 4), (node_wishes, 6), (tolerations, 12), (hard_spread, 20), (soft_spread, 8),
            (near, 9), (away, 9), (wishes, 8), (ports, 14), (overhead, 2), (init_containers, 5), (whole_pod, 5), (extended, 16), (heavy, 5), (urgency, 16), (one_node, 4),
            (missing_claim, 4), (volumes, 32), (disks, 20), (of_one_pod, 10), (ephemeral, 16), (broken, 8), (crowd, 5), (cordon, 4), (gates, 1)]


def one_pod_a_port(world):
    """Two pods on one node with one host port are an impossible state, on which docs/fidelity.md differs from upstream."""
    taken = set()
    for other in world["pods"]:
        first = other["spec"]["containers"][0]
        mine = {(other["spec"]["nodeName"], port["hostPort"]) for port in first.get("ports", [])}
        if mine & taken:
            del first["ports"]
        taken |= mine


def services(r, world):
    """Services and replica sets, which spread pods by default."""
    if chance(r, 35):
        world["services"] = [{"metadata": {"name": f"s{at}", "namespace": r.choice(["default", "other"])}, "spec": {"selector": r.choice([{"app": "a"}, {"app": "b"}, {}, {"app": "a", "tier": "x"}])}}
                             for at in range(r.randint(1, 2))]
    if chance(r, 15):
        here = world["pod"]["metadata"]
        world["replicaSets"] = [{"metadata": {"name": "rs", "namespace": here["namespace"], "uid": "rs"}, "spec": {"selector": {"matchLabels": {"app": here["labels"]["app"]}}, "template": {"metadata": {"labels": here["labels"]}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}]
        here["ownerReferences"] = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "rs", "controller": True}]


def budgets(r, world):
    """Disruption budgets, which preemption weighs."""
    if chance(r, 30):
        world["pdbs"] = [{"metadata": {"name": f"b{at}", "namespace": r.choice(["default", "default", "other"])}, "spec": {"selector": selector(r)}, "status": {"disruptionsAllowed": r.choice([0, 0, 1, 2])}}
                         for at in range(r.randint(1, 2))]


def world(seed, number):
    """The world of that number."""
    r = random.Random(f"{seed}/{number}")
    count = r.choices([0, 1, r.randint(2, 6), r.randint(7, 15), r.randint(16, 60)], [2, 8, 46, 30, 14])[0]
    small, calm = chance(r, 10), chance(r, 60)
    made = {"nodes": [node(r, at, small, calm) for at in range(count)], "pods": [], "namespaces": [{"metadata": {"name": name, "labels": {"team": team}}} for name, team in (("default", "t1"), ("other", "t2"))]}
    if count:
        for at in range(min(60, r.randint(0, 3 * count))):
            made["pods"].append(pod(r, f"p{at:02}", r.choice(made["nodes"])["metadata"]["name"]))
    one_pod_a_port(made)
    made["pod"] = pod(r, "incoming")
    drawn = r.choices(FEATURES, [weight for _, weight in FEATURES], k=r.choice([0, 1, 1, 2, 2, 3]))
    for feature, _ in dict.fromkeys(drawn):
        feature(r, made, made["pod"])
    services(r, made)
    budgets(r, made)
    if chance(r, 25):
        made["config"] = configs.config(r)
    return made
