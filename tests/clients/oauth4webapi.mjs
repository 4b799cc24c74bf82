// What oauth4webapi makes of the server: stdin says where it is and what to present, stdout tells what came of it.
import * as oauth from 'oauth4webapi'
import { insecure, input, refusal, tell } from './told.mjs'

const { issuer, refresh, wide, key, subject, access } = await input()
const url = new URL(issuer)
const server = await oauth
  .discoveryRequest(url, { algorithm: 'oauth2', ...insecure(oauth) })
  .then((response) => oauth.processDiscoveryResponse(url, response))

const browser = [server, { client_id: 'default' }, oauth.None()]
const service = [server, { client_id: key.id }, oauth.ClientSecretBasic(key.secret)]
const posting = [server, { client_id: key.id }, oauth.ClientSecretPost(key.secret)]

const refreshed = async (token, parameters = {}) =>
  oauth
    .refreshTokenGrantRequest(...browser, token, { additionalParameters: parameters, ...insecure(oauth) })
    .then((response) => oauth.processRefreshTokenResponse(server, browser[1], response))

const exchanged = async (parameters) =>
  oauth
    .genericTokenEndpointRequest(
      ...browser,
      'urn:ietf:params:oauth:grant-type:token-exchange',
      { subject_token: subject, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', ...parameters },
      insecure(oauth),
    )
    .then((response) => oauth.processGenericTokenEndpointResponse(server, browser[1], response))

const introspected = async (as, token) =>
  oauth
    .introspectionRequest(...as, token, insecure(oauth))
    .then((response) => oauth.processIntrospectionResponse(server, as[1], response))

const guarded = async (token, audience) =>
  oauth.validateJwtAccessToken(
    server,
    new Request('https://api.example.com/', { headers: { authorization: `Bearer ${token}` } }),
    audience,
    insecure(oauth),
  )

const pair = await refreshed(refresh)
const derived = await exchanged({ scope: 'read:projects', audience: 'https://api.example.com' })
const told = {
  pair,
  again: await refreshed(refresh),
  claims: await guarded(pair.access_token, issuer),
  too_wide: await refusal(refreshed(wide, { scope: 'write:projects' })),
  foreign_client: await refusal(
    oauth
      .refreshTokenGrantRequest(server, { client_id: 'somebody' }, oauth.None(), pair.refresh_token, insecure(oauth))
      .then((response) => oauth.processRefreshTokenResponse(server, { client_id: 'somebody' }, response)),
  ),
  derived,
  derived_claims: await guarded(derived.access_token, 'https://api.example.com'),
  beyond: await refusal(exchanged({ scope: 'write:everything' })),
  active: await introspected(service, pair.access_token),
  active_by_post: await introspected(posting, access),
  nonsense: await introspected(service, 'nonsense'),
}
await oauth
  .revocationRequest(...browser, pair.refresh_token, insecure(oauth))
  .then((response) => oauth.processRevocationResponse(response))
tell({
  ...told,
  revoked: await introspected(service, pair.access_token),
  after: await refusal(refreshed(pair.refresh_token)),
})
