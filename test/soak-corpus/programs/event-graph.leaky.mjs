// Leaks: a table, its guests and their listeners point to each other in circles, and the restaurant never lets go.
import { EventEmitter } from 'node:events';
import { takeOrder } from './support/order.mjs';

class Guest extends EventEmitter {
  constructor(table, order) {
    super();
    this.table = table;
    this.order = order;
    this.neighbour = table.guests.at(-1) ?? this;
    this.onCleared = () => this.emit('cleared', order.id);
    table.on('cleared', this.onCleared);
  }
}

class Table extends EventEmitter {
  guests = [];

  seat(order) {
    const guest = new Guest(this, order);
    this.guests.push(guest);
  }
}

const restaurant = { tables: [new Table(), new Table()] };
for (const table of restaurant.tables) table.setMaxListeners(0);

export default async function iteration(n) {
  restaurant.tables[n % 2].seat(takeOrder(n));
}
