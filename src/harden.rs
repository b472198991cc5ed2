//! What a scan holds in memory stays there: no core dump of the process is written, and other processes of
//! the user cannot attach to it or read its memory.

/// Sets the limit on core dumps to zero and, on Linux, marks the process as one that is not dumped. Where
/// the system refuses, the scan goes on: it is a precaution, and nothing rests on it.
pub fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
    // The limit does not hold where a program takes the dumps, as on most desktops.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
