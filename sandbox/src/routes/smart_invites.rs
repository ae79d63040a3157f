//! Smart invites: invitations that the application mails itself, with the iCalendar text to attach.
//! <https://docs.cronofy.com/developers/api/smart-invites/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Map, Value};

use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult};
use crate::params::Params;
use crate::routes::calendars::color;
use crate::server::State;
use crate::world::World;
use crate::world::applications::{Application, web_address};
use crate::world::event_time::{Moment, whole_seconds};
use crate::world::smart_invites::{InviteOrganizer, InviteStatus, InvitedEvent, Recipient, SmartInvite};

/// The longest id that is taken; Cronofy documents no limit.
const ID_LIMIT: usize = 1024;
/// The most recipients that are taken; Cronofy documents no limit.
const RECIPIENTS: usize = 100;
const STATUSES: [&str; 4] = ["pending", "accepted", "tentative", "declined"];

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/smart_invites", get(operation(read)).post(operation(write)))
}

fn read(world: &World, call: &Call) -> ApiResult {
    let application = call.application(world)?;
    let mut params = call.query();
    let id = params.required_text("smart_invite_id", ID_LIMIT).unwrap_or_default();
    let email = params.text("recipient_email", 320);
    params.finish()?;
    let mut invite = world.smart_invite(&application.client_id, &id, email.as_deref())?;
    if let (None, Some(email)) = (&invite, email.filter(|email| email.contains(' '))) {
        // The Ruby client sends the plus of an address as it is, which reads as a blank.
        invite = world.smart_invite(&application.client_id, &id, Some(&email.replace(' ', "+")))?;
    }
    let invite = invite.ok_or(ApiError::NotFound)?;
    let mut json = invite.to_json();
    if !invite.replies.is_empty() {
        json["replies"] = serde_json::json!(invite.replies);
    }
    Ok(Json(json).into_response())
}

/// Invites, calls off or removes a recipient, as `method` says.
fn write(world: &World, call: &Call) -> ApiResult {
    let application = call.application(world)?;
    let mut params = call.params()?;
    let method = params.choice("method", &["request", "cancel", "remove"]);
    let address = Address::read(&mut params);
    match method.as_deref() {
        Some("cancel") => {
            params.finish()?;
            cancel(world, &application, &address)
        }
        Some("remove") => {
            params.finish()?;
            remove(world, &application, &address)
        }
        _ => request(world, &application, params, &address),
    }
}

fn request(world: &World, application: &Application, mut params: Params<'_>, to: &Address) -> ApiResult {
    let event = event(&mut params);
    let organizer = organizer(&mut params);
    let callback_url = params.text("callback_url", 2048);
    if callback_url.as_deref().is_some_and(|url| web_address(url).is_none()) {
        params.wrong("callback_url", "invalid", "must be an http or https address");
    }
    params.finish()?;
    let event = event.ok_or(ApiError::NotFound)?;
    let known = to.find(world, application)?;
    let is_new = known.is_none();
    let invite = match known {
        Some(invite) => invite,
        None => world.new_smart_invite(
            &application.client_id,
            &to.smart_invite_id,
            to.single().map(|recipient| recipient.email.as_str()),
            event.clone(),
            InviteOrganizer { name: application.name.clone(), email: invitation_address(world) },
        ),
    };
    let asks_again = world.settings().smart_invite_move_asks_again
        && (invite.event.start, invite.event.end) != (event.start, event.end);
    let (mut kept, removed): (Vec<_>, Vec<_>) =
        invite.recipients.clone().into_iter().partition(|known| to.names(&known.email));
    if asks_again {
        for recipient in &mut kept {
            *recipient = Recipient { email: recipient.email.clone(), ..Recipient::default() };
        }
    }
    let recipients = to.recipients.iter().map(|(new, status)| {
        let known = kept.iter().find(|known| known.email.eq_ignore_ascii_case(&new.email));
        let known = known.unwrap_or(new).clone();
        Recipient { email: new.email.clone(), status: status.unwrap_or(known.status), ..known }
    });
    let recipients: Vec<_> = recipients.collect();
    let organizer = match organizer {
        Some((name, email)) => {
            InviteOrganizer { name, email: email.unwrap_or_else(|| invite.organizer.email.clone()) }
        }
        None => invite.organizer.clone(),
    };
    let same_people = removed.is_empty() && recipients.len() == invite.recipients.len();
    let same = same_people && !invite.is_cancelled && invite.event == event && invite.organizer == organizer;
    let invite = SmartInvite {
        sequence: if is_new || same { invite.sequence } else { invite.sequence + 1 },
        event,
        organizer,
        recipients,
        is_cancelled: false,
        callback_url: callback_url.or_else(|| invite.callback_url.clone()),
        ..invite
    };
    answer(world, invite, &removed)
}

fn cancel(world: &World, application: &Application, to: &Address) -> ApiResult {
    let mut invite = to.find(world, application)?.ok_or(ApiError::NotFound)?;
    if !invite.is_cancelled {
        invite.is_cancelled = true;
        invite.sequence += 1;
    }
    answer(world, invite, &[])
}

/// Takes recipients off a shared invitation. Without anybody left it is called off.
fn remove(world: &World, application: &Application, to: &Address) -> ApiResult {
    let shared = world.smart_invite(&application.client_id, &to.smart_invite_id, None)?;
    let mut invite = shared.ok_or(ApiError::NotFound)?;
    let (removed, left): (Vec<_>, Vec<_>) =
        invite.recipients.clone().into_iter().partition(|known| to.names(&known.email));
    if removed.is_empty() {
        return Err(ApiError::NotFound);
    }
    invite.sequence += 1;
    if left.is_empty() {
        invite.is_cancelled = true;
    } else {
        invite.recipients = left;
    }
    answer(world, invite, &removed)
}

fn answer(world: &World, mut invite: SmartInvite, removed: &[Recipient]) -> ApiResult {
    invite.stamp = whole_seconds(world.now());
    world.store.put(&invite)?;
    let mut json = invite.to_json();
    if let Some(removed) = invite.removed(removed, world.settings().removed_recipients) {
        json["attachments"]["removed"] = removed;
    }
    Ok(Json(json).into_response())
}

/// Which invitation a call is about: its id, and `recipient` or `recipients` with the status each is to have.
struct Address {
    smart_invite_id: String,
    is_shared: bool,
    recipients: Vec<(Recipient, Option<InviteStatus>)>,
}

impl Address {
    fn read(params: &mut Params<'_>) -> Self {
        let smart_invite_id = params.required_text("smart_invite_id", ID_LIMIT).unwrap_or_default();
        if smart_invite_id.contains('\n') {
            params.wrong("smart_invite_id", "invalid", "must be one line");
        }
        let is_shared = params.value("recipients").is_some();
        let mut recipients = Vec::new();
        if is_shared && params.value("recipient").is_some() {
            params.wrong("recipients", "invalid", "and recipient exclude each other");
        } else if is_shared {
            let all = params.list("recipients", RECIPIENTS);
            if all.is_some_and(<[Value]>::is_empty) {
                params.wrong("recipients", "required", "must be specified");
            }
            for value in all.unwrap_or_default() {
                let read = recipient(params, value, "recipients");
                let Some(read) = read else { continue };
                let same = |known: &(Recipient, _)| known.0.email.eq_ignore_ascii_case(&read.0.email);
                if recipients.iter().any(same) {
                    params.wrong("recipients", "duplicate", "must name each address once");
                }
                recipients.push(read);
            }
        } else if let Some(value) = params.object("recipient") {
            recipients.extend(recipient(params, value, "recipient"));
        } else if params.value("recipient").is_none() {
            params.wrong("recipient", "required", "or recipients must be specified");
        }
        Self { smart_invite_id, is_shared, recipients }
    }

    fn single(&self) -> Option<&Recipient> {
        self.recipients.first().filter(|_| !self.is_shared).map(|(recipient, _)| recipient)
    }

    fn names(&self, email: &str) -> bool {
        self.recipients.iter().any(|(recipient, _)| recipient.email.eq_ignore_ascii_case(email))
    }

    fn find(&self, world: &World, application: &Application) -> ApiResult<Option<SmartInvite>> {
        let email = self.single().map(|recipient| recipient.email.as_str());
        Ok(world.smart_invite(&application.client_id, &self.smart_invite_id, email)?)
    }
}

fn recipient(
    params: &mut Params<'_>,
    value: &Value,
    name: &str,
) -> Option<(Recipient, Option<InviteStatus>)> {
    let mut inner = Params::within(value, name);
    let email = address(&mut inner);
    let status = inner.choice("status", &STATUSES);
    params.absorb(inner);
    let status = status.map(|status| match status.as_str() {
        "accepted" => InviteStatus::Accepted,
        "tentative" => InviteStatus::Tentative,
        "declined" => InviteStatus::Declined,
        _ => InviteStatus::Pending,
    });
    Some((Recipient { email: email?, ..Recipient::default() }, status))
}

fn address(params: &mut Params<'_>) -> Option<String> {
    let email = params.required_text("email", 320)?;
    if email.contains('@') && !email.contains(char::is_whitespace) {
        return Some(email);
    }
    params.wrong("email", "invalid", "must be an e-mail address");
    None
}

/// Where answers go when the application names no address of its own.
fn invitation_address(world: &World) -> String {
    format!("invite-{}@invites.sandbox.example", world.ids.hex::<8>())
}

fn organizer(params: &mut Params<'_>) -> Option<(String, Option<String>)> {
    let value = params.object("organizer")?;
    let mut inner = Params::within(value, "organizer");
    let name = inner.required_text("name", 1024);
    let email = inner.value("email").and_then(|_| address(&mut inner));
    params.absorb(inner);
    Some((name?, email))
}

fn event(params: &mut Params<'_>) -> Option<InvitedEvent> {
    let Some(value) = params.object("event") else {
        if params.value("event").is_none() {
            params.wrong("event", "required", "must be specified");
        }
        return None;
    };
    let mut errors = Params::new(value);
    let event = event_fields(&mut errors, value);
    params.errors.absorb(errors.errors.under("event"));
    event
}

fn event_fields(params: &mut Params<'_>, value: &Value) -> Option<InvitedEvent> {
    params.required_text("summary", 1024);
    params.text("description", 4096);
    params.text("url", 4096);
    params.choice("transparency", &["opaque", "transparent"]);
    params.boolean("event_private");
    color(params);
    if let Some(location) = params.object("location") {
        let mut inner = Params::within(location, "location");
        for (name, longest) in [("description", 1024), ("lat", 50), ("long", 50)] {
            inner.text(name, longest);
        }
        params.absorb(inner);
    }
    for reminder in params.list("reminders", 5).unwrap_or_default() {
        let mut inner = Params::within(reminder, "reminders");
        if inner.integer("minutes", 0..=i64::from(i32::MAX)).is_none() && inner.value("minutes").is_none() {
            inner.wrong("minutes", "required", "must be specified");
        }
        params.absorb(inner);
    }
    let tzid = params.time_zone("tzid");
    let mut bound = |name: &str| {
        if params.value(name).is_none() {
            params.wrong(name, "required", "must be specified");
        }
        let time = params.event_time(name)?;
        Some((time.moment, time.tzid.or_else(|| tzid.clone()).unwrap_or_else(|| "Etc/UTC".into())))
    };
    let (start, end) = (bound("start"), bound("end"));
    let ((start, start_tzid), (end, end_tzid)) = (start?, end?);
    let ordered = match (start, end) {
        (Moment::Date(start), Moment::Date(end)) => start <= end,
        (Moment::Time(start), Moment::Time(end)) => start <= end,
        _ => {
            params.wrong("end", "invalid", "must be a date when start is one, and a time when start is one");
            return None;
        }
    };
    if !ordered {
        params.wrong("end", "invalid", "must not be before start");
        return None;
    }
    let written = value.as_object().cloned().unwrap_or_else(Map::new);
    Some(InvitedEvent { start, start_tzid, end, end_tzid, written })
}
