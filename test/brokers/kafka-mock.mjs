/*
 * The process of a KafkaBroker: the mock cluster of librdkafka, which speaks Kafka's protocol over TCP, and keeps its data in
 * memory. Commands come over the channel as `{ id, name, args }`. It ends when the channel does, so also with its parent.
 *
 *   node kafka-mock.mjs <librdkafka.so.1> <brokers>
 */
import koffi from 'koffi';

const PRODUCER = 0;
const [path, brokers] = process.argv.slice(2);
const kafka = koffi.load(path);
const call = (result, name, ...parameters) => kafka.func(`rd_kafka_${name}`, result, parameters);

const lastError = call('str', 'err2str', 'int');
const createTopic = call('int', 'mock_topic_create', 'void *', 'str', 'int', 'int');
const setDown = call('int', 'mock_broker_set_down', 'void *', 'int32_t');
const setUp = call('int', 'mock_broker_set_up', 'void *', 'int32_t');
const setRtt = call('int', 'mock_broker_set_rtt', 'void *', 'int32_t', 'int');
const pushErrors = call('void', 'mock_push_request_errors_array', 'void *', 'int16_t', 'size_t', 'int *');

const complaint = Buffer.alloc(512);
const client = call('void *', 'new', 'int', 'void *', 'void *', 'size_t')(PRODUCER, null, complaint, complaint.length);
if (client === null) throw new Error(complaint.toString('latin1'));
const cluster = call('void *', 'mock_cluster_new', 'void *', 'int')(client, Number(brokers));
const bootstrap = call('str', 'mock_cluster_bootstraps', 'void *')(cluster);

/** Brokers are numbered from 1. */
const each = (change) => {
  for (let broker = 1; broker <= Number(brokers); broker++) check(change(broker));
};
const check = (code) => {
  if (code !== 0) throw new Error(lastError(code));
};

const commands = {
  down: () => each((broker) => setDown(cluster, broker)),
  up: () => each((broker) => setUp(cluster, broker)),
  createTopic: (name, partitions) => check(createTopic(cluster, name, partitions, 1)),
  setRtt: (rttMs) => each((broker) => setRtt(cluster, broker, rttMs)),
  pushErrors: (api, ...codes) => pushErrors(cluster, api, codes.length, Int32Array.from(codes)),
};

process.on('disconnect', () => process.exit());
process.on('message', ({ id, name, args }) => {
  try {
    commands[name](...args);
    process.send({ id });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.send({ id: 0, bootstrap });
