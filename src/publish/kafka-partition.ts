const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The partition of a key as Kafka's own producer chooses it, and librdkafka's `murmur2`: events of one key meet there. */
export function kafkaPartition(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** MurmurHash2, 32 bits, by Austin Appleby, with the seed of Kafka's `Utils.murmur2`. */
function murmur2(data: Buffer): number {
  const { length } = data;
  const wholeBytes = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < wholeBytes; at += 4) {
    let word = Math.imul(data.readInt32LE(at), M);
    word = Math.imul(word ^ (word >>> 24), M);
    hash = Math.imul(hash, M) ^ word;
  }
  if (length > wholeBytes) {
    for (let at = length - 1; at >= wholeBytes; at--) hash ^= (data[at] as number) << (8 * (at - wholeBytes));
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}
