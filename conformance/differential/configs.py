"""Random KubeSchedulerConfigurations: plugins off, weights, and the arguments of each plugin, as far as `nodelane` takes them."""
from differential.draw import HOST, ZONE, chance, node_term

FILTERS = ["NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit", "PodTopologySpread", "InterPodAffinity", "DefaultPreemption"]
SCORERS = ["TaintToleration", "NodeAffinity", "NodeResourcesFit", "PodTopologySpread", "InterPodAffinity", "NodeResourcesBalancedAllocation", "ImageLocality"]
RESOURCES = ["cpu", "memory", "ephemeral-storage", "example.com/gpu", "hugepages-2Mi"]


def plugins(r):
    """Which plugins run where."""
    made = {}
    if chance(r, 50):
        made["multiPoint"] = {"disabled": [{"name": name} for name in r.sample(FILTERS, r.choice([1, 1, 2]))], "enabled": [{"name": "ImageLocality", "weight": r.randint(0, 9)}]}
    if chance(r, 60):
        enabled = [{"name": name, "weight": r.randint(1, 20)} for name in r.sample(SCORERS, r.randint(0, 4))]
        disabled = [{"name": "*"}] if chance(r, 40) else [{"name": name} for name in r.sample(SCORERS, r.randint(0, 3))]
        # A plugin that scores at this point needs what it prepares, which the other point may have lost.
        gone = {plugin["name"] for plugin in made.get("multiPoint", {}).get("disabled", [])}
        made["score"] = {"enabled": [plugin for plugin in enabled if plugin["name"] not in gone], "disabled": disabled}
    return made


def fit(r):
    """NodeResourcesFit: a strategy, its resources, what is ignored."""
    kind = r.choice(["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"])
    strategy = {"type": kind, "resources": [{"name": name, "weight": r.randint(0, 10)} for name in r.sample(RESOURCES, r.randint(0, 4))]}
    if kind == "RequestedToCapacityRatio":
        strategy["requestedToCapacityRatio"] = {"shape": [{"utilization": at, "score": r.randint(0, 10)} for at in sorted(r.sample(range(101), r.randint(1, 4)))]}
    made = {"scoringStrategy": strategy}
    if chance(r, 30):
        made.update(r.choice([{"ignoredResources": ["example.com/gpu"]}, {"ignoredResourceGroups": ["example.com"]}, {"ignoredResources": ["cpu", "hugepages-2Mi"]}]))
    return made


def balanced(r):
    """NodeResourcesBalancedAllocation: whose shares are to be close."""
    return {"resources": [{"name": name} for name in r.sample(RESOURCES, r.randint(1, 5))]}


def added_affinity(r):
    """NodeAffinity: what every pod wants in addition."""
    made = {}
    if chance(r, 70):
        made["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": [node_term(r) for _ in range(r.choice([1, 2]))]}
    if chance(r, 60):
        made["preferredDuringSchedulingIgnoredDuringExecution"] = [{"weight": r.randint(1, 100), "preference": node_term(r)} for _ in range(r.choice([1, 2]))]
    return {"addedAffinity": made}


def spread(r):
    """PodTopologySpread: constraints for pods without."""
    keys = r.sample([(key, how) for key in (ZONE, HOST, "pool") for how in ("DoNotSchedule", "ScheduleAnyway")], r.randint(0, 3))
    return {"defaultingType": "List", "defaultConstraints": [{"maxSkew": r.randint(1, 3), "topologyKey": key, "whenUnsatisfiable": how} for key, how in keys]}


def pods(r):
    """InterPodAffinity."""
    return {"hardPodAffinityWeight": r.choice([0, 1, 5, 100]), "ignorePreferredTermsOfExistingPods": chance(r, 50)}


def preemption(r):
    """DefaultPreemption: how many candidates are tried."""
    return {"minCandidateNodesPercentage": r.choice([10, 100]), "minCandidateNodesAbsolute": 100}


ARGUMENTS = {"NodeResourcesFit": fit, "NodeResourcesBalancedAllocation": balanced, "NodeAffinity": added_affinity, "PodTopologySpread": spread, "InterPodAffinity": pods, "DefaultPreemption": preemption}


def config(r):
    """A configuration with one profile."""
    chosen = r.sample(sorted(ARGUMENTS), r.choice([0, 1, 1, 2, 3]))
    profile = {"plugins": plugins(r), "pluginConfig": [{"name": name, "args": ARGUMENTS[name](r)} for name in chosen]}
    return {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration", "profiles": [profile]}
