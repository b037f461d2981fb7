//! How much memory the process may use: the smallest limit of its control groups, or what the machine has.

use std::fs;
use std::path::{Path, PathBuf};

/// `None` where neither is told. Reads a few small files.
pub(super) fn memory_limit() -> Option<u64> {
    limit_below(Path::new("/"))
}

fn limit_below(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_limits(root, line));
    limits.chain(machine_memory(root)).min()
}

/// The limits of a control group and of those it is in. A line is `ID:CONTROLLERS:PATH` (cgroups(7)).
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (mount, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        "memory" => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return Vec::new(),
    };
    let mount: PathBuf = root.join(mount);
    let group = mount.join(path.trim_start_matches('/'));
    // A path of another namespace is not below this mount: the mount itself is then the nearest that is known.
    group
        .ancestors()
        .take_while(|folder| folder.starts_with(&mount))
        .filter_map(|folder| fs::read_to_string(folder.join(file)).ok())
        // `max`: none.
        .filter_map(|text| text.trim().parse().ok())
        .collect()
}

fn machine_memory(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By path, with their text.
    type Files<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn the_smallest_limit_counts() {
        let machine = ("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\n");
        let v2 = ("proc/self/cgroup", "0::/a/b\n");
        let v1 = (
            "proc/self/cgroup",
            "5:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/\n",
        );
        let cases: [(Files<'_>, Option<u64>); 7] = [
            (&[], None),
            (&[machine], Some(2048 << 10)),
            (&[machine, v2], Some(2048 << 10)),
            (
                &[machine, v2, ("sys/fs/cgroup/a/b/memory.max", "max\n")],
                Some(2048 << 10),
            ),
            (
                &[
                    machine,
                    v2,
                    ("sys/fs/cgroup/a/b/memory.max", "70000\n"),
                    ("sys/fs/cgroup/a/memory.max", "60000\n"),
                ],
                Some(60_000),
            ),
            // Seen from inside a container the group's own path is not there.
            (
                &[
                    machine,
                    v1,
                    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "50000\n"),
                ],
                Some(50_000),
            ),
            // No limit is a number of pages that no machine has.
            (
                &[
                    machine,
                    v1,
                    (
                        "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes",
                        "9223372036854771712\n",
                    ),
                ],
                Some(2048 << 10),
            ),
        ];
        for (files, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            assert_eq!(limit_below(root.path()), expected, "{files:?}");
        }
    }
}
