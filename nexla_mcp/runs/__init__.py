"""Runs: changes of several steps that survive the death of their process.

    plan = await make_run_plan("nexla_fix_and_verify", facts, arguments)       # plans/: what would be done, in words and calls
    granted = await gate.ask(RunQuestion(plan, ...), ...)                      # a person agrees to the whole
    run_id = await engine.start(plan)                                          # steps.py carries out, durable.py remembers
    run = await engine.wait(run_id, 30.0)                                      # or runs_get, later

A plan is data: parts of steps, each step one call of an operation or one check. It is interpreted, never compiled,
so that the same plan gives the same steps in whatever process it is gone on with. DBOS Transact remembers which
steps are done; the log of changes knows whether a change was sent, so that it is never sent twice.
"""
