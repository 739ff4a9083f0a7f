"""The org that every sandbox has: its people, keys, tier, GenAI setting, runtime, and one lookup."""

from __future__ import annotations

from nexla_mcp.sandbox.config import ADMIN_KEY, COLLABORATOR_KEY, PAUSED_KEY, SERVICE_KEY
from nexla_mcp.sandbox.seed.builder import add_service_key, add_user
from nexla_mcp.sandbox.seed.spec import ANALYST, ENGINEER, OWNER, PLATFORM
from nexla_mcp.sandbox.seed.templates import add_templates
from nexla_mcp.sandbox.world import World

DOMAIN = "harborline.test"


def add_org(world: World) -> None:
    """Org 42 with four people. The service key belongs to the owner, who is an administrator."""
    tier = {
        "id": 3,
        "name": "enterprise",
        "display_name": "Enterprise",
        "record_count_limit": 500_000_000,
        "record_count_limit_time": "DAILY",
        "data_source_count_limit": 200,
        "trial_period_days": None,
    }
    world.create(
        "orgs",
        {
            "id": world.org_id,
            "name": "Harborline Retail",
            "description": "A chain of shops",
            "email_domain": DOMAIN,
            "email": f"platform@{DOMAIN}",
            "client_identifier": "harborline",
            "org_webhook_host": "webhooks.harborline.test",
            "cluster_id": 7,
            "new_cluster_id": None,
            "cluster_status": "ACTIVE",
            "default_cluster_id": 7,
            "status": "ACTIVE",
            "org_tier": tier,
            "account_tier": tier,
            "account_tier_name": "enterprise",
            "account_tier_display_name": "Enterprise",
            "members_default_access_role": "collaborator",
            "default_reusable_code_container_access_role": "collaborator",
            "require_org_admin_to_publish": False,
            "require_org_admin_to_subscribe": False,
            "enable_nexla_password_login": True,
        },
        OWNER,
        audited=False,
    )
    add_user(world, OWNER, "Priya Raman", True, DOMAIN)
    add_user(world, ENGINEER, "Tomas Weber", False, DOMAIN)
    add_user(world, ANALYST, "Lena Ortiz", False, DOMAIN)
    add_user(world, PLATFORM, "Sam Okafor", True, DOMAIN)
    add_service_key(world, 901, SERVICE_KEY, OWNER, "sandbox key")
    add_service_key(world, 902, COLLABORATOR_KEY, ANALYST, "analyst key")
    add_service_key(world, 903, PAUSED_KEY, OWNER, "old key", status="PAUSED")
    add_service_key(world, 904, ADMIN_KEY, PLATFORM, "platform key")
    world.create(
        "gen_ai_integration_configs",
        {
            "id": 31,
            "name": "documentation model",
            "type": "genai_openai",
            "status": "active",
            "config": {"model": "small"},
            "data_credentials_id": None,
        },
        PLATFORM,
    )
    world.create(
        "gen_ai_org_settings",
        {"id": 41, "gen_ai_usage": "gen_docs", "gen_ai_config_id": 31, "active": True},
        PLATFORM,
    )
    world.create(
        "runtimes",
        {
            "id": 51,
            "name": "default runtime",
            "active": True,
            "managed": True,
            "dockerpath": "registry.example.com/runtime:1",
            "config": {},
        },
        PLATFORM,
    )
    world.create(
        "data_maps",
        {
            "id": 61,
            "name": "country names",
            "description": "ISO code to name",
            "map_primary_key": "code",
            "public": False,
            "managed": False,
            "data_type": "string",
            "data_format": None,
            "emit_data_default": False,
            "use_versioning": False,
            "data_defaults": {},
            "entries": [
                {"code": "DE", "name": "Germany"},
                {"code": "US", "name": "United States"},
                {"code": "PT", "name": "Portugal"},
            ],
        },
        OWNER,
    )
    world.create(
        "notification_settings",
        {"id": 71, "channel": "APP", "notification_type_id": 14, "status": "ACTIVE"},
        OWNER,
        audited=False,
    )
    world.create(
        "approval_requests",
        {
            "id": 72,
            "request_type": "MarketplaceAccess",
            "topic_id": 74,
            "status": "pending",
            "requestor_id": ANALYST,
            "assignee_id": PLATFORM,
            "rejection_reason": None,
        },
        ANALYST,
        audited=False,
    )
    world.create(
        "marketplace_domains",
        {
            "id": 74,
            "name": "Shop data",
            "description": "What the shops report",
            "parent_id": None,
            "custodian_ids": [],
        },
        PLATFORM,
    )
    world.create(
        "api_auth_configs",
        {
            "id": 76,
            "name": "company login",
            "protocol": "saml",
            "uid": "harborline",
            "idp_cert": "sandbox-certificate",
        },
        PLATFORM,
    )
    world.create("auth_settings", {"id": 77, "auth_config_id": 76, "enabled": True}, PLATFORM, audited=False)
    add_templates(world)
