//! From YAML to a plan: every configuration error, the JSON Schema, the reference of all keys.
//!
//! Three stages. [`Source`] holds the text of a file or of a folder of files: the only I/O. `yaml` turns each text
//! into a tree of nodes with places, `merge` unites the trees. `keys` holds one table per object of the
//! configuration; reading, defaults, bounds, the schema, the reference and the rendering of a plan all come from those
//! tables. Reading goes on after a fault, so that all of them are reported at once.
//!
//! What is not here: files that the configuration names are not opened, names are not resolved, nothing is bound.

mod catalog;
mod env;
mod error;
mod keys;
mod kind;
mod merge;
mod nearest;
mod object;
mod plan;
mod reader;
mod reference;
mod schema;
mod source;
mod yaml;

pub use error::{Error, ErrorKind, Errors};
pub use plan::{DnsPlan, NameServers, Plan, Workers};
pub use reference::reference;
pub use schema::schema;
pub use source::Source;

use error::Faults;
use keys::{Root, Scope};
use kind::{Kind, object};
use reader::Reader;

/// Reads a configuration: pure, with the environment as an argument. Defaults are decided here and nowhere else.
///
/// # Errors
/// All faults at once, sorted by file and place; see [`Errors`]. Syntax faults hide all others, since what they leave
/// unread would be missed elsewhere.
pub fn plan(source: &Source, env: &dyn Fn(&str) -> Option<String>) -> Result<Plan, Errors> {
    let mut faults = Faults::new(source.names());
    let roots = yaml::parse_all(source, &mut faults);
    let Some(tree) = roots.and_then(|roots| merge::merge(roots, &mut faults)) else {
        return Err(faults.into_errors());
    };
    let mut reader = Reader::new(env, faults, Scope::of(&tree));
    let root = object::<Root>().read(&mut reader, &tree);
    match (root, reader.into_faults()) {
        (Some(root), faults) if faults.is_empty() => Ok(root.into_plan()),
        (_, faults) => Err(faults.into_errors()),
    }
}

/// A plan as it would be written in one file, every default filled in, in JSON. Secrets and the values of fields that
/// carry secrets are `***`.
pub fn render(plan: &Plan) -> serde_json::Value {
    object::<Root>().show(&Root::of(plan))
}
