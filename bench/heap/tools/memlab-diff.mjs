// memlab's own question of three snapshots, with its default filters.
import api from '@memlab/api';
import { report } from './measure.mjs';

const [, , baseline, target, final] = process.argv;
const leaks = await api.findLeaksBySnapshotFilePaths(baseline, target, final, { consoleMode: 'SILENT' });
report({ leaks: leaks.length });
