//! Signals and limits for processes that this suite has started.

use std::io;

/// What is sent to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ends it at once; it can't notice.
    Kill,
    /// Stops it until it is continued; it can't notice.
    Stop,
    /// Continues a stopped one.
    Continue,
}

/// Sends a signal to a process.
#[allow(unsafe_code, reason = "the one call that sends a signal")]
pub fn send(process: u32, signal: Signal) -> io::Result<()> {
    let number = match signal {
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    let process = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    // SAFETY: kill takes two integers and touches no memory of ours.
    match unsafe { libc::kill(process, number) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Limits the size of files that a process may write; `None` lifts the limit. What goes beyond fails with `EFBIG`, if
/// the process ignores `SIGXFSZ` as workers do.
#[allow(unsafe_code, reason = "the one call that sets a limit")]
pub fn limit_file_size(process: u32, bytes: Option<u64>) -> io::Result<()> {
    let process = libc::pid_t::try_from(process).map_err(io::Error::other)?;
    let limit =
        libc::rlimit { rlim_cur: bytes.unwrap_or(libc::RLIM_INFINITY), rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the new limit outlives the call, and the old one is not asked for.
    match unsafe { libc::prlimit(process, libc::RLIMIT_FSIZE, &raw const limit, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
