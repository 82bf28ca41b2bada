"""An answer of `nodelane estimate`, judged without our own code: amounts, prices, and every step of the order.

The machines of the answer stand empty from the start; the pods come in the order of the answer. Only what the
workloads of the tests ask for is known here: requests of one container, selectors by matchLabels, required terms.
"""
import collections

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


def cpu_milli(text):
    """Milli-cores."""
    return int(text[:-1]) if text.endswith("m") else 1000 * int(text)


def memory_bytes(text):
    """Bytes."""
    units = {"Mi": 1 << 20, "Gi": 1 << 30}
    return int(text[:-2]) * units[text[-2:]]


def needs(pod):
    """CPU and memory that a pod asks for."""
    requests = pod["spec"]["containers"][0]["resources"]["requests"]
    return cpu_milli(requests["cpu"]), memory_bytes(requests["memory"])


def nodes_of(answer, sizes):
    """Each machine as a node that has just registered."""
    by_name = {size["Name"]: size for size in sizes}
    nodes = []
    for at, machine in enumerate(answer["placement"]):
        size, name = by_name[machine["size"]], f"machine{at:05}"
        amounts = {"cpu": f"{size['AllocCPUMilli']}m", "memory": str(size["AllocMem"]), "pods": str(size["AllocPods"])}
        labels = {HOST: name, ZONE: machine["zone"], "karpenter.sh/capacity-type": machine["capacityType"], "node.kubernetes.io/instance-type": size["Name"]}
        nodes.append({"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"allocatable": amounts, "capacity": amounts}})
    return nodes


def overfull(answer, pods, sizes):
    """Machines that hold more than they have."""
    by_name, size_of = {p["metadata"]["name"]: p for p in pods}, {s["Name"]: s for s in sizes}
    found = []
    for at, machine in enumerate(answer["placement"]):
        size, asked = size_of[machine["size"]], [needs(by_name[name]) for name in machine["pods"]]
        fits = sum(c for c, _ in asked) <= size["AllocCPUMilli"] and sum(m for _, m in asked) <= size["AllocMem"] and len(asked) <= size["AllocPods"]
        if not fits or not asked:
            found.append(f"machine {at}, {machine['size']}, with {len(asked)} pods")
    return found


def price(answer, sizes):
    """What the machines cost an hour, by the offerings."""
    offers = {(s["Name"], o["Zone"], o["CapacityType"]): o["Price"] for s in sizes for o in s["Offerings"]}
    return sum(offers[m["size"], m["zone"], m["capacityType"]] for m in answer["placement"])


def matches(selector, pod):
    """Whether a selector by labels selects a pod."""
    return all(pod["metadata"]["labels"].get(key) == value for key, value in selector["matchLabels"].items())


def illegal_steps(answer, pods):
    """Steps of the order that a rule about other pods forbids at their turn."""
    by_name = {p["metadata"]["name"]: p for p in pods}
    at_of = {name: at for at, machine in enumerate(answer["placement"]) for name in machine["pods"]}
    domains = {ZONE: [m["zone"] for m in answer["placement"]], HOST: list(range(len(answer["placement"])))}
    every = {key: sorted(set(values)) for key, values in domains.items()}
    rules, counts = {}, collections.defaultdict(collections.Counter)

    def rule(selector, key):
        """The name of a counter; all counters are known before the first step."""
        name = (str(selector), key)
        rules[name] = (selector, key)
        return name

    checks = {}
    for name, pod in by_name.items():
        spread = [(c["maxSkew"], rule(c["labelSelector"], c["topologyKey"]), matches(c["labelSelector"], pod)) for c in pod["spec"].get("topologySpreadConstraints", [])]
        affinity = pod["spec"].get("affinity", {})
        near, away = ([(rule(t["labelSelector"], t["topologyKey"]), matches(t["labelSelector"], pod)) for t in affinity.get(kind, {}).get("requiredDuringSchedulingIgnoredDuringExecution", [])]
                      for kind in ("podAffinity", "podAntiAffinity"))
        checks[name] = spread, near, away
    moved, found = {}, []
    for step, name in enumerate(answer["order"]):
        pod, at = by_name[name], at_of[name]
        spread, near, away = checks[name]
        for skew, counter, itself in spread:
            key = counter[1]
            least = min(counts[counter][d] for d in every[key]) if len(counts[counter]) >= len(every[key]) else 0
            if counts[counter][domains[key][at]] + itself - least > skew:
                found.append(f"step {step}: {name} makes {counter} uneven")
        for counter, itself in near:
            if not counts[counter][domains[counter[1]][at]] and not (itself and not sum(counts[counter].values())):
                found.append(f"step {step}: {name} is not near {counter}")
        for counter, _ in away:
            if counts[counter][domains[counter[1]][at]]:
                found.append(f"step {step}: {name} is not away from {counter}")
        labels = str(pod["metadata"]["labels"])
        if labels not in moved:
            moved[labels] = [counter for counter, (selector, _) in rules.items() if matches(selector, pod)]
        for counter in moved[labels]:
            counts[counter][domains[counter[1]][at]] += 1
    return found
