"""`nmcds`: how each command is called. What it does is in `cds_hooks.commands`, imported only when it runs, so that help is quick."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

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
  1  found: a rule file with problems, a vignette or promise that fails
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
rules_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="Check, list, show, test and count the rules.")
app.add_typer(rules_app, name="rules")


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
) -> None:
    """Run the service. Its settings are NMCDS_ variables (docs/reference/settings.md); options win over them.

    [bold]Examples[/]
    \b
      nmcds serve
      nmcds serve --host 127.0.0.2 --port 8080
    """
    from cds_hooks.commands.serve import serve as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(host=host, port=port))


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

    [bold]Examples[/]
    \b
      nmcds rules test
      nmcds rules test mg-crisis-urgent mg-gen-first-line
    """
    from cds_hooks.commands.rules import test  # noqa: PLC0415 - help must be quick

    raise typer.Exit(test(rule_ids or [], rules=rules, json=as_json))


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
