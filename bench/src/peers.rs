//! The programs under comparison: where they are, how they are configured for a job, how they start.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    http,
    meter::Meter,
    options::Options,
    output,
    process::{self, Folder, Guarded},
    secure::Credential,
    service::{Service, announced},
};

/// Workers that start behind the first one are there after this.
const SETTLE: Duration = Duration::from_millis(200);

/// A program that can take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Our relay that parses nothing.
    Floor,
    /// The subject.
    Tidegate,
    /// nginx.
    Nginx,
    /// `HAProxy`.
    Haproxy,
    /// Envoy.
    Envoy,
}

impl Kind {
    /// All, in the order of the reports.
    pub const ALL: [Self; 5] = [
        Self::Floor,
        Self::Tidegate,
        Self::Nginx,
        Self::Haproxy,
        Self::Envoy,
    ];

    /// The name on the command line, in reports, and of the program itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Tidegate => "tidegate",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    /// Names the program's file when it is not where we look.
    fn variable(self) -> &'static str {
        match self {
            Self::Floor => "TIDEGATE_BENCH_FLOOR",
            Self::Tidegate => "TIDEGATE_BENCH_TIDEGATE",
            Self::Nginx => "TIDEGATE_BENCH_NGINX",
            Self::Haproxy => "TIDEGATE_BENCH_HAPROXY",
            Self::Envoy => "TIDEGATE_BENCH_ENVOY",
        }
    }

    fn locate(self) -> Option<PathBuf> {
        match self {
            Self::Floor => process::sibling(self.name()),
            Self::Tidegate if std::env::var_os(self.variable()).is_none() => {
                process::sibling(self.name())
            }
            Self::Tidegate | Self::Nginx | Self::Haproxy | Self::Envoy => {
                process::locate(self.name(), self.variable())
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.with_context(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("expected one of {known}, found {name}")
        })
    }
}

/// A program that is installed.
#[derive(Clone, Debug)]
pub struct Program {
    /// Which one.
    pub kind: Kind,
    /// Its file.
    pub path: PathBuf,
    /// What it says about itself, without paths.
    pub version: String,
}

/// How a program shall run.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// Where requests go.
    pub origin: SocketAddr,
    /// The core it is pinned to, if any.
    pub core: Option<u32>,
    /// Data-plane threads or processes.
    pub workers: u32,
    /// Client connections it must be able to hold.
    pub connections: u32,
    /// Bodies are streamed through instead of collected, where that is a setting.
    pub streaming: bool,
    /// The routes of Tidegate, as YAML list items; peers send everything to the origin.
    pub routes: &'a str,
    /// A listener with TLS 1.3 beside the plain one, where it is given; Envoy and the floor have none.
    pub secure: Option<&'a Credential>,
}

/// A program that has been started. Ends when dropped.
#[derive(Debug)]
pub struct Running {
    /// Which one.
    pub kind: Kind,
    /// Where it takes requests.
    pub address: SocketAddr,
    /// Where it takes them over TLS, if the job has that.
    pub secure: SocketAddr,
    /// Where Tidegate's admin listener is.
    pub admin: SocketAddr,
    /// The configuration file it reads.
    pub config: PathBuf,
    /// Just before its process was started.
    pub spawned: Instant,
    service: Service,
}

/// The programs of `kinds` that were asked for and are installed; a line for each one that is not.
///
/// # Errors
/// When none is left.
pub fn find(options: &Options, kinds: &[Kind]) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for kind in kinds.iter().copied().filter(|kind| options.wants(*kind)) {
        match kind.locate() {
            Some(path) => programs.push(Program {
                kind,
                version: version(kind, &path),
                path,
            }),
            None => output::progress(&format!(
                "{kind}: not found, skipped (set {} to its file)",
                kind.variable()
            )),
        }
    }
    if programs.is_empty() {
        bail!("none of the programs of this comparison is there");
    }
    Ok(programs)
}

impl Program {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, ends at once or does not answer within 15 s; what it printed is part of the error.
    pub fn start(&self, job: &Job<'_>) -> Result<Running> {
        let mut running = self.launch(job)?;
        running.wait_ready("/products/1")?;
        thread::sleep(SETTLE);
        Ok(running)
    }

    /// Starts it without waiting.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch(&self, job: &Job<'_>) -> Result<Running> {
        let folder = Folder::create()?;
        let (address, admin) = (process::free_address()?, process::free_address()?);
        let secure = process::free_address()?;
        let (config, mut command) = self.prepare(job, &folder, [address, secure, admin])?;
        Ok(Running {
            kind: self.kind,
            address,
            secure,
            admin,
            config,
            spawned: Instant::now(),
            service: Service::spawn(self.kind.name(), &mut command, folder)?,
        })
    }

    fn prepare(
        &self,
        job: &Job<'_>,
        folder: &Folder,
        addresses: [SocketAddr; 3],
    ) -> Result<(PathBuf, Command)> {
        let (name, template) = match self.kind {
            Kind::Floor => ("floor.txt", "no configuration\n"),
            Kind::Tidegate => ("tidegate.yaml", include_str!("../peers/tidegate.yaml")),
            Kind::Nginx => ("nginx.conf", include_str!("../peers/nginx.conf")),
            Kind::Haproxy => ("haproxy.cfg", include_str!("../peers/haproxy.cfg")),
            Kind::Envoy => ("envoy.yaml", include_str!("../peers/envoy.yaml")),
        };
        let config = folder.write(name, &fill_for(template, self.kind, job, addresses)?)?;
        let mut command = process::command(&self.path, job.core);
        match self.kind {
            Kind::Floor => command.args([addresses[0].to_string(), job.origin.to_string()]),
            Kind::Tidegate => command.arg("run").arg("-c").arg(&config),
            Kind::Nginx => nginx_arguments(&mut command, folder, &config),
            Kind::Haproxy => command.arg("-f").arg(&config).arg("-db"),
            Kind::Envoy => command
                .arg("-c")
                .arg(&config)
                .args(["--concurrency", &job.workers.to_string()])
                .args(["--disable-hot-restart", "-l", "error"]),
        };
        Ok((config, command))
    }
}

impl Running {
    /// Waits until a request for `path` is answered with 200.
    ///
    /// # Errors
    /// When the program ends or does not answer in time.
    pub fn wait_ready(&mut self, path: &str) -> Result<()> {
        let address = &mut self.address;
        self.service
            .wait_for(&format!("{path} is answered with 200"), |log| {
                if let Some(announced) = announced(log) {
                    *address = announced;
                }
                let answer = http::get(*address, path).ok()?;
                (answer.status == 200).then_some(())
            })
    }

    /// A meter over the program and all it has started up to now.
    ///
    /// # Errors
    /// When processes cannot be listed.
    pub fn meter(&self) -> Result<Meter> {
        Meter::new(self.service.id())
    }

    /// The process, for signals.
    #[must_use]
    pub fn process(&mut self) -> &mut Guarded {
        self.service.process()
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Gives Tidegate another configuration and waits until it is in force.
    ///
    /// # Errors
    /// When the file cannot be written or is not taken; what was wrong with it is part of the error.
    pub fn reload(&self, config: &str) -> Result<()> {
        fs::write(&self.config, config)?;
        let answer = http::post(self.admin, "/reload")?;
        if answer.status != 200 {
            bail!("expected 200 of POST /reload, found {answer:?}");
        }
        Ok(())
    }

    /// The last lines it printed.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.service.log_tail()
    }
}

/// Makes nginx keep everything in the folder.
pub(crate) fn nginx_arguments<'a>(
    command: &'a mut Command,
    folder: &Folder,
    config: &Path,
) -> &'a mut Command {
    command
        .arg("-p")
        .arg(format!("{}/", folder.path().display()))
        .args(["-e", "stderr", "-c"])
        .arg(config)
}

/// Replaces each `{{key}}`.
///
/// # Errors
/// When a key is left without a value.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let text = values
        .iter()
        .fold(template.to_owned(), |text, (key, value)| {
            text.replace(&format!("{{{{{key}}}}}"), value)
        });
    match text.split_once("{{") {
        Some((_, rest)) => bail!("no value for {}", rest.lines().next().unwrap_or_default()),
        None => Ok(text),
    }
}

fn fill_for(
    template: &str,
    kind: Kind,
    job: &Job<'_>,
    [address, secure, admin]: [SocketAddr; 3],
) -> Result<String> {
    let credential = job.secure;
    let secure = credential.map(|credential| secure_listener(kind, credential, secure, job));
    let streaming = if job.streaming {
        "client_max_body_size 0; proxy_request_buffering off; proxy_buffering off; client_body_buffer_size 64k; \
         proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;"
    } else {
        ""
    };
    fill(
        template,
        &[
            ("listen", &address.to_string()),
            ("listen_host", &address.ip().to_string()),
            ("listen_port", &address.port().to_string()),
            ("origin", &job.origin.to_string()),
            ("origin_host", &job.origin.ip().to_string()),
            ("origin_port", &job.origin.port().to_string()),
            ("admin", &admin.to_string()),
            ("workers", &job.workers.to_string()),
            ("connections", &job.connections.to_string()),
            ("streaming", streaming),
            ("routes", job.routes.trim_end()),
            ("secure", secure.as_deref().unwrap_or_default()),
        ],
    )
}

/// What a configuration holds for a second listener, with TLS 1.3.
fn secure_listener(
    kind: Kind,
    credential: &Credential,
    address: SocketAddr,
    job: &Job<'_>,
) -> String {
    let (cert, key) = (credential.cert.display(), credential.key.display());
    match kind {
        Kind::Floor | Kind::Envoy => String::new(),
        Kind::Tidegate => format!(
            "\n  secure:\n    address: {address}\n    tls: {{ certificates: [{{ cert: {cert}, key: {key} }}] }}\n    \
             limits: {{ connections_max: {0}, connections_per_ip_max: {0}, requests_per_connection_max: 1000000000 }}",
            job.connections
        ),
        Kind::Nginx => format!(
            "listen {address} ssl backlog=4096; ssl_certificate {cert}; ssl_certificate_key {key}; \
             ssl_protocols TLSv1.3; ssl_session_cache off;"
        ),
        Kind::Haproxy => format!(
            "bind {address} backlog 4096 ssl crt {} ssl-min-ver TLSv1.3",
            credential.both.display()
        ),
    }
}

/// The first line that holds a version; of Envoy's without the path it begins with.
fn version(kind: Kind, path: &Path) -> String {
    let argument = match kind {
        Kind::Floor => return "of this repository".to_owned(),
        Kind::Tidegate | Kind::Envoy => "--version",
        Kind::Nginx | Kind::Haproxy => "-v",
    };
    let Ok(output) = Command::new(path).arg(argument).output() else {
        return "unknown".to_owned();
    };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let line = text
        .lines()
        .find(|line| line.contains(|c: char| c.is_ascii_digit()));
    let line = line.unwrap_or("unknown");
    let line = line.rsplit_once("version: ").map_or(line, |(_, rest)| rest);
    line.split(" - ")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_completely() {
        let credential = Credential::make().unwrap();
        let job = Job {
            origin: "127.0.0.1:9000".parse().unwrap(),
            core: None,
            workers: 1,
            connections: 1024,
            streaming: true,
            routes: "  []",
            secure: Some(&credential),
        };
        let address = "127.0.0.1:8000".parse().unwrap();
        for (kind, template) in [
            (Kind::Tidegate, include_str!("../peers/tidegate.yaml")),
            (Kind::Nginx, include_str!("../peers/nginx.conf")),
            (Kind::Haproxy, include_str!("../peers/haproxy.cfg")),
            (Kind::Envoy, include_str!("../peers/envoy.yaml")),
        ] {
            let text = fill_for(template, kind, &job, [address; 3]).unwrap();
            assert_eq!(text.contains(".pem"), kind != Kind::Envoy, "{text}");
            assert!(
                text.contains("127.0.0.1") && text.contains("9000"),
                "{text}"
            );
        }
        assert!(fill("{{nothing}}", &[]).is_err());
    }
}
