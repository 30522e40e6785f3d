"""Numbers that guidelines define, one formula per file, each with its source, units and domain."""

from __future__ import annotations

from collections.abc import Mapping

from rules.calculators import cockcroft_gault, creatine_kinase, gestation, morphine, vital_capacity
from rules.calculators.base import Calculated, Calculator

__all__ = ["CALCULATORS", "Calculated", "Calculator"]

CALCULATORS: Mapping[str, Calculator] = {
    "ck-times-baseline": Calculator(creatine_kinase.times_baseline, "1", ("Observation", "Condition")),
    "crcl": Calculator(cockcroft_gault.compute, "mL/min", ("Patient", "Observation")),
    "fvc-ml-per-kg": Calculator(vital_capacity.per_kg, "mL/kg", ("Observation",)),
    "gestation": Calculator(gestation.compute, "wk", ("Observation",)),
    "mme": Calculator(morphine.compute, "mg/d", ("MedicationRequest", "MedicationStatement")),
    "fvc-percent-of-best": Calculator(vital_capacity.percent_of_best, "%", ("Observation",)),
}
