//! What the process takes of its machine: descriptors and CPUs.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

use testkit::{RawClient, Tidegate};

use crate::limits::{expect_turned_away, let_in};
use crate::system::{limited, saying, start_with_descriptor_limits, until};

/// What `/proc/PID/limits` says of open files: soft and hard.
#[track_caller]
fn descriptor_limits(tidegate: &Tidegate) -> [u64; 2] {
    let limits = fs::read_to_string(format!("/proc/{}/limits", tidegate.process().pid()));
    let limits = limits.expect("the limits of a child");
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut numbers = line
        .expect("a line of open files")
        .split_whitespace()
        .map_while(|word| word.parse().ok());
    [(); 2].map(|()| numbers.next().expect("a number"))
}

/// Most systems start programs with a soft limit far below the hard one.
#[test]
fn the_descriptor_limit_is_raised_and_used() {
    let tidegate = start_with_descriptor_limits(&limited("", ""), 100, 200);
    assert_eq!(descriptor_limits(&tidegate), [200, 200]);
    // `connections_max: auto` is two fifths of what there is.
    let _clients: Vec<RawClient> = (0..80).map(|_| let_in(&tidegate)).collect();
    expect_turned_away(&mut tidegate.connect("web"));
}

/// The CPUs a thread may run on, as the kernel lists them: `0-3,6`.
fn allowed(task: &Path) -> Option<String> {
    let status = fs::read_to_string(task.join("status")).ok()?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
}

/// What each worker's thread may run on, sorted by worker.
fn workers_allowed(tidegate: &Tidegate) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", tidegate.process().pid()));
    let mut workers: Vec<_> = tasks
        .expect("the threads of a child")
        .filter_map(|task| {
            let task = task.ok()?.path();
            let name = fs::read_to_string(task.join("comm")).ok()?;
            name.starts_with("worker-").then_some(())?;
            Some((name, allowed(&task)?))
        })
        .collect();
    workers.sort();
    workers.into_iter().map(|(_, allowed)| allowed).collect()
}

#[test]
fn pinned_workers_have_a_cpu_each() {
    let all = allowed(Path::new("/proc/thread-self")).expect("Linux");
    let is_one = |list: &String| list.parse::<u32>().is_ok();
    if is_one(&all) {
        // Past the capture of the test harness.
        writeln!(
            std::io::stderr(),
            "skipped: one CPU is nothing to choose from"
        )
        .ok();
        return;
    }
    let yaml = saying("ok");
    let roaming = Tidegate::start(&yaml);
    until("two workers on all CPUs", || {
        (workers_allowed(&roaming) == [all.as_str(), &all]).then_some(())
    });
    let pinned = Tidegate::start(format!("{yaml}pin_workers: true\n"));
    let lists = until("two workers on a CPU each", || {
        let lists = workers_allowed(&pinned);
        (lists.len() == 2 && lists.iter().all(is_one)).then_some(lists)
    });
    assert_eq!(lists.iter().collect::<BTreeSet<_>>().len(), 2, "{lists:?}");
}
