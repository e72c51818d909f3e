"""A small chain in the process: compiled contracts, an EVM, typed handles.

The embedded default of the demo, the tests and the lab. `artifacts` compiles and caches, `chain`
runs the EVM, `handle` gives a contract's functions as Python callables.
"""

from plimsoll.evm.artifacts import Artifact, ArtifactError, load, load_all
from plimsoll.evm.chain import Account, CallFailed, Chain, ChainError, Halt, Revert
from plimsoll.evm.handle import Event, Function, Handle, Receipt

__all__ = [
    "Account",
    "Artifact",
    "ArtifactError",
    "CallFailed",
    "Chain",
    "ChainError",
    "Event",
    "Function",
    "Halt",
    "Handle",
    "Receipt",
    "Revert",
    "load",
    "load_all",
]
