//! Which representation a client gets: the `Accept` header against what an endpoint can offer.
//!
//! Invariants: the clause with the highest `q` that can be served wins, the earlier of equals first; a missing header and
//! `*/*` mean JSON. Offered are JSON and YAML; protobuf and CBOR are not, so a client that insists on them meets 406.
//! Not here: `Content-Type` of request bodies (patch and request).

use crate::status::Status;

/// How the body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`
    Json,
    /// `application/yaml`
    Yaml,
}

/// What is shown of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The objects themselves.
    Object,
    /// `metav1.Table`.
    Table,
    /// `metav1.PartialObjectMetadata`.
    PartialObject,
    /// `metav1.PartialObjectMetadataList`.
    PartialObjectList,
    /// `APIGroupDiscoveryList`, discovery endpoints only.
    AggregatedDiscovery,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// How.
    pub encoding: Encoding,
    /// What.
    pub shape: Shape,
}

impl Negotiated {
    /// The `Content-Type` header of the answer.
    pub fn content_type(self) -> &'static str {
        match (self.shape, self.encoding) {
            (Shape::AggregatedDiscovery, _) => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            (_, Encoding::Json) => "application/json",
            (_, Encoding::Yaml) => "application/yaml",
        }
    }
}

/// The media types of object endpoints, for error texts.
pub const OFFERED: &[&str] = &["application/json", "application/yaml"];

#[derive(Default)]
struct Clause<'a> {
    media: &'a str,
    group: &'a str,
    version: &'a str,
    shape: &'a str,
    quality_milli: u32,
}

fn clause(text: &str) -> Clause<'_> {
    let mut parts = text.split(';').map(str::trim);
    let mut clause = Clause { media: parts.next().unwrap_or_default(), quality_milli: 1000, ..Clause::default() };
    for (name, value) in parts.filter_map(|part| part.split_once('=')) {
        let value = value.trim_matches('"');
        match name.trim() {
            "as" => clause.shape = value,
            "g" => clause.group = value,
            "v" => clause.version = value,
            "q" => clause.quality_milli = value.parse::<f64>().map_or(0, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32),
            _ => {}
        }
    }
    clause
}

/// Chooses among the offered `shapes` (`Object` is always offered). The error is the 406.
pub fn negotiate(accept: Option<&str>, shapes: &[Shape]) -> Result<Negotiated, Status> {
    let header = accept.map(str::trim).filter(|header| !header.is_empty()).unwrap_or("*/*");
    let mut clauses: Vec<Clause<'_>> = header.split(',').map(clause).filter(|clause| clause.quality_milli > 0).collect();
    clauses.sort_by_key(|clause| std::cmp::Reverse(clause.quality_milli));
    let refusal = || match clauses.iter().any(|clause| encoding(clause).is_some()) {
        true => Status::not_acceptable_shape(OFFERED),
        false => Status::not_acceptable(OFFERED),
    };
    clauses.iter().find_map(|clause| serve(clause, shapes)).ok_or_else(refusal)
}

fn encoding(clause: &Clause<'_>) -> Option<Encoding> {
    match clause.media {
        "*/*" | "application/*" | "application/json" => Some(Encoding::Json),
        "application/yaml" => Some(Encoding::Yaml),
        _ => None,
    }
}

fn serve(clause: &Clause<'_>, shapes: &[Shape]) -> Option<Negotiated> {
    let encoding = encoding(clause)?;
    let shape = match (clause.shape, clause.group, clause.version) {
        ("", _, _) => {
            return Some(Negotiated { encoding, shape: Shape::Object });
        }
        ("Table", "meta.k8s.io", "v1") => Shape::Table,
        ("PartialObjectMetadata", "meta.k8s.io", "v1") => Shape::PartialObject,
        ("PartialObjectMetadataList", "meta.k8s.io", "v1") => Shape::PartialObjectList,
        ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2") => Shape::AggregatedDiscovery,
        _ => return None,
    };
    let served = shapes.contains(&shape) && (shape != Shape::AggregatedDiscovery || encoding == Encoding::Json);
    served.then_some(Negotiated { encoding, shape })
}
