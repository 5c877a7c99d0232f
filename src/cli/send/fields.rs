//! The flags of `bindery send`, one for each field of the contract's commands, and the JSON that they make.
//!
//! Which command takes which field, and what a field may hold, is the contract's to say: it parses what is made here.

use std::str::FromStr;

use clap::{ArgAction, Args};
use serde_json::{Map, Value as Json, json};

use crate::contract::Asset;

/// The fields of a command.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Fields {
    /// The idempotency key; made from the time where none is given.
    #[arg(long)]
    pub(super) id: Option<String>,
    /// The business that acts.
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// Who asks, for the audit.
    #[arg(long)]
    actor: Option<String>,
    /// Why, for the audit.
    #[arg(long)]
    reason: Option<String>,
    /// 0 to 9, higher first.
    #[arg(long, value_name = "0..9", value_parser = clap::value_parser!(u8).range(0..=9))]
    priority: Option<u8>,
    /// Start no earlier (RFC 3339).
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// Begin nothing after it (RFC 3339).
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// Announce first, act when it is over.
    #[arg(long, value_name = "DURATION")]
    notice: Option<String>,
    /// Only read, and answer with a plan.
    #[arg(long)]
    dry_run: bool,
    /// The asset, such as page/1009; given again, the command fans out over all.
    #[arg(long = "asset", value_name = "KIND/ID", value_parser = Asset::from_str)]
    assets: Vec<Asset>,
    /// Whatever the person has (reassign).
    #[arg(long, conflicts_with = "assets")]
    all: bool,
    /// How to hold it: owner or agency (claim).
    #[arg(long)]
    access: Option<String>,
    /// What the agency or partner may do, such as ADVERTISE,ANALYZE.
    #[arg(long, value_name = "TASKS", value_delimiter = ',')]
    permitted_tasks: Option<Vec<String>>,
    /// Yes to what Meta has no way back from (claim of an ad account as owner).
    #[arg(long)]
    irreversible: bool,
    /// Yes to asking again after a denial (claim).
    #[arg(long)]
    again: bool,
    /// Take people off too (unbind; the default).
    #[arg(long, overrides_with = "keep_people")]
    remove_people: bool,
    /// Leave people on (unbind).
    #[arg(long, overrides_with = "remove_people")]
    keep_people: bool,
    /// Yes to leaving an asset without a manager (unbind, transfer).
    #[arg(long)]
    unmanaged: bool,
    /// From whom: an id or an e-mail address (reassign).
    #[arg(long, value_name = "PERSON")]
    from: Option<String>,
    /// To whom (reassign).
    #[arg(long, value_name = "PERSON")]
    to: Option<String>,
    /// The person (assign, unassign, offboard).
    #[arg(long, value_name = "PERSON")]
    user: Option<String>,
    /// The rights, such as MANAGE,ADVERTISE.
    #[arg(long, value_delimiter = ',')]
    tasks: Option<Vec<String>>,
    /// Whom to invite.
    #[arg(long)]
    email: Option<String>,
    /// EMPLOYEE or ADMIN (invite).
    #[arg(long)]
    role: Option<String>,
    /// Who takes over (offboard).
    #[arg(long, value_name = "PERSON")]
    successor: Option<String>,
    /// Whether the person leaves the business too (offboard; default true).
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    remove_from_business: Option<bool>,
    /// Never to be touched: page/123, person/456 or an e-mail address (offboard).
    #[arg(long, value_delimiter = ',')]
    protected: Option<Vec<String>>,
    /// The digest that a dry run answered (offboard).
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// The business that gets it (transfer).
    #[arg(long, value_name = "ID")]
    to_business: Option<String>,
    /// Between letting go and claiming again (transfer).
    #[arg(long, value_name = "DURATION")]
    cool_down: Option<String>,
    /// The other business (share, revoke).
    #[arg(long, value_name = "ID")]
    partner: Option<String>,
    /// Kinds of assets (disconnect, inspect).
    #[arg(long, value_delimiter = ',')]
    kinds: Option<Vec<String>>,
    /// The owned ones too (disconnect).
    #[arg(long)]
    include_owned: bool,
    /// The people too (inspect).
    #[arg(long)]
    people: bool,
    /// The id of the command that is meant (undo, cancel).
    #[arg(long, value_name = "ID")]
    target: Option<String>,
}

impl Fields {
    /// The command as JSON, with the fields that were given.
    pub(super) fn command(&self, name: &str, id: &str) -> Json {
        let mut fields = Map::new();
        fields.insert("id".to_owned(), json!(id));
        fields.insert("command".to_owned(), json!(name));
        self.add_texts(&mut fields);
        self.add_lists(&mut fields);
        self.add_switches(&mut fields);
        self.add_assets(&mut fields, name);
        if let Some(priority) = self.priority {
            fields.insert("priority".to_owned(), json!(priority));
        }
        Json::Object(fields)
    }

    fn add_texts(&self, fields: &mut Map<String, Json>) {
        for (name, value) in [
            ("business", &self.business),
            ("actor", &self.actor),
            ("reason", &self.reason),
            ("not_before", &self.not_before),
            ("expires_at", &self.expires_at),
            ("notice", &self.notice),
            ("access", &self.access),
            ("from", &self.from),
            ("to", &self.to),
            ("user", &self.user),
            ("email", &self.email),
            ("role", &self.role),
            ("successor", &self.successor),
            ("plan", &self.plan),
            ("to_business", &self.to_business),
            ("cool_down", &self.cool_down),
            ("partner", &self.partner),
            ("target", &self.target),
        ] {
            fields.extend(value.iter().map(|text| (name.to_owned(), json!(text))));
        }
    }

    fn add_lists(&self, fields: &mut Map<String, Json>) {
        for (name, value) in [
            ("permitted_tasks", &self.permitted_tasks),
            ("tasks", &self.tasks),
            ("protected", &self.protected),
            ("kinds", &self.kinds),
        ] {
            fields.extend(value.iter().map(|list| (name.to_owned(), json!(list))));
        }
    }

    /// A switch that is off is left out: not every command takes it.
    fn add_switches(&self, fields: &mut Map<String, Json>) {
        for (name, is_on, value) in [
            ("dry_run", self.dry_run, true),
            ("irreversible", self.irreversible, true),
            ("again", self.again, true),
            ("remove_people", self.remove_people, true),
            ("remove_people", self.keep_people, false),
            ("unmanaged", self.unmanaged, true),
            ("include_owned", self.include_owned, true),
            ("people", self.people, true),
            ("remove_from_business", self.remove_from_business.is_some(), self.remove_from_business == Some(true)),
        ] {
            if is_on {
                fields.insert(name.to_owned(), json!(value));
            }
        }
    }

    /// One asset stands as `asset`, but for `invite`, which knows only a list.
    fn add_assets(&self, fields: &mut Map<String, Json>, command: &str) {
        match &self.assets[..] {
            [] if self.all => _ = fields.insert("assets".to_owned(), json!("all")),
            [] => {}
            [one] if command != "invite" => _ = fields.insert("asset".to_owned(), json!(one)),
            many => _ = fields.insert("assets".to_owned(), json!(many)),
        }
    }
}
