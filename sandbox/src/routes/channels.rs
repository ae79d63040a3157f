//! Channels: created with a first notification that checks the address, listed, closed.
//! <https://docs.cronofy.com/developers/api/push-notifications/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{delete, get};
use serde_json::json;

use crate::auth::{Caller, Scope};
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::params::Params;
use crate::server::State;
use crate::world::World;
use crate::world::calendars::Calendar;
use crate::world::channels::{Channel, ChannelFilters};

pub(super) fn router() -> Router<State> {
    Router::new()
        .route("/v1/channels", get(operation(list)).post(operation(create)))
        .route("/v1/channels/{channel_id}", delete(operation(close)))
}

fn list(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let channels = world.channels(&acting.client_id, &acting.account.sub)?;
    let channels: Vec<_> = channels.iter().map(Channel::to_json).collect();
    Ok(Json(json!({ "channels": channels })).into_response())
}

fn create(world: &World, call: &Call) -> ApiResult {
    let caller = call.caller(world)?;
    let connection = match &caller {
        Caller::Account(connection, _) | Caller::Organization { connection: Some(connection), .. } => {
            Some(connection.grant.sub.clone())
        }
        _ => None,
    };
    let acting = caller.into_acting(world, Scope::Any)?;
    let mut params = call.params()?;
    let callback_url = callback_url(world, &mut params);
    let calendars = world.store.list::<Calendar>(&acting.account.sub)?;
    let filters = filters(&mut params, &calendars);
    let scheduling_conversations = scheduling_conversations(&mut params);
    let limit = world.settings().channel_limit;
    if world.channels(&acting.client_id, &acting.account.sub)?.len() >= limit {
        let problem = format!("would be one more than the {limit} channels an account may have");
        params.wrong("channel", "too_many", &problem);
    }
    params.finish()?;
    let channel = Channel {
        channel_id: world.ids.id("chn_"),
        client_id: acting.client_id,
        sub: acting.account.sub,
        connection,
        callback_url: callback_url.unwrap_or_default(),
        filters,
        scheduling_conversations,
    };
    world.store.put(&channel)?;
    world.notify(&channel, &json!({ "type": "verification" }))?;
    Ok(Json(json!({ "channel": channel.to_json() })).into_response())
}

fn close(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let channel = world.store.get::<Channel>(call.path("channel_id"))?;
    let own = |channel: &Channel| channel.client_id == acting.client_id && channel.sub == acting.account.sub;
    let channel = channel.filter(own).ok_or(ApiError::NotFound)?;
    world.store.delete::<Channel>(&channel.channel_id)?;
    world.withdraw_notifications(&channel.channel_id)?;
    Ok(accepted())
}

fn callback_url(world: &World, params: &mut Params<'_>) -> Option<String> {
    let url = params.required_address("callback_url")?;
    let limit = world.settings().channel_url_limit.unwrap_or(usize::MAX);
    if url.chars().count() > limit {
        params.wrong("callback_url", "too_long", &format!("must be at most {limit} characters"));
    }
    Some(url)
}

fn filters(params: &mut Params<'_>, calendars: &[Calendar]) -> ChannelFilters {
    let Some(value) = params.object("filters") else { return ChannelFilters::default() };
    let mut inner = Params::within(value, "filters");
    let calendar_ids = inner.texts("calendar_ids", usize::MAX);
    if let Some(ids) = &calendar_ids {
        let known = |id: &String| calendars.iter().any(|calendar| calendar.calendar_id == *id);
        if ids.is_empty() || !ids.iter().all(known) {
            inner.wrong("calendar_ids", "invalid_calendar_ids", "must name calendars of the account");
        }
    }
    let only_managed = inner.boolean("only_managed");
    params.absorb(inner);
    ChannelFilters { calendar_ids, only_managed }
}

fn scheduling_conversations(params: &mut Params<'_>) -> Option<bool> {
    let value = params.object("scheduling_conversations")?;
    let mut inner = Params::within(value, "scheduling_conversations");
    let enabled = inner.boolean("enabled");
    params.absorb(inner);
    enabled
}
