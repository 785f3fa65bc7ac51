"""A real browser for pages: Debian's Chromium, without a window, driven over loopback."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver

from tests.support.absent import missing

__all__ = ["Page", "browsing", "complaints", "dark", "phone"]

Page = WebDriver
"""What a test drives: one window of the browser."""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
)
_DEADLINE = 30


@contextlib.contextmanager
def browsing(profile: Path) -> Iterator[Page]:
    """A browser with an empty profile in that folder; skips, but not in CI, where there is none."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        missing("chromium and chromium-driver are not installed: pages are not used in a browser")
    options = Options()
    options.binary_location = chromium
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = webdriver.Chrome(options, Service(driver))
    try:
        page.set_page_load_timeout(_DEADLINE)
        page.set_script_timeout(_DEADLINE)
        yield page
    finally:
        page.quit()


def complaints(page: Page) -> list[object]:
    """What the browser said in its console since it was asked before: refusals and errors."""
    return list(page.get_log("browser"))  # type: ignore[no-untyped-call]  # as in selenium


def dark(page: Page, *, wanted: bool = True) -> None:
    """Lets the page see that its reader prefers a dark one."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def phone(page: Page) -> None:
    """Gives the page the width of a phone."""
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
