"""flowctl as one of the peers: its binary, its command, its version."""

import os
import subprocess

from . import answer
from .contest import Peer, say


def binary(options):
    """The binary that is measured; built if none was named."""
    if options.flowctl:
        return os.path.abspath(options.flowctl)
    say("building flowctl")
    subprocess.run(["cargo", "build", "--release", "--manifest-path", os.path.join(options.root, "Cargo.toml")], check=True)
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(options.root, "target")
    return os.path.join(target, "release", "flowctl")


def version(options):
    """The version, and the commit that the measured tree stands at if it was built for this."""
    said = subprocess.run([binary_of(options), "--version"], capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(["git", "-C", options.root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    if options.flowctl:
        commit = "a binary that was named"
    return f"{said} ({commit}): checkpoints, journal, digests and dead letters on"


def binary_of(options):
    """The binary, found once."""
    if not hasattr(options, "binary"):
        options.binary = binary(options)
    return options.binary


def pipeline(options, name):
    """A pipeline of the benchmark, or one at a path."""
    return name if os.path.isabs(name) else os.path.join(options.root, "benches", "pipelines", name + ".yaml")


def peer(options, workers, environment, name=None, takes=lambda case: True, flags=()):
    """flowctl with so many workers; the pipeline is the case's, `environment` makes the variables out of the case."""
    def command(case, folder):
        run = [binary_of(options), "run", pipeline(options, case.facts["pipeline"]), "-w", workers, "--output", "json",
               "--state", os.path.join(folder, "state"), *flags]
        return run, environment(case)

    return Peer(name or f"flowctl -w {workers}", command, answer.changes, takes=takes)
