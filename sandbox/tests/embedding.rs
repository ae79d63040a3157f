//! Starting, stopping, keeping the world in a file, and the program.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)] // tests

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use common::{Clinic, ORGANIZATION, http, text};
use orgconnect_sandbox::{RefreshMode, Sandbox, SandboxError};
use serde_json::Value;

#[tokio::test]
async fn only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let error = Sandbox::builder().listen(address.parse().unwrap()).start().await.unwrap_err();
        assert!(matches!(error, SandboxError::NotLoopback(_)), "{error}");
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let error = Sandbox::builder().listen(sandbox.address()).start().await.unwrap_err();
    assert!(error.to_string().contains(&sandbox.address().port().to_string()), "{error}");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_world_and_none_a_new_one() {
    let world = async |seed: Option<u64>| {
        let builder = seed.map_or_else(Sandbox::builder, |seed| Sandbox::builder().seed(seed));
        let clinic = Clinic::with(builder.start().await.unwrap());
        (clinic.control().members(&clinic.clinic_id()), clinic.application)
    };
    assert_eq!(world(Some(3)).await, world(Some(3)).await);
    assert_ne!(world(Some(3)).await, world(Some(4)).await);
    assert_ne!(world(None).await, world(None).await);
}

#[tokio::test]
async fn stopping_frees_the_port_and_dropping_stops() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let address = sandbox.address();
    sandbox.shutdown().await;
    let sandbox = Sandbox::builder().listen(address).start().await.unwrap();
    let url = format!("{}/dashboard", sandbox.url());
    assert_eq!(http().get(&url).send().await.unwrap().status(), 200);
    drop(sandbox);
    assert!(http().get(&url).send().await.is_err());
}

#[test]
fn the_sandbox_answers_while_the_callers_runtime_is_blocked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = runtime.block_on(Sandbox::builder().start()).unwrap();
    let mut stream = std::net::TcpStream::connect(sandbox.address()).unwrap();
    let request =
        format!("GET /dashboard HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", sandbox.address());
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[tokio::test]
async fn a_data_file_keeps_tokens_events_settings_and_the_sequence_of_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world.db");
    let start = async || Sandbox::builder().seed(7).data(&path).start().await.unwrap();
    let clinic = Clinic::with(start().await);
    let tokens = clinic.tokens(ORGANIZATION, "owner@example.com").await;
    clinic.control().update_settings(|settings| settings.refresh_mode = RefreshMode::Grace);
    let application = clinic.application.clone();
    clinic.sandbox.shutdown().await;

    let again = Clinic::with(start().await);
    assert_eq!(again.control().settings().refresh_mode, RefreshMode::Grace);
    assert_eq!(again.get("/v1/userinfo", &text(&tokens["access_token"])).await.json()["sub"], tokens["sub"]);
    assert_eq!(again.control().applications()[0], application);
    assert_ne!(again.application.client_id, application.client_id, "the sequence goes on");
    again.sandbox.shutdown().await;

    let unseeded = Sandbox::builder().data(&path).start().await.unwrap();
    assert_eq!(unseeded.control().applications().len(), 2);
}

#[tokio::test]
async fn a_file_that_is_no_world_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database, but long enough to look like one ".repeat(20)).unwrap();
    let error = Sandbox::builder().data(&path).start().await.unwrap_err();
    assert!(matches!(error, SandboxError::Data(_)), "{error}");
}

#[tokio::test]
async fn a_forwarded_port_is_answered_once_it_is_allowed() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let url = format!("{}/dashboard", sandbox.url());
    let ask = async || http().get(&url).header("Host", "localhost:4").send().await.unwrap().status();
    assert_eq!(ask().await, 421);
    sandbox.control().allow_host_port(4);
    assert_eq!(ask().await, 200);
}

#[tokio::test]
async fn a_forwarded_port_is_allowed_over_http_too() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let allow = http().post(format!("{}/sandbox/host_ports", sandbox.url())).body(r#"{"port":5}"#);
    assert!(allow.send().await.unwrap().status().is_success());
    let url = format!("{}/dashboard", sandbox.url());
    assert_eq!(http().get(&url).header("Host", "localhost:5").send().await.unwrap().status(), 200);
}

/// The program, stopped when it is dropped.
struct Program(Child);

impl Program {
    /// Asks the program to end and waits until it has, in good order.
    fn terminate(mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(asked.success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_says_where_it_is_and_shows_a_secret_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world.db");
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orgconnect-sandbox"));
        command.args(["--port", "0", "--json", "--auto-approve", "--data"]).arg(&path);
        let mut program = Program(command.stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (program, serde_json::from_str::<Value>(&line).unwrap())
    };
    let (first, facts) = start();
    assert!(text(&facts["client_secret"]).starts_with("CRN_"));
    let url = text(&facts["url"]);
    assert!(url.starts_with("http://127.0.0.1:"));
    let settings: Value =
        http().get(format!("{url}/sandbox/settings")).send().await.unwrap().json().await.unwrap();
    assert_eq!(settings["auto_approve"], true);
    first.terminate();
    let (_second, later) = start();
    assert_eq!((&later["client_id"], later.get("client_secret")), (&facts["client_id"], None));
}
