//! Notices that the configuration changed on disk, however an editor or a deployment writes it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Writers touch a file several times in a row; this long after the last touch it is read.
const SETTLE: Duration = Duration::from_millis(150);

/// Watches a configuration file or folder.
pub(crate) struct Watch {
    /// Ends the watching when dropped.
    _watcher: Option<RecommendedWatcher>,
    touched: mpsc::Receiver<()>,
}

impl Watch {
    /// Watches the folder the file is in, because editors replace files by renaming; of a linked file also the folder
    /// of what it links to. Without a path, or when the system cannot watch, only signals and the admin API reload.
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let (sender, touched) = mpsc::channel(1);
        let watcher = path.and_then(|path| {
            begin(path, sender)
                .inspect_err(|error| {
                    tracing::warn!("configuration changes are not noticed by themselves: {error}")
                })
                .ok()
        });
        Self {
            _watcher: watcher,
            touched,
        }
    }

    /// Waits until the configuration was touched and left alone for a moment. Never ends when nothing is watched.
    /// Cancel-safe: a touch that was noticed and not reported makes the next touch report sooner at worst.
    pub(crate) async fn changed(&mut self) {
        if self.touched.recv().await.is_none() {
            return std::future::pending().await;
        }
        while let Ok(Some(())) = tokio::time::timeout(SETTLE, self.touched.recv()).await {}
    }
}

fn begin(path: &Path, sender: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let names = Names::of(path);
    let folders = names.folders.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| names.concerns(&event)) {
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
        let folder = |path: &Path| match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            Some(_) | None => PathBuf::from("."),
        };
        let mut folders = vec![folder(path)];
        let target = path.canonicalize().ok();
        if let Some(target) = &target
            && !folders.contains(&folder(target))
        {
            folders.push(folder(target));
        }
        Self {
            folders,
            file: path.file_name().map(PathBuf::from),
            target,
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
