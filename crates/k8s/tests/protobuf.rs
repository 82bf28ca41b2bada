//! Objects that client-go wrote in both encodings must mean the same here.
//!
//! The golden file is client-go's own output (`conformance/protobuf-schema`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nodelane_k8s::protobuf::to_json;
use serde_json::{Value, json};

fn cases() -> Vec<(Vec<u8>, Value)> {
    let golden: Vec<Value> = serde_json::from_str(include_str!("golden/protobuf.json")).expect("golden");
    let case = |case: &Value| {
        let bytes = STANDARD.decode(case["protobuf"].as_str().expect("text")).expect("base64");
        (bytes, case["json"].clone())
    };
    golden.iter().map(case).collect()
}

/// Go's JSON shows empty structures that are no pointers, and null for no time; to us both are absent.
fn without_empty_structures(value: &mut Value) {
    const STRUCTURES: [&str; 9] = ["status", "resources", "strategy", "spec", "loadBalancer", "metadata", "state", "lastState", "nodeInfo"];
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(without_empty_structures);
            map.retain(|key, value| !(value.is_null() || STRUCTURES.contains(&key.as_str()) && *value == json!({})));
        }
        Value::Array(list) => list.iter_mut().for_each(without_empty_structures),
        _ => {}
    }
}

#[test]
fn a_protobuf_body_is_the_json_body_of_the_same_client() {
    for (bytes, mut theirs) in cases() {
        let mut ours = to_json(&bytes).expect("readable");
        without_empty_structures(&mut ours);
        without_empty_structures(&mut theirs);
        let show = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
        assert_eq!(show(&ours), show(&theirs));
    }
}

#[test]
fn a_body_cut_anywhere_or_with_a_flipped_bit_is_refused_or_read_but_never_panics() {
    for (bytes, _) in cases() {
        for end in 0..bytes.len() {
            let _ = to_json(&bytes[..end]);
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = to_json(&flipped);
        }
    }
}

#[test]
fn what_is_no_kubernetes_object_is_a_bad_request_that_says_so() {
    for (body, words) in [
        (&b"{}"[..], "does not begin with k8s"),
        (b"k8s\0\xff", "envelope is malformed"),
        (b"k8s\0\x0a\x07\x0a\x02v1\x12\x01X", "no kind \"X\" of \"v1\""),
        (b"k8s\0\x0a\x09\x0a\x02v1\x12\x03Pod\x12\x02\x0a\x7f", "it is no Pod"),
    ] {
        let status = to_json(body).expect_err("refused");
        assert_eq!(status.code, 400);
        assert!(status.message.contains(words), "{}", status.message);
    }
}
