//! Processes below ours, found in /proc, and ended without a word.

use std::time::Duration;

use tokio::time::Instant;

/// Waits for a child with that name, another one than `before`.
pub async fn child_named(parent: u32, name: &str, before: Option<u32>, patience: Duration) -> u32 {
    let end = Instant::now() + patience;
    loop {
        let child = children(parent)
            .into_iter()
            .find(|&child| is_named(child, name) && Some(child) != before);
        if let Some(child) = child {
            return child;
        }
        assert!(Instant::now() < end, "process {parent} has no child {name}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ends a process without a word.
pub fn kill9(process: u32) {
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &process.to_string()])
        .status();
    assert!(
        killed.expect("kill is part of every system").success(),
        "process {process} is gone already"
    );
}

/// Children of all threads of a process.
fn children(parent: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let children =
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    children
        .flat_map(|children| {
            children
                .split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn is_named(process: u32, name: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|comm| comm.trim() == name)
}
