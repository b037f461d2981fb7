//! Notices that the configuration changed on disk, however an editor or a deployment writes it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Writers touch a file several times in a row; this long after the last touch it is read.
const SETTLE: Duration = Duration::from_millis(150);
/// However often it is touched, it is read this long after the first touch.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// Watches a configuration file or folder.
pub(crate) struct Watch {
    /// Ends the watching when dropped.
    watcher: Option<RecommendedWatcher>,
    /// Files beside the configuration.
    beside: Arc<Mutex<Beside>>,
    touched: mpsc::Receiver<()>,
    /// Of a touch that was taken and is not reported yet.
    settling: Option<Settling>,
}

impl Watch {
    /// Watches the folder the file is in, because editors replace files by renaming; of a linked file also the folder
    /// of what it links to. Without a path, or when the system cannot watch, only signals and the admin API reload.
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let (sender, touched) = mpsc::channel(1);
        let beside = Arc::default();
        let watcher = path.and_then(|path| {
            begin(path, sender, Arc::clone(&beside))
                .inspect_err(|error| {
                    tracing::warn!("configuration changes are not noticed by themselves: {error}")
                })
                .ok()
        });
        Self {
            watcher,
            beside,
            touched,
            settling: None,
        }
    }

    /// Watches these files too; of those of the last call, changes count no more. Folders are watched anew with every call:
    /// one that was removed and made again is another to the kernel.
    pub(crate) fn follow(&mut self, files: Vec<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let targets = files.iter().filter_map(|file| file.canonicalize().ok());
        let files: Vec<PathBuf> = files.iter().cloned().chain(targets).collect();
        let names = files.iter().flat_map(|file| {
            let links = links_to(file).filter_map(Path::file_name);
            file.file_name().into_iter().chain(links)
        });
        let names: BTreeSet<OsString> = names.map(OsStr::to_owned).collect();
        let folders: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders_of(file)).collect();
        // Not under the lock: the watcher answers from the thread that waits for it with each event.
        for folder in &folders {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                let folder = folder.display();
                tracing::warn!(
                    "{folder}: changes of certificates are not noticed by themselves: {error}"
                );
            }
        }
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        *beside = Beside { names };
    }

    /// Waits until the configuration was touched and left alone for a moment, [`SETTLE_MAX`] at most. Never ends when
    /// nothing is watched. Cancel-safe: a touch that was taken is kept, and the next call goes on waiting from it.
    pub(crate) async fn changed(&mut self) {
        loop {
            let Some(settling) = &mut self.settling else {
                if self.touched.recv().await.is_none() {
                    return std::future::pending().await;
                }
                self.settling = Some(Settling::begin(Instant::now()));
                continue;
            };
            match tokio::time::timeout_at(settling.ends, self.touched.recv()).await {
                Ok(Some(())) if settling.goes_on(Instant::now()) => {}
                Ok(_) | Err(_) => {
                    self.settling = None;
                    return;
                }
            }
        }
    }
}

/// Certificates and keys.
#[derive(Debug, Default)]
struct Beside {
    /// Their names, and those of folders that lead to them by a link.
    names: BTreeSet<OsString>,
}

impl Beside {
    fn concerns(&self, event: &Event) -> bool {
        let is_one = |path: &PathBuf| {
            let name = path.file_name();
            name.is_some_and(|name| self.names.contains(name))
        };
        !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(is_one)
    }
}

/// Its folder, and the folders of the linked ones on the way to it: who swaps such a link touches only those.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder_of(file)];
    folders.extend(links_to(file).map(folder_of));
    folders
}

/// Links among the folders on the way to a file.
fn links_to(file: &Path) -> impl Iterator<Item = &Path> {
    file.ancestors()
        .skip(1)
        .filter(|folder| folder.is_symlink())
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// The time between the first touch and the report.
#[derive(Debug)]
struct Settling {
    ends: Instant,
    latest: Instant,
}

impl Settling {
    fn begin(now: Instant) -> Self {
        Self {
            ends: now + SETTLE,
            latest: now + SETTLE_MAX,
        }
    }

    /// Takes note of another touch; says whether there is time left to wait for more.
    fn goes_on(&mut self, now: Instant) -> bool {
        self.ends = self.latest.min(now + SETTLE);
        now < self.ends
    }
}

fn begin(
    path: &Path,
    sender: mpsc::Sender<()>,
    beside: Arc<Mutex<Beside>>,
) -> notify::Result<RecommendedWatcher> {
    let names = Names::of(path);
    let folders = names.folders.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let is_beside = event.as_ref().is_ok_and(|event| {
            let beside = beside.lock().unwrap_or_else(PoisonError::into_inner);
            beside.concerns(event)
        });
        if is_beside || names.may_concern(&event) {
            // One token is enough: whoever takes it reads everything.
            sender.try_send(()).ok();
        }
    })?;
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Which events concern the configuration.
struct Names {
    folders: Vec<PathBuf>,
    /// The file's own name; `None` for a folder, of which every YAML file counts.
    file: Option<PathBuf>,
    target: Option<PathBuf>,
}

impl Names {
    fn of(path: &Path) -> Self {
        if path.is_dir() {
            return Self {
                folders: vec![path.into()],
                file: None,
                target: None,
            };
        }
        let mut folders = vec![folder_of(path)];
        let target = path.canonicalize().ok();
        if let Some(target) = &target
            && !folders.contains(&folder_of(target))
        {
            folders.push(folder_of(target));
        }
        Self {
            folders,
            file: path.file_name().map(PathBuf::from),
            target,
        }
    }

    /// Where events were lost or the watching fails, ours may have been among them.
    fn may_concern(&self, event: &notify::Result<Event>) -> bool {
        match event {
            Ok(event) => event.need_rescan() || self.concerns(event),
            Err(_) => true,
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        if matches!(event.kind, EventKind::Access(_)) {
            return false;
        }
        event.paths.iter().any(|path| {
            let name = path.file_name().unwrap_or_default();
            // Deployments that swap a linked folder touch entries that begin with two dots.
            let is_swap = name.as_encoded_bytes().starts_with(b"..");
            let is_ours = match &self.file {
                Some(file) => file.as_os_str() == name || self.target.as_deref() == Some(path),
                None => matches!(
                    path.extension().and_then(OsStr::to_str),
                    Some("yaml" | "yml")
                ),
            };
            is_swap || is_ours
        })
    }
}

#[cfg(test)]
mod tests {
    use notify::event::Flag;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_dropped_wait_loses_no_touch() {
        let (sender, touched) = mpsc::channel(1);
        let mut watch = Watch {
            watcher: None,
            beside: Arc::default(),
            touched,
            settling: None,
        };
        sender.try_send(()).expect("an empty channel");
        let cut = timeout(Duration::from_millis(1), watch.changed()).await;
        assert!(cut.is_err(), "it has to settle");
        let reported = timeout(10 * SETTLE_MAX, watch.changed()).await;
        assert!(reported.is_ok(), "the touch was lost");
        let again = timeout(2 * SETTLE, watch.changed()).await;
        assert!(again.is_err(), "one touch, one report");
    }

    #[test]
    fn settling_ends_however_often_it_is_touched() {
        let start = Instant::now();
        let mut now = start;
        let mut settling = Settling::begin(now);
        assert_eq!(settling.ends, start + SETTLE);
        loop {
            now += SETTLE / 2;
            if !settling.goes_on(now) {
                break;
            }
            assert_eq!(settling.ends, (now + SETTLE).min(start + SETTLE_MAX));
        }
        assert!(now - start >= SETTLE_MAX && now - start < SETTLE_MAX + SETTLE);
    }

    #[test]
    fn what_may_concern_the_configuration() {
        let names = Names {
            folders: Vec::new(),
            file: Some("tidegate.yaml".into()),
            target: None,
        };
        let of = |path: &str| Event::new(EventKind::Any).add_path(path.into());
        let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        for (event, expected) in [
            (Ok(of("/etc/tidegate.yaml")), true),
            (Ok(of("/etc/..data")), true),
            (Ok(of("/etc/other.yaml")), false),
            (Ok(lost), true),
            (Err(notify::Error::generic("broken")), true),
        ] {
            assert_eq!(names.may_concern(&event), expected, "{event:?}");
        }
    }
}
