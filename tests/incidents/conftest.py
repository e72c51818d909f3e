"""The engine's test world (`tests/unit/margin_engine/engine_world.py`) for the incidents."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "margin_engine"))
