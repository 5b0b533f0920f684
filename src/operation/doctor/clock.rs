//! Whether the host's clock is right, as far as this machine's is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Context, Findings, Verdict};
use crate::diagnostic::Result;
use crate::host::{self, Exec};

const CHECK: &str = "clock";
/// Tokens and signatures of requests carry times; clients and servers forgive some seconds.
const FORGIVEN: Duration = Duration::from_secs(5);
const BROKEN: Duration = Duration::from_mins(1);

pub(super) async fn check(context: &Context<'_>, clock: &(dyn Fn() -> SystemTime + Send + Sync), findings: &mut Findings) -> Result<()> {
    let before = clock();
    let said = host::run(&**context.host, "reading the clock", Exec::new("date +%s.%N")).await?;
    let after = clock();
    let Ok(there) = String::from_utf8_lossy(&said).trim().trim_end_matches(".N").parse::<f64>() else { return Ok(()) };
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    judge(context.name, there, seconds(before), seconds(after), findings);
    Ok(())
}

/// The host answered at some time between `before` and `after`.
fn judge(name: &str, there: f64, before: f64, after: f64, findings: &mut Findings) {
    let off = if there < before { before - there } else { (there - after).max(0.0) };
    let direction = if there < before { "behind" } else { "ahead of" };
    let off = Duration::from_secs_f64(off);
    let text = format!("the clock of {name} is {} s {direction} this machine's", off.as_secs());
    let hint = "`timedatectl` on the host says whether it is set over the network; is this machine's clock right?";
    match off {
        off if off >= BROKEN => findings.bad(CHECK, name, text, hint),
        off if off >= FORGIVEN => findings.add(CHECK, name, Verdict::Warning, text, Some(hint)),
        _ => findings.good(CHECK, name, format!("the clocks of {name} and of this machine agree")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_connection_is_no_wrong_clock() {
        let said = |there, before, after| {
            let mut findings = Findings::default();
            judge("h", there, before, after, &mut findings);
            format!("{:?} {}", findings.0[0].verdict, findings.0[0].text)
        };
        assert_eq!(said(1010.0, 1000.0, 1020.0), "Good the clocks of h and of this machine agree");
        assert_eq!(said(1004.0, 1000.0, 1000.5), "Good the clocks of h and of this machine agree");
        assert_eq!(said(980.0, 1000.0, 1000.5), "Warning the clock of h is 20 s behind this machine's");
        assert_eq!(said(1100.5, 1000.0, 1000.5), "Bad the clock of h is 100 s ahead of this machine's");
    }
}
