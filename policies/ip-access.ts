import Type from 'typebox';
import { Cidr } from '../src/config/types.ts';
import { ConfigError, compileCidrs, definePolicy } from '../src/policy.ts';

const schema = Type.Object(
  {
    allow: Type.Array(Cidr, { default: [], description: 'Addresses and CIDRs that may come in; empty: all.' }),
    deny: Type.Array(Cidr, { default: [], description: 'Addresses and CIDRs that may not, even when allowed.' }),
  },
  { additionalProperties: false },
);

/** Lets clients in by their address: `deny` first, then `allow`. IPv4-mapped IPv6 addresses count as IPv4. */
export const ipAccess = definePolicy({
  name: 'ip-access',
  summary: 'Lets clients in by IP address (CIDRs, IPv4 and IPv6).',
  schema,
  setup({ config, problem }) {
    if (config.allow.length + config.deny.length === 0) {
      throw new ConfigError('needs `allow` or `deny`; without either it would do nothing');
    }
    const denied = compileCidrs(config.deny);
    const allowed = config.allow.length === 0 ? () => true : compileCidrs(config.allow);
    return {
      request(ctx) {
        const { ip } = ctx.client;
        if (!denied(ip) && allowed(ip)) return undefined;
        return problem('address_denied', { detail: `The address ${ip} is not allowed.` });
      },
    };
  },
});
