// Leaks: a call in flight is taken off the list only when it fails, and calls succeed.
import { takeOrder } from './support/order.mjs';

class PendingCall {
  readonly orderId: number;
  readonly startedMs = performance.now();

  constructor(orderId: number) {
    this.orderId = orderId;
  }
}

class PaymentGateway {
  readonly #inFlight: PendingCall[] = [];

  async charge(orderId: number): Promise<number> {
    const call = new PendingCall(orderId);
    this.#inFlight.push(call);
    try {
      return takeOrder(orderId).totalCents;
    } catch (error) {
      this.#settle(call);
      throw error;
    }
  }

  #settle(call: PendingCall): void {
    this.#inFlight.splice(this.#inFlight.indexOf(call), 1);
  }
}

const gateway = new PaymentGateway();

export default async function iteration(n: number): Promise<void> {
  await gateway.charge(n);
}
