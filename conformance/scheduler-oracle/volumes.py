"""Worlds with volumes, and what kube-scheduler's plugins say about them: `volumes.py ORACLE > volumes-1.36.3.json`.

Written scenarios meet each rule by itself, random ones (a fixed seed) let them meet each other. The last lines on stderr say in how
many scenarios each reason of the volume plugins was given. A claim of mode ReadWriteOncePod has one user at most, as in a real cluster.
"""
import collections
import json
import random
import subprocess
import sys
import uuid

ZONE, BETA, HOST = "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone", "kubernetes.io/hostname"
DISK, EBS, FILE = "disk.csi.azure.com", "ebs.csi.aws.com", "file.csi.azure.com"
PLUGINS = ("VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone")
BOUND = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}


def uid(kind, name):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{name}"))


def meta(kind, name, namespace=None, labels=None, annotations=None, **more):
    made = {"name": name, "uid": uid(kind, f"{namespace}/{name}"), **more}
    made.update({k: v for k, v in (("namespace", namespace), ("labels", labels), ("annotations", annotations)) if v})
    return made


def node(name, zone=None, labels=None, cpu="4"):
    labels = {HOST: name, **({ZONE: zone} if zone else {}), **(labels or {})}
    return {"metadata": meta("Node", name, labels=labels), "spec": {}, "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}}}


def pod(name, volumes=(), on=None, priority=0, cpu="100m", namespace="default", **spec):
    spec = {"containers": [{"name": "c", "image": "pause", "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}}}], "priority": priority,
            "schedulerName": "default-scheduler", "volumes": [{"name": f"v{at}", **volume} for at, volume in enumerate(volumes)], **spec}
    if on:
        spec["nodeName"] = on
    return {"metadata": meta("Pod", name, namespace), "spec": spec}


def claim_of(name):
    return {"persistentVolumeClaim": {"claimName": name}}


EPHEMERAL = {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "wait", "resources": {"requests": {"storage": "1Gi"}}}}}}


def claim(name, cls=None, volume=None, modes=("ReadWriteOnce",), size="2Gi", phase=None, annotations=None, owner=None, namespace="default", bound=None, **more):
    bound = volume is not None if bound is None else bound
    spec = {"accessModes": list(modes), "resources": {"requests": {"storage": size}}}
    spec.update({k: v for k, v in (("storageClassName", cls), ("volumeName", volume), ("selector", more.pop("selector", None)), ("volumeMode", more.pop("mode", None))) if v is not None})
    if owner:
        more["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": uid("Pod", f"{namespace}/{owner}"), "controller": True}]
    made = {"metadata": meta("PersistentVolumeClaim", name, namespace, annotations={**(annotations or {}), **(BOUND if bound else {})}, **more), "spec": spec}
    made["status"] = {"phase": phase or ("Bound" if bound else "Pending")}
    return made


def terms(*alternatives):
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": k, "operator": "In", "values": v} for k, v in pairs.items()]} for pairs in alternatives]}}


def pv(name, source=None, cls=None, size="4Gi", kept_for=None, phase=None, affinity=None, labels=None, modes=("ReadWriteOnce",), with_id=True, mode=None, **more):
    spec = {"capacity": {"storage": size}, "accessModes": list(modes), **(source or {"csi": {"driver": DISK, "volumeHandle": f"/disks/{name}"}})}
    if kept_for:
        spec["claimRef"] = {"kind": "PersistentVolumeClaim", "namespace": "default", "name": kept_for, **({"uid": uid("PersistentVolumeClaim", f"default/{kept_for}")} if with_id else {})}
    spec.update({k: v for k, v in (("storageClassName", cls), ("nodeAffinity", affinity), ("volumeMode", mode)) if v is not None})
    return {"metadata": meta("PersistentVolume", name, labels=labels, **more), "spec": spec, "status": {"phase": phase or ("Bound" if kept_for else "Available")}}


def storage_class(name, provisioner=DISK, waits=True, topologies=None):
    made = {"metadata": meta("StorageClass", name), "provisioner": provisioner, "volumeBindingMode": "WaitForFirstConsumer" if waits else "Immediate"}
    if topologies is not None:
        made["allowedTopologies"] = [{"matchLabelExpressions": [{"key": k, "values": v} for k, v in term.items()]} for term in topologies]
    return made


def csi_node(name, limits=None, migrated=None):
    drivers = [{"name": driver, "nodeID": name, "topologyKeys": None, **({"allocatable": {"count": count}} if count is not None else {})} for driver, count in (limits or {}).items()]
    annotations = {"storage.alpha.kubernetes.io/migrated-plugins": ",".join(migrated)} if migrated is not None else None
    return {"metadata": meta("CSINode", name, annotations=annotations), "spec": {"drivers": drivers}}


CLASSES = [storage_class("wait"), storage_class("local", "kubernetes.io/no-provisioner"), storage_class("zoned", topologies=[{ZONE: ["eu-x-1", "eu-x-2"]}]),
           storage_class("nowhere", topologies=[{}]), storage_class("now", waits=False), storage_class("old", "kubernetes.io/aws-ebs"), storage_class("files", FILE, waits=False),
           storage_class("oldfiles", "kubernetes.io/azure-file"), storage_class("both", topologies=[{ZONE: ["eu-x-3"], "rack": ["r1"]}, {ZONE: ["eu-x-1"]}])]
GCE = lambda disk, read_only=False: {"gcePersistentDisk": {"pdName": disk, "readOnly": read_only}}
AWS = lambda disk: {"awsElasticBlockStore": {"volumeID": disk}}
ISCSI = lambda iqn, read_only=False: {"iscsi": {"targetPortal": "t", "iqn": iqn, "lun": 0, "readOnly": read_only}}
RBD = lambda image, monitors=("m1",), pool="p", read_only=False: {"rbd": {"monitors": list(monitors), "image": image, "pool": pool, "readOnly": read_only}}
AZURE = lambda disk: {"azureDisk": {"diskName": disk, "diskURI": f"/disks/{disk}", "kind": "Managed"}}
CINDER = lambda disk: {"cinder": {"volumeID": disk}}


def world(pod, nodes=None, **more):
    nodes = nodes or [node("n1", "eu-x-1"), node("n2", "eu-x-2"), node("n3", "eu-x-3"), node("n4")]
    return {"nodes": nodes, "pods": [], "pod": pod, "storageClasses": CLASSES, "pvs": [], "pvcs": [], "csiNodes": [], **more}


def written():
    def one(name, *args, **more):
        return name, world(*args, **more)
    p = pod("p", [claim_of("c")])
    yield one("a claim that is missing", p)
    yield one("a missing claim goes before a lost one", pod("p", [claim_of("c"), claim_of("gone")]), pvcs=[claim("c", "now", "pv", phase="Lost")])
    yield one("a lost claim", p, pvcs=[claim("c", "now", "pv", phase="Lost")])
    yield one("a claim that is being deleted", p, pvcs=[claim("c", "now", "pv", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["kubernetes.io/pvc-protection"])], pvs=[pv("pv", kept_for="c")])
    yield one("an immediate claim that is not bound", p, pvcs=[claim("c", "now")])
    yield one("a claim without a class that is not bound", p, pvcs=[claim("c")])
    yield one("a claim of a class that does not exist", p, pvcs=[claim("c", "nosuch")])
    yield one("a claim that names its volume and is not bound", p, pvcs=[claim("c", "wait", "pv", bound=False)], pvs=[pv("pv", cls="wait")])
    yield one("a bound claim whose volume is gone", p, pvcs=[claim("c", "wait", "pv")])
    yield one("an ephemeral claim that is not made yet", pod("p", [EPHEMERAL]))
    yield one("an ephemeral claim of somebody else", pod("p", [EPHEMERAL]), pvcs=[claim("p-v0", "wait")])
    yield one("an ephemeral claim of another pod", pod("p", [EPHEMERAL]), pvcs=[claim("p-v0", "wait", owner="q")])
    yield one("an ephemeral claim that waits", pod("p", [EPHEMERAL]), pvcs=[claim("p-v0", "zoned", owner="p")])
    yield one("an ephemeral claim whose volume is gone", pod("p", [EPHEMERAL]), pvcs=[claim("p-v0", "wait", "pv", owner="p")])
    yield one("an ephemeral claim's volume has no zone", pod("p", [EPHEMERAL]), pvcs=[claim("p-v0", "wait", "pv", owner="p")], pvs=[pv("pv", kept_for="p-v0", labels={ZONE: "eu-x-1"})])
    yield one("a volume in one zone", p, pvcs=[claim("c", "wait", "pv")], pvs=[pv("pv", kept_for="c", affinity=terms({ZONE: ["eu-x-2"]}))])
    yield one("a volume in one zone or another", p, pvcs=[claim("c", "wait", "pv")], pvs=[pv("pv", kept_for="c", affinity=terms({ZONE: ["eu-x-2"]}, {HOST: ["n4"]}))])
    yield one("a volume with an empty affinity", p, pvcs=[claim("c", "wait", "pv")], pvs=[pv("pv", kept_for="c", affinity={"required": {"nodeSelectorTerms": []}})])
    yield one("a volume with an empty term", p, pvcs=[claim("c", "wait", "pv")], pvs=[pv("pv", kept_for="c", affinity=terms({}))])
    yield one("two volumes in two zones", pod("p", [claim_of("c"), claim_of("d")]), pvcs=[claim("c", "wait", "pv"), claim("d", "wait", "pw")], pvs=[pv("pv", kept_for="c", affinity=terms({ZONE: ["eu-x-1"]})), pv("pw", kept_for="d", affinity=terms({ZONE: ["eu-x-2"]}))])
    yield one("bound elsewhere and nothing to bind", pod("p", [claim_of("c"), claim_of("d")]), pvcs=[claim("c", "wait", "pv"), claim("d", "local")], pvs=[pv("pv", kept_for="c", affinity=terms({ZONE: ["eu-x-1"]}))])
    yield one("ephemeral gone and nothing to bind", pod("p", [EPHEMERAL, claim_of("d")]), pvcs=[claim("p-v0", "wait", "pv", owner="p"), claim("d", "local")])
    yield one("a label for zones", p, pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", kept_for="c", labels={ZONE: "eu-x-1"})])
    yield one("a label for two zones", p, pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", kept_for="c", labels={ZONE: "eu-x-1__eu-x-3"})])
    yield one("a label with an empty zone", p, pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", kept_for="c", labels={ZONE: "eu-x-1__"})])
    yield one("an old label for zones", p, pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", kept_for="c", labels={BETA: "eu-x-1"})])
    yield one("an old label on the node", p, nodes=[node("n1", labels={BETA: "eu-x-1"}), node("n2", "eu-x-1"), node("n3", labels={BETA: "eu-x-2"})], pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", kept_for="c", labels={BETA: "eu-x-1"})])
    yield one("a new label on the volume, an old one on the node", p, nodes=[node("n1", labels={BETA: "eu-x-1"})], pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", kept_for="c", labels={ZONE: "eu-x-1"})])
    yield one("a label for a region", p, nodes=[node("n1", "eu-x-1", {"topology.kubernetes.io/region": "r1"}), node("n2", "eu-x-1")], pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", kept_for="c", labels={"topology.kubernetes.io/region": "r1"})])
    yield one("waits and is made", p, pvcs=[claim("c", "wait")])
    yield one("waits and is made in two zones", p, pvcs=[claim("c", "zoned")])
    yield one("waits and is made in one of two places", p, nodes=[node("n1", "eu-x-1"), node("n2", "eu-x-3"), node("n3", "eu-x-3", {"rack": "r1"})], pvcs=[claim("c", "both")])
    yield one("waits and is made nowhere", p, pvcs=[claim("c", "nowhere")])
    yield one("waits and nobody makes it", p, pvcs=[claim("c", "local")])
    yield one("waits and has a node", p, pvcs=[claim("c", "wait", annotations={"volume.kubernetes.io/selected-node": "n2"})])
    yield one("waits and has a node that cannot", p, pvcs=[claim("c", "zoned", annotations={"volume.kubernetes.io/selected-node": "n3"})])
    yield one("waits with the old annotation for the class", p, pvcs=[claim("c", "now", annotations={"volume.beta.kubernetes.io/storage-class": "wait"})])
    local = lambda name, size, on, **more: pv(name, {"local": {"path": "/d"}}, "local", size, affinity=terms({HOST: [on]}), **more)
    yield one("a free volume on one node", p, pvcs=[claim("c", "local")], pvs=[local("a", "4Gi", "n2")])
    yield one("a free volume that is too small", p, pvcs=[claim("c", "local", size="8Gi")], pvs=[local("a", "4Gi", "n2"), local("b", "9Gi", "n3")])
    yield one("a free volume of another mode", p, pvcs=[claim("c", "local")], pvs=[local("a", "4Gi", "n2", mode="Block"), local("b", "4Gi", "n3", modes=["ReadOnlyMany"])])
    yield one("a free volume that is not available", p, pvcs=[claim("c", "local")], pvs=[local("a", "4Gi", "n2", phase="Released"), local("b", "4Gi", "n3", phase="Failed")])
    yield one("a free volume that is selected", p, pvcs=[claim("c", "local", selector={"matchLabels": {"disk": "ssd"}})], pvs=[local("a", "4Gi", "n2"), local("b", "4Gi", "n3", labels={"disk": "ssd"})])
    yield one("a volume that is kept by name", p, pvcs=[claim("c", "local")], pvs=[local("a", "4Gi", "n2", kept_for="c", with_id=False, phase="Available"), local("b", "2Gi", "n3")])
    yield one("a volume that is kept for another", p, pvcs=[claim("c", "local")], pvs=[local("a", "4Gi", "n2", kept_for="d"), local("b", "2Gi", "n3")])
    yield one("two claims and one volume a node", pod("p", [claim_of("c"), claim_of("d")]), pvcs=[claim("c", "local"), claim("d", "local", size="1Gi")], pvs=[local("a", "4Gi", "n1"), local("b", "2Gi", "n2"), local("x", "3Gi", "n2")])
    yield one("two claims, the small one first", pod("p", [claim_of("c"), claim_of("d")]), pvcs=[claim("c", "local", size="4Gi"), claim("d", "local", size="1Gi")], pvs=[local("a", "4Gi", "n1"), local("b", "1Gi", "n1"), local("x", "5Gi", "n2"), local("y", "6Gi", "n2")])
    yield one("a claim for one pod in use", p, pods=[pod("a", [claim_of("c")], "n1")], pvcs=[claim("c", "wait", "pv", ["ReadWriteOncePod"])], pvs=[pv("pv", kept_for="c")])
    yield one("a claim for one pod in use by a lesser pod", pod("p", [claim_of("c")], priority=10), pods=[pod("a", [claim_of("c")], "n1")], pvcs=[claim("c", "wait", "pv", ["ReadWriteOncePod"])], pvs=[pv("pv", kept_for="c")])
    yield one("a claim for one pod that is free", p, pods=[pod("a", [claim_of("d")], "n1")], pvcs=[claim("c", "wait", "pv", ["ReadWriteOncePod"])], pvs=[pv("pv", kept_for="c")])
    yield one("a claim for one pod of the same name elsewhere", p, pods=[pod("a", [claim_of("c")], "n1", namespace="other")], pvcs=[claim("c", "wait", "pv", ["ReadWriteOncePod"])], pvs=[pv("pv", kept_for="c")])
    for name, disk, taken in [("gce", GCE("d"), GCE("d")), ("gce read", GCE("d", True), GCE("d", True)), ("gce read and write", GCE("d", True), GCE("d")), ("gce other", GCE("d"), GCE("e")),
                              ("ebs", AWS("d"), AWS("d")), ("ebs other", AWS("d"), AWS("e")), ("iscsi", ISCSI("d"), ISCSI("d")), ("iscsi read", ISCSI("d", True), ISCSI("d", True)),
                              ("rbd", RBD("d"), RBD("d")), ("rbd monitors", RBD("d", ["m1", "m2"]), RBD("d", ["m2"])), ("rbd other monitors", RBD("d"), RBD("d", ["m3"])), ("rbd pool", RBD("d"), RBD("d", pool="q")), ("rbd read", RBD("d", read_only=True), RBD("d", read_only=True)), ("azure", AZURE("d"), AZURE("d"))]:
        yield one(f"a disk in use: {name}", pod("p", [disk]), pods=[pod("a", [taken], "n1")], nodes=[node("n1", "eu-x-1"), node("n2", "eu-x-2")])
    yield one("a disk in use by a lesser pod", pod("p", [AWS("d")], priority=5), pods=[pod("a", [AWS("d")], "n1"), pod("b", [AWS("d")], "n2", priority=9)], nodes=[node("n1"), node("n2")])
    two = [node("n1", "eu-x-1"), node("n2", "eu-x-2")]
    full = dict(pvcs=[claim("c", "wait", "pv"), claim("d", "wait", "pw")], pvs=[pv("pv", kept_for="c"), pv("pw", kept_for="d")])
    yield one("as many volumes as there may be", p, nodes=two, pods=[pod("a", [claim_of("d")], "n1")], csiNodes=[csi_node("n1", {DISK: 1}), csi_node("n2", {DISK: 1})], **full)
    yield one("too many, and a lesser pod has one", pod("p", [claim_of("c")], priority=5), nodes=two[:1], pods=[pod("a", [claim_of("d")], "n1")], csiNodes=[csi_node("n1", {DISK: 1})], **full)
    yield one("one volume for two pods counts once", p, nodes=two, pods=[pod("a", [claim_of("c")], "n1")], csiNodes=[csi_node("n1", {DISK: 1})], **full)
    yield one("two claims of one handle count once", pod("p", [claim_of("c"), claim_of("e")]), nodes=two, csiNodes=[csi_node("n1", {DISK: 1}), csi_node("n2", {DISK: 2})], pvcs=[claim("c", "wait", "pv"), claim("e", "wait", "px")], pvs=[pv("pv", kept_for="c"), pv("px", {"csi": {"driver": DISK, "volumeHandle": "/disks/pv"}}, kept_for="e")])
    yield one("a limit of none", p, nodes=two, csiNodes=[csi_node("n1", {DISK: 0}), csi_node("n2", {DISK: None})], **full)
    yield one("a limit of another driver", p, nodes=two, csiNodes=[csi_node("n1", {FILE: 0})], **full)
    yield one("a claim that waits counts", p, nodes=two, pods=[pod("a", [claim_of("d")], "n1")], csiNodes=[csi_node("n1", {DISK: 1})], pvcs=[claim("c", "wait"), claim("d", "wait", "pw")], pvs=[pv("pw", kept_for="d")])
    yield one("a claim of an old class counts for the new driver", p, nodes=two, csiNodes=[csi_node("n1", {EBS: 0}), csi_node("n2", {"kubernetes.io/aws-ebs": 0})], pvcs=[claim("c", "old")])
    yield one("a claim of old files does not count", p, nodes=two, csiNodes=[csi_node("n1", {FILE: 0})], pvcs=[claim("c", "oldfiles")])
    yield one("a disk without a claim counts", pod("p", [AZURE("x")]), nodes=two, pods=[pod("a", [AZURE("y")], "n1"), pod("b", [AZURE("x")], "n2")], csiNodes=[csi_node("n1", {DISK: 1}), csi_node("n2", {DISK: 1})])
    yield one("an old volume and a new one of the same disk", pod("p", [claim_of("c")]), nodes=two, pods=[pod("a", [AZURE("same")], "n1"), pod("b", [AZURE("other")], "n2")], csiNodes=[csi_node("n1", {DISK: 1}), csi_node("n2", {DISK: 1})], pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", {"csi": {"driver": DISK, "volumeHandle": "/disks/same"}}, kept_for="c")])
    yield one("old disks of every kind", pod("p", [GCE("g"), AWS("aws://eu-x-1/vol-12345678"), CINDER("k")]), nodes=[node(f"n{at}") for at in range(1, 7)], csiNodes=[csi_node("n1", {"pd.csi.storage.gke.io": 0}), csi_node("n2", {EBS: 0}), csi_node("n3", {"cinder.csi.openstack.org": 0}), csi_node("n4", {EBS: 1, "pd.csi.storage.gke.io": 1}), csi_node("n5", {EBS: 1}), csi_node("n6", {"pd.csi.storage.gke.io": 1})], pods=[pod("a", [claim_of("e")], "n5"), pod("b", [claim_of("g")], "n6")], pvcs=[claim("e", "now", "pe"), claim("g", "now", "pg")], pvs=[pv("pe", {"csi": {"driver": EBS, "volumeHandle": "vol-12345678"}}, kept_for="e"), pv("pg", {"gcePersistentDisk": {"pdName": "g"}}, kept_for="g", labels={ZONE: "us-east1-b"})])
    yield one("two claims, the small one takes what the other needs", pod("p", [claim_of("c"), claim_of("d")]), nodes=[node("n1")], pvcs=[claim("c", "local", size="4Gi", selector={"matchLabels": {"disk": "ssd"}}), claim("d", "local", size="1Gi")], pvs=[local("a", "5Gi", "n1", labels={"disk": "ssd"}), local("b", "6Gi", "n1")])
    csi = [node("n1", labels={"topology.ebs.csi.aws.com/zone": "eu-x-1", "topology.kubernetes.io/region": "r"}), node("n2", "eu-x-1"), node("n3", "eu-x-2", {"topology.ebs.csi.aws.com/zone": "eu-x-1"})]
    ebs = {"awsElasticBlockStore": {"volumeID": "vol-1"}}
    moved = [csi_node(f"n{at}", {}, ["kubernetes.io/aws-ebs"]) for at in (1, 2)] + [csi_node("n3", {}, [])]
    for name, more in [("by affinity", dict(affinity=terms({ZONE: ["eu-x-1"]}))), ("by an old affinity", dict(affinity=terms({BETA: ["eu-x-1"], "failure-domain.beta.kubernetes.io/region": ["r"]}))), ("by label", dict(labels={ZONE: "eu-x-1"})), ("by two zones", dict(labels={BETA: "eu-x-1__eu-x-9"})), ("by nothing", {})]:
        yield one(f"an old volume as its driver sees it: {name}", p, nodes=csi, csiNodes=moved, pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", ebs, kept_for="c", **more)])
    yield one("an old Azure disk keeps its affinity", p, csiNodes=[csi_node("n1", {}, ["kubernetes.io/azure-disk"])], pvcs=[claim("c", "now", "pv")], pvs=[pv("pv", {"azureDisk": {"diskName": "d", "diskURI": "/d"}}, kept_for="c", affinity=terms({ZONE: ["eu-x-1"]}))])
    yield one("resources go before volumes, volumes before spread", pod("p", [claim_of("c")], cpu="3", topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]), nodes=[node("n1", "eu-x-1", cpu="1"), node("n2", "eu-x-2"), node("n3")], pvcs=[claim("c", "wait", "pv")], pvs=[pv("pv", kept_for="c", affinity=terms({HOST: ["n1", "n3"]}))])


class Chance:
    """One random world."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.claims, self.volumes, self.pods, self.owned = [], [], [], 0

    def often(self, of_ten):
        return self.r.random() * 10 < of_ten

    def source(self, name):
        r = self.r
        return r.choice([None, None, None, {"csi": {"driver": EBS, "volumeHandle": name}}, {"awsElasticBlockStore": {"volumeID": r.choice("xyz")}}, {"azureDisk": {"diskName": "d", "diskURI": f"/disks/{r.choice('xyz')}"}}, {"gcePersistentDisk": {"pdName": r.choice("xyz")}}, {"nfs": {"server": "s", "path": "/"}}])

    def affinity(self, nodes):
        r = self.r
        if self.often(6):
            return None
        return terms(*({r.choice([ZONE, ZONE, BETA, HOST]): r.sample(["eu-x-1", "eu-x-2", "eu-x-3", *nodes], r.randint(1, 3))} for _ in range(r.randint(1, 2))))

    def labels(self):
        return {self.r.choice([ZONE, ZONE, BETA]): self.r.choice(["eu-x-1", "eu-x-2", "eu-x-1__eu-x-2", "eu-x-2__eu-x-3"])} if self.often(2.5) else None

    def new_claim(self, nodes, owner=None, name=None, healthy=False):
        r, name = self.r, name or f"c{len(self.claims)}"
        size, kind = r.choice(["1Gi", "2Gi", "3Gi"]), r.random()
        modes = ["ReadWriteOncePod"] if not owner and self.often(1.5) else ["ReadWriteOnce"]
        if kind < 0.5 or healthy:
            volume = f"pv-{name}"
            if healthy or self.often(7 if owner else 9.3):
                self.volumes.append(pv(volume, self.source(name), "wait", kept_for=name, affinity=self.affinity(nodes), labels=self.labels()))
            made = claim(name, r.choice(["wait", "now"]), volume, modes, size, owner=owner)
        elif kind < 0.86:
            selected = {"volume.kubernetes.io/selected-node": r.choice(nodes)} if self.often(1) else None
            made = claim(name, r.choice(["wait", "wait", "local", "local", "zoned", "both", "old"]), None, modes, size, owner=owner, annotations=selected)
        else:
            made = r.choice([claim(name, "now"), claim(name, "wait", f"pv-{name}", phase="Lost"), claim(name, "wait", f"pv-{name}", phase="Lost"), claim(name, "wait", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["x"]), claim(name, "nosuch")])
        self.claims.append(made)
        return name

    def volume(self, nodes, name, at, healthy):
        r, kind = self.r, self.r.random()
        if kind < 0.25:
            return r.choice([GCE(r.choice("xyz"), self.often(3)), AWS(r.choice("xyz")), ISCSI(r.choice("xy"), self.often(3)), RBD(r.choice("xy"), r.sample(["m1", "m2"], r.randint(1, 2)), "p", self.often(3)), AZURE(r.choice("xyz")), CINDER(r.choice("xy"))])
        if kind < 0.35:
            if healthy or self.often(8.5):
                self.new_claim(nodes, owner=name if healthy or self.often(9) else "q", name=f"{name}-v{at}", healthy=healthy)
            return EPHEMERAL
        shared = [c["metadata"]["name"] for c in self.claims if "ownerReferences" not in c["metadata"] and c["spec"]["accessModes"] != ["ReadWriteOncePod"]]
        if shared and self.often(3):
            return claim_of(r.choice(shared))
        if not healthy and self.often(0.3):
            return claim_of("missing")
        return claim_of(self.new_claim(nodes, healthy=healthy))

    def world(self):
        r = self.r
        nodes = []
        for at in range(1, r.randint(2, 6)):
            zone, labels = r.choice(["eu-x-1", "eu-x-2", "eu-x-3"]), {}
            if self.often(2):
                labels = {BETA: zone}
            if self.often(3):
                labels["topology.ebs.csi.aws.com/zone"] = zone
            if self.often(3):
                labels["rack"] = "r1"
            nodes.append(node(f"n{at}", zone if self.often(8) else None, labels, r.choice(["1", "2", "4"])))
        names = [n["metadata"]["name"] for n in nodes]
        for at in range(r.randint(0, 6)):
            name = f"a{at}"
            volumes = [self.volume(names, name, at, True) for at in range(r.randint(0, 2))]
            self.pods.append(pod(name, volumes, r.choice(names), r.choice([0, 0, 5, 10]), r.choice(["100m", "500m"])))
        for at in range(r.randint(0, 4)):
            self.volumes.append(pv(f"free{at}", {"local": {"path": "/d"}}, r.choice(["local", "local", "wait"]), f"{at + 1}Gi", affinity=self.affinity(names), phase=r.choice(["Available"] * 4 + ["Released"])))
        of_one = [c["metadata"]["name"] for c in self.claims if c["spec"]["accessModes"] == ["ReadWriteOncePod"]]
        volumes = [self.volume(names, "p", at, False) for at in range(r.randint(1, 3))]
        if of_one and self.often(6):
            volumes.append(claim_of(r.choice(of_one)))
        limits = [csi_node(name, {driver: r.choice([0, 1, 2, 3, None]) for driver in (DISK, EBS, "pd.csi.storage.gke.io") if self.often(8)}, r.choice([None, [], ["kubernetes.io/aws-ebs"], ["kubernetes.io/aws-ebs", "kubernetes.io/azure-disk", "kubernetes.io/gce-pd"]])) for name in names if self.often(7)]
        seeker = pod("p", volumes, None, r.choice([0, 5, 100]), r.choice(["100m", "1"]))
        return world(seeker, nodes, pods=self.pods, pvs=self.volumes, pvcs=self.claims, csiNodes=limits)


def main():
    scenarios = list(written()) + [(f"random {seed}", Chance(seed).world()) for seed in range(int(sys.argv[2]) if len(sys.argv) > 2 else 400)]
    lines = "".join(json.dumps(scenario) + "\n" for _, scenario in scenarios)
    answers = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    met = collections.Counter()
    for answer in map(json.loads, answers):
        said = {(line[0], line[1], reason) for line in answer["nodes"].values() if line[0] in PLUGINS for reason in line[2:]}
        met.update((plugin, code, " ".join(w for w in reason.split() if not any(c in w for c in '"/'))) for plugin, code, reason in said)
    both = zip(scenarios, map(json.loads, answers), strict=True)
    print("[\n" + ",\n".join(json.dumps({"name": name, "input": scenario, "oracle": answer}, separators=(",", ":")) for (name, scenario), answer in both) + "\n]")
    for (plugin, code, reason), count in sorted(met.items()):
        print(f"{count:5} {plugin} {code} {reason}", file=sys.stderr)


main()
