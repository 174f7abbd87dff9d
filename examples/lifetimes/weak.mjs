/** Views that follow a document and are simply dropped. The listener does not keep its view, and goes with it. */
import { EventEmitter } from 'node:events';
import { weakListener } from 'watertight/weak';

const document = new EventEmitter().setMaxListeners(0);

class DocumentView {
  text = '';

  show(change) {
    this.text = change;
  }
}

function openView() {
  const view = new DocumentView();
  weakListener(document, 'change', view, (owner, change) => owner.show(change));
  return view;
}

export default function edit(n) {
  const view = openView();
  document.emit('change', `edit ${n}`);
  if (view.text !== `edit ${n}`) throw new Error('the view did not hear of it');
}
