//! `nodelane nodepool repairs`: what auto-repair did to a pool's machines, and what it is about.
//!
//! Read from the machines' documents of the cluster's Kubernetes API, which `kubectl get machines -o yaml` shows whole. az has no such verb.

use ::http::Method;
use serde_json::Value as Json;

use super::arguments::OfPool;
use super::request::print;
use crate::az::output::Columns;
use crate::az::{Failure, Object, Value};
use crate::connection::{ClusterConnection, Http};
use crate::environment::Environment;

const MACHINES: &str = "/apis/nodelane.dev/v1/machines";

pub(super) async fn run(pool: OfPool, environment: &Environment) -> Result<(), Failure> {
    let cluster = ClusterConnection::find(environment, Some(&pool.cluster.cluster_name))?;
    let mut http = Http::new(&cluster.authority, &cluster.roots)?;
    http.authorize(&cluster.token)?;
    let list: Json = http.send(&Method::GET, MACHINES, &[], None).await?.accepted()?.read()?;
    let machines = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_pool = machines.iter().filter(|machine| machine["spec"]["pool"] == pool.name.as_str());
    print(&Value::List(of_pool.flat_map(rows).collect()), Columns::AsQueried, &pool.cluster.printing)
}

/// One row for each step that was taken, the oldest first, and one for what is under way.
fn rows(machine: &Json) -> Vec<Value> {
    let (name, spec) = (&machine["metadata"]["name"], &machine["spec"]);
    let done = spec["repairs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut rows: Vec<Value> = done.iter().map(|step| row(name, &step["rung"], &step["began"], &step["ended"], &result(step))).collect();
    let repair = &spec["repair"];
    if let Some(since) = repair["since"].as_str() {
        let rung = &repair["rung"];
        let held = repair["held"].as_str().unwrap_or_default();
        rows.push(match () {
            () if rung.is_array() => row(name, &rung[0], &rung[1], &Json::Null, "under way"),
            () if repair["givenUp"].is_string() => row(name, &Json::Null, &repair["began"], &repair["givenUp"], "given up"),
            () if !held.is_empty() => row(name, &Json::Null, &Json::Null, &Json::Null, &format!("not Ready since {since}; waits: {held}")),
            () => row(name, &Json::Null, &Json::Null, &Json::Null, &format!("not Ready since {since}")),
        });
    }
    rows
}

fn result(step: &Json) -> String {
    match (step["failure"].as_str(), step["healed"] == true) {
        (Some(code), _) => format!("failed: {code}"),
        (None, true) => "healed".to_owned(),
        (None, false) => "did not help".to_owned(),
    }
}

fn row(name: &Json, step: &Json, began: &Json, ended: &Json, result: &str) -> Value {
    let mut row = Object { selected: true, ..Object::default() };
    for (field, value) in [("node", name), ("step", step), ("began", began), ("ended", ended)] {
        row.set(field, value.as_str().map_or(Value::Null, Value::text));
    }
    row.set("result", Value::text(result));
    Value::Object(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_step_is_a_row_and_so_is_what_is_under_way() {
        let step = |rung: &str, more: Json| {
            let mut step = json!({"rung": rung, "began": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:01:00Z"});
            step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            step
        };
        let machine = |repair: Json| {
            let done = [
                step("Reboot", json!({"failure": "InvalidParameter"})),
                step("Reimage", json!({"healed": true})),
                step("Reboot", json!({})),
            ];
            json!({"metadata": {"name": "n"}, "spec": {"repairs": done, "repair": repair}})
        };
        let results = |repair: Json| -> Vec<String> {
            rows(&machine(repair)).iter().map(|row| row.field("result").as_text().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(results(Json::Null), ["failed: InvalidParameter", "healed", "did not help"]);
        let since = "2026-01-01T00:02:00Z";
        assert_eq!(results(json!({"since": since, "rung": ["Redeploy", since]}))[3], "under way");
        assert_eq!(results(json!({"since": since, "held": "why"}))[3], format!("not Ready since {since}; waits: why"));
        assert_eq!(results(json!({"since": since, "began": since, "givenUp": since}))[3], "given up");
    }
}
