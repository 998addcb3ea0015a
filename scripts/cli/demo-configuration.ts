/** What `npm start` runs on: written once, then the user's own. */
export const DEMO_HOST = 'demo';
export const DEMO_HOST_IQN = 'iqn.2026-11.io.hawser:demo';

/** Beside it lies the host's secret, in `demo.secret`. */
export const demoConfiguration = (portal: string, admin: string): string =>
  `# Written by the first "npm start". Yours to change; "hawser plan" shows what a change would do.
iqn: iqn.2026-11.io.hawser:start
state: ./state
listen: ["${portal}"]
admin: { listen: "${admin}" }
array:
  layout: stripe
  disks:
    - { path: ./disk0.img, size: 512MiB, sparse: true }
    - { path: ./disk1.img, size: 512MiB, sparse: true }
hosts:
  ${DEMO_HOST}:
    iqn: ${DEMO_HOST_IQN}
    chap: { user: ${DEMO_HOST}, secretFile: ${DEMO_HOST}.secret }
partitions:
  demo: { size: 512MiB, lun: 0, hosts: { ${DEMO_HOST}: rw } }
`;
