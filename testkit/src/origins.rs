//! Real programs as origins: nginx, a Node Express app, Python's own file server, and scripts of `tests/clients`.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::SOON;
use crate::process::Process;
use crate::tidegate::binary_beside_test;
use crate::tools::{Tool, base_url, client_file, node_modules, python, tool};

/// nginx that serves the files of a folder, with ranges and with gzip for text.
#[derive(Debug)]
pub struct Nginx {
    addr: SocketAddr,
    dir: TempDir,
    // Behind the folder: fields drop in order, and nothing is left to write when the process goes last.
    _process: Process,
}

impl Nginx {
    /// Starts it with these files, names relative to its root. `None` when there is no nginx.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start(files: &[(&str, &[u8])]) -> Option<Self> {
        let program = tool(Tool::NGINX)?;
        // A free port may be taken before nginx binds it.
        (0..5)
            .find_map(|_| Self::try_start(&program, files))
            .or_else(|| panic!("expected nginx to listen on a free port, it did not in 5 tries"))
    }

    fn try_start(program: &Path, files: &[(&str, &[u8])]) -> Option<Self> {
        let dir = TempDir::new().expect("a temporary folder");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("a folder in a new folder");
        for (name, content) in files {
            fs::write(root.join(name), content).expect("a file in a new folder");
        }
        let addr = free_addr();
        let config = dir.path().join("nginx.conf");
        fs::write(&config, nginx_config(dir.path(), addr)).expect("a file in a new folder");
        let mut command = Command::new(program);
        command.arg("-p").arg(dir.path()).arg("-c").arg(&config);
        let process = Process::spawn(command).expect("nginx starts");
        // Said after the sockets are bound.
        process
            .stderr()
            .wait_for_text(SOON, "using the \"epoll\" event method")
            .then_some(Self {
                addr,
                dir,
                _process: process,
            })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The folder it serves.
    pub fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("root")
    }
}

/// One process in the foreground, every path inside `dir`, so that it runs as any user and leaves nothing.
fn nginx_config(dir: &Path, addr: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "\
daemon off;
master_process off;
pid {dir}/pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  types {{ text/plain txt; text/html html; application/octet-stream bin; }}
  gzip on;
  gzip_proxied any;
  gzip_min_length 256;
  gzip_types text/plain;
  keepalive_requests 100000;
  server {{ listen {addr}; root {dir}/root; }}
}}
"
    )
}

/// `tests/clients/express-app.mjs` under Node.
#[derive(Debug)]
pub struct NodeExpress {
    addr: SocketAddr,
    process: Process,
}

impl NodeExpress {
    /// Starts it. `None` when there is no Node or its packages are not installed.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let (node, modules) = (tool(Tool::NODE)?, node_modules()?);
        let mut command = Command::new(node);
        command
            .arg(client_file("express-app.mjs"))
            .env("TIDEGATE_TEST_NODE_MODULES", modules);
        let process = Process::spawn(command).expect("node starts");
        Some(Self {
            addr: announced_addr(&process, "listening on "),
            process,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// `python -m http.server` on a folder: HTTP/1.0 by default, so every body ends with its connection.
#[derive(Debug)]
pub struct PythonHttp {
    addr: SocketAddr,
    _process: Process,
}

impl PythonHttp {
    /// Serves `folder` under HTTP/1.0, or HTTP/1.1 when `protocol` says so. `None` when there is no Python.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start(folder: &Path, protocol: &str) -> Option<Self> {
        let mut command = Command::new(python()?);
        command
            .args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"])
            .args(["--protocol", protocol])
            .arg("--directory")
            .arg(folder);
        let process = Process::spawn(command).expect("python starts");
        let addr = process.stdout().wait_for(SOON, |line| {
            // Serving HTTP on 127.0.0.1 port 4711 (http://127.0.0.1:4711/) ...
            let (_, url) = line.split_once("(http://")?;
            url.split('/').next()?.parse().ok()
        });
        match addr {
            Some(addr) => Some(Self {
                addr,
                _process: process,
            }),
            None => panic!(
                "expected http.server to serve, found {}",
                process.stderr().text()
            ),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// A script of `tests/clients` that serves and prints `listening on IP:PORT`.
#[derive(Debug)]
pub struct PythonScript {
    addr: SocketAddr,
    process: Process,
}

impl PythonScript {
    /// Starts it. `None` when there is no Python environment.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start(script: &str) -> Option<Self> {
        Self::start_with(script, &[])
    }

    /// The same with arguments.
    ///
    /// # Panics
    /// When it does not come up.
    #[track_caller]
    pub fn start_with(script: &str, arguments: &[&str]) -> Option<Self> {
        let mut command = Command::new(python()?);
        command
            .arg("-u")
            .arg(client_file(script))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let process = Process::spawn(command).expect("python starts");
        Some(Self {
            addr: announced_addr(&process, "listening on "),
            process,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        base_url(self.addr)
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// `examples/product-service` as an origin.
#[derive(Debug)]
pub struct ProductService {
    addr: SocketAddr,
    process: Process,
}

impl ProductService {
    /// Starts it with these arguments and variables, listening on a free port.
    ///
    /// # Panics
    /// When it was not built by `cargo test --no-run -p product-service`, or does not come up.
    #[track_caller]
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let program = binary_beside_test("product-service").expect("the path of this test");
        assert!(
            program.is_file(),
            "expected the example at {}, found none: run `cargo test --no-run -p product-service`",
            program.display()
        );
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.envs(variables.iter().copied());
        let process = Process::spawn(command).expect("the example starts");
        Self {
            addr: announced_addr(&process, "listening on "),
            process,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

#[track_caller]
fn announced_addr(process: &Process, mark: &str) -> SocketAddr {
    let addr = process.stdout().wait_for(SOON, |line| {
        let (_, addr) = line.split_once(mark)?;
        addr.trim().parse().ok()
    });
    match addr {
        Some(addr) => addr,
        None => panic!(
            "expected an origin to say `{mark}`, found\n{}\n{}",
            process.stdout().text(),
            process.stderr().text()
        ),
    }
}

/// An address that was free a moment ago.
fn free_addr() -> SocketAddr {
    let probe = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    probe.local_addr().expect("a bound socket")
}
