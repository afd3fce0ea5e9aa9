"""Writes `benches/RESULTS.md`: one section a suite, each replaced as a whole when its suite has run."""

import datetime
import os
import platform
import re

HEAD = """# Results

Written by `dev/bench`; CONTRIBUTING.md says how to run it. Figures are medians over rounds, with the least and the greatest in brackets. CPU is user
and system time of an engine's whole process tree; a broker or a database beside it is not in it. All engines read the same bytes, one after the other
in each round, in another order in each. A run counts only if its answer is DuckDB's, and if nobody else had more than 5 % of the machine.
*Whole run* has start-up in it; *per further M* is the difference between two sizes, so it has not.
"""


def machine():
    """What kind of machine this is, without its name."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({model}, {platform.machine()}), {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"


def table(headlines, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(headlines) + " |", "|" + "---|" * len(headlines)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def section(title, command, versions, parts, refused, noisy):
    """A suite's section: when, where, with what, how; its tables; what did not count."""
    lines = [f"## {title}", "", f"{datetime.date.today()}, {machine()}. `{command}`", ""]
    if noisy:
        lines += ["**Measured while others used the machine too: no more than a first look.**", ""]
    lines += [f"- {line}" for line in versions] + [""]
    for part in parts:
        lines += [part, ""]
    if refused:
        lines += [f"Runs that did not count ({len(refused)}):", ""] + [f"- {line}" for line in refused[:20]] + [""]
    return "\n".join(lines)


def replace(path, name, text):
    """Puts a section in its place."""
    try:
        with open(path) as file:
            whole = file.read()
    except FileNotFoundError:
        whole = HEAD
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    block = begin + text.rstrip() + "\n" + end
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    whole = pattern.sub(lambda _: block, whole) if pattern.search(whole) else whole.rstrip() + "\n\n" + block
    with open(path, "w") as file:
        file.write(whole)
