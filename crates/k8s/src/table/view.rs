//! Tables of stored documents, written as bytes.
//!
//! A page of pods is mostly specifications and labels, of which the cells show a little: the cells of a pod come from the typed
//! document, a node is cut down to what `node` reads before it becomes a value, and metadata is written without becoming a value at
//! all. Other kinds are few or small and stay whole. Invariant (tested on the golden objects): the table is that of the whole objects.

use super::{IncludeObject, Printer, columns, pod};
use nodelane_model::{Body, Doc, Rest, Time, codec};
use serde::Serialize;
use serde_json::{Value, json};

/// A table as JSON. `list_meta` is as in [`super::table`]; a watch shows the columns with its first event only.
pub fn encode_table<'a>(
    printer: Printer,
    list_meta: &Value,
    with_columns: bool,
    docs: impl Iterator<Item = &'a Doc>,
    now: Time,
    include: IncludeObject,
) -> Vec<u8> {
    let columns = if with_columns { Value::from(columns(printer)) } else { Value::Null };
    let mut out = br#"{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":"#.to_vec();
    write(&mut out, list_meta);
    out.extend_from_slice(br#","columnDefinitions":"#);
    write(&mut out, &columns);
    out.extend_from_slice(br#","rows":["#);
    for (index, doc) in docs.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_row(&mut out, printer, doc, now, include);
    }
    out.extend_from_slice(b"]}");
    out
}

fn write_row(out: &mut Vec<u8>, printer: Printer, doc: &Doc, now: Time, include: IncludeObject) {
    let (cells, conditions) = match &doc.body {
        Body::Pod(pod) => (pod::doc_cells(doc, pod, now), pod::phase_conditions(pod.status.phase)),
        _ => {
            let printed = printed(doc);
            ((printer.cells)(&printed, now), (printer.conditions)(&printed))
        }
    };
    out.extend_from_slice(br#"{"cells":"#);
    write(out, &cells);
    if !conditions.is_empty() {
        out.extend_from_slice(br#","conditions":"#);
        write(out, &conditions);
    }
    out.extend_from_slice(br#","object":"#);
    match include {
        IncludeObject::None => out.extend_from_slice(b"null"),
        IncludeObject::Metadata => out.extend_from_slice(&encode_partial_object(doc)),
        IncludeObject::Object => out.extend_from_slice(codec::encode(doc)),
    }
    out.push(b'}');
}

/// `PartialObjectMetadata` of a document, as JSON.
pub fn encode_partial_object(doc: &Doc) -> Vec<u8> {
    let bare = Doc::new(doc.key.clone(), doc.revision, doc.meta.clone(), Body::Opaque(Rest::new()));
    let whole = codec::encode(&bare);
    // The model writes apiVersion and kind first and, for want of a body, nothing behind the metadata.
    let metadata = br#""metadata":"#;
    let at = whole.windows(metadata.len()).position(|window| window == metadata).expect("documents have metadata");
    let mut out = br#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","#.to_vec();
    out.extend_from_slice(&whole[at..]);
    out
}

/// What the cells of a document that is no pod are made of.
fn printed(doc: &Doc) -> Value {
    let Some(node) = doc.as_node() else { return codec::to_value(doc) };
    let created = (doc.meta.created != Time(0)).then_some(doc.meta.created);
    let status = &node.status;
    json!({
        "metadata": {"name": doc.key.name, "creationTimestamp": created, "labels": *doc.meta.labels},
        "spec": {"unschedulable": node.spec.unschedulable},
        "status": {"conditions": status.conditions, "addresses": status.addresses, "nodeInfo": status.node_info},
    })
}

fn write(out: &mut Vec<u8>, part: &impl Serialize) {
    serde_json::to_writer(out, part).expect("writing to memory");
}
