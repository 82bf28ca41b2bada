//! A PUT's properties merged with the stored pool.
//!
//! The result is the pool as it is to be, in form; whether it may be so is for the rules. A value that equals what a GET shows is no
//! difference, so that a body that was read can be sent back.

use super::{NOT_KEPT, body, convert, new};
use crate::errors::ArmError;
use crate::fields::{Fields, check_tags};
use nodelane_catalog::{Catalog, OsSku, Version};
use nodelane_model::cluster::ClusterSpec;
use nodelane_model::pool::{Mode, PoolSpec, Power, Priority};
use nodelane_model::refusal::PoolRefusal;
use nodelane_model::{Name, NodePool};
use serde_json::Value;

/// What a PUT is merged with.
pub struct Context<'a> {
    /// What the cloud offers.
    pub catalog: Catalog,
    /// The pool's cluster.
    pub cluster: &'a ClusterSpec,
    /// The control plane's version.
    pub control_plane: Version,
    /// The pool as it is stored, if it is.
    pub stored: Option<Stored<'a>>,
}

/// A stored pool.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    /// The pool.
    pub pool: &'a NodePool,
    /// Machines that are meant to live.
    pub count: u32,
}

/// The pool as a PUT asks for it.
pub(crate) fn merge(fields: &Fields, context: &Context) -> Result<PoolSpec, ArmError> {
    let stored = context.stored.map(|stored| stored.pool);
    let mut spec = stored.map_or_else(|| new::spec(context), |pool| pool.spec.clone());
    machines(&mut spec, fields, context)?;
    os(&mut spec, fields)?;
    priority(&mut spec, fields)?;
    nodes(&mut spec, fields)?;
    keep_unknown(&mut spec, fields)?;
    counts(&mut spec, fields, context)?;
    match stored {
        None => new::complete(&mut spec, context, fields.get("count").is_some()),
        Some(pool) => image(&mut spec, fields, pool)?,
    }
    Ok(spec)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn machines(spec: &mut PoolSpec, fields: &Fields, context: &Context) -> Result<(), ArmError> {
    set(&mut spec.mode, convert::mode(fields)?);
    if let Some(asked) = fields.text("vmSize")? {
        spec.vm_size = context.catalog.size(asked).map_or(asked.into(), |size| size.name.into());
    }
    let range = |property: &'static str, rule: &'static str, most: &'static str| {
        move |number: i64| {
            let parameter = format!("agentPoolProfile.{property}");
            PoolRefusal::parameter(rule, &parameter, format!("{property} {number} is out of range"), most)
        }
    };
    let disk = convert::amount(fields, "osDiskSizeGB", range("osDiskSizeGB", "V-8", "0 to 2048"))?;
    set(&mut spec.os_disk_size_gb, disk.filter(|gib| *gib > 0));
    set(&mut spec.os_disk_type, convert::text_word(fields, "osDiskType", "V-8", &["Managed", "Ephemeral"])?);
    set(&mut spec.scale_down_mode, convert::text_word(fields, "scaleDownMode", "SM-1", &["Delete", "Deallocate"])?);
    let kinds = ["VirtualMachineScaleSets", "AvailabilitySet", "VirtualMachines"];
    set(&mut spec.kind, convert::text_word(fields, "type", "M-5", &kinds)?);
    let pods = convert::amount(fields, "maxPods", range("maxPods", "P-1", "10 to 250"))?;
    set(&mut spec.max_pods, pods.filter(|pods| *pods > 0));
    set(&mut spec.power, convert::power(fields)?);
    if let Some(zones) = fields.list("availabilityZones")? {
        let unfit = zones.iter().find(|zone| zone.is_empty() || !zone.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(zone) = unfit {
            let (why, accepted) = (format!("'{zone}' is no zone"), "numbers as texts, such as \"1\"");
            return Err(PoolRefusal::parameter("Z-1", "agentPoolProfile.availabilityZones", why, accepted).into());
        }
        spec.availability_zones = zones;
    }
    Ok(())
}

fn os(spec: &mut PoolSpec, fields: &Fields) -> Result<(), ArmError> {
    set(&mut spec.os_type, convert::os_type(fields)?);
    if let Some(asked) = fields.text("osSKU")? {
        spec.os_sku = OsSku::from_name(asked).map_or(asked.into(), |sku| sku.as_str().into());
    }
    if let Some(asked) = fields.text("orchestratorVersion")? {
        spec.orchestrator_version = asked.strip_prefix(['v', 'V']).unwrap_or(asked).into();
    }
    set(&mut spec.upgrade_settings, convert::upgrade_settings(fields)?);
    Ok(())
}

/// A regular pool has no price and no eviction policy; what older clients send of them means nothing there.
fn priority(spec: &mut PoolSpec, fields: &Fields) -> Result<(), ArmError> {
    set(&mut spec.priority, convert::priority(fields)?);
    let policy = convert::text_word(fields, "scaleSetEvictionPolicy", "S-2", &["Delete", "Deallocate"])?;
    let price = convert::price(fields)?;
    match spec.priority {
        Priority::Regular => {
            set(&mut spec.eviction_policy, policy.filter(|policy| policy != "Delete"));
            set(&mut spec.spot_max_price, price.filter(|price| price != "-1"));
        }
        Priority::Spot => {
            set(&mut spec.eviction_policy, policy);
            set(&mut spec.spot_max_price, price);
            let or = |place: &mut Name, default: &'static str| {
                if place.is_empty() {
                    *place = default.into();
                }
            };
            or(&mut spec.eviction_policy, "Delete");
            or(&mut spec.spot_max_price, "-1");
        }
    }
    Ok(())
}

fn nodes(spec: &mut PoolSpec, fields: &Fields) -> Result<(), ArmError> {
    if let Some(tags) = fields.map("tags")? {
        check_tags(&tags)?;
        spec.tags = tags;
    }
    set(&mut spec.node_labels, fields.map("nodeLabels")?);
    set(&mut spec.node_taints, fields.list("nodeTaints")?);
    Ok(())
}

/// Counts and the autoscaler's bounds. Switched off without bounds, the autoscaler leaves none behind; a stopped pool keeps its count.
fn counts(spec: &mut PoolSpec, fields: &Fields, context: &Context) -> Result<(), ArmError> {
    let out = |mode: Mode| move |count: i64| PoolRefusal::CountOutOfRange { count, min: u32::from(mode == Mode::System), max: 1000 };
    let bound = |key: &'static str| {
        let parameter = format!("agentPoolProfile.{key}");
        convert::amount(fields, key, |_| PoolRefusal::parameter("MS-2", &parameter, format!("{key} is out of range"), "0 to 1000"))
    };
    let (enabled, min, max) = (fields.flag("enableAutoScaling")?, bound("minCount")?, bound("maxCount")?);
    if enabled == Some(false) {
        (spec.min_count, spec.max_count) = (min, max);
    }
    set(&mut spec.enable_auto_scaling, enabled);
    spec.min_count = min.or(spec.min_count);
    spec.max_count = max.or(spec.max_count);
    let count = convert::amount(fields, "count", out(spec.mode))?;
    let Some(stored) = context.stored else {
        set(&mut spec.count, count);
        return Ok(());
    };
    if stored.pool.spec.power == Power::Stopped {
        // What a GET shows is 0, and a start brings the remembered count back, whatever it is sent with.
        set(&mut spec.count, count.filter(|count| *count > 0 && spec.power == Power::Stopped));
    } else {
        spec.count = count.unwrap_or(stored.count);
    }
    Ok(())
}

/// Properties without a type: kept as they came, unless they are what a GET shows anyway.
fn keep_unknown(spec: &mut PoolSpec, fields: &Fields) -> Result<(), ArmError> {
    for flag in ["enableNodePublicIP", "enableEncryptionAtHost", "enableUltraSSD", "enableFIPS"] {
        fields.flag(flag)?;
    }
    for (key, value) in fields.entries().filter(|(key, _)| !NOT_KEPT.contains(&key.as_str())) {
        let shown = spec.rest.get(key).cloned().or_else(|| body::default_of(key));
        if shown.as_ref() != Some(value) && *value != Value::String(String::new()) {
            spec.rest.insert(key.clone(), value.clone());
        }
    }
    Ok(())
}

/// An image that differs from the pool's is carried along for the rules; it is never stored (aks-semantics RB-1).
fn image(spec: &mut PoolSpec, fields: &Fields, stored: &NodePool) -> Result<(), ArmError> {
    if let Some(asked) = fields.text("nodeImageVersion")?.filter(|asked| *asked != stored.state.image) {
        spec.rest.insert("nodeImageVersion".into(), asked.into());
    }
    Ok(())
}
