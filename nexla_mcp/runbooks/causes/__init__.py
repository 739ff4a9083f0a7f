"""Possible causes, one small function each: ``Case -> list[Hypothesis]``.

    found = [h for detector in DETECTORS for h in detector(case)]

A detector states what supports its cause and how strongly; it knows the neighbours that look alike and
says in the explanation why it is not one of them. Weighing them against each other is ``weigh``.
"""

from __future__ import annotations

from collections.abc import Callable

from nexla_mcp.runbooks.case import Case
from nexla_mcp.runbooks.causes import (
    access,
    at_destination,
    at_nexset,
    at_source,
    credentials,
    drift,
    refused_requests,
    request_shapes,
    schedules,
    services,
    silence,
    silent_transform,
    states,
    upstream,
    volume,
)
from nexla_mcp.runbooks.diagnosis import Hypothesis

DETECTORS: tuple[Callable[[Case], list[Hypothesis]], ...] = (
    states.organisation,
    states.paused,
    credentials.refused,
    at_source.errors,
    at_source.files,
    at_nexset.errors,
    drift.lost_field,
    silent_transform.passes_through,
    at_destination.errors,
    at_destination.starved,
    volume.drop,
    volume.duplicates,
    upstream.failing,
    schedules.schedule,
    silence.nothing_new,
    silence.never_any_data,
    silence.unexplained,
    access.roles,
    access.listing,
    refused_requests.state,
    request_shapes.request_shape,
    services.service,
)
