//! Names and well-known files, as the world sees them.

use super::{Context, Finding, Request, Verdict};
use crate::diagnostic::Result;
use crate::operation::self_check::{self, Verdict as Seen, self_check};

/// What of the self-check a move depends on: the way of clients to MAS.
const CHECKS: [&str; 4] = ["dns", "port", "certificate", "well-known"];

pub(super) async fn examine(context: &Context<'_>, request: &Request<'_>) -> Result<Vec<Finding>> {
    let seen = self_check(context.prepared, request.client, request.addresses, request.loaded.now).await?;
    let name = context.text("matrix_authentication_service_hostname")?;
    let of_mas_alone = !request.mas_runs && name != context.text("matrix_server_fqn_matrix")?;
    let asked = seen.into_iter().filter(|finding| CHECKS.contains(&finding.check));
    Ok(asked.map(|seen| if of_mas_alone { before_mas(seen, &name) } else { seen }).map(finding).collect())
}

/// Traefik asks for the certificate of a name when somebody answers to the name.
fn before_mas(seen: self_check::Finding, name: &str) -> self_check::Finding {
    let of_mas = seen.name.split(':').next() == Some(name);
    if seen.check != "certificate" || seen.verdict != Seen::Bad || !of_mas {
        return seen;
    }
    let hint = Some("it gets one when MAS runs; it is looked at again after the cut-over".to_owned());
    self_check::Finding { verdict: Seen::Warning, hint, ..seen }
}

fn finding(seen: self_check::Finding) -> Finding {
    let verdict = match seen.verdict {
        Seen::Good => Verdict::Good,
        Seen::Warning | Seen::Skipped => Verdict::Warning,
        Seen::Bad => Verdict::Bad,
    };
    Finding { name: seen.check, verdict, text: seen.text, hint: seen.hint, place: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_certificate_of_a_mas_that_does_not_run_may_be_missing() {
        let verdict = |check: &'static str, name: &str| {
            let seen = self_check::Finding {
                check,
                name: name.to_owned(),
                verdict: Seen::Bad,
                text: String::new(),
                hint: None,
                log: Vec::new(),
                ends: None,
            };
            before_mas(seen, "mas.example.com").verdict
        };
        assert_eq!(verdict("certificate", "mas.example.com:443"), Seen::Warning);
        assert_eq!(verdict("certificate", "matrix.example.com:443"), Seen::Bad);
        assert_eq!(verdict("dns", "mas.example.com"), Seen::Bad);
    }
}
