"""What the shell completes: names of tools and operations, of instances. Asks nothing over the network."""

from __future__ import annotations


def tool_names(incomplete: str) -> list[tuple[str, str]]:
    """Names that begin so, each with what it does."""
    from nexla_mcp.catalog.loader import SpecError, load_catalog

    try:
        catalog = load_catalog()
    except SpecError:
        return []
    named = [(r.name, r.title) for r in catalog.tools.values()] + [(r.name, r.title) for r in catalog.operations.values()]
    return [(name, title) for name, title in named if name.startswith(incomplete)]


def instance_names(incomplete: str) -> list[str]:
    """Names of the instances in the configuration file."""
    from nexla_mcp.instances import InstancesError, config_path, read_instances

    try:
        return [name for name in read_instances(config_path()).settings if name.startswith(incomplete)]
    except InstancesError:
        return []
