/* Wall clocks that say what a test wants, by libfaketime. */
import { globSync } from 'node:fs'
import type { Component } from './require.ts'

export const fakeClockLibrary = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0]

export const faketime: Component = {
  missing: fakeClockLibrary === undefined ? 'faketime (the package faketime)' : undefined,
}

/** The clock of a process that is started with these variables: a time in UTC, from which it goes on. */
export const clockFrom = (at: string): Record<string, string> => ({
  LD_PRELOAD: fakeClockLibrary ?? '',
  FAKETIME: `@${at}`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  TZ: 'UTC',
})
