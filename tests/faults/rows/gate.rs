//! Forged, replayed, redirected, smuggled: nobody is let in, and no credential gets out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use orgconnect::{
    AuthorizationRequest, Client, ConnectionId, DataCenter, FileStore, Keys, MemoryStore, SealedStore, Sub,
    TokenStore,
    store::{ConnectionKey, Record},
    webhook::Verifier,
};
use orgconnect_faults::StoreAt;
use orgconnect_sandbox::{Fault, NewMember, Sandbox};
use serde_json::{Map, Value};
use sha2::Sha256;
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::{
    sheet::{Row, Sheet, row},
    world::{HOUR, LIST, OWNER, REDIRECT, World, local_stores, store_of},
};

pub fn rows() -> Vec<Row> {
    vec![
        row!(
            "B2",
            "no redirect is followed",
            "301, 302, 303, 307 and 308 to another host, port and scheme, `//host` and userinfo, with bearer and impersonation",
            redirects
        ),
        row!("B3", "a next page elsewhere is refused", "foreign links of 12 kinds", next_pages),
        row!(
            "B4",
            "no base URL leads off the wire that was meant",
            "100,000 made-up base URLs and data centers",
            base_urls
        ),
        row!(
            "B5",
            "nothing is injected into a header",
            "every byte at every position of a sub, a user agent and a connection id",
            headers
        ),
        row!("B6", "impersonated calls never cross", "10,000 interleaved calls as 100 members", crossed),
        row!(
            "B7",
            "a callback with another state is refused without a request",
            "100,000 mutations of callbacks",
            states
        ),
        row!(
            "B8",
            "a callback for another client, data center or issuer is refused",
            "pending authorizations of one client completed by others",
            mix_up
        ),
        row!(
            "B9",
            "a code is exchanged once",
            "100 callbacks, each completed twice at once; a foreign code with a session's own state",
            replayed
        ),
        row!("B11", "no token reaches a URL", "every recorded request of a connection's life", urls),
        row!(
            "B12",
            "a forged notification is refused",
            "1,000,000 mutations of signatures and bodies, 1,000,000 timings",
            forged
        ),
        row!(
            "B14",
            "files are their owner's alone, whatever the umask",
            "workers under umask 000; links in place of records",
            rights
        ),
        row!(
            "B15",
            "a sealed record that was changed or swapped does not open",
            "every bit of a record flipped; records of two tenants swapped",
            tampered
        ),
        row!(
            "B16",
            "keys are replaced while records are in use",
            "1,000 records, 16 readers, one rewrap",
            rotated
        ),
        row!(
            "B20",
            "a sandbox answers nobody but its own machine",
            "addresses that are not loopback; 10 foreign Host headers",
            sandbox_exposed
        ),
    ]
}

/// A server that counts what connects to it.
async fn trap() -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            seen.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

async fn redirects(sheet: &mut Sheet) {
    let world = World::open().await;
    let organization = world.connect(&world.client(), "clinic").await.organization();
    let member = organization.impersonate_email("doc@example.com").await.unwrap();
    let (port, caught) = trap().await;
    for status in [301, 302, 303, 307, 308] {
        for target in [
            "http://127.0.0.1:P/v1/x",
            "https://127.0.0.1:P/v1/x",
            "//127.0.0.1:P/v1/x",
            "http://a:b@127.0.0.1:P/",
            "http://localhost:P/",
        ] {
            let location = target.replace('P', &port.to_string());
            for path in ["/v1/", "/oauth/token"] {
                let fault =
                    Fault { headers: vec![("location".into(), location.clone())], ..Fault::status(status) };
                let id =
                    world.control().add_fault(fault.on(if path == "/v1/" { "GET" } else { "POST" }, path));
                if path == "/oauth/token" {
                    world.advance(HOUR * 2);
                }
                let fresh =
                    world.builder().shared_store(crate::stores::Apart::from(&world.store)).build().unwrap();
                let outcome = if path == "/v1/" {
                    member.send("userinfo.read", Map::new()).await
                } else {
                    fresh.organization("clinic").unwrap().send(LIST, Map::new()).await
                };
                sheet.runs += 1;
                sheet.hold(format!("{status} of {path} is an error"), outcome.is_err());
                world.control().remove_fault(id);
            }
        }
    }
    sheet.leaked = caught.load(Ordering::SeqCst);
}

async fn next_pages(sheet: &mut Sheet) {
    let world = World::open().await;
    let organization = world.connect(&world.client(), "clinic").await.organization();
    let (port, caught) = trap().await;
    let own = world.sandbox.url().trim_start_matches("http://").to_owned();
    for link in [
        "http://127.0.0.1:P/v1/x",
        "//127.0.0.1:P/v1/x",
        "https://127.0.0.1:P/",
        "http://OWN@127.0.0.1:P/v1/x",
        "http://OWN.evil.example/v1/",
        "http://127.0.0.1:P/OWN",
        "ftp://OWN/v1/x",
        "file:///etc/passwd",
        "javascript:1",
        "https://OWN/v1/x",
        "http://x:y@OWN/v1/x",
        "\\\\127.0.0.1:P\\v1",
    ] {
        let link = link.replace("OWN", &own).replace('P', &port.to_string());
        let outcome = organization.follow(LIST, &link).await;
        sheet.runs += 1;
        sheet.hold(
            format!("{link} is refused before it is sent"),
            outcome.is_err_and(|error| error.fields().contains_key("next_page")),
        );
    }
    sheet.leaked = caught.load(Ordering::SeqCst);
}

async fn base_urls(sheet: &mut Sheet) {
    let tries = sheet.scale("tries", 5_000, 100_000);
    let parts = [
        "http://",
        "https://",
        "127.0.0.1",
        "localhost",
        "api.cronofy.com",
        "evil.example",
        "@",
        ":",
        "/",
        "\\",
        "?",
        "#",
        "[::1]",
        ".",
        "%2f",
        "80",
        "\t",
        "//",
        "user",
        "us",
        "ftp://",
    ];
    let mut random = 88_172_645_463_325_252_u64;
    let mut accepted = 0;
    for _ in 0..tries {
        let mut text = String::new();
        for _ in 0..5 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            text.push_str(parts[(random % parts.len() as u64) as usize]);
        }
        sheet.runs += 1;
        let known = text.parse::<DataCenter>().is_ok();
        sheet.hold(
            format!("{text:?} is no data center"),
            !known || DataCenter::ALL.iter().any(|one| one.as_str() == text),
        );
        // What would be accepted is parsed as a URL by the rules of the web: the scheme must be https, or the host loopback.
        let Ok(url) = url::Url::parse(&text) else { continue };
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let fine = url.scheme() == "https" || url.scheme() == "http" && loopback;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if fine && bare {
            accepted += 1;
            continue;
        }
        sheet.leaked += u64::from(Client::builder("x", "y").base_url(&text).build().is_ok());
    }
    sheet.note(format!("{accepted} of the tries were origins that are allowed"));
}

async fn headers(sheet: &mut Sheet) {
    for byte in 0..=255_u8 {
        for position in 0..6 {
            let mut bytes = b"acc_12".to_vec();
            bytes[position] = byte;
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            sheet.runs += 3;
            sheet.leaked += u64::from(Sub::new(text.as_str()).is_ok() && !plain);
            sheet.leaked += u64::from(
                ConnectionId::new(text.as_str()).is_ok() && !text.bytes().all(|byte| byte.is_ascii_graphic()),
            );
            if position == 3 {
                let made = Client::builder("x", "y")
                    .base_url("http://127.0.0.1:9")
                    .user_agent_suffix(text.as_str())
                    .build();
                let harmless = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
                sheet.leaked += u64::from(made.is_ok() && !harmless);
            }
        }
    }
}

async fn crossed(sheet: &mut Sheet) {
    let (members, calls) = (sheet.scale("members", 20, 100), sheet.scale("calls", 500, 10_000));
    let world = World::open().await;
    let organization_id = world.control().organizations()[0].organization_id.clone();
    for number in 0..members {
        let email = format!("m{number}@northwind.example");
        world
            .control()
            .add_member(&organization_id, NewMember { email, name: "M".into(), ..NewMember::default() })
            .unwrap();
    }
    let organization = world.connect(&world.client(), "clinic").await.organization();
    let subs: Vec<String> = {
        let mut subs = Vec::new();
        for number in 0..members {
            let member =
                organization.impersonate_email(&format!("m{number}@northwind.example")).await.unwrap();
            subs.push(member.sub().unwrap().to_string());
        }
        subs
    };
    for batch in 0..calls.div_ceil(100) {
        let here = 100.min(calls - batch * 100);
        let outcomes =
            join_all(
                (0..here).map(|number| {
                    let sub = subs[((batch * 31 + number * 7) % members) as usize].clone();
                    let member = organization.impersonate(sub.as_str()).unwrap();
                    tokio::spawn(async move {
                        (
                            member
                                .send("userinfo.read", Map::new())
                                .await
                                .unwrap()
                                .decode::<Value>()
                                .unwrap()["sub"]
                                == sub.as_str(),
                            sub,
                        )
                    })
                }),
            )
            .await;
        for outcome in outcomes {
            sheet.runs += 1;
            sheet.leaked += u64::from(!outcome.unwrap().0);
        }
    }
    let on_oauth = world
        .control()
        .requests()
        .iter()
        .filter(|request| {
            request.path.starts_with("/oauth") && request.header("cronofy-impersonate").is_some()
        })
        .count();
    sheet.equal("impersonation headers at the OAuth endpoints", on_oauth as u64, 0);
}

async fn states(sheet: &mut Sheet) {
    let tries = sheet.scale("mutations", 3_000, 100_000);
    let world = World::open().await;
    let client = world.client();
    let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
    let callback = world.control().approve(pending.url(), OWNER).unwrap();
    let state = callback.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let mut random = 0x9E37_79B9_u64;
    for number in 0..tries {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) as usize % state.len();
        let mutated = match number % 8 {
            0 => String::new(),
            1 => state[..at].to_owned(),
            2 => format!("{state}{}", char::from(b'a' + (random >> 40) as u8 % 26)),
            3 => state.chars().rev().collect(),
            4 => state.to_ascii_uppercase(),
            5 => format!("{state}&state={state}"),
            _ => {
                let mut bytes = state.clone().into_bytes();
                bytes[at] = b'A' + (random >> 45) as u8 % 26;
                String::from_utf8(bytes).unwrap()
            }
        };
        if mutated == state {
            continue;
        }
        sheet.runs += 1;
        let forged = callback.replace(&format!("state={state}"), &format!("state={mutated}"));
        sheet.leaked += u64::from(client.complete(&pending, forged.as_str()).await.is_ok());
    }
    let requests = world.control().counters().token_requests.values().sum::<u64>();
    sheet.equal("token requests", requests, 0);
    sheet.hold(
        "the true callback is accepted after all",
        client.complete(&pending, callback.as_str()).await.is_ok(),
    );
    sheet.hold("and not a second time", client.complete(&pending, callback.as_str()).await.is_err());
}

async fn mix_up(sheet: &mut Sheet) {
    let world = World::open().await;
    let client = world.client();
    let store = || Arc::clone(&world.store);
    let others = [
        Client::builder("ANOTHER", "SECRET")
            .base_url(world.sandbox.url())
            .shared_store(store())
            .build()
            .unwrap(),
        Client::builder(&world.application.client_id, world.application.client_secret.as_str())
            .data_center(DataCenter::De)
            .shared_store(store())
            .build()
            .unwrap(),
    ];
    for _ in 0..50 {
        let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
        let callback = world.control().approve(pending.url(), OWNER).unwrap();
        for other in &others {
            sheet.runs += 1;
            sheet.leaked += u64::from(other.complete(&pending, callback.as_str()).await.is_ok());
        }
        sheet.hold(
            "a pending authorization of another secret is not read",
            others[0].pending(&client.serialize_pending(&pending)).is_err(),
        );
        for issuer in ["https://app-de.cronofy.com", "https://evil.example", ""] {
            sheet.runs += 1;
            let forged = format!("{callback}&iss={issuer}");
            sheet.leaked += u64::from(client.complete(&pending, forged.as_str()).await.is_ok());
        }
        let elsewhere = callback.replace("127.0.0.1:9", "127.0.0.1:10");
        sheet.leaked += u64::from(client.complete(&pending, elsewhere.as_str()).await.is_ok());
    }
    sheet.equal("token requests", world.control().counters().token_requests.values().sum::<u64>(), 0);
}

async fn replayed(sheet: &mut Sheet) {
    let pairs = sheet.scale("pairs", 20, 100);
    let world = World::open().await;
    let (client, other) = (
        world.client(),
        world.builder().shared_store(crate::stores::Apart::from(&world.store)).build().unwrap(),
    );
    let mut exchanged = 0;
    for _ in 0..pairs {
        let pending = client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap();
        let callback = world.control().approve(pending.url(), OWNER).unwrap();
        let (one, two) = tokio::join!(
            client.complete(&pending, callback.as_str()),
            other.complete(&pending, callback.as_str())
        );
        exchanged += 1;
        sheet.runs += 1;
        sheet.hold("one of two callbacks succeeds", one.is_ok() != two.is_ok());
    }
    let requests = world.control().counters().token_requests["authorization_code"];
    sheet.leaked = requests - exchanged;
    // Somebody else's code in a session's own state: the server must not know it for this redirect URI.
    let (mine, theirs) = (
        client.authorize(AuthorizationRequest::organization(REDIRECT)).unwrap(),
        client.authorize(AuthorizationRequest::organization("http://127.0.0.1:9/other")).unwrap(),
    );
    let foreign = world.control().approve(theirs.url(), OWNER).unwrap();
    let own = world.control().approve(mine.url(), OWNER).unwrap();
    let code = |callback: &str| callback.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let injected = own.replace(&code(&own), &code(&foreign));
    sheet.hold("a foreign code is refused", client.complete(&mine, injected.as_str()).await.is_err());
    sheet.short_of("PKCE: Cronofy does not document it, so codes are bound by state and redirect URI alone");
}

async fn urls(sheet: &mut Sheet) {
    let world = World::open().await;
    let client = world.client();
    let connection = world.connect(&client, "clinic").await;
    let organization = connection.organization();
    let mut secrets = vec![world.application.client_secret.to_string()];
    for _ in 0..5 {
        secrets.push(connection.access_token().await.unwrap().expose().to_owned());
        organization
            .impersonate_email("doc@example.com")
            .await
            .unwrap()
            .send("userinfo.read", Map::new())
            .await
            .unwrap();
        world.advance(HOUR * 2);
        organization.send(LIST, Map::new()).await.unwrap();
    }
    connection.revoke().await.unwrap();
    for request in world.control().requests() {
        sheet.runs += 1;
        let referer = request.header("referer").unwrap_or_default().to_owned();
        let shown = format!("{}?{} {referer}", request.path, request.query);
        sheet.leaked += u64::from(secrets.iter().any(|secret| shown.contains(secret)));
    }
}

async fn forged(sheet: &mut Sheet) {
    let tries = sheet.scale("mutations", 20_000, 1_000_000);
    let (secret, body) = ("CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID", br#"{"example":"well-known"}"#);
    let verifier = Verifier::new(secret);
    let signature = "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=";
    sheet.hold("the documented vector is accepted", verifier.verify(signature, body));
    let mut second = Hmac::<Sha256>::new_from_slice(b"retiring").unwrap();
    second.update(body);
    let rotation = format!("{} , {signature}", STANDARD.encode(second.finalize().into_bytes()));
    sheet.hold("a list with the right one is accepted", verifier.verify(&rotation, body));
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    while sheet.runs < tries {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (mut forged, mut text) = (signature.as_bytes().to_vec(), body.to_vec());
        if (random >> 20).is_multiple_of(2) {
            let at = (random >> 33) as usize % 42;
            let other = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/,= "
                [(random >> 40) as usize % 67];
            if forged[at] == other {
                continue;
            }
            forged[at] = other;
        } else {
            let at = (random >> 33) as usize % text.len();
            text[at] ^= 1 << ((random >> 50) % 8);
        }
        sheet.runs += 1;
        sheet.leaked += u64::from(verifier.verify(&String::from_utf8(forged).unwrap(), &text));
    }
    for odd in ["", ",", "====", &"A,".repeat(5_000), "5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0"] {
        sheet.leaked += u64::from(verifier.verify(odd, body));
    }
    if sheet.is_full() {
        let t = timing(&verifier, body, 1_000_000);
        sheet.note(format!("timing of signatures that are wrong early against late: |t| = {t:.2} over 1,000,000 (dudect; below 4.5 tells nothing apart)"));
        sheet.hold(format!("|t| = {t:.2}"), t < 4.5);
    }
}

/// Welch's t between the times of two classes of signatures, as dudect takes it, without the slowest tenth: one whose
/// first octet is wrong, and one whose last octet is.
fn timing(verifier: &Verifier, body: &[u8], count: u64) -> f64 {
    const AT_ONCE: usize = 1000;
    let right = STANDARD.decode("5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=").unwrap();
    let classes: Vec<String> = [0, 31]
        .map(|at| {
            let mut wrong = right.clone();
            wrong[at] ^= 1;
            STANDARD.encode(wrong)
        })
        .into();
    let (mut random, mut times) = (7_u64, [Vec::new(), Vec::new()]);
    // Written a thousand at once, each class at any of the places: what writing the last one leaves behind in the processor,
    // or the address of a class, would be measured otherwise.
    let (mut signatures, mut chosen) = (vec![[0; 64]; AT_ONCE], vec![0; AT_ONCE]);
    let length = classes[0].len();
    for _ in 0..count / AT_ONCE as u64 {
        for (signature, class) in signatures.iter_mut().zip(&mut chosen) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *class = (random >> 62) as usize & 1;
            signature[..length].copy_from_slice(classes[*class].as_bytes());
        }
        for (signature, class) in signatures.iter().zip(&chosen) {
            let signature = std::str::from_utf8(&signature[..length]).unwrap();
            let began = std::time::Instant::now();
            std::hint::black_box(verifier.verify(std::hint::black_box(signature), body));
            times[*class].push(began.elapsed().as_nanos() as f64);
        }
    }
    let mut all: Vec<f64> = times.concat();
    all.sort_by(f64::total_cmp);
    let cut = all[all.len() * 9 / 10];
    let statistics = times.map(|times| {
        let kept: Vec<f64> = times.into_iter().filter(|time| *time <= cut).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        (mean, kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0), count)
    });
    let [(a, va, na), (b, vb, nb)] = statistics;
    ((a - b) / (va / na + vb / nb).sqrt()).abs()
}

async fn rights(sheet: &mut Sheet) {
    use std::os::unix::fs::{MetadataExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    for kind in local_stores() {
        let store = store_of(&kind, directory.path());
        let world = World::on(store.open().unwrap()).await;
        world.connect(&world.running().build().unwrap(), "clinic").await;
        let builder = world.worker(&store, "clinic").after("umask 000");
        let mut worker = builder.start(&["refresh"]).unwrap();
        sheet.hold(
            "a worker refreshes under umask 000",
            worker.answer().await.unwrap().is_some_and(|answer| answer["error"].is_null()),
        );
        worker.end(Duration::from_secs(10)).await.unwrap();
    }
    let mut files = vec![directory.path().join("tokens")];
    for folder in [directory.path().to_owned(), directory.path().join("tokens")] {
        files.extend(std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    for file in &files {
        sheet.runs += 1;
        let mode = std::fs::metadata(file).unwrap().mode() & 0o777;
        sheet.leaked += u64::from(mode & 0o077 != 0);
    }
    // A record that is a link to another file is refused, and so is a directory that is one.
    let tokens = directory.path().join("tokens");
    let record =
        files.iter().find(|file| file.extension().is_some_and(|extension| extension == "json")).unwrap();
    let moved = directory.path().join("moved.json");
    std::fs::rename(record, &moved).unwrap();
    symlink(&moved, record).unwrap();
    let world = World::on(StoreAt::File(tokens.clone()).open().unwrap()).await;
    sheet.hold(
        "a linked record is refused",
        world.running().build().unwrap().connections(None, 10).await.is_ok_and(|listed| listed.is_empty()),
    );
    let link = directory.path().join("link");
    symlink(&tokens, &link).unwrap();
    sheet.hold("a linked directory is refused", FileStore::open(&link).is_err());
    sheet.note(format!("{} files and folders", files.len()));
}

fn key(connection: &str) -> ConnectionKey {
    ConnectionKey { namespace: "us/ID".into(), connection: connection.parse().unwrap() }
}

async fn tampered(sheet: &mut Sheet) {
    let inner: Arc<dyn TokenStore> = Arc::new(MemoryStore::new());
    let sealed =
        SealedStore::shared(Arc::clone(&inner), Keys::from_base64(Keys::generate().expose()).unwrap());
    let record = |text: &str| Record { payload: text.to_owned().into(), expires_at: None };
    sealed.save(&key("a"), &record("the tokens of a"), 0).await.unwrap();
    sealed.save(&key("b"), &record("the tokens of b"), 0).await.unwrap();
    let original = inner.load(&key("a")).await.unwrap().unwrap();
    let text = original.record.payload.as_bytes().to_vec();
    let mut version = original.version;
    for bit in 0..text.len() * 8 {
        let mut flipped = text.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        version = inner.save(&key("a"), &record(&flipped), version).await.unwrap();
        sheet.runs += 1;
        sheet.leaked += u64::from(sealed.load(&key("a")).await.is_ok());
    }
    let other = inner.load(&key("b")).await.unwrap().unwrap();
    inner.save(&key("a"), &record(&other.record.payload), version).await.unwrap();
    sheet.runs += 1;
    sheet.leaked += u64::from(sealed.load(&key("a")).await.is_ok());
    sheet.hold("the other record still opens", sealed.load(&key("b")).await.is_ok());
}

async fn rotated(sheet: &mut Sheet) {
    let records = sheet.scale("records", 200, 1000);
    let inner: Arc<dyn TokenStore> = Arc::new(MemoryStore::new());
    let (old, new) = (Keys::generate(), Keys::generate());
    let keys = |first: &orgconnect::Secret, second: &orgconnect::Secret| {
        Keys::from_base64(first.expose()).unwrap().with_older(Keys::from_base64(second.expose()).unwrap())
    };
    let sealed = Arc::new(SealedStore::shared(Arc::clone(&inner), keys(&old, &new)));
    for number in 0..records {
        let record = Record { payload: format!("tokens {number}").into(), expires_at: None };
        sealed.save(&key(&format!("c{number}")), &record, 0).await.unwrap();
    }
    sealed.replace_keys(keys(&new, &old));
    let readers = (0..16).map(|reader| {
        let sealed = Arc::clone(&sealed);
        tokio::spawn(async move {
            let mut failed = 0;
            for number in 0..records {
                let number = (number * 13 + reader) % records;
                failed += u64::from(sealed.load(&key(&format!("c{number}"))).await.is_err());
                tokio::task::yield_now().await;
            }
            failed
        })
    });
    let readers: Vec<_> = readers.collect();
    let done = sealed.rewrap_all("us/ID").await.unwrap();
    for reader in readers {
        sheet.runs += records;
        sheet.lost += reader.await.unwrap();
    }
    sheet.equal("records that were moved", done.moved as u64, records);
    let only_new = SealedStore::shared(inner, Keys::from_base64(new.expose()).unwrap());
    for number in 0..records {
        sheet.lost += u64::from(only_new.load(&key(&format!("c{number}"))).await.is_err());
    }
}

async fn sandbox_exposed(sheet: &mut Sheet) {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        sheet.runs += 1;
        sheet.leaked += u64::from(Sandbox::builder().listen(address.parse().unwrap()).start().await.is_ok());
    }
    let world = World::open().await;
    for host in [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "127.0.0.1.evil.example:80",
        "169.254.169.254",
        "[::1]",
        "",
        "localhost.",
        "0.0.0.0",
    ] {
        let mut socket = tokio::net::TcpStream::connect(world.sandbox.address()).await.unwrap();
        let request =
            format!("GET /sandbox/connections HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut socket, request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        let _ = socket.read_to_string(&mut reply).await;
        sheet.runs += 1;
        sheet.leaked += u64::from(reply.starts_with("HTTP/1.1 200"));
    }
}
