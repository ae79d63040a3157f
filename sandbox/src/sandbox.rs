//! Starts and stops a sandbox: a server on a thread of its own, which ends with the value that holds it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::control::Control;
use crate::errors::SandboxError;
use crate::server::{Shared, serve};
use crate::world::World;

/// A running sandbox. Dropping it stops it.
///
/// The server has a thread and a runtime of its own, so it answers whatever the caller's runtime is doing.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    address: SocketAddr,
    control: Control,
    stop: Option<watch::Sender<bool>>,
    stopped: oneshot::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// How a sandbox is to start.
#[derive(Debug, Clone)]
pub struct SandboxBuilder {
    seed: Option<u64>,
    auto_approve: bool,
    data: Option<PathBuf>,
    time: Option<Timestamp>,
    address: SocketAddr,
}

impl Sandbox {
    /// A sandbox in memory, on a free port of 127.0.0.1, with random secrets.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder {
            seed: None,
            auto_approve: false,
            data: None,
            time: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        }
    }

    /// The address of API and pages alike, such as `http://127.0.0.1:8787`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What there is to read and to change.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Stops the server and closes the data file.
    pub async fn shutdown(mut self) {
        self.stop.take();
        // The thread is ending either way; an error only says that it has ended already.
        let _ = (&mut self.stopped).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

impl SandboxBuilder {
    /// Makes ids and secrets the same every time. A data file that was begun with the same seed goes on where it was.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Approves every authorization at once, as the first owner, without showing a page.
    pub fn auto_approve(mut self, auto_approve: bool) -> Self {
        self.auto_approve = auto_approve;
        self
    }

    /// Keeps the world in a file, which is made when it is not there.
    pub fn data(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// Sets the clock before the world is made, so that its events lie around this time. The clock then runs.
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }

    /// Listens on this loopback address; port 0 takes a free one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Opens the world and begins to answer.
    pub async fn start(self) -> Result<Sandbox, SandboxError> {
        if !self.address.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(self.address));
        }
        let listen = |source| SandboxError::Listen { address: self.address, source };
        let listener = std::net::TcpListener::bind(self.address).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let clock = Arc::new(Clock::default());
        if let Some(time) = self.time {
            clock.set_offset(time - Timestamp::now());
        }
        let world = World::open(self.data.as_deref(), self.seed, clock.clone())?;
        let state = Arc::new(Shared::new(world, clock, address));
        let control = Control::new(state.clone());
        // A data file may remember another choice.
        control.update_settings(|settings| settings.auto_approve = self.auto_approve);

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SandboxError::Start)?;
        let (stop, stopping) = watch::channel(false);
        let (ready, started) = oneshot::channel();
        let (gone, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("orgconnect-sandbox".into())
            .spawn(move || {
                runtime.block_on(async {
                    let listener = tokio::net::TcpListener::from_std(listener);
                    let failure = listener.as_ref().err().map(|error| std::io::Error::from(error.kind()));
                    let _ = ready.send(failure);
                    if let Ok(listener) = listener {
                        serve(listener, state, stopping).await;
                    }
                });
                // Ends the requests in flight, and with them their hold on the world.
                drop(runtime);
                let _ = gone.send(());
            })
            .map_err(SandboxError::Start)?;
        match started.await {
            Ok(None) => {}
            Ok(Some(error)) => return Err(listen(error)),
            Err(_) => return Err(SandboxError::Start(std::io::ErrorKind::BrokenPipe.into())),
        }
        Ok(Sandbox {
            url: format!("http://{address}"),
            address,
            control,
            stop: Some(stop),
            stopped,
            thread: Some(thread),
        })
    }
}
