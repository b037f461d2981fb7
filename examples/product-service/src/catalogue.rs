//! The products. The same at each start; those that are created are gone at the end.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Products that can be created beside the first ones.
const PRODUCTS_MAX: usize = 1_000;
const NAME_BYTES_MAX: usize = 100;
const FIRST: [(&str, u32); 5] = [
    ("lantern", 2_900),
    ("compass", 4_500),
    ("rope", 1_200),
    ("kettle", 3_300),
    ("tent", 18_900),
];

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) id: usize,
    #[serde(flatten)]
    pub(crate) about: About,
}

/// What a client says of a product.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) price_cents: u32,
}

/// Why a product is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Name,
    Full,
}

pub(crate) struct Catalogue(Mutex<BTreeMap<usize, Product>>);

impl Catalogue {
    pub(crate) fn new() -> Self {
        let first = FIRST.iter().enumerate().map(|(at, (name, price_cents))| {
            let about = About {
                name: (*name).to_owned(),
                price_cents: *price_cents,
            };
            let id = at + 1;
            (id, Product { id, about })
        });
        Self(Mutex::new(first.collect()))
    }

    pub(crate) fn list(&self) -> Vec<Product> {
        self.lock().values().cloned().collect()
    }

    /// An inner span: it stands in the trace of the request.
    #[tracing::instrument(name = "find product", skip(self))]
    pub(crate) fn find(&self, id: usize) -> Option<Product> {
        self.lock().get(&id).cloned()
    }

    pub(crate) fn create(&self, about: About) -> Result<Product, Refusal> {
        if about.name.is_empty() || about.name.len() > NAME_BYTES_MAX {
            return Err(Refusal::Name);
        }
        let mut products = self.lock();
        if products.len() >= FIRST.len() + PRODUCTS_MAX {
            return Err(Refusal::Full);
        }
        let id = products.keys().next_back().map_or(1, |last| last + 1);
        let product = Product { id, about };
        products.insert(id, product.clone());
        Ok(product)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Product>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
