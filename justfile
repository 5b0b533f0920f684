# The names that users of matrix-docker-ansible-deploy type; each runs `homestead`. Nothing here is
# needed: `homestead --help` shows the commands themselves. Needs just 1.29 or later.
#
# HOMESTEAD=/usr/local/bin/homestead uses an installed one instead of building from this checkout.

homestead := env("HOMESTEAD", "cargo run --release --quiet --")

# List the recipes
default:
    @{{ just_executable() }} --list --unsorted --justfile {{ quote(justfile()) }}

# Make the inventory of a new server, with fresh credentials: `just init example.com 203.0.113.7`
[positional-arguments]
init domain address *extra_args:
    @{{ homestead }} init "$@"

# The same under its other name
[positional-arguments]
add-inventory-host domain address *extra_args:
    @{{ homestead }} add-inventory-host "$@"

# Find every mistake in the inventory, without touching a host
[positional-arguments]
check *extra_args:
    @{{ homestead }} check "$@"

# Show what install-all would change, and touch nothing
[positional-arguments]
plan *extra_args:
    @{{ homestead }} plan "$@"

# Install or update everything that the inventory declares
[positional-arguments]
install-all *extra_args:
    @{{ homestead }} install-all "$@"

# The same, and remove what the inventory no longer wants
[positional-arguments]
setup-all *extra_args:
    @{{ homestead }} setup-all "$@"

# Install or update one service: `just install-service synapse`
[positional-arguments]
install-service service *extra_args:
    @{{ homestead }} install-service "$@"

# The same under its other name; only setup-all removes things
[positional-arguments]
setup-service service *extra_args:
    @{{ homestead }} setup-service "$@"

# Run the parts that tags name: `just run-tags install-synapse,mas-cli-doctor`
[positional-arguments]
run-tags tags *extra_args:
    @{{ homestead }} run-tags "$@"

# Start every service
[positional-arguments]
start-all *extra_args:
    @{{ homestead }} start-all "$@"

# Stop every service
[positional-arguments]
stop-all *extra_args:
    @{{ homestead }} stop-all "$@"

# Start the services of a group: `just start-group synapse`
[positional-arguments]
start-group group *extra_args:
    @{{ homestead }} start-group "$@"

# Stop the services of a group: `just stop-group synapse`
[positional-arguments]
stop-group group *extra_args:
    @{{ homestead }} stop-group "$@"

# Make the users that the inventory declares
[positional-arguments]
ensure-users-created *extra_args:
    @{{ homestead }} run-tags ensure-matrix-users-created "$@"

# Check from here what users and other servers see
[positional-arguments]
self-check *extra_args:
    @{{ homestead }} self-check "$@"

# Write all databases into a file: `just postgres-backup --out backups/`
[positional-arguments]
postgres-backup *extra_args:
    @{{ homestead }} postgres backup "$@"

# Put the databases of a file in the place of those on the host
[positional-arguments]
postgres-restore file *extra_args:
    @{{ homestead }} postgres restore "$@"

# Give the disk back what deleted rows took; stops what uses Postgres
[positional-arguments]
run-postgres-vacuum *extra_args:
    @{{ homestead }} run-tags run-postgres-vacuum "$@"

# What is typed here stays in the shell's history, and other users of this machine can read it while it
# runs. Leave the password out, or give "" when an answer follows it: then homestead asks.
#
# Make an account: `just register-user alice`, or `just register-user alice "" yes`; asks for the password
register-user username $password="" admin_yes_or_no="no" *extra_args:
    #!/bin/sh
    set -eu
    typed=$password
    unset password
    set -- {{ quote(username) }}
    case {{ quote(admin_yes_or_no) }} in
        yes | true | 1) set -- "$@" --admin ;;
        no | false | 0) ;;
        *) echo 'error: the third argument says whether the user is an administrator: yes or no' >&2; exit 1 ;;
    esac
    if [ -n "$typed" ]; then
        # `printf` is a part of the shell, so the password stands in the arguments of no further process.
        printf '%s\n' "$typed" | {{ homestead }} register-user "$@" --password-stdin {{ extra_args }}
    else
        {{ homestead }} register-user "$@" {{ extra_args }}
    fi

# Install everything on a disposable host, log in, install once more; `--keep` leaves the host running
[positional-arguments]
demo *args:
    @bin/demo "$@"

# Run every test; arguments go to `cargo test`
[positional-arguments]
test *args:
    @bin/test "$@"

# `just faults 150` takes fewer; `just faults rest` goes on with one that was cut off, and runs again what failed.
#
# Disturb runs at every step on two disposable hosts, for an hour and a half; writes docs/reliability.md
faults cases="full":
    HOMESTEAD_FAULTS={{ quote(cases) }} cargo test --test faults

# Measure beside Ansible and pyinfra and on a thousand hosts, and write docs/performance.md anew; `--quick` for one round
[positional-arguments]
bench *args:
    @bin/bench "$@"

# Write docs/variables.md anew from the roles' comments, and docs/events.schema.json from the events
docs:
    cargo run --quiet -- --roles-dir . vars --docs > docs/variables.md.new
    mv docs/variables.md.new docs/variables.md
    cargo run --quiet -- schema --events > docs/events.schema.json.new
    mv docs/events.schema.json.new docs/events.schema.json

# Look at layout and lints
lint:
    cargo fmt --check
    cargo clippy --lib --bins -- --deny warnings
