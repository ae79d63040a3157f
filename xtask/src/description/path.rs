//! Reads operations from path items and action links.

use super::mapping::Mapping;
use super::operation::{Failure, Operation, Paging, Parameter, Success};
use super::reference::Reference;
use super::schema::{Kind, Schema};
use super::words::{AUTHORITIES, Authority, METHODS, Method, REPEATS, STABILITIES};
use crate::refusal::Refusal;
use crate::yaml::{Node, Value};

/// The keys of an operation that its variants share.
const SHARED: &[&str] = &[
    "operationId",
    "tags",
    "summary",
    "description",
    "externalDocs",
    "security",
    "parameters",
    "requestBody",
    "responses",
    "x-authorities",
    "x-impersonable",
    "x-repeat",
    "x-repeat-reason",
    "x-paging",
    "x-stability",
];

/// The keys of a variant.
const VARIANT: &[&str] = &[
    "operationId",
    "summary",
    "description",
    "request",
    "response",
    "x-repeat",
    "x-repeat-reason",
    "x-stability",
    "x-success",
    "x-body-optional",
];

const IMPERSONATE: &str = "Impersonate";

/// Reads a path item: one operation for each method, or several where there are variants.
pub(super) fn read_path(path: &str, node: Node) -> Result<Vec<Operation>, Refusal> {
    let mut item = Mapping::of(node, "a path")?;
    item.allow(&["get", "post", "delete"])?;
    let mut operations = Vec::new();
    for (key, method) in METHODS {
        let Some(node) = item.take(key) else { continue };
        let mut map = Mapping::of(node, "an operation")?;
        map.allow(&[SHARED, &["x-variants"]].concat())?;
        let variants = map.list("x-variants")?;
        if variants.is_empty() {
            operations.push(read_one(&mut map, *method, path)?);
        } else {
            operations.extend(read_variants(map, variants, *method, path)?);
        }
    }
    for operation in &operations {
        check_path(operation)?;
    }
    Ok(operations)
}

/// Reads an operation whose address was returned by an earlier call.
pub(super) fn read_link(node: Node) -> Result<Operation, Refusal> {
    let mut map = Mapping::of(node, "an action link")?;
    map.allow(&[SHARED, &["method", "link"]].concat())?;
    let method = map.word("method", METHODS)?;
    let method =
        method.ok_or_else(|| map.refuse("an action link without `method`", "add get, post or delete"))?;
    let link_spot = map.spot.clone();
    let link = map.require_text("link")?;
    let mut operation = read_one(&mut map, method, &format!("{{{link}}}"))?;
    if let Some(parameter) = operation.parameters.first() {
        return Err(parameter
            .spot
            .refuse("a parameter of an action link", "leave it out: the link is complete"));
    }
    operation.parameters.push(Parameter {
        wire: link,
        in_path: true,
        required: true,
        schema: Schema::link(&link_spot, "The address, exactly as Cronofy returned it."),
        spot: link_spot,
    });
    Ok(operation)
}

fn read_one(map: &mut Mapping, method: Method, path: &str) -> Result<Operation, Refusal> {
    let name = map.require_text("operationId")?;
    read_named(map, name, method, path)
}

/// Reads an operation whose name is known.
fn read_named(map: &mut Mapping, name: String, method: Method, path: &str) -> Result<Operation, Refusal> {
    let area = name.split('.').next().unwrap_or_default();
    if map.texts("tags")? != [area] {
        return Err(map.refuse("tags other than the area", format!("write `tags: [{area}]`")));
    }
    let authorities = map.words("x-authorities", AUTHORITIES)?;
    if authorities.is_empty() {
        return Err(map.refuse("an operation without `x-authorities`", "say who may make the call"));
    }
    check_security(map, &authorities)?;
    let repeat = map.word("x-repeat", REPEATS)?;
    let (parameters, has_impersonate) = read_parameters(map)?;
    let impersonable = map.boolean("x-impersonable")?;
    let impersonable = impersonable
        .ok_or_else(|| map.refuse("an operation without `x-impersonable`", "write true or false"))?;
    if impersonable != has_impersonate {
        return Err(map.refuse(
            "`x-impersonable` and the parameter `Impersonate` disagree",
            "refer to `Impersonate` exactly where the call may be made for a member",
        ));
    }
    let (successes, failures) = read_responses(map)?;
    let stability = map.word("x-stability", STABILITIES)?;
    Ok(Operation {
        name,
        summary: map.require_text("summary")?,
        description: map.require_text("description")?,
        method,
        path: path.to_owned(),
        authorities,
        impersonable,
        repeat: repeat
            .ok_or_else(|| map.refuse("an operation without `x-repeat`", "say if it is safe to repeat"))?,
        repeat_reason: map.require_text("x-repeat-reason")?,
        paging: read_paging(map)?,
        stability: stability
            .ok_or_else(|| map.refuse("an operation without `x-stability`", "say what Cronofy promises"))?,
        documentation: read_documentation(map)?,
        parameters,
        body: read_body(map)?,
        successes,
        failures,
        spot: map.spot.clone(),
    })
}

/// Reads operations that share a method and a path: each is the shared one with what it says itself.
fn read_variants(
    mut shared: Mapping,
    variants: Vec<Node>,
    method: Method,
    path: &str,
) -> Result<Vec<Operation>, Refusal> {
    if shared.has("operationId") {
        return Err(shared.refuse("`operationId` beside `x-variants`", "name the variants alone"));
    }
    let mut maps = Vec::new();
    for node in variants {
        let mut map = Mapping::of(node, "a variant")?;
        map.allow(VARIANT)?;
        let name = map.require_text("operationId")?;
        maps.push((name, map));
    }
    let first = maps.first().map(|(name, _)| name.clone()).unwrap_or_default();
    let base = read_named(&mut shared, first, method, path)?;
    let Some(Schema { kind: Kind::Union(_, bodies), .. }) = &base.body else {
        return Err(
            shared.refuse("variants without a request of several shapes", "list their requests in a `oneOf`")
        );
    };
    let mut operations = Vec::new();
    for (name, mut map) in maps {
        let request = Reference::read(&map.require("request")?, "schemas")?;
        let names_it =
            |body: &Schema| matches!(&body.kind, Kind::Reference(other) if other.is_same(&request));
        if !bodies.iter().any(names_it) {
            return Err(request.spot.refuse("a request that is not in the `oneOf`", "list it there as well"));
        }
        let repeat = map.word("x-repeat", REPEATS)?;
        operations.push(Operation {
            name,
            summary: map.require_text("summary")?,
            description: map.require_text("description")?,
            body: Some(Schema::referring(request)),
            successes: variant_successes(&mut map, &base)?,
            repeat: repeat
                .ok_or_else(|| map.refuse("a variant without `x-repeat`", "say if it is safe to repeat"))?,
            repeat_reason: map.require_text("x-repeat-reason")?,
            stability: map.word("x-stability", STABILITIES)?.unwrap_or(base.stability),
            spot: map.spot.clone(),
            ..base.clone()
        });
    }
    if bodies.len() != operations.len() {
        return Err(shared
            .refuse("a `oneOf` with more requests than variants", "describe a variant for each request"));
    }
    Ok(operations)
}

fn variant_successes(map: &mut Mapping, base: &Operation) -> Result<Vec<Success>, Refusal> {
    let statuses = map.list("x-success")?;
    let response = map.take("response").map(|node| Reference::read(&node, "schemas")).transpose()?;
    let body = response.map(Schema::referring);
    let body_optional = map.boolean("x-body-optional")?.unwrap_or_default();
    let mut codes = Vec::new();
    for node in &statuses {
        match node.value {
            Value::Integer(status @ 200..=299) => codes.push(u16::try_from(status).unwrap_or_default()),
            _ => return Err(node.spot.refuse("a success that is no status", "use a number from 200 to 299")),
        }
    }
    if codes.is_empty() {
        codes = base.successes.iter().map(|success| success.status).collect();
    }
    Ok(codes.into_iter().map(|status| Success { status, body: body.clone(), body_optional }).collect())
}

fn check_security(map: &mut Mapping, authorities: &[Authority]) -> Result<(), Refusal> {
    let Some(node) = map.take("security") else {
        return Err(map.refuse("an operation without `security`", "name the schemes of its authorities"));
    };
    let spot = node.spot.clone();
    let mut names = Vec::new();
    if let Value::List(items) = node.value {
        for item in items {
            if let Value::Map(entries) = item.value {
                names.extend(entries.into_iter().map(|(key, _)| key.text));
            }
        }
    }
    // Credentials in the body are no scheme.
    let in_header = authorities.iter().filter(|authority| **authority != Authority::ClientCredentials);
    let expected: Vec<&str> = in_header
        .filter_map(|authority| AUTHORITIES.iter().find(|(_, own)| own == authority))
        .map(|(name, _)| *name)
        .collect();
    if names == expected {
        return Ok(());
    }
    let schemes: Vec<_> = expected.iter().map(|name| format!("{{{name}: []}}")).collect();
    Err(spot.refuse(
        "`security` and `x-authorities` disagree",
        format!("write `security: [{}]`", schemes.join(", ")),
    ))
}

fn read_documentation(map: &mut Mapping) -> Result<String, Refusal> {
    let mut link = Mapping::of(map.require("externalDocs")?, "`externalDocs`")?;
    link.allow(&["url", "description"])?;
    let url = link.require_text("url")?;
    if url.starts_with("https://") {
        Ok(url)
    } else {
        Err(link.refuse("a link that is not https", "use https"))
    }
}

fn read_paging(map: &mut Mapping) -> Result<Option<Paging>, Refusal> {
    let Some(node) = map.take("x-paging") else { return Ok(None) };
    let mut paging = Mapping::of(node, "`x-paging`")?;
    paging.allow(&["items", "pages"])?;
    let (items, pages) = (paging.texts("items")?, paging.texts("pages")?);
    if items.is_empty() || pages.is_empty() {
        return Err(paging.refuse("`x-paging` without paths", "write `{items: [...], pages: [...]}`"));
    }
    Ok(Some(Paging { items, pages, spot: paging.spot }))
}

fn read_parameters(map: &mut Mapping) -> Result<(Vec<Parameter>, bool), Refusal> {
    let mut parameters = Vec::new();
    let mut impersonate = false;
    for node in map.list("parameters")? {
        let mut parameter = Mapping::of(node, "a parameter")?;
        if let Some(node) = parameter.take("$ref") {
            parameter.allow(&[])?;
            let reference = Reference::read(&node, "parameters")?;
            if reference.name != IMPERSONATE {
                return Err(node.spot.refuse(
                    format!("the shared parameter `{}`", reference.name),
                    "describe the parameter where it is used; only `Impersonate` is shared",
                ));
            }
            impersonate = true;
            continue;
        }
        parameters.push(read_parameter(parameter)?);
    }
    // Path parameters come first, in the order of the path; the sort is stable.
    parameters.sort_by_key(|parameter| !parameter.in_path);
    Ok((parameters, impersonate))
}

fn read_parameter(mut map: Mapping) -> Result<Parameter, Refusal> {
    map.allow(&["name", "in", "required", "description", "schema", "style", "explode", "x-brackets"])?;
    let in_path = map.word("in", &[("path", true), ("query", false)])?;
    let in_path = in_path.ok_or_else(|| map.refuse("a parameter without `in`", "write path or query"))?;
    let required = map.boolean("required")?.unwrap_or_default();
    if in_path && !required {
        return Err(map.refuse("an optional path parameter", "write `required: true`"));
    }
    let mut schema = Schema::read(map.require("schema")?)?;
    let form =
        (map.text("style")?.as_deref() == Some("form"), map.boolean("explode")?, map.boolean("x-brackets")?);
    let list = matches!(schema.kind, Kind::List(..));
    if list != (form == (true, Some(true), Some(true))) {
        return Err(map.refuse(
            "a list in the query, or its spelling without a list",
            "write `style: form`, `explode: true` and `x-brackets: true` exactly beside a schema of type array",
        ));
    }
    if let Some(description) = map.text("description")? {
        schema.description = Some(description);
    }
    Ok(Parameter { wire: map.require_text("name")?, in_path, required, schema, spot: map.spot })
}

fn read_body(map: &mut Mapping) -> Result<Option<Schema>, Refusal> {
    let Some(node) = map.take("requestBody") else { return Ok(None) };
    let mut body = Mapping::of(node, "`requestBody`")?;
    body.allow(&["required", "content", "description"])?;
    if body.boolean("required")? != Some(true) {
        return Err(body.refuse("a body that may be left out", "write `required: true`"));
    }
    let content = body.require("content")?;
    json_schema(content, Schema::read_request).map(Some)
}

/// Takes the schema of `content: {application/json: {schema: ...}}`.
fn json_schema(content: Node, read: fn(Node) -> Result<Schema, Refusal>) -> Result<Schema, Refusal> {
    let mut content = Mapping::of(content, "`content`")?;
    content.allow(&["application/json"])?;
    let mut media = Mapping::of(content.require("application/json")?, "a media type")?;
    media.allow(&["schema"])?;
    read(media.require("schema")?)
}

fn read_responses(map: &mut Mapping) -> Result<(Vec<Success>, Vec<Failure>), Refusal> {
    let (mut successes, mut failures) = (Vec::new(), Vec::new());
    for (key, node) in map.entries("responses")? {
        let mut response = Mapping::of(node, "a response")?;
        match key.text.parse::<u16>() {
            Ok(status @ 200..=299) => {
                response.allow(&["description", "content", "x-body-optional"])?;
                response.require_text("description")?;
                let body_optional = response.boolean("x-body-optional")?.unwrap_or_default();
                let body =
                    response.take("content").map(|content| json_schema(content, Schema::read)).transpose()?;
                successes.push(Success { status, body, body_optional });
            }
            Ok(400..=499) => failures.push(read_failure(key.text, response)?),
            _ if key.text == "5XX" => failures.push(read_failure(key.text, response)?),
            _ => {
                return Err(key.spot.refuse(
                    format!("the status `{}`", key.text),
                    "use '200' to '299', '400' to '499' or '5XX'",
                ));
            }
        }
    }
    if successes.is_empty() {
        return Err(map.refuse("an operation without a success", "add a response from '200' to '299'"));
    }
    Ok((successes, failures))
}

fn read_failure(status: String, mut response: Mapping) -> Result<Failure, Refusal> {
    response.allow(&["$ref"])?;
    Ok(Failure { status, response: Reference::read(&response.require("$ref")?, "responses")? })
}

/// Sees to it that the path's placeholders are the path parameters, in the same order.
fn check_path(operation: &Operation) -> Result<(), Refusal> {
    let placeholders: Vec<&str> =
        operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
    let names: Vec<&str> = operation
        .parameters
        .iter()
        .filter(|parameter| parameter.in_path)
        .map(|parameter| parameter.wire.as_str())
        .collect();
    if placeholders == names {
        return Ok(());
    }
    Err(operation.spot.refuse(
        format!("path parameters that are not those of `{}`", operation.path),
        format!("describe exactly {}, in this order", placeholders.join(", ")),
    ))
}
