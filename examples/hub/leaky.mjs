/** The twin of `soak.mjs` that forgets to say who owns the subscription: each listener stays when its connection ends. */
import { tell } from './hub.mjs';
import { scenario } from './soak.mjs';

const { setup, iteration } = scenario((connection, news) => {
  news.on('news', (text) => tell(connection, text));
});

export { setup };
export default iteration;
