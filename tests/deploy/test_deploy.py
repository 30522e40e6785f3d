"""What deploy/ says agrees with the service and its image. The formats themselves are checked by `make check-deploy`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.routing import Route

from cds_hooks.cli import app as commands
from cds_hooks.public import PAGES
from cds_hooks.registry import load_registry
from cds_hooks.settings import Settings
from tests.support.service import running

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PRODUCTION = DEPLOY / "kubernetes" / "overlays" / "production"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
KUSTOMIZATIONS = sorted(DEPLOY.rglob("kustomization.yaml"))
MANIFESTS = [
    (file, one)
    for file in sorted((DEPLOY / "kubernetes").rglob("*.yaml"))
    for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    if one["kind"] not in {"Kustomization", "Component"}
]
WORKLOADS = [one for _, one in MANIFESTS if one["kind"] in {"Deployment", "Job"}]
each_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda one: str(one["kind"]))


def manifest(kind: str, name: str = "nmcds") -> Any:  # noqa: ANN401 - YAML
    """The one resource of a kind and name."""
    (found,) = [one for _, one in MANIFESTS if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pod(workload: Any) -> Any:  # noqa: ANN401 - YAML
    """The specification of a workload's pods."""
    return workload["spec"]["template"]["spec"]


def container(workload: Any) -> Any:  # noqa: ANN401 - YAML
    """The only container of a workload."""
    (found,) = pod(workload)["containers"]
    return found


def literals() -> Iterator[str]:
    """NAME=value of each setting that a kustomization gives."""
    for file in KUSTOMIZATIONS:
        for generator in yaml.safe_load(file.read_text(encoding="utf-8")).get("configMapGenerator", []):
            yield from generator.get("literals", [])


@pytest.mark.parametrize("file", sorted(path for path in DEPLOY.rglob("*") if path.is_file()), ids=lambda path: path.name)
def test_each_setting_that_is_named_exists(file: Path) -> None:
    known = {variable for variable, _, _ in Settings.describe()}
    assert set(re.findall(r"\bNMCDS_[A-Z_]*[A-Z]\b", file.read_text(encoding="utf-8"))) <= known


def test_the_settings_and_the_registry_can_be_read() -> None:
    given = dict(line.split("=", 1) for line in literals())
    mounted = container(manifest("Deployment"))["volumeMounts"][0]["mountPath"]
    assert given["NMCDS_REGISTRY_FILE"] == f"{mounted}/registry.toml"
    settings = Settings.load({**given, "NMCDS_REGISTRY_FILE": str(PRODUCTION / "registry.toml")})
    assert settings.url == "https://" + manifest("Ingress")["spec"]["rules"][0]["host"]
    assert load_registry(PRODUCTION / "registry.toml")


def test_from_outside_only_calls_and_pages_without_patient_data_can_be_reached() -> None:
    paths = {path["path"] for path in manifest("Ingress")["spec"]["rules"][0]["http"]["paths"]}
    assert paths == {"/cds-services", *PAGES["rules"]}


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_each_kustomization_names_files_that_exist_and_forgets_none(file: Path) -> None:
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    files = [part.split("=")[-1] for made in said.get("configMapGenerator", []) for part in made.get("files", [])]
    named = [*said.get("resources", []), *said.get("components", []), *files]
    assert all((file.parent / name).exists() for name in named), named
    assert {path.name for path in file.parent.glob("*.yaml")} - {file.name} <= set(named)


@each_workload
def test_pods_have_no_rights_and_a_read_only_root(workload: Any) -> None:  # noqa: ANN401 - YAML
    everywhere, alone = pod(workload)["securityContext"], container(workload)["securityContext"]
    assert everywhere["runAsNonRoot"] is True
    assert everywhere["seccompProfile"] == {"type": "RuntimeDefault"}
    assert alone == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert pod(workload)["automountServiceAccountToken"] is False
    assert {"cpu", "memory"} <= container(workload)["resources"]["requests"].keys()
    assert "memory" in container(workload)["resources"]["limits"]


@each_workload
def test_the_cluster_puts_no_variables_of_its_own_into_a_pod(workload: Any) -> None:  # noqa: ANN401 - YAML
    """A Service called nmcds would give every pod NMCDS_PORT=tcp://..., and the service would not start."""
    assert pod(workload)["enableServiceLinks"] is False


@each_workload
def test_the_user_is_that_of_the_image(workload: Any) -> None:  # noqa: ANN401 - YAML
    (uid, gid) = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[0]
    assert pod(workload)["securityContext"]["runAsUser"] == int(uid)
    assert pod(workload)["securityContext"]["runAsGroup"] == int(gid)
    assert f"--uid {uid}" in DOCKERFILE


def test_the_port_is_that_of_the_image_the_settings_and_the_service() -> None:
    (port,) = container(manifest("Deployment"))["ports"]
    assert port["containerPort"] == Settings().port == int(re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[0])
    assert manifest("Service")["spec"]["ports"][0]["targetPort"] == port["name"]
    assert f"127.0.0.1:{port['containerPort']}/healthz" in DOCKERFILE


def test_probes_and_metrics_ask_for_pages_that_the_service_has(tmp_path: Path) -> None:
    service = container(manifest("Deployment"))
    probes = {name: service[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    with running(tmp_path) as found:
        pages = {route.path for route in found.app.routes if isinstance(route, Route)}
    assert probes == {"startupProbe": "/readyz", "readinessProbe": "/healthz", "livenessProbe": "/healthz"}
    assert {*probes.values(), manifest("ServiceMonitor")["spec"]["endpoints"][0]["path"]} <= pages


def test_a_stopping_replica_has_time_for_the_calls_that_have_begun() -> None:
    service = container(manifest("Deployment"))
    command, seconds = service["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    drain = int(re.findall(r"(?:timeout_graceful_shutdown=|DRAIN_S = )(\d+)", sources("serve.py", "worker.py"))[0])
    assert pod(manifest("Deployment"))["terminationGracePeriodSeconds"] >= int(seconds) + drain + 10


def sources(*names: str) -> str:
    """The text of the modules of these names."""
    return "\n".join(path.read_text(encoding="utf-8") for name in names for path in (ROOT / "cds_hooks").rglob(name))


def test_selectors_choose_the_replicas_and_not_the_migration() -> None:
    labels = {one["kind"]: one["spec"]["template"]["metadata"]["labels"] for one in WORKLOADS}
    for kind in ("Service", "PodDisruptionBudget", "Deployment"):
        selector = manifest(kind)["spec"]["selector"]
        chosen = selector.get("matchLabels", selector).items()
        assert chosen <= labels["Deployment"].items()
        assert not chosen <= labels["Job"].items()
    for _, policy in MANIFESTS:
        if policy["kind"] == "NetworkPolicy":
            assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels["Deployment"].items()


def test_nothing_may_connect_in_or_out_but_what_is_named() -> None:
    base = manifest("NetworkPolicy")["spec"]
    assert set(base["policyTypes"]) == {"Ingress", "Egress"}
    for _, policy in MANIFESTS:
        if policy["kind"] == "NetworkPolicy":
            for rule in policy["spec"].get("ingress", []):
                assert rule["from"]
                assert rule["ports"]
            for rule in policy["spec"].get("egress", []):
                assert rule["to"]
                assert rule["ports"]
                assert "0.0.0.0/0" not in str(rule)


def test_passwords_come_from_secrets_alone() -> None:
    for workload in WORKLOADS:
        for variable in container(workload).get("env", []):
            assert "secretKeyRef" in variable["valueFrom"], variable["name"]
    assert not [line for line in literals() if re.match(r"NMCDS_(SECRET|DATABASE_URL)=", line)]
    assert not [file for file, one in MANIFESTS if one["kind"] == "Secret"]


def test_the_migration_uses_other_credentials_than_the_service() -> None:
    names = {one["kind"]: container(one)["env"][0]["valueFrom"]["secretKeyRef"]["name"] for one in WORKLOADS}
    assert names["Job"] != names["Deployment"]


def test_the_try_out_listens_on_loopback_alone_and_has_no_password_in_it() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    services = compose["services"]
    assert services["nmcds"]["command"][:4] == ["nmcds", "serve", "--host", "127.0.0.1"]
    assert services["database"]["ports"] == ["127.0.0.1:5432:5432"]
    assert services["nmcds"]["read_only"] is True
    assert services["nmcds"]["depends_on"]["migration"]["condition"] == "service_completed_successfully"
    assert services["migration"]["command"] == container(manifest("Job", "nmcds-migration"))["command"]
    assert "${POSTGRES_PASSWORD:?" in services["nmcds"]["environment"]["NMCDS_DATABASE_URL"]


def test_the_command_of_the_image_is_one_of_nmcds() -> None:
    (command,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    words = [word.strip('"') for word in shlex.split(command.strip("[]").replace(",", ""))]
    assert words[0] == "nmcds"
    assert words[1] in {one.name or one.callback.__name__ for one in commands.registered_commands if one.callback}
