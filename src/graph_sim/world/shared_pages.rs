//! How the shared Pages stand in JSON: as plain ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serializer};

use super::{Id, Page};

pub(super) fn serialize<S: Serializer>(pages: &BTreeMap<Id, Arc<Page>>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pages.iter().map(|(id, page)| (id, page.as_ref())))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Id, Arc<Page>>, D::Error> {
    let pages = BTreeMap::<Id, Page>::deserialize(from)?;
    Ok(pages.into_iter().map(|(id, page)| (id, Arc::new(page))).collect())
}
