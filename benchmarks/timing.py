"""What all benchmarks share: calls timed in turn, and rows of a table that judge themselves."""

import math
import statistics
import time
from dataclasses import dataclass, field

#: Seconds a turn of a call takes at least.
LEAST = 0.02


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of RESULTS.md: seconds of every repeat, ours and a rival's taken in turn.

    ``target`` and ``reached`` belong together; ``note`` says what was compared, or what bounds it.
    """

    what: str
    ours: list[float]
    rival: str = ""
    theirs: list[float] = field(default_factory=list)
    target: str = ""
    reached: bool | None = None
    note: str = ""

    @property
    def ratios(self):
        """Theirs over ours, repeat by repeat."""
        return [other / own for own, other in zip(self.ours, self.theirs, strict=False)]

    @property
    def ratio(self):
        """Median of theirs over median of ours."""
        return statistics.median(self.theirs) / statistics.median(self.ours)

    def cells(self):
        """The cells of the line."""
        ratio = ""
        if self.theirs:
            low, high = min(self.ratios), max(self.ratios)
            ratio = f"{digits(self.ratio)} ({digits(low)}–{digits(high)})"
        verdict = {None: "", True: "reached", False: "**not reached**"}[self.reached]
        target = f"{self.target}: {verdict}" if self.target else ""
        return [self.what, spread(self.ours), self.rival, spread(self.theirs), ratio, target,
                self.note]  # fmt: skip


HEAD = ("what", "ours, ms", "rival", "rival, ms", "rival / ours", "target", "note")


def table(rows):
    """Rows as a Markdown table."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def digits(x):
    """Three significant digits without an exponent."""
    return f"{x:,.0f}" if x >= 100 else f"{x:#.3g}".removesuffix(".")


def spread(taken):
    """Median (lowest–highest) in milliseconds."""
    if not taken:
        return ""
    median, low, high = (
        digits(1000 * x) for x in (statistics.median(taken), min(taken), max(taken))
    )
    return f"{median} ({low}–{high})"


def beside(*calls, repeats=7):
    """Seconds of every repeat of each call, in turn, so that all meet the same machine.

    A short call is repeated within its turn, since what ran before has emptied the caches.
    """
    times = []
    for call in calls:
        for _ in range(2):  # the first one has imports, caches and compilers
            start = time.perf_counter()
            call()
            took = time.perf_counter() - start
            if took > 1:
                break
        times.append(math.ceil(LEAST / took))
    taken = [[] for _ in calls]
    for _ in range(repeats):
        for place, call in enumerate(calls):
            start = time.perf_counter()
            for _ in range(times[place]):
                call()
            taken[place].append((time.perf_counter() - start) / times[place])
    return taken


def row(what, calls, *, rival="", repeats=7, **rest):
    """Time one or two calls and make their row."""
    ours, *theirs = beside(*calls, repeats=repeats)
    return Row(what=what, ours=ours, rival=rival, theirs=theirs[0] if theirs else [], **rest)
