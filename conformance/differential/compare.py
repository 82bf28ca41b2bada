"""What two verdicts on one world disagree about, and what the worlds covered.

Ties are the one freedom: the real scheduler takes any of the best, so our choice need only be among them; a nominated node need
only be one of those as good as the real one's. Reasons of one refusal are compared as a set: upstream gathers some in a map.
"""
import collections
import re

# Plugin, and what it says. Each must be said often enough, or the worlds prove nothing about it.
REASONS = [
    ("NodeUnschedulable", "node(s) were unschedulable"),
    ("NodeName", "node(s) didn't match the requested node name"),
    ("TaintToleration", "node(s) had untolerated taint(s)"),
    ("NodeAffinity", "node(s) didn't match Pod's node affinity/selector"),
    ("NodeAffinity", "pod affinity terms conflict"),
    ("NodeAffinity", "node(s) didn't match scheduler-enforced node affinity"),
    ("PreFilterResult", "excluded"),
    ("NodePorts", "node(s) didn't have free ports for the requested pod ports"),
    ("NodeResourcesFit", "Too many pods"),
    ("NodeResourcesFit", "Insufficient cpu"),
    ("NodeResourcesFit", "Insufficient memory"),
    ("NodeResourcesFit", "Insufficient ephemeral-storage"),
    ("NodeResourcesFit", "Insufficient example.com/gpu"),
    ("NodeResourcesFit", "Insufficient hugepages-2Mi"),
    ("VolumeRestrictions", "persistentvolumeclaim \"*\" not found"),
    ("VolumeRestrictions", "node(s) had no available disk"),
    ("VolumeRestrictions", "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"),
    ("NodeVolumeLimits", "node(s) exceed max volume count"),
    ("VolumeBinding", "pod has unbound immediate PersistentVolumeClaims"),
    ("VolumeBinding", "node(s) didn't match PersistentVolume's node affinity"),
    ("VolumeBinding", "node(s) didn't find available persistent volumes to bind"),
    ("VolumeBinding", "persistentvolumeclaim \"*\" bound to non-existent persistentvolume \"*\""),
    ("VolumeBinding", "persistentvolumeclaim \"*\" is being deleted"),
    ("VolumeBinding", "waiting for ephemeral volume controller to create the persistentvolumeclaim \"*\""),
    ("VolumeBinding", "PVC * was not created for pod * (pod is not owner)"),
    ("VolumeBinding", "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"),
    ("VolumeZone", "persistentvolume \"*\" not found"),
    ("VolumeZone", "node(s) had no available volume zone"),
    ("PodTopologySpread", "node(s) didn't match pod topology spread constraints"),
    ("PodTopologySpread", "node(s) didn't match pod topology spread constraints (missing required label)"),
    ("InterPodAffinity", "node(s) didn't match pod affinity rules"),
    ("InterPodAffinity", "node(s) didn't match pod anti-affinity rules"),
    ("InterPodAffinity", "node(s) didn't satisfy existing pods anti-affinity rules"),
]
SHAPES = ["no node fits", "one node fits", "every node fits", "several are equally good", "some are better than others", "preemption would help", "preemption would not help"]


def said(line):
    """A node's verdict with its reasons in order."""
    return line[:2] + sorted(line[2:])


def differences(ours, theirs):
    """Each as a line for people; none where the two agree."""
    found = []
    if "error" in ours or "error" in theirs:
        same = ("error" in ours) == ("error" in theirs)
        return [] if same else [f"error: ours {ours.get('error')!r}, theirs {theirs.get('error')!r}"]
    mine, real = ours.get("nodes", {}), theirs["nodes"]
    for name in sorted({*mine, *real}):
        if name not in mine or name not in real or said(mine[name]) != said(real[name]):
            found.append(f"{name}: ours {mine.get(name)}, theirs {real.get(name)}")
    if ours.get("event", "") != theirs.get("event", ""):
        found.append(f"event: ours {ours.get('event')!r}, theirs {theirs.get('event')!r}")
    mine, real = ours.get("scores") or {}, theirs.get("scores") or {}
    for name in sorted({*mine, *real}):
        if mine.get(name) != real.get(name):
            found.append(f"score of {name}: ours {mine.get(name)}, theirs {real.get(name)}")
    best = [name for name in real if real[name] == max(real.values())]
    if "chosen" in ours and best and ours["chosen"] not in best:
        found.append(f"choice: ours {ours['chosen']}, theirs one of {best}")
    if ours.get("nominated") not in theirs.get("ties", [theirs.get("nominated")]):
        found.append(f"nominated: ours {ours.get('nominated')}, theirs {theirs.get('nominated')} of {theirs.get('ties')}")
    elif ours.get("nominated") == theirs.get("nominated") and sorted(ours.get("victims", [])) != sorted(theirs.get("victims", [])):
        found.append(f"victims: ours {ours.get('victims')}, theirs {theirs.get('victims')}")
    return found


def nameless(reason):
    """A reason without the names of claims, volumes and pods in it."""
    return re.sub(r'"[^"]*"|(?<=PVC )\S+|(?<=for pod )\S+', lambda name: '"*"' if name[0][0] == '"' else "*", reason)


class Coverage:
    """In how many worlds each plugin and reason decided, and of which shape the worlds were."""

    def __init__(self):
        self.worlds = 0
        self.counts = collections.Counter()

    def add(self, verdict):
        """Counts a verdict of the real scheduler."""
        self.worlds += 1
        nodes, scores = verdict.get("nodes", {}), list((verdict.get("scores") or {}).values())
        lines = list(nodes.values())
        self.counts.update({(line[0], nameless(reason)) for line in lines for reason in (line[2:] or line[1:])})
        self.counts.update({line[0] for line in lines} - {"ok"})
        fitting = sum(line == ["ok"] for line in lines)
        event = verdict.get("event", "")
        shapes = [fitting == 0, fitting == 1, fitting == len(lines) > 1, len(scores) > len(set(scores)), len(set(scores)) > 1,
                  bool(lines) and fitting == 0 and "preemption" not in event and "*prefilter*" not in nodes, "preemption: 0/" in event]
        self.counts.update(shape for shape, holds in zip(SHAPES, shapes) if holds)

    def table(self, least):
        """The table as text, and its cells that are too small: `least` worlds a reason, 1 % of all for a plugin and a shape."""
        percent = max(1, self.worlds // 100)
        rows = [((plugin, reason), least) for plugin, reason in REASONS]
        rows += [(plugin, percent) for plugin in dict.fromkeys(plugin for plugin, _ in REASONS)] + [(shape, percent) for shape in SHAPES]
        lines, small = [], []
        for cell, wanted in rows:
            name = cell if isinstance(cell, str) else ": ".join(cell)
            lines.append(f"{self.counts[cell]:>8} {name}")
            if self.counts[cell] < wanted:
                small.append(f"{name}: {self.counts[cell]} worlds, wanted {wanted}")
        known = {cell for cell, _ in rows} | {("ok", "ok")}
        small += [f"{': '.join(cell)}: not in the table" for cell in self.counts if isinstance(cell, tuple) and cell[0] != "ok" and cell not in known]
        return "\n".join(lines), small
