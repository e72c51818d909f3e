"""A first look."""

from engine_world import World, wad


def test_first(world: World) -> None:
    trader, maker = world.party("trader", 1_000), world.party("maker", 1_000)
    world.trade(trader, maker, wad(10))
    print(world.engine.health(trader.id), world.state().config)
    assert world.engine.health(trader.id).maintenance == wad(61)
