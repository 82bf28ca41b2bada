"""Terraform's azurerm node pool resource: its own sequence of calls, and the real provider where the machine has it.

`calls` replays what the provider sends (arm-wire section 7): sets in any order, the whole GET body put back, exact echo. The real run
needs `terraform` on PATH and the provider's binary in NODELANE_AZURERM_PROVIDER, or beside the other peers.
"""
import json
import os
import pathlib
import re
import shutil

from harness.http import CLUSTER_PATH
from harness.suite import Skipped, holds, same, test

API = "2025-10-01"
MAIN = """
provider "azurerm" {{
  features {{}}
}}
resource "azurerm_kubernetes_cluster_node_pool" "batch" {{
  name                  = "tf"
  kubernetes_cluster_id = "{cluster}"
  vm_size               = "Standard_D4s_v5"
  node_count            = {count}
  node_labels           = {{ lane = "night" }}
  node_taints           = ["lane=batch:NoSchedule"]
  zones                 = ["1", "2", "3"]
  upgrade_settings {{
    max_surge = "33%"
  }}
}}
terraform {{
  required_providers {{
    azurerm = {{
      source = "hashicorp/azurerm"
    }}
  }}
}}
"""


def provider(options):
    """The provider's binary, if there is one."""
    places = [os.environ.get("NODELANE_AZURERM_PROVIDER"), options.peers / "bin/terraform-provider-azurerm"]
    return next((pathlib.Path(p) for p in places if p and pathlib.Path(p).exists()), None)


def setup(b):
    """Looks for the provider before the environment is the server's."""
    b.provider = provider(b.options)


@test
def the_metadata_document_is_accepted_by_the_provider(b):
    document = b.arm.call("GET", "/metadata/endpoints", api="2022-09-01", token=None).json
    holds(document["authentication"]["loginEndpoint"].startswith("https://") and document["resourceManager"].startswith("https://") and document["microsoftGraphResourceId"], "addresses")
    tenant = b.server.env()["ARM_TENANT_ID"]
    same(b.arm.token(path=f"/adfs/{tenant}/oauth2/v2.0/token").status, 200, "the token route that it asks")


@test
def the_providers_calls_create_read_update_and_delete(b):
    call = lambda verb, body=None, path=b.arm.pool_path("tf"): b.arm.call(verb, path, body, api=API)
    same((call("GET", path=CLUSTER_PATH).status, call("GET").status), (200, 404), "before")
    properties = {"availabilityZones": ["2", "3", "1"], "count": 5, "enableAutoScaling": False, "enableEncryptionAtHost": False, "enableFIPS": False, "enableNodePublicIP": False, "enableUltraSSD": False,
                  "gpuProfile": None, "kubeletDiskType": "", "maxPods": 250, "mode": "User", "nodeLabels": {"lane": "night"}, "nodeTaints": ["lane=batch:NoSchedule"], "osDiskType": "Managed",
                  "osType": "Linux", "scaleDownMode": "Delete", "scaleSetPriority": "Regular", "tags": {}, "type": "VirtualMachineScaleSets", "upgradeSettings": {"maxSurge": "33%"}, "vmSize": "Standard_D4s_v5"}
    made = call("PUT", {"properties": properties})
    same(made.status, 201, f"create {made}")
    poll = b.arm.call("GET", made.headers["Azure-AsyncOperation"])
    holds(poll.headers["Content-Type"].startswith("application/json"), "what its poller insists on")
    b.arm.done(made)
    read = call("GET").json
    for key in ("count", "nodeLabels", "nodeTaints", "maxPods", "mode", "osType", "osDiskType", "scaleDownMode", "vmSize", "upgradeSettings", "enableFIPS"):
        expected = properties[key]
        actual = read["properties"].get(key)
        same({k: actual.get(k) for k in expected} if isinstance(expected, dict) else actual, expected, f"echo of {key}")
    same(sorted(read["properties"]["availabilityZones"]), ["1", "2", "3"], "zones")
    for order in (["3", "1", "2"], ["1", "2", "3"]):
        again = call("PUT", dict(read, properties=dict(read["properties"], availabilityZones=order, kubeletDiskType="")))
        same((again.status, again.headers.get("Azure-AsyncOperation")), (200, None), f"zones in another order are no change: {again}")
    changed = call("PUT", dict(read, properties=dict(read["properties"], count=2)))
    same(changed.status, 200, f"the whole GET body with a new count: {changed}")
    b.arm.done(changed)
    same(call("GET").json["properties"]["count"], 2, "count")
    gone = call("DELETE")
    same(gone.status, 202, f"delete {gone}")
    b.arm.done(gone)
    same(call("GET").status, 404, "polled until it is gone")


@test
def the_real_provider_applies_plans_nothing_updates_and_destroys(b):
    terraform = shutil.which("terraform")
    if not (terraform and b.provider):
        raise Skipped("terraform or the azurerm provider is not on this machine; its calls were replayed")
    folder = b.folder / "terraform"
    folder.mkdir(exist_ok=True)
    rc = folder / "terraformrc"
    rc.write_text(f'provider_installation {{\n  dev_overrides {{ "hashicorp/azurerm" = "{b.provider.parent}" }}\n  direct {{}}\n}}\n')
    env = {"TF_CLI_CONFIG_FILE": str(rc), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    run = lambda *a: b.process(terraform, f"-chdir={folder}", *a, env=env, timeout=600)
    (folder / "main.tf").write_text(MAIN.format(cluster=CLUSTER_PATH, count=3))
    run("apply", "-auto-approve", "-no-color").ok()
    same(len(b.nodes_of("tf")), 3, "nodes")
    plan = run("plan", "-detailed-exitcode", "-no-color")
    same(plan.code, 0, f"a second plan has no difference: {plan.out[-800:]}")
    (folder / "main.tf").write_text(MAIN.format(cluster=CLUSTER_PATH, count=2))
    holds(re.search(r"1 changed", run("apply", "-auto-approve", "-no-color").ok().out), "update")
    same(len(b.nodes_of("tf")), 2, "nodes")
    run("destroy", "-auto-approve", "-no-color").ok()
    same(b.arm.call("GET", b.arm.pool_path("tf")).status, 404, "destroyed")
    same(json.loads((folder / "terraform.tfstate").read_text())["resources"], [], "state")
