//! Child processes that end with their guard, folders that go with theirs, and ports that are free.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// How long a program may take to leave after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(5);

/// A running child. Dropping it sends SIGTERM, waits at most three seconds, then kills; it addresses the process by its
/// id only, so nothing that somebody else started can be hit.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
}

impl Guarded {
    /// Starts `command` with no input; its output goes to `log`.
    ///
    /// # Errors
    /// When the program cannot be started or the log cannot be opened.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let out = File::create(log).context("cannot create the log of a program")?;
        let err = out
            .try_clone()
            .context("cannot share the log of a program")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// Takes over a child that was started elsewhere.
    #[must_use]
    pub fn new(child: Child) -> Self {
        Self { child }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("cannot send a signal")
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the operating system does not know the child.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .context("cannot ask for the state of a program")
    }

    /// Waits for the end, at most `limit`; `None` when it still runs.
    ///
    /// # Errors
    /// When the operating system does not know the child.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            if started.elapsed() >= limit {
                return Ok(None);
            }
            thread::sleep(STEP);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            // A child that is gone in between is what we want; nothing to do about other failures here.
            if self.signal(Signal::TERM).is_ok() && matches!(self.wait(GRACE), Ok(Some(_))) {
                return;
            }
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A new folder for configurations and logs, removed with everything in it on drop.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates it below the system's folder for temporary files.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create() -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-bench-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).context("cannot create a temporary folder")?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file into it and says where.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {name}"))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder left behind is untidy, not wrong.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// A loopback address nobody listens on. Somebody else may take it before it is used; the start then fails and says so.
///
/// # Errors
/// When the system has no port left.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    listener.local_addr().context("a socket without an address")
}

/// A command for `program`, pinned to `core` if one is named; it then also ends when the driver is killed.
#[must_use]
pub fn command(program: &Path, core: Option<u32>) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    // Both replace themselves with the program, so the child's id is the program's.
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string());
    if let Some(setpriv) = locate("setpriv", "TIDEGATE_BENCH_SETPRIV") {
        command.arg(setpriv).args(["--pdeathsig", "TERM", "--"]);
    }
    command.arg(program);
    command
}

/// The path of a program: what the variable says, or the first of that name on PATH.
#[must_use]
pub fn locate(name: &str, variable: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    // Daemons live in folders that an ordinary user's PATH lacks.
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The path of a program built with this one.
#[must_use]
pub fn sibling(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    Some(own.with_file_name(name)).filter(|path| path.is_file())
}

/// The largest number of open files allowed, raised to what the system lets us have.
#[must_use]
pub fn raise_files_max() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused: the limit stays as it was, and the caller sees the number.
    if setrlimit(Resource::Nofile, limit).is_err() {
        limit = getrlimit(Resource::Nofile);
    }
    limit.current.unwrap_or(u64::MAX)
}

/// Keeps the calling thread, and threads it starts later, on one core.
///
/// # Errors
/// When there is no such core.
pub fn pin_current_thread(core: u32) -> Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core as usize);
    rustix::thread::sched_setaffinity(None, &set)
        .with_context(|| format!("cannot pin to core {core}"))
}

/// Lets the calling thread run only when nobody else wants its core; threads it starts later do the same.
///
/// # Errors
/// When the system refuses.
pub fn yield_to_others() -> Result<()> {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
        .map_err(|error| anyhow!("cannot lower the priority: {error}"))
}

/// The command, to run before all others on its core, if this user may do that: a generator that waits for its turn would
/// charge the wait to whom it measures.
#[must_use]
pub fn urgent(command: Command) -> Command {
    let real_time = ["--fifo", "10"];
    let is_allowed = Command::new("chrt")
        .args(real_time)
        .arg("true")
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !is_allowed {
        return command;
    }
    let mut urgent = Command::new("chrt");
    urgent
        .args(real_time)
        .arg(command.get_program())
        .args(command.get_args());
    urgent
}
