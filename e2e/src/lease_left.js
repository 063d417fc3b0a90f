// Milliseconds until the last lease on a slot runs out. A stored lease ends with that time, a u64.
const [answer] = arguments;
const read = () => {
  const opening = indexedDB.open("tabchain-slots");
  opening.onsuccess = () => {
    const database = opening.result;
    const reading = database.transaction("leases").objectStore("leases").getAll();
    reading.onsuccess = () => {
      database.close();
      const ends_ms = reading.result.map((lease) => {
        const view = new DataView(lease.buffer, lease.byteOffset, lease.byteLength);
        return Number(view.getBigUint64(lease.byteLength - 8, true));
      });
      answer(Math.max(0, ...ends_ms) - Date.now());
    };
  };
};
indexedDB.databases().then((databases) =>
  databases.some(({ name }) => name === "tabchain-slots") ? read() : answer(0),
);
