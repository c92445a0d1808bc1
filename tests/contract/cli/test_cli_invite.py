"""`policloud hub invite` as it is typed, on a real API server."""

import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from policloud.api.joinfile import JoinFileError, parse_join_file
from policloud.cli.main import cli
from policloud.testing.controlplane import ControlPlane

SYSTEM = "invites"
INFO = {"id": "policloud-eu", "api": "https://hub:6443", "identity": "https://hub:8443", "ca": "PEM"}


@pytest.fixture
def plane(api_server: ControlPlane) -> ControlPlane:
    api_server.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    info = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "policloud-hub", "namespace": SYSTEM}}
    api_server.api.apply({**info, "data": INFO})
    return api_server


def invite(plane: ControlPlane, *arguments: str, namespace: str = SYSTEM) -> Result:
    group: Sequence[str] = ("hub", "--kubeconfig", str(plane.kubeconfig), "--namespace", namespace)
    return CliRunner().invoke(cli, [*group, "invite", *arguments])


def test_it_writes_a_file_for_its_reader_alone(plane: ControlPlane, tmp_path: Path) -> None:
    out = tmp_path / "vineyard.join.yaml"
    out.write_text("an older one")
    out.chmod(0o644)
    result = invite(plane, "vineyard", "--out", str(out), "--ttl", "30m")
    assert result.exit_code == 0, result.output
    file = parse_join_file(out.read_text())
    assert (file.membership, file.hub.as_dict()) == ("vineyard", INFO)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert file.code not in result.output
    assert "for one use; add attested facts" in result.output


def test_without_a_file_the_yaml_goes_to_standard_output(plane: ControlPlane) -> None:
    first, second = invite(plane, "orchard"), invite(plane, "orchard")
    codes = {parse_join_file(result.stdout).code for result in (first, second)}
    assert len(codes) == 2
    assert "attested" not in second.stderr  # there is a membership already: it is kept


@pytest.mark.parametrize(
    ("arguments", "namespace", "said"),
    [
        (["x" * 59], SYSTEM, "the site's name has 59 characters; at most 58"),
        (["Vineyard"], SYSTEM, "lower-case letters, digits and dashes"),
        (["vineyard", "--ttl", "25h"], SYSTEM, "at most 24h"),
        (["vineyard", "--ttl", "soon"], SYSTEM, "write 30m, 12h or 600s"),
        (["vineyard"], "default", "no hub has said where it is"),
        (["vineyard", "--out", "/nonexistent/file"], SYSTEM, "name another file with --out"),
    ],
)
def test_what_is_wrong_and_what_to_do(plane: ControlPlane, arguments: list[str], namespace: str, said: str) -> None:
    result = invite(plane, *arguments, namespace=namespace)
    assert result.exit_code != 0
    assert said in result.output


GOOD = "hub: {id: a, api: 'https://a', identity: 'https://b', ca: c}\nmembership: m\ncode: canary\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "not YAML"),
        ("a: 1", "must hold hub, membership and code"),
        (GOOD.replace("ca: c", "ca: ''"), "must all be given"),
        (GOOD.replace("https://a", "http://a"), "must start with https"),
        (GOOD.replace("membership: m", "membership: M"), "DNS label"),
        (GOOD.replace("code: canary", ""), "code is missing"),
    ],
)
def test_a_join_file_that_cannot_be_used_says_why_without_the_code(text: str, said: str) -> None:
    parse_join_file(GOOD)
    with pytest.raises(JoinFileError, match=said) as error:
        parse_join_file(text)
    assert "canary" not in str(error.value)


def test_as_values_it_is_what_the_sites_chart_takes(plane: ControlPlane, tmp_path: Path) -> None:
    out = tmp_path / "meadow.values.yaml"
    result = invite(plane, "meadow", "--format", "values", "--out", str(out))
    assert result.exit_code == 0, result.output
    values = yaml.safe_load(out.read_text())
    assert set(values) == {"join"}
    join = values["join"]
    assert (join["hub"], join["membership"]) == (INFO, "meadow")
    assert parse_join_file(yaml.safe_dump(join)).code == join["code"]  # the Secret's content as it stands
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "ca: |" in out.read_text()
    assert join["code"] not in result.output
