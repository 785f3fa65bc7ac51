"""OAR's pages in a real browser: a person logs in, submits a job, sees it and deletes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import Page, browsing, complaints, dark, phone
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser of the administrator's, who logged in at the first page."""
    password = admin_password(served.data)
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        found.get(f"{served.url}/oarapi/index.html")
        (login,) = found.find_elements(By.LINK_TEXT, "Log in")
        address = login.get_attribute("href")
        assert address is not None
        found.get(address.replace("//", f"//admin:{password}@", 1))
        found.get(f"{served.url}/oarapi/jobs.html")
        assert who(found) == "admin"
        yield found


@pytest.fixture
def page(browser: Page, served: Served) -> Page:
    """The first page in that browser, as it is by day on a desk."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    dark(browser, wanted=False)
    browser.get(f"{served.url}/oarapi/index.html")
    return browser


def who(page: Page) -> str:
    """Who the page says is logged in."""
    return page.find_element(By.CLASS_NAME, "who").text


def pressed(page: Page, shown: str) -> None:
    """Presses the button that says that."""
    left(page, page.find_element(By.XPATH, f"//button[text()='{shown}']"))


def left(page: Page, way: WebElement) -> None:
    """Goes where a link or a button leads, until another page is there."""
    before = page.find_element(By.TAG_NAME, "html")
    way.click()
    wait = WebDriverWait(page, 30)
    wait.until(staleness_of(before))
    wait.until(lambda page: page.execute_script("return document.readyState") == "complete")


def facts(page: Page) -> dict[str, str]:
    """What a page says of a job above the YAML."""
    names = [one.text for one in page.find_elements(By.TAG_NAME, "dt")]
    return dict(
        zip(names, [one.text for one in page.find_elements(By.TAG_NAME, "dd")], strict=True)
    )


def field(page: Page, name: str) -> WebElement:
    """A field of a form, emptied."""
    found = page.find_element(By.NAME, name)
    found.clear()
    return found


def answered(page: Page) -> WebElement:
    """The way to the job on the page that answers a form, once it is there."""
    found = WebDriverWait(page, 30).until(
        lambda page: page.find_elements(By.PARTIAL_LINK_TEXT, "job ")
    )
    return found[0]


def test_a_job_is_submitted_seen_and_deleted(page: Page, served: Served, tmp_path: Path) -> None:
    """Section 14: the whole way of a person, with nothing but what is on the pages."""
    left(page, page.find_element(By.LINK_TEXT, "Submit a job"))
    field(page, "command").send_keys("echo '<b>bold</b>'; sleep 300")
    field(page, "name").send_keys("by-hand")
    field(page, "resource").send_keys("/core=1,walltime=0:10")
    shot = tmp_path / "form.png"
    assert page.save_screenshot(str(shot))
    assert shot.stat().st_size > 5_000
    pressed(page, "Submit the job")
    way = answered(page)
    number = int(way.text.removeprefix("job "))
    left(page, way)
    assert page.title == f"Job {number} - OAR REST API"

    def state() -> str:
        page.refresh()
        return facts(page)["state"]

    wait_until_sync(lambda: state() == "Running", "the job to run", 60)
    assert facts(page)["command"] == "echo '<b>bold</b>'; sleep 300"
    left(page, page.find_element(By.LINK_TEXT, "Jobs"))
    row = page.find_element(By.XPATH, f"//tr[td/a[text()='{number}']]")
    assert "Running" in row.text
    assert "by-hand" in row.text
    left(page, page.find_element(By.LINK_TEXT, str(number)))
    pressed(page, "Delete")
    left(page, answered(page))
    wait_until_sync(lambda: state() == "Error", "the job to be deleted", 60)
    assert not page.find_element(By.XPATH, "//button[text()='Delete']").is_enabled()
    assert page.find_element(By.XPATH, "//button[text()='Submit again']").is_enabled()
    page.get(f"{served.url}/oarapi/jobs/{number}/nope.html")
    assert "Not found" in page.title


def test_resources_are_described_and_made(page: Page, served: Served) -> None:
    """Section 14: the answer of the form that describes resources is a form that makes them."""
    left(page, page.find_element(By.LINK_TEXT, "New resources"))
    field(page, "resources").send_keys("/nodes=fresh{1}/core={2}")
    pressed(page, "Show what would be made")
    assert "network_address: fresh1" in page.find_element(By.NAME, "yaml_array").text
    pressed(page, "Make these resources")
    left(page, page.find_element(By.LINK_TEXT, "Resources"))
    rows = page.find_elements(By.XPATH, "//tr[td[text()='fresh1']]/td[1]")
    made = [one.text for one in rows]
    assert len(made) == 2
    with httpx.Client(base_url=f"{served.url}/oarapi/resources", headers=served.headers) as oar:
        for one in made:
            oar.post(f"/{one}/state.json", json={"state": "Dead"})
            assert oar.delete(f"/{one}.json").status_code == 200


@pytest.mark.parametrize("night", [False, True], ids=["light", "dark"])
def test_every_page_fits_a_phone_and_obeys_its_policy(
    page: Page, served: Served, *, night: bool
) -> None:
    """Section 14: the policy of a page refuses nothing of it, and nothing is wider than it is."""
    dark(page, wanted=night)
    phone(page)
    complaints(page)
    for path in (
        "index",
        "login",
        "jobs",
        "jobs/details",
        "jobs/form",
        "resources",
        "resources/form",
        "admission_rules",
        "admission_rules/form",
        "config",
    ):
        page.get(f"{served.url}/oarapi/{path}.html")
        assert complaints(page) == [], path
        assert not page.execute_script(WIDE), path
        assert who(page) == "admin", path
    ground = page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    assert ("20" in ground) is night, ground
