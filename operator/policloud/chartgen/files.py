"""Every generated file of both charts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from policloud import __version__
from policloud.api.compatibility import OLDEST_KUBERNETES
from policloud.chartgen import dashboard, schema, templates, valuesfile
from policloud.chartgen.values.base import Section
from policloud.chartgen.values.hub import HubValues
from policloud.chartgen.values.site import SiteValues

CHARTS: Final[Mapping[str, tuple[str, Section, str]]] = {
    "policloud-hub": (
        "hub",
        HubValues(),
        "Offers work to sites that are their own masters, and places it by their law",
    ),
    "policloud-site": ("site", SiteValues(), "Runs one site: its units, its watts, its law, its workloads"),
}
_TABLE: Final = re.compile(r"(<!-- values:begin -->\n).*?(<!-- values:end -->)", re.DOTALL)


def files(charts: Path) -> dict[Path, str]:
    """Path → content. READMEs are read: all but their table is written by hand."""
    out: dict[Path, str] = {}
    for name, (component, values, description) in CHARTS.items():
        chart = charts / name
        made = {
            "Chart.yaml": _chart(name, description),
            "values.yaml": valuesfile.render(values),
            "values.schema.json": schema.render(type(values)),
            "templates/serviceaccounts.yaml": templates.accounts(component),
            "templates/rbac.yaml": templates.rights(component),
            "templates/admission-policies.yaml": templates.policies(component),
            **{f"templates/{file}": text for file, text in templates.definitions().items()},
            **{f"templates/{file}": text for file, text in templates.shared().items()},
            "files/dashboard.json": dashboard.render(component),
            "README.md": _readme(chart / "README.md", values),
        }
        out |= {chart / file: text for file, text in made.items()}
    return out


def write(charts: Path) -> list[Path]:
    """Writes every file that differs; returns those paths."""
    changed = []
    for path, text in files(charts).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _readme(path: Path, values: Section) -> str:
    table = valuesfile.table(values)
    return _TABLE.sub(lambda found: found[1] + "\n" + table + "\n" + found[2], path.read_text(encoding="utf-8"))


def _chart(name: str, description: str) -> str:
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    data = {
        "apiVersion": "v2",
        "name": name,
        "description": description,
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
        "kubeVersion": f">={oldest}.0-0",
        "keywords": ["gpu", "energy", "sovereignty", "federation", "operator"],
        "annotations": {
            "artifacthub.io/license": "Apache-2.0",
            "artifacthub.io/operator": "true",
            "artifacthub.io/operatorCapabilities": "Full Lifecycle",
        },
    }
    return valuesfile.HEADER.replace("/values by", " by") + yaml.safe_dump(data, sort_keys=False, width=110)
