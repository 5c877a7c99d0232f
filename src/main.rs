//! bindery
fn main() {}
