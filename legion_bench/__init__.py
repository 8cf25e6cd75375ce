"""legion-bench: continual reinforcement learning on KUKA Meta-World streams.

Importing this package registers its environments with Gymnasium and loads neither
torch nor mujoco nor bnpy.
"""

from legion_bench.envs import register_all

__version__ = "0.1.0"

register_all()
