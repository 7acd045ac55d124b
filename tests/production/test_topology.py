"""The compose file as it would run: who gets in, what is kept, who executes deployments."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.commands import Done, run_ptm, wait_until
from tests.support.machine import ROOT
from tests.support.stores import FAULTS
from tests.support.topology import AUTH, COMPOSE, VARIABLES, Refused, Topology, compose_file

pytestmark = pytest.mark.operate
ROUNDS = 20 if FAULTS >= 10 else 8
AT_ONCE = 4
SUBSET = ["dog", "cats", "wine_threshold"]  # quick ones, and one that is of another, wine
SUBSET_TASKS = {*SUBSET, "wine", "report"}
ALL_TASKS = {
    *("dog", "cats", "ct", "wine", "bikes", "austen", "temperature"),
    *("wine_threshold", "temperature_fits", "report"),
}
RECORDED_SECONDS = 60  # the recorder writes some time after the run
NOTICED_SECONDS = 60
DEPLOYMENTS = {"pipeline/book", "source/book", "temperature/book", "wine/book"}
TERMINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SECRETS = {"PTM_AUTH", "PTM_DB_PASSWORD"}
ONCE = {"migrate"}


def ptm_run(
    production: Topology, sample: Path, store: Path, *sources: str, server: str = "server"
) -> Done:
    """`ptm run` as a client with the password."""
    options = ("--catalog", ROOT / "data" / "catalog.toml", "--data", sample, "--artifacts", store)
    return run_ptm("run", *sources, *options, cwd=sample, **production.client(server))


def flow_run_of(done: Done) -> str:
    """The id in the address that `ptm run` printed."""
    assert done.code == 0, done
    found = re.search(r"/runs/flow-run/([0-9a-f-]{36})", done.out)
    assert found, done
    return found[1]


def ends(api: httpx.Client, flow_run: str, names: set[str]) -> dict[str, str]:
    """The state of each task run by its name, as soon as all that are named are terminal."""
    deadline = time.monotonic() + RECORDED_SECONDS
    while True:
        of_run = {"flow_runs": {"id": {"any_": [flow_run]}}, "limit": 200}
        answer = api.post("/task_runs/filter", json=of_run)
        answer.raise_for_status()
        tasks = answer.json()
        over = {each["name"] for each in tasks if each["state_type"] in TERMINAL}
        if (over >= names and len(over) == len(tasks)) or time.monotonic() > deadline:
            assert len({each["name"] for each in tasks}) == len(tasks)
            return {each["name"]: each["state_name"] for each in tasks}
        time.sleep(0.2)


def becomes(production: Topology, service: str, healthy: bool) -> bool:
    """Whether a service becomes healthy, or not healthy, in time."""
    deadline = time.monotonic() + NOTICED_SECONDS
    while production.healthy(service) != healthy:
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def made(names: set[str]) -> dict[str, str]:
    """What the tasks of a run end in that makes everything."""
    return dict.fromkeys(names, "Completed")


def found(names: set[str]) -> dict[str, str]:
    """What the tasks of a run end in that finds everything up to date."""
    return dict.fromkeys(names, "Cached") | {"report": "Completed"}


@pytest.fixture(scope="module")
def first(
    production: Topology, sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Done]:
    """A run of everything, and its store."""
    store = tmp_path_factory.mktemp("production") / "artifacts"
    return store, ptm_run(production, sample, store)


@pytest.fixture(scope="module")
def deployed(production: Topology) -> str:
    """What `prefect deploy --all` prints."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "prefect"), "--no-prompt", "deploy", "--all"],
        cwd=ROOT,
        env=os.environ | production.client(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_health_check_passes(production: Topology) -> None:
    """Each long-running service is healthy by the check of the compose file."""
    checked = [name for name in production.services if name not in ONCE]
    assert {name: production.healthy(name) for name in checked} == dict.fromkeys(checked, True)


@pytest.mark.slow
def test_services_that_hang_are_seen(production: Topology) -> None:
    """Services that are stopped fail their health check, and pass it again when they go on."""
    process = production.started["services"]
    process.send_signal(signal.SIGSTOP)
    try:
        assert becomes(production, "services", healthy=False)
    finally:
        process.send_signal(signal.SIGCONT)
    assert becomes(production, "services", healthy=True)


def test_nobody_without_the_password(production: Topology) -> None:
    """The API gives nothing, not even a CSRF token, to who does not know the password: 401."""
    for server in ("server", "server 2"):
        with httpx.Client(base_url=production.api(server)) as stranger:
            assert stranger.get("/version").status_code == 401
            assert stranger.get("/version", auth=("ptm", "wrong")).status_code == 401
            assert stranger.get("/csrf-token", params={"client": "me"}).status_code == 401
            # refused for want of a token, before the password is asked for
            assert stranger.post("/flow_runs/filter", json={}).status_code == 403


def test_no_post_without_a_token(production: Topology, api: httpx.Client) -> None:
    """A POST with the password but without a CSRF token is refused: 403; with one it is not."""
    name, password = AUTH.split(":")
    with httpx.Client(base_url=production.api(), auth=(name, password)) as forged:
        assert forged.post("/flow_runs/filter", json={}).status_code == 403
    assert api.post("/flow_runs/filter", json={}).status_code == 200


def test_the_dashboard_calls_its_own_host(production: Topology) -> None:
    """The dashboard is told an address of the API without a host, and to ask for a password."""
    settings = httpx.get(production.api().removesuffix("/api") + "/ui-settings").json()
    assert settings["api_url"] == "/api"
    assert settings["auth"] == "BASIC"
    assert settings["csrf_enabled"]


@pytest.mark.slow
def test_run_without_the_password(production: Topology, sample: Path, tmp_path: Path) -> None:
    """`ptm run` without the password ends with code 1 and names the server, without a traceback."""
    store = tmp_path / "artifacts"
    stranger = production.client(auth=None)
    done = run_ptm("run", "dog", "--data", sample, "--artifacts", store, cwd=ROOT, **stranger)
    assert done.code == 1
    assert production.api().removesuffix("/api") in done.words
    assert "Traceback" not in done.words


@pytest.mark.slow
def test_every_task_run_is_kept(api: httpx.Client, first: tuple[Path, Done]) -> None:
    """After a run of everything each task run is Completed in the history."""
    assert ends(api, flow_run_of(first[1]), ALL_TASKS) == made(ALL_TASKS)


@pytest.mark.slow
def test_a_second_run_finds_everything(
    production: Topology, api: httpx.Client, sample: Path, first: tuple[Path, Done]
) -> None:
    """A second run, by the other server, is Cached throughout."""
    second = ptm_run(production, sample, first[0], server="server 2")
    assert ends(api, flow_run_of(second), ALL_TASKS) == found(ALL_TASKS)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_task_run_is_lost(
    production: Topology, api: httpx.Client, sample: Path, tmp_path: Path
) -> None:
    """Of many runs in a row, half of them warm, by both servers, every task run is kept."""
    warm, expected = {}, {}
    for number in range(ROUNDS):
        is_warm = number % 2 == 1
        store = tmp_path / f"{number - is_warm}"
        server = ("server", "server 2")[number // 2 % 2]
        run = flow_run_of(ptm_run(production, sample, store, *SUBSET, server=server))
        warm[run] = is_warm
    for run, is_warm in warm.items():
        expected[run] = (found if is_warm else made)(SUBSET_TASKS)
    assert {run: ends(api, run, SUBSET_TASKS) for run in warm} == expected


@pytest.mark.slow
def test_runs_at_once_are_kept(
    production: Topology, api: httpx.Client, sample: Path, tmp_path: Path
) -> None:
    """Of runs at the same time, each with a store of its own, every task run is kept."""

    def one(number: int) -> str:
        server = ("server", "server 2")[number % 2]
        return flow_run_of(
            ptm_run(production, sample, tmp_path / f"{number}", *SUBSET, server=server)
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(one, range(AT_ONCE)))
    expected = dict.fromkeys(runs, made(SUBSET_TASKS))
    assert {run: ends(api, run, SUBSET_TASKS) for run in runs} == expected


@pytest.mark.slow
def test_every_deployment_is_there(api: httpx.Client, deployed: str) -> None:
    """`prefect deploy --all` makes the four deployments, described, tagged, one run at a time."""
    flows = {each["id"]: each["name"] for each in api.post("/flows/filter", json={}).json()}
    there = api.post("/deployments/filter", json={}).json()
    assert {f"{flows[each['flow_id']]}/{each['name']}" for each in there} == DEPLOYMENTS
    for each in there:
        assert each["description"]
        assert each["tags"] == ["ptm"]
        assert each["work_pool_name"] == "ptm"
        assert each["global_concurrency_limit"]["limit"] == 1
        assert each["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert not any(schedule["active"] for schedule in each["schedules"])


@pytest.mark.slow
def test_deployments_name_no_machine(api: httpx.Client, deployed: str) -> None:
    """No deployment holds the path of the folder that it was made in."""
    assert str(ROOT) not in api.post("/deployments/filter", json={}).text


def execute(
    production: Topology, deployment: str, parameters: dict[str, Any], count: int = 1
) -> list[Any]:
    """Has the worker run a deployment, so many times at once; id and state name of each."""
    program = (
        "import asyncio, json, sys\n"
        "from prefect.deployments import arun_deployment\n"
        "async def main(name, parameters, count):\n"
        "    wait = {'timeout': 240, 'poll_interval': 1}\n"
        "    one = lambda: arun_deployment(name, parameters=parameters, **wait)\n"
        "    runs = await asyncio.gather(*(one() for _ in range(count)))\n"
        "    print(json.dumps([[str(run.id), run.state.name] for run in runs]))\n"
        "asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, deployment, json.dumps(parameters), str(count)],
        env=os.environ | production.client("server 2"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.slow
def test_the_worker_executes_a_deployment(
    production: Topology, api: httpx.Client, deployed: str, sample: Path, tmp_path: Path
) -> None:
    """A run of `pipeline/book` is executed by the worker; every task run is kept."""
    parameters = {"data": str(sample), "artifacts": str(tmp_path / "artifacts")}
    [[run, state]] = execute(production, "pipeline/book", parameters)
    assert state == "Completed"
    assert ends(api, run, ALL_TASKS) == made(ALL_TASKS)


@pytest.mark.slow
def test_one_source_on_demand(
    production: Topology, api: httpx.Client, deployed: str, sample: Path, tmp_path: Path
) -> None:
    """A run of `source/book` makes the one source that its parameter names."""
    parameters = {"data": str(sample), "artifacts": str(tmp_path / "artifacts"), "source": "bikes"}
    [[run, state]] = execute(production, "source/book", parameters)
    assert state == "Completed"
    assert ends(api, run, {"bikes", "report"}) == made({"bikes", "report"})


@pytest.mark.slow
def test_one_run_at_a_time(
    production: Topology, api: httpx.Client, deployed: str, sample: Path, tmp_path: Path
) -> None:
    """Of two runs of a deployment at once one is executed, then the other one: none is dropped."""
    artifacts = tmp_path / "artifacts"
    parameters = {"data": str(sample), "artifacts": str(artifacts), "source": "dog"}
    runs = execute(production, "source/book", parameters, count=2)
    assert [state for _, state in runs] == ["Completed", "Completed"]
    known = [api.get(f"/flow_runs/{run}").json() for run, _ in runs]
    first, second = sorted(known, key=lambda run: run["start_time"])
    assert first["end_time"] <= second["start_time"]


@pytest.mark.slow
def test_times_that_were_missed(
    production: Topology, api: httpx.Client, deployed: str, sample: Path, tmp_path: Path
) -> None:
    """Of the times that came while the worker hung one run is made, the others are Cancelled."""
    known = api.get("/deployments/name/pipeline/book").json()
    places = {"data": str(sample), "artifacts": str(tmp_path / "artifacts"), "sources": ["dog"]}
    schedule = f"/deployments/{known['id']}/schedules"
    worker = production.started["worker"]

    def runs() -> list[dict[str, Any]]:
        mine = {"deployments": {"id": {"any_": [known["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = api.post("/flow_runs/filter", json=mine).json()
        return [run for run in found if run["auto_scheduled"]]

    worker.send_signal(signal.SIGSTOP)
    try:
        api.patch(f"/deployments/{known['id']}", json={"parameters": places}).raise_for_status()
        each = {"schedule": {"interval": 10}, "active": True}
        [created] = api.post(schedule, json=[each]).raise_for_status().json()
        time.sleep(45)
        now = datetime.now(UTC).isoformat()
        due = {run["id"] for run in runs() if run["expected_start_time"] < now}
    finally:
        worker.send_signal(signal.SIGCONT)
    assert len(due) >= 3

    def ends() -> list[str]:
        late = [run for run in runs() if run["id"] in due]
        return [run["state"]["message"] or "" for run in late if run["state_type"] in TERMINAL]

    # those that still wait go with their schedule: they are as good as missed
    wait_until(lambda: "Completed" in {run["state_name"] for run in runs()}, 120, "one is made")
    wait_until(lambda: len(ends()) >= 2, 120, "the others are told")
    api.delete(f"{schedule}/{created['id']}").raise_for_status()
    assert sum("Missed: " not in message for message in ends()) <= 1


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_refused_without_a_secret(name: str) -> None:
    """Without a password, or with an empty one, compose does not start."""
    with pytest.raises(Refused, match=name):
        compose_file({key: value for key, value in VARIABLES.items() if key != name})
    with pytest.raises(Refused, match=name):
        compose_file(VARIABLES | {name: ""})


def test_every_other_variable_has_a_default() -> None:
    """Only the secrets are required: every other variable says what it is if it is not set."""
    text = "\n".join(line for line in COMPOSE.read_text().splitlines() if line[:1] != "#")
    kinds = dict(re.findall(r"\$\{(\w+)(:[?-]|.)", text))
    assert {name for name, kind in kinds.items() if kind == ":?"} == SECRETS
    assert {kind for name, kind in kinds.items() if name not in SECRETS} == {":-"}


def test_no_secret_is_written_down() -> None:
    """What is a password or has one is the variable and nothing else."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name, service in services.items():
        for setting, value in service.get("environment", {}).items():
            if re.search("PASSWORD|AUTH_STRING", setting):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), (name, setting)


def test_every_image_is_pinned() -> None:
    """Each image, those that the Dockerfile starts from too, names a full version."""
    services = compose_file(VARIABLES)["services"]
    images = [service["image"] for service in services.values()]
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", _dockerfile(), re.MULTILINE)
    names = {name for _, name in stages}
    images += [image for image, _ in stages if image not in names]
    assert len(images) == len(services) + 1
    for image in images:
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?", image), image
    assert {service["build"]["target"] for service in services.values() if "build" in service} <= (
        names
    )


def test_no_process_is_root() -> None:
    """Each image that is built here ends with a user who is not root."""
    for stage in re.split(r"^FROM .*$", _dockerfile(), flags=re.MULTILINE)[2:]:
        assert re.findall(r"^USER (\S+)$", stage, re.MULTILINE) == ["ptm"]


def test_every_service_is_watched() -> None:
    """Each long-running service has a health check and starts again; the migration runs once."""
    services = compose_file(VARIABLES)["services"]
    for name, service in services.items():
        assert (service["restart"], "healthcheck" in service) == (
            ("no", False) if name in ONCE else ("unless-stopped", True)
        ), name
    for name in ("server", "services"):
        waits = services[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
    assert services["worker"]["depends_on"]["server"]["condition"] == "service_healthy"


def test_published_on_loopback() -> None:
    """Only the server is published, on 127.0.0.1 unless a variable says otherwise."""
    services = compose_file(VARIABLES)["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"server": ["127.0.0.1:4200:4200"]}
    other = compose_file(VARIABLES | {"PTM_BIND": "0.0.0.0"})["services"]["server"]["ports"]
    assert other == ["0.0.0.0:4200:4200"]


def test_volumes() -> None:
    """The database, the messages and the artifacts outlive their containers; data is read only."""
    whole = compose_file(VARIABLES)
    mounted = {
        mount for service in whole["services"].values() for mount in service.get("volumes", [])
    }
    assert mounted == {
        *("database:/var/lib/postgresql/data", "messages:/data"),
        *("../data:/app/data:ro", "artifacts:/app/artifacts"),
    }
    assert set(whole["volumes"]) == {"database", "messages", "artifacts"}


def _dockerfile() -> str:
    return (COMPOSE.parent / "Dockerfile").read_text()
