"""Shares of the insurance fund (SPEC section 6, LIQ-8)."""

from plimsoll.reference.errors import require
from plimsoll.reference.ledger import Ledger
from plimsoll.reference.numbers import (
    FUND,
    REDEEM_WINDOW,
    SERIES_STEP,
    SHARES_MAX,
    VIRTUAL,
    ceil_div,
    floor_div,
)
from plimsoll.reference.state import call, to_address


class Fund(Ledger):
    """An ERC-4626 vault over the fund's account. Assets in token units, shares with 18 decimals.

    `shares` has what holders can use, `requests` what they have locked; the supply is both, and
    what was lost to rounding when a series started.
    """

    def deposit_worth(self) -> int:
        """What deposits are priced at: cash plus claims, in WAD."""
        fund = self.account(FUND)
        return fund.cash + sum(max(0, leg.pnl) for leg in fund.legs.values())

    def redemption_worth(self) -> int:
        """What redemptions are priced at: cash less all shortfall, in WAD."""
        shortfall = sum(market.shortfall for market in self.markets)
        return max(0, self.account(FUND).cash - shortfall)

    def redeem_request(self, owner: str) -> tuple[int, int, int]:
        """Locked shares of a holder, and from when until when they may be redeemed."""
        shares, opens = self.requests.get(to_address(owner), (0, 0))
        return (shares, opens, opens + REDEEM_WINDOW) if shares else (0, 0, 0)

    @call
    def fund_deposit(self, sender: str, assets: int, receiver: str) -> int:
        """Put `assets` in; the shares made for the receiver are returned."""
        self._start_series()
        wad = assets * self.scale
        shares = floor_div(wad * (self.share_supply + VIRTUAL), self.deposit_worth() + VIRTUAL)
        self._enter(receiver, assets, shares)
        return shares

    @call
    def fund_mint(self, sender: str, shares: int, receiver: str) -> int:
        """Make `shares`; the assets taken for them are returned."""
        self._start_series()
        wad = ceil_div(shares * (self.deposit_worth() + VIRTUAL), self.share_supply + VIRTUAL)
        assets = ceil_div(wad, self.scale)
        self._enter(receiver, assets, shares)
        return assets

    @call
    def fund_request(self, sender: str, shares: int, owner: str) -> int:
        """Lock `shares` until they are redeemed or given back; when they may be is returned."""
        holder = to_address(owner)
        require(to_address(sender) == holder, "caller does not own the shares")
        require(shares > 0, "nothing to ask for")
        if self.requests.get(holder, (0, 0))[0]:
            require(self.time >= self.requests[holder][1] + REDEEM_WINDOW, "a request is open")
            self._give_back(holder)
        require(shares <= self.shares.get(holder, 0), "more than the owner's shares")
        opens = self.time + self.notice
        self.shares[holder] -= shares
        self.requests[holder] = (shares, opens)
        return opens

    @call
    def fund_cancel(self, sender: str) -> int:
        """Give the sender's request up; the shares that come back are returned."""
        return self._give_back(to_address(sender))

    @call
    def fund_withdraw(self, sender: str, assets: int, receiver: str, owner: str) -> int:
        """Take `assets` out; the owner's locked shares burned for them are returned."""
        wad = assets * self.scale
        shares = ceil_div(wad * (self.share_supply + VIRTUAL), self.redemption_worth() + VIRTUAL)
        self._leave(sender, owner, assets, shares)
        return shares

    @call
    def fund_redeem(self, sender: str, shares: int, receiver: str, owner: str) -> int:
        """Burn `shares` of the owner's locked ones; the assets paid for them are returned."""
        worth = self.redemption_worth()
        wad = floor_div(shares * (worth + VIRTUAL), self.share_supply + VIRTUAL)
        assets = floor_div(min(wad, worth), self.scale)
        self._leave(sender, owner, assets, shares)
        return assets

    def _start_series(self) -> None:
        """Count all shares anew while one of them is worth less than a millionth."""
        while (self.deposit_worth() + VIRTUAL) * SERIES_STEP < self.share_supply + VIRTUAL:
            self.series += 1
            self.share_supply = floor_div(self.share_supply, SERIES_STEP)
            for holder, shares in list(self.shares.items()):
                self.shares[holder] = floor_div(shares, SERIES_STEP)
            for holder, (shares, opens) in list(self.requests.items()):
                self.requests[holder] = (floor_div(shares, SERIES_STEP), opens)

    def _give_back(self, holder: int) -> int:
        shares: int = self.requests.get(holder, (0, 0))[0]
        require(shares > 0, "no request")
        self.requests[holder] = (0, 0)
        self.shares[holder] = self.shares.get(holder, 0) + shares
        return shares

    def _enter(self, receiver: str, assets: int, shares: int) -> None:
        require(self.fund != 0, "no fund contract is set")
        require(assets > 0, "nothing to deposit")
        require(0 < shares <= SHARES_MAX, "shares out of range")
        holder = to_address(receiver)
        self.tokens += assets
        self.account(FUND).cash += assets * self.scale
        self.shares[holder] = self.shares.get(holder, 0) + shares
        self.share_supply += shares

    def _leave(self, sender: str, owner: str, assets: int, shares: int) -> None:
        require(self.fund != 0, "no fund contract is set")
        require(assets > 0 and shares > 0, "nothing to withdraw")
        holder = to_address(owner)
        require(to_address(sender) == holder, "caller does not own the shares")
        locked, opens, closes = self.redeem_request(owner)
        require(opens <= self.time < closes, "no request in its window")
        require(shares <= locked, "more than the request")
        fund = self.account(FUND)
        require(assets * self.scale <= self.redemption_worth(), "more than cash less shortfall")
        self.requests[holder] = (locked - shares, opens)
        self.share_supply -= shares
        fund.cash -= assets * self.scale
        self.tokens -= assets
