"""Shares of the insurance fund (SPEC section 6, LIQ-8)."""

from plimsoll.reference.errors import require
from plimsoll.reference.ledger import Ledger
from plimsoll.reference.numbers import (
    FUND,
    SHARE_WORTH_MIN,
    SUPPLY_MAX,
    VIRTUAL,
    ceil_div,
    floor_div,
)
from plimsoll.reference.state import call, to_address


class Fund(Ledger):
    """An ERC-4626 vault over the fund's account. Assets in token units, shares with 18 decimals."""

    def deposit_worth(self) -> int:
        """What deposits are priced at: cash plus claims, in WAD."""
        fund = self.account(FUND)
        return fund.cash + sum(max(0, leg.pnl) for leg in fund.legs.values())

    def redemption_worth(self) -> int:
        """What redemptions are priced at: cash less all shortfall, in WAD."""
        shortfall = sum(market.shortfall for market in self.markets)
        return max(0, self.account(FUND).cash - shortfall)

    @call
    def fund_deposit(self, sender: str, assets: int, receiver: str) -> int:
        """Put `assets` in; the shares made for the receiver are returned."""
        wad = assets * self.scale
        shares = floor_div(wad * (self.share_supply + VIRTUAL), self.deposit_worth() + VIRTUAL)
        self._enter(receiver, assets, shares)
        return shares

    @call
    def fund_mint(self, sender: str, shares: int, receiver: str) -> int:
        """Make `shares`; the assets taken for them are returned."""
        wad = ceil_div(shares * (self.deposit_worth() + VIRTUAL), self.share_supply + VIRTUAL)
        assets = ceil_div(wad, self.scale)
        self._enter(receiver, assets, shares)
        return assets

    @call
    def fund_withdraw(self, sender: str, assets: int, receiver: str, owner: str) -> int:
        """Take `assets` out; the owner's shares burned for them are returned."""
        wad = assets * self.scale
        shares = ceil_div(wad * (self.share_supply + VIRTUAL), self.redemption_worth() + VIRTUAL)
        self._leave(sender, owner, assets, shares)
        return shares

    @call
    def fund_redeem(self, sender: str, shares: int, receiver: str, owner: str) -> int:
        """Burn `shares` of the owner's; the assets paid for them are returned."""
        worth = self.redemption_worth()
        wad = floor_div(shares * (worth + VIRTUAL), self.share_supply + VIRTUAL)
        assets = floor_div(min(wad, worth), self.scale)
        self._leave(sender, owner, assets, shares)
        return assets

    def _enter(self, receiver: str, assets: int, shares: int) -> None:
        require(self.fund != 0, "no fund contract is set")
        require(assets > 0, "nothing to deposit")
        worth, supply = self.deposit_worth() + VIRTUAL, self.share_supply + VIRTUAL
        require(worth * SHARE_WORTH_MIN >= supply, "a share is worth next to nothing")
        require(0 < shares <= SUPPLY_MAX - self.share_supply, "shares out of range")
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
        require(shares <= self.shares.get(holder, 0), "more than the owner's shares")
        fund = self.account(FUND)
        require(assets * self.scale <= self.redemption_worth(), "more than cash less shortfall")
        self.shares[holder] -= shares
        self.share_supply -= shares
        fund.cash -= assets * self.scale
        self.tokens -= assets
