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
        When the fund is wiped out (cash and claims are zero) the shares stay and are worth nothing; what fees bring
        in afterwards is theirs. A new deposit is priced at the virtual 1e-6 quote for all old shares together, so
        that the newcomers get practically all of the fund and the old shares keep at most 1e-6 quote of the new
        money. Nothing can be redeemed while the shortfall reaches the cash; whoever deposits meanwhile pays shortfall
        with new money. A deposit after a wipe-out multiplies the supply; no share is made above `SUPPLY_MAX`.
@custom:security Holds the right to withdraw the fund's account, and no tokens: what is sent here unasked is lost and
        changes no price, because the price comes from the engine's books. Nobody has a privilege: no owner, no minter,
        no pause. The engine limits what losses may take; the share price falls with every loss it pays. Anyone may
        deposit; redeeming is for the holder of the shares and whom the holder allowed.
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

# left out on purpose: mint and set_minter, burn and burn_from, is_minter, owner, transfer_ownership and
# renounce_ownership; shares are made by deposits and destroyed by redemptions and by nothing else, so nobody may own
# the token or mint, and a burnt share would be a gift to the other holders
exports: (
    erc20.totalSupply,
    erc20.balanceOf,
    erc20.transfer,
    erc20.transferFrom,
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
# most shares there may be: supply * (cash + claims) < 2**147 * 2**108
SUPPLY_MAX: constant(uint256) = 2**147

# the engine whose account 1 the shares stand on
ENGINE: immutable(IEngine)
# the quote token
TOKEN: immutable(IERC20)
# quote WAD in a unit of the token
SCALE: immutable(uint256)


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


@deploy
def __init__(engine_: address, name_: String[25], symbol_: String[5]):
    """
    @notice Afterwards the engine's owner names this contract as its fund; until then a deposit reverts.
    @param engine_ The engine; its token has to say its decimals, 2 to 18.
    @param name_ Name of the shares.
    @param symbol_ Symbol of the shares.
    """
    ENGINE = IEngine(engine_)
    token: address = (staticcall ENGINE.addresses())[0]
    decimals: uint8 = staticcall IERC20Detailed(token).decimals()
    assert decimals >= 2 and decimals <= 18, "fund: decimals not 2 to 18"
    TOKEN = IERC20(token)
    SCALE = 10**convert(18 - decimals, uint256)
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
    @notice What 1e18 shares cost and bring now.
    @return Quote WAD that a deposit pays, rounded up.
    @return Quote WAD that a redemption gets, rounded down.
    """
    w: Worth = self._worth()
    return self._wad_in(w, WAD), WAD * (w.free + VIRTUAL) // (w.supply + VIRTUAL)


@external
@view
def convertToShares(assets: uint256) -> uint256:
    """
    @notice Shares that assets are worth in a deposit.
    @param assets Token units.
    @return Shares, rounded down.
    """
    return self._shares_out(self._worth(), assets)


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
    @notice Most that a deposit may bring: the engine bounds an account's cash, this contract the supply.
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
    return self._shares_out(self._worth(), assets)


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
    w: Worth = self._worth()
    return self._shares_out(w, self._room(w))


@external
@view
def previewMint(shares: uint256) -> uint256:
    """
    @notice Assets that shares would cost now.
    @param shares Shares.
    @return Token units, rounded up.
    """
    return self._assets_in(self._worth(), shares)


@external
@view
def maxWithdraw(owner: address) -> uint256:
    """
    @notice Most that an owner could withdraw now.
    @param owner The holder of shares.
    @return Token units; zero while the shortfall reaches the cash.
    """
    return self._assets_out(self._worth(), erc20.balanceOf[owner])


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
    @notice Most shares that an owner could redeem now.
    @param owner The holder of shares.
    @return All the owner has; zero when they are worth less than a unit of the token.
    """
    shares: uint256 = erc20.balanceOf[owner]
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
    @notice Put assets into the fund's account; the caller has approved this contract.
    @param assets Token units, taken from the caller.
    @param receiver Who gets the shares.
    @return Shares made, rounded down.
    """
    # also what keeps the product in _shares_out from overflowing
    assert assets <= CASH_LIMIT // SCALE, "fund: above maximum"
    w: Worth = self._worth()
    shares: uint256 = self._shares_out(w, assets)
    self._enter(w, assets, shares, receiver)
    return shares


@external
def mint(shares: uint256, receiver: address) -> uint256:
    """
    @notice Put as much into the fund's account as an amount of shares costs; the caller has approved this contract.
    @param shares Shares to make.
    @param receiver Who gets them.
    @return Token units taken from the caller, rounded up.
    """
    w: Worth = self._worth()
    # also what keeps the product in _wad_in from overflowing
    assert shares <= SUPPLY_MAX, "fund: above maximum"
    assets: uint256 = self._assets_in(w, shares)
    self._enter(w, assets, shares, receiver)
    return assets


@external
def withdraw(assets: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Take assets out of the fund's account; the engine sends them.
    @param assets Token units.
    @param receiver Who gets them.
    @param owner Whose shares are burnt: the caller's, or of somebody who allowed it.
    @return Shares burnt, rounded up.
    """
    w: Worth = self._worth()
    assert assets <= w.free // SCALE, "fund: above free cash"
    shares: uint256 = self._shares_in(w, assets)
    self._leave(assets, shares, receiver, owner)
    return shares


@external
def redeem(shares: uint256, receiver: address, owner: address) -> uint256:
    """
    @notice Burn shares for assets from the fund's account; the engine sends them.
    @param shares Shares.
    @param receiver Who gets the assets.
    @param owner Whose shares are burnt: the caller's, or of somebody who allowed it.
    @return Token units paid, rounded down.
    """
    # also what keeps the product in _assets_out from overflowing
    assert shares <= erc20.balanceOf[owner], "fund: above balance"
    assets: uint256 = self._assets_out(self._worth(), shares)
    self._leave(assets, shares, receiver, owner)
    return assets


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
    )


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
@pure
def _is_worn_out(w: Worth) -> bool:
    """
    @notice Whether a share is worth less than a millionth: new money would multiply the supply beyond all bounds. The
            engine's owner then names a new fund contract, or fees bring the worth back.
    """
    return (w.full + VIRTUAL) * 10**6 < w.supply + VIRTUAL


@internal
@view
def _room(w: Worth) -> uint256:
    """
    @notice Token units that may come in at once.
    """
    if (staticcall ENGINE.addresses())[3] != self:
        return 0
    if self._is_worn_out(w):
        return 0
    # all rounded down; supply <= SUPPLY_MAX and full < 2**108
    by_supply: uint256 = (SUPPLY_MAX - w.supply) * (w.full + VIRTUAL) // (w.supply + VIRTUAL)
    return min(CASH_LIMIT - 1 - w.cash, by_supply) // SCALE


@internal
def _enter(w: Worth, assets: uint256, shares: uint256, receiver: address):
    """
    @notice Take the caller's tokens, pass them on to the engine, make the shares.
    """
    assert assets != 0, "fund: assets are zero"
    assert shares != 0, "fund: shares are zero"
    assert not self._is_worn_out(w), "fund: worth below a millionth"
    assert shares <= SUPPLY_MAX - w.supply, "fund: above maximum"
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
    erc20._mint(receiver, shares)
    log IERC4626.Deposit(sender=msg.sender, owner=receiver, assets=assets, shares=shares)


@internal
def _leave(assets: uint256, shares: uint256, receiver: address, owner: address):
    """
    @notice Burn the shares, then let the engine send the tokens.
    """
    assert assets != 0, "fund: assets are zero"
    assert shares != 0, "fund: shares are zero"
    if msg.sender != owner:
        erc20._spend_allowance(owner, msg.sender, shares)
    erc20._burn(owner, shares)
    extcall ENGINE.withdraw(FUND, assets, receiver)
    log IERC4626.Withdraw(
        sender=msg.sender, receiver=receiver, owner=owner, assets=assets, shares=shares
    )
