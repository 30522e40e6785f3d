"""`/insights`: what came of the cards, for the people who own the rules and run the service. Sums only."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from cds_hooks.app import Parts
from cds_hooks.cards import slug
from cds_hooks.pages.bars import plot
from cds_hooks.pages.page import Pages
from cds_hooks.store.insights import FLAG_SHARE, FLAG_SHOWN, Insights, RuleSums, Sums, insights
from rules.knowledge import Knowledge

__all__ = ["InsightsPage"]

PERIODS = (7, 30, 90, 365)
DEFAULT = 30
ANSWERED = ("shown", "accepted", "overridden", "overridden_share", "flagged")
COLUMNS = ("rule", "version", "indicator", *ANSWERED, "held_back", "not_all_checked", "reasons")
NAMED = 20  # of the data that are missing most often


@dataclass(frozen=True, slots=True)
class InsightsPage:
    """GET /insights and /insights.csv with `days` (7, 30, 90, 365), `hook` and `rule` (words of a rule id)."""

    parts: Parts
    knowledge: Knowledge
    pages: Pages
    clock: Callable[[], datetime]

    async def show(self, request: Request) -> Response:
        """The page."""
        found, rows, asked = await self._asked(request)
        now = self.clock()
        names = [(now - timedelta(days=back)).date().isoformat() for back in reversed(range(asked.days + 1))]
        days = [(day, found.days.get(day) or Sums()) for day in names]
        return self.pages.html(
            "insights.html",
            found=found,
            rows=rows,
            asked=asked,
            periods=PERIODS,
            hooks=sorted(self.parts.services),
            plots=(
                plot("Calls by day", ("calls",), [(day, (sums.calls,)) for day, sums in days]),
                plot("Cards by day", ("shown", "held back"), [(day, (sums.cards, sums.held)) for day, sums in days]),
                plot("Answers by day", ("accepted", "overridden"), [(day, (sums.accepted, sums.overridden)) for day, sums in days]),
            ),
            days=[(day, sums) for day, sums in reversed(days) if sums != Sums()],
            services=sorted(found.services.items(), key=lambda one: (-one[1].calls, one[0])),
            missing=[(self.knowledge.in_words(name), count) for name, count in found.missing.most_common(NAMED)],
            words=self._reasons(),
            titles={row.rule: rule.title for row in rows if (rule := self.knowledge.rule(row.rule)) is not None},
            flag_shown=FLAG_SHOWN,
            flag_percent=round(FLAG_SHARE * 100),
        )

    def _reasons(self) -> dict[str, str]:
        """Our override reasons in words, by code; a reason of anybody else is shown as its code."""
        return {slug(reason): reason for rule in self.knowledge.every if rule.card for reason in rule.card.override_reasons}

    async def download(self, request: Request) -> Response:
        """The table of rules as CSV (RFC 4180)."""
        _, rows, _ = await self._asked(request)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in rows:
            rule = self.knowledge.rule(row.rule)
            reasons = "; ".join(f"{_plain(reason)}: {count}" for reason, count in row.reasons.most_common())
            version = rule.version if rule else ""
            indicator = "/".join(sorted(row.indicators))
            share, flag = f"{row.share:.2f}", "yes" if row.flagged else "no"
            answered = (row.shown, row.accepted, row.overridden, share, flag)
            writer.writerow((row.rule, version, indicator, *answered, row.held, row.unsure, reasons))
        headers = {"Content-Disposition": 'attachment; filename="insights.csv"'}
        return Response(out.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")

    async def _asked(self, request: Request) -> tuple[Insights, Sequence[RuleSums], Asked]:
        await self.parts.clients.identify(request)
        asked = Asked.of(request, self.parts)
        found = await asyncio.to_thread(insights, self.parts.database, self.clock(), asked.days, asked.service)
        rows = [row for row in found.rules.values() if asked.rule in row.rule]
        rows.sort(key=lambda row: (not row.flagged, -row.shown, row.rule))
        return found, rows, asked


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page was asked for; anything else than the offered choices is the default."""

    days: int
    service: str
    rule: str

    @classmethod
    def of(cls, request: Request, parts: Parts) -> Asked:
        """Read the query."""
        query = request.query_params
        days = next((days for days in PERIODS if query.get("days") == str(days)), DEFAULT)
        service = query.get("service", "")
        return cls(days, service if service in parts.services else "", query.get("rule", "").strip().lower()[:120])


def _plain(text: str) -> str:
    """A reason code for a spreadsheet: what begins like a formula is not one."""
    return "'" + text if text[:1] in "=+-@\t\r" else text
