//! The products: a hundred that are always the same, then those that were added.

use serde_json::{Map, Value, json};

use crate::reply::Fault;

/// Products at the start.
const INITIAL: u32 = 100;
/// Products at most, the first included.
pub(crate) const PRODUCTS_MAX: usize = 10_000;
const NAME_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 1_000;
const PRICE_CENTS_MAX: u32 = 100_000_000;

const KINDS: [&str; 10] = [
    "Anchor",
    "Barometer",
    "Compass",
    "Dinghy",
    "Flare",
    "Lantern",
    "Paddle",
    "Rope",
    "Sextant",
    "Telescope",
];
const STYLES: [&str; 10] = [
    "Brass", "Classic", "Compact", "Copper", "Folding", "Harbour", "Light", "Oak", "Storm",
    "Travel",
];

/// Ids are 1, 2 and so on.
#[derive(Debug)]
pub(crate) struct Catalogue(Vec<Product>);

/// A product without its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    name: String,
    price_cents: u32,
    description: Option<String>,
}

/// One page of the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) size: u32,
}

impl Catalogue {
    pub(crate) fn new() -> Self {
        Self((1..=INITIAL).map(Product::initial).collect())
    }

    pub(crate) fn list(&self, page: Page) -> Value {
        let size = page.size as usize;
        let skipped = (page.number as usize - 1).saturating_mul(size);
        let products = self.0.iter().enumerate().skip(skipped).take(size);
        let products: Vec<Value> = products.map(|(at, product)| product.show(at + 1)).collect();
        json!({
            "page": page.number,
            "per_page": page.size,
            "pages": self.0.len().div_ceil(size),
            "total": self.0.len(),
            "products": products,
        })
    }

    pub(crate) fn find(&self, id: usize) -> Option<Value> {
        let product = self.0.get(id.checked_sub(1)?)?;
        Some(product.show(id))
    }

    /// Adds a product and returns its id and what it looks like; nothing when there is no room.
    pub(crate) fn add(&mut self, product: Product) -> Option<(usize, Value)> {
        if self.0.len() >= PRODUCTS_MAX {
            return None;
        }
        self.0.push(product);
        let id = self.0.len();
        Some((id, self.find(id)?))
    }
}

impl Product {
    fn initial(id: u32) -> Self {
        let at = id as usize - 1;
        let style = STYLES[at % STYLES.len()];
        let kind = KINDS[at / STYLES.len() % KINDS.len()];
        Self {
            name: format!("{style} {kind}"),
            price_cents: 495 + id * 737 % 9_500,
            description: Some(format!("{kind} number {id} of our harbour shop")),
        }
    }

    /// Reads `{name, price, description?}` and tells everything that is wrong with it.
    pub(crate) fn read(fields: &Map<String, Value>) -> Result<Self, Vec<Fault>> {
        let name = read_name(fields.get("name"));
        let price_cents = read_price(fields.get("price"));
        let description = read_description(fields.get("description"));
        let unknown = fields
            .keys()
            .filter(|key| !["name", "price", "description"].contains(&key.as_str()))
            .map(|key| Fault {
                at: "body",
                expected: "the fields `name`, `price` and perhaps `description`",
                found: format!("`{}`", shortened(key)),
            });
        let mut faults: Vec<Fault> = unknown.take(10).collect();
        match (name, price_cents, description) {
            (Ok(name), Ok(price_cents), Ok(description)) if faults.is_empty() => Ok(Self {
                name,
                price_cents,
                description,
            }),
            (name, price_cents, description) => {
                faults.extend(
                    [name.err(), price_cents.err(), description.err()]
                        .into_iter()
                        .flatten(),
                );
                Err(faults)
            }
        }
    }

    fn show(&self, id: usize) -> Value {
        let mut shown = json!({
            "id": id,
            "name": self.name,
            "price": f64::from(self.price_cents) / 100.0,
        });
        if let Some(description) = &self.description {
            shown["description"] = description.as_str().into();
        }
        shown
    }
}

fn read_name(value: Option<&Value>) -> Result<String, Fault> {
    let name = value.and_then(Value::as_str);
    name.filter(|name| !name.trim().is_empty() && name.chars().count() <= NAME_MAX)
        .map(str::to_owned)
        .ok_or_else(|| Fault {
            at: "name",
            expected: "a text of 1 to 100 characters",
            found: found(value),
        })
}

fn read_description(value: Option<&Value>) -> Result<Option<String>, Fault> {
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_str(),
    };
    text.filter(|text| text.chars().count() <= DESCRIPTION_MAX)
        .map(|text| Some(text.to_owned()))
        .ok_or_else(|| Fault {
            at: "description",
            expected: "a text of at most 1000 characters",
            found: found(value),
        })
}

fn read_price(value: Option<&Value>) -> Result<u32, Fault> {
    let number = match value {
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_),
        )
        | None => None,
    };
    number
        .and_then(|text| cents(&text))
        .filter(|cents| *cents <= PRICE_CENTS_MAX)
        .ok_or_else(|| Fault {
            at: "price",
            expected: "a number from 0 to 1000000 with at most two decimals",
            found: found(value),
        })
}

/// A decimal number in hundredths, read as text, since binary fractions would not be exact.
fn cents(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let hundredths: u32 = match fraction.len() {
        1 => fraction.parse::<u32>().ok()? * 10,
        2 => fraction.parse().ok()?,
        _ => return None,
    };
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(100)?
        .checked_add(hundredths)
}

fn found(value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(value) => shortened(&value.to_string()),
    }
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "...",
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::cents;

    #[test]
    fn prices_are_exact() {
        let cases = [
            ("0", Some(0)),
            ("12", Some(1_200)),
            ("12.5", Some(1_250)),
            ("0.29", Some(29)),
            ("12.345", None),
            ("1e3", None),
            ("-1", None),
            ("99999999999", None),
        ];
        for (text, expected) in cases {
            assert_eq!(cents(text), expected, "{text}");
        }
    }
}
