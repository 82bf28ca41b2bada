//! Flags of `update` for what only preview api-versions can: another VM size, nodes that may be given up, blue-green upgrades.
//!
//! Names are those of az's extension aks-preview, where it has them. A request with one of them names a preview api-version; every other
//! request names the stable one, so that what az sends is what we send.

use nodelane_catalog::Catalog;
use nodelane_model::pool::{OsType, Priority};
use serde_json::{Value as Json, json};

use super::arguments::one_of;
use super::check;
use super::request::Session;
use super::settings::part;
use crate::az::Failure;

/// The preview that has all of them (aks-semantics M-3, BG-1, US-3).
pub const API_VERSION: &str = "2026-01-02-preview";

/// Flags.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Previews")]
pub struct Preview {
    /// Another VM size for the pool; its nodes are replaced one after another.
    #[arg(short = 's', long)]
    node_vm_size: Option<String>,
    /// Nodes that an upgrade may leave behind because they cannot be drained: a number or a percentage.
    #[arg(long)]
    max_blocked_nodes: Option<String>,
    /// How upgrades go.
    #[arg(long, ignore_case = true, value_parser = one_of(&["Rolling", "BlueGreen"]))]
    upgrade_strategy: Option<String>,
    /// Blue-green: nodes that are drained at once: a number or a percentage.
    #[arg(long)]
    drain_batch_size: Option<String>,
    /// Blue-green: minutes to wait for eviction of all pods of a node.
    #[arg(long)]
    drain_timeout_bg: Option<i64>,
    /// Blue-green: minutes to wait after a batch is drained.
    #[arg(long)]
    batch_soak_duration: Option<i64>,
    /// Blue-green: minutes to wait after all are drained, before the old nodes go.
    #[arg(long)]
    final_soak_duration: Option<i64>,
}

impl Preview {
    /// Whether any is given.
    pub fn is_given(&self) -> bool {
        self.node_vm_size.is_some()
            || self.max_blocked_nodes.is_some()
            || self.upgrade_strategy.is_some()
            || self.blue_green().next().is_some()
    }

    /// Client-side checks.
    pub fn check(&self) -> Result<(), Failure> {
        check::number_or_percentage("--max-blocked-nodes", self.max_blocked_nodes.as_deref())?;
        check::number_or_percentage("--drain-batch-size", self.drain_batch_size.as_deref())
    }

    fn blue_green(&self) -> impl Iterator<Item = (&'static str, Json)> {
        let fields = [
            ("drainBatchSize", self.drain_batch_size.clone().map(Json::from)),
            ("drainTimeoutInMinutes", self.drain_timeout_bg.map(Json::from)),
            ("batchSoakDurationInMinutes", self.batch_soak_duration.map(Json::from)),
            ("finalSoakDurationInMinutes", self.final_soak_duration.map(Json::from)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// Writes what the flags say.
    pub fn apply(&self, properties: &mut Json) {
        for (name, value) in [("vmSize", &self.node_vm_size), ("upgradeStrategy", &self.upgrade_strategy)] {
            if let Some(value) = value {
                properties[name] = json!(value);
            }
        }
        if let Some(most) = &self.max_blocked_nodes {
            part(properties, "upgradeSettings")["maxBlockedNodes"] = json!(most);
        }
        for (name, value) in self.blue_green() {
            part(properties, "upgradeSettingsBlueGreen")[name] = value;
        }
    }

    /// What the pool costs before and after, where the size changes; `None` where one of the prices is not known.
    pub async fn price(&self, session: &mut Session, before: &Json) -> Result<Option<String>, Failure> {
        let Some(after) = &self.node_vm_size else { return Ok(None) };
        let cluster = session.cluster().await?;
        let location = cluster["location"].as_str().unwrap_or_default();
        Ok(price(location, before, after))
    }
}

fn price(location: &str, before: &Json, after: &str) -> Option<String> {
    let catalog = Catalog::default();
    let region = catalog.region(location)?;
    let os = if before["osType"] == "Windows" { OsType::Windows } else { OsType::Linux };
    let priority = if before["scaleSetPriority"] == "Spot" { Priority::Spot } else { Priority::Regular };
    let count = before["count"].as_i64()?;
    let told = |size: &str| {
        let size = catalog.size(size)?;
        let micro = catalog.price_micro_usd_per_hour(region, size, os, priority)?;
        let usd = |micro: i64| micro as f64 / 1e6;
        let text =
            format!("{count} x {} ({} vCPUs, {} GiB) for {:.4} $/h", size.name, size.vcpu, size.memory_mib / 1024, usd(micro * count));
        Some((text, micro * count))
    };
    let ((from, old), (to, new)) = (told(before["vmSize"].as_str()?)?, told(after)?);
    Some(format!("{from} become {to}: {:+.4} $/h", (new - old) as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resize_tells_what_it_costs() {
        // Prices of the catalogue's data for eastus: D2s_v5 0.096, D4s_v5 0.192.
        let pool = json!({"vmSize": "Standard_D2s_v5", "count": 3, "osType": "Linux"});
        let told = price("eastus", &pool, "standard_d4s_v5").unwrap();
        assert_eq!(
            told,
            "3 x Standard_D2s_v5 (2 vCPUs, 8 GiB) for 0.2880 $/h become 3 x Standard_D4s_v5 (4 vCPUs, 16 GiB) for 0.5760 $/h: +0.2880 $/h"
        );
        assert_eq!(price("nowhere", &pool, "Standard_D4s_v5"), None);
    }
}
