//! Makes a fault happen, and ends it where it does not end by itself.

use std::thread::sleep;
use std::time::Duration;

use crate::cases::Case;
use crate::common::wait_for;
use crate::fault::Fault;
use crate::run::Run;
use crate::server::{PATIENCE, Server, Wanted};

/// Between two signals of an impatient user.
const AGAIN: Duration = Duration::from_millis(30);

/// Where a small file system comes before the run, so that it can be filled.
fn small(fault: Fault) -> Option<&'static str> {
    match fault {
        Fault::FullMemory => Some("/var/lib/homestead"),
        Fault::FullFolder => Some("/matrix/synapse/config"),
        _ => None,
    }
}

/// What must be there before the run.
pub fn prepare(server: &Server, fault: Fault) {
    if let Some(path) = small(fault) {
        server.sandbox.script(&format!(
            "rm -rf /root/small && cp -a {path} /root/small && mount -t tmpfs -o size=24m tmpfs {path} && chmod --reference=/root/small {path} \
             && chown --reference=/root/small {path} && cp -a /root/small/. {path}/"
        ));
    }
}

/// Takes away what [`prepare`] made, with what has been written there since.
pub fn clean_up(server: &Server, fault: Fault) {
    if let Some(path) = small(fault) {
        server.sandbox.script(&format!(
            "rm -rf /root/small && cp -a {path} /root/small && umount {path} && find {path} -mindepth 1 -delete && cp -a /root/small/. {path}/ && rm -rf /root/small"
        ));
    }
}

/// Makes it happen; what it has to say about the run that it happens to.
pub fn inject(server: &mut Server, case: &Case, wanted: Wanted, run: &mut Run, still: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let script = |script: &str| drop(server.sandbox.script(script));
    match case.fault {
        Fault::Kill => {
            if still {
                server.proxy.discard();
            }
            run.signal("KILL");
        }
        Fault::Interrupt => run.signal("INT"),
        Fault::InterruptTwice => {
            run.signal("INT");
            go_on(server, run, still);
            sleep(AGAIN);
            run.signal("INT");
            return problems;
        }
        Fault::Cut => server.proxy.cut(),
        Fault::Silence => server.proxy.lose(),
        Fault::SshRestart => script("systemctl restart ssh.service"),
        Fault::SessionsKilled => {
            // The unit's processes are those of all sessions.
            script(
                "systemctl kill --signal=KILL --kill-who=all ssh.service; systemctl reset-failed ssh.service; systemctl restart ssh.service",
            );
        }
        Fault::DockerRestart => script("systemctl restart --no-block docker.service"),
        Fault::Reboot => server.reset(),
        Fault::FullMemory => script("dd if=/dev/zero of=/var/lib/homestead/.filler bs=4k 2>/dev/null || true"),
        Fault::FullFolder => script("dd if=/dev/zero of=/matrix/synapse/config/.filler bs=4k 2>/dev/null || true"),
        Fault::RegistryDown => script("systemctl stop docker-registry.service"),
        Fault::Exit => container(server, "kill", case, run, still),
        Fault::Hang => container(server, "pause", case, run, still),
        Fault::WrongOwner => script("chown -R nobody:nogroup /matrix/synapse/config /matrix/client-element"),
        Fault::SecondRun => problems = second(server, wanted),
        Fault::HolderKilled => script(
            "found=; for descriptor in /proc/[0-9]*/fd/*; do
               if [ \"$(readlink \"$descriptor\")\" = /var/lib/homestead/lock ]; then
                 process=${descriptor#/proc/}; kill -9 \"${process%%/*}\"; found=yes
               fi
             done; [ -n \"$found\" ]",
        ),
    }
    go_on(server, run, still);
    problems
}

fn go_on(server: &Server, run: &Run, still: bool) {
    if still {
        server.proxy.release();
        run.signal("CONT");
    }
}

/// Kills or pauses the container of the unit that the run waits for, as soon as there is one.
fn container(server: &Server, what: &str, case: &Case, run: &Run, still: bool) {
    go_on(server, run, still);
    let unit = server.sandbox.script(&format!("cd /etc/systemd/system && ls matrix-*{}*.service", case.point.unit));
    let name = unit.trim().trim_end_matches(".service").to_owned();
    wait_for(20, &format!("a container {name} to {what}"), || {
        server.sandbox.exec(&format!("docker {what} {name}"), b"").status.success().then_some(())
    });
}

/// Another run of the same inventory, past the proxy that stands still: it is refused and changes nothing.
fn second(server: &Server, wanted: Wanted) -> Vec<String> {
    let mut problems = Vec::new();
    let inventory = crate::common::TestInventory::of(&server.sandbox);
    inventory.vars(&server.inventory(wanted).read("inventory/host_vars/matrix.example.com/vars.yml"));
    let state = || {
        server.sandbox.script("find /matrix/*/config /etc/systemd/system /var/lib/homestead ! -name lock -printf '%p %m %u:%g %T@\\n' | sort; systemctl show --property=ActiveEnterTimestampMonotonic 'matrix-*'")
    };
    // What the first run told the host to do before it stood still, the host does to its end.
    server.sandbox.script("flock --wait 90 /var/lib/homestead true");
    let before = state();
    let ended = Run::start(&inventory, &[wanted.state.command()], None, None).wait(PATIENCE);
    if ended.code != 21 {
        problems.push(format!("the second run did not end with 21\n{}", ended.story("second run", std::time::Instant::now())));
    }
    let after = state();
    let changes = before.lines().zip(after.lines()).filter(|(before, after)| before != after);
    problems.extend(changes.map(|(before, after)| format!("the second run changed something: `{before}` is now `{after}`")));
    problems
}

/// Ends what does not end by itself, once the run is over; waits for what comes back by itself.
pub fn end(server: &Server, fault: Fault) {
    match fault {
        Fault::FullMemory => drop(server.sandbox.script("rm -f /var/lib/homestead/.filler")),
        Fault::FullFolder => drop(server.sandbox.script("rm -f /matrix/synapse/config/.filler")),
        Fault::RegistryDown => drop(server.sandbox.script("systemctl start docker-registry.service; tries=0; until curl --silent --fail http://127.0.0.1:5000/v2/ >/dev/null || [ $tries -gt 100 ]; do tries=$((tries + 1)); sleep 0.1; done")),
        Fault::DockerRestart | Fault::Reboot => wait_for(60, "Docker and its registry", || {
            let script = "docker version >/dev/null 2>&1 && ! systemctl is-active docker.service | grep -q ing && curl --silent --fail http://127.0.0.1:5000/v2/";
            server.sandbox.exec(script, b"").status.success().then_some(())
        }),
        // Of one that was healthy before: the run left it as it was, and somebody must help it. Docker asks a container that
        // stood still for its health no more.
        Fault::Hang => drop(server.sandbox.script(
            "for name in $(docker ps --filter status=paused --format '{{.Names}}'); do
               docker unpause \"$name\"; systemctl restart \"$name.service\"; tries=0
               until docker inspect --format '{{.State.Health.Status}}' \"$name\" | grep -qx healthy || [ $tries -gt 300 ]; do tries=$((tries + 1)); sleep 0.2; done
               sleep 3
             done",
        )),
        _ => {}
    }
}
