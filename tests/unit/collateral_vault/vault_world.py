"""An engine with a vault: a token of 18 decimals at 2,000 and one of 8 decimals at 40,000."""

from typing import Any

from engine_world import FUND, MAX, WAD, Party, World

from plimsoll.evm import Handle

#: the oracle's markets that price the two tokens
WETH, WBTC = 8, 7
HAIRCUT, DEAR_HAIRCUT = 20_000, 10_000
CAP = 1_000 * WAD


class VaultWorld(World):
    """A world with other collateral: `weth` counts 80 %, `wbtc` 90 % of its price."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.vault = self.chain.deploy(self.load("CollateralVault"), self.engine, sender=self.owner)
        self.engine.set_vault(self.vault, sender=self.owner)
        self.weth = self.chain.deploy(self.load("TestToken"), 18)
        self.wbtc = self.chain.deploy(self.load("TestToken"), 8)
        self.list_token(self.weth, WETH, HAIRCUT)
        self.list_token(self.wbtc, WBTC, DEAR_HAIRCUT)

    def list_token(
        self, token: Handle, market: int = WETH, haircut: int = HAIRCUT, cap: int = CAP
    ) -> None:
        """List a token as the owner."""
        self.vault.list_token(token, market, haircut, cap, sender=self.owner)

    def give(self, who: Party, token: Handle, units: int) -> None:
        """An owner gets units of a token and lets the vault take them."""
        token.mint(who.key, units)
        token.approve(self.vault, MAX, sender=who.key)

    def pledge(self, who: Party, units: int, token: Handle | None = None) -> Any:
        """An owner brings collateral, WETH unless another token is named."""
        token = self.weth if token is None else token
        self.give(who, token, units)
        return self.vault.deposit(who.id, token, units, sender=who.key)

    def has(self, who: Party | int, token: Handle | None = None) -> int:
        """What an account has of a token."""
        place = self.vault.token_state(self.weth if token is None else token).index
        return int(self.vault.balances(who if isinstance(who, int) else who.id)[place])

    def buyer(self, quote: int = 10**6) -> Any:
        """Somebody with quote tokens that the vault may take."""
        key = self.key("buyer", quote)
        self.token.approve(self.vault, MAX, sender=key)
        return key

    def untwinned(self, given: dict[str, int] | None = None) -> list[str]:
        """The twin of LED-5, per token; `given` units were sent in unasked."""
        wrong = []
        for token in map(str, self.vault.tokens()):
            handle = self.chain.at(token, self.load("TestToken"))
            state = self.vault.token_state(token)
            owed = sum(
                self.vault.balances(account)[state.index] for account in (FUND, *self.parties)
            )
            held = handle.balanceOf(self.vault) - (given or {}).get(token, 0)
            if not held == owed == state.total:
                wrong.append(f"{token}: holds {held}, owes {owed}, total {state.total}")
        for account in self.parties:
            if self.engine.wallet(account).pledged != any(self.vault.balances(account)):
                wrong.append(f"account {account:#x}: pledged is wrong")
        return wrong
