"""A step that is always the same work on the same tensors, recorded as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

# Calls before recording: what is allocated at the first must not be captured.
_REHEARSALS = 3


def record(
    step: Callable[[], None], moved: Iterable[Tensor], generators: Iterable[torch.Generator]
) -> Callable[[], None]:
    """Return what replays a step on the GPU; nothing has moved until it is called.

    Args:
        step: launches kernels without waiting for any.
        moved: all tensors whose values last from one step to the next.
        generators: all that it draws from.
    """
    kept = [(tensor, tensor.clone()) for tensor in moved]
    states = [(generator, generator.get_state()) for generator in generators]
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_REHEARSALS):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    with torch.no_grad():
        for tensor, before in kept:
            tensor.copy_(before)
    graph = torch.cuda.CUDAGraph()
    for generator, state in states:
        generator.set_state(state)
        graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        step()
    return graph.replay
