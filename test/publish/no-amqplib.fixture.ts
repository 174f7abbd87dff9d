// Without amqplib: an optional peer that nobody has installed.
import { register } from 'node:module';
import { RabbitMQPublisher } from '../../src/publish/index.js';

const hooks = `export async function resolve(name, context, next) {
  if (name === 'amqplib') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  return next(name, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
const publisher = new RabbitMQPublisher({ url: 'amqp://127.0.0.1:5672' });
await publisher.connect().catch(({ code, hint }) => console.log(JSON.stringify({ code, hint })));
await publisher.close();
