//! The flags that pool verbs share, with az's names, defaults and spellings.
//!
//! Invariants: values of closed sets are accepted in any case and sent in the service's; an option given twice means
//! its last value, as with az.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::az::Query;
use crate::az::output::Format;

/// Accepts one of `choices` in any case; gives it back in the spelling of the list.
pub fn one_of(choices: &'static [&'static str]) -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(choices).map(move |typed| {
        let known = choices.iter().find(|choice| choice.eq_ignore_ascii_case(&typed));
        known.map_or(typed, |known| (*known).to_owned())
    })
}

/// Flags of every verb that prints a result.
#[derive(Clone, Debug, clap::Args)]
pub struct Printing {
    /// Output format.
    #[arg(help_heading = "Output", short = 'o', long = "output", value_enum, ignore_case = true, default_value = "json")]
    pub format: Format,
    /// JMESPath query string. See http://jmespath.org/ for more information and examples.
    #[arg(help_heading = "Output", long, value_name = "JMESPATH", value_parser = Query::parse)]
    pub query: Option<Query>,
    /// Name or ID of subscription.
    #[arg(help_heading = "Output", long)]
    pub subscription: Option<String>,
    /// Only show errors, suppressing warnings.
    #[arg(help_heading = "Output", long)]
    pub only_show_errors: bool,
    /// Accepted for az's sake.
    #[arg(long, hide = true)]
    pub verbose: bool,
    /// Accepted for az's sake.
    #[arg(long, hide = true)]
    pub debug: bool,
}

impl Printing {
    /// Only a format, for verbs of our own.
    pub fn of(format: Format) -> Self {
        Self { format, query: None, subscription: None, only_show_errors: false, verbose: false, debug: false }
    }
}

/// Which cluster.
#[derive(Clone, Debug, clap::Args)]
pub struct InCluster {
    /// Name of resource group.
    #[arg(short = 'g', long)]
    pub resource_group: String,
    /// The cluster name.
    #[arg(long)]
    pub cluster_name: String,
    #[command(flatten)]
    pub printing: Printing,
}

/// Which pool of which cluster.
#[derive(Clone, Debug, clap::Args)]
pub struct OfPool {
    #[command(flatten)]
    pub cluster: InCluster,
    /// The node pool name.
    #[arg(short = 'n', long = "name", alias = "nodepool-name")]
    pub name: String,
    /// Change the pool although its tag nodelane-managed-by names somebody else.
    #[arg(help_heading = "Request", long)]
    pub override_managed_by: bool,
}

/// How a surge upgrade goes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Upgrades")]
pub struct UpgradeSettings {
    /// Extra nodes used to speed upgrade: a number or a percentage of the pool.
    #[arg(long, allow_negative_numbers = true)]
    pub max_surge: Option<String>,
    /// Nodes that can be unavailable during upgrade: a number or a percentage.
    #[arg(long, allow_negative_numbers = true)]
    pub max_unavailable: Option<String>,
    /// Minutes to wait for eviction of all pods of a node.
    #[arg(long, allow_negative_numbers = true)]
    pub drain_timeout: Option<i64>,
    /// Minutes to wait after draining a node and before reimaging it.
    #[arg(long, allow_negative_numbers = true)]
    pub node_soak_duration: Option<i64>,
    /// What becomes of a node that cannot be drained: Cordon or Schedule.
    #[arg(long)]
    pub undrainable_node_behavior: Option<String>,
}

/// Conditions and extra headers of a write.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Request")]
pub struct Conditions {
    /// Only if the pool still has this eTag.
    #[arg(long)]
    pub if_match: Option<String>,
    /// `*`: only if the pool does not exist.
    #[arg(long)]
    pub if_none_match: Option<String>,
    /// Comma-separated key=value pairs, sent as headers.
    #[arg(long)]
    pub aks_custom_headers: Option<String>,
}

/// The bounds of the cluster autoscaler.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Autoscaling")]
pub struct Bounds {
    /// Minimum nodes count used for autoscaler.
    #[arg(long, allow_negative_numbers = true)]
    pub min_count: Option<i64>,
    /// Maximum nodes count used for autoscaler.
    #[arg(long, allow_negative_numbers = true)]
    pub max_count: Option<i64>,
}

/// Names of the closed sets.
pub mod choices {
    /// `--mode`
    pub const MODES: &[&str] = &["System", "User", "Gateway"];
    /// `--os-sku` of add.
    pub const OS_SKUS: &[&str] = &[
        "AzureLinux",
        "AzureLinux3",
        "AzureContainerLinux",
        "Ubuntu",
        "CBLMariner",
        "Mariner",
        "Ubuntu2204",
        "Ubuntu2404",
        "Windows2019",
        "Windows2022",
        "Windows2025",
    ];
    /// `--os-sku` of update.
    pub const OS_SKUS_OF_UPDATE: &[&str] = &["AzureLinux", "AzureLinux3", "AzureContainerLinux", "Ubuntu", "Ubuntu2204", "Ubuntu2404"];
    /// `--scale-down-mode`
    pub const SCALE_DOWN_MODES: &[&str] = &["Delete", "Deallocate"];
    /// `--priority`
    pub const PRIORITIES: &[&str] = &["Regular", "Spot"];
    /// `--node-osdisk-type`
    pub const OS_DISK_TYPES: &[&str] = &["Managed", "Ephemeral"];
    /// `--pod-ip-allocation-mode`
    pub const POD_IP_MODES: &[&str] = &["DynamicIndividual", "StaticBlock"];
    /// `--gpu-instance-profile`
    pub const GPU_PROFILES: &[&str] = &["MIG1g", "MIG2g", "MIG3g", "MIG4g", "MIG7g"];
    /// `--gpu-driver`
    pub const GPU_DRIVERS: &[&str] = &["Install", "None"];
    /// `--workload-runtime`
    pub const RUNTIMES: &[&str] = &["KataVmIsolation"];
}
