"""Services and their prefetch templates, derived from what the loaded rules read (CDS Hooks, "Discovery")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cds_hooks.body import JsonObject
from cds_hooks.envelope import HOOKS
from cds_hooks.knowledge import Knowledge

__all__ = ["PATIENT_SCOPED", "REQUIRED", "SPECIFICATION", "Service", "discovery", "prefetch_key", "services"]

SPECIFICATION = "2.0.1"
REQUIRED = ("Patient", "Condition")

# FHIR R4 resource types with a search parameter named `patient` (http://hl7.org/fhir/R4/searchparameter-registry.html).
PATIENT_SCOPED = frozenset(
    (
        "AllergyIntolerance", "Appointment", "CarePlan", "CareTeam", "ClinicalImpression", "Communication", "CommunicationRequest",
        "Condition", "Consent", "Coverage", "DetectedIssue", "Device", "DeviceRequest", "DeviceUseStatement", "DiagnosticReport",
        "DocumentReference", "Encounter", "EpisodeOfCare", "FamilyMemberHistory", "Flag", "Goal", "ImagingStudy", "Immunization",
        "ImmunizationRecommendation", "MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement",
        "NutritionOrder", "Observation", "Procedure", "QuestionnaireResponse", "RelatedPerson", "RiskAssessment", "ServiceRequest",
        "Specimen", "Task", "VisionPrescription",
    )
)  # fmt: skip

TITLES = {
    "patient-view": "Neuromuscular decision support when a chart is opened",
    "order-select": "Neuromuscular decision support when an order is selected",
    "order-sign": "Neuromuscular decision support when orders are signed",
    "encounter-start": "Neuromuscular decision support when an encounter starts",
    "encounter-discharge": "Neuromuscular decision support at discharge",
    "problem-list-item-create": "Neuromuscular decision support when a problem is added",
    "appointment-book": "Neuromuscular decision support when an appointment is booked",
}
DESCRIPTION = (
    "Proposes immunosuppressive, analgesic and referral steps for people with neuromuscular disorders, and warns of drugs and steps "
    "that can harm them. Every card names the facts and rules it rests on and what could not be checked. It proposes; a clinician decides."
)
USAGE = (
    "FHIR R4. Needs the patient and all conditions, by prefetch or from the FHIR server; without them the answer is 412. "
    "Works best with every prefetch template satisfied: data that are not given count as unknown, never as absent."
)


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service. `templates` maps prefetch keys to FHIR queries, `types` maps the same keys to the resource type they hold."""

    id: str
    hook: str
    templates: Mapping[str, str]
    types: Mapping[str, str]
    required: tuple[str, ...] = ("patient", "conditions")

    def describe(self) -> JsonObject:
        """The service as the discovery endpoint shows it."""
        return {
            "hook": self.hook,
            "title": TITLES[self.hook],
            "description": DESCRIPTION,
            "id": self.id,
            "prefetch": dict(self.templates),
            "usageRequirements": USAGE,
            "version": SPECIFICATION,
        }


def prefetch_key(resource_type: str) -> str:
    """The prefetch key of a resource type: Condition -> conditions, FamilyMemberHistory -> familyMemberHistories, Patient -> patient."""
    name = resource_type[:1].lower() + resource_type[1:]
    if resource_type == "Patient":
        return name
    if name.endswith("y") and name[-2] not in "aeiou":
        return name[:-1] + "ies"
    return name + "s"


def services(knowledge: Knowledge) -> dict[str, Service]:
    """All services by id, in the order of the hooks."""
    return {service.id: service for service in (_service(hook, knowledge.reads(hook)) for hook in HOOKS)}


def _service(hook: str, reads: tuple[str, ...]) -> Service:
    wanted = [*REQUIRED, *sorted(kind for kind in set(reads) if kind in PATIENT_SCOPED and kind not in REQUIRED)]
    types = {prefetch_key(kind): kind for kind in wanted}
    templates = {
        key: "Patient/{{context.patientId}}" if kind == "Patient" else kind + "?patient={{context.patientId}}"
        for key, kind in types.items()
    }
    return Service(id=f"neuromuscular-{hook}", hook=hook, templates=templates, types=types)


def discovery(found: Mapping[str, Service], may_call: Callable[[str], bool] = lambda _: True) -> JsonObject:
    """The body of GET /cds-services: the services that this caller may call."""
    return {"services": [service.describe() for service in found.values() if may_call(service.id)]}
