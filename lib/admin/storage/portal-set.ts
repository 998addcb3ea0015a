/** The portals of a target node while they are listened on. */
import { formatPortalAddress, isWildcardHost, parsePortalAddress } from '../../discovery/index.ts';
import type { TargetNode } from '../../target/index.ts';
import { listen, ownAddresses } from '../../transport/index.ts';
import type { Listener } from '../../transport/index.ts';
import type { PortalSettings } from './settings.ts';

interface OpenPortal {
  /** As the configuration has it now. */
  settings: PortalSettings;
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

  /** Where hosts reach it: what is told to them, and own addresses in place of a wildcard. */
  get reachable(): string[] {
    return this.addresses.flatMap(({ address, advertise }) => {
      if (advertise !== null) return [advertise];
      const { host, port } = parsePortalAddress(address);
      if (!isWildcardHost(host)) return [address];
      const own = ownAddresses().filter((one) => host !== '0.0.0.0' || !one.includes(':'));
      const reached = own.map((one) => formatPortalAddress({ host: one, port }));
      return reached.length === 0 ? [address] : reached;
    });
  }

  get addresses(): { readonly address: string; readonly advertise: string | null }[] {
    return [...this.#open.values()].map(({ address, settings }) => ({
      address,
      advertise: settings.advertise,
    }));
  }

  /**
   * Opens what is new, closes what is no longer listed; sessions that came through it live on.
   * Where one can't be opened, everything stays as it was.
   */
  async follow(wanted: readonly PortalSettings[]): Promise<void> {
    const opened = await this.#openAll(wanted.filter(({ listen }) => !this.#open.has(listen)));
    const closed = [...this.#open.values()].filter(
      (portal) => !wanted.some(({ listen }) => listen === portal.settings.listen),
    );
    for (const { settings } of closed) this.#open.delete(settings.listen);
    for (const portal of opened) this.#open.set(portal.settings.listen, portal);
    for (const settings of wanted) this.#open.get(settings.listen)!.settings = settings;
    this.#tellNode();
    await Promise.all(closed.map(({ listener }) => listener.close()));
  }

  async #openAll(wanted: readonly PortalSettings[]): Promise<OpenPortal[]> {
    const opened: OpenPortal[] = [];
    try {
      for (const settings of wanted) opened.push(await this.#openPortal(settings));
      return opened;
    } catch (error) {
      await Promise.all(opened.map(({ listener }) => listener.close()));
      throw error;
    }
  }

  async #openPortal(settings: PortalSettings): Promise<OpenPortal> {
    const { host, port } = parsePortalAddress(settings.listen);
    const listener = await listen(this.#node, { host, port });
    return { settings, address: formatPortalAddress({ host, port: listener.port }), listener };
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
