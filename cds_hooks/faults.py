"""What can go wrong with a FHIR server: a closed set, each with the words that a card's `notChecked` shows a clinician.

The name in lower case is the `kind` of the metric nmcds_fhir_faults. Nothing here holds what was sent or received.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["NOT_SENT", "Fault", "RefusedError"]

NOT_SENT = "not sent with the request, and no FHIR server could be asked"


class Fault(Enum):
    """Why data of a FHIR server are unknown. Two faults may show the same words: a clinician can do the same about both."""

    TIMEOUT = "the FHIR server did not answer in time"
    CONNECTION = "the FHIR server could not be read"
    SERVER_ERROR = "the FHIR server reported an error"
    OVERLOADED = "the FHIR server is overloaded"
    DENIED = "the FHIR server refused access"
    NOT_FOUND = "the FHIR server did not find what was asked for"
    REJECTED = "the FHIR server did not accept the question"
    REDIRECT = "the FHIR server pointed to another place"
    ELSEWHERE = "the FHIR server pointed to another server"
    NOT_FHIR = "the FHIR server answered with something other than FHIR JSON"
    NOT_RESULT = "the FHIR server answered with something other than a search result"
    TOO_MUCH = "the FHIR server has more data than this service reads"
    ADDRESS = "the FHIR server is not one that this service may call"
    CIRCUIT_OPEN = "the FHIR server did not answer lately"
    BUSY = "too many questions to FHIR servers are waiting"

    @property
    def kind(self) -> str:
        """The name as a metric label."""
        return self.name.lower().replace("_", "-")

    @property
    def says_down(self) -> bool:
        """Whether it speaks for a server that is down: no answer in time, no connection, or 5xx. Never 4xx."""
        return self in (Fault.TIMEOUT, Fault.CONNECTION, Fault.SERVER_ERROR)


class RefusedError(Exception):
    """Not allowed or not possible; `reason` is in words for a clinician and holds nothing that was sent."""

    def __init__(self, fault: Fault | str) -> None:
        self.fault = fault if isinstance(fault, Fault) else Fault.ADDRESS
        self.reason = fault.value if isinstance(fault, Fault) else fault
        super().__init__(self.reason)
