//! What the SDK adds to a call: `send` beside bare hyper, which it is built on, and beside reqwest, against a server that
//! costs next to nothing, in CPU time of the calling thread. Everything the client does happens on that thread; the server
//! has one of its own.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that can't go on stops")]

use std::{hint::black_box, time::Duration};

use cpu_time::ThreadTime;
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioExecutor;
use orgconnect::{AuthorizationRequest, Client};
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Builder,
};

const BODY: &str = r#"{"sub":"acc_5700a00eb0ccd07000000000","cronofy.type":"account","email":"doc@example.com","name":"Doc","zoneinfo":"Europe/London","cronofy.data":{"authorization":{"scope":"organizational_unit_scheduler","status":"active"}}}"#;

/// Answers every request on every connection with the same reply, all of them on one thread: where the system puts that
/// thread is the same for everybody who is measured.
fn serve() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: bench\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((mut socket, _)) = listener.accept().await {
                let reply = reply.clone();
                tokio::spawn(async move {
                    socket.set_nodelay(true).unwrap();
                    let mut buffer = [0; 4096];
                    while socket.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                        if socket.write_all(reply.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
    });
    url
}

/// CPU time of this thread over `count` calls, one after the other.
async fn cpu_of<F: Future>(count: u64, mut call: impl FnMut() -> F) -> Duration {
    let began = ThreadTime::now();
    for _ in 0..count {
        black_box(call().await);
    }
    began.elapsed()
}

/// How many calls are made in a row before it is the other's turn.
const TURN: u64 = 25;

fn send(criterion: &mut Criterion) {
    let url = serve();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").base_url(&url).build().unwrap();
    let account = client.internal_organization().impersonate("acc_5700a00eb0ccd07000000000").unwrap();
    let ours =
        || async { account.send("userinfo.read", Map::new()).await.unwrap().decode::<Value>().unwrap() };
    let userinfo = format!("{url}/v1/userinfo");
    let bare_reqwest = reqwest::Client::builder().no_proxy().build().unwrap();
    let with_reqwest = || async {
        let request = bare_reqwest
            .get(&userinfo)
            .header("authorization", "Bearer CLIENT_SECRET")
            .header("cronofy-impersonate", "acc_5700a00eb0ccd07000000000");
        let body = request.send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let bare_hyper =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let with_hyper = || async {
        let request = Request::get(&userinfo)
            .header("authorization", "Bearer CLIENT_SECRET")
            .header("cronofy-impersonate", "acc_5700a00eb0ccd07000000000")
            .body(Empty::new())
            .unwrap();
        let body = bare_hyper.request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<Value>(&body).unwrap()
    };

    let mut group = criterion.benchmark_group("cpu per call");
    group.measurement_time(Duration::from_secs(8));
    group.bench_function("orgconnect send", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(cpu_of(count, ours)));
    });
    group.bench_function("bare hyper", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(cpu_of(count, with_hyper)));
    });
    group.bench_function("reqwest", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(cpu_of(count, with_reqwest)));
    });
    // The difference of two figures taken at different times is mostly the machine's mood. Here the two take turns, so
    // that both see the same mood, and what is left is ours.
    group.bench_function("what orgconnect adds to hyper, taking turns", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(async {
                let (mut with, mut without) = (Duration::ZERO, Duration::ZERO);
                let mut left = count;
                while left > 0 {
                    let turn = left.min(TURN);
                    with += cpu_of(turn, ours).await;
                    without += cpu_of(turn, with_hyper).await;
                    left -= turn;
                }
                with.saturating_sub(without).max(Duration::from_nanos(1))
            })
        });
    });
    group.finish();
}

fn authorize(criterion: &mut Criterion) {
    let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").build().unwrap();
    criterion.bench_function("authorize", |bencher| {
        bencher.iter(|| {
            client.authorize(AuthorizationRequest::organization("https://app.example/callback")).unwrap()
        });
    });
}

criterion_group!(benches, send, authorize);
criterion_main!(benches);
