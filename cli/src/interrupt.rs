//! Ctrl-C, so that what is running can end in good order.

use crate::failure::{Failure, Result};

/// Ctrl-C, or the signal by which services are stopped. Neither ends the program by itself once this exists.
pub(crate) struct Interrupt {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Interrupt {
    /// Begins to listen. A program that does so before it says anything is never interrupted unprepared by somebody who
    /// has read it.
    pub(crate) fn listen() -> Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let of = |kind| signal(kind).map_err(|error| Failure::machine("listening for Ctrl-C", error));
            Ok(Self { interrupt: of(SignalKind::interrupt())?, terminate: of(SignalKind::terminate())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for it.
    #[cfg(unix)]
    pub(crate) async fn wait(mut self) -> Result<()> {
        tokio::select! {
            _ = self.interrupt.recv() => Ok(()),
            _ = self.terminate.recv() => Ok(()),
        }
    }

    /// Waits for it.
    #[cfg(not(unix))]
    pub(crate) async fn wait(self) -> Result<()> {
        tokio::signal::ctrl_c().await.map_err(|error| Failure::machine("waiting for Ctrl-C", error))
    }
}
