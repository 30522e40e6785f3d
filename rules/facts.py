"""Facts: what a patient's resources say, typed, with the resource each one came from.

Extraction (`rules.extract`) is the only producer; patterns (`rules.patterns`) are the only reader.
Nothing here knows HTTP, a clock or a file. Presence has three values and missing is never normal:
see `rules/pathways/README.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from rules.fhir_date import FhirDate
from rules.quantity import Quantity

__all__ = [
    "NEVER",
    "STATUS_REASON",
    "UNREADABLE",
    "Allergy",
    "Condition",
    "Event",
    "Medication",
    "Observation",
    "Origin",
    "Person",
    "Presence",
    "Record",
    "Relative",
    "Unmapped",
]


class Presence(StrEnum):
    """Three-valued truth: `unknown` is never treated as `absent`."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """Where a resource stood in the request.

    `record`: prefetch or FHIR server. `draft`: the resources this hook asks about (order-select:
    those named by `selections`; order-sign: every draft order; appointment-book: the appointments;
    problem-list-item-create: the new conditions, which count like all others).
    `planned`: other unsigned drafts of the same call; they count like current therapy.
    """

    RECORD = "record"
    DRAFT = "draft"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Person:
    """The Patient resource: `gender` is the FHIR administrative gender or None."""

    ref: str
    birth: FhirDate | None = None
    gender: str | None = None
    deceased: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A Condition. `clinical` and `verification` are the FHIR codes, None when the element is missing, "unreadable" when it is there
    and cannot be understood (so for every status of this module): such a resource is neither present nor absent.

    `onset` is onset[x] as a date (onsetAge is added to the birth date); `recorded` is recordedDate, `changed` meta.lastUpdated.
    `abated` is true when any abatement[x] is present; `abatement` its date when it has one. `disputed` are the diseases between
    which the codings of `code` disagree; `concepts` then holds what stands above them all instead.
    """

    ref: str
    concepts: frozenset[str]
    clinical: str | None = None
    verification: str | None = None
    onset: FhirDate | None = None
    recorded: FhirDate | None = None
    abated: bool = False
    abatement: FhirDate | None = None
    severity: frozenset[str] = frozenset()
    body_sites: frozenset[str] = frozenset()
    origin: Origin = Origin.RECORD
    disputed: frozenset[str] = frozenset()
    changed: FhirDate | None = None


STATUS_REASON = "status-reason"
"""Tag of an order that states why it has its status (extension request-statusReason)."""
NEVER = frozenset({"refuted", "entered-in-error"})
"""Verification statuses with which a Condition or an AllergyIntolerance says nothing."""
UNREADABLE = "unreadable"
"""A status or intent that is none of the codes of its type."""
NEVER_GIVEN = frozenset({"cancelled", "declined", "draft", "not-done", "not-taken", "preparation"})
"""Statuses of medication resources in which no dose was given; `cancelled` is "withdrawn before any administrations have occurred"
(https://hl7.org/fhir/R4/codesystem-medicationrequest-status.html)."""


@dataclass(frozen=True, slots=True)
class Medication:
    """One medication resource: MedicationRequest, MedicationStatement, MedicationAdministration, MedicationDispense,
    or a draft ServiceRequest or ImmunizationRecommendation that carries a drug or vaccine code.

    `kind` is the FHIR resource type. `route` is one of oral, iv, im, sc, intrathecal, inhaled, nasal, topical, eye, ear, rectal,
    vaginal, injection, irrigation, other, or None when nothing says. `start` is the first day of therapy (effective start, else
    timing bounds start, else authoredOn), `end` the last. `mg_per_day` comes from structured dosageInstruction only (as needed:
    from maxDosePerPeriod only; steps of a taper: the highest), `mg_per_kg_day` when the dose is written per kilogram.
    `dosing_days` is on how many days of a week it is taken (7: daily). `days` is the planned length from timing bounds or supply
    times (repeats + 1). `single` is true for a one-off dose, `tapers` for an order whose instructions in sequence lower the daily
    dose step by step (None: a dose is not known). `reasons` are concepts of reasonCode and reasonReference; `has_reason`
    is true when either element exists, recognised or not. `status_reasons` holds `ineffective` and/or `intolerance` when statusReason
    says so, `other` when it says something else. `matched_by_name` marks recognition by text alone.
    """

    ref: str
    kind: str
    concepts: frozenset[str]
    status: str | None = None
    intent: str | None = None
    origin: Origin = Origin.RECORD
    do_not_perform: bool = False
    route: str | None = None
    start: FhirDate | None = None
    end: FhirDate | None = None
    authored: FhirDate | None = None
    mg_per_day: Decimal | None = None
    mg_per_kg_day: Decimal | None = None
    dosing_days: Decimal | None = None
    days: Decimal | None = None
    single: bool = False
    as_needed: bool = False
    tapers: bool | None = False
    reasons: frozenset[str] = frozenset()
    has_reason: bool = False
    status_reasons: frozenset[str] = frozenset()
    prior: str | None = None
    matched_by_name: bool = False

    @property
    def began(self) -> FhirDate | None:
        """When therapy began: its first day, else when it was ordered."""
        return self.start or self.authored

    @property
    def may_be_taken(self) -> bool:
        """May doses of it have been given: on record, not an order not to give it, and with no status that says that none was?"""
        return self.origin is Origin.RECORD and not self.do_not_perform and self.status not in NEVER_GIVEN


@dataclass(frozen=True, slots=True)
class Observation:
    """An Observation or one of its components (components repeat the parent's `ref`, date and status).

    `value` is a UCUM quantity, `truth` a boolean, `answers` the normalised coded answers (positive, negative,
    indeterminate, poor-metaboliser, intermediate-metaboliser, normal-metaboliser, pregnant, not-pregnant, pathogenic,
    likely-pathogenic, vus, yes, no ... and the concept ids of coded values). `interpretation` holds the FHIR
    ObservationInterpretation codes (POS, NEG, A, H, L, N ...). `low` and `high` are the normal reference range.
    `valued` is false when there is neither value, component value nor interpretation (dataAbsentReason alone); true with
    nothing in `value`, `truth`, `answers` and `date` means a value that could not be understood. `date` is a value that is a date.
    A genetics panel's own fact carries the answers of its components (gene symbol and significance together) and the copy number as value.
    """

    ref: str
    concepts: frozenset[str]
    status: str | None = None
    when: FhirDate | None = None
    value: Quantity | None = None
    truth: bool | None = None
    date: FhirDate | None = None
    answers: frozenset[str] = frozenset()
    interpretation: frozenset[str] = frozenset()
    low: Quantity | None = None
    high: Quantity | None = None
    valued: bool = True
    body_sites: frozenset[str] = frozenset()
    focus: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Event:
    """Anything done, planned or kept that is not a drug or a measurement.

    `kind`: procedure, report (DiagnosticReport), imaging (ImagingStudy), immunization, encounter, order
    (ServiceRequest), appointment, plan (CarePlan), goal, device (Device, DeviceUseStatement), flag, communication,
    consent, answer (QuestionnaireResponse item). `tags` hold coded details: goal achievement codes (not-achieved ...),
    answers of questions (yes, no), the priority of an order, and STATUS_REASON
    when it says why it has its status. `reasons` as in Medication.
    `when` of an order is the day it was written, `due` the day for which it is ordered.
    """

    ref: str
    kind: str
    concepts: frozenset[str]
    status: str | None = None
    when: FhirDate | None = None
    end: FhirDate | None = None
    origin: Origin = Origin.RECORD
    do_not_perform: bool = False
    tags: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    has_reason: bool = False
    due: FhirDate | None = None


@dataclass(frozen=True, slots=True)
class Allergy:
    """An AllergyIntolerance; substance and reaction-substance concepts together. `matched_by_name` marks recognition by text alone.

    `severities` are the codes that its reactions state, `reactions` what they manifested as; `reaction_coded` is false when no
    manifestation carries a code, so that nothing can be said about them, `reaction_strange` true when one means nothing to us.
    """

    ref: str
    concepts: frozenset[str]
    clinical: str | None = None
    verification: str | None = None
    when: FhirDate | None = None
    matched_by_name: bool = False
    severities: frozenset[str] = frozenset()
    reactions: frozenset[str] = frozenset()
    reaction_coded: bool = False
    reaction_strange: bool = False

    @property
    def counts(self) -> bool | None:
        """Whether it is active, and neither refuted nor entered in error; None when its clinical status cannot be read."""
        if self.verification in NEVER:
            return False
        return None if self.clinical == UNREADABLE else self.clinical in {None, "active"}


@dataclass(frozen=True, slots=True)
class Relative:
    """One condition of one FamilyMemberHistory; it never satisfies a diagnosis.

    `relations` is what the code of the relationship says: first-degree, maternal-uncle, other-relative; empty when it is missing
    or may mean one relative or another (uncle, nephew).
    """

    ref: str
    concepts: frozenset[str]
    first_degree: bool
    status: str | None = None
    relations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class Unmapped:
    """A code that the record has in a watched chapter and that means nothing to us. `system` is a known URI, `code` has the form of
    its codes, `chapter` is a prefix of watched.csv: nothing of it is about a patient."""

    system: str
    code: str
    chapter: str


@dataclass(frozen=True, slots=True)
class Record:
    """Everything known about one patient at one moment.

    `unread` maps a FHIR resource type whose data could not be had completely to the reason, in words for a clinician;
    for those types absence cannot be concluded. `lost` has the type of each order, appointment or new problem of the call that could not be
    understood; nothing else is known of it. `as_of` is the request's clock (aware, UTC).
    """

    as_of: datetime
    hook: str
    person: Person | None = None
    conditions: tuple[Condition, ...] = ()
    medications: tuple[Medication, ...] = ()
    observations: tuple[Observation, ...] = ()
    events: tuple[Event, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    relatives: tuple[Relative, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()
