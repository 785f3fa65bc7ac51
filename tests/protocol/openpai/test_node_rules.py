"""What becomes of jobs that ask for images, GPUs, code and HDFS, by the settings."""

from typing import Any

import pytest

from protocol.commands.groups import SubmitGroup
from protocol.dialects.openpai import OpenPaiDialect
from protocol.dialects.openpai.config_v1 import understood_config
from protocol.dialects.openpai.faults import PaiError
from protocol.dialects.openpai.node_rules import NodeRules, node_rules
from protocol.dialects.openpai.submission import Source, submit_group
from protocol.dialects.openpai_old import OldOpenPaiDialect


@pytest.mark.parametrize(
    "settings",
    [
        {"images": "docker"}, {"gpu": 1}, {"hdfs": ""}, {"code_root": "code"}, {"code_root": None},
        {"environments": {"a": 1}}, {"environments": {"a": "b"}}, {"environments": []}, {"more": 1},
    ],
)  # fmt: skip
def test_settings_that_are_none(settings: dict[str, Any]) -> None:
    """Both dialects refuse them at the start, by name."""
    for dialect in (OpenPaiDialect, OldOpenPaiDialect):
        with pytest.raises(ValueError, match=next(iter(settings))):
            dialect(settings)


@pytest.mark.parametrize(
    ("directory", "path"),
    [
        ("/srv/code/mnist", "/srv/code/mnist"),
        ("file:///srv/code/a/../b/", "/srv/code/b"),
        ("/srv/code", ""),
        ("/srv/code/../secret", ""),
        ("/srv/codex/a", ""),
        ("hdfs://node:9000/code", ""),
        ("code", ""),
        ("", ""),
    ],
)
def test_code_that_may_be_copied(directory: str, path: str) -> None:
    """Contract 5.4: a folder below the configured root, and nothing beside it."""
    assert NodeRules(code_root="/srv/code/").local_code(directory) == path
    assert NodeRules().local_code(directory) == ""


def submitted(rules: NodeRules, **more: Any) -> SubmitGroup:  # noqa: ANN401 - fields of a job
    """The command for a job of one task."""
    role = {"name": "w", "command": "true"}
    config = {"jobName": "j", "image": "base:1", "taskRoles": [role], **more}
    return submit_group(understood_config(config), "ann", Source("json", "", ""), rules=rules)


def test_images_are_mapped_to_environments() -> None:
    """Contract 5.4: their programs come first, and it is said; unknown images are refused."""
    rules = node_rules("x", {"images": "map", "environments": {"base:1": "/opt/it's"}})
    group = submitted(rules)
    assert group.client["warnings"] == ["image base:1 is the local environment /opt/it's"]
    code = group.members[0].execute.code
    assert isinstance(code, str)
    assert "VIRTUAL_ENV='/opt/it'" in code
    with pytest.raises(PaiError) as error:
        submitted(rules, image="other")
    assert (error.value.code, error.value.status) == ("InvalidParametersError", 400)
    assert submitted(rules, image="").client["warnings"] == []


def test_folders_on_hdfs() -> None:
    """Contract 5.4: a warning that names them, or a refusal; variables are filled in before."""
    folders = {"codeDir": "hdfs://n/$PAI_USER_NAME", "dataDir": "HDFS://d", "outputDir": "/o"}
    warned = submitted(NodeRules(images="map", environments={"base:1": "/e"}), **folders)
    reported = warned.client["warnings"]
    assert isinstance(reported, list)
    assert [one.partition(" is not copied")[0] for one in reported[1:]] == [
        "HDFS://d",
        "hdfs://n/ann",
    ]
    with pytest.raises(PaiError) as error:
        submitted(NodeRules(hdfs="reject"), **folders)
    assert error.value.code == "InvalidParametersError"
    with pytest.raises(PaiError):
        submitted(NodeRules(images="reject"))


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, (0, 0, False)), (2, (2, -1, False)), (-1, (-1, -1, False)), (-2, (-1, -1, True))],
)
def test_numbers_of_retries(count: int, expected: tuple[int, int, bool]) -> None:
    """Contract 4.2.5: the platform's troubles never count; -2 is again whatever happens."""
    retry = submitted(NodeRules(), retryCount=count).policy.retry
    failures, _, succeeded = expected
    assert (retry.failures, retry.troubles, retry.succeeded) == (failures, -1, succeeded)
