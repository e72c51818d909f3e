"""The main job: deploy, trade, crash, liquidate, settle, prove solvent on real prices.

`run.run(path, options, stage)` does it, `summary`, `report` and `command` show it. The stage is the
embedded chain (`stage.InProcess`) or Anvil (`anvil.Anvil`).
"""
