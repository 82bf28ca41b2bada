//! The requests that pool verbs are made of, and the printing of their results.
//!
//! Bodies are az's, property by property (golden files hold them); what a GET returned and is not known goes back unchanged.
//! Not here: checks.

use std::io::{IsTerminal, Write, stdout};

use ::http::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use ::http::{Method, StatusCode};
use serde_json::Value as Json;

use super::arguments::{Conditions, InCluster, OfPool, Printing};
use super::check::pool_name;
use crate::az::output::{Columns, Rendering};
use crate::az::{Failure, Shape, Value};
use crate::connection::{Arm, Connection, Outcome, Progress, Running, encoded};
use crate::environment::Environment;

/// Headers of a request.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// ARM, and the cluster that is meant.
pub struct Session {
    /// ARM.
    pub arm: Arm,
    cluster: String,
}

impl Session {
    /// Connects.
    pub async fn open(cluster: &InCluster, environment: &Environment) -> Result<Self, Failure> {
        let arm = match &environment.inside {
            Some(inside) => Arm::inside(inside.clone(), cluster.printing.subscription.as_deref()),
            None => Arm::open(&Connection::find(environment)?, cluster.printing.subscription.as_deref()).await?,
        };
        let cluster = format!(
            "/resourceGroups/{}/providers/Microsoft.ContainerService/managedClusters/{}",
            encoded(&cluster.resource_group),
            encoded(&cluster.cluster_name)
        );
        Ok(Self { arm, cluster })
    }

    /// Checks the pool's name as az does, and connects.
    pub async fn open_pool(pool: &OfPool, environment: &Environment) -> Result<Self, Failure> {
        pool_name(&pool.name)?;
        Self::open(&pool.cluster, environment).await
    }

    /// The path of the pool list.
    pub fn pools_path(&self) -> String {
        self.arm.path(&format!("{}/agentPools", self.cluster))
    }

    /// The path of a pool, or of something below it.
    pub fn pool_path(&self, pool: &str, below: &str) -> String {
        self.arm.path(&format!("{}/agentPools/{}{below}", self.cluster, encoded(pool)))
    }

    /// Names another api-version from here on.
    pub fn use_version(&mut self, version: &'static str) {
        self.arm.version = version;
    }

    /// The cluster as JSON.
    pub async fn cluster(&mut self) -> Result<Json, Failure> {
        let path = self.arm.path(&self.cluster);
        self.arm.get(&path).await?.read()
    }

    /// All pools, as sent by the server.
    pub async fn pools(&mut self) -> Result<Vec<Value>, Failure> {
        let path = self.pools_path();
        self.arm.list(&path).await
    }

    /// One pool as JSON to be changed and sent back.
    pub async fn pool(&mut self, pool: &str) -> Result<Json, Failure> {
        let path = self.pool_path(pool, "");
        self.arm.get(&path).await?.read()
    }

    /// Whether a pool of that name is in the list, in any case: what az looks up before it deletes, stops or aborts.
    pub async fn has_pool(&mut self, pool: &str) -> Result<bool, Failure> {
        let is_meant = |known: &Value| known.field("name").as_text().is_some_and(|name| name.eq_ignore_ascii_case(pool));
        Ok(self.pools().await?.iter().any(is_meant))
    }

    /// Sends the properties of a pool, waits unless told not to, and prints the pool.
    pub async fn put(mut self, pool: &OfPool, properties: Json, headers: &Headers, no_wait: bool) -> Result<(), Failure> {
        let path = self.pool_path(&pool.name, "");
        let body = serde_json::json!({ "properties": properties });
        self.run(Method::PUT, path, headers, Some(&body), pool, no_wait).await
    }

    /// Sends a request that starts an operation, waits unless told not to, and prints what it left.
    pub async fn run(
        &mut self,
        method: Method,
        path: String,
        headers: &Headers,
        body: Option<&Json>,
        pool: &OfPool,
        no_wait: bool,
    ) -> Result<(), Failure> {
        let overriding = (HeaderName::from_static("x-nodelane-override-managed-by"), HeaderValue::from_static("true"));
        let mut headers = headers.clone();
        headers.extend(pool.override_managed_by.then_some(overriding));
        let answer = self.arm.send(&method, &path, &headers, body).await?;
        let answer = answer.accepted()?;
        if no_wait || answer.status == StatusCode::NO_CONTENT {
            return Ok(());
        }
        let mut progress = Progress::new(format!("node pool {}", pool.name));
        let outcome = Running { method, path, answer }.finish(&mut self.arm, &mut progress).await;
        drop(progress);
        match outcome? {
            Outcome::Resource(resource) => print(&Shape::Pool.result(&resource), Columns::Sorted, &pool.cluster.printing),
            Outcome::Nothing => Ok(()),
        }
    }
}

impl Conditions {
    /// The headers of `--if-match`, `--if-none-match` and `--aks-custom-headers`; an eTag is sent in quotes.
    pub fn headers(&self) -> Result<Headers, Failure> {
        let mut headers = custom_headers(self.aks_custom_headers.as_deref())?;
        headers.extend(if_match(self.if_match.as_deref())?);
        if let (None, Some(tag)) = (&self.if_match, &self.if_none_match) {
            headers.push((IF_NONE_MATCH, value(&quoted(tag))?));
        }
        Ok(headers)
    }
}

/// The header of `--if-match`.
pub fn if_match(tag: Option<&str>) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
    tag.map(|tag| Ok((IF_MATCH, value(&quoted(tag))?))).transpose()
}

fn quoted(tag: &str) -> String {
    let is_ready = tag == "*" || tag.starts_with("W/") || (tag.starts_with('"') && tag.ends_with('"'));
    if is_ready { tag.to_owned() } else { format!("\"{tag}\"") }
}

/// `K=V,K2=V2`; equal keys are joined by a comma.
fn custom_headers(pairs: Option<&str>) -> Result<Headers, Failure> {
    let mut headers: Vec<(HeaderName, String)> = Vec::new();
    for pair in pairs.unwrap_or_default().split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        if text.trim().is_empty() {
            return Err(Failure::refused(format!(
                "Empty value not allowed. The value '' of key '{name}' in '{pair}' is empty. Raw input '{}'.",
                pairs.unwrap_or_default()
            )));
        }
        let name: HeaderName = name.trim().parse().map_err(|_| Failure::refused(format!("{name:?} is not the name of a header")))?;
        match headers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, joined)) => joined.push_str(&format!(",{}", text.trim())),
            None => headers.push((name, text.trim().to_owned())),
        }
    }
    headers.into_iter().map(|(name, text)| Ok((name, value(&text)?))).collect()
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| Failure::refused(format!("{text:?} cannot be sent in a header")))
}

/// Prints a result as `-o` and `--query` say.
pub fn print(result: &Value, columns: Columns, printing: &Printing) -> Result<(), Failure> {
    let queried = printing.query.as_ref().map(|query| query.search(result)).transpose()?;
    let rendering = Rendering {
        format: printing.format,
        columns,
        is_query: queried.is_some(),
        is_terminal: stdout().is_terminal(),
        result: queried.as_ref().unwrap_or(result),
    };
    let _ = stdout().write_all(rendering.text().as_bytes()); // a reader that went away (`| head`) is no error
    Ok(())
}
