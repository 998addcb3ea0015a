/** The portals of a target node while they are listened on. */
import { formatPortalAddress, parsePortalAddress } from '../../discovery/index.ts';
import type { TargetNode } from '../../target/index.ts';
import { listen } from '../../transport/index.ts';
import type { Listener } from '../../transport/index.ts';
import type { PortalSettings } from './settings.ts';

interface OpenPortal {
  readonly settings: PortalSettings;
  /** What is listened on, with its real port. */
  readonly address: string;
  readonly listener: Listener;
}

export class PortalSet {
  readonly #node: TargetNode;
  readonly #open = new Map<string, OpenPortal>();

  constructor(node: TargetNode) {
    this.#node = node;
  }

  get addresses(): { readonly address: string; readonly advertise: string | null }[] {
    return [...this.#open.values()].map(({ address, settings }) => ({
      address,
      advertise: settings.advertise,
    }));
  }

  /** Opens what is new, closes what is no longer listed; sessions that came through it live on. */
  async follow(wanted: readonly PortalSettings[]): Promise<void> {
    for (const settings of wanted) {
      if (!this.#open.has(settings.listen)) await this.#openPortal(settings);
    }
    for (const [key, portal] of this.#open) {
      if (wanted.some((settings) => settings.listen === key)) continue;
      this.#open.delete(key);
      await portal.listener.close();
    }
    this.#tellNode();
  }

  async #openPortal(settings: PortalSettings): Promise<void> {
    const { host, port } = parsePortalAddress(settings.listen);
    const listener = await listen(this.#node, { host, port });
    const address = formatPortalAddress({ host, port: listener.port });
    this.#open.set(settings.listen, { settings, address, listener });
  }

  #tellNode(): void {
    this.#node.portals.length = 0;
    for (const { address, settings } of this.#open.values()) {
      const told = settings.advertise === null ? {} : { advertise: settings.advertise };
      this.#node.addPortal({ address, ...told });
    }
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ listener }) => listener.close()));
  }
}
