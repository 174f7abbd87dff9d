/** Load for the hub: `node examples/hub/clients.mjs ws://127.0.0.1:8080 [people] [waves]`. */
import { Person } from './client.mjs';

const [base, people = '2000', waves = '10'] = process.argv.slice(2);
if (base === undefined) {
  console.error('usage: node examples/hub/clients.mjs ws://HOST:PORT [people] [waves]');
  process.exit(2);
}
const perWave = Math.ceil(Number(people) / Number(waves));

const started = performance.now();
let came = 0;
let heard = 0;
for (let first = 0; first < Number(people); first += perWave) {
  const users = Array.from({ length: Math.min(perWave, Number(people) - first) }, (_, i) => `person-${first + i}`);
  const here = await Promise.all(users.map((user) => new Person(base, user).opened()));
  came += here.length;
  for (const [i, person] of here.entries()) {
    person.send({ to: users[(i + 1) % users.length], text: 'hello' });
    // Missed: nobody of the next wave is there yet.
    person.send({ to: `person-${(first + perWave + i) % Number(people)}`, text: 'you were away' });
  }
  // The first wave has missed nothing.
  await Promise.all(here.map((person) => person.heard(first === 0 ? 1 : 2)));
  for (const person of here) heard += person.received.length;
  await Promise.all(here.map((person, i) => person.leave({ abruptly: i % 2 === 1 })));
}
const seconds = (performance.now() - started) / 1000;
console.log(`${came} people came and went in ${waves} waves, ${heard} messages heard, ${seconds.toFixed(1)} s`);
