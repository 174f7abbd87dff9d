"""The prior system's find_prefix, typed again from its public description: every agent's list of tokens is compared from its
start with the one that is asked for, and the longest common prefix wins.

Prints the median ns of a look-up: python3 prior_prefix.py <agents> <tokens> <shared> <times>
"""
import random
import sys
import time


def common_prefix_length(mine: list[int], other: list[int]) -> int:
    length = 0
    for a, b in zip(mine, other):
        if a != b:
            break
        length += 1
    return length


def find_prefix(agents: dict[str, list[int]], tokens: list[int]) -> tuple[str | None, int]:
    best, best_length = None, 0
    for agent, sequence in agents.items():
        length = common_prefix_length(sequence, tokens)
        if length > best_length:
            best, best_length = agent, length
    return best, best_length


agents, tokens, shared, times = map(int, sys.argv[1:])
rng = random.Random(1)
common = [rng.randrange(128_000) for _ in range(shared)]


def prompt(own: int) -> list[int]:
    # The first own token differs from all others': what is shared is exactly `shared`.
    return common + [own] + [rng.randrange(128_000) for _ in range(tokens - shared - 1)]


known = {f"agent-{i}": prompt(i) for i in range(agents)}
asked = prompt(agents)
seen = []
for _ in range(times):
    began = time.perf_counter_ns()
    _, length = find_prefix(known, asked)
    seen.append(time.perf_counter_ns() - began)
    assert length == shared
seen.sort()
print(seen[len(seen) // 2])
