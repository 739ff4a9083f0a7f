"""What ``make bench``, ``make demo``, ``make lint`` and ``make generate`` run; nothing here ships in the wheel."""
