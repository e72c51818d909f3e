"""`plimsoll rules`: whether each rule of docs/SPEC.md is held by the code and the test it names.

`table` reads section 11 of the specification, `patches` applies a patch to a copy of the contracts,
`check` runs the test of a rule with and without its patch, `report` prints, `cli` has the commands.
"""
