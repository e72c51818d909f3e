"""The `plimsoll` command.

Commands live in the folders of their jobs and are imported when they are called, so that `plimsoll
--help` and a command that needs no EVM start at once.
"""

from __future__ import annotations

import importlib

import click

from plimsoll import __version__

#: Command name -> ("module:object", one line for the help page). The object is a click command or
#: group.
COMMANDS: dict[str, tuple[str, str]] = {
    "announce": (
        "plimsoll.notices.cli:announce_command",
        "Announce a change of a risk parameter; whom it would put into a margin call.",
    ),
    "compile": ("plimsoll.evm.command:command", "Compile all contracts into the cache."),
    "demo": ("plimsoll.demo.command:command", "Deploy, trade, crash and settle on real prices."),
    "gas": ("plimsoll.gas.cli:main", "Measure gas and code sizes; compare with docs/gas.md."),
    "governance": (
        "plimsoll.governance.cli:main",
        "Schedule, list, execute and cancel owner's calls in the timelock.",
    ),
    "keeper": ("plimsoll.keeper.cli:main", "Liquidate, resolve and settle, once or every block."),
    "margin": ("plimsoll.margin.cli:main", "Take an account's margin apart; what would move it."),
    "notices": (
        "plimsoll.notices.cli:notices_command",
        "List announced changes; whom they will put into a margin call.",
    ),
    "orders": ("plimsoll.orders.cli:main", "Serve, add, list and prune signed orders."),
    "replay": ("plimsoll.replay.command:command", "Check a trace against the reference model."),
    "rules": (
        "plimsoll.rules.cli:main",
        "List the rules of docs/SPEC.md; check that the test of each fails without it.",
    ),
    "settle": ("plimsoll.settlement.cli:main", "Settle all accounts, losers first; a statement."),
}


class MissingCommandError(click.ClickException):
    """A command of the table could not be imported."""

    def __init__(self, name: str, target: str, cause: Exception) -> None:
        super().__init__(
            f"the command {name!r} ({target}) does not load: {cause}. "
            "Run `make setup` to bring the environment up to the lock file."
        )


class LazyGroup(click.Group):
    """A click group whose commands are imported on first use, from a table of import paths."""

    def __init__(self, *, table: dict[str, tuple[str, str]], name: str, text: str) -> None:
        """Take the `table` as it is in `COMMANDS`; `name` and the help `text` are its own."""
        super().__init__(name=name, help=text)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the table and of the commands added by hand, sorted."""
        return sorted({*self._table, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command `cmd_name`; None when the table has no such name.

        Raises MissingCommandError when the table names it but the import fails.
        """
        if cmd_name not in self._table:
            return super().get_command(ctx, cmd_name)
        target, _ = self._table[cmd_name]
        module, _, attribute = target.partition(":")
        try:
            command = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise MissingCommandError(cmd_name, target, error) from error
        if not isinstance(command, click.Command):
            raise MissingCommandError(cmd_name, target, TypeError("not a click command"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table's own texts, so that help imports nothing."""
        rows = []
        for name in self.list_commands(ctx):
            if name in self._table:
                rows.append((name, self._table[name][1]))
            else:
                command = super().get_command(ctx, name)
                rows.append((name, command.get_short_help_str() if command else ""))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


main = LazyGroup(
    table=COMMANDS,
    name="plimsoll",
    text="A margin engine for perpetual futures: demo, keeper, lab, monitor and gas tables.",
)
main.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        help="Show the version and exit.",
        callback=lambda ctx, _, value: _show_version(ctx, value),
    )
)


def _show_version(ctx: click.Context, wanted: bool) -> None:
    if wanted:
        click.echo(f"plimsoll {__version__}")
        ctx.exit()
