"""legion-bench: continual reinforcement learning on KUKA Meta-World streams.

Importing this package loads neither torch nor mujoco nor bnpy. Environments are
registered with Gymnasium through its plug-in entry point, so ``gymnasium.make``
knows them as soon as legion-bench is installed.
"""

__version__ = "0.1.0"
