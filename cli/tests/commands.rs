//! The real binary against a real sandbox: every command, its exit codes, its JSON, and no secret in any of it.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use orgconnect_sandbox::NewMember;
use serde_json::Value;

use common::{BINARY, Terminal, get, text};

#[tokio::test]
async fn the_demo_runs_every_step_in_a_sandbox_of_its_own() {
    let terminal = Terminal::open().await;
    let output = terminal
        .command(&["demo", "--json"])
        .env_remove("CRONOFY_CLIENT_ID")
        .env_remove("CRONOFY_CLIENT_SECRET")
        .env_remove("ORGCONNECT_BASE_URL")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = lines.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(
        names.join(" "),
        "sandbox application authorize approve redirect state exchange store members resolve userinfo \
         create read update read expire refresh restart revoke refusal"
    );
    assert!(lines.iter().all(|line| line["skipped"].is_null()));
    assert!(!text(&output.stdout).contains("CRN_"), "no secret is told");
}

#[tokio::test]
async fn with_credentials_the_demo_changes_nothing_and_says_what_it_skips() {
    let terminal = Terminal::open().await;
    let output = terminal.approve(&["demo", "--no-browser"], "owner@example.com");
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert_eq!(told.matches("skipped:").count(), 4, "{told}");
    assert!(told.contains("orgconnect token revoke --connection orgconnect-demo"));
    let written = terminal.sandbox.control().requests().into_iter().filter(|request| {
        request.method != "GET" && request.path.starts_with("/v1/") || request.path.ends_with("/revoke")
    });
    assert_eq!(written.count(), 0, "nothing was changed");
}

#[tokio::test]
async fn credentials_by_halves_are_refused_before_anything_is_begun() {
    let terminal = Terminal::open().await;
    let output = terminal.command(&["demo"]).env_remove("CRONOFY_CLIENT_SECRET").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("CRONOFY_CLIENT_SECRET"));
}

#[tokio::test]
async fn an_organization_is_connected_looked_at_and_acted_in() {
    let terminal = Terminal::open().await;
    let (code, said) = terminal.bad(&["members"]);
    assert!(code == 2 && said.contains("orgconnect login"), "{code} {said}");
    terminal.login();
    assert!(terminal.good(&["connections"]).contains("clinic"));
    let connection = terminal.json(&["connections"]);
    assert_eq!(
        (connection["state"].as_str(), connection["kind"].as_str()),
        (Some("active"), Some("organization"))
    );
    let members = terminal.good(&["members"]);
    assert!(members.contains("doc@example.com") && members.starts_with("EMAIL"), "{members}");
    assert!(terminal.good(&["whoami"]).contains("organizational_unit"));
    let doc = terminal.json(&["whoami", "--as", "doc@example.com"]);
    assert_eq!(doc["email"], "doc@example.com");
    let by_sub = terminal.json(&["whoami", "--as", doc["sub"].as_str().unwrap()]);
    assert_eq!(by_sub, doc);
}

#[tokio::test]
async fn what_a_member_is_called_steers_no_terminal() {
    let terminal = Terminal::open().await;
    let unit = terminal.sandbox.control().organizations().remove(0);
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    let member = NewMember {
        email: format!("x{hostile}@example.com"),
        name: format!("X {hostile}"),
        ..NewMember::default()
    };
    let sub = terminal.sandbox.control().add_member(&unit.organization_id, member).unwrap().sub;
    terminal.login();
    for arguments in [&["members"][..], &["whoami", "--as", &sub], &["call", "userinfo.read", "--as", &sub]] {
        for json in [None, Some("--json")] {
            let printed = terminal.good(&[arguments, json.as_slice()].concat());
            assert!(printed.contains("owned"), "{arguments:?}");
            let steers = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!printed.contains(steers), "{arguments:?}: {printed:?}");
        }
    }
    let told = terminal.json(&["whoami", "--as", &sub]);
    assert_eq!(told["name"], format!("X {hostile}"), "programs are told what it is");
}

#[tokio::test]
async fn any_operation_is_called_with_arguments_of_the_right_type() {
    let terminal = Terminal::open().await;
    terminal.login();
    let calendars = terminal.json(&["call", "calendars.list", "--as", "doc@example.com"]);
    let calendar = calendars["calendars"]
        .as_array()
        .unwrap()
        .iter()
        .find(|calendar| calendar["calendar_readonly"] == false);
    let calendar = format!("calendar_id={}", calendar.unwrap()["calendar_id"].as_str().unwrap());
    let event = [
        "call",
        "events.upsert",
        &calendar,
        "event_id=1",
        "summary=Check-up",
        "start=2026-12-07T09:00:00Z",
        "end=2026-12-07T09:30:00Z",
        "location.description=Room 4",
        "reminders:=[{\"minutes\":5}]",
        "--as",
        "doc@example.com",
    ];
    assert_eq!(terminal.good(&event), "202 (no content)\n");
    let read =
        ["call", "events.read", "tzid=Etc/UTC", "only_managed=true", "--all", "--as", "doc@example.com"];
    let event = terminal.json(&read);
    assert_eq!(
        (event["summary"].as_str(), event["location"]["description"].as_str()),
        (Some("Check-up"), Some("Room 4"))
    );
    let list = terminal.good(&["call", "--list"]);
    assert!(list.lines().count() > 70, "{list}");
    let described = terminal.good(&["call", "events.upsert", "--describe"]);
    assert!(
        described.contains("calendar_id") && described.contains("required") && described.contains("1024"),
        "{described}"
    );
}

#[tokio::test]
async fn every_kind_of_failure_has_its_exit_code_and_its_json() {
    let terminal = Terminal::open().await;
    assert_eq!(terminal.bad(&["no-such-command"]).0, 2);
    assert_eq!(terminal.bad(&["--data-center", "mars", "connections"]).0, 3);
    terminal.login();
    let (code, said) = terminal.bad(&["call", "events.upsrt"]);
    assert!(code == 5 && said.contains("events.upsert"), "{code} {said}");
    assert_eq!(terminal.bad(&["whoami", "--as", "nobody@example.com"]).0, 5);
    assert_eq!(terminal.bad(&["whoami", "--as", "acc_ffffffffffffffffffffffff"]).0, 7);
    assert_eq!(terminal.bad(&["whoami", "--connection", "other"]).0, 4);
    let (code, said) = terminal.bad(&["call", "events.read", "--as", "doc@example.com", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, said["error"]["kind"].as_str()), (5, Some("invalid")));
    assert_eq!(said["error"]["fields"]["tzid"][0]["key"], "errors.required");
    let fault = orgconnect_sandbox::Fault::status(503).on("GET", "/v1/");
    terminal.sandbox.control().add_fault(fault);
    assert_eq!(terminal.bad(&["members"]).0, 6);
}

#[tokio::test]
async fn tokens_are_shown_without_themselves_refreshed_and_revoked() {
    let terminal = Terminal::open().await;
    terminal.login();
    let shown = terminal.json(&["token", "show"]);
    assert_eq!((shown["state"].as_str(), shown["version"].as_u64()), (Some("active"), Some(1)));
    let output = terminal.command(&["token", "show", "--reveal"]).output().unwrap();
    // Asked for in so many words, so it is not among what is searched for secrets.
    let revealed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(revealed.trim().len(), 32, "the access token alone");
    assert_eq!(terminal.json(&["token", "refresh"])["version"], 3);
    assert!(terminal.good(&["token", "revoke"]).contains("revoked"));
    let (code, said) = terminal.bad(&["members"]);
    assert!(code == 4 && said.contains("authorize again"), "{code} {said}");
}

#[tokio::test]
async fn connections_are_shown_moved_sealed_rewrapped_and_revoked_in_any_store() {
    let terminal = Terminal::open().await;
    terminal.login();
    let at = terminal.home.path().display().to_string();
    let (old, new) = (orgconnect::Keys::generate(), orgconnect::Keys::generate());
    let key = terminal.home.path().join("key");
    let write_key = |text: &str| {
        std::fs::write(&key, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    };
    write_key(old.expose());
    let from = format!("{at}/orgconnect/tokens");
    let to = format!("sqlite:{at}/tokens.db?key=file:{}", key.display());
    let moved = terminal.json(&["connections", "migrate", "--from", &from, "--to", &to, "--remove"]);
    assert_eq!((moved["copied"].as_u64(), moved["unchanged"].as_u64()), (Some(1), Some(0)), "{moved}");
    assert!(terminal.good(&["connections"]).contains("Nothing is connected"));
    let shown = terminal.json(&["connections", "show", "clinic", "--store", &to]);
    assert_eq!((shown["state"].as_str(), shown["kind"].as_str()), (Some("active"), Some("organization")));
    assert!(terminal.good(&["members", "--store", &to]).contains("doc@example.com"));
    write_key(&format!("{} {}", new.expose(), old.expose()));
    let sealed = terminal.json(&["connections", "rewrap", "--store", &to]);
    assert_eq!(sealed["moved"], 1, "{sealed}");
    write_key(new.expose());
    assert_eq!(terminal.json(&["connections", "rewrap", "--store", &to])["unchanged"], 1);
    write_key(old.expose());
    let unreadable = terminal.json(&["connections", "--store", &to]);
    assert_eq!(unreadable["state"], "unreadable");
    assert!(unreadable["reason"].as_str().unwrap().contains("with_older"), "{unreadable}");
    write_key(new.expose());
    assert!(terminal.good(&["connections", "revoke", "clinic", "--store", &to]).contains("revoked"));
    assert_eq!(terminal.json(&["connections", "list", "--store", &to])["state"], "revoked");
    for (arguments, code, why) in [
        (["connections", "rewrap", "--store", &from], 8, "names no keys"),
        (["connections", "list", "--store", "mysql://h"], 8, "none of memory:"),
        (["connections", "migrate", "--from", &from], 2, "--to"),
    ] {
        let (found, said) = terminal.bad(&arguments);
        assert!(found == code && said.contains(why), "{found} {said}");
    }
    let (code, said) = terminal.bad(&["connections", "migrate", "--from", &from, "--to", &from]);
    assert!(code == 8 && said.contains("the same store"), "{code} {said}");
}

#[tokio::test]
async fn a_refresh_token_of_another_program_is_imported_from_standard_input() {
    let terminal = Terminal::open().await;
    terminal.login();
    let refresh_token = terminal.stored_refresh_token();
    let store = format!("sqlite:{}/other.db", terminal.home.path().display());
    let import = |token: &str| {
        let mut child = terminal
            .command(&["connections", "import", "imported", "--store", &store, "--json"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), token.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let refused = import("two words\n");
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("refresh_token"), "{}", text(&refused.stderr));
    let imported = import(&format!("{refresh_token}\n"));
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let shown: Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_eq!((shown["state"].as_str(), shown["kind"].as_str()), (Some("active"), Some("organization")));
    assert!(!text(&imported.stdout).contains(&refresh_token));
    assert!(terminal.good(&["members", "--store", &store]).contains("doc@example.com"));
}

impl Terminal {
    /// The refresh token in the store of files, which is in clear text.
    fn stored_refresh_token(&self) -> String {
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else if let Some((_, rest)) = std::fs::read_to_string(entry)
                    .unwrap()
                    .replace('\\', "")
                    .split_once("\"refresh_token\":\"")
                {
                    return rest.split('"').next().unwrap().to_owned();
                }
            }
        }
        panic!("nothing is stored")
    }

    /// The doctor's findings by what was looked at, and the exit code.
    fn doctor(&self, more: &[&str]) -> (i32, std::collections::BTreeMap<String, Value>) {
        let output = self.run(&[&["doctor", "--json"], more].concat());
        let findings = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|finding| (finding["check"].as_str().unwrap().to_owned(), finding))
            .collect();
        (output.status.code().unwrap(), findings)
    }
}

#[tokio::test]
async fn the_doctor_finds_nothing_wrong_where_nothing_is() {
    let terminal = Terminal::open().await;
    terminal.login();
    let (code, findings) = terminal.doctor(&["--redirect-uri", "http://127.0.0.1:9/callback"]);
    assert_eq!(code, 0, "{findings:#?}");
    for (check, verdict) in [
        ("store", "remark"),
        ("settings", "ok"),
        ("network", "ok"),
        ("clock", "ok"),
        ("credentials", "ok"),
        ("redirect_uri", "ok"),
        ("connection clinic", "ok"),
    ] {
        assert_eq!(findings[check]["verdict"], verdict, "{findings:#?}");
    }
    let told = terminal.good(&["doctor"]);
    assert!(told.contains("connection clinic: Cronofy accepts its token"), "{told}");
}

#[tokio::test]
async fn the_doctor_explains_each_thing_that_is_wrong_with_its_mend() {
    let terminal = Terminal::open().await;
    terminal.login();
    // In production Cronofy accepts verified redirect URIs only.
    let (control, id) = (terminal.sandbox.control(), &terminal.application.client_id);
    control.submit_redirect_uris(id, &["https://app.example/callback".into()]).unwrap();
    control.verify_redirect_uris(id).unwrap();
    let (code, _) = terminal.doctor(&["--redirect-uri", "https://app.example/callback"]);
    assert_eq!(code, 0);
    let (code, findings) = terminal.doctor(&["--redirect-uri", "https://app.example/callback/"]);
    let redirect = &findings["redirect_uri"];
    assert!(code == 3 && redirect["mend"].as_str().unwrap().contains("to the letter"), "{redirect}");
    terminal.sandbox.control().advance(std::time::Duration::from_mins(10));
    let (code, findings) = terminal.doctor(&[]);
    let clock = &findings["clock"];
    assert!(code == 1 && clock["says"].as_str().unwrap().contains("s behind"), "{clock}");
    assert!(clock["mend"].as_str().unwrap().contains("time synchronization"), "{clock}");
    terminal.sandbox.control().set_clock_offset("0s".parse().unwrap());
    let output =
        terminal.command(&["doctor", "--json"]).env("CRONOFY_CLIENT_SECRET", "CRN_another").output().unwrap();
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("invalid_client") && told.contains("one data center"), "{told}");
    let refused = orgconnect_sandbox::Fault::status(401).on("GET", "/v1/userinfo");
    let fault = terminal.sandbox.control().add_fault(refused);
    let (code, findings) = terminal.doctor(&[]);
    let mend = findings["connection clinic"]["mend"].as_str().unwrap();
    assert!(code == 4 && mend.contains("another application or data center"), "{findings:#?}");
    terminal.sandbox.control().remove_fault(fault);
    let sub = terminal.json(&["connections", "show"])["sub"].as_str().unwrap().to_owned();
    terminal.sandbox.control().revoke_connection(&sub);
    terminal.bad(&["token", "refresh"]);
    let (code, findings) = terminal.doctor(&["--connection", "clinic"]);
    let dead = &findings["connection clinic"];
    assert!(code == 4 && dead["mend"].as_str().unwrap().contains("orgconnect login"), "{dead}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_doctor_explains_a_keyring_that_does_not_answer() {
    let terminal = Terminal::open().await;
    let silent = terminal.home.path().join("bus");
    let _listener = std::os::unix::net::UnixListener::bind(&silent).unwrap();
    let store = format!("keyring:{}/sealed", terminal.home.path().display());
    let output = terminal
        .command(&["doctor", "--json", "--store", &store])
        .env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", silent.display()))
        .output()
        .unwrap();
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(8), "{told}");
    assert!(told.contains("unlock it, and try again") && told.contains(r#""check":"credentials""#), "{told}");
}

#[tokio::test]
async fn a_denial_ends_the_login_with_its_reason() {
    let terminal = Terminal::open().await;
    let output = terminal.approve(&["login", "--no-browser"], "");
    assert_eq!(output.status.code(), Some(4));
}

#[tokio::test]
async fn a_login_that_nobody_answers_ends_by_itself() {
    let terminal = Terminal::open().await;
    let (code, said) = terminal.bad(&["login", "--no-browser", "--wait", "1"]);
    assert!(code == 1 && said.contains("--wait"), "{code} {said}");
}

#[tokio::test]
async fn a_webhook_is_verified_over_its_raw_octets() {
    let terminal = Terminal::open().await;
    let file = |name: &str, content: &str| {
        let path = terminal.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (secret, body) =
        (file("secret", "pDY0Oi7TJSP2hfNmZNkm5\n"), file("body", r#"{"example":"well-known"}"#));
    let other = file("other", r#"{"example": "well-known"}"#);
    let verify = |body: &str| {
        terminal.run(&[
            "webhook",
            "verify",
            "--secret-file",
            &secret,
            "--signature",
            "x, 6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c=",
            body,
        ])
    };
    assert!(verify(&body).status.success());
    assert_eq!(verify(&other).status.code(), Some(4));
}

#[cfg(unix)]
#[test]
fn the_sandbox_runs_until_it_is_interrupted() {
    let mut child = Command::new(BINARY)
        .args(["sandbox", "--port", "0", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let started: Value = serde_json::from_str(&line).unwrap();
    assert!(get(&format!("{}/sandbox/status", started["url"].as_str().unwrap())).contains("200 OK"));
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success() && child.wait().unwrap().success());
}

#[test]
fn help_and_completions_are_printed() {
    let help = Command::new(BINARY).arg("--help").output().unwrap();
    let help = text(&help.stdout);
    assert!(
        help.contains("Exit codes:") && help.contains("sandbox") && !help.contains("--client-secret "),
        "{help}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let printed = Command::new(BINARY).args(["completions", shell]).output().unwrap();
        assert!(text(&printed.stdout).contains("orgconnect"));
    }
}
