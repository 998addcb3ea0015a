/** What to type on a host to get at a share: one block for each system, ready to paste. */
export interface ShareFacts {
  /** `host:port` */
  readonly portals: readonly string[];
  readonly targetIqn: string;
  readonly initiatorIqn: string;
  readonly lun: number;
  readonly partition: string;
  readonly chap: { readonly user: string; readonly secret: string } | null;
}

export interface PasteBlock {
  readonly system: string;
  readonly lines: readonly string[];
}

export const pasteBlocks = (facts: ShareFacts): readonly PasteBlock[] => [
  { system: 'Linux (open-iscsi, as root)', lines: linux(facts) },
  { system: 'Windows (PowerShell as administrator)', lines: windows(facts) },
  { system: 'VMware ESXi (shell)', lines: esxi(facts) },
  { system: 'Proxmox VE (as root)', lines: proxmox(facts) },
  { system: 'QEMU, libiscsi', lines: qemu(facts) },
  { system: 'Hawser host service (where `hawser initiator` is there)', lines: hostService(facts) },
];

function linux({ portals, targetIqn, initiatorIqn, lun, chap }: ShareFacts): string[] {
  const node = `iscsiadm -m node -T ${targetIqn}`;
  const set = (name: string, value: string): string =>
    `${node} -o update -n node.session.auth.${name} -v ${quoted(value)}`;
  const proof =
    chap === null
      ? []
      : [set('authmethod', 'CHAP'), set('username', chap.user), set('password', chap.secret)];
  return [
    `echo InitiatorName=${initiatorIqn} > /etc/iscsi/initiatorname.iscsi`,
    'systemctl restart iscsid',
    ...portals.map((portal) => `${node} -p ${portal} -o new`),
    ...proof,
    `${node} -o update -n node.startup -v automatic`,
    `${node} --login`,
    `ls -l /dev/disk/by-path/*-iscsi-${targetIqn}-lun-${lun}`,
  ];
}

function windows({ portals, targetIqn, initiatorIqn, chap }: ShareFacts): string[] {
  const [host, port] = splitPortal(portals[0]!);
  const proof =
    chap === null
      ? ''
      : ' -AuthenticationType ONEWAYCHAP' +
        ` -ChapUsername ${psQuoted(chap.user)} -ChapSecret ${psQuoted(chap.secret)}`;
  return [
    'Set-Service MSiSCSI -StartupType Automatic; Start-Service MSiSCSI',
    '$port = (Get-InitiatorPort).NodeAddress',
    `Set-InitiatorPort -NodeAddress $port -NewNodeAddress ${initiatorIqn}`,
    `New-IscsiTargetPortal -TargetPortalAddress ${host} -TargetPortalPortNumber ${port}${proof}`,
    `Connect-IscsiTarget -NodeAddress ${targetIqn} -IsPersistent $true${proof}`,
    'Get-Disk | Where-Object BusType -eq iSCSI',
  ];
}

function esxi({ portals, targetIqn, initiatorIqn, chap }: ShareFacts): string[] {
  const adapter = "$(esxcli iscsi adapter list | awk '/iscsi_vmk/ {print $1; exit}')";
  const proof =
    chap === null
      ? []
      : [
          `esxcli iscsi adapter auth chap set -A "$HBA" --direction uni --level required` +
            ` --authname ${quoted(chap.user)} --secret ${quoted(chap.secret)}`,
        ];
  return [
    `esxcli iscsi software set --enabled true; HBA=${adapter}`,
    `esxcli iscsi adapter set -A "$HBA" -n ${initiatorIqn}`,
    ...proof,
    ...portals.map(
      (portal) =>
        `esxcli iscsi adapter discovery statictarget add -A "$HBA" -a ${portal} -n ${targetIqn}`,
    ),
    'esxcli storage core adapter rescan -A "$HBA"',
  ];
}

function proxmox(facts: ShareFacts): string[] {
  const { portals, targetIqn, partition } = facts;
  const id = partition.replaceAll(/[._]/g, '-');
  return [
    ...linux(facts).slice(0, -2),
    `pvesm add iscsi ${id} --portal ${portals[0]!} --target ${targetIqn} --content none`,
    `pvesm list ${id}`,
  ];
}

function qemu({ portals, targetIqn, initiatorIqn, lun, chap }: ShareFacts): string[] {
  const user = chap === null ? '' : `${encodeURIComponent(chap.user)}%${chap.secret}@`;
  const url = `iscsi://${user}${portals[0]!}/${targetIqn}/${lun}`;
  const plain = `iscsi://${portals[0]!}/${targetIqn}/${lun}`;
  return [
    `iscsi-inq -i ${initiatorIqn} ${quoted(url)}`,
    `qemu-system-x86_64 -iscsi initiator-name=${initiatorIqn}` +
      ` -drive file=${quoted(url)},format=raw`,
    `hawser bench ${plain} --iqn ${initiatorIqn}${chap === null ? '' : ` --user ${chap.user}`}`,
  ];
}

function hostService(facts: ShareFacts): string[] {
  const { portals, initiatorIqn, partition, chap } = facts;
  const proof =
    chap === null
      ? []
      : [`chap: { user: ${JSON.stringify(chap.user)}, secretFile: ${partition}.secret }`];
  const keep =
    chap === null
      ? []
      : [`(umask 077; printf '%s\\n' ${quoted(chap.secret)} > ${partition}.secret)`];
  return [
    ...keep,
    "cat > initiator.yaml <<'END'",
    `iqn: ${initiatorIqn}`,
    'state: ./var/host',
    'run: ./var/host/run',
    ...proof,
    `targets: [{ portals: ${JSON.stringify(portals)}, attach: [${partition}] }]`,
    'END',
    'hawser initiator --config initiator.yaml',
  ];
}

function splitPortal(portal: string): [string, string] {
  const at = portal.lastIndexOf(':');
  return [portal.slice(0, at).replace(/^\[|\]$/g, ''), portal.slice(at + 1)];
}

/** For PowerShell. */
const psQuoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** For a POSIX shell. */
const quoted = (text: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
