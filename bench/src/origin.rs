//! What stands behind the programs under comparison: one nginx worker for small answers, our own `sink` for bodies.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    http, peers,
    process::{self, Folder, Guarded},
};

const READY_PATIENCE: Duration = Duration::from_secs(10);

/// A running origin. Ends when dropped.
#[derive(Debug)]
pub struct Origin {
    /// Where it takes requests.
    pub address: SocketAddr,
    _process: Guarded,
    _folder: Folder,
}

impl Origin {
    /// nginx with one worker that answers everything with 80 bytes of JSON.
    ///
    /// # Errors
    /// When nginx is not installed or does not start.
    pub fn small(core: u32) -> Result<Self> {
        let nginx = process::locate("nginx", "TIDEGATE_BENCH_NGINX")
            .context("nginx is needed as the origin, and not on PATH")?;
        let folder = Folder::create()?;
        let address = process::free_address()?;
        let template = include_str!("../peers/origin.conf");
        let config = folder.write(
            "origin.conf",
            &peers::fill(template, &[("listen", &address.to_string())])?,
        )?;
        let mut command = process::command(&nginx, Some(core));
        peers::nginx_arguments(&mut command, &folder, &config);
        Self::start(command, folder, address)
    }

    /// Our own program that serves and swallows large bodies.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub fn sink(core: u32) -> Result<Self> {
        let sink = process::sibling("sink").context("the program sink is not built")?;
        let address = process::free_address()?;
        let mut command = process::command(&sink, Some(core));
        command.arg(address.to_string());
        Self::start(command, Folder::create()?, address)
    }

    fn start(
        mut command: std::process::Command,
        folder: Folder,
        address: SocketAddr,
    ) -> Result<Self> {
        let log = folder.path().join("log");
        let mut process = Guarded::spawn(&mut command, &log)?;
        let started = Instant::now();
        // A connection tells enough; a whole request would have `sink` wait for the next one.
        while std::net::TcpStream::connect(address).is_err() {
            if process.ended()?.is_some() || started.elapsed() > READY_PATIENCE {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("the origin does not start: {said}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self {
            address,
            _process: process,
            _folder: folder,
        })
    }
}

/// Whether the program behind `address` adds the client's address as all proxies here shall.
#[must_use]
pub fn sees_client_address(address: SocketAddr) -> bool {
    http::get(address, "/echo/forwarded-for").is_ok_and(|answer| answer.body.contains("127.0.0.1"))
}
