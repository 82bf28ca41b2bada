//! Keeps web pages away: what a browser can be made to send by a foreign page is refused on every route.
//!
//! Invariants: runs before anything else looks at a request, authentication included; admits no foreign `Host` (DNS
//! rebinding), no foreign `Origin` and no request that another site started (`Sec-Fetch-Site`), no body that a
//! page can send without asking first; no answer carries a CORS header (security T1).
//! Clients that are no browsers send neither `Origin` nor `Sec-Fetch-Site`. Credentials are not looked at here.

use http::header::{CONTENT_TYPE, HOST, HeaderMap, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, StatusCode};

/// The names by which we are reached; any port, so that a tunnel with another local port works.
const LOCAL_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// Content types that a page may send across origins without a preflight request (Fetch standard).
const SIMPLE_CONTENT: [&str; 3] = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"];

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Intrusion {
    /// `Host` or `:authority` is missing, ambiguous or not a name of this machine's loopback.
    #[error("the request's Host is not 127.0.0.1 or localhost")]
    ForeignHost,
    /// `Origin` is not our own.
    #[error("requests of other web origins are not accepted")]
    ForeignOrigin,
    /// A browser says that another site started the request.
    #[error("requests that another site started are not accepted")]
    CrossSite,
    /// A page's body in a content type that needs no preflight.
    #[error("this content type is not accepted from a web page")]
    SimpleContent,
}

impl Intrusion {
    /// 421 for a foreign host, 403 for the others.
    pub fn status(self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin | Self::CrossSite | Self::SimpleContent => StatusCode::FORBIDDEN,
        }
    }
}

/// Admits the request and returns the authority by which the client reached us, for absolute links.
pub fn admit(request: &Parts) -> Result<Authority, Intrusion> {
    let authority = local_authority(request)?;
    let own = format!("https://{authority}");
    let origin = single(&request.headers, ORIGIN.as_str(), Intrusion::ForeignOrigin)?;
    if origin.is_some_and(|origin| !origin.eq_ignore_ascii_case(&own)) {
        return Err(Intrusion::ForeignOrigin);
    }
    let site = single(&request.headers, "sec-fetch-site", Intrusion::CrossSite)?;
    // `none` is the address bar. `same-site` is another port of localhost: a stranger too.
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Intrusion::CrossSite);
    }
    let writes = !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if writes && (origin.is_some() || site.is_some()) && is_simple_content(&request.headers) {
        return Err(Intrusion::SimpleContent);
    }
    Ok(authority)
}

/// HTTP/1 has a `Host` header, HTTP/2 an `:authority`, and a request may have both: each must be local.
fn local_authority(request: &Parts) -> Result<Authority, Intrusion> {
    let host = single(&request.headers, HOST.as_str(), Intrusion::ForeignHost)?;
    let host = host.map(|host| host.parse::<Authority>().map_err(|_| Intrusion::ForeignHost)).transpose()?;
    let mut found = None;
    for authority in request.uri.authority().cloned().into_iter().chain(host) {
        let has_user = authority.as_str().contains('@');
        if has_user || !LOCAL_NAMES.iter().any(|name| authority.host().eq_ignore_ascii_case(name)) {
            return Err(Intrusion::ForeignHost);
        }
        found = Some(authority);
    }
    found.ok_or(Intrusion::ForeignHost)
}

fn is_simple_content(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.is_empty() || SIMPLE_CONTENT.iter().any(|simple| essence.eq_ignore_ascii_case(simple))
}

/// The value of a header that may occur once at most and must be text.
fn single<'a>(headers: &'a HeaderMap, name: &str, otherwise: Intrusion) -> Result<Option<&'a str>, Intrusion> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| otherwise),
        (Some(_), Some(_)) => Err(otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Authority, Intrusion> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_names_of_loopback_are_admitted_with_any_port() {
        for host in ["127.0.0.1:8443", "localhost:8443", "LOCALHOST", "[::1]:9", "127.0.0.1"] {
            assert_eq!(ask("GET", "/x", &[("host", host)]).unwrap().as_str(), host);
        }
        assert_eq!(ask("GET", "https://localhost:1/x", &[]).unwrap().as_str(), "localhost:1");
    }

    #[test]
    fn a_foreign_or_ambiguous_host_is_misdirected() {
        for host in [
            "evil.example",
            "evil.example:8443",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "evil.example@127.0.0.1",
            "0.0.0.0",
            "127.0.0.2",
            "2130706433",
            "169.254.169.254",
            "",
        ] {
            assert_eq!(ask("GET", "/x", &[("host", host)]), Err(Intrusion::ForeignHost), "{host}");
        }
        assert_eq!(ask("GET", "/x", &[]), Err(Intrusion::ForeignHost));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(ask("GET", "/x", &twice), Err(Intrusion::ForeignHost));
        let split = [("host", "localhost")];
        assert_eq!(ask("GET", "https://evil.example/x", &split), Err(Intrusion::ForeignHost));
    }

    #[test]
    fn only_our_own_origin_may_ask_and_never_with_simple_content() {
        let from = |origin, content_type| {
            let headers = [("host", "localhost:1"), ("origin", origin), ("content-type", content_type)];
            ask("POST", "/x", &headers).map(|_| ())
        };
        assert_eq!(from("https://localhost:1", "application/json"), Ok(()));
        assert_eq!(from("https://localhost:1", "Text/Plain; charset=x"), Err(Intrusion::SimpleContent));
        for origin in ["null", "https://localhost:2", "http://localhost:1", "https://127.0.0.1:1", "https://evil.example"] {
            assert_eq!(from(origin, "application/json"), Err(Intrusion::ForeignOrigin), "{origin}");
        }
        let untyped = [("host", "localhost:1"), ("origin", "https://localhost:1")];
        assert_eq!(ask("POST", "/x", &untyped), Err(Intrusion::SimpleContent));
        assert!(ask("GET", "/x", &untyped).is_ok());
    }

    #[test]
    fn what_another_site_started_is_refused() {
        for (site, admitted) in [("cross-site", false), ("same-site", false), ("same-origin", true), ("none", true)] {
            let headers = [("host", "localhost:1"), ("sec-fetch-site", site)];
            assert_eq!(ask("GET", "/x", &headers).is_ok(), admitted, "{site}");
        }
    }
}
