"""Row D8: a guesser is slowed down, and the owner of the name logs in all the same.

Every address of 127.0.0.0/8 is this machine, so that guessers come from as many as they like.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.gateway import PASSWORD, Gateway, serving_gateway
from tests.support.waiting import wait_until_sync

LOGIN = "/api/rest_j/v1/user/login"


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of this test, behind a proxy that has the address 127.0.0.77."""
    config = tmp_path / "narthex.toml"
    config.write_text('[server]\ntrusted_proxies = ["127.0.0.77"]\n')
    with serving_gateway(tmp_path / "data", "--config", str(config)) as found:
        yield found


def login(
    gateway: Gateway, user: str, password: str, source: str = "127.0.0.1", **headers: str
) -> httpx.Response:
    """The answer to a login from an address."""
    with httpx.Client(
        base_url=gateway.url,
        transport=httpx.HTTPTransport(local_address=source),
        headers=headers,
        timeout=60,
    ) as http:
        return http.post(LOGIN, json={"userName": user, "password": password})


def test_the_owner_is_not_locked_out(lone: Gateway) -> None:
    """Row D8: guesses from elsewhere, or from the owner's own address, refuse no right password."""
    assert login(lone, "ann", PASSWORD).is_success
    answers = [login(lone, "ann", f"guess {number}", "127.0.0.9") for number in range(12)]
    assert answers[0].status_code == 400
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    # From where ann has never been, the right one is a guess like others.
    assert login(lone, "ann", PASSWORD, "127.0.0.9").status_code == 429
    assert login(lone, "ann", PASSWORD).is_success
    for number in range(12):
        assert login(lone, "ann", f"guess {number}").status_code in {400, 429}
    assert login(lone, "ANN", PASSWORD).is_success
    assert "127.0.0.1" in (lone.data / "addresses.json").read_text()


def test_a_crowd_of_guessers_waits_for_itself(lone: Gateway) -> None:
    """Row D8: while a hundred strangers guess, a right login takes about as long as ever."""
    assert login(lone, "ann", PASSWORD).is_success
    over, sent = threading.Event(), [0] * 100

    def guess(number: int) -> None:
        with httpx.Client(
            base_url=lone.url,
            transport=httpx.HTTPTransport(local_address=f"127.0.1.{number + 1}"),
            timeout=60,
        ) as http:
            while not over.wait(0.2):
                words = {"userName": f"user{number % 7}", "password": f"guess {sent[number]}"}
                http.post(LOGIN, json=words)
                sent[number] += 1

    crowd = [threading.Thread(target=guess, args=(number,)) for number in range(100)]
    for one in crowd:
        one.start()
    try:
        wait_until_sync(lambda: sum(sent) > 100, "the crowd to guess")
        took = []
        for _ in range(3):
            began = time.monotonic()
            assert login(lone, "ann", PASSWORD).is_success
            took.append(time.monotonic() - began)
    finally:
        over.set()
        for one in crowd:
            one.join(60)
    assert min(took) < 1.5, took


def test_clients_behind_a_proxy_are_told_apart(lone: Gateway) -> None:
    """Row D8: each by its own address, which only a named proxy may say."""
    proxy = "127.0.0.77"
    for number in range(12):
        login(lone, "bob", f"guess {number}", proxy, **{"X-Forwarded-For": "203.0.113.9"})
    assert login(lone, "ann", PASSWORD, proxy, **{"X-Forwarded-For": "203.0.113.8"}).is_success
    # One that is no proxy says what it likes: it is counted as what it is.
    for number in range(11):
        forged = {"X-Forwarded-For": f"198.51.100.{number}"}
        last = login(lone, "eve", f"guess {number}", "127.0.0.5", **forged)
    assert last.status_code == 429


def test_a_proxy_says_that_a_connection_is_secure(lone: Gateway) -> None:
    """Then the cookie is for secure connections only, and the host is what the proxy was asked."""
    reported = {"X-Forwarded-For": "203.0.113.8", "X-Forwarded-Proto": "https"}
    assert "Secure" in login(lone, "ann", PASSWORD, "127.0.0.77", **reported).headers["Set-Cookie"]
    assert "Secure" not in login(lone, "ann", PASSWORD, **reported).headers["Set-Cookie"]
    evil = {"X-Forwarded-For": "203.0.113.8", "X-Forwarded-Host": "evil.example"}
    assert login(lone, "ann", PASSWORD, "127.0.0.77", **evil).status_code == 400
    assert login(lone, "ann", PASSWORD, **evil).is_success
