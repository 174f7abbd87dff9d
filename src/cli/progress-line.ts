import { secondsText } from './heap-numbers.js';

const EVERY_MS = 250;
/** An estimate from less says nothing. */
const ENOUGH_SHARE = 0.02;

/** One line on stderr, written over where it is a terminal; elsewhere there is none. */
export class ProgressLine {
  readonly isLive = process.stderr.isTTY === true && !process.env.CI;
  readonly #start = performance.now();
  #shown = 0;

  /** @param share what is done, 0 to 1 */
  show(doing: string, share: number): void {
    const now = performance.now();
    if (!this.isLive || now - this.#shown < EVERY_MS) return;
    this.#shown = now;
    const left = share > ENOUGH_SHARE ? `  ${secondsText(((now - this.#start) / share) * (1 - share))} left` : '';
    process.stderr.write(`\r\x1b[2K${doing}  ${Math.floor(share * 100)} %${left}`);
  }

  clear(): void {
    if (this.#shown > 0) process.stderr.write('\r\x1b[2K');
  }
}
