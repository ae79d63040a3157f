//! B17: the keyring is absent, silent or locked. A second process of this program tries to keep a connection in it.

use std::{
    fs,
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use orgconnect::{ConnectionId, KeyringStore, TokenStore, store};
use serde_json::{Value, json};

use crate::sheet::{Row, Sheet, row};

/// Names the directory that the second process is to keep its connection in.
const DIRECTORY: &str = "ORGCONNECT_FAULTS_KEYRING";
const SECRET: &str = "token-that-must-not-be-in-clear-text";
const PATIENCE: Duration = Duration::from_secs(3);

pub fn rows() -> Vec<Row> {
    vec![row!(
        "B17",
        "a keyring that is absent, silent or locked is an error in time, and nothing is kept in clear text instead",
        "100 processes that open a store in the keyring: no session bus, one that never answers, a GNOME Keyring that stays locked",
        unusable
    )]
}

async fn unusable(sheet: &mut Sheet) {
    let each = sheet.scale("processes for each", 2, 33);
    let mut longest = Duration::ZERO;
    for situation in ["absent", "silent", "locked", "unlocked"] {
        // The last one shows that the others fail for the reason they should.
        for _ in 0..if situation == "unlocked" { 1 } else { each } {
            let home = tempfile::tempdir().unwrap();
            let output = tokio::task::block_in_place(|| try_in(situation, home.path()));
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let Some(said) = said.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok())
            else {
                sheet.hold(
                    format!("{situation}: the process answers; it ended with {}", output.status),
                    false,
                );
                continue;
            };
            sheet.runs += 1;
            sheet.leaked += u64::from(holds(home.path(), SECRET));
            if situation == "unlocked" {
                sheet.hold(format!("with a keyring that is open it works: {said}"), said["kept"] == 2);
                continue;
            }
            sheet.hold(
                format!("{situation}: it is refused, by both ways to open it: {said}"),
                said["kept"] == 0,
            );
            for attempt in said["attempts"].as_array().into_iter().flatten() {
                longest = longest.max(Duration::from_millis(attempt["ms"].as_u64().unwrap()));
                let named = attempt["error"].as_str().is_some_and(|error| error.contains("keyring"));
                sheet.hold(format!("{situation}: the error names the keyring: {attempt}"), named);
            }
        }
    }
    sheet.hold(format!("an error within 3 s, and not after {longest:?}"), longest < PATIENCE);
    sheet.note(format!("the longest wait for an error was {} ms", longest.as_millis()));
}

/// Runs the second process in a session in which the keyring is as it is said.
fn try_in(situation: &str, home: &Path) -> Output {
    let program = std::env::current_exe().unwrap();
    let bus = home.join("bus");
    // Bound for as long as the process runs, and never accepting.
    let _silent = (situation == "silent").then(|| UnixListener::bind(&bus).unwrap());
    let mut command = match situation {
        "absent" | "silent" => {
            let mut command = Command::new(program);
            command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", bus.display()));
            command
        }
        _ => {
            let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../services/keyring"));
            command.arg(situation).arg(home).arg(program);
            command
        }
    };
    command
        .env(DIRECTORY, home.join("tokens"))
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{error}; run `tools/setup services`"))
}

/// What the second process does; `None` in every other.
pub fn second_process() -> Option<()> {
    let directory = std::env::var_os(DIRECTORY)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let mut attempts = Vec::new();
    let mut kept = 0;
    for way in ["KeyringStore::open", "store::open"] {
        let began = Instant::now();
        let opened: Result<std::sync::Arc<dyn TokenStore>, _> = match way {
            "store::open" => {
                store::open(&format!("keyring:{}", Path::new(&directory).join("by-name").display()))
            }
            _ => KeyringStore::open(Path::new(&directory).join("by-type"))
                .map(|store| std::sync::Arc::new(store) as _),
        };
        let outcome = match opened {
            Ok(store) => runtime.block_on(keep(&*store)).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        kept += u64::from(outcome.is_ok());
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        attempts.push(json!({ "way": way, "ms": ms, "error": outcome.err() }));
    }
    println!("{}", json!({ "kept": kept, "attempts": attempts }));
    Some(())
}

async fn keep(store: &dyn TokenStore) -> Result<(), store::StoreError> {
    let key = store::ConnectionKey {
        namespace: "us/CLIENT_ID".to_owned(),
        connection: ConnectionId::new("clinic").unwrap(),
    };
    let record = store::Record { payload: format!(r#"{{"token":"{SECRET}"}}"#).into(), expires_at: None };
    store.save(&key, &record, 0).await.map(drop)
}

/// Whether a file below the directory holds the text.
fn holds(directory: &Path, text: &str) -> bool {
    fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            return holds(&path, text);
        }
        path.is_file() && String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).contains(text)
    })
}
