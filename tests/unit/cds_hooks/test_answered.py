"""Dismissals are found whatever was written first, and without passing over cards that nobody answered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, select, text

from cds_hooks.cards import Card
from cds_hooks.store.answered import mark
from cds_hooks.store.database import Database
from cds_hooks.store.dismissal import QUERY, Whose, dismissals
from cds_hooks.store.feedback import Outcome, save
from cds_hooks.store.tables import card_shown
from cds_hooks.store.writer import Shown, Writer
from tests.support.doubles import INSTANCE, NOW

WHO = Whose("c", "p", "u")


@pytest.fixture
def store(store_url: str) -> Iterator[Database]:
    found = Database(store_url)
    found.upgrade()
    yield found
    found.close()


def card(uuid: str) -> Card:
    return Card(uuid, "warning", (), (), {"summary": "s"}, identity=uuid)


def show(store: Database, *uuids: str) -> None:
    writer = Writer(store, keep_days=365, dropped=lambda _: pytest.fail("dropped"))
    writer.add(Shown(NOW, "s", INSTANCE, "c", "p", "u", "1", tuple(card(uuid) for uuid in uuids), 0, (), 1))
    writer.close()


def dismiss(store: Database, uuid: str) -> None:
    save(store, [Outcome(uuid, "overridden", "2026-11-22T10:05:31.000000Z")], service="s", caller="c", received=NOW)


def answered(store: Database) -> set[str]:
    with store.reading() as connection:
        return set(connection.execute(select(card_shown.c.uuid).where(card_shown.c.answered == 1)).scalars())


@pytest.mark.parametrize("card_first", [True, False])
def test_a_dismissal_counts_whichever_was_written_first(store: Database, card_first: bool) -> None:
    uuid, other = str(uuid4()), str(uuid4())
    steps: list[Callable[[], None]] = [lambda: show(store, uuid, other), lambda: dismiss(store, uuid)]
    for step in steps if card_first else reversed(steps):
        step()
    assert len(dismissals(store, WHO, since=NOW - timedelta(days=1))) == 1
    assert answered(store) == {uuid}


def test_a_card_that_appears_while_its_feedback_is_written_is_marked(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the writer looked for was not committed yet, and neither was the card when its feedback was stored."""
    uuid = str(uuid4())
    monkeypatch.setattr("cds_hooks.store.writer.mark_since", lambda *_: None)
    asked: list[Collection[str]] = []

    def late(connection: Connection, cards: Collection[str]) -> bool:
        asked.append(cards)
        return len(asked) > 1 and mark(connection, cards)

    monkeypatch.setattr("cds_hooks.store.feedback.mark", late)
    show(store, uuid)
    dismiss(store, uuid)
    assert answered(store) == {uuid}


def test_cards_that_nobody_answered_are_not_passed_over(tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path}/x.sqlite3")
    store.open()
    with store.reading() as connection:
        asked = text(f"EXPLAIN QUERY PLAN {QUERY}")
        plan = [str(row.detail) for row in connection.execute(asked, dict.fromkeys(("by", "of", "to", "since"), ""))]
        [index] = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'card_shown_whose'").scalars()
    assert any("card_shown USING INDEX card_shown_whose" in step for step in plan), plan
    assert str(index).endswith("WHERE answered = 1")
    store.close()


def test_feedback_of_an_older_version_is_found_after_the_migration(store: Database) -> None:
    uuid, other = str(uuid4()), str(uuid4())
    show(store, uuid, other)
    dismiss(store, uuid)
    config = Config()
    config.set_main_option("script_location", "cds_hooks.store:migrations")
    with store.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        command.upgrade(config, "head")
    assert answered(store) == {uuid}
