//! System users.

use super::Run;
use crate::diagnostic::Result;
use crate::host::{Exec, run as run_script};
use crate::plan::Step;

const CREATE: &str = r#"
set -eu
user=$1 uid=$2 group=$3 gid=$4 home=$5 shell=$6 system=$7 group_system=$8
flag=; [ "$system" = true ] && flag=--system
group_flag=; [ "$group_system" = true ] && group_flag=--system
getent group "$group" >/dev/null || groupadd $group_flag --gid "$gid" "$group"
found=$(getent passwd "$user" | cut -d : -f 3)
if [ -n "$found" ] && [ "$found" != "$uid" ]; then
  echo "somebody made it meanwhile with the id $found, and the files of this run are for $uid; run this again" >&2
  exit 1
fi
[ -n "$found" ] || useradd $flag --uid "$uid" --gid "$group" --home-dir "$home" --no-create-home --shell "$shell" "$user"
"#;

/// Makes the users and groups of the plan.
///
/// # Errors
/// `useradd` refuses; its own words come along.
pub async fn create(run: &Run<'_>) -> Result<()> {
    for action in &run.plan.actions {
        let Step::CreateAccount(account) = &action.step else { continue };
        run.stage(format!("making the user {}", account.user));
        let (uid, gid) = (account.uid.to_string(), account.gid.to_string());
        let (system, group_system) = (account.system.to_string(), account.group_system.to_string());
        let arguments = [&*account.user, &uid, &account.group, &gid, &account.home, &account.shell, &system, &group_system];
        run_script(&**run.host, &format!("making the user `{}`", account.user), Exec::new(CREATE).arguments(&arguments)).await?;
    }
    Ok(())
}
