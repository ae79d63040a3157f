//! What a process uses, as the system counts it.

use serde_json::{Value, json};

use crate::Outcome;

/// Resident memory now and at its peak, in KiB.
pub(crate) fn now() -> Outcome<Value> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| -> u64 {
        status
            .lines()
            .find_map(|line| {
                line.strip_prefix(name)?.trim_start_matches(':').split_whitespace().next()?.parse().ok()
            })
            .unwrap_or(0)
    };
    Ok(json!({ "rss_kib": field("VmRSS"), "peak_kib": field("VmHWM") }))
}

/// A file that grows beyond a limit is an error of the write, and not the end of the process.
#[allow(unsafe_code, reason = "the one call that ignores a signal")]
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: SIG_IGN is a disposition that runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
