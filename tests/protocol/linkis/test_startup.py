"""What web clients ask for at their start: each in the shape that they read (sections 8a, 8f)."""

import pytest

from protocol.accounts import Principal, Role
from protocol.commands.login import Hello, WhoAmI
from protocol.commands.tasks import ListEngines
from protocol.errors import GatewayError
from tests.protocol.linkis.scenes import INSTANCE, ROOT, data_of, dialect, request, said

ANN = Principal("ann", Role.USER)


def test_base_info() -> None:
    """The old Scriptis shows a blank page without the user's name in it."""
    found, asked = request("GET", f"{ROOT}/application/getBaseInfo")
    assert found.route.parse(asked) == WhoAmI()
    data = said(found.route.render(ANN, asked))["data"]
    assert data["userInfo"]["basic"]["userName"] == "ann"
    assert data["userInfo"]["role"] == []
    admin = Principal("root", Role.ADMIN)
    assert said(found.route.render(admin, asked))["data"]["userInfo"]["role"] == ["admin"]


@pytest.mark.parametrize(
    ("verb", "path", "name"),
    [
        ("GET", "datasource/all", "dbs"),
        ("GET", "datasource/dbs", "dbs"),
        ("GET", "datasource/tables", "tables"),
        ("GET", "datasource/columns", "columns"),
        ("GET", "configuration/getFullTreesByAppName", "fullTree"),
        ("POST", "resourcemanager/engines", "engines"),
        ("POST", "resourcemanager/queues", "queues"),
        ("POST", "resourcemanager/userresources", "userResources"),
    ],
)
def test_what_there_is_none_of(verb: str, path: str, name: str) -> None:
    """An empty list stands where the client looks for one."""
    assert data_of(verb, f"{ROOT}/{path}", ANN) == {name: []}


@pytest.mark.parametrize(
    ("verb", "path", "data"),
    [
        ("GET", "configuration/getCategory", {"Category": []}),
        ("GET", "microservice/modifiableLabelKey", {"keyList": []}),
        ("GET", "linkisManager/listAllEMs", {"EMs": []}),
        ("GET", "linkisManager/ecinfo/ecrHistoryList", {"engineList": [], "totalPage": 0}),
        ("GET", "ecinfo/ecrHistoryList", {"engineList": [], "totalPage": 0}),
        ("GET", "udf/list", {"infoList": [], "totalPage": 0, "total": 0}),
        ("POST", "udf/list", {"infoList": [], "totalPage": 0, "total": 0}),
        ("GET", "udf/all", {"udfTree": {"udfInfos": [], "childrens": []}}),
        ("GET", "udf/authenticate", {"isUDFManager": False}),
        ("POST", "udf/authenticate", {"isUDFManager": False}),
        ("GET", "datasource/getTableBaseInfo", {"tableBaseInfo": {"base": {}, "model": {}}}),
        (
            "GET",
            "datasource/getTableStatisticInfo",
            {"tableStatisticInfo": {"partitions": []}, "totalSize": 0},
        ),
        ("GET", "datasource/getPartitionStatisticInfo", {"partitionStatisticInfo": {}}),
        ("GET", "jobhistory/setting/anything", {}),
        ("POST", "jobhistory/setting/deleteObserveInfo", {}),
    ],
)
def test_section_9_point_11_side_panels(verb: str, path: str, data: object) -> None:
    """Linkis section 9, point 11: what there is none of is truly empty, in the clients' shape."""
    assert data_of(verb, f"{ROOT}/{path}", ANN) == data


def test_section_9_point_11_true_content() -> None:
    """Linkis section 9, point 11: this gateway is the one instance; the states have their words."""
    (found,) = data_of("GET", f"{ROOT}/microservice/allInstance", ANN)["instances"]
    assert (found["instance"], found["labels"]) == (INSTANCE, [])
    healthy = data_of("GET", f"{ROOT}/linkisManager/listAllECMHealthyStatus", ANN)["nodeHealthy"]
    states = data_of("GET", f"{ROOT}/linkisManager/listAllNodeHealthyStatus", ANN)["nodeStatus"]
    assert ("Healthy" in healthy, "Running" in states) == (True, True)


def test_section_9_point_11_what_is_not_done_is_not_promised() -> None:
    """Linkis section 9, point 11: nobody is made to think that mails are sent."""
    found, asked = request("POST", f"{ROOT}/jobhistory/setting/addObserveInfo", {}, {"taskId": 1})
    with pytest.raises(GatewayError, match="mail"):
        found.route.parse(asked)


def test_functions() -> None:
    """The tree of functions is there, and empty; the request has an empty body."""
    tree = data_of("POST", f"{ROOT}/udf/all", ANN)["udfTree"]
    assert tree["udfInfos"] == []


def test_engines() -> None:
    """The engines that there are, as an array."""
    found, asked = request("GET", f"{ROOT}/configuration/engineType")
    assert found.route.parse(asked) == ListEngines()
    assert said(found.route.render(("python", "shell"), asked))["data"] == {
        "engineType": ["python", "shell"]
    }
    assert said(found.route.render((), asked))["data"] == {"engineType": []}


def test_other_gateways() -> None:
    """A Java client that looks for gateways finds this one, without a session."""
    found, asked = request("GET", f"{ROOT}/gateway/heartbeat")
    assert found.route.open
    assert found.route.parse(asked) == Hello()
    data = said(found.route.render(None, asked))["data"]
    assert data == {"gatewayList": [INSTANCE], "isHealthy": True}


@pytest.mark.parametrize("path", ["oauth-redirect", "oauth-login"])
def test_other_logins(path: str) -> None:
    """They fail in the envelope, which the login page tolerates."""
    found, asked = request("GET", f"{ROOT}/user/{path}")
    assert found.route.open
    with pytest.raises(GatewayError) as caught:
        found.route.parse(asked)
    envelope = said(dialect().refuse(caught.value, asked))
    assert (envelope["status"], envelope["data"]["errorMsg"]["level"]) == (1, 2)
    assert said(found.route.render(None, asked))["data"] == {}
