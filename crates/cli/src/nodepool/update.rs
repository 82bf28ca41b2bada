//! `update`: GET, change what the flags name, PUT.
//!
//! Facts of the peer: no flags is fine and sends the pool as it is; enabling an autoscaler that is on, or disabling
//! one that is off, warns and exits 0 without a PUT; a VirtualMachines pool turns sizes into autoscale profiles.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::arguments::{Bounds, Conditions, OfPool, UpgradeSettings, choices, one_of};
use super::check;
use super::preview::{self, Preview};
use super::request::Session;
use super::settings::{self, part, writable};
use crate::az::Failure;
use crate::environment::Environment;

/// Flags.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) pool: OfPool,
    /// Space-separated labels: name=value [name=value ...]; "" removes all.
    #[arg(long, num_args = 0.., action = clap::ArgAction::Set)]
    labels: Option<Vec<String>>,
    /// Space-separated tags: key[=value] [key[=value] ...]; "" removes all.
    #[arg(long, num_args = 0.., action = clap::ArgAction::Set)]
    tags: Option<Vec<String>>,
    /// Comma-separated taints: key=value:NoSchedule,...; "" removes all.
    #[arg(long)]
    node_taints: Option<String>,
    /// What the pool is for.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::MODES))]
    mode: Option<String>,
    /// Whether machines are deleted or deallocated on scale-down.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::SCALE_DOWN_MODES))]
    scale_down_mode: Option<String>,
    /// The OS SKU.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::OS_SKUS_OF_UPDATE))]
    os_sku: Option<String>,
    /// Do not wait for the long-running operation to finish.
    #[arg(long)]
    pub(super) no_wait: bool,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    autoscaler: Autoscaler,
    #[command(flatten)]
    upgrade: UpgradeSettings,
    #[command(flatten)]
    switches: Switches,
    #[command(flatten)]
    preview: Preview,
    #[command(flatten)]
    conditions: Conditions,
}

/// What to do with the cluster autoscaler.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Autoscaling")]
struct Autoscaler {
    /// Enable cluster autoscaler.
    #[arg(short = 'e', long = "enable-cluster-autoscaler")]
    enable: bool,
    /// Disable cluster autoscaler.
    #[arg(short = 'd', long = "disable-cluster-autoscaler")]
    disable: bool,
    /// Update min-count or max-count for cluster autoscaler.
    #[arg(short = 'u', long = "update-cluster-autoscaler")]
    update: bool,
}

/// Properties of the nodes that can be switched.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Nodes")]
struct Switches {
    /// Use a FIPS-enabled OS.
    #[arg(long)]
    enable_fips_image: bool,
    /// Use an OS without FIPS.
    #[arg(long)]
    disable_fips_image: bool,
    /// Enable vTPM.
    #[arg(long)]
    enable_vtpm: bool,
    /// Disable vTPM.
    #[arg(long)]
    disable_vtpm: bool,
    /// Enable Secure Boot.
    #[arg(long)]
    enable_secure_boot: bool,
    /// Disable Secure Boot.
    #[arg(long)]
    disable_secure_boot: bool,
    /// Enable artifact streaming.
    #[arg(long)]
    enable_artifact_streaming: bool,
    /// Disable artifact streaming.
    #[arg(long)]
    disable_artifact_streaming: bool,
    /// Whether to install the GPU driver.
    #[arg(long, ignore_case = true, value_parser = one_of(choices::GPU_DRIVERS))]
    gpu_driver: Option<String>,
    /// Path to a JSON file with the local DNS profile.
    #[arg(long)]
    localdns_config: Option<PathBuf>,
    /// Host ports to expose: 80/tcp 4000-5000/udp ...
    #[arg(long, num_args = 1.., action = clap::ArgAction::Set)]
    allowed_host_ports: Option<Vec<String>>,
    /// The IDs of application security groups.
    #[arg(long, num_args = 1.., action = clap::ArgAction::Set)]
    asg_ids: Option<Vec<String>>,
    /// Enable managed DRANET.
    #[arg(long)]
    enable_managed_dranet: bool,
}

pub(super) async fn run(arguments: Arguments, environment: &Environment) -> Result<(), Failure> {
    arguments.check()?;
    let mut session = Session::open_pool(&arguments.pool, environment).await?;
    let mut properties = writable(session.pool(&arguments.pool.name).await?);
    if let Some(price) = arguments.preview.price(&mut session, &properties).await?
        && !arguments.pool.cluster.printing.only_show_errors
    {
        eprintln!("WARNING: {price}");
    }
    if let Some(reason) = arguments.change(&mut properties)? {
        if !arguments.pool.cluster.printing.only_show_errors {
            eprintln!("WARNING: {reason}");
        }
        return Ok(());
    }
    let headers = arguments.conditions.headers()?;
    if arguments.preview.is_given() {
        session.use_version(preview::API_VERSION);
    }
    session.put(&arguments.pool, properties, &headers, arguments.no_wait).await
}

impl Arguments {
    /// What az checks before any request.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let switches = &self.switches;
        check::node_counts(self.bounds.min_count, self.bounds.max_count)?;
        check::labels(self.labels.as_deref().unwrap_or_default())?;
        check::taints(self.node_taints.as_deref().unwrap_or_default())?;
        self.upgrade.check()?;
        self.preview.check()?;
        check::host_ports(switches.allowed_host_ports.as_deref().unwrap_or_default())?;
        settings::check_security_groups(switches.asg_ids.as_deref(), switches.allowed_host_ports.as_deref())?;
        if switches.enable_artifact_streaming && switches.disable_artifact_streaming {
            return Err(Failure::refused(
                "Cannot specify both --enable-artifact-streaming and --disable-artifact-streaming at the same time.",
            ));
        }
        Ok(())
    }

    /// Changes the properties as the flags say; `Some` is a reason to stop without an error.
    pub(super) fn change(&self, properties: &mut Json) -> Result<Option<&'static str>, Failure> {
        if let Some(reason) = self.change_autoscaler(properties)? {
            return Ok(Some(reason));
        }
        if let Some(labels) = &self.labels {
            properties["nodeLabels"] = json!(check::labels(labels)?);
        }
        if let Some(tags) = &self.tags {
            properties["tags"] = json!(check::tags(tags));
        }
        if let Some(taints) = &self.node_taints {
            properties["nodeTaints"] = json!(check::taints(taints)?);
        }
        self.upgrade.apply(properties, false);
        for (name, value) in [("scaleDownMode", &self.scale_down_mode), ("mode", &self.mode), ("osSKU", &self.os_sku)] {
            if let Some(value) = value {
                properties[name] = json!(value);
            }
        }
        self.preview.apply(properties);
        self.switches.change(properties)?;
        Ok(None)
    }

    fn change_autoscaler(&self, properties: &mut Json) -> Result<Option<&'static str>, Failure> {
        let Autoscaler { enable, disable, update } = self.autoscaler;
        let Bounds { min_count, max_count } = self.bounds;
        let is_virtual_machines = properties["type"] == "VirtualMachines";
        if [enable, disable, update].into_iter().filter(|given| *given).count() > 1 {
            return Err(Failure::refused(
                "Can only specify one of --enable-cluster-autoscaler, --update-cluster-autoscaler and \
                 --disable-cluster-autoscaler",
            ));
        }
        if update && is_virtual_machines {
            return Err(Failure::refused(
                "--update-cluster-autoscaler is not supported for VirtualMachines node pools.\n\
                 Please use \"az aks nodepool auto-scale update\" to update individual autoscale profiles.",
            ));
        }
        check::autoscaler(enable || update, (min_count, max_count), None, self.mode.as_deref())?;
        let profiles = &properties["virtualMachinesProfile"]["scale"]["autoscale"];
        let is_on = match is_virtual_machines {
            true => profiles.as_array().is_some_and(|profiles| !profiles.is_empty()),
            false => properties["enableAutoScaling"] == true,
        };
        match () {
            () if enable && is_on && is_virtual_machines => Ok(Some(
                "Cluster autoscaler is already enabled for this node pool.\n\
                 Please use \"az aks nodepool auto-scale update\" to update individual autoscale profiles.",
            )),
            () if enable && is_on => Ok(Some(
                "Cluster autoscaler is already enabled for this node pool.\n\
                 Please run \"az aks --update-cluster-autoscaler\" if you want to update min-count or max-count.",
            )),
            () if update && !is_on => Err(Failure::refused(
                "Cluster autoscaler is not enabled for this node pool.\n\
                 Run \"az aks nodepool update --enable-cluster-autoscaler\" to enable cluster with min-count and max-count.",
            )),
            () if disable && !is_on => Ok(Some("Cluster autoscaler is already disabled for this node pool.")),
            () if is_virtual_machines => {
                convert_profiles(properties, enable, disable, (min_count, max_count));
                Ok(None)
            }
            () => {
                if enable || update {
                    properties["enableAutoScaling"] = json!(true);
                    properties["minCount"] = json!(min_count);
                    properties["maxCount"] = json!(max_count);
                } else if let (true, Some(fields)) = (disable, properties.as_object_mut()) {
                    fields.insert("enableAutoScaling".to_owned(), json!(false));
                    fields.retain(|name, _| name != "minCount" && name != "maxCount");
                }
                Ok(None)
            }
        }
    }
}

/// Manual profiles of a VirtualMachines pool become autoscale profiles, or the other way round.
fn convert_profiles(properties: &mut Json, enable: bool, disable: bool, bounds: (Option<i64>, Option<i64>)) {
    let profiles = |name: &str| properties["virtualMachinesProfile"]["scale"][name].as_array().cloned().unwrap_or_default();
    let scale = if enable {
        let autoscale =
            profiles("manual").into_iter().map(|manual| json!({"size": manual["size"], "minCount": bounds.0, "maxCount": bounds.1}));
        json!({ "autoscale": autoscale.collect::<Vec<_>>() })
    } else if disable {
        let manual = profiles("autoscale").into_iter().map(|auto| json!({"size": auto["size"], "count": auto["minCount"]}));
        json!({ "manual": manual.collect::<Vec<_>>() })
    } else {
        return;
    };
    properties["virtualMachinesProfile"] = json!({ "scale": scale });
}

impl Switches {
    fn change(&self, properties: &mut Json) -> Result<(), Failure> {
        if let Some(ids) = &self.asg_ids {
            part(properties, "networkProfile")["applicationSecurityGroups"] = json!(ids);
        }
        if let Some(ports) = &self.allowed_host_ports {
            part(properties, "networkProfile")["allowedHostPorts"] = settings::host_ports(ports)?;
        }
        if self.enable_managed_dranet {
            part(properties, "networkProfile")["dranet"] = json!({ "mode": "Managed" });
        }
        let fips = "Cannot specify \"--enable-fips-image\" and \"--disable-fips-image\" at the same time";
        if let Some(is_on) = switched(self.enable_fips_image, self.disable_fips_image, fips)? {
            properties["enableFIPS"] = json!(is_on);
        }
        for (name, enable, disable) in
            [("vtpm", self.enable_vtpm, self.disable_vtpm), ("secure-boot", self.enable_secure_boot, self.disable_secure_boot)]
        {
            let both = format!("Cannot specify --enable-{name} and --disable-{name} at the same time.");
            if let Some(is_on) = switched(enable, disable, &both)? {
                let field = if name == "vtpm" { "enableVTPM" } else { "enableSecureBoot" };
                part(properties, "securityProfile")[field] = json!(is_on);
            }
        }
        if let Some(path) = &self.localdns_config {
            properties["localDNSProfile"] = settings::local_dns(path)?;
        }
        if let Some(driver) = &self.gpu_driver {
            properties["gpuProfile"] = json!({ "driver": driver });
        }
        if let Some(is_on) = switched(self.enable_artifact_streaming, self.disable_artifact_streaming, "")? {
            part(properties, "artifactStreamingProfile")["enabled"] = json!(is_on);
        }
        Ok(())
    }
}

fn switched(enable: bool, disable: bool, both: &str) -> Result<Option<bool>, Failure> {
    match (enable, disable) {
        (true, true) => Err(Failure::refused(both)),
        (false, false) => Ok(None),
        _ => Ok(Some(enable)),
    }
}
