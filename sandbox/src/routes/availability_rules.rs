//! Availability rules: an account's weekly working hours, which managed availability goes by.
//! <https://docs.cronofy.com/developers/api/scheduling/availability-rules/>

use axum::Json;
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};

use crate::auth::{Acting, Scope};
use crate::availability::Rule;
use crate::call::{Call, operation};
use crate::errors::{ApiError, ApiResult, accepted};
use crate::server::State;
use crate::settings::MissingDeletes;
use crate::world::World;
use crate::world::availability::AvailabilityRule;
use crate::world::calendars::Calendar;
use crate::world::store::StoreError;

pub(super) fn router() -> Router<State> {
    Router::new().route("/v1/availability_rules", get(operation(list)).post(operation(upsert))).route(
        "/v1/availability_rules/{availability_rule_id}",
        get(operation(read)).delete(operation(delete)),
    )
}

fn upsert(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let rule = Rule::parse(call.body()?)?;
    if let Some(ids) = &rule.calendar_ids {
        let own = world.store.list::<Calendar>(&acting.account.sub)?;
        if !ids.iter().all(|id| own.iter().any(|calendar| calendar.calendar_id == *id)) {
            return Err(ApiError::field(
                "calendar_ids",
                "invalid_calendar_ids",
                "calendar_ids must name calendars of the account",
            ));
        }
    }
    let stored = AvailabilityRule::new(&acting.client_id, &acting.account.sub, rule);
    world.store.put(&stored)?;
    Ok(Json(json!({ "availability_rule": stored.rule })).into_response())
}

fn list(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let rules = world.availability_rules(&acting.client_id, &acting.account.sub)?;
    let rules: Vec<_> = rules.into_iter().map(|stored| stored.rule).collect();
    Ok(Json(json!({ "availability_rules": rules })).into_response())
}

fn read(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    let rule = named(world, call, &acting)?.ok_or(ApiError::NotFound)?.rule;
    let body: Value = if world.settings().wrap_availability_rule {
        json!({ "availability_rule": rule })
    } else {
        json!(rule)
    };
    Ok(Json(body).into_response())
}

fn delete(world: &World, call: &Call) -> ApiResult {
    let acting = call.account(world, Scope::Any)?;
    match named(world, call, &acting)? {
        Some(rule) => {
            world.store.delete::<AvailabilityRule>(&rule.id)?;
        }
        None if world.settings().missing_deletes == MissingDeletes::Refuse => return Err(ApiError::NotFound),
        None => {}
    }
    Ok(accepted())
}

fn named(world: &World, call: &Call, acting: &Acting) -> Result<Option<AvailabilityRule>, StoreError> {
    world.availability_rule(&acting.client_id, &acting.account.sub, call.path("availability_rule_id"))
}
