"""Row D6: idle connections of strangers make room for others, and users' are the last to go."""

import resource

from gateway.auth.proxies import Proxies
from gateway.transport.connections import Connections, most_connections


class Line:
    """A connection that remembers whether it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def evict(self) -> None:
        """Notes it."""
        self.closed = True


def opened(connections: Connections, address: str = "192.0.2.1") -> Line:
    """A new connection, for which there is room."""
    line = Line()
    assert connections.opened(line, address)
    return line


def test_the_longest_idle_stranger_goes_first() -> None:
    """Neither whoever is being answered nor a user who is idle."""
    connections = Connections(4, 100, Proxies([]))
    user, busy, old, young = (opened(connections) for _ in range(4))
    for line in (user, busy, old):
        connections.busy(line)
    connections.idle(user, user=True)
    connections.idle(old, user=False)
    opened(connections)
    assert [line.closed for line in (user, busy, old, young)] == [False, False, False, True]
    opened(connections)
    assert [line.closed for line in (user, busy, old)] == [False, False, True]


def test_users_go_when_there_is_no_stranger_and_nobody_when_all_are_busy() -> None:
    """The idle connection of a user can be opened again; what is being answered cannot."""
    connections = Connections(2, 100, Proxies([]))
    user, busy = opened(connections), opened(connections)
    connections.busy(user)
    connections.busy(busy)
    assert not connections.opened(Line(), "192.0.2.2")
    connections.idle(user, user=True)
    opened(connections)
    assert (user.closed, busy.closed) == (True, False)


def test_an_address_of_strangers_has_so_many() -> None:
    """Others' are spared; users and trusted proxies are not counted."""
    connections = Connections(100, 2, Proxies(["10.0.0.1"]))
    other = opened(connections, "192.0.2.9")
    first, second = opened(connections), opened(connections)
    opened(connections)
    assert (other.closed, first.closed, second.closed) == (False, True, False)
    for _ in range(5):
        opened(connections, "10.0.0.1")
    connections.busy(second)
    connections.idle(second, user=True)
    opened(connections)
    assert not second.closed


def test_closed_connections_count_no_more() -> None:
    """Also if that is said twice."""
    connections = Connections(1, 1, Proxies([]))
    for _ in range(3):
        line = opened(connections)
        connections.busy(line)
        connections.closed(line)
        connections.closed(line)
        connections.idle(line, user=False)


def test_there_are_fewer_than_descriptors() -> None:
    """However many are configured."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        assert most_connections(10_000) <= 768
        assert most_connections(100) == 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
