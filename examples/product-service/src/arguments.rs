//! What the service is told: arguments, else variables.

use std::env;

use anyhow::{Context as _, bail};

/// Everything it can be told.
pub(crate) struct Arguments {
    /// Address and port to listen on; port 0 is any (default `127.0.0.1:8081`).
    pub(crate) listen: String,
    /// Base URL of the service that knows the stock; `None`: this one.
    pub(crate) stock: Option<String>,
}

impl Arguments {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut read = Self {
            listen: env::var("PRODUCT_LISTEN").unwrap_or_else(|_| "127.0.0.1:8081".to_owned()),
            stock: env::var("PRODUCT_STOCK_URL").ok(),
        };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("expected a value after {name}, found none"))?;
            match &*name {
                "--listen" => read.listen = value,
                "--stock" => read.stock = Some(value),
                _ => bail!("expected --listen ADDR or --stock URL, found {name}"),
            }
        }
        Ok(read)
    }
}
