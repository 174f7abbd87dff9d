import type { NumberProperty } from '../monitor/index.js';
import type { InspectorSession } from './inspector-session.js';

interface Property {
  readonly name: string;
  readonly value?: { readonly type: string; readonly value?: unknown; readonly objectId?: string };
}

const OPTIONS = /^[#_]*(options|opts|config|settings|conf)$/i;

/**
 * The numbers that an object carries in data properties of its own, private fields included, and those of its options
 * object. The inspector reads them without running a getter. Cost: one walk over the heap to find the object.
 */
export function numbersOf(session: InspectorSession, heapId: number): NumberProperty[] {
  try {
    const { result } = session.post('HeapProfiler.getObjectByHeapObjectId', {
      objectId: String(heapId),
      objectGroup: 'watertight',
    }) as { result: { objectId: string } };
    const properties = propertiesOf(session, result.objectId);
    const nested = properties.flatMap(({ name, value }) =>
      value?.objectId && OPTIONS.test(name) ? propertiesOf(session, value.objectId) : [],
    );
    return [...properties, ...nested].flatMap(({ name, value }) =>
      typeof value?.value === 'number' ? [{ name: name.slice(0, 100), value: value.value }] : [],
    );
  } catch {
    // The object died, or is none that JavaScript can hold.
    return [];
  } finally {
    session.releaseHandles();
  }
}

function propertiesOf(session: InspectorSession, objectId: string): Property[] {
  const { result, privateProperties = [] } = session.post('Runtime.getProperties', {
    objectId,
    ownProperties: true,
  }) as { result: Property[]; privateProperties?: Property[] };
  return [...result, ...privateProperties];
}
