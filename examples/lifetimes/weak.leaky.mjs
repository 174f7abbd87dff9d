/** Views that follow a document and are simply dropped. The listener keeps its view. */
import { EventEmitter } from 'node:events';

const document = new EventEmitter().setMaxListeners(0);

class DocumentView {
  text = '';

  show(change) {
    this.text = change;
  }
}

function openView() {
  const view = new DocumentView();
  document.on('change', (change) => view.show(change));
  return view;
}

export default function edit(n) {
  const view = openView();
  document.emit('change', `edit ${n}`);
  if (view.text !== `edit ${n}`) throw new Error('the view did not hear of it');
}
