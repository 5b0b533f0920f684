#!/usr/bin/python3
"""Stands in for the official image's entry point: `run` becomes Synapse, with the arguments as they are."""
import os
import sys


def main() -> None:
    arguments = sys.argv[1:] or ["run"]
    mode, rest = arguments[0], arguments[1:]
    if mode != "run":
        sys.exit(f"start.py of the sandbox knows `run` only, not `{mode}`")
    module = os.environ.get("SYNAPSE_WORKER", "synapse.app.homeserver")
    if rest[:1] == ["-m"]:
        module, rest = rest[1], rest[2:]
    if not any(argument in ("-c", "--config-path") for argument in rest):
        rest = ["--config-path", os.environ.get("SYNAPSE_CONFIG_PATH", "/data/homeserver.yaml"), *rest]
    # Cache autotuning reads jemalloc's statistics.
    os.environ.setdefault("LD_PRELOAD", "libjemalloc.so.2")
    os.execv(sys.executable, [sys.executable, "-m", module, *rest])


main()
