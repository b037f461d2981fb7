//! Label values with numbers: a value is looked up when a plan is taken into use, and costs nothing per request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Values both ways. None is ever forgotten, so that a number means the same value for good.
#[derive(Debug)]
pub(crate) struct Interned<V> {
    max: u32,
    values: RefCell<Values<V>>,
    refused: Cell<u64>,
}

#[derive(Debug)]
struct Values<V> {
    numbers: HashMap<V, u32, RandomState>,
    /// By number.
    values: Vec<V>,
}

impl<V: Clone + Eq + Hash> Interned<V> {
    /// For so many values.
    pub(crate) fn new(max: u32) -> Self {
        Self {
            max,
            values: RefCell::new(Values {
                numbers: HashMap::default(),
                values: Vec::new(),
            }),
            refused: Cell::new(0),
        }
    }

    /// The value's number, from 0; `None` for a new one beyond the bound, which is counted.
    pub(crate) fn number(&self, value: V) -> Option<u32> {
        let mut known = self.values.borrow_mut();
        if let Some(number) = known.numbers.get(&value) {
            return Some(*number);
        }
        let next = u32::try_from(known.values.len()).unwrap_or(u32::MAX);
        if next >= self.max {
            self.refused.set(self.refused.get() + 1);
            return None;
        }
        known.values.push(value.clone());
        known.numbers.insert(value, next);
        Some(next)
    }

    /// The value of a number that was given.
    pub(crate) fn value(&self, number: u32) -> Option<V> {
        let known = self.values.borrow();
        known.values.get(usize::try_from(number).ok()?).cloned()
    }

    /// How often a value got no number.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.get()
    }
}
