"""Kafka and MariaDB for a suite, from `dev/services`: begun for it, ended behind it."""

import contextlib
import os
import re
import subprocess


@contextlib.contextmanager
def services(options):
    """Both services. Yields where they are, by the names of `dev/services env`, and their process ids."""
    script = os.path.join(options.root, "dev", "services")
    folder = os.path.join(options.cache, "services")
    environment = {**os.environ, "FLOWCTL_SERVICES": folder}
    subprocess.run([script, "down"], env=environment, stderr=subprocess.DEVNULL)
    subprocess.run([script, "up"], env=environment, check=True)
    try:
        said = subprocess.run([script, "env"], env=environment, check=True, capture_output=True, text=True).stdout
        variables = dict(re.findall(r"^export (\w+)=(.*)$", said, re.M))
        pids = []
        for service in ("kafka", "mariadb"):
            with open(os.path.join(folder, service, "pid")) as file:
                pids.append(int(file.read()))
        yield variables, pids
    finally:
        subprocess.run([script, "down"], env=environment, check=False)
