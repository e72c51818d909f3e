"""Price histories: files of bars, the ones that come with the project, and a clock over several.

`load` is the whole way from names and files to a `PricePath`, the steps a run goes through. Prices
are integers scaled by 1e8, as a feed with eight decimals answers them.
"""

from plimsoll.prices.bars import (
    TICK,
    Bar,
    PriceError,
    PriceFileError,
    PriceRowError,
    Series,
    parse_time,
    read_csv,
)
from plimsoll.prices.builtin import crash_of_2008
from plimsoll.prices.clock import (
    MAX_BARS_IN_FULL,
    EmptySelectionError,
    Gap,
    PricePath,
    Step,
    load,
    merge,
)

__all__ = [
    "MAX_BARS_IN_FULL",
    "TICK",
    "Bar",
    "EmptySelectionError",
    "Gap",
    "PriceError",
    "PriceFileError",
    "PricePath",
    "PriceRowError",
    "Series",
    "Step",
    "crash_of_2008",
    "load",
    "merge",
    "parse_time",
    "read_csv",
]
