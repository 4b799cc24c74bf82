// Verifies access tokens with jose and jsonwebtoken, both with a cache of the JWKS: a token a line in, a line out for each.
import { createPublicKey } from 'node:crypto'
import { createInterface } from 'node:readline'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'

const [issuer, audience, algorithm] = process.argv.slice(2)
const url = new URL(`${issuer}/.well-known/jwks.json`)
const keySet = createRemoteJWKSet(url)
const cached = new Map()

const pem = async (kid) => {
  if (!cached.has(kid)) {
    const { keys } = await (await fetch(url)).json()
    for (const jwk of keys) cached.set(jwk.kid, createPublicKey({ key: jwk, format: 'jwk' }))
  }
  return cached.get(kid)
}

const byJose = async (token) => (await jwtVerify(token, keySet, { issuer, audience, typ: 'at+jwt' })).payload.sub

const byJsonwebtoken = async (token) => {
  const { kid } = jsonwebtoken.decode(token, { complete: true }).header
  return jsonwebtoken.verify(token, await pem(kid), { issuer, audience, algorithms: [algorithm] }).sub
}

const asked = async (verify, token) => {
  try {
    return await verify(token)
  } catch (error) {
    return `failed: ${error.message}`
  }
}

for await (const token of createInterface({ input: process.stdin })) {
  const told = { jose: await asked(byJose, token) }
  if (algorithm !== 'EdDSA') told.jsonwebtoken = await asked(byJsonwebtoken, token) // it knows no Ed25519
  console.log(JSON.stringify(told))
}
