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
