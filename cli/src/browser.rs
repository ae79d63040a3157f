//! Opens the user's browser.

use std::process::{Command, Stdio};

/// Asks the user to approve, on stderr so that JSON on stdout stays clean, and opens the page unless told not to.
pub(crate) fn invite(authorization_url: &str, no_browser: bool) {
    // The state in it is of use to nobody but the browser that it is opened in, where it must go.
    eprintln!("Approve it in your browser:\n\n  {authorization_url}\n");
    if !no_browser && !open(authorization_url) {
        eprintln!("The browser could not be opened; copy the address into one on this machine.");
    }
}

/// Opens a URL in the browser; whether that seems to have worked.
fn open(url: &str) -> bool {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(target_os = "windows") {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    Command::new(program)
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .is_ok()
}
