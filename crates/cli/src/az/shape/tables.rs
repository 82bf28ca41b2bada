//! The fields of az's results, in the order of its SDK (azure-mgmt-containerservice 41.6, api-version 2026-06-01).
//!
//! Facts of the peer: a field that az prints and we forget shows as a difference in the conformance comparison.
//! `renamed` has the printed name first, then the name on the wire.

use super::Field;
use super::field::{dict_renamed, flattened, float, list, list_renamed, model, model_renamed, plain, renamed, time};

static SYSTEM_DATA: [Field; 6] = [
    plain("createdBy"),
    plain("createdByType"),
    time("createdAt"),
    plain("lastModifiedBy"),
    plain("lastModifiedByType"),
    time("lastModifiedAt"),
];
static AGENT_POOL_UPGRADE_SETTINGS: [Field; 5] = [
    plain("maxSurge"),
    plain("maxUnavailable"),
    plain("drainTimeoutInMinutes"),
    plain("nodeSoakDurationInMinutes"),
    plain("undrainableNodeBehavior"),
];
static POWER_STATE: [Field; 1] = [plain("code")];
static KUBELET_CONFIG: [Field; 11] = [
    plain("cpuManagerPolicy"),
    plain("cpuCfsQuota"),
    plain("cpuCfsQuotaPeriod"),
    plain("imageGcHighThreshold"),
    plain("imageGcLowThreshold"),
    plain("topologyManagerPolicy"),
    plain("allowedUnsafeSysctls"),
    plain("failSwapOn"),
    renamed("containerLogMaxSizeMb", "containerLogMaxSizeMB"),
    plain("containerLogMaxFiles"),
    plain("podMaxPids"),
];
static SYSCTL_CONFIG: [Field; 28] = [
    plain("netCoreSomaxconn"),
    plain("netCoreNetdevMaxBacklog"),
    plain("netCoreRmemDefault"),
    plain("netCoreRmemMax"),
    plain("netCoreWmemDefault"),
    plain("netCoreWmemMax"),
    plain("netCoreOptmemMax"),
    plain("netIpv4TcpMaxSynBacklog"),
    plain("netIpv4TcpMaxTwBuckets"),
    plain("netIpv4TcpFinTimeout"),
    plain("netIpv4TcpKeepaliveTime"),
    plain("netIpv4TcpKeepaliveProbes"),
    plain("netIpv4TcpkeepaliveIntvl"),
    plain("netIpv4TcpTwReuse"),
    plain("netIpv4IpLocalPortRange"),
    plain("netIpv4NeighDefaultGcThresh1"),
    plain("netIpv4NeighDefaultGcThresh2"),
    plain("netIpv4NeighDefaultGcThresh3"),
    plain("netNetfilterNfConntrackMax"),
    plain("netNetfilterNfConntrackBuckets"),
    plain("fsInotifyMaxUserWatches"),
    plain("fsFileMax"),
    plain("fsAioMaxNr"),
    plain("fsNrOpen"),
    plain("kernelThreadsMax"),
    plain("vmMaxMapCount"),
    plain("vmSwappiness"),
    plain("vmVfsCachePressure"),
];
static LINUX_OS_CONFIG: [Field; 4] = [
    model("sysctls", &SYSCTL_CONFIG),
    plain("transparentHugePageEnabled"),
    plain("transparentHugePageDefrag"),
    renamed("swapFileSizeMb", "swapFileSizeMB"),
];
static CREATION_DATA: [Field; 1] = [plain("sourceResourceId")];
static IP_TAG: [Field; 2] = [plain("ipTagType"), plain("tag")];
static PORT_RANGE: [Field; 3] = [plain("portStart"), plain("portEnd"), plain("protocol")];
static DRANET_PROFILE: [Field; 1] = [plain("mode")];
static AGENT_POOL_NETWORK_PROFILE: [Field; 4] = [
    list_renamed("nodePublicIpTags", "nodePublicIPTags", &IP_TAG),
    list("allowedHostPorts", &PORT_RANGE),
    plain("applicationSecurityGroups"),
    model("dranet", &DRANET_PROFILE),
];
static AGENT_POOL_WINDOWS_PROFILE: [Field; 1] = [plain("disableOutboundNat")];
static AGENT_POOL_SECURITY_PROFILE: [Field; 3] = [renamed("enableVtpm", "enableVTPM"), plain("enableSecureBoot"), plain("sshAccess")];
static GPU_PROFILE: [Field; 1] = [plain("driver")];
static AGENT_POOL_GATEWAY_PROFILE: [Field; 1] = [renamed("publicIpPrefixSize", "publicIPPrefixSize")];
static AGENT_POOL_ARTIFACT_STREAMING_PROFILE: [Field; 1] = [plain("enabled")];
static MANUAL_SCALE_PROFILE: [Field; 2] = [plain("size"), plain("count")];
static AUTO_SCALE_PROFILE: [Field; 3] = [plain("size"), plain("minCount"), plain("maxCount")];
static SCALE_PROFILE: [Field; 2] = [list("manual", &MANUAL_SCALE_PROFILE), list("autoscale", &AUTO_SCALE_PROFILE)];
static VIRTUAL_MACHINES_PROFILE: [Field; 1] = [model("scale", &SCALE_PROFILE)];
static VIRTUAL_MACHINE_NODES: [Field; 2] = [plain("size"), plain("count")];
static ERROR_ADDITIONAL_INFO: [Field; 2] = [plain("type"), plain("info")];
static ERROR_DETAIL: [Field; 5] =
    [plain("code"), plain("message"), plain("target"), list("details", &ERROR_DETAIL), list("additionalInfo", &ERROR_ADDITIONAL_INFO)];
static AGENT_POOL_STATUS: [Field; 1] = [model("provisioningError", &ERROR_DETAIL)];
static LOCAL_DNS_OVERRIDE: [Field; 8] = [
    plain("queryLogging"),
    plain("protocol"),
    plain("forwardDestination"),
    plain("forwardPolicy"),
    plain("maxConcurrent"),
    plain("cacheDurationInSeconds"),
    plain("serveStaleDurationInSeconds"),
    plain("serveStale"),
];
static LOCAL_DNS_PROFILE: [Field; 4] = [
    plain("mode"),
    plain("state"),
    dict_renamed("vnetDnsOverrides", "vnetDNSOverrides", &LOCAL_DNS_OVERRIDE),
    dict_renamed("kubeDnsOverrides", "kubeDNSOverrides", &LOCAL_DNS_OVERRIDE),
];
static POOL_PROPERTIES: [Field; 55] = [
    plain("eTag"),
    plain("count"),
    plain("vmSize"),
    renamed("osDiskSizeGb", "osDiskSizeGB"),
    plain("osDiskType"),
    plain("kubeletDiskType"),
    plain("workloadRuntime"),
    plain("messageOfTheDay"),
    renamed("vnetSubnetId", "vnetSubnetID"),
    renamed("podSubnetId", "podSubnetID"),
    renamed("podIpAllocationMode", "podIPAllocationMode"),
    plain("maxPods"),
    plain("osType"),
    renamed("osSku", "osSKU"),
    plain("maxCount"),
    plain("minCount"),
    plain("enableAutoScaling"),
    plain("scaleDownMode"),
    renamed("typePropertiesType", "type"),
    plain("mode"),
    plain("orchestratorVersion"),
    plain("currentOrchestratorVersion"),
    plain("nodeImageVersion"),
    model("upgradeSettings", &AGENT_POOL_UPGRADE_SETTINGS),
    plain("provisioningState"),
    model("powerState", &POWER_STATE),
    plain("availabilityZones"),
    renamed("enableNodePublicIp", "enableNodePublicIP"),
    renamed("nodePublicIpPrefixId", "nodePublicIPPrefixID"),
    plain("scaleSetPriority"),
    plain("scaleSetEvictionPolicy"),
    float("spotMaxPrice"),
    plain("tags"),
    plain("nodeLabels"),
    plain("nodeTaints"),
    renamed("proximityPlacementGroupId", "proximityPlacementGroupID"),
    model("kubeletConfig", &KUBELET_CONFIG),
    model_renamed("linuxOsConfig", "linuxOSConfig", &LINUX_OS_CONFIG),
    plain("enableEncryptionAtHost"),
    renamed("enableUltraSsd", "enableUltraSSD"),
    renamed("enableFips", "enableFIPS"),
    plain("gpuInstanceProfile"),
    model("creationData", &CREATION_DATA),
    renamed("capacityReservationGroupId", "capacityReservationGroupID"),
    renamed("hostGroupId", "hostGroupID"),
    model("networkProfile", &AGENT_POOL_NETWORK_PROFILE),
    model("windowsProfile", &AGENT_POOL_WINDOWS_PROFILE),
    model("securityProfile", &AGENT_POOL_SECURITY_PROFILE),
    model("gpuProfile", &GPU_PROFILE),
    model("gatewayProfile", &AGENT_POOL_GATEWAY_PROFILE),
    model("artifactStreamingProfile", &AGENT_POOL_ARTIFACT_STREAMING_PROFILE),
    model("virtualMachinesProfile", &VIRTUAL_MACHINES_PROFILE),
    list("virtualMachineNodesStatus", &VIRTUAL_MACHINE_NODES),
    model("status", &AGENT_POOL_STATUS),
    model_renamed("localDnsProfile", "localDNSProfile", &LOCAL_DNS_PROFILE),
];
pub(super) static AGENT_POOL: [Field; 5] =
    [plain("id"), plain("name"), plain("type"), model("systemData", &SYSTEM_DATA), flattened(&POOL_PROPERTIES)];
static MACHINE_IP_ADDRESS: [Field; 2] = [plain("family"), plain("ip")];
static MACHINE_NETWORK_PROPERTIES: [Field; 1] = [list("ipAddresses", &MACHINE_IP_ADDRESS)];
static MACHINE_PROPERTIES: [Field; 2] = [model("network", &MACHINE_NETWORK_PROPERTIES), plain("resourceId")];
pub(super) static MACHINE: [Field; 6] = [
    plain("id"),
    plain("name"),
    plain("type"),
    model("systemData", &SYSTEM_DATA),
    model("properties", &MACHINE_PROPERTIES),
    plain("zones"),
];
static UPGRADE: [Field; 2] = [plain("kubernetesVersion"), plain("isPreview")];
static USED_VERSION: [Field; 3] = [plain("orchestratorVersion"), plain("nodeImageVersion"), time("timestamp")];
static UPGRADE_PROFILE_PROPERTIES: [Field; 5] = [
    plain("kubernetesVersion"),
    plain("osType"),
    list("upgrades", &UPGRADE),
    list("recentlyUsedVersions", &USED_VERSION),
    plain("latestNodeImageVersion"),
];
pub(super) static AGENT_POOL_UPGRADE_PROFILE: [Field; 5] =
    [plain("id"), plain("name"), plain("type"), model("systemData", &SYSTEM_DATA), flattened(&UPGRADE_PROFILE_PROPERTIES)];
