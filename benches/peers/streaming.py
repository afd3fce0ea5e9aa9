"""The engines that read topics, each as its documentation says it is fastest for this job; see `benches/RESULTS.md` for settings."""

import os
import subprocess

from harness import cache
from harness.contest import Peer

OPENS = ["--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"]


def place(options, *names):
    """A file of `benches/peers`."""
    return os.path.join(options.root, "benches", "peers", *names)


def library(options, package, *names):
    """A folder of an installed Python package."""
    folder = os.path.join(options.cache, "venv", "lib")
    for version in os.listdir(folder):
        path = os.path.join(folder, version, "site-packages", package, *names)
        if os.path.exists(path):
            return path
    return ""


def flink_classes(options):
    """The class path of Flink and its jobs, compiled; and what is missing."""
    _, missing = cache.python(options, "apache-flink-libraries")
    connector, no_connector = cache.jars(options, "flink")
    if missing or no_connector:
        return "", missing or no_connector
    classes = os.path.join(options.cache, "flink-classes")
    path = os.pathsep.join([classes, os.path.join(library(options, "pyflink", "lib"), "*"), os.path.join(connector, "*")])
    sources = [place(options, "flink", name) for name in os.listdir(place(options, "flink")) if name.endswith(".java")]
    return path, cache.logged(options, "flink-jobs", ["javac", "-d", classes, "-cp", path, *sources])


def flink(options, main, arguments, **more):
    """Flink SQL in its own small cluster in one process."""
    path, missing = flink_classes(options)

    def command(case, _):
        return ["java", *OPENS, "-Xms2g", "-Xmx4g", "-cp", path, main, *arguments(case)], {}

    return Peer("flink SQL", command, missing=missing, **more)


def spark(options, arguments):
    """Spark as a batch, by spark-submit, so that its JVM is measured from its start."""
    python, missing = cache.python(options, "pyspark")
    folder, no_jars = cache.jars(options, "spark")
    missing = missing or no_jars

    def command(case, scratch):
        jars = ",".join(sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".jar")))
        submit = [os.path.join(os.path.dirname(python), "spark-submit"), "--master", "local[2]", "--driver-memory", "4g", "--jars", jars]
        for setting in ("spark.ui.enabled=false", "spark.sql.shuffle.partitions=2", f"spark.local.dir={scratch}"):
            submit += ["--conf", setting]
        return submit + [place(options, "spark", "sums_job.py"), *arguments(case)], {"PYSPARK_PYTHON": python}

    return Peer("spark, batch", command, missing=missing)


def pathway(options, script, arguments, **more):
    """Pathway with two threads."""
    python, missing = cache.python(options, "pathway")

    def command(case, _):
        return [python, place(options, script), *arguments(case)], {"PATHWAY_THREADS": "2"}

    return Peer("pathway", command, missing=missing, **more)


def java_version():
    """The version of Java that runs them."""
    try:
        return subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.split('"')[1]
    except (OSError, IndexError):
        return "missing"
