"""From screened patients to the tables of the output and the totals of `summary.json`, in Spark's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_hooks.body import JsonObject
from cds_hooks.population.plan import Setup

__all__ = ["tables", "totals"]

FINDING = ("rule", "version", "title", "pathway", "stage", "indicator", "asks", "card", "because", "notChecked")


def tables(screened: Any, problems: Any, blocks: Any, names: Mapping[str, str], setup: Setup) -> dict[str, Any]:  # noqa: ANN401 - an extra
    """findings (one row each), patients (one row each, also those who could not be screened), rules, problems (text not read)."""
    findings = screened.selectExpr("patient", "explode(findings) as one").selectExpr("patient", *(f"one.{name}" for name in FINDING))
    told = screened.select("patient", "screened", "problem", "resources", "unread", "diseases", "blockedInUse", "notChecked")
    return {
        "findings": findings,
        "patients": told.join(findings.groupBy("patient").count().withColumnRenamed("count", "findings"), "patient", "left").na.fill(
            0, ["findings"]
        ),
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
    ).first()
    gaps = screened.selectExpr("patient", "explode(array_distinct(concat(notChecked, flatten(findings.notChecked)))) as gap")
    return {
        "patients": {name: int(value or 0) for name, value in counts.asDict().items()},
        "findings": read["findings"].count(),
        "rules": [row.asDict() for row in read["rules"].orderBy("rule", "version").collect()],
        "diseases": _per(patients.selectExpr("explode(diseases) as name"), "name"),
        "blockedInUse": _per(patients.selectExpr("explode(blockedInUse) as name"), "name"),
        "notChecked": _pairs(gaps.selectExpr("gap.what as what", "gap.why as why")),
        "unread": _pairs(patients.selectExpr("explode(unread) as one").selectExpr("one.type as what", "one.why as why")),
        "notScreened": _per(patients.where("not screened").selectExpr("problem as name"), "name"),
        "problems": _per(read["problems"].selectExpr("reason as name"), "name"),
        "ofNobody": {row[0]: row[1] for row in others.where("problem = 'nobody'").groupBy("kind").sum("line").orderBy("kind").collect()},
        "notUsed": {row[0]: row[1] for row in others.where("problem = ''").groupBy("kind").sum("line").orderBy("kind").collect()},
    }


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


def _per(frame: Any, name: str) -> JsonObject:  # noqa: ANN401 - an extra
    return {str(row[0]): int(row[1]) for row in frame.groupBy(name).count().orderBy(name).collect()}


def _pairs(frame: Any) -> list[JsonObject]:  # noqa: ANN401 - an extra
    rows = frame.groupBy("what", "why").count().orderBy("what", "why").collect()
    return [{"what": row[0], "why": row[1], "patients": int(row[2])} for row in rows]
