//! Tasks: what a person or a business may do on a Page.

use std::collections::BTreeSet;

use serde_json::Value;

/// A set of task names, in alphabetical order.
pub type Tasks = BTreeSet<String>;

/// The values that Meta's published specification allows on Pages (v25.0, `pageassigned_users_tasks_enum_param`).
pub(crate) const PAGE_TASKS: [&str; 27] = [
    "ADVERTISE",
    "ANALYZE",
    "CASHIER_ROLE",
    "CREATE_CONTENT",
    "GLOBAL_STRUCTURE_MANAGEMENT",
    "MANAGE",
    "MANAGE_JOBS",
    "MANAGE_LEADS",
    "MESSAGING",
    "MODERATE",
    "MODERATE_COMMUNITY",
    "PAGES_MESSAGING",
    "PAGES_MESSAGING_SUBSCRIPTIONS",
    "PROFILE_PLUS_ADVERTISE",
    "PROFILE_PLUS_ANALYZE",
    "PROFILE_PLUS_CREATE_CONTENT",
    "PROFILE_PLUS_FACEBOOK_ACCESS",
    "PROFILE_PLUS_FULL_CONTROL",
    "PROFILE_PLUS_GLOBAL_STRUCTURE_MANAGEMENT",
    "PROFILE_PLUS_MANAGE",
    "PROFILE_PLUS_MANAGE_LEADS",
    "PROFILE_PLUS_MESSAGING",
    "PROFILE_PLUS_MODERATE",
    "PROFILE_PLUS_MODERATE_DELEGATE_COMMUNITY",
    "PROFILE_PLUS_REVENUE",
    "READ_PAGE_MAILBOXES",
    "VIEW_MONETIZATION_INSIGHTS",
];

/// What the owner of a Page may hand on: everything.
pub(crate) fn all_tasks() -> Tasks {
    set_of(&PAGE_TASKS)
}

/// The set with these names.
pub fn set_of(names: &[&str]) -> Tasks {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Whether these tasks amount to full control of the Page.
pub fn can_manage(tasks: &Tasks) -> bool {
    ["MANAGE", "PROFILE_PLUS_MANAGE", "PROFILE_PLUS_FULL_CONTROL"].iter().any(|name| tasks.contains(*name))
}

/// Reads the one form field that carries a list: a JSON array (single quotes as in Meta's own samples do too), or names with commas.
pub(crate) fn parse(text: &str) -> Result<Tasks, String> {
    parse_among(text, &PAGE_TASKS)
}

/// The same, where the names may be those of `known`.
pub(crate) fn parse_among(text: &str, known: &[&str]) -> Result<Tasks, String> {
    let names: Vec<String> = match serde_json::from_str::<Value>(&text.replace('\'', "\"")) {
        Ok(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        Ok(_) => return Err(text.to_owned()),
        Err(_) => text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
    };
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(unknown.clone()),
        None => Ok(names.into_iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_the_three_spellings_that_clients_use() {
        for text in [r#"["ADVERTISE","ANALYZE"]"#, "['ADVERTISE','ANALYZE']", "ADVERTISE,ANALYZE"] {
            assert_eq!(parse(text), Ok(set_of(&["ADVERTISE", "ANALYZE"])), "{text}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_by_name() {
        assert_eq!(parse(r#"["ADVERTISE","ADVERTIZE"]"#), Err("ADVERTIZE".to_owned()));
        assert_eq!(parse("7"), Err("7".to_owned()));
    }

    #[test]
    fn full_control_is_told_from_lesser_tasks() {
        assert!(can_manage(&set_of(&["PROFILE_PLUS_FULL_CONTROL"])));
        assert!(!can_manage(&set_of(&["MANAGE_LEADS", "ADVERTISE"])));
    }
}
