"""The log shows no secret and cannot be forged."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from nexla_mcp.output.log_filter import MaskingFilter

KEY = "my-very-own-service-key"
CANARY = "canary-7f3b9c2e51d84a06"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger whose handler writes into a string, and that string."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(MaskingFilter([KEY, "short"]))
    logger = logging.getLogger("nexla_mcp.test")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, stream
    logger.removeHandler(handler)


def test_known_and_recognisable_secrets_are_masked(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.warning("sent %s with Bearer %s to %s", KEY, CANARY, f"https://h/x?api_key={CANARY}")
    assert KEY not in stream.getvalue()
    assert CANARY not in stream.getvalue()
    assert "***(" in stream.getvalue()


def test_a_secret_that_is_learnt_later_is_masked_from_then_on() -> None:
    masking = MaskingFilter()
    masking.hide("a-key-from-the-keyring")
    masking.hide("ab")
    assert "a-key-from-the-keyring" not in masking.clean("sent a-key-from-the-keyring")
    assert masking.clean("about") == "about"


def test_a_traceback_is_cleaned_too(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    try:
        raise ValueError(f"cannot parse password={CANARY} of {KEY}")
    except ValueError:
        logger.exception("failed")
    assert "ValueError: cannot parse password=***(" in stream.getvalue()
    assert CANARY not in stream.getvalue()
    assert KEY not in stream.getvalue()


def test_a_message_cannot_pass_for_another_line(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.warning("name: %s", "x\r\nERROR root: all data was deleted\x1b[2K")
    assert stream.getvalue().splitlines() == ["WARNING nexla_mcp.test: name: x", "  ERROR root: all data was deleted"]


def test_arguments_that_do_not_fit_are_no_crash(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = log
    logger.warning("%d rows of %s", "many")
    assert "its arguments do not fit" in stream.getvalue()


def test_an_uncaught_exception_is_cleaned() -> None:
    program = (
        "import logging; from nexla_mcp.output.log_filter import install; logging.basicConfig();"
        f"install([{KEY!r}]); raise RuntimeError('the key is {KEY}')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert "RuntimeError: the key is ***(" in ended.stderr
    assert KEY not in ended.stderr.splitlines()[-1]
