"""Volumes for random worlds: classes, volumes, claims of the pending and of placed pods, how many each node takes; disks without claims,
claims that one pod may use, ephemeral volumes, and claims that something is wrong with.

Each is a feature of its own, and they meet: all add to the lists of the world and to the volumes of a pod."""
from differential.draw import HOST, ZONE, chance

DRIVER = "disk.csi.azure.com"
CLASSES = [
    {"metadata": {"name": "waits"}, "provisioner": DRIVER, "volumeBindingMode": "WaitForFirstConsumer"},
    {"metadata": {"name": "at-once"}, "provisioner": DRIVER, "volumeBindingMode": "Immediate"},
    {"metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}]


def claim(r, world, number, namespace):
    """A claim, perhaps with its volume; gives its name."""
    name, kind = f"claim-{number}", r.choice(["bound", "bound", "bound", "waits", "waits", "at once", "lost", "offered", "offered", "offered"])
    made = {"metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}"}, "status": {"phase": "Pending"},
            "spec": {"accessModes": [r.choice(["ReadWriteOnce", "ReadWriteOnce", "ReadWriteMany"])], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": {"at once": "at-once", "offered": "local"}.get(kind, "waits")}}
    if kind in ("bound", "lost"):
        made["spec"]["volumeName"] = f"pv-{number}"
        made["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
        made["status"]["phase"] = "Bound"
    if kind in ("bound", "offered"):
        volume = {"metadata": {"name": f"pv-{number}", "uid": f"uid-pv-{number}"}, "status": {"phase": "Bound" if kind == "bound" else "Available"},
                  "spec": {"capacity": {"storage": "1Gi"}, "accessModes": made["spec"]["accessModes"], "storageClassName": made["spec"]["storageClassName"], "csi": {"driver": DRIVER, "volumeHandle": f"handle-{number}"}}}
        if kind == "bound":
            volume["spec"]["claimRef"] = {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name, "uid": f"uid-{name}"}
        where = r.choice([None, None, (ZONE, ["z1"]), (ZONE, ["z2", "z3"]), (HOST, ["n00"])])
        if where:
            volume["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": where[0], "operator": "In", "values": where[1]}]}]}}
        if chance(r, 90):
            volume["metadata"]["labels"] = {ZONE: r.choice(["z1", "z2"])}
        world["pvs"].append(volume)
    world["pvcs"].append(made)
    return name


def with_classes(world):
    """The lists that claims go to, with the classes that they name."""
    if "pvcs" not in world:
        world.update(pvs=[], pvcs=[], storageClasses=CLASSES)


def mount(pod, **source):
    """One more volume of a pod."""
    made = pod["spec"].setdefault("volumes", [])
    made.append({"name": f"v{len(made)}", **source})


def volumes(r, world, pod):
    """Claims of the pod and of some that are placed, on nodes that take few."""
    with_classes(world)
    world["csiNodes"] = [{"metadata": {"name": n["metadata"]["name"], "uid": f"csi-{n['metadata']['name']}"}, "spec": {"drivers": [{"name": DRIVER, "nodeID": n["metadata"]["name"], "topologyKeys": [ZONE], "allocatable": {"count": r.choice([1, 1, 2, 8])}}]}}
                         for n in world["nodes"] if chance(r, 90)]
    holders = [pod] + r.sample(world["pods"], min(len(world["pods"]), 4))
    for number, holder in enumerate(holders):
        name = claim(r, world, number, holder["metadata"]["namespace"])
        mount(holder, persistentVolumeClaim={"claimName": name})


def disks(r, world, pod):
    """Disks that a pod names without a claim, in the words of before CSI; most may be had by one pod of a node."""
    kind = r.choice(["gcePersistentDisk", "awsElasticBlockStore", "iscsi", "rbd", "azureDisk"])
    for holder in [pod] + r.sample(world["pods"], min(len(world["pods"]), r.choice([3, 20]))):
        name, read_only = r.choice("xxy"), {"readOnly": True} if chance(r, 20) else {}
        mount(holder, **{kind: {
            "gcePersistentDisk": {"pdName": name, **read_only}, "awsElasticBlockStore": {"volumeID": name}, "iscsi": {"targetPortal": "t", "iqn": name, "lun": 0, **read_only},
            "rbd": {"monitors": r.sample(["m1", "m2"], r.randint(1, 2)), "image": name, "pool": "p", **read_only}, "azureDisk": {"diskName": name, "diskURI": f"/disks/{name}"}}[kind]})


def of_one_pod(r, world, pod):
    """A claim that one pod may use at a time, bound or waiting, and perhaps in use."""
    with_classes(world)
    namespace, bound = pod["metadata"]["namespace"], chance(r, 60)
    made = {"metadata": {"name": "only", "namespace": namespace, "uid": "uid-only"}, "spec": {"accessModes": ["ReadWriteOncePod"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "waits"}, "status": {"phase": "Pending"}}
    if bound:
        made["spec"]["volumeName"], made["status"]["phase"] = "pv-only", "Bound"
        made["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
        world["pvs"].append({"metadata": {"name": "pv-only", "uid": "uid-pv-only"}, "status": {"phase": "Bound"}, "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOncePod"], "storageClassName": "waits", "csi": {"driver": DRIVER, "volumeHandle": "only"},
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": "only", "uid": "uid-only"}}})
    world["pvcs"].append(made)
    mount(pod, persistentVolumeClaim={"claimName": "only"})
    users = [other for other in world["pods"] if other["metadata"]["namespace"] == namespace]
    if users and chance(r, 75):
        mount(r.choice(users), persistentVolumeClaim={"claimName": "only"})


def ephemeral(r, world, pod):
    """A volume whose claim lives as long as the pod: not made yet, made, made for another pod, or its volume is gone."""
    with_classes(world)
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "waits"}
    mount(pod, ephemeral={"volumeClaimTemplate": {"spec": wanted}})
    kind, name = r.choice(["awaited", "waits", "another's", "gone", "gone"]), f"incoming-{pod['spec']['volumes'][-1]['name']}"
    if kind == "awaited":
        return
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "incoming", "uid": "somebody" if kind == "another's" else pod["metadata"]["uid"], "controller": True}
    made = {"metadata": {"name": name, "namespace": pod["metadata"]["namespace"], "uid": "uid-ephemeral", "ownerReferences": [owner]}, "spec": dict(wanted), "status": {"phase": "Pending"}}
    if kind == "gone":
        made["spec"]["volumeName"], made["status"]["phase"] = "pv-ephemeral", "Bound"
        made["metadata"]["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
    world["pvcs"].append(made)


def broken(r, world, pod):
    """A claim that has lost its volume, or is being deleted."""
    with_classes(world)
    made = {"metadata": {"name": "broken", "namespace": pod["metadata"]["namespace"], "uid": "uid-broken"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "waits"}, "status": {"phase": "Pending"}}
    if chance(r, 50):
        made["spec"]["volumeName"], made["status"]["phase"] = "pv-broken", "Lost"
    else:
        made["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["kubernetes.io/pvc-protection"])
    world["pvcs"].append(made)
    mount(pod, persistentVolumeClaim={"claimName": "broken"})
