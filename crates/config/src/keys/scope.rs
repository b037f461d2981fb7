//! What is known while a value is read, beyond the value: names, addresses, the route around it.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use super::admin::DEFAULT_ADDRESS;
use crate::error::{ErrorKind, Fault};
use crate::nearest::nearest;
use crate::object::any_of;
use crate::reader::Reader;
use crate::yaml::{Data, Node, Place, quote};

/// Most comparisons for hints in one report.
const COMPARISONS_MAX: usize = 1_000_000;

/// See the module.
pub(crate) struct Scope {
    /// The keys of `upstreams`; `None` when that is no map.
    upstreams: Option<HashSet<Box<str>>>,
    /// Who listens where.
    addresses: HashMap<SocketAddr, String>,
    route_names: HashMap<Box<str>, Place>,
    /// Names that may still be compared with misspelt ones: hints are not worth minutes.
    comparisons_left: usize,
    /// What the route that is being read matches.
    pub(super) matched: Matched,
}

/// What is known of the path of a route.
pub(super) enum Matched {
    /// It could not be read, so that nothing can be said against what refers to it.
    Unknown,
    /// Its variables, and whether it is a `path_prefix`.
    Path { params: Vec<Box<str>>, prefix: bool },
}

impl Scope {
    /// What can be told before anything is read.
    pub(crate) fn of(tree: &Node<'_>) -> Self {
        let upstreams = match tree.entry("upstreams").map(|entry| entry.value.data()) {
            None => Some(HashSet::new()),
            Some(Data::Map(entries)) => Some(entries.iter().map(|e| (*e.key).into()).collect()),
            Some(Data::Scalar(_) | Data::List(_) | Data::Shared(_)) => None,
        };
        let admin = match tree.entry("admin") {
            None => Some((DEFAULT_ADDRESS, "the admin API, by default".to_owned())),
            Some(_) => None,
        };
        Self {
            upstreams,
            addresses: admin.into_iter().collect(),
            route_names: HashMap::new(),
            comparisons_left: COMPARISONS_MAX,
            matched: Matched::Unknown,
        }
    }
}

/// Takes an address for who is being read, if nobody has it; port 0 is enough for all.
pub(super) fn claim_address(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    address: &SocketAddr,
) -> bool {
    if address.port() == 0 {
        return true;
    }
    let path = format!("`{}`", reader.path());
    match reader.scope.addresses.get(address) {
        None => {
            reader.scope.addresses.insert(*address, path);
            true
        }
        Some(owner) => {
            let found = format!("`{address}`, which is taken by {owner}");
            let fault = Fault::new(ErrorKind::Conflict, "an address of its own", found);
            reader.refuse::<()>(node.place, fault).is_some()
        }
    }
}

/// Takes a name for the route that is being read, if no other has it.
pub(super) fn claim_route_name(reader: &mut Reader<'_>, node: &Node<'_>, name: &str) -> bool {
    match reader.scope.route_names.get(name).copied() {
        None => {
            let names = &mut reader.scope.route_names;
            names.insert(name.into(), node.place);
            true
        }
        Some(first) => {
            let first = reader.show_place(first);
            let found = format!("{} again; it stands at {first}", quote(name));
            let fault = Fault::new(ErrorKind::Duplicate, "a name no other route has", found);
            reader.refuse::<()>(node.place, fault).is_some()
        }
    }
}

/// Whether an upstream of that name exists.
pub(super) fn knows_upstream(reader: &mut Reader<'_>, node: &Node<'_>, name: &str) -> bool {
    let Some(known) = &reader.scope.upstreams else {
        return true;
    };
    if known.contains(name) {
        return true;
    }
    let names = || known.iter().map(|name| &**name);
    let expected = match known.len() {
        0 => "a key of `upstreams`, which has none".to_owned(),
        1..=10 => {
            let mut names: Vec<&str> = names().collect();
            names.sort_unstable();
            format!("a key of `upstreams`: {}", any_of(&names))
        }
        count => format!("one of the {count} keys of `upstreams`"),
    };
    let hint = match reader.scope.comparisons_left.checked_sub(known.len()) {
        Some(left) => {
            let hint = nearest(name, names()).map(|name| format!("did you mean `{name}`?"));
            reader.scope.comparisons_left = left;
            hint
        }
        None => None,
    };
    let fault = Fault::new(ErrorKind::Reference, expected, quote(name));
    reader
        .refuse::<()>(node.place, fault.maybe_hint(hint))
        .is_some()
}
