"""What a person does in a real editor: commands of the palette, files, panels, what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from selenium.common.exceptions import (
    StaleElementReferenceException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import Page
from tests.support.code_server import Editor

__all__ = ["Workbench"]

T = TypeVar("T")
_SECONDS = 60
_ASKED = """
const box = document.activeElement.closest(".quick-input-widget");
if (!box) return "";
const { textContent } = box.querySelector(".quick-input-message");
return `${document.activeElement.placeholder} ${textContent}`;
"""

_STORED = """
const [text, done] = arguments;
const read = (name) => new Promise((resolve) => {
  const opening = indexedDB.open(name);
  opening.onerror = () => resolve([]);
  opening.onsuccess = () => {
    const base = opening.result;
    const asking = base.transaction("ItemTable").objectStore("ItemTable").getAll();
    asking.onsuccess = () => { base.close(); resolve(asking.result); };
    asking.onerror = () => { base.close(); resolve([]); };
  };
});
indexedDB.databases()
  .then((all) => all.map(({ name }) => name))
  .then((names) => names.filter((name) => name.startsWith("vscode-web-state-db")))
  .then((names) => Promise.all(names.map(read)))
  .then((found) => done(found.flat().some((value) => String(value).includes(text))))
  .catch((error) => done(false));
"""


class Workbench:
    """The editor in one window of a browser.

    Args:
        page: the window.
        editor: the editor that is served.
        folder: the workspace that is opened.
    """

    def __init__(self, page: Page, editor: Editor, folder: str) -> None:
        self.page = page
        self.editor = editor
        self.folder = folder

    def until(self, look: Callable[[], T | None], description: str) -> T:
        """What ``look`` gives as soon as it is true; elements may be replaced meanwhile."""
        ignored = [StaleElementReferenceException, WebDriverException]
        waiting = WebDriverWait(self.page, _SECONDS, 0.1, ignored_exceptions=ignored)
        try:
            found = waiting.until(lambda _: look(), description)
        except TimeoutException:
            self.page.save_screenshot(str(self.editor.user / "timeout.png"))
            raise
        assert found is not None
        return found

    def one(self, css: str, text: str = "") -> WebElement:
        """The first such element that is seen with that text in it, as soon as there is one."""

        def look() -> WebElement | None:
            found = self.page.find_elements(By.CSS_SELECTOR, css)
            return next((one for one in found if one.is_displayed() and text in one.text), None)

        return self.until(look, f"{text!r} in {css}")

    def open(self) -> None:
        """Loads the window, anew if it was loaded before; the extension has begun then."""
        self.page.get(f"{self.editor.url}/?folder={self.folder}")
        self.one(".statusbar", "Narthex")

    def stored(self, text: str) -> None:
        """Waits until the editor has written that down: it does so every few seconds only."""
        self.until(lambda: self.page.execute_async_script(_STORED, text), f"{text} to be stored")

    def keys(self, *keys: str) -> None:
        """Types into what has the focus."""
        ActionChains(self.page).send_keys(*keys).perform()

    def command(self, title: str) -> None:
        """Runs a command by the palette."""
        self.keys(Keys.F1)
        self.answer("command", title, wanted=title)

    def answer(self, prompt: str, text: str, wanted: str = "") -> None:
        """Types into the box at the top that asks this; takes the first row if it is wanted."""
        self.until(lambda: prompt in self.page.execute_script(_ASKED), f"{prompt!r} to be asked")
        self.keys(text)
        if wanted:
            self.one(".quick-input-list .monaco-list-row.focused", wanted)
        self.keys(Keys.ENTER)

    def login(self, token: str) -> None:
        """Logs in by a token."""
        self.command("Narthex: Log In")
        self.answer("Log in at", "token", wanted="with a token")
        self.answer("Token", token)
        self.standing("check")

    def standing(self, icon: str) -> None:
        """Waits until the status bar has that icon for the gateway."""
        self.one(f"[id='narthex.narthex.narthex.gateway'] .codicon-{icon}")

    def frame(self) -> None:
        """Goes into the page of the panel in front, whose frame is in another one."""

        def entered() -> bool:
            self.page.switch_to.default_content()
            for css in ("iframe.webview.ready", "iframe#active-frame"):
                self.page.switch_to.frame(self.page.find_element(By.CSS_SELECTOR, css))
            return bool(self.page.find_elements(By.CSS_SELECTOR, "#note"))

        self.until(entered, "the page of the panel")

    def file(self, name: str) -> None:
        """Opens a file of the workspace."""
        ActionChains(self.page).key_down(Keys.CONTROL).send_keys("p").key_up(Keys.CONTROL).perform()
        self.answer("files", name, wanted=name)
        self.tab(name)

    def tab(self, name: str) -> None:
        """Waits until that tab is in front."""
        css = f".tab[aria-selected='true'][aria-label*='{name}']"
        self.until(lambda: self.page.find_elements(By.CSS_SELECTOR, css), f"the tab {name}")
