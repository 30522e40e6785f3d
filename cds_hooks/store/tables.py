"""What is kept. Patients and users appear as keyed hashes only; moments are ISO 8601 texts in UTC, which sort as they are."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, text

__all__ = [
    "ANSWERED",
    "HEAD",
    "METADATA",
    "audit",
    "calls",
    "card_shown",
    "deployment",
    "feedback",
    "firing",
    "suppression",
    "token_seen",
    "unmapped",
    "unsaid",
]

HEAD = "0007"
METADATA = MetaData()
MOMENT = String(32)
ANSWERED = text("answered = 1")

# Values made once for a deployment, such as the key of the hashes.
deployment = Table("deployment", METADATA, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))

# Cards that were sent, so that feedback can be counted for the rules that spoke.
card_shown = Table(
    "card_shown",
    METADATA,
    Column("uuid", String(36), primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("service", String(80), nullable=False),
    Column("instance", String(36), nullable=False),
    Column("caller", String(200), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("user", String(64), nullable=False),
    Column("indicator", String(10), nullable=False),
    Column("rules", Text, nullable=False),  # JSON: [["rule-id", "version"], ...]
    Column("suggestions", Text, nullable=False),  # JSON: ["uuid", ...]
    Column("knowledge", String(40), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("gaps", String(64), nullable=False, server_default=""),  # hash of what no rule could check, when this card told it
    Column("answered", Integer, nullable=False, server_default="0"),  # 1: there is feedback on it (`store.answered`)
    Index("card_shown_whose", "patient", "user", sqlite_where=ANSWERED, postgresql_where=ANSWERED),
    Index("card_shown_at", "at"),
)

# What users did with cards; `digest` makes a repeated report one row.
feedback = Table(
    "feedback",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("received", MOMENT, nullable=False),
    Column("service", String(80), nullable=False),
    Column("caller", String(200), nullable=False),
    Column("card", String(36), nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("outcome_at", MOMENT, nullable=False),
    Column("accepted", Text, nullable=False),  # JSON: ["suggestion uuid", ...]
    Column("reason_system", Text),
    Column("reason_code", Text),
    Column("comment", Text),
    Index("feedback_card", "card"),
    Index("feedback_received", "received"),
)

# Cards that a user dismissed for a patient: how often they were held back since, and from when on they may come again.
suppression = Table(
    "suppression",
    METADATA,
    Column("caller", String(200), primary_key=True),
    Column("patient", String(64), primary_key=True),
    Column("user", String(64), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("held_back", Integer, nullable=False),
    Column("last", MOMENT, nullable=False),
    Column("lifted", MOMENT),
    Index("suppression_last", "last"),
)

# How often each rule spoke, by day.
firing = Table(
    "firing",
    METADATA,
    Column("day", String(10), primary_key=True),
    Column("rule", String(120), primary_key=True),
    Column("version", String(40), primary_key=True),
    Column("service", String(80), primary_key=True),
    Column("indicator", String(10), primary_key=True),
    Column("count", Integer, nullable=False),
)

# How many calls were answered, by day: what firings are a share of.
calls = Table(
    "calls",
    METADATA,
    Column("day", String(10), primary_key=True),
    Column("service", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
)

# Who asked about whom and what came out, refused calls of known callers included; no clinical content.
audit = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", MOMENT, nullable=False),
    Column("service", String(80), nullable=False),
    Column("instance", String(36), nullable=False),  # "" when a refused call was not read so far; so are patient and user
    Column("caller", String(200), nullable=False),
    Column("patient", String(64), nullable=False),
    Column("user", String(64), nullable=False),
    Column("outcome", String(12), nullable=False, server_default="answered"),  # answered, not-checked (the rules failed) or refused
    Column("status", Integer, nullable=False, server_default="200"),  # HTTP
    Column("number", String(12), nullable=False, server_default=""),  # of the error, such as NMCDS-110
    Column("knowledge", String(40), nullable=False),
    Column("rules", Text, nullable=False),
    Column("cards", Integer, nullable=False),
    Column("suppressed", Integer, nullable=False),
    Column("unread", Text, nullable=False),  # JSON: ["MedicationRequest", ...]
    Column("ms", Integer, nullable=False),
    Index("audit_at", "at"),
    Index("audit_patient", "patient", "at"),
)

# Codes of watched chapters that mean nothing to us, by day. No display, no patient, no caller: nothing but the code.
unmapped = Table(
    "unmapped",
    METADATA,
    Column("day", String(10), primary_key=True),
    Column("system", String(80), primary_key=True),
    Column("code", String(20), primary_key=True),
    Column("chapter", String(10), nullable=False),
    Column("count", Integer, nullable=False),
)

# What answers left unsaid, by day (`store.unsaid`): held (name is a rule), unsure (a rule), missing (a datum).
unsaid = Table(
    "unsaid",
    METADATA,
    Column("day", String(10), primary_key=True),
    Column("service", String(80), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("count", Integer, nullable=False),
)

# Tokens that were used (`store.tokens`): `digest` stands for issuer and jti; `until` is when the token expires and the row may go.
token_seen = Table(
    "token_seen",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("until", MOMENT, nullable=False),
    Index("token_seen_until", "until"),
)
