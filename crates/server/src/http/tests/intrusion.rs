//! Every route against every attack of a web page (security T1): all refused; the same requests without the attack
//! are not, so the table would notice a guard that refuses everything as well as one that is missing.
//!
//! Expected values come from a real peer or from the documents that the case names, never from our own output.
//! Not here: what other test files of this room cover.

use super::*;

/// Method and path of each kind of route, with the content type that its honest client sends.
const ARM: [(&str, &str, &str); 14] = [
    ("GET", "/healthz", ""),
    ("GET", "/metadata/endpoints?api-version=2022-09-01", ""),
    ("GET", "/msi/token?resource=x", ""),
    ("GET", "/adfs/.well-known/openid-configuration", ""),
    ("GET", "/common/v2.0/.well-known/openid-configuration", ""),
    ("GET", "/adfs/discovery/keys", ""),
    ("POST", "/adfs/oauth2/token", "application/x-www-form-urlencoded"),
    ("POST", "/common/oauth2/v2.0/token", "application/x-www-form-urlencoded"),
    ("GET", "/subscriptions?api-version=2022-12-01", ""),
    ("PUT", "/subscriptions/s/resourceGroups/g/providers/p/managedClusters/c/agentPools/a", "application/json"),
    ("POST", "/subscriptions/s/resourceGroups/g/providers/p/managedClusters/c/agentPools/a/abort", ""),
    ("DELETE", "/subscriptions/s/resourceGroups/g/providers/p/managedClusters/c/agentPools/a", ""),
    ("OPTIONS", "/subscriptions", ""),
    ("GET", "/none/such", ""),
];
const KUBERNETES: [(&str, &str, &str); 8] = [
    ("GET", "/healthz", ""),
    ("GET", "/version", ""),
    ("GET", "/api/v1/nodes", ""),
    ("GET", "/api/v1/pods?watch=1", ""),
    ("POST", "/api/v1/namespaces/default/pods", "application/json"),
    ("POST", "/api/v1/namespaces/default/pods/p/eviction", "application/json"),
    ("PATCH", "/api/v1/nodes/n", "application/merge-patch+json"),
    ("OPTIONS", "/api", ""),
];

/// Name, headers that replace the honest ones, and the status.
type Attack = (&'static str, &'static [(&'static str, &'static str)], u16);
const ATTACKS: [Attack; 9] = [
    ("rebinding", &[("host", "evil.example:8443")], 421),
    ("rebinding to a look-alike", &[("host", "localhost.evil.example")], 421),
    ("foreign page", &[("origin", "https://evil.example")], 403),
    ("sandboxed page", &[("origin", "null")], 403),
    ("page of another local server", &[("origin", "http://localhost:3000")], 403),
    ("image or link of a foreign page", &[("sec-fetch-site", "cross-site")], 403),
    ("page of another local port", &[("sec-fetch-site", "same-site")], 403),
    ("preflight", &[("origin", "https://evil.example"), ("access-control-request-method", "PUT")], 403),
    ("websocket", &[("origin", "https://evil.example"), ("upgrade", "websocket"), ("connection", "upgrade")], 403),
];

fn request(route: (&str, &str, &str), bearer: &str, attack: &[(&str, &str)]) -> http::request::Builder {
    let (method, path, content_type) = route;
    let mut headers = vec![("host", "localhost:8443"), ("authorization", bearer)];
    if !content_type.is_empty() {
        headers.push(("content-type", content_type));
    }
    headers.retain(|(name, _)| !attack.iter().any(|(other, _)| other == name));
    headers.extend_from_slice(attack);
    let empty = http::Request::builder().method(method).uri(path);
    headers.into_iter().fold(empty, |request, (name, value)| request.header(name, value))
}

#[tokio::test]
async fn every_attack_is_refused_on_every_route_even_with_a_good_bearer() {
    let scratch = scratch();
    let realms = [(&scratch.arm, scratch.arm_bearer(), &ARM[..]), (&scratch.kubernetes, scratch.cluster_bearer(), &KUBERNETES[..])];
    for (edge, bearer, routes) in realms {
        for &route in routes {
            let honest = call(edge, request(route, &bearer, &[]), "").await.status();
            assert!(honest != 421 && honest != 403, "{route:?} {honest}");
            for (name, headers, status) in ATTACKS {
                let answer = call(edge, request(route, &bearer, headers), "").await;
                assert_eq!(answer.status(), status, "{name} on {route:?}");
                let leaks = answer.headers().keys().any(|key| key.as_str().starts_with("access-control-"));
                assert!(!leaks, "{name} on {route:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_cannot_write_with_simple_content_even_from_our_own_origin() {
    let scratch = scratch();
    let own = ("origin", "https://localhost:8443");
    for (edge, routes) in [(&scratch.arm, &ARM[..]), (&scratch.kubernetes, &KUBERNETES[..])] {
        for &route in routes.iter().filter(|(method, ..)| !["GET", "OPTIONS"].contains(method)) {
            for simple in ["text/plain", "text/plain;charset=UTF-8", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
            {
                let attack = [own, ("content-type", simple)];
                let answer = call(edge, request(route, "", &attack), "").await;
                assert_eq!(answer.status(), 403, "{simple} on {route:?}");
            }
        }
    }
}
