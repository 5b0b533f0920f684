//! The id of a run: the same in the host's lock and journal, and for whoever started it.

use std::collections::BTreeMap;

use crate::daemon::process::RUN_ID;

/// The id that the environment hands in, if it is one. It becomes a file's name on the host, so nothing else will do.
pub fn handed_in(environment: &BTreeMap<String, String>) -> Option<String> {
    environment.get(RUN_ID).filter(|id| is_run_id(id)).cloned()
}

/// `20261122T103000Z-0a1b2c3d`.
fn is_run_id(text: &str) -> bool {
    let fits = |sample: char, character: char| match sample {
        '0' => character.is_ascii_digit(),
        'x' => character.is_ascii_digit() || ('a'..='f').contains(&character),
        other => other == character,
    };
    let shape = "00000000T000000Z-xxxxxxxx";
    text.len() == shape.len() && shape.chars().zip(text.chars()).all(|(sample, character)| fits(sample, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_id_is_taken() {
        let taken = |id: &str| handed_in(&BTreeMap::from([(RUN_ID.to_owned(), id.to_owned())]));
        assert_eq!(taken("20261122T103000Z-0a1b2c3d").as_deref(), Some("20261122T103000Z-0a1b2c3d"));
        for wrong in
            ["", "../../../etc/passwd", "20261122T103000Z-0A1B2C3D", "20261122T103000Z-0a1b2c3d0", "20261122T103000Z-0a1b2c3\u{e9}"]
        {
            assert_eq!(taken(wrong), None, "{wrong}");
        }
        assert_eq!(handed_in(&BTreeMap::new()), None);
    }
}
