"""Which reads an investigation makes, round by round, as deep as the facts so far call for.

    await gather(case)      # rounds 2 to 4; the flow itself (round 1) was read by ``locate``

``rounds`` decides, ``confirm`` follows up, ``symptom_reads`` and ``upstream_reads`` are for what a person said and
for other flows; ``reads`` holds the single reads and where their answers go.
"""
