//! The redirect of a program on the user's machine (RFC 8252 section 7.3): a listener on 127.0.0.1 that waits for the one
//! request which brings the code, and answers everything else with 404.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::failure::{Failure, Result};

/// A request line longer than this is no callback.
const LONGEST: usize = 16 * 1024;

pub(crate) struct Loopback {
    listener: TcpListener,
    redirect_uri: String,
}

impl Loopback {
    pub(crate) async fn listen(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(|error| Failure::machine(format_args!("port {port} of 127.0.0.1"), error))?;
        let address =
            listener.local_addr().map_err(|error| Failure::machine("the loopback redirect", error))?;
        Ok(Self { listener, redirect_uri: format!("http://{address}/callback") })
    }

    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the callback and returns its full URL.
    pub(crate) async fn callback(self, patience: Duration) -> Result<String> {
        tokio::time::timeout(patience, self.accept()).await.map_err(|_| {
            Failure::Machine(format!(
                "nobody came back to {} within {} s; try again, or allow more with --wait",
                self.redirect_uri,
                patience.as_secs()
            ))
        })?
    }

    async fn accept(&self) -> Result<String> {
        loop {
            let (mut socket, _) = self
                .listener
                .accept()
                .await
                .map_err(|error| Failure::machine("the loopback redirect", error))?;
            // A browser may open connections that it never uses; they must not keep the real one waiting.
            let Ok(Some(target)) =
                tokio::time::timeout(Duration::from_secs(5), read_target(&mut socket)).await
            else {
                continue;
            };
            let query = target.strip_prefix("/callback?");
            let (status, text) = match query {
                Some(query) if query.contains("error=") => {
                    ("200 OK", "It was not approved. You can close this page.")
                }
                Some(_) => ("200 OK", "Thank you. You can close this page and go back to the terminal."),
                None => ("404 Not Found", "There is nothing here."),
            };
            answer(&mut socket, status, text).await;
            if let Some(query) = query {
                return Ok(format!("{}?{query}", self.redirect_uri));
            }
        }
    }
}

/// The target of a `GET` request, such as `/callback?code=…`.
async fn read_target(socket: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut buffer = [0; 2048];
        let count = socket.read(&mut buffer).await.ok()?;
        head.extend_from_slice(&buffer[..count]);
        if count == 0 || head.len() > LONGEST {
            return None;
        }
    }
    let line = std::str::from_utf8(&head).ok()?.lines().next()?.to_owned();
    let mut words = line.split(' ');
    (words.next() == Some("GET")).then(|| words.next().map(str::to_owned))?
}

async fn answer(socket: &mut TcpStream, status: &str, text: &str) {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>orgconnect</title>\
         <body style=\"font: 1.1rem system-ui; margin: 15vh auto; max-width: 30rem; padding: 0 1rem\"><p>{text}</p>"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\nconnection: close\r\n\r\n",
        page.len()
    );
    // The code is in hand either way; a browser that has gone away misses only the thanks.
    let _ = socket.write_all(head.as_bytes()).await;
    let _ = socket.write_all(page.as_bytes()).await;
    let _ = socket.shutdown().await;
}
