//! The nodes of a session by number, and their order by name, while nodes come and go.
//!
//! A number is a node's for good: columns are indexed by it, and what is kept by it stays true. A node that goes leaves its number behind,
//! for the node of the same name should it come back. Ranks only ever say which of two is first by name; they are not dense.

use nodelane_model::Name;

/// The nodes by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    names: Vec<Name>,
    is_here: Vec<bool>,
    /// Numbers in order of name, of nodes that went too.
    order: Vec<u32>,
    /// The place in `order` by number.
    ranks: Vec<u32>,
    here: usize,
}

impl Roster {
    /// Nodes that are numbered in order of name.
    pub fn new(names: impl Iterator<Item = Name>) -> Roster {
        let names: Vec<Name> = names.collect();
        let here = names.len();
        let numbers: Vec<u32> = (0..here as u32).collect();
        Roster { names, is_here: vec![true; here], order: numbers.clone(), ranks: numbers, here }
    }
    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.here
    }
    /// How many numbers there are, of nodes that went too.
    pub fn numbers(&self) -> usize {
        self.names.len()
    }
    /// Whether the node of a number is there.
    pub fn has(&self, node: u32) -> bool {
        self.is_here[node as usize]
    }
    /// The nodes that are there, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.order.iter().copied().filter(|node| self.has(*node))
    }
    /// By number: the less, the earlier by name.
    pub fn ranks(&self) -> &[u32] {
        &self.ranks
    }
    /// The number of the node of that name, where it is there.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.named(name).find(|node| self.has(*node))
    }
    /// All numbers of nodes of that name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = u32> + 'a {
        let first = self.order.partition_point(|node| self.names[*node as usize].as_str() < name);
        self.order[first..].iter().copied().take_while(move |node| self.names[*node as usize] == name)
    }
    /// Gives a node that comes a number that nobody had.
    pub fn add(&mut self, name: Name) -> u32 {
        let node = self.names.len() as u32;
        let at = self.order.partition_point(|other| self.names[*other as usize] < name);
        self.order.insert(at, node);
        for rank in &mut self.ranks {
            *rank += u32::from(*rank >= at as u32);
        }
        self.ranks.push(at as u32);
        self.names.push(name);
        self.is_here.push(true);
        self.here += 1;
        node
    }
    /// A node of that number is there again, or goes.
    pub fn set(&mut self, node: u32, is_here: bool) {
        let was = std::mem::replace(&mut self.is_here[node as usize], is_here);
        self.here = self.here + usize::from(is_here) - usize::from(was);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_in_order_of_name_whenever_they_came() {
        let mut roster = Roster::new(["b", "d"].into_iter().map(Name::new));
        assert_eq!((roster.add("c".into()), roster.add("a".into()), roster.add("e".into())), (2, 3, 4));
        assert_eq!(roster.iter().collect::<Vec<_>>(), [3, 0, 2, 1, 4]);
        roster.set(2, false);
        assert_eq!((roster.iter().collect::<Vec<_>>(), roster.len(), roster.numbers()), (vec![3, 0, 1, 4], 4, 5));
        assert_eq!((roster.find("c"), roster.find("d"), roster.named("c").next()), (None, Some(1), Some(2)));
        assert_eq!(roster.add("bb".into()), 5);
        let mut by_rank: Vec<u32> = (0..6).collect();
        by_rank.sort_by_key(|node| roster.ranks()[*node as usize]);
        assert_eq!(by_rank, [3, 0, 5, 2, 1, 4]);
    }
}
