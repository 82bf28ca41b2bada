"""Refusals, rule by rule: status, code, message and target as aks-semantics and arm-wire write them.

Every refusal names its rule in `details` (one of several where rules overlap: "SP-3|S-1") and changes nothing. Messages in the table are verbatim up to where the
source ends; a text that the sources do not give is not compared. ACCEPTED holds the values just inside of each bound.
"""
import os
import pathlib

from harness.http import CLUSTER_PATH, new_pool
from harness.suite import holds, same, test

TAIL = (" If allowedMinCount was expected to be 0 but is 1: 1) The nodepool is a VMAS pool. 2) api Version is less than 2020-03-01."
        " 3) The node is a system pool.")
SYSTEM_TAINT = ("Operation failed due to insufficient nodes for system pod scheduling. Placing custom taints on system pool is not supported"
                "(except 'CriticalAddonsOnly' taint or taint effect is 'PreferNoSchedule'). Please refer to https://aka.ms/aks/system-taints for detail")
LABEL_PREFIX = ("For Kubernetes version greater than or equal to 1.16, node label keys in the 'kubernetes.io' or 'k8s.io' namespace must begin with an "
                "allowed prefix (kubelet.kubernetes.io, node.kubernetes.io). For more information, please check https://aka.ms/aks-node-labels-116.")
SURGE = "agentPoolProfile.upgradeSettings.maxUnavailable"
SYSTEM, WINDOWS = {"mode": "System"}, {"osType": "Windows"}
SPOT = {"scaleSetPriority": "Spot", "spotMaxPrice": -1, "upgradeSettings": {}}
SCALING = {"enableAutoScaling": True, "minCount": 1, "maxCount": 3}

# rule or rules, pool name, what differs from what az sends, code, message (a prefix), target
REFUSED = [
    ("N-1", "BadName", {}, "InvalidParameter", None, None),
    ("N-1", "1abc", {}, "InvalidParameter", None, None),
    ("N-1", "abcdefghijklm", {}, "InvalidParameter", None, None),
    ("N-2", "win2022", WINDOWS, "InvalidParameter", None, None),
    ("N-4|N-1", "aksmanagedap", {}, None, None, None),
    ("L-4", "np1", {"count": 1001}, "InvalidParameter",
     "agentPoolProfile.count was 1001. It must be greater or equal to minCount:0 and less than or equal to maxCount:1000.", "agentPoolProfile.count"),
    ("L-4", "np1", dict(SYSTEM, count=0), "InvalidParameter",
     "agentPoolProfile.count was 0. It must be greater or equal to minCount:1 and less than or equal to maxCount:1000." + TAIL, "agentPoolProfile.count"),
    ("P-1", "np1", {"maxPods": 9}, None, None, None),
    ("P-1", "np1", {"maxPods": 251}, None, None, None),
    ("P-1", "np1", {"maxPods": 10, "count": 2}, None, None, None),
    ("P-1", "np1", dict(SYSTEM, maxPods=29, count=1), None, None, None),
    ("V-1", "np1", {"vmSize": "Standard_DS1_v2"}, None, None, None),
    ("V-2", "np1", dict(SYSTEM, vmSize="Standard_DS1_v2"), "SystemPoolSkuTooLow",
     "System node pool must use VM sku with more than 2 cores and 4GB memory. Nodepool name: np1.", None),
    ("V-4", "np1", {"vmSize": "Standard_Nope"}, "BadRequest",
     "The VM size of AgentPoolProfile:np1 is not allowed in your subscription in location 'eastus'. For more details, please visit https://aka.ms/aks/quotas-skus-regions", None),
    ("V-7|O-1|O-2", "win1", dict(WINDOWS, vmSize="Standard_D4ps_v5"), None, None, None),
    ("V-8", "np1", {"osDiskSizeGB": 2049}, None, None, None),
    ("O-2|O-1", "np1", {"osSKU": "Windows2022"}, None, None, None),
    ("O-2", "win1", dict(WINDOWS, osSKU="Windows2019"), None, None, None),
    ("O-2", "np1", {"osSKU": "AzureContainerLinux", "orchestratorVersion": "1.33"}, None, None, None),
    ("Z-2", "np1", {"availabilityZones": ["4"]}, "AvailabilityZoneNotSupported",
     "Preflight validation check for resource(s) for container service dev in resource group lanes failed. Message: The zone(s) '4' for resource 'np1' is not supported. "
     "The supported zones for location 'eastus' are '1','2','3'", None),
    ("SP-3|S-1", "np1", dict(SYSTEM, **SPOT), "InvalidParameter", None, "agentPoolProfile.scaleSetPriority"),
    ("S-2", "np1", dict(SPOT, spotMaxPrice=-2), None, None, None),
    ("S-2", "np1", dict(SPOT, spotMaxPrice=0.123456), None, None, None),
    ("S-4", "np1", dict(SPOT, upgradeSettings={"maxSurge": "10%"}), "InvalidParameter",
     "The value of parameter agentPoolProfile.upgrade.maxSurge is invalid. Error details: Spot pools can't set max surge.", None),
    ("LB-3", "np1", {"nodeLabels": {"-a": "b"}}, None, None, None),
    ("LB-3", "np1", {"nodeLabels": {"a": "x" * 64}}, None, None, None),
    ("LB-4", "np1", {"nodeLabels": {"kubernetes.azure.com/x": "1"}}, "BadRequest",
     "Invalid node label key kubernetes.azure.com/x. The 'kubernetes.azure.com' prefix is preserved by aks system labels", None),
    ("LB-5", "np1", {"nodeLabels": {"kubernetes.io/x": "1"}}, "BadRequest", LABEL_PREFIX, "kubernetes.io/x=1"),
    ("LB-5", "np1", {"nodeLabels": {"foo.k8s.io/x": "1"}}, "BadRequest", LABEL_PREFIX, "foo.k8s.io/x=1"),
    ("LB-1|LB-4", "np1", {"nodeLabels": {"agentpool": "x"}}, None, None, None),
    ("T-1", "np1", {"nodeTaints": ["lane"]}, None, None, None),
    ("T-1", "np1", {"nodeTaints": ["a=b:Sometimes"]}, None, None, None),
    ("T-2", "np1", dict(SYSTEM, nodeTaints=["a=b:NoSchedule"]), "SystemPoolHasRestrictedTaint", SYSTEM_TAINT, None),
    ("M-4|SP-4", "np1", {"mode": "system"}, None, None, None),
    ("SP-3|O-1", "win1", dict(SYSTEM, **WINDOWS), None, None, None),
    ("SP-3|MS-2", "np1", dict(SYSTEM, **dict(SCALING, minCount=0)), None, None, None),
    ("SP-3|US-3", "np1", dict(SYSTEM, upgradeSettings={"maxSurge": "0", "maxUnavailable": "1"}), None, None, None),
    ("MS-2", "np1", {"minCount": 1, "maxCount": 3}, "InvalidParameter", None, None),
    ("MS-2", "np1", dict(SCALING, minCount=4), None, None, None),
    ("MS-2", "np1", dict(SCALING, maxCount=1001), None, None, None),
    ("UV-1", "np1", {"orchestratorVersion": "1.36"}, "NodePoolMcVersionIncompatible", "Node pool version 1.36", None),
    ("UV-4", "np1", {"orchestratorVersion": "1.20.7"}, ("AgentPoolK8sVersionNotSupported", "K8sVersionNotSupported"),
     "Version 1.20.7 is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. "
     "For more information, please check https://aka.ms/supported-version-list", None),
    ("US-3", "np1", {"upgradeSettings": {"maxSurge": "1", "maxUnavailable": "1"}}, "InvalidParameter", "maxSurge and maxUnavailable cannot both bigger than 0.", SURGE),
    ("US-3", "np1", {"upgradeSettings": {"maxSurge": "0", "maxUnavailable": "0"}}, "InvalidParameter", "maxSurge and maxUnavailable cannot both be 0.", SURGE),
    ("UD-1", "np1", {"upgradeSettings": {"drainTimeoutInMinutes": 1441}}, None, None, None),
    ("UD-1", "np1", {"upgradeSettings": {"nodeSoakDurationInMinutes": 31}}, None, None, None),
    ("UD-2", "np1", {"upgradeSettings": {"undrainableNodeBehavior": "Delete"}}, None, None, None),
    ("E2|US-5", "np1", {"vmSize": "Standard_D96s_v5", "count": 1000}, "ErrCode_InsufficientVCPUQuota",
     "Insufficient vcpu quota requested 96000, remaining ", None),
]

ACCEPTED = [
    ("N-1", "abcdefghijkl", {}), ("N-2", "win202", WINDOWS), ("N-2", "win2022", {}),
    ("L-2", "np1", {"count": 0}), ("L-3", "np1", SYSTEM), ("P-1", "np1", {"maxPods": 10, "count": 3}), ("P-1", "np1", {"maxPods": 250}),
    ("V-3", "np1", dict(SYSTEM, vmSize="Standard_B2s")), ("V-1", "np1", {"vmSize": "standard_d2S_V5"}),
    ("O-2", "np1", {"osSKU": "Ubuntu2404"}), ("O-2", "np1", {"osSKU": "AzureLinux"}),
    ("Z-1", "np1", {"availabilityZones": ["3", "1"], "count": 2}),
    ("S-2", "np1", dict(SPOT, spotMaxPrice=0.12345)), ("S-2", "np1", {"spotMaxPrice": -1.0, "scaleSetEvictionPolicy": "Delete"}),
    ("LB-5", "np1", {"nodeLabels": {"node.kubernetes.io/x": "1", "kubelet.kubernetes.io/y": "2"}}), ("LB-3", "np1", {"nodeLabels": {"a": "x" * 63}}),
    ("T-2", "np1", dict(SYSTEM, nodeTaints=["CriticalAddonsOnly=true:NoSchedule"])), ("T-2", "np1", dict(SYSTEM, nodeTaints=["a=b:PreferNoSchedule"])),
    ("MS-2", "np1", dict(SCALING, minCount=0)), ("UV-2", "np1", {"orchestratorVersion": "1.33"}),
    ("US-3", "np1", {"upgradeSettings": {"maxSurge": "0", "maxUnavailable": "1"}}), ("UD-1", "np1", {"upgradeSettings": {"drainTimeoutInMinutes": 1, "nodeSoakDurationInMinutes": 30}}),
]

# property, the pool as made, the value that it may not take
IMMUTABLE = [
    ("vmSize", {}, "Standard_D4s_v5"), ("osType", {}, "Windows"), ("osDiskSizeGB", {"osDiskSizeGB": 128}, 256), ("maxPods", {"maxPods": 50}, 60),
    ("availabilityZones", {"availabilityZones": ["1"]}, ["2"]), ("type", {}, "VirtualMachines"), ("osDiskType", {"osDiskType": "Managed"}, "Ephemeral"),
    ("scaleSetPriority", {}, "Spot"), ("spotMaxPrice", dict(SPOT), 0.5), ("scaleSetEvictionPolicy", dict(SPOT), "Deallocate"),
    ("kubeletDiskType", {"kubeletDiskType": "OS"}, "Temporary"), ("enableNodePublicIP", {}, True), ("enableEncryptionAtHost", {}, True), ("enableUltraSSD", {}, True),
]

ONLY = os.environ.get("NODELANE_CONFORMANCE_RULE")  # the suite `mutants` looks at one rule at a time


def judge(answer, rule, code, message, target, status=400):
    """What is wrong with a refusal, or None."""
    if answer.status != status:
        return f"status {answer!r}"
    error = answer.error
    if code and error["code"] not in ((code,) if isinstance(code, str) else code):
        return f"code: {error}"
    if message and not error["message"].startswith(message):
        return f"message: {error}"
    if target and error.get("target") != target:
        return f"target: {error}"
    if not set(rule.split("|")) & {d.get("code") for d in error.get("details") or []}:
        return f"details do not name {rule}: {error}"
    return None


def rows(table):
    """The rows of the rule under test, or all."""
    return [row for row in table if ONLY is None or ONLY in row[0].split("|")]


@test
def every_refusal_has_its_code_text_and_rule(b):
    before = b.arm.call("GET", b.arm.pool_path("")[:-1]).json
    wrong = []
    for rule, name, change, code, message, target in rows(REFUSED):
        answer = b.arm.put(name, new_pool(**change))
        found = judge(answer, rule, code, message, target)
        if found:
            wrong.append(f"{rule} {name} {change}: {found}")
            if answer.status in (200, 201):
                b.arm.finish(answer)
                b.arm.delete(name)
        elif "error" in answer.json:
            wrong.append(f"{rule}: the service's own refusals have no wrapper")
    same(wrong, [], f"{len(wrong)} of {len(rows(REFUSED))} rows")
    same(b.arm.call("GET", b.arm.pool_path("")[:-1]).json, before, "refusals change nothing")


@test
def values_just_inside_the_bounds_are_accepted(b):
    wrong = []
    for rule, name, change in rows(ACCEPTED):
        answer = b.arm.put(name, new_pool(**change))
        if answer.status != 201 or b.arm.finish(answer)["status"] != "Succeeded":
            wrong.append(f"{rule} {name} {change}: {answer!r}")
        if answer.status == 201:
            b.arm.delete(name)
    same(wrong, [], f"{len(wrong)} of {len(rows(ACCEPTED))} rows")


@test
def immutable_properties_do_not_change(b):
    if ONLY not in (None, "M-1"):
        return
    wrong = []
    for key, made, value in IMMUTABLE:
        b.arm.create("fixed", **made)
        found = judge(b.arm.change("fixed", **{key: value}), "M-1", "PropertyChangeNotAllowed",
                      f"Changing property 'properties.{key}' is not allowed.", f"properties.{key}")
        if found:
            wrong.append(f"{key}: {found}")
        same(b.arm.change("fixed").status, 200, f"{key}: an unchanged echo is no change")
        b.arm.delete("fixed")
    same(wrong, [], f"{len(wrong)} of {len(IMMUTABLE)} properties")


@test
def one_system_pool_remains(b):
    if ONLY not in (None, "SP-1", "SP-2"):
        return
    system = b.arm.pool_path("system")
    last = judge(b.arm.call("DELETE", system), "SP-1", "BadRequest", "There has to be at least one system agent pool.", None)
    same(last, None, "delete of the last one")
    same(b.arm.change("system", mode="User").status, 400, "mode change of the last one (SP-2)")
    b.arm.create("second", mode="System")
    b.arm.done(b.arm.change("system", mode="User"))
    same(b.arm.change("second", mode="User").status, 400, "now it is the last one")
    b.arm.done(b.arm.change("system", mode="System"))
    b.arm.delete("second")


@test
def a_pool_becomes_system_only_if_it_could_have_been_made_so(b):
    if ONLY not in (None, "SP-2"):
        return
    # A size that is enough for a user pool and too small for a system pool (V-1) is not in the catalogue.
    cases = [dict(SPOT), dict(WINDOWS), dict(nodeTaints=["a=b:NoSchedule"]), dict(count=0)]
    wrong = []
    for made in cases:
        b.arm.create("user", **made)
        answer = b.arm.change("user", mode="System")
        if answer.status != 400:
            wrong.append(f"{made}: {answer!r}")
            b.arm.finish(answer)
        b.arm.delete("user")
    same(wrong, [], "User to System (SP-2)")
    same(b.arm.change("system", powerState={"code": "Stopped"}).status, 400, "a system pool does not stop (SP-3)")


@test
def versions_go_up_only_and_never_past_the_control_plane(b):
    if ONLY not in (None, "UV-1", "UV-4"):
        return
    b.arm.create("old", orchestratorVersion="1.34")
    past = judge(b.arm.change("old", orchestratorVersion="1.36"), "UV-1", "NodePoolMcVersionIncompatible", "Node pool version 1.36", None)
    same(past, None, "above the control plane")
    holds("Minor version of node pool version 36 is bigger than control plane version 35." in b.arm.change("old", orchestratorVersion="1.36").error["message"], "text of UV-1")
    down = b.arm.change("old", orchestratorVersion="1.33")
    holds(down.status in (400, 409), f"no downgrade (UV-4): {down}")
    b.arm.delete("old")


@test
def an_autoscaled_pool_ignores_count_and_is_raised_to_its_minimum(b):
    if ONLY not in (None, "MS-1", "MS-3"):
        return
    made = b.arm.create("auto", count=2, **SCALING)
    b.arm.done(b.arm.change("auto", count=3))
    same(b.arm.pool("auto")["properties"]["count"], made["properties"]["count"], "MS-1: count is ignored")
    b.arm.done(b.arm.change("auto", minCount=3, maxCount=5))
    same((b.arm.pool("auto")["properties"]["count"], len(b.nodes_of("auto"))), (3, 3), "MS-3: raised to the minimum")
    b.arm.done(b.arm.change("auto", minCount=1, maxCount=2))
    same(b.arm.pool("auto")["properties"]["count"], 3, "MS-3: the maximum removes nothing")
    b.arm.delete("auto")


@test
def defaults_are_those_of_the_service(b):
    body = {"vmSize": "", "osDiskSizeGB": 0, "orchestratorVersion": "", "mode": "User", "type": "VirtualMachineScaleSets", "nodeTaints": []}
    b.arm.done(b.arm.put("plain", body))
    pool = b.arm.pool("plain")["properties"]
    for key, value in {"vmSize": "Standard_D2s_v5", "count": 1, "osType": "Linux", "osSKU": "Ubuntu", "maxPods": 250, "scaleDownMode": "Delete",
                       "powerState": {"code": "Running"}, "currentOrchestratorVersion": b.arm.pool("system")["properties"]["currentOrchestratorVersion"]}.items():
        same(pool.get(key), value, key)
    holds(pool["osDiskSizeGB"] > 0, "0 becomes the size's default (V-8)")
    same([k for k in ("scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice", "nodeTaints") if k in pool], [], "not returned")
    b.arm.delete("plain")


@test
def stop_and_start_meet_only_what_they_can_change(b):
    b.arm.create("still")
    b.arm.done(b.arm.change("still", powerState={"code": "Stopped"}))
    same(len(b.nodes_of("still")), 0, "nodes")
    b.arm.done(b.arm.change("still", powerState={"code": "Running"}, count=0))
    same(b.arm.pool("still")["properties"]["count"], 1, "the remembered count, whatever the PUT says")
    b.arm.delete("still")


@test
def a_pool_too_large_for_its_surge_is_not_upgraded(b):
    if ONLY not in (None, "L-6"):
        return
    b.arm.create("large", count=1000, orchestratorVersion="1.34", vmSize="Standard_D2as_v5")
    answer = b.arm.change("large", orchestratorVersion="1.35")
    same((answer.status, len(b.nodes_of("large"))), (400, 1000), f"L-6: {answer}")
    b.arm.delete("large")


@test
def shapes_and_routes_have_the_gateways_and_the_services_envelopes(b):
    answer = b.arm.put("np1", new_pool(nodeTaints="x"))
    same((answer.status, answer.error["code"], answer.error["message"]), (400, "UnmarshalError",
         "UnmarshalEntity encountered error: json: cannot unmarshal string into Go struct field AgentPoolProperties.properties.nodeTaints of type []string."), "bad JSON type")
    cases = [
        (CLUSTER_PATH.replace("/lanes/", "/nosuch/"), 404, "ResourceGroupNotFound", "Resource group 'nosuch' could not be found."),
        (CLUSTER_PATH + "x", 404, "ResourceNotFound", "The Resource 'Microsoft.ContainerService/managedClusters/devx' under resource group 'lanes' was not found. "
         "For more details please go to https://aka.ms/ARMResourceNotFoundFix"),
        (CLUSTER_PATH + "x/agentPools/a", 404, "ParentResourceNotFound", "Failed to perform 'read' on resource(s) of type 'managedClusters/agentPools', because the parent resource "),
    ]
    for path, status, code, message in cases:
        answer = b.arm.call("GET", path)
        same((answer.status, answer.json["error"]["code"], answer.headers["x-ms-failure-cause"]), (status, code, "gateway"), path)
        holds(answer.json["error"]["message"].startswith(message), f"{path}: {answer}")
    absent = b.arm.call("GET", b.arm.pool_path("nosuch")).error["message"]
    holds(absent.startswith("Could not find the agent pool 'nosuch' in the managed cluster 'dev'"), f"E23: {absent}")
    same((b.arm.call("GET", b.arm.pool_path("nosuch")).status, b.arm.call("DELETE", b.arm.pool_path("nosuch")).status), (404, 204), "a pool that is not there")


@test
def autoscaler_settings_of_the_cluster_are_validated_and_kept(b):
    if ONLY not in (None, "CA-1"):
        return
    cluster = b.arm.call("GET", CLUSTER_PATH).json
    send = lambda profile: b.arm.call("PUT", CLUSTER_PATH, dict(cluster, properties=dict(cluster["properties"], autoScalerProfile=profile)))
    for profile in ({"expander": "cheapest"}, {"balance-similar-node-groups": "maybe"}, {"scale-down-unneeded-time": "10"}):
        same(send(profile).status, 400, f"CA-1: {profile}")
    b.arm.done(send({"expander": "least-waste", "scale-down-unneeded-time": "5m"}))
    kept = b.arm.call("GET", CLUSTER_PATH).json["properties"]["autoScalerProfile"]
    same((kept["expander"], kept["scale-down-unneeded-time"], kept["max-graceful-termination-sec"]), ("least-waste", "5m", "600"), "kept, the rest by default")


@test
def a_policy_of_the_subscription_refuses_with_its_own_code(b):
    if ONLY not in (None, "E9"):
        return
    file = pathlib.Path(b.folder) / "policy.yaml"
    file.write_text("allowedSize: [Standard_D2s_v5]\n")
    b.nodelane("policy", "set", "-f", str(file)).failed(1, "unknown field `allowedSize`")
    file.write_text("allowedSizes: [Standard_D2s_v5]\nrequiredTags: [team]\n")
    b.nodelane("policy", "set", "-f", str(file)).ok()
    try:
        answer = b.arm.put("np1", new_pool(vmSize="Standard_D4s_v5", tags={"team": "a"}))
        same((answer.status, answer.json["error"]["code"], answer.headers["x-ms-failure-cause"]), (403, "RequestDisallowedByPolicy", "gateway"), f"size: {answer}")
        same(b.arm.put("np1", new_pool(vmSize="Standard_D2s_v5")).status, 403, "missing tag")
        b.arm.done(b.arm.put("np1", new_pool(vmSize="Standard_D2s_v5", tags={"team": "a"})))
        b.arm.delete("np1")
    finally:
        file.write_text("{}\n")
        b.nodelane("policy", "set", "-f", str(file)).ok()


@test
def az_shows_code_and_message_of_a_refusal(b):
    if ONLY is None:
        b.az_pool("add", "-n", "np1", "--mode", "System", "--node-taints", "a=b:NoSchedule").failed(1, "(SystemPoolHasRestrictedTaint)", SYSTEM_TAINT)
