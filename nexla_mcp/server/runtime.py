"""Everything one server process shares: settings, catalogue, the one client, the gate, parked results.

    async with Runtime.open(settings, sandbox=False) as runtime:
        server = build_server(runtime)

What is heavy (HTTP client, search index, sandbox) is made on first use, so that a host that only lists
tools gets its answer at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self

from nexla_mcp.catalog.catalog import Catalog
from nexla_mcp.catalog.loader import load_catalog
from nexla_mcp.output.results import ResultStore
from nexla_mcp.server.names import Names
from nexla_mcp.settings import Settings

if TYPE_CHECKING:
    import httpx

    from nexla_mcp.catalog.search import SearchIndex
    from nexla_mcp.client.auth import TokenSource
    from nexla_mcp.client.client import NexlaClient
    from nexla_mcp.client.permits import PermitLedger
    from nexla_mcp.policy.gate import Gate
    from nexla_mcp.runs.engine import Engine
    from nexla_mcp.runs.secrets import Secrets
    from nexla_mcp.server.confirm_page import LocalPages
    from nexla_mcp.service_key import FoundKey, KeyProblemError
    from nexla_mcp.state.changes import ChangeLog
    from nexla_mcp.state.receipts import Receipts
    from nexla_mcp.state.run_log import RunLog
    from nexla_mcp.state.store import StateStore

START_FIRST_S = 1.0
"""Whoever connects is answered first; then what was left behind is looked for."""
_LOG = logging.getLogger(__name__)
SANDBOX_URL = "http://nexla.sandbox"


class Runtime:
    """The shared parts, made once and passed down."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        *,
        sandbox: bool = False,
        transport_name: str = "stdio",
        clock: Callable[[], float] = time.time,
        hide: Callable[[str], object] = lambda _secret: None,
    ) -> None:
        self.settings = settings
        self._hide = hide
        self.clock = clock
        self.catalog = catalog
        self.sandbox = sandbox
        self.transport_name = transport_name
        self.results = ResultStore()
        self.names = Names()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings,
        *,
        sandbox: bool = False,
        transport_name: str = "stdio",
        hide: Callable[[str], object] = lambda _secret: None,
    ) -> AsyncIterator[Self]:
        """A runtime whose client is closed at the end; ``hide`` is told the key when it is read, for the log's mask."""
        runtime = cls(settings, load_catalog(), sandbox=sandbox, transport_name=transport_name, hide=hide)
        looking = asyncio.create_task(runtime.go_on_with_runs())
        try:
            yield runtime
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await runtime.aclose()

    async def go_on_with_runs(self) -> None:
        """Go on with the runs that a dead process has left behind. Where there are none, nothing is imported."""
        from nexla_mcp.runs.records import OPEN

        await asyncio.sleep(START_FIRST_S)
        one_call = self.transport_name == "terminal"  # it would be cut short when the call ends
        if self.settings.read_only or self.sandbox or one_call or not self.may_have_runs(*OPEN):
            return
        try:
            await self.engine.recover()
        except Exception as error:
            _LOG.warning("Runs that were left behind could not be gone on with (%s).", type(error).__name__)

    def may_have_runs(self, *statuses: str) -> bool:
        """False when no run surely has one of ``statuses``: asked without importing anything heavy."""
        from nexla_mcp.state.left_behind import anything_left_behind

        if self.sandbox:
            return "engine" in self.__dict__
        shared = self.settings.state_url is not None
        return anything_left_behind(self.settings.state_dir, shared=shared, statuses=statuses)

    async def aclose(self) -> None:
        """Close what was opened."""
        if "engine" in self.__dict__:
            await self.engine.close()
        if "pages" in self.__dict__:
            self.pages.close()
        if "client" in self.__dict__:
            await self.client.__aexit__(None, None, None)
        if "state" in self.__dict__:
            self.state.close()

    @property
    def api_url(self) -> str:
        """Where requests go."""
        return SANDBOX_URL if self.sandbox else self.settings.api_url

    @cached_property
    def ledger(self) -> PermitLedger:
        """The permits that the policy issues and the client spends."""
        from nexla_mcp.client.permits import PermitLedger

        return PermitLedger()

    @cached_property
    def client(self) -> NexlaClient:
        """The one client of this process."""
        from nexla_mcp.client.client import NexlaClient

        return NexlaClient(
            self.api_url,
            self._tokens,
            self.ledger,
            transport=self._sandbox_transport() if self.sandbox else None,
            max_concurrency=self.settings.max_concurrency,
            webhook_hosts=self.settings.webhook_hosts,
        )

    @cached_property
    def gate(self) -> Gate:
        """The gate of this process."""
        from nexla_mcp.catalog.records import Risk
        from nexla_mcp.policy.gate import Gate
        from nexla_mcp.policy.ticket import TicketBook

        settings = self.settings
        keys = settings.seal_keys.get_secret_value().split(",") if settings.seal_keys else []
        return Gate(
            settings.confirm,
            TicketBook([k.strip() for k in keys if k.strip()], self.clock, self.state),
            self.ledger,
            self.principal,
            self.state,
            limits={Risk.DISRUPT: settings.max_changes_per_hour, Risk.DESTROY: settings.max_destroys_per_hour},
            unasked=[record.name for name in settings.confirm_off if (record := self.catalog.resolve(name))],
            pages=self.pages,
            page_wait_s=settings.page_wait_s,
        )

    @cached_property
    def pages(self) -> LocalPages:
        """The questions that stand on local pages."""
        from nexla_mcp.server.confirm_page import LocalPages

        return LocalPages(open_browser=self.settings.open_browser and self.transport_name != "http")

    @cached_property
    def state(self) -> StateStore:
        """What outlives a call; opened by the first change. A sandbox in this process ends with it, and so does this."""
        from nexla_mcp.state.folder import state_folder
        from nexla_mcp.state.store import StateStore

        if self.sandbox:
            return StateStore(None, clock=self.clock)
        url = self.settings.state_url.get_secret_value() if self.settings.state_url else None
        return StateStore(state_folder(self.settings.state_dir), url, clock=self.clock)

    @cached_property
    def changes(self) -> ChangeLog:
        """The log of this principal's changes."""
        from nexla_mcp.state.changes import ChangeLog

        return ChangeLog(self.state, self.principal)

    @cached_property
    def runs(self) -> RunLog:
        """The runs of this principal."""
        from nexla_mcp.state.run_log import RunLog

        return RunLog(self.state, self.principal)

    @cached_property
    def secrets(self) -> Secrets:
        """What this process was told and must not write down."""
        from nexla_mcp.runs.secrets import Secrets

        return Secrets()

    @cached_property
    def engine(self) -> Engine:
        """What carries out runs; it opens DBOS with the first run."""
        from nexla_mcp.runs.engine import Engine
        from nexla_mcp.runs.steps import Steps
        from nexla_mcp.state.folder import state_folder

        steps = Steps(self.client, self.catalog, self.changes, self.ledger, self.secrets)
        return Engine(steps, self.runs, None if self.sandbox else state_folder(self.settings.state_dir))

    @cached_property
    def search(self) -> SearchIndex:
        """The index over names, synonyms and descriptions."""
        from nexla_mcp.catalog.search import SearchIndex

        return SearchIndex(self.catalog)

    @cached_property
    def receipts(self) -> Receipts:
        """One line a call, on disk."""
        from nexla_mcp.state.receipts import Receipts

        return Receipts.at(self.settings.state_dir)

    @cached_property
    def key(self) -> FoundKey | KeyProblemError | None:
        """The key to Nexla, read when it is first needed; or why it cannot be read; or None where there is none."""
        from nexla_mcp.service_key import KeyProblemError, find_key

        if self.sandbox:
            return None
        try:
            found = find_key(self.settings)
        except KeyProblemError as error:
            return error
        if found is not None:
            self._hide(found.secret)
        return found

    @cached_property
    def principal(self) -> str:
        """Who acts, without saying the secret: a hash of the key and the instance."""
        secret = getattr(self.key, "secret", "")
        text = f"{self.api_url}|{secret}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _tokens(self, http: httpx.AsyncClient) -> TokenSource:
        from nexla_mcp.client.auth import FixedToken, NoTokens, ServiceKeyTokens

        if self.sandbox:
            from nexla_mcp.sandbox import SERVICE_KEY

            return ServiceKeyTokens(http, SERVICE_KEY)
        if problem := self.settings.url_problem():
            return NoTokens(problem)
        key = self.key
        if key is None or isinstance(key, Exception):
            return NoTokens(str(key) if key else None)
        return ServiceKeyTokens(http, key.secret) if key.kind == "service key" else FixedToken(key.secret)

    def _sandbox_transport(self) -> httpx.AsyncBaseTransport:
        import httpx

        from nexla_mcp.sandbox import create_app

        return httpx.ASGITransport(app=create_app())
