//! ARM with our credentials: a token on the same connection, then JSON.
//!
//! Invariants: the token lives as long as the command; no file caches it, so there is none to steal, and it costs one
//! round trip on a loopback connection. Every path gets the api-version of az 2.91,
//! unless a command names a preview.

use ::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use ::http::{Method, StatusCode};
use nodelane_server::files;
use serde_json::Value as Json;

use super::{Answer, Connection, Http, Inside};
use crate::az::{Failure, Value};

/// The api-version that az 2.91 uses for everything of AKS.
pub const API_VERSION: &str = "2026-06-01";
const SUBSCRIPTIONS: &str = "/subscriptions?api-version=2022-12-01";
const SCOPE: &str = "https%3A%2F%2Fmanagement.core.windows.net%2F%2F.default";

/// How requests get there.
enum Wire {
    /// By a connection to a server.
    Network(Http),
    /// By a call in this process.
    Inside(Inside),
}

/// An open, authenticated way to ARM, and the subscription that is meant.
pub struct Arm {
    wire: Wire,
    /// The subscription's id.
    pub subscription: String,
    /// The api-version of paths.
    pub version: &'static str,
}

impl Arm {
    /// Gets a token and finds the subscription: the one named (id or name), the shell's, the one chosen in az, or the
    /// first.
    pub async fn open(connection: &Connection, subscription: Option<&str>) -> Result<Self, Failure> {
        let mut http = Http::new(&connection.authority, &connection.roots)?;
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={SCOPE}",
            encoded(&connection.client_id),
            encoded(&connection.client_secret)
        );
        let path = format!("/{}/oauth2/v2.0/token", encoded(&connection.tenant_id));
        let content = [(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))];
        let answer = http.send(&Method::POST, &path, &content, Some(form.as_bytes())).await?;
        if answer.status != StatusCode::OK {
            let refusal = Failure::from_response(answer.status, &answer.body).message;
            return Err(Failure::refused(format!(
                "the server does not accept our credentials: {refusal}\nRun `eval \"$(nodelane env)\"` again."
            )));
        }
        let token: Json = answer.read()?;
        http.authorize(token["access_token"].as_str().unwrap_or_default())?;
        let mut arm = Self { wire: Wire::Network(http), subscription: String::new(), version: API_VERSION };
        arm.subscription = arm.choose(connection, subscription).await?;
        Ok(arm)
    }

    /// ARM as it is in this process, with the subscription of this id, or the account's first one.
    pub fn inside(inside: Inside, subscription: Option<&str>) -> Self {
        let first = nodelane_server::process::FIRST_SUBSCRIPTION;
        let subscription = subscription.filter(|named| is_guid(named)).unwrap_or(first).to_owned();
        Self { wire: Wire::Inside(inside), subscription, version: API_VERSION }
    }

    async fn choose(&mut self, connection: &Connection, named: Option<&str>) -> Result<String, Failure> {
        if let Some(id) = named.filter(|named| is_guid(named)) {
            return Ok(id.to_owned());
        }
        if let (None, Some(id)) = (named, &connection.subscription) {
            return Ok(id.clone());
        }
        let profile = connection.paths.client_dir().join("azure").join("azureProfile.json");
        let profile = files::read_if_present(&profile).ok().flatten();
        let profile: Json = profile.and_then(|text| serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()).unwrap_or_default();
        let known = profile["subscriptions"].as_array().cloned().unwrap_or_default();
        let is_meant = |entry: &&Json| match named {
            Some(name) => entry["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)),
            None => entry["isDefault"] == true,
        };
        if let Some(id) = known.iter().find(is_meant).and_then(|entry| entry["id"].as_str()) {
            return Ok(id.to_owned());
        }
        let list: Json = self.get(SUBSCRIPTIONS).await?.read()?;
        let listed = list["value"].as_array().cloned().unwrap_or_default();
        let is_meant =
            |entry: &&Json| named.is_none_or(|name| entry["displayName"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)));
        let found = listed.iter().find(is_meant).and_then(|entry| entry["subscriptionId"].as_str());
        found.map(str::to_owned).ok_or_else(|| {
            let named = named.unwrap_or("(default)");
            Failure::refused(format!("Subscription '{named}' not found. Check the spelling and casing and try again."))
        })
    }

    /// `/subscriptions/{s}{rest}?api-version=…`
    pub fn path(&self, rest: &str) -> String {
        format!("/subscriptions/{}{rest}?api-version={}", encoded(&self.subscription), self.version)
    }

    /// Any request; the answer may be a refusal.
    pub async fn send(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Option<&Json>,
    ) -> Result<Answer, Failure> {
        let body = body.map(Json::to_string);
        let body = body.as_deref().map(str::as_bytes);
        match &mut self.wire {
            Wire::Network(http) => http.send(method, path, headers, body).await,
            Wire::Inside(inside) => inside.send(method, path, headers, body).await,
        }
    }

    /// GET; a refusal is an error.
    pub async fn get(&mut self, path: &str) -> Result<Answer, Failure> {
        self.send(&Method::GET, path, &[], None).await?.accepted()
    }

    /// All elements of a list, page by page.
    pub async fn list(&mut self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut elements = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let page: Value = self.get(&path).await?.read()?;
            elements.extend(page.field("value").elements().iter().cloned());
            next = page.field("nextLink").as_text().filter(|link| !link.is_empty()).map(path_of).transpose()?;
        }
        Ok(elements)
    }
}

/// The path and query of an absolute address: we stay on our own connection, whatever host a link names.
pub(super) fn path_of(link: &str) -> Result<String, Failure> {
    let uri: ::http::Uri = link.parse().map_err(|_| Failure::refused(format!("the server sent a bad link: {link}")))?;
    Ok(uri.path_and_query().map_or("/", |path| path.as_str()).to_owned())
}

fn is_guid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Percent-encodes one segment of a path or form, as Azure's clients do.
pub fn encoded(segment: &str) -> String {
    let mut text = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
