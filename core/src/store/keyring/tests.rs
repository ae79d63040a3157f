//! The client of the Secret Service against one that follows a script: what a real one does only when somebody sits in
//! front of it, and what it should never do.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    thread,
};

use super::{
    super::Failure,
    Bus, Session,
    wire::{
        self, ERROR, ERROR_NAME, MEMBER, PATH, REPLY_SERIAL, RETURN, SIGNAL, SIGNATURE, Writer,
        tests::message,
    },
};
use crate::Secret;

const MEMBERS: [&str; 10] = [
    "Hello",
    "OpenSession",
    "SearchItems",
    "Unlock",
    "AddMatch",
    "Prompt",
    "GetSecret",
    "SetSecret",
    "CreateItem",
    "CreateCollection",
];

/// What the service answers to one call.
enum Answer {
    Values(&'static str, Writer),
    Error(&'static str),
    /// Completes the prompt of this name, before the call is answered.
    Prompted {
        dismissed: bool,
    },
    Octets(&'static [u8]),
}

fn values(signature: &'static str, write: impl for<'a> FnOnce(&'a mut Writer) -> &'a mut Writer) -> Answer {
    let mut body = Writer::new();
    write(&mut body);
    Answer::Values(signature, body)
}

/// What every service does, but for what the script says.
fn usual(member: &str) -> Answer {
    match member {
        "Hello" => values("s", |body| body.string(":1.7")),
        "OpenSession" => values("vo", |body| body.signature("s").string("").string("/session/1")),
        "SearchItems" => found(&["/item/1"], &[]),
        "Unlock" => values("aoo", |body| body.array(4, |_| {}).string("/")),
        "ReadAlias" => values("o", |body| body.string("/collection/login")),
        "CreateItem" => values("oo", |body| body.string("/item/2").string("/")),
        "GetSecret" => secret(b"the-key"),
        _ => values("", |body| body),
    }
}

fn found(unlocked: &[&str], locked: &[&str]) -> Answer {
    values("aoao", |body| paths(paths(body, unlocked), locked))
}

fn paths<'a>(body: &'a mut Writer, paths: &[&str]) -> &'a mut Writer {
    body.array(4, |body| {
        for path in paths {
            body.string(path);
        }
    })
}

fn secret(octets: &[u8]) -> Answer {
    values("(oayays)", |body| {
        body.structure().string("/session/1").octets(b"").octets(octets).string("text/plain")
    })
}

fn asks_first() -> Answer {
    values("aoo", |body| body.array(4, |_| {}).string("/prompt/1"))
}

/// A session with a service that does what `script` says, and else the usual. The thread gives back what it was called.
fn session(
    script: impl Fn(&str) -> Option<Answer> + Send + 'static,
) -> (Result<Session, Failure>, thread::JoinHandle<Vec<String>>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let service = thread::spawn(move || {
        let mut greeting = [0; 22];
        theirs.read_exact(&mut greeting).unwrap();
        assert_eq!(&greeting, b"\0AUTH EXTERNAL\r\nDATA\r\n");
        theirs.write_all(b"DATA\r\nOK 0af3\r\n").unwrap();
        let mut begin = [0; 7];
        theirs.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"BEGIN\r\n");
        let mut calls = Vec::new();
        let mut prefix = [0; wire::PREFIX];
        while theirs.read_exact(&mut prefix).is_ok() {
            let mut rest = vec![0; wire::length(&prefix).unwrap() - prefix.len()];
            theirs.read_exact(&mut rest).unwrap();
            let named = |name: &&str| {
                let name = [name.as_bytes(), b"\0"].concat();
                rest.windows(name.len()).any(|octets| octets == name)
            };
            let member = MEMBERS.into_iter().find(named).unwrap_or("ReadAlias");
            calls.push(member.to_owned());
            let serial = u32::from_le_bytes(*prefix[8..].first_chunk().unwrap()).to_string();
            let answers = (REPLY_SERIAL, "u", serial.as_str());
            let octets = match script(member).unwrap_or_else(|| usual(member)) {
                Answer::Values("", _) => message(RETURN, &[answers], b""),
                Answer::Values(signature, body) => {
                    message(RETURN, &[answers, (SIGNATURE, "g", signature)], body.written())
                }
                Answer::Error(name) => message(ERROR, &[answers, (ERROR_NAME, "s", name)], b""),
                Answer::Prompted { dismissed } => {
                    let mut body = Writer::new();
                    body.boolean(dismissed).signature("s").string("");
                    let fields =
                        [(PATH, "o", "/prompt/1"), (MEMBER, "s", "Completed"), (SIGNATURE, "g", "bv")];
                    [message(SIGNAL, &fields, body.written()), message(RETURN, &[answers], b"")].concat()
                }
                Answer::Octets(octets) => octets.to_vec(),
            };
            if theirs.write_all(&octets).is_err() || octets.is_empty() {
                break;
            }
        }
        calls
    });
    (Bus::greet(ours).and_then(Session::open), service)
}

fn read(script: impl Fn(&str) -> Option<Answer> + Send + 'static) -> Result<Option<String>, String> {
    let (session, _) = session(script);
    let text = session.and_then(|mut session| session.read("orgconnect", "nobody"));
    text.map(|text| text.map(|text| text.expose().to_owned())).map_err(|failure| failure.told().to_string())
}

#[test]
fn an_entry_is_read_and_one_that_is_not_there_is_none() {
    assert_eq!(read(|_| None), Ok(Some("the-key".to_owned())));
    assert_eq!(read(|member| (member == "SearchItems").then(|| found(&[], &[]))), Ok(None));
}

#[test]
fn a_locked_entry_is_read_once_the_user_gives_the_password_and_not_when_they_refuse() {
    let ask = |dismissed| {
        read(move |member| match member {
            "SearchItems" => Some(found(&[], &["/item/1"])),
            "Unlock" => Some(asks_first()),
            "Prompt" => Some(Answer::Prompted { dismissed }),
            _ => None,
        })
    };
    assert_eq!(ask(false), Ok(Some("the-key".to_owned())));
    let refused = ask(true).unwrap_err();
    assert!(refused.contains("its password was not given") && refused.contains("unlock it"), "{refused}");
}

#[test]
fn an_entry_is_replaced_or_made_with_a_collection_for_it_where_there_is_none() {
    let write = |script: fn(&str) -> Option<Answer>| {
        let (session, service) = session(script);
        let written =
            session.and_then(|mut session| session.write("orgconnect", "nobody", &Secret::from("key")));
        assert!(written.is_ok(), "{:?}", written.map_err(Failure::told));
        service.join().unwrap()[2..].to_vec()
    };
    assert_eq!(write(|_| None), ["SearchItems", "SetSecret"]);
    let none: fn(&str) -> Option<Answer> = |member| (member == "SearchItems").then(|| found(&[], &[]));
    assert_eq!(write(none), ["SearchItems", "ReadAlias", "Unlock", "CreateItem"]);
}

#[test]
fn a_service_without_a_collection_is_asked_for_one_and_an_error_says_that_there_is_none() {
    let (session, service) = session(|member| match member {
        "SearchItems" => Some(found(&[], &[])),
        "ReadAlias" => Some(values("o", |body| body.string("/"))),
        "CreateCollection" => Some(values("oo", |body| body.string("/").string("/"))),
        _ => None,
    });
    let written = session.and_then(|mut session| session.write("orgconnect", "nobody", &Secret::from("key")));
    let error = written.map_err(|failure| failure.told().to_string()).unwrap_err();
    assert!(error.contains("it has no default collection"), "{error}");
    assert_eq!(service.join().unwrap()[2..], ["SearchItems", "ReadAlias", "CreateCollection", "ReadAlias"]);
}

#[test]
fn what_a_service_should_not_do_is_an_error_that_says_what_to_mend() {
    type Case = (&'static str, fn() -> Answer, &'static str);
    let cases: [Case; 10] = [
        ("SearchItems", || found(&["/item/1", "/item/2"], &[]), "several entries"),
        ("SearchItems", || found(&["/item/1"], &["/item/2"]), "several entries"),
        ("SearchItems", || found(&["/it'em"], &[]), "can't be read"),
        ("SearchItems", || values("s", |body| body.string("/item/1")), "can't be read"),
        ("GetSecret", || secret(b"\xff"), "no text"),
        ("GetSecret", || Answer::Error("org.freedesktop.Secret.Error.IsLocked"), "unlock it"),
        ("GetSecret", || Answer::Error("no\u{1b}[2Jsuch"), "no\\u{1b}[2Jsuch"),
        ("OpenSession", || Answer::Error("org.freedesktop.DBus.Error.ServiceUnknown"), "no program keeps"),
        ("Hello", || Answer::Octets(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "can't be read"),
        ("GetSecret", || Answer::Octets(b""), "has hung up"),
    ];
    for (member, answer, expected) in cases {
        let error = read(move |called| (called == member).then(answer)).unwrap_err();
        assert!(error.contains(expected), "{member}: {error}");
        assert!(!error.contains(char::is_control), "{member}: {error:?}");
    }
}
