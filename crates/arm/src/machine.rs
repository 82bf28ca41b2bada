//! Machines of a pool, as `az aks machine` reads them.
//!
//! A machine shows what it runs; the address is its node's. Not here: which machines there are.

use crate::id::PoolId;
use nodelane_model::pool::{OsType, etag};
use nodelane_model::{Doc, NodePool};
use serde_json::{Value, json};

/// The body of a machine; `address` is its node's internal address. `None` where the document is no machine.
pub fn body(id: &PoolId, node_group: &str, pool: &NodePool, doc: &Doc, address: Option<&str>) -> Option<Value> {
    let machine = doc.as_machine()?;
    let name = &doc.key.name;
    let model = machine.running.as_ref().unwrap_or(&machine.model);
    let scale_set = match pool.spec.os_type {
        OsType::Linux => format!("aks-{}-{:08}-vmss", id.pool, pool.state.number),
        OsType::Windows => format!("aks{}", id.pool),
    };
    let addresses: Vec<Value> = address.iter().map(|ip| json!({"family": "IPv4", "ip": ip})).collect();
    let state = match (
        machine.failure.is_some(),
        machine.is_wanted(),
        machine.running.is_some(),
    ) {
        (true, _, _) => "Failed",
        (false, false, _) => "Deleting",
        (false, true, false) => "Creating",
        (false, true, true) => "Succeeded",
    };
    let mut body = json!({
        "id": format!("{id}/machines/{name}"),
        "name": name,
        "type": "Microsoft.ContainerService/managedClusters/agentPools/machines",
        "properties": {
            "resourceId": format!("/subscriptions/{}/resourceGroups/{node_group}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set}/virtualMachines/{}",
                id.cluster.group.subscription, machine.instance),
            "network": {"ipAddresses": addresses},
            "hardware": {"vmSize": machine.size},
            "operatingSystem": {"osType": format!("{:?}", pool.spec.os_type), "osSKU": pool.spec.os_sku},
            "kubernetes": {"orchestratorVersion": machine.model.version, "currentOrchestratorVersion": model.version, "nodeImageVersion": model.image},
            "provisioningState": state,
            "eTag": etag(doc.meta.uid, doc.revision),
        }
    });
    if !machine.zone.is_empty() {
        body["zones"] = json!([machine.zone]);
    }
    Some(body)
}
