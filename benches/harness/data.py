"""Data sets, each made once and kept in the cache."""

import os
import subprocess

from .contest import say


def data_set(options, shape="lines", records=1_000_000, users=200_000, files=4):
    """The folder of a data set."""
    folder = os.path.join(options.cache, "data", f"{shape}-{records}-{users}-{files}")
    if not os.path.exists(os.path.join(folder, "complete")):
        say(f"making {records:,} records ({shape}, {users:,} users)")
        subprocess.run(
            [os.path.join(options.root, "dev", "bench-data"), folder, "--shape", shape, "--records", str(records), "--users", str(users),
             "--files", str(files)],
            check=True,
        )
        open(os.path.join(folder, "complete"), "w").close()
    return folder


def files_of(folder):
    """The data's files."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".jsonl")]


def warm(folder):
    """Reads the files once, so that the disk is not what is measured."""
    for path in files_of(folder):
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
