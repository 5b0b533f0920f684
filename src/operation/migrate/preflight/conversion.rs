//! What `mas-cli syn2mas check` itself says.

use super::{Context, Finding, bad, good, not_asked, warning};
use crate::diagnostic::Result;
use crate::operation::syn2mas::{self, Looked};

const NAME: &str = "syn2mas";

pub(super) async fn examine(context: &Context<'_>) -> Result<Vec<Finding>> {
    let Some(operation) = context.prepared.desired.operations.iter().find(|operation| operation.run == "syn2mas") else {
        return Ok(Vec::new());
    };
    match syn2mas::look(context, operation).await {
        Ok(looked) => Ok(judge(&looked)),
        Err(error) => Ok(vec![not_asked(NAME, "syn2mas could not be asked", error)?]),
    }
}

fn judge(looked: &Looked) -> Vec<Finding> {
    let mut findings: Vec<Finding> = looked.errors.iter().map(|error| bad(NAME, error.clone())).collect();
    findings.extend(looked.warnings.iter().map(|text| warning(NAME, text.clone())));
    match looked.status {
        0 => findings.push(good(NAME, "syn2mas finds nothing that prevents the move")),
        _ if looked.full => findings.push(
            bad(NAME, "MAS has accounts already, and syn2mas moves accounts into an empty database only")
                .with_hint("`homestead migrate --abort` puts its database aside; what these users have in MAS is lost by that"),
        ),
        syn2mas::WARNINGS => {}
        status if findings.is_empty() => findings.push(bad(NAME, format!("`syn2mas check` ended with {status}; its lines above say why"))),
        _ => {}
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u32, errors: &[&str], warnings: &[&str], full: bool) -> Vec<String> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let looked = Looked { status, errors: own(errors), warnings: own(warnings), full };
        judge(&looked).iter().map(|finding| format!("{:?} {}", finding.verdict, finding.text)).collect()
    }

    #[test]
    fn every_way_to_end_is_told() {
        assert_eq!(said(0, &[], &[], false), ["Good syn2mas finds nothing that prevents the move"]);
        assert_eq!(said(11, &[], &["guests stay"], false), ["Warning guests stay"]);
        assert_eq!(said(10, &["no mapping"], &["guests stay"], false), ["Bad no mapping", "Warning guests stay"]);
        assert!(said(1, &[], &[], true)[0].starts_with("Bad MAS has accounts already"));
        assert_eq!(said(1, &[], &[], false), ["Bad `syn2mas check` ended with 1; its lines above say why"]);
    }
}
