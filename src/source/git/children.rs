//! What trees have in them. A large history has millions of trees in trees, so they are kept as bytes, some four or
//! five each.

use crate::source::git::objects::Number;

/// A tree or blob in a tree: its number and that of its name.
pub(crate) type Child = (u32, u32);

/// Bytes of one part. Parts are small enough to lie where the walk over blobs had its buffers.
const PART: usize = 1 << 16;
/// Most bytes of a number.
const LONGEST: usize = 5;

/// Trees with what they have in them, as they were added.
#[derive(Default)]
pub(crate) struct Children {
    parts: Parts,
    /// The tree that was added to last, and what was added.
    open: (Number, Vec<Child>),
}

/// Records one after the other: a tree, how many children follow, and those, all as numbers.
#[derive(Default)]
struct Parts(Vec<Vec<u8>>);

/// The children of one record.
#[derive(Clone)]
pub(crate) struct Record<'p> {
    rest: &'p [u8],
    left: u32,
}

impl Children {
    /// Adds a child to `tree`. Those of one tree are best added one after the other.
    pub(crate) fn add(&mut self, tree: Number, child: Child) {
        if self.open.0 != tree {
            self.close();
            self.open.0 = tree;
        }
        self.open.1.push(child);
    }

    /// No more come.
    pub(crate) fn close(&mut self) {
        let (tree, children) = &mut self.open;
        self.parts.push(*tree, children);
        children.clear();
    }

    /// The trees, each with children of its own, from the last part to the first; a tree may come twice. All of them
    /// after [`Children::close`].
    pub(crate) fn trees(&self) -> impl Iterator<Item = (Number, Record<'_>)> {
        self.parts.0.iter().rev().flat_map(|part| records(part))
    }

    /// Every child, with its tree.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Number, Child)> {
        self.trees().flat_map(|(tree, own)| own.map(move |child| (tree, child)))
    }
}

impl Parts {
    /// Adds a record, unless it is one of nothing, and gives the part where it is and its place there.
    fn push(&mut self, tree: Number, children: &[Child]) -> Option<(u32, u32)> {
        if children.is_empty() {
            return None;
        }
        let most = (2 + 2 * children.len()) * LONGEST;
        if self.0.last().is_none_or(|part| part.capacity() - part.len() < most) {
            self.0.push(Vec::with_capacity(most.max(PART)));
        }
        let nth = self.0.len() - 1;
        let part = &mut self.0[nth];
        let place = (u32::try_from(nth).ok()?, u32::try_from(part.len()).ok()?);
        write(part, tree);
        write(part, u32::try_from(children.len()).ok()?);
        for (child, name) in children {
            write(part, *child);
            write(part, *name);
        }
        Some(place)
    }
}

/// The records in a part.
fn records(part: &[u8]) -> impl Iterator<Item = (Number, Record<'_>)> {
    let mut rest = part;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (tree, count) = (read(&mut rest), read(&mut rest));
        let own = Record { rest, left: count };
        for _ in 0..2 * count {
            read(&mut rest);
        }
        Some((tree, own))
    })
}

impl Iterator for Record<'_> {
    type Item = Child;

    fn next(&mut self) -> Option<Child> {
        self.left = self.left.checked_sub(1)?;
        Some((read(&mut self.rest), read(&mut self.rest)))
    }
}

/// Adds a number, seven bits a byte.
fn write(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number that was written.
fn read(bytes: &mut &[u8]) -> u32 {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

/// Trees with what they have in them, by number.
#[derive(Default)]
pub(crate) struct ByTree {
    /// A tree, and where its record is; a tree may stand here twice.
    trees: Vec<(Number, u32, u32)>,
    parts: Parts,
}

impl ByTree {
    /// Adds the children in `list` that are `wanted`, whose names have other numbers here, `names`, and drops the
    /// others. What stands in a tree keeps its order.
    pub(crate) fn add(&mut self, list: Children, names: &[u32], wanted: impl Fn(u32) -> bool) {
        let mut kept = Vec::new();
        for part in list.parts.0 {
            for (tree, own) in records(&part) {
                kept.clear();
                let own = own.filter(|(child, _)| wanted(*child));
                kept.extend(own.map(|(child, name)| (child, names[name as usize])));
                let place = self.parts.push(tree, &kept);
                self.trees.extend(place.map(|(part, at)| (tree, part, at)));
            }
        }
    }

    /// No more come.
    pub(crate) fn sort(&mut self) {
        self.trees.sort_by_key(|(tree, ..)| *tree);
        self.trees.shrink_to_fit();
    }

    /// The trees in it; one may come twice.
    pub(crate) fn trees(&self) -> impl Iterator<Item = Number> {
        self.trees.iter().map(|(tree, ..)| *tree)
    }

    /// True when there is something in `tree`.
    pub(crate) fn has(&self, tree: Number) -> bool {
        self.trees.binary_search_by_key(&tree, |(tree, ..)| *tree).is_ok()
    }

    /// What is in `tree`.
    pub(crate) fn of(&self, tree: Number) -> impl Iterator<Item = Child> {
        let first = self.trees.partition_point(|(other, ..)| *other < tree);
        let own = self.trees[first..].iter().take_while(move |(other, ..)| *other == tree);
        own.flat_map(|place| self.record(place))
    }

    fn record(&self, (_, part, at): &(Number, u32, u32)) -> Record<'_> {
        let mut rest = &self.parts.0[*part as usize][*at as usize..];
        let (_, left) = (read(&mut rest), read(&mut rest));
        Record { rest, left }
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
        one.close();
        assert_eq!(one.trees().map(|(tree, _)| tree).collect::<Vec<_>>(), [7, 3, 9, 7]);
        let mut two = Children::default();
        two.add(3, (8, 1));
        two.close();
        let mut joined = ByTree::default();
        joined.add(one, &[10, 11], |child| child != 2 && child != 5);
        joined.add(two, &[0, 12], |_| true);
        joined.sort();
        assert_eq!(joined.of(7).collect::<Vec<_>>(), [(1, 10), (6, 10)]);
        assert_eq!(joined.of(3).collect::<Vec<_>>(), [(4, 10), (8, 12)]);
        assert_eq!(joined.of(9).next(), None);
        assert!(joined.has(3) && !joined.has(9) && !joined.has(0));
        assert_eq!(joined.trees().collect::<Vec<_>>(), [3, 3, 7, 7]);
    }

    #[test]
    fn parts_hide_nothing() {
        let count = u32::try_from(PART).unwrap();
        // Numbers of one to five bytes, and trees that are larger than a part.
        let child = |n: u32| (n.wrapping_mul(n).wrapping_mul(n), n % 300);
        let trees = [count, 3, 2 * count, 1, 9, 9 * count / 10];
        let mut all = Children::default();
        for (tree, len) in (0..).zip(trees) {
            (0..len).for_each(|n| all.add(tree * 70_000, child(n)));
        }
        all.close();
        assert_eq!(all.iter().count(), trees.iter().sum::<u32>() as usize);
        let names: Vec<u32> = (0..300).rev().collect();
        let mut joined = ByTree::default();
        joined.add(all, &names, |child| child % 3 == 0);
        joined.sort();
        for (tree, len) in (0..).zip(trees) {
            let wanted = (0..len).map(child).filter(|(child, _)| child % 3 == 0);
            let wanted = wanted.map(|(child, name)| (child, 299 - name));
            assert!(joined.of(tree * 70_000).eq(wanted), "{tree}");
        }
    }
}
