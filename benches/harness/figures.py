"""Medians, spreads and ratios of samples, as rows of a table."""

from statistics import median


def spread(values, form="{:.2f}"):
    """The median, with the least and the greatest behind it."""
    if not values:
        return "–"
    middle = form.format(median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))}–{form.format(max(values))})"


def of(samples, case, peer, size):
    """The samples of one cell, by round."""
    return {sample.round: sample for sample in samples if (sample.case, sample.peer, sample.size) == (case, peer, size)}


def further(samples, case, peer):
    """CPU seconds for each further million records, by round: start-up costs are not in it."""
    small, large = of(samples, case, peer, "small"), of(samples, case, peer, "large")
    return {
        number: (large[number].cpu - small[number].cpu) / (large[number].records - small[number].records) * 1e6
        for number in large.keys() & small.keys()
    }


def ratios(theirs, ours):
    """The ratio in each round in which both ran."""
    return [theirs[number] / ours[number] for number in theirs.keys() & ours.keys() if ours[number] > 0]


def rows(samples, cases, peers, base):
    """A row for each case and peer: what a million records cost, and how much that is compared with `base`."""
    table = []
    for case in cases:
        ours = {number: sample.cpu for number, sample in of(samples, case, base, "large").items()}
        ours_further = further(samples, case, base)
        for peer in peers:
            if peer.missing:
                table.append([case, peer.name, f"missing: {peer.missing}"] + ["–"] * 6)
                continue
            large = of(samples, case, peer.name, "large")
            if not large:
                continue
            runs = list(large.values())
            whole = {number: sample.cpu for number, sample in large.items()}
            more = further(samples, case, peer.name)
            table.append([
                case,
                peer.name,
                spread([run.cpu / run.records * 1e6 for run in runs], "{:.3f}"),
                spread(list(more.values()), "{:.3f}"),
                spread([run.wall for run in runs]),
                f"{median(run.records / run.wall for run in runs) / 1e6:.2f}",
                f"{max(run.memory for run in runs) / 1e6:.0f}",
                spread(ratios(whole, ours)),
                spread(ratios(more, ours_further)),
            ])
    return table


HEADLINES = ["work", "engine", "CPU-s per M records, whole run", "CPU-s per further M", "wall s", "M records/s", "peak MB",
             "CPU ÷ flowctl's, whole run", "CPU ÷ flowctl's, per further M"]
