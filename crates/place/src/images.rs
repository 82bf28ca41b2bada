//! The lists of container images that nodes have, each once for all nodes that share it.
//!
//! Lists are told apart by address, which they keep from being used again; empty ones are one. A list that no node has any more stays, with
//! a count of 0.

use nodelane_model::node::Image;
use nodelane_world::NodeRow;
use std::collections::HashMap;
use std::sync::Arc;

/// Images that nodes have in common.
#[derive(Debug)]
pub(crate) struct ImageList {
    pub images: Arc<Vec<Image>>,
    /// How many nodes have this list.
    pub nodes: u32,
}

/// The lists, and which node has which.
#[derive(Debug, Default)]
pub(crate) struct ImageLists {
    pub lists: Vec<ImageList>,
    /// The list by node.
    pub of: Vec<u32>,
    by_address: HashMap<usize, u32>,
}

impl ImageLists {
    pub fn new(rows: &[NodeRow]) -> ImageLists {
        let mut lists = ImageLists::default();
        rows.iter().zip(0..).for_each(|(row, node)| lists.add(node, row));
        lists
    }
    /// Whether no node has images.
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(|list| list.images.is_empty())
    }
    /// Takes up the list of a node that is there now; its number may be the next.
    pub fn add(&mut self, node: u32, row: &NodeRow) {
        let images = row.doc.as_node().map(|node| node.status.images.clone()).unwrap_or_default();
        let address = if images.is_empty() { 0 } else { Arc::as_ptr(&images) as usize };
        let at = *self.by_address.entry(address).or_insert_with(|| {
            self.lists.push(ImageList { images, nodes: 0 });
            self.lists.len() as u32 - 1
        });
        self.lists[at as usize].nodes += 1;
        if self.of.len() <= node as usize {
            self.of.resize(node as usize + 1, at);
        }
        self.of[node as usize] = at;
    }
    /// Takes up that a node went, or is about to have another list.
    pub fn remove(&mut self, node: u32) {
        self.lists[self.of[node as usize] as usize].nodes -= 1;
    }
}
