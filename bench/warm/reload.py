# The prior system's way, re-typed: a fork pool of 2, its workers warmed, 3 SharedMemory of 1 MiB each written into a JSON
# registry (temp file + rename), 2 UDP sockets. Usage: reload.py <cycles> <bytes>. Prints JSON: init and teardown, ms.
import json, multiprocessing, os, socket, sys, tempfile, time
from multiprocessing import shared_memory

cycles, size = int(sys.argv[1]), int(sys.argv[2])
registry_path = os.path.join(tempfile.gettempdir(), f"chronus_bench_{os.getpid()}.json")
registry = {}


def write_registry():
    with open(registry_path + ".tmp", "w") as file:
        json.dump(registry, file)
    os.rename(registry_path + ".tmp", registry_path)


def create(name):
    segment = shared_memory.SharedMemory(create=True, size=size, name=name)
    registry[name] = {"size": size, "pid": os.getpid(), "created": time.time()}
    write_registry()
    return segment


def touch(names):
    for name in names:
        segment = shared_memory.SharedMemory(name=name)
        segment.buf[0] = 1
        segment.close()
    return os.getpid()


def udp():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    return one


inits, teardowns = [], []
for n in range(cycles):
    started = time.perf_counter()
    segments = [create(f"chronus_{os.getpid()}_{n}_{i}") for i in range(3)]
    pool = multiprocessing.get_context("fork").Pool(2)
    pool.map(touch, [[segment.name for segment in segments]] * 2, chunksize=1)
    sockets = [udp(), udp()]
    begun = time.perf_counter()
    pool.terminate()
    pool.join()
    for one in sockets:
        one.close()
    for segment in segments:
        segment.close()
        segment.unlink()
        del registry[segment.name]
        write_registry()
    inits.append((begun - started) * 1000)
    teardowns.append((time.perf_counter() - begun) * 1000)
os.unlink(registry_path)
print(json.dumps({"inits": inits, "teardowns": teardowns}))
