//! Parser events to nodes, with bounds on depth and number. Not recursive.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{Event, ScalarStyle, Span};

use super::DEPTH_MAX;
use super::node::{Data, Entry, Node, Place, Scalar, quote};
use crate::error::{ErrorKind, Fault, Faults};
use crate::reader::push_key;

/// Most nodes of one file, an aliased node counted wherever it stands.
const NODES_MAX: u64 = 5_000_000;

/// Takes the events of one file.
pub(super) struct Builder<'s, 'f> {
    file: u16,
    faults: &'f mut Faults,
    open: Vec<Frame<'s>>,
    anchors: HashMap<usize, Anchored<'s>>,
    nodes: u64,
    root: Option<Node<'s>>,
}

/// A map or list whose end has not come.
struct Frame<'s> {
    place: Place,
    anchor: usize,
    size: Size,
    content: Content<'s>,
}

enum Content<'s> {
    List(Vec<Node<'s>>),
    Map {
        entries: Vec<Entry<'s>>,
        key: Option<(Cow<'s, str>, Place)>,
    },
}

/// How large a node is with all that is in it, aliases followed.
#[derive(Clone, Copy)]
struct Size {
    nodes: u64,
    height: usize,
}

struct Anchored<'s> {
    node: Rc<Node<'s>>,
    size: Size,
}

const SCALAR: Size = Size {
    nodes: 1,
    height: 0,
};

impl<'s, 'f> Builder<'s, 'f> {
    pub(super) fn new(file: u16, faults: &'f mut Faults) -> Self {
        Self {
            file,
            faults,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            root: None,
        }
    }

    /// Takes one event; `None` when the rest of the file cannot be understood.
    pub(super) fn take(&mut self, event: Event<'s>, span: Span) -> Option<()> {
        let place = Place::of(self.file, span.start);
        if event.tag().is_some() {
            let fault = Fault::new(ErrorKind::Syntax, "a value without a tag", "a tag");
            self.refuse(place, fault.hint("types follow from the keys"));
        }
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let fault = Fault::new(ErrorKind::Syntax, "one document", "the start of another");
                return self.stop(place, fault);
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                self.scalar(place, Scalar { text, plain }, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(place, anchor, Content::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, _) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    key: None,
                };
                self.begin(place, anchor, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor) => self.alias(place, anchor)?,
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            // Not emitted, by the options of the parser.
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | _ => {}
        }
        Some(())
    }

    pub(super) fn refuse(&mut self, place: Place, fault: Fault) {
        let path = path_of(&self.open);
        self.faults.add(place, &path, fault);
    }

    /// The tree; an empty scalar when the file is empty.
    pub(super) fn finish(self) -> Node<'s> {
        let place = Place {
            file: self.file,
            line: 1,
            column: 1,
        };
        let nothing = Scalar {
            text: Cow::Borrowed(""),
            plain: true,
        };
        self.root
            .unwrap_or_else(|| Node::new(place, Data::Scalar(nothing)))
    }

    fn scalar(&mut self, place: Place, scalar: Scalar<'s>, anchor: usize) -> Option<()> {
        self.count(place, SCALAR)?;
        if let Some(Content::Map { key, .. }) = self.open.last_mut().map(|open| &mut open.content)
            && key.is_none()
        {
            *key = Some((scalar.text, place));
            return Some(());
        }
        self.put(Node::new(place, Data::Scalar(scalar)), SCALAR, anchor);
        Some(())
    }

    fn begin(&mut self, place: Place, anchor: usize, content: Content<'s>) -> Option<()> {
        self.key_is_scalar(place)?;
        self.open.push(Frame {
            place,
            anchor,
            size: SCALAR,
            content,
        });
        self.count(place, SCALAR)
    }

    fn end(&mut self) -> Option<()> {
        let Frame {
            place,
            anchor,
            size,
            content,
        } = self.open.pop()?;
        let data = match content {
            Content::List(items) => Data::List(items),
            Content::Map { entries, .. } => {
                let path = || path_of(&self.open);
                Data::Map(without_duplicates(entries, path, self.faults))
            }
        };
        let size = Size {
            height: size.height + 1,
            ..size
        };
        self.put(Node::new(place, data), size, anchor);
        Some(())
    }

    fn alias(&mut self, place: Place, anchor: usize) -> Option<()> {
        self.key_is_scalar(place)?;
        let Some(Anchored { node, size }) = self.anchors.get(&anchor) else {
            let found = "an alias of what it stands in";
            return self.stop(
                place,
                Fault::new(ErrorKind::Syntax, "an alias of a finished value", found),
            );
        };
        let (node, size) = (Rc::clone(node), *size);
        self.count(place, size)?;
        self.put(Node::new(place, Data::Shared(node)), size, 0);
        Some(())
    }

    /// Puts a finished node where it belongs.
    fn put(&mut self, node: Node<'s>, size: Size, anchor: usize) {
        let node = if anchor == 0 {
            node
        } else {
            let (place, node) = (node.place, Rc::new(node));
            let shared = Rc::clone(&node);
            self.anchors.insert(anchor, Anchored { node, size });
            Node::new(place, Data::Shared(shared))
        };
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        parent.size.nodes = parent.size.nodes.saturating_add(size.nodes);
        parent.size.height = parent.size.height.max(size.height);
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key } => {
                if let Some((key, place)) = key.take() {
                    let value = node;
                    entries.push(Entry { key, place, value });
                }
            }
        }
    }

    /// Counts a node against the bounds.
    fn count(&mut self, place: Place, size: Size) -> Option<()> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        if self.nodes > NODES_MAX {
            let expected = format!("at most {NODES_MAX} values, aliases followed");
            return self.stop(place, Fault::new(ErrorKind::Limit, expected, "more"));
        }
        if self.open.len() + size.height > DEPTH_MAX {
            let expected = format!("at most {DEPTH_MAX} levels of maps and lists");
            return self.stop(
                place,
                Fault::new(ErrorKind::Limit, expected, "a deeper one"),
            );
        }
        Some(())
    }

    fn key_is_scalar(&mut self, place: Place) -> Option<()> {
        match self.open.last().map(|open| &open.content) {
            Some(Content::Map { key: None, .. }) => {
                let found = "a map, a list or an alias";
                self.stop(
                    place,
                    Fault::new(ErrorKind::Syntax, "a plain text as key", found),
                )
            }
            Some(Content::Map { key: Some(_), .. } | Content::List(_)) | None => Some(()),
        }
    }

    fn stop(&mut self, place: Place, fault: Fault) -> Option<()> {
        self.refuse(place, fault);
        None
    }
}

/// The path of what is being built.
fn path_of(open: &[Frame<'_>]) -> String {
    let mut path = String::new();
    for frame in open {
        match &frame.content {
            Content::List(items) => path.push_str(&format!("[{}]", items.len())),
            Content::Map { key: Some(key), .. } => push_key(&mut path, &key.0),
            Content::Map { key: None, .. } => {}
        }
    }
    path
}

/// Refuses every repeated key of a map and keeps the first. The path of the map is asked for only then.
pub(crate) fn without_duplicates<'s>(
    entries: Vec<Entry<'s>>,
    path: impl Fn() -> String,
    faults: &mut Faults,
) -> Vec<Entry<'s>> {
    if !has_duplicates(&entries) {
        return entries;
    }
    let mut seen: HashMap<Cow<'s, str>, Place> = HashMap::with_capacity(entries.len());
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(first) = seen.get(&entry.key) else {
            seen.insert(entry.key.clone(), entry.place);
            kept.push(entry);
            continue;
        };
        let first = faults.show_place(*first);
        let found = format!("{} again; it stands at {first}", quote(&entry.key));
        let mut path = path();
        push_key(&mut path, &entry.key);
        let fault = Fault::new(ErrorKind::Duplicate, "each key once", found);
        faults.add(entry.place, &path, fault);
    }
    kept
}

fn has_duplicates(entries: &[Entry<'_>]) -> bool {
    // Nearly every map is short, and then this is faster than to hash.
    if entries.len() <= 16 {
        return entries
            .iter()
            .enumerate()
            .any(|(at, entry)| entries.iter().take(at).any(|known| known.key == entry.key));
    }
    let mut seen = HashSet::with_capacity(entries.len());
    !entries.iter().all(|entry| seen.insert(&*entry.key))
}
