"""What the job came to: read from what an engine prints, and compared with what DuckDB says."""

import json
import math
from collections import Counter


def printed(output):
    """The answer of a peer: one JSON object in its last line that is one, with a list of rows a result."""
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            return {name: [tuple(row) for row in rows] for name, rows in json.loads(line).items()}
    raise ValueError("it printed no answer")


def changes(output):
    """The answer of flowctl, which prints each change of each sink as a line of JSON."""
    rows = Counter()
    for line in output.splitlines():
        if line.startswith("{"):
            change = json.loads(line)
            rows[change["sink"], tuple(change["row"].values())] += change["diff"]
    answer = {}
    for (sink, row), count in rows.items():
        if count < 0:
            raise ValueError(f"{sink}: {row} was taken back without having been there")
        answer.setdefault(sink, []).extend([row] * count)
    return answer


def difference(found, expected):
    """What is not as expected, in words; none if all is. Floats may differ by 1e-9 of their size."""
    for name, rows in expected.items():
        mine, theirs = ordered(found.get(name, [])), ordered(rows)
        if len(mine) != len(theirs):
            return f"{name}: {len(mine)} rows, not {len(theirs)}"
        for one, other in zip(mine, theirs):
            if len(one) != len(other) or not all(map(equal, one, other)):
                return f"{name}: {list(one)}, not {list(other)}"
    return None


def ordered(rows):
    """The rows in an order that does not depend on rounding."""
    return sorted(map(tuple, rows), key=lambda row: [str(value) for value in row if not isinstance(value, float)])


def equal(one, other):
    """Whether two values are the same; integers exactly."""
    if isinstance(one, float) or isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return one == other
