//! `orgconnect demo`: the main job from end to end, each step checked and told in one line. Without credentials it has a
//! sandbox of its own; with them it is the same against Cronofy, less what would change or wait for something of the user's.

mod browser;
mod narrator;
mod world;

use std::time::Duration;

use orgconnect::{Account, AuthorizationRequest, Client, Connection, ConnectionState, Organization, Reply};
use serde_json::{Map, Value, json};

use self::{narrator::Narrator, world::World};
use crate::{
    cli,
    commands::call::all_items,
    context::{Caller, Context},
    failure::{Failure, Result},
    interrupt::Interrupt,
    loopback::Loopback,
};

const CONNECTION: &str = "orgconnect-demo";

/// Runs the demo. Ctrl-C ends it in good order: what it keeps in a temporary directory goes with it.
pub(crate) async fn run(arguments: &cli::Demo, context: &Context) -> Result<()> {
    let interrupt = Interrupt::listen()?;
    tokio::select! {
        done = steps(arguments, context) => done,
        stopped = interrupt.wait() => stopped.and(Err(Failure::Interrupted)),
    }
}

async fn steps(arguments: &cli::Demo, context: &Context) -> Result<()> {
    let mut narrator = Narrator::new(context.output);
    let world = World::open(context, &mut narrator).await?;
    let client = world.client()?;
    let connection = connect(&world, &client, arguments, context, &mut narrator).await?;
    let organization = connection.organization();
    let (member, sub) = members(&world, &organization, &mut narrator).await?;
    identity(&world, &member, &sub, &mut narrator).await?;
    if world.is_sandbox() {
        event(&member, &mut narrator).await?;
        expiry(&world, &connection, &member, &mut narrator).await?;
    } else {
        narrator.skip("event", "creating and changing an event would change the member's calendar");
        narrator.skip("expiry", "waiting for the access token to end would take an hour");
    }
    drop((client, connection, organization, member));
    let connection = restart(&world, &sub, &mut narrator).await?;
    if world.is_sandbox() {
        revocation(&connection, &sub, &mut narrator).await?;
    } else {
        narrator.skip("revoke", "revoking would end an authorization of yours");
        narrator.skip("refusal", "nothing was revoked, so nothing is refused");
        context.output.note(&format!(
            "\nThe connection stays in your token store. Revoke it with\n\n  orgconnect token revoke --connection {CONNECTION}\n"
        ));
    }
    narrator.end();
    Ok(())
}

/// Authorization URL, approval, redirect, state, exchange, store.
async fn connect(
    world: &World<'_>,
    client: &Client,
    arguments: &cli::Demo,
    context: &Context,
    narrator: &mut Narrator,
) -> Result<Connection> {
    let loopback = Loopback::listen(arguments.port).await?;
    let redirect_uri = loopback.redirect_uri().to_owned();
    let request = AuthorizationRequest::organization(&redirect_uri)
        .connection_id(CONNECTION)
        .payload("demo")
        .lifetime(Duration::from_mins(10));
    let pending = client.authorize(request)?;
    let session = client.serialize_pending(&pending);
    let address = pending.url().split('?').next().unwrap_or_default().to_owned();
    narrator.step("authorize", "scope organizational_unit_scheduler, a fresh state", &format!("{address}?…"));
    let patience = Duration::from_secs(arguments.wait);
    let callback = if world.is_sandbox() {
        let (approved, callback) = tokio::join!(
            browser::approve(pending.url(), world::OWNER),
            loopback.callback(pending.url(), patience)
        );
        approved?;
        callback?
    } else {
        crate::browser::invite(pending.url(), arguments.no_browser);
        let callback = loopback.callback(pending.url(), patience);
        context.output.wait("waiting for your approval", callback).await?
    };
    narrator.step(
        "approve",
        &format!("Approve, as {}", world.approver()),
        "the browser is sent back with a code",
    );
    narrator.step("redirect", &format!("GET {redirect_uri}?code=…&state=…"), "received on this machine");
    let requests = world.requests();
    let forged = client.complete(&client.pending(&session)?, "?code=forged&state=forged").await;
    ensure(
        forged.is_err_and(|error| error.code() == Some("state_mismatch")),
        "a forged state was not refused",
    )?;
    ensure(world.requests() == requests, "a forged state was refused only after a request")?;
    narrator.step(
        "state",
        "a forged callback first",
        "refused without a request: the state is not this session's",
    );
    let connection = client.complete(&client.pending(&session)?, callback).await?;
    ensure(connection.payload() == Some("demo"), "the payload did not come back with the state")?;
    narrator.step(
        "exchange",
        "POST /oauth/token, the code in its body",
        "an access token and a refresh token",
    );
    let summary = connection.summary().await?;
    ensure(summary.state == ConnectionState::Active, "the connection is not active")?;
    world.check_store()?;
    let ends = summary.expires_at.strftime("%H:%M:%SZ");
    narrator.step(
        "store",
        &world.store(),
        &format!("record version {}, the access token ends at {ends}", summary.version),
    );
    Ok(connection)
}

async fn members(
    world: &World<'_>,
    organization: &Organization,
    narrator: &mut Narrator,
) -> Result<(Account, String)> {
    let operation = orgconnect::find_operation("organization.list_members")?;
    let members = all_items(&Caller::Organization(organization.clone()), operation, Map::new()).await?;
    let email = |member: &Value| member["email"].as_str().map(str::to_owned);
    let wanted = world.member().or_else(|| members.iter().find_map(email));
    let Some(wanted) = wanted.filter(|_| !members.is_empty()) else {
        return Err(Failure::Demo("the organization has no member to act as".to_owned()));
    };
    narrator.step("members", "GET /v1/organizational_unit_members", &format!("{} members", members.len()));
    let member = organization.impersonate_email(&wanted).await?;
    let sub = member.sub().map(ToString::to_string).unwrap_or_default();
    narrator.step("resolve", &wanted, &sub);
    Ok((member, sub))
}

async fn identity(world: &World<'_>, member: &Account, sub: &str, narrator: &mut Narrator) -> Result<()> {
    let userinfo: Value = member.send("userinfo.read", Map::new()).await?.decode()?;
    ensure(userinfo["sub"] == sub, "userinfo is somebody else's")?;
    ensure(world.saw_impersonation(sub), "the request did not carry Cronofy-Impersonate")?;
    let who = userinfo["name"].as_str().or(userinfo["email"].as_str()).unwrap_or(sub).to_owned();
    narrator.step("userinfo", &format!("GET /v1/userinfo, Cronofy-Impersonate: {sub}"), &who);
    Ok(())
}

/// Creates an event in the member's calendar, reads it back, updates it, reads it again.
async fn event(member: &Account, narrator: &mut Narrator) -> Result<()> {
    let calendars: Value = member.send("calendars.list", Map::new()).await?.decode()?;
    let calendar = calendars["calendars"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|calendar| calendar["calendar_readonly"] == false && calendar["calendar_deleted"] == false);
    let Some(calendar_id) = calendar.and_then(|calendar| calendar["calendar_id"].as_str()).map(str::to_owned)
    else {
        return Err(Failure::Demo("the member has no calendar that can be written to".to_owned()));
    };
    let written = |summary: &str| {
        arguments(json!({
            "calendar_id": calendar_id, "event_id": "orgconnect-demo", "summary": summary,
            "description": "Made by orgconnect demo", "tzid": "Europe/London",
            "start": "2030-06-03T09:00:00Z", "end": "2030-06-03T09:30:00Z",
        }))
    };
    let said = |reply: &Reply| format!("{} accepted", reply.status);
    let reply = member.send("events.upsert", written("Check-up")).await?;
    narrator.step("create", "POST /v1/calendars/…/events, \"Check-up\" at 09:00", &said(&reply));
    ensure(read(member).await? == ["Check-up"], "the event that was created is not there")?;
    narrator.step("read", "GET /v1/events?only_managed=true", "\"Check-up\" is there");
    let reply = member.send("events.upsert", written("Check-up, moved to room 4")).await?;
    narrator.step("update", "POST /v1/calendars/…/events, the same event_id", &said(&reply));
    ensure(read(member).await? == ["Check-up, moved to room 4"], "the event was not updated")?;
    narrator.step(
        "read",
        "GET /v1/events?only_managed=true",
        "still one event, \"Check-up, moved to room 4\"",
    );
    Ok(())
}

async fn read(member: &Account) -> Result<Vec<String>> {
    let query =
        json!({"tzid": "Europe/London", "only_managed": true, "from": "2030-06-03", "to": "2030-06-04"});
    let page: Value = member.send("events.read", arguments(query)).await?.decode()?;
    let events = page["events"].as_array().cloned().unwrap_or_default();
    Ok(events.iter().filter_map(|event| event["summary"].as_str().map(str::to_owned)).collect())
}

async fn expiry(
    world: &World<'_>,
    connection: &Connection,
    member: &Account,
    narrator: &mut Narrator,
) -> Result<()> {
    let before = connection.summary().await?;
    world.expire();
    narrator.step("expire", "two hours pass in the sandbox", "the access token has ended");
    let refreshes = world.refreshes();
    member.send("userinfo.read", Map::new()).await?;
    let after = connection.summary().await?;
    ensure(world.refreshes() == refreshes + 1, "it was not refreshed exactly once")?;
    ensure(
        after.version > before.version && after.issued_at >= before.issued_at,
        "the new tokens were not stored",
    )?;
    narrator.step(
        "refresh",
        "GET /v1/userinfo: 401, one refresh by itself, sent again",
        &format!("200; record version {} is stored", after.version),
    );
    Ok(())
}

/// A new client, with nothing but the store.
async fn restart(world: &World<'_>, sub: &str, narrator: &mut Narrator) -> Result<Connection> {
    let refreshes = world.refreshes();
    let client = world.client()?;
    let connection = client.connection(CONNECTION)?;
    let userinfo: Value =
        connection.organization().impersonate(sub)?.send("userinfo.read", Map::new()).await?.decode()?;
    ensure(userinfo["sub"] == sub, "after the restart userinfo is somebody else's")?;
    ensure(world.refreshes() == refreshes, "the restart cost a refresh")?;
    narrator.step(
        "restart",
        "a new client on the same store, GET /v1/userinfo",
        "200; nothing was authorized or refreshed again",
    );
    Ok(connection)
}

async fn revocation(connection: &Connection, sub: &str, narrator: &mut Narrator) -> Result<()> {
    connection.revoke().await?;
    narrator.step(
        "revoke",
        "POST /oauth/token/revoke, the token in its body",
        "200; the stored tokens are erased",
    );
    let refused = connection.organization().impersonate(sub)?.send("userinfo.read", Map::new()).await;
    match refused {
        Err(error) if error.needs_reauthorization() => {
            narrator.step("refusal", "GET /v1/userinfo", &error.to_string());
            Ok(())
        }
        _ => Err(Failure::Demo("after the revocation a call was not refused".to_owned())),
    }
}

fn ensure(holds: bool, otherwise: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Failure::Demo(otherwise.to_owned())) }
}

fn arguments(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    }
}
