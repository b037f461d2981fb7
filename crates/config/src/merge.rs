//! The trees of several files to one.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{ErrorKind, Fault, Faults};
use crate::yaml::{Data, Entry, Node, Place, quote, without_duplicates};

/// Unites trees: `listeners` and `upstreams` key by key, `routes` one after the other; every other key may stand in
/// one file only. `None` when a file is no map, since what it was to say would be missed elsewhere.
pub(crate) fn merge<'s>(roots: Vec<Node<'s>>, faults: &mut Faults) -> Option<Node<'s>> {
    let place = roots.first().map_or(Place::default(), |root| root.place);
    let mut merged: Vec<Entry<'s>> = Vec::new();
    let mut at: HashMap<Cow<'s, str>, usize> = HashMap::new();
    let mut complete = true;
    for root in roots {
        let entries = entries_of(root, faults);
        complete &= entries.is_some();
        for entry in entries.unwrap_or_default() {
            match at.get(&entry.key).and_then(|at| merged.get_mut(*at)) {
                Some(known) => join(known, entry, faults),
                None => {
                    at.insert(entry.key.clone(), merged.len());
                    merged.push(entry);
                }
            }
        }
    }
    for entry in &mut merged {
        if let Data::Map(entries) = entry.value.data_mut() {
            let united =
                without_duplicates(std::mem::take(entries), || entry.key.to_string(), faults);
            *entries = united;
        }
    }
    complete.then(|| Node::new(place, Data::Map(merged)))
}

fn entries_of<'s>(root: Node<'s>, faults: &mut Faults) -> Option<Vec<Entry<'s>>> {
    let (place, found) = (root.place, root.found());
    match root.into_data() {
        Data::Map(entries) => Some(entries),
        Data::Scalar(scalar) if scalar.is_null() => Some(Vec::new()),
        Data::Scalar(_) | Data::List(_) | Data::Shared(_) => {
            let expected = "a map of keys such as `listeners`, without an anchor";
            faults.add(place, "", Fault::new(ErrorKind::Type, expected, found));
            None
        }
    }
}

/// Adds what a later file says under a key that an earlier one has.
fn join<'s>(known: &mut Entry<'s>, entry: Entry<'s>, faults: &mut Faults) {
    let (key, place) = (entry.key, entry.place);
    match (&*key, known.value.data_mut(), entry.value.into_data()) {
        ("listeners" | "upstreams", Data::Map(entries), Data::Map(more)) => entries.extend(more),
        ("routes", Data::List(items), Data::List(more)) => items.extend(more),
        ("listeners" | "upstreams" | "routes", _, _) => {
            let expected = "a map, or for routes a list, in every file and without an anchor";
            let found = "something else in one of them";
            faults.add(place, &key, Fault::new(ErrorKind::Type, expected, found));
        }
        _ => {
            let first = faults.show_place(known.place);
            let found = format!("{} again; it stands at {first}", quote(&key));
            let fault = Fault::new(ErrorKind::Duplicate, "this key in one file only", found);
            faults.add(place, &key, fault);
        }
    }
}
