//! The commands of the contract: for each its own fields, and how they are read.

use serde_json::Value;

use super::asset::{Access, Asset, Kind};
use super::body::{Body, Protected, Role, Targets};
use super::fields::{Fields, Origin, list, parsed};
use super::ids::{BusinessId, CommandId, Person};
use super::malformed::{Code, Wrong};
use super::nearest::hint;
use super::tasks::{PAGE_TASKS, Task, Tasks};

/// Most entries of any list in a command.
pub(super) const MOST: usize = 1000;

/// One command of the contract's table.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// The fields that it takes beside [`COMMON`].
    pub(super) own: &'static [&'static str],
    pub(super) read: fn(&Fields<'_>) -> Result<Body, Wrong>,
}

/// The fields that every command takes.
pub(super) const COMMON: [&str; 8] =
    ["id", "command", "actor", "reason", "priority", "not_before", "expires_at", "dry_run"];

/// Fields that commands of our own may have beside their row's.
pub(super) const OURS: [&str; 2] = [ADDING, LEAVES];
const ADDING: &str = "adding";
const LEAVES: &str = "leaves";

/// The table.
#[rustfmt::skip]
pub(super) const ROWS: [Row; 14] = [
    Row { name: "claim", own: &["business", "asset", "assets", "access", "permitted_tasks", "irreversible", "again"], read: claim },
    Row { name: "unbind", own: &["business", "notice", "asset", "assets", "remove_people", "unmanaged"], read: unbind },
    Row { name: "reassign", own: &["business", "notice", "asset", "assets", "from", "to", "tasks"], read: reassign },
    Row { name: "assign", own: &["business", "asset", "assets", "user", "tasks"], read: assign },
    Row { name: "unassign", own: &["business", "notice", "asset", "assets", "user", "tasks"], read: unassign },
    Row { name: "invite", own: &["business", "email", "role", "assets", "tasks"], read: invite },
    Row { name: "offboard", own: &["business", "notice", "user", "successor", "remove_from_business", "protected", "plan"], read: offboard },
    Row { name: "transfer", own: &["business", "notice", "asset", "assets", "to_business", "cool_down", "unmanaged"], read: transfer },
    Row { name: "share", own: &["business", "asset", "assets", "partner", "permitted_tasks"], read: share },
    Row { name: "revoke", own: &["business", "notice", "asset", "assets", "partner", "permitted_tasks"], read: revoke },
    Row { name: "disconnect", own: &["business", "notice", "kinds", "include_owned"], read: disconnect },
    Row { name: "inspect", own: &["business", "kinds", "people"], read: inspect },
    Row { name: "undo", own: &["target"], read: undo },
    Row { name: "cancel", own: &["target"], read: cancel },
];

fn claim(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let targets = targets(fields)?;
    let access = fields.required("access")?;
    let permitted = tasks(fields, "permitted_tasks", &targets)?;
    let irreversible = fields.flag("irreversible")?.unwrap_or_default();
    let again = fields.flag("again")?.unwrap_or_default();
    match access {
        Access::Owner => check_owner(fields, &targets)?,
        Access::Agency if permitted.is_none() && names(&targets, Kind::Page) => {
            let message = "is missing: an agency's claim of a Page says what the agency may do, like [\"ADVERTISE\"]";
            return Err(fields.wrong("permitted_tasks", Code::MissingField, message));
        }
        Access::Agency => {}
    }
    Ok(Body::Claim { targets, access, permitted_tasks: permitted.unwrap_or_default(), irreversible, again })
}

fn check_owner(fields: &Fields<'_>, targets: &Targets) -> Result<(), Wrong> {
    if fields.value("permitted_tasks").is_some() {
        let message = "belongs to \"access\": \"agency\" alone: an owner may do everything";
        return Err(fields.wrong("permitted_tasks", Code::InvalidValue, message));
    }
    if fields.flag("irreversible")? != Some(true) && names(targets, Kind::AdAccount) {
        let message = "must be true to own an ad account: Meta has no way back";
        return Err(fields.wrong("irreversible", Code::Irreversible, message));
    }
    Ok(())
}

fn unbind(fields: &Fields<'_>) -> Result<Body, Wrong> {
    Ok(Body::Unbind {
        targets: targets(fields)?,
        remove_people: fields.flag("remove_people")?.unwrap_or(true),
        unmanaged: fields.flag("unmanaged")?.unwrap_or_default(),
    })
}

fn reassign(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let targets = match fields.value("assets") {
        Some(Value::String(word)) if word == "all" && fields.value("asset").is_none() => Targets::All,
        Some(_) | None => targets(fields)?,
    };
    let (from, to): (Person, Person) = (fields.required("from")?, fields.required("to")?);
    differ(fields, "to", Some(&to), Some(&from), "from")?;
    let tasks = tasks(fields, "tasks", &targets)?;
    let leaves = fields.flag(LEAVES)?.unwrap_or_default();
    Ok(Body::Reassign { targets, from, to, tasks, leaves })
}

fn assign(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let targets = targets(fields)?;
    let user = fields.required("user")?;
    let tasks = tasks(fields, "tasks", &targets)?.ok_or_else(|| fields.missing("tasks"))?;
    let adding = fields.flag(ADDING)?.unwrap_or_default();
    Ok(Body::Assign { targets, user, tasks, adding })
}

fn unassign(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let targets = targets(fields)?;
    let user = fields.required("user")?;
    let tasks = tasks(fields, "tasks", &targets)?;
    let leaves = fields.flag(LEAVES)?.unwrap_or_default();
    Ok(Body::Unassign { targets, user, tasks, leaves })
}

fn invite(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let email = fields.required("email")?;
    let role: Role = fields.required("role")?;
    let assets = match fields.value("assets") {
        Some(value) => list("/assets", value, MOST, |at, value| asset(at, value, fields.origin))?,
        None => Vec::new(),
    };
    let targets = Targets::List(assets.clone());
    let tasks = tasks(fields, "tasks", &targets)?;
    let (one, other) = (tasks.is_some(), !assets.is_empty());
    if one != other {
        let absent = if one { "assets" } else { "tasks" };
        let message = "is missing: \"assets\" and \"tasks\" stand together, what to assign and with which rights";
        return Err(fields.wrong(absent, Code::MissingField, message));
    }
    Ok(Body::Invite { email, role, assets, tasks: tasks.unwrap_or_default() })
}

fn offboard(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let user: Person = fields.required("user")?;
    let successor: Option<Person> = fields.parsed("successor")?;
    differ(fields, "successor", successor.as_ref(), Some(&user), "user")?;
    Ok(Body::Offboard {
        user,
        successor,
        remove_from_business: fields.flag("remove_from_business")?.unwrap_or(true),
        protected: fields.list::<Protected>("protected", most_protected(fields.origin))?.unwrap_or_default(),
        plan: fields.parsed("plan")?,
    })
}

/// A recheck of our own leaves alone whatever the first command had to leave.
fn most_protected(origin: Origin) -> usize {
    match origin {
        Origin::Publisher => MOST,
        Origin::Own => usize::MAX,
    }
}

fn transfer(fields: &Fields<'_>) -> Result<Body, Wrong> {
    Ok(Body::Transfer {
        targets: targets(fields)?,
        to_business: other_business(fields, "to_business")?,
        cool_down: fields.duration("cool_down")?,
        unmanaged: fields.flag("unmanaged")?.unwrap_or_default(),
    })
}

fn share(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let targets = targets(fields)?;
    let partner = other_business(fields, "partner")?;
    let permitted_tasks =
        tasks(fields, "permitted_tasks", &targets)?.ok_or_else(|| fields.missing("permitted_tasks"))?;
    Ok(Body::Share { targets, partner, permitted_tasks })
}

fn revoke(fields: &Fields<'_>) -> Result<Body, Wrong> {
    let targets = targets(fields)?;
    let partner = other_business(fields, "partner")?;
    let permitted_tasks = tasks(fields, "permitted_tasks", &targets)?;
    Ok(Body::Revoke { targets, partner, permitted_tasks })
}

fn disconnect(fields: &Fields<'_>) -> Result<Body, Wrong> {
    Ok(Body::Disconnect { kinds: kinds(fields)?, include_owned: fields.flag("include_owned")?.unwrap_or_default() })
}

fn inspect(fields: &Fields<'_>) -> Result<Body, Wrong> {
    Ok(Body::Inspect { kinds: kinds(fields)?, people: fields.flag("people")?.unwrap_or_default() })
}

fn undo(fields: &Fields<'_>) -> Result<Body, Wrong> {
    target(fields).map(|target| Body::Undo { target })
}

fn cancel(fields: &Fields<'_>) -> Result<Body, Wrong> {
    target(fields).map(|target| Body::Cancel { target })
}

/// `asset` or `assets`, whichever stands.
fn targets(fields: &Fields<'_>) -> Result<Targets, Wrong> {
    match (fields.value("asset"), fields.value("assets")) {
        (Some(_), Some(_)) => {
            Err(fields.wrong("assets", Code::InvalidValue, "stands beside \"asset\": give one of the two"))
        }
        (None, None) => {
            let message = "is missing: give {\"kind\": \"page\", \"id\": \"1009\"}, or a list of such as \"assets\"";
            Err(fields.wrong("asset", Code::MissingField, message))
        }
        (Some(one), None) => asset("/asset", one, fields.origin).map(Targets::One),
        (None, Some(Value::String(_))) => {
            let message = "is a text and must be a list of assets; \"all\" is for \"reassign\" alone";
            Err(fields.wrong("assets", Code::InvalidValue, message))
        }
        (None, Some(many)) => {
            list("/assets", many, MOST, |at, value| asset(at, value, fields.origin)).map(Targets::List)
        }
    }
}

fn asset(at: &str, value: &Value, origin: Origin) -> Result<Asset, Wrong> {
    let fields = Fields::of(value, at, origin)?;
    fields.only(&["kind", "id"])?;
    Ok(Asset { kind: fields.required("kind")?, id: fields.required("id")? })
}

/// A set of tasks; for Pages each must be one that Meta lists, so that a slip is not found out by Meta's error.
fn tasks(fields: &Fields<'_>, name: &str, targets: &Targets) -> Result<Option<Tasks>, Wrong> {
    let Some(value) = fields.value(name) else { return Ok(None) };
    // What we took from Meta's own lists may be newer than ours.
    let known_alone = fields.origin == Origin::Publisher && names(targets, Kind::Page);
    let read = |at: &str, value: &Value| {
        if let (true, Some(word)) = (known_alone, value.as_str().filter(|word| !PAGE_TASKS.contains(word))) {
            let message = format!("is no task of a Page: {}", hint(word, &PAGE_TASKS));
            return Err(Wrong::new(at, Code::InvalidValue, message));
        }
        parsed::<Task>(at, value)
    };
    let at = format!("/{name}");
    Ok(Some(list(&at, value, MOST, read)?.into_iter().collect()))
}

fn names(targets: &Targets, kind: Kind) -> bool {
    match targets {
        Targets::One(asset) => asset.kind == kind,
        Targets::List(assets) => assets.iter().any(|asset| asset.kind == kind),
        Targets::All => false,
    }
}

fn kinds(fields: &Fields<'_>) -> Result<Vec<Kind>, Wrong> {
    Ok(fields.list("kinds", MOST)?.unwrap_or_else(|| Kind::ALL.to_vec()))
}

/// A business other than the one that acts.
fn other_business(fields: &Fields<'_>, name: &str) -> Result<BusinessId, Wrong> {
    let other: BusinessId = fields.required(name)?;
    differ(fields, name, Some(&other), fields.parsed("business")?.as_ref(), "business")?;
    Ok(other)
}

/// The command that is meant, which is not this one.
fn target(fields: &Fields<'_>) -> Result<CommandId, Wrong> {
    let target: CommandId = fields.required("target")?;
    differ(fields, "target", Some(&target), fields.parsed("id")?.as_ref(), "id")?;
    Ok(target)
}

fn differ<T: PartialEq>(
    fields: &Fields<'_>,
    name: &str,
    value: Option<&T>,
    other: Option<&T>,
    other_name: &str,
) -> Result<(), Wrong> {
    if value.is_some() && value == other {
        let message = format!("is the same as \"{other_name}\" and must be another");
        return Err(fields.wrong(name, Code::InvalidValue, message));
    }
    Ok(())
}
