"""Every command of `az aks nodepool` and its neighbours, by the unmodified az.

Expected: arm-wire sections 1 and 2 for commands, columns and exit codes; aks-semantics N-7, LB-1, LB-6, T-3, SM/ST, UV-5.
"""
import json
import re

from harness.bench import ready
from harness.suite import eventually, holds, same, test


def setup(b):
    """Nothing is installed on demand and nothing of the caller is used."""
    same(b.az("account", "show", "-o", "json").ok().json["id"], "00000000-0000-0000-0000-000000000001", "subscription")


@test
def list_shows_the_first_pool_as_up_made_it(b):
    pools = b.az_pool("list", "-o", "json").ok().json
    same([p["name"] for p in pools], ["system"], "pools")
    pool = pools[0]
    for key, value in {"mode": "System", "count": 3, "osType": "Linux", "provisioningState": "Succeeded", "vmSize": "Standard_D2s_v5",
                       "typePropertiesType": "VirtualMachineScaleSets", "resourceGroup": "lanes", "enableAutoScaling": False,
                       "maxPods": 250, "scaleSetPriority": None}.items():
        same(pool[key], value, key)
    same(pool["powerState"]["code"], "Running", "power state")
    holds(re.fullmatch(r"1\.35\.\d+", pool["currentOrchestratorVersion"]), f"second newest minor: {pool['currentOrchestratorVersion']}")
    holds(pool["eTag"], "an eTag in the body")


@test
def add_gives_nodes_as_asked(b):
    pool = b.az_pool("add", "-n", "batch", "-k", "1.34", "-c", "3", "-s", "Standard_D4s_v5", "--labels", "lane=batch",
                     "--node-taints", "lane=batch:NoSchedule", "--zones", "1", "2", "3", "--tags", "team=night", "-o", "json").ok().json
    for key, value in {"name": "batch", "count": 3, "vmSize": "Standard_D4s_v5", "orchestratorVersion": "1.34", "mode": "User",
                       "nodeLabels": {"lane": "batch"}, "nodeTaints": ["lane=batch:NoSchedule"], "tags": {"team": "night"},
                       "provisioningState": "Succeeded", "osSku": "Ubuntu", "scaleDownMode": "Delete"}.items():
        same(pool[key], value, key)
    same(sorted(pool["availabilityZones"]), ["1", "2", "3"], "zones")
    same(pool["upgradeSettings"]["undrainableNodeBehavior"], "Schedule", "what az sends is kept")
    version = pool["currentOrchestratorVersion"]
    holds(re.fullmatch(r"1\.34\.\d+", version), f"the alias resolves to a patch: {version}")
    nodes = b.kube.nodes("batch")
    same(len(nodes), 3, "nodes")
    same(sorted(n["metadata"]["labels"]["topology.kubernetes.io/zone"] for n in nodes), ["eastus-1", "eastus-2", "eastus-3"], "zones are balanced")
    for node in nodes:
        labels, name = node["metadata"]["labels"], node["metadata"]["name"]
        holds(ready(node), f"{name} is Ready when the operation has Succeeded")
        holds(re.fullmatch(r"aks-batch-\d{8}-vmss[0-9a-z]{6}", name), f"name {name} (N-7)")
        same(node["status"]["nodeInfo"]["kubeletVersion"], "v" + version, "kubelet version")
        for key, value in {"lane": "batch", "agentpool": "batch", "kubernetes.azure.com/agentpool": "batch", "kubernetes.azure.com/mode": "user",
                           "kubernetes.azure.com/priority": "regular", "node.kubernetes.io/instance-type": "Standard_D4s_v5",
                           "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
                           "kubernetes.azure.com/sku-cpu": "4", "kubernetes.azure.com/sku-memory": "16",
                           "kubernetes.azure.com/cluster": "MC_lanes_dev_eastus", "topology.kubernetes.io/region": "eastus"}.items():
            same(labels.get(key), value, f"{name}: label {key}")
        holds({"key": "lane", "value": "batch", "effect": "NoSchedule"} in node["spec"]["taints"], f"taint on {name}")
        holds(re.fullmatch(r"azure:///subscriptions/\S+/virtualMachineScaleSets/aks-batch-\d{8}-vmss/virtualMachines/\d+", node["spec"]["providerID"]), "providerID (N-7)")


@test
def show_is_the_entry_of_the_list(b):
    listed = [p for p in b.az_pool("list", "-o", "json").ok().json if p["name"] == "batch"]
    same(b.az_pool("show", "-n", "batch", "-o", "json").ok().json, listed[0], "show")


@test
def the_table_has_azs_columns(b):
    lines = b.az_pool("list", "-o", "table").ok().out.splitlines()
    same(lines[0].split(), ["Name", "OsType", "KubernetesVersion", "VmSize", "Count", "MaxPods", "ProvisioningState", "Mode"], "columns")
    same([line.split()[:3] for line in lines[2:] if line.startswith("batch")], [["batch", "Linux", "1.34"]], "the version is the one asked for")


@test
def add_of_an_existing_name_is_refused_by_az(b):
    b.az_pool("add", "-n", "batch").failed(1, "already exists")


@test
def scale_adds_and_removes_nodes(b):
    before = set(b.nodes_of("batch"))
    same(b.az_pool("scale", "-n", "batch", "-c", "5", "-o", "json").ok().json["count"], 5, "count")
    after = set(b.nodes_of("batch"))
    same(len(after), 5, "nodes")
    holds(before < after, "scaling out keeps the nodes that were there")
    same(b.az_pool("scale", "-n", "batch", "-c", "2", "-o", "json").ok().json["count"], 2, "count")
    same(len(b.nodes_of("batch")), 2, "nodes")


@test
def labels_and_taints_reach_live_nodes_and_are_replaced_as_a_whole(b):
    names = b.nodes_of("batch")
    b.az_pool("update", "-n", "batch", "--labels", "lane=night", "tier=low", "--node-taints", "lane=night:NoExecute").ok()
    for node in b.kube.nodes("batch"):
        same({k: v for k, v in node["metadata"]["labels"].items() if k in ("lane", "tier")}, {"lane": "night", "tier": "low"}, "labels")
        same([t for t in node["spec"].get("taints", []) if t["key"] == "lane"], [{"key": "lane", "value": "night", "effect": "NoExecute"}], "taints")
    pool = b.az_pool("update", "-n", "batch", "--labels", "", "--node-taints", "", "-o", "json").ok().json
    holds(not pool["nodeLabels"] and not pool["nodeTaints"], "an empty value removes all")
    for node in b.kube.nodes("batch"):
        holds("lane" not in node["metadata"]["labels"] and not node["spec"].get("taints"), f"clean: {node['metadata']['labels']}")
    same(b.nodes_of("batch"), names, "no node was replaced (M-2)")


@test
def labels_of_the_pool_are_re_asserted(b):
    b.az_pool("update", "-n", "batch", "--labels", "lane=batch").ok()
    name = b.nodes_of("batch")[0]
    b.kubectl("label", "node", name, "--overwrite", "lane=other", "own=yes").ok()
    labels = lambda: b.kube.call("GET", f"/api/v1/nodes/{name}").json["metadata"]["labels"]
    eventually(lambda: labels().get("lane") == "batch", 10, "the pool's label comes back (LB-6)")
    same(labels().get("own"), "yes", "a label set with kubectl stays")


@test
def update_without_flags_changes_nothing(b):
    before = b.az_pool("show", "-n", "batch", "-o", "json").ok().json
    same(b.az_pool("update", "-n", "batch", "-o", "json").ok().json, before, "pool")


@test
def autoscaling_is_switched_on_changed_and_off(b):
    pool = b.az_pool("update", "-n", "batch", "-e", "--min-count", "1", "--max-count", "5", "-o", "json").ok().json
    same((pool["enableAutoScaling"], pool["minCount"], pool["maxCount"]), (True, 1, 5), "range")
    b.az_pool("scale", "-n", "batch", "-c", "3").failed(1, "Cannot scale cluster autoscaler enabled node pool.")
    pool = b.az_pool("update", "-n", "batch", "-u", "--min-count", "2", "--max-count", "4", "-o", "json").ok().json
    same((pool["minCount"], pool["maxCount"]), (2, 4), "range")
    pool = b.az_pool("update", "-n", "batch", "-d", "-o", "json").ok().json
    same((pool["enableAutoScaling"], pool["minCount"], pool["maxCount"]), (False, None, None), "off")


@test
def get_upgrades_names_newer_versions_and_the_newest_image(b):
    profile = b.az_pool("get-upgrades", "-n", "batch", "-o", "json").ok().json
    same(profile["osType"], "Linux", "osType")
    versions = [u["kubernetesVersion"] for u in profile["upgrades"]]
    holds(any(v.startswith("1.35.") for v in versions), f"1.35 is offered to 1.34: {versions}")
    holds(not any(v.startswith("1.36.") for v in versions), f"nothing above the control plane (UV-1): {versions}")
    holds(re.fullmatch(r"AKSUbuntu-2204gen2containerd-\d{6}\.\d{2}\.\d+", profile["latestNodeImageVersion"]), profile["latestNodeImageVersion"])


@test
def upgrade_moves_every_node_to_the_version(b):
    boots = {n["metadata"]["name"]: n["status"]["nodeInfo"]["bootID"] for n in b.kube.nodes("batch")}
    pool = b.az_pool("upgrade", "-n", "batch", "-k", "1.35", "-o", "json").ok().json
    same((pool["orchestratorVersion"], pool["provisioningState"], pool["count"]), ("1.35", "Succeeded", 2), "pool")
    nodes = b.kube.nodes("batch")
    same(sorted(n["metadata"]["name"] for n in nodes), sorted(boots), "nodes are reimaged in place and keep their names (N-7)")
    for node in nodes:
        same(node["status"]["nodeInfo"]["kubeletVersion"], "v" + pool["currentOrchestratorVersion"], "kubelet")
        holds(node["status"]["nodeInfo"]["bootID"] != boots[node["metadata"]["name"]], "a new boot id")


@test
def the_image_alone_is_upgraded(b):
    old = b.az_pool("show", "-n", "system", "-o", "json").ok().json["nodeImageVersion"]
    newest = b.az_pool("get-upgrades", "-n", "system", "-o", "json").ok().json["latestNodeImageVersion"]
    holds(old != newest, f"the first pool starts one image behind: {old}")
    b.az_pool("upgrade", "-n", "system", "--node-image-only", "-y").ok()
    same(b.az_pool("show", "-n", "system", "-o", "json").ok().json["nodeImageVersion"], newest, "image")
    for node in b.kube.nodes("system"):
        same(node["metadata"]["labels"]["kubernetes.azure.com/node-image-version"], newest, "label of the image")


@test
def a_stopped_pool_keeps_its_count_and_has_no_nodes(b):
    b.az_pool("stop", "-n", "batch").ok()
    pool = b.az_pool("show", "-n", "batch", "-o", "json").ok().json
    same((pool["powerState"]["code"], pool["provisioningState"], pool["count"]), ("Stopped", "Succeeded", 0), "stopped")
    same(b.nodes_of("batch"), [], "nodes")
    b.az_pool("start", "-n", "batch").ok()
    pool = b.az_pool("show", "-n", "batch", "-o", "json").ok().json
    same((pool["powerState"]["code"], pool["count"]), ("Running", 2), "started with the remembered count")
    same(len(b.nodes_of("batch")), 2, "nodes")


@test
def machines_are_listed_shown_and_deleted_by_name(b):
    where = ("-g", "lanes", "--cluster-name", "dev", "--nodepool-name", "batch")
    machines = b.az("aks", "machine", "list", *where, "-o", "json").ok().json
    same(len(machines), 2, "machines")
    name = machines[0]["name"]
    same(b.az("aks", "machine", "show", *where, "--machine-name", name, "-o", "json").ok().json["name"], name, "machine")
    lines = b.az("aks", "machine", "list", *where, "-o", "table").ok().out.splitlines()
    same(lines[0].split()[:2], ["Name", "Ip"], "columns")
    holds("ip:10.224." in lines[2] and "family:IPv4" in lines[2], lines[2])
    b.az_pool("delete-machines", "-n", "batch", "--machine-names", name).ok()
    same(b.az_pool("show", "-n", "batch", "-o", "json").ok().json["count"], 1, "count falls (MS-6)")
    same([m["name"] for m in b.az("aks", "machine", "list", *where, "-o", "json").ok().json], [machines[1]["name"]], "the other one stays")


@test
def wait_ends_when_its_condition_holds(b):
    b.az_pool("add", "-n", "waited", "-c", "1", "--no-wait").ok()
    for condition in ("--created", "--exists", "--updated"):
        b.az_pool("wait", "-n", "waited", condition, "--interval", "1", "--timeout", "30").ok()
    b.az_pool("wait", "-n", "waited", "--custom", "count==`1`", "--interval", "1", "--timeout", "30").ok()
    b.az_pool("delete", "-n", "waited", "--no-wait").ok()
    b.az_pool("wait", "-n", "waited", "--deleted", "--interval", "1", "--timeout", "30").ok()


@test
def delete_removes_pool_and_nodes(b):
    b.az_pool("delete", "-n", "batch").ok()
    same(b.nodes_of("batch"), [], "nodes")
    same([p["name"] for p in b.az_pool("list", "-o", "json").ok().json], ["system"], "pools")
    b.az_pool("delete", "-n", "batch").failed(1, "doesnt exist")


@test
def exit_codes_are_those_of_az(b):
    missing = b.az_process("aks", "nodepool", "show", "-g", "lanes", "--cluster-name", "dev", "-n", "nosuch").failed(3)
    holds("NotFound" in missing.err, missing.err)
    b.az_process("aks", "nodepool", "add", "-g", "lanes", "--cluster-name", "dev", "-n", "BadName", "-c", "1").failed(1, "BadName")
    b.az_process("aks", "nodepool", "show", "-g", "lanes", "--cluster-name", "dev", "--nosuchflag").failed(2)


@test
def spot_and_autoscaled_pools_are_added(b):
    pool = b.az_pool("add", "-n", "spot", "-e", "--min-count", "1", "--max-count", "3", "-c", "1", "--priority", "Spot", "-o", "json").ok().json
    same((pool["scaleSetPriority"], pool["scaleSetEvictionPolicy"], pool["spotMaxPrice"]), ("Spot", "Delete", -1.0), "spot")
    holds("kubernetes.azure.com/scalesetpriority=spot:NoSchedule" in pool["nodeTaints"], "the spot taint is in the answer (S-3)")
    labels = b.kube.nodes("spot")[0]["metadata"]["labels"]
    same(labels["kubernetes.azure.com/scalesetpriority"], "spot", "label (S-3)")
    b.az_pool("delete", "-n", "spot").ok()


@test
def clusters_are_read_upgraded_stopped_and_started(b):
    same([c["name"] for c in b.az("aks", "list", "-o", "json").ok().json], ["dev"], "clusters")
    cluster = b.az("aks", "show", "-g", "lanes", "-n", "dev", "-o", "json").ok().json
    same((cluster["location"], cluster["networkProfile"]["podCidr"], cluster["networkProfile"]["serviceCidr"]), ("eastus", "100.64.0.0/10", "10.0.0.0/16"), "cluster")
    same([p["name"] for p in cluster["agentPoolProfiles"]], ["system"], "its pools")
    same(b.az("aks", "update", "-g", "lanes", "-n", "dev", "--tags", "team=night", "-o", "json").ok().json["tags"], {"team": "night"}, "az reads the nodes' identity on the way")
    upgrades = b.az("aks", "get-upgrades", "-g", "lanes", "-n", "dev", "-o", "json").ok().json
    offered = [u["kubernetesVersion"] for u in upgrades["controlPlaneProfile"]["upgrades"]]
    holds(any(v.startswith("1.36.") for v in offered), f"a new cluster has an upgrade: {offered}")
    b.az("aks", "stop", "-g", "lanes", "-n", "dev").ok()
    same(b.az("aks", "show", "-g", "lanes", "-n", "dev", "-o", "json").ok().json["powerState"]["code"], "Stopped", "power state")
    same(b.nodes_of("system"), [], "nodes of a stopped cluster")
    b.az("aks", "start", "-g", "lanes", "-n", "dev").ok()
    same(len(b.nodes_of("system")), 3, "nodes")
    newest = [v for v in offered if v.startswith("1.36.")][-1]
    b.az("aks", "upgrade", "-g", "lanes", "-n", "dev", "-k", newest, "-y").ok()
    same({n["status"]["nodeInfo"]["kubeletVersion"] for n in b.kube.nodes()}, {"v" + newest}, "a full upgrade takes the pools along (UV-6)")


@test
def a_second_cluster_is_created_used_and_deleted(b):
    b.az("aks", "create", "-g", "lanes", "-n", "two", "-c", "1", "--no-ssh-key", "-o", "none").ok()
    file = str(b.folder / "two.kubeconfig")
    b.az("aks", "get-credentials", "-g", "lanes", "-n", "two", "-f", file, "--admin").ok()
    nodes = b.kubectl("--kubeconfig", file, "get", "nodes", "-o", "json").ok().json["items"]
    same(len(nodes), 1, "nodes of the second cluster")
    holds(not {n["metadata"]["name"] for n in nodes} & {n["metadata"]["name"] for n in b.kube.nodes()}, "clusters share no node")
    b.az("aks", "delete", "-g", "lanes", "-n", "two", "-y").ok()
    same([c["name"] for c in b.az("aks", "list", "-o", "json").ok().json], ["dev"], "clusters")


@test
def what_stands_around_clusters_is_answered(b):
    same([g["name"] for g in b.az("group", "list", "-o", "json").ok().json], ["lanes"], "groups")
    holds("eastus" in [l["name"] for l in b.az("account", "list-locations", "-o", "json").ok().json], "locations")
    pool = b.az_pool("show", "-n", "system", "-o", "json").ok().json
    same(b.az("resource", "show", "--ids", pool["id"], "-o", "json").ok().json["name"].split("/")[-1], "system", "resource show")
    url = f"https://{b.server.env()['ARM_METADATA_HOSTNAME']}{pool['id']}?api-version=2026-06-01"
    same(b.az("rest", "--method", "get", "--url", url, "--resource", "https://management.core.windows.net/", "-o", "json").ok().json["name"], "system", "rest")
    versions = json.loads(b.az("rest", "--method", "get", "--url", url.split("/agentPools")[0] + "/availableAgentPoolVersions?api-version=2026-06-01",
                               "--resource", "https://management.core.windows.net/").ok().out)
    holds(all(v["kubernetesVersion"] for v in versions["properties"]["agentPoolVersions"]), "versions")


@test
def the_users_own_folders_are_untouched(b):
    same([p.name for p in b.server.home.glob(".azure*")], [], "~/.azure")
    holds(not (b.server.home / ".kube" / "config").exists(), "~/.kube/config")
