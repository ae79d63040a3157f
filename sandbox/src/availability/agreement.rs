//! Holds the engine against the oracle on arbitrary queries and calendars around changes of the clock.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::calendar::{BusyEvent, Interval, IntervalSet, MemberCalendar, SyncStatus, Tag};
use super::free::free_time;
use super::minutes::Minutes;
use super::oracle::{self, Calendars, Minute, Terms, minute, time};
use super::query::{
    self, AvailabilityQuery, Buffer, Constraint, ConstraintPeriod, ExcludedEvents, Gap, Group, Member,
    Required, ResponseFormat, SequenceId, SequencedQuery, Step, Window,
};
use super::rules::{Rule, TimeOfDay, WeeklyPeriod};

/// Minutes asked about: from here to some hours later.
const SPAN: Minute = 5 * 60;

/// Saturday evening to Sunday morning around changes of the clock, and a plain midnight.
const BASES: [&str; 5] = [
    "2026-03-28T23:00:00Z", // London goes forward at 01:00Z
    "2026-10-24T23:00:00Z", // London goes back at 01:00Z
    "2026-11-01T04:00:00Z", // New York goes back at 06:00Z
    "2026-04-04T13:00:00Z", // Lord Howe goes back by half an hour at 15:00Z
    "2026-11-23T22:00:00Z",
];
const ZONES: [&str; 5] =
    ["Etc/UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"];
const DAYS: [Weekday; 4] = [Weekday::Saturday, Weekday::Sunday, Weekday::Monday, Weekday::Tuesday];
const FORMATS: [ResponseFormat; 3] =
    [ResponseFormat::Periods, ResponseFormat::Slots, ResponseFormat::OverlappingSlots];
const CALENDARS: [&str; 2] = ["cal_a", "cal_b"];

fn span(base: Minute, start: Minute, length: Minute) -> Interval {
    Interval::new(time(base + start), time(base + start + length)).unwrap()
}

fn intervals(base: Minute, count: std::ops::Range<usize>) -> impl Strategy<Value = IntervalSet> {
    prop::collection::vec((0..SPAN, 20_i64..180), count)
        .prop_map(move |spans| spans.into_iter().map(|(start, length)| span(base, start, length)).collect())
}

fn zone() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(&ZONES).prop_map(|name| TimeZone::get(name).unwrap())
}

fn calendar_ids() -> impl Strategy<Value = Vec<String>> {
    prop::sample::subsequence(&CALENDARS, 1..=2).prop_map(|ids| ids.into_iter().map(str::to_owned).collect())
}

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    prop::sample::subsequence(&["Interview", "Visit"], 0..=2).prop_map(|values| {
        values.into_iter().map(|value| Tag { context: "private".into(), value: value.into() }).collect()
    })
}

fn event(base: Minute) -> impl Strategy<Value = BusyEvent> {
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.3), any::<bool>());
    let ids = (prop::sample::select(&CALENDARS), prop::option::of(0..4_u8), prop::option::of(0..4_u8));
    (-60..SPAN + 60, 1_i64..70, flags, ids, tags()).prop_map(move |(start, length, flags, ids, tags)| {
        BusyEvent {
            calendar_id: ids.0.to_owned(),
            event_id: ids.1.map(|id| format!("event-{id}")),
            event_uid: ids.2.map(|uid| format!("evt_external_{uid}")),
            interval: span(base, start, length),
            transparent: flags.0,
            tentative: flags.1,
            managed: flags.2,
            tags,
        }
    })
}

fn rule(id: String) -> impl Strategy<Value = Rule> {
    let clock = |minutes: u16| TimeOfDay::parse(&format!("{:02}:{:02}", minutes / 60, minutes % 60)).unwrap();
    let period =
        (prop::sample::select(&DAYS), 0_u16..1440, 1_u16..=1440).prop_map(move |(day, start, length)| {
            WeeklyPeriod { day, start_time: clock(start), end_time: clock((start + length).min(1440)) }
        });
    (prop::collection::vec(period, 1..5), zone(), prop::option::of(calendar_ids())).prop_map(
        move |(weekly_periods, time_zone, calendar_ids)| Rule {
            availability_rule_id: id.clone(),
            time_zone,
            calendar_ids,
            weekly_periods,
        },
    )
}

fn calendar(base: Minute) -> impl Strategy<Value = MemberCalendar> {
    let rules = (prop::option::of(rule("work".into())), prop::option::of(rule("home".into())));
    (prop::collection::vec(event(base), 0..6), rules, intervals(base, 0..2)).prop_map(
        |(busy, (work, home), periods)| MemberCalendar {
            busy,
            rules: work.into_iter().chain(home).collect(),
            available_periods: periods.iter().copied().collect(),
            sync_status: SyncStatus::Active,
        },
    )
}

fn calendars(base: Minute) -> impl Strategy<Value = Calendars> {
    prop::collection::vec(calendar(base), 3)
        .prop_map(|all| all.into_iter().zip(SUBS).map(|(one, sub)| (sub.to_owned(), one)).collect())
}

fn buffer() -> impl Strategy<Value = Buffer> {
    let gap = || {
        ((0..5_u32).prop_map(|fives| fives * 5), prop::option::of((0..12_u32).prop_map(|fives| fives * 5)))
            .prop_map(|(minimum, more)| Gap {
                minimum: Minutes(minimum),
                maximum: more.map(|m| Minutes(minimum + m)),
            })
    };
    (gap(), gap()).prop_map(|(before, after)| Buffer { before, after })
}

fn constraint() -> impl Strategy<Value = Constraint> {
    let period = prop_oneof![Just(ConstraintPeriod::Day), Just(ConstraintPeriod::Week)];
    (period, 1_usize..4, tags(), zone()).prop_map(|(period, limit, tags, time_zone)| Constraint {
        period,
        limit,
        tags,
        time_zone,
    })
}

/// The last has no calendar.
const SUBS: [&str; 4] = ["acc_1", "acc_2", "res_3", "acc_4"];

fn member(base: Minute, sub: &'static str) -> impl Strategy<Value = Member> {
    let plain = Member {
        sub: sub.to_owned(),
        calendars: query::Calendars::All,
        available_periods: None,
        managed_availability: false,
        availability_rule_ids: None,
        buffer: None,
        only_managed_events: false,
        ignore_tentative: false,
        availability_constraints: Vec::new(),
    };
    prop_oneof![Just(plain), particular_member(base, sub)]
}

fn particular_member(base: Minute, sub: &'static str) -> impl Strategy<Value = Member> {
    let rules = prop::option::of(prop::sample::subsequence(&["work", "home"], 0..=2));
    (
        prop::option::weighted(0.2, calendar_ids()),
        prop::option::weighted(0.2, intervals(base, 1..3)),
        (prop::bool::weighted(0.4), prop::bool::weighted(0.2), prop::bool::weighted(0.3)),
        rules,
        prop::option::weighted(0.2, buffer()),
        prop::collection::vec(constraint(), 0..2),
    )
        .prop_map(move |(calendar_ids, available_periods, flags, rules, buffer, constraints)| Member {
            sub: sub.to_owned(),
            calendars: calendar_ids
                .map_or(query::Calendars::All, |ids| query::Calendars::Only(ids.into_iter().collect())),
            available_periods,
            managed_availability: flags.0,
            availability_rule_ids: rules.map(|ids| ids.into_iter().map(str::to_owned).collect()),
            buffer,
            only_managed_events: flags.1,
            ignore_tentative: flags.2,
            availability_constraints: constraints,
        })
}

fn group(base: Minute) -> impl Strategy<Value = Group> {
    let subs = prop::sample::subsequence(&SUBS[..3], 1..=3);
    let subs = prop_oneof![9 => subs, 1 => Just(SUBS.to_vec())];
    let members = subs.prop_flat_map(move |subs| {
        subs.into_iter().map(|sub| member(base, sub).boxed()).collect::<Vec<BoxedStrategy<Member>>>()
    });
    (members, prop::option::weighted(0.6, 0_usize..4)).prop_map(|(members, count)| Group {
        required: count.map_or(Required::All, |count| Required::Count(1 + count % members.len())),
        members,
    })
}

fn groups(base: Minute) -> impl Strategy<Value = Vec<Group>> {
    prop::collection::vec(group(base), 1..3)
}

fn excluded() -> impl Strategy<Value = ExcludedEvents> {
    (prop::option::weighted(0.2, 0..4_u8), prop::option::weighted(0.2, 0..4_u8)).prop_map(|(id, uid)| {
        ExcludedEvents {
            event_ids: id.map(|id| format!("event-{id}")).into_iter().collect(),
            event_uids: uid.map(|uid| format!("evt_external_{uid}")).into_iter().collect(),
        }
    })
}

fn interval() -> impl Strategy<Value = Minutes> {
    prop::sample::select(&[5_u32, 7, 10, 15, 20, 30, 45, 60]).prop_map(Minutes)
}

fn base() -> impl Strategy<Value = Minute> {
    prop::sample::select(&BASES).prop_map(|text| minute(text.parse().unwrap()))
}

fn single() -> impl Strategy<Value = (AvailabilityQuery, Calendars)> {
    base().prop_flat_map(move |base| {
        let slots = prop::collection::btree_set(0..SPAN, 1..5)
            .prop_map(move |starts| Window::Slots(starts.into_iter().map(|at| time(base + at)).collect()));
        let window = prop_oneof![4 => intervals(base, 1..3).prop_map(Window::Periods), 1 => slots];
        let shape =
            (1_u32..60, window, prop::option::of(interval()), prop::sample::select(&FORMATS), 1_usize..40);
        (groups(base), shape, buffer(), excluded(), calendars(base)).prop_map(
            |(
                groups,
                (duration, window, start_interval, response_format, max_results),
                buffer,
                excluded,
                all,
            )| {
                let query = AvailabilityQuery {
                    groups,
                    required_duration: Minutes(duration),
                    window,
                    start_interval,
                    buffer,
                    response_format,
                    max_results,
                    include_member_statuses: false,
                    excluded_events: excluded,
                };
                (query, all)
            },
        )
    })
}

fn several() -> impl Strategy<Value = (SequencedQuery, Calendars)> {
    base().prop_flat_map(|base| {
        let long = || prop::sample::select(&[20_u32, 30, 45, 60]).prop_map(Minutes);
        let duration = prop::sample::select(&[5_u32, 10, 15, 17, 30, 45]).prop_map(Minutes);
        let step = (group(base), duration, long(), buffer(), intervals(base, 1..3));
        let steps = prop::collection::vec(step, 1..4);
        (steps, excluded(), calendars(base), 1_usize..20).prop_map(|(steps, excluded, all, max_results)| {
            let numbered = (1_i64..).zip(steps).map(|(number, step)| Step {
                sequence_id: SequenceId::Number(number),
                groups: vec![step.0],
                required_duration: step.1,
                start_interval: step.2,
                buffer: step.3,
                query_periods: step.4,
            });
            (SequencedQuery { steps: numbered.collect(), max_results, excluded_events: excluded }, all)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn availability_is_what_looking_at_every_minute_finds((query, calendars) in single()) {
        let found = super::availability(&query, &calendars);
        prop_assert_eq!(found.times, oracle::availability(&query, &calendars));
    }

    #[test]
    fn a_member_is_free_in_exactly_the_minutes_in_which_nothing_stands_in_the_way(
        (base, member, calendar) in base().prop_flat_map(|base| {
            (Just(base), particular_member(base, "acc_1"), calendar(base))
        }),
        managed_availability in prop::bool::weighted(0.7),
        buffer in buffer(),
        excluded in excluded(),
    ) {
        let member = Member { managed_availability, ..member };
        let window: IntervalSet = [span(base, 0, SPAN)].into_iter().collect();
        let free = free_time(&member, &calendar, &window, buffer, &excluded);
        let terms = Terms { groups: &[], buffer, excluded: &excluded };
        for at in base..base + SPAN {
            let expected = oracle::free_at(&member, &terms, &calendar, at);
            prop_assert_eq!(free.containing(time(at)).is_some(), expected, "{}", time(at));
        }
    }

    #[test]
    fn sequences_are_what_trying_every_combination_finds((query, calendars) in several()) {
        let found = super::sequenced_availability(&query, &calendars);
        prop_assert_eq!(found.sequences, oracle::sequenced(&query, &calendars));
    }

    #[test]
    fn a_rule_opens_the_minutes_at_which_the_clock_shows_its_hours(
        rule in rule("work".into()),
        base in base(),
    ) {
        let hours = rule.hours(span(base, 0, 12 * 60));
        for at in base..base + 12 * 60 {
            prop_assert_eq!(hours.containing(time(at)).is_some(), oracle::works_at(&rule, at), "{}", time(at));
        }
    }

    #[test]
    fn nothing_outside_the_horizon_changes_the_answer(
        (query, mut calendars) in single(),
        days in 0_i64..3,
    ) {
        let within = query.horizon().unwrap();
        let before = super::availability(&query, &calendars);
        for calendar in calendars.values_mut() {
            calendar.busy.retain(|event| event.interval.overlaps(&within));
            let far = within.widened(SignedDuration::from_hours(24 * days + 1), SignedDuration::ZERO);
            calendar.busy.push(BusyEvent {
                calendar_id: CALENDARS[0].to_owned(),
                event_id: None,
                event_uid: None,
                interval: Interval::new(far.start(), within.start()).unwrap(),
                transparent: false,
                tentative: false,
                managed: true,
                tags: Vec::new(),
            });
        }
        prop_assert_eq!(super::availability(&query, &calendars), before);
    }
}

#[test]
fn the_bases_surround_changes_of_the_clock() {
    for (base, zone) in
        BASES.into_iter().zip(["Europe/London", "Europe/London", "America/New_York", "Australia/Lord_Howe"])
    {
        let start: Timestamp = base.parse().unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let change = zone.following(start).next().unwrap().timestamp();
        assert!(change < start.checked_add(4.hours()).unwrap(), "{base}");
    }
}
