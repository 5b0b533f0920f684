//! "Did you mean": the known name that a mistyped one is most like.

/// The candidate most like `name`, when one is like enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    closest(name, candidates, 2 + name.chars().count() / 6)
}

/// A help line that offers the nearest candidate, when there is one.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The variable most like `name`. Names of variables are long and differ in whole words, so few letters
/// may be wrong; or one word is missing, too many, or another one, or the words stand in another order.
pub fn nearest_variable<'a>(name: &str, candidates: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let limit = (name.chars().count() / 6).clamp(1, 3);
    closest(name, candidates.clone(), limit).or_else(|| by_words(name, candidates))
}

fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>, limit: usize) -> Option<&'a str> {
    let letters = histogram(name);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 4 * limit && apart(&letters, &histogram(candidate)) <= 2 * limit)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// How often each byte occurs, modulo 64. Two texts that are few edits apart have almost the same.
fn histogram(text: &str) -> [u8; 64] {
    let mut counts = [0_u8; 64];
    for byte in text.bytes() {
        let count = &mut counts[usize::from(byte % 64)];
        *count = count.saturating_add(1);
    }
    counts
}

/// An edit of one letter changes this by at most two, of one byte of a longer letter by as much.
fn apart(left: &[u8; 64], right: &[u8; 64]) -> usize {
    left.iter().zip(right).map(|(left, right)| usize::from(left.abs_diff(*right))).sum()
}

fn by_words<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let words: Vec<&str> = name.split('_').collect();
    // With fewer words, one of them says too little.
    if words.len() < 3 {
        return None;
    }
    let mut sorted = words.clone();
    sorted.sort_unstable();
    candidates
        .filter_map(|candidate| {
            let others: Vec<&str> = candidate.split('_').collect();
            if others.len().abs_diff(words.len()) > 1 || others.first() != words.first() {
                return None;
            }
            let same_words = || {
                let mut others = others.clone();
                others.sort_unstable();
                others == sorted
            };
            let near = one_more(&words, &others) || one_more(&others, &words) || same_words();
            near.then_some((candidate.len().abs_diff(name.len()), candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether `long` is `short` with one word more.
fn one_more(long: &[&str], short: &[&str]) -> bool {
    if long.len() != short.len() + 1 {
        return false;
    }
    let same = long.iter().zip(short).take_while(|(left, right)| left == right).count();
    long[same + 1..] == short[same..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_word_and_a_stranger_finds_none() {
        let names = ["matrix_domain", "matrix_admin"];
        assert_eq!(nearest("matrix_domian", names), Some("matrix_domain"));
        assert_eq!(nearest("postgres_enabled", names), None);
    }

    #[test]
    fn a_variable_is_found_by_its_words() {
        let names = ["matrix_synapse_max_upload_size_mb", "matrix_synapse_presence_enabled", "matrix_synapse_metrics_enabled"];
        let nearest = |name| nearest_variable(name, names.into_iter());
        assert_eq!(nearest("matrix_synapse_upload_size_mb"), Some("matrix_synapse_max_upload_size_mb"));
        assert_eq!(nearest("matrix_synapse_max_upload_file_size_mb"), Some("matrix_synapse_max_upload_size_mb"));
        assert_eq!(nearest("matrix_synapse_enabled_presence"), Some("matrix_synapse_presence_enabled"));
        assert_eq!(nearest("matrix_synapse_presence_enable"), Some("matrix_synapse_presence_enabled"));
        assert_eq!(nearest("matrix_synapse_workers_enabled"), None);
        assert_eq!(nearest("my_brand"), None);
    }
}
