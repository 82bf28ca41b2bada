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
    let state = match (machine.failure.is_some(), machine.is_wanted(), machine.running.is_some()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ClusterId, GroupId};
    use nodelane_model::machine::MachineModel;
    use nodelane_model::pool::PoolState;
    use nodelane_model::{Body, Key, Kind, Machine, Meta, Time};

    #[test]
    fn a_machine_shows_its_address_zone_and_instance() {
        let group = GroupId { subscription: "s".into(), group: "lanes".into() };
        let id = ClusterId { group, cluster: "dev".into() }.pool("gpunp");
        let pool = NodePool { state: PoolState { number: 36_854_149, ..PoolState::default() }, ..NodePool::default() };
        let model = MachineModel { version: "1.35.6".into(), image: "i".into() };
        let mut machine = Machine::requested("gpunp", 35, "Standard_D2s_v5", model.clone(), Time(0));
        (machine.zone, machine.running) = ("2".into(), Some(model));
        let key = Key::global(Kind::Machine, "aks-gpunp-36854149-vmss00000z");
        let doc = Doc::new(key, 3, Meta::default(), Body::Machine(Box::new(machine)));
        let body = body(&id, "MC_lanes_dev_eastus", &pool, &doc, Some("10.224.0.4")).unwrap();
        assert_eq!((&body["name"], &body["zones"]), (&json!("aks-gpunp-36854149-vmss00000z"), &json!(["2"])));
        assert_eq!(body["properties"]["network"]["ipAddresses"], json!([{"family": "IPv4", "ip": "10.224.0.4"}]));
        let resource = body["properties"]["resourceId"].as_str().unwrap();
        assert!(resource.ends_with("virtualMachineScaleSets/aks-gpunp-36854149-vmss/virtualMachines/35"), "N-7: {resource}");
    }
}
