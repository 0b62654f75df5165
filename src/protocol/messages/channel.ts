/* The events of a command channel. */
import { type Static, Type } from 'typebox'
import { Id, inParts } from './common.ts'
import { Role } from './heartbeats.ts'
import { AttachedSettings } from './registration.ts'
import { Reservation } from './reservations.ts'

/** The first event of a command channel, `state`. */
export const ChannelState = inParts(
  Type.Object(
    { settings: AttachedSettings, role: Role, abort: Type.Array(Id), scripts: Type.Array(Reservation) },
    { $id: 'ChannelState' },
  ),
)
export type ChannelState = Static<typeof ChannelState>

const Nothing = Type.Object({})

/** Every event of a command channel by its name, with its data. */
export const channelEvents = {
  state: ChannelState,
  ping: Nothing,
  settings: AttachedSettings,
  enable: Nothing,
  disable: Nothing,
  leader: Nothing,
  standby: Nothing,
  abort: Type.Object({ execution_id: Id }),
  'execute-script': Reservation,
  delete: Nothing,
} as const
export type ChannelEvents = { [E in keyof typeof channelEvents]: Static<(typeof channelEvents)[E]> }
