// An OpenID provider that nobody here wrote: npm's `oidc-provider` on a loopback port, with clients and resources to test with.
// Its version 8 is the last that names Node 20 among its runtimes.
//
// Usage: node issuer.mjs [port]. Prints one line of JSON: {"issuer": .., "control": .., "secret": ..}, the last being that of
// all its clients that have one. `control` is not part of the provider: `POST /rotate?old=keep|drop` gives it new signing keys,
// `GET /counts` says how often each path and grant was asked for.
//
// The resource that a client names decides what its access token is like (RFC 8707); see `resources` below.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import Provider, { errors } from 'oidc-provider';

const AUDIENCE = 'open-cli-toolbox';
const SCOPES = ['bundle:demo', 'profile:reader', 'tool:demo:listItems', 'runtime:admin'];

// Every character that has a meaning in a form, in a query or in Basic, and one that is none of ASCII's words.
const RESERVED = 'a:b%41+c&d=e /f?g#h"i~';

const loopback = { host: '127.0.0.1' };
const counts = {};
const cookieKeys = [randomBytes(32).toString('hex')];
let generation = 0;

const server = await listening(createServer((request, response) => answer(request, response)), Number(process.argv[2] ?? 0));
const control = await listening(createServer(controlled), 0);
const issuer = origin(server);
let keys = newKeys();
let answer = provider(keys);
console.log(JSON.stringify({ issuer, control: origin(control), secret: RESERVED }));

function listening(created, port) {
  return new Promise((resolve, reject) => {
    created.once('error', reject);
    created.listen({ ...loopback, port }, () => resolve(created));
  });
}

function origin(listener) {
  return `http://${loopback.host}:${listener.address().port}`;
}

// One key for each family of algorithms. None says its `alg`, so that an RSA key is good for RS256 and for PS256.
function newKeys() {
  generation += 1;
  const kinds = { rsa: ['rsa', { modulusLength: 2048 }], p256: ['ec', { namedCurve: 'P-256' }], p384: ['ec', { namedCurve: 'P-384' }], ed: ['ed25519', {}] };
  return Object.entries(kinds).map(([name, [type, options]]) => {
    const { privateKey } = generateKeyPairSync(type, options);
    return { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: `${name}-${generation}` };
  });
}

// The access tokens of each resource. The audience is not the resource's name, as with brokers that map one to the other.
function resources() {
  const signed = (alg, more = {}) => ({ accessTokenFormat: 'jwt', jwt: { sign: { alg } }, accessTokenTTL: 600, ...more });
  return {
    'urn:open-cli:toolbox': signed('ES256'),
    'urn:open-cli:toolbox:rs256': signed('RS256'),
    'urn:open-cli:toolbox:ps256': signed('PS256'),
    'urn:open-cli:toolbox:es384': signed('ES384'),
    'urn:open-cli:toolbox:eddsa': signed('EdDSA'),
    'urn:open-cli:toolbox:opaque': { accessTokenFormat: 'opaque', accessTokenTTL: 600 },
    'urn:open-cli:toolbox:brief': signed('ES256', { accessTokenTTL: 2 }),
    'urn:open-cli:toolbox:narrow': signed('ES256', { scope: 'profile:reader' }),
    'urn:open-cli:elsewhere': signed('ES256', { audience: 'another-runtime' }),
    'urn:open-cli:elsewhere:opaque': { accessTokenFormat: 'opaque', audience: 'another-runtime' },
  };
}

function clients() {
  const confidential = (id, method, grants) => ({
    client_id: id,
    client_secret: RESERVED,
    token_endpoint_auth_method: method,
    grant_types: grants,
    response_types: [],
    redirect_uris: [],
  });
  return [
    confidential('urn:agent:basic', 'client_secret_basic', ['client_credentials']),
    confidential('urn:agent:post', 'client_secret_post', ['client_credentials']),
    confidential('urn:toolbox:basic', 'client_secret_basic', []),
    confidential('urn:toolbox:post', 'client_secret_post', []),
    {
      client_id: 'open-cli-browser',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      // RFC 8252, section 7.3: the port is the client's choice.
      redirect_uris: ['http://127.0.0.1/callback'],
    },
  ];
}

function provider(jwks) {
  const known = resources();
  const made = new Provider(issuer, {
    clients: clients(),
    jwks: { keys: jwks },
    cookies: { keys: cookieKeys },
    // Without it the client would have to ask for `offline_access`, and for consent each time.
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    // A refresh token is good once; one that comes again ends the whole grant.
    rotateRefreshToken: true,
    ttl: { Session: 600, Interaction: 600, Grant: 600, RefreshToken: 600, AuthorizationCode: 60 },
    features: {
      // The pages of the provider itself, not ours.
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, _client, oneOf) => oneOf ?? 'urn:open-cli:toolbox',
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, name) => {
          if (!known[name]) throw new errors.InvalidTarget();
          return { audience: AUDIENCE, scope: SCOPES.join(' '), ...known[name] };
        },
      },
    },
  });
  made.on('grant.success', (ctx) => count(ctx.oidc.params.grant_type));
  made.on('server_error', (_ctx, error) => console.error(error));
  made.use(async (ctx, next) => {
    await next();
    count(ctx.path);
    // The provider takes a secret either way, whatever is registered.
    count(`${ctx.path} ${ctx.get('authorization') ? 'basic' : 'form'}`);
    console.error(`${ctx.method} ${ctx.path} ${ctx.status}`);
  });
  return made.callback();
}

function count(what) {
  counts[what] = (counts[what] ?? 0) + 1;
}

function controlled(request, response) {
  const url = new URL(request.url, 'http://control');
  if (request.method === 'POST' && url.pathname === '/rotate') {
    const fresh = newKeys();
    // Of two keys for one algorithm the provider signs with the first.
    keys = url.searchParams.get('old') === 'keep' ? [...fresh, ...keys] : fresh;
    answer = provider(keys);
    response.end(JSON.stringify({ keys: keys.map((key) => key.kid) }));
  } else if (request.method === 'GET' && url.pathname === '/counts') {
    response.end(JSON.stringify(counts));
  } else {
    response.writeHead(404).end();
  }
}
