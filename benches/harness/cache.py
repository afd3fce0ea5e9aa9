"""Installs what is compared with: Python packages into one environment, jars from Maven, and the programs of `benches/limit`."""

import os
import subprocess
import sys

from .contest import say

# Pinned, so that two readers measure the same.
PYTHON = {"duckdb": "2.0.0", "polars": "2.1.0", "pathway": "0.33.0", "apache-flink-libraries": "2.2.1", "pyspark": "4.1.1"}


def logged(options, name, command, **more):
    """Runs an installation with its output in a log. Why it failed, if it did."""
    folder = os.path.join(options.cache, "logs")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name + ".log")
    with open(path, "w") as log:
        try:
            code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **more).returncode
        except FileNotFoundError:
            return f"{command[0]} is not installed"
    return None if code == 0 else f"installing failed, see logs/{name}.log in the cache"


def python(options, *packages):
    """The Python that has the packages, and what is missing."""
    venv = os.path.join(options.cache, "venv")
    binary = os.path.join(venv, "bin", "python")
    if not os.path.exists(binary):
        missing = logged(options, "venv", [sys.executable, "-m", "venv", venv])
        if missing:
            return binary, missing
    for package in packages:
        done = os.path.join(venv, f"{package}-{PYTHON[package]}.installed")
        if os.path.exists(done):
            continue
        say(f"installing {package} {PYTHON[package]}")
        missing = logged(options, package, [binary, "-m", "pip", "install", f"{package}=={PYTHON[package]}"])
        if missing:
            return binary, missing
        open(done, "w").close()
    return binary, None


def jars(options, name):
    """The folder with the jars that `benches/peers/NAME/pom.xml` names, and what is missing."""
    folder = os.path.join(options.cache, "jars", name)
    done = os.path.join(folder, "complete")
    if os.path.exists(done):
        return folder, None
    say(f"fetching the jars of {name}")
    pom = os.path.join(options.root, "benches", "peers", name, "pom.xml")
    command = ["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    missing = logged(options, f"{name}-jars", command)
    if not missing:
        open(done, "w").close()
    return folder, missing


def limit(options):
    """The folder of the hand-written programs, and what is missing."""
    target = os.path.join(options.cache, "limit")
    manifest = os.path.join(options.root, "benches", "limit", "Cargo.toml")
    say("building the hand-written programs")
    missing = logged(options, "limit", ["cargo", "build", "--release", "--locked", "--manifest-path", manifest, "--target-dir", target])
    return os.path.join(target, "release"), missing
