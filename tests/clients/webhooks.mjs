// Verifies a webhook request with standardwebhooks: {secret, body, headers} in, {type} or {error} out.
import { readFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'

const { secret, body, headers } = JSON.parse(readFileSync(0, 'utf8'))
try {
  console.log(JSON.stringify({ type: new Webhook(secret).verify(body, headers).type }))
} catch (error) {
  console.log(JSON.stringify({ error: error.message }))
}
