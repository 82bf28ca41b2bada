//! The four files of a private `AZURE_CONFIG_DIR` (arm-wire section 3, recipe A): no `az login`, no `az cloud`.
//!
//! Invariants: the login endpoint ends in `/adfs`, so MSAL asks nobody else; cached tokens are removed when the
//! server, tenant or secret that they came from is another; the user's own settings in `config` are kept.

use anyhow::{Context, Result};
use nodelane_server::files;
use serde_json::{Value, json};

use super::{ClientEnvironment, write_private};

/// The name of our cloud in az.
const CLOUD: &str = "Nodelane";
/// What the identity of az's tokens is about.
const AUDIENCE: &str = "https://management.core.windows.net/";
/// Where az and MSAL keep tokens and discovered endpoints.
const TOKEN_CACHES: [&str; 3] = ["msal_token_cache.json", "msal_token_cache.bin", "msal_http_cache.bin"];

/// `config`: written once, the user may change it. Telemetry and surveys would go to the real cloud; an encrypted
/// token cache needs a keyring.
const SETTINGS: &str = "\
[cloud]
name = Nodelane
[core]
collect_telemetry = false
instance_discovery = false
encrypt_token_cache = false
survey_message = false
[auto-upgrade]
enable = no
[extension]
use_dynamic_install = no
";

pub(super) fn write(client: &ClientEnvironment) -> Result<()> {
    let folder = client.azure_config_dir();
    files::private_dir(&folder)?;
    let subscription = default_subscription(client)?;
    let clouds = clouds(client, &subscription);
    let principals = principals(client);
    let stale = files::read_if_present(&folder.join("service_principal_entries.json"))?.as_ref() != Some(&principals)
        || !files::read_if_present(&folder.join("clouds.config"))?.is_some_and(|old| same_server(&old, &clouds));
    if stale {
        for cache in TOKEN_CACHES {
            files::remove_if_present(&folder.join(cache))?;
        }
    }
    if files::read_if_present(&folder.join("config"))?.is_none() {
        write_private(&folder.join("config"), SETTINGS)?;
    }
    write_private(&folder.join("clouds.config"), &clouds)?;
    write_private(&folder.join("service_principal_entries.json"), &principals)?;
    write_private(&folder.join("azureProfile.json"), &profile(client, &subscription))
}

/// The subscription that the user chose with `az account set`, or the first.
pub(super) fn default_subscription(client: &ClientEnvironment) -> Result<String> {
    let stored = files::read_if_present(&client.azure_config_dir().join("azureProfile.json"))?;
    let profile: Value = stored
        .and_then(|text| serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()) // az writes a byte order mark
        .unwrap_or_default();
    let listed = profile["subscriptions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let chosen = listed.iter().find(|entry| entry["isDefault"] == true).and_then(|entry| entry["id"].as_str());
    let known = chosen.filter(|id| client.subscriptions.iter().any(|ours| ours.id == *id));
    let first = client.subscriptions.first().map(|ours| ours.id.as_str());
    Ok(known.or(first).context("there is no subscription")?.to_owned())
}

fn clouds(client: &ClientEnvironment, subscription: &str) -> String {
    let base = &client.arm_url;
    format!(
        "[{CLOUD}]\n\
         endpoint_resource_manager = {base}/\n\
         endpoint_management = {AUDIENCE}\n\
         endpoint_active_directory = {base}/adfs\n\
         endpoint_active_directory_resource_id = {AUDIENCE}\n\
         endpoint_active_directory_graph_resource_id = {base}/graph/\n\
         endpoint_microsoft_graph_resource_id = {base}/graph/\n\
         subscription = {subscription}\n"
    )
}

/// Whether two `clouds.config` speak of the same server; the chosen subscription does not matter.
fn same_server(one: &str, other: &str) -> bool {
    let endpoint = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("endpoint_resource_manager"));
        line.and_then(|line| line.split_once('=')).map(|(_, value)| value.trim().to_owned())
    };
    endpoint(one) == endpoint(other)
}

fn principals(client: &ClientEnvironment) -> String {
    let installation = &client.installation;
    let entry = json!({
        "client_id": installation.client_id, "tenant": installation.tenant_id, "client_secret": client.client_secret,
    });
    json!([entry]).to_string()
}

fn profile(client: &ClientEnvironment, default: &str) -> String {
    let installation = &client.installation;
    let entry = |id: &str, name: &str| {
        json!({
            "id": id, "name": name, "state": "Enabled", "isDefault": id == default,
            "user": {"name": installation.client_id, "type": "servicePrincipal"},
            "tenantId": installation.tenant_id, "homeTenantId": installation.tenant_id,
            "environmentName": CLOUD, "managedByTenants": [],
        })
    };
    let subscriptions: Vec<Value> = client.subscriptions.iter().map(|ours| entry(&ours.id, &ours.name)).collect();
    json!({"installationId": installation.installation_id, "subscriptions": subscriptions}).to_string()
}
