"""What every operation costs: measured on Anvil, kept in docs/gas.md, compared on every test run.

`backend` has the two chains the rows run on, `stage` what stands there before a row begins, `rows`
the operations, `measure` runs them, `page` writes and compares docs/gas.md, `explain` says where
the gas of a row goes.
"""
