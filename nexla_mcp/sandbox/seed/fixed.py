"""What is the same in every sandbox: the types of notifications."""

from __future__ import annotations

from nexla_mcp.sandbox.store import Doc

_WORDING = (
    ("CREATE", "DATASET", "Nexset detected", "PLATFORM", "A new nexset was detected in a source"),
    ("READ_START", "SOURCE", "Read started", "PLATFORM", "A source started to read"),
    ("READ_DONE", "SOURCE", "Read done", "PLATFORM", "A source has read everything"),
    ("EMPTY_DATA", "SOURCE", "Empty data", "DATA", "A source found no new data"),
    ("ERROR", "SOURCE", "Ingestion error", "SYSTEM", "A source could not be read"),
    ("ERROR", "SINK", "Write error", "SYSTEM", "A destination could not be written"),
    (
        "ERROR_AGGREGATED",
        "DATASET",
        "Aggregated errors of a nexset",
        "DATA",
        "Records of a nexset were rejected",
    ),
    (
        "ERROR_AGGREGATED",
        "SINK",
        "Aggregated errors of a destination",
        "DATA",
        "Records were rejected at the write",
    ),
    ("MONITOR", "SOURCE", "Volume alert", "DATA", "The volume of a source is out of its usual range"),
    ("WRITE_DONE", "SINK", "Write done", "PLATFORM", "A destination has written a batch"),
    ("PAUSE", "SOURCE", "Source paused", "PLATFORM", "A source was paused"),
    ("PAUSE", "DATASET", "Nexset paused", "PLATFORM", "A nexset was paused"),
    ("PAUSE", "SINK", "Destination paused", "PLATFORM", "A destination was paused"),
    ("ACTIVATE", "SOURCE", "Source activated", "PLATFORM", "A source was activated"),
    ("ACTIVATE", "DATASET", "Nexset activated", "PLATFORM", "A nexset was activated"),
    ("ACTIVATE", "SINK", "Destination activated", "PLATFORM", "A destination was activated"),
)
NOTIFICATION_TYPES: list[Doc] = [
    {
        "id": 10 + number,
        "name": name,
        "description": text,
        "category": category,
        "default": True,
        "status": True,
        "event_type": event,
        "resource_type": resource,
    }
    for number, (event, resource, name, category, text) in enumerate(_WORDING)
]
