# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Insurance fund
@license MIT
@notice ERC-4626 shares over the fund's account (id 1) of the margin engine (LIQ-8). Assets are in token units, shares
        have 18 decimals. There are two prices: a deposit pays for cash and for the claims the fund has yet to collect,
        a redemption is paid from cash less what the fund owes to the markets' shortfalls. `convertToShares` and the
        previews of deposit and mint use the first, `convertToAssets` and the other previews the second. Every
        division rounds against the caller. Virtual shares and assets of 1e12 wad each stand beside the real ones, so
        that no division is by zero and inflating the price of the first share costs more than it takes from others.
        Who wants out asks first: `request_redeem` locks shares in this contract, and `redeem` and `withdraw` take
        them in the day that begins when the notice is over, at the price of that moment. Until then they bear every
        loss like all others. A window that passed unused gives nothing; the shares come back by `cancel_request` or
        with the next request. The names of a request's stages are those of ERC-7540, whose interface this is not: a
        request here expires, and the previews answer.
        Nothing can be redeemed while the shortfall reaches the cash; whoever deposits meanwhile pays shortfall
        with new money, as `previewRedeem` of what `previewDeposit` says tells beforehand.
        When a share is worth less than a millionth, the next deposit starts a new series: a million old shares are
        one new one, for every holder and request alike, so that losses never end the fund and never make the supply
        unbounded. After a wipe-out (cash and claims are zero) the old shares keep at most 1e-6 quote of the new money.
@custom:security Holds the right to withdraw the fund's account, and no tokens: what is sent here unasked is lost and
        changes no price, because the price comes from the engine's books. It holds the shares of open requests. Nobody
        has a privilege: no owner, no minter, no pause. The engine limits what losses may take; the share price falls
        with every loss it pays. Anyone may deposit; requests and redemptions are for the holder of the shares and whom
        the holder allowed, giving a request up for the holder alone.
"""
from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed
from ethereum.ercs import IERC4626
from snekmate.auth import ownable
from snekmate.tokens import erc20

from .interfaces import IEngine
from .interfaces import IInsuranceFund

implements: IERC4626
implements: IInsuranceFund

initializes: ownable
initializes: erc20[ownable := ownable]

# own below: balanceOf, transfer and transferFrom, which bring a holder's shares into the running series first
# left out on purpose: mint and set_minter, burn and burn_from, is_minter, owner, transfer_ownership and
# renounce_ownership; shares are made by deposits and destroyed by redemptions and by nothing else, so nobody may own
# the token or mint, and a burnt share would be a gift to the other holders
exports: (
    erc20.totalSupply,
    erc20.approve,
    erc20.allowance,
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.permit,
    erc20.nonces,
    erc20.DOMAIN_SEPARATOR,
    erc20.eip712Domain,
)

# account id of the fund
FUND: constant(uint256) = 1
WAD: constant(uint256) = 10**18
# virtual assets (quote WAD) and virtual shares
VIRTUAL: constant(uint256) = 10**12
# the engine keeps less cash than this in an account, quote WAD
CASH_LIMIT: constant(uint256) = 2**103
# most shares that are made at once: shares * (cash + claims) < 2**147 * 2**108
SHARES_MAX: constant(uint256) = 2**147
# old shares that are one of the next series, and the part of a quote below which it starts
SERIES_STEP: constant(uint256) = 10**6
# seconds in which a request may be redeemed
WINDOW: constant(uint256) = 86_400
NOTICE_MIN: constant(uint256) = 3_600
NOTICE_MAX: constant(uint256) = 60 * 86_400

# the engine whose account 1 the shares stand on
ENGINE: immutable(IEngine)
# the quote token
TOKEN: immutable(IERC20)
# quote WAD in a unit of the token
SCALE: immutable(uint256)


# seconds from a request to its window
NOTICE: immutable(uint256)

# how many series were started; the first is 0
series: public(uint256)
# the series that a holder's balance is counted in
counted_in: HashMap[address, uint256]
# open requests by holder: shares 160 | window opens at 40 << 160 | the series they are counted in << 200
requests: HashMap[address, uint256]


# @notice The fund's account and the shares on it, read once a call.
struct Worth:
    # quote WAD: cash and claims
    full: uint256
    # quote WAD: cash less all shortfall, zero at least
    free: uint256
    # quote WAD
    cash: uint256
    # shares
    supply: uint256
    # series that a deposit starts; the supply is in the last of them
    begun: uint256


@deploy
def __init__(engine_: address, name_: String[25], symbol_: String[5], notice_: uint256):
    """
    @notice Afterwards the engine's owner names this contract as its fund; until then a deposit reverts.
    @param engine_ The engine; its token has to say its decimals, 2 to 18.
    @param name_ Name of the shares.
    @param symbol_ Symbol of the shares.
    @param notice_ Seconds from a request to its window, an hour to 60 days.
    """
    ENGINE = IEngine(engine_)
    token: address = (staticcall ENGINE.addresses())[0]
    decimals: uint8 = staticcall IERC20Detailed(token).decimals()
    assert decimals >= 2 and decimals <= 18, "fund: decimals not 2 to 18"
    assert notice_ >= NOTICE_MIN and notice_ <= NOTICE_MAX, "fund: notice not 1 h to 60 days"
    TOKEN = IERC20(token)
    SCALE = 10**convert(18 - decimals, uint256)
    NOTICE = notice_
    ownable.__init__()
    erc20.__init__(name_, symbol_, 18, name_, "1")
    # the modules make the deployer owner and minter; neither has a function here, and neither stays
    erc20.is_minter[msg.sender] = False
    log erc20.RoleMinterChanged(minter=msg.sender, status=False)
    ownable._transfer_ownership(empty(address))


# --------------------------------------------------------------------- views


@external
@view
def engine() -> address:
    """
    @notice The engine whose account 1 the shares stand on.
    @return Its address.
    """
    return ENGINE.address


@external
@view
def asset() -> address:
    """
    @notice The quote token.
    @return Its address.
    """
    return TOKEN.address


@external
@view
def notice() -> uint256:
    """
    @notice How long a request waits for its window of a day.
    @return Seconds.
    """
    return NOTICE


@external
@view
def redeem_request(owner: address) -> (uint256, uint256, uint256):
    """
    @notice The open request of a holder; an expired one is told until it is given up or replaced.
    @param owner The holder.
    @return Shares that are locked for it, zero without a request.
    @return Time at which they become claimable.
    @return Time from which they are no longer.
    """
    shares: uint256 = 0
    opens: uint256 = 0
    shares, opens = self._request(owner)
    if shares == 0:
        return 0, 0, 0
    return shares, opens, opens + WINDOW


@external
@view
def balanceOf(owner: address) -> uint256:
    """
    @notice Shares of a holder; those locked for requests are this contract's.
    @param owner The holder.
    @return Shares of the running series.
    """
    return self._in_series(erc20.balanceOf[owner], self.counted_in[owner])


@external
@view
def totalAssets() -> uint256:
    """
    @notice The fund's cash; claims and shortfall are left out.
    @return Token units, rounded down.
    """
    return self._worth().cash // SCALE


@external
@view
def share_prices() -> (uint256, uint256):
    """
    @notice What 1e18 shares cost and bring now. While a deposit would start a series, the first is for shares of
            that one.
    @return Quote WAD that a deposit pays, rounded up.
    @return Quote WAD that a redemption gets, rounded down.
    """
    w: Worth = self._worth()
    cost: uint256 = self._wad_in(self._for_entry(w), WAD)
    return cost, WAD * (w.free + VIRTUAL) // (w.supply + VIRTUAL)


@external
@view
def convertToShares(assets: uint256) -> uint256:
    """
    @notice Shares that assets are worth in a deposit.
    @param assets Token units.
    @return Shares, rounded down.
    """
    return self._shares_out(self._for_entry(self._worth()), assets)


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    """
    @notice Assets that shares are worth in a redemption.
    @param shares Shares.
    @return Token units, rounded down; never more than the fund's cash less all shortfall.
    """
    return self._assets_out(self._worth(), shares)


@external
@view
def maxDeposit(owner: address) -> uint256:
    """
    @notice Most that a deposit may bring: the engine bounds an account's cash. A shortfall does not lower it, but a
            part of what is brought then pays for it: compare the two prices.
    @param owner Whoever gets the shares; nobody is limited. Zero for the zero address.
    @return Token units; zero while the engine has another fund.
    """
    if owner == empty(address):
        return 0
    return self._room(self._worth())


@external
@view
def previewDeposit(assets: uint256) -> uint256:
    """
    @notice Shares that a deposit would make now.
    @param assets Token units.
    @return Shares, rounded down.
    """
    return self._shares_out(self._for_entry(self._worth()), assets)


@external
@view
def maxMint(owner: address) -> uint256:
    """
    @notice Most shares that may be made at once: those of the largest deposit.
    @param owner Whoever gets the shares; nobody is limited. Zero for the zero address.
    @return Shares.
    """
    if owner == empty(address):
        return 0
    w: Worth = self._for_entry(self._worth())
    return self._shares_out(w, self._room(w))


@external
@view
def previewMint(shares: uint256) -> uint256:
    """
    @notice Assets that shares would cost now.
    @param shares Shares.
    @return Token units, rounded up.
    """
    return self._assets_in(self._for_entry(self._worth()), shares)


@external
@view
def maxWithdraw(owner: address) -> uint256:
    """
    @notice Most that an owner could withdraw now: what the request is worth while its window is open.
    @param owner The holder of shares.
    @return Token units; zero outside the window and while the shortfall reaches the cash.
    """
    return self._assets_out(self._worth(), self._claimable(owner))


@external
@view
def previewWithdraw(assets: uint256) -> uint256:
    """
    @notice Shares that a withdrawal would burn now, whatever the fund has.
    @param assets Token units.
    @return Shares, rounded up.
    """
    return self._shares_in(self._worth(), assets)


@external
@view
def maxRedeem(owner: address) -> uint256:
    """
    @notice Most shares that an owner could redeem now: those of the request while its window is open.
    @param owner The holder of shares.
    @return Shares; zero outside the window and when they are worth less than a unit of the token.
    """
    shares: uint256 = self._claimable(owner)
    if self._assets_out(self._worth(), shares) == 0:
        return 0
    return shares


@external
@view
def previewRedeem(shares: uint256) -> uint256:
    """
    @notice Assets that a redemption would pay now.
    @param shares Shares.
    @return Token units, rounded down.
    """
    return self._assets_out(self._worth(), shares)


# ------------------------------------------------------------------ in and out


@external
def deposit(assets: uint256, receiver: address) -> uint256:
    """
    @notice Put assets into the fund's account; the caller has approved this contract. Starts a new series when a share
            is worth less than a millionth.
    @param assets Token units, taken from the caller.
    @param receiver Who gets the shares.
    @return Shares made, rounded down.
    """
    # also what keeps the product in _shares_out from overflowing
    assert assets <= CASH_LIMIT // SCALE, "fund: above maximum"
    w: Worth = self._for_entry(self._worth())
    shares: uint256 = self._shares_out(w, assets)
    self._enter(w, assets, shares, receiver)
    return shares


@external
def mint(shares: uint256, receiver: address) -> uint256:
    """
    @notice Put as much into the fund's account as an amount of shares costs; the caller has approved this contract.
    @param shares Shares to make, of the series that the call may start.
    @param receiver Who gets them.
    @return Token units taken from the caller, rounded up.
    """
    # also what keeps the product in _wad_in from overflowing
    assert shares <= SHARES_MAX, "fund: above maximum"
    w: Worth = self._for_entry(self._worth())
    assets: uint256 = self._assets_in(w, shares)
    self._enter(w, assets, shares, receiver)
    return assets


@external
def request_redeem(shares: uint256, owner: address) -> uint256:
    """
    @notice Ask to redeem shares: they are locked in this contract, bear every loss and gain until they are paid, and
            may be redeemed in the day after the notice. One request a holder: an open one is refused here, so that
            nobody who was allowed some shares can set the notice of the others back; an expired one is given back.
    @param shares Shares.
    @param owner Whose shares: the caller's, or of somebody who allowed it.
    @return Time at which the window opens.
    """
    assert shares != 0, "fund: shares are zero"
    if msg.sender != owner:
        erc20._spend_allowance(owner, msg.sender, shares)
    locked: uint256 = 0
    opens: uint256 = 0
    locked, opens = self._request(owner)
    if locked != 0:
        assert block.timestamp >= opens + WINDOW, "fund: request is open"
        self._give_back(owner, locked)
    opens = block.timestamp + NOTICE
    self._move(owner, self, shares)
    self._set_request(owner, shares, opens)
    log IInsuranceFund.RedeemRequested(
        owner=owner, sender=msg.sender, shares=shares, opens_at=opens
    )
    return opens


@external
def cancel_request() -> uint256:
    """
    @notice Give the caller's request up, before, in or after its window; the shares come back.
    @return Shares.
    """
    shares: uint256 = self._request(msg.sender)[0]
    assert shares != 0, "fund: no request"
    self._give_back(msg.sender, shares)
    return shares


@external
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Take assets out of the fund's account for shares of an open request; the engine sends them.
    @param assets Token units.
    @param receiver Who gets them.
    @param owner Whose request it is: the caller's, or of somebody who allowed it.
    @return Shares burnt, rounded up.
    """
    locked: uint256 = self._check_window(owner)
    w: Worth = self._worth()
    # also what keeps the product in _shares_in from overflowing
    assert assets <= w.free // SCALE, "fund: above free cash"
    shares: uint256 = self._shares_in(w, assets)
    assert shares <= locked, "fund: above request"
    self._leave(assets, shares, receiver, owner, locked)
    return shares


@external
def redeem(shares: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Burn shares of an open request for assets from the fund's account; the engine sends them.
    @param shares Shares; what is left of the request stays open.
    @param receiver Who gets the assets.
    @param owner Whose request it is: the caller's, or of somebody who allowed it.
    @return Token units paid, rounded down.
    """
    locked: uint256 = self._check_window(owner)
    # also what keeps the product in _assets_out from overflowing
    assert shares <= locked, "fund: above request"
    assets: uint256 = self._assets_out(self._worth(), shares)
    self._leave(assets, shares, receiver, owner, locked)
    return assets


# --------------------------------------------------------------------- shares


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Give shares to somebody. Locked ones are not the holder's to give.
    @param to Who gets them.
    @param amount Shares.
    @return True; it reverts otherwise.
    """
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Give somebody's shares to somebody, as far as the caller was allowed to.
    @param owner Whose shares.
    @param to Who gets them.
    @param amount Shares.
    @return True; it reverts otherwise.
    """
    erc20._spend_allowance(owner, msg.sender, amount)
    self._move(owner, to, amount)
    return True


# ------------------------------------------------------------------- internal


@internal
@view
def _worth() -> Worth:
    cash: uint256 = 0
    claims: uint256 = 0
    shortfall: uint256 = 0
    cash, claims, shortfall = staticcall ENGINE.fund_state()
    return Worth(
        full=cash + claims,
        free=cash - min(cash, shortfall),
        cash=cash,
        supply=erc20.totalSupply,
        begun=0,
    )


@internal
@view
def _for_entry(worth: Worth) -> Worth:
    """
    @notice The worth as new money finds it: a series starts while a share is worth less than a millionth. After every
            deposit supply + VIRTUAL <= 1e6 * (full + VIRTUAL) < 2**128 therefore, and five are always enough.
    """
    w: Worth = worth
    for _: uint256 in range(5):
        if (w.full + VIRTUAL) * SERIES_STEP >= w.supply + VIRTUAL:
            break
        # rounds down, and so does every holder's part: their sum stays within the supply
        w.supply //= SERIES_STEP
        w.begun += 1
    return w


@internal
@view
def _in_series(shares: uint256, counted_in: uint256) -> uint256:
    """
    @notice Shares of an older series in the running one, rounded down.
    """
    behind: uint256 = self.series - counted_in
    if behind == 0:
        return shares
    # no balance reaches 1e48
    if behind >= 8:
        return 0
    return shares // SERIES_STEP**behind


@internal
def _count(holder: address):
    """
    @notice Bring a holder's balance into the running series; the event keeps an indexer's sum of transfers right.
    """
    old: uint256 = erc20.balanceOf[holder]
    shares: uint256 = self._in_series(old, self.counted_in[holder])
    if shares != old:
        erc20.balanceOf[holder] = shares
        log IERC20.Transfer(sender=holder, receiver=empty(address), value=old - shares)
    if self.counted_in[holder] != self.series:
        self.counted_in[holder] = self.series


@internal
def _move(owner: address, to: address, shares: uint256):
    self._count(owner)
    self._count(to)
    erc20._transfer(owner, to, shares)


@internal
@view
def _request(owner: address) -> (uint256, uint256):
    """
    @notice Shares of the holder's request in the running series, and when its window opens.
    """
    word: uint256 = self.requests[owner]
    return self._in_series(word & (2**160 - 1), word >> 200), (word >> 160) & (2**40 - 1)


@internal
def _set_request(owner: address, shares: uint256, opens: uint256):
    # shares < 2**147, a time < 2**40
    word: uint256 = 0
    if shares != 0:
        word = shares | opens << 160 | self.series << 200
    self.requests[owner] = word


@internal
def _give_back(owner: address, shares: uint256):
    self._set_request(owner, 0, 0)
    self._move(self, owner, shares)
    log IInsuranceFund.RequestCancelled(owner=owner, shares=shares)


@internal
@view
def _claimable(owner: address) -> uint256:
    """
    @notice Shares that the holder may redeem now.
    """
    shares: uint256 = 0
    opens: uint256 = 0
    shares, opens = self._request(owner)
    if block.timestamp < opens or block.timestamp >= opens + WINDOW:
        return 0
    return shares


@internal
@view
def _check_window(owner: address) -> uint256:
    """
    @notice The same, with the reason when there are none.
    """
    shares: uint256 = 0
    opens: uint256 = 0
    shares, opens = self._request(owner)
    assert shares != 0, "fund: no request"
    assert block.timestamp >= opens, "fund: notice is running"
    assert block.timestamp < opens + WINDOW, "fund: window closed, ask again"
    return shares


@internal
@view
def _shares_out(w: Worth, assets: uint256) -> uint256:
    # rounds down: the depositor gets less
    return assets * SCALE * (w.supply + VIRTUAL) // (w.full + VIRTUAL)


@internal
@view
def _wad_in(w: Worth, shares: uint256) -> uint256:
    # rounds up: the depositor pays more
    return self._ceil_div(shares * (w.full + VIRTUAL), w.supply + VIRTUAL)


@internal
@view
def _assets_in(w: Worth, shares: uint256) -> uint256:
    # rounds up twice
    return self._ceil_div(self._wad_in(w, shares), SCALE)


@internal
@view
def _shares_in(w: Worth, assets: uint256) -> uint256:
    # rounds up: the holder burns more
    return self._ceil_div(assets * SCALE * (w.supply + VIRTUAL), w.free + VIRTUAL)


@internal
@view
def _assets_out(w: Worth, shares: uint256) -> uint256:
    # rounds down twice; a price below one could ask for more than there is, by the virtual assets
    return min(shares * (w.free + VIRTUAL) // (w.supply + VIRTUAL), w.free) // SCALE


@internal
@pure
def _ceil_div(n: uint256, d: uint256) -> uint256:
    # rounds up; d > 0
    return n // d + convert(n % d != 0, uint256)


@internal
@view
def _room(w: Worth) -> uint256:
    """
    @notice Token units that may come in at once.
    """
    if (staticcall ENGINE.addresses())[3] != self:
        return 0
    # rounds down
    return (CASH_LIMIT - 1 - w.cash) // SCALE


@internal
def _enter(w: Worth, assets: uint256, shares: uint256, receiver: address):
    """
    @notice Take the caller's tokens, pass them on to the engine, make the shares.
    """
    assert assets != 0, "fund: assets are zero"
    assert shares != 0, "fund: shares are zero"
    if w.begun != 0:
        self.series += w.begun
        erc20.totalSupply = w.supply
        log IInsuranceFund.SeriesStarted(series=self.series, supply=w.supply)
    # balances are read only to see what a transfer moved, never for a price
    held: uint256 = staticcall TOKEN.balanceOf(self)
    assert extcall TOKEN.transferFrom(
        msg.sender, self, assets, default_return_value=True
    ), "fund: transfer failed"
    assert staticcall TOKEN.balanceOf(self) == held + assets, "fund: token takes a fee"
    assert extcall TOKEN.approve(
        ENGINE.address, assets, default_return_value=True
    ), "fund: approve failed"
    held = staticcall TOKEN.balanceOf(ENGINE.address)
    extcall ENGINE.deposit(FUND, assets)
    assert (staticcall TOKEN.balanceOf(ENGINE.address) == held + assets), "fund: token takes a fee"
    self._count(receiver)
    erc20._mint(receiver, shares)
    log IERC4626.Deposit(sender=msg.sender, owner=receiver, assets=assets, shares=shares)


@internal
def _leave(assets: uint256, shares: uint256, receiver: address, owner: address, locked: uint256):
    """
    @notice Burn shares of the `locked` ones, then let the engine send the tokens.
    """
    assert assets != 0, "fund: assets are zero"
    assert shares != 0, "fund: shares are zero"
    if msg.sender != owner:
        erc20._spend_allowance(owner, msg.sender, shares)
    # after _check_window the window is that of the word
    self._set_request(owner, locked - shares, self._request(owner)[1])
    self._count(self)
    erc20._burn(self, shares)
    extcall ENGINE.withdraw(FUND, assets, receiver)
    log IERC4626.Withdraw(
        sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=shares
    )
