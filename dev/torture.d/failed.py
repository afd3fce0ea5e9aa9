"""What ends a torture run as failed."""

import pathlib


class Failed(Exception):
    """A promise that was not kept, or something that does not answer in time."""


def tail(path, count=20):
    """The last lines of a log."""
    lines = pathlib.Path(path).read_text(encoding="utf-8", errors="replace").splitlines() if pathlib.Path(path).exists() else []
    return "\n".join(lines[-count:])
