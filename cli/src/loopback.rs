//! The redirect of a program on the user's machine (RFC 8252 section 7.3): a listener on 127.0.0.1 that waits for the one
//! request which answers its authorization, and turns everything else away.

use std::time::Duration;

use orgconnect::Secret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use url::Url;

use crate::failure::{Failure, Result};

/// A request line longer than this is no callback.
const LONGEST: usize = 16 * 1024;
/// A browser may open connections that it never uses: each is given up after this time.
const PATIENCE_FOR_A_REQUEST: Duration = Duration::from_secs(5);

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

    /// Waits for the callback that answers this authorization URL, and returns its full URL.
    ///
    /// Any page that a browser shows can send requests here. One without the state of the authorization is turned away,
    /// so that it neither ends the wait nor is taken for the answer.
    pub(crate) async fn callback(self, authorization_url: &str, patience: Duration) -> Result<String> {
        let state = Secret::from(state_of(authorization_url).unwrap_or_default());
        tokio::time::timeout(patience, self.accept(&state)).await.map_err(|_| {
            Failure::Machine(format!(
                "nobody came back to {} within {} s; try again, or allow more with --wait",
                self.redirect_uri,
                patience.as_secs()
            ))
        })?
    }

    async fn accept(&self, state: &Secret) -> Result<String> {
        let mut requests = JoinSet::new();
        loop {
            let (target, mut socket) = tokio::select! {
                accepted = self.listener.accept() => {
                    let (socket, _) =
                        accepted.map_err(|error| Failure::machine("the loopback redirect", error))?;
                    requests.spawn(tokio::time::timeout(PATIENCE_FOR_A_REQUEST, read_target(socket)));
                    continue;
                }
                Some(read) = requests.join_next() => match read {
                    Ok(Ok(Some(request))) => request,
                    _ => continue,
                },
            };
            let Some(query) = target.strip_prefix("/callback?") else {
                answer(&mut socket, "404 Not Found", "There is nothing here.").await;
                continue;
            };
            let callback = format!("{}?{query}", self.redirect_uri);
            if !state_of(&callback).is_some_and(|found| !found.is_empty() && state.matches(&found)) {
                let text = "This does not answer the authorization that is waited for. Start again from the terminal.";
                answer(&mut socket, "400 Bad Request", text).await;
                continue;
            }
            let text = if query.split('&').any(|pair| pair.starts_with("error=")) {
                "It was not approved. You can close this page."
            } else {
                "Your answer has arrived. You can close this page and go back to the terminal."
            };
            answer(&mut socket, "200 OK", text).await;
            return Ok(callback);
        }
    }
}

fn state_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.query_pairs().find(|(name, _)| name == "state").map(|(_, state)| state.into_owned())
}

/// The target of a `GET` request, such as `/callback?code=…`, and the socket to answer on.
async fn read_target(mut socket: TcpStream) -> Option<(String, TcpStream)> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut buffer = [0; 2048];
        let count = socket.read(&mut buffer).await.ok()?;
        head.extend_from_slice(&buffer[..count]);
        if count == 0 || head.len() > LONGEST {
            return None;
        }
    }
    let line = std::str::from_utf8(&head).ok()?.lines().next()?;
    let mut words = line.split(' ');
    let target = (words.next() == Some("GET")).then(|| words.next().map(str::to_owned))??;
    Some((target, socket))
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
