//! "Did you mean …": the nearest known word to one that is not known.

/// The candidate nearest to `word`, if any is near enough to be a plausible slip: at most a third of the letters differ
/// (Damerau-Levenshtein), or one is the beginning of the other.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(word, candidate);
            let shares_beginning =
                word.len() >= 3 && (candidate.starts_with(word) || word.starts_with(candidate));
            (distance <= limit || shares_beginning).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_refuses_strangers() {
        let hosts = ["web", "db", "backup", "router"];
        assert_eq!(nearest("wbe", hosts), Some("web"));
        assert_eq!(nearest("we", hosts), Some("web"));
        assert_eq!(nearest("back", hosts), Some("backup"));
        assert_eq!(nearest("ruoter", hosts), Some("router"));
        assert_eq!(nearest("laptop", hosts), None);
        assert_eq!(nearest("x", []), None);
    }
}
