//! Documents that hold what was measured.

/// Puts text between the two markers `name` of a document of this repository.
pub fn replace(document: &str, name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let document = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- bench {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no `{begin}` in {}", path.display()));
    let (_, after) = rest.split_once(&end).unwrap();
    std::fs::write(&path, format!("{before}{begin}\n{text}\n{end}{after}")).unwrap();
}
