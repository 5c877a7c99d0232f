//! The name that somebody probably meant.

/// The name nearest to `word`, where one is near enough to be meant.
pub(super) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Longer than any name with its typing mistakes, and the distance costs the product of the lengths.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    let near = |name: &&str| distance(&word, &name.to_lowercase());
    let best = names.into_iter().min_by_key(near)?;
    (near(&best) <= word.chars().count().max(best.len()) / 3).then_some(best)
}

/// `; did you mean …?` for the nearest name, else the names to choose from.
pub(super) fn hint(word: &str, names: &[&str]) -> String {
    match nearest(word, names.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!("known are {}", names.join(", ")),
    }
}

/// Letters to insert, delete, replace or swap with their neighbour to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        let names = ["asset", "assets", "access", "not_before"];
        for (word, name) in [
            ("aset", Some("asset")),
            ("Asset", Some("asset")),
            ("acces", Some("access")),
            ("notbefore", Some("not_before")),
            ("assest", Some("asset")),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(word, names), name, "for {word:?}");
        }
        assert_eq!(nearest(&"a".repeat(1_000_000), names), None);
    }
}
