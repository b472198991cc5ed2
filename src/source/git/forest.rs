//! The entries of a pack as a forest: what builds on each, as arrays.

use crate::source::git::pack::Pack;

/// No base: a root, or an entry that cannot be read.
pub(super) const NONE: u32 = u32::MAX;

/// Node (offset order) of each position in id order.
pub(super) fn inverse(pack: &Pack) -> Vec<u32> {
    let mut nodes = vec![0; pack.len()];
    for (node, &at) in (0..).zip(pack.by_offset()) {
        nodes[at as usize] = node;
    }
    nodes
}

/// Children of every node as one array, those with the fewest descendants first.
pub(super) fn order_children(base: &[u32], weight: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; base.len() + 1];
    for &parent in base.iter().filter(|&&parent| parent != NONE) {
        starts[parent as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut fill = starts.clone();
    let mut children = vec![0; starts.last().copied().unwrap_or(0) as usize];
    for (node, &parent) in (0..).zip(base).filter(|(_, parent)| **parent != NONE) {
        let slot = &mut fill[parent as usize];
        children[*slot as usize] = node;
        *slot += 1;
    }
    for pair in starts.windows(2) {
        let range = pair[0] as usize..pair[1] as usize;
        children[range].sort_by_key(|&child: &u32| weight[child as usize]);
    }
    (starts, children)
}

/// Number of descendants of every node. A base may stand after its delta, so nodes are taken once
/// all their children were.
pub(super) fn weights(base: &[u32]) -> Vec<u32> {
    let mut open = vec![0_u32; base.len()];
    for &parent in base.iter().filter(|&&parent| parent != NONE) {
        open[parent as usize] += 1;
    }
    let mut weight = vec![0_u32; base.len()];
    let mut ready: Vec<u32> = (0..).zip(&open).filter(|(_, o)| **o == 0).map(|(n, _)| n).collect();
    while let Some(node) = ready.pop() {
        let parent = base[node as usize];
        if parent != NONE {
            weight[parent as usize] += weight[node as usize] + 1;
            open[parent as usize] -= 1;
            if open[parent as usize] == 0 {
                ready.push(parent);
            }
        }
    }
    weight
}
