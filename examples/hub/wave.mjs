import { Person } from './client.mjs';

/**
 * A wave of people: each misses a message while away, comes and gets it, writes to the next one, hears the news, and goes;
 * every other one breaks off. Ends when the hub has noticed the last one go.
 *
 * @throws Error when somebody got anything but their three messages, in order
 */
export async function wave(base, { registry }, users) {
  for (const user of users) registry.send(user, JSON.stringify({ from: 'hub', text: `missed by ${user}` }));
  const people = await Promise.all(users.map((user) => new Person(base, user).opened()));
  await Promise.all(people.map((person) => person.heard(1)));
  for (const [i, person] of people.entries())
    person.send({ to: users[(i + 1) % users.length], text: `from ${users[i]}` });
  await Promise.all(people.map((person) => person.heard(2)));
  people[0].send({ news: 'everybody is here' });
  await Promise.all(people.map((person) => person.heard(3)));

  for (const [i, { received }] of people.entries()) check(users[i], users.at(i - 1), received);
  const ended = users.flatMap((user) => registry.connections(user).map((connection) => connection.ended));
  await Promise.all(people.map((person, i) => person.leave({ abruptly: i % 2 === 1 })));
  await Promise.all(ended);
}

function check(user, previous, received) {
  const [missed, written, news] = received;
  const isRight =
    received.length === 3 &&
    missed.text === `missed by ${user}` &&
    written.text === `from ${previous}` &&
    news.news === 'everybody is here';
  if (!isRight) throw new Error(`${user} got ${JSON.stringify(received)}`);
}
