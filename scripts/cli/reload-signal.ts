/** When a service is told to read its configuration anew. */
export interface ReloadSignal {
  /**
   * Calls for each SIGHUP, and at once where one came before: the file may have been read by then.
   */
  listen(reload: () => void): void;
}

export function reloadSignal(): ReloadSignal {
  let missed = false;
  let act = (): void => {
    missed = true;
  };
  process.on('SIGHUP', () => act());
  return {
    listen(reload) {
      act = reload;
      if (missed) reload();
    },
  };
}
