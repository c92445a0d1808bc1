"""From API objects, as bodies, to the plain values that the domain decides on. Nothing is decided here.

Bodies are read as the API server holds them: validated by its schema, so an absent key means "not stated".
"""

from policloud.api.convert.facts import attested_facts, facts_on_hub, facts_on_site, rules_of
from policloud.api.convert.units import unit_view
from policloud.api.convert.workloads import demand_of, workload_view

__all__ = [
    "attested_facts",
    "demand_of",
    "facts_on_hub",
    "facts_on_site",
    "rules_of",
    "unit_view",
    "workload_view",
]
