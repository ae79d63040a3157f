//! What each setting is called on its page, what it means, and what it may be.

/// A setting in words.
pub(super) struct Words {
    /// Its place in the list.
    pub(super) rank: usize,
    pub(super) label: String,
    pub(super) help: &'static str,
    /// The values it may have, with their names; empty where any can be entered.
    pub(super) choices: &'static [(&'static str, &'static str)],
}

type Known = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Name, label, help and choices, in the order of the page.
const KNOWN: &[Known] = &[
    (
        "refresh_mode",
        "Refresh tokens",
        "What happens to a refresh token when it is used.",
        &[
            ("static", "Never change"),
            ("grace", "Change, old one kept until the new one is used"),
            ("strict", "Change, reuse revokes"),
        ],
    ),
    (
        "rate_limit",
        "Rate limit",
        "50 calls a second and 500 a minute for each application.",
        &[("off", "Off"), ("on", "On"), ("with_retry_after", "On, with Retry-After")],
    ),
    ("auto_approve", "Approve at once", "Skips the authorization page and approves as the first owner.", &[]),
    (
        "access_token_ttl_ms",
        "Life of access tokens (ms)",
        "Empty: 3600000, or 1800000 for service accounts.",
        &[],
    ),
    ("code_ttl_ms", "Life of codes (ms)", "", &[]),
    ("page_token_ttl_ms", "Life of page tokens (ms)", "", &[]),
    ("page_size", "Items on a page of a list", "", &[]),
    (
        "refresh_invalidates_access_token",
        "A refresh ends older access tokens",
        "Otherwise they live on until they expire.",
        &[],
    ),
    ("refresh_reply_carries_sub", "A refresh repeats the sub", "", &[]),
    (
        "expires_in",
        "What replies say in expires_in",
        "real, omitted, or {\"value\": anything}, whatever is true.",
        &[],
    ),
    (
        "invalid_client_status",
        "Status for an unknown client",
        "How the token endpoint refuses wrong credentials.",
        &[("400", "400"), ("401", "401")],
    ),
    (
        "impersonation_reaches_user_endpoints",
        "Impersonation reaches user endpoints",
        "Calendars, events and the like, with an organization's token.",
        &[],
    ),
    (
        "impersonation_with_user_token",
        "Impersonation beside a user's token",
        "",
        &[("ignore", "Is ignored"), ("refuse", "Is refused with 403")],
    ),
    (
        "members_with_organization_token",
        "An organization's token lists members",
        "Otherwise only an Internal Application does.",
        &[],
    ),
    (
        "default_permission_level",
        "Events of others",
        "What applications may do with events they did not write.",
        &[("sandbox", "Only read them"), ("unrestricted", "Change and delete them")],
    ),
    ("ou_sub_prefix", "How an organization's sub begins", "", &[]),
    ("geo_plan", "The plan includes locations", "Allows include_geo.", &[]),
    (
        "availability_with_access_token",
        "Access tokens may ask for availability",
        "Otherwise only API keys may.",
        &[],
    ),
    (
        "unknown_participants",
        "Availability of strangers",
        "What becomes of a query about somebody the application is not connected to.",
        &[("refuse", "Refuse it"), ("never_free", "They are never free")],
    ),
    (
        "missing_deletes",
        "Deleting what is not there",
        "Rules, periods and registrations.",
        &[("accept", "Accept it"), ("refuse", "Answer 404")],
    ),
    ("wrap_availability_rule", "A rule is read inside availability_rule", "", &[]),
    ("smart_invite_move_asks_again", "Moving a smart invite asks its recipients again", "", &[]),
    (
        "removed_recipients",
        "Removed recipients of a smart invite",
        "How attachments.removed lists them.",
        &[("list", "As a list"), ("object", "As one object")],
    ),
    ("scheduling_needs_oauth", "Scheduling links need oauth.redirect_uri", "", &[]),
    ("wrap_bookable_event", "Bookable events are shown inside bookable_event", "", &[]),
    (
        "repeated_bookable_event",
        "Creating a bookable event again",
        "",
        &[("update", "Updates it"), ("refuse", "Is refused")],
    ),
    (
        "remove_registration_status",
        "Removing a registration answers",
        "",
        &[("202", "202"), ("200", "200 with the event")],
    ),
];

/// The words of a setting; one that is not known is called by its name and comes last.
pub(super) fn words_of(name: &str) -> Words {
    let known = KNOWN.iter().enumerate().find(|(_, (known, ..))| *known == name);
    if let Some((rank, (_, label, help, choices))) = known {
        return Words { rank, label: (*label).into(), help, choices };
    }
    let words = name.replace('_', " ");
    let (first, rest) = words.split_at_checked(1).unwrap_or(("", &words));
    Words { rank: KNOWN.len(), label: format!("{}{rest}", first.to_uppercase()), help: "", choices: &[] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn every_known_setting_exists_and_its_choices_are_accepted() {
        let fields = serde_json::to_value(Settings::default()).unwrap();
        for (name, _, _, choices) in KNOWN {
            assert!(fields.get(name).is_some(), "{name}");
            for (choice, _) in *choices {
                let mut changed = fields.clone();
                changed[name] = match changed[name] {
                    serde_json::Value::Number(_) => serde_json::from_str(choice).unwrap(),
                    _ => (*choice).into(),
                };
                assert!(serde_json::from_value::<Settings>(changed).is_ok(), "{name}: {choice}");
            }
        }
    }

    #[test]
    fn a_setting_without_words_is_called_by_its_name() {
        assert_eq!(words_of("new_switch").label, "New switch");
    }
}
