"""The keeper: liquidates, resolves and settles what the engine allows anyone to.

`watch` finds the accounts, `read` asks the contracts, `decide` (with `slices`) says what to do and
why, `send` does it, `keeper` runs the tick. The demo calls it in process:

    Keeper(plimsoll, account, orders, Policy()).tick(accounts) -> TickReport
"""

from plimsoll.keeper.keeper import Keeper, KeeperError
from plimsoll.keeper.report import TickReport
from plimsoll.keeper.send import Outcome, Result
from plimsoll.keeper.types import Action, Kind, Left, Plan, Policy
from plimsoll.keeper.watch import Watcher, WatchError

__all__ = [
    "Action",
    "Keeper",
    "KeeperError",
    "Kind",
    "Left",
    "Outcome",
    "Plan",
    "Policy",
    "Result",
    "TickReport",
    "WatchError",
    "Watcher",
]
