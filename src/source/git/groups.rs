//! What belongs to each of many nodes, as two arrays: a history has millions of them.

/// The members of node n are `all[starts[n]..starts[n + 1]]`.
pub(super) struct Groups {
    starts: Vec<u32>,
    all: Vec<u32>,
}

impl Groups {
    /// Those of `count` nodes, of which `links` gives node and member of each, twice the same. Members keep their
    /// order.
    pub(super) fn of<L: Iterator<Item = (u32, u32)>>(count: usize, links: impl Fn() -> L) -> Self {
        // Each start stands one place behind its own until the members before it are filled in.
        let mut starts = vec![0_u32; count + 2];
        links().for_each(|(node, _)| starts[node as usize + 2] += 1);
        for at in 2..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut all = vec![0; starts.last().copied().unwrap_or(0) as usize];
        for (node, member) in links() {
            let slot = &mut starts[node as usize + 1];
            all[*slot as usize] = member;
            *slot += 1;
        }
        starts.pop();
        Self { starts, all }
    }

    /// Sorts the members of each node; equal ones keep their order.
    pub(super) fn sort_by_key(&mut self, key: impl Fn(u32) -> u32) {
        for pair in self.starts.windows(2) {
            self.all[pair[0] as usize..pair[1] as usize].sort_by_key(|member| key(*member));
        }
    }

    /// The members of `node`.
    pub(super) fn get(&self, node: u32) -> &[u32] {
        &self.all[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_its_members_in_order() {
        let links = [(2, 9), (0, 4), (2, 1), (4, 7), (2, 5), (0, 3)];
        let mut groups = Groups::of(6, || links.into_iter());
        let all =
            |groups: &Groups| (0..6).map(|node| groups.get(node).to_vec()).collect::<Vec<_>>();
        let expected = [vec![4, 3], vec![], vec![9, 1, 5], vec![], vec![7], vec![]];
        assert_eq!(all(&groups), expected);
        groups.sort_by_key(|member| member / 4);
        let sorted = [vec![3, 4], vec![], vec![1, 5, 9], vec![], vec![7], vec![]];
        assert_eq!(all(&groups), sorted);
        assert!(Groups::of(1, std::iter::empty).get(0).is_empty());
    }
}
