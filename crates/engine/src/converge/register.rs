//! A kubelet registers its node: which it may, and what the node is born with.
//!
//! A node identity may make only the node of its own machine, and only while that machine runs. Labels, taints and the provider's id
//! come from here, not from the kubelet, so that a pod never sees a node of a lane without the lane's marks (security T5).

use super::labels;
use crate::Env;
use nodelane_model::machine::{Applied, MachinePhase};
use nodelane_model::node::Taint;
use nodelane_model::pool::OsType;
use nodelane_model::{Doc, Key, Kind, Machine, NodePool, Refusal};
use nodelane_world::Draft;
use std::sync::Arc;

/// Completes a node that a kubelet registers, and notes on its machine what it was given.
pub fn register(draft: &mut Draft, env: &Env, doc: &mut Doc) -> Result<(), Refusal> {
    let key = Key::global(Kind::Machine, doc.key.name.clone());
    let forbidden = |message: &str| Refusal::Forbidden { key: doc.key.clone(), message: message.into() };
    let machine_doc = draft.world.get(&key).cloned().ok_or_else(|| forbidden("there is no machine of this name"))?;
    let machine = machine_doc.as_machine().filter(|machine| machine.phase == MachinePhase::Running && machine.is_wanted());
    let machine = machine.ok_or_else(|| forbidden("the machine of this name does not run"))?;
    let cluster = draft.world.cluster().ok_or_else(|| forbidden("there is no cluster"))?;
    let (_, pool) = draft.world.pool(&machine.pool).ok_or_else(|| forbidden("the machine's pool is gone"))?;
    let wanted = labels::of_node(cluster, &pool.spec, machine, &doc.key.name, &env.catalog);
    let taints = labels::taints(&pool.spec);
    let applied = Applied { labels: pool.spec.node_labels.keys().cloned().collect(), taints: taints.clone() };
    let provider_id = provider_id(draft, pool, machine);
    doc.meta.labels = Arc::new(wanted);
    if let Some(node) = doc.as_node_mut() {
        node.spec.provider_id = provider_id.into();
        super::lifecycle::match_condition(node, draft.now);
        node.spec.taints.extend(taints.iter().filter_map(|text| Taint::parse(text)));
        if !machine.cordoned_by.is_empty() {
            node.spec.unschedulable = true;
            crate::disrupt::match_cordon(&mut node.spec.taints, draft.now);
        }
    }
    draft.update(&key, |doc| {
        if let Some(machine) = doc.as_machine_mut() {
            machine.applied = applied;
        }
    });
    Ok(())
}

/// The provider's name for a machine (aks-semantics N-7).
fn provider_id(draft: &Draft, pool: &NodePool, machine: &Machine) -> String {
    let (subscription, group) = draft
        .world
        .cluster()
        .map(|cluster| (cluster.spec.subscription.clone(), cluster.node_resource_group().to_lowercase()))
        .unwrap_or_default();
    let scale_set = match pool.spec.os_type {
        OsType::Linux => format!("aks-{}-{:08}-vmss", machine.pool, pool.state.number),
        OsType::Windows => format!("aks{}", machine.pool),
    };
    format!(
        "azure:///subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set}/virtualMachines/{}",
        machine.instance
    )
}
