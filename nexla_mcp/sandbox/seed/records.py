"""What producers deliver: a few records per subject (each stands for its share of a cycle) and the usual transform."""

from __future__ import annotations

from nexla_mcp.sandbox.store import Doc

SHARES = (0.5, 0.285, 0.115, 0.1)


def _table(columns: str, *rows: tuple[object, ...]) -> list[Doc]:
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


RECORDS: dict[str, list[Doc]] = {
    "orders": _table(
        "order_id first_name last_name email amount currency country",
        (70011, "Mara", "Lindt", "mara.lindt@example.com", 1200.5, "EUR", "DE"),
        (70012, "Owen", "Pike", "owen.pike@example.com", 89.9, "USD", "US"),
        (70013, "Ines", "Costa", "ines.costa@example.com", 45.0, "EUR", "PT"),
        (70014, "Dana", "Reed", "Dana.Reed+orders@example.com", 310.25, "USD", "US"),
    ),
    "customers": _table(
        "customer_id full_name email city segment active",
        (501, "Mara Lindt", "mara.lindt@example.com", "Bremen", "retail", True),
        (502, "Owen Pike", "owen.pike@example.com", "Tulsa", "retail", True),
        (503, "Ines Costa", "ines.costa@example.com", "Porto", "wholesale", True),
        (504, "Dana Reed", "dana.reed@example.com", "Boise", "retail", False),
    ),
    "clicks": _table(
        "event_id session page action duration_ms",
        (9001, "s-4410", "/home", "view", 1200),
        (9002, "s-4410", "/cart", "click", 340),
        (9003, "s-4411", "/search", "view", 2210),
        (9004, "s-4412", "/product/17", "view", 980),
    ),
    "prices": _table(
        "sku supplier price currency valid_from",
        ("A-100", "Delta Parts", 12.4, "EUR", "2025-01-01"),
        ("A-101", "Delta Parts", 3.15, "EUR", "2025-01-01"),
        ("B-200", "Ridge Supply", 87.0, "USD", "2025-02-01"),
        ("C-310", "Ridge Supply", 5.5, "USD", "2025-02-01"),
    ),
    "points": _table(
        "member_id last_name points store",
        (3101, "Lindt", 420, "north"),
        (3102, "Pike", 1180, "east"),
        (3103, "Costa", 75, "north"),
        (3104, "Reed", 2600, "west"),
    ),
    "signups": _table(
        "signup_id first_name last_name email source",
        (811, "Lea", "Moreau", "lea.moreau@example.com", "footer"),
        (812, "Jon", "Hale", "jon.hale@example.com", "checkout"),
        (813, "Ada", "Brook", "ada.brook@example.com", "footer"),
        (814, "Ty", "Marsh", "ty.marsh@example.com", "popup"),
    ),
    "contacts": _table(
        "store_id manager email phone",
        (11, "Pia Holm", "pia.holm@example.com", "+1-555-0100"),
        (12, "Rui Alves", "rui.alves@example.com", "+1-555-0101"),
        (13, "Kay Winter", "kay.winter@example.com", "+1-555-0102"),
        (14, "Bo Lund", "Bo.Lund@example.com", "+1-555-0103"),
    ),
    "payments": _table(
        "payment_id order_id amount method status",
        (6601, 70011, 1200.5, "card", "settled"),
        (6602, 70012, 89.9, "card", "settled"),
        (6603, 70013, 45.0, "transfer", "pending"),
        (6604, 70014, 310.25, "card", "settled"),
    ),
    "shipments": _table(
        "shipment_id order_id carrier last_name weight_kg",
        (4401, 70011, "PostLine", "Lindt", 1.2),
        (4402, 70012, "PostLine", "Pike", 0.4),
        (4403, 70013, "RoadRun", "Costa", 12.0),
        (4404, 70014, "RoadRun", "Reed", 3.3),
    ),
    "refunds": _table(
        "refund_id order_id amount reason approved",
        (221, 70011, 20.0, "late", True),
        (222, 70012, 89.9, "damaged", True),
        (223, 70013, 5.0, "late", False),
        (224, 70014, 31.0, "other", True),
    ),
    "inventory": _table(
        "sku warehouse quantity reorder_level",
        ("A-100", "north", 120, 40),
        ("A-101", "north", 18, 25),
        ("B-200", "east", 64, 10),
        ("C-310", "west", 0, 15),
    ),
    "products": _table(
        "product_id title category price",
        (17, "Desk lamp", "home", 29.9),
        (18, "Floor mat", "home", 19.5),
        (19, "Trail shoe", "sport", 89.0),
        (20, "Rain coat", "sport", 120.0),
    ),
    "sales": _table(
        "day store revenue orders",
        ("2025-01-01", "north", 18250.4, 310),
        ("2025-01-01", "east", 9210.0, 188),
        ("2025-01-01", "west", 7105.2, 120),
        ("2025-01-01", "online", 40110.9, 902),
    ),
    "traffic": _table("store_id hour visitors", (11, 9, 42), (12, 9, 31), (13, 9, 18), (14, 9, 55)),
    "rates": _table(
        "base quote rate",
        ("EUR", "USD", 1.09),
        ("EUR", "GBP", 0.85),
        ("EUR", "CHF", 0.96),
        ("EUR", "JPY", 158.2),
    ),
}
RECORDS["returns"] = [{**record, "reason": "size"} for record in RECORDS["orders"]]

_UPPER = """def transform(record, *args):
    out = dict(record)
    out["last_name"] = record["last_name"].upper()
    return out
"""
_MARK = """def transform(record, *args):
    out = dict(record)
    out["loaded_by"] = "nexla"
    return out
"""
SCRIPTS = {subject: _UPPER if "last_name" in records[0] else _MARK for subject, records in RECORDS.items()}

ONE_ARGUMENT = """def transform(record):
    out = dict(record)
    out["last_name"] = record["last_name"].upper()
    return out
"""
"""Broken: the engine passes three arguments (incident 16)."""


def variants(subject: str) -> list[Doc]:
    return [{"share": share, "record": record} for share, record in zip(SHARES, RECORDS[subject], strict=True)]


def columns(subject: str) -> dict[str, str]:
    """Column types of a table that takes the records of a subject."""
    shown: dict[str, str] = {}
    for name, value in RECORDS[subject][0].items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        shown[name] = "BOOLEAN" if isinstance(value, bool) else "NUMERIC" if number else "VARCHAR"
    return shown
