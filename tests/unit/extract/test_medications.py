"""MedicationRequest, MedicationStatement, MedicationAdministration, MedicationDispense and their dosage."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.facts import Medication, Origin
from tests.unit.extract.conftest import Read
from tests.unit.extract.samples import ALS, ATC, HL7, PREDNISONE, RXNORM, SNOMED, Json, cc, names, quantity, resource

ORAL = cc((SNOMED, "26643006"))
IV = cc((SNOMED, "47625008"))


def daily(amount: object = None, *, repeat: object = None, **more: object) -> Json:
    """A dosage instruction: 20 mg once a day unless said otherwise."""
    return {
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"} if repeat is None else repeat},
        "doseAndRate": [{"doseQuantity": quantity(20, "mg") if amount is None else amount}],
        **more,
    }


def coded(code: str, repeat: object) -> Json:
    """20 mg as often as a timing code of FHIR says, with something beside it."""
    return daily(timing={"code": cc((HL7 + "v3-GTSAbbreviation", code)), "repeat": repeat})


def request(read: Read, *extra: object, **content: object) -> Medication:
    (found,) = read(resource("MedicationRequest", "m", **{"medicationCodeableConcept": cc(PREDNISONE), **content}), *extra).medications
    return found


def test_an_order_keeps_what_it_says(read: Read) -> None:
    found = request(
        read,
        resource("Condition", "c", code=cc(ALS)),
        status="active",
        intent="order",
        authoredOn="2026-10-01",
        reasonReference=[{"reference": "Condition/c"}],
        statusReason=cc((SNOMED, "395007004")),
        priorPrescription={"reference": "MedicationRequest/before"},
        dosageInstruction=[daily(route=ORAL)],
        dispenseRequest={"numberOfRepeatsAllowed": 2, "expectedSupplyDuration": quantity(30, "d")},
    )
    assert (found.ref, found.kind, found.concepts) == ("MedicationRequest/m", "MedicationRequest", names("prednisone"))
    assert (found.status, found.intent, found.do_not_perform, found.matched_by_name) == ("active", "order", False, False)
    assert (str(found.start), str(found.authored), found.end) == ("2026-10-01", "2026-10-01", None)
    assert (found.mg_per_day, found.days, found.route, found.single) == (Decimal(20), Decimal(90), "oral", False)
    assert (found.reasons, found.has_reason, found.status_reasons) == (names("als"), True, names("ineffective"))
    assert found.prior == "MedicationRequest/before"


def test_an_order_that_says_nothing_says_nothing(read: Read) -> None:
    found = request(read)
    assert (found.status, found.intent, found.start, found.end, found.mg_per_day, found.days, found.route) == (None,) * 7
    assert (found.reasons, found.has_reason, found.status_reasons, found.prior) == (names(), False, names(), None)


def test_unreadable_codes_are_unreadable(read: Read) -> None:
    found = request(read, status="going on", intent=5)
    assert (found.status, found.intent) == ("unreadable", "unreadable")


def test_do_not_perform_is_kept_and_an_unreadable_one_makes_the_type_unread(read: Read) -> None:
    assert request(read, doNotPerform=True).do_not_perform
    record = read(resource("MedicationRequest", medicationCodeableConcept=cc(PREDNISONE), doNotPerform="no"))
    assert record.medications == ()
    assert "MedicationRequest" in record.unread


@pytest.mark.parametrize(
    ("instruction", "mg"),
    [
        (daily(), "20"),
        (daily(quantity(0.5, "g")), "500"),
        (daily(repeat={"frequency": 2, "period": 1, "periodUnit": "d"}), "40"),
        (daily(repeat={"frequency": 1, "frequencyMax": 3, "period": 1, "periodUnit": "d"}), "60"),
        (daily(repeat={"frequency": 1, "period": 6, "periodUnit": "h"}), "80"),
        (daily(quantity(15, "mg"), repeat={"frequency": 1, "period": 1, "periodUnit": "wk"}), "2.14"),
        (daily(quantity(15, "mg"), repeat={"period": 1, "periodUnit": "wk"}), "2.14"),
        (daily(repeat={"period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]}), "40"),
        (daily(repeat={"timeOfDay": ["08:00:00", "20:00:00"]}), "40"),
        (daily(repeat={"frequency": 3, "when": ["C"]}), "60"),
        (daily(repeat={"timeOfDay": ["08:00:00"] * 24}), "480"),
        (daily(quantity(14, "mg"), repeat={"dayOfWeek": ["mon"], "period": 1, "periodUnit": "wk"}), "2"),
        (daily(quantity(14, "mg"), repeat={"dayOfWeek": ["mon", "thu"], "frequency": 2, "period": 1, "periodUnit": "wk"}), "4"),
        (daily(quantity(14, "mg"), repeat={"dayOfWeek": ["mon", "thu"], "frequency": 2, "period": 1, "periodUnit": "d"}), "8"),
        (daily(quantity(14, "mg"), repeat={"dayOfWeek": ["mon"]}), "2"),
        (daily(quantity(14, "mg"), repeat={"dayOfWeek": ["mon", "thu"], "frequency": 1, "period": 1, "periodUnit": "wk"}), "4"),
        ({"timing": {"code": cc((HL7 + "v3-GTSAbbreviation", "BID"))}, "doseAndRate": [{"doseQuantity": quantity(5, "mg")}]}, "10"),
        (coded("BID", {"boundsDuration": quantity(28, "d")}), "40"),
        (coded("QOD", {"boundsPeriod": {"start": "2026-11-22"}}), "10"),
        (daily(doseAndRate=[{"doseRange": {"high": quantity(30, "mg")}}]), "30"),
        (daily(repeat={"dayOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}), "20"),
        (daily(repeat={"dayOfWeek": [], "frequency": 1, "period": 1, "periodUnit": "d"}), "20"),
        (daily(repeat={"dayOfWeek": "mon", "frequency": 1, "period": 1, "periodUnit": "d"}), "20"),
        (daily(repeat={"when": [], "period": 1, "periodUnit": "d"}), "20"),
        (daily(repeat={"count": 1}), "20"),
        (daily(quantity(0, "mg")), "0"),
        (daily(repeat={"frequency": 1, "period": 1, "periodUnit": "d"}, asNeededBoolean=False), "20"),
    ],
)  # fmt: skip
def test_a_structured_dose_gives_milligrams_a_day(read: Read, instruction: Json, mg: str) -> None:
    found = request(read, dosageInstruction=[instruction]).mg_per_day
    assert found is not None
    assert round(found, 2) == Decimal(mg)


@pytest.mark.parametrize(
    "instruction",
    [
        daily(quantity(1, "{tablet}")),
        daily({"value": 2, "unit": "tablets"}),
        daily({"value": 20}),
        daily(quantity(20, "mL")),
        daily({**quantity(20, "mg"), "comparator": "<"}),
        daily(quantity(-20, "mg")),
        daily(quantity("20", "mg")),
        daily(5),
        daily(repeat={"frequency": 1}),
        daily(repeat={"boundsDuration": quantity(28, "d")}),
        coded("BID", {"frequency": 1}),
        daily(repeat={"frequency": 3, "when": []}),
        daily(repeat={"frequency": 0, "period": 0, "periodUnit": "d"}),
        daily(repeat={"frequency": 0, "period": 1, "periodUnit": "d"}),
        daily(repeat={"frequency": 1, "period": 0, "periodUnit": "d"}),
        daily(repeat={"frequency": 1, "periodUnit": "d"}),
        daily(repeat={"frequency": -1, "period": 1, "periodUnit": "d"}),
        daily(repeat={"frequency": 1, "period": 1, "periodUnit": "fortnight"}),
        daily(repeat={"frequency": 1, "period": 1, "periodUnit": 5}),
        daily(repeat={"frequency": 1, "period": 1, "periodUnit": ["d"]}),
        daily(repeat={"dayOfWeek": ["mon"], "period": 2, "periodUnit": "wk"}),
        daily(repeat={"dayOfWeek": ["mon", "thu"], "frequency": 3, "period": 1, "periodUnit": "wk"}),
        daily(repeat={"dayOfWeek": ["mon"] * 8}),
        daily(repeat={"timeOfDay": ["08:00:00"] * 25}),
        daily(asNeededBoolean=True),
        daily(asNeededCodeableConcept={"text": "pain"}),
        daily(modifierExtension=[{"url": "x"}]),
        {"text": "one tablet a day"},
        {"doseAndRate": [{"doseQuantity": quantity(20, "mg")}, {"doseQuantity": quantity(30, "mg")}], "timing": {"code": cc((HL7, "BID"))}},
        {"doseAndRate": [{"doseQuantity": quantity(20, "mg")}], "timing": {"code": cc((HL7, "BID"), (HL7, "TID"))}},
        {"doseAndRate": [{"doseQuantity": quantity(20, "mg")}], "timing": {"code": cc((HL7, "Q5H"))}},
        {"doseAndRate": [{"doseQuantity": quantity(20, "mg")}], "timing": 5},
        {"doseAndRate": [{"rateQuantity": quantity(20, "mg/h")}], "timing": {"code": cc((HL7, "BID"))}},
        {"doseAndRate": 5, "timing": {"repeat": 5}},
    ],
)
def test_a_dose_that_cannot_be_computed_is_unknown(read: Read, instruction: Json) -> None:
    assert request(read, dosageInstruction=[instruction]).mg_per_day is None


def on(*weekdays: str) -> Json:
    """A dose on these weekdays."""
    return daily(repeat={"dayOfWeek": list(weekdays), "period": 1, "periodUnit": "wk"})


@pytest.mark.parametrize(
    ("instructions", "days"),
    [
        ([daily()], 7),
        ([daily({"value": 2, "unit": "tablets"})], 7),
        ([daily(repeat={"frequency": 2, "period": 1, "periodUnit": "d"})], 7),
        ([daily(repeat={"timeOfDay": ["08:00:00"]})], 7),
        ([daily(repeat={"frequency": 1, "period": 1, "periodUnit": "wk"})], 1),
        ([daily(repeat={"frequency": 1, "period": 7, "periodUnit": "d"})], 1),
        ([daily(repeat={"frequency": 1, "period": 168, "periodUnit": "h"})], 1),
        ([daily(repeat={"frequency": 3, "period": 1, "periodUnit": "wk"})], 3),
        ([daily(repeat={"frequency": 1, "period": 2, "periodUnit": "d"})], Decimal("3.5")),
        ([daily(repeat={"frequency": 1, "period": 2, "periodUnit": "wk"})], Decimal("0.5")),
        ([on("mon")], 1),
        ([on("mon", "thu")], 2),
        ([daily(repeat={"dayOfWeek": ["mon"], "frequency": 2, "period": 1, "periodUnit": "d"})], 1),
        ([on("mon"), on("mon")], 1),
        ([on("mon"), on("tue")], 2),
        ([daily(), on("mon")], 7),
        ([daily(), {"text": "as told"}], 7),
        ([daily(repeat={"dayOfWeek": ["mon", "thu"], "frequency": 2, "period": 1, "periodUnit": "d"}), {"text": "as told"}], 2),
        ([daily(sequence=1), daily(sequence=2, repeat={"frequency": 1, "period": 1, "periodUnit": "wk"})], 7),
        ([daily(repeat={"count": 1})], 1),
        ([daily(repeat={"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": quantity(3, "d")})], 3),
        ([daily(repeat={"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": quantity(1, "d")})], 1),
        ([{"timing": {"code": cc((HL7 + "v3-GTSAbbreviation", "QD"))}}], 7),
        ([{"timing": {"code": cc((HL7 + "v3-GTSAbbreviation", "WK"))}}], 1),
        ([coded("QD", {"boundsPeriod": {"start": "2026-11-22"}})], 7),
        ([coded("WK", {"boundsDuration": quantity(84, "d")})], 1),
        ([coded("QD", {"count": 30})], 7),
    ],
)
def test_on_how_many_days_of_a_week_a_drug_is_taken(read: Read, instructions: list[Json], days: Decimal) -> None:
    assert request(read, dosageInstruction=instructions).dosing_days == days


@pytest.mark.parametrize(
    "instructions",
    [
        [{"text": "once a week"}],
        [daily(asNeededBoolean=True)],
        [daily(modifierExtension=[{"url": "x"}])],
        [daily(repeat={"frequency": 1})],
        [daily(repeat={"dayOfWeek": ["mon"], "period": 2, "periodUnit": "wk"})],
        [on("mon"), {"text": "as told"}],
        [on("mon"), daily(repeat={"frequency": 1, "period": 1, "periodUnit": "wk"})],
    ],
)
def test_dosing_days_that_nothing_tells_are_unknown(read: Read, instructions: list[Json]) -> None:
    assert request(read, dosageInstruction=instructions).dosing_days is None


@pytest.mark.parametrize("instructions", [None, 5, [], "x", {}, [5], [daily(), 5]])
def test_unreadable_instructions_are_no_dose(read: Read, instructions: object) -> None:
    found = request(read, dosageInstruction=instructions)
    assert (found.mg_per_day, found.days, found.route) == (None, None, None)


def test_a_dose_as_needed_is_its_stated_maximum(read: Read) -> None:
    for period, daily_mg in ((2, 40), (1, 80), (0.5, 160)):
        ratio = {"numerator": quantity(80, "mg"), "denominator": quantity(period, "d")}
        found = request(read, dosageInstruction=[daily(asNeededBoolean=True, maxDosePerPeriod=ratio)])
        assert (found.mg_per_day, found.as_needed) == (Decimal(daily_mg), True)


@pytest.mark.parametrize(
    "ratio", [5, {}, {"numerator": quantity(80, "mg")}, {"numerator": quantity(80, "mg"), "denominator": quantity(0, "d")}]
)
def test_an_unreadable_maximum_is_unknown(read: Read, ratio: object) -> None:
    assert request(read, dosageInstruction=[daily(asNeededBoolean=True, maxDosePerPeriod=ratio)]).mg_per_day is None


def test_a_dose_per_kilogram_is_kept_apart(read: Read) -> None:
    found = request(read, dosageInstruction=[daily(quantity(2, "mg/kg"), repeat={"frequency": 2, "period": 1, "periodUnit": "d"})])
    assert (found.mg_per_day, found.mg_per_kg_day) == (None, Decimal(4))


def test_instructions_of_one_sequence_add_up(read: Read) -> None:
    assert request(read, dosageInstruction=[daily(), daily(quantity(5, "mg"))]).mg_per_day == 25
    assert request(read, dosageInstruction=[daily(sequence=1), daily(quantity(5, "mg"), sequence=1)]).mg_per_day == 25


def test_of_following_steps_the_highest_dose_counts_and_the_lengths_add_up(read: Read) -> None:
    week = {"frequency": 1, "period": 1, "periodUnit": "d", "boundsDuration": quantity(1, "wk")}
    found = request(
        read, dosageInstruction=[daily(quantity(60, "mg"), repeat=week, sequence=1), daily(quantity(40, "mg"), repeat=week, sequence=2)]
    )
    assert (found.mg_per_day, found.days) == (Decimal(60), Decimal(14))


def test_a_course_of_several_instructions_lasts_from_the_first_day_to_the_last(read: Read) -> None:
    spans = [("2026-01-05", "2026-02-05"), ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-03-01"), ("2026-01-20", "2026-02-20")]
    found = request(
        read, dosageInstruction=[daily(repeat={"boundsPeriod": {"start": start, "end": end}}, sequence=[1]) for start, end in spans]
    )
    assert (str(found.start), str(found.end)) == ("2026-01-01", "2026-03-01")


def step(place: int | None, dose: object = None) -> Json:
    return {"text": "then taper", "sequence": place} if dose is None else daily(dose, **({} if place is None else {"sequence": place}))


FIFTEEN, TEN, RELATIVE = quantity(15, "mg"), quantity(10, "mg"), quantity(2, "mg/kg")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([step(1, FIFTEEN), step(2, TEN)], True),
        ([step(2, TEN), step(1, FIFTEEN)], True),
        ([step(1, RELATIVE), step(2, quantity(1, "mg/kg"))], True),
        ([step(1, TEN), step(2, FIFTEEN)], False),
        ([step(1, TEN), step(2, TEN)], False),
        ([step(1, TEN), step(2, FIFTEEN), step(3)], False),
        ([step(1, FIFTEEN), step(2, TEN), step(3)], None),
        ([step(1, FIFTEEN), step(2)], None),
        ([step(1, FIFTEEN), step(2, RELATIVE)], None),
        ([step(1, FIFTEEN), step(1, TEN)], False),
        ([step(1, FIFTEEN), step(None, TEN)], False),
        ([step(None, FIFTEEN), step(None, TEN)], False),
        ([step(1, FIFTEEN)], False),
        ([], False),
    ],
)
def test_an_order_tapers_when_each_step_has_a_smaller_dose(read: Read, steps: list[Json], expected: bool | None) -> None:
    assert request(read, dosageInstruction=steps).tapers is expected


def test_a_step_without_a_dose_leaves_the_dose_unknown(read: Read) -> None:
    assert request(read, dosageInstruction=[daily(sequence=1), {"text": "then taper", "sequence": 2}]).mg_per_day is None
    assert request(read, dosageInstruction=[daily(), {"text": "and more"}]).mg_per_day is None


@pytest.mark.parametrize(
    ("bounds", "days", "start", "end"),
    [
        ({"boundsPeriod": {"start": "2026-01-01", "end": "2026-01-10"}}, 10, "2026-01-01", "2026-01-10"),
        ({"boundsPeriod": {"start": "2026-01-01"}}, None, "2026-01-01", "None"),
        ({"boundsPeriod": {"start": "2026-01-10", "end": "2026-01-01"}}, None, "2026-01-10", "2026-01-01"),
        ({"boundsPeriod": 5}, None, "2026-03-01", "None"),
        ({"boundsDuration": quantity(2, "wk")}, 14, "2026-03-01", "2026-03-14"),
        ({"boundsDuration": {"value": 10, "unit": "days"}}, 10, "2026-03-01", "2026-03-10"),
        ({"boundsDuration": quantity(-2, "wk")}, None, "2026-03-01", "None"),
        ({"boundsDuration": quantity(0, "wk")}, None, "2026-03-01", "None"),
        ({"boundsDuration": quantity(2, "kg")}, None, "2026-03-01", "None"),
        ({"boundsRange": {"low": quantity(5, "d"), "high": quantity(7, "d")}}, 7, "2026-03-01", "2026-03-07"),
        ({"boundsRange": 5}, None, "2026-03-01", "None"),
        ({"boundsDuration": quantity(9, "h")}, Decimal("0.375"), "2026-03-01", "2026-03-01"),
        ({"boundsDuration": quantity(900, "a")}, Decimal(328725), "2026-03-01", "None"),
    ],
)
def test_length_and_dates_come_from_the_timing_bounds(read: Read, bounds: Json, days: object, start: str, end: str) -> None:
    found = request(read, authoredOn="2026-03-01", dosageInstruction=[daily(repeat=bounds)])
    assert (found.days, str(found.start), str(found.end)) == (days, start, end)


def test_a_course_past_the_calendar_has_no_end(read: Read) -> None:
    found = request(read, authoredOn="9999-12-01", dosageInstruction=[daily(repeat={"boundsDuration": quantity(90, "d")})])
    assert found.end is None


@pytest.mark.parametrize(
    ("supply", "days"),
    [
        ({"expectedSupplyDuration": quantity(30, "d")}, 30),
        ({"expectedSupplyDuration": quantity(1, "mo"), "numberOfRepeatsAllowed": 0}, Decimal("30.4375")),
        ({"expectedSupplyDuration": quantity(30, "d"), "numberOfRepeatsAllowed": "2"}, None),
        ({"expectedSupplyDuration": quantity(30, "d"), "numberOfRepeatsAllowed": -1}, None),
        ({"numberOfRepeatsAllowed": 2}, None),
        (5, None),
    ],
)
def test_a_supply_times_repeats_is_a_length(read: Read, supply: object, days: object) -> None:
    assert request(read, dispenseRequest=supply).days == days


@pytest.mark.parametrize(
    ("instructions", "single"),
    [
        ([daily(repeat={"count": 1})], True),
        ([daily(repeat={"count": 1, "countMax": 2})], False),
        ([{"timing": {"event": ["2026-11-25"]}}], True),
        ([{"timing": {"event": ["2026-11-25", "2026-11-26"]}}], False),
        ([daily()], False),
        ([daily(repeat={"count": 1}), daily(repeat={"count": 1})], False),
        ([{"text": "once"}], False),
    ],
)
def test_a_single_dose_says_so_in_its_timing(read: Read, instructions: object, single: bool) -> None:
    assert request(read, dosageInstruction=instructions).single is single
    (stated,) = read(resource("MedicationStatement", medicationCodeableConcept=cc(PREDNISONE), dosage=instructions)).medications
    assert stated.single is single


@pytest.mark.parametrize(
    ("drug", "route", "expected"),
    [
        (cc(PREDNISONE), ORAL, "oral"),
        (cc(PREDNISONE), {"text": "by mouth"}, None),
        (cc((ATC, "S01ED01")), None, "eye"),
        (cc((ATC, "S01ED01")), IV, "iv"),
        (cc((ATC, "J06BA01")), None, "sc"),
        (cc((ATC, "J06BA02")), None, "iv"),
        ({"text": "Timolol 0.5% ophthalmic solution"}, None, "eye"),
        ({"text": "prednisone tablet"}, None, "oral"),
    ],
)
def test_the_route_is_the_one_given_or_the_products(read: Read, drug: Json, route: object, expected: str | None) -> None:
    assert request(read, medicationCodeableConcept=drug, dosageInstruction=[{"route": route}]).route == expected


def test_two_routes_are_no_route(read: Read) -> None:
    assert request(read, dosageInstruction=[{"route": ORAL}, {"route": IV}]).route is None


def test_a_drug_is_found_by_reference_contained_or_by_name(read: Read) -> None:
    tablet = resource("Medication", "d", code=cc(PREDNISONE))
    order: Json = {"resourceType": "MedicationRequest", "id": "m"}
    ways: list[tuple[tuple[Json, ...], Json]] = [
        ((tablet,), {"medicationReference": {"reference": "Medication/d"}}),
        ((), {"medicationReference": {"reference": "#d"}, "contained": [tablet]}),
        (
            (),
            {
                "medicationReference": {"reference": "#d"},
                "contained": [{**tablet, "code": {}, "ingredient": [{"itemCodeableConcept": cc(PREDNISONE)}]}],
            },
        ),
    ]
    for extra, content in ways:
        (found,) = read({**order, **content}, *extra).medications
        assert (found.concepts, found.matched_by_name) == (names("prednisone"), False)
    (named,) = read({**order, "medicationCodeableConcept": {"text": "PREDNISONE 5 mg"}}).medications
    assert (named.concepts, named.matched_by_name) == (names("prednisone"), True)


def test_a_drug_is_named_by_the_display_of_its_reference(read: Read) -> None:
    order: Json = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "medicationReference": {"reference": "Medication/x", "display": "Imuran 50"},
    }
    (named,) = read(order).medications
    assert (named.concepts, named.matched_by_name) == (names("azathioprine"), True)
    (coded,) = read(order, resource("Medication", "x", code=cc(PREDNISONE))).medications
    assert (coded.concepts, coded.matched_by_name) == (names("prednisone"), False)


def test_a_known_code_counts_and_its_text_is_not_read(read: Read) -> None:
    (found,) = read(
        {"resourceType": "MedicationRequest", "id": "m", "medicationCodeableConcept": cc(PREDNISONE, text="Imuran")}
    ).medications
    assert (found.concepts, found.matched_by_name) == (names("prednisone"), False)


@pytest.mark.parametrize(
    "content", [{}, {"medicationCodeableConcept": {"text": "saline"}}, {"medicationReference": {"reference": "Medication/none"}}]
)
def test_a_drug_on_no_list_is_no_fact(read: Read, content: Json) -> None:
    for kind in ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"):
        assert read(resource(kind, **content)).medications == ()


def test_a_referenced_product_whose_meaning_may_be_changed_is_not_used(read: Read) -> None:
    record = read(
        resource("MedicationRequest", medicationReference={"reference": "Medication/d"}),
        resource("Medication", "d", code=cc(PREDNISONE), modifierExtension=[{"url": "x"}]),
    )
    assert record.medications == ()
    assert record.unread.keys() == {"Medication", "MedicationRequest"}


@pytest.mark.parametrize("name", ["m_1", "e" * 200])
@pytest.mark.parametrize("reference", ["Medication/{}", "https://ehr.example.org/fhir/Medication/{}", "Medication/{}/_history/2"])
def test_a_drug_is_found_by_an_id_that_fhir_does_not_allow(read: Read, name: str, reference: str) -> None:
    order = resource("MedicationRequest", medicationReference={"reference": reference.format(name)})
    (found,) = read(order, resource("Medication", name, code=cc(PREDNISONE))).medications
    assert found.concepts == names("prednisone")


@pytest.mark.parametrize("kind", ["Medication", "Substance"])
def test_an_ingredient_may_be_referred_to(read: Read, kind: str) -> None:
    part = resource(kind, "s", code=cc(PREDNISONE))
    order = resource("MedicationRequest", medicationReference={"reference": "#d"})
    beside: Json = resource("Medication", "d", ingredient=[{"itemReference": {"reference": f"{kind}/s"}}])
    inside: Json = resource("Medication", "d", ingredient=[{"itemReference": {"reference": "#s"}}])
    for contained, extra in (([beside], (part,)), ([inside, part], ()), ([{**inside, "contained": [part]}], ())):
        (found,) = read({**order, "contained": contained}, *extra).medications
        assert found.concepts == names("prednisone")


def test_an_ingredient_whose_meaning_may_be_changed_is_not_used(read: Read) -> None:
    part = resource("Substance", "s", code=cc(PREDNISONE), modifierExtension=[{"url": "x"}])
    drug = resource("Medication", "d", code={"text": "mixture"}, ingredient=[{"itemReference": {"reference": "#s"}}])
    record = read(resource("MedicationRequest", medicationReference={"reference": "#d"}, contained=[drug, part]))
    assert record.medications == ()
    assert "MedicationRequest" in record.unread


@pytest.mark.parametrize("content", [{"modifierExtension": [{"url": "x"}]}, {"isActive": False}])
def test_an_ingredient_that_may_not_be_one_is_not_used(read: Read, content: Json) -> None:
    drug = resource("Medication", "d", ingredient=[{"itemCodeableConcept": cc(PREDNISONE), **content}])
    record = read(resource("MedicationRequest", medicationReference={"reference": "#d"}, contained=[drug]))
    assert record.medications == ()
    assert "MedicationRequest" in record.unread


def test_a_product_entered_in_error_makes_its_order_unread(read: Read) -> None:
    drug = resource("Medication", "d", status="entered-in-error", code=cc(PREDNISONE))
    record = read(resource("MedicationRequest", medicationReference={"reference": "Medication/d"}), drug)
    assert record.medications == ()
    assert record.unread == UNREAD


ABSENT: Json = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
UNREAD = {"MedicationRequest": "a resource of this type could not be read"}


@pytest.mark.parametrize(
    "content", [{}, {"code": ABSENT}, {"code": {"coding": [{"system": "x"}]}}, {"ingredient": [{"itemReference": {}}]}]
)
def test_a_product_that_does_not_say_what_it_is_makes_its_order_unread(read: Read, content: Json) -> None:
    order = resource("MedicationRequest", medicationReference={"reference": "Medication/d"})
    assert read(order, resource("Medication", "d", **content)).unread == UNREAD
    assert read(order, resource("Medication", "d", **{**content, "code": {"text": "saline"}})).unread == {}
    assert (
        read({**order, "medicationReference": {"reference": "Medication/d", "display": "saline"}}, resource("Medication", "d")).unread == {}
    )


@pytest.mark.parametrize("content", [{}, {"medicationCodeableConcept": ABSENT}, {"medicationCodeableConcept": {"coding": []}}])
def test_an_order_that_does_not_say_for_what_drug_is_unread(read: Read, content: Json) -> None:
    assert read(resource("MedicationRequest", **content)).unread == UNREAD
    assert read(resource("MedicationRequest", status="entered-in-error", **content)).unread == {}


@pytest.mark.parametrize("coding", [{"display": "saline"}, {"system": "http://local", "code": "1"}])
def test_an_order_whose_coding_means_nothing_to_us_is_read(read: Read, coding: Json) -> None:
    assert read(resource("MedicationRequest", medicationCodeableConcept={"coding": [coding]})).unread == {}


@pytest.mark.parametrize(
    ("strength", "mg"),
    [
        ({"numerator": quantity(5, "mg"), "denominator": quantity(1, "{tablet}")}, 10),
        ({"numerator": quantity(5, "mg"), "denominator": quantity(2, "1")}, 5),
        ({"numerator": quantity(5, "mL"), "denominator": quantity(1, "1")}, None),
        ({"numerator": quantity(5, "mg"), "denominator": quantity(0, "1")}, None),
        ({"numerator": quantity(5, "mg"), "denominator": quantity(1, "mL")}, None),
        (5, None),
    ],
)
def test_tablets_count_with_the_strength_of_the_product(read: Read, strength: object, mg: int | None) -> None:
    most = {"numerator": quantity(2, "{tablet}"), "denominator": quantity(1, "d")}
    for instruction in (daily(quantity(2, "{tablet}")), {"asNeededBoolean": True, "maxDosePerPeriod": most}):
        found = request(
            read,
            resource("Medication", "d", ingredient=[{"itemCodeableConcept": cc(PREDNISONE), "strength": strength}]),
            medicationCodeableConcept=None,
            medicationReference={"reference": "Medication/d"},
            dosageInstruction=[instruction],
        )
        assert found.mg_per_day == mg


def test_of_two_ingredients_no_strength_is_taken(read: Read) -> None:
    part = {"itemCodeableConcept": cc(PREDNISONE), "strength": {"numerator": quantity(5, "mg"), "denominator": quantity(1, "1")}}
    found = request(
        read,
        resource("Medication", "d", ingredient=[part, part]),
        medicationCodeableConcept=None,
        medicationReference={"reference": "Medication/d"},
        dosageInstruction=[daily(quantity(2, "1"))],
    )
    assert found.mg_per_day is None


def test_a_statement_has_its_effective_time(read: Read) -> None:
    (found,) = read(
        resource(
            "MedicationStatement",
            status="stopped",
            medicationCodeableConcept=cc(PREDNISONE),
            effectivePeriod={"start": "2025-01", "end": "2025-06"},
            dateAsserted="2025-07-01",
            statusReason=[cc((SNOMED, "395009001")), {"text": "ineffective"}, {"text": "moved away"}],
            reasonCode=[{"text": "myositis"}],
            dosage=[daily()],
        )
    ).medications
    assert (found.kind, found.status, str(found.start), str(found.end), str(found.authored)) == (
        "MedicationStatement",
        "stopped",
        "2025-01",
        "2025-06",
        "2025-07-01",
    )
    assert (found.status_reasons, found.reasons, found.has_reason, found.mg_per_day) == (
        names("intolerance", "ineffective"),
        names(),
        True,
        Decimal(20),
    )


@pytest.mark.parametrize(
    ("content", "start", "end", "single"),
    [
        ({"effectiveDateTime": "2026-11-01T08:00:00Z"}, "2026-11-01T08:00:00Z", "None", True),
        ({"effectivePeriod": {"start": "2026-11-01", "end": "2026-11-02"}}, "2026-11-01", "2026-11-02", False),
        ({"effectivePeriod": {"start": "2026-11-01", "end": "2026-11-01"}}, "2026-11-01", "2026-11-01", True),
        (
            {"effectivePeriod": {"start": "2026-11-01T22:00:00Z", "end": "2026-11-02T04:00:00Z"}},
            "2026-11-01T22:00:00Z",
            "2026-11-02T04:00:00Z",
            True,
        ),
        (
            {"effectivePeriod": {"start": "2026-11-01T08:00:00Z", "end": "2026-11-02T09:00:00Z"}},
            "2026-11-01T08:00:00Z",
            "2026-11-02T09:00:00Z",
            False,
        ),
        ({"effectiveDateTime": 5}, "None", "None", False),
        ({}, "None", "None", False),
    ],
)
def test_an_administration_is_one_dose_unless_it_lasts(read: Read, content: Json, start: str, end: str, single: bool) -> None:
    (found,) = read(
        resource(
            "MedicationAdministration",
            status="completed",
            medicationCodeableConcept=cc((RXNORM, "121191")),
            dosage={"route": IV, "dose": quantity(1, "g")},
            **content,
        )
    ).medications
    assert (found.concepts, found.status, str(found.start), str(found.end), found.single) == (
        names("rituximab"),
        "completed",
        start,
        end,
        single,
    )
    assert (found.mg_per_day, found.route) == (Decimal(1000), "iv")


@pytest.mark.parametrize("dosage", [None, 5, {}, {"dose": {**quantity(1, "g"), "comparator": ">"}}, {"dose": quantity(1, "{bag}")}])
def test_an_administration_without_a_mass_has_no_dose(read: Read, dosage: object) -> None:
    (found,) = read(resource("MedicationAdministration", medicationCodeableConcept=cc(PREDNISONE), dosage=dosage)).medications
    assert found.mg_per_day is None


def test_a_dispense_has_its_day_and_supply(read: Read) -> None:
    (found,) = read(
        resource(
            "MedicationDispense",
            status="completed",
            medicationCodeableConcept=cc(PREDNISONE),
            whenHandedOver="2026-11-01",
            whenPrepared="2026-10-30",
            daysSupply=quantity(30, "d"),
            dosageInstruction=[daily()],
        )
    ).medications
    assert (found.kind, found.status, str(found.start), found.days, found.mg_per_day) == (
        "MedicationDispense",
        "completed",
        "2026-11-01",
        Decimal(30),
        Decimal(20),
    )


def test_origin_is_where_the_resource_stood(read: Read) -> None:
    order = resource("MedicationRequest", "m", medicationCodeableConcept=cc(PREDNISONE))
    record = read(order, drafts=({**order, "id": "n"},), planned=({**order, "id": "o"},))
    assert [found.origin for found in record.medications] == [Origin.RECORD, Origin.DRAFT, Origin.PLANNED]


@pytest.mark.parametrize("code", [[cc(PREDNISONE)], {"coding": cc(PREDNISONE)}, {"concept": cc(PREDNISONE)}])
def test_a_medication_whose_code_cannot_be_read_makes_its_order_unread(read: Read, code: object) -> None:
    drug = resource("Medication", "d", code=code)
    record = read(resource("MedicationRequest", medicationReference={"reference": "Medication/d"}), drug)
    assert record.unread == {"MedicationRequest": "a resource of this type could not be read"}


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({"text": "patient choice"}, names("other")),
        (cc((SNOMED, "8943002")), names("other")),
        ({"text": "ineffective"}, names("ineffective")),
        ({"text": "Lack of efficacy"}, names("ineffective")),
        ({"text": "Not effective"}, names("ineffective")),
        ({"text": "Side effects"}, names("intolerance")),
        ({"text": "not tolerated"}, names("intolerance")),
        ({"text": "no side effects, patient choice"}, names("other")),
        ({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}, names()),
        (None, names()),
    ],
)
def test_a_reason_of_a_stop_that_is_none_of_ours_is_still_a_recorded_reason(read: Read, stated: object, found: frozenset[str]) -> None:
    assert request(read, status="stopped", statusReason=stated).status_reasons == found


@pytest.mark.parametrize(
    ("events", "days"),
    [
        (["2026-11-25", "2026-11-26"], 2),
        (["2026-11-25T08:00:00-05:00", "2026-11-25T22:00:00-05:00"], 1),
        (["2026-11-25", "2026-12-02", "2026-12-09"], 1),
        (["2026-12-09", "2026-11-25", "2026-12-08"], 2),
        (["2026-11-25", "2026-12"], None),
        (["2026-11-25", "soon"], None),
        (["2026-11-25", 5], None),
    ],
)
def test_doses_named_one_by_one_are_counted_by_the_days_of_a_week(read: Read, events: list[object], days: int | None) -> None:
    assert request(read, dosageInstruction=[{"timing": {"event": events}}]).dosing_days == days
