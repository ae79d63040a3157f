//! A TCP stream that can be told to close after so many more bytes, for replies that are cut off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// No cut is ordered.
const NEVER: u64 = u64::MAX;

/// Says when a connection is to close. One connection has one, and handles one request at a time.
#[derive(Debug, Clone)]
pub(crate) struct Cut(Arc<AtomicU64>);

impl Default for Cut {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(NEVER)))
    }
}

impl Cut {
    /// Closes the connection after so many more bytes; with none, lets it live.
    pub(crate) fn after(&self, bytes: Option<u64>) {
        self.0.store(bytes.unwrap_or(NEVER), Ordering::Release);
    }
}

/// The stream that obeys a [`Cut`].
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    cut: Cut,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, cut: Cut) -> Self {
        Self { stream, cut }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.cut.0.load(Ordering::Acquire);
        if left == NEVER {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        let allowed = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let Some(bytes) = bytes.get(..allowed).filter(|bytes| !bytes.is_empty()) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.cut.0.store(left.saturating_sub(written as u64), Ordering::Release);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
