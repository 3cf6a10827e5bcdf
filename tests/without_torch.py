"""Code that runs where nothing that networks need can be imported."""

import os
import subprocess
import sys
from collections.abc import Mapping

HEAVY = {"torch", "torchvision", "timm", "lightning_fabric", "safetensors", "cv2"}
HEAVY |= {"onnx", "onnxscript"}
"""What `[train]` installs, and the core does without."""

WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in {heavy}
        return None if absent else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
import platefree as pf
{code}
assert not {heavy} & set(sys.modules)
"""


def run_without_torch(
    code: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run code with `pf` and `sys` imported; an environment is added to that of this process."""
    script = WITHOUT_TORCH.format(heavy=HEAVY, code=code)
    words = [sys.executable, "-c", script, *map(str, arguments)]
    env = {**os.environ, **(environment or {})}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=env)
