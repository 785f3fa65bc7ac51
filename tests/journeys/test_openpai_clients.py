"""The clients of OpenPAI that users have, as published, against a served gateway.

Contract, section 6: the JavaScript SDK 0.1.5 with its command ``pai``, and paicli 0.5.5.
"""

import json
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.openpai_clients import JsSdk, Paicli, fetched_js_sdk, fetched_paicli
from tests.support.served import Served, admin_password
from tests.support.waiting import wait_until_sync

JOB = """
const job = (name, commands) => ({
  protocolVersion: 2, name, type: 'job',
  prerequisites: [{ name: 'image', type: 'dockerimage', uri: 'openpai/base' }],
  taskRoles: { worker: {
    instances: 2, dockerImage: 'image', completion: { minFailedInstances: 1 },
    resourcePerInstance: { cpu: 1, memoryMB: 64, gpu: 0 }, commands } },
  defaults: { virtualCluster: 'default' },
});
const ended = found => !['WAITING', 'RUNNING', 'STOPPING'].includes(found.jobStatus.state);
"""
V2 = (
    JOB
    + """
const client = new PAIV2.OpenPAIClient({
  rest_server_uri: HOST, username: 'admin', password: PASSWORD, https: false });
"""
)
V1 = """
const client = new PAIV1.OpenPAIClient({
  rest_server_uri: HOST, username: 'admin', password: PASSWORD, https: false });
"""


@pytest.fixture(scope="session")
def sdk(pytestconfig: pytest.Config) -> JsSdk:
    """The JavaScript SDK."""
    return fetched_js_sdk(pytestconfig)


@pytest.fixture(scope="session")
def paicli(pytestconfig: pytest.Config) -> Paicli:
    """The command line client written in Python."""
    return fetched_paicli(pytestconfig)


def test_the_second_version_of_the_sdk_runs_a_job(served: Served, sdk: JsSdk) -> None:
    """6.1: login, submit, list, get, configuration, attempts, task and log locations."""
    found = sdk.run(
        served,
        V2
        + """
await client.job.createJob(job('jsTwo', ['echo out of $PAI_TASK_INDEX', 'echo err >&2']));
const detail = await until(() => client.job.getJob('admin', 'jsTwo'), ended);
const rows = await client.job.listJobs({ username: 'admin', keyword: 'jsTwo', limit: 5 });
const counted = await client.job.listJobs({ keyword: 'jsTwo', withTotalCount: true });
const config = await client.job.getJobConfig('admin', 'jsTwo');
const attempt = await client.job.getJob('admin', 'jsTwo', 0);
const task = await client.job.getTask('admin', 'jsTwo', 0, 'worker', 1);
const logs = await client.job.getTaskLogs('admin', 'jsTwo', 0, 'worker', 1, 0);
const events = await client.job.listEvents('admin', 'jsTwo', { type: 'Warning' });
const healthy = await client.jobHistory.getJobAttemptsHealthz('admin', 'jsTwo');
const attempts = await client.jobHistory.getJobAttempts('admin', 'jsTwo');
const one = await client.jobHistory.getJobAttempt('admin', 'jsTwo', 0);
const again = await refused(client.job.createJob(job('jsTwo', ['true'])));
const none = await refused(client.job.getJob('admin', 'nothing'));
return { detail, rows, counted, config, attempt, task, logs, events, healthy, again, none,
  attempts: [attempts.length, one.attemptId === undefined ? one.jobStatus.attemptId : 0] };
""",
    )

    assert found["detail"]["jobStatus"]["state"] == "SUCCEEDED"
    assert [row["name"] for row in found["rows"]] == ["jsTwo"]
    assert (found["counted"]["totalCount"], len(found["counted"]["data"])) == (1, 1)
    assert found["config"]["taskRoles"]["worker"]["commands"][1] == "echo err >&2"
    assert found["attempt"]["jobStatus"]["attemptId"] == 0
    assert found["task"]["attempts"][0]["attemptState"] == "SUCCEEDED"
    assert [one["name"] for one in found["logs"]["locations"]] == ["stdout", "stderr", "all"]
    log = httpx.get(found["logs"]["locations"][0]["uri"], headers=served.headers)
    assert log.text == "out of 1\n"
    assert found["events"]["totalCount"] == len(found["events"]["data"])
    assert (found["healthy"], found["attempts"]) == ("ok", [1, 0])
    assert (found["again"], found["none"]) == ("ConflictJobError", "NoJobError")


def test_the_second_version_of_the_sdk_stops_a_job(served: Served, sdk: JsSdk) -> None:
    """6.1: STOP through the SDK ends every task, and the state says by whom."""
    found = sdk.run(
        served,
        V2
        + """
const begun = await client.job.createRunningJob(job('jsStop', ['sleep 1000']));
await until(() => client.job.getJob('admin', 'jsStop'), one => one.jobStatus.state == 'RUNNING');
await client.job.updateJobExecutionType('admin', 'jsStop', 'STOP');
const detail = await until(() => client.job.getJob('admin', 'jsStop'), ended);
return { begun: begun.name, state: detail.jobStatus.state, code: detail.jobStatus.appExitCode };
""",
    )

    assert (found["state"], found["code"]) == ("STOPPED", -7351)


def test_the_second_version_of_the_sdk_manages_people(served: Served, sdk: JsSdk) -> None:
    """6.1: users, groups, virtual clusters, tokens, storages, information and logout."""
    found = sdk.run(
        served,
        V2
        + """
const login = await client.authn.basicLogin('admin', PASSWORD, 3600);
await client.user.createUser({ username: 'jsann', password: 'secret-of-jsann', email: '' });
const double = await refused(client.user.createUser({ username: 'jsann', password: 'secret-x' }));
await client.group.createGroup({ groupname: 'jsgroup', description: 'made by the SDK' });
await client.user.updateUserGroup('jsann', 'jsgroup');
const joined = (await client.user.getUser('jsann')).grouplist;
const members = await client.group.getGroupMembers('jsgroup');
await client.user.deleteUserGroup('jsann', 'jsgroup');
await client.user.updateUserGrouplist('jsann', ['default']);
await client.user.updateUser({ username: 'jsann', email: 'ann@example.com' });
const user = await client.user.getUser('jsann');
const group = await client.group.getGroup('jsgroup');
const ann = new PAIV2.OpenPAIClient({
  rest_server_uri: HOST, username: 'jsann', password: 'secret-of-jsann', https: false });
await ann.user.updateUserSelf({ username: 'jsann', extension: { note: 1 } });
const own = await ann.user.getUser('jsann');
const forbidden = await refused(ann.user.createUser({ username: 'jseve', password: 'long-one' }));
const application = await ann.token.createApplicationToken();
const before = await ann.token.getTokens();
await ann.token.deleteToken(application.token);
const after = await ann.token.getTokens();
const clusters = await ann.virtualCluster.listVirtualClusters();
const cluster = await ann.virtualCluster.getVirtualCluster('default');
const skus = await ann.virtualCluster.getVirtualClusterSkuTypes('default');
const storages = await ann.storage.getStorages();
const info = await ann.api.getClusterInfo();
const nodes = await client.kubernetes.getK8sNodes();
await ann.authn.basicLogout();
const gone = await refused(ann.user.getUser('jsann'));
const all = (await client.user.getAllUser()).map(one => one.username);
const groups = (await client.group.getAllGroup()).map(one => one.groupname);
await client.group.deleteGroup('jsgroup');
await client.user.deleteUser('jsann');
const none = await refused(client.user.getUser('jsann'));
return { login, double, joined, members, user, group, own, forbidden, clusters, cluster, storages,
  info, nodes, gone, all, groups, none, skus,
  application: [before.tokens.includes(application.token),
                after.tokens.includes(application.token)] };
""",
    )

    assert (found["login"]["user"], found["login"]["admin"]) == ("admin", True)
    assert (found["double"], found["none"]) == ("ConflictUserError", "NoUserError")
    assert found["joined"] == ["default", "jsgroup"]
    assert [one["username"] for one in found["members"]] == ["jsann"]
    assert (found["user"]["grouplist"], found["user"]["email"]) == (["default"], "ann@example.com")
    assert found["group"]["description"] == "made by the SDK"
    assert found["own"]["extension"] == {"note": 1}
    assert found["forbidden"] == "ForbiddenUserError"
    assert found["application"] == [True, False]
    assert found["clusters"]["default"] == found["cluster"] | {
        key: found["clusters"]["default"][key] for key in ("resourcesUsed", "usedCapacity")
    }
    assert (found["storages"], found["skus"]) == ({"storages": []}, {})
    assert found["info"]["authnMethod"] == "basic"
    assert found["nodes"]["items"] == []
    assert found["gone"] == "UnauthorizedUserError"
    assert "jsann" in found["all"]
    assert "jsgroup" in found["groups"]


def test_the_first_version_of_the_sdk(served: Served, sdk: JsSdk) -> None:
    """6.1: nested forms, reads without a token, stop, delete, tokens and information."""
    found = sdk.run(
        served,
        V1
        + """
const login = await client.authn.login('admin', PASSWORD);
const token = login.token;
const info = await client.authn.getTokens(token);
const sent = { jobName: 'js.one', image: 'base', taskRoles: [
  { name: 'a', taskNumber: 2, command: 'echo a', portList: [{ label: 'web', portNumber: 1 }] },
  { name: 'b', command: 'sleep 1000', minFailedTaskCount: 1 }] };
const answer = await client.job.submit('admin', sent, token);
const look = () => client.job.get('admin', 'js.one');
await until(look, one => one.jobStatus.state === 'RUNNING'
  && one.taskRoles.a.taskStatuses.every(task => task.taskState === 'SUCCEEDED'));
const listed = await client.job.list('username=admin');
const framework = await client.job.getFrameworkInfo('admin', 'js.one');
const stopped = await client.job.execute('admin', 'js.one', 'STOP', token);
const detail = await until(look, one => one.jobStatus.state !== 'RUNNING');
const ssh = await client.job.getSshInfo('admin', 'js.one').catch(error => error.statusCode);
const config = await client.job.getConfig('admin', 'js.one').catch(error => error.statusCode);
const deleted = await client.job.delete('admin', 'js.one', token);
const gone = await look().catch(error => [error.statusCode, JSON.parse(error.error).code]);
return { user: login.user, answer, names: listed.map(one => one.name), stopped, detail, ssh, config,
  framework: framework.name, deleted, gone, tokens: info.tokens.includes(token) };
""",
    )

    assert (found["user"], found["tokens"]) == ("admin", True)
    assert found["answer"] == {"message": "update job js.one successfully"}
    assert "js.one" in found["names"]
    assert found["framework"] == "admin~js.one"
    assert found["stopped"] == {"message": "execute job js.one successfully"}
    assert found["detail"]["jobStatus"]["state"] == "STOPPED"
    roles = found["detail"]["taskRoles"]
    assert [one["containerExitCode"] for one in roles["a"]["taskStatuses"]] == [0, 0]
    assert set(roles["a"]["taskStatuses"][0]["containerPorts"]) == {"http", "web"}
    assert roles["b"]["taskStatuses"][0]["containerExitCode"] == -7400
    assert (found["ssh"], found["config"]) == (404, 404)
    assert found["deleted"] == {"message": "deleted job js.one successfully"}
    assert found["gone"] == [404, "NoJobError"]


def test_the_command_of_the_sdk(served: Served, sdk: JsSdk, tmp_path: Path) -> None:
    """6.1: ``pai`` adds a cluster behind the portal's prefix, submits, lists and shows a job."""
    sdk.pai(tmp_path, "addc", served.url, "admin", served.token, "--alias", "here")
    assert "here" in sdk.pai(tmp_path, "listc")
    job = {
        "protocolVersion": 2,
        "name": "jsCommand",
        "type": "job",
        "prerequisites": [{"name": "image", "type": "dockerimage", "uri": "base"}],
        "taskRoles": {
            "w": {
                "dockerImage": "image",
                "resourcePerInstance": {"cpu": 1, "memoryMB": 64, "gpu": 0},
                "commands": ["true"],
            }
        },
    }
    (tmp_path / "job.yaml").write_text(json.dumps(job))

    sdk.pai(tmp_path, "subj", "here", str(tmp_path / "job.yaml"))

    assert "jsCommand" in sdk.pai(tmp_path, "listj", "here")
    assert json.loads(sdk.pai(tmp_path, "getj", "here", "jsCommand"))["name"] == "admin~jsCommand"


def test_paicli(served: Served, paicli: Paicli, tmp_path: Path) -> None:
    """6.5: token, submit, list, host, ssh and stop, as they are typed."""
    place = urlsplit(served.url)
    profile = {
        "host": place.hostname,
        "port": place.port,
        "username": "admin",
        "password": admin_password(served.data),
    }
    (tmp_path / ".paicli").mkdir()
    (tmp_path / ".paicli" / "config.yaml").write_text(json.dumps({"default": profile}))
    roles = [{"name": "w", "command": "sleep 1000", "portList": [{"label": "web"}]}]
    sent = {"jobName": "typed", "image": "base", "taskRoles": roles}
    (tmp_path / "job.json").write_text(json.dumps(sent, indent=2))

    paicli.run(tmp_path, "token")
    assert "Successfully submitted!" in paicli.run(tmp_path, "submit", "job.json")

    def listed(state: str) -> bool:
        return "typed" in paicli.run(tmp_path, "jobs", "-u", "admin", "-s", state)

    wait_until_sync(lambda: listed("RUNNING"), "the job to run", timeout=40)
    hosts = [line.split() for line in paicli.run(tmp_path, "host", "typed").splitlines()]
    assert {(line[0], line[2]) for line in hosts[1:]} == {("w", "http"), ("w", "web")}
    assert "Stop signal submitted!" in paicli.run(tmp_path, "stop", "typed")
    wait_until_sync(lambda: listed("STOPPED"), "the job to be stopped", timeout=40)
