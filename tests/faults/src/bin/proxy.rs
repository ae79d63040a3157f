//! The fault proxy as a program: `orgconnect-fault-proxy HOST:PORT` prints one line of JSON with its `url`, takes one
//! order a line as JSON on standard input, and ends when that is closed.

use std::process::ExitCode;

use orgconnect_faults::{Order, Proxy};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orgconnect-fault-proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let target = std::env::args().nth(1).ok_or("say where to forward to: HOST:PORT")?;
    let proxy = Proxy::to(target.parse()?).await?;
    println!("{}", json!({ "url": proxy.url(), "port": proxy.address().port() }));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{}", obey(&proxy, &line));
    }
    Ok(())
}

/// `"clear"` forgets all orders, `"status"` asks only, anything else is an order. Each answer says what was seen so far.
fn obey(proxy: &Proxy, line: &str) -> Value {
    match line.trim() {
        "\"clear\"" => proxy.clear(),
        "\"status\"" => {}
        order => match serde_json::from_str::<Order>(order) {
            Ok(order) => proxy.order(order),
            Err(error) => return json!({ "error": error.to_string() }),
        },
    }
    json!({ "exchanges": proxy.exchanges(), "spoiled": proxy.spoiled() })
}
