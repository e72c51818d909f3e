"""What to do: pure functions from what the keeper sees to an ordered list of actions with reasons.

The order of things follows the waterfall: bankrupt accounts are resolved first, losing legs before
winning ones; then accounts below their maintenance margin are called, and taken over once that is
due, worst first; then losers are settled before winners, because the losers' cash is what the
winners are paid from. Before all that the markets are tended: a mark that has left its width is
synchronised, so that new risk waits for two blocks and not for somebody to notice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction

from plimsoll.keeper.slices import (
    Case,
    in_band,
    is_worse_than_takeover,
    maker_capacity,
    own_capacity,
)
from plimsoll.keeper.types import (
    DISCOUNT_UNIT,
    FUND,
    RATE_UNIT,
    Action,
    Holding,
    Kind,
    Left,
    Leg,
    MarketView,
    Plan,
    Pledge,
    Policy,
    Quote,
    Row,
    Sale,
    World,
)
from plimsoll.orders.book import Offer
from plimsoll.reference.numbers import DAY, PSI, SALE, WAD, ceil_div, sgn

Tried = Collection[tuple[object, ...]]

#: of claims less than one part in so many matures within ten minutes (LED-4)
_MATURING = 8


def quote_text(amount: int) -> str:
    """An amount in WAD for people, with two decimals."""
    sign = "-" if amount < 0 else ""
    cents = abs(amount) * 100 // WAD
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def trouble(rows: Iterable[Row]) -> list[Row]:
    """The accounts that need liquidation, worst first: bankrupt ones, then by E/MM ascending."""
    found = [row for row in rows if row.equity < row.maintenance or row.is_bankrupt]
    return sorted((row for row in found if row.is_bankrupt or row.is_liquidatable), key=_rank)


def _rank(row: Row) -> tuple[int, Fraction, int]:
    if row.is_bankrupt:
        return (0, Fraction(row.equity), row.account)
    return (1, Fraction(row.equity, row.maintenance), row.account)


# ---- bankrupt ------------------------------------------------------------------------------------


def plan_bankrupt(subject: Holding, policy: Policy, tried: Tried = ()) -> Plan:
    """Resolve every leg with arrears or a position, losers before winners (LIQ-4).

    The engine settles the account at the start of each resolve, so that a settlement of its own is
    planned only when no leg can be resolved.
    """
    row = subject.row
    legs = [leg for leg in subject.legs.values() if leg.size or leg.pnl < 0]
    legs.sort(key=lambda leg: (leg.pnl, leg.market))
    dead = [leg.market for leg in legs if not leg.is_payable]
    actions = []
    for leg in legs:
        owed = f"owes {quote_text(-leg.pnl)}" if leg.pnl < 0 else "closes its position"
        action = _resolve(row, leg, f"bankrupt, E {quote_text(row.equity)}; {owed}")
        if leg.is_payable and action.key not in tried:
            actions.append(action)
    if actions:
        return Plan(actions)
    why = f"market {_markets(dead)} has no fresh price" if dead else "every resolve was refused"
    left = Left(row.account, f"bankrupt, E {quote_text(row.equity)}: {why}")
    settle = Action(Kind.SETTLE, row.account, "bankrupt and not resolvable: pays what cash it has")
    can_pay = dead and row.cash > 0 and row.arrears > 0 and row.held != row.blind
    return Plan([settle] if can_pay and settle.key not in tried else [], [left])


def _resolve(row: Row, leg: Leg, reason: str) -> Action:
    return Action(
        Kind.RESOLVE,
        row.account,
        f"{reason} in market {leg.market}",
        market=leg.market,
        size=abs(leg.size),
        price=leg.price,
    )


# ---- collateral ----------------------------------------------------------------------------------


def plan_sale(row: Row, sale: Sale, now: int, tried: Tried = ()) -> Plan:
    """Open the sale of what an account has pledged; seize from a bankrupt one what nobody bought in
    ten minutes (LIQ-7). A resolve has to wait for that.
    """
    below = f"E {quote_text(row.equity)} of MM {quote_text(row.maintenance)}"
    actions = []
    if row.is_bankrupt and sale.is_over(now):
        reason = f"bankrupt, E {quote_text(row.equity)}; nobody bought it"
        for pledge in sale.pledges:
            actions.append(_collateral(Kind.SEIZE, row.account, pledge, pledge.amount, reason))
    if row.is_for_sale(now) and not sale.runs(now):
        reason = f"{below}; its collateral is for sale"
        actions.insert(0, Action(Kind.OPEN_SALE, row.account, reason))
    actions = [action for action in actions if action.key not in tried]
    if actions or not row.is_bankrupt:
        return Plan(actions)
    wait = "its collateral could not be seized"
    if sale.runs(now) and not sale.is_over(now):
        wait = f"its collateral is for sale for {sale.opened + SALE - now} s more"
    return Plan([], [Left(row.account, f"bankrupt, E {quote_text(row.equity)}: {wait}")])


def plan_purchases(
    row: Row,
    sale: Sale,
    budget: int,
    scale: int,
    policy: Policy,
    tried: Tried = (),
    *,
    settled: bool = False,
) -> Plan:
    """Buy what is for sale, the deepest discount first, as far as the budget and the need reach.

    `budget` is in quote token units, `scale` quote WAD per unit. The cost falls with time, so that
    what is bought later than decided costs the limit at most. The need falls as well, while claims
    mature and are paid: an account with claims is settled first, unless that was done (`settled`)
    within `settle_every`, and as much as can have matured since is left out.
    """
    if budget <= 0 or sale.need == 0:
        return Plan()
    usable = [pledge for pledge in sale.pledges if pledge.is_priced and pledge.price]
    usable.sort(key=lambda pledge: (-pledge.haircut, pledge.token))
    settle = Action(Kind.SETTLE, row.account, "its claims are paid before it has to sell")
    need = sale.need
    if row.account != FUND and row.claims > 0 and row.held != row.blind:
        if not settled and settle.key not in tried:
            return Plan([settle] if any(_deep(p, sale, policy) for p in usable) else [])
        need = max(0, need - row.claims // _MATURING)
    for pledge in usable:
        if not _deep(pledge, sale, policy):
            continue
        rate = pledge.rate(sale.share)
        # the engine's own bounds: the need may be passed by less than a unit, the cost rounds up
        most = (need * RATE_UNIT - 1) // rate + 1
        units = min(pledge.amount, most, budget * scale * RATE_UNIT // rate)
        if units <= 0:
            continue
        cost = ceil_div(ceil_div(units * rate, RATE_UNIT), scale)
        if cost * scale < policy.minimum_slice and units < pledge.amount:
            continue
        off = pledge.haircut * sale.share * 10**4 // DISCOUNT_UNIT
        reason = (
            f"{quote_text(units * pledge.scale)} {pledge.name or 'tokens'} for "
            f"{quote_text(cost * scale)}, {off / 100:.2f} % below the price"
        )
        action = _collateral(Kind.BUY, row.account, pledge, units, reason, limit=cost)
        if action.key not in tried:
            return Plan([action])
    return Plan()


def _deep(pledge: Pledge, sale: Sale, policy: Policy) -> bool:
    return pledge.haircut * sale.share >= policy.min_discount * WAD


def _collateral(
    kind: Kind, account: int, pledge: Pledge, units: int, reason: str, *, limit: int = 0
) -> Action:
    return Action(
        kind,
        account,
        reason,
        size=units * pledge.scale,
        price=pledge.price,
        token=pledge.token,
        units=units,
        limit=limit,
    )


def plan_arrears(
    rows: Iterable[Row], tried_at: Mapping[int, int], now: int, policy: Policy
) -> Plan:
    """Note arrears that an account's cash does not pay, and clear what was noted a day ago.

    Not of bankrupt accounts, which are resolved; `tried_at` is when one was last tried.
    """
    actions = []
    for row in rows:
        if row.is_bankrupt or row.locked or row.account in tried_at or row.held == row.blind:
            continue
        owed = f"owes {quote_text(row.arrears)}, cash {quote_text(row.cash)}"
        # a note of two days ago is void
        stands = row.since > 0 and now <= row.since + 2 * DAY
        if not stands and row.unpaid > 0 and row.unpaid >= policy.settle_above:
            actions.append(Action(Kind.NOTE, row.account, owed))
        elif stands and row.since <= now - DAY and row.claims > 0:
            actions.append(Action(Kind.CLEAR, row.account, f"{owed}, noted a day ago"))
    return Plan(actions)


# ---- below maintenance margin --------------------------------------------------------------------


def plan_call(row: Row, now: int, tried: Tried = ()) -> Plan | None:
    """Call an account that may not be taken over yet, or wait for its deadline (LIQ-1).

    None when a takeover is due.
    """
    if row.is_due(now):
        return None
    below = f"E {quote_text(row.equity)} of MM {quote_text(row.maintenance)}"
    if row.is_called(now):
        wait = f"{below}: called, {row.deadline - now} s of its cure window are left"
        return Plan([], [Left(row.account, wait)])
    call = Action(Kind.CALL, row.account, below)
    if call.key in tried:
        return Plan([], [Left(row.account, f"{below}: the margin call was refused")])
    return Plan([call])


def plan_liquidation(
    subject: Holding,
    quotes: Mapping[int, Quote],
    world: World,
    policy: Policy,
    tried: Tried = (),
) -> Plan:
    """Choose among signed orders and the keeper's own account for an account with 0 < E < MM.

    The legs come by how much margin their slice sets free. The plan lists all choices, the best
    first; after one is done the account is looked at afresh, because every slice changes the next.
    """
    row = subject.row
    below = f"E {quote_text(row.equity)} of MM {quote_text(row.maintenance)}"
    ranked = []
    for market, quote in quotes.items():
        leg, view = subject.legs.get(market), world.markets.get(market)
        if quote.size and leg and leg.size and leg.is_fresh and view:
            case = Case(subject, view, world.risk)
            relief = row.maintenance - case.maintenance_with(case.whole - quote.size)
            ranked.append((-relief, market, case, quote))
    actions: list[Action] = []
    reasons: list[str] = []
    for _, _, case, quote in sorted(ranked, key=lambda item: item[:2]):
        found, why = _choices(row, case, quote, below, world, policy, tried)
        actions += found
        reasons += why
    if not actions and row.is_critical:
        legs = sorted(subject.legs.values(), key=lambda leg: (leg.pnl, leg.market))
        closing = [_resolve(row, leg, f"critical, {below}; closes its position") for leg in legs]
        actions = [
            action
            for leg, action in zip(legs, closing, strict=True)
            if leg.size and leg.is_fresh and action.key not in tried
        ]
    if actions:
        return Plan(actions)
    if not ranked:
        dead = [m for m, leg in subject.legs.items() if leg.size and not leg.is_fresh]
        reasons += [f"market {_markets(dead)} has no fresh price"] if dead else []
        reasons += [
            f"market {m}: {quote.refusal or 'no slice is allowed'}" for m, quote in quotes.items()
        ]
    return Plan([], [Left(row.account, f"{below}: {'; '.join(dict.fromkeys(reasons))}")])


def _choices(
    row: Row, case: Case, quote: Quote, below: str, world: World, policy: Policy, tried: Tried
) -> tuple[list[Action], list[str]]:
    """Choices for one leg: by order and own account as the policy prefers, and why not."""
    actions: list[Action] = []
    reasons: list[str] = []
    room = None if row.equity * WAD < PSI * row.maintenance else case.market.window_room(world.now)
    left = quote.size if room is None else case.slice_at(min(quote.size, room), case.price)
    if left == 0:
        return [], [f"the window of takeovers in market {case.market.market} is used up"]
    least = min(quote.size, -(-policy.minimum_slice * WAD // case.price))
    for source in ("orders", "own") if policy.prefer == "orders" else ("own", "orders"):
        if left < least and actions:
            break
        if source == "orders":
            found, why = _by_orders(row, case, left, least, below, world, policy, tried)
        else:
            found, why = _by_own(row, case, quote, left, least, below, world, policy, tried)
        actions += found
        left -= sum(action.size for action in found)
        reasons += [why] if why else []
    return actions, reasons


def _by_orders(
    row: Row,
    case: Case,
    limit: int,
    least: int,
    below: str,
    world: World,
    policy: Policy,
    tried: Tried,
) -> tuple[list[Action], str]:
    market = case.market
    if not policy.use_orders:
        return [], ""
    usable: Sequence[Offer] = world.offers.get((market.market, case.size > 0), ())
    actions: list[Action] = []
    starved = False
    why = f"no usable order in market {market.market}"
    for offer in usable:
        if limit < least or len(actions) >= policy.orders_per_leg:
            break
        if is_worse_than_takeover(case, offer.price):
            break  # the others are worse still
        maker = world.makers.get(offer.account)
        if offer.account == row.account or maker is None or not in_band(market, offer.price):
            continue
        q = min(limit, offer.size)
        q = maker_capacity(maker, market, offer, q, world.risk)
        q = case.slice_at(q, offer.price)
        affordable = case.affordable(q, offer.price)
        if affordable < q:
            starved |= case.slip(q, offer.price)[0] > case.free
            q = case.slice_at(affordable, offer.price)
        if q < least:
            why = f"no order in market {market.market} whose maker and size reach"
            continue
        side = "buys" if offer.buys else "sells"
        action = Action(
            Kind.ORDER,
            row.account,
            f"{below}; an order {side} at {quote_text(offer.price)}, "
            f"mark {quote_text(market.price)}",
            market=market.market,
            size=q,
            price=offer.price,
            offer=offer,
        )
        if action.key not in tried:
            actions.append(action)
            limit -= q
    if starved and not actions and case.claims:
        settle = Action(
            Kind.SETTLE, row.account, f"{below}; its claims become cash that pays for a slice"
        )
        if settle.key not in tried:
            return [settle], ""
    return actions, "" if actions else why


def _by_own(
    row: Row,
    case: Case,
    quote: Quote,
    limit: int,
    least: int,
    below: str,
    world: World,
    policy: Policy,
    tried: Tried,
) -> tuple[list[Action], str]:
    if not policy.use_own:
        return [], ""
    keeper, market = world.keeper, case.market
    if row.pledged and case.free + case.claims == 0:
        return [], "it has nothing but collateral; once some is sold a takeover pays"
    if keeper is None or keeper.row.cash == 0:
        return [], "the keeper has no cash of its own in the engine"
    if keeper.row.account == row.account:
        return [], "it is the keeper's own account"
    change = sgn(case.size) * limit
    q = own_capacity(keeper, market, change, world.risk, policy.headroom)
    if q < limit:
        q = case.slice_at(q, case.price)
    if q < least:
        return [], f"the keeper's margin does not reach in market {market.market}"
    part = "the largest slice" if q == quote.size else "a slice"
    if q == quote.size < case.whole:
        # a little less than the most, so that a wei somebody pays in meanwhile does not refuse it
        q -= q // 1_000
    action = Action(
        Kind.TAKEOVER,
        row.account,
        f"{below}; {part} at {quote_text(case.price)} pays {quote_text(case.penalty(q) // 2)}",
        market=market.market,
        size=q,
        price=case.price,
    )
    if action.key in tried:
        return [], f"the takeover in market {market.market} was refused"
    return [action], ""


# ---- settlement and chores -----------------------------------------------------------------------


def to_settle(
    rows: Iterable[Row], settled_at: Mapping[int, int], now: int, policy: Policy
) -> list[Row]:
    """The accounts whose arrears or claims are worth a settlement; asks for nothing but rows."""
    if not policy.settle:
        return []
    found = []
    for row in rows:
        worth = max(row.arrears if row.cash or row.claims else 0, row.claims)
        if worth < policy.settle_above or worth * 10**4 < policy.settle_share * row.cash:
            continue
        if row.held == row.blind or row.is_bankrupt:
            continue
        last = settled_at.get(row.account)
        every = policy.settle_every if row.arrears >= row.claims else policy.pay_every
        if last is None or now - last >= every:
            found.append(row)
    return found


def plan_settlement(rows: Iterable[Row], markets: Mapping[int, MarketView]) -> Plan:
    """Settle losers first, the largest arrears first; then winners, the largest claims first.

    A winner is left alone while no market it holds has cash, unless a loser is settled before it.
    """
    losers: list[Row] = []
    winners: list[Row] = []
    for row in rows:
        (losers if row.arrears >= row.claims else winners).append(row)
    losers.sort(key=lambda row: (-row.arrears, row.account))
    winners.sort(key=lambda row: (-row.claims, row.account))
    coming = 0
    actions = []
    for row in losers:
        coming |= row.held
        reason = f"owes {quote_text(row.arrears)}"
        actions.append(Action(Kind.SETTLE, row.account, reason))
    for row in winners:
        funded = sum(1 << m for m, view in markets.items() if view.cash > 0) | coming
        if row.held & ~row.blind & funded:
            reason = f"is owed {quote_text(row.claims)}"
            actions.append(Action(Kind.SETTLE, row.account, reason))
    return Plan(actions)


def plan_reclaims(rows: Iterable[Row], tried_at: Mapping[int, int], policy: Policy) -> Plan:
    """Take what has appeared in locked accounts, and free those that owe nothing more (LIQ-4)."""
    actions = []
    for row in rows:
        is_free = row.debt == 0 or not (row.gross or row.arrears)
        if row.locked and row.account not in tried_at and (row.equity > 0 or is_free):
            reason = f"locked, owes {quote_text(row.debt)}, E {quote_text(row.equity)}"
            actions.append(Action(Kind.RECLAIM, row.account, reason))
    return Plan(actions)


def plan_upkeep(
    markets: Mapping[int, MarketView], now: int, policy: Policy, *, urgent: bool = False
) -> Plan:
    """Synchronise marks that have left their width, pay funding, thaw what has been frozen a day.

    `urgent`: accounts wait to be taken over, which pays the funding first; all of it is paid now,
    so that they are judged as they will be then.
    """
    actions = []
    for market, view in sorted(markets.items()):
        if view.extra and 0 < view.extra.frozen_until <= now:
            actions.append(Action(Kind.THAW, 0, "frozen for a day", market=market))
        if not view.is_fresh:
            continue
        if view.is_out_of_sync():
            reason = f"the mark has moved to {quote_text(view.price)}"
            actions.append(Action(Kind.SYNC, 0, reason, market=market))
        due = view.funding_due(now)
        if due and (urgent or due >= policy.settle_above):
            reason = f"funding of {quote_text(due)} is due"
            actions.append(Action(Kind.ACCRUE, 0, reason, market=market))
    return Plan(actions)


def plan_observations(
    markets: Mapping[int, MarketView],
    observed: Mapping[int, tuple[int, bool]],
    now: int,
    policy: Policy,
) -> Plan:
    """Observe the prices that sigma follows; the others daily, so that their average is known.

    `observed` is when a market was last observed and whether its sigma follows (MRG-4).
    """
    actions = []
    for market, (last, follows) in sorted(observed.items()):
        if markets[market].is_fresh and now - last >= (policy.observe_every if follows else DAY):
            reason = "its sigma follows its volatility" if follows else "for its average"
            actions.append(Action(Kind.OBSERVE, 0, reason, market=market))
    return Plan(actions)


def plan_chores(
    markets: Mapping[int, MarketView],
    checkpoints: Mapping[int, int],
    fund_cash: int,
    fund_claims: int,
    now: int,
    policy: Policy,
) -> Plan:
    """Collect the fund's claims, let it pay shortfalls, store prices to fall back on.

    `checkpoints` is when the oracle last stored a price of each market.
    """
    actions = []
    payable = any(view.cash for view in markets.values())
    if policy.settle and payable and fund_claims >= policy.settle_above:
        reason = f"the fund is owed {quote_text(fund_claims)}"
        actions.append(Action(Kind.SETTLE, FUND, reason))
    for market, view in sorted(markets.items()):
        if view.shortfall and view.allowance and fund_cash:
            reason = f"shortfall {quote_text(view.shortfall)}, fund {quote_text(fund_cash)}"
            actions.append(Action(Kind.COVER, 0, reason, market=market))
    old = [
        market
        for market, view in sorted(markets.items())
        if view.is_fresh and now - checkpoints.get(market, 0) >= policy.checkpoint_age
    ]
    if old:
        mask = sum(1 << market for market in old)
        reason = f"last good price of market {_markets(old)} is old"
        actions.append(Action(Kind.CHECKPOINT, 0, reason, market=mask))
    return Plan(actions)


def _markets(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
