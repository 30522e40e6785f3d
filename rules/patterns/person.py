"""Age, sex, death and the hook: conditions that no code triggers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.facts import Presence
from rules.fhir_date import Duration
from rules.findings import NotChecked
from rules.patterns.base import ABSENT, Context, PatternError, Support, Truth, Verdict, both, from_bool, negate
from rules.patterns.index import RecordIndex
from rules.patterns.when import duration

__all__ = ["age", "deceased", "hook", "region", "sex"]

REGIONS = ("US", "JP", "EU", "UK")
HOOKS = (
    "patient-view", "order-select", "order-sign", "encounter-start", "encounter-discharge", "problem-list-item-create", "appointment-book",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Age:
    """`age_from` <= age < `age_below` at the moment of the hook; a partial birth date that straddles a limit is unknown."""

    low: Duration | None
    high: Duration | None
    triggers: None = None
    reads: tuple[str, ...] = ("Patient",)

    def quiet(self, index: RecordIndex) -> Verdict:
        """Same as match."""
        return self.match(index)

    def match(self, index: RecordIndex) -> Verdict:
        """Compare the birth date with the limits."""
        person = index.record.person
        if person is None or person.birth is None:
            return Verdict(Presence.UNKNOWN, missing=(NotChecked("age", "birth date not in the record", "Patient"),))
        old_enough: Truth = self.low is None or index.reached(person.birth, self.low)
        young_enough: Truth = self.high is None or negate(index.reached(person.birth, self.high))
        truth = both((old_enough, young_enough))
        if truth is None:
            return Verdict(Presence.UNKNOWN, missing=(NotChecked("age", "birth date not precise enough", "Patient"),))
        if not truth:
            return ABSENT
        if "age" not in index.same:
            index.same["age"] = Verdict(Presence.PRESENT, (Support("age", person.ref, person.birth.text),))
        return index.same["age"]


def age(context: Context, table: Mapping[str, object]) -> Age:
    """Build an age band; raises PatternError."""
    low = duration(context, table["age_from"]) if "age_from" in table else None
    high = duration(context, table["age_below"]) if "age_below" in table else None
    return Age(low, high)


@dataclass(frozen=True, slots=True)
class Simple:
    """A condition on the patient or the call alone."""

    kind: str
    wanted: frozenset[str]
    triggers: None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """Patient, or nothing."""
        return () if self.kind == "hook" else ("Patient",)

    def quiet(self, index: RecordIndex) -> Verdict:
        """Same as match."""
        return self.match(index)

    def match(self, index: RecordIndex) -> Verdict:
        """Compare."""
        record = index.record
        if self.kind == "hook":
            return Verdict(from_bool(record.hook in self.wanted))
        if self.kind == "deceased":
            return Verdict(from_bool(bool(record.person and record.person.deceased)))
        gender = record.person.gender if record.person else None
        if gender not in {"male", "female"}:
            return Verdict(Presence.UNKNOWN, missing=(NotChecked("sex", "sex not recorded as male or female", "Patient"),))
        if gender not in self.wanted:
            return ABSENT
        return Verdict(Presence.PRESENT, (Support(f"sex:{gender}", record.person.ref if record.person else None),))


def _one_of(table: Mapping[str, object], key: str, allowed: tuple[str, ...]) -> frozenset[str]:
    raw = table[key]
    words = [raw] if isinstance(raw, str) else raw
    if not isinstance(words, list) or not words or any(word not in allowed for word in words):
        raise PatternError(f"{key}: found {raw!r}, expected {', '.join(allowed)}")
    return frozenset(words)


def sex(_context: Context, table: Mapping[str, object]) -> Simple:
    """Administrative gender female or male; anything else is unknown."""
    return Simple("sex", _one_of(table, "sex", ("female", "male")))


def hook(_context: Context, table: Mapping[str, object]) -> Simple:
    """The current hook."""
    return Simple("hook", _one_of(table, "hook", HOOKS))


@dataclass(frozen=True, slots=True)
class Region:
    """Where the site is, as its settings say; not set: unknown."""

    region: str
    wanted: frozenset[str]
    triggers: None = None
    reads: tuple[str, ...] = ()

    def quiet(self, index: RecordIndex) -> Verdict:
        """Same as match."""
        return self.match(index)

    def match(self, _index: RecordIndex) -> Verdict:
        """Compare the setting."""
        if not self.region:
            return Verdict(Presence.UNKNOWN, missing=(NotChecked("region", "not set in the site's settings", "Patient"),))
        return Verdict(from_bool(self.region in self.wanted))


def region(context: Context, table: Mapping[str, object]) -> Region:
    """Where the site is: US, JP, EU or UK (setting site.region)."""
    return Region(str(context.setting("@site.region")), _one_of(table, "region", REGIONS))


def deceased(_context: Context, table: Mapping[str, object]) -> Simple:
    """Patient.deceased[x] is true or dated."""
    if table["deceased"] is not True:
        raise PatternError(f"deceased: found {table['deceased']!r}, expected true")
    return Simple("deceased", frozenset())
