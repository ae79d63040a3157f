//! A TCP proxy in front of the sandbox that spoils what passes through it: cuts a connection after so many bytes in
//! either direction, delays, stalls, trickles or garbles. It knows just enough of HTTP/1.1 to tell where a request begins.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    task::JoinHandle,
};

/// What is to be spoiled. The first order that fits an exchange applies to it, `times` often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// How the request begins, for example `POST /oauth/token`; empty fits every request.
    pub on: String,
    /// Which direction is spoiled.
    pub way: Way,
    /// So many bytes pass first, counted from the beginning of the request or of its reply.
    pub after: u64,
    /// What happens then.
    #[serde(rename = "do")]
    pub action: Action,
    /// For how many exchanges; without it for all.
    pub times: Option<u64>,
}

/// A direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    #[default]
    Reply,
}

/// What is done to the bytes that come after those that pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Both connections are closed.
    #[default]
    Cut,
    /// Nothing more passes in this direction, and the connections stay open.
    Stall,
    /// They pass with every other byte spoiled.
    Garble,
    /// They wait for so many milliseconds, once.
    Delay(u64),
    /// They pass one by one, with so many milliseconds before each.
    Trickle(u64),
}

/// A proxy on a free port of 127.0.0.1. It ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    orders: Mutex<Vec<Order>>,
    exchanges: Mutex<BTreeMap<String, u64>>,
    spoiled: Mutex<u64>,
    longest: Mutex<(u64, u64)>,
}

/// The exchange that a connection is at.
#[derive(Debug, Default)]
struct Exchange {
    order: Option<Order>,
    requested: u64,
    replied: u64,
    delayed: bool,
    /// Nothing passes any more, in either direction.
    cut: bool,
}

#[derive(Default)]
struct Link {
    exchange: Mutex<Exchange>,
    closed: Notify,
}

impl Proxy {
    /// Listens, and forwards to `target`.
    pub async fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let task = tokio::spawn(accept(listener, target, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds an order.
    pub fn order(&self, order: Order) {
        lock(&self.shared.orders).push(order);
    }

    /// Forgets all orders. Exchanges that are under way go on as they began.
    pub fn clear(&self) {
        lock(&self.shared.orders).clear();
    }

    /// How many requests have begun, by method and path.
    pub fn exchanges(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.exchanges).clone()
    }

    /// The length in bytes of the longest request, and of the longest reply, since this was asked for last.
    pub fn longest(&self) -> (u64, u64) {
        std::mem::take(&mut *lock(&self.shared.longest))
    }

    /// How many exchanges an order has applied to.
    pub fn spoiled(&self) -> u64 {
        *lock(&self.shared.spoiled)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(target).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let link = Link::default();
            tokio::join!(
                pump(Way::Request, from_client, to_server, &link, &shared),
                pump(Way::Reply, from_server, to_client, &link, &shared),
            );
        });
    }
}

/// Moves bytes in one direction until either side closes. The halves are dropped, and so closed, on return.
async fn pump(way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: &Link, shared: &Shared) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = tokio::select! {
            count = from.read(&mut buffer) => count.unwrap_or(0),
            () = link.closed.notified() => 0,
        };
        if count == 0 || !pass(way, &mut buffer[..count], &mut to, link, shared).await {
            break;
        }
    }
    let _ = to.shutdown().await;
    link.closed.notify_waiters();
    link.closed.notify_one();
}

/// Passes a chunk on, spoiled as ordered; `false` closes the connection.
async fn pass(way: Way, chunk: &mut [u8], to: &mut OwnedWriteHalf, link: &Link, shared: &Shared) -> bool {
    let (action, whole) = {
        let mut exchange = lock(&link.exchange);
        if exchange.cut {
            return false;
        }
        if way == Way::Request
            && let Some(head) = request_head(chunk)
        {
            *exchange = Exchange { order: shared.begin(&head), ..Exchange::default() };
        }
        let passed = if way == Way::Request { &mut exchange.requested } else { &mut exchange.replied };
        let before = *passed;
        *passed += chunk.len() as u64;
        let mut longest = lock(&shared.longest);
        *longest = (longest.0.max(exchange.requested), longest.1.max(exchange.replied));
        let reaches = before + chunk.len() as u64;
        let order = exchange.order.clone().filter(|order| order.way == way && reaches > order.after);
        match order {
            None => (None, chunk.len()),
            Some(order) => {
                let whole = usize::try_from(order.after.saturating_sub(before)).unwrap_or(0);
                exchange.cut = order.action == Action::Cut;
                let again = std::mem::replace(&mut exchange.delayed, true);
                (Some(order.action).filter(|action| !(again && matches!(action, Action::Delay(_)))), whole)
            }
        }
    };
    let (whole, rest) = chunk.split_at_mut(whole);
    if to.write_all(whole).await.is_err() {
        return false;
    }
    match action {
        None => {}
        Some(Action::Cut) => return false,
        Some(Action::Stall) => {
            link.closed.notified().await;
            return false;
        }
        Some(Action::Garble) => rest.iter_mut().step_by(2).for_each(|byte| *byte ^= 0xa5),
        Some(Action::Delay(milliseconds)) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        Some(Action::Trickle(milliseconds)) => {
            for byte in rest.iter() {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                if to.write_all(&[*byte]).await.is_err() {
                    return false;
                }
            }
            return true;
        }
    }
    to.write_all(rest).await.is_ok()
}

impl Shared {
    /// Counts an exchange and takes the order that applies to it.
    fn begin(&self, head: &str) -> Option<Order> {
        *lock(&self.exchanges).entry(head.to_owned()).or_default() += 1;
        let mut orders = lock(&self.orders);
        let order = orders
            .iter_mut()
            .find(|order| head.starts_with(&order.on) && order.times.is_none_or(|times| times > 0))?;
        order.times = order.times.map(|times| times - 1);
        *lock(&self.spoiled) += 1;
        Some(order.clone())
    }
}

/// Method and path, if a chunk begins a request. Clients write the head of a request in one piece.
fn request_head(chunk: &[u8]) -> Option<String> {
    let line = chunk.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let path = target.split('?').next().unwrap_or_default();
    Some(format!("{method} {path}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
