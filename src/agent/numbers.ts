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
    const own = [...properties, ...nested].flatMap(({ name, value }) =>
      typeof value?.value === 'number' ? [{ name: name.slice(0, 100), value: value.value }] : [],
    );
    return [...own, ...accessorsOf(session, result.objectId)];
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

/** What limits are called where a class hides the field behind an accessor (lru-cache: `max`, `maxSize`, `ttl`). */
const ACCESSORS = ['max', 'maxSize', 'maxEntries', 'maxItems', 'limit', 'capacity', 'ttl', 'maxAge'];

/** Reads accessors; V8 stops one that would change anything (`throwOnSideEffect`). */
function accessorsOf(session: InspectorSession, objectId: string): NumberProperty[] {
  return ACCESSORS.flatMap((name) => {
    try {
      const answer = session.post('Runtime.callFunctionOn', {
        objectId,
        functionDeclaration: `function () { return this.${name}; }`,
        returnByValue: true,
        throwOnSideEffect: true,
        objectGroup: 'watertight',
      }) as { result: { value?: unknown }; exceptionDetails?: unknown };
      const { value } = answer.result;
      return answer.exceptionDetails === undefined && typeof value === 'number' ? [{ name, value }] : [];
    } catch {
      return [];
    }
  });
}
