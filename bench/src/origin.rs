//! What stands behind the programs under comparison: one nginx worker for small answers, our own `sink` for bodies, our own
//! `otlp-sink` for spans.

use std::{
    net::{SocketAddr, TcpStream},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    http, peers,
    process::{self, Folder},
    service::{Service, announced},
};

/// A running origin. Ends when dropped.
#[derive(Debug)]
pub struct Origin {
    /// Where it takes requests.
    pub address: SocketAddr,
    _service: Service,
}

impl Origin {
    /// nginx with one worker that answers everything with 80 bytes of JSON.
    ///
    /// # Errors
    /// When nginx is not installed or does not start.
    pub fn small(core: u32) -> Result<Self> {
        Self::nginx(core, include_str!("../peers/origin.conf"))
    }

    /// nginx with one worker that answers with the status which is the last segment of the path: 200, 204, 302, 404 or 503.
    ///
    /// # Errors
    /// When nginx is not installed or does not start.
    pub fn statuses(core: u32) -> Result<Self> {
        Self::nginx(core, include_str!("../peers/statuses.conf"))
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
        Self::start("sink", &mut command, Folder::create()?, address)
    }

    /// Our own receiver of OTLP/gRPC that takes everything and looks at nothing.
    ///
    /// # Errors
    /// When it is not built or does not start.
    pub fn otlp_sink(core: u32) -> Result<Self> {
        let name = "otlp-sink";
        let path = process::sibling(name).context("the program otlp-sink is not built")?;
        let mut command = process::command(&path, Some(core));
        let mut service = Service::spawn(name, &mut command, Folder::create()?)?;
        Ok(Self {
            address: service.wait_for("the address it listens on", announced)?,
            _service: service,
        })
    }

    fn nginx(core: u32, template: &str) -> Result<Self> {
        let nginx = process::locate("nginx", "TIDEGATE_BENCH_NGINX")
            .context("nginx is needed as the origin, and not on PATH")?;
        let folder = Folder::create()?;
        let address = process::free_address()?;
        let config = folder.write(
            "origin.conf",
            &peers::fill(template, &[("listen", &address.to_string())])?,
        )?;
        let mut command = process::command(&nginx, Some(core));
        peers::nginx_arguments(&mut command, &folder, &config);
        Self::start("the origin", &mut command, folder, address)
    }

    fn start(
        name: &str,
        command: &mut Command,
        folder: Folder,
        address: SocketAddr,
    ) -> Result<Self> {
        let mut service = Service::spawn(name, command, folder)?;
        // A connection tells enough; a whole request would have `sink` wait for the next one.
        let connects = |_: &str| TcpStream::connect(address).ok();
        drop(service.wait_for("it takes connections", connects)?);
        Ok(Self {
            address,
            _service: service,
        })
    }
}

/// Whether the program behind `address` adds the client's address as all proxies here shall.
#[must_use]
pub fn sees_client_address(address: SocketAddr) -> bool {
    http::get(address, "/echo/forwarded-for").is_ok_and(|answer| answer.body.contains("127.0.0.1"))
}
