// Starts oidc-provider on loopback; its folder and its settings come as arguments. It prints its
// issuer once it listens. Its own development pages ask for a login and a consent.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, redirectUri, secret] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'soar', client_secret: secret, redirect_uris: [redirectUri],
      response_types: ['code'], grant_types: ['authorization_code'],
    }],
    cookies: { keys: ['a key of the tests'] },
    claims: {
      openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['preferred_username'],
    },
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({
        sub: id, preferred_username: id, groups: ['soc-analysts'],
        email: `${id}@example.test`, email_verified: true,
      }),
    }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
