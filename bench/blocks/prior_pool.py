"""The prior system's pool, typed again from its public description: one threading.Lock, a list of free blocks, a dict of
those that are allocated, a set for each agent, and an object with a metadata dict for each block.

Prints the median ns of an allocate+free pair over many short bursts: python3 prior_pool.py <blocks> <count> <bursts>
"""
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class KVBlock:
    block_id: int
    layer_id: int
    token_count: int = 0
    layer_data: Any = None
    metadata: dict = field(default_factory=dict)


class BlockPool:
    def __init__(self, total_blocks: int) -> None:
        self.total_blocks = total_blocks
        self.free_list = list(range(total_blocks))
        self.allocated: dict[int, KVBlock] = {}
        self.agents: dict[str, set[int]] = {}
        self.lock = threading.Lock()

    def allocate(self, n_blocks: int, layer_id: int, agent_id: str) -> list[KVBlock]:
        if n_blocks <= 0:
            raise ValueError("n_blocks must be positive")
        with self.lock:
            if n_blocks > len(self.free_list):
                raise RuntimeError(f"need {n_blocks}, {len(self.free_list)} free")
            blocks = []
            owned = self.agents.setdefault(agent_id, set())
            for _ in range(n_blocks):
                block_id = self.free_list.pop()
                block = KVBlock(block_id=block_id, layer_id=layer_id, metadata={"agent_id": agent_id})
                self.allocated[block_id] = block
                owned.add(block_id)
                blocks.append(block)
            return blocks

    def free(self, blocks: list[KVBlock], agent_id: str) -> None:
        with self.lock:
            owned = self.agents.get(agent_id)
            if owned is None:
                raise KeyError(agent_id)
            for block in blocks:
                if block.block_id not in self.allocated:
                    raise ValueError(f"block {block.block_id} is not allocated")
                if block.block_id not in owned:
                    raise ValueError(f"block {block.block_id} is not {agent_id}'s")
                block.layer_data = None
                owned.remove(block.block_id)
                del self.allocated[block.block_id]
                self.free_list.append(block.block_id)


PAIRS = 100
blocks, count, bursts = map(int, sys.argv[1:])
pool = BlockPool(blocks)
times = []
for _ in range(bursts):
    began = time.perf_counter_ns()
    for _ in range(PAIRS):
        pool.free(pool.allocate(count, 0, "session-1"), "session-1")
    times.append((time.perf_counter_ns() - began) / PAIRS)
times.sort()
print(times[len(times) // 2])
