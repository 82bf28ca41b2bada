"""Volumes for random worlds: classes, volumes, claims of the pending and of placed pods, and how many each node takes."""
from differential.draw import HOST, ZONE, chance

DRIVER = "disk.csi.azure.com"


def claim(r, world, number, namespace):
    """A claim, perhaps with its volume; gives its name."""
    name, kind = f"claim-{number}", r.choice(["bound", "bound", "waits", "waits", "at once", "lost", "offered", "offered", "offered"])
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
        where = r.choice([None, (ZONE, ["z1"]), (ZONE, ["z2", "z3"]), (HOST, ["n00"])])
        if where:
            volume["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": where[0], "operator": "In", "values": where[1]}]}]}}
        if chance(r, 70):
            volume["metadata"]["labels"] = {ZONE: r.choice(["z1", "z2"])}
        world["pvs"].append(volume)
    world["pvcs"].append(made)
    return name


def volumes(r, world, pod):
    """Claims of the pod and of some that are placed, on nodes that take few."""
    world.update(pvs=[], pvcs=[], storageClasses=[
        {"metadata": {"name": "waits"}, "provisioner": DRIVER, "volumeBindingMode": "WaitForFirstConsumer"},
        {"metadata": {"name": "at-once"}, "provisioner": DRIVER, "volumeBindingMode": "Immediate"},
        {"metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}])
    world["csiNodes"] = [{"metadata": {"name": n["metadata"]["name"], "uid": f"csi-{n['metadata']['name']}"}, "spec": {"drivers": [{"name": DRIVER, "nodeID": n["metadata"]["name"], "topologyKeys": [ZONE], "allocatable": {"count": r.choice([1, 1, 2, 8])}}]}}
                         for n in world["nodes"] if chance(r, 90)]
    holders = [pod] + r.sample(world["pods"], min(len(world["pods"]), 4))
    for number, holder in enumerate(holders):
        name = claim(r, world, number, holder["metadata"]["namespace"])
        holder["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": name}}]
