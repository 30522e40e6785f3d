"""`nmcds`: run the service, try a patient, read and check the rules.

Exit codes: 0 all is well; 1 a rule, vignette or promise is broken; 2 the command line or a file is wrong; 3 the knowledge cannot be loaded.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rules.findings import Evaluation, Finding
    from rules.knowledge import Knowledge

__all__ = ["app", "main"]

BROKEN, USAGE, NO_KNOWLEDGE = 1, 2, 3
app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
rules_app = typer.Typer(no_args_is_help=True, help="Read and check the rules.")
app.add_typer(rules_app, name="rules")
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; open mode only on a loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Run the CDS Hooks service. Settings come from NMCDS_ variables.

    Example: nmcds serve --port 8080
    """
    import os  # noqa: PLC0415 - only serving needs the server

    import uvicorn  # noqa: PLC0415

    os.environ["NMCDS_HOST"], os.environ["NMCDS_PORT"] = host, str(port)
    from cds_hooks.app import from_environment  # noqa: PLC0415
    from cds_hooks.settings import SettingsError  # noqa: PLC0415
    from rules.load import KnowledgeError  # noqa: PLC0415

    try:
        service = from_environment()
    except KnowledgeError as problem:
        raise _fail(str(problem), NO_KNOWLEDGE) from None
    except SettingsError as problem:
        raise _fail(str(problem), USAGE) from None
    typer.echo(f"Listening on http://{host}:{port}/cds-services (Ctrl+C stops)")
    uvicorn.run(service, host=host, port=port, log_level="warning", access_log=False)


@app.command()
def check(
    bundle: Annotated[Path, typer.Argument(help="A FHIR R4 Bundle with one patient's resources (JSON).")],
    hook: Annotated[
        str, typer.Option(help="CDS Hooks hook; draft orders in the bundle are what the clinician is about to sign.")
    ] = "patient-view",
    on: Annotated[str, typer.Option(help="The day of the call, such as 2026-11-22; default today.")] = "",
    why: Annotated[bool, typer.Option("--why", help="Show the facts and the chain behind each finding.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what the rules find about one patient.

    Example: nmcds check fhir_fixtures/patients/mg_crisis.json --on 2026-11-22 --why
    """
    try:
        content = json.loads(bundle.read_text(encoding="utf-8"))
        as_of = datetime.combine(date.fromisoformat(on), time(12), tzinfo=UTC) if on else datetime.now(UTC)
        resources = [entry["resource"] for entry in content["entry"] if isinstance(entry.get("resource"), dict)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _fail(
            f"{bundle.name}: expected a FHIR Bundle in JSON and a date such as 2026-11-22 ({type(problem).__name__})", USAGE
        ) from None
    evaluation = _evaluate(_knowledge(), resources, hook, as_of)
    if as_json:
        typer.echo(json.dumps(asdict(evaluation), indent=2, default=str))
        return
    if not evaluation.findings:
        typer.echo("Looked and found nothing.")
    for finding in evaluation.findings:
        _show(finding, why=why)


def _evaluate(knowledge: Knowledge, resources: list[dict[str, object]], hook: str, as_of: datetime) -> Evaluation:
    """Drafts are asked about on order hooks, and planned elsewhere."""
    from rules.extract import Input  # noqa: PLC0415 - keeps --help fast
    from rules.facts import Origin  # noqa: PLC0415

    asking = {"order-select", "order-sign", "appointment-book"}
    inputs = []
    for resource in resources:
        is_draft = resource.get("status") == "draft" or (
            resource.get("resourceType") == "Appointment" and resource.get("status") == "proposed"
        )
        if is_draft and hook not in asking:
            continue
        inputs.append(Input(resource, Origin.DRAFT if is_draft else Origin.RECORD))
    return knowledge.evaluate(inputs, as_of=as_of, hook=hook, unread={})


def _show(finding: Finding, *, why: bool) -> None:
    """One finding in plain lines; control characters of patient text are removed."""
    lines = [
        f"[{finding.indicator}] {finding.summary}",
        f"    rule {finding.rule.id} {finding.rule.version}{' (asks)' if finding.asks else ''}",
    ]
    lines += [f"    proposes: {one.label}" for one in finding.suggestions]
    lines += [f"    withheld: {one.what} by {one.rule}: {one.reason}" for one in finding.withheld]
    lines += [f"    not checked: {one.what}: {one.why}" for one in finding.not_checked]
    if why:
        lines += [f"    because {one.fact} {one.resource or ''} {one.date or ''}" for one in finding.because]
        lines += [f"    chain {one.rule} -> {one.concluded}" for one in finding.chain]
    for line in lines:
        typer.echo("".join(sign if sign.isprintable() else "?" for sign in line))


@app.command()
def explain(rule_id: Annotated[str, typer.Argument(help="A rule id, such as mg-crisis-urgent.")]) -> None:
    """Say what one rule is for, what it proposes and on what evidence."""
    knowledge = _knowledge()
    rule = knowledge.rule(rule_id)
    if rule is None:
        near = [one.id for one in knowledge.every if rule_id.split("-")[0] in one.id][:5]
        raise _fail(f"found no rule {rule_id!r}" + (f"; did you mean {', '.join(near)}?" if near else "; see nmcds rules list"), USAGE)
    typer.echo(f"{rule.id} {rule.version} ({rule.status}, {rule.stage}): {rule.title}")
    typer.echo(f"  hooks: {', '.join(sorted(rule.hooks)) or 'none; it concludes facts for other rules'}")
    if rule.card is not None:
        typer.echo(f"  [{rule.card.indicator}] {rule.card.summary}")
        for line in (*rule.card.detail, *(f"proposes: {one.label}" for one in rule.card.proposals)):
            typer.echo(f"  - {line}")
    for one in rule.evidence:
        source = knowledge.sources[one.source]
        typer.echo(f"  evidence {one.source}: {source['organisation']}: {source['title']} ({source['year']}) {source['url']}")
        typer.echo(f"    {one.strength}; verified: {one.verified}")
    typer.echo(f"  reviewed by: {rule.review.checked_by or 'nobody yet'}; next review {rule.review.next}")


@app.command()
def fixtures(as_json: AsJson = False) -> None:
    """List the invented patients that come with the project."""
    from fhir_fixtures import patients  # noqa: PLC0415 - keeps --help fast

    if as_json:
        typer.echo(json.dumps([{"name": one.name, "who": one.who, "on": str(one.on)} for one in patients()], indent=2))
        return
    for one in patients():
        typer.echo(f"{one.name}: {' '.join(one.who.split())}")


@rules_app.command("lint")
def lint() -> None:
    """Load all rules and report every problem at once."""
    knowledge = _knowledge()
    typer.echo(f"{len(knowledge.every)} rules, no problem found")


@rules_app.command("list")
def list_rules(as_json: AsJson = False) -> None:
    """List all rules with status, stage and hooks."""
    rows = [
        {
            "id": one.id,
            "version": one.version,
            "status": one.status,
            "stage": one.stage,
            "pathway": one.pathway,
            "hooks": sorted(one.hooks),
            "title": one.title,
        }
        for one in _knowledge().every
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['id']:40} {row['status']:7} {row['stage']:10} {row['title']}")


@rules_app.command("show")
def show(rule_id: Annotated[str, typer.Argument(help="A rule id.")]) -> None:
    """Print one rule as its file states it, as JSON."""
    rule = _knowledge().rule(rule_id)
    if rule is None:
        raise _fail(f"found no rule {rule_id!r}; see nmcds rules list", USAGE)
    typer.echo(json.dumps(asdict(rule), indent=2, default=lambda value: sorted(value) if isinstance(value, frozenset) else str(value)))


@rules_app.command("test")
def run_tests(rule_ids: Annotated[list[str] | None, typer.Argument(help="Rule ids; default all.")] = None) -> None:
    """Run the vignettes of rules, from FHIR resources to findings."""
    from rules.check import run_vignettes  # noqa: PLC0415 - keeps --help fast

    knowledge = _knowledge()
    chosen = tuple(rule for rule in knowledge.rules if not rule_ids or rule.id in rule_ids)
    results = list(run_vignettes(knowledge, chosen))
    for one in results:
        if one.problem:
            typer.echo(f"{one.rule}: {one.vignette}: {one.problem}")
    broken = sum(bool(one.problem) for one in results)
    typer.echo(f"{len(results)} vignettes, {broken} broken")
    if broken or not results:
        raise typer.Exit(BROKEN)


def _knowledge() -> Knowledge:
    from rules.knowledge import Knowledge  # noqa: PLC0415 - keeps --help fast
    from rules.load import KnowledgeError  # noqa: PLC0415

    try:
        return Knowledge.load()
    except KnowledgeError as problem:
        raise _fail(str(problem), NO_KNOWLEDGE) from None


def _fail(text: str, code: int) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(code)


def main() -> None:
    """The console script."""
    app()
