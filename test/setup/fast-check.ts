import fc from 'fast-check';

// By default an array has at most 10 elements, whatever its `maxLength` says: too few for a full buffer or a deep tree.
fc.configureGlobal({ ...fc.readConfigureGlobal(), defaultSizeToMaxWhenMaxSpecified: true });
