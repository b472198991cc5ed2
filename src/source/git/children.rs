//! What trees have in them, at eight bytes a child: a large history has millions of them.

use crate::source::git::objects::Number;

/// A tree or blob in a tree: its number and that of its name.
pub(crate) type Child = (u32, u32);

/// Children of one part. Parts are small enough to lie where the walk over blobs had its buffers.
const PART: usize = 1 << 16;

/// Trees with what they have in them, as they were added.
#[derive(Default)]
pub(crate) struct Children(Vec<Part>);

/// Some of the trees.
#[derive(Default)]
struct Part {
    /// A tree and how many of the next `children` are its own; a tree may stand here twice.
    trees: Vec<(Number, u32)>,
    children: Vec<Child>,
}

impl Children {
    /// Adds a child to `tree`. Those of one tree are best added one after the other.
    pub(crate) fn add(&mut self, tree: Number, child: Child) {
        if self.0.last().is_none_or(|part| part.children.len() == PART) {
            self.0.push(Part::default());
        }
        if let Some(part) = self.0.last_mut() {
            part.add(tree, child);
        }
    }

    /// Every child, with its tree.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Number, Child)> {
        self.trees().flat_map(|(tree, own)| own.iter().map(move |child| (tree, *child)))
    }

    /// The trees, each with children of its own; a tree may come twice.
    pub(crate) fn trees(&self) -> impl Iterator<Item = (Number, &[Child])> {
        self.0.iter().flat_map(Part::trees)
    }

    /// Gives every child the name that `names` has for the number of its name.
    pub(crate) fn rename(&mut self, names: &[u32]) {
        let children = self.0.iter_mut().flat_map(|part| &mut part.children);
        children.for_each(|(_, name)| *name = names[*name as usize]);
    }

    /// Drops the children that are not `wanted`, and their memory.
    pub(crate) fn retain(&mut self, wanted: impl Fn(u32) -> bool) {
        self.0.iter_mut().for_each(|part| part.retain(&wanted));
    }
}

impl Part {
    fn add(&mut self, tree: Number, child: Child) {
        match self.trees.last_mut() {
            Some((last, count)) if *last == tree => *count += 1,
            _ => self.trees.push((tree, 1)),
        }
        self.children.push(child);
    }

    fn trees(&self) -> impl Iterator<Item = (Number, &[Child])> {
        let mut rest = self.children.as_slice();
        self.trees.iter().map(move |&(tree, count)| {
            let (own, others) = rest.split_at(count as usize);
            rest = others;
            (tree, own)
        })
    }

    fn retain(&mut self, wanted: impl Fn(u32) -> bool) {
        let (mut start, mut kept) = (0, 0);
        for (_, count) in &mut self.trees {
            let end = start + *count as usize;
            *count = 0;
            for at in start..end {
                if wanted(self.children[at].0) {
                    self.children[kept] = self.children[at];
                    kept += 1;
                    *count += 1;
                }
            }
            start = end;
        }
        self.children.truncate(kept);
        self.children.shrink_to_fit();
        self.trees.retain(|(_, count)| *count > 0);
        self.trees.shrink_to_fit();
    }
}

/// Trees with what they have in them, by number.
#[derive(Default)]
pub(crate) struct ByTree {
    /// A tree, and which of `children` are its own: the first one and how many.
    trees: Vec<(Number, usize, u32)>,
    children: Vec<Child>,
}

impl ByTree {
    /// Joins `lists`. The children of a tree keep their order.
    pub(crate) fn new(lists: impl IntoIterator<Item = Children>) -> Self {
        let mut all = Self::default();
        for part in lists.into_iter().flat_map(|list| list.0) {
            let mut start = all.children.len();
            for (tree, count) in part.trees {
                all.trees.push((tree, start, count));
                start += count as usize;
            }
            all.children.extend(part.children);
        }
        all.trees.sort_by_key(|(tree, ..)| *tree);
        all
    }

    /// True when there is something in `tree`.
    pub(crate) fn has(&self, tree: Number) -> bool {
        self.trees.binary_search_by_key(&tree, |(tree, ..)| *tree).is_ok()
    }

    /// What is in `tree`.
    pub(crate) fn of(&self, tree: Number) -> impl Iterator<Item = Child> {
        let first = self.trees.partition_point(|(other, ..)| *other < tree);
        let own = self.trees[first..].iter().take_while(move |(other, ..)| *other == tree);
        own.flat_map(|&(_, start, count)| self.children[start..start + count as usize].iter())
            .copied()
    }

    /// Every child, with its tree.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Number, Child)> {
        let own = |&(tree, start, count): &(Number, usize, u32)| {
            self.children[start..start + count as usize].iter().map(move |child| (tree, *child))
        };
        self.trees.iter().flat_map(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_keep_their_children_in_order() {
        let mut one = Children::default();
        for (tree, child) in [(7, (1, 0)), (7, (2, 1)), (3, (4, 0)), (9, (5, 1)), (7, (6, 0))] {
            one.add(tree, child);
        }
        one.rename(&[10, 11]);
        one.retain(|child| child != 2 && child != 5);
        let all: Vec<_> = one.iter().collect();
        assert_eq!(all, [(7, (1, 10)), (3, (4, 10)), (7, (6, 10))]);
        assert_eq!(one.trees().map(|(tree, _)| tree).collect::<Vec<_>>(), [7, 3, 7]);
        let mut two = Children::default();
        two.add(3, (8, 12));
        let joined = ByTree::new([one, two]);
        assert_eq!(joined.of(7).collect::<Vec<_>>(), [(1, 10), (6, 10)]);
        assert_eq!(joined.of(3).collect::<Vec<_>>(), [(4, 10), (8, 12)]);
        assert_eq!(joined.of(9).next(), None);
        assert!(joined.has(3) && !joined.has(9) && !joined.has(0));
        assert_eq!(joined.iter().count(), 4);
    }

    #[test]
    fn parts_hide_nothing() {
        let mut all = Children::default();
        let count = u32::try_from(3 * PART + 5).unwrap();
        (0..count).for_each(|n| all.add(n / 1000, (n, n % 7)));
        all.retain(|child| child % 3 == 0);
        let expected =
            |tree: u32| (tree * 1000..(tree + 1) * 1000).filter(|n| n % 3 == 0).map(|n| (n, n % 7));
        let joined = ByTree::new([all]);
        // The second one lies in two parts.
        for tree in [0, 65, 100, 131] {
            assert!(joined.of(tree).eq(expected(tree)), "{tree}");
        }
        assert_eq!(joined.iter().count(), count.div_ceil(3) as usize);
    }
}
