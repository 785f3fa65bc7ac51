"""The JavaScript client in a browser while its connections break: no line lost or twice."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.gateway.client.js.test_cuts import cut, meanwhile, slow_lines
from tests.gateway.console.driver import Console
from tests.gateway.console.test_journeys import submitted
from tests.support.cutting_proxy import cutting
from tests.support.gateway import Gateway

CUTS = 60
_FOLLOW = """
const [task, done] = arguments;
(async () => {
  const { Client } = await import("/client.js");
  const client = new Client({ firstSeconds: 0.1, longestSeconds: 0.5 });
  const told = [];
  for await (const item of client.follow(task)) {
    if (item.type === "line") told.push([item.number, item.text]);
    else if (item.type === "gap" || item.type === "end") told.push([item.type, item.last]);
  }
  client.close();
  return told;
})().then(done, (error) => done(String(error)));
"""


def test_cuts_in_a_browser(gateway: Gateway, console: Console, tmp_path: Path) -> None:
    """Every connection of the page is cut many times; each line comes once and in order."""
    flag = tmp_path / "enough"
    number = submitted(gateway, slow_lines(flag))
    address = urlsplit(gateway.url)
    with cutting(str(address.hostname), int(address.port or 0)) as proxy:
        page = Console(console.page, f"http://{proxy.address}")
        page.enter("/?page=account")
        page.one("account-page td")

        def work() -> None:
            try:
                cut(proxy, CUTS, 90)
            finally:
                flag.touch()

        console.page.set_script_timeout(110)
        try:
            with meanwhile(work):
                shown = console.page.execute_async_script(_FOLLOW, str(number))
        finally:
            console.page.set_script_timeout(30)
            flag.touch()
        assert proxy.cuts >= CUTS
    assert isinstance(shown, list), shown
    *lines, (last, text), end = shown
    assert lines == [[i, f"line {i}"] for i in range(1, len(lines) + 1)]
    assert (last, text) == (len(lines) + 1, "over")
    assert end == ["end", last]
