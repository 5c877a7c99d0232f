//! What the parser asks of a command and JSON Schema cannot say.

/// One such rule. A property finds no other difference between the schema and the parser.
#[derive(Debug, Clone, Copy)]
pub struct Unsaid {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub rule: &'static str,
    /// A command that the schema lets pass and the parser refuses.
    pub example: fn() -> String,
}

/// All of them.
#[rustfmt::skip]
pub const UNSAID: [Unsaid; 9] = [
    Unsaid {
        name: "different fields",
        rule: "`to` is not `from`, `successor` not `user`, `to_business` and `partner` not `business`, `target` not `id`",
        example: || r#"{"id": "a", "command": "cancel", "target": "a"}"#.to_owned(),
    },
    Unsaid {
        name: "order of times",
        rule: "`not_before` is not after `expires_at`",
        example: || r#"{"id": "a", "command": "cancel", "target": "b", "not_before": "2026-11-23T00:00:00Z", "expires_at": "2026-11-22T00:00:00Z"}"#.to_owned(),
    },
    Unsaid {
        name: "one thing, one way",
        rule: "a list names each thing once, in whatever way it is written: `act_1` and `1` are one asset, `A@b.example` and `a@b.example` one person",
        example: || r#"{"id": "a", "command": "unbind", "business": "1", "assets": [{"kind": "ad_account", "id": "act_1"}, {"kind": "ad_account", "id": "1"}]}"#.to_owned(),
    },
    Unsaid {
        name: "length of a duration",
        rule: "a duration is at most 366 days, and counts no parts of a nanosecond",
        example: || r#"{"id": "a", "command": "transfer", "business": "1", "asset": {"kind": "page", "id": "2"}, "to_business": "3", "cool_down": "367d"}"#.to_owned(),
    },
    Unsaid {
        name: "calendar",
        rule: "a moment exists, and is within the years that can be counted: there is no 30 February (validators that check `format` know that much)",
        example: || r#"{"id": "a", "command": "cancel", "target": "b", "not_before": "2026-02-30T00:00:00Z"}"#.to_owned(),
    },
    Unsaid {
        name: "whole numbers as such",
        rule: "`priority` is written as a whole number, `4` and not `4.0`, which are one to JSON Schema",
        example: || r#"{"id": "a", "command": "cancel", "target": "b", "priority": 4.0}"#.to_owned(),
    },
    Unsaid {
        name: "bytes of an address",
        rule: "an e-mail address in lower case has at most 254 bytes of UTF-8; JSON Schema counts characters",
        example: || format!(r#"{{"id": "a", "command": "offboard", "business": "1", "user": "{}@example.com"}}"#, "é".repeat(200)),
    },
    Unsaid {
        name: "every key once",
        rule: "no object has a key twice; most readers of JSON take the last of the two",
        example: || r#"{"id": "a", "command": "cancel", "target": "b", "target": "c"}"#.to_owned(),
    },
    Unsaid {
        name: "size",
        rule: "a command has at most `limits.command_bytes` bytes, 256 KiB unless configured",
        example: || format!(r#"{{"id": "a", "command": "cancel", "target": "b", "reason": "{}"}}"#, "x".repeat(256 * 1024)),
    },
];
