"""How the commands of someone who writes rules are called: `nmcds rules new`, `edit`, `names`, `diff` and `record`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["mount"]

Engine = Literal["checked", "durable", "reference"]
Folder = Annotated[
    Path | None,
    typer.Option("--rules", exists=True, file_okay=False, help="Folder of rule files instead of those that come with the service."),
]
Side = Annotated[str, typer.Argument(help="A folder of rule files, a recorded file, packaged, or a git revision.")]
EngineOption = Annotated[Engine, typer.Option("--engine", help="Rule engine; reference is the quickest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


def mount(app: typer.Typer) -> None:
    """Add the commands to `nmcds rules`."""
    app.command("new")(new)
    app.command("edit")(edit)
    app.command("names")(names)
    app.command("diff")(diff)
    app.command("record")(record)


def new(
    rule_id: Annotated[str, typer.Argument(metavar="RULE-ID", help="Such as mg-thymoma-followup: the disease first, then the subject.")],
    area: Annotated[str, typer.Option(help="Folder of the file, such as monitoring or immunotherapy/mg.")],
    title: Annotated[str | None, typer.Option(help="One line without a dose.", show_default="asked for")] = None,
    pathway: Annotated[
        str | None,
        typer.Option(
            help="immunosuppressive, analgesic, referral, monitoring, education, manual-therapy or safety.", show_default="asked for"
        ),
    ] = None,
    diagnosis: Annotated[
        str | None, typer.Option(help="Whom the rule is for: a name that `names` finds.", show_default="asked for")
    ] = None,
    source: Annotated[str | None, typer.Option(help="What it rests on: an id that `names` finds.", show_default="asked for")] = None,
    author: Annotated[str | None, typer.Option(help="Who writes it, name and role.", show_default="asked for")] = None,
    stage: Annotated[
        Literal["safety", "pathway", "monitoring"], typer.Option(help="safety warns and blocks, pathway proposes, monitoring follows up.")
    ] = "pathway",
    hook: Annotated[list[str] | None, typer.Option(help="When it may speak; may be repeated.", show_default="patient-view")] = None,
    rules: Folder = None,
) -> None:
    """Write a draft rule that is valid at once, with notes that say what to put where (docs/how-to/add-a-rule.md).

    Asks for what is not given. Refuses an id that a rule has, and an area, diagnosis or source that is not known.

    [bold]Examples[/]
    \b
      nmcds rules new mg-thymoma-followup --area immunotherapy/mg
      nmcds rules new dm-ecg-yearly --area referral/heart --rules my-rules
    """
    from cds_hooks.commands.new_rule import new as run  # noqa: PLC0415 - help must be quick

    answers = {"title": title, "pathway": pathway, "diagnosis": diagnosis, "source": source, "author": author}
    raise typer.Exit(run(rule_id, area=area, stage=stage, hooks=list(hook or ["patient-view"]), answers=answers, rules=rules))


def edit(
    rule_id: Annotated[str, typer.Argument(metavar="RULE-ID", help="The name of its file.")],
    rules: Folder = None,
) -> None:
    """Say where the file of a rule is, what stands on which line, what to write there, and what is wrong with it now.

    The file is yours to change in any text editor. Exit code 1 when it, or another file, has problems.

    [bold]Examples[/]
    \b
      nmcds rules edit mg-thymoma-refer
      nmcds rules edit dm-ecg-yearly --rules my-rules
    """
    from cds_hooks.commands.edit_rule import edit as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(rule_id, rules=rules))


def names(
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="Parts of a name, label, code or display; all must be there.")],
    codes: Annotated[bool, typer.Option("--codes", help="Also list what each name stands for, with its codes.")] = False,
    rules: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Find the names that a rule may write: diseases, drugs, results, questions, value sets, concluded facts, sources.

    [bold]Examples[/]
    \b
      nmcds rules names myasth
      nmcds rules names vital capacity --codes
      nmcds rules names G70.0
    """
    from cds_hooks.commands.names import names as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(" ".join(words), codes=codes, rules=rules, json=as_json))


def diff(
    before: Side,
    after: Side,
    draft: Annotated[list[str] | None, typer.Option("--draft", metavar="RULE-ID", help="A draft that speaks as if it were active.")] = None,
    engine: EngineOption = "reference",
    as_json: AsJson = False,
) -> None:
    """Say what changes for the invented patients between two versions of the rules: findings gained, lost, changed. Exit code 1 for any.

    A revision is only its rule files, read with the code lists and the program of today. To compare programs too, let the old one
    `record` and compare with its file.

    [bold]Examples[/]
    \b
      nmcds rules diff packaged my-rules
      nmcds rules diff packaged my-rules --draft dm-ecg-yearly
      nmcds rules diff v0.1.0 packaged
      nmcds rules diff before-upgrade.json packaged
    """
    from cds_hooks.commands.diff import diff as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(before, after, engine=engine, drafts=draft or [], json=as_json))


def record(
    out: Annotated[Path, typer.Argument(metavar="FILE.json", dir_okay=False, help="File to write.")],
    engine: EngineOption = "reference",
    rules: Folder = None,
) -> None:
    """Record what every rule says about every invented patient, for a later `nmcds rules diff` by another version of the program.

    [bold]Example[/]
    \b
      nmcds rules record before-upgrade.json
    """
    from cds_hooks.commands.diff import record as run  # noqa: PLC0415 - help must be quick

    raise typer.Exit(run(out, engine=engine, rules=rules))
