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
from cds_hooks.pages.bars import bars
from cds_hooks.pages.page import Pages
from cds_hooks.store.insights import FLAG_SHARE, FLAG_SHOWN, Insights, RuleSums, insights
from rules.knowledge import Knowledge

__all__ = ["InsightsPage"]

PERIODS = (7, 30, 90, 365)
DEFAULT = 30
COLUMNS = ("rule", "version", "indicator", "shown", "accepted", "overridden", "overridden_share", "flagged", "reasons")


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
        days = [(now - timedelta(days=back)).date().isoformat() for back in reversed(range(asked.days + 1))]
        return self.pages.html(
            "insights.html",
            found=found,
            rows=rows,
            asked=asked,
            periods=PERIODS,
            hooks=sorted(self.parts.services),
            calls=bars([(day, found.days.get(day, (0, 0))[0]) for day in days]),
            cards=bars([(day, found.days.get(day, (0, 0))[1]) for day in days]),
            titles={row.rule: rule.title for row in rows if (rule := self.knowledge.rule(row.rule)) is not None},
            flag_shown=FLAG_SHOWN,
            flag_percent=round(FLAG_SHARE * 100),
        )

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
            writer.writerow((row.rule, version, indicator, row.shown, row.accepted, row.overridden, share, flag, reasons))
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
