/** A service that starts, and is stopped again. The scope of the step takes its file. */
import { closeSync, openSync } from 'node:fs';
import { Startup } from 'watertight/startup';

const openConfig = () => openSync('/dev/null', 'r');

export default async function restart(_n, scope) {
  const app = scope.child('app');
  await new Startup({ scope: app, watchdog: false })
    .phase('configuration')
    .step('config', {}, (step) => {
      const config = openConfig();
      step.scope.hold('config', config, closeSync);
      return config;
    })
    .phase('services')
    .step('banner', { needs: ['config'] }, ({ results }) => `config in ${results.config}`)
    .start();
  await new Promise((serve) => setTimeout(serve, 2));
  await app.close();
}
