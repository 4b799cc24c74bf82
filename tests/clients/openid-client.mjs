// What openid-client makes of the server: stdin says where it is and what to present, stdout tells what came of it.
import * as client from 'openid-client'
import { input, refusal, tell } from './told.mjs'

const { issuer, refresh, wide, key, subject } = await input()
const options = { algorithm: 'oauth2', execute: [client.allowInsecureRequests] }
const browser = await client.discovery(new URL(issuer), 'default', undefined, client.None(), options)
const service = await client.discovery(new URL(issuer), key.id, key.secret, client.ClientSecretBasic(key.secret), options)
const wrong = await client.discovery(new URL(issuer), key.id, 'wrong', client.ClientSecretBasic('wrong'), options)

const pair = await client.refreshTokenGrant(browser, refresh)
const told = {
  pair,
  too_wide: await refusal(client.refreshTokenGrant(browser, wide, { scope: 'write:projects' })),
  derived: await client.genericGrantRequest(browser, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: subject,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    scope: 'read:projects',
  }),
  active: await client.tokenIntrospection(service, pair.access_token),
  nonsense: await client.tokenIntrospection(service, 'nonsense'),
  wrong_client: await refusal(client.tokenIntrospection(wrong, pair.access_token)),
}
await client.tokenRevocation(browser, pair.access_token)
tell({
  ...told,
  revoked: await client.tokenIntrospection(service, pair.access_token),
  after: await refusal(client.refreshTokenGrant(browser, pair.refresh_token)),
})
