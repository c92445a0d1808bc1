import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from policloud.adapters.kube.connection import Connection, ConnectionConfigError, Token


def write(path: Path, *, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> Path:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    file = path / "config"
    file.write_text(yaml.safe_dump(config))
    return file


async def test_inline_and_file_parts(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    ca = base64.b64encode(b"PEM").decode()
    file = write(tmp_path, cluster={"certificate-authority-data": ca}, user={"tokenFile": "token"})
    connection = Connection.from_kubeconfig(file)
    assert (connection.server, connection.ca_pem, connection.namespace) == ("https://127.0.0.1:6443", "PEM", "team")
    token = await connection.token()
    assert token is not None
    assert token.value == "abc"
    assert "abc" not in repr(connection) + repr(token)


async def test_an_exec_plugin_is_asked_for_tokens(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text('#!/bin/sh\necho \'{"status": {"token": "\'"$FROM"\'"}}\'\n')
    plugin.chmod(0o755)
    user = {"exec": {"command": "./plugin", "apiVersion": "v1", "env": [{"name": "FROM", "value": "exec"}]}}
    token = await Connection.from_kubeconfig(write(tmp_path, user=user)).token()
    assert token is not None
    assert token.value == "exec"


async def test_a_token_is_renewed_before_it_expires_and_after_a_refusal() -> None:
    given: list[str] = []

    async def provide() -> Token:
        given.append("t")
        return Token(f"t{len(given)}", valid_for=0.0 if len(given) == 1 else None)

    connection = Connection("https://h", token_provider=provide)
    seen = [(await connection.token()) for _ in range(3)]
    assert [t.value for t in seen if t] == ["t1", "t2", "t2"]
    connection.invalidate()
    assert [t.value for t in [await connection.token()] if t] == ["t3"]


async def test_a_token_that_is_handed_over_again_is_good_for_what_is_left() -> None:
    async def provide() -> Token:
        return Token("t", valid_for=600.0)

    connection = Connection("https://h", token_provider=provide)
    left = [token.valid_for for _ in range(3) if (token := await connection.token()) and token.valid_for]
    assert len(left) == 3
    assert 600.0 > left[0] > left[1] > left[2] > 590.0
    assert Token("t", valid_for=600.0).later(601.0).valid_for == 0.0
    assert Token("t").later(601.0).valid_for is None


@pytest.mark.parametrize(
    ("environment", "server"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT": "443"}, "https://10.43.0.1:443"),
        ({"KUBERNETES_SERVICE_HOST": "10.43.0.1", "KUBERNETES_SERVICE_PORT_HTTPS": "6443"}, "https://10.43.0.1:6443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, "https://[fd00::1]:443"),
        ({}, "https://kubernetes.default.svc:443"),
    ],
)
def test_a_pod_needs_no_dns_to_reach_its_api_server(tmp_path: Path, environment: dict[str, str], server: str) -> None:
    for name, text in {"token": "t", "ca.crt": "CA", "namespace": "policloud-system\n"}.items():
        (tmp_path / name).write_text(text)
    connection = Connection.in_cluster(tmp_path, environment=environment)
    assert (connection.server, connection.namespace) == (server, "policloud-system")


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"insecure-skip-tls-verify": True}, {}, "skips TLS verification; give its certificate-authority-data"),
        ({"server": "http://plain"}, {}, "must start with https://"),
        ({"certificate-authority-data": "%%"}, {}, "certificate-authority-data is not base64"),
        ({"certificate-authority": "missing.crt"}, {}, "cannot read certificate-authority missing.crt"),
        ({}, {"username": "x", "password": "y"}, "neither certificate, token nor exec plugin"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], message: str) -> None:
    with pytest.raises(ConnectionConfigError, match=message):
        Connection.from_kubeconfig(write(tmp_path, cluster=cluster, user=user))


def test_other_contexts_and_files(tmp_path: Path) -> None:
    file = write(tmp_path)
    with pytest.raises(ConnectionConfigError, match="no context named 'there'; it has 'here'"):
        Connection.from_kubeconfig(file, "there")
    with pytest.raises(ConnectionConfigError, match="cannot read kubeconfig"):
        Connection.from_kubeconfig(tmp_path / "none")
    with pytest.raises(ConnectionConfigError, match="give --kubeconfig FILE"):
        Connection.in_cluster(tmp_path)
