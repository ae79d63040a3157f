//! The real binary where things are not as usual: forged callbacks, silent sockets, many pages, several connections, secrets
//! in replies, interruptions.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Command, Stdio},
};

use orgconnect_sandbox::{Fault, FaultBody, NewApplication, Sandbox};
use serde_json::{Value, json};

use common::{BINARY, Terminal, asked, get, text};

impl Terminal {
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.good(&[arguments, &["--json"]].concat());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn login_as(&self, connection: &str, more: &[&str], approver: &str) {
        let login = [&["login", "--no-browser", "--connection", connection], more].concat();
        let output = self.approve(&login, approver);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn a_forged_callback_and_a_silent_socket_do_not_end_the_login() {
    let terminal = Terminal::open().await;
    let mut child = terminal.command(&["login", "--no-browser"]).spawn().unwrap();
    let callback = terminal.sandbox.control().approve(&asked(&mut child), "owner@example.com").unwrap();
    let (redirect_uri, _) = callback.split_once('?').unwrap();
    let host = redirect_uri.trim_start_matches("http://").split('/').next().unwrap();
    let silent = TcpStream::connect(host).unwrap();
    for query in ["code=x&state=forged", "code=x", "error=access_denied", "error=access_denied&state="] {
        let page = get(&format!("{redirect_uri}?{query}"));
        assert!(page.starts_with("HTTP/1.1 400") && !page.contains("arrived"), "{query}: {page}");
    }
    assert!(get(&callback).starts_with("HTTP/1.1 200"));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    drop(silent);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_browser_is_opened_with_the_address_that_is_printed() {
    use std::os::unix::fs::PermissionsExt;
    let terminal = Terminal::open().await;
    let (script, opened) = (terminal.home.path().join("xdg-open"), terminal.home.path().join("opened"));
    assert!(Command::new("mkfifo").arg(&opened).status().unwrap().success());
    std::fs::write(&script, format!("#!/bin/sh\nprintf %s \"$1\" > '{}'\n", opened.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut child = terminal.command(&["login"]).env("PATH", terminal.home.path()).spawn().unwrap();
    let printed = asked(&mut child);
    assert_eq!(std::fs::read_to_string(&opened).unwrap(), printed);
    let callback = terminal.sandbox.control().approve(&printed, "owner@example.com").unwrap();
    assert!(get(&callback).starts_with("HTTP/1.1 200"));
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn every_kind_of_connection_can_be_made_and_used() {
    let terminal = Terminal::open().await;
    terminal.login_as("doc", &["--individual", "read_events", "create_event"], "doc@example.com");
    terminal.login_as("domain", &["--enterprise", "read_write"], "owner@example.com");
    let kinds: Vec<Value> =
        terminal.lines(&["connections"]).iter().map(|connection| connection["kind"].clone()).collect();
    assert_eq!(kinds, ["account", "service_account"]);
    assert_eq!(terminal.json(&["whoami", "--connection", "doc"])["email"], "doc@example.com");
    assert_eq!(terminal.json(&["whoami", "--connection", "domain"])["cronofy.type"], "service_account");
    let (code, said) = terminal.bad(&["members", "--connection", "doc"]);
    assert!(code == 2 && said.contains("organization"), "{code} {said}");
}

#[tokio::test]
async fn one_of_several_connections_is_named_and_one_that_ended_is_not_in_the_way() {
    let terminal = Terminal::open().await;
    terminal.login_as("a", &[], "owner@example.com");
    terminal.login_as("b", &[], "owner@fabrikam.example");
    let (code, said) = terminal.bad(&["members"]);
    assert!(code == 2 && said.contains("--connection: a, b"), "{code} {said}");
    terminal.good(&["token", "revoke", "--connection", "a"]);
    assert!(terminal.good(&["members"]).contains("sales@fabrikam.example"));
    terminal.good(&["token", "revoke"]);
    let (code, said) = terminal.bad(&["members"]);
    assert!(code == 2 && said.contains("orgconnect login"), "{code} {said}");
}

#[tokio::test]
async fn members_of_all_pages_are_listed() {
    let terminal = Terminal::open().await;
    let control = terminal.sandbox.control();
    control.add_members(&control.organizations()[0].organization_id, 250).unwrap();
    terminal.login();
    assert_eq!(terminal.lines(&["members"]).len(), 255);
    assert_eq!(terminal.lines(&["call", "organization.list_members", "--all"]).len(), 255);
    assert_eq!(terminal.bad(&["call", "userinfo.read", "--all", "--as", "doc@example.com"]).0, 2);
}

#[tokio::test]
async fn a_list_whose_next_page_is_the_same_page_is_given_up() {
    let terminal = Terminal::open().await;
    terminal.login();
    let link = format!("{}/v1/organizational_unit_members?page=2", terminal.sandbox.url());
    let page = json!({"organizational_unit_members": [], "pages": {"next_page": link}});
    let fault = Fault { body: Some(FaultBody::Json(page)), ..Fault::status(200) };
    terminal.sandbox.control().add_fault(fault.on("GET", "/v1/organizational_unit_members"));
    let (code, said) = terminal.bad(&["members"]);
    assert!(code == 5 && said.contains("no end"), "{code} {said}");
}

#[tokio::test]
async fn an_internal_application_needs_no_connection() {
    let mut terminal = Terminal::open().await;
    let control = terminal.sandbox.control();
    let internal_to = Some(control.organizations()[0].organization_id.clone());
    terminal.application =
        control.create_application(NewApplication { internal_to, ..NewApplication::default() });
    assert!(terminal.good(&["members", "--internal"]).contains("nurse@example.com"));
    let doc = terminal.json(&["whoami", "--internal", "--as", "doc@example.com"]);
    assert_eq!(doc["email"], "doc@example.com");
}

#[tokio::test]
async fn secrets_in_a_reply_are_left_out_unless_they_are_asked_for() {
    let terminal = Terminal::open().await;
    terminal.login_as("nurse", &["--individual", "read_events"], "nurse@example.com");
    let call = ["call", "link_tokens.create"];
    assert_eq!(terminal.json(&call)["link_token"], "…");
    let output = terminal.command(&[call[0], call[1], "--reveal", "--json"]).output().unwrap();
    let revealed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(revealed["link_token"].as_str().unwrap().len() > 10, "the token itself");
}

#[tokio::test]
async fn an_operation_for_administrators_asks_for_their_key() {
    let terminal = Terminal::open().await;
    let (code, said) =
        terminal.bad(&["call", "applications.create", "name=Rota", "url=https://rota.example"]);
    assert!(code == 2 && said.contains("CRONOFY_ADMIN_API_KEY"), "{code} {said}");
}

#[tokio::test]
async fn a_wrong_command_line_is_told_to_programs_in_json() {
    let terminal = Terminal::open().await;
    for wrong in [
        &["no-such-command", "--json"][..],
        &["--json", "sandbox", "--port", "many"],
        &["--json", "login", "--wait", "0"],
    ] {
        let (code, said) = terminal.bad(wrong);
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((code, said["error"]["kind"].as_str()), (2, Some("usage")), "{wrong:?}");
        let keys = [
            "code",
            "fields",
            "kind",
            "message",
            "needs_reauthorization",
            "request_id",
            "retry_after",
            "status",
        ];
        assert!(said["error"].as_object().unwrap().keys().eq(keys), "{said}");
    }
    assert!(terminal.good(&["--help", "--json"]).contains("Usage"), "help is help");
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_others_may_read_is_refused_with_a_code_of_its_own() {
    use std::os::unix::fs::PermissionsExt;
    let terminal = Terminal::open().await;
    std::fs::set_permissions(terminal.home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let store = terminal.home.path().to_str().unwrap();
    let (code, said) = terminal.bad(&["connections", "--store", store]);
    assert!(code == 8 && said.contains("chmod 700"), "{code} {said}");
}

#[tokio::test]
async fn a_webhook_is_verified_with_secrets_from_the_environment_and_a_body_of_any_kind() {
    let terminal = Terminal::open().await;
    let verify = |body: &[u8], signature: &str| {
        let mut child = terminal
            .command(&[
                "webhook",
                "verify",
                "--secret-env",
                "OLD",
                "--secret-env",
                "NEW",
                "--signature",
                signature,
            ])
            .env("OLD", "CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID")
            .env("NEW", "pDY0Oi7TJSP2hfNmZNkm5")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(body).unwrap();
        child.wait_with_output().unwrap().status.code().unwrap()
    };
    let body = br#"{"example":"well-known"}"#;
    assert_eq!(verify(body, "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0="), 0);
    assert_eq!(verify(body, "x,,6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c="), 0);
    assert_eq!(verify(body, ""), 4);
    // HMAC-SHA256 of "not JSON" under the second secret.
    assert_eq!(verify(b"not JSON", NOT_JSON), 0);
    assert_eq!(verify(b"not json", NOT_JSON), 4);
    let (code, said) = terminal.bad(&["webhook", "verify", "--secret-env", "NOWHERE", "--signature", "x"]);
    assert!(code == 2 && said.contains("NOWHERE"), "{code} {said}");
}

const NOT_JSON: &str = "JwXq08/osm/YJ5gfOsnNQ2ECjPRDdyKXzksuDPDJg2w=";

#[tokio::test]
async fn the_demo_leaves_nothing_behind_and_prints_nothing_that_could_be_a_secret() {
    let terminal = Terminal::open().await;
    let output = terminal
        .command(&["demo"])
        // Set to nothing, as a Makefile does, is not set.
        .env("CRONOFY_CLIENT_ID", "")
        .env("CRONOFY_CLIENT_SECRET", "")
        .env("CRONOFY_DATA_CENTER", "")
        .env("ORGCONNECT_BASE_URL", "")
        .env("TMPDIR", terminal.home.path())
        .output()
        .unwrap();
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert_eq!(std::fs::read_dir(terminal.home.path()).unwrap().count(), 0);
    assert!(!told.contains('\x1b'), "no colours where no terminal is");
    let client_id = told.split("client_id ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let public = |word: &&str| {
        word.starts_with("acc_") || word.starts_with("organizational_unit_") || *word == client_id
    };
    let words = told.split(|character: char| !character.is_ascii_alphanumeric() && !"_-".contains(character));
    let long: Vec<&str> = words.filter(|word| word.len() >= 20).filter(|word| !public(word)).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_demo_that_waits_for_a_browser_can_be_interrupted() {
    let terminal = Terminal::open().await;
    let mut child = terminal.command(&["demo", "--no-browser", "--json"]).spawn().unwrap();
    asked(&mut child);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stderr).contains("\"interrupted\""), "{}", text(&output.stderr));
}

#[cfg(unix)]
#[tokio::test]
async fn the_sandbox_prints_what_another_terminal_needs_and_keeps_its_world() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("world.sqlite");
    let run = || {
        let mut child = Command::new(BINARY)
            .args(["sandbox", "--port", "0", "--data"])
            .arg(&data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let exports: Vec<(String, String)> = lines
            .map(Result::unwrap)
            .take_while(|line| !line.contains("Ctrl-C"))
            .filter_map(|line| line.trim().strip_prefix("export ").map(str::to_owned))
            .map(|export| {
                export.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap()
            })
            .collect();
        let mut connections = Command::new(BINARY);
        connections.arg("connections").env_clear().env("XDG_DATA_HOME", home.path()).envs(exports.clone());
        assert!(text(&connections.output().unwrap().stdout).contains("Nothing is connected yet"));
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        assert!(child.wait().unwrap().success());
        exports
    };
    let (first, second) = (run(), run());
    assert_eq!(first.len(), 3);
    assert_eq!(first[1..], second[1..], "the application is the same in both runs");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let sandbox = Sandbox::builder().start().await.unwrap();
    let port = sandbox.address().port().to_string();
    let output = Command::new(BINARY).args(["sandbox", "--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&port), "{}", text(&output.stderr));
}
