"""From screened patients to the tables of the output and the totals of `summary.json`, in Spark's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_hooks.body import JsonObject
from cds_hooks.population.plan import Setup

__all__ = ["tables", "totals"]

FINDING = ("rule", "version", "title", "pathway", "stage", "indicator", "asks", "card", "because", "notChecked")


def tables(screened: Any, problems: Any, blocks: Any, names: Mapping[str, str], setup: Setup) -> dict[str, Any]:  # noqa: ANN401 - an extra
    """The findings (one row each), patients (one row each, also those who could not be screened), rules, problems (text not read)."""
    findings = screened.selectExpr("patient", "explode(findings) as one").selectExpr("patient", *(f"one.{name}" for name in FINDING))
    told = ("patient", "screened", "problem", "resources", "unread", "diseases", "blockedInUse", "notChecked", "size(findings) as findings")
    return {
        "findings": findings,
        "patients": screened.selectExpr(*told),
        "rules": _rules(findings),
        "problems": _problems(problems, blocks, names, setup),
    }


def totals(read: Mapping[str, Any], screened: Any, others: Any) -> JsonObject:  # noqa: ANN401 - an extra
    """Numbers over all patients, small enough for one file; what a printed report hides is not hidden here."""
    patients = read["patients"]
    counts = patients.selectExpr(
        "count(*) as `all`",
        "count_if(screened) as screened",
        "count_if(not screened) as notScreened",
        "count_if(findings > 0) as withFindings",
        "count_if(size(diseases) > 0) as withDisease",
        "count_if(size(blockedInUse) > 0) as withBlockedDrug",
        "sum(resources) as resources",
        "sum(findings) as found",
    ).first()
    numbers = {name: int(value or 0) for name, value in counts.asDict().items()}
    counted = _counted(patients, screened, read["problems"], others)
    return {
        "findings": numbers.pop("found"),
        "patients": numbers,
        "rules": sorted((row.asDict() for row in read["rules"].collect()), key=lambda row: (row["rule"], row["version"])),
        **{name: _single(counted, name) for name in ("diseases", "blockedInUse", "notScreened", "problems", "ofNobody", "notUsed")},
        **{name: _pairs(counted, name) for name in ("notChecked", "unread")},
    }


def _counted(patients: Any, screened: Any, problems: Any, others: Any) -> dict[tuple[str, str, str], int]:  # noqa: ANN401 - an extra
    """(section, what, why) -> patients, lines or resources; one query for all sections, because each costs a second."""
    gaps = screened.selectExpr("explode(array_distinct(concat(notChecked, flatten(findings.notChecked)))) as one")
    sections = [
        patients.selectExpr("'diseases'", "explode(diseases) as what", "''", "1"),
        patients.selectExpr("'blockedInUse'", "explode(blockedInUse)", "''", "1"),
        patients.where("not screened").selectExpr("'notScreened'", "problem", "''", "1"),
        patients.selectExpr("explode(unread) as one").selectExpr("'unread'", "one.type", "one.why", "1"),
        gaps.selectExpr("'notChecked'", "one.what", "one.why", "1"),
        problems.selectExpr("'problems'", "reason", "''", "1"),
        others.selectExpr("if(problem = 'nobody', 'ofNobody', 'notUsed')", "kind", "''", "line"),
    ]
    every = sections[0].toDF("section", "what", "why", "count")
    for section in sections[1:]:
        every = every.union(section)
    return {(row[0], row[1], row[2]): int(row[3]) for row in every.groupBy("section", "what", "why").sum("count").collect()}


def _single(counted: Mapping[tuple[str, str, str], int], section: str) -> JsonObject:
    return {what: count for (name, what, _), count in sorted(counted.items()) if name == section}


def _pairs(counted: Mapping[tuple[str, str, str], int], section: str) -> list[JsonObject]:
    found = [(what, why, count) for (name, what, why), count in sorted(counted.items()) if name == section]
    return [{"what": what, "why": why, "patients": count} for what, why, count in found]


def _rules(findings: Any) -> Any:  # noqa: ANN401 - an extra
    from pyspark.sql import functions as f  # noqa: PLC0415 - an extra

    levels = [f.count_if((f.col("indicator") == name) & ~f.col("asks")).alias(name) for name in ("critical", "warning", "info")]
    return findings.groupBy("rule", "version", "title", "pathway", "stage").agg(
        f.countDistinct("patient").alias("patients"), f.count_if("asks").alias("asks"), *levels
    )


def _problems(problems: Any, blocks: Any, names: Mapping[str, str], setup: Setup) -> Any:  # noqa: ANN401 - an extra
    """Where text could not be read. Spark reads a file in blocks; the line is its place in the block plus the lines before the block."""
    from pyspark.sql import functions as f  # noqa: PLC0415 - an extra
    from pyspark.sql.window import Window  # noqa: PLC0415 - an extra

    before = Window.partitionBy("file").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    first = blocks.select("file", "block", f.coalesce(f.sum("line").over(before), f.lit(0)).alias("before"))
    keys = setup.keys
    placed = problems.join(first, ["file", "block"], "left").select(
        f.udf(lambda path: names.get(path, path), "string")("file").alias("file"),
        f.when(f.col("line") > 0, f.col("line") + f.coalesce("before", f.lit(0))).alias("line"),
        f.col("kind").alias("type"),
        f.col("problem").alias("reason"),
        f.udf(lambda name: keys.patient(name) if name else None, "string")("patient").alias("patient"),
    )
    return placed.orderBy("file", "line")
