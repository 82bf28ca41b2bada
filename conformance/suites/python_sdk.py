"""The Azure SDK for Python, unmodified: typed calls, pollers, typed errors (arm-wire section 7).
"""
from harness.suite import holds, same, test


def setup(b):
    """A client as a program would make it."""
    from azure.identity import ClientSecretCredential
    from azure.mgmt.containerservice import ContainerServiceClient
    env = b.server.env()
    credential = ClientSecretCredential(env["ARM_TENANT_ID"], env["ARM_CLIENT_ID"], env["ARM_CLIENT_SECRET"], authority=b.arm.base, disable_instance_discovery=True)
    b.client = ContainerServiceClient(credential, env["ARM_SUBSCRIPTION_ID"], base_url=b.arm.base, credential_scopes=["https://management.core.windows.net/.default"])


@test
def a_pool_lives_through_the_typed_client(b):
    from azure.mgmt.containerservice.models import AgentPool
    pools = b.client.agent_pools
    made = pools.begin_create_or_update("lanes", "dev", "sdk", AgentPool(count=2, vm_size="Standard_D2s_v5", mode="User", node_labels={"a": "b"})).result()
    same((made.name, made.count, made.provisioning_state, made.node_labels), ("sdk", 2, "Succeeded", {"a": "b"}), "create")
    made.count = 1
    same(pools.begin_create_or_update("lanes", "dev", "sdk", made).result().count, 1, "scale")
    same(sorted(p.name for p in pools.list("lanes", "dev")), ["sdk", "system"], "list")
    holds(pools.get_upgrade_profile("lanes", "dev", "sdk").latest_node_image_version, "upgrade profile")
    holds(list(pools.get_available_agent_pool_versions("lanes", "dev").agent_pool_versions), "versions")
    pools.begin_delete("lanes", "dev", "sdk").result()
    same([p.name for p in pools.list("lanes", "dev")], ["system"], "deleted")


@test
def errors_are_typed(b):
    from azure.core import MatchConditions
    from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
    from azure.mgmt.containerservice.models import AgentPool

    def raises(kind, call):
        try:
            call()
        except kind as error:
            return error
        raise AssertionError(f"no {kind.__name__}")
    pools = b.client.agent_pools
    raises(ResourceNotFoundError, lambda: pools.get("lanes", "dev", "nosuch"))
    error = raises(HttpResponseError, lambda: pools.begin_create_or_update("lanes", "dev", "BadName", AgentPool(count=1, mode="User")))
    same((error.status_code, error.error.code), (400, "InvalidParameter"), "code")
    system = pools.get("lanes", "dev", "system")
    raises(ResourceModifiedError, lambda: pools.begin_create_or_update("lanes", "dev", "system", system, etag="x", match_condition=MatchConditions.IfNotModified))


@test
def more_than_a_page_of_pools_is_paged(b):
    for n in range(99):
        b.arm.create(f"p{n}", count=0)
    same(len(list(b.client.agent_pools.list("lanes", "dev"))), 100, "the limit of pools a cluster (L-1)")
    answer = b.arm.put("onemore", {"count": 0, "mode": "User", "type": "VirtualMachineScaleSets"})
    same(answer.status, 400, f"one more than L-1 allows: {answer}")
    page = b.arm.call("GET", b.arm.pool_path("")[:-1]).json
    if "nextLink" in page:
        holds(page["nextLink"].startswith("https://"), "nextLink is absolute")


@test
def the_clusters_pools_are_in_the_cluster(b):
    cluster = b.client.managed_clusters.get("lanes", "dev")
    holds("system" in [p.name for p in cluster.agent_pool_profiles], "agentPoolProfiles")
    same(cluster.provisioning_state, "Succeeded", "state")
