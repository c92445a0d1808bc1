"""The join file: what `policloud hub invite` writes and a site reads once. Whoever has it may join as that site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from policloud.domain.federation.identity import valid_name


class JoinFileError(Exception):
    """The file cannot be used; the message says which field and never repeats the code."""


class _Block(str):
    """A text of several lines, written as such."""

    __slots__ = ()


class _Values(yaml.SafeDumper):
    pass


_Values.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|"))


@dataclass(frozen=True, slots=True)
class HubInfo:
    """`api`, `identity`: URLs as sites reach them. `ca`: PEM bundle for both; nothing else is trusted."""

    id: str
    api: str
    identity: str
    ca: str

    def as_dict(self) -> dict[str, str]:
        return {"id": self.id, "api": self.api, "identity": self.identity, "ca": self.ca}


@dataclass(frozen=True, slots=True, repr=False)
class JoinFile:
    hub: HubInfo
    membership: str
    code: str

    def dump(self) -> str:
        """YAML for the file."""
        data = {"hub": self.hub.as_dict(), "membership": self.membership, "code": self.code}
        return yaml.safe_dump(data, sort_keys=False)

    def dump_values(self) -> str:
        """YAML for `helm install policloud-site -f`. The CA is a block text, as people expect to see it."""
        hub = {name: value for name, value in self.hub.as_dict().items() if name != "ca"}
        data = {"join": {"hub": {**hub, "ca": _Block(self.hub.ca)}, "membership": self.membership, "code": self.code}}
        return yaml.dump(data, Dumper=_Values, sort_keys=False)


def hub_info_of(data: Mapping[str, Any]) -> HubInfo | None:
    """None if one of the four texts is missing."""
    values = [data.get(name) for name in ("id", "api", "identity", "ca")]
    if not all(isinstance(value, str) and value for value in values):
        return None
    return HubInfo(*(str(value) for value in values))


def parse_join_file(text: str) -> JoinFile:
    """JoinFileError for anything but a whole join file."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        raise JoinFileError("the join file is not YAML; write it anew: policloud hub invite NAME --out FILE") from None
    if not isinstance(data, dict) or not isinstance(data.get("hub"), dict):
        raise JoinFileError("the join file must hold hub, membership and code")
    hub, membership, code = hub_info_of(data["hub"]), data.get("membership"), data.get("code")
    if hub is None:
        raise JoinFileError("hub.id, hub.api, hub.identity and hub.ca must all be given in the join file")
    for name, url in (("api", hub.api), ("identity", hub.identity)):
        if not url.startswith("https://"):
            raise JoinFileError(f"hub.{name} is {url!r} in the join file; it must start with https://")
    if not valid_name(membership):
        raise JoinFileError(f"membership is {membership!r} in the join file; it must be a DNS label of at most 58")
    if not isinstance(code, str) or not code:
        raise JoinFileError("code is missing from the join file")
    return JoinFile(hub, str(membership), code)
