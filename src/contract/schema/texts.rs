//! The shapes of texts, as patterns that JavaScript, Python and Rust read the same.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::contract::asset::Kind;
use crate::contract::fields::UNITS;
use crate::contract::ids::{BusinessId, CommandId, Digest, EmailAddress, ObjectId, PersonId};
use crate::contract::tasks::Task;

/// A W3C trace context, version 00.
pub const TRACEPARENT: &str = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$";

const DIGITS: &str = "^[0-9]{1,32}$";
const DIGEST: &str = "^sha256:[0-9a-f]{64}$";
const TASK: &str = "^[A-Z_]{1,64}$";
const PUBLISHERS_ID: &str = "^[A-Za-z0-9._:-]{1,128}$";
const ANY_ID: &str = "^[A-Za-z0-9._:-]{1,128}(~[A-Za-z0-9._:~-]*)?$";
/// Neither white space, nor a control character, nor an `@`.
const NO_SPACE: &str = r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000@";
const MOMENT: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)\
                      (\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-5]):[0-5][0-9])$";

fn text(about: &str, pattern: &str) -> Value {
    json!({ "type": "string", "description": about, "pattern": pattern })
}

fn email_pattern() -> String {
    format!(r"^{NO_SPACE}]+@{NO_SPACE}.]+(\.{NO_SPACE}.]+)+$")
}

/// A business, by its id at Meta.
pub(super) fn business() -> Value {
    text("A business portfolio at Meta. Ids are texts of digits, never JSON numbers.", DIGITS)
}

/// An id that a publisher gives.
pub(super) fn publishers_id() -> Value {
    text(
        "The idempotency key: the same id with the same content is the same command and does nothing twice.",
        PUBLISHERS_ID,
    )
}

/// An id of any command, ours too.
pub(super) fn any_id() -> Value {
    let mut any =
        text("The id of a command; those of bindery's own carry a `~` behind the id that they follow.", ANY_ID);
    any["maxLength"] = 160.into();
    any
}

/// The id of an asset as a publisher may write it.
pub(super) fn asset_id() -> Value {
    text("The asset's id at Meta; that of an ad account may carry `act_`.", "^(act_)?[0-9]{1,32}$")
}

/// An e-mail address.
pub(super) fn email() -> Value {
    let mut email = text("An e-mail address, in any case.", &email_pattern());
    email["maxLength"] = 254.into();
    email
}

/// A person, by id or address.
pub(super) fn person() -> Value {
    json!({
        "description": "A person: the business-scoped id, or an e-mail address, which is looked up when the command starts.",
        "anyOf": [text("The business-scoped id.", DIGITS), super::fields::part("Email")]
    })
}

/// What is never to be touched.
pub(super) fn protected() -> Value {
    let kinds = Kind::ALL.map(Kind::word).join("|");
    json!({
        "type": "string",
        "description": "An asset as `<kind>/<id>`, a person as `person/<id>` or by e-mail address.",
        "anyOf": [
            { "pattern": "^person/[0-9]{1,32}$" },
            { "pattern": format!("^({kinds})/(act_)?[0-9]{{1,32}}$") },
            { "not": { "pattern": "^person/" }, "allOf": [super::fields::part("Email")] }
        ]
    })
}

/// A task, in Meta's word.
pub(super) fn task() -> Value {
    text("A task, in Meta's word.", TASK)
}

/// The digest of a plan.
pub(super) fn digest() -> Value {
    text("A SHA-256 in lower-case hex.", DIGEST)
}

/// A moment.
pub(super) fn moment() -> Value {
    let mut moment = text("A moment by RFC 3339, with its offset.", MOMENT);
    moment["format"] = "date-time".into();
    moment
}

/// A length of time.
pub(super) fn duration() -> Value {
    let part = format!(r"[0-9]+(\.[0-9]+)?({})", UNITS.join("|"));
    text(
        "A length of time with its unit, like `30s`, `2m` or `1day 2h`; at most `366d`.",
        &format!("^{part}( ?{part})*$"),
    )
}

/// Gives a text type of the contract its schema, under its own name.
macro_rules! schema_of {
    ($($type:ident: $schema:expr;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                Schema::try_from($schema).unwrap_or_else(|_| json_schema!({ "type": "string" }))
            }
        }
    )*};
}

schema_of! {
    CommandId: any_id();
    BusinessId: business();
    ObjectId: text("An asset's id at Meta, without `act_`.", DIGITS);
    PersonId: text("A person as one business knows them.", DIGITS);
    EmailAddress: text("An e-mail address in lower case.", &email_pattern());
    Digest: digest();
    Task: task();
}
