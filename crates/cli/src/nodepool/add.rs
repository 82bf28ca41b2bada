//! `add`: refuses a name that is taken, then PUT with what the flags say and az's defaults.
//!
//! The body is golden: tests hold captures of az. What is not said is left to the server, except where az says it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::arguments::{Bounds, Conditions, OfPool, UpgradeSettings, choices, one_of};
use super::request::Session;
use super::{check, settings};
use crate::az::Failure;
use crate::environment::Environment;

const SCALE_SETS: &str = "VirtualMachineScaleSets";
const VIRTUAL_MACHINES: &str = "VirtualMachines";

/// Flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) pool: OfPool,
    /// Number of nodes in the Kubernetes agent pool.
    #[arg(short = 'c', long, default_value_t = 3, allow_negative_numbers = true)]
    node_count: i64,
    /// Size of Virtual Machines to create as Kubernetes nodes.
    #[arg(short = 's', long)]
    node_vm_size: Option<String>,
    /// Comma-separated list of VM sizes, of which one is accepted; for VirtualMachines pools.
    #[arg(long)]
    vm_sizes: Option<String>,
    /// VirtualMachineScaleSets or VirtualMachines.
    #[arg(long)]
    vm_set_type: Option<String>,
    /// Version of Kubernetes, such as 1.34 or 1.34.2; the cluster's if not given.
    #[arg(short = 'k', long)]
    kubernetes_version: Option<String>,
    /// What the pool is for.
    #[arg(long, ignore_case = true, default_value = "User", value_parser = one_of(choices::MODES))]
    mode: String,
    /// Space-separated labels: name=value [name=value ...]; "" for none.
    #[arg(long, num_args = 0.., action = clap::ArgAction::Set)]
    labels: Option<Vec<String>>,
    /// Space-separated tags: key[=value] [key[=value] ...]; "" for none.
    #[arg(long, num_args = 0.., action = clap::ArgAction::Set)]
    tags: Option<Vec<String>>,
    /// Comma-separated taints: key=value:NoSchedule,...
    #[arg(long)]
    node_taints: Option<String>,
    /// Space-separated list of availability zones.
    #[arg(short = 'z', long, num_args = 1.., action = clap::ArgAction::Set)]
    zones: Option<Vec<String>>,
    /// The maximum number of pods deployable to a node.
    #[arg(short = 'm', long, allow_negative_numbers = true)]
    max_pods: Option<i64>,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    pub(super) no_wait: bool,
    #[command(flatten)]
    bounds: Bounds,
    /// Enable cluster autoscaler.
    #[arg(short = 'e', long, help_heading = "Autoscaling")]
    enable_cluster_autoscaler: bool,
    #[command(flatten)]
    upgrade: UpgradeSettings,
    #[command(flatten)]
    spot: Spot,
    #[command(flatten)]
    node: Node,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    conditions: Conditions,
}

/// Spot capacity.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Spot")]
struct Spot {
    /// The priority of the node pool.
    #[arg(long, ignore_case = true, default_value = "Regular", value_parser = one_of(choices::PRIORITIES))]
    priority: String,
    /// What becomes of an evicted machine.
    #[arg(long, ignore_case = true, default_value = "Delete", value_parser = one_of(choices::SCALE_DOWN_MODES))]
    eviction_policy: String,
    /// Highest price an hour, or -1 for the on-demand price.
    #[arg(long, allow_negative_numbers = true)]
    spot_max_price: Option<f64>,
}

/// The machine and its system.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Nodes")]
struct Node {
    /// The OS type: Linux or Windows.
    #[arg(long)]
    os_type: Option<String>,
    /// The OS SKU.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::OS_SKUS))]
    os_sku: Option<String>,
    /// Size in GiB of the OS disk.
    #[arg(long, allow_negative_numbers = true)]
    node_osdisk_size: Option<i64>,
    /// OS disk type.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::OS_DISK_TYPES))]
    node_osdisk_type: Option<String>,
    /// Whether machines are deleted or deallocated on scale-down.
    #[arg(long, ignore_case = true, default_value = "Delete", value_parser = one_of(choices::SCALE_DOWN_MODES))]
    scale_down_mode: String,
    /// Path to a JSON file with kubelet settings.
    #[arg(long)]
    kubelet_config: Option<PathBuf>,
    /// Path to a JSON file with Linux settings.
    #[arg(long)]
    linux_os_config: Option<PathBuf>,
    /// Path to a file with the message of the day.
    #[arg(long)]
    message_of_the_day: Option<PathBuf>,
    /// Path to a JSON file with the local DNS profile.
    #[arg(long)]
    localdns_config: Option<PathBuf>,
    /// GPU instance profile.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::GPU_PROFILES))]
    gpu_instance_profile: Option<String>,
    /// Whether to install the GPU driver.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::GPU_DRIVERS))]
    gpu_driver: Option<String>,
    /// The workload runtime.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::RUNTIMES))]
    workload_runtime: Option<String>,
    /// Encrypt disks at the host.
    #[arg(long)]
    enable_encryption_at_host: bool,
    /// Enable UltraSSD.
    #[arg(long)]
    enable_ultra_ssd: bool,
    /// Use a FIPS-enabled OS.
    #[arg(long)]
    enable_fips_image: bool,
    /// Enable vTPM.
    #[arg(long)]
    enable_vtpm: bool,
    /// Enable Secure Boot.
    #[arg(long)]
    enable_secure_boot: bool,
    /// Enable artifact streaming.
    #[arg(long)]
    enable_artifact_streaming: bool,
    /// The ID of a proximity placement group.
    #[arg(long)]
    ppg: Option<String>,
    /// The ID of a dedicated host group.
    #[arg(long)]
    host_group_id: Option<String>,
    /// The ID of a capacity reservation group.
    #[arg(long)]
    crg_id: Option<String>,
    /// The source snapshot of this pool.
    #[arg(long)]
    snapshot_id: Option<String>,
}

/// The network of the nodes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
struct Network {
    /// The ID of the nodes' subnet.
    #[arg(long)]
    vnet_subnet_id: Option<String>,
    /// The ID of the pods' subnet.
    #[arg(long)]
    pod_subnet_id: Option<String>,
    /// How pod addresses are given to nodes.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::POD_IP_MODES))]
    pod_ip_allocation_mode: Option<String>,
    /// Give each node a public address.
    #[arg(long)]
    enable_node_public_ip: bool,
    /// The ID of the prefix of public addresses.
    #[arg(long)]
    node_public_ip_prefix_id: Option<String>,
    /// Space-separated tags of the public addresses: key[=value] ...
    #[arg(long, num_args = 0.., action = clap::ArgAction::Set)]
    node_public_ip_tags: Option<Vec<String>>,
    /// Host ports to expose: 80/tcp 4000-5000/udp ...
    #[arg(long, num_args = 1.., action = clap::ArgAction::Set)]
    allowed_host_ports: Option<Vec<String>>,
    /// The IDs of application security groups.
    #[arg(long, num_args = 1.., action = clap::ArgAction::Set)]
    asg_ids: Option<Vec<String>>,
    /// Enable managed DRANET.
    #[arg(long)]
    enable_managed_dranet: bool,
    /// Disable outbound NAT of Windows nodes.
    #[arg(long)]
    disable_windows_outbound_nat: bool,
    /// Size of the public prefix of a Gateway pool: 28 to 31.
    #[arg(long, allow_negative_numbers = true)]
    gateway_prefix_size: Option<i64>,
}

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    arguments.check()?;
    let mut session = Session::open_pool(&arguments.pool, environment).await?;
    let name = &arguments.pool.name;
    if session.pools().await?.iter().any(|pool| pool.field("name").as_text() == Some(name)) {
        return Err(Failure::refused(format!(
            "Node pool {name} already exists, please try a different name, \
             use 'aks nodepool list' to get current list of node pool"
        )));
    }
    let snapshot = match &arguments.node.snapshot_id {
        Some(id) => {
            let path = format!("{id}?api-version={}", crate::connection::API_VERSION);
            session.arm.get(&path).await?.read::<Json>()?["properties"].take()
        }
        None => Json::Null,
    };
    let properties = arguments.properties(&snapshot)?;
    let headers = arguments.conditions.headers()?;
    session.put(&arguments.pool, properties, &headers, arguments.no_wait).await
}

impl Arguments {
    /// What az checks before any request.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let (node, network) = (&self.node, &self.network);
        check::kubernetes_version(self.kubernetes_version.as_deref().unwrap_or_default())?;
        check::node_counts(self.bounds.min_count, self.bounds.max_count)?;
        check::spot_price(self.spot.spot_max_price, &self.spot.priority)?;
        check::labels(self.labels.as_deref().unwrap_or_default())?;
        check::taints(self.node_taints.as_deref().unwrap_or_default())?;
        self.upgrade.check()?;
        set_type(self.vm_set_type.as_deref())?;
        for (flag, id) in [
            ("--snapshot-id", &node.snapshot_id),
            ("--vnet-subnet-id", &network.vnet_subnet_id),
            ("--pod-subnet-id", &network.pod_subnet_id),
            ("--ppg", &node.ppg),
            ("--host-group-id", &node.host_group_id),
            ("--crg-id", &node.crg_id),
        ] {
            check::resource_id(flag, id.as_deref())?;
        }
        check::host_ports(network.allowed_host_ports.as_deref().unwrap_or_default())?;
        settings::check_security_groups(network.asg_ids.as_deref(), network.allowed_host_ports.as_deref())?;
        let os_type = node.os_type.as_deref().unwrap_or_default();
        let is_windows = os_type.eq_ignore_ascii_case("windows");
        let rules = [
            (network.disable_windows_outbound_nat && !is_windows)
                .then_some("--disable-windows-outbound-nat can only be set for Windows nodepools"),
            (node.message_of_the_day.is_some() && !["", "Linux"].contains(&os_type))
                .then_some("--message-of-the-day can only be set for linux nodepools"),
            (network.gateway_prefix_size.is_some() && self.mode != "Gateway")
                .then_some("--gateway-prefix-size can only be set for Gateway-mode nodepools"),
            network
                .gateway_prefix_size
                .is_some_and(|size| !(28..=31).contains(&size))
                .then_some("--gateway-prefix-size must be in the range [28, 31]"),
            (node.enable_artifact_streaming && is_windows).then_some("--enable-artifact-streaming can only be set for Linux nodepools"),
        ];
        rules.into_iter().flatten().next().map_or(Ok(()), |rule| Err(Failure::refused(rule)))
    }

    /// The properties of the PUT; `snapshot` are those of `--snapshot-id`, or null.
    pub(super) fn properties(&self, snapshot: &Json) -> Result<Json, Failure> {
        let mut body = Body(Map::new());
        if let Some(id) = &self.node.snapshot_id {
            body.set("creationData", json!({ "sourceResourceId": id }));
        }
        let os_type = self.put_system(&mut body, snapshot)?;
        self.put_counts(&mut body)?;
        self.put_node(&mut body)?;
        self.put_network(&mut body)?;
        self.put_sizes(&mut body, &os_type, snapshot)?;
        Ok(Json::Object(body.0))
    }

    fn put_system(&self, body: &mut Body, snapshot: &Json) -> Result<String, Failure> {
        let of_snapshot = |name: &str| snapshot[name].as_str().map(str::to_owned);
        let version = self.kubernetes_version.as_deref().map(|version| version.trim_start_matches(['v', 'V']).to_owned());
        let version = version.filter(|version| !version.is_empty() || of_snapshot("kubernetesVersion").is_none());
        body.text("orchestratorVersion", version.or_else(|| of_snapshot("kubernetesVersion")));
        let os_type = self.node.os_type.clone().or_else(|| of_snapshot("osType")).unwrap_or_else(|| "Linux".to_owned());
        if os_type == "Linux" && self.node.os_sku.as_ref().is_some_and(|sku| sku.starts_with("Windows")) {
            return Err(Failure::refused("OS SKU is invalid for Linux OS Type. Please specify '--os-type Windows' for Windows SKUs"));
        }
        if let (Some(sku @ ("CBLMariner" | "Mariner")), false) = (self.node.os_sku.as_deref(), self.pool.cluster.printing.only_show_errors)
        {
            eprintln!(
                "WARNING: The osSKU \"AzureLinux\" should be used going forward instead of \"CBLMariner\" or \"Mariner\". \
                 The osSKUs \"CBLMariner\" and \"Mariner\" will eventually be deprecated."
            );
            debug_assert!(sku.ends_with("Mariner"));
        }
        body.text("osType", Some(os_type.clone()));
        body.text("osSKU", self.node.os_sku.clone().or_else(|| of_snapshot("osSku")));
        Ok(os_type)
    }

    fn put_counts(&self, body: &mut Body) -> Result<(), Failure> {
        let Bounds { min_count, max_count } = self.bounds;
        let is_scaled = self.enable_cluster_autoscaler;
        check::autoscaler(is_scaled, (min_count, max_count), Some(self.node_count), Some(&self.mode))?;
        body.set("count", json!(self.node_count));
        body.set("enableAutoScaling", json!(is_scaled));
        body.number("minCount", min_count);
        body.number("maxCount", max_count);
        body.set("scaleSetPriority", json!(self.spot.priority));
        if self.spot.priority == "Spot" {
            body.set("scaleSetEvictionPolicy", json!(self.spot.eviction_policy));
            body.set("spotMaxPrice", json!(self.spot.spot_max_price.unwrap_or(-1.0)));
        }
        if let Some(tags) = &self.tags {
            body.set("tags", json!(check::tags(tags)));
        }
        if let Some(labels) = &self.labels {
            body.set("nodeLabels", json!(check::labels(labels)?));
        }
        body.set("nodeTaints", json!(check::taints(self.node_taints.as_deref().unwrap_or_default())?));
        Ok(())
    }

    fn put_node(&self, body: &mut Body) -> Result<(), Failure> {
        const CONFIG: &str = "Please see https://aka.ms/CustomNodeConfig for correct format.";
        let node = &self.node;
        body.number("osDiskSizeGB", node.node_osdisk_size);
        body.text("osDiskType", node.node_osdisk_type.clone());
        body.set("upgradeSettings", json!({ "undrainableNodeBehavior": "Schedule" })); // az's default, said on add only
        let mut properties = Json::Object(std::mem::take(&mut body.0));
        self.upgrade.apply(&mut properties, true);
        if let Json::Object(fields) = properties {
            body.0 = fields;
        }
        body.text("proximityPlacementGroupID", node.ppg.clone());
        body.text("hostGroupID", node.host_group_id.clone());
        body.text("capacityReservationGroupID", node.crg_id.clone());
        body.set("enableEncryptionAtHost", json!(node.enable_encryption_at_host));
        body.set("enableUltraSSD", json!(node.enable_ultra_ssd));
        body.set("enableFIPS", json!(node.enable_fips_image));
        body.list("availabilityZones", self.zones.as_deref());
        body.number("maxPods", self.max_pods.filter(|pods| *pods != 0));
        body.set("mode", json!(self.mode));
        body.set("scaleDownMode", json!(node.scale_down_mode));
        body.text("gpuInstanceProfile", node.gpu_instance_profile.clone());
        body.text("workloadRuntime", node.workload_runtime.clone());
        body.flag("securityProfile", "enableVTPM", node.enable_vtpm);
        body.flag("securityProfile", "enableSecureBoot", node.enable_secure_boot);
        body.flag("artifactStreamingProfile", "enabled", node.enable_artifact_streaming);
        if let Some(driver) = &node.gpu_driver {
            body.set("gpuProfile", json!({ "driver": driver }));
        }
        for (name, what, path) in [("kubeletConfig", "kubelet", &node.kubelet_config), ("linuxOSConfig", "Linux OS", &node.linux_os_config)]
        {
            if let Some(path) = path {
                let invalid = format!("Error reading {what} configuration from {{}}. {CONFIG}");
                body.set(name, settings::json_file(path, "not valid file, or not accessable.", &invalid)?);
            }
        }
        if let Some(path) = &node.message_of_the_day {
            let unreadable = |_| Failure::refused(format!("{} is not valid file, or not accessible.", path.display()));
            body.set("messageOfTheDay", json!(STANDARD.encode(std::fs::read(path).map_err(unreadable)?)));
        }
        if let Some(path) = &node.localdns_config {
            body.set("localDNSProfile", settings::local_dns(path)?);
        }
        Ok(())
    }

    fn put_network(&self, body: &mut Body) -> Result<(), Failure> {
        let network = &self.network;
        body.text("vnetSubnetID", network.vnet_subnet_id.clone());
        body.text("podSubnetID", network.pod_subnet_id.clone());
        body.text("podIPAllocationMode", network.pod_ip_allocation_mode.clone());
        body.set("enableNodePublicIP", json!(network.enable_node_public_ip));
        body.text("nodePublicIPPrefixID", network.node_public_ip_prefix_id.clone());
        body.flag("windowsProfile", "disableOutboundNat", network.disable_windows_outbound_nat);
        if let Some(size) = network.gateway_prefix_size {
            body.set("gatewayProfile", json!({ "publicIPPrefixSize": size }));
        }
        let mut profile = Body(Map::new());
        if let Some(ports) = &network.allowed_host_ports {
            profile.set("allowedHostPorts", settings::host_ports(ports)?);
            profile.list("applicationSecurityGroups", network.asg_ids.as_deref());
        }
        if network.enable_managed_dranet {
            profile.set("dranet", json!({ "mode": "Managed" }));
        }
        let tags = check::tags(network.node_public_ip_tags.as_deref().unwrap_or_default());
        if !tags.is_empty() {
            let tags = tags.into_iter().map(|(kind, tag)| json!({"ipTagType": kind, "tag": tag}));
            profile.set("nodePublicIPTags", tags.collect());
        }
        if !profile.0.is_empty() {
            body.set("networkProfile", Json::Object(profile.0));
        }
        Ok(())
    }

    /// The kind of machines, and their sizes, which a VirtualMachines pool says in its scale profile.
    fn put_sizes(&self, body: &mut Body, os_type: &str, snapshot: &Json) -> Result<(), Failure> {
        let kind = set_type(self.vm_set_type.as_deref())?;
        body.set("type", json!(kind));
        let single = self.node_vm_size.as_deref();
        let sizes: Vec<&str> = match self.vm_sizes.as_deref() {
            Some(_) if kind != VIRTUAL_MACHINES => {
                return Err(Failure::refused("--vm-sizes can only be used with --vm-set-type VirtualMachines."));
            }
            Some(_) if single.is_some() => {
                return Err(Failure::refused("Cannot specify -vm-sizes and --node-vm-size at the same time."));
            }
            Some(sizes) => sizes.split(',').map(str::trim).collect(),
            None => {
                let is_windows = os_type.eq_ignore_ascii_case("windows");
                let default = if is_windows { "Standard_D2s_v3" } else { "Standard_DS2_v2" };
                vec![single.filter(|size| !size.is_empty()).unwrap_or(default)]
            }
        };
        let [size] = sizes.as_slice() else {
            let sizes: Vec<_> = sizes.iter().map(|size| format!("'{size}'")).collect();
            let sizes = sizes.join(", ");
            return Err(Failure::refused(format!("We only accept single sku size for scale profile. [{sizes}] is invalid.")));
        };
        if kind != VIRTUAL_MACHINES {
            let size = single.map(str::to_owned).or_else(|| snapshot["vmSize"].as_str().map(str::to_owned));
            body.text("vmSize", Some(size.unwrap_or_default()));
            return Ok(());
        }
        let scale = if self.enable_cluster_autoscaler {
            let Bounds { min_count, max_count } = self.bounds;
            json!({"autoscale": [{"size": size, "minCount": min_count, "maxCount": max_count}]})
        } else {
            json!({"manual": [{"size": size, "count": self.node_count}]})
        };
        body.set("virtualMachinesProfile", json!({ "scale": scale }));
        body.set("enableAutoScaling", json!(false));
        body.0.retain(|name, _| !["count", "minCount", "maxCount"].contains(&name.as_str()));
        Ok(())
    }
}

fn set_type(given: Option<&str>) -> Result<&'static str, Failure> {
    const TYPES: [&str; 3] = [SCALE_SETS, "AvailabilitySet", VIRTUAL_MACHINES];
    let given = given.filter(|given| !given.is_empty()).unwrap_or(SCALE_SETS);
    TYPES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(given))
        .ok_or_else(|| Failure::refused("--vm-set-type can only be VirtualMachineScaleSets or AvailabilitySet or VirtualMachines"))
}

/// Properties under construction: what is not given is not there.
struct Body(Map<String, Json>);

impl Body {
    fn set(&mut self, name: &str, value: Json) {
        self.0.insert(name.to_owned(), value);
    }
    fn text(&mut self, name: &str, text: Option<String>) {
        self.0.extend(text.map(|text| (name.to_owned(), Json::from(text))));
    }
    fn number(&mut self, name: &str, number: Option<i64>) {
        self.0.extend(number.map(|number| (name.to_owned(), Json::from(number))));
    }
    fn list(&mut self, name: &str, list: Option<&[String]>) {
        self.0.extend(list.map(|list| (name.to_owned(), json!(list))));
    }
    /// Sets a flag inside a profile when it is given.
    fn flag(&mut self, profile: &str, name: &str, is_given: bool) {
        if is_given {
            self.0.entry(profile).or_insert_with(|| json!({}))[name] = json!(true);
        }
    }
}
