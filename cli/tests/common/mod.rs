//! The real binary at the terminal of somebody who has an application in a sandbox, and ways to be their browser.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
};

use orgconnect_sandbox::{Application, NewApplication, Sandbox};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_orgconnect");

pub(crate) struct Terminal {
    pub(crate) sandbox: Sandbox,
    pub(crate) application: Application,
    pub(crate) home: TempDir,
}

impl Terminal {
    pub(crate) async fn open() -> Self {
        orgconnect_test_canary::watch();
        let sandbox = Sandbox::builder().start().await.unwrap();
        let new = NewApplication { name: "CLI".into(), ..NewApplication::default() };
        let application = sandbox.control().create_application(new);
        Self { sandbox, application, home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(arguments)
            .env_clear()
            .env("XDG_DATA_HOME", self.home.path())
            .env("CRONOFY_CLIENT_ID", &self.application.client_id)
            .env("CRONOFY_CLIENT_SECRET", self.application.client_secret.as_str())
            .env("ORGCONNECT_BASE_URL", self.sandbox.url())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        for secret in self.secrets() {
            assert!(
                !text(&output.stdout).contains(&secret) && !text(&output.stderr).contains(&secret),
                "{arguments:?}"
            );
        }
        output
    }

    /// Everything secret that has crossed the wire so far.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let requests = self.sandbox.control().requests();
        let bearers = requests.iter().filter_map(|request| request.header("authorization"));
        let mut secrets: Vec<String> =
            bearers.map(|value| value.trim_start_matches("Bearer ").to_owned()).collect();
        for request in &requests {
            let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
            let fields =
                ["code", "refresh_token", "token"].map(|name| body[name].as_str().map(str::to_owned));
            secrets.extend(fields.into_iter().flatten());
        }
        secrets.push(self.application.client_secret.clone());
        secrets
    }

    /// What a command prints, which must succeed.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.good(&[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// The exit code and what is said on stderr.
    pub(crate) fn bad(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        assert!(text(&output.stdout).is_empty(), "{}", text(&output.stdout));
        (output.status.code().unwrap(), text(&output.stderr))
    }

    /// Runs a command that waits for the browser, and is the browser.
    pub(crate) fn approve(&self, arguments: &[&str], approver: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        let callback = match approver {
            "" => self.sandbox.control().deny(&asked(&mut child)).unwrap(),
            email => self.sandbox.control().approve(&asked(&mut child), email).unwrap(),
        };
        let first = get(&callback.replace("/callback?", "/favicon.ico?"));
        assert!(first.starts_with("HTTP/1.1 404"), "{first}");
        assert!(get(&callback).starts_with("HTTP/1.1 200"));
        child.wait_with_output().unwrap()
    }

    pub(crate) fn login(&self) {
        let output = self.approve(&["login", "--no-browser", "--connection", "clinic"], "owner@example.com");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

/// The authorization URL that a command prints.
pub(crate) fn asked(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    lines
        .find_map(|line| line.unwrap().trim().strip_prefix("http").map(|rest| format!("http{rest}")))
        .unwrap()
}

pub(crate) fn get(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    write!(socket, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    reply
}

/// What a command has printed.
pub(crate) fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    orgconnect_test_canary::line(&text);
    text
}
