"""Normal forms of the replies a runbook reads, whatever shape the API answers in (QUIRKS 4 and 5.1).

Nothing here raises on an odd reply: what cannot be read is left out.
"""
