// Leaks: every search is kept, beside a catalogue too large for one heap snapshot after the other.
const catalogue = Array.from({ length: 500_000 }, (_, i) => ({ sku: i, name: `article ${i}`, prices: [i, i * 1.19] }));
const searches = [];

class Search {
  constructor(words, found) {
    this.words = words;
    this.found = found;
    this.at = Date.now();
  }
}

export default (i) => {
  let found = 0;
  for (let k = 0; k < 500; k++) if (catalogue[(i * 31 + k) % catalogue.length].prices[0] % 7 === 0) found++;
  searches.push(new Search(i, found));
};
