//! What a scan holds in memory is in no core dump and open to no other process.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use crate::hostile::as_nobody;
use crate::written::{interrupt, slow};

#[test]
fn a_scan_leaves_no_core_dump_and_starts_no_program() {
    let place = slow();
    let mut command = as_nobody(&place, &["scan", "-f", "json", "-j", "1"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let proc = format!("/proc/{id}", id = child.id());
    // It listens for signals after it has closed itself.
    interrupt(&child, "-CONT");
    let limits = fs::read_to_string(format!("{proc}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // What belongs to a process that is not dumped belongs to root.
    assert_eq!(fs::metadata(format!("{proc}/mem")).unwrap().uid(), 0);
    let tasks = fs::read_dir(format!("{proc}/task")).unwrap();
    for task in tasks {
        let children = task.unwrap().path().join("children");
        assert_eq!(fs::read_to_string(children).unwrap_or_default(), "");
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-ABRT", &id]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&status));
}
