"""What is put back into the index; how many ended tasks are, see the tests of recovery."""

from gateway.stores.bulk_restore import BulkRestore
from gateway.stores.redis_client import RedisClient
from gateway.stores.tasks import QueueLimits, TaskStore

_NONE = QueueLimits()


async def test_numbers_are_never_given_again(tasks: TaskStore, link: RedisClient) -> None:
    """A floor lifts the count and never lowers it."""
    restore = BulkRestore(link)
    assert await restore.raise_number(50) == 50
    assert await restore.raise_number(7) == 50
    assert await tasks.reserve("ann", _NONE) == 51
