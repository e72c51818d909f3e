"""What an account's collateral is worth (SPEC section 6, LIQ-7)."""

from plimsoll.reference.errors import require
from plimsoll.reference.numbers import CONFIG, DAY, FUND, TREASURY, WAD, ceil_div, floor_div
from plimsoll.reference.oracle import FRESH, STALE
from plimsoll.reference.risk import Risks
from plimsoll.reference.state import Token, to_address


class Collateral(Risks):
    """The units in the vault and their value. Tokens are known by their address as a number."""

    def token(self, address: str) -> Token:
        """The record of a listed token."""
        found = self.collateral.get(to_address(address))
        require(found is not None, "token is not listed")
        assert isinstance(found, Token)
        return found

    def units_of(self, account: int, address: str) -> int:
        """Token units of an account."""
        return int(self.units.get((account, to_address(address)), 0))

    def is_pledged(self, account: int) -> bool:
        """Whether an account has any collateral, whatever it is worth."""
        return any(self.units.get((account, token), 0) > 0 for token in self.collateral)

    def haircut(self, token: Token) -> int:
        """The haircut of now, in 1e5; rounded up while it moves."""
        if self.time <= token.start:
            return token.haircut_from
        if self.time >= token.end:
            return token.haircut_to
        gone, left = self.time - token.start, token.end - self.time
        moved = token.haircut_from * left + token.haircut_to * gone
        return ceil_div(moved, token.end - token.start)

    def collateral_price(self, token: Token) -> int:
        """The price (WAD) that a token counts at; 0 when it is too old to count."""
        market = token.market
        price = self.price(market)
        if self.is_tradable(market):
            # when DIVERGED the higher one, at most a haircut above its own
            return min(
                self.judged_price(market, 1), price + floor_div(price * self.haircut(token), CONFIG)
            )
        feed = self.feeds[market]
        if self.status(market) == STALE:
            last = feed.updated_at + feed.heartbeat
        else:
            last, _ = feed.checkpoints[-1]
        return price if self.time <= last + DAY else 0

    def worth(self, account: int) -> tuple[int, int]:
        """MRG-1: what an account's collateral adds to E and to E_init, in WAD."""
        worth = counted = 0
        if account in (FUND, TREASURY):
            return worth, counted
        for address, token in self.collateral.items():
            amount = self.units.get((account, address), 0) * token.scale
            if amount == 0:
                continue
            kept = CONFIG - self.haircut(token)
            value = floor_div(amount * self.collateral_price(token) * kept, WAD * CONFIG)
            worth += value
            counted += value if self.status(token.market) == FRESH else 0
        return worth, counted
