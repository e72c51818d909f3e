"""The demo as an ape script: `ape run demo` is `plimsoll demo`, with the same options."""

from plimsoll.demo.command import command as cli

if __name__ == "__main__":
    cli()
