"""One site process, whole: what it does alone, what it holds for hubs, and its line to the hub it is joined to."""

from __future__ import annotations

from policloud.adapters.shell import Operator
from policloud.site.hubside import add_hub
from policloud.site.offers import add_journal
from policloud.site.settings import SiteSettings
from policloud.site.wiring import Process, assemble, operator


def build(settings: SiteSettings) -> tuple[Process, Operator]:
    """ConnectionConfigError if the site's own API server cannot be found."""
    process = assemble(settings)
    add_hub(process, add_journal(process))
    return process, operator(process)
