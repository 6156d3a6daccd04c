"""The console of the web tests, to keep the ledger in."""

from tests.real.web.conftest import browser, console

__all__ = ["browser", "console"]
