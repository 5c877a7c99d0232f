//! From the bytes of a delivery to a command that is right by its type, or to what is wrong with it.

use jiff::Timestamp;
use serde_json::Value;

use super::body::{Body, Command};
use super::fields::{Fields, Origin, wrong_type};
use super::ids::{BusinessId, CommandId};
use super::json;
use super::malformed::{Code, Malformed, Wrong};
use super::nearest::{hint, nearest};
use super::rows::{COMMON, OURS, ROWS, Row};

/// Priority of a command that names none.
const USUAL_PRIORITY: u8 = 4;

/// Reads a publisher's command of at most `limit` bytes.
///
/// ```
/// let command = bindery::contract::parse(br#"{"id": "off-1", "command": "cancel", "target": "onb-7731"}"#, 1024)?;
/// assert_eq!(command.body.name(), "cancel");
/// # Ok::<(), bindery::contract::Malformed>(())
/// ```
///
/// # Errors
/// [`Malformed`] with the first fault: where it is, and what would be right.
pub fn parse(body: &[u8], limit: usize) -> Result<Command, Malformed> {
    read(body, limit, Origin::Publisher)
}

/// Reads a command that we wrote: of a child, of a recheck, or out of the journal.
///
/// Its id may have a `~`, and its tasks are taken as Meta lists them.
///
/// # Errors
/// [`Malformed`] as for [`parse`].
pub fn parse_own(body: &[u8]) -> Result<Command, Malformed> {
    read(body, usize::MAX, Origin::Own)
}

fn read(body: &[u8], limit: usize, origin: Origin) -> Result<Command, Malformed> {
    let reading = text_of(body, limit).and_then(json::read).map_err(|wrong| malformed(wrong, &Value::Null, origin))?;
    let command = match reading.fault {
        Some(fault) => Err(fault),
        None => command(&reading.value, origin),
    };
    command.map_err(|wrong| malformed(wrong, &reading.value, origin))
}

fn text_of(body: &[u8], limit: usize) -> Result<&str, Wrong> {
    if body.len() > limit {
        let message = format!("has {} bytes: a command has at most {limit}", body.len());
        return Err(Wrong::new("", Code::TooLarge, message));
    }
    std::str::from_utf8(body).map_err(|error| {
        let message = format!("is not UTF-8 at byte {}: a command is JSON in UTF-8", error.valid_up_to());
        Wrong::new("", Code::NotUtf8, message)
    })
}

fn command(value: &Value, origin: Origin) -> Result<Command, Wrong> {
    let fields = Fields::of(value, "", origin).map_err(|_| {
        let message = wrong_type("", value, "an object: a command is one JSON object").message;
        Wrong::new("", Code::NotAnObject, message)
    })?;
    let row = row(&fields)?;
    let id = publishers_id(&fields)?;
    check_names(&fields, row)?;
    let business: Option<BusinessId> = fields.parsed("business")?;
    if business.is_none() && row.own.contains(&"business") {
        return Err(fields.missing("business"));
    }
    let (not_before, expires_at) = times(&fields)?;
    Ok(Command {
        id,
        business,
        actor: fields.text("actor")?.map(str::to_owned),
        reason: fields.text("reason")?.map(str::to_owned),
        priority: priority(&fields)?,
        not_before,
        expires_at,
        dry_run: fields.flag("dry_run")?.unwrap_or_default(),
        notice: fields.duration("notice")?,
        body: (row.read)(&fields)?,
    })
}

fn row(fields: &Fields<'_>) -> Result<&'static Row, Wrong> {
    let name = fields.text("command")?.ok_or_else(|| fields.missing("command"))?;
    ROWS.iter().find(|row| row.name == name).ok_or_else(|| {
        let names = ROWS.map(|row| row.name);
        fields.wrong("command", Code::UnknownCommand, format!("is no known command: {}", hint(name, &names)))
    })
}

fn publishers_id(fields: &Fields<'_>) -> Result<CommandId, Wrong> {
    let id: CommandId = fields.required("id")?;
    if fields.origin == Origin::Own || id.is_publishers() {
        return Ok(id);
    }
    Err(fields.wrong("id", Code::InvalidValue, "must not have a '~': that is for commands of the worker's own"))
}

/// Refuses a field that the command does not take, and says what was probably meant.
fn check_names(fields: &Fields<'_>, row: &Row) -> Result<(), Wrong> {
    let known = [&COMMON, row.own].concat();
    let is_ours = |name: &str| fields.origin == Origin::Own && OURS.contains(&name);
    let Some(name) = fields.names().find(|name| !known.contains(name) && !is_ours(name)) else { return Ok(()) };
    let takers: Vec<&str> = ROWS.iter().filter(|row| row.own.contains(&name)).map(|row| row.name).collect();
    let message = match (takers.is_empty(), nearest(name, known.iter().copied())) {
        // A slip between `asset` and `assets` is told as what it is near, not as whose it is.
        (_, Some(near)) => format!("is no field of \"{}\": did you mean \"{near}\"?", row.name),
        (false, None) => format!("is no field of \"{}\", but of {}", row.name, takers.join(", ")),
        (true, None) => format!("is no known field: \"{}\" takes {}", row.name, known.join(", ")),
    };
    Err(fields.wrong(name, Code::UnknownField, message))
}

fn times(fields: &Fields<'_>) -> Result<(Option<Timestamp>, Option<Timestamp>), Wrong> {
    let (not_before, expires_at) = (fields.time("not_before")?, fields.time("expires_at")?);
    match (not_before, expires_at) {
        (Some(start), Some(end)) if start > end => {
            Err(fields.wrong("not_before", Code::InvalidValue, "is after \"expires_at\": it could never start"))
        }
        (Some(_) | None, Some(_) | None) => Ok((not_before, expires_at)),
    }
}

fn priority(fields: &Fields<'_>) -> Result<u8, Wrong> {
    match fields.value("priority") {
        None => Ok(USUAL_PRIORITY),
        Some(Value::Number(number)) => number
            .as_u64()
            .filter(|number| *number <= 9)
            .and_then(|number| u8::try_from(number).ok())
            .ok_or_else(|| fields.wrong("priority", Code::InvalidValue, "must be a whole number from 0 to 9")),
        Some(other) => Err(wrong_type("/priority", other, "a whole number from 0 to 9, without quotes")),
    }
}

/// `wrong`, with what can be read of the command beside it.
fn malformed(wrong: Wrong, value: &Value, origin: Origin) -> Malformed {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let id = text("id").and_then(|id| id.parse().ok());
    let command = text("command").and_then(|name| ROWS.iter().map(|row| row.name).find(|known| *known == name));
    Malformed {
        pointer: wrong.pointer,
        message: wrong.message,
        code: wrong.code,
        // An event under an id of our own would be taken for our own command's.
        id: id.filter(|id: &CommandId| origin == Origin::Own || id.is_publishers()),
        command,
        business: text("business").and_then(|business| business.parse().ok()),
    }
}

/// The names of all commands, in the contract's order.
#[must_use]
pub fn command_names() -> [&'static str; 14] {
    ROWS.map(|row| row.name)
}

impl Body {
    /// Whether a `notice` may go before it.
    #[must_use]
    pub fn takes_notice(&self) -> bool {
        ROWS.iter().any(|row| row.name == self.name() && row.own.contains(&"notice"))
    }
}
