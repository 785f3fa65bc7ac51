"""What a person does on the console: opens, types, clicks, reads; each step waits for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from typing import Any, TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import Page
from tests.support.gateway import PASSWORD

__all__ = ["Console"]

T = TypeVar("T")
_SECONDS = 30
_AXE = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
_RUN_AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(
  (found) => done(found.violations.map((one) => ({
    id: one.id, impact: one.impact, where: one.nodes.map((node) => node.html.slice(0, 200)),
  }))),
  (error) => done(String(error)),
);
"""
_ROWS = """
return [...document.querySelectorAll("log-view .row[data-line]")].map((row) => [
  Number(row.dataset.line), row.querySelector(".text").textContent,
  row.classList.contains("growing"),
]);
"""


class Console:
    """The console in one window.

    Args:
        page: the window.
        url: where the gateway is.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def until(self, look: Callable[[], T | None], description: str) -> T:
        """What ``look`` gives as soon as it is true; elements may be replaced meanwhile."""
        waiting = WebDriverWait(
            self.page, _SECONDS, 0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        found = waiting.until(lambda _: look(), description)
        assert found is not None
        return found

    def all(self, css: str) -> list[WebElement]:
        """The elements that are there by now."""
        return self.page.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> WebElement:
        """The first element, as soon as it is seen."""
        return self.until(
            lambda: next((one for one in self.all(css) if one.is_displayed()), None),
            f"{css} to be seen",
        )

    def reads(self, css: str, text: str) -> None:
        """Waits until some such element has that text in it."""
        self.until(lambda: any(text in one.text for one in self.all(css)), f"{text!r} in {css}")

    def open(self, path: str = "/") -> None:
        """Goes to an address below the gateway."""
        self.page.get(f"{self.url}{path}")

    def fill(self, css: str, text: str) -> None:
        """Types into a field that is emptied first."""
        field = self.one(css)
        field.clear()
        field.send_keys(text)

    def click(self, css: str) -> None:
        """Clicks on the first such element, also if the page has just drawn it anew."""

        def clicked() -> bool:
            self.one(css).click()
            return True

        self.until(clicked, f"a click on {css}")

    def login(self, user: str = "ann", password: str = PASSWORD) -> None:
        """Fills in the login that the page asks for."""
        self.fill("#login input[name=user]", user)
        self.fill("#login input[name=password]", password)
        self.click("#login button")

    def enter(self, path: str = "/", user: str = "ann", password: str = PASSWORD) -> None:
        """Opens an address as somebody who was not here before."""
        self.forget_login()
        self.page.execute_cdp_cmd(
            "Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": "local_storage"}
        )
        self.open(path)
        self.login(user, password)
        self.until(lambda: not self.all("#login"), "the login to be over")

    def forget_login(self) -> None:
        """The login ends, as if it had expired."""
        self.page.execute_cdp_cmd("Network.clearBrowserCookies", {})

    def run(self, code: str, engine: str = "shell") -> None:
        """Types code into the editor and runs it by the keyboard."""
        self.open("/?page=run")
        self.until(lambda: len(self.all("#run-form select[name=engine] option")) > 1, "the engines")
        self.choose("#run-form select[name=engine]", engine)
        self.fill("#run-form textarea[name=code]", code)
        self.one("#run-form textarea[name=code]").send_keys(Keys.CONTROL, Keys.ENTER)
        self.one("log-view .port")

    def choose(self, css: str, value: str) -> None:
        """Chooses from a list."""
        self.click(f"{css} option[value={value!r}]")

    def tab(self, name: str) -> None:
        """Goes to a part of a task's page."""
        next(one for one in self.all(".tabs a") if one.text == name).click()

    def rows(self) -> list[tuple[int, str, bool]]:
        """The rows of the log that are drawn: number, text, whether it still grows."""
        return [tuple(row) for row in self.page.execute_script(_ROWS)]

    def lines(self) -> Iterator[tuple[int, str]]:
        """All lines of the log, from the first, as they are scrolled through."""
        number = 0
        self.one("log-view .port").send_keys(Keys.HOME)
        last = self.page.execute_script("return document.querySelector('log-view').last")
        while number < last:
            self.until(partial(self._has, number + 1), f"line {number + 1}")
            for row, text, _ in self.rows():
                if row == number + 1:
                    number = row
                    yield row, text
            self.page.execute_script(
                "const p = document.querySelector('.port'); p.scrollTop += p.clientHeight - 40"
            )

    def _has(self, number: int) -> bool:
        return any(row == number for row, _, _ in self.rows())

    def faults(self) -> list[dict[str, Any]]:
        """What axe finds on the page that is more than minor."""
        self.page.execute_script(_AXE)
        found = self.page.execute_async_script(_RUN_AXE)
        assert isinstance(found, list), found
        return [one for one in found if one["impact"] != "minor"]

    def complaints(self) -> list[str]:
        """Errors of the page, and what its policy refused, until now; no mere refusals by HTTP."""
        entries = self.page.get_log("browser")  # type: ignore[no-untyped-call]
        shown = [entry["message"] for entry in entries if entry["level"] == "SEVERE"]
        network = ("Failed to load resource", "WebSocket connection")
        return [text for text in shown if not any(word in text for word in network)]
