//! The paths of one host: exact ones in a hash map, templates and prefixes in a tree of segments.

use super::conditions::Conditions;
use super::template::{PathTemplate, Segment};
use super::{Map, RouteIndex};
use crate::plan::PathMatch;

/// The root of the tree.
const ROOT: u32 = 0;

/// Routes that share host and path, most specific first.
type Bucket = Vec<RouteIndex>;

/// The paths of one host.
#[derive(Debug)]
pub(super) struct PathTable {
    exact: Map<Box<[u8]>, Bucket>,
    nodes: Vec<Node>,
    /// Children by parent and literal segment: one map for the whole tree, so that a node costs no map of its own.
    literals: Map<(u32, Box<[u8]>), u32>,
    has_templates: bool,
}

/// A node of the tree: what is behind some segments.
#[derive(Debug, Default)]
struct Node {
    parent: u32,
    /// The child behind `{name}`.
    param: Option<u32>,
    /// Routes whose template ends here.
    template: Bucket,
    /// Routes whose template ends here with `{*name}`.
    rest: Bucket,
    /// Routes whose prefix ends here.
    prefix: Bucket,
    /// Literal segments on the way here.
    literals: u32,
    has_literal_children: bool,
}

impl Default for PathTable {
    fn default() -> Self {
        Self {
            exact: Map::default(),
            nodes: vec![Node::default()],
            literals: Map::default(),
            has_templates: false,
        }
    }
}

impl PathTable {
    pub(super) fn insert(&mut self, path: Option<&PathMatch>, route: RouteIndex) {
        match path {
            None => self.nodes[ROOT as usize].prefix.push(route),
            Some(PathMatch::Exact(path)) => self
                .exact
                .entry(path.as_bytes().into())
                .or_default()
                .push(route),
            Some(PathMatch::Prefix(prefix)) => {
                let mut at = ROOT;
                for segment in prefix.split('/').filter(|segment| !segment.is_empty()) {
                    at = self.literal_child(at, segment.as_bytes());
                }
                self.nodes[at as usize].prefix.push(route);
            }
            Some(PathMatch::Template(template)) => {
                if let Ok(template) = PathTemplate::parse(template) {
                    self.insert_template(&template, route);
                }
            }
        }
    }

    fn insert_template(&mut self, template: &PathTemplate, route: RouteIndex) {
        self.has_templates = true;
        let mut at = ROOT;
        for segment in template.segments() {
            match segment {
                Segment::Literal(literal) => at = self.literal_child(at, literal.as_bytes()),
                Segment::Param(_) => at = self.param_child(at),
                Segment::Rest(_) => {
                    self.nodes[at as usize].rest.push(route);
                    return;
                }
            }
        }
        self.nodes[at as usize].template.push(route);
    }

    fn literal_child(&mut self, parent: u32, segment: &[u8]) -> u32 {
        if let Some(known) = self.literals.get(&(parent, segment) as &dyn EdgeKey) {
            return *known;
        }
        let literals = self.nodes[parent as usize].literals + 1;
        let child = self.add(Node {
            parent,
            literals,
            ..Node::default()
        });
        self.nodes[parent as usize].has_literal_children = true;
        self.literals.insert((parent, segment.into()), child);
        child
    }

    fn param_child(&mut self, parent: u32) -> u32 {
        if let Some(known) = self.nodes[parent as usize].param {
            return known;
        }
        let literals = self.nodes[parent as usize].literals;
        let child = self.add(Node {
            parent,
            literals,
            ..Node::default()
        });
        self.nodes[parent as usize].param = Some(child);
        child
    }

    fn add(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("a plan has far fewer than 2^32 segments")
    }

    /// Puts the most specific route of each bucket first; file order breaks ties.
    pub(super) fn sort(&mut self, conditions: &[Conditions]) {
        let sort = |bucket: &mut Bucket| {
            bucket.sort_by_key(|route| {
                (
                    std::cmp::Reverse(conditions[*route as usize].rank()),
                    *route,
                )
            });
            bucket.shrink_to_fit();
        };
        self.exact.values_mut().for_each(sort);
        for node in &mut self.nodes {
            sort(&mut node.template);
            sort(&mut node.rest);
            sort(&mut node.prefix);
        }
    }

    /// The most specific route of this host that takes the path and whose conditions hold.
    pub(super) fn find(
        &self,
        path: &[u8],
        conditions: &[Conditions],
        holds: &dyn Fn(RouteIndex) -> bool,
    ) -> Option<RouteIndex> {
        let first_of = |bucket: &Bucket| bucket.iter().copied().find(|route| holds(*route));
        if !self.exact.is_empty()
            && let Some(found) = self.exact.get(path).and_then(first_of)
        {
            return Some(found);
        }
        let Some(segments) = path.strip_prefix(b"/") else {
            // `*` asks about the server as a whole: routes that take every path take it.
            return first_of(&self.nodes[ROOT as usize].prefix);
        };
        if self.has_templates {
            let mut best = None;
            self.search(ROOT, Some(segments), &first_of, conditions, &mut best);
            if let Some(best) = best {
                return Some(best.route);
            }
        }
        self.longest_prefix(segments, &first_of)
    }

    fn longest_prefix(
        &self,
        segments: &[u8],
        first_of: &dyn Fn(&Bucket) -> Option<RouteIndex>,
    ) -> Option<RouteIndex> {
        let mut at = ROOT;
        let mut rest = Some(segments);
        while let Some(segments) = rest.filter(|_| self.nodes[at as usize].has_literal_children) {
            let (segment, after) = split_segment(segments);
            let Some(child) = self.literals.get(&(at, segment) as &dyn EdgeKey) else {
                break;
            };
            (at, rest) = (*child, after);
        }
        loop {
            let node = &self.nodes[at as usize];
            if let Some(found) = first_of(&node.prefix) {
                return Some(found);
            }
            if at == ROOT {
                return None;
            }
            at = node.parent;
        }
    }

    /// Visits every template that takes the path: literal children, the parameter child, the rest. Keeps the best by
    /// literal segments, then parameter over rest, then the order of a bucket.
    fn search(
        &self,
        at: u32,
        segments: Option<&[u8]>,
        first_of: &dyn Fn(&Bucket) -> Option<RouteIndex>,
        conditions: &[Conditions],
        best: &mut Option<Candidate>,
    ) {
        let node = &self.nodes[at as usize];
        let mut consider = |bucket: &Bucket, is_whole: bool| {
            if let Some(route) = first_of(bucket) {
                let rank = (
                    node.literals,
                    is_whole,
                    conditions[route as usize].rank(),
                    std::cmp::Reverse(route),
                );
                if best.as_ref().is_none_or(|best| best.rank < rank) {
                    *best = Some(Candidate { rank, route });
                }
            }
        };
        let Some(segments) = segments else {
            consider(&node.template, true);
            return;
        };
        if !segments.is_empty() {
            consider(&node.rest, false);
        }
        let (segment, after) = split_segment(segments);
        if node.has_literal_children
            && let Some(child) = self.literals.get(&(at, segment) as &dyn EdgeKey)
        {
            self.search(*child, after, first_of, conditions, best);
        }
        if let Some(child) = node.param.filter(|_| !segment.is_empty()) {
            self.search(child, after, first_of, conditions, best);
        }
    }
}

/// A template that takes the path.
struct Candidate {
    rank: (u32, bool, (bool, usize), std::cmp::Reverse<RouteIndex>),
    route: RouteIndex,
}

/// The first segment and, behind its slash, the others.
fn split_segment(segments: &[u8]) -> (&[u8], Option<&[u8]>) {
    match segments.iter().position(|b| *b == b'/') {
        Some(slash) => (&segments[..slash], Some(&segments[slash + 1..])),
        None => (segments, None),
    }
}

/// Lets the map of owned edges be asked with a borrowed segment, without allocating.
trait EdgeKey {
    fn parts(&self) -> (u32, &[u8]);
}

impl EdgeKey for (u32, Box<[u8]>) {
    fn parts(&self) -> (u32, &[u8]) {
        (self.0, &self.1)
    }
}

impl EdgeKey for (u32, &[u8]) {
    fn parts(&self) -> (u32, &[u8]) {
        *self
    }
}

impl<'a> std::borrow::Borrow<dyn EdgeKey + 'a> for (u32, Box<[u8]>) {
    fn borrow(&self) -> &(dyn EdgeKey + 'a) {
        self
    }
}

impl std::hash::Hash for dyn EdgeKey + '_ {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn EdgeKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn EdgeKey + '_ {}
