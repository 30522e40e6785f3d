"""`nmcds`: how each command is called. What it does is in `cds_hooks.commands`, imported only when it runs, so that help is quick."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from cds_hooks.commands import rules_author
from cds_hooks.commands.codes import codes_app

__all__ = ["app", "main"]

HELP = """
Clinical decision support for neuromuscular disorders: run the service, ask it about a patient, read and test its rules.

[bold]Try it[/]
\b
  nmcds serve                             the service and its demo page
  nmcds check --fixture mg_crisis --why   an invented patient, fact to card
  nmcds check my-bundle.json              a patient of your own, as FHIR R4
  nmcds explain mg-crisis-urgent          one rule in plain words

[bold]Exit codes[/]
\b
  0  all is well
  1  found: a rule file or client registry with problems, a vignette or promise that fails
  2  the command line, a setting or a file is wrong
  3  the knowledge cannot be loaded
  4  it could not be done: the port is taken, the rule engine stopped
"""

Hook = Literal[
    "patient-view", "order-select", "order-sign", "encounter-start", "encounter-discharge", "problem-list-item-create", "appointment-book"
]
Pathway = Literal["immunosuppressive", "analgesic", "referral", "monitoring", "education", "manual-therapy", "safety"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Day = Annotated[datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], metavar="DATE", help="Day of the call, such as 2026-11-22.")]
Folder = Annotated[
    Path | None,
    typer.Option("--rules", exists=True, file_okay=False, help="Folder of rule files instead of those that come with the service."),
]
RuleId = Annotated[str, typer.Argument(metavar="RULE-ID", help="Such as mg-crisis-urgent.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich", help=HELP)
rules_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Check, list, show, test, compare and write rules.")
rules_author.mount(rules_app)
app.add_typer(rules_app, name="rules")
fhir_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="The knowledge as FHIR R4 resources.")
app.add_typer(fhir_app, name="fhir")
app.add_typer(codes_app, name="codes")
audit_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Ask what the service said, and export the audit.")
app.add_typer(audit_app, name="audit")
clients_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Check a client registry; sign a token to try it.")
app.add_typer(clients_app, name="clients")
db_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Make, migrate and check the tables of NMCDS_DATABASE_URL.")
app.add_typer(db_app, name="db")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - help must be quick

        typer.echo(f"neuromuscular-cds {version('neuromuscular-cds')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")] = False,
) -> None:
    """Options of the program as a whole."""


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Without a client registry: loopback only.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.", show_default="8000")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that answer calls.", show_default="1")] = None,
) -> None:
    """Run the service. Its settings are NMCDS_ variables (docs/reference/settings.md); options win over them.

    A worker that dies or hangs is replaced. SIGTERM and Ctrl+C let calls that have begun come to their end.

    [bold]Examples[/]
    \b
      nmcds serve
      nmcds serve --host 127.0.0.2 --port 8080
      nmcds serve --workers 2
    """
    from cds_hooks.commands.serve import serve as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(host=host, port=port, workers=workers))


@fhir_app.command("export")
def fhir_export(
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="Folder to write to; made when it is not there.")],
    rules: Folder = None,
) -> None:
    """Write every rule as a PlanDefinition, every name that rules read as a ValueSet, and a Library of them all: one JSON file each.

    [bold]Example[/]
    \b
      nmcds fhir export --out artefacts
    """
    from cds_hooks.commands.fhir_export import export  # noqa: PLC0415 - help must be quick

    raise typer.Exit(export(out, rules=rules))


@app.command()
def check(
    bundle: Annotated[Path | None, typer.Argument(metavar="BUNDLE.json", help="A FHIR R4 Bundle with one patient.")] = None,
    fixture: Annotated[str | None, typer.Option(metavar="NAME", help="An invented patient instead (nmcds fixtures lists them).")] = None,
    all_fixtures: Annotated[bool, typer.Option("--all-fixtures", help="Compare every invented patient with what is promised.")] = False,
    hook: Annotated[Hook | None, typer.Option(help="The moment of the call.", show_default="patient-view")] = None,
    on: Day = None,
    patient: Annotated[str | None, typer.Option(metavar="ID", help="Which patient, when the Bundle holds several.")] = None,
    why: Annotated[bool, typer.Option("--why", help="Show the chain of each card: facts, rules, conclusions, blocks, proposals.")] = False,
    rules: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say which cards one patient gets. A draft in the Bundle is what is being ordered; what is not in the file counts as not there.

    [bold]Examples[/]
    \b
      nmcds check bundle.json
      nmcds check bundle.json --hook order-sign --on 2026-11-22 --why
      nmcds check --fixture mg_azathioprine_allopurinol
      nmcds check --all-fixtures
    """
    given = [bundle is not None, fixture is not None, all_fixtures]
    if sum(given) != 1:
        raise typer.BadParameter("expected exactly one of BUNDLE.json, --fixture NAME and --all-fixtures")
    if all_fixtures and (hook or on or why or patient):
        raise typer.BadParameter("--all-fixtures takes only --rules and --json; hooks and days come from the about files")
    from cds_hooks.commands import check as run  # noqa: PLC0415 - help must be quick

    day = on.date() if on else None
    if all_fixtures:
        raise typer.Exit(run.all_fixtures(rules=rules, json=as_json))
    if fixture is not None:
        raise typer.Exit(run.fixture(fixture, hook=hook, on=day, rules=rules, why=why, json=as_json))
    if bundle is not None:
        raise typer.Exit(run.bundle(bundle, hook=hook or "patient-view", on=day, patient=patient, rules=rules, why=why, json=as_json))


@app.command()
def screen(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="Folder of a FHIR Bulk Data export (NDJSON, also .gz) or of Bundles.")],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="New folder for the tables and the summary.")],
    hook: Annotated[Literal["patient-view", "encounter-start", "encounter-discharge"], typer.Option(help="The moment of the calls.")] = (
        "patient-view"
    ),
    on: Day = None,
    master: Annotated[str, typer.Option(help="Where Spark runs: this machine, or a cluster such as spark://HOST:7077.")] = "local[*]",
    types: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE,...", help="Types that the export was made with, besides those it shows; all: every type read."),
    ] = None,
    parts: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Pieces of work that are kept when a run stops.", show_default="by size")
    ] = None,
    conf: Annotated[
        list[str] | None, typer.Option(metavar="spark.NAME=VALUE", help="A setting of Spark; may be given several times.")
    ] = None,
    rules: Folder = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an unfinished run of the same output.")] = False,
    as_json: AsJson = False,
) -> None:
    """Screen every patient of an export with the same rules as the service: findings as Parquet and NDJSON, a summary by rule.

    A type of which the export has no file is unknown, not absent, unless its manifest or --types says that it was looked for. A run that
    was stopped goes on where it was. Exit code 1 when something could not be read or screened. Needs Java 17 and the extra `population`.

    [bold]Examples[/]
    \b
      nmcds screen export/ --out found --on 2026-11-22
      nmcds screen export/ --out found --types all --conf spark.driver.memory=8g
      nmcds screen hdfs:///exports/today --out hdfs:///found/today --master spark://head:7077
    """
    from cds_hooks.commands.screen import screen as run  # noqa: PLC0415 - help must be quick

    day = on.date() if on else None
    raise typer.Exit(
        run(
            source, out=out, hook=hook, on=day, master=master, types=types or [], parts=parts, conf=conf or [], rules=rules, fresh=fresh,
            json=as_json,
        )
    )  # fmt: skip


@app.command()
def explain(rule_id: RuleId, rules: Folder = None, as_json: AsJson = False) -> None:
    """Tell one rule in plain words: when it fires, what it proposes, on what evidence, who checked it.

    [bold]Examples[/]
    \b
      nmcds explain mg-crisis-urgent
      nmcds explain mg-crisis-urgent --json
    """
    from cds_hooks.commands.explain import explain as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(rule_id, rules=rules, json=as_json))


@app.command()
def fixtures(as_json: AsJson = False) -> None:
    """List the invented patients, and what the service promises to say about each.

    [bold]Example[/]
    \b
      nmcds fixtures --json
    """
    from cds_hooks.commands.fixtures import list_fixtures  # noqa: PLC0415 - help must be quick

    raise typer.Exit(list_fixtures(json=as_json))


@app.command()
def report(
    found: Annotated[Path, typer.Argument(metavar="OUT", help="The --out folder of a screen.")],
    html: Annotated[Path, typer.Option(metavar="FILE", help="The page to write.")],
) -> None:
    """Make a page to print of what a screen found: diseases, overdue reviews, blocked drugs in use, what was not checked. Counts only,
    small ones hidden.

    [bold]Example[/]
    \b
      nmcds report found --html report.html
    """
    from cds_hooks.commands.report import report as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(found, html))


@app.command("export-from")
def export_from(
    server: Annotated[
        str, typer.Argument(metavar="FHIR_BASE", help="Base URL of the FHIR server; listed in NMCDS_FHIR_SERVERS or loopback.")
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the files; an unfinished export there is taken up again.")],
    client_id: Annotated[str | None, typer.Option(metavar="ID", help="Who we are to the authorization server.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="Private key, PEM or JWK: RSA (RS384) or EC P-384 (ES384).")] = None,
    kid: Annotated[str | None, typer.Option(metavar="ID", help="Id of the registered key.", show_default="the kid of the JWK")] = None,
    token_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Token endpoint.", show_default="from .well-known/smart-configuration")
    ] = None,
    scope: Annotated[str, typer.Option(help="Scope to ask for.")] = "system/*.rs",
    group: Annotated[str | None, typer.Option(metavar="ID", help="Export the members of this Group, not all patients.")] = None,
    types: Annotated[
        list[str] | None, typer.Option(metavar="TYPE,...", help="Types to ask for.", show_default="what the rules read")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=240, help="How long to wait for the server at most.")] = 24,
    screen: Annotated[str | None, typer.Option(metavar="FOLDER", help="Screen the export at once, into this new folder.")] = None,
    on: Day = None,
) -> None:
    """Get a population out of a FHIR server: FHIR Bulk Data $export, with a token of SMART Backend Services.

    [bold]Examples[/]
    \b
      nmcds export-from https://fhir.example.org/r4 --out export --client-id nmcds --key key.json
      nmcds export-from https://fhir.example.org/r4 --out export --group registry --client-id nmcds --key key.pem --kid k1 --screen found
    """
    from cds_hooks.commands.export_from import export_from as run  # noqa: PLC0415 - help must be quick

    day = on.date() if on else None
    raise typer.Exit(
        run(
            server, out=out, client_id=client_id, key=key, kid=kid, token_url=token_url, scope=scope, group=group, types=types or [],
            hours=hours, screen=screen, on=day,
        )
    )  # fmt: skip


@app.command()
def population(
    patients: Annotated[int, typer.Option(min=1, max=1_000_000_000, help="How many people.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="New or empty folder for the files.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same people.")] = 1,
) -> None:
    """Invent a population: the invented patients with new ids among ordinary people, as a Bulk Data export to try `screen` on.

    [bold]Example[/]
    \b
      nmcds population --patients 1000 --seed 7 --out export
    """
    from cds_hooks.commands.population import population as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(patients, seed, out))


@rules_app.command("lint")
def rules_lint(rules: Folder = None, as_json: AsJson = False) -> None:
    """Report all problems of all rule files at once, as "file: key: found, expected, did you mean". Exit code 1 when there are any.

    [bold]Examples[/]
    \b
      nmcds rules lint
      nmcds rules lint --rules my-rules
    """
    from cds_hooks.commands.rules import lint  # noqa: PLC0415 - help must be quick

    raise typer.Exit(lint(rules=rules, json=as_json))


@rules_app.command("list")
def rules_list(
    pathway: Annotated[Pathway | None, typer.Option(help="Only this pathway.")] = None,
    hook: Annotated[Hook | None, typer.Option(help="Only rules that speak at this hook.")] = None,
    rules: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List the rules.

    [bold]Examples[/]
    \b
      nmcds rules list --pathway analgesic
      nmcds rules list --hook order-sign --json
    """
    from cds_hooks.commands.rules import list_rules  # noqa: PLC0415 - help must be quick

    raise typer.Exit(list_rules(rules=rules, pathway=pathway, hook=hook, json=as_json))


@rules_app.command("show")
def rules_show(rule_id: RuleId, rules: Folder = None, as_json: AsJson = False) -> None:
    """Print the file of one rule; with --json, the rule as loaded.

    [bold]Example[/]
    \b
      nmcds rules show mg-crisis-urgent
    """
    from cds_hooks.commands.rules import show  # noqa: PLC0415 - help must be quick

    raise typer.Exit(show(rule_id, rules=rules, json=as_json))


@rules_app.command("coverage")
def rules_coverage(
    every: Annotated[bool, typer.Option("--all", help="List every rule, not only those with something to say.")] = False,
    rules: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Compare the rules with the specification: present, tried, able to fire with official codes. Exit code 1 when one is missing.

    [bold]Examples[/]
    \b
      nmcds rules coverage
      nmcds rules coverage --all
    """
    from cds_hooks.commands.coverage import covered  # noqa: PLC0415 - help must be quick

    raise typer.Exit(covered(rules=rules, every=every, json=as_json))


@rules_app.command("test")
def rules_test(
    rule_ids: Annotated[list[str] | None, typer.Argument(metavar="[RULE-ID]...", help="Without any: all active rules.")] = None,
    rules: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Run the vignettes of rules, the whole way from FHIR to finding. Exit code 1 when one does not come out as expected.

    A failure says which condition decided and what was missing. A draft is tested as if it were active when it is named.

    [bold]Examples[/]
    \b
      nmcds rules test
      nmcds rules test mg-crisis-urgent mg-gen-first-line
    """
    from cds_hooks.commands.rules import test  # noqa: PLC0415 - help must be quick

    raise typer.Exit(test(rule_ids or [], rules=rules, json=as_json))


@codes_app.command("verify")
def codes_verify(as_json: AsJson = False) -> None:
    """Re-check every shipped row of codes: forms and check digits, ICD-10-CM, contradictions, and when each was last checked.

    ICD-10-CM comes from the development package simple-icd-10-cm; without it the check fails and says so. Exit code 1 for any problem.

    [bold]Example[/]
    \b
      nmcds codes verify
    """
    from cds_hooks.commands.codes_verify import verify  # noqa: PLC0415 - help must be quick

    raise typer.Exit(verify(json=as_json))


@codes_app.command("lint")
def codes_lint(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV file: system,code,concept and note.")],
    as_json: AsJson = False,
) -> None:
    """Check a file of a site's own codes before the service loads it (NMCDS_SITE_CODES_FILE). Exit code 1 for any problem.

    [bold]Example[/]
    \b
      nmcds codes lint docs/how-to/site-codes-example.csv
    """
    from cds_hooks.commands.codes_lint import lint  # noqa: PLC0415 - help must be quick

    raise typer.Exit(lint(file, json=as_json))


@codes_app.command("unmapped")
def codes_unmapped(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only from this day on.")] = None,
    at_least: Annotated[int, typer.Option(min=1, metavar="N", help="Only codes seen in so many calls or more.")] = 1,
    as_json: AsJson = False,
) -> None:
    """List codes that this service saw in neuromuscular chapters and watched drug groups and that mean nothing to it.

    System and code only. Use --at-least before a list leaves the house: a code that was seen once may point to one person.

    [bold]Examples[/]
    \b
      nmcds codes unmapped --since 2026-11-01
      nmcds codes unmapped --at-least 10 --json
    """
    from cds_hooks.commands.codes_unmapped import unmapped  # noqa: PLC0415 - help must be quick

    raise typer.Exit(unmapped(since=since.date() if since else None, at_least=at_least, json=as_json))


@codes_app.command("codesystem")
def codes_codesystem(
    every: Annotated[bool, typer.Option("--all", help="Every name that a rule may write, also those with official codes.")] = False,
) -> None:
    """Print our own code system as a FHIR R4 CodeSystem: what no official code records.

    [bold]Examples[/]
    \b
      nmcds codes codesystem
      nmcds codes codesystem --all
    """
    from cds_hooks.commands.codes_publish import print_code_system  # noqa: PLC0415 - help must be quick

    raise typer.Exit(print_code_system(every=every))


@codes_app.command("questionnaire")
def codes_questionnaire(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Such as respiratory; without one, all in a Bundle.")] = None,
) -> None:
    """Print FHIR R4 Questionnaires whose answers the rules read, for what no official code records.

    [bold]Examples[/]
    \b
      nmcds codes questionnaire respiratory
      nmcds codes questionnaire
    """
    from cds_hooks.commands.codes_publish import print_questionnaires  # noqa: PLC0415 - help must be quick

    raise typer.Exit(print_questionnaires(name))


@rules_app.command("lock")
def rules_lock(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 when the lock does not fit.")] = False,
) -> None:
    """Lock id, version and meaning of every rule in rules/knowledge.lock. Refuses meaning that changed without a new version.

    Also takes the changelog lines "rule-id X.Y.Z: ..." into rules/history.csv, the version history on the page of a rule.

    [bold]Examples[/]
    \b
      nmcds rules lock
      nmcds rules lock --check
    """
    from cds_hooks.commands.lock import lock  # noqa: PLC0415 - help must be quick

    raise typer.Exit(lock(check=check))


@rules_app.command("watch")
def rules_watch(
    on: Day = None,
    every: Annotated[bool, typer.Option("--all", help="List every rule that fired, not only the alarms.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show rules that fire more or less often than in the four weeks before. Reads the service's database. Exit code 1 for an alarm.

    [bold]Examples[/]
    \b
      nmcds rules watch
      nmcds rules watch --all --on 2026-11-22
    """
    from cds_hooks.commands.rate_watch import watch  # noqa: PLC0415 - help must be quick

    raise typer.Exit(watch(on=on.date() if on else None, every=every, json=as_json))


@audit_app.command("export")
def audit_export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE.ndjson", help="New file, one AuditEvent a line; - for standard output.")],
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First day (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Last day (UTC), included.")] = None,
) -> None:
    """Write the audit as FHIR R4 AuditEvents. People are keyed hashes; there is no clinical content.

    [bold]Examples[/]
    \b
      nmcds audit export --out audit.ndjson
      nmcds audit export --since 2026-11-01 --until 2026-11-30 --out november.ndjson
    """
    from cds_hooks.commands.audit import export  # noqa: PLC0415 - help must be quick

    raise typer.Exit(export(out=out, since=since.date() if since else None, until=until.date() if until else None))


@audit_app.command("whose")
def audit_whose(as_json: AsJson = False) -> None:
    """List the calls about one patient. The FHIR id is asked for, or read from standard input: on the command line others could see it.

    [bold]Examples[/]
    \b
      nmcds audit whose
      nmcds audit whose --json < file-with-the-id
    """
    from cds_hooks.commands.audit import whose  # noqa: PLC0415 - help must be quick

    raise typer.Exit(whose(json=as_json))


@clients_app.command("check")
def clients_check(registry: Annotated[Path, typer.Argument(metavar="REGISTRY.toml")], as_json: AsJson = False) -> None:
    """Report all problems of a client registry at once, as "file: key: found, expected, did you mean"; without any, list the clients.

    Nothing is connected to. Exit code 1 when there are problems.

    [bold]Example[/]
    \b
      nmcds clients check registry.toml
    """
    from cds_hooks.commands.clients import check as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(registry, json=as_json))


@clients_app.command("sign")
def clients_sign(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The exact address that will be called; it becomes aud.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="Private key, PEM. It is read and never stored.")],
    kid: Annotated[str, typer.Option(help="The kid that the registry has for the key.")],
    issuer: Annotated[str, typer.Option(help="The issuer that the registry has for the client.")],
    algorithm: Annotated[str | None, typer.Option(help="For RSA keys, when it is not RS384.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Claim tenant.")] = None,
    subject: Annotated[str | None, typer.Option(help="Claim sub.")] = None,
    lifetime: Annotated[int, typer.Option(min=1, max=3600, help="Seconds until it expires.")] = 60,
) -> None:
    """Print a token that is good for one call of one endpoint: for trying a registration, not for an EHR in use.

    [bold]Example[/]
    \b
      nmcds clients sign https://cds.example.org/cds-services --key private.pem --kid 2026-1 --issuer https://ehr.example.org
    """
    from cds_hooks.commands.clients import sign as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(
        run(key=key, kid=kid, issuer=issuer, endpoint=endpoint, algorithm=algorithm, tenant=tenant, subject=subject, lifetime=lifetime)
    )


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Make the tables, or migrate them to this version. Several may do so at once; nothing is done twice.

    SQLite is migrated by the service itself. For PostgreSQL run this before the new version starts; the user needs the right to
    create tables, the service does not. Make a copy first: there is no way back but the copy.

    [bold]Example[/]
    \b
      NMCDS_DATABASE_URL=postgresql://nmcds_owner@db.example.org/nmcds nmcds db upgrade
    """
    from cds_hooks.commands.db import upgrade  # noqa: PLC0415 - help must be quick

    raise typer.Exit(upgrade())


@db_app.command("current")
def db_current() -> None:
    """Say which revision the tables have and which one this version needs. Exit code 1 when they differ.

    [bold]Example[/]
    \b
      nmcds db current
    """
    from cds_hooks.commands.db import current  # noqa: PLC0415 - help must be quick

    raise typer.Exit(current())


@db_app.command("check")
def db_check() -> None:
    """Say whether feedback could be stored now: right tables, a write that lasts, and for SQLite a file without damage.

    [bold]Example[/]
    \b
      nmcds db check
    """
    from cds_hooks.commands.db import check  # noqa: PLC0415 - help must be quick

    raise typer.Exit(check())


def main() -> None:
    """Run `nmcds`; every end has an exit code and a message, none a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence: say what went wrong, never a stack
        from cds_hooks.commands.failure import report  # noqa: PLC0415 - only when something went wrong

        sys.exit(report(error))
