//! Links of real-time scheduling and sequencing: what may be chosen behind one, and what was.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::World;
use super::store::{Record, StoreError};
use crate::availability::{
    AvailabilityQuery, AvailableTime, Interval, Limits, MemberCalendar, ResponseFormat, SequencedQuery,
    availability, sequenced_availability,
};

/// A link that was made for somebody to pick a time behind it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SchedulingLink {
    /// `sch_…` or `seq_…`.
    pub(crate) id: String,
    /// The last part of the link's path; whoever has it may choose.
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) kind: LinkKind,
    pub(crate) status: LinkStatus,
    /// What the page says instead of times, once the link is disabled.
    pub(crate) display_message: Option<String>,
    /// The event to write, without its times. For a sequence, what its events have in common.
    pub(crate) event: Value,
    /// The query as it was sent; a sequence's steps hold their events.
    pub(crate) availability: Value,
    pub(crate) targets: Vec<TargetCalendar>,
    /// Whether one event invites everybody, instead of one in each calendar.
    pub(crate) is_single_event: bool,
    /// Whether picking a time is enough and nobody asks again.
    pub(crate) is_unconfirmed: bool,
    pub(crate) tzid: Option<String>,
    pub(crate) is_twelve_hour: bool,
    pub(crate) minimum_notice_minutes: u32,
    pub(crate) urls: LinkUrls,
    /// What was picked, with the events in their order.
    pub(crate) chosen: Vec<Chosen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkKind {
    Scheduling,
    Sequencing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkStatus {
    Open,
    Completed,
    Disabled,
}

/// A calendar that the event is written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetCalendar {
    pub(crate) sub: String,
    pub(crate) calendar_id: String,
}

/// Whom to tell of what, and where to go then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkUrls {
    pub(crate) completed: Option<String>,
    pub(crate) no_times_suitable: Option<String>,
    pub(crate) no_times_displayed: Option<String>,
    pub(crate) redirect: Option<String>,
}

/// A time for one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    /// The step of the sequence; null for a single event.
    pub(crate) sequence_id: Value,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// Who is free.
    pub(crate) participants: Vec<String>,
}

impl Record for SchedulingLink {
    const KIND: &'static str = "scheduling_link";
    fn id(&self) -> &str {
        &self.id
    }
    fn parent(&self) -> &str {
        &self.client_id
    }
    fn key(&self) -> Option<String> {
        Some(self.token.clone())
    }
}

impl LinkKind {
    /// What the API calls it; its id is named so with `_id`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scheduling => "real_time_scheduling",
            Self::Sequencing => "real_time_sequencing",
        }
    }

    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Self::Scheduling => "sch_",
            Self::Sequencing => "seq_",
        }
    }
}

impl LinkStatus {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completed => "completed",
            Self::Disabled => "disabled",
        }
    }
}

impl SchedulingLink {
    /// The address of the page.
    pub(crate) fn url(&self, origin: &str) -> String {
        format!("{origin}/rts/{}", self.token)
    }

    /// Every choice there is now, each with one time for every event. None begins sooner than the minimum notice.
    pub(crate) fn choices(&self, world: &World) -> Result<Vec<Vec<Chosen>>, StoreError> {
        let notice = SignedDuration::from_mins(i64::from(self.minimum_notice_minutes));
        let earliest = world.now().checked_add(notice).unwrap_or(Timestamp::MAX);
        let (mut choices, most) = match self.kind {
            LinkKind::Scheduling => self.slots(world)?,
            LinkKind::Sequencing => self.sequences(world)?,
        };
        choices.retain(|times| times.first().is_some_and(|first| first.start >= earliest));
        choices.truncate(most);
        Ok(choices)
    }

    fn slots(&self, world: &World) -> Result<(Vec<Vec<Chosen>>, usize), StoreError> {
        // It was judged when the link was made; what no longer reads offers no time.
        let Ok(mut query) = AvailabilityQuery::parse(&self.availability, &Limits::default()) else {
            return Ok((Vec::new(), 0));
        };
        // People pick slots, whatever the query calls for, and past ones must not use up the limit.
        if query.response_format == ResponseFormat::Periods {
            query.response_format = ResponseFormat::Slots;
        }
        let most = std::mem::replace(&mut query.max_results, usize::MAX);
        let calendars = self.calendars(world, &query.subs(), query.horizon())?;
        let times = availability(&query, &calendars).times.into_iter();
        Ok((times.map(|time| vec![Chosen::of(Value::Null, time)]).collect(), most))
    }

    fn sequences(&self, world: &World) -> Result<(Vec<Vec<Chosen>>, usize), StoreError> {
        let Ok(mut query) = SequencedQuery::parse(&self.availability, &Limits::default()) else {
            return Ok((Vec::new(), 0));
        };
        let most = std::mem::replace(&mut query.max_results, usize::MAX);
        let calendars = self.calendars(world, &query.subs(), query.horizon())?;
        let sequences = sequenced_availability(&query, &calendars).sequences.into_iter();
        let choices = sequences.map(|sequence| {
            let steps = sequence.into_iter();
            steps.map(|step| Chosen::of(serde_json::json!(step.sequence_id), step.time)).collect()
        });
        Ok((choices.collect(), most))
    }

    fn calendars(
        &self,
        world: &World,
        subs: &[&str],
        horizon: Option<Interval>,
    ) -> Result<BTreeMap<String, MemberCalendar>, StoreError> {
        let mut known = Vec::new();
        for sub in subs {
            if world.reaches(&self.client_id, sub)? {
                known.push(*sub);
            }
        }
        match horizon {
            Some(horizon) => world.member_calendars(&self.client_id, &known, horizon),
            None => Ok(BTreeMap::new()),
        }
    }

    /// The event of one step as it was written: for a sequence its own fields over those in common.
    pub(crate) fn event_of(&self, sequence_id: &Value) -> Value {
        let mut event = self.event.clone();
        let steps = self.availability["sequence"].as_array();
        let step = steps.and_then(|steps| steps.iter().find(|step| step["sequence_id"] == *sequence_id));
        if let (Some(all), Some(own)) =
            (event.as_object_mut(), step.and_then(|step| step["event"].as_object()))
        {
            all.extend(own.clone());
        }
        event
    }
}

impl Chosen {
    fn of(sequence_id: Value, time: AvailableTime) -> Self {
        let participants = time.participants.into_iter().map(|participant| participant.sub).collect();
        Self { sequence_id, start: time.start, end: time.end, participants }
    }
}
