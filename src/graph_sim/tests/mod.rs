//! Stories at the wire.
