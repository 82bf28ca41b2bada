//! The files and the variables: what clients need is there, secrets are private, the user's choices survive.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use super::*;

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
const OTHER: &str = "00000000-0000-0000-0000-000000000002";

fn client(folder: &Path) -> ClientEnvironment {
    let paths = Paths::new(folder.join("it's a $(folder)"));
    paths.prepare().unwrap();
    let id = |id: &str| id.to_owned();
    let cluster = |name: &str, port| {
        files::write_atomic(&paths.cluster_token(name), format!("token-of-{name}").as_bytes(), 0o600).unwrap();
        ClusterAccess { name: id(name), url: format!("https://127.0.0.1:{port}"), token_file: paths.cluster_token(name) }
    };
    ClientEnvironment {
        clusters: vec![cluster("dev", 6443), cluster("prod", 6444)],
        installation: Installation { installation_id: id("i"), tenant_id: id("t"), client_id: id("c"), object_id: id("o") },
        subscriptions: [(SUBSCRIPTION, "local"), (OTHER, "other")].map(|(a, b)| Subscription { id: id(a), name: id(b) }).into(),
        arm_url: id("https://127.0.0.1:8443"),
        ca_pem: id("-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n"),
        client_secret: id("s3cr3t"),
        paths,
    }
}

fn inherited() -> Inherited {
    Inherited { path: "/usr/bin:/bin".into(), binary_dir: "/opt/node lane".into(), no_proxy: "corp.example".into(), ca_bundle: None }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn yaml(path: &Path) -> Value {
    serde_yaml_ng::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn az_finds_a_signed_in_service_principal_of_a_cloud_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    client.write(&inherited()).unwrap();
    let azure = client.azure_config_dir();
    let clouds = fs::read_to_string(azure.join("clouds.config")).unwrap();
    assert!(clouds.contains("\nendpoint_active_directory = https://127.0.0.1:8443/adfs\n"));
    assert!(clouds.contains("\nendpoint_resource_manager = https://127.0.0.1:8443/\n"));
    assert!(fs::read_to_string(azure.join("config")).unwrap().contains("encrypt_token_cache = false"));
    let entry = &json(&azure.join("service_principal_entries.json"))[0];
    assert_eq!((&entry["client_id"], &entry["client_secret"]), (&"c".into(), &"s3cr3t".into()));
    let first = &json(&azure.join("azureProfile.json"))["subscriptions"][0];
    assert_eq!((&first["id"], &first["isDefault"]), (&SUBSCRIPTION.into(), &true.into()));
    assert_eq!(first["user"]["type"], "servicePrincipal");
}

#[test]
fn files_with_secrets_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    client.write(&inherited()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&client.azure_config_dir()), 0o700);
    assert_eq!(mode(&client.azure_config_dir().join("service_principal_entries.json")), 0o600);
    assert_eq!(mode(&client.kubeconfig()), 0o600);
}

#[test]
fn the_kubeconfig_has_every_cluster_and_verifies_it() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    client.write(&inherited()).unwrap();
    let config = yaml(&client.kubeconfig());
    assert_eq!(config["current-context"], "dev");
    let names: Vec<&str> = config["contexts"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dev", "prod"]);
    assert_eq!(config["users"][1]["user"]["token"], "token-of-prod");
    assert_eq!(config["clusters"][1]["cluster"]["server"], "https://127.0.0.1:6444");
    let text = fs::read_to_string(client.kubeconfig()).unwrap();
    assert!(text.contains("certificate-authority-data") && !text.contains("insecure"));
}

#[test]
fn what_the_user_chose_survives_a_second_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = client(folder.path());
    client.write(&inherited()).unwrap();
    let profile_file = client.azure_config_dir().join("azureProfile.json");
    let mut profile = json(&profile_file);
    profile["subscriptions"][0]["isDefault"] = false.into();
    profile["subscriptions"][1]["isDefault"] = true.into();
    fs::write(&profile_file, format!("\u{feff}{profile}")).unwrap();
    let settings = client.azure_config_dir().join("config");
    fs::write(&settings, "[defaults]\ngroup = rg\n").unwrap();
    let mut config = yaml(&client.kubeconfig());
    config["current-context"] = "prod".into();
    config["contexts"][1]["context"]["namespace"] = "shop".into();
    fs::write(client.kubeconfig(), config.to_string()).unwrap();
    fs::set_permissions(client.kubeconfig(), fs::Permissions::from_mode(0o600)).unwrap();

    client.write(&inherited()).unwrap();
    assert!(client.exports(Shell::Posix, &inherited()).unwrap().contains(&format!("ARM_SUBSCRIPTION_ID='{OTHER}'")));
    assert_eq!(json(&profile_file)["subscriptions"][1]["isDefault"], true);
    assert_eq!(fs::read_to_string(&settings).unwrap(), "[defaults]\ngroup = rg\n");
    let config = yaml(&client.kubeconfig());
    assert_eq!(config["current-context"], "prod");
    assert_eq!(config["contexts"][1]["context"]["namespace"], "shop");

    client.clusters.pop();
    client.subscriptions.pop();
    client.write(&inherited()).unwrap();
    assert_eq!(yaml(&client.kubeconfig())["current-context"], "dev");
    assert_eq!(json(&profile_file)["subscriptions"][0]["isDefault"], true);
}

#[test]
fn cached_tokens_go_when_their_secret_or_server_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = client(folder.path());
    client.write(&inherited()).unwrap();
    let cache = client.azure_config_dir().join("msal_token_cache.json");
    let survives = |client: &ClientEnvironment| {
        fs::write(&cache, "{}").unwrap();
        client.write(&inherited()).unwrap();
        cache.exists()
    };
    assert!(survives(&client));
    client.client_secret = "other".into();
    assert!(!survives(&client));
    assert!(survives(&client));
    client.arm_url = "https://127.0.0.1:9443".into();
    assert!(!survives(&client));
}

#[test]
fn the_bundle_adds_our_authority_once_to_what_was_trusted_before() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    let company = folder.path().join("company.pem");
    fs::write(&company, "company roots").unwrap();
    let with = |bundle: PathBuf| {
        client.write(&Inherited { ca_bundle: Some(bundle), ..inherited() }).unwrap();
        fs::read_to_string(client.ca_bundle()).unwrap()
    };
    assert_eq!(with(company), format!("company roots\n{}", client.ca_pem));
    assert_eq!(with(client.ca_bundle()).matches("\nours\n").count(), 1);
}

#[test]
fn a_shell_gets_every_value_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = client(folder.path());
    client.client_secret = "a'b\"c\\d $HOME `id` $(id) \n!#&;e".into();
    client.write(&inherited()).unwrap();
    let exports = client.exports(Shell::Posix, &inherited()).unwrap();
    let script = "eval \"$EXPORTS\"; printf '%s|%s|%s|%s|%s' \"$ARM_CLIENT_SECRET\" \"$PATH\" \"$NO_PROXY\" \"$no_proxy\" \"$KUBECONFIG\"";
    let shell = Command::new("/bin/sh").args(["-c", script]).env("EXPORTS", exports).env("PATH", "/usr/bin:/bin").output().unwrap();
    let seen = String::from_utf8(shell.stdout).unwrap();
    let no_proxy = "corp.example,127.0.0.1,localhost";
    let kubeconfig = client.kubeconfig();
    let expected = format!("{}|/opt/node lane:/usr/bin:/bin|{no_proxy}|{no_proxy}|{}", client.client_secret, kubeconfig.display());
    assert_eq!(seen, expected);
}

#[test]
fn fish_and_powershell_have_their_own_quotes() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = client(folder.path());
    client.client_secret = "a'b\\c\u{2019}$d".into();
    let fish = client.exports(Shell::Fish, &inherited()).unwrap();
    assert!(fish.contains("set -gx ARM_CLIENT_SECRET 'a\\'b\\\\c\u{2019}$d'\n"));
    assert!(fish.ends_with("set -gx PATH '/opt/node lane' $PATH\n"));
    let power = client.exports(Shell::Pwsh, &inherited()).unwrap();
    assert!(power.contains("$env:ARM_CLIENT_SECRET = 'a''b\\c\u{2019}\u{2019}$d'\n"));
    assert!(power.contains("$env:PATH = '/opt/node lane' + [IO.Path]::PathSeparator + $env:PATH\n"));
}

#[test]
fn evaluating_twice_adds_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    let again = Inherited {
        path: "/opt/node lane:/usr/bin".into(),
        no_proxy: "corp.example,127.0.0.1,localhost,corp.example,127.0.0.1,localhost".into(),
        ..inherited()
    };
    let exports = client.exports(Shell::Posix, &again).unwrap();
    assert!(!exports.contains("export PATH"));
    assert!(exports.contains("export NO_PROXY='corp.example,127.0.0.1,localhost'\n"));
}
