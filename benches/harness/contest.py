"""Rounds in which engines run the same work one after the other, each round in another order."""

import sys
import tempfile
from dataclasses import dataclass, field
from typing import Callable

from . import answer, measure

# How often a run that others disturbed is done again.
AGAIN = 3


@dataclass
class Case:
    """Work: a name, how many records, and what peers need to know of it."""

    name: str
    records: int
    size: str
    facts: dict
    expected: dict = field(default=None, repr=False)


@dataclass
class Peer:
    """An engine: `command` makes its command and environment out of a case and a fresh folder, `read` its answer out of its output, none if
    the job is not what it does."""

    name: str
    command: Callable
    read: Callable = answer.printed
    missing: str = None
    takes: Callable = lambda case: True
    look: Callable = None

    def answer(self, case, output):
        """What a run came to: what it printed, or what `look` finds where it wrote."""
        return self.look(case, output) if self.look else self.read(output)


@dataclass
class Sample:
    """A run that counts."""

    case: str
    size: str
    records: int
    peer: str
    round: int
    cpu: float
    wall: float
    memory: int
    beside: float
    noisy: bool


def hold(cases, peers, rounds, allow_noise, beside=()):
    """All rounds. The samples, and a line for each run that was refused."""
    samples, refused = [], []
    peers = [peer for peer in peers if not peer.missing]
    for number in range(rounds):
        for case in cases:
            turn = number % max(len(peers), 1)
            for peer in peers[turn:] + peers[:turn]:
                if not peer.takes(case):
                    continue
                found, why = once(case, peer, allow_noise, beside)
                say(f"round {number + 1}  {case.name:<12} {case.size:<5} {peer.name:<38} {why or shown(found)}")
                if why:
                    refused.append(f"round {number + 1}, {case.name}, {case.records:,} records, {peer.name}: {why}")
                    continue
                samples.append(
                    Sample(case.name, case.size, case.records, peer.name, number, found.cpu, found.wall, found.memory,
                           found.beside, found.noisy)
                )
    return samples, refused


def once(case, peer, allow_noise, beside):
    """One run that was not disturbed, and why it does not count, if it does not."""
    for _ in range(AGAIN):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            command, environment = peer.command(case, folder)
            found = measure.run(command, environment, beside)
        if found.code != 0:
            return found, f"exit code {found.code}: {' '.join(found.errors.split())[-300:]}"
        try:
            answered = peer.answer(case, found.output)
            why = answer.difference(answered, case.expected) if None not in (answered, case.expected) else None
        except (ValueError, KeyError) as error:
            why = str(error)
        if why:
            return found, f"another answer: {why}"
        if allow_noise or not found.noisy:
            return found, None
        say(f"         again: others had {found.foreign:.0%} of the machine, {found.steal:.0%} were stolen")
    return found, f"disturbed {AGAIN} times: others had {found.foreign:.0%} of the machine"


def shown(found):
    """A run in a few words."""
    return f"CPU {found.cpu:7.3f} s  wall {found.wall:7.3f} s  {found.memory / 1e6:6.0f} MB{'  (disturbed)' if found.noisy else ''}"


def say(line):
    """Tells whoever waits."""
    print(line, file=sys.stderr, flush=True)
