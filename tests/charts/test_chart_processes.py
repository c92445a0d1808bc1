"""What the charts tell the processes is what the processes understand."""

from __future__ import annotations

import click
import yaml

from policloud.api.joinfile import parse_join_file
from policloud.cli.main import cli
from rendered import NAMESPACE, Rendering

All = tuple[Rendering, ...]
# Their programs land with a later release; until then both switches stay off
_LATER = {"governor", "node"}


def _command(*names: str) -> click.Command:
    command: click.Command = cli
    for name in names:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"policloud {' '.join(names)} does not exist"
        command = found
    return command


def _known(process: str) -> dict[str, click.Option]:
    options = [p for p in _command(process).params if isinstance(p, click.Option)]
    return {f"POLICLOUD_{process}_{option.name}".upper(): option for option in options}


def test_every_variable_is_an_option_and_its_value_is_understood(rendered: All) -> None:
    seen: set[str] = set()
    for r in rendered:
        for body in r.of("Deployment"):
            for container in body["spec"]["template"]["spec"]["containers"]:
                process = container["args"][0]
                if process in _LATER:
                    continue
                known = _known(process)
                for variable in container["env"]:
                    assert variable["name"] in known, f"{r}: policloud {process} knows no {variable['name']}"
                    option = known[variable["name"]]
                    if not isinstance(option.type, click.Path):
                        option.type.convert(variable["value"], option, None)
                    seen.add(variable["name"])
                assert container["args"] == [process]
                assert not body["spec"]["template"]["spec"]["enableServiceLinks"]
    # What no chart sets: how it is told where its cluster is, and that it leads alone
    never = {"KUBECONFIG", "CONTEXT_NAME", "NO_LEADER_ELECTION"}
    everything = {*_known("hub"), *_known("site")}
    assert {v for v in everything if not any(v.endswith(f"_{n}") for n in never)} == seen


def test_jobs_call_commands_that_exist_with_options_they_have(rendered: All) -> None:
    for r in rendered:
        for job in r.of("Job"):
            role, namespace_option, namespace, command, *rest = job["spec"]["template"]["spec"]["containers"][0]["args"]
            assert (namespace_option, namespace) == ("--namespace", NAMESPACE), r
            context = click.Context(_command(role))
            parsed = _command(role, command).make_context(command, list(rest), parent=context)
            url = parsed.params.get("ready_url")
            if command == "verify":
                service = next(s for s in r.of("Service") if s["metadata"]["name"].endswith("-probe"))
                where = f"{service['metadata']['name']}.{NAMESPACE}.svc:{service['spec']['ports'][0]['port']}"
                assert url == f"http://{where}/readyz", r


def test_the_join_file_is_one_that_a_site_reads(rendered: All) -> None:
    read = 0
    for r in (r for r in rendered if r.row.get("join") == "file"):
        secret = next(b for b in r.of("Secret") if b["metadata"]["name"] == "policloud-join")
        text = yaml.safe_load(f"a: !!binary {secret['data']['join.yaml']}")["a"].decode()
        file = parse_join_file(text)
        assert file.membership == "dijon", r
        assert file.hub.ca.startswith("-----BEGIN CERTIFICATE-----\n"), r
        assert file.code not in r.text.replace(secret["data"]["join.yaml"], ""), "a code belongs into a Secret"
        read += 1
    assert read


def test_every_file_that_a_process_is_told_to_read_is_mounted(rendered: All) -> None:
    for r in rendered:
        for name, _, template in r.pods:
            spec = template["spec"]
            mounts = {m["mountPath"]: m["name"] for c in spec["containers"] for m in c["volumeMounts"]}
            assert set(mounts.values()) == {v["name"] for v in spec["volumes"]}, f"{r}: {name}"
            for variable in (v for c in spec["containers"] for v in c.get("env") or ()):
                value = str(variable.get("value", ""))
                if value.startswith("/"):
                    assert any(value == m or value.startswith(f"{m}/") for m in mounts), f"{r}: {variable['name']}"
