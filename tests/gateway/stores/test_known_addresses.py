"""From where users log in: bounded, forgotten in time, shared by processes, never in the way."""

from pathlib import Path

from gateway.stores.known_addresses import KnownAddresses

DAY = 86_400_000


async def test_addresses_are_known_for_ninety_days(tmp_path: Path) -> None:
    """Row D8: counted from the last login from there, and seen by other processes."""
    path = tmp_path / "addresses.json"
    one, other = KnownAddresses(path), KnownAddresses(path)
    assert not one.knows("ann", "192.0.2.1", DAY)
    await one.note("ann", "192.0.2.1", DAY)
    assert other.knows("ann", "192.0.2.1", 90 * DAY)
    assert not other.knows("ann", "192.0.2.1", 91 * DAY)
    assert not other.knows("bob", "192.0.2.1", DAY)
    await other.note("ann", "192.0.2.1", 50 * DAY)
    assert one.knows("ann", "192.0.2.1", 139 * DAY)
    assert path.stat().st_mode & 0o077 == 0


async def test_few_are_kept_and_old_ones_go(tmp_path: Path) -> None:
    """Row D8: sixteen of a user, the longest unused goes; one of the same day writes nothing."""
    path = tmp_path / "addresses.json"
    kept = KnownAddresses(path)
    for number in range(20):
        await kept.note("ann", f"192.0.2.{number}", DAY + number)
    known = [kept.knows("ann", f"192.0.2.{number}", DAY) for number in range(20)]
    assert known == [False] * 4 + [True] * 16
    before = path.stat().st_mtime_ns
    await kept.note("ann", "192.0.2.19", DAY + 5000)
    assert path.stat().st_mtime_ns == before
    await kept.note("bob", "192.0.2.1", 200 * DAY)
    assert "ann" not in path.read_text()


async def test_a_file_that_cannot_be_used_refuses_nobody(tmp_path: Path) -> None:
    """Row D8: it costs the throttle, and no login."""
    path = tmp_path / "addresses.json"
    path.write_text("no JSON")
    kept = KnownAddresses(path)
    assert not kept.knows("ann", "192.0.2.1", DAY)
    await KnownAddresses(tmp_path / "none" / "addresses.json").note("ann", "192.0.2.1", DAY)
    await kept.note("ann", "192.0.2.1", DAY)
    assert kept.knows("ann", "192.0.2.1", DAY)
