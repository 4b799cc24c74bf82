// How a script of these is asked, and how it tells.
import { text } from 'node:stream/consumers'

export const input = async () => JSON.parse(await text(process.stdin))

export const tell = (value) => console.log(JSON.stringify(value))

// The server under test speaks HTTP on this machine.
export const insecure = (oauth) => ({ [oauth.allowInsecureRequests]: true })

// What a refused request is refused with.
export const refusal = async (request) => {
  try {
    await request
  } catch (error) {
    return { error: error.error ?? error.code ?? String(error), status: error.status ?? error.cause?.status }
  }
  return { error: null }
}
