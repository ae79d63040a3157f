//! Requests: whatever the arguments, and wherever a link leads, a request goes to the API and nowhere else.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value};
use url::Url;

use super::{check_constant, choice, line};
use crate::{
    caller::find_operation,
    config::{DataCenter, Endpoints},
    http::{
        request::{BodyCredentials, Prepared, build, build_link, build_raw, header},
        response,
    },
    operation::{Paging, Place},
    secret::Secret,
};

const PAGING: Paging = Paging { items: &["events"], pages: &["pages"] };

/// The first octet says what the rest is: a link, a path, or a reply that holds a link.
pub fn next_page(data: &[u8]) {
    let Some((choice, rest)) = choice(data) else { return };
    let endpoints = endpoints(choice / 3);
    match (choice % 3, std::str::from_utf8(rest)) {
        (0, Ok(link)) => follow(link, &endpoints),
        (1, Ok(path)) => raw(path, &endpoints),
        (2, _) => reply(rest, &endpoints),
        _ => {}
    }
}

fn endpoints(choice: usize) -> Endpoints {
    match choice % 3 {
        0 => Endpoints::of(DataCenter::Uk),
        1 => Endpoints::custom("http://127.0.0.1:8787").unwrap(),
        _ => Endpoints::custom("https://gateway.example:8443").unwrap(),
    }
}

fn follow(link: &str, endpoints: &Endpoints) {
    match build_link(Method::GET, "next_page", link, endpoints) {
        Ok(prepared) => stays(&prepared, endpoints),
        Err(error) => check_constant(&error, build_link(Method::GET, "next_page", "", endpoints).err()),
    }
}

fn raw(path: &str, endpoints: &Endpoints) {
    let query = [("name".to_owned(), path.to_owned()), (path.to_owned(), "&a=b#c".to_owned())];
    match build_raw(Method::GET, path, &query, None, endpoints) {
        Ok(prepared) => {
            stays(&prepared, endpoints);
            let found: Vec<(String, String)> = url_of(&prepared).query_pairs().into_owned().collect();
            assert_eq!(found, query, "values stay in their place");
        }
        Err(error) => check_constant(&error, build_raw(Method::GET, "", &[], None, endpoints).err()),
    }
}

fn reply(body: &[u8], endpoints: &Endpoints) {
    let reply = response::judge(
        "events.read",
        Some(&PAGING),
        StatusCode::OK,
        HeaderMap::new(),
        Bytes::copy_from_slice(body),
    )
    .unwrap();
    assert_eq!(&reply.body[..], body, "the body is as it was received");
    let Some(link) = reply.next_page else { return };
    assert!(!link.is_empty());
    // Found without reading the whole; whoever reads the whole finds the same.
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        assert_eq!(value["pages"]["next_page"], link.as_str());
    }
    follow(&link, endpoints);
}

/// The first line names the operation, the rest is its arguments in JSON.
pub fn arguments(data: &[u8]) {
    let (name, rest) = line(data);
    let Some(operation) = std::str::from_utf8(name).ok().and_then(|name| find_operation(name).ok()) else {
        return;
    };
    let Ok(arguments) = serde_json::from_slice::<Map<String, Value>>(rest) else { return };
    let endpoints = endpoints(rest.len());
    let secret = Secret::from("CRN_secret-of-the-fuzzed-application-1");
    // Whoever gives the secret as an argument finds it where arguments go.
    if serde_json::to_string(&arguments).unwrap().contains(secret.expose()) {
        return;
    }
    let credentials = BodyCredentials { client_id: "CLIENT_ID", client_secret: &secret };
    let prepared = match build(operation, arguments.clone(), &Map::new(), Some(&credentials), &endpoints) {
        Ok(prepared) => prepared,
        Err(error) => {
            assert!(!error.fields().is_empty(), "what is wrong is named: {error}");
            assert!(!format!("{error:?}").contains(secret.expose()));
            return;
        }
    };
    stays(&prepared, &endpoints);
    assert!(!prepared.uri.to_string().contains(secret.expose()), "a secret is in a URL");
    if !operation.path.starts_with('{') {
        let segments = |path: &str| path.split('/').count();
        assert_eq!(
            segments(prepared.uri.path()),
            segments(operation.path),
            "a value left its place: {}",
            prepared.uri
        );
    }
    let is_place = |name: &str, place| operation.arguments.iter().any(|a| a.name == name && a.place == place);
    if let Some(body) = &prepared.body {
        let body: Map<String, Value> = serde_json::from_slice(body).unwrap();
        for (name, value) in arguments.iter().filter(|(name, _)| is_place(name, Place::Body)) {
            assert_eq!(body.get(name), Some(value), "what was given is sent");
        }
        assert_eq!(body["client_id"], "CLIENT_ID");
    }
}

fn url_of(prepared: &Prepared) -> Url {
    Url::parse(&prepared.uri.to_string()).unwrap()
}

/// The request goes to the API, read by the HTTP client's parser of URLs and by that of browsers.
fn stays(prepared: &Prepared, endpoints: &Endpoints) {
    let text = prepared.uri.to_string();
    assert!(text.starts_with(&format!("{}/v1/", endpoints.api)), "{text}");
    assert!(!text.contains(['\r', '\n', ' ', '#']) && text.is_ascii());
    let own: Uri = endpoints.api.parse().unwrap();
    let sent = &prepared.uri;
    assert_eq!((sent.scheme(), sent.host(), sent.port()), (own.scheme(), own.host(), own.port()), "{text}");
    let url = url_of(prepared);
    assert!(endpoints.serves(&url), "{text}");
    assert!(url.path().starts_with("/v1/"), "{text}");
    if let Ok(value) = header("sub", &text) {
        assert!(value.to_str().is_ok());
    }
}
