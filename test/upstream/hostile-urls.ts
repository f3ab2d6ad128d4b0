/** URLs of upstreams, in all spellings, and what the configuration must say of each. */
import type { Row } from './hostile-addresses.ts';

/** The verdict is the reason of the refusal, `no URL`, or `name` for a host that only its resolution can judge. */
export const urlTable: readonly Row[] = [
  // Numbers: dotted, short, octal, hexadecimal, one number, a dot at the end, full-width digits, percent-encoded.
  ['loopback', ['http://127.0.0.1', 'http://127.1', 'http://127.0.1', 'http://2130706433', 'http://017700000001']],
  [
    'loopback',
    ['http://0x7f.1', 'http://0x7F000001', 'http://0177.0.0.1', 'http://0x7f.0.0x0.01', 'http://127.0.0.1.'],
  ],
  ['loopback', ['http://%31%32%37.0.0.1', 'http://127%2e0%2e0%2e1', 'http://１２７.0.0.1', 'http://127。0。0。1']],
  [
    'loopback',
    ['http://①②⑦.⓪.⓪.①', 'http://127．0．0．1', 'http://127｡1', 'HTTP://127.0.0.1:8080/v1', 'https://127.0.0.1'],
  ],
  [
    'loopback',
    ['http://0x7f.0x0.0x0.0x1', 'http://0000177.1', 'http://127.0x1', 'http://%30x7f.1', 'http://1\u00ad27.0.0.1'],
  ],
  [
    'unspecified',
    ['http://0', 'http://0.0.0.0', 'http://0x0', 'http://00000', 'http://0.', 'http://[::]', 'http://[0::0]'],
  ],
  [
    'private',
    ['http://10.0.0.1', 'http://10.1', 'http://012.0.0.1', 'http://167772161', 'http://192.168.1', 'http://172.16.1'],
  ],
  ['private', ['http://0xa.0.0.1', 'http://0xC0A80101', 'http://[fd00::1]', 'http://[FC00::]:8080']],
  [
    'cloud metadata',
    ['http://169.254.169.254/latest', 'http://2852039166', 'http://0xa9fea9fe', 'http://169.254.43518'],
  ],
  ['cloud metadata', ['http://0251.0376.0251.0376', 'http://[::ffff:a9fe:a9fe]', 'http://[fd00:ec2::254]']],
  ['cloud metadata', ['http://168.63.129.16', 'http://100.100.100.200', 'http://metadata.google.internal/v1']],
  [
    'cloud metadata',
    ['http://METADATA.google.internal.', 'http://metadata', 'http://instance-data', 'http://metadata.goog'],
  ],
  ['link-local', ['http://169.254.1.1', 'http://[fe80::1]']],
  ['carrier-grade NAT', ['http://100.64.0.1', 'http://1681915905']],
  ['multicast', ['http://224.0.0.1', 'http://[ff02::1]']],
  ['reserved', ['http://240.0.0.1', 'http://[8000::1]']],
  ['broadcast', ['http://255.255.255.255', 'http://4294967295', 'http://0xffffffff']],
  ['documentation', ['http://192.0.2.1', 'http://[2001:db8::1]']],
  ['loopback', ['http://[::1]', 'http://[0:0:0:0:0:0:0:1]', 'http://[::ffff:127.0.0.1]', 'http://[::ffff:7f00:1]:80']],
  ['loopback', ['http://[64:ff9b::127.0.0.1]', 'http://[2002:7f00:1::]', 'http://[::FFFF:7F00:1]', 'http://[::0001]']],
  ['IPv4-compatible', ['http://[::127.0.0.1]', 'http://[::7f00:1]']],
  // Names of this machine.
  ['loopback', ['http://localhost', 'http://LOCALHOST.', 'http://foo.localhost', 'http://a.b.Localhost.:1/x']],
  ['loopback', ['http://localhost.localdomain', 'http://ip6-localhost', 'http://ip6-loopback', 'http://localhost6']],
  [
    'loopback',
    ['http://localhost6.localdomain6', 'http://localhost4.localdomain4', 'http://localdomain', 'http://loopback'],
  ],
  [
    'loopback',
    [
      'http://%6cocalhost',
      'http://ｌｏｃａｌｈｏｓｔ',
      'http://ⓛocalhost',
      'http://loc\u200balhost',
      'http://localhost.local',
    ],
  ],
  ['loopback', ['http://localhoſt', 'http://localhost。', 'http://LOCALHOST%2e']],
  // What is no URL of an upstream at all.
  [
    'no URL',
    ['http://api.openai.com@127.0.0.1', 'http://127.0.0.1@api.openai.com', 'http://a:b@localhost', 'http://@x:y@z'],
  ],
  ['no URL', ['http://[fe80::1%25eth0]', 'http://[fe80::1%eth0]', 'http://[::1', 'http://::1', 'http://[127.0.0.1]']],
  [
    'no URL',
    ['http://256.0.0.1', 'http://1.2.3.4.5', 'http://4294967296', 'http://0x100000000', 'http://127.0.0.0x1g.1'],
  ],
  [
    'no URL',
    ['http:/127.0.0.1', 'http:127.0.0.1', 'http:\\\\127.0.0.1', '//127.0.0.1', 'http:///127.0.0.1', 'http://'],
  ],
  [
    'no URL',
    [
      'http:// 127.0.0.1',
      'http://127.0.0.1\t',
      'http://127.0.0.1#@x.io',
      'http://x.io?@127.0.0.1',
      'file://localhost/',
    ],
  ],
  [
    'no URL',
    ['gopher://127.0.0.1', 'http://x.io\\@127.0.0.1', 'http://a%00b', 'http://a%2fb', 'http://..', 'http://127..1'],
  ],
  // Only looks like one of these.
  [
    'name',
    ['https://api.openai.com', 'http://127.0.0.1.nip.io', 'http://localhost.example.com', 'http://notlocalhost'],
  ],
  [
    'name',
    [
      'http://10.example',
      'http://0x7f.example.com',
      'http://metadata.example',
      'http://localhost-1',
      'http://a.internal',
    ],
  ],
  [
    'public',
    ['http://8.8.8.8', 'http://134744072', 'https://[2606:4700::1]', 'http://[64:ff9b::808:808]', 'http://8.8'],
  ],
];
