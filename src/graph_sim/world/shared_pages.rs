//! How shared Pages and assets stand in JSON: as plain ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Id;

pub(super) fn serialize<T: Serialize, S: Serializer>(shared: &BTreeMap<Id, Arc<T>>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(shared.iter().map(|(id, one)| (id, one.as_ref())))
}

pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<Id, Arc<T>>, D::Error> {
    let plain = BTreeMap::<Id, T>::deserialize(from)?;
    Ok(plain.into_iter().map(|(id, one)| (id, Arc::new(one))).collect())
}
