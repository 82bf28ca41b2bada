//! A kubeconfig: which server is meant, who may vouch for it, and with what we are let in.
//!
//! The current context, or a named one. Tokens and client certificates, inline or in files; what a program would have to be started for
//! (`exec`, as kubelogin) is refused with what to do instead. Files that it names are read by the caller, relative to its own folder.

use serde_json::Value;

/// A way to a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// `https://host:port`, with a path where it has one.
    pub server: String,
    /// Certificates of who may vouch for the server, PEM; `None` for the authorities of the machine.
    pub authority: Option<Material>,
    /// A bearer token.
    pub token: Option<Material>,
    /// A client certificate and its key, PEM.
    pub certificate: Option<(Material, Material)>,
}

/// Something inline or in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Material {
    /// As written, decoded.
    Inline(Vec<u8>),
    /// A path, relative to the folder of the kubeconfig.
    File(String),
}

/// Why a kubeconfig gives no way to a cluster.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAccess {
    /// It is not a kubeconfig.
    #[error("it is no kubeconfig: {0}")]
    Malformed(String),
    /// What it refers to is not in it.
    #[error("it has no {0}")]
    Missing(String),
    /// It wants what is not built here.
    #[error("{0}")]
    Unsupported(String),
}

/// Reads a kubeconfig, as a value whether it was YAML or JSON.
///
/// # Errors
/// See [`NoAccess`].
pub fn read(config: &Value, context: Option<&str>) -> Result<Access, NoAccess> {
    if !config.is_object() {
        return Err(NoAccess::Malformed("it is no object".into()));
    }
    let current = config["current-context"].as_str().filter(|name| !name.is_empty());
    let name = context.or(current).ok_or_else(|| NoAccess::Missing("current-context".into()))?;
    let context = named(config, "contexts", "context", name)?;
    let text = |value: &Value, field: &str| value[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let cluster_name = text(context, "cluster").ok_or_else(|| NoAccess::Missing(format!("cluster in context {name}")))?;
    let cluster = named(config, "clusters", "cluster", &cluster_name)?;
    let server = text(cluster, "server").ok_or_else(|| NoAccess::Missing(format!("server of cluster {cluster_name}")))?;
    if !server.starts_with("https://") {
        return Err(NoAccess::Unsupported(format!("the server {server} is not https: its answers could be anyone's")));
    }
    if cluster["insecure-skip-tls-verify"] == true {
        return Err(NoAccess::Unsupported("insecure-skip-tls-verify is set, and a server that proves nothing is not asked".into()));
    }
    let user_name = text(context, "user").ok_or_else(|| NoAccess::Missing(format!("user in context {name}")))?;
    let user = named(config, "users", "user", &user_name)?;
    let certificate = material(user, "client-certificate")?.zip(material(user, "client-key")?);
    let file = text(user, "tokenFile").map(Material::File);
    let token = text(user, "token").map(|token| Material::Inline(token.into_bytes())).or(file);
    if token.is_none() && certificate.is_none() {
        return Err(NoAccess::Unsupported(format!(
            "user {user_name} has neither a token nor a client certificate: programs (exec) are not started here; \
             get one with `az aks get-credentials --admin`, or use --dump"
        )));
    }
    Ok(Access { server, authority: material(cluster, "certificate-authority")?, token, certificate })
}

fn named<'a>(config: &'a Value, list: &str, field: &str, name: &str) -> Result<&'a Value, NoAccess> {
    let entries = config[list].as_array().into_iter().flatten();
    let found = entries.into_iter().find(|entry| entry["name"] == name).map(|entry| &entry[field]);
    found.ok_or_else(|| NoAccess::Missing(format!("{field} {name}")))
}

/// `x-data` in base64, else the file `x`.
fn material(value: &Value, field: &str) -> Result<Option<Material>, NoAccess> {
    use base64::Engine;
    let data = format!("{field}-data");
    if let Some(text) = value[&data].as_str().filter(|text| !text.is_empty()) {
        let decoded = base64::engine::general_purpose::STANDARD.decode(text.trim());
        return decoded.map(|bytes| Some(Material::Inline(bytes))).map_err(|error| NoAccess::Malformed(format!("{data}: {error}")));
    }
    Ok(value[field].as_str().filter(|path| !path.is_empty()).map(|path| Material::File(path.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(user: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Config", "current-context": "dev",
            "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u"}}, {"name": "lost", "context": {"cluster": "x", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": "UEVN"}}],
            "users": [{"name": "u", "user": user}]})
    }

    #[test]
    fn the_current_context_gives_server_authority_and_token() {
        let access = read(&config(json!({"token": "t"})), None).unwrap();
        assert_eq!((access.server.as_str(), access.authority), ("https://127.0.0.1:6443", Some(Material::Inline(b"PEM".to_vec()))));
        assert_eq!(access.token, Some(Material::Inline(b"t".to_vec())));
    }

    #[test]
    fn certificates_may_be_inline_or_in_files() {
        let access = read(&config(json!({"client-certificate-data": "UEVN", "client-key": "key.pem"})), None).unwrap();
        assert_eq!(access.certificate, Some((Material::Inline(b"PEM".to_vec()), Material::File("key.pem".into()))));
    }

    #[test]
    fn what_is_missing_or_not_built_is_named() {
        let error = |config: Value, context: Option<&str>| read(&config, context).unwrap_err().to_string();
        assert_eq!(error(config(json!({"token": "t"})), Some("lost")), "it has no cluster x");
        assert_eq!(error(config(json!({"token": "t"})), Some("none")), "it has no context none");
        assert!(error(config(json!({"exec": {"command": "kubelogin"}})), None).contains("--dump"));
        let mut plain = config(json!({"token": "t"}));
        plain["clusters"][0]["cluster"]["server"] = json!("http://127.0.0.1");
        assert!(error(plain, None).contains("not https"));
        assert!(error(json!("x"), None).starts_with("it is no kubeconfig"));
    }
}
