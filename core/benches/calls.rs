//! What the SDK adds to a call: `send` beside bare reqwest, against a server that costs next to nothing, in CPU time of
//! the calling thread. Everything the client does happens on that thread; the server has one of its own.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that can't go on stops")]

use std::{
    hint::black_box,
    io::{Read, Write},
    net::TcpListener,
    time::Duration,
};

use cpu_time::ThreadTime;
use criterion::{Criterion, criterion_group, criterion_main};
use orgconnect::{AuthorizationRequest, Client};
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};

const BODY: &str = r#"{"sub":"acc_5700a00eb0ccd07000000000","cronofy.type":"account","email":"doc@example.com","name":"Doc","zoneinfo":"Europe/London","cronofy.data":{"authorization":{"scope":"organizational_unit_scheduler","status":"active"}}}"#;

/// Answers every request on every connection with the same reply.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: bench\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (mut socket, reply) = (socket, reply.clone());
            std::thread::spawn(move || {
                socket.set_nodelay(true).unwrap();
                let mut buffer = [0; 4096];
                while socket.read(&mut buffer).is_ok_and(|count| count > 0) {
                    if socket.write_all(reply.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// CPU time of this thread over `count` calls, one after the other.
fn cpu_of<F: Future>(runtime: &Runtime, count: u64, mut call: impl FnMut() -> F) -> Duration {
    runtime.block_on(async {
        let began = ThreadTime::now();
        for _ in 0..count {
            black_box(call().await);
        }
        began.elapsed()
    })
}

fn send(criterion: &mut Criterion) {
    let url = serve();
    let mut group = criterion.benchmark_group("cpu per call");
    group.measurement_time(Duration::from_secs(8));

    let runtime_ours = runtime();
    let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").base_url(&url).build().unwrap();
    let account = client.internal_organization().impersonate("acc_5700a00eb0ccd07000000000").unwrap();
    group.bench_function("orgconnect send", |bencher| {
        bencher.iter_custom(|count| {
            cpu_of(&runtime_ours, count, || async {
                account.send("userinfo.read", Map::new()).await.unwrap().decode::<Value>().unwrap()
            })
        });
    });

    let runtime_bare = runtime();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bare = reqwest::Client::builder().no_proxy().build().unwrap();
    let userinfo = format!("{url}/v1/userinfo");
    group.bench_function("bare reqwest", |bencher| {
        bencher.iter_custom(|count| {
            cpu_of(&runtime_bare, count, || async {
                let request = bare
                    .get(&userinfo)
                    .header("authorization", "Bearer CLIENT_SECRET")
                    .header("cronofy-impersonate", "acc_5700a00eb0ccd07000000000");
                let body = request.send().await.unwrap().bytes().await.unwrap();
                serde_json::from_slice::<Value>(&body).unwrap()
            })
        });
    });
    group.finish();
}

fn authorize(criterion: &mut Criterion) {
    let client = Client::builder("CLIENT_ID", "CLIENT_SECRET").build().unwrap();
    criterion.bench_function("authorize", |bencher| {
        bencher.iter(|| client.authorize(AuthorizationRequest::organization("https://app.example/callback")).unwrap());
    });
}

criterion_group!(benches, send, authorize);
criterion_main!(benches);
