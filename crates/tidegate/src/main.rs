//! The `tidegate` program: arguments in, exit codes out. What it does is `compose`'s work.
//!
//! Exit codes: 0 clean, 1 could not run, 2 bad configuration or arguments.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use compose::{Announcement, Origin, RunError};
use demo::Addresses;
use telemetry::diagnostics::{Diagnostics, Writing};
use telemetry::environment::LogLevel;

const CLEAN: u8 = 0;
const COULD_NOT_RUN: u8 = 1;
const BAD_CONFIGURATION: u8 = 2;

/// Gateway for HTTP: one program, one file.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    /// What is logged to standard error: error, warn, info, debug or trace, or per module as in `warn,compose=debug`
    /// [default: `OTEL_LOG_LEVEL`, else info].
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run with a configuration file, or a folder of them, until SIGTERM or SIGINT.
    Run {
        /// The file or folder.
        #[arg(short, long, value_name = "FILE|DIR")]
        config: PathBuf,
    },
    /// Print every error of a configuration, or nothing.
    Check {
        /// The file or folder.
        #[arg(short, long, value_name = "FILE|DIR")]
        config: PathBuf,
    },
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Run the whole system on back ends of its own, and print what to try.
    Demo {
        /// Where clients connect.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Where clients connect over TLS.
        #[arg(long, default_value = "127.0.0.1:8443")]
        listen_tls: SocketAddr,
        /// Where the admin API answers.
        #[arg(long, default_value = "127.0.0.1:9901")]
        admin: SocketAddr,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome =
        diagnostics(arguments.log).and_then(|(diagnostics, _writing)| match arguments.command {
            Command::Run { config } => run(Origin::Path(config), &diagnostics, |_| String::new()),
            Command::Check { config } => check(config),
            Command::Schema => schema(),
            Command::Demo {
                listen,
                listen_tls,
                admin,
            } => demo(
                Addresses {
                    web: listen,
                    secure: listen_tls,
                    admin,
                },
                &diagnostics,
            ),
        });
    ExitCode::from(outcome.unwrap_or_else(|error| {
        report(&format!("tidegate: {error:#}"));
        COULD_NOT_RUN
    }))
}

fn diagnostics(filter: Option<String>) -> anyhow::Result<(Diagnostics, Writing)> {
    let (filter, origin) = match filter {
        Some(filter) => (filter, "--log"),
        // A word that is none is told when all of these variables are read.
        None => {
            let level = LogLevel::of(&|name| std::env::var(name).ok());
            (level.map_or("", LogLevel::filter).to_owned(), "log level")
        }
    };
    telemetry::diagnostics::init(&filter).with_context(|| format!("{origin} {filter}"))
}

/// Runs; the greeting is printed behind what can be reached.
fn run(
    origin: Origin,
    diagnostics: &Diagnostics,
    greeting: impl Fn(&[Announcement]) -> String,
) -> anyhow::Result<u8> {
    let mut announce = |announcements: &[Announcement]| {
        let mut text = String::new();
        for announcement in announcements {
            text.push_str(&match announcement {
                Announcement::Listening { name, address } => {
                    format!("listening on {address} ({name})\n")
                }
                Announcement::Admin(address) => format!("admin on {address}\n"),
            });
        }
        text.push_str(&greeting(announcements));
        // A reader that went away is no reason to stop serving.
        print(&text).ok();
    };
    match compose::run(origin, diagnostics, &mut announce) {
        Ok(()) => Ok(CLEAN),
        Err(RunError::Config(errors)) => {
            report(errors.to_string().trim_end());
            Ok(BAD_CONFIGURATION)
        }
        Err(error @ (RunError::Build(_) | RunError::Runtime(_))) => Err(error.into()),
    }
}

fn check(config: PathBuf) -> anyhow::Result<u8> {
    match Origin::Path(config).plan() {
        Ok(_) => Ok(CLEAN),
        Err(errors) => {
            report(errors.to_string().trim_end());
            Ok(BAD_CONFIGURATION)
        }
    }
}

fn schema() -> anyhow::Result<u8> {
    let schema = serde_json::to_string_pretty(&config::schema())?;
    print(&format!("{schema}\n")).context("standard output")?;
    Ok(CLEAN)
}

fn demo(addresses: Addresses, diagnostics: &Diagnostics) -> anyhow::Result<u8> {
    let services = demo::Services::start().context("the demo's own services")?;
    let certificate = demo::Certificate::make().context("the demo's own certificate")?;
    let text = demo::config_with(&services, &certificate, addresses);
    let origin = Origin::Text {
        name: "demo.yaml".into(),
        text,
    };
    run(origin, diagnostics, |announcements| {
        // Port 0 has become another.
        let mut bound = addresses;
        for announcement in announcements {
            match announcement {
                Announcement::Listening { name, address } if **name == *"secure" => {
                    bound.secure = *address;
                }
                Announcement::Listening { address, .. } => bound.web = *address,
                Announcement::Admin(address) => bound.admin = *address,
            }
        }
        demo::greeting(&services, &certificate, bound)
    })
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn report(text: &str) {
    // Without standard error there is no one to tell.
    writeln!(io::stderr(), "{text}").ok();
}
