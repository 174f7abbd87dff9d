/** A controller that looks back ten steps. Its history is an array. */

class Controller {
  #history = [];

  /** Force from the mean of the last ten angles. */
  step(angle) {
    this.#history.push({ angle, at: this.#history.length });
    let sum = 0;
    for (let back = 1; back <= 10; back++) sum += this.#history.at(-back)?.angle ?? 0;
    return -5 * (sum / 10);
  }
}

const controller = new Controller();

export default function step(n) {
  controller.step(Math.sin(n / 50));
}
