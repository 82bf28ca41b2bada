"""Writes crates/sources/tests/golden/config-1.36.3.json: each option of a scheduler's configuration, with worlds where it matters.

    PYTHONPATH=conformance python3 -m differential.goldens ORACLE FILE

A world is taken for an option when the real plugins say something else with it than without; the smallest few are kept.
"""
import json
import subprocess
import sys

from differential.worlds import world

WORLDS, BATCHES, KEPT = 150, 20, 3


def args(plugin, **given):
    """A profile with the arguments of one plugin."""
    return {"pluginConfig": [{"name": plugin, "args": given}]}


def scoring(kind, resources=("cpu", "memory"), **more):
    """A profile with a scoring strategy, which alone scores."""
    alone = {"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit"}]}}
    return {**args("NodeResourcesFit", scoringStrategy={"type": kind, "resources": [{"name": name, "weight": at + 1} for at, name in enumerate(resources)], **more}), "plugins": alone}


def without(name, point="multiPoint"):
    """A profile without a plugin."""
    return {"plugins": {point: {"disabled": [{"name": name}]}}}


LINE = {"requestedToCapacityRatio": {"shape": [{"utilization": 0, "score": 0}, {"utilization": 30, "score": 10}, {"utilization": 100, "score": 2}]}}
TERM = {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["batch", "web"]}]}
REQUIRED, PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
OPTIONS = {
    **{f"{name} is off": without(name) for name in ["NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit", "PodTopologySpread", "InterPodAffinity", "DefaultPreemption"]},
    **{f"{name} does not score": without(name, "score") for name in ["TaintToleration", "NodeAffinity", "NodeResourcesBalancedAllocation", "ImageLocality", "PodTopologySpread", "InterPodAffinity"]},
    "only one plugin scores": {"plugins": {"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "ImageLocality", "weight": 4}]}}},
    "a weight everywhere, and another at the point": {"plugins": {"multiPoint": {"enabled": [{"name": "NodeAffinity", "weight": 9}, {"name": "TaintToleration"}]}, "score": {"enabled": [{"name": "PodTopologySpread", "weight": 5}]}}},
    "MostAllocated": scoring("MostAllocated"),
    "LeastAllocated by other resources": scoring("LeastAllocated", ["memory", "ephemeral-storage", "example.com/gpu"]),
    "RequestedToCapacityRatio": scoring("RequestedToCapacityRatio", **LINE),
    "balanced over four resources": args("NodeResourcesBalancedAllocation", resources=[{"name": name} for name in ("cpu", "memory", "ephemeral-storage", "example.com/gpu")]),
    "ignored resources": args("NodeResourcesFit", ignoredResources=["example.com/gpu"]),
    "ignored groups of resources": args("NodeResourcesFit", ignoredResourceGroups=["example.com"]),
    "added required affinity": args("NodeAffinity", addedAffinity={REQUIRED: {"nodeSelectorTerms": [TERM]}}),
    "added preferred affinity": args("NodeAffinity", addedAffinity={PREFERRED: [{"weight": 50, "preference": TERM}]}),
    "default constraints that must hold": args("PodTopologySpread", defaultingType="List", defaultConstraints=[{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}]),
    "default constraints that should hold": args("PodTopologySpread", defaultingType="List", defaultConstraints=[{"maxSkew": 2, "topologyKey": "pool", "whenUnsatisfiable": "ScheduleAnyway"}]),
    "no default constraints": args("PodTopologySpread", defaultingType="List"),
    "hard affinity of pods that are there counts for nothing": args("InterPodAffinity", hardPodAffinityWeight=0),
    "existing wishes are ignored": args("InterPodAffinity", ignorePreferredTermsOfExistingPods=True),
    "a scheduler of another name": {"schedulerName": "tight-scheduler", **scoring("MostAllocated")},
}


def main(oracle, file):
    """Asks about every option and keeps where it matters."""
    def ask(worlds):
        lines = "".join(json.dumps(each) + "\n" for each in worlds)
        return [json.loads(line) for line in subprocess.run([oracle], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()]
    batches, kept = [], []
    for name, profile in OPTIONS.items():
        config = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration", "profiles": [profile]}
        matters = []
        for at in range(BATCHES):
            if at == len(batches):
                worlds = [world("goldens", at * WORLDS + number) for number in range(WORLDS)]
                plain = [{key: value for key, value in each.items() if key != "config"} for each in worlds if len(each["nodes"]) < 9]
                batches.append((plain, ask(plain)))
            plain, usual = batches[at]
            worlds = [{**each, "config": config} for each in plain]
            matters += [(each, verdict) for each, before, verdict in zip(worlds, usual, ask(worlds)) if verdict != before]
            if len(matters) >= KEPT:
                break
        assert matters and not any("error" in verdict for _, verdict in matters), (name, matters[:1])
        matters.sort(key=lambda pair: len(json.dumps(pair[0])))
        kept += [{"name": name, "input": each, "oracle": verdict} for each, verdict in matters[:KEPT]]
    with open(file, "w") as out:
        out.write("[" + ",\n".join(json.dumps(entry) for entry in kept) + "]\n")
    print(f"{len(kept)} worlds for {len(OPTIONS)} options")


if __name__ == "__main__":
    main(*sys.argv[1:])
