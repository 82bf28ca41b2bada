//! ImageLocality: nodes that have the pod's images, by size, less so where few nodes have them.
//!
//! An image counts with its size times the share of nodes that have it, so that one node with an image does not draw all pods. Nodes
//! that share a list of images share the score. Images are compared by their written names; a missing tag is `latest`.

use super::MAX;
use crate::images::ImageList;
use crate::profile::Profile;
use crate::session::Session;

const MIB: i64 = 1024 * 1024;
/// Sums below this count as nothing.
const LEAST: i64 = 23 * MIB;
/// Sums above this per container count no more.
const MOST_PER_CONTAINER: i64 = 1000 * MIB;

/// The score by image list, in the order of the session's lists.
pub(crate) fn scores(profile: &Profile, session: &Session) -> Vec<i64> {
    let spec = profile.spec();
    let containers = spec.init_containers.len() + spec.containers.len();
    let mounted = spec.volumes.iter().filter_map(|volume| volume.rest.get("image")?.get("reference")?.as_str());
    let images = spec.init_containers.iter().chain(&spec.containers).map(|container| container.image.as_str());
    let images: Vec<String> = images.chain(mounted).map(tagged).collect();
    let nodes_with = |image: &String| {
        let lists = session.images.lists.iter().filter(|list| size_of(list, image).is_some());
        lists.map(|list| list.nodes).sum::<u32>()
    };
    let spread: Vec<f64> = images.iter().map(|image| f64::from(nodes_with(image)) / session.roster.len() as f64).collect();
    let score = |list: &ImageList| {
        let sizes = images.iter().zip(&spread).filter_map(|(image, spread)| Some((size_of(list, image)? as f64 * spread) as i64));
        scaled(sizes.sum(), containers as i64)
    };
    session.images.lists.iter().map(score).collect()
}

fn scaled(sum: i64, containers: i64) -> i64 {
    let most = MOST_PER_CONTAINER * containers;
    // Not `clamp`: a pod has a container, but nothing here relies on it.
    let sum = sum.min(most).max(LEAST);
    MAX * (sum - LEAST) / (most - LEAST)
}

fn size_of(list: &ImageList, image: &str) -> Option<i64> {
    list.images.iter().rev().find(|known| known.names.iter().any(|name| name == image)).map(|known| known.size_bytes)
}

/// The image with a tag: `latest` where it has none.
fn tagged(image: &str) -> String {
    let has_tag = image.rfind(':').is_some_and(|colon| image.rfind('/').is_none_or(|slash| colon > slash));
    if has_tag { image.into() } else { format!("{image}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_the_registry_is_no_tag() {
        assert_eq!(tagged("registry:5000/app"), "registry:5000/app:latest");
        assert_eq!(tagged("registry:5000/app:v1"), "registry:5000/app:v1");
        assert_eq!(tagged("pause"), "pause:latest");
    }

    #[test]
    fn sums_are_scaled_between_23_and_1000_mebibytes_a_container() {
        assert_eq!(scaled(22 * MIB, 1), 0);
        assert_eq!(scaled(1000 * MIB, 1), 100);
        assert_eq!(scaled(5000 * MIB, 2), 100);
    }
}
