//! A loopback listener that plays the part of an application: it serves one page and tells which callbacks came.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Says in its title whether scripts run.
const PAGE: &str = "<!doctype html><title>scripts do not run</title>\
                    <script>document.title = 'scripts run'</script><h1>Back at the application</h1>";

/// An application that waits for its callback.
pub(crate) struct Listener {
    pub(crate) origin: String,
    callbacks: UnboundedReceiver<String>,
}

impl Listener {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (sender, callbacks) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, sender.clone()));
            }
        });
        Self { origin, callbacks }
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("{}/callback", self.origin)
    }

    /// The address of the next callback, parameters included.
    pub(crate) async fn callback(&mut self) -> String {
        let target = self.callbacks.recv().await.unwrap();
        format!("{}{target}", self.origin)
    }

    pub(crate) fn has_callback(&self) -> bool {
        !self.callbacks.is_empty()
    }
}

async fn answer(mut stream: TcpStream, sender: UnboundedSender<String>) {
    let mut head = Vec::new();
    // Browsers open connections on suspicion, and say nothing on them.
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(1..) => {}
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if target.starts_with("/callback") {
        let _ = sender.send(target);
    }
    let length = PAGE.len();
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{PAGE}"
    );
    let _ = stream.write_all(reply.as_bytes()).await;
}
