"""Does a rule fire as often as it used to? A Shewhart control chart for proportions (p chart) over days, pure arithmetic.

A day has `calls` and, of these, `fired` in which the rule spoke. Over the days of the past the share is p = sum(fired) / sum(calls); a day
with n calls varies by s = sqrt(p (1 - p) / n) around it, and a day outside p +- 3 s is out of control (NIST/SEMATECH e-Handbook of
Statistical Methods, section 6.3.3.2 "Proportions Control Charts").

Two things are different here, so that an alarm is rare enough to be read:

* Real days vary more than a binomial law says (weekends, clinics, charts that are opened again and again), and with thousands of calls
  the limits would be narrower than any real day. So s is multiplied by sigma_z, the day-to-day variation of z = (fired/n - p) / s measured
  by its mean moving range / 1.128, never less than 1 (D. B. Laney, "Improved Control Charts for Attributes", Quality Engineering 14(4),
  2002).
* The normal law is poor when few are expected. The upper limit is that of a rule which is expected `FEW` times a day at the least; a rule
  that is expected so seldom that its lower limit is not above 0 cannot be found silent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

__all__ = ["FEW", "LEAST_DAYS", "Day", "Verdict", "judge"]

LEAST_DAYS = 14  # days with calls before anything is judged
FEW = 5.0
WIDTH = 3.0
MOVING_RANGE = 1.128  # mean moving range of two normal values, in standard deviations (d2 for n = 2)


@dataclass(frozen=True, slots=True)
class Day:
    """Calls that could have made a rule speak, and in how many it did."""

    calls: int
    fired: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` of one day; how often the rule was expected to fire on it, and between which limits."""

    state: Literal["learning", "steady", "high", "low"]
    expected: float = 0.0
    lower: float = 0.0
    upper: float = math.inf


def judge(past: Sequence[Day], day: Day) -> Verdict:
    """Compare one day with those before it, the oldest first. Days without calls say nothing and count for nothing."""
    known = [one for one in past if one.calls > 0]
    if len(known) < LEAST_DAYS or day.calls <= 0:
        return Verdict("learning")
    share = min(1.0, sum(one.fired for one in known) / sum(one.calls for one in known))
    spread = _spread(known, share)
    n = day.calls
    expected = share * n
    lower = max(0.0, expected - WIDTH * spread * math.sqrt(expected * (1 - share)))
    floor = min(max(expected, FEW), n)
    upper = min(n, floor + WIDTH * spread * math.sqrt(floor * (1 - floor / n)))
    if day.fired > upper:
        return Verdict("high", expected, lower, upper)
    return Verdict("low" if day.fired < lower else "steady", expected, lower, upper)


def _spread(days: Sequence[Day], share: float) -> float:
    """Laney's sigma_z, at least 1."""
    if not 0 < share < 1:
        return 1.0
    z = [(one.fired / one.calls - share) / math.sqrt(share * (1 - share) / one.calls) for one in days]
    ranges = [abs(later - earlier) for earlier, later in pairwise(z)]
    return max(1.0, sum(ranges) / len(ranges) / MOVING_RANGE)
