/** Does something again and again, but not while nobody looks. */

/**
 * @param {() => Promise<void>} act its own errors are its own matter
 * @param {number} interval ms between the end of one and the next
 * @returns {{ pause(on: boolean): void, stop(): void }}
 */
export function poll(act, interval) {
  let paused = false;
  let timer = null;
  let ended = false;
  let working = false;

  const turn = async () => {
    timer = null;
    if (working || ended) return;
    if (!paused && !document.hidden) {
      working = true;
      await act();
      working = false;
    }
    if (!ended) timer = setTimeout(turn, interval);
  };
  const look = () => {
    if (document.hidden || timer === null) return;
    clearTimeout(timer);
    void turn();
  };

  document.addEventListener('visibilitychange', look);
  timer = setTimeout(turn, interval);

  return {
    pause(on) {
      paused = on;
      if (!on) look();
    },
    stop() {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    },
  };
}
