"""Terraform's azurerm provider: its own sequences of calls, and the real provider where the machine has it.

The replays are what provider 5.2.0 was seen to send (verbs, paths, api-versions, bodies): sets in any order, the whole GET body put
back, exact echo. What comes back changed or unasked is a difference in its next plan. The real run needs `terraform` on PATH and the
provider's binary in NODELANE_AZURERM_PROVIDER, or beside the other peers: no package registry is known to have it.
"""
import base64
import json
import os
import pathlib
import shutil

from harness.http import CLUSTER_PATH, GROUP_PATH, SUB
from harness.suite import Skipped, holds, same, test

API = "2025-10-01"
GROUP_API = "2023-07-01"
HEAD = """
terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm" }
  }
}
provider "azurerm" {
  features {}
}
variable "step" { type = number }
variable "cluster" { default = "%s" }
""" % CLUSTER_PATH
POOLS = HEAD + """
resource "azurerm_kubernetes_cluster_node_pool" "batch" {
  name                  = "tf"
  kubernetes_cluster_id = var.cluster
  vm_size               = "Standard_D4s_v5"
  node_count            = 4 - var.step
  node_labels           = { lane = "night" }
  node_taints           = ["lane=batch:NoSchedule"]
  zones                 = ["1", "2", "3"]
  upgrade_settings {
    max_surge = "33%"
  }
}
resource "azurerm_kubernetes_cluster_node_pool" "auto" {
  name                  = "auto"
  kubernetes_cluster_id = var.cluster
  vm_size               = "Standard_D4s_v5"
  auto_scaling_enabled  = true
  min_count             = 1
  max_count             = 4 + var.step
  node_labels           = { lane = "day${var.step}" }
  node_taints           = ["lane=day:NoSchedule", "b=c:NoExecute"]
  zones                 = ["3", "1"]
  tags                  = { owner = "me", Step = tostring(var.step) }
  max_pods              = 50
  os_disk_size_gb       = 64
  workload_runtime      = "OCIContainer"
  kubelet_disk_type     = "OS"
  upgrade_settings {
    max_surge                     = var.step == 1 ? "2" : "50%"
    drain_timeout_in_minutes      = 45
    node_soak_duration_in_minutes = 5
    undrainable_node_behavior     = "Cordon"
  }
}
resource "azurerm_kubernetes_cluster_node_pool" "spot" {
  name                   = "spot"
  kubernetes_cluster_id  = var.cluster
  vm_size                = "Standard_D4s_v5"
  node_count             = var.step
  priority               = "Spot"
  eviction_policy        = "Delete"
  spot_max_price         = 0.5
  node_public_ip_enabled = true
  node_labels            = { "kubernetes.azure.com/scalesetpriority" = "spot" }
  node_taints            = ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"]
}
resource "azurerm_kubernetes_cluster_node_pool" "win" {
  name                        = "win"
  kubernetes_cluster_id       = var.cluster
  vm_size                     = var.step == 1 ? "Standard_D4s_v5" : "Standard_D8s_v5"
  temporary_name_for_rotation = "wtmp"
  node_count                  = 1
  os_type                     = "Windows"
  os_sku                      = "Windows2022"
  upgrade_settings {
    max_unavailable = "25%"
  }
}
resource "azurerm_kubernetes_cluster_node_pool" "old" {
  name                  = "old"
  kubernetes_cluster_id = var.cluster
  vm_size               = "Standard_D4s_v5"
  node_count            = 1
  orchestrator_version  = var.step == 1 ? "1.34" : "1.35"
}
resource "azurerm_kubernetes_cluster_node_pool" "least" {
  name                  = "least"
  kubernetes_cluster_id = var.cluster
}
data "azurerm_kubernetes_cluster" "dev" {
  name                = "dev"
  resource_group_name = "lanes"
}
data "azurerm_kubernetes_cluster_node_pool" "system" {
  name                    = "system"
  kubernetes_cluster_name = "dev"
  resource_group_name     = "lanes"
}
data "azurerm_kubernetes_service_versions" "all" {
  location = "eastus"
}
output "seen" {
  value = [data.azurerm_kubernetes_cluster_node_pool.system.mode, data.azurerm_kubernetes_service_versions.all.default_version]
}
"""
CLUSTER = HEAD + """
resource "azurerm_resource_group" "g" {
  name     = "tfgroup"
  location = "East US"
  tags     = { step = tostring(var.step) }
}
resource "azurerm_kubernetes_cluster" "c" {
  name                = "tfc"
  location            = azurerm_resource_group.g.location
  resource_group_name = azurerm_resource_group.g.name
  dns_prefix          = "tfc"
  tags                = { step = tostring(var.step) }
  default_node_pool {
    name       = "system"
    node_count = var.step
    vm_size    = "Standard_D4s_v5"
    upgrade_settings {
      max_surge = "10%"
    }
  }
  identity {
    type = "SystemAssigned"
  }
  node_provisioning_profile {
    mode = "Manual"
  }
  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
  }
  auto_scaler_profile {
    expander      = "least-waste"
    scan_interval = "20s"
  }
}
resource "azurerm_kubernetes_cluster_node_pool" "p" {
  name                  = "lane"
  kubernetes_cluster_id = azurerm_kubernetes_cluster.c.id
  vm_size               = "Standard_D4s_v5"
  node_count            = 1
}
"""


# Read at import: afterwards this process has the server's environment and no other.
TERRAFORM, PROVIDER = shutil.which("terraform"), os.environ.get("NODELANE_AZURERM_PROVIDER")


def provider(options):
    """The provider's binary, if there is one; one that is named must be there."""
    if PROVIDER:
        holds(pathlib.Path(PROVIDER).is_file(), f"NODELANE_AZURERM_PROVIDER is {PROVIDER}, which is no file")
    binary = pathlib.Path(PROVIDER or options.peers / "bin/terraform-provider-azurerm").absolute()
    return binary if binary.is_file() else None


def new_pool(**properties):
    """What the provider sends for a pool that its configuration says nothing about."""
    return {"count": 0, "enableAutoScaling": False, "enableEncryptionAtHost": False, "enableFIPS": False, "enableNodePublicIP": False,
            "enableUltraSSD": False, "kubeletDiskType": "", "mode": "User", "osDiskType": "Managed", "osType": "Linux",
            "scaleDownMode": "Delete", "scaleSetPriority": "Regular", "tags": {}, "type": "VirtualMachineScaleSets", "vmSize": "", **properties}


def caller(b, path):
    """Calls of one resource, with the provider's api-version."""
    return lambda verb, body=None: b.arm.call(verb, path, body, api=API)


@test
def the_metadata_document_and_the_tokens_are_what_the_provider_needs(b):
    document = b.arm.call("GET", "/metadata/endpoints", api="2022-09-01", token=None).json
    holds(document["authentication"]["loginEndpoint"].startswith("https://") and document["resourceManager"].startswith("https://") and document["microsoftGraphResourceId"], "addresses")
    path = f"/adfs/{b.server.env()['ARM_TENANT_ID']}/oauth2/v2.0/token"
    # It asks for the resource manager's own address, not for a management audience.
    token = b.arm.token(path=path, scope=document["resourceManager"].rstrip("/") + "/.default")
    same(token.status, 200, f"token: {token}")
    same(b.arm.call("GET", CLUSTER_PATH, api=API, token=token.json["access_token"]).status, 200, "a call with that token")
    other = b.arm.token(path=path, scope="https://127.0.0.1:1/.default").json["access_token"]
    same(b.arm.call("GET", CLUSTER_PATH, api=API, token=other).status, 401, "a token for somebody else")


@test
def the_providers_calls_create_read_update_and_delete(b):
    call, cluster = caller(b, b.arm.pool_path("tf")), caller(b, CLUSTER_PATH)
    same((cluster("GET").status, call("GET").status), (200, 404), "before")
    properties = new_pool(availabilityZones=["2", "3", "1"], count=5, nodeLabels={"lane": "night"}, nodeTaints=["lane=batch:NoSchedule"], vmSize="Standard_D4s_v5",
                          upgradeSettings={"drainTimeoutInMinutes": 0, "maxSurge": "33%", "maxUnavailable": "0", "nodeSoakDurationInMinutes": 0})
    made = call("PUT", {"name": "tf", "properties": properties})
    same(made.status, 201, f"create {made}")
    poll = b.arm.call("GET", made.headers["Azure-AsyncOperation"])
    holds(poll.headers["Content-Type"].startswith("application/json"), "what its poller insists on")
    b.arm.done(made)
    read = call("GET").json
    shown = read["properties"]
    for key in ("count", "nodeLabels", "nodeTaints", "mode", "osType", "osDiskType", "scaleDownMode", "vmSize", "enableFIPS"):
        same(shown.get(key), properties[key], f"echo of {key}")
    same(shown["upgradeSettings"], {"maxSurge": "33%", "maxUnavailable": "0", "nodeSoakDurationInMinutes": 0}, "settings of upgrades")
    same(sorted(shown["availabilityZones"]), ["1", "2", "3"], "zones")
    same([key for key in ("workloadRuntime", "kubeletDiskType", "gpuProfile", "kubeletConfig", "linuxOSConfig", "networkProfile") if key in shown], [], "shown without having been given")
    for order in (["3", "1", "2"], ["1", "2", "3"]):
        again = call("PUT", dict(read, properties=dict(shown, availabilityZones=order, kubeletDiskType="")))
        same((again.status, again.headers.get("Azure-AsyncOperation")), (200, None), f"zones in another order are no change: {again}")
    changed = call("PUT", dict(read, properties=dict(shown, count=2)))
    same(changed.status, 200, f"the whole GET body with a new count: {changed}")
    b.arm.done(changed)
    same(call("GET").json["properties"]["count"], 2, "count")
    gone = call("DELETE")
    same(gone.status, 202, f"delete {gone}")
    b.arm.done(gone)
    same(call("GET").status, 404, "polled until it is gone")


@test
def a_pool_with_everything_is_echoed_cleared_and_named_a_runtime_in_place(b):
    call = caller(b, b.arm.pool_path("full"))
    given = {"kubeletConfig": {"allowedUnsafeSysctls": [], "cpuCfsQuota": True, "cpuManagerPolicy": "static", "failSwapOn": False, "imageGcHighThreshold": 90, "imageGcLowThreshold": 70},
             "kubeletDiskType": "OS", "linuxOSConfig": {"swapFileSizeMB": 10, "sysctls": {"netCoreSomaxconn": 16384, "netIpv4TcpTwReuse": False}},
             "networkProfile": {"allowedHostPorts": [{"portEnd": 80, "portStart": 80, "protocol": "TCP"}], "applicationSecurityGroups": []},
             "upgradeSettings": {"drainTimeoutInMinutes": 45, "maxSurge": "2", "maxUnavailable": "0", "nodeSoakDurationInMinutes": 5, "undrainableNodeBehavior": "Cordon"},
             "minCount": 1, "maxCount": 5, "enableAutoScaling": True, "count": 1, "nodeLabels": {"a": "b"}, "nodeTaints": ["a=b:NoSchedule"], "tags": {"Owner": "me"},
             "maxPods": 50, "osDiskSizeGB": 64, "orchestratorVersion": "1.34", "osSKU": "AzureLinux", "enableNodePublicIP": True, "vmSize": "Standard_D4s_v5"}
    b.arm.done(call("PUT", {"name": "full", "properties": new_pool(**given)}))
    read = call("GET").json
    shown = read["properties"]
    same({key: shown.get(key) for key in given}, given, "exact echo")
    holds("workloadRuntime" not in shown, "no runtime was named")
    # Lists are put back empty, the autoscaler's bounds are left out, and a runtime is named that the pool has anyway.
    less = {key: value for key, value in shown.items() if key not in ("minCount", "maxCount")}
    less.update(nodeLabels={}, nodeTaints=[], tags={}, enableAutoScaling=False, workloadRuntime="OCIContainer")
    changed = call("PUT", dict(read, properties=less))
    same(changed.status, 200, f"update: {changed}")
    b.arm.done(changed)
    shown = call("GET").json["properties"]
    same({key: shown.get(key) for key in ("nodeLabels", "nodeTaints", "tags", "minCount", "maxCount")}, dict.fromkeys(("nodeLabels", "nodeTaints", "tags", "minCount", "maxCount")), "cleared")
    same((shown["enableAutoScaling"], shown["workloadRuntime"], shown["count"]), (False, "OCIContainer", 1), "set")


@test
def a_pool_is_rotated_through_a_temporary_one_of_the_same_body(b):
    old, temporary = caller(b, b.arm.pool_path("full")), caller(b, b.arm.pool_path("fulltmp"))
    read = old("GET").json
    properties = {key: value for key, value in read["properties"].items() if key != "nodeImageVersion"}
    wanted = dict(read, properties=dict(properties, vmSize="Standard_D8s_v5"))
    refused = old("PUT", wanted)
    same((refused.status, refused.error["code"]), (400, "PropertyChangeNotAllowed"), "in place")
    same(temporary("GET").status, 404, "before")
    # The body names the old pool in its id and carries the old pool's eTag and read-only properties.
    for step in (temporary("PUT", dict(wanted, name="fulltmp")), old("DELETE"), old("PUT", wanted), temporary("DELETE")):
        b.arm.done(step)
    same((temporary("GET").status, old("GET").json["properties"]["vmSize"]), (404, "Standard_D8s_v5"), "after")
    b.arm.delete("full")


@test
def the_data_sources_read_versions_pools_and_credentials(b):
    same(b.arm.call("GET", b.arm.pool_path("system"), api=API).json["properties"]["mode"], "System", "pool")
    config = b.arm.call("POST", f"{CLUSTER_PATH}/listClusterUserCredential", api=API).json["kubeconfigs"][0]["value"]
    holds(b"client" in base64.b64decode(config) or b"token" in base64.b64decode(config), "a kubeconfig")
    path = f"/subscriptions/{SUB}/providers/Microsoft.ContainerService/locations/eastus/orchestrators?resource-type=managedClusters"
    listed = b.arm.call("GET", path, api="2019-08-01").json["properties"]["orchestrators"]
    newer = b.arm.call("GET", f"/subscriptions/{SUB}/providers/Microsoft.ContainerService/locations/eastus/kubernetesVersions").json["values"]
    same({entry["orchestratorVersion"] for entry in listed}, {patch for minor in newer for patch in minor["patchVersions"]}, "the same versions in both lists")
    same([entry["orchestratorType"] for entry in listed if entry.get("default")], ["Kubernetes"], "one default")


@test
def a_group_with_a_cluster_is_made_changed_and_taken_down_as_the_provider_does_it(b):
    group = lambda verb, body=None, under="": b.arm.call(verb, GROUP_PATH.replace("lanes", "tfgroup") + under, body, api=GROUP_API)
    path = CLUSTER_PATH.replace("lanes", "tfgroup").replace("/dev", "/tfc")
    call, pool = caller(b, path), caller(b, path + "/agentPools/system")
    same((group("GET").status, group("PUT", {"location": "eastus", "tags": {"a": "b"}}).status, group("GET").status), (404, 201, 200), "group")
    same(group("PATCH", {"tags": {"a": "c"}}).json["tags"], {"a": "c"}, "tags of the group")
    system = new_pool(count=1, mode="System", name="system", nodeLabels={}, upgradeSettings={"drainTimeoutInMinutes": 0, "maxSurge": "10%", "nodeSoakDurationInMinutes": 0}, vmSize="Standard_D4s_v5")
    system.pop("scaleSetPriority")
    properties = {"addonProfiles": {"azurepolicy": {"config": {"version": "v2"}, "enabled": False}}, "agentPoolProfiles": [system],
                  "apiServerAccessProfile": {"disableRunCommand": False, "enablePrivateCluster": False, "enablePrivateClusterPublicFQDN": False},
                  "autoUpgradeProfile": {"nodeOSUpgradeChannel": "NodeImage", "upgradeChannel": "none"}, "azureMonitorProfile": {"metrics": {"enabled": False}},
                  "disableLocalAccounts": False, "dnsPrefix": "tfc", "enableRBAC": True, "kubernetesVersion": "", "metricsProfile": {"costAnalysis": {"enabled": False}},
                  "networkProfile": {"advancedNetworking": {"enabled": False, "observability": {"enabled": False}, "security": {"enabled": False}}, "loadBalancerSku": "standard",
                                     "networkDataplane": "azure", "networkMode": "", "networkPlugin": "azure", "networkPluginMode": "overlay", "networkPolicy": "", "outboundType": "loadBalancer",
                                     "podCidrs": [], "serviceCidrs": []},
                  "nodeProvisioningProfile": {"defaultNodePools": "Auto", "mode": "Manual"}, "nodeResourceGroup": "", "oidcIssuerProfile": {"enabled": True}, "securityProfile": {},
                  "servicePrincipalProfile": {"clientId": "msi"}, "supportPlan": "KubernetesOfficial"}
    body = {"identity": {"type": "SystemAssigned", "userAssignedIdentities": None}, "location": "eastus", "properties": properties, "sku": {"name": "Base", "tier": "Free"}, "tags": {"env": "t"}}
    same(call("GET").status, 404, "before")
    b.arm.done(call("PUT", body))
    read = call("GET").json
    for key in ("addonProfiles", "autoUpgradeProfile", "nodeProvisioningProfile", "oidcIssuerProfile", "disableLocalAccounts", "dnsPrefix", "supportPlan"):
        same(read["properties"].get(key), properties[key], f"echo of {key}")
    for name in ("default", "aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"):
        same(b.arm.call("GET", f"{path}/maintenanceConfigurations/{name}", api=API).status, 404, f"there is no maintenance configuration {name}")
    b.arm.done(call("PUT", dict(read, tags={"env": "u"})))
    whole = pool("GET").json
    b.arm.done(pool("PUT", dict(whole, properties=dict(whole["properties"], count=2))))
    same((call("GET").json["tags"], pool("GET").json["properties"]["count"]), ({"env": "u"}, 2), "updated")
    # Before it deletes a group the provider looks whether something is left in it.
    inside = lambda: [entry["id"] for entry in group("GET", under="/resources?%24expand=provisioningState&%24top=10").json["value"]]
    same(inside(), [read["id"]], "the cluster is in the group")
    b.arm.done(call("DELETE"))
    same(inside(), [], "and then it is not")
    holds(group("DELETE").status in (200, 202) and group("GET").status == 404, "the group is gone")


class Terraform:
    """A folder with a configuration and the real provider."""

    def __init__(self, b, name, main):
        binary = provider(b.options)
        if not (TERRAFORM and binary):
            raise Skipped("terraform or the azurerm provider is not on this machine; its calls were replayed")
        self.b, self.folder = b, b.folder / f"terraform-{name}"
        (self.folder / "bin").mkdir(parents=True, exist_ok=True)
        # The override names a folder, in which the binary must have its customary name.
        (self.folder / "bin/terraform-provider-azurerm").symlink_to(binary)
        (self.folder / "rc").write_text(f'provider_installation {{\n  dev_overrides {{ "hashicorp/azurerm" = "{self.folder / "bin"}" }}\n  direct {{}}\n}}\n')
        (self.folder / "main.tf").write_text(main)

    def run(self, step, *command):
        """One command of terraform, at a step of the configuration's life."""
        env = {"TF_CLI_CONFIG_FILE": str(self.folder / "rc"), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0", "TF_VAR_step": str(step)}
        return self.b.process(TERRAFORM, f"-chdir={self.folder}", *command, env=env, timeout=180)

    def apply(self, step, said):
        """Applies a step, which does what `said` says, and plans without difference then."""
        out = self.run(step, "apply", "-auto-approve").ok().out
        holds(f"Apply complete! Resources: {said}." in out, f"{said}: {out[-600:]}")
        self.planned(step)

    def planned(self, step):
        """A plan without difference."""
        plan = self.run(step, "plan", "-detailed-exitcode")
        same(plan.code, 0, f"a second plan has no difference: {plan.out[-1500:]}")


@test
def the_real_provider_applies_plans_nothing_updates_imports_and_destroys_pools(b):
    tf = Terraform(b, "pools", POOLS)
    tf.apply(1, "6 added, 0 changed, 0 destroyed")
    # Where no count is configured the provider sends 0.
    same((len(b.nodes_of("tf")), len(b.nodes_of("auto")), len(b.nodes_of("least"))), (3, 1, 0), "nodes")
    tf.apply(2, "0 added, 5 changed, 0 destroyed")
    same((len(b.nodes_of("tf")), len(b.nodes_of("spot"))), (2, 2), "nodes")
    same(b.arm.pool("win")["properties"]["vmSize"], "Standard_D8s_v5", "rotated")
    holds(b.arm.pool("old")["properties"]["currentOrchestratorVersion"].startswith("1.35."), "upgraded")
    address = "azurerm_kubernetes_cluster_node_pool.auto"
    tf.run(2, "state", "rm", address).ok()
    tf.run(2, "import", address, b.arm.pool_path("auto")).ok()
    tf.planned(2)
    tf.run(2, "destroy", "-auto-approve").ok()
    same([b.arm.call("GET", b.arm.pool_path(name)).status for name in ("tf", "auto", "spot", "win", "wtmp", "old", "least")], [404] * 7, "destroyed")
    same(json.loads((tf.folder / "terraform.tfstate").read_text())["resources"], [], "state")


@test
def the_real_provider_makes_changes_and_destroys_a_group_and_a_cluster(b):
    tf = Terraform(b, "cluster", CLUSTER)
    tf.apply(1, "3 added, 0 changed, 0 destroyed")
    tf.apply(2, "0 added, 2 changed, 0 destroyed")
    tf.run(2, "destroy", "-auto-approve").ok()
    same(b.arm.call("GET", GROUP_PATH.replace("lanes", "tfgroup")).status, 404, "destroyed")
