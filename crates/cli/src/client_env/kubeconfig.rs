//! One kubeconfig with all clusters of the data directory; contexts are named as the clusters.
//!
//! Invariants: the authority is embedded and verification is on; the file is 0600 because the tokens are in it; the
//! current context and the namespaces that the user chose with `kubectl config` are kept while their cluster exists.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nodelane_server::files;
use serde_json::{Value, json};

use super::{ClientEnvironment, write_private};

pub(super) fn write(client: &ClientEnvironment) -> Result<()> {
    let path = client.kubeconfig();
    let before: Value = files::read_if_present(&path)?.and_then(|text| serde_yaml_ng::from_str(&text).ok()).unwrap_or_default();
    let authority = STANDARD.encode(&client.ca_pem);
    let (mut clusters, mut users, mut contexts) = (Vec::new(), Vec::new(), Vec::new());
    for cluster in &client.clusters {
        let name = &cluster.name;
        let user = format!("{name}-admin");
        let token = files::read_private(&cluster.token_file)?.with_context(|| format!("{} is missing", cluster.token_file.display()))?;
        let mut context = json!({"cluster": name, "user": user});
        if let Some(namespace) = namespace(&before, name) {
            context["namespace"] = namespace.clone();
        }
        clusters.push(json!({
            "name": name, "cluster": {"server": cluster.url, "certificate-authority-data": authority},
        }));
        users.push(json!({"name": user, "user": {"token": token.trim()}}));
        contexts.push(json!({"name": name, "context": context}));
    }
    let is_known = |name: &&str| client.clusters.iter().any(|cluster| cluster.name == *name);
    let first = client.clusters.first().map(|cluster| cluster.name.as_str());
    let current = before["current-context"].as_str().filter(is_known).or(first).unwrap_or_default();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": current,
        "clusters": clusters, "users": users, "contexts": contexts,
    });
    write_private(&path, &serde_yaml_ng::to_string(&config)?)
}

/// The namespace that the kubeconfig of before had for this context.
fn namespace<'a>(before: &'a Value, context: &str) -> Option<&'a Value> {
    let contexts = before["contexts"].as_array()?;
    let context = contexts.iter().find(|entry| entry["name"] == context)?;
    context["context"].get("namespace")
}
